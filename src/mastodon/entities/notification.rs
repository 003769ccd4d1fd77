//! Notification, NotificationGroup, NotificationRequest.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{account, status};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::Result;
use crate::jobs::Notice;
use crate::kernel::id::{AccountId, PostId};
use crate::notifications::single::Notification;
use crate::posts;

/// What clients call a kind of notification.
pub fn kind_name(kind: Notice) -> &'static str {
    match kind {
        Notice::Mention => "mention",
        Notice::Follow => "follow",
        Notice::FollowRequest => "follow_request",
        Notice::Favourite => "favourite",
        Notice::Boost => "reblog",
        Notice::Poll => "poll",
        Notice::Edit => "update",
        Notice::Quote => "quote",
        Notice::Post => "status",
        Notice::Alarm => "alarm",
        Notice::Tier => "tier",
        Notice::Rights => "rights",
    }
}

/// The kind that clients call so.
pub fn kind_of(name: &str) -> Option<Notice> {
    let name = match name {
        "reblog" => "boost",
        "update" => "edit",
        "status" => "post",
        name => name,
    };
    Notice::parse(name)
}

/// What keeps notifications of one kind about one thing together; others stand alone.
pub fn group_key(one: &Notification) -> String {
    match (one.kind, one.post) {
        (Notice::Favourite | Notice::Boost, Some(post)) => {
            format!("{}-{post}", kind_name(one.kind))
        }
        (Notice::Follow, _) => format!("follow-{}", one.created_at.seconds() / 86_400),
        _ => format!("ungrouped-{}", one.id),
    }
}

/// The people and posts that stand in notifications, as entities.
pub struct Gathered {
    /// Accounts by id.
    pub accounts: HashMap<AccountId, Value>,
    /// Statuses by id.
    pub statuses: HashMap<PostId, Value>,
}

impl Gathered {
    /// Reads what these notifications mention; posts the member may not see are left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(app: &App, member: &Account, list: &[Notification]) -> Result<Self> {
        let mut people: Vec<AccountId> = list.iter().map(|one| one.from).collect();
        people.sort_unstable();
        people.dedup();
        let people = accounts::list(app, &people).await?;
        let about: Vec<PostId> = list.iter().filter_map(|one| one.post).collect();
        let seen = posts::several_for(app, Some(member), &about).await?;
        let entities = status::several(app, Some(member), &seen, "notifications").await?;
        Ok(Self {
            accounts: people
                .iter()
                .map(|one| (one.id, account::account(app, one)))
                .collect(),
            statuses: entities
                .into_iter()
                .filter_map(|entity| {
                    let id = entity["id"].as_str()?.parse().ok()?;
                    Some((id, entity))
                })
                .collect(),
        })
    }

    /// A Notification; nothing where what it is about is gone.
    pub fn notification(&self, one: &Notification) -> Option<Value> {
        let mut entity = json!({
            "id": one.id.to_string(),
            "type": kind_name(one.kind),
            "created_at": one.created_at.rfc3339(),
            "group_key": group_key(one),
            "account": self.accounts.get(&one.from)?,
        });
        if let Some(post) = one.post {
            entity["status"] = self.statuses.get(&post)?.clone();
        }
        Some(entity)
    }
}

/// Groups in the order of their newest notification, each with all of its own.
pub fn groups(list: &[Notification]) -> Vec<(String, Vec<Notification>)> {
    let mut found: Vec<(String, Vec<Notification>)> = Vec::new();
    for one in list {
        let key = group_key(one);
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(one.clone()),
            None => found.push((key, vec![one.clone()])),
        }
    }
    found
}

/// A NotificationGroup; `paged` adds the bounds of the page it stands on.
pub fn group(key: &str, members: &[Notification], paged: bool) -> Value {
    let newest = &members[0];
    let ids = || members.iter().map(|one| one.id);
    let mut sample: Vec<String> = Vec::new();
    for one in members {
        let id = one.from.to_string();
        if !sample.contains(&id) && sample.len() < 8 {
            sample.push(id);
        }
    }
    let mut entity = json!({
        "group_key": key,
        "notifications_count": members.len(),
        "type": kind_name(newest.kind),
        "most_recent_notification_id": newest.id.0,
        "sample_account_ids": sample,
    });
    if let Some(post) = newest.post {
        entity["status_id"] = json!(post.to_string());
    }
    if paged {
        entity["page_min_id"] = json!(ids().min().map(|id| id.to_string()));
        entity["page_max_id"] = json!(ids().max().map(|id| id.to_string()));
        entity["latest_page_notification_at"] = json!(newest.created_at.rfc3339());
    }
    entity
}
