//! The program itself, as an operator runs it: verbs beside a running server, backup, restore, messages.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::both;
use crate::support::{Backend, Net, TestNode, settle};

both!(
    the_verbs_work_beside_a_running_node,
    a_restored_node_federates_on
);

fn run(folder: &Path, database: &str, url: &str, words: &[&str], input: Option<&str>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterparty"))
        .args(words)
        .current_dir(folder)
        .env("AFTERPARTY_DATA__DIR", folder.join("data"))
        .env("AFTERPARTY_DATABASE__URL", database)
        .env("AFTERPARTY_NODE__URL", url)
        .env("AFTERPARTY_LOG", "error")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(input) = input {
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
    }
    drop(child.stdin.take());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

async fn the_verbs_work_beside_a_running_node(backend: Backend) {
    let (net, [here, there]) = TestNode::two(&backend).await;
    let database = here.database.clone();
    let folder = here.folder.path().to_owned();
    let run =
        move |words: &[&str], input| run(&folder, &database, "http://here.test", words, input);
    there.host("nina").await;
    let made = run(
        &["account", "create", "ana", "--role", "host"],
        Some("a password of ana\n"),
    );
    assert!(
        made.status.success()
            && text(&made).contains("@ana@here.test")
            && !text(&made).contains("Password"),
        "{}",
        text(&made)
    );
    let generated = run(&["account", "create", "ben"], None);
    assert!(
        text(&generated).contains("Password: "),
        "{}",
        text(&generated)
    );
    assert!(!run(&["account", "create", "Ana"], None).status.success());
    assert!(text(&run(&["account", "create", "ana"], None)).contains("taken"));
    assert!(text(&run(&["account", "list"], None)).lines().count() == 2);
    assert!(
        text(&run(&["account", "role", "ben", "king"], None))
            .contains("expected host, crew or member")
    );
    assert!(
        text(&run(&["post", "ana", "from the command line"], None))
            .contains("http://here.test/users/ana/posts/")
    );
    assert!(
        run(&["follow", "ana", "nina@there.test"], None)
            .status
            .success()
    );
    // The verb wrote by the real clock; the node's stands still until it is moved.
    net.clock.advance(std::time::Duration::from_secs(600));
    settle(&[&here, &there]).await;
    assert_eq!(
        there.followers_of("nina").await,
        ["ana@here.test"],
        "the running node saw what the verb wrote"
    );
    let line = text(&run(&["timeline", "ana", "--json", "--limit", "5"], None));
    let first: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    for key in ["id", "uri", "author", "content", "created_at"] {
        assert!(first[key].is_string(), "{key} in {line}");
    }
    assert!(text(&run(&["version"], None)).starts_with("afterparty "));
    let wrong = run(&["--set", "server.listne=x", "migrate"], None);
    assert!(
        !wrong.status.success() && text(&wrong).contains("server.listne"),
        "{}",
        text(&wrong)
    );
    assert!(text(&run(&["doctor"], None)).contains("well     database"));
}

async fn a_restored_node_federates_on(backend: Backend) {
    let mut net = Net::new();
    let (a, b) = (
        net.listen("here.test").await,
        net.listen("there.test").await,
    );
    let here = net.node("here.test", &backend, a, &[]).await;
    let there = net.node("there.test", &Backend::Sqlite, b, &[]).await;
    let fan = there.sign_up("fan").await;
    let nina = here.host("nina").await;
    there.follow(&fan, "nina@here.test").await;
    settle(&[&here, &there]).await;
    here.post(&nina, "before").await;
    settle(&[&here, &there]).await;
    let file = here.folder.path().join("backup.tar.gz");
    let saved = run(
        here.folder.path(),
        &here.database,
        "http://here.test",
        &["backup", file.to_str().unwrap()],
        None,
    );
    assert!(saved.status.success(), "{}", text(&saved));
    let again = run(
        here.folder.path(),
        &here.database,
        "http://here.test",
        &["backup", file.to_str().unwrap()],
        None,
    );
    assert!(
        !again.status.success(),
        "an existing file is not overwritten"
    );
    let TestNode {
        folder: _old,
        running,
        ..
    } = here;
    running.stop().await;

    let folder = tempfile::tempdir().unwrap();
    let database = backend.fresh(&folder.path().join("data")).await;
    let restored = run(
        folder.path(),
        &database,
        "http://here.test",
        &["restore", file.to_str().unwrap()],
        None,
    );
    assert!(restored.status.success(), "{}", text(&restored));
    assert!(
        !run(
            folder.path(),
            &database,
            "http://here.test",
            &["restore", file.to_str().unwrap()],
            None
        )
        .status
        .success()
    );
    // The house comes back at its old address, on another port.
    let listener = tokio::net::TcpListener::bind(there_sees(&net, "here.test"))
        .await
        .unwrap();
    let here = net
        .node_in("here.test", folder, &database, listener, &[])
        .await;
    let nina = here.account("nina").await;
    here.post(&nina, "after").await;
    settle(&[&here, &there]).await;
    let mut home = there.home_of("fan").await;
    home.sort();
    assert_eq!(
        home,
        ["after", "before"],
        "signed with the same key, and believed"
    );
}

/// The address under which the others look for a name.
fn there_sees(net: &Net, name: &str) -> std::net::SocketAddr {
    net.address(name)
}

#[test]
fn the_house_cannot_be_opened_twice_or_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("x.db").display());
    assert!(
        run(
            folder.path(),
            &database,
            "https://nova.example",
            &["account", "create", "nina", "--role", "host"],
            Some("a long password\n")
        )
        .status
        .success()
    );
    let other = run(
        folder.path(),
        &database,
        "https://other.example",
        &["account", "list"],
        None,
    );
    assert!(!other.status.success());
    assert!(
        text(&other).contains("https://other.example")
            && text(&other).contains("https://nova.example"),
        "{}",
        text(&other)
    );
    assert!(
        run(
            folder.path(),
            &database,
            "https://nova.example",
            &["config", "rehome", "https://other.example"],
            None
        )
        .status
        .success()
    );
    assert!(
        run(
            folder.path(),
            &database,
            "https://other.example",
            &["post", "nina", "hello"],
            None
        )
        .status
        .success()
    );
}
