//! Until a signature verifies, everything counts against the address it came from, never against the name it claims.

use serde_json::json;

use super::{Scene, scene};
use crate::both;
use crate::support::node::client;
use crate::support::{Backend, Net, Peer, TestNode, settle};

both!(
    junk_spends_only_the_budget_of_its_own_address,
    many_requests_of_a_newcomer_cause_one_fetch,
    keys_that_nobody_serves_do_not_shut_newcomers_out,
);

/// A node that believes the address its proxy tells, an evil and an honest peer.
async fn behind_a_proxy(backend: &Backend) -> (Net, TestNode, Peer, Peer) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let evil = Peer::start(&mut net, "evil.test").await;
    let honest = Peer::start(&mut net, "honest.test").await;
    let proxy = [("server.trusted_proxies", "[\"127.0.0.1/32\"]")];
    let node = net.node("here.test", backend, listener, &proxy).await;
    node.host("nina").await;
    (net, node, evil, honest)
}

/// A Follow that claims a key, signed by a peer's own; the status.
async fn send(node: &TestNode, from: &str, peer: &Peer, (actor, number): (&str, u32)) -> u16 {
    let nina = "http://here.test/users/nina";
    let body = json!({"id": format!("{actor}/follows/{number}"), "type": "Follow", "actor": actor, "object": nina});
    let body = body.to_string().into_bytes();
    let key = format!("{actor}#main-key");
    let mut request = client()
        .post(node.at("/inbox"))
        .header("x-forwarded-for", from);
    for (name, value) in peer.sign(&key, "here.test", "/inbox", &body) {
        request = request.header(name, value);
    }
    request.body(body).send().await.unwrap().status().as_u16()
}

async fn junk_spends_only_the_budget_of_its_own_address(backend: Backend) {
    let (_, node, evil, honest) = behind_a_proxy(&backend).await;
    let known = honest.actor("known");
    assert_eq!(send(&node, "198.51.100.1", &honest, (&known, 1)).await, 202);
    settle(&[&node]).await;
    // Signed by somebody else, in the name of who is known, of who is not, and of who does not exist.
    let newcomer = honest.actor("newcomer");
    let nobody = honest.at("/users/nobody");
    let mut statuses = Vec::new();
    for n in 0..140 {
        for claimed in [&known, &newcomer, &nobody] {
            let claim = (claimed.as_str(), 100 + n);
            statuses.push(send(&node, "203.0.113.1", &evil, claim).await);
        }
    }
    assert!(statuses.iter().all(|status| [401, 429].contains(status)));
    assert!(statuses.contains(&429), "it ends somewhere");
    assert_eq!(node.followers_of("nina").await, ["known@honest.test"]);
    let asked = honest.seen().len();
    assert!(asked < 140, "{asked} requests went to who was named");
    // The honest are heard, who is known and who is not, also through the same address where they are known.
    assert_eq!(send(&node, "203.0.113.1", &honest, (&known, 2)).await, 202);
    assert_eq!(send(&node, "198.51.100.1", &honest, (&known, 3)).await, 202);
    assert_eq!(
        send(&node, "198.51.100.1", &honest, (&newcomer, 4)).await,
        202
    );
    // A key that changed is found by the honest, though junk in its name came before.
    let other = Peer::start(&mut Net::new(), "honest.test").await;
    let mut document = honest.actor_document("known");
    document["publicKey"]["publicKeyPem"] = json!(other.pem());
    honest.serve(&document);
    assert_eq!(send(&node, "198.51.100.1", &other, (&known, 5)).await, 202);
    settle(&[&node]).await;
    assert_eq!(
        node.followers_of("nina").await,
        ["known@honest.test", "newcomer@honest.test"]
    );
}

async fn many_requests_of_a_newcomer_cause_one_fetch(backend: Backend) {
    let s: Scene = scene(&backend).await;
    let dora = s.evil.actor("dora");
    s.evil.forget();
    let all = (0..200).map(|n| {
        let activity = s
            .evil
            .activity("Like", &dora, 5_000 + n, json!("http://here.test/nothing"));
        let (evil, node) = (s.evil.clone(), &s.node);
        async move { evil.send(node, &activity).await }
    });
    let statuses = futures_util::future::join_all(all).await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    let fetched = s
        .evil
        .seen()
        .iter()
        .filter(|seen| seen.path == "/users/dora")
        .count();
    assert!(fetched <= 2, "{fetched} fetches");
}

async fn keys_that_nobody_serves_do_not_shut_newcomers_out(backend: Backend) {
    let (_, node, evil, honest) = behind_a_proxy(&backend).await;
    let mut refused = 0;
    for n in 0..1_300 {
        // From ten addresses, for accounts of a host that is not there.
        let actor = format!("http://dead.test/users/{n}");
        let from = format!("203.0.113.{}", n % 10);
        let status = send(&node, &from, &evil, (&actor, n)).await;
        assert!([401, 429, 503].contains(&status), "{status}");
        refused += u32::from(status == 429);
    }
    assert!(refused > 0);
    for n in 0..3 {
        let newcomer = honest.actor(&format!("newcomer{n}"));
        let status = send(&node, "198.51.100.1", &honest, (&newcomer, 1)).await;
        assert_eq!(status, 202, "newcomer {n}");
    }
}
