//! Lists of addresses as personal invitations, with the proof that their owners agreed.

use std::collections::HashSet;
use std::time::Duration;

use super::invitations::{self, New};
use crate::accounts::dispatch::{self, OneOfMany};
use crate::accounts::{self, Account, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::csv::Table;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{self, AccountId, AudienceId};
use crate::locale::Locale;
use crate::nodes::house;

/// Most addresses of a list.
const MOST: usize = 5_000;
/// Most lines that are read.
const LINES: usize = 20_000;
/// Longest proof.
const PROOF: usize = 500;
/// How many addresses are done before the next turn.
const AT_ONCE: usize = 50;

/// A list as it was read.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Addresses with the language their owners read, where the list says so.
    pub addresses: Vec<(String, Locale)>,
    /// Lines that hold no address.
    pub unread: Vec<String>,
    /// How many stand there twice.
    pub twice: usize,
    /// How many do not want mail, or do not exist.
    pub stopped: usize,
    /// How many are members, or invited already.
    pub known: usize,
}

/// Reads a list: one address a line, or CSV with a column that is called `email` or `address`, and `language`.
///
/// # Errors
/// `Invalid` when it holds no address, or too many.
pub async fn read(app: &App, text: &str, locale: Locale) -> Result<List> {
    let mut list = List::default();
    let mut seen = HashSet::new();
    let mail = ["email", "e-mail", "mail", "address"];
    let reads_in = ["language", "locale", "lang"];
    let table = Table::read(text, &[&mail[..], &reads_in[..]].concat(), LINES);
    for line in &table.lines {
        let field = |names: &[&str]| names.iter().find_map(|name| table.field(line, name, None));
        let written = field(&mail).or_else(|| line.fields().find(|field| field.contains('@')));
        let Ok(address) = sign_in::fold_email(&written.unwrap_or_default().to_lowercase()) else {
            if list.unread.len() < 100 {
                list.unread.push(line.written.chars().take(80).collect());
            }
            continue;
        };
        if !seen.insert(address.clone()) {
            list.twice += 1;
            continue;
        }
        let reads = field(&reads_in).filter(|tag| !tag.is_empty());
        let reads = reads.map_or(locale, Locale::of_header);
        list.addresses.push((address, reads));
        if list.addresses.len() > MOST {
            return Err(Error::invalid_with("list", "error-too-many", MOST));
        }
    }
    if list.addresses.is_empty() {
        return Err(Error::invalid("list", "error-no-address"));
    }
    sort_out(app, &mut list).await?;
    Ok(list)
}

/// Leaves out who stopped such mail and who is here or invited already.
async fn sort_out(app: &App, list: &mut List) -> Result<()> {
    let mut left = Vec::new();
    for (address, locale) in list.addresses.drain(..) {
        if dispatch::is_stopped(&app.db, &address).await? {
            list.stopped += 1;
            continue;
        }
        if is_known(&app.db, &address, app.clock.now()).await? {
            list.known += 1;
        } else {
            left.push((address, locale));
        }
    }
    list.addresses = left;
    Ok(())
}

/// Whether an address is of a member, or has an invitation that counts.
async fn is_known(conn: impl Conn, address: &str, now: Time) -> sqlx::Result<bool> {
    let row = sql("SELECT 1 AS known WHERE EXISTS (SELECT 1 FROM credentials WHERE email = $1) OR EXISTS (SELECT 1 FROM invitations WHERE address = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2))")
        .bind(address)
        .bind(now)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// A list that is being invited.
#[derive(Clone, Debug)]
pub struct Inviting {
    /// How many addresses it has.
    pub total: i64,
    /// How many are done.
    pub done: i64,
    /// How many got an invitation.
    pub invited: i64,
    /// When it was brought.
    pub created_at: Time,
}

/// How the people of a list are invited.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// What shows that they agreed.
    pub proof: &'a str,
    /// How many days each invitation counts.
    pub days: Option<i64>,
    /// The tier they get.
    pub tier: Option<AudienceId>,
}

