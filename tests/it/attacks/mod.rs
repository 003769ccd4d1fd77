//! The acceptance list of attacks, replayed against a running node: the status, and that nothing changed.
//! The numbers are those of the list.

mod answers;
mod authority;
mod budgets;
mod connections;
mod fetch;
mod input;
mod memory;
mod pages;
mod reflection;
mod sender;
mod sign_in;
mod waiting;

use afterparty::accounts;
use serde_json::{Value, json};

use crate::support::peer::post_raw;
use crate::support::{Backend, Net, Peer, TestNode, settle};

/// What must not change: counts of everything an attack could touch.
async fn ledger(node: &TestNode) -> Vec<i64> {
    let mut counts = Vec::new();
    for statement in [
        "SELECT COUNT(*) AS n FROM follows",
        "SELECT COUNT(*) AS n FROM posts",
        "SELECT COUNT(*) AS n FROM favourites",
        "SELECT COUNT(*) AS n FROM notifications",
        "SELECT COUNT(*) AS n FROM blocks",
        "SELECT COUNT(*) AS n FROM reports",
        "SELECT COUNT(*) AS n FROM post_people",
        "SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) AS n FROM posts",
    ] {
        counts.push(node.count(statement).await);
    }
    counts
}

struct Scene {
    net: Net,
    node: TestNode,
    evil: Peer,
    victim: Peer,
    eve: String,
    vic: String,
    nina: accounts::Account,
    canary: std::net::TcpListener,
}

async fn scene(backend: &Backend) -> Scene {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let victim = Peer::start(&mut net, "victim.test").await;
    // A listener outside of the admitted network that must see nobody.
    let canary = std::net::TcpListener::bind("127.2.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    net.name("rebind.test", canary.local_addr().unwrap());
    let node = net.node("here.test", backend, listener, &[]).await;
    let nina = node.host("nina").await;
    let (eve, vic) = (evil.actor("eve"), victim.actor("vic"));
    Scene {
        net,
        node,
        evil,
        victim,
        eve,
        vic,
        nina,
        canary,
    }
}

impl Scene {
    fn follow(&self, number: u32) -> Value {
        self.evil
            .activity("Follow", &self.eve, number, json!(self.nina.uri))
    }

    fn key(&self) -> String {
        format!("{}#main-key", self.eve)
    }

    /// A signed Follow whose headers were changed; its status. Nothing may have happened.
    async fn bent(&self, number: u32, change: impl Fn(&mut Vec<(String, String)>)) -> u16 {
        let before = ledger(&self.node).await;
        let body = self.follow(number).to_string().into_bytes();
        let mut headers = self.evil.sign(&self.key(), "here.test", "/inbox", &body);
        change(&mut headers);
        let status = post_raw(&self.node, "/inbox", headers, body).await;
        settle(&[&self.node]).await;
        assert_eq!(
            before,
            ledger(&self.node).await,
            "attack {number} had an effect"
        );
        status
    }

    /// As [`Scene::bent`], the signature made anew over other headers.
    async fn resigned(
        &self,
        number: u32,
        covered: &[&str],
        change: impl Fn(&mut Vec<(String, String)>),
    ) -> u16 {
        self.bent(number, |headers| {
            headers.retain(|(name, _)| name != "signature");
            change(headers);
            let signature = self
                .evil
                .signature(&self.key(), "post", "/inbox", covered, headers);
            headers.push(("signature".to_owned(), signature));
        })
        .await
    }

    /// Sends an activity of eve that is let in and has no effect.
    async fn harmless(&self, activity: &Value) {
        let before = ledger(&self.node).await;
        assert_eq!(
            self.evil.send(&self.node, activity).await,
            202,
            "{activity}"
        );
        settle(&[&self.node]).await;
        assert_eq!(before, ledger(&self.node).await, "{activity} had an effect");
    }

    fn canary_is_silent(&self) {
        assert!(self.canary.accept().is_err(), "somebody came to the canary");
    }
}

const ALL: [&str; 4] = ["(request-target)", "host", "date", "digest"];

/// Sends bytes as they are and reads the first line of what comes back.
async fn raw(node: &TestNode, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(node.running.address)
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), read).await;
    let text = String::from_utf8_lossy(&answer);
    text.lines().next().unwrap_or_default().to_owned()
}

fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(key, _)| key != name);
    headers.push((name.to_owned(), value.to_owned()));
}
