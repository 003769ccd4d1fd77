//! When a crowd comes: the meter of what comes in, the alarm, and what is done about it until a moment.

use std::time::Duration;

use crate::accounts::{Account, letters, sign_in, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::origin::covering;
use crate::locale::Locale;
use crate::moderation::rules;
use crate::nodes::house;

/// How long a part of the meter is.
const PART: i64 = 600_000;
/// How many parts are usual time: two weeks.
const USUAL: i64 = 14 * 144;
/// How much more than usual rings the alarm.
const FACTOR: i64 = 5;
/// How long the alarm is silent once it rang.
const SILENT: Duration = Duration::from_secs(3600);
/// How long strangers wait for a look when the alarm rang.
const HELD: Duration = Duration::from_secs(3 * 3600);
/// How many of the host's posts others are told about.
const TOLD: i64 = 50;
/// How many answers of one account count within ten minutes.
const OF_ONE: i64 = 3;

/// Something that is done about a crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One answer a person in so many minutes.
    Slow,
    /// Followers and guests answer, others wait for a look.
    Known,
    /// Strangers wait for a look.
    Hold,
    /// Nobody answers.
    Pause,
    /// Everybody of a node waits for a look.
    Quarantine,
}

impl Kind {
    /// All of them, from mild to strict.
    pub const ALL: [Self; 5] = [
        Self::Slow,
        Self::Known,
        Self::Hold,
        Self::Pause,
        Self::Quarantine,
    ];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Known => "known",
            Self::Hold => "hold",
            Self::Pause => "pause",
            Self::Quarantine => "quarantine",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that is done at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calm {
    /// What.
    pub kind: Kind,
    /// Of which node, where it is about one.
    pub host: String,
    /// How many minutes lie between two answers of a person.
    pub minutes: i64,
    /// Until when.
    pub until: Time,
}

/// What came in within ten minutes, and what is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Answers and mentions of the last ten minutes.
    pub now: i64,
    /// How many of them wait for a look.
    pub held: i64,
    /// What comes in ten minutes otherwise, in hundredths.
    pub usual: i64,
    /// From how many on the alarm rings.
    pub alarm: i64,
}

fn read(row: &Row) -> sqlx::Result<Option<Calm>> {
    let name: String = row.get("kind")?;
    let Some(kind) = Kind::parse(&name) else {
        return Ok(None);
    };
    Ok(Some(Calm {
        kind,
        host: row.get("host")?,
        minutes: row.get("minutes")?,
        until: row.get("until")?,
    }))
}

/// What is done at the moment.
///
/// # Errors
/// What the database says.
pub async fn active(app: &App) -> Result<Vec<Calm>> {
    Ok(active_at(&app.db, app.clock.now()).await?)
}

async fn active_at(conn: impl Conn, now: Time) -> sqlx::Result<Vec<Calm>> {
    let rows =
        sql("SELECT kind, host, minutes, until FROM calm WHERE until > $1 ORDER BY kind, host")
            .bind(now)
            .all(conn)
            .await?;
    let all: Vec<Option<Calm>> = rows.iter().map(read).collect::<sqlx::Result<_>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn pauses(active: &[Calm]) -> bool {
    active.iter().any(|calm| calm.kind == Kind::Pause)
}

/// Whether nobody answers at the moment.
///
/// # Errors
/// What the database says.
pub async fn is_paused(app: &App) -> Result<bool> {
    Ok(pauses(&active(app).await?))
}

/// Whether a node is among those of which everybody waits.
pub fn quarantines(active: &[Calm], host: &str) -> bool {
    let names = covering(host);
    let of_node = |calm: &&Calm| calm.kind == Kind::Quarantine && names.contains(&calm.host);
    !host.is_empty() && active.iter().any(|calm| of_node(&calm))
}

/// Does something for so many minutes.
///
/// # Errors
/// `Invalid` when a node is needed and none is named.
pub async fn begin(tx: &mut Tx, now: Time, by: &Account, calm: &Calm) -> Result<()> {
    let host = match calm.kind {
        Kind::Quarantine => crate::kernel::origin::ascii_domain(&calm.host)
            .ok_or_else(|| Error::invalid("host", "error-domain"))?,
        _ => String::new(),
    };
    sql("INSERT INTO calm (kind, host, minutes, until, by_id, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, host) DO UPDATE SET minutes = EXCLUDED.minutes, until = EXCLUDED.until, by_id = EXCLUDED.by_id")
        .bind(calm.kind.name())
        .bind(host)
        .bind(calm.minutes.clamp(0, 1_440))
        .bind(calm.until)
        .bind(by.id)
        .bind(now)
        .run(&mut *tx)
        .await?;
    if calm.kind == Kind::Pause {
        tell_others(&mut *tx, now).await?;
        // It ends by itself, and others hear of that, too.
        jobs::enqueue_at(tx, now, calm.until, Job::TellPolicies).await?;
    }
    Ok(())
}

/// Ends one thing, or everything that is done. Whether there was anything to end.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut Tx, now: Time, which: Option<(Kind, &str)>) -> sqlx::Result<bool> {
    let paused = pauses(&active_at(&mut *tx, now).await?);
    let statement = match which {
        Some((kind, host)) => sql("DELETE FROM calm WHERE kind = $1 AND host = $2")
            .bind(kind.name())
            .bind(host),
        None => sql("DELETE FROM calm"),
    };
    let touched = statement.run(&mut *tx).await?;
    if which.is_none() {
        set_note(&mut *tx, "").await?;
        // What the alarm hid in looking back is shown again; what waited from the start is for a look.
        jobs::enqueue(&mut *tx, now, Job::ReleaseHeld("alarm".to_owned())).await?;
    }
    if paused && which.is_none_or(|(kind, _)| kind == Kind::Pause) {
        tell_others(tx, now).await?;
    }
    Ok(touched > 0 || which.is_none())
}

