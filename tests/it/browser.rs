//! Pages in a real browser: nothing sticks out on a phone, nothing is blocked, nothing runs that should not.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use afterparty::posts::compose::{Draft, NewPoll};
use serde_json::{Value, json};

use crate::support::node::client;
use crate::support::{Backend, Net, Peer, TestNode, complete, settle};

/// Chromium, driven over WebDriver.
struct Browser {
    driver: Child,
    session: String,
    origin: String,
}

impl Browser {
    /// A page fits its width, has one heading, and everything in it that can be used has a name.
    async fn fits(&self, path: &str, width: u32, dark: bool, who: &str) {
        self.open(path).await;
        let wide = self
            .ask("return document.documentElement.scrollWidth")
            .await
            .as_u64()
            .unwrap();
        assert!(wide <= u64::from(width), "{path} is {wide} wide on {width}");
        let headings = self
            .ask("return document.querySelectorAll('h1').length")
            .await;
        assert_eq!(headings, 1, "{path} has one heading");
        let nameless = self.ask("return [...document.querySelectorAll('button, a, input:not([type=hidden]), textarea, select')].filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length || e.querySelector('img[alt]:not([alt=\"\"])') || e.title)).map(e => e.outerHTML.slice(0, 80))").await;
        assert_eq!(
            nameless,
            json!([]),
            "{path}: everything that can be used has a name"
        );
        let shade = if dark { "dark" } else { "light" };
        self.screenshot(&format!(
            "{who}{}-{width}-{shade}",
            path.trim_matches('/')
                .replace(['/', '@', '?', '=', '.', '&', '%', ':'], "_")
        ))
        .await;
    }

