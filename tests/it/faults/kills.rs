//! Nodes that die in the middle of their work, at any moment or at a place, and that are asked to go.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use super::rounds;
use crate::both;
use crate::support::pair::Pair;
use crate::support::{Backend, rows};

both!(
    every_post_arrives_once_whoever_is_killed,
    what_was_asked_to_go_ends_its_work,
);

/// What is written between two kills.
const POSTS: u64 = 6;

/// F01, F02 and F03: the sender dies while it takes posts and sends them, then the receiver dies while it takes them
/// in.
async fn every_post_arrives_once_whoever_is_killed(backend: Backend) {
    let mut pair = Pair::start(&backend, &[], &[]).await;
    for round in 0..rounds(16, 50) {
        let texts: Vec<String> = (0..POSTS)
            .map(|number| format!("round {round} post {number}"))
            .collect();
        let posts: Vec<_> = texts
            .iter()
            .map(|text| pair.ana.write(&pair.here, text.clone()))
            .collect();
        // A different moment of the work each time, over the first third of a second.
        tokio::time::sleep(Duration::from_millis(round * 97 % 331)).await;
        if round % 2 == 0 {
            pair.here.kill_and_start().await;
        } else {
            pair.there.kill_and_start().await;
        }
        for (post, text) in posts.into_iter().zip(texts) {
            post.await.unwrap();
            pair.accepted(&text);
        }
    }
    // A word from the far side ends the waiting for it.
    let word = format!("@{} I am still here", pair.handle);
    pair.fan.write(&pair.there, word).await.unwrap();
    pair.balance().await;
    let written = pair.ana.counts(&pair.here, "/api/v1/timelines/home").await;
    let arrived = pair.fan.counts(&pair.there, &pair.theirs).await;
    let own: BTreeMap<String, usize> = written
        .into_iter()
        .filter(|(text, _)| text.contains("round"))
        .collect();
    assert_eq!(arrived, own, "each post arrived, and once");
    pair.logs_are_clean(&[]);
}

/// F31: who is asked to go (SIGTERM) while posts are written ends within 25 seconds, and nothing accepted is lost.
async fn what_was_asked_to_go_ends_its_work(backend: Backend) {
    let mut pair = Pair::start(&backend, &[], &[]).await;
    for round in 0..rounds(2, 10) {
        let texts: Vec<String> = (0..40)
            .map(|number| format!("leaving {round} {number}"))
            .collect();
        let posts: Vec<_> = texts
            .iter()
            .map(|text| pair.ana.write(&pair.here, text.clone()))
            .collect();
        tokio::time::sleep(Duration::from_millis(60 + round * 50)).await;
        pair.here.terminate();
        let status = pair.here.ended(25).await;
        assert!(status.success(), "{status}");
        pair.here.start_again(&[]).await;
        for (post, text) in posts.into_iter().zip(texts) {
            post.await.unwrap();
            pair.accepted(&text);
        }
    }
    pair.balance().await;
    pair.logs_are_clean(&[]);
}

/// At a place that a failpoint names.
#[cfg(feature = "failpoints")]
mod at_a_place {
    use afterparty::kernel::db::{Db, sql};
    use afterparty::kernel::failpoint;

    use super::*;
    use crate::support::{TestNode, balance, settle};

    both!(
        an_answer_that_is_lost_is_given_again,
        what_came_has_one_effect_whenever_its_house_dies,
        a_poison_activity_is_put_aside,
        a_migration_that_is_killed_goes_on,
    );

    /// F02: killed between the commit and the answer; the app repeats itself and gets the one post.
    async fn an_answer_that_is_lost_is_given_again(backend: Backend) {
        let mut pair =
            Pair::start(&backend, &[("FAILPOINTS", "post.after_commit=kill@2")], &[]).await;
        assert_eq!(
            pair.ana.try_to_write(&pair.here, "one").await.unwrap().0,
            200
        );
        assert_eq!(pair.ana.try_to_write(&pair.here, "two").await, None);
        assert!(!pair.here.ended(5).await.success());
        pair.here.start_again(&[("FAILPOINTS", "")]).await;
        assert_eq!(
            pair.ana.try_to_write(&pair.here, "two").await.unwrap().0,
            200
        );
        pair.accepted("one");
        pair.accepted("two");
        pair.balance().await;
    }

