//! Sound and video as programs make them: by `ffmpeg`, which the complete run installs.

use std::process::Command;

use super::complete;

/// What `ffmpeg` makes of these arguments, in a file with this extension; nothing where it is not installed.
pub fn made(arguments: &[&str], extension: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("made.{extension}"));
    let run = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error"])
        .args(arguments)
        .arg(&file)
        .status();
    match run {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {arguments:?}");
            Some(std::fs::read(&file).unwrap())
        }
        Err(_) => {
            assert!(!complete(), "ffmpeg is not installed");
            println!("left out: ffmpeg is not installed");
            None
        }
    }
}

/// Two seconds of a tone, with tags.
pub const TONE: [&str; 10] = [
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:duration=2",
    "-metadata",
    "title=Slow Song",
    "-metadata",
    "artist=Nina",
    "-metadata",
    "album=First",
];

/// Two seconds of a moving picture, with the place where it was taken.
pub const FILM: [&str; 8] = [
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=320x180:rate=10:duration=2",
    "-pix_fmt",
    "yuv420p",
    "-metadata",
    "location=+53.5511+009.9937/",
];