async fn set_note(tx: &mut Tx, text: &str) -> sqlx::Result<()> {
    sql("INSERT INTO node_state (key, value) VALUES ('house.calm', $1) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value")
        .bind(text)
        .run(tx)
        .await?;
    Ok(())
}

/// Pins a mediating sentence above the conversations of the house, or takes it down. Whether that changed anything.
///
/// # Errors
/// `Invalid` when it is too long.
pub async fn pin(tx: &mut Tx, text: &str) -> Result<bool> {
    let text = text.trim();
    if text.chars().count() > 300 {
        return Err(Error::invalid_with("note", "error-too-long", 300));
    }
    let before = house::read(&mut *tx).await?.note;
    set_note(tx, text).await?;
    Ok(before != text)
}

/// Tells other nodes, by an Update of the host's newest posts, who may answer them now.
///
/// # Errors
/// What the database says.
pub async fn tell_others(tx: &mut Tx, now: Time) -> sqlx::Result<()> {
    let since = crate::kernel::id::first_of(now.minus(Duration::from_secs(30 * 86_400)));
    let rows = sql("SELECT posts.id FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE accounts.kind = 'local' AND accounts.role = 'host' AND posts.id > $1 AND posts.audience IN ('public', 'unlisted') AND posts.boost_of_id IS NULL ORDER BY posts.id DESC LIMIT $2")
        .bind(since)
        .bind(TOLD)
        .all(&mut *tx)
        .await?;
    for row in rows {
        let post: PostId = row.get("id")?;
        jobs::enqueue(&mut *tx, now, Job::SendEdit { post, version: -1 }).await?;
    }
    Ok(())
}

/// What came in lately, and what is usual.
///
/// # Errors
/// What the database says.
pub async fn meter(app: &App) -> Result<Meter> {
    let bucket = app.clock.now().0 / PART;
    let row = sql("SELECT CAST(COALESCE(SUM(CASE WHEN bucket = $1 THEN came ELSE 0 END), 0) AS BIGINT) AS lately, CAST(COALESCE(SUM(CASE WHEN bucket = $1 - 1 THEN came ELSE 0 END), 0) AS BIGINT) AS earlier, CAST(COALESCE(SUM(CASE WHEN bucket = $1 THEN held ELSE 0 END), 0) AS BIGINT) AS waiting, CAST(COALESCE(SUM(CASE WHEN bucket = $1 - 1 THEN held ELSE 0 END), 0) AS BIGINT) AS waited, CAST(COALESCE(SUM(CASE WHEN bucket < $1 - 1 THEN came ELSE 0 END), 0) AS BIGINT) AS before FROM incoming WHERE bucket > $1 - $2")
        .bind(bucket)
        .bind(USUAL)
        .one(&app.db)
        .await?;
    // Of the part before, as much as the ten minutes up to now reach into it.
    let reach = PART - app.clock.now().0 % PART;
    let within = |now: i64, before: i64| now + before * reach / PART;
    let usual = row.get::<i64>("before")? * 100 / USUAL;
    let floor = rules::get(app).await?.alarm_from;
    Ok(Meter {
        now: within(row.get("lately")?, row.get("earlier")?),
        held: within(row.get("waiting")?, row.get("waited")?),
        usual,
        alarm: floor.max(FACTOR * usual / 100),
    })
}