    /// F01 and F03: killed after an activity was stored, before and after its effect, and after it was sent.
    async fn what_came_has_one_effect_whenever_its_house_dies(backend: Backend) {
        let places = [
            "inbox.before_mark",
            "delivery.before_outcome",
            "inbox.perform",
            "inbox.after_insert",
        ];
        // On PostgreSQL each waits for the lease of the dead.
        let count = match &backend {
            Backend::Sqlite => 4,
            Backend::Postgres(_) => usize::try_from(rounds(1, 4)).unwrap(),
        };
        for place in places.into_iter().take(count) {
            let told = format!("{place}=kill@3");
            let points = [("FAILPOINTS", &*told)];
            let sends = place.starts_with("delivery");
            let (own, theirs) = if sends {
                (&points[..], &[][..])
            } else {
                (&[][..], &points[..])
            };
            let mut pair = Pair::start(&backend, own, theirs).await;
            let texts: Vec<String> = (0..4).map(|number| format!("{place} {number}")).collect();
            let mut posts = Vec::new();
            for text in &texts {
                posts.push(pair.ana.write(&pair.here, text.clone()));
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            let killed = if sends {
                &mut pair.here
            } else {
                &mut pair.there
            };
            assert!(!killed.ended(20).await.success(), "{place}");
            killed.start_again(&[("FAILPOINTS", "")]).await;
            for (post, text) in posts.into_iter().zip(texts) {
                post.await.unwrap();
                pair.accepted(&text);
            }
            let word = format!("@{} I am still here", pair.handle);
            pair.fan.write(&pair.there, word).await.unwrap();
            pair.balance().await;
        }
    }

    /// F33: what breaks its handler down goes to what was given up after three tries; the rest flows.
    async fn a_poison_activity_is_put_aside(backend: Backend) {
        let (net, [here, there]) = TestNode::two(&backend).await;
        let nina = there.host("nina").await;
        let fan = here.sign_up("fan").await;
        here.follow(&fan, "nina@there.test").await;
        settle(&[&here, &there]).await;
        let word = afterparty::kernel::crypt::opaque();
        failpoint::tell(&format!("inbox.perform=panic:{word}"));
        there.post(&nina, &format!("poison {word}")).await;
        there.post(&nina, "bread").await;
        for _ in 0..6 {
            settle(&[&here, &there]).await;
            net.clock.advance(Duration::from_secs(61));
        }
        assert_eq!(here.home_of("fan").await, ["bread"]);
        let row =
            sql("SELECT outcome, attempts, body FROM received WHERE outcome LIKE 'given up%'")
                .one(here.db())
                .await
                .unwrap();
        assert_eq!(row.get::<i64>("attempts").unwrap(), 3);
        assert!(
            row.get::<String>("body").unwrap().contains(&word),
            "it can be looked at"
        );
        balance(&[&here, &there]).await;
    }

    /// F23: killed before and after each step of the schema is kept, a start goes on where it was.
    async fn a_migration_that_is_killed_goes_on(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let database = backend.fresh(folder.path()).await;
        let migrate = |points: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_afterparty"));
            command.arg("migrate").current_dir(folder.path());
            command.env("AFTERPARTY_DATA__DIR", folder.path().join("data"));
            command.env("AFTERPARTY_DATABASE__URL", &database);
            command.env("FAILPOINTS", points).output().unwrap()
        };
        let mut kills = 0;
        loop {
            assert!(kills < 100);
            assert!(!migrate("migration.before_commit=kill@1").status.success() || kills > 0);
            if migrate("migration.after_commit=kill@1").status.success() {
                break;
            }
            kills += 1;
        }
        assert!(kills > 20, "{kills} steps");
        let whole = tempfile::tempdir().unwrap();
        let other = Db::open(&backend.fresh(whole.path()).await).await.unwrap();
        other.migrate().await.unwrap();
        let ours = Db::open(&database).await.unwrap();
        ours.migrate().await.unwrap();
        let (ours, other) = (
            rows::everything(&ours, &[]).await,
            rows::everything(&other, &[]).await,
        );
        assert_eq!(ours, other, "as if it had never been killed");
    }
}
