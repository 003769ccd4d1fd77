//! The client API, as apps call it. Every JSON answer is held against the description of the API.

mod announcements;
mod calls;
mod doors;
mod files;
mod media;
mod polls;
mod previews;
mod profiles;
mod push;
mod schema;
mod streams;
mod traps;
mod verbs;

use std::sync::atomic::{AtomicUsize, Ordering};

use afterparty::accounts::Account;
use afterparty::oauth::{Scopes, apps, tokens};
use reqwest::Method;
use serde_json::Value;

use crate::support::node::{BOUNDARY, client, multipart, png};
use crate::support::{Backend, Net, TestNode};

/// How many answers were held against the description.
static VALIDATED: AtomicUsize = AtomicUsize::new(0);

/// A node that does not mind how often it is asked.
async fn house(backend: &Backend) -> (Net, TestNode) {
    let mut net = Net::new();
    let node = house_in(&mut net, backend, &[]).await;
    (net, node)
}

/// Such a node among the peers of a net, with more settings.
async fn house_in(net: &mut Net, backend: &Backend, more: &[(&str, &str)]) -> TestNode {
    let listener = net.listen("here.test").await;
    let settings = [&[("limits.requests", "1000000")], more].concat();
    net.node("here.test", backend, listener, &settings).await
}

/// Two nodes, the second on SQLite.
async fn houses(backend: &Backend) -> (Net, TestNode, TestNode) {
    let mut net = Net::new();
    let (a, b) = (
        net.listen("here.test").await,
        net.listen("there.test").await,
    );
    let settings = [("limits.requests", "1000000")];
    let here = net.node("here.test", backend, a, &settings).await;
    let there = net.node("there.test", &Backend::Sqlite, b, &settings).await;
    (net, here, there)
}

/// A token of a member with these scopes.
async fn token(node: &TestNode, member: Option<&Account>, scopes: &str) -> String {
    let app = apps::of_the_command_line(node.app()).await.unwrap();
    let scopes = Scopes::parse(scopes).unwrap();
    let account = member.map(|member| member.id);
    tokens::issue(node.app(), &app, account, &scopes)
        .await
        .unwrap()
        .1
}

/// A member with an app.
struct Fan<'a> {
    node: &'a TestNode,
    me: Account,
    token: String,
}

/// An answer: its status, headers and JSON.
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl<'a> Fan<'a> {
    async fn new(node: &'a TestNode, me: Account) -> Self {
        let token = token(node, Some(&me), "profile read write follow push").await;
        Self { node, me, token }
    }

    /// Calls an endpoint, with a JSON body where there is one; the answer must be as described.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Got {
        let mut request = client()
            .request(method.clone(), self.node.at(path))
            .header("host", &self.node.name)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        self.finish(method.as_str(), path, request).await
    }

    async fn finish(&self, method: &str, path: &str, request: reqwest::RequestBuilder) -> Got {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{method} {path} answered {status} without JSON: {text}"));
        let bare = path.split('?').next().unwrap();
        if let Some(complaints) = schema::complaints(method, bare, status, &body) {
            assert!(
                complaints.is_empty(),
                "{method} {path}: {}\n{body:#}",
                complaints.join("\n")
            );
            VALIDATED.fetch_add(1, Ordering::Relaxed);
        }
        Got {
            status,
            headers,
            body,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let got = self.call(Method::GET, path, None).await;
        assert_eq!(got.status, 200, "GET {path}: {}", got.body);
        got.body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let got = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(got.status, 200, "POST {path}: {}", got.body);
        got.body
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        let got = self.call(Method::PUT, path, Some(body)).await;
        assert_eq!(got.status, 200, "PUT {path}: {}", got.body);
        got.body
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        let got = self.call(Method::PATCH, path, Some(body)).await;
        assert_eq!(got.status, 200, "PATCH {path}: {}", got.body);
        got.body
    }

    async fn delete(&self, path: &str, body: Option<Value>) -> Value {
        let got = self.call(Method::DELETE, path, body).await;
        assert_eq!(got.status, 200, "DELETE {path}: {}", got.body);
        got.body
    }

    /// Sends files and values as a form.
    async fn send(
        &self,
        method: Method,
        path: &str,
        values: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> Got {
        let request = client()
            .request(method.clone(), self.node.at(path))
            .header("host", &self.node.name)
            .bearer_auth(&self.token)
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(multipart(values, files));
        self.finish(method.as_str(), path, request).await
    }

    /// Uploads a small picture; its id.
    async fn picture(&self) -> String {
        let values = [("description", "A red square"), ("focus", "0.5,-0.25")];
        let got = self
            .send(
                Method::POST,
                "/api/v2/media",
                &values,
                &[("file", "a.png", &png(60, 40))],
            )
            .await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(got.body["description"], "A red square");
        assert_eq!(got.body["meta"]["focus"]["y"], -0.25);
        id(&got.body)
    }
}

/// The id of an entity.
fn id(entity: &Value) -> String {
    entity["id"].as_str().unwrap().to_owned()
}

/// The ids of a list.
fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(id).collect()
}
