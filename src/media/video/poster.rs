//! A poster for a video, by the program `ffmpeg` where it is installed: in a child that may read one file, write to us
//! alone, and take little time and memory.

use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::media::kinds::Kind;

/// How long a child may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a poster.
const MOST: u64 = 8 << 20;
/// What a child may take: 2 GiB of addresses, 20 seconds, files of 16 MiB, few of them.
const LIMITS: [&str; 5] = [
    "--as=2147483648",
    "--cpu=20",
    "--fsize=16777216",
    "--nofile=64",
    "--core=0",
];

/// One child at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// What stands before `ffmpeg`: bounds, no new rights and, where the system lets us, no network.
static FENCE: LazyLock<Option<Vec<&'static str>>> = LazyLock::new(|| {
    let mut fence = vec!["prlimit"];
    fence.extend(LIMITS);
    fence.extend(["setpriv", "--no-new-privs", "--"]);
    let alone = ["unshare", "--user", "--map-current-user", "--net", "--"];
    if works(&[&alone[..], &["true"]].concat()) {
        fence.splice(0..0, alone);
    }
    works(&[&fence[..], &["ffmpeg", "-version"]].concat()).then_some(fence)
});

fn works(command: &[&str]) -> bool {
    std::process::Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether this machine can draw posters.
pub fn can_be_drawn() -> bool {
    FENCE.is_some()
}

/// The picture a video shows after a second, or its first; nothing where there is none.
pub async fn draw(path: &Path, kind: Kind) -> Option<Vec<u8>> {
    let _turn = TURN.acquire().await.ok()?;
    for second in ["1", "0"] {
        let drawn = tokio::time::timeout(PATIENCE, draw_at(path, kind, second)).await;
        if let Some(bytes) = drawn.ok()? {
            return Some(bytes);
        }
    }
    None
}

async fn draw_at(path: &Path, kind: Kind, second: &str) -> Option<Vec<u8>> {
    let fence = FENCE.as_ref()?;
    // The reader is named, so that a file which claims to be a playlist is none; nothing but this file may be read.
    let reader = if kind == Kind::WebM {
        "matroska"
    } else {
        "mov"
    };
    let mut child = Command::new(fence[0])
        .args(&fence[1..])
        .args(["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1"])
        .args([
            "-protocol_whitelist",
            "file",
            "-f",
            reader,
            "-ss",
            second,
            "-i",
        ])
        .arg(format!("file:{}", path.display()))
        .args(["-map", "0:v:0", "-frames:v", "1", "-map_metadata", "-1"])
        .args([
            "-vf",
            "scale='min(1200,iw)':-2",
            "-c:v",
            "mjpeg",
            "-f",
            "image2pipe",
            "pipe:1",
        ])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut bytes = Vec::new();
    let out = child.stdout.take()?;
    out.take(MOST).read_to_end(&mut bytes).await.ok()?;
    let ended = child.wait().await.ok()?;
    (ended.success() && !bytes.is_empty()).then_some(bytes)
}
