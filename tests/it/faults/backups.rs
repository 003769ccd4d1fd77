//! Databases that are gone, backups that are killed, houses that come back from an old one.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use afterparty::cli::open_with;
use afterparty::federation::{nodeinfo, restored};
use afterparty::kernel::clock::Clock;
use afterparty::kernel::config;
use afterparty::kernel::db::{Db, sql};
use afterparty::kernel::id::NodeId;

use super::rounds;
use crate::both;
use crate::support::node::png;
use crate::support::{Backend, Net, TestNode, settle};

both!(
    a_database_that_is_gone_opens_no_new_house,
    a_backup_that_is_killed_leaves_nothing_half,
    a_backup_trusts_no_folder_of_others,
    a_restore_that_is_killed_begins_anew,
    a_restored_house_finds_the_followers_it_forgot,
);

/// The program on a data folder and a database.
struct House {
    folder: PathBuf,
    database: String,
}

impl House {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterparty"));
        command
            .args(words)
            .current_dir(&self.folder)
            .env("AFTERPARTY_DATA__DIR", self.folder.join("data"))
            .env("AFTERPARTY_DATABASE__URL", &self.database)
            .env("AFTERPARTY_NODE__URL", "http://here.test")
            .env("AFTERPARTY_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a verb that is killed: where it reaches a place, or after so many milliseconds.
    async fn killed(&self, words: &[&str], place: Option<&str>, after: u64) {
        let mut command = self.command(words);
        let Some(place) = place else {
            let mut child = command.spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(after)).await;
            let _ = child.kill();
            child.wait().unwrap();
            return;
        };
        let told = format!("{place}=kill@1");
        let output = command.env("FAILPOINTS", told).output().unwrap();
        assert_eq!(output.status.code(), None, "{place}: {}", said(&output));
    }

