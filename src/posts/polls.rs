//! Polls: asked, answered, closed.

use super::Post;
use std::time::Duration;

use super::arrive;
use super::compose::NewPoll;
use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, PostId};

/// The columns of `polls` that are read.
macro_rules! poll_columns {
    () => {
        "polls.post_id, polls.multiple, polls.hides_totals, polls.voters_count, polls.expires_at, polls.closed_at"
    };
}

/// A poll with its count.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The post it belongs to.
    pub post: PostId,
    /// Whether several may be chosen.
    pub multiple: bool,
    /// Whether the votes are shown only when it is over.
    pub hides_totals: bool,
    /// How many voted.
    pub voters: i64,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// When it was closed.
    pub closed_at: Option<Time>,
    /// Titles and votes.
    pub options: Vec<(String, i64)>,
}

impl Poll {
    /// Whether it takes no more votes.
    pub fn is_over(&self, now: Time) -> bool {
        self.closed_at.is_some() || self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether the votes for each choice are shown.
    pub fn shows_totals(&self, now: Time) -> bool {
        !self.hides_totals || self.is_over(now)
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    post: PostId,
    poll: &NewPoll,
    expires_at: Time,
    now: Time,
) -> sqlx::Result<()> {
    sql("INSERT INTO polls (post_id, multiple, expires_at, hides_totals) VALUES ($1, $2, $3, $4)")
        .bind(post)
        .bind(poll.multiple)
        .bind(expires_at)
        .bind(poll.hides_totals)
        .run(&mut *tx)
        .await?;
    for (position, title) in (0_i64..).zip(&poll.options) {
        sql("INSERT INTO poll_options (post_id, position, title) VALUES ($1, $2, $3)")
            .bind(post)
            .bind(position)
            .bind(title.trim())
            .run(&mut *tx)
            .await?;
    }
    jobs::enqueue_at(&mut *tx, now, expires_at, Job::ClosePoll(post)).await
}

/// Changes the poll of a post of ours, or gives it one. With other choices what was voted so far is void.
pub(super) async fn rewrite(
    tx: &mut Tx,
    post: PostId,
    poll: &NewPoll,
    now: Time,
) -> sqlx::Result<()> {
    let lasts = Duration::from_secs(u64::try_from(poll.seconds).unwrap_or(0));
    let expires_at = now.plus(lasts);
    let Some(known) = find(&mut *tx, post).await? else {
        sql("UPDATE posts SET kind = 'question' WHERE id = $1")
            .bind(post)
            .run(&mut *tx)
            .await?;
        return insert(tx, post, poll, expires_at, now).await;
    };
    let titles = known.options.iter().map(|(title, _)| title.as_str());
    let same =
        known.multiple == poll.multiple && titles.eq(poll.options.iter().map(|title| title.trim()));
    if same {
        sql("UPDATE polls SET hides_totals = $2, expires_at = $3, closed_at = NULL WHERE post_id = $1")
            .bind(post)
            .bind(poll.hides_totals)
            .bind(expires_at)
            .run(&mut *tx)
            .await?;
        return jobs::enqueue_at(tx, now, expires_at, Job::ClosePoll(post)).await;
    }
    for statement in [
        sql("DELETE FROM poll_votes WHERE post_id = $1"),
        sql("DELETE FROM poll_options WHERE post_id = $1"),
        sql("DELETE FROM polls WHERE post_id = $1"),
    ] {
        statement.bind(post).run(&mut *tx).await?;
    }
    insert(tx, post, poll, expires_at, now).await
}

/// Writes a remote poll, or its newer counts.
pub(super) async fn write_arrived(
    tx: &mut Tx,
    post: PostId,
    poll: &arrive::Poll,
    now: Time,
) -> sqlx::Result<()> {
    let known = find(&mut *tx, post).await?;
    sql("INSERT INTO polls (post_id, multiple, voters_count, expires_at, closed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (post_id) DO UPDATE SET multiple = EXCLUDED.multiple, voters_count = EXCLUDED.voters_count, expires_at = EXCLUDED.expires_at, closed_at = EXCLUDED.closed_at")
        .bind(post)
        .bind(poll.multiple)
        .bind(poll.voters)
        .bind(poll.expires_at)
        .bind(poll.closed_at)
        .run(&mut *tx)
        .await?;
    let same = known.as_ref().is_some_and(|known| {
        known
            .options
            .iter()
            .map(|(title, _)| title)
            .eq(poll.options.iter().map(|(title, _)| title))
    });
    if !same {
        sql("DELETE FROM poll_votes WHERE post_id = $1")
            .bind(post)
            .run(&mut *tx)
            .await?;
        sql("DELETE FROM poll_options WHERE post_id = $1")
            .bind(post)
            .run(&mut *tx)
            .await?;
    }
    for (position, (title, votes)) in (0_i64..).zip(&poll.options) {
        sql("INSERT INTO poll_options (post_id, position, title, votes_count) VALUES ($1, $2, $3, $4) ON CONFLICT (post_id, position) DO UPDATE SET votes_count = EXCLUDED.votes_count")
            .bind(post)
            .bind(position)
            .bind(title)
            .bind(*votes)
            .run(&mut *tx)
            .await?;
    }
    if let (None, Some(expires_at)) = (known, poll.expires_at.filter(|at| *at > now)) {
        jobs::enqueue_at(&mut *tx, now, expires_at, Job::ClosePoll(post)).await?;
    }
    Ok(())
}

async fn find(tx: &mut Tx, post: PostId) -> sqlx::Result<Option<Poll>> {
    let rows = sql(concat!("SELECT ", poll_columns!(), ", poll_options.title, poll_options.votes_count FROM polls JOIN poll_options ON poll_options.post_id = polls.post_id WHERE polls.post_id = $1 ORDER BY position")).bind(post).all(&mut *tx).await?;
    read(&rows)
}

fn read(rows: &[Row]) -> sqlx::Result<Option<Poll>> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Poll {
        post: row.get("post_id")?,
        multiple: row.get("multiple")?,
        hides_totals: row.get("hides_totals")?,
        voters: row.get("voters_count")?,
        expires_at: row.get("expires_at")?,
        closed_at: row.get("closed_at")?,
        options: rows
            .iter()
            .map(|row| Ok((row.get("title")?, row.get("votes_count")?)))
            .collect::<sqlx::Result<_>>()?,
    }))
}

