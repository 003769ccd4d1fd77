//! Lists that are brought along: read at once, done line by line, with what could not be done.

use std::collections::VecDeque;
use std::time::Duration;

use super::Kind;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::csv::{self, Line, Table};
use crate::kernel::db::{Row, sql};
use crate::kernel::id;
use crate::kernel::origin::ascii_domain;
use crate::posts::{self, keep};
use crate::relations::{between, blocks, follows};
use crate::timelines::lists::{self, Edit};

/// Most lines of a list.
const LINES: usize = 20_000;
/// How many lines are done before the next turn.
const AT_ONCE: usize = 20;
/// How long a turn goes on before the next line.
const TURN: Duration = Duration::from_secs(8);
/// How long others have before the next turn.
const PAUSE: Duration = Duration::from_secs(1);
/// What stands before a line that is tried for the second time.
const AGAIN: char = '\u{1}';
/// A list that is being brought.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub kind: Kind,
    /// How many lines it has.
    pub total: i64,
    /// How many are done.
    pub done: i64,
    /// How many could not be done.
    pub failures: i64,
    /// The first of them.
    pub failed: Vec<String>,
    /// When it was brought.
    pub created_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Import> {
    let (kind, failed): (String, String) = (row.get("kind")?, row.get("failed")?);
    Ok(Import {
        id: row.get("id")?,
        kind: Kind::parse(&kind).unwrap_or(Kind::Following),
        total: row.get("total")?,
        done: row.get("done")?,
        failures: row.get("failures")?,
        failed: serde_json::from_str(&failed).unwrap_or_default(),
        created_at: row.get("created_at")?,
    })
}

/// The lines of a list as they are worked through: comma-separated, the columns in the order of Mastodon's lists.
fn lines(kind: Kind, text: &str) -> Vec<String> {
    let columns: &[&str] = match kind {
        Kind::Following => &["account address", "show boosts", "notify on new posts"],
        Kind::Blocks => &["account address"],
        Kind::Mutes => &["account address", "hide notifications"],
        Kind::Domains => &["domain"],
        Kind::Lists => &["list name", "account address"],
        Kind::Bookmarks => &[],
    };
    let table = Table::read(text, columns, LINES + 1);
    let ordered = |line: &Line| {
        if table.is_named() {
            let fields = columns.iter().map(|name| table.field(line, name, None));
            csv::write(fields.map(Option::unwrap_or_default))
        } else if kind == Kind::Bookmarks {
            // An address may hold any sign.
            line.written.trim().to_owned()
        } else {
            csv::write(line.fields())
        }
    };
    table.lines.iter().map(ordered).collect()
}

