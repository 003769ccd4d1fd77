//! Databases that go and come back, too few descriptors, little memory.

use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use super::rounds;
use crate::support::node::{BOUNDARY, client, multipart, png};
use crate::support::pair::Pair;
use crate::support::{Backend, Process};

/// Runs statements on the server beside a database.
async fn admin(server: &str, statements: &[String]) {
    let mut admin = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .unwrap();
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone()))
            .execute(&mut admin)
            .await
            .unwrap();
    }
    admin.close().await.unwrap();
}

/// F09: PostgreSQL goes in the middle of the work and comes back: writers are told when to come back, nothing accepted
/// is lost or sent twice, and all goes on within ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_and_comes_back_loses_nothing() {
    let Some(backend) = Backend::postgres() else {
        return;
    };
    let Backend::Postgres(server) = &backend else {
        unreachable!()
    };
    let mut pair = Pair::start(&backend, &[], &[]).await;
    let name = pair.database().rsplit('/').next().unwrap().to_owned();
    for round in 0..rounds(2, 10) {
        let go = [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ),
        ];
        admin(server, &go).await;
        for number in 0..3 {
            let text = format!("while it is away {round} {number}");
            let (status, wait) = pair.ana.try_to_write(&pair.here, &text).await.unwrap();
            assert_eq!((status, wait.is_some()), (503, true));
        }
        admin(
            server,
            &[format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")],
        )
        .await;
        let back = Instant::now();
        let text = format!("it is back {round}");
        pair.ana.write(&pair.here, text.clone()).await.unwrap();
        assert!(
            back.elapsed() < Duration::from_secs(10),
            "{:?}",
            back.elapsed()
        );
        pair.accepted(&text);
        // Its sessions alone end, in the middle of writing.
        let texts: Vec<String> = (0..10)
            .map(|number| format!("cut {round} {number}"))
            .collect();
        let posts: Vec<_> = texts
            .iter()
            .map(|text| pair.ana.write(&pair.here, text.clone()))
            .collect();
        admin(server, &go[1..]).await;
        for (post, text) in posts.into_iter().zip(texts) {
            post.await.unwrap();
            pair.accepted(&text);
        }
    }
    // A table that somebody holds for a while only makes people wait.
    let mut other = PgConnection::connect(pair.database()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
        .execute(&mut other)
        .await
        .unwrap();
    let waits = pair.ana.write(&pair.here, "behind a lock".to_owned());
    tokio::time::sleep(Duration::from_secs(2)).await;
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    waits.await.unwrap();
    pair.accepted("behind a lock");
    pair.balance().await;
}

/// F28: with 256 descriptors and a thousand connections the program goes on, and answers when they are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_and_few_descriptors_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 256; exec \"$0\" serve",
            env!("CARGO_BIN_EXE_afterparty"),
        ])
        .current_dir(folder.path())
        .env("AFTERPARTY_DATA__DIR", folder.path().join("data"))
        .env("AFTERPARTY_SERVER__LISTEN", address.to_string())
        .env("AFTERPARTY_LOG", "error")
        .spawn()
        .unwrap();
    let answers = async || {
        let asked = client()
            .get(format!("http://{address}/readyz"))
            .timeout(Duration::from_secs(5));
        asked
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
    };
    let mut ready = false;
    for _ in 0..200 {
        ready = ready || answers().await;
        if ready {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ready);
    let mut held = Vec::new();
    for _ in 0..1_000 {
        let opened = tokio::net::TcpStream::connect(address);
        if let Ok(Ok(one)) = tokio::time::timeout(Duration::from_millis(100), opened).await {
            held.push(one);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    drop(held);
    let mut back = false;
    for _ in 0..40 {
        back = answers().await;
        if back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(back, "it answers again");
}

/// F27: eight large pictures at once stay within 256 MB; who has to wait is told so, and nobody is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_large_pictures_at_once_fit_into_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let house = Process::start(
        folder.path(),
        "",
        &[],
        &[("AFTERPARTY_LIMITS__REQUESTS", "1000000")],
    )
    .await;
    let ana = crate::support::pair::Member::new(&house, "ana");
    house.forget_peak();
    let picture = png(6_000, 4_000);
    let sent = (0..8).map(|_| {
        let body = multipart(&[], &[("file", "a.png", &picture)]);
        client()
            .post(house.at("/api/v2/media"))
            .bearer_auth(&ana.token)
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(body)
            // One after the other, on a machine that has other work.
            .timeout(Duration::from_secs(240))
            .send()
    });
    let answers = futures_util::future::join_all(sent).await;
    let taken = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().status().is_success())
        .count();
    let told = answers.iter().all(|answer| {
        let status = answer.as_ref().unwrap().status().as_u16();
        [200, 202, 429, 503].contains(&status)
    });
    assert!(taken >= 1 && told, "{answers:?}");
    let peak = house.memory("VmHWM");
    assert!(peak < 256 * 1_024, "{peak} kB");
}
