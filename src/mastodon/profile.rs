//! The member's own profile.

use serde_json::json;

use super::answer::json_of;
use super::entities::account;
use super::{Answer, Caller, Refused};
use crate::accounts::preferences;
use crate::accounts::profile::{self, Edit};
use crate::accounts::{Account, Field};
use crate::error::Result;
use crate::media::{files, pictures, upload};

/// `PATCH /api/v1/accounts/update_credentials` and `PATCH /api/v1/profile`
pub async fn update(call: Caller) -> Answer {
    let (app, params) = (&call.app, &call.params);
    let member = call.member()?;
    let mut edit = unchanged(member);
    if let Some(name) = params.get("display_name") {
        name.clone_into(&mut edit.display_name);
    }
    if let Some(bio) = params.get("note") {
        bio.clone_into(&mut edit.bio);
    }
    if params.has("fields_attributes") {
        edit.fields = params
            .items("fields_attributes")
            .iter()
            .map(|item| Field {
                name: item.text("name").to_owned(),
                value: item.text("value").to_owned(),
                verified_at: None,
                for_followers: false,
            })
            .collect();
        profile::keep_narrow(&member.fields, &mut edit.fields);
    }
    edit.locked = params.flag("locked").unwrap_or(edit.locked);
    edit.bot = params.flag("bot").unwrap_or(edit.bot);
    edit.discoverable = params.flag("discoverable").unwrap_or(edit.discoverable);
    edit.indexable = params.flag("indexable").unwrap_or(edit.indexable);
    let member = change(&call, member, edit).await?;
    let mut wishes = preferences::get(app, member.id).await?;
    let before = wishes.clone();
    if let Some(visibility) = params.get("source[privacy]") {
        wishes.audience = match visibility {
            "public" => "public",
            "unlisted" => "unlisted",
            "private" => "followers",
            "direct" => "people",
            _ => {
                return Err(Refused::invalid(
                    "Validation failed: The privacy is unknown",
                ));
            }
        }
        .to_owned();
    }
    wishes.sensitive = params.flag("source[sensitive]").unwrap_or(wishes.sensitive);
    if let Some(language) = params.get("source[language]") {
        wishes.language = Some(language.to_owned()).filter(|text| !text.is_empty());
    }
    if let Some(policy) = params.get("source[quote_policy]") {
        wishes.quote_policy = match policy {
            "public" => "everyone",
            "followers" => "followers",
            "nobody" => "nobody",
            _ => {
                return Err(Refused::invalid(
                    "Validation failed: The quote policy is unknown",
                ));
            }
        }
        .to_owned();
    }
    wishes.hides_follows = params
        .flag("hide_collections")
        .unwrap_or(wishes.hides_follows);
    if wishes != before {
        preferences::set(app, member.id, &wishes).await?;
    }
    Ok(json_of(account::own(app, &member).await?))
}

fn unchanged(member: &Account) -> Edit {
    Edit {
        display_name: member.display_name.clone(),
        bio: member.bio.clone(),
        fields: member.fields.clone(),
        locked: member.locked,
        bot: member.bot,
        discoverable: member.discoverable,
        indexable: member.indexable,
        avatar: None,
        header: None,
    }
}

/// Changes a profile with its new pictures; they go again where it could not be changed.
async fn change(call: &Caller, member: &Account, mut edit: Edit) -> Result<Account, Refused> {
    let app = &call.app;
    let mut taken = Vec::new();
    let changed = async {
        edit.avatar = picture(call, "avatar", pictures::AVATAR).await?;
        taken.extend(edit.avatar.clone());
        edit.header = picture(call, "header", pictures::HEADER).await?;
        taken.extend(edit.header.clone());
        profile::update(app, member, edit).await
    };
    match changed.await {
        Ok(after) => {
            files::replaced(app, member, &after).await?;
            Ok(after)
        }
        Err(error) => {
            for file in taken {
                files::remove(app, &file).await?;
            }
            Err(error.into())
        }
    }
}

/// A new picture, decoded and stored, where one was sent.
async fn picture(
    call: &Caller,
    name: &str,
    shape: pictures::Shape,
) -> crate::error::Result<Option<String>> {
    let Some(bytes) = call.params.file(name) else {
        return Ok(None);
    };
    let field = if name == "avatar" { "avatar" } else { "header" };
    let file = upload::portrait(&call.app, bytes.to_vec(), shape, field).await?;
    Ok(Some(file))
}

/// `GET /api/v1/profile`
pub async fn show(call: Caller) -> Answer {
    let member = call.member()?;
    let entity = account::account(&call.app, member);
    let fields: Vec<_> = member
        .fields
        .iter()
        .map(|field| json!({"name": field.name, "value": field.value, "verified_at": field.verified_at.map(crate::kernel::clock::Time::rfc3339)}))
        .collect();
    Ok(json_of(json!({
        "id": entity["id"],
        "display_name": member.display_name,
        "note": member.bio,
        "fields": fields,
        "avatar": member.avatar.as_ref().map(|_| &entity["avatar"]),
        "avatar_static": member.avatar.as_ref().map(|_| &entity["avatar"]),
        "avatar_description": "",
        "header": member.header.as_ref().map(|_| &entity["header"]),
        "header_static": member.header.as_ref().map(|_| &entity["header"]),
        "header_description": "",
        "locked": member.locked,
        "bot": member.bot,
        "hide_collections": preferences::get(&call.app, member.id).await?.hides_follows,
        "discoverable": member.discoverable,
        "indexable": member.indexable,
        "show_media": true,
        "show_media_replies": true,
        "show_featured": true,
        "attribution_domains": [],
        "featured_tags": [],
    })))
}

/// `DELETE /api/v1/profile/avatar`
pub async fn remove_avatar(call: Caller) -> Answer {
    let before = call.member()?;
    let member = profile::remove_picture(&call.app, before, true).await?;
    files::replaced(&call.app, before, &member).await?;
    Ok(json_of(account::own(&call.app, &member).await?))
}

/// `DELETE /api/v1/profile/header`
pub async fn remove_header(call: Caller) -> Answer {
    let before = call.member()?;
    let member = profile::remove_picture(&call.app, before, false).await?;
    files::replaced(&call.app, before, &member).await?;
    Ok(json_of(account::own(&call.app, &member).await?))
}
