//! Interaction policies on the wire: who may answer, like, boost and quote (gotosocial.org/ns, FEP-044f).

use serde_json::{Value, json};

use crate::accounts::Account;
use crate::audiences::Audience;
use crate::federation::PUBLIC;
use crate::federation::doc::{Doc, is_public};
use crate::posts::Post;
use crate::posts::policies::{InteractionPolicy, Rule};

/// Most actors and collections of one rule that are read.
const NAMED: usize = 100;

/// Longest address of one that is read.
const LONGEST: usize = 1_000;

/// Who may answer, like and boost a post of elsewhere; nothing where it says nothing, or that whoever sees it may.
pub(super) fn read(doc: Doc<'_>) -> Option<InteractionPolicy> {
    let policy = Doc(doc.get("interactionPolicy"));
    let read = InteractionPolicy {
        reply: rule(policy, "canReply"),
        favourite: rule(policy, "canLike"),
        boost: rule(policy, "canAnnounce"),
    };
    read.says_something().then_some(read)
}

/// One rule; the names of its first drafts are read too. One that lets everybody says nothing.
fn rule(policy: Doc<'_>, name: &str) -> Option<Rule> {
    let said = Doc(policy.get(name));
    if said.0.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let rule = Rule {
        automatic: named(said, ["automaticApproval", "always"]),
        manual: named(said, ["manualApproval", "approvalRequired"]),
    };
    let everybody = rule.automatic.iter().any(|id| id == PUBLIC) && rule.manual.is_empty();
    (!everybody).then_some(rule)
}

/// The actors and collections under the first of these names that is there.
fn named(rule: Doc<'_>, names: [&str; 2]) -> Vec<String> {
    let name = names.into_iter().find(|name| !rule.get(name).is_null());
    let ids = name.map(|name| rule.ids(name)).unwrap_or_default();
    let short = ids.into_iter().filter(|id| id.len() <= LONGEST).take(NAMED);
    let spelt = |id: &str| if is_public(id) { PUBLIC } else { id }.to_owned();
    short.map(spelt).collect()
}

/// Who may quote a post of elsewhere: `everyone`, `followers` or `nobody`.
pub(super) fn quotes(doc: Doc<'_>, author: &Account) -> String {
    let allowed = Doc(Doc(doc.get("interactionPolicy")).get("canQuote")).ids("automaticApproval");
    let policy = if allowed.iter().any(|id| is_public(id)) {
        "everyone"
    } else if author
        .followers_uri
        .as_deref()
        .is_some_and(|followers| allowed.contains(&followers))
    {
        "followers"
    } else {
        "nobody"
    };
    policy.to_owned()
}

/// What we say about a post of ours. Whoever it is for may answer and like it; while everything waits nobody answers.
pub(super) fn build(
    author: &Account,
    post: &Post,
    people: &[(Account, bool)],
    paused: bool,
) -> Value {
    let followers = author.followers_uri.clone().unwrap_or_default();
    let everyone = if post.audience.is_open() {
        json!([PUBLIC])
    } else {
        json!([author.uri])
    };
    let quote = match post.quote_policy.as_str() {
        "everyone" if post.audience.is_open() => json!([PUBLIC]),
        "followers" if post.audience.is_open() => json!([followers]),
        _ => json!([author.uri]),
    };
    let named = people.iter().map(|(account, _)| account.uri.clone());
    let readers: Vec<String> = match post.audience {
        Audience::Public | Audience::Unlisted => vec![PUBLIC.to_owned()],
        Audience::Followers => [followers].into_iter().chain(named).collect(),
        _ => [author.uri.clone()].into_iter().chain(named).collect(),
    };
    json!({
        "canReply": {"automaticApproval": if paused { json!([author.uri]) } else { json!(readers) }},
        "canLike": {"automaticApproval": readers},
        "canAnnounce": {"automaticApproval": everyone},
        "canQuote": {"automaticApproval": quote},
    })
}
