//! Measures on other nodes: suspended, silenced, without media or reports; lists of them; and a house that talks to
//! named nodes only. A measure on a name also covers what is below it and any port.

use std::collections::BTreeMap;

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::origin::{ascii_domain, covering};

/// Longest comment.
const COMMENT: usize = 500;
/// Most lines of a list.
const LINES: usize = 20_000;
/// The first line of a list, as Mastodon writes it.
const HEAD: &str = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate";

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
    let rows = sql("SELECT * FROM node_blocks ORDER BY host")
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// What is done about a host, by its name or one above it, taken together.
///
/// # Errors
/// What the database says.
pub async fn about(app: &App, host: &str) -> Result<Measure> {
    let names = serde_json::to_string(&covering(host))?;
    let rows = sql("SELECT * FROM node_blocks WHERE host IN (SELECT value FROM json_each($1))")
        .on_postgres(
            "SELECT * FROM node_blocks WHERE host IN (SELECT jsonb_array_elements_text($1::jsonb))",
        )
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

/// Does something about a node: it counts at once, for who is known from there and for who comes.
///
/// # Errors
/// `Invalid` when it is no domain or our own.
pub async fn set(app: &App, measure: &Measure) -> Result<()> {
    let host = ascii_domain(&measure.host).ok_or_else(|| Error::invalid("host", "error-domain"))?;
    if host == app.origin().authority() {
        return Err(Error::invalid("host", "error-own-domain"));
    }
    if measure.comment.chars().count() > COMMENT {
        return Err(Error::invalid_with("comment", "error-too-long", COMMENT));
    }
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO node_blocks (host, severity, reject_media, reject_reports, comment, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (host) DO UPDATE SET severity = EXCLUDED.severity, reject_media = EXCLUDED.reject_media, reject_reports = EXCLUDED.reject_reports, comment = EXCLUDED.comment")
        .bind(&host)
        .bind(measure.severity.name())
        .bind(measure.reject_media)
        .bind(measure.reject_reports)
        .bind(measure.comment.trim())
        .bind(app.clock.now())
        .run(&mut tx)
        .await?;
    if measure.severity == Severity::Suspend {
        store::sever(&mut tx, &host).await?;
    }
    tx.commit().await?;
    limit_anew(app, &host).await
}

/// Takes a measure back; follows that ended stay ended.
///
/// # Errors
/// What the database says.
pub async fn remove(app: &App, host: &str) -> Result<()> {
    sql("DELETE FROM node_blocks WHERE host = $1")
        .bind(host)
        .run(&app.db)
        .await?;
    limit_anew(app, host).await
}

/// The hosts we know at and below a name.
async fn hosts_below(app: &App, name: &str) -> Result<Vec<String>> {
    let rows = sql("SELECT DISTINCT host FROM accounts WHERE host <> ''")
        .all(&app.db)
        .await?;
    let hosts: Vec<String> = rows
        .iter()
        .map(|row| row.get("host"))
        .collect::<sqlx::Result<_>>()?;
    let below = |host: &String| covering(host).iter().any(|one| one == name);
    Ok(hosts.into_iter().filter(below).collect())
}

/// Notes on who is known from a host whether their node is silenced now.
async fn limit_anew(app: &App, name: &str) -> Result<()> {
    for host in hosts_below(app, name).await? {
        let silenced = about(app, &host).await?.severity == Severity::Silence;
        sql("UPDATE accounts SET limited_at = $2 WHERE host = $1 AND (limited_at IS NULL) = ($2 IS NOT NULL)")
            .on_postgres("UPDATE accounts SET limited_at = CAST($2 AS BIGINT) WHERE host = $1 AND (limited_at IS NULL) = (CAST($2 AS BIGINT) IS NOT NULL)")
            .bind(&host)
            .bind(silenced.then(|| app.clock.now()))
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// What suspending a host would cut.
///
/// # Errors
/// What the database says.
pub async fn cut(app: &App, name: &str) -> Result<Cut> {
    let mut cut = Cut::default();
    for host in hosts_below(app, name).await? {
        let row = sql("SELECT (SELECT COUNT(*) FROM accounts WHERE host = $1 AND deleted_at IS NULL) AS people, (SELECT COUNT(*) FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE accounts.host = $1) AS followers, (SELECT COUNT(*) FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE accounts.host = $1) AS followed")
            .bind(&host)
            .one(&app.db)
            .await?;
        cut.people += row.get::<i64>("people")?;
        cut.followers += row.get::<i64>("followers")?;
        cut.followed += row.get::<i64>("followed")?;
    }
    Ok(cut)
}

/// Whether the house talks to named nodes only.
///
/// # Errors
/// What the database says.
pub async fn names_only(app: &App) -> Result<bool> {
    let kept = store::state(&app.db, "federation.names_only").await?;
    Ok(kept.as_deref() == Some("1"))
}

/// Lets the house talk to named nodes only, or to all that are not suspended.
///
/// # Errors
/// What the database says.
pub async fn set_names_only(app: &App, only: bool) -> Result<()> {
    let value = if only { "1" } else { "0" };
    Ok(store::set_state(&app.db, "federation.names_only", value).await?)
}

/// The nodes such a house talks to.
///
/// # Errors
/// What the database says.
pub async fn named(app: &App) -> Result<Vec<String>> {
    let rows = sql("SELECT host FROM node_allows ORDER BY host")
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("host"))
        .collect::<sqlx::Result<_>>()?)
}

/// Names a node, or no longer.
///
/// # Errors
/// `Invalid` when it is no domain.
pub async fn name(app: &App, host: &str, wanted: bool) -> Result<()> {
    let host = ascii_domain(host).ok_or_else(|| Error::invalid("named", "error-domain"))?;
    let statement = if wanted {
        sql("INSERT INTO node_allows (host, created_at) VALUES ($1, $2) ON CONFLICT (host) DO NOTHING")
            .bind(host)
            .bind(app.clock.now())
    } else {
        sql("DELETE FROM node_allows WHERE host = $1").bind(host)
    };
    statement.run(&app.db).await?;
    Ok(())
}

/// Whether a house that talks to named nodes only talks to this one.
pub(super) async fn is_named(app: &App, host: &str) -> Result<bool> {
    let names = covering(host);
    Ok(named(app).await?.iter().any(|one| names.contains(one)))
}

/// Notes on a new account that its node is silenced.
///
/// # Errors
/// What the database says.
pub async fn limit_new(
    tx: &mut Tx,
    account: crate::kernel::id::AccountId,
    host: &str,
    now: crate::kernel::clock::Time,
) -> sqlx::Result<()> {
    for name in covering(host) {
        sql("UPDATE accounts SET limited_at = $2 WHERE id = $1 AND limited_at IS NULL AND EXISTS (SELECT 1 FROM node_blocks WHERE host = $3 AND severity = 'silence')")
            .bind(account)
            .bind(now)
            .bind(name)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The measures as a list that Mastodon reads.
pub fn write_csv(measures: &[Measure]) -> String {
    let mut text = format!("{HEAD}\n");
    for one in measures {
        let comment = one.comment.replace('"', "\"\"");
        text.push_str(&format!(
            "{},{},{},{},\"{comment}\",false\n",
            one.host,
            one.severity.name(),
            one.reject_media,
            one.reject_reports
        ));
    }
    text
}

/// Reads a list as Mastodon writes it, or one host a line; with the lines that could not be read.
pub fn read_csv(text: &str) -> (Vec<Measure>, Vec<String>) {
    let mut columns: BTreeMap<String, usize> = BTreeMap::from([("domain".to_owned(), 0)]);
    let (mut found, mut unread): (Vec<Measure>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().take(LINES).enumerate() {
        let fields = crate::kernel::text::csv_fields(line);
        let first = fields[0].trim().trim_start_matches('#').to_lowercase();
        if at == 0 && first == "domain" {
            let name = |field: &String| field.trim().trim_start_matches('#').to_lowercase();
            columns = fields.iter().map(name).zip(0..).collect();
            continue;
        }
        if line.trim().is_empty() || (line.starts_with('#') && fields.len() == 1) {
            continue;
        }
        let field = |name: &str| columns.get(name).and_then(|at| fields.get(*at));
        let text = |name: &str| field(name).map(|text| text.trim()).unwrap_or_default();
        let severity = match text("severity") {
            "" => Some(Severity::Suspend),
            name => Severity::parse(name),
        };
        match (ascii_domain(text("domain")), severity) {
            (Some(host), Some(severity)) => found.push(Measure {
                host,
                severity,
                reject_media: text("reject_media").eq_ignore_ascii_case("true"),
                reject_reports: text("reject_reports").eq_ignore_ascii_case("true"),
                comment: text("public_comment").chars().take(COMMENT).collect(),
            }),
            _ => unread.push(line.chars().take(80).collect()),
        }
    }
    found.sort_by(|one, other| one.host.cmp(&other.host));
    found.dedup_by(|one, other| one.host == other.host);
    (found, unread)
}

#[cfg(test)]
mod tests {
    use super::{Severity, read_csv, write_csv};

    #[test]
    fn lists_are_read_as_they_are_written() {
        let text = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\nspam.example,suspend,true,true,\"bad, \"\"very\"\" bad\",false\nloud.example,silence,false,false,,false\nnot a domain,suspend,,,,\nodd.example,explode,,,,\n";
        let (found, unread) = read_csv(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].comment, "bad, \"very\" bad");
        assert_eq!(found[0].severity, Severity::Silence);
        assert_eq!(unread.len(), 2);
        assert_eq!(read_csv(&write_csv(&found)).0, found);
        let (plain, _) = read_csv("spam.example\n\n# a comment\nloud.example\n");
        assert_eq!(plain.len(), 2);
        assert!(plain.iter().all(|one| one.severity == Severity::Suspend));
    }
}
