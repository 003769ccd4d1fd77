//! Live streams, against the program as a process of its own.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::node::client;
use crate::support::{Backend, Net, Process};

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// Runs a verb beside the process; the last line of what it says.
fn verb(folder: &std::path::Path, database: &str, words: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_afterparty"))
        .args(words)
        .current_dir(folder)
        .env("AFTERPARTY_DATA__DIR", folder.join("data"))
        .env("AFTERPARTY_DATABASE__URL", database)
        .env("AFTERPARTY_NODE__URL", "http://here.test")
        .env("AFTERPARTY_LOG", "error")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().last().unwrap_or_default().to_owned()
}

async fn connect(process: &Process, path: &str, protocol: Option<&str>) -> Result<Socket, u16> {
    let stream = tokio::net::TcpStream::connect(process.address)
        .await
        .unwrap();
    let mut request = format!("ws://here.test{path}")
        .into_client_request()
        .unwrap();
    if let Some(protocol) = protocol {
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, answer)) => {
            let echoed = answer.headers().get("sec-websocket-protocol");
            assert_eq!(echoed.and_then(|value| value.to_str().ok()), protocol);
            Ok(socket)
        }
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next thing a stream tells: its names, the event and the payload.
async fn told(socket: &mut Socket) -> Option<(Value, String, String)> {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(8), socket.next())
            .await
            .ok()??;
        match next.ok()? {
            Message::Text(text) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
                return Some((value["stream"].clone(), text("event"), text("payload")));
            }
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_tell_what_happens_and_end_with_their_token() {
    for backend in [Some(Backend::Sqlite), Backend::postgres()]
        .into_iter()
        .flatten()
    {
        stream_on(backend).await;
    }
}