/// Takes a list in; it is done in turns.
///
/// # Errors
/// `Invalid` when it is empty or too long, or while another one is under way.
pub async fn begin(app: &App, member: &Account, kind: Kind, text: &str) -> Result<()> {
    let lines = lines(kind, text);
    if lines.is_empty() {
        return Err(Error::invalid("list", "error-import-empty"));
    }
    if lines.len() > LINES {
        return Err(Error::invalid_with("list", "error-too-many", LINES));
    }
    let now = app.clock.now();
    let id = id::mint(now);
    let mut tx = app.db.begin().await?;
    // Whoever brings two at the same moment waits for themselves here.
    sql("UPDATE accounts SET version = version WHERE id = $1")
        .bind(member.id)
        .run(&mut tx)
        .await?;
    let other = sql("SELECT id FROM imports WHERE account_id = $1 AND done < total LIMIT 1")
        .bind(member.id)
        .optional(&mut tx)
        .await?;
    if other.is_some() {
        return Err(Error::invalid("list", "error-import-busy"));
    }
    sql("INSERT INTO imports (id, account_id, kind, lines, total, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(member.id)
        .bind(kind.name())
        .bind(serde_json::to_string(&lines)?)
        .bind(i64::try_from(lines.len()).unwrap_or(i64::MAX))
        .bind(now)
        .run(&mut tx)
        .await?;
    jobs::enqueue(&mut tx, now, Job::Import(id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// The lists a member brought, the newest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: &Account) -> Result<Vec<Import>> {
    let rows = sql("SELECT id, kind, total, done, failures, failed, created_at FROM imports WHERE account_id = $1 ORDER BY id DESC LIMIT 20")
        .bind(member.id)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Does the next lines of a list, and comes back for the rest; one list at a time in a process, so that silent nodes
/// hold up nothing else.
///
/// # Errors
/// What the database says.
pub async fn go_on(app: &App, id: i64) -> Result<()> {
    let now = app.clock.now();
    let Ok(_turn) = app.importing.try_lock() else {
        return Ok(jobs::enqueue_at(&app.db, now, now.plus(PAUSE), Job::Import(id)).await?);
    };
    let row = sql("SELECT id, account_id, kind, lines, total, done, failed, created_at, failures FROM imports WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut import = read(&row)?;
    let mut left: VecDeque<String> = serde_json::from_str(&row.get::<String>("lines")?)?;
    let member = accounts::get(app, row.get("account_id")?).await?;
    if left.is_empty() || !member.is_active() {
        return Ok(());
    }
    let began = std::time::Instant::now();
    for _ in 0..AT_ONCE.min(left.len()) {
        let Some(line) = left.pop_front() else { break };
        match one(app, &member, import.kind, line.trim_start_matches(AGAIN)).await {
            Ok(()) => {}
            // A node that does not answer now may later, once.
            Err(Error::Unavailable(_)) if !line.starts_with(AGAIN) => {
                left.push_back(format!("{AGAIN}{line}"));
            }
            Err(_) => {
                import.failures += 1;
                if import.failed.len() < 500 {
                    let bare = line.trim_start_matches(AGAIN);
                    import.failed.push(bare.chars().take(120).collect());
                }
            }
        }
        if began.elapsed() > TURN {
            break;
        }
    }
    let mut tx = app.db.begin().await?;
    sql("UPDATE imports SET lines = $2, done = total - $3, failed = $4, failures = $5 WHERE id = $1")
        .bind(id)
        .bind(serde_json::to_string(&left)?)
        .bind(i64::try_from(left.len()).unwrap_or(0))
        .bind(serde_json::to_string(&import.failed)?)
        .bind(import.failures)
        .run(&mut tx)
        .await?;
    if !left.is_empty() {
        let at = app.clock.now().plus(PAUSE);
        jobs::enqueue_at(&mut tx, now, at, Job::Import(id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn named(app: &App, handle: &str) -> Result<Account> {
    match look_up::find(app, handle).await {
        Ok(Found::Account(account)) => Ok(account),
        Err(error) if error.is_passing() => Err(Error::unavailable("error-remote", error)),
        _ => Err(Error::NotFound),
    }
}

/// Whether a field says yes, or what it stands for where it says nothing.
fn says(fields: &[String], at: usize, otherwise: bool) -> bool {
    let said = fields.get(at).and_then(|field| csv::truth(field));
    said.unwrap_or(otherwise)
}

/// Does one line; twice is the same as once.
async fn one(app: &App, member: &Account, kind: Kind, line: &str) -> Result<()> {
    let fields = csv::fields(line, ',');
    let first = fields[0].trim();
    match kind {
        Kind::Following => {
            let other = named(app, first).await?;
            if other.id != member.id && follows::find(&app.db, member.id, other.id).await?.is_none()
            {
                follows::request(app, member, &other).await?;
                let (boosts, notify) = (says(&fields, 1, true), says(&fields, 2, false));
                let wishes = between::Wishes {
                    boosts: Some(boosts),
                    notify: Some(notify),
                    languages: None,
                };
                between::set_wishes(app, member.id, other.id, &wishes).await?;
            }
            Ok(())
        }
        Kind::Blocks => blocks::block(app, member, &named(app, first).await?).await,
        Kind::Mutes => {
            let other = named(app, first).await?;
            let mute = blocks::Mute {
                notifications: says(&fields, 1, true),
                ..blocks::Mute::WHOLE
            };
            blocks::set_muted(app, member, &other, Some(mute)).await
        }
        Kind::Domains => {
            let host = ascii_domain(first).ok_or(Error::NotFound)?;
            blocks::set_node_muted(app, member.id, &host, true).await
        }
        Kind::Lists => {
            let other = named(app, fields.get(1).ok_or(Error::NotFound)?.trim()).await?;
            let known = lists::list(app, member.id).await?;
            let list = match known.into_iter().find(|list| list.title == first) {
                Some(list) => list,
                None => {
                    let edit = Edit {
                        title: Some(first.to_owned()),
                        ..Edit::default()
                    };
                    lists::create(app, member.id, edit).await?
                }
            };
            // Lists hold whom one follows; what comes first is asked for first.
            if other.id != member.id && follows::find(&app.db, member.id, other.id).await?.is_none()
            {
                follows::request(app, member, &other).await?;
            }
            lists::set_people(app, member.id, list.id, &[other.id], true).await
        }
        Kind::Bookmarks => match look_up::find(app, first).await {
            // Only what they may see: else a list would tell what there is.
            Ok(Found::Post(post)) => {
                posts::get_for(app, Some(member), post.id).await?;
                keep::set_bookmark(app, member.id, post.id, true).await
            }
            Err(error) if error.is_passing() => Err(Error::unavailable("error-remote", error)),
            _ => Err(Error::NotFound),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, lines};

    #[test]
    fn lists_are_brought_into_one_order() {
        let ana = ["ana@a.example,true,"];
        for text in [
            "\u{feff}Account address,Show boosts\nana@a.example,true\n\n",
            "Show boosts;Account address\ntrue;ana@a.example",
            "account address\tShow Boosts\nana@a.example\ttrue\n",
        ] {
            assert_eq!(lines(Kind::Following, text), ana, "{text}");
        }
        let domains = "#domain\ndomainparking.example\ndomain.example";
        assert_eq!(
            lines(Kind::Domains, domains),
            ["domainparking.example", "domain.example"]
        );
        let bare = "domains@x.example\nDomain people,ana@a.example";
        assert_eq!(lines(Kind::Following, bare).len(), 2);
        let address = "https://a.example/?a=1,2;3";
        assert_eq!(lines(Kind::Bookmarks, address), [address]);
    }
}
