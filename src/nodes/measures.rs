//! Measures on other nodes: suspended, silenced, without media or reports; lists of them; and a house that talks to
//! named nodes only. A measure on a name also covers what is below it and any port.

use std::collections::{HashMap, HashSet};

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::origin::{ascii_domain, covering};

/// The columns of `node_blocks` that are read.
macro_rules! node_block_columns {
    () => {
        "node_blocks.host, node_blocks.severity, node_blocks.reject_media, node_blocks.reject_reports, node_blocks.comment"
    };
}

/// Longest comment.
pub(super) const COMMENT: usize = 500;

/// How much is done about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing by itself.
    Noop,
    /// Its people stand on no public list.
    Silence,
    /// Nothing is taken from it, fetched from it or sent to it.
    Suspend,
}

impl Severity {
    /// All of them, from mild to strict.
    pub const ALL: [Self; 3] = [Self::Noop, Self::Silence, Self::Suspend];

    /// Its name in the database, in messages and in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Silence => "silence",
            Self::Suspend => "suspend",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

/// What is done about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its host.
    pub host: String,
    /// How much.
    pub severity: Severity,
    /// Whether nothing but text is taken from it.
    pub reject_media: bool,
    /// Whether its reports count for nothing.
    pub reject_reports: bool,
    /// Why, for everybody.
    pub comment: String,
}

/// What a measure would cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// People of the node that are known here.
    pub people: i64,
    /// Their follows of people here.
    pub followers: i64,
    /// Follows of them by people here.
    pub followed: i64,
}

fn read(row: &Row) -> sqlx::Result<Measure> {
    let severity: String = row.get("severity")?;
    Ok(Measure {
        host: row.get("host")?,
        // What cannot be read is taken as strict.
        severity: Severity::parse(&severity).unwrap_or(Severity::Suspend),
        reject_media: row.get("reject_media")?,
        reject_reports: row.get("reject_reports")?,
        comment: row.get("comment")?,
    })
}

/// All measures, by host.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Measure>> {
    Ok(all(&app.db).await?)
}

async fn all(conn: impl Conn) -> sqlx::Result<Vec<Measure>> {
    let rows = sql(concat!(
        "SELECT ",
        node_block_columns!(),
        " FROM node_blocks ORDER BY host"
    ))
    .all(conn)
    .await?;
    rows.iter().map(read).collect()
}

/// What is done about a host, by its name or one above it, taken together.
///
/// # Errors
/// What the database says.
pub async fn about(app: &App, host: &str) -> Result<Measure> {
    let names = serde_json::to_string(&covering(host))?;
    let rows = sql(concat!(
        "SELECT ",
        node_block_columns!(),
        " FROM node_blocks WHERE host IN (SELECT value FROM json_each($1))"
    ))
    .on_postgres(concat!(
        "SELECT ",
        node_block_columns!(),
        " FROM node_blocks WHERE host IN (SELECT jsonb_array_elements_text($1::jsonb))"
    ))
    .bind(names)
    .all(&app.db)
    .await?;
    let mut together = Measure {
        host: host.to_owned(),
        severity: Severity::Noop,
        reject_media: false,
        reject_reports: false,
        comment: String::new(),
    };
    for row in &rows {
        let one = read(row)?;
        together.severity = together.severity.max(one.severity);
        together.reject_media |= one.reject_media;
        together.reject_reports |= one.reject_reports;
    }
    Ok(together)
}

/// Does something about a node, for who is known from there and for who comes; its host. Whoever commits it calls
/// [`enforce`], so that it counts at once; where they do not come to that, the job does.
///
/// # Errors
/// `Invalid` when it is no domain or our own.
pub async fn set(app: &App, tx: &mut Tx, measure: &Measure) -> Result<String> {
    let host = ascii_domain(&measure.host).ok_or_else(|| Error::invalid("host", "error-domain"))?;
    if host == app.origin().authority() {
        return Err(Error::invalid("host", "error-own-domain"));
    }
    if measure.comment.chars().count() > COMMENT {
        return Err(Error::invalid_with("comment", "error-too-long", COMMENT));
    }
    let now = app.clock.now();
    let measure = Measure {
        host,
        ..measure.clone()
    };
    insert(&mut *tx, &measure, now).await?;
    jobs::enqueue(tx, now, Job::EnforceNodes).await?;
    Ok(measure.host)
}

/// Takes a list over: what is stricter already stays so, and our own name on it cuts nothing; how many counted.
///
/// # Errors
/// What the database says.
pub async fn set_all(app: &App, tx: &mut Tx, measures: &[Measure]) -> Result<usize> {
    let known: HashMap<String, Measure> = all(&mut *tx)
        .await?
        .into_iter()
        .map(|one| (one.host.clone(), one))
        .collect();
    let (own, now) = (app.origin().authority().to_owned(), app.clock.now());
    let mut counted = 0;
    for one in measures.iter().filter(|one| one.host != own) {
        let together = match known.get(&one.host) {
            Some(before) => Measure {
                severity: one.severity.max(before.severity),
                reject_media: one.reject_media || before.reject_media,
                reject_reports: one.reject_reports || before.reject_reports,
                ..one.clone()
            },
            None => one.clone(),
        };
        insert(&mut *tx, &together, now).await?;
        counted += 1;
    }
    // A long list takes its time, and goes on where it was cut off.
    jobs::enqueue(tx, now, Job::EnforceNodes).await?;
    Ok(counted)
}

