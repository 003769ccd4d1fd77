//! What a person says about themselves.

use super::{Account, Field, store};
use crate::app::App;
use crate::error::{Error, Problem, Result, Sentence};
use crate::jobs::{self, Job};
use crate::kernel::origin::parse_url;

/// A profile as it was filled in.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The name to show.
    pub display_name: String,
    /// The bio, plain text.
    pub bio: String,
    /// Lines; those without name and value are dropped.
    pub fields: Vec<Field>,
    /// Whether follows must be accepted by hand.
    pub locked: bool,
    /// Whether a program speaks here.
    pub bot: bool,
    /// Whether it wants to be found.
    pub discoverable: bool,
    /// Whether its public posts may be searched.
    pub indexable: bool,
    /// A new picture's file.
    pub avatar: Option<String>,
    /// A new wide picture's file.
    pub header: Option<String>,
}

/// Changes a profile and tells the followers' nodes.
///
/// # Errors
/// `Invalid`, one problem for each field that is too long.
pub async fn update(app: &App, account: &Account, edit: Edit) -> Result<Account> {
    let fields: Vec<Field> = edit
        .fields
        .into_iter()
        .filter(|field| !(field.name.trim().is_empty() && field.value.trim().is_empty()))
        .collect();
    check(app, &edit.display_name, &edit.bio, &fields)?;
    let mut changed = account.clone();
    changed.display_name = edit.display_name.trim().to_owned();
    changed.bio = edit.bio.trim().replace("\r\n", "\n");
    changed.fields = fields;
    for field in &mut changed.fields {
        let known = account.fields.iter().find(|one| one.value == field.value);
        field.verified_at = known.and_then(|known| known.verified_at);
    }
    changed.locked = edit.locked;
    changed.bot = edit.bot;
    changed.actor_type = if edit.bot { "Service" } else { "Person" }.to_owned();
    changed.discoverable = edit.discoverable;
    changed.indexable = edit.indexable;
    changed.avatar = edit.avatar.or(changed.avatar);
    changed.header = edit.header.or(changed.header);
    save(app, &changed).await
}

/// Lets lines stay with followers that an app sends back without knowing for whom they are: by what they say, else by
/// what they are called, else by where they stand.
pub fn keep_narrow(before: &[Field], after: &mut [Field]) {
    for (at, field) in after.iter_mut().enumerate() {
        let same = before
            .iter()
            .find(|one| one.value == field.value)
            .or_else(|| before.iter().find(|one| one.name == field.name))
            .or_else(|| before.get(at));
        field.for_followers = same.is_some_and(|one| one.for_followers);
    }
}

/// Takes the picture, or the wide one, off a profile.
///
/// # Errors
/// What the database says.
pub async fn remove_picture(app: &App, account: &Account, avatar: bool) -> Result<Account> {
    let mut changed = account.clone();
    let picture = if avatar {
        &mut changed.avatar
    } else {
        &mut changed.header
    };
    *picture = None;
    save(app, &changed).await
}

fn check(app: &App, display_name: &str, bio: &str, fields: &[Field]) -> Result<()> {
    let limits = &app.settings.limits;
    let mut problems = Vec::new();
    let mut long = |field: &'static str, text: &str, most: i64| {
        if i64::try_from(text.chars().count()).unwrap_or(i64::MAX) > most {
            problems.push(Problem {
                field,
                sentence: Sentence {
                    id: "error-too-long",
                    value: Some(most.to_string()),
                },
            });
        }
    };
    long("display_name", display_name, limits.name_chars);
    long("bio", bio, limits.bio_chars);
    for field in fields {
        long("fields", &field.name, limits.profile_field_chars);
        long("fields", &field.value, limits.profile_field_chars);
    }
    if i64::try_from(fields.len()).unwrap_or(i64::MAX) > limits.profile_fields {
        problems.push(Problem {
            field: "fields",
            sentence: Sentence {
                id: "error-too-many",
                value: Some(limits.profile_fields.to_string()),
            },
        });
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Names other accounts of the same person, so that one of them can move here.
///
/// # Errors
/// `Invalid` when one is not an address.
pub async fn set_aliases(app: &App, account: &Account, aliases: Vec<String>) -> Result<Account> {
    if aliases.len() > 10 || aliases.iter().any(|alias| parse_url(alias).is_none()) {
        return Err(Error::invalid("aliases", "error-alias"));
    }
    save(
        app,
        &Account {
            aliases,
            ..account.clone()
        },
    )
    .await
}

/// Leaves for another account: this one points there from now on, and followers are told to follow along.
///
/// # Errors
/// `Invalid` when the other account does not name this one, `Conflict` within a week of the last move.
pub async fn move_to(app: &App, account: &Account, target: &Account) -> Result<()> {
    if !target.aliases.contains(&account.uri) || target.id == account.id {
        return Err(Error::invalid("target", "error-move-alias"));
    }
    let now = app.clock.now();
    if account
        .moved_at
        .is_some_and(|at| now.since(at) < std::time::Duration::from_secs(7 * 86_400))
    {
        return Err(Error::conflict("error-move-soon"));
    }
    let moved = Account {
        moved_to: Some(target.uri.clone()),
        moved_at: Some(now),
        ..account.clone()
    };
    let mut tx = app.db.begin().await?;
    let version = store::update_profile(&mut tx, &moved, now).await?;
    jobs::enqueue(
        &mut tx,
        now,
        Job::SendProfile {
            account: account.id,
            version,
        },
    )
    .await?;
    jobs::enqueue(&mut tx, now, Job::SendMove(account.id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn save(app: &App, changed: &Account) -> Result<Account> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let version = store::update_profile(&mut tx, changed, now).await?;
    jobs::enqueue(
        &mut tx,
        now,
        Job::SendProfile {
            account: changed.id,
            version,
        },
    )
    .await?;
    if !changed.fields.is_empty() {
        jobs::enqueue(&mut tx, now, Job::VerifyLinks(changed.id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    super::get(app, changed.id).await
}