    /// Starts a browser of one width that finds the node; nothing where it is not installed and not demanded.
    async fn start(node: &TestNode, width: u32, dark: bool) -> Option<Self> {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut driver) = driver else {
            assert!(!complete(), "chromedriver is not installed");
            eprintln!("left out: chromedriver is not installed");
            return None;
        };
        let out = driver.stdout.take().unwrap();
        let port = tokio::task::spawn_blocking(move || {
            BufReader::new(out)
                .lines()
                .map_while(Result::ok)
                .find_map(|line| {
                    let rest = line.split("started successfully on port ").nth(1)?;
                    rest.trim_end_matches('.').parse::<u16>().ok()
                })
        });
        let port = port.await.unwrap().expect("chromedriver says its port");
        let map = format!(
            "--host-resolver-rules=MAP {} {}",
            node.name, node.running.address
        );
        let mut args = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &map,
        ];
        if dark {
            args.push("--force-dark-mode");
        }
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": args, "mobileEmulation": {"deviceMetrics": {"width": width, "height": 800, "pixelRatio": 1.0}}},
        }}});
        let base = format!("http://127.0.0.1:{port}");
        let answer = client()
            .post(format!("{base}/session"))
            .body(capabilities.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let id = answer["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned();
        Some(Self {
            driver,
            session: format!("{base}/session/{id}"),
            origin: format!("http://{}", node.name),
        })
    }

    async fn call(&self, path: &str, body: Value) -> Value {
        let answer = client()
            .post(format!("{}/{path}", self.session))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    async fn open(&self, path: &str) {
        self.call("url", json!({"url": format!("{}{path}", self.origin)}))
            .await;
    }

    async fn sign_in(&self, cookie: &str) {
        self.open("/about").await;
        let (name, value) = cookie.split_once('=').unwrap();
        self.call("cookie", json!({"cookie": {"name": name, "value": value}}))
            .await;
    }

    async fn ask(&self, script: &str) -> Value {
        self.call("execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// What the console said that is worse than a missing page.
    async fn complaints(&self) -> Vec<String> {
        let log = self.call("se/log", json!({"type": "browser"})).await;
        let lines = log
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        lines
            // Over plain http the browser says that it ignores one header; advice on forms is no complaint.
            .filter(|line| {
                !["404", "favicon", "Cross-Origin-Opener-Policy", "[DOM]"]
                    .iter()
                    .any(|harmless| line.contains(harmless))
            })
            .collect()
    }

    async fn screenshot(&self, name: &str) {
        let answer = client()
            .get(format!("{}/screenshot", self.session))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let bytes =
            afterparty::kernel::crypt::from_base64(answer["value"].as_str().unwrap()).unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when it is asked to; killed, it would leave it behind.
        let session = self.session.clone();
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { client().delete(session).send().await.map(|_| ()) })
        })
        .join();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A house with something of everything.
async fn furnished() -> (TestNode, Peer, String) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let peer = Peer::start(&mut net, "evil.test").await;
    let node = net.node("here.test", &Backend::Sqlite, listener, &[]).await;
    let nina = node.host("nina").await;
    let long = "A very long line without any end: https://a.example/".to_owned()
        + &"x".repeat(200)
        + " #tag @nobody@nowhere.example";
    let post = node.post(&nina, &long).await;
    node.write(
        &nina,
        Draft {
            text: "an answer".into(),
            in_reply_to: Some(post.id),
            ..Draft::default()
        },
    )
    .await;
    node.write(
        &nina,
        Draft {
            text: "with a warning".into(),
            warning: "Loud".into(),
            ..Draft::default()
        },
    )
    .await;
    let poll = NewPoll {
        options: vec!["one".into(), "two".into()],
        multiple: false,
        seconds: 3600,
    };
    node.write(
        &nina,
        Draft {
            text: "which?".into(),
            poll: Some(poll),
            ..Draft::default()
        },
    )
    .await;
    let eve = peer.actor("eve");
    let mut document = peer.actor_document("eve");
    document["name"] = json!("<img src=x onerror=alert(1)>");
    document["summary"] = json!("<script>alert(1)</script><img src=x onerror=alert(1)><p>bio</p>");
    peer.serve(&document);
    peer.send(&node, &peer.activity("Follow", &eve, 1, json!(nina.uri)))
        .await;
    for (n, payload) in [
        "<svg/onload=alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "</textarea><script>alert(1)</script>",
    ]
    .iter()
    .enumerate()
    {
        let mut note = peer.note(&eve, n as u32, payload);
        note["to"] = json!([nina.uri, "https://www.w3.org/ns/activitystreams#Public"]);
        note["tag"] = json!([{"type": "Mention", "href": nina.uri}]);
        peer.send(&node, &peer.activity("Create", &eve, 10 + n as u32, note))
            .await;
    }
    settle(&[&node]).await;
    let cookie = node.cookie(&nina).await;
    let post = format!("/@nina/{}", post.id);
    (node, peer, format!("{cookie}\n{post}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_fit_the_phone_and_nothing_foreign_runs() {
    let (node, _peer, seat) = furnished().await;
    let (cookie, post) = seat.split_once('\n').unwrap();
    for (width, dark) in [(360, false), (360, true), (1280, false)] {
        let Some(browser) = Browser::start(&node, width, dark).await else {
            return;
        };
        // Whoever is not known here yet, then the host.
        let door = "/door?verb=follow&object=http%3A%2F%2Fhere.test%2Fusers%2Fnina";
        for path in ["/", post, "/sign-in", "/door", door] {
            browser.fits(path, width, dark, "visitor-").await;
        }
        browser.sign_in(cookie).await;
        let pages = [
            "/",
            "/@nina",
            post,
            "/home",
            "/local",
            "/compose",
            "/notifications",
            "/bookmarks",
            "/requests",
            "/search?q=nina",
            "/settings",
            "/settings/apps",
            "/settings/security",
            "/settings/people",
            "/settings/leave",
            "/operator",
            "/about",
            "/@eve@evil.test",
            "/nothing",
        ];
        for path in pages {
            browser.fits(path, width, dark, "").await;
        }
        let complaints = browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}
