//! Web Push, to a device on loopback that can read what it is sent (RFC 8291).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Fan, id};
use crate::both;
use crate::support::{Backend, Net, Peer, settle};
use afterparty::kernel::crypt::{from_url_base64, url_base64};

both!(a_device_reads_what_it_is_told);

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], length: usize) -> Vec<u8> {
    let mut key = vec![0; length];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let expanded = extracted.expand(info, Length(length)).unwrap();
    expanded.fill(&mut key).unwrap();
    key
}

/// Opens a message as a browser would.
fn open(own: &PrivateKey, auth: &[u8], sent: &[u8]) -> Value {
    let (salt, rest) = sent.split_at(16);
    let (head, rest) = rest.split_at(5);
    assert_eq!(head[4], 65);
    let (theirs, record) = rest.split_at(65);
    let public = own.compute_public_key().unwrap();
    let shared = agree(
        own,
        UnparsedPublicKey::new(&ECDH_P256, theirs),
        (),
        |secret| Ok(secret.to_vec()),
    )
    .unwrap();
    let info: [&[u8]; 3] = [b"WebPush: info\0", public.as_ref(), theirs];
    let secret = derive(auth, &shared, &info, 32);
    let key = derive(salt, &secret, &[b"Content-Encoding: aes128gcm\0"], 16);
    let nonce = derive(salt, &secret, &[b"Content-Encoding: nonce\0"], 12);
    let mut record = record.to_vec();
    let plain = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap())
        .open_in_place(
            Nonce::try_assume_unique_for_key(&nonce).unwrap(),
            Aad::empty(),
            &mut record,
        )
        .unwrap();
    let end = plain.iter().rposition(|byte| *byte == 2).unwrap();
    serde_json::from_slice(&plain[..end]).unwrap()
}

/// Checks who says to have sent it (RFC 8292); the claims.
fn sender(header: &str, known: &str) -> Value {
    let (token, key) = header
        .strip_prefix("vapid t=")
        .unwrap()
        .split_once(", k=")
        .unwrap();
    assert_eq!(key, known);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = from_url_base64(key).unwrap();
    Verifier::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(signed.as_bytes(), &from_url_base64(signature).unwrap())
        .unwrap();
    let claims = signed.split_once('.').unwrap().1;
    serde_json::from_slice(&from_url_base64(claims).unwrap()).unwrap()
}

async fn a_device_reads_what_it_is_told(backend: Backend) {
    let mut net = Net::new();
    let listener = net.listen("here.test").await;
    let service = Peer::start(&mut net, "push.test").await;
    let settings = [("limits.requests", "1000000")];
    let node = net.node("here.test", &backend, listener, &settings).await;
    let nina = Fan::new(&node, node.host("nina").await).await;
    let fan = Fan::new(&node, node.sign_up("fan").await).await;
    let path = "/api/v1/push/subscription";
    assert_eq!(nina.call(Method::GET, path, None).await.status, 404);
    let own = PrivateKey::generate(&ECDH_P256).unwrap();
    let key = url_base64(own.compute_public_key().unwrap().as_ref());
    let auth = [7_u8; 16];
    let device = |endpoint: &str| json!({"subscription": {"endpoint": endpoint, "keys": {"p256dh": key, "auth": url_base64(&auth)}}, "data": {"policy": "all", "alerts": {"mention": true, "favourite": false}}});
    // Nothing is sent where nothing may be asked, and no key that is none is kept.
    for bent in [
        "http://127.2.0.1/x",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "",
        "https://[::1]/",
    ] {
        assert_eq!(
            nina.call(Method::POST, path, Some(device(bent)))
                .await
                .status,
            422,
            "{bent}"
        );
    }
    let mut short = device(&service.at("/d/1"));
    short["subscription"]["keys"]["p256dh"] = json!("AAAA");
    assert_eq!(nina.call(Method::POST, path, Some(short)).await.status, 422);
    let set = nina.post(path, device(&service.at("/d/1"))).await;
    assert_eq!(
        (
            &set["id"],
            &set["alerts"]["mention"],
            &set["alerts"]["favourite"]
        ),
        (&json!(1), &json!(true), &json!(false))
    );
    assert_eq!(
        nina.get("/api/v2/instance").await["configuration"]["vapid"]["public_key"],
        set["server_key"]
    );
    let post = nina
        .post("/api/v1/statuses", json!({"status": "hello"}))
        .await;
    fan.post(
        &format!("/api/v1/statuses/{}/favourite", id(&post)),
        json!({}),
    )
    .await;
    fan.post(
        "/api/v1/statuses",
        json!({"status": "@nina see you on Friday"}),
    )
    .await;
    settle(&[&node]).await;
    let sent = service.seen();
    assert_eq!(sent.len(), 1, "the mention alone");
    let message = open(&own, &auth, &sent[0].raw);
    assert_eq!(
        (&message["notification_type"], &message["body"]),
        (&json!("mention"), &json!("@nina see you on Friday"))
    );
    assert_eq!(message["access_token"], nina.token);
    assert_eq!(sent[0].headers["content-encoding"], "aes128gcm");
    let claims = sender(
        sent[0].headers["authorization"].to_str().unwrap(),
        set["server_key"].as_str().unwrap(),
    );
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&json!("http://push.test"), &json!("http://here.test"))
    );
    // Other wishes, another device, and one that is gone.
    let changed = nina
        .put(
            path,
            json!({"data": {"alerts": {"favourite": true}, "policy": "followed"}}),
        )
        .await;
    assert_eq!(
        (&changed["alerts"]["mention"], &changed["policy"]),
        (&json!(false), &json!("followed"))
    );
    nina.get(path).await;
    assert_eq!(fan.post(path, device(&service.at("/d/2"))).await["id"], 2);
    service.answer_one_inbox("/d/2", 410);
    nina.post("/api/v1/statuses", json!({"status": "@fan hello"}))
        .await;
    settle(&[&node]).await;
    assert_eq!(
        fan.call(Method::GET, path, None).await.status,
        404,
        "it is forgotten"
    );
    nina.delete(path, None).await;
    assert_eq!(nina.call(Method::GET, path, None).await.status, 404);
}
