//! The client API, as apps call it. Every JSON answer is held against the description of the API.

mod calls;
mod doors;
mod push;
mod schema;
mod streams;
mod traps;

use std::sync::atomic::{AtomicUsize, Ordering};

use afterparty::accounts::Account;
use afterparty::oauth::{Scopes, apps, tokens};
use reqwest::Method;
use serde_json::Value;

use crate::support::node::client;
use crate::support::{Backend, Net, TestNode};

/// How many answers were held against the description.
static VALIDATED: AtomicUsize = AtomicUsize::new(0);

/// A node that does not mind how often it is asked.
async fn house(backend: &Backend) -> (Net, TestNode) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let settings = [("limits.requests", "1000000")];
    let node = net.node("here.test", backend, listener, &settings).await;
    (net, node)
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

    /// Uploads a small picture; its id.
    async fn picture(&self) -> String {
        let mut png = std::io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(60, 40)
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        let boundary = "----api";
        let mut body = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"description\"\r\n\r\nA red square\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"focus\"\r\n\r\n0.5,-0.25\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n").into_bytes();
        body.extend(png.into_inner());
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        let path = "/api/v2/media";
        let request = client()
            .post(self.node.at(path))
            .header("host", &self.node.name)
            .bearer_auth(&self.token)
            .header(
                "content-type",
                format!("multipart/form-data; boundary={boundary}"),
            )
            .body(body);
        let got = self.finish("POST", path, request).await;
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