    /// Runs a verb that succeeds; what it said.
    fn says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    /// Runs a verb that is refused; what it said.
    fn refuses(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// A place for a house beside this one.
async fn place(backend: &Backend) -> (tempfile::TempDir, House) {
    let folder = tempfile::tempdir().unwrap();
    let house = House {
        database: backend.fresh(folder.path()).await,
        folder: folder.path().to_owned(),
    };
    (folder, house)
}

/// A stopped house with posts and pictures.
async fn stopped(backend: &Backend) -> (tempfile::TempDir, House) {
    let (_net, node) = TestNode::one(backend).await;
    let nina = node.host("nina").await;
    let cookie = node.cookie(&nina).await;
    for number in 0..40 {
        node.post(&nina, &format!("post {number}")).await;
    }
    for size in 0..4 {
        let files = [("files", "a.png", &*png(400 + size, 400))];
        let answer = node
            .upload("/posts", &cookie, &[("text", "a picture")], &files)
            .await;
        assert_eq!(answer.status(), 303);
    }
    settle(&[&node]).await;
    let TestNode {
        folder,
        running,
        database,
        ..
    } = node;
    running.stop().await;
    let house = House {
        folder: folder.path().to_owned(),
        database,
    };
    (folder, house)
}

/// A house whose database is gone is not begun anew in silence; an operator who means it can.
async fn a_database_that_is_gone_opens_no_new_house(backend: Backend) {
    let (_folder, house) = stopped(&backend).await;
    let (_other, empty) = place(&backend).await;
    let lost = House {
        folder: house.folder.clone(),
        database: empty.database.clone(),
    };
    for words in [
        &["account", "list"][..],
        &["serve"],
        &["migrate"],
        &["doctor"],
        &["backup", "b.tar.gz"],
    ] {
        let said = lost.refuses(words);
        assert!(said.contains("database is not"), "{words:?}: {said}");
        assert!(said.contains("database.url"), "{words:?}: {said}");
    }
    if let Some(file) = lost.database.strip_prefix("sqlite:") {
        assert!(!Path::new(file).exists(), "no empty file is left");
    }
    assert!(
        house.says(&["account", "list"]).contains("nina"),
        "nothing happened to the house"
    );
    lost.says(&["migrate", "--new-house"]);
    assert!(!lost.says(&["account", "list"]).contains("nina"));
}

/// Catalogue line F24: a backup is there whole, or not at all, whenever it is killed; the next one cleans up.
async fn a_backup_that_is_killed_leaves_nothing_half(backend: Backend) {
    let (folder, house) = stopped(&backend).await;
    let mut whole = 0;
    for round in 0..rounds(12, 100) {
        let name = format!("backup{}.tar.gz", round % 3);
        let at = ["backup.copied", "backup.packed"].get(usize::try_from(round).unwrap());
        house
            .killed(&["backup", &name], at.copied(), round * 53 % 400)
            .await;
        assert!(at.is_none() || !folder.path().join(&name).exists());
        let file = folder.path().join(&name);
        if file.exists() {
            let (_place, copy) = place(&backend).await;
            copy.says(&["restore", file.to_str().unwrap()]);
            assert!(copy.says(&["account", "list"]).contains("nina"));
            std::fs::remove_file(&file).unwrap();
            whole += 1;
        }
    }
    println!("{whole} were whole before they were killed");
    for number in 0..3 {
        house.says(&["backup", &format!("backup{number}.tar.gz")]);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.contains("part"))
        .collect();
    assert_eq!(left, [""; 0], "what the killed ones left is gone");
}

/// The key of the house is written only where nobody else reads it.
async fn a_backup_trusts_no_folder_of_others(backend: Backend) {
    let (folder, house) = stopped(&backend).await;
    let part = folder.path().join("b.tar.gz.part");
    let other = tempfile::tempdir().unwrap();
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(other.path(), private.clone()).unwrap();
    symlink(other.path(), &part).unwrap();
    assert!(house.refuses(&["backup", "b.tar.gz"]).contains("only you"));
    std::fs::remove_file(&part).unwrap();
    std::fs::create_dir(&part).unwrap();
    for mode in [0o755, 0o770, 0o701] {
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(house.refuses(&["backup", "b.tar.gz"]).contains("only you"));
    }
    std::fs::set_permissions(&part, private).unwrap();
    std::fs::write(part.join("diary"), "mine").unwrap();
    assert!(house.refuses(&["backup", "b.tar.gz"]).contains("diary"));
    assert!(part.join("diary").exists(), "nothing of others is removed");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
    std::fs::remove_file(part.join("diary")).unwrap();
    house.says(&["backup", "b.tar.gz"]);
    assert!(!part.exists());
}

/// Catalogue line F24: a restore that was killed is seen, and begun anew; nothing is opened meanwhile.
async fn a_restore_that_is_killed_begins_anew(backend: Backend) {
    let (folder, house) = stopped(&backend).await;
    house.says(&["backup", "backup.tar.gz"]);
    let file = folder.path().join("backup.tar.gz");
    let file = file.to_str().unwrap();
    let mut interrupted = 0;
    for round in 0..rounds(10, 80) {
        let (_place, mut copy) = place(&backend).await;
        let at = ["restore.unpacked", "restore.moved", "restore.read"];
        let at = at.get(usize::try_from(round).unwrap()).copied();
        let words = ["restore", file];
        copy.killed(&words, at, round * 37 % 300).await;
        if copy.folder.join("data/.restore").exists() {
            let said = copy.refuses(&["account", "list"]);
            assert!(said.contains("interrupted"), "{said}");
            interrupted += 1;
        }
        let data = copy.folder.join("data");
        if data.join(".restore").exists() || !data.exists() {
            let again = copy.run(&["restore", file]);
            if !again.status.success() {
                // PostgreSQL has, or is about to have, what was read before.
                let database = ["drop it", "psql could"];
                let database = database.iter().any(|word| said(&again).contains(word));
                assert!(database, "{}", said(&again));
                copy.database = backend.fresh(&copy.folder).await;
                copy.says(&["restore", file]);
            }
        }
        assert!(copy.says(&["account", "list"]).contains("nina"));
        let posts = copy.says(&["timeline", "nina", "--limit", "40"]);
        assert_eq!(posts.matches("post ").count(), 36, "{posts}");
    }
    assert!(interrupted >= 3, "those that were killed at a place");
    // What is cut short, or something else, is no backup, and leaves the folder as it was.
    let bytes = std::fs::read(file).unwrap();
    for (name, bytes) in [
        ("short", &bytes[..bytes.len() / 2]),
        ("cut", &bytes[..bytes.len() - 4]),
        ("text", b"hello"),
    ] {
        let (_place, copy) = place(&backend).await;
        let broken = copy.folder.join(name);
        std::fs::write(&broken, bytes).unwrap();
        let said = copy.refuses(&["restore", broken.to_str().unwrap()]);
        assert!(
            said.contains("not whole") || said.contains("no backup"),
            "{said}"
        );
        let left = std::fs::read_dir(copy.folder.join("data")).unwrap().count();
        assert_eq!(left, 0, "{name}");
    }
}

/// Learns what a node runs, as the worker does.
async fn learn(node: &TestNode, host: &str) {
    let row = sql("SELECT id FROM nodes WHERE host = $1")
        .bind(host)
        .one(node.db())
        .await
        .unwrap();
    let id: NodeId = row.get("id").unwrap();
    nodeinfo::learn(node.app(), id, host).await.unwrap();
}

/// Catalogue line F25: a house that comes back from an old backup asks the others who follows it, and who does not any
/// more, and what its own people followed since; nobody is dropped meanwhile.
async fn a_restored_house_finds_the_followers_it_forgot(backend: Backend) {
    let mut net = Net::new();
    let (a, b) = (
        net.listen("here.test").await,
        net.listen("there.test").await,
    );
    let here = net.node("here.test", &backend, a, &[]).await;
    let there = net.node("there.test", &Backend::Sqlite, b, &[]).await;
    let (nina, ana) = (here.host("nina").await, here.sign_up("ana").await);
    let tide = there.host("tide").await;
    let mut fans = Vec::new();
    for name in ["early", "gone", "late"] {
        fans.push(there.sign_up(name).await);
    }
    there.follow(&fans[0], "nina@here.test").await;
    there.follow(&fans[1], "nina@here.test").await;
    settle(&[&here, &there]).await;
    here.post(&nina, "before").await;
    settle(&[&here, &there]).await;
    learn(&here, "there.test").await;
    let house = House {
        folder: here.folder.path().to_owned(),
        database: here.database.clone(),
    };
    house.says(&["backup", "backup.tar.gz"]);
    let file = here.folder.path().join("backup.tar.gz");
    // Then somebody comes, somebody goes, and one of ours follows somebody there.
    there.follow(&fans[2], "nina@here.test").await;
    let nina_there = there.account("nina@here.test").await;
    let follow = afterparty::relations::follows::find(there.db(), fans[1].id, nina_there.id);
    let follow = follow.await.unwrap().unwrap();
    afterparty::relations::follows::withdraw(there.app(), &follow)
        .await
        .unwrap();
    here.follow(&ana, "tide@there.test").await;
    settle(&[&here, &there]).await;
    assert_eq!(
        here.followers_of("nina").await,
        ["early@there.test", "late@there.test"]
    );

    let TestNode {
        folder: _old,
        running,
        ..
    } = here;
    running.stop().await;
    let (folder, copy) = place(&backend).await;
    copy.says(&["restore", file.to_str().unwrap()]);
    let listener = tokio::net::TcpListener::bind(net.address("here.test"))
        .await
        .unwrap();
    let here = net
        .node_in("here.test", folder, &copy.database, listener, &[])
        .await;
    assert_eq!(
        here.followers_of("nina").await,
        ["early@there.test", "gone@there.test"]
    );
    // A post before anybody was asked drops nobody over there.
    let nina = here.account("nina").await;
    here.post(&nina, "back again").await;
    settle(&[&here, &there]).await;
    restored::ask_all(here.app()).await.unwrap();
    settle(&[&here, &there]).await;
    assert_eq!(
        here.followers_of("nina").await,
        ["early@there.test", "late@there.test"]
    );
    here.post(&nina, "with everybody").await;
    there.post(&tide, "a tide comes in").await;
    settle(&[&here, &there]).await;
    assert_eq!(there.home_of("late").await.len(), 3);
    assert_eq!(
        there.home_of("early").await,
        ["with everybody", "back again", "before"]
    );
    assert_eq!(
        here.home_of("ana").await[0],
        "a tide comes in",
        "she follows again"
    );
}

/// What is deleted goes from the disk, also in a file that an older program made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_goes_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.db");
    let url = format!("sqlite:{}", file.display());
    let db = Db::open(&url).await.unwrap();
    db.migrate().await.unwrap();
    let Db::Sqlite { writer, .. } = &db else {
        unreachable!()
    };
    let kind = || sqlx::query_scalar::<_, i64>("PRAGMA auto_vacuum");
    assert_eq!(
        kind().fetch_one(writer).await.unwrap(),
        2,
        "a new file gives back"
    );
    sqlx::raw_sql("PRAGMA auto_vacuum = NONE; VACUUM")
        .execute(writer)
        .await
        .unwrap();
    assert_eq!(kind().fetch_one(writer).await.unwrap(), 0);
    db.close().await;
    let db = Db::open(&url).await.unwrap();
    db.migrate().await.unwrap();
    let Db::Sqlite { writer, .. } = &db else {
        unreachable!()
    };
    assert_eq!(
        kind().fetch_one(writer).await.unwrap(),
        2,
        "an older one as well"
    );
    let size = || file.metadata().unwrap().len();
    for at in 0..400 {
        sql("INSERT INTO node_state (key, value) VALUES ($1, $2)")
            .bind(format!("flood{at}"))
            .bind("x".repeat(100_000))
            .run(&db)
            .await
            .unwrap();
    }
    let checkpoint = async || {
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(writer)
            .await
            .unwrap();
    };
    checkpoint().await;
    let flooded = size();
    assert!(flooded > 39_000_000, "{flooded}");
    sql("DELETE FROM node_state WHERE key LIKE 'flood%'")
        .run(&db)
        .await
        .unwrap();
    db.look_after().await.unwrap();
    checkpoint().await;
    assert!(size() < 5_000_000, "{} of {flooded}", size());
    let counted: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = 'migrations'")
            .fetch_one(writer)
            .await
            .unwrap();
    assert!(counted > 0, "the tables are counted");
}

/// Catalogue line F09 at the start: what stands in the way is named, with its setting, and no password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_of_a_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let house = House {
        folder: folder.path().to_owned(),
        database: format!("postgres://nina:hunter2@{closed}/house"),
    };
    let said = house.refuses(&["account", "list"]);
    assert!(
        said.contains("database.url") && said.contains(&closed.to_string()),
        "{said}"
    );
    assert!(
        said.contains("refused") && !said.contains("hunter2"),
        "{said}"
    );
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let said = house.refuses(&["account", "list"]);
    assert!(
        said.contains("data.dir") && said.contains("cannot be written"),
        "{said}"
    );
    // The kernel's own file system takes no files, whoever asks.
    let flags = [
        ("data.dir".to_owned(), "/proc/self".to_owned()),
        ("node.url".to_owned(), "http://here.test".to_owned()),
    ];
    let settings = config::load(None, &[], &flags).unwrap().settings;
    let refused = open_with(settings, Clock::system(), false)
        .await
        .err()
        .unwrap();
    assert!(
        refused
            .to_string()
            .contains("data.dir is /proc/self, which cannot be written"),
        "{refused}"
    );
}
