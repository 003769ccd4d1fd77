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

/// Two seconds of a tone, with tags; one of them is nobody's business.
pub const TONE: [&str; 16] = [
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
    "-metadata",
    "track=7/12",
    "-metadata",
    "date=2026-11-27",
    "-metadata",
    "comment=recorded at home",
];

/// Two seconds of a moving picture, with the place where it was taken.
pub const FILM: [&str; 10] = [
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=320x180:rate=10:duration=2",
    "-pix_fmt",
    "yuv420p",
    "-metadata",
    "location=+53.5511+009.9937/",
    "-metadata",
    "comment=recorded at home",
];

/// The sums of what is seen and heard, frame by frame, as `ffmpeg` decodes it; it must not complain.
pub fn frames(bytes: &[u8], extension: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("kept.{extension}"));
    std::fs::write(&file, bytes).unwrap();
    let run = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(&file)
        .args(["-map", "0:V?", "-map", "0:a?", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && said.is_empty(),
        "{extension}: {said}"
    );
    // The head names the program.
    let text = String::from_utf8(run.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("#software"));
    lines.collect::<Vec<_>>().join("\n")
}