/// Takes a list in, with the proof noted; its people are invited in turns.
///
/// # Errors
/// `Invalid` without a proof.
pub async fn begin(
    tx: &mut Tx,
    now: Time,
    host: AccountId,
    list: &List,
    how: How<'_>,
) -> Result<()> {
    let proof = how.proof.trim();
    if proof.is_empty() || proof.chars().count() > PROOF {
        return Err(Error::invalid_with("proof", "error-proof", PROOF));
    }
    let lines: Vec<(&str, &str)> = list
        .addresses
        .iter()
        .map(|(address, locale)| (address.as_str(), locale.tag()))
        .collect();
    let number = id::mint(now);
    sql("INSERT INTO address_lists (id, account_id, proof, days, tier_id, lines, total, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(number)
        .bind(host)
        .bind(proof)
        .bind(how.days)
        .bind(how.tier)
        .bind(serde_json::to_string(&lines)?)
        .bind(i64::try_from(lines.len()).unwrap_or(i64::MAX))
        .bind(now)
        .run(&mut *tx)
        .await?;
    jobs::enqueue(tx, now, Job::InviteList(number)).await?;
    Ok(())
}

/// The lists of the last days, the newest first.
///
/// # Errors
/// What the database says.
pub async fn lists(app: &App) -> Result<Vec<Inviting>> {
    let rows =
        sql("SELECT total, done, invited, created_at FROM address_lists ORDER BY id DESC LIMIT 5")
            .all(&app.db)
            .await?;
    let read = |row: &Row| {
        Ok(Inviting {
            total: row.get("total")?,
            done: row.get("done")?,
            invited: row.get("invited")?,
            created_at: row.get("created_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Invites the next people of a list, and comes back for the rest. What is done is struck off with each of them, so
/// nobody is invited twice.
///
/// # Errors
/// What the database says.
pub async fn go_on(app: &App, number: i64) -> Result<()> {
    let row = sql("SELECT account_id, proof, days, tier_id, lines, total, done, invited, created_at FROM address_lists WHERE id = $1")
        .bind(number)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let lines: Vec<(String, String)> = serde_json::from_str(&row.get::<String>("lines")?)?;
    let host = accounts::get(app, row.get("account_id")?).await?;
    let (now, days) = (app.clock.now(), row.get::<Option<i64>>("days")?);
    let (proof, tier): (String, _) = (row.get("proof")?, row.get("tier_id")?);
    let few = lines.len().min(AT_ONCE);
    let mut invited = 0;
    for (address, tag) in &lines[..few] {
        let new = New {
            address: Some(address),
            tier,
            most: 1,
            days: days.and_then(|days| u64::try_from(days).ok()),
            ..New::default()
        };
        if host.is_active() && invite(app, &host, (&new, Locale::of_header(tag)), &proof).await? {
            invited += 1;
        }
    }
    let mut tx = app.db.begin().await?;
    sql("UPDATE address_lists SET lines = $2, done = total - $3, invited = invited + $4 WHERE id = $1")
        .bind(number)
        .bind(serde_json::to_string(&lines[few..])?)
        .bind(i64::try_from(lines.len() - few).unwrap_or(0))
        .bind(invited)
        .run(&mut tx)
        .await?;
    if few < lines.len() {
        jobs::enqueue(&mut tx, now, Job::InviteList(number)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Invites one address, unless it is known, invited or not to be written to by now; whether it was.
async fn invite(
    app: &App,
    host: &Account,
    (new, locale): (&New<'_>, Locale),
    proof: &str,
) -> Result<bool> {
    let address = new.address.unwrap_or_default();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let house = house::read(&mut tx).await?.name;
    dispatch::line_up(&mut tx).await?;
    if dispatch::is_stopped(&mut tx, address).await? || is_known(&mut tx, address, now).await? {
        return Ok(false);
    }
    let leaves = dispatch::turn(app, &mut tx).await?;
    let made = invitations::insert(&mut tx, host.id, new, (now, leaves)).await?;
    sql("UPDATE invitations SET consent = $1 WHERE id = $2")
        .bind(proof)
        .bind(made.id)
        .run(&mut tx)
        .await?;
    let text = locale
        .text_with("invite-text", "house", house.clone())
        .replace("{name}", host.shown_name())
        .replace("{link}", &invitations::link(app, &made.code));
    let mail = OneOfMany {
        to: address,
        subject: &locale.text_with("invite-subject", "house", house),
        body: &text,
        invitation: made.id,
        asked_for: false,
    };
    dispatch::write_bulk(app, &mut tx, mail, leaves).await?;
    tx.commit().await?;
    Ok(true)
}

/// Forgets lists that were done a month ago; what came of them stands with the invitations.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let before = app.clock.now().minus(Duration::from_secs(30 * 86_400));
    sql("DELETE FROM address_lists WHERE done >= total AND created_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    Ok(())
}