async fn insert(tx: &mut Tx, measure: &Measure, now: Time) -> sqlx::Result<()> {
    sql("INSERT INTO node_blocks (host, severity, reject_media, reject_reports, comment, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (host) DO UPDATE SET severity = EXCLUDED.severity, reject_media = EXCLUDED.reject_media, reject_reports = EXCLUDED.reject_reports, comment = EXCLUDED.comment")
        .bind(&measure.host)
        .bind(measure.severity.name())
        .bind(measure.reject_media)
        .bind(measure.reject_reports)
        .bind(measure.comment.trim())
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// Does to every known host what the measures together say: suspended, its follows and what waits for it end;
/// silenced, its people stand on no public list; else they do again.
///
/// # Errors
/// What the database says.
pub async fn enforce(app: &App) -> Result<()> {
    let by_name: HashMap<String, Severity> = list(app)
        .await?
        .into_iter()
        .map(|one| (one.host, one.severity))
        .collect();
    let rows = sql("SELECT host, CAST(MAX(CASE WHEN limited_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS limited FROM accounts WHERE host <> '' GROUP BY host UNION SELECT host, CAST(0 AS BIGINT) AS limited FROM nodes WHERE host NOT IN (SELECT host FROM accounts)")
        .all(&app.db)
        .await?;
    let now = app.clock.now();
    let mut cut = false;
    for row in &rows {
        let (host, limited): (String, bool) = (row.get("host")?, row.get("limited")?);
        let severities = covering(&host)
            .into_iter()
            .filter_map(|name| by_name.get(&name).copied());
        let severity = severities.max().unwrap_or(Severity::Noop);
        let mut tx = app.db.begin().await?;
        if severity == Severity::Suspend {
            store::sever(&mut tx, &host).await?;
            cut = true;
        }
        let quiet = severity >= Severity::Silence;
        if quiet || limited {
            sql("UPDATE accounts SET limited_at = $2 WHERE host = $1")
                .bind(&host)
                .bind(quiet.then_some(now))
                .run(&mut tx)
                .await?;
        }
        tx.commit().await?;
    }
    if cut {
        let mut tx = app.db.begin().await?;
        store::recount_follows(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes a measure back; follows that ended stay ended.
///
/// # Errors
/// What the database says.
pub async fn remove(app: &App, host: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    remove_in(&mut tx, app.clock.now(), host).await?;
    tx.commit().await?;
    enforce(app).await
}

/// As [`remove`], together with what else belongs to it; whether there was one. It is enforced as after [`set`].
///
/// # Errors
/// What the database says.
pub async fn remove_in(tx: &mut Tx, now: Time, host: &str) -> sqlx::Result<bool> {
    let touched = sql("DELETE FROM node_blocks WHERE host = $1")
        .bind(host)
        .run(&mut *tx)
        .await?;
    jobs::enqueue(tx, now, Job::EnforceNodes).await?;
    Ok(touched > 0)
}

/// What suspending each of several hosts would cut.
///
/// # Errors
/// What the database says.
pub async fn cuts(app: &App, names: &[&str]) -> Result<Vec<Cut>> {
    let mut by_name: HashMap<String, Cut> = HashMap::new();
    let counted = [
        sql(
            "SELECT host, COUNT(*) AS n FROM accounts WHERE host <> '' AND deleted_at IS NULL GROUP BY host",
        ),
        sql(
            "SELECT accounts.host, COUNT(*) AS n FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE accounts.host <> '' GROUP BY accounts.host",
        ),
        sql(
            "SELECT accounts.host, COUNT(*) AS n FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE accounts.host <> '' GROUP BY accounts.host",
        ),
    ];
    for (which, query) in counted.into_iter().enumerate() {
        for row in query.all(&app.db).await? {
            let (host, count): (String, i64) = (row.get("host")?, row.get("n")?);
            for name in covering(&host) {
                let cut = by_name.entry(name).or_default();
                match which {
                    0 => cut.people += count,
                    1 => cut.followers += count,
                    _ => cut.followed += count,
                }
            }
        }
    }
    let of = |name: &&str| by_name.get(*name).copied().unwrap_or_default();
    Ok(names.iter().map(of).collect())
}

/// The nodes with which there are follows and that nobody named: what a house would lose that talks to named ones only.
///
/// # Errors
/// What the database says.
pub async fn unnamed(app: &App) -> Result<Vec<Measure>> {
    let rows = sql("SELECT DISTINCT accounts.host FROM accounts WHERE accounts.host <> '' AND (EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = accounts.id) OR EXISTS (SELECT 1 FROM follows WHERE follows.followee_id = accounts.id)) ORDER BY accounts.host LIMIT 5000")
        .all(&app.db)
        .await?;
    let named: HashSet<String> = super::named::list(app).await?.into_iter().collect();
    let mut found = Vec::new();
    for row in &rows {
        let host: String = row.get("host")?;
        if !covering(&host).iter().any(|name| named.contains(name)) {
            found.push(Measure {
                host,
                severity: Severity::Suspend,
                reject_media: false,
                reject_reports: false,
                comment: String::new(),
            });
        }
    }
    Ok(found)
}

/// Notes on a new account that its node is silenced.
///
/// # Errors
/// What the database says.
pub async fn limit_new(
    tx: &mut Tx,
    account: crate::kernel::id::AccountId,
    host: &str,
    now: Time,
) -> sqlx::Result<()> {
    for name in covering(host) {
        sql("UPDATE accounts SET limited_at = $2 WHERE id = $1 AND limited_at IS NULL AND EXISTS (SELECT 1 FROM node_blocks WHERE host = $3 AND severity <> 'noop')")
            .bind(account)
            .bind(now)
            .bind(name)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}