async fn stream_on(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let database = backend.fresh(folder.path()).await;
    let net = Net::real_time();
    let process = Process::start(
        folder.path(),
        "here.test",
        net.hosts(),
        &[("AFTERPARTY_DATABASE__URL", &database)],
    )
    .await;
    let verb = |words: &[&str]| verb(folder.path(), &database, words);
    verb(&["account", "create", "nina", "--role", "host"]);
    verb(&["account", "create", "fan"]);
    let nina = verb(&["token", "nina", "--scopes", "read write"]);
    let fan = verb(&["token", "fan", "--scopes", "read write"]);
    let narrow = verb(&["token", "fan", "--scopes", "read:lists"]);
    let call = async |token: &str, method: reqwest::Method, path: &str, body: Value| -> Value {
        let request = client()
            .request(method, process.at(path))
            .header("host", "here.test")
            .bearer_auth(token)
            .header("content-type", "application/json");
        request
            .body(body.to_string())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let post = reqwest::Method::POST;
    let host = call(
        &fan,
        reqwest::Method::GET,
        "/api/v1/accounts/lookup?acct=nina",
        json!({}),
    )
    .await;
    call(
        &fan,
        post.clone(),
        &format!("/api/v1/accounts/{}/follow", host["id"].as_str().unwrap()),
        json!({}),
    )
    .await;
    // Refused before anything is opened.
    assert_eq!(
        connect(&process, "/api/v1/streaming?stream=user", None)
            .await
            .err(),
        Some(401)
    );
    assert_eq!(
        connect(&process, "/api/v1/streaming?access_token=made-up", None)
            .await
            .err(),
        Some(401)
    );
    let mut socket = connect(&process, "/api/v1/streaming?stream=user", Some(&fan))
        .await
        .unwrap();
    let mut by_query = connect(
        &process,
        &format!("/api/v1/streaming?access_token={fan}&stream=hashtag&tag=Live"),
        None,
    )
    .await
    .unwrap();
    let mut little = connect(&process, "/api/v1/streaming", Some(&narrow))
        .await
        .unwrap();
    little
        .send(Message::text(
            json!({"type": "subscribe", "stream": "user"}).to_string(),
        ))
        .await
        .unwrap();
    let Some(Ok(Message::Text(refused))) = little.next().await else {
        panic!("no answer")
    };
    assert!(refused.contains("scopes"), "{refused}");
    let events = client()
        .get(process.at("/api/v1/streaming/user/notification"))
        .header("host", "here.test")
        .bearer_auth(&fan)
        .send()
        .await
        .unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut events = events.bytes_stream();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    // A post, its edit and its end; the second comes from another process.
    let written = call(
        &nina,
        post.clone(),
        "/api/v1/statuses",
        json!({"status": "@fan now #live"}),
    )
    .await;
    let id = written["id"].as_str().unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (names, event, payload) = told(&mut socket).await.expect("something is told");
        assert_eq!(names, json!(["user"]));
        let entity: Value = serde_json::from_str(&payload).unwrap();
        let about = if event == "notification" {
            &entity["status"]["id"]
        } else {
            &entity["id"]
        };
        assert_eq!(about, id, "{event}");
        seen.push(event);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["notification", "update"]);
    let (names, event, _) = told(&mut by_query).await.unwrap();
    assert_eq!(
        (names, event.as_str()),
        (json!(["hashtag", "live"]), "update")
    );
    let chunk = tokio::time::timeout(Duration::from_secs(8), async {
        loop {
            let chunk =
                String::from_utf8_lossy(&events.next().await.unwrap().unwrap()).into_owned();
            if chunk.contains("event:") {
                return chunk;
            }
        }
    });
    assert!(chunk.await.unwrap().contains("event: notification"));
    call(
        &nina,
        reqwest::Method::PUT,
        &format!("/api/v1/statuses/{id}"),
        json!({"status": "later #live"}),
    )
    .await;
    assert_eq!(told(&mut socket).await.unwrap().1, "status.update");
    call(
        &nina,
        reqwest::Method::DELETE,
        &format!("/api/v1/statuses/{id}"),
        json!({}),
    )
    .await;
    let (_, event, payload) = told(&mut socket).await.unwrap();
    assert_eq!((event.as_str(), payload.as_str()), ("delete", id));
    verb(&["post", "nina", "from the command line"]);
    let (_, event, payload) = told(&mut socket).await.unwrap();
    assert!(event == "update" && payload.contains("from the command line"));
    // What is not for the listener is not told.
    call(
        &nina,
        post.clone(),
        "/api/v1/statuses",
        json!({"status": "to myself", "visibility": "direct"}),
    )
    .await;
    call(
        &nina,
        post.clone(),
        "/api/v1/statuses",
        json!({"status": "for all"}),
    )
    .await;
    assert!(told(&mut socket).await.unwrap().2.contains("for all"));
    // 56: five seconds after the token ended, the stream is over.
    let ended = std::time::Instant::now();
    verb(&["account", "disable", "fan"]);
    while told(&mut socket).await.is_some() {}
    assert!(
        ended.elapsed() < Duration::from_secs(6),
        "{:?}",
        ended.elapsed()
    );
}

/// Many connections that idle cost little.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_are_small() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("test.db").display());
    let net = Net::real_time();
    let process = Process::start(
        folder.path(),
        "here.test",
        net.hosts(),
        &[("AFTERPARTY_DATABASE__URL", &database)],
    )
    .await;
    let mut sockets = Vec::new();
    for member in 0..50 {
        let name = format!("fan{member}");
        verb(folder.path(), &database, &["account", "create", &name]);
        let token = verb(
            folder.path(),
            &database,
            &["token", &name, "--scopes", "read"],
        );
        for _ in 0..10 {
            sockets.push(
                connect(&process, "/api/v1/streaming?stream=user", Some(&token))
                    .await
                    .unwrap(),
            );
        }
        if member == 0 {
            assert_eq!(
                connect(&process, "/api/v1/streaming?stream=user", Some(&token))
                    .await
                    .err(),
                Some(429)
            );
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let resident = process.memory("VmRSS");
    println!("{} idle streams: {resident} kB resident", sockets.len());
    assert!(resident < 150 << 10, "{resident} kB");
}
