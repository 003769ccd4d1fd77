//! Recorded documents of some fifty programs, through the real inbox and the real fetch path.
//!
//! Each sender is seeded with a test key under the document's own actor id; its host leads to a stub that serves
//! the corpus over TLS. What a document refers to on the recorder's own side is made to be ours.

use std::collections::BTreeSet;

use afterparty::accounts::remote::{self, Profile};
use afterparty::accounts::{self, Account};
use afterparty::federation::activities::{self, Context};
use afterparty::federation::fetch::Budget;
use afterparty::federation::{Refused, actor, backfill, nodeinfo, objects, webfinger};
use afterparty::kernel::crypt::RsaKey;
use afterparty::kernel::db::sql;
use afterparty::kernel::id::{AccountId, FollowId};
use afterparty::kernel::origin::{host_of_uri, name_of};
use afterparty::nodes;
use afterparty::posts::boosts::{self, Arrived};
use afterparty::posts::compose::{Draft, NewPoll};
use afterparty::posts::favourites;
use afterparty::relations::blocks;
use serde_json::{Value, json};

use crate::support::corpus::{self, Entry, Served};
use crate::support::{Backend, Net, TestNode, shared};

/// Where we deviate from the corpus' expectation, and why.
const DEVIATIONS: &str = include_str!("fixtures.tsv");

struct Bench {
    node: TestNode,
    served: Served,
    key: RsaKey,
    nina: Account,
    fan: Account,
}

async fn bench(folder: &std::path::Path, entries: &[Entry]) -> Bench {
    let mut names = BTreeSet::new();
    entries
        .iter()
        .for_each(|entry| corpus::hosts(&entry.document, &mut names));
    names.retain(|name| {
        name.parse::<std::net::IpAddr>().is_err()
            && name.contains('.')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    });
    let (address, served, ca) = corpus::start(folder, &names).await;
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    for name in &names {
        net.name(name, address);
    }
    let node = net
        .node(
            "here.test",
            &Backend::Sqlite,
            listener,
            &[
                ("node.url", "https://here.test"),
                ("federation.extra_ca", &ca.display().to_string()),
            ],
        )
        .await;
    let (nina, fan) = (node.host("nina").await, node.sign_up("fan").await);
    let bench = Bench {
        node,
        served,
        key: RsaKey::generate().unwrap().0,
        nina,
        fan,
    };
    for entry in entries.iter().filter(|entry| entry.expect == "accept") {
        bench.serve(&entry.document);
    }
    bench
}

fn id_of(value: &Value) -> Option<String> {
    value
        .as_str()
        .or_else(|| value["id"].as_str())
        .or_else(|| value[0].as_str())
        .or_else(|| value[0]["id"].as_str())
        .map(str::to_owned)
}

impl Bench {
    fn serve(&self, document: &Value) {
        if let Some(id) = document["id"].as_str().filter(|id| !id.contains('#')) {
            let address = corpus::address_of(id);
            self.served
                .lock()
                .unwrap()
                .entry(address)
                .or_insert(("application/activity+json".to_owned(), document.to_string()));
        }
        for member in ["object", "items", "orderedItems"] {
            match &document[member] {
                Value::Object(_) => self.serve(&document[member]),
                Value::Array(items) => items
                    .iter()
                    .filter(|item| item.is_object())
                    .for_each(|item| self.serve(item)),
                _ => {}
            }
        }
    }

    /// The account of an actor id, with our test key; made where it is not known.
    async fn seed(&self, uri: &str) -> Option<Account> {
        let host = host_of_uri(uri)?;
        let path = uri.split('/').next_back().unwrap_or("x");
        let name: String = path
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(30)
            .collect();
        let name = format!(
            "{}{}",
            if name.is_empty() { "x" } else { &name },
            afterparty::kernel::crypt::hex(&afterparty::kernel::crypt::sha256(uri.as_bytes())[..3])
        );
        let profile = Profile {
            uri: uri.to_owned(),
            name,
            actor_type: "Person".to_owned(),
            rsa: Some((format!("{uri}#test-key"), self.key.public_pem())),
            inbox: Some(format!("https://{host}/inbox")),
            collections: [
                Some(format!("{uri}/followers")),
                None,
                None,
                Some(format!("{uri}/featured")),
            ],
            host,
            ..Profile::default()
        };
        if let Ok(Some(known)) = accounts::find_by_uri(self.node.app(), uri).await {
            return Some(known);
        }
        remote::upsert(self.node.app(), &profile, 0).await.ok()
    }

