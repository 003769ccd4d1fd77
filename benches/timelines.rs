//! How long a home timeline, notifications and a single status take on a large node.
//!
//! Makes its own data on SQLite: 1,000,000 posts of 5,000 accounts, of which one member follows 500.
//! `cargo bench --bench timelines` prints medians, the slowest hundredth;
//! `AFTERPARTY_BENCH_POSTS` makes it smaller. The limit stands beside each figure; nothing is asserted.

#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, and breaks off where something is wrong"
)]

use std::time::{Duration, Instant};

use afterparty::accounts::create::{self, New};
use afterparty::accounts::{self, Account, Role};
use afterparty::app::App;
use afterparty::cli::open_with;
use afterparty::kernel::clock::Clock;
use afterparty::kernel::config;
use afterparty::kernel::db::sql;
use afterparty::kernel::page::Window;
use afterparty::mastodon::entities::{notification, status};
use afterparty::notifications::single::{self, Wanted};
use afterparty::posts::Post;
use afterparty::timelines::{self, Tagged};

const ACCOUNTS: i64 = 5_000;
const FOLLOWS: i64 = 500;
const LIMIT: Duration = Duration::from_millis(10);

/// Somebody who follows the house's artist and nobody else, and the artist, who writes once a week.
async fn quiet(app: &App) -> (Account, Account) {
    let mut made = Vec::new();
    for name in ["artist", "newcomer"] {
        let new = New {
            name,
            display_name: name,
            email: None,
            password: "correct horse battery",
            role: Role::Member,
            confirmed: true,
        };
        made.push(create::create(app, new).await.unwrap());
    }
    let now = app.clock.now().0;
    let mut tx = app.db.begin().await.unwrap();
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO posts (id, uri, url, account_id, thread_id, kind, audience, html, created_at, is_local) SELECT ($1 - i * 604800000) << 16, 'http://here.example/p/' || i, 'http://here.example/p/' || i, $2, i, 'note', 'public', '<p>The week ' || i || '</p>', $1 - i * 604800000, 1 FROM n")
        .bind(now)
        .bind(made[0].id)
        .run(&mut tx)
        .await
        .unwrap();
    sql("INSERT INTO post_tags (post_id, tag) SELECT id, 'tour' FROM posts WHERE account_id = $1 AND id % 2 = 0")
        .bind(made[0].id)
        .run(&mut tx)
        .await
        .unwrap();
    sql("INSERT INTO follows (id, follower_id, followee_id, uri, created_at, accepted_at) VALUES (999999, $1, $2, 'http://here.example/f/x', $3, $3)")
        .bind(made[1].id)
        .bind(made[0].id)
        .bind(now)
        .run(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let artist = accounts::get(app, made[0].id).await.unwrap();
    (artist, accounts::get(app, made[1].id).await.unwrap())
}

/// How SQLite goes about the statements that a page asks, as it says itself.
async fn plans(app: &App, fan: &Account) {
    let home = [
        (
            "home, whoever follows much",
            concat!(
                "EXPLAIN QUERY PLAN SELECT posts.* FROM posts WHERE ",
                afterparty::at_home!(),
                " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
            ),
        ),
        (
            "home, whoever follows little",
            concat!(
                "EXPLAIN QUERY PLAN SELECT posts.* FROM (SELECT DISTINCT id FROM (",
                afterparty::home_sources!(),
                ") AS every_source) AS near CROSS JOIN posts WHERE posts.id = near.id AND ",
                afterparty::at_home!(),
                " ORDER BY posts.id DESC LIMIT $5"
            ),
        ),
        (
            "notifications",
            "EXPLAIN QUERY PLAN SELECT * FROM notifications WHERE account_id = $1 AND filtered = 0 AND id < $3 AND id > $4 AND $2 = $2 ORDER BY id DESC LIMIT $5",
        ),
        (
            "one status",
            "EXPLAIN QUERY PLAN SELECT * FROM posts WHERE id = $1 AND $2 = $2 AND $3 = $3 AND $4 = $4 LIMIT $5",
        ),
    ];
    for (name, statement) in home {
        println!("\n{name}");
        let rows = sql(statement)
            .bind(fan.id)
            .bind(app.clock.now())
            .bind(i64::MAX)
            .bind(0_i64)
            .bind(20_i64)
            .all(&app.db)
            .await
            .unwrap();
        for row in rows {
            println!("  {}", row.get::<String>("detail").unwrap());
        }
    }
}

async fn fill(app: &App, posts: i64) -> Account {
    let new = New {
        name: "fan",
        display_name: "Fan",
        email: None,
        password: "correct horse battery",
        role: Role::Host,
        confirmed: true,
    };
    let fan = create::create(app, new).await.unwrap();
    let now = app.clock.now().0;
    let mut tx = app.db.begin().await.unwrap();
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO accounts (id, kind, name, name_key, host, domain, uri, created_at, updated_at) SELECT i, 'remote', 'a' || i, 'a' || i, 'h' || (i % 300) || '.example', 'h' || (i % 300) || '.example', 'https://h' || (i % 300) || '.example/users/a' || i, $2, $2 FROM n")
        .bind(ACCOUNTS)
        .bind(now)
        .run(&mut tx)
        .await
        .unwrap();
    sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) INSERT INTO follows (id, follower_id, followee_id, uri, created_at, accepted_at) SELECT i, $2, i * 10, 'https://here.example/f/' || i, $3, $3 FROM n")
        .bind(FOLLOWS)
        .bind(fan.id)
        .bind(now)
        .run(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // The accounts write in turn, a third of it answers, a tenth boosts, over the last year.
    let step = 31_536_000_000 / posts.max(1);
    for part in 0..(posts / 10_000).max(1) {
        let mut tx = app.db.begin().await.unwrap();
        sql("WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) INSERT INTO posts (id, uri, url, account_id, boost_of_id, thread_id, in_reply_to_id, in_reply_to_uri, kind, audience, html, created_at) SELECT (($3 - ($4 - i) * $5) << 16) | (i % 65536), 'https://h.example/p/' || i, 'https://h.example/p/' || i, (i * 7919) % 5000 + 1, NULL, i, NULL, CASE WHEN i % 3 = 0 THEN 'https://h.example/p/' || (i - 1) END, 'note', CASE i % 20 WHEN 0 THEN 'followers' WHEN 1 THEN 'unlisted' ELSE 'public' END, '<p>Post number ' || i || ' of a long year, with as many words as people write when the show is over.</p>', $3 - ($4 - i) * $5 FROM n")
            .bind(part * 10_000 + 1)
            .bind(((part + 1) * 10_000).min(posts))
            .bind(now)
            .bind(posts)
            .bind(step)
            .run(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = app.db.begin().await.unwrap();
    sql("INSERT INTO notifications (id, account_id, kind, from_id, post_id, created_at) SELECT id, $1, 'mention', account_id, id, created_at FROM posts WHERE audience = 'public' ORDER BY id DESC LIMIT 20000")
        .bind(fan.id)
        .run(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    sql("ANALYZE").run(&app.db).await.unwrap();
    accounts::get(app, fan.id).await.unwrap()
}

/// How many of these posts are shown, as entities.
async fn shown(app: &App, viewer: Option<&Account>, posts: &[Post]) -> usize {
    let entities = status::several(app, viewer, posts, "home").await;
    entities.unwrap().len()
}

async fn measure<F: Future<Output = usize>>(name: &str, mut run: impl FnMut(usize) -> F) {
    for round in 0..20 {
        assert!(run(round).await > 0, "{name} has nothing to show");
    }
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..300 {
        let begun = Instant::now();
        run(round).await;
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |part: usize| times[times.len() * part / 100 - usize::from(part == 100)];
    println!(
        "{name:<40} p50 {:>8.2?}   p99 {:>8.2?}   limit {LIMIT:?}{}",
        at(50),
        at(99),
        if at(50) > LIMIT { "   OVER" } else { "" }
    );
}

#[tokio::main]
async fn main() {
    let posts: i64 = std::env::var("AFTERPARTY_BENCH_POSTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        ("node.url".to_owned(), "http://here.example".to_owned()),
        (
            "data.dir".to_owned(),
            folder.path().join("data").display().to_string(),
        ),
    ];
    let settings = config::load(None, &[], &flags).unwrap().settings;
    let app = open_with(settings, Clock::system(), false).await.unwrap();
    let begun = Instant::now();
    let fan = fill(&app, posts).await;
    println!(
        "{posts} posts, {ACCOUNTS} accounts, {FOLLOWS} follows, made in {:.0?}",
        begun.elapsed()
    );
    let (artist, newcomer) = quiet(&app).await;
    sql("ANALYZE").run(&app.db).await.unwrap();
    let (app, fan, newcomer, artist) = (&app, &fan, &newcomer, &artist);
    let first = timelines::home(app, fan, Window::newest(40)).await.unwrap();
    measure("home, first page of 20", |_| async {
        let posts = timelines::home(app, fan, Window::newest(20)).await.unwrap();
        shown(app, Some(fan), &posts).await
    })
    .await;
    let deep = first.last().unwrap().id.0;
    measure("home, a later page", |_| async move {
        let window = Window::before(Some(deep - (30 << 32)), 20);
        let posts = timelines::home(app, fan, window).await.unwrap();
        shown(app, Some(fan), &posts).await
    })
    .await;
    measure("notifications, 40", |_| async {
        let rows = single::list(app, fan.id, &Wanted::default(), Window::newest(40))
            .await
            .unwrap();
        let gathered = notification::Gathered::load(app, fan, &rows).await.unwrap();
        rows.iter()
            .filter_map(|one| gathered.notification(one))
            .count()
    })
    .await;
    let first = &first;
    measure("one status", |round| async move {
        let post = &first[round % first.len()];
        usize::from(status::one(app, Some(fan), post).await.unwrap().is_object())
    })
    .await;
    measure("home of somebody who follows one", |_| async {
        let posts = timelines::home(app, newcomer, Window::newest(20))
            .await
            .unwrap();
        shown(app, Some(newcomer), &posts).await
    })
    .await;
    measure("the house's own posts, 20", |_| async {
        let posts = timelines::local(app, None, Window::newest(20))
            .await
            .unwrap();
        shown(app, None, &posts).await
    })
    .await;
    measure("a profile, 20", |_| async {
        let posts = timelines::of_account(app, None, artist.id, Window::newest(20))
            .await
            .unwrap();
        shown(app, None, &posts).await
    })
    .await;
    measure("a hashtag, 20", |_| async {
        let posts = timelines::tagged(app, Some(fan), &Tagged::of("tour"), Window::newest(20))
            .await
            .unwrap();
        shown(app, Some(fan), &posts).await
    })
    .await;
    measure("public timeline, 20", |_| async {
        let wished = timelines::Wished::default();
        let posts = timelines::public(app, Some(fan), wished, Window::newest(20))
            .await
            .unwrap();
        shown(app, Some(fan), &posts).await
    })
    .await;
    plans(app, fan).await;
}
