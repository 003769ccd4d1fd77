//! Disks that are full, that fail, that take no writes; pipes that nobody reads.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use afterparty::error::Error;
use afterparty::kernel::db::{Db, sql};
use afterparty::moderation::writing;
use afterparty::posts::compose::Draft;

use crate::support::node::client;
use crate::support::pair::Pair;
use crate::support::{Backend, TestNode};

/// Writes and syncs of the files of a house as a disk would answer them that is told so in the file that `DISK` names:
/// `sync EIO`, `write ENOSPC`, `write EROFS`.
const DISK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
static int fails(int fd, const char *what) {
    char path[4096], name[64], told[64] = {0};
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    const char *file = getenv("DISK");
    if (!file || fd < 3 || !(strstr(path, "/data/") || strstr(path, "/test.db"))) return 0;
    int tf = open(file, O_RDONLY);
    if (tf < 0) return 0;
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    n = real(tf, told, sizeof told - 1);
    close(tf);
    if (n <= 0 || strncmp(told, what, strlen(what))) return 0;
    errno = strstr(told, "ENOSPC") ? ENOSPC : strstr(told, "EROFS") ? EROFS : EIO;
    return 1;
}
#define WRAP(ret, name, args, call, kind) ret name args { \
    static ret (*real) args; if (!real) real = dlsym(RTLD_NEXT, #name); \
    if (fails(fd, kind)) return -1; return real call; }
WRAP(int, fsync, (int fd), (fd), "sync")
WRAP(int, fdatasync, (int fd), (fd), "sync")
WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), "write")
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), "write")
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), "write")
"#;

/// A disk that can be told to fail.
struct Disk {
    _folder: tempfile::TempDir,
    library: PathBuf,
    told: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("disk.c"), folder.path().join("disk.so"));
        std::fs::write(&source, DISK).unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(built.success());
        Self {
            told: folder.path().join("told"),
            _folder: folder,
            library,
        }
    }

    /// From now on; an empty word lets it work again.
    fn tell(&self, what: &str) {
        std::fs::write(&self.told, what).unwrap();
    }

    fn settings(&self) -> [(&str, &str); 2] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("DISK", self.told.to_str().unwrap()),
        ]
    }
}

/// F06 and F08: a disk without room, or one that takes no writes, refuses posts and what comes with 503 and a time to
/// come back; pages are read; all goes on by itself when it works again, and nothing is lost or half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_no_writes_refuses_and_recovers() {
    let disk = Disk::new();
    let mut pair = Pair::start(&Backend::Sqlite, &disk.settings(), &[]).await;
    for (round, what) in ["write ENOSPC", "write EROFS"].into_iter().enumerate() {
        let before = format!("before {what}");
        pair.ana.write(&pair.here, before.clone()).await.unwrap();
        pair.accepted(&before);
        disk.tell(what);
        let mut refused = 0;
        for number in 0..5 {
            let text = format!("in between {round} {number}");
            let (status, wait) = pair.ana.try_to_write(&pair.here, &text).await.unwrap();
            match status {
                200 => pair.accepted(&text),
                503 | 507 => {
                    assert!(wait.is_some(), "a time to come back");
                    refused += 1;
                }
                other => panic!("{what}: {other}"),
            }
        }
        assert!(refused >= 4, "{what}: {refused}");
        let page = client().get(pair.here.at("/")).send().await.unwrap();
        assert!(page.status().is_success(), "{what}: pages are read");
        let ready = client().get(pair.here.at("/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 503, "{what}");
        disk.tell("");
        let after = format!("after {what}");
        pair.ana.write(&pair.here, after.clone()).await.unwrap();
        pair.accepted(&after);
    }
    pair.balance().await;
    assert!(pair.here.is_alive());
}

/// F07: a disk that fails to sync lost what it was told to keep: the program ends with a sentence, and a start reads
/// what is really there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_ends_the_program() {
    let disk = Disk::new();
    let mut pair = Pair::start(&Backend::Sqlite, &disk.settings(), &[]).await;
    pair.ana.write(&pair.here, "kept".to_owned()).await.unwrap();
    pair.accepted("kept");
    disk.tell("sync EIO");
    let answer = pair.ana.try_to_write(&pair.here, "lost").await;
    assert!(
        answer.is_none_or(|(status, _)| status == 503),
        "never accepted"
    );
    assert!(!pair.here.ended(10).await.success());
    assert!(pair.here.log().contains("disk"), "{}", pair.here.log());
    disk.tell("");
    pair.here.start_again(&[]).await;
    pair.ana
        .write(&pair.here, "afterwards".to_owned())
        .await
        .unwrap();
    pair.accepted("afterwards");
    pair.balance().await;
}

/// F32: a log that nobody reads, and outputs that are closed, stop nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_log_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterparty"))
        .arg("serve")
        .current_dir(folder.path())
        .env("AFTERPARTY_DATA__DIR", folder.path().join("data"))
        .env("AFTERPARTY_SERVER__LISTEN", address.to_string())
        .env("AFTERPARTY_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let mut answered = 0;
    for _ in 0..200 {
        let asked = client()
            .get(format!("http://{address}/healthz"))
            .send()
            .await;
        answered += usize::from(asked.is_ok());
        if answered == 50 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answered, 50);
}

/// F06 in the process: a database without room refuses with its sentence, keeps what it has, and goes on by itself as
/// soon as there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_refuses_and_recovers() {
    let (_net, here) = TestNode::one(&Backend::Sqlite).await;
    let ana = here.host("ana").await;
    let Db::Sqlite { writer, .. } = &here.app().db else {
        unreachable!()
    };
    // This connection finds no further page; one that follows it does.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(writer)
        .await
        .unwrap();
    let (mut refusals, mut taken) = (Vec::new(), 0);
    for number in 0..200 {
        let draft = Draft {
            text: format!("{number} {}", "x".repeat(480)),
            ..Draft::default()
        };
        match writing::write(here.app(), &ana, draft).await {
            Ok(_) => taken += 1,
            Err(error) => refusals.push(error),
        }
    }
    assert_eq!(refusals.len(), 1, "it was full once: {refusals:?}");
    assert!(
        matches!(&refusals[0], Error::Unavailable(sentence) if sentence.id == "error-disk-full"),
        "{refusals:?}"
    );
    let kept = sql("SELECT COUNT(*) AS n FROM posts").one(&here.app().db);
    let kept: i64 = kept.await.unwrap().get("n").unwrap();
    assert_eq!(kept, taken, "what was refused left nothing");
}
