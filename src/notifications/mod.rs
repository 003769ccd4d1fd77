//! What members are told about.

pub mod browser;
pub mod push;
pub mod single;
pub mod web;

use std::collections::HashMap;

use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::jobs::Notice;
use crate::jobs::news::{self, News};
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::{AccountId, NotificationId, PostId};
use crate::posts;
use crate::posts::view::{self, View};
use crate::relations::{blocks, follows};

/// Something a member is told about, with everyone who did it.
#[derive(Clone, Debug)]
pub struct Group {
    /// The newest notification in it.
    pub id: NotificationId,
    /// What happened.
    pub kind: Notice,
    /// Who did it, the last first; at most a handful.
    pub people: Vec<Account>,
    /// How many did it.
    pub count: usize,
    /// To which post.
    pub post: Option<View>,
    /// When it last happened.
    pub created_at: Time,
}

/// Notes a notification, unless the member does not want to hear from there; twice is the same as once.
///
/// # Errors
/// What the database says.
pub async fn notify(
    app: &App,
    account: AccountId,
    kind: Notice,
    from: AccountId,
    post: Option<PostId>,
) -> Result<()> {
    let (Some(to), Some(sender)) = (
        accounts::find(app, account).await?,
        accounts::find(app, from).await?,
    ) else {
        return Ok(());
    };
    if to.kind != accounts::Kind::Local
        || !to.is_active()
        || (account == from && kind != Notice::Poll)
    {
        return Ok(());
    }
    if blocks::between(&app.db, account, from).await?
        || blocks::mutes_notifications(&app.db, account, &sender).await?
        || blocks::is_node_muted(&app.db, account, &sender.host).await?
    {
        return Ok(());
    }
    if let Some(post) = post
        && posts::get_for(app, Some(&to), post).await.is_err()
    {
        return Ok(());
    }
    // Whoever was silenced is heard by those who follow them.
    let silenced =
        sender.silenced_at.is_some() || accounts::store::is_limited(&app.db, from).await?;
    if silenced && !follows::is_following(&app.db, account, from).await? {
        return Ok(());
    }
    let filtered = match single::verdict(app, &to, &sender, kind, post).await? {
        single::Verdict::Drop => return Ok(()),
        single::Verdict::Filter => true,
        single::Verdict::Accept => false,
    };
    let now = app.clock.now();
    let id = NotificationId::mint(now);
    let mut tx = app.db.begin().await?;
    if matches!(kind, Notice::Tier | Notice::Rights) {
        // The house tells the same again when it happens again.
        sql("DELETE FROM notifications WHERE account_id = $1 AND kind = $2 AND from_id = $3")
            .bind(account)
            .bind(kind.name())
            .bind(from)
            .run(&mut tx)
            .await?;
    }
    let touched = sql("INSERT INTO notifications (id, account_id, kind, from_id, post_id, created_at, filtered) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(account)
        .bind(kind.name())
        .bind(from)
        .bind(post)
        .bind(now)
        .bind(filtered)
        .run(&mut tx)
        .await?;
    if touched == 1 && !filtered {
        let notified = News::Notified {
            account,
            notification: id,
        };
        news::tell(&mut tx, now, &notified).await?;
        push::tell_devices(&mut tx, (account, from), kind, id, now).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A group before its people and post are read: newest id, kind, who, which post, when.
type Gathering = (NotificationId, Notice, Vec<AccountId>, Option<PostId>, Time);

/// A member's newest notifications, those of one kind about one post together.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: &Account, before: Option<i64>) -> Result<Vec<Group>> {
    let rows = sql(
        concat!("SELECT ", crate::notification_columns!(), " FROM notifications WHERE account_id = $1 AND filtered = 0 AND id < $2 ORDER BY id DESC LIMIT 120"),
    )
    .bind(member.id)
    .bind(before.unwrap_or(i64::MAX))
    .all(&app.db)
    .await?;
    let mut groups: Vec<Gathering> = Vec::new();
    for row in &rows {
        let name: String = row.get("kind")?;
        let Some(kind) = Notice::parse(&name) else {
            continue;
        };
        let (from, post): (AccountId, Option<PostId>) = (row.get("from_id")?, row.get("post_id")?);
        let gathers = matches!(kind, Notice::Favourite | Notice::Boost | Notice::Follow);
        match groups
            .iter_mut()
            .find(|group| gathers && group.1 == kind && group.3 == post)
        {
            Some(group) => group.2.push(from),
            None => groups.push((
                row.get("id")?,
                kind,
                vec![from],
                post,
                row.get("created_at")?,
            )),
        }
    }
    let people: Vec<AccountId> = groups
        .iter()
        .flat_map(|group| group.2.iter().take(8).copied())
        .collect();
    let people = account_store::list(&app.db, &people).await?;
    let about: Vec<PostId> = groups.iter().filter_map(|group| group.3).collect();
    let seen = posts::several_for(app, Some(member), &about).await?;
    let views: HashMap<PostId, View> = view::load(app, Some(member), &seen)
        .await?
        .into_iter()
        .map(|view| (view.post.id, view))
        .collect();
    let mut found = Vec::new();
    for (id, kind, from, post, created_at) in groups {
        let view = post.and_then(|post| views.get(&post)).cloned();
        if post.is_some() && view.is_none() {
            continue;
        }
        let shown = from
            .iter()
            .take(8)
            .filter_map(|id| people.iter().find(|account| account.id == *id).cloned())
            .collect();
        found.push(Group {
            id,
            kind,
            people: shown,
            count: from.len(),
            post: view,
            created_at,
        });
    }
    Ok(found)
}

/// How many notifications are unread, up to 100.
///
/// # Errors
/// What the database says.
pub async fn unread(app: &App, member: AccountId) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM (SELECT id FROM notifications WHERE account_id = $1 AND filtered = 0 AND id > COALESCE((SELECT last_read_id FROM markers WHERE account_id = $1 AND timeline = 'notifications'), 0) LIMIT 100) AS newer").bind(member).one(&app.db).await?;
    Ok(row.get("n")?)
}