    async fn follow(&self, follower: AccountId, followee: AccountId, uri: &str, accepted: bool) {
        let now = self.node.app().clock.now();
        sql("DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2")
            .bind(follower)
            .bind(followee)
            .run(self.node.db())
            .await
            .unwrap();
        sql("INSERT INTO follows (id, follower_id, followee_id, uri, created_at, accepted_at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(FollowId::mint(now)).bind(follower).bind(followee).bind(uri).bind(now).bind(accepted.then_some(now)).run(self.node.db()).await.unwrap();
    }

    /// A post of the sender under an id, as if it had arrived before.
    async fn known_post(&self, sender: &Account, id: &str) {
        let note = json!({"id": id, "type": "Note", "attributedTo": sender.uri, "content": "before", "to": ["https://www.w3.org/ns/activitystreams#Public"], "published": "2020-01-01T00:00:00Z"});
        let _ = objects::write(self.node.app(), &note, &Budget::person()).await;
    }

    /// Makes what the recorder's side was to be ours, and what came before to have come before.
    async fn prepare(&self, sender: &Account, activity: &mut Value) {
        let app = self.node.app();
        for statement in [sql("DELETE FROM blocks"), sql("DELETE FROM tombstones")] {
            statement.run(self.node.db()).await.unwrap();
        }
        let ours = self
            .node
            .write(
                &self.nina,
                Draft {
                    text: "ours".into(),
                    ..Draft::default()
                },
            )
            .await;
        self.follow(
            self.fan.id,
            sender.id,
            &format!("https://here.test/f/{}", sender.id),
            true,
        )
        .await;
        let kind = activity["type"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "Follow" => activity["object"] = json!(self.nina.uri),
            "Block" => activity["object"] = json!(self.nina.uri),
            "Flag" => activity["object"] = json!([self.nina.uri]),
            "Like" | "EmojiReact" => activity["object"] = json!(ours.uri),
            "QuoteRequest" => activity["object"] = json!(ours.uri),
            "Announce" => {
                let inner = activity["object"]["type"].as_str().unwrap_or_default();
                let object = if matches!(inner, "Create" | "Update") {
                    &activity["object"]["object"]
                } else {
                    &activity["object"]
                };
                let known = id_of(object).is_some_and(|id| {
                    self.served
                        .lock()
                        .unwrap()
                        .contains_key(&corpus::address_of(&id))
                });
                if !known {
                    activity["object"] = json!(ours.uri);
                } else if let Some(author) =
                    id_of(&object["attributedTo"]).or_else(|| id_of(&object["actor"]))
                {
                    self.seed(&author).await;
                }
            }
            "Accept" | "Reject" => {
                let id = id_of(&activity["object"]).unwrap_or_default();
                if activity["object"]["actor"].is_string() {
                    activity["object"]["actor"] = json!(self.fan.uri);
                    activity["object"]["object"] = json!(sender.uri);
                }
                self.follow(self.fan.id, sender.id, &id, false).await;
            }
            "Undo" => {
                let inner = activity["object"]["type"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                let id =
                    id_of(&activity["object"]).unwrap_or_else(|| format!("{}#undone", sender.uri));
                match inner.as_str() {
                    "Like" | "EmojiReact" => {
                        activity["object"]["object"] = json!(ours.uri);
                        favourites::add(app, sender, &ours, &id).await.unwrap();
                    }
                    "Announce" => {
                        activity["object"]["object"] = json!(ours.uri);
                        let arrived = Arrived {
                            uri: id,
                            published: None,
                            audience: ours.audience,
                        };
                        boosts::receive(app, sender, &ours, &arrived).await.unwrap();
                    }
                    "Block" => {
                        activity["object"]["object"] = json!(self.nina.uri);
                        blocks::receive(app, sender, &self.nina, &id).await.unwrap();
                    }
                    _ => {
                        if activity["object"]["object"].is_string()
                            || activity["object"]["object"].is_object()
                        {
                            activity["object"]["object"] = json!(self.nina.uri);
                        }
                        self.follow(sender.id, self.nina.id, &id, true).await;
                    }
                }
            }
            "Update" | "Delete" => {
                if let Some(id) = id_of(&activity["object"]).filter(|id| *id != sender.uri) {
                    if matches!(
                        activity["object"]["type"].as_str(),
                        Some("Group" | "Organization" | "Service")
                    ) {
                        self.seed(&id).await;
                        self.served.lock().unwrap().insert(
                            corpus::address_of(&id),
                            (
                                "application/activity+json".to_owned(),
                                activity["object"].to_string(),
                            ),
                        );
                    } else {
                        self.known_post(sender, &id).await;
                    }
                }
            }
            "Create" => {
                let objects = if activity["object"].is_array() {
                    activity["object"].as_array().unwrap().clone()
                } else {
                    vec![activity["object"].clone()]
                };
                if let Some(name) = objects[0]["name"].as_str().filter(|_| {
                    objects[0]["content"]
                        .as_str()
                        .unwrap_or_default()
                        .is_empty()
                        && objects[0]["inReplyTo"].is_string()
                }) {
                    let options: Vec<String> = objects
                        .iter()
                        .filter_map(|object| object["name"].as_str().map(str::to_owned))
                        .chain(["another".to_owned()])
                        .collect();
                    let _ = name;
                    let poll = self
                        .node
                        .write(
                            &self.nina,
                            Draft {
                                text: "?".into(),
                                poll: Some(NewPoll {
                                    hides_totals: false,
                                    options,
                                    multiple: true,
                                    seconds: 3600,
                                }),
                                ..Draft::default()
                            },
                        )
                        .await;
                    match &mut activity["object"] {
                        Value::Array(items) => items
                            .iter_mut()
                            .for_each(|item| item["inReplyTo"] = json!(poll.uri)),
                        object => object["inReplyTo"] = json!(poll.uri),
                    }
                }
            }
            "Add" | "Remove" => {
                if let Some(target) =
                    id_of(&activity["target"]).filter(|target| target.contains("featured"))
                {
                    sql("UPDATE accounts SET featured_uri = $1 WHERE id = $2")
                        .bind(target)
                        .bind(sender.id)
                        .run(self.node.db())
                        .await
                        .unwrap();
                }
                if let Some(id) = id_of(&activity["object"]) {
                    self.known_post(sender, &id).await;
                }
            }
            "Move" => {
                let old = id_of(&activity["object"]).unwrap_or_default();
                if let Some(target) = id_of(&activity["target"]) {
                    let document = json!({"id": old, "type": "Person", "preferredUsername": "old", "inbox": format!("{old}/inbox"), "movedTo": target});
                    self.served.lock().unwrap().insert(
                        corpus::address_of(&old),
                        ("application/activity+json".to_owned(), document.to_string()),
                    );
                    let document = json!({"id": target, "type": "Person", "preferredUsername": "moved", "inbox": format!("{target}/inbox"), "alsoKnownAs": [old]});
                    self.served.lock().unwrap().insert(
                        corpus::address_of(&target),
                        ("application/activity+json".to_owned(), document.to_string()),
                    );
                }
            }
            _ => {}
        }
    }

    /// What came of an activity: through the gate, and then through its processing.
    async fn deliver(&self, entry: &Entry) -> Result<(), String> {
        let app = self.node.app();
        let mut activity = entry.document.clone();
        let actor = id_of(&activity["actor"]).ok_or("it has no actor")?;
        let sender = self
            .seed(&actor)
            .await
            .ok_or("its actor cannot be an account")?;
        let host = host_of_uri(&actor).unwrap_or_default();
        if name_of(&host) != host && host_of_uri(&actor).is_none() {
            return Err("its host is none".to_owned());
        }
        let before = activity.clone();
        self.prepare(&sender, &mut activity).await;
        // The gate sees the document as it was recorded, signed by its sender.
        let body = before.to_string().into_bytes();
        let status = self.post(&sender, body).await;
        if status != 202 {
            return Err(format!("the gate answered {status}"));
        }
        sql("DELETE FROM received")
            .run(self.node.db())
            .await
            .unwrap();
        let sender = accounts::get(app, sender.id).await.unwrap();
        let context = Context {
            sender,
            inbox_of: Some(self.fan.clone()),
            budget: Budget::inbound().into(),
            attempts: 9,
            signed_at: app.clock.now(),
        };
        match activities::receive(app, &context, &activity).await {
            Ok(()) => Ok(()),
            Err(Refused::Drop(reason)) => Err(reason.to_owned()),
            Err(Refused::Retry(reason)) => Err(format!("again later: {reason}")),
        }
    }

    async fn post(&self, sender: &Account, body: Vec<u8>) -> u16 {
        let date = self.node.app().clock.now().http_date();
        let digest = format!(
            "SHA-256={}",
            afterparty::kernel::crypt::sha256_base64(&body)
        );
        let message = format!(
            "(request-target): post /users/fan/inbox\nhost: here.test\ndate: {date}\ndigest: {digest}"
        );
        let signature =
            afterparty::kernel::crypt::base64(&self.key.sign(message.as_bytes()).unwrap());
        let signature = format!(
            "keyId=\"{}#test-key\",algorithm=\"rsa-sha256\",headers=\"(request-target) host date digest\",signature=\"{signature}\"",
            sender.uri
        );
        // A sender that an earlier document updated has its own key again: give it ours.
        sql("UPDATE accounts SET public_key_id = $1, public_key_pem = $2, deleted_at = NULL, moved_at = NULL WHERE id = $3").bind(format!("{}#test-key", sender.uri)).bind(self.key.public_pem()).bind(sender.id).run(self.node.db()).await.unwrap();
        let headers = vec![
            ("host".to_owned(), "here.test".to_owned()),
            ("date".to_owned(), date),
            ("digest".to_owned(), digest),
            (
                "content-type".to_owned(),
                "application/activity+json".to_owned(),
            ),
            ("signature".to_owned(), signature),
        ];
        crate::support::peer::post_raw(&self.node, "/users/fan/inbox", headers, body).await
    }

    /// What came of fetching an object.
    async fn fetch(&self, entry: &Entry) -> Result<(), String> {
        let app = self.node.app();
        let id = entry.document["id"].as_str().ok_or("it has no id")?;
        for author in [
            id_of(&entry.document["attributedTo"]),
            id_of(&entry.document["actor"]),
            id_of(&entry.document["attributedTo"][1]),
        ]
        .into_iter()
        .flatten()
        {
            self.seed(&author).await;
        }
        self.served.lock().unwrap().insert(
            corpus::address_of(id),
            (
                "application/activity+json".to_owned(),
                entry.document.to_string(),
            ),
        );
        objects::post(app, id, None, &Budget::person())
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    async fn perform(&self, entry: &Entry) -> Result<(), String> {
        let app = self.node.app();
        let document = &entry.document;
        let text = |error: afterparty::kernel::http::FetchError| error.to_string();
        match entry.kind.as_str() {
            "actor" | "group" => {
                let id = document["id"].as_str().ok_or("it has no id")?;
                self.served.lock().unwrap().insert(
                    corpus::address_of(id),
                    ("application/activity+json".to_owned(), document.to_string()),
                );
                actor::refresh(app, id, &Budget::person())
                    .await
                    .map(|_| ())
                    .map_err(text)
            }
            "webfinger" => {
                let subject = document["subject"]
                    .as_str()
                    .and_then(|subject| subject.strip_prefix("acct:"))
                    .ok_or("no subject")?;
                let (name, domain) = accounts::split_handle(subject).ok_or("no handle")?;
                let address = format!(
                    "https://{domain}/.well-known/webfinger?resource=acct%3A{name}%40{}",
                    domain.replace(':', "%3A")
                );
                self.served.lock().unwrap().insert(
                    address,
                    ("application/jrd+json".to_owned(), document.to_string()),
                );
                let link = document["links"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|link| {
                        link["rel"] == "self"
                            && link["type"]
                                .as_str()
                                .unwrap_or_default()
                                .contains("activity")
                    });
                let actor = link
                    .and_then(|link| link["href"].as_str())
                    .ok_or("no actor")?
                    .to_owned();
                let profile = json!({"id": actor, "type": "Person", "preferredUsername": name, "inbox": format!("{actor}/inbox")});
                self.served.lock().unwrap().insert(
                    corpus::address_of(&actor),
                    ("application/activity+json".to_owned(), profile.to_string()),
                );
                if let Some(host) = host_of_uri(&actor).filter(|host| *host != domain) {
                    let address = format!(
                        "https://{host}/.well-known/webfinger?resource=acct%3A{name}%40{host}"
                    );
                    self.served.lock().unwrap().insert(
                        address,
                        ("application/jrd+json".to_owned(), document.to_string()),
                    );
                }
                webfinger::resolve(app, &name, &domain, &Budget::person())
                    .await
                    .map(|_| ())
                    .map_err(text)
            }
            "nodeinfo" => {
                let mut tx = app.db.begin().await.unwrap();
                let node = nodes::find_or_insert(&mut tx, "mastodon.social", app.clock.now())
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                let inner = document["links"].is_array();
                let document = if inner {
                    json!({"software": {"name": "wildebeest", "version": "1"}})
                } else {
                    document.clone()
                };
                let index = if inner {
                    entry.document.clone()
                } else {
                    Value::Null
                };
                let address = index["links"][0]["href"].as_str().map(corpus::address_of);
                if let Some(address) = address {
                    self.served
                        .lock()
                        .unwrap()
                        .insert(address, ("application/json".into(), document.to_string()));
                }
                let index = json!({"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "https://mastodon.social/nodeinfo"}]});
                self.served.lock().unwrap().insert(
                    "https://mastodon.social/.well-known/nodeinfo".into(),
                    ("application/json".into(), index.to_string()),
                );
                self.served.lock().unwrap().insert(
                    "https://mastodon.social/nodeinfo".into(),
                    ("application/json".into(), document.to_string()),
                );
                nodeinfo::learn(app, node, "mastodon.social")
                    .await
                    .map_err(|error| error.to_string())?;
                let known = nodes::find(app, "mastodon.social").await.unwrap().unwrap();
                known
                    .software
                    .map(|_| ())
                    .ok_or_else(|| "no software was read".to_owned())
            }
            "collection" => {
                // Read as the followed account's posts: whatever is in it, it ends and breaks nothing.
                let id = document["id"]
                    .as_str()
                    .unwrap_or("https://mastodon.social/collections/x")
                    .to_owned();
                self.served.lock().unwrap().insert(
                    corpus::address_of(&id),
                    ("application/activity+json".to_owned(), document.to_string()),
                );
                let owner = self
                    .seed(&format!(
                        "https://{}/users/owner",
                        host_of_uri(&id).unwrap_or_default()
                    ))
                    .await
                    .ok_or("no owner")?;
                sql("UPDATE accounts SET outbox_uri = $1, backfilled_at = NULL WHERE id = $2")
                    .bind(&id)
                    .bind(owner.id)
                    .run(&app.db)
                    .await
                    .unwrap();
                backfill::account(app, owner.id)
                    .await
                    .map_err(|error| error.to_string())
            }
            _ if document["actor"].is_null()
                && objects::note::kind_of(afterparty::federation::doc::Doc(document)).is_some() =>
            {
                self.fetch(entry).await
            }
            "note" | "article" | "page" | "question" | "audio" | "video" | "event" | "object" => {
                self.fetch(entry).await
            }
            _ => self.deliver(entry).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_of_other_programs_do_what_they_should() {
    let Some(folder) = shared() else {
        assert!(
            std::env::var_os("AFTERPARTY_SHARED_REQUIRED").is_none(),
            "the recorded documents are not there"
        );
        eprintln!("left out: 325 recorded documents (name their folder by AFTERPARTY_SHARED)");
        return;
    };
    let seen = walk(&corpus::entries(&folder.join("fixtures"))).await;
    assert!(seen > 250, "{seen} documents");
}

/// The documents written for this project, which every clone has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_of_this_project_do_what_they_should() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    assert!(walk(&corpus::entries(&folder)).await > 15);
}

/// Performs every document and compares; how many there were.
async fn walk(entries: &[Entry]) -> usize {
    let temporary = tempfile::tempdir().unwrap();
    let bench = bench(temporary.path(), entries).await;
    let deviations: Vec<(&str, &str)> = DEVIATIONS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let (mut table, mut wrong) = (Vec::new(), Vec::new());
    for entry in entries
        .iter()
        .filter(|entry| !matches!(entry.kind.as_str(), "context" | "signature-vector"))
    {
        let outcome = bench.perform(entry).await;
        assert_eq!(
            bench.node.get("/healthz", &[]).await.status(),
            200,
            "{}",
            entry.path
        );
        let done = outcome.is_ok();
        let fits = match entry.expect.as_str() {
            "accept" => done,
            "ignore" | "reject" => !done,
            _ => true,
        };
        let reason = deviations
            .iter()
            .find(|(path, _)| *path == entry.path)
            .map(|(_, reason)| *reason);
        let said = outcome.err().unwrap_or_else(|| "done".to_owned());
        table.push(format!("{:<70} {:<8} {}", entry.path, entry.expect, said));
        match (fits, reason) {
            (false, None) => wrong.push(format!("{}\t{} but: {said}", entry.path, entry.expect)),
            (true, Some(_)) => wrong.push(format!(
                "{}\tis listed as a deviation and is none",
                entry.path
            )),
            _ => {}
        }
    }
    println!("{}", table.join("\n"));
    assert!(
        wrong.is_empty(),
        "{} of {} documents:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
    table.len()
}
