//! Who hears of a post that is seen from now on.

use super::{Post, counts};
use crate::accounts::Account;
use crate::audiences::Audience;
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::relations::between;

/// Does what follows from a post that is seen from now on: its thread counts it, and whom it concerns is told.
pub(super) async fn announce(
    tx: &mut Tx,
    post: &Post,
    mentioned: &[Account],
    now: Time,
) -> sqlx::Result<()> {
    counts::count(&mut *tx, post, 1, Some(post.created_at)).await?;
    tell_mentioned(&mut *tx, post, mentioned, now).await?;
    tell_listeners(&mut *tx, post, now).await?;
    news::tell(tx, now, &News::Post(post.id)).await
}

/// Tells the mentioned whose home is here; at most twenty.
pub(super) async fn tell_mentioned(
    tx: &mut Tx,
    post: &Post,
    mentioned: &[Account],
    now: Time,
) -> sqlx::Result<()> {
    for account in mentioned
        .iter()
        .filter(|account| account.is_local() && account.id != post.account)
        .take(20)
    {
        let job = Job::Notify {
            account: account.id,
            kind: Notice::Mention,
            from: post.account,
            post: Some(post.id),
        };
        jobs::enqueue(&mut *tx, now, job).await?;
    }
    Ok(())
}

/// Tells the members who want to hear of every post of this author; answers are not told of.
pub(super) async fn tell_listeners(tx: &mut Tx, post: &Post, now: Time) -> sqlx::Result<()> {
    let answers = post.in_reply_to_uri.is_some() || post.boost_of.is_some();
    if answers || post.audience == Audience::People {
        return Ok(());
    }
    for listener in between::who_wants_all(&mut *tx, post.account).await? {
        let job = Job::Notify {
            account: listener,
            kind: Notice::Post,
            from: post.account,
            post: Some(post.id),
        };
        jobs::enqueue(&mut *tx, now, job).await?;
    }
    Ok(())
}
