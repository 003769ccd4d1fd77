//! Other implementations: the federation library's own signing and verifying, and a server on Fedify.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use activitypub_federation::activity_sending::SendActivityTask;
use activitypub_federation::axum::inbox::{ActivityData, receive_activity};
use activitypub_federation::config::{Data, FederationConfig, FederationMiddleware};
use activitypub_federation::protocol::context::WithContext;
use activitypub_federation::traits::{Activity, Actor, Object};
use afterparty::posts::compose::Draft;
use afterparty::posts::{boosts, favourites, remove};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use url::Url;

use crate::support::node::client;
use crate::support::{Backend, Net, complete, settle};

/// An actor as the library models it: ours when it has a private key, else fetched.
#[derive(Clone, Debug)]
struct LibraryActor {
    id: Url,
    public: String,
    private: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActorDocument {
    id: Url,
    #[serde(rename = "type")]
    kind: String,
    preferred_username: String,
    inbox: Url,
    public_key: activitypub_federation::protocol::public_key::PublicKey,
}

#[derive(Default)]
struct Library {
    received: Mutex<Vec<Value>>,
    own: Mutex<Option<LibraryActor>>,
}

#[async_trait]
impl Object for LibraryActor {
    type DataType = Arc<Library>;
    type Kind = ActorDocument;
    type Error = anyhow::Error;

    fn id(&self) -> &Url {
        &self.id
    }

    async fn read_from_id(
        id: Url,
        data: &Data<Self::DataType>,
    ) -> Result<Option<Self>, Self::Error> {
        Ok(data.own.lock().unwrap().clone().filter(|own| own.id == id))
    }

    async fn into_json(self, _: &Data<Self::DataType>) -> Result<Self::Kind, Self::Error> {
        let inbox = self.inbox();
        Ok(ActorDocument {
            kind: "Person".into(),
            preferred_username: "lib".into(),
            inbox,
            public_key: self.public_key(),
            id: self.id,
        })
    }

    async fn verify(_: &Self::Kind, _: &Url, _: &Data<Self::DataType>) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn from_json(json: Self::Kind, _: &Data<Self::DataType>) -> Result<Self, Self::Error> {
        Ok(Self {
            id: json.id,
            public: json.public_key.public_key_pem,
            private: None,
        })
    }
}

impl Actor for LibraryActor {
    fn public_key_pem(&self) -> &str {
        &self.public
    }

    fn private_key_pem(&self) -> Option<String> {
        self.private.clone()
    }

    fn inbox(&self) -> Url {
        self.id.join("/inbox").unwrap()
    }
}

/// Any activity, kept as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Anything {
    id: Url,
    actor: Url,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[async_trait]
impl Activity for Anything {
    type DataType = Arc<Library>;
    type Error = anyhow::Error;

    fn id(&self) -> &Url {
        &self.id
    }

    fn actor(&self) -> &Url {
        &self.actor
    }