/// Counts one answer or mention that came, and rings the alarm where there are more than usual. However much one
/// account writes, it is no crowd: only its first few count.
///
/// Whether it rang and strangers wait from now on.
///
/// # Errors
/// What the database says.
pub async fn count(app: &App, author: AccountId, held: bool) -> Result<bool> {
    let bucket = app.clock.now().0 / PART;
    let came: i64 = sql("INSERT INTO incoming_authors (bucket, account_id, came) VALUES ($1, $2, 1) ON CONFLICT (bucket, account_id) DO UPDATE SET came = incoming_authors.came + 1 RETURNING came")
        .bind(bucket)
        .bind(author)
        .one(&app.db)
        .await?
        .get("came")?;
    if came > OF_ONE {
        return Ok(false);
    }
    sql("INSERT INTO incoming (bucket, came, held) VALUES ($1, 1, $2) ON CONFLICT (bucket) DO UPDATE SET came = incoming.came + 1, held = incoming.held + EXCLUDED.held")
        .bind(bucket)
        .bind(held)
        .run(&app.db)
        .await?;
    let meter = meter(app).await?;
    if meter.now < meter.alarm {
        return Ok(false);
    }
    ring(app, meter).await
}

/// Rings, once an hour: whoever keeps the peace gets a mail and a message on their devices, and strangers wait for a
/// look where the rules say so, with what they wrote in the minutes that rang it.
async fn ring(app: &App, meter: Meter) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO node_state (key, value) VALUES ('peace.rang', '0') ON CONFLICT (key) DO NOTHING")
        .run(&mut tx)
        .await?;
    let first = sql(
        "UPDATE node_state SET value = $1 WHERE key = 'peace.rang' AND CAST(value AS BIGINT) < $2",
    )
    .bind(now.0.to_string())
    .bind(now.minus(SILENT))
    .run(&mut tx)
    .await?;
    if first == 0 {
        return Ok(false);
    }
    let holds = rules::read(&mut tx).await?.holds;
    if holds {
        // What somebody set by hand for longer stays.
        sql("INSERT INTO calm (kind, host, minutes, until, by_id, created_at) VALUES ($1, '', 0, $2, NULL, $3) ON CONFLICT (kind, host) DO UPDATE SET until = CASE WHEN calm.until > EXCLUDED.until THEN calm.until ELSE EXCLUDED.until END")
            .bind(Kind::Hold.name())
            .bind(now.plus(HELD))
            .bind(now)
            .run(&mut tx)
            .await?;
        jobs::enqueue(&mut tx, now, Job::HoldRecent).await?;
    }
    let house = house::read(&mut tx).await?.name;
    let node = account_store::node_actor(&mut tx).await?;
    sql("DELETE FROM notifications WHERE kind = 'alarm'")
        .run(&mut tx)
        .await?;
    for (keeper, address) in keepers(&mut tx).await? {
        if let Some((address, locale)) = address {
            let subject = locale.text_with("mail-alarm-subject", "house", house.clone());
            let text = locale.text_with("mail-alarm-text", "n", meter.now);
            let text = text.replace("{link}", &app.origin().at("/operator/peace"));
            letters::write(app, &mut tx, &address, &subject, &text).await?;
        }
        if let Some(node) = &node {
            let job = Job::Notify {
                account: keeper,
                kind: jobs::Notice::Alarm,
                from: node.id,
                post: None,
            };
            jobs::enqueue(&mut tx, now, job).await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(holds)
}

/// A keeper of the peace, with their mail address and language where there is one.
type Keeper = (AccountId, Option<(String, Locale)>);

async fn keepers(tx: &mut Tx) -> sqlx::Result<Vec<Keeper>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", crew.rights FROM accounts LEFT JOIN crew ON crew.account_id = accounts.id WHERE accounts.kind = 'local' AND accounts.deleted_at IS NULL AND accounts.disabled_at IS NULL AND (accounts.role = 'host' OR crew.rights IS NOT NULL) LIMIT 200"))
        .all(&mut *tx)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let account = account_store::read(row)?;
        let rights: Option<String> = row.get("rights")?;
        let keeps = rights.is_some_and(|rights| rights.split(',').any(|right| right == "moderate"));
        if !account.is_host() && !keeps {
            continue;
        }
        let address = sign_in::store::address(&mut *tx, account.id).await?;
        let address =
            address.map(|(email, locale)| (email, Locale::of_header(&locale.unwrap_or_default())));
        found.push((account.id, address));
    }
    Ok(found)
}

/// Forgets what came long ago, and what was done and is over.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let now = app.clock.now();
    sql("DELETE FROM incoming WHERE bucket < $1")
        .bind(now.0 / PART - USUAL)
        .run(&app.db)
        .await?;
    sql("DELETE FROM incoming_authors WHERE bucket < $1")
        .bind(now.0 / PART - 1)
        .run(&app.db)
        .await?;
    sql("DELETE FROM calm WHERE until < $1")
        .bind(now)
        .run(&app.db)
        .await?;
    Ok(())
}