/// The poll of a post, if it has one.
///
/// # Errors
/// What the database says.
pub async fn of_post(app: &App, post: PostId) -> Result<Option<Poll>> {
    let rows = sql(concat!("SELECT ", poll_columns!(), ", poll_options.title, poll_options.votes_count FROM polls JOIN poll_options ON poll_options.post_id = polls.post_id WHERE polls.post_id = $1 ORDER BY position")).bind(post).all(&app.db).await?;
    Ok(read(&rows)?)
}

/// What an account chose.
///
/// # Errors
/// What the database says.
pub async fn votes_of(conn: impl Conn, account: AccountId, post: PostId) -> sqlx::Result<Vec<i64>> {
    let rows = sql(
        "SELECT position FROM poll_votes WHERE post_id = $1 AND account_id = $2 ORDER BY position",
    )
    .bind(post)
    .bind(account)
    .all(conn)
    .await?;
    rows.iter().map(|row| row.get("position")).collect()
}

/// A member votes: once for each poll, and once for each choice where several may be chosen.
///
/// # Errors
/// `Invalid` when the poll is over, was answered already or has no such choice.
pub async fn vote(app: &App, voter: &Account, post: &Post, choices: &[i64]) -> Result<()> {
    let poll = of_post(app, post.id).await?.ok_or(Error::NotFound)?;
    let now = app.clock.now();
    let mut choices = choices.to_vec();
    choices.sort_unstable();
    choices.dedup();
    let sound = !choices.is_empty()
        && choices
            .iter()
            .all(|choice| usize::try_from(*choice).is_ok_and(|at| at < poll.options.len()));
    if !sound || (!poll.multiple && choices.len() > 1) {
        return Err(Error::invalid("poll", "error-vote"));
    }
    if poll.is_over(now) {
        return Err(Error::invalid("poll", "error-poll-over"));
    }
    let mut tx = app.db.begin().await?;
    lock(&mut tx, post.id).await?;
    let before = votes_of(&mut tx, voter.id, post.id).await?;
    choices.retain(|choice| !poll.multiple || !before.contains(choice));
    let again = choices.is_empty() || (!poll.multiple && !before.is_empty());
    if post.account == voter.id || again {
        return Err(Error::invalid("poll", "error-voted"));
    }
    for choice in &choices {
        count(&mut tx, voter.id, post.id, *choice, now).await?;
    }
    if !voter.is_local() || app.origin().owns(&post.uri) {
        // Many votes of a short while are told together.
        let soon = now.plus(Duration::from_secs(5));
        let edit = Job::SendEdit {
            post: post.id,
            version: -1,
        };
        jobs::enqueue_once(&mut tx, now, soon, edit).await?;
    } else {
        jobs::enqueue(
            &mut tx,
            now,
            Job::SendVotes {
                account: voter.id,
                post: post.id,
            },
        )
        .await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A vote arrived, as the title of a choice; several may come one by one.
///
/// # Errors
/// What the database says.
pub async fn receive(app: &App, voter: &Account, post: &Post, title: &str) -> Result<()> {
    let Some(poll) = of_post(app, post.id).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let Some(choice) = poll.options.iter().position(|(option, _)| option == title) else {
        return Ok(());
    };
    let mut tx = app.db.begin().await?;
    lock(&mut tx, post.id).await?;
    let before = votes_of(&mut tx, voter.id, post.id).await?;
    if poll.is_over(now) || (!poll.multiple && !before.is_empty()) {
        return Ok(());
    }
    count(
        &mut tx,
        voter.id,
        post.id,
        i64::try_from(choice).unwrap_or(0),
        now,
    )
    .await?;
    // Many votes make one message.
    let job = Job::SendEdit {
        post: post.id,
        version: -1,
    };
    jobs::enqueue_once(&mut tx, now, now.plus(Duration::from_secs(60)), job).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Takes the poll, so that two votes of one person are counted one after the other.
async fn lock(tx: &mut Tx, post: PostId) -> sqlx::Result<()> {
    sql("UPDATE polls SET multiple = multiple WHERE post_id = $1")
        .bind(post)
        .run(&mut *tx)
        .await?;
    Ok(())
}

async fn count(
    tx: &mut Tx,
    voter: AccountId,
    post: PostId,
    choice: i64,
    now: Time,
) -> sqlx::Result<()> {
    let first = votes_of(&mut *tx, voter, post).await?.is_empty();
    let touched = sql("INSERT INTO poll_votes (post_id, account_id, position, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (post_id, account_id, position) DO NOTHING")
        .bind(post)
        .bind(voter)
        .bind(choice)
        .bind(now)
        .run(&mut *tx)
        .await?;
    if touched == 1 {
        sql("UPDATE poll_options SET votes_count = votes_count + 1 WHERE post_id = $1 AND position = $2")
            .bind(post)
            .bind(choice)
            .run(&mut *tx)
            .await?;
        if first {
            sql("UPDATE polls SET voters_count = voters_count + 1 WHERE post_id = $1")
                .bind(post)
                .run(&mut *tx)
                .await?;
        }
    }
    Ok(())
}

/// Closes a poll whose time is up, and tells its author and the members who voted.
///
/// # Errors
/// What the database says.
pub async fn close(app: &App, post: &Post) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let touched = sql("UPDATE polls SET closed_at = $1 WHERE post_id = $2 AND closed_at IS NULL AND expires_at <= $1")
        .bind(now)
        .bind(post.id)
        .run(&mut tx)
        .await?;
    if touched == 1 {
        let rows = sql(concat!("SELECT DISTINCT ", crate::account_columns!(), " FROM accounts WHERE kind = 'local' AND (id = $1 OR id IN (SELECT account_id FROM poll_votes WHERE post_id = $2)) LIMIT 5000")).bind(post.account).bind(post.id).all(&mut tx).await?;
        for account in account_store::read_all(&rows)? {
            jobs::enqueue(
                &mut tx,
                now,
                Job::Notify {
                    account: account.id,
                    kind: Notice::Poll,
                    from: post.account,
                    post: Some(post.id),
                },
            )
            .await?;
        }
        if app.origin().owns(&post.uri) {
            jobs::enqueue(
                &mut tx,
                now,
                Job::SendEdit {
                    post: post.id,
                    version: -1,
                },
            )
            .await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
