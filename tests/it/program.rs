//! The program itself, as an operator runs it: verbs beside a running server, backup, restore, messages.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use afterparty::kernel::db::sql;

use crate::both;
use crate::support::node::ok;
use crate::support::rows::{self, assert_same, everything};
use crate::support::{Backend, Net, TestNode, settle};

both!(
    the_verbs_work_beside_a_running_node,
    what_verbs_do_is_written_down_or_not_done,
    the_verbs_go_by_the_house_too,
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
    let returned = "Final-Recipient: rfc822; old@mail.example\nAction: failed\nStatus: 5.1.1\n";
    let bounced = run(&["bounced"], Some(returned));
    assert!(
        text(&bounced).contains("old@mail.example"),
        "{}",
        text(&bounced)
    );
    let stops = "SELECT COUNT(*) AS n FROM mail_stops WHERE reason = 'bounced'";
    assert_eq!(here.count(stops).await, 1);
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

async fn what_verbs_do_is_written_down_or_not_done(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    node.host("nina").await;
    node.sign_up("ana").await;
    let run = |words: &[&str], input| {
        run(
            node.folder.path(),
            &node.database,
            "http://here.test",
            words,
            input,
        )
    };
    let verbs: [(&str, &[&str], Option<&str>); 8] = [
        (
            "member-made",
            &["account", "create", "ben"],
            Some("a password of ben\n"),
        ),
        (
            "member-make-crew",
            &["account", "role", "ana", "crew"],
            None,
        ),
        (
            "member-make-member",
            &["account", "role", "ana", "member"],
            None,
        ),
        ("member-disable", &["account", "disable", "ana"], None),
        ("member-enable", &["account", "enable", "ana"], None),
        (
            "member-password",
            &["account", "reset-password", "ana"],
            None,
        ),
        ("member-token", &["token", "ana", "--scopes", "read"], None),
        (
            "mail-bounced",
            &["bounced"],
            Some("Final-Recipient: rfc822; gone@mail.example\nAction: failed\nStatus: 5.1.1\n"),
        ),
    ];
    // The program itself, as one of the apps, is known from its first token on.
    let but = ["audit_log", "audit_away", "apps"];
    for (act, words, input) in verbs {
        rows::run(node.db(), "ALTER TABLE audit_log RENAME TO audit_away").await;
        let before = everything(node.db(), &but).await;
        assert!(!run(words, input).status.success(), "{act}");
        assert_same(&before, &everything(node.db(), &but).await, act);
        rows::run(node.db(), "ALTER TABLE audit_away RENAME TO audit_log").await;
        let done = run(words, input);
        assert!(done.status.success(), "{act}: {}", text(&done));
        let last = sql("SELECT act FROM audit_log ORDER BY id DESC LIMIT 1")
            .one(node.db())
            .await
            .unwrap();
        assert_eq!(last.get::<String>("act").unwrap(), act);
    }
    // Who locks somebody out in the same words twice did it once.
    let entries = "SELECT COUNT(*) AS n FROM audit_log";
    let before = node.count(entries).await;
    run(&["account", "enable", "ana"], None);
    assert_eq!(node.count(entries).await, before);
}

async fn the_verbs_go_by_the_house_too(backend: Backend) {
    let (_net, node) = TestNode::one(&backend).await;
    let nina = node.host("nina").await;
    let host = node.cookie(&nina).await;
    let ana = node.sign_up("ana").await;
    let filter = [
        ("act", "add"),
        ("kind", "word"),
        ("pattern", "cheap"),
        ("does", "refuse"),
    ];
    ok(&node, "/operator/filters", &host, &filter).await;
    let say = |words: &str| {
        let words = ["post", "ana", words];
        run(
            node.folder.path(),
            &node.database,
            "http://here.test",
            &words,
            None,
        )
    };
    assert!(!say("cheap tickets").status.success());
    let freeze = [("kind", "freeze"), ("reasons", "Too loud")];
    ok(
        &node,
        &format!("/operator/accounts/{}", ana.id),
        &host,
        &freeze,
    )
    .await;
    assert!(!say("once more").status.success());
    assert_eq!(node.count("SELECT COUNT(*) AS n FROM posts").await, 0);
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

/// A program that is ended by its id, whatever the test does.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(folder: &Path, words: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_afterparty"))
            .args(words)
            .current_dir(folder)
            .env("AFTERPARTY_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Reads what it prints until a line holds this.
    fn wait_for(&mut self, wanted: &str) -> String {
        let mut seen = String::new();
        let out = self.0.stdout.as_mut().unwrap();
        for line in std::io::BufRead::lines(std::io::BufReader::new(out)) {
            seen.push_str(&line.unwrap());
            seen.push('\n');
            if seen.contains(wanted) {
                return seen;
            }
        }
        panic!("it ended without saying {wanted}: {seen}");
    }

    /// Asks it to end; how long that took, and whether it was in order.
    fn terminate(&mut self) -> (std::time::Duration, bool) {
        let begun = std::time::Instant::now();
        Command::new("kill")
            .arg(self.0.id().to_string())
            .status()
            .unwrap();
        let status = self.0.wait().unwrap();
        (begun.elapsed(), status.success())
    }
}

/// A port nobody uses right now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_first_start_prints_where_to_set_up_and_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("server.listen=127.0.0.1:{}", free_port());
    let mut node = Process::start(folder.path(), &["--set", &listen]);
    let said = node.wait_for("/setup/");
    assert!(said.contains("http://localhost:"), "{said}");
    let other = format!("server.listen=127.0.0.1:{}", free_port());
    let second = Command::new(env!("CARGO_BIN_EXE_afterparty"))
        .args(["--set", &other])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        !second.status.success() && text(&second).contains("another afterparty serves"),
        "{}",
        text(&second)
    );
    use std::os::unix::fs::PermissionsExt as _;
    let key = std::fs::metadata(folder.path().join("data/secret.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let (took, sound) = node.terminate();
    assert!(sound && took.as_secs() < 20, "it took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_opens_two_houses_that_know_each_other() {
    let folder = tempfile::tempdir().unwrap();
    // Two ports side by side; a second try where the neighbour is taken.
    let port = (0..20)
        .map(|_| free_port())
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok())
        .unwrap();
    let mut demo = Process::start(folder.path(), &["demo", "--port", &port.to_string()]);
    let said = tokio::task::spawn_blocking(move || {
        let said = demo.wait_for("Ctrl-C closes both");
        (said, demo)
    });
    let (said, mut demo) = said.await.unwrap();
    assert!(
        said.contains(&format!("http://nova.localhost:{port}")) && said.contains("sign in as ada")
    );
    let tide = port + 1;
    let get = async |path: String| {
        let answer = crate::support::node::client()
            .get(format!("http://127.0.0.1:{tide}{path}"))
            .header("host", format!("tide.localhost:{tide}"));
        answer
            .header("accept", "text/html")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let page = get(format!("/@nova@nova.localhost:{port}")).await;
    assert!(
        page.contains("Rehearsal is over"),
        "what one house wrote stands in the other"
    );
    assert!(
        get("/".to_owned())
            .await
            .contains("talk to each other and to nobody else")
    );
    assert!(demo.terminate().1);
}

/// A log that goes into a file is read by programs: no colours stand in it, and a failed sign-in is one line that says from
/// where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_read_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (database, url) = (
        String::from("sqlite:data/afterparty.db"),
        format!("http://{address}"),
    );
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let made = ["account", "create", "ana", "--role", "host"];
    let made = run(
        folder.path(),
        &database,
        &url,
        &made,
        Some("a password of ana\n"),
    );
    assert!(made.status.success(), "{}", text(&made));
    let log = folder.path().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterparty"))
        .arg("serve")
        .current_dir(folder.path())
        .env("AFTERPARTY_DATA__DIR", folder.path().join("data"))
        .env("AFTERPARTY_DATABASE__URL", &database)
        .env("AFTERPARTY_NODE__URL", &url)
        .env("AFTERPARTY_SERVER__LISTEN", address.to_string())
        .env("AFTERPARTY_LOG", "warn")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut status = None;
    for _ in 0..200 {
        let form = crate::support::node::client()
            .post(format!("{url}/sign-in"))
            .header("origin", &url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("login=ana&password=wrong");
        if let Ok(answer) = form.send().await {
            status = Some(answer.status().as_u16());
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(status, Some(422), "{said}");
    assert!(
        said.contains("a sign-in failed address=127.0.0.1"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said}");
}
