//! Client libraries written by others, each walking two running nodes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Net, Process, complete};

/// What runs a walk; nothing where it was not installed, which `tests/run` does not allow.
fn runner(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
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
    if let Some(python) = runner("target/clients/python/bin/python") {
        walk(python, "tests/clients/python/walk.py").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_javascript_library_walks_two_nodes() {
    if let Some(node) = runner("tests/clients/node/node_modules/.bin/node") {
        walk(node, "tests/clients/node/walk.mjs").await;
    }
}
