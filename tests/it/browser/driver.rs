//! Chromium over WebDriver.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::node::client;
use crate::support::{TestNode, complete};

/// How a page is looked at.
#[derive(Clone, Copy)]
pub struct View {
    pub width: u32,
    pub dark: bool,
    pub scripts: bool,
}

impl View {
    pub const PHONE: Self = Self {
        width: 360,
        dark: false,
        scripts: true,
    };
}

/// Chromium, driven over WebDriver.
pub struct Browser {
    driver: Child,
    session: String,
    origin: String,
    scripts: bool,
}

impl Browser {
    /// A page fits its width, has one heading, and everything in it that can be used has a name.
    /// What axe finds wrong is told, so that all of it is seen at once.
    pub async fn fits(&self, path: &str, width: u32, dark: bool, who: &str) -> Vec<String> {
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
        let wrong = self.axe().await.into_iter();
        let wrong = wrong.map(|one| format!("{path} ({width}, dark {dark}): {one}"));
        let shade = if dark { "dark" } else { "light" };
        self.screenshot(&format!(
            "{who}{}-{width}-{shade}",
            path.trim_matches('/')
                .replace(['/', '@', '?', '=', '.', '&', '%', ':'], "_")
        ))
        .await;
        wrong.collect()
    }

    /// Starts a browser of one width that finds the nodes, at the first of them; nothing where it is not installed and
    /// not demanded.
    pub async fn start(nodes: &[&TestNode], view: View) -> Option<Self> {
        let View {
            width,
            dark,
            scripts,
        } = view;
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
        let rules = nodes
            .iter()
            .map(|node| format!("MAP {} {}", node.name, node.running.address));
        let rules: Vec<String> = rules.collect();
        let map = format!("--host-resolver-rules={}", rules.join(", "));
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
            "goog:chromeOptions": {"args": args, "prefs": {"profile.managed_default_content_settings.javascript": if scripts { 1 } else { 2 }}, "mobileEmulation": {"deviceMetrics": {"width": width, "height": 800, "pixelRatio": 1.0}}},
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
            origin: format!("http://{}", nodes[0].name),
            scripts,
        })
    }

    pub async fn call(&self, path: &str, body: Value) -> Value {
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

    pub async fn open(&self, path: &str) {
        self.call("url", json!({"url": format!("{}{path}", self.origin)}))
            .await;
    }

    pub async fn sign_in(&self, cookie: &str) {
        self.open("/about").await;
        let (name, value) = cookie.split_once('=').unwrap();
        self.call("cookie", json!({"cookie": {"name": name, "value": value}}))
            .await;
    }

    pub async fn ask(&self, script: &str) -> Value {
        self.call("execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// Takes a picture of where a journey is, and lets axe look at it.
    pub async fn snap(&self, name: &str) {
        self.screenshot(name).await;
        if self.scripts {
            let wrong = self.axe().await;
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        }
    }

    /// What axe finds wrong by WCAG 2.2 at level AA, with the element.
    async fn axe(&self) -> Vec<String> {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/browser/node_modules/axe-core/axe.min.js");
        let Ok(axe) = std::fs::read_to_string(file) else {
            assert!(!complete(), "axe-core is not installed");
            return Vec::new();
        };
        self.ask(&axe).await;
        let script = "const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']}).then(found => done(found.violations.map(one => one.id + ': ' + one.help + ' ' + one.nodes.map(node => node.html.slice(0, 200) + ' ' + node.any.map(why => why.message).join('; ')).slice(0, 3).join(' | '))), error => done([String(error)]))";
        let found = self
            .call("execute/async", json!({"script": script, "args": []}))
            .await;
        let found = found.as_array().unwrap().iter();
        found.map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// A command of the browser's own protocol, which works where scripts are off.
    async fn cdp(&self, name: &str, params: Value) -> Value {
        self.call("goog/cdp/execute", json!({"cmd": name, "params": params}))
            .await
    }

    async fn element(&self, selector: &str) -> Value {
        for _ in 0..50 {
            let document = self.cdp("DOM.getDocument", json!({"depth": 0})).await;
            let wanted = json!({"nodeId": document["root"]["nodeId"], "selector": selector});
            let found = self.attempt("DOM.querySelector", wanted).await;
            if let Some(found) = found.filter(|found| found["nodeId"] != 0) {
                return found["nodeId"].clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{selector} is not at {}", self.place().await);
    }

    /// Presses what a selector finds, where it is seen.
    pub async fn click(&self, selector: &str) {
        let node = self.element(selector).await;
        self.cdp("DOM.scrollIntoViewIfNeeded", json!({"nodeId": node}))
            .await;
        let quads = self
            .cdp("DOM.getContentQuads", json!({"nodeId": node}))
            .await;
        let quad: Vec<f64> = serde_json::from_value(quads["quads"][0].clone()).unwrap();
        let (x, y) = (quad[0].midpoint(quad[4]), quad[1].midpoint(quad[5]));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.cdp("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Types into what a selector finds, in place of what stood there.
    pub async fn write(&self, selector: &str, text: &str) {
        let node = self.element(selector).await;
        self.cdp("DOM.focus", json!({"nodeId": node})).await;
        let all = json!({"type": "keyDown", "commands": ["selectAll"]});
        self.cdp("Input.dispatchKeyEvent", all).await;
        self.cdp("Input.insertText", json!({"text": text})).await;
    }

    async fn get(&self, what: &str) -> String {
        let answer = client()
            .get(format!("{}/{what}", self.session))
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["value"].as_str().unwrap_or_default().to_owned()
    }

    async fn source(&self) -> Option<String> {
        let document = self.attempt("DOM.getDocument", json!({"depth": 0})).await?;
        let wanted = json!({"nodeId": document["root"]["nodeId"]});
        let html = self.attempt("DOM.getOuterHTML", wanted).await?;
        html["outerHTML"].as_str().map(str::to_owned)
    }

    /// As [`Self::cdp`], where it may fail.
    async fn attempt(&self, name: &str, params: Value) -> Option<Value> {
        let body = json!({"cmd": name, "params": params});
        let answer = client()
            .post(format!("{}/goog/cdp/execute", self.session))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        Some(answer["value"].clone()).filter(|value| value["error"].is_null())
    }

    /// Where it is.
    pub async fn place(&self) -> String {
        self.get("url").await
    }

    /// Waits until the page holds some words; the page.
    pub async fn sees(&self, words: &str) -> String {
        let mut page = String::new();
        for _ in 0..80 {
            // Another page may come in between.
            page = self.source().await.unwrap_or_default();
            if page.contains(words) {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("never saw {words:?} at {}: {page}", self.place().await);
    }

    /// Chooses the language of the pages.
    pub async fn speak(&self, tag: &str) {
        self.open("/about").await;
        self.call("cookie", json!({"cookie": {"name": "lang", "value": tag}}))
            .await;
    }

    /// What the console said that is worse than a missing page.
    pub async fn complaints(&self) -> Vec<String> {
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