    async fn verify(&self, _: &Data<Self::DataType>) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn receive(self, data: &Data<Self::DataType>) -> Result<(), Self::Error> {
        data.received
            .lock()
            .unwrap()
            .push(serde_json::to_value(self)?);
        Ok(())
    }
}

async fn inbox(data: Data<Arc<Library>>, activity: ActivityData) -> Result<(), String> {
    receive_activity::<Anything, LibraryActor, Arc<Library>>(activity, &data)
        .await
        .map_err(|error| error.to_string())
}

/// What we sign the library accepts, and what it signs we accept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_accepts_our_signatures_and_we_accept_its() {
    let mut net = Net::real_time();
    let listener = net.listen("unused.test").await;
    let port = listener.local_addr().unwrap().port();
    let origin = format!("http://localhost:{port}");
    let library_listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let library_port = library_listener.local_addr().unwrap().port();
    let id: Url = format!("http://localhost:{library_port}/users/lib")
        .parse()
        .unwrap();
    let keys = activitypub_federation::http_signatures::generate_actor_keypair().unwrap();
    let own = LibraryActor {
        id: id.clone(),
        public: keys.public_key,
        private: Some(keys.private_key),
    };
    let state = Arc::new(Library::default());
    *state.own.lock().unwrap() = Some(own.clone());
    let config = FederationConfig::builder()
        .domain(format!("localhost:{library_port}"))
        .app_data(state.clone())
        .debug(true)
        .build()
        .await
        .unwrap();
    let document = WithContext::new_default(
        own.clone()
            .into_json(&config.to_request_data())
            .await
            .unwrap(),
    );
    let document = serde_json::to_string(&document).unwrap();
    let router = axum::Router::new()
        .route("/inbox", axum::routing::post(inbox))
        .route(
            "/users/lib",
            axum::routing::get(move || async move {
                ([("content-type", "application/activity+json")], document)
            }),
        )
        .layer(FederationMiddleware::new(config.clone()));
    #[allow(
        clippy::disallowed_methods,
        reason = "the peer lives as long as its test"
    )]
    tokio::spawn(async move { axum::serve(library_listener, router).await });
    let node = net
        .node(
            "unused.test",
            &Backend::Sqlite,
            listener,
            &[("node.url", &origin)],
        )
        .await;
    let nina = node.host("nina").await;

    // Theirs to us: a Follow.
    let data = config.to_request_data();
    let follow = Anything {
        id: format!("http://localhost:{library_port}/activities/1")
            .parse()
            .unwrap(),
        actor: id.clone(),
        rest: serde_json::from_value(json!({"type": "Follow", "object": nina.uri})).unwrap(),
    };
    let inbox: Url = format!("{origin}/inbox").parse().unwrap();
    let sends =
        SendActivityTask::prepare(&WithContext::new_default(follow), &own, vec![inbox], &data)
            .await
            .unwrap();
    for send in sends {
        send.sign_and_send(&data).await.unwrap();
    }
    settle(&[&node]).await;
    assert_eq!(
        node.followers_of("nina").await,
        [format!("lib@localhost:{library_port}")]
    );
    // Ours to them: the Accept, and then a post, verified by their own code.
    node.post(&nina, "for everyone").await;
    settle(&[&node]).await;
    let kinds: Vec<String> = state
        .received
        .lock()
        .unwrap()
        .iter()
        .map(|activity| activity["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["Accept", "Create"]);
}

/// The Fedify peer: a child process of Node.js.
struct Fedify {
    child: std::process::Child,
    origin: String,
}

impl Fedify {
    /// Starts the peer; nothing where it is not installed and not demanded.
    async fn start() -> Option<Self> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/fedify");
        let node = folder.join("node_modules/.bin/node");
        if !node.exists() {
            assert!(!complete(), "run `npm ci` in tests/peers/fedify");
            eprintln!("left out: the Fedify peer is not installed");
            return None;
        }
        let mut child = std::process::Command::new(node)
            .arg("server.mjs")
            .current_dir(folder)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        })
        .await
        .unwrap()
        .unwrap();
        let origin = line.strip_prefix("listening ").unwrap().trim().to_owned();
        Some(Self { child, origin })
    }

    fn bob(&self) -> String {
        format!("{}/users/bob", self.origin)
    }

    async fn ask(&self, what: &str, body: Value) -> Value {
        let answer = client()
            .post(format!("{}/_control/{what}", self.origin))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{what}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The types that reached a listener, once `wanted` is among them.
    async fn received(&self, wanted: &str) -> Vec<String> {
        for _ in 0..100 {
            let answer = client()
                .get(format!("{}/_control/log", self.origin))
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            let log: Vec<Value> = serde_json::from_str(&answer).unwrap();
            let kinds: Vec<String> = log
                .iter()
                .map(|entry| {
                    entry["type"]
                        .as_str()
                        .unwrap_or_default()
                        .rsplit(['#', '/'])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect();
            if kinds.iter().any(|kind| kind == wanted) {
                return kinds;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{wanted} did not reach the Fedify peer");
    }
}

impl Drop for Fedify {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
async fn until(what: &str, mut test: impl AsyncFnMut() -> bool) {
    for _ in 0..150 {
        if test().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not happen");
}

/// Follow, Accept, Create, Like, Announce, Undo and Delete in both directions with a server on Fedify.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_fedify_and_we_understand_each_other() {
    let Some(fedify) = Fedify::start().await else {
        return;
    };
    let mut net = Net::real_time();
    let listener = net.listen("unused.test").await;
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let node = net
        .node(
            "unused.test",
            &Backend::Sqlite,
            listener,
            &[("node.url", &origin)],
        )
        .await;
    let worker = tokio::task::spawn({
        let app = node.app().clone();
        async move { afterparty::worker::run(app, Arc::default()).await }
    });
    let nina = node.host("nina").await;
    let app = node.app();
    let bob_handle = format!("bob@{}", fedify.origin.trim_start_matches("http://"));

    // They follow us, we accept; we follow them, they accept.
    let follow = fedify.ask("follow", json!({"actor": nina.uri})).await;
    fedify.received("Accept").await;
    let bob = match afterparty::federation::look_up::find(app, &fedify.bob())
        .await
        .unwrap()
    {
        afterparty::federation::objects::Found::Account(bob) => bob,
        afterparty::federation::objects::Found::Post(_) => unreachable!(),
    };
    afterparty::relations::follows::request(app, &nina, &bob)
        .await
        .unwrap();
    fedify.received("Follow").await;
    until("their Accept", async || {
        node.account("nina").await.following_count == 1
    })
    .await;
    assert_eq!(node.followers_of("nina").await, [bob_handle]);

    // Theirs: a post, a reply of ours to it, favourite and boost by us, deleted by them.
    let note = fedify
        .ask(
            "create",
            json!({"content": "<p>hello from over there</p>", "to": "public"}),
        )
        .await;
    let uri = note["id"].as_str().unwrap().to_owned();
    until("their post", async || {
        node.post_by_uri(&uri).await.is_some()
    })
    .await;
    let theirs = node.post_by_uri(&uri).await.unwrap();
    favourites::set(app, &nina, &theirs, true).await.unwrap();
    boosts::boost(app, &nina, &theirs).await.unwrap();
    node.write(
        &nina,
        Draft {
            text: "hello back".into(),
            in_reply_to: Some(theirs.id),
            ..Draft::default()
        },
    )
    .await;
    for kind in ["Like", "Announce", "Create"] {
        fedify.received(kind).await;
    }
    favourites::set(app, &nina, &theirs, false).await.unwrap();
    boosts::unboost(app, &nina, &theirs).await.unwrap();
    fedify.received("Undo").await;

    // Ours: a post they read, like, boost, take both back, and see deleted.
    let ours = node.post(&nina, "hello from here").await;
    let read = fedify.ask("fetch", json!({"url": ours.uri})).await;
    assert_eq!(read["id"], ours.uri.as_str());
    let like = fedify
        .ask("like", json!({"object": ours.uri, "actor": nina.uri}))
        .await;
    let announce = fedify
        .ask("announce", json!({"object": ours.uri, "actor": nina.uri}))
        .await;
    let counts = async || {
        let post = node.post_by_uri(&ours.uri).await.unwrap();
        (post.favourites_count, post.boosts_count)
    };
    until("their Like and Announce", async || counts().await == (1, 1)).await;
    fedify
        .ask(
            "undo-like",
            json!({"object": ours.uri, "actor": nina.uri, "id": like["id"]}),
        )
        .await;
    fedify
        .ask(
            "undo-announce",
            json!({"object": ours.uri, "actor": nina.uri, "id": announce["id"]}),
        )
        .await;
    until("their Undo", async || counts().await == (0, 0)).await;
    remove::delete(app, &nina, ours.id).await.unwrap();
    fedify.received("Delete").await;
    fedify
        .ask("delete", json!({"id": uri, "actors": [nina.uri]}))
        .await;
    until("their Delete", async || {
        node.post_by_uri(&uri).await.is_none()
    })
    .await;
    fedify
        .ask(
            "undo-follow",
            json!({"actor": nina.uri, "id": follow["id"]}),
        )
        .await;
    until("their Undo of the Follow", async || {
        node.followers_of("nina").await.is_empty()
    })
    .await;
    worker.abort();
}
