//! A peer of our own making: serves what it is told, signs what it is told, and writes down what it is asked.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use afterparty::kernel::clock::Clock;
use afterparty::kernel::crypt::{self, RsaKey};
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::node::{Net, TestNode, client};

type Answers = HashMap<String, (u16, String, Vec<u8>)>;

/// A request that arrived at the peer.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
    pub raw: Vec<u8>,
}

#[derive(Default)]
struct State {
    answers: Answers,
    packed: HashSet<String>,
    seen: Vec<Seen>,
    inbox_status: u16,
    inboxes: HashMap<String, u16>,
    inbox_headers: Vec<(String, String)>,
    extra: HashMap<String, (String, String)>,
}

/// A peer.
#[derive(Clone)]
pub struct Peer {
    pub name: String,
    clock: Clock,
    key: RsaKey,
    state: Arc<Mutex<State>>,
}

impl Peer {
    /// A peer under a name; the name must be there before the nodes that shall find it.
    pub async fn start(net: &mut Net, name: &str) -> Self {
        let listener = net.listen(name).await;
        let peer = Self {
            name: name.to_owned(),
            clock: net.clock.clone(),
            key: RsaKey::generate().unwrap().0,
            state: Arc::new(Mutex::new(State {
                inbox_status: 202,
                ..State::default()
            })),
        };
        let state = peer.state.clone();
        let router = axum::Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let answer = answer(&state, method, &uri, headers, &body);
                async move { answer }
            },
        );
        #[allow(
            clippy::disallowed_methods,
            reason = "the peer lives as long as its test"
        )]
        tokio::spawn(async move { axum::serve(listener, router).await });
        peer
    }

    /// As this peer, but signing with another key.
    pub fn with_key(&self, key: RsaKey) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.name)
    }

    /// Serves a document at the path of its id.
    pub fn serve(&self, document: &Value) {
        let id = document["id"].as_str().unwrap();
        let path = id.strip_prefix(&self.at("")).unwrap_or(id).to_owned();
        self.serve_at(
            &path,
            200,
            "application/activity+json",
            document.to_string().into_bytes(),
        );
    }

    pub fn serve_at(&self, path: &str, status: u16, media_type: &str, body: Vec<u8>) {
        self.state
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), (status, media_type.to_owned(), body));
    }

    /// Sends a header along with whatever is served at a path.
    pub fn serve_with(&self, path: &str, header: (&str, &str)) {
        let header = (header.0.to_owned(), header.1.to_owned());
        let mut state = self.state.lock().unwrap();
        state.extra.insert(path.to_owned(), header);
    }

    /// Leads on from a path to another address.
    pub fn redirect(&self, path: &str, to: &str) {
        self.serve_at(path, 302, to, Vec::new());
    }

    /// Serves a body that is compressed already.
    pub fn serve_packed(&self, path: &str, media_type: &str, body: Vec<u8>) {
        self.serve_at(path, 200, media_type, body);
        self.state.lock().unwrap().packed.insert(path.to_owned());
    }

    /// What the inboxes answer from now on.
    pub fn answer_inbox(&self, status: u16, headers: &[(&str, &str)]) {
        let mut state = self.state.lock().unwrap();
        state.inbox_status = status;
        state.inbox_headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
    }

    /// What one inbox answers from now on.
    pub fn answer_one_inbox(&self, path: &str, status: u16) {
        self.state
            .lock()
            .unwrap()
            .inboxes
            .insert(path.to_owned(), status);
    }

    /// Makes an actor and serves its document.
    pub fn actor(&self, name: &str) -> String {
        let document = self.actor_document(name);
        self.serve(&document);
        self.at(&format!("/users/{name}"))
    }

    pub fn actor_document(&self, name: &str) -> Value {
        let uri = self.at(&format!("/users/{name}"));
        json!({
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": uri, "type": "Person", "preferredUsername": name, "name": name,
            "inbox": format!("{uri}/inbox"), "outbox": format!("{uri}/outbox"), "followers": format!("{uri}/followers"), "featured": format!("{uri}/featured"),
            "endpoints": {"sharedInbox": self.at("/inbox")},
            "publicKey": {"id": format!("{uri}#main-key"), "owner": uri, "publicKeyPem": self.key.public_pem()},
        })
    }

    /// Everything that arrived so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The bodies that came to the inboxes, of one type.
    pub fn received(&self, kind: &str) -> Vec<Value> {
        self.seen()
            .into_iter()
            .filter(|seen| seen.method == Method::POST && seen.body["type"] == kind)
            .map(|seen| seen.body)
            .collect()
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().seen.clear();
    }

    /// The public key, for documents written by hand.
    pub fn pem(&self) -> String {
        self.key.public_pem()
    }

    /// The headers of a signed POST, in order; attacks change them.
    pub fn sign(&self, key_id: &str, host: &str, path: &str, body: &[u8]) -> Vec<(String, String)> {
        let date = self.clock.now().http_date();
        let digest = format!("SHA-256={}", crypt::sha256_base64(body));
        let mut headers = vec![
            ("host".to_owned(), host.to_owned()),
            ("date".to_owned(), date),
            ("digest".to_owned(), digest),
            (
                "content-type".to_owned(),
                "application/activity+json".to_owned(),
            ),
        ];
        let signature = self.signature(
            key_id,
            "post",
            path,
            &["(request-target)", "host", "date", "digest"],
            &headers,
        );
        headers.push(("signature".to_owned(), signature));
        headers
    }

    /// A cavage signature over chosen headers.
    pub fn signature(
        &self,
        key_id: &str,
        method: &str,
        path: &str,
        covered: &[&str],
        headers: &[(String, String)],
    ) -> String {
        let lines: Vec<String> = covered
            .iter()
            .map(|name| match *name {
                "(request-target)" => format!("(request-target): {method} {path}"),
                name => format!(
                    "{name}: {}",
                    headers
                        .iter()
                        .find(|(key, _)| key == name)
                        .map_or("", |(_, value)| value)
                ),
            })
            .collect();
        let signature = crypt::base64(&self.key.sign(lines.join("\n").as_bytes()).unwrap());
        format!(
            "keyId=\"{key_id}\",algorithm=\"rsa-sha256\",headers=\"{}\",signature=\"{signature}\"",
            covered.join(" ")
        )
    }

    /// Sends a signed activity of one of this peer's actors to a node's shared inbox; the status.
    pub async fn send(&self, node: &TestNode, activity: &Value) -> u16 {
        self.send_to(node, "/inbox", activity).await
    }

    pub async fn send_to(&self, node: &TestNode, path: &str, activity: &Value) -> u16 {
        let body = activity.to_string().into_bytes();
        let key = format!("{}#main-key", activity["actor"].as_str().unwrap());
        post_raw(node, path, self.sign(&key, &node.name, path, &body), body).await
    }

    /// Opens what was sealed for one of this peer's actors.
    pub fn open(&self, sealed: &str) -> String {
        let sealed = afterparty::kernel::crypt::from_url_base64(sealed).unwrap();
        String::from_utf8(self.key.decrypt(&sealed).unwrap()).unwrap()
    }

    /// A signed GET of a document, as one of this peer's actors.
    pub async fn fetch(&self, node: &TestNode, actor: &str, path: &str) -> (u16, Value) {
        let mut headers = vec![
            ("host".to_owned(), node.name.clone()),
            ("date".to_owned(), self.clock.now().http_date()),
        ];
        let signature = self.signature(
            &format!("{actor}#main-key"),
            "get",
            path,
            &["(request-target)", "host", "date"],
            &headers,
        );
        headers.push(("signature".to_owned(), signature));
        let mut request = client()
            .get(node.at(path))
            .header("accept", "application/activity+json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    /// A note of one of this peer's actors.
    pub fn note(&self, actor: &str, number: u32, content: &str) -> Value {
        let name = actor.rsplit('/').next().unwrap();
        json!({
            "id": self.at(&format!("/notes/{number}")), "type": "Note", "attributedTo": actor, "content": format!("<p>{content}</p>"),
            "published": self.clock.now().rfc3339(), "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [self.at(&format!("/users/{name}/followers"))],
        })
    }

    /// An activity of one of this peer's actors.
    pub fn activity(&self, kind: &str, actor: &str, number: u32, object: Value) -> Value {
        json!({"@context": "https://www.w3.org/ns/activitystreams", "id": self.at(&format!("/activities/{kind}-{number}")), "type": kind, "actor": actor, "object": object, "to": ["https://www.w3.org/ns/activitystreams#Public"]})
    }
}

/// Sends a POST with exactly these headers; the status.
pub async fn post_raw(
    node: &TestNode,
    path: &str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
) -> u16 {
    let mut request = client().post(node.at(path)).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status().as_u16()
}

fn answer(
    state: &Mutex<State>,
    method: Method,
    uri: &Uri,
    headers: HeaderMap,
    body: &[u8],
) -> Response {
    let mut state = state.lock().unwrap();
    let path = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    state.seen.push(Seen {
        method: method.clone(),
        path: path.clone(),
        headers,
        body: serde_json::from_slice(body).unwrap_or_default(),
        raw: body.to_vec(),
    });
    // An inbox is what nothing was served at; what is asked with a question is served by its path.
    let asked = path.split('?').next().unwrap_or_default().to_owned();
    let path = if state.answers.contains_key(&path) {
        path
    } else {
        asked
    };
    if method == Method::POST && !state.answers.contains_key(&path) {
        let mut response =
            StatusCode::from_u16(*state.inboxes.get(&path).unwrap_or(&state.inbox_status))
                .unwrap()
                .into_response();
        for (name, value) in &state.inbox_headers {
            response.headers_mut().insert(
                http::HeaderName::try_from(name).unwrap(),
                value.parse().unwrap(),
            );
        }
        return response;
    }
    let packed = state.packed.contains(&path);
    match state.answers.get(&path) {
        Some((status, media_type, body)) if packed => (
            StatusCode::from_u16(*status).unwrap(),
            [
                ("content-type", media_type.clone()),
                ("content-encoding", "gzip".to_owned()),
            ],
            body.clone(),
        )
            .into_response(),
        Some((status, media_type, body)) if (300..400).contains(status) => (
            StatusCode::from_u16(*status).unwrap(),
            [("location", media_type.clone())],
            body.clone(),
        )
            .into_response(),
        Some((status, media_type, body)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            let headers = [("content-type", media_type.clone())];
            let mut response = (status, headers, body.clone()).into_response();
            if let Some((name, value)) = state.extra.get(&path) {
                let name = http::HeaderName::try_from(name).unwrap();
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
