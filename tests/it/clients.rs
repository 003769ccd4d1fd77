//! Programs written by others: client libraries, each walking two running nodes, and a mail server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::node::ok;
use crate::support::{Backend, Net, Process, TestNode, complete, settle, target};

/// What runs a walk; nothing where it was not installed, which `tests/run` does not allow.
fn runner(path: &str) -> Option<PathBuf> {
    there(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

fn python() -> Option<PathBuf> {
    there(target("clients/python/bin/python"))
}

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(!complete(), "{} is missing", path.display());
    eprintln!("left out: {} is missing", path.display());
    None
}

async fn walk(program: PathBuf, script: &str) {
    let net = Net::real_time();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = [
        ("AFTERPARTY_REGISTRATION__MODE", "open"),
        ("AFTERPARTY_LIMITS__REQUESTS", "1000000"),
    ];
    let here = Process::start(one.path(), "", net.hosts(), &settings).await;
    let there = Process::start(two.path(), "", net.hosts(), &settings).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let (a, b) = (here.at(""), there.at(""));
    let walked = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .arg(script)
            .args([a, b])
            .output()
            .unwrap()
    });
    let output = walked.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("everything went as it should"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_library_walks_two_nodes() {
    if let Some(python) = python() {
        walk(python, "tests/clients/python/walk.py").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_javascript_library_walks_two_nodes() {
    if let Some(node) = runner("tests/clients/node/node_modules/.bin/node") {
        walk(node, "tests/clients/node/walk.mjs").await;
    }
}

/// Mail to a list through a server that others wrote, read as mail programs read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_takes_what_the_house_sends() {
    let Some(python) = python() else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/python/mail.py");
    let mut server = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = format!("smtp://127.0.0.1:{}", lines.next().unwrap().unwrap());
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("mail.url", url.as_str()), ("mail.per_hour", "3600")];
    let node: TestNode = net
        .node("here.test", &Backend::Sqlite, listener, &settings)
        .await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    ok(&node, "/operator/joining", &host, &[("mode", "invitation")]).await;
    let list = "email,language\nana@mail.example,de\ngone@mail.example,en\nstrict@mail.example,en\nbea@mail.example,en\n";
    let fields = [
        ("list", list),
        ("proof", "Newsletter"),
        ("confirmed", "1"),
        ("days", "10"),
    ];
    ok(&node, "/operator/import", &host, &fields).await;
    for _ in 0..5 {
        settle(&[&node]).await;
        net.clock.advance(std::time::Duration::from_secs(2));
    }
    drop(server.stdin.take());
    let mails: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    server.wait().unwrap();
    let to: Vec<&str> = mails
        .iter()
        .map(|mail| mail["to"][0].as_str().unwrap())
        .collect();
    assert_eq!(to, ["ana@mail.example", "bea@mail.example"]);
    for (mail, word) in mails.iter().zip(["Einladung", "nvit"]) {
        assert_eq!(mail["defects"].as_array().unwrap().len(), 0, "{mail}");
        assert_eq!(mail["kind"], "multipart/alternative");
        assert!(mail["subject"].as_str().unwrap().contains(word), "{mail}");
        let (text, html) = (&mail["parts"]["text/plain"], &mail["parts"]["text/html"]);
        for part in [text, html] {
            assert!(
                part.as_str().unwrap().contains("http://here.test/invite/"),
                "{mail}"
            );
        }
        assert!(
            html.as_str()
                .unwrap()
                .contains("<a href=\"http://here.test/invite/")
        );
        assert!(
            mail["stop"]
                .as_str()
                .unwrap()
                .starts_with("<http://here.test/mail-stop/")
        );
        assert_eq!(mail["click"], "List-Unsubscribe=One-Click");
    }
    // Only of the address that does not exist nothing more is tried; what looked like advertising is tried again.
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM mail_stops").await, 1);
    assert_eq!(
        node.count("SELECT COUNT(*) AS n FROM mails WHERE sent_at IS NULL AND failed IS NULL")
            .await,
        1
    );
}
