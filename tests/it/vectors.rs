//! Published signature vectors, through the gate and the proofs as they run.

use afterparty::federation::{jcs, verify};
use afterparty::kernel::clock::Time;
use afterparty::kernel::crypt::PublicKey;
use afterparty::kernel::origin::Origin;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::support::shared;

fn vector(name: &str) -> Option<Value> {
    let Some(folder) = shared() else {
        eprintln!("left out: the signature vectors are not there");
        return None;
    };
    let file = folder.join(format!(
        "fixtures/signature-vectors/signature-vector-{name}.json"
    ));
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

/// Appendix B of RFC 9421: the Ed25519 request verifies; those that cover too little, or by what no peer uses, do not enter.
#[test]
fn the_requests_of_rfc_9421() {
    let Some(vector) = vector("rfc9421-appendix-b") else {
        return;
    };
    let origin = Origin::parse("https://example.com", None).unwrap();
    let key = PublicKey::from_pem(
        vector["keys"]["test-key-ed25519"]["public_pem"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    let (mut verified, mut denied) = (0, 0);
    for case in vector["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["message"] == "test-request")
    {
        let message = &vector["messages"]["test-request"];
        let mut headers = HeaderMap::new();
        for pair in message["headers"].as_array().unwrap() {
            headers.insert(
                HeaderName::try_from(pair[0].as_str().unwrap()).unwrap(),
                HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap(),
            );
        }
        for (name, member) in [
            ("signature-input", "signature_input_header"),
            ("signature", "signature_header"),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(case[member].as_str().unwrap()).unwrap(),
            );
        }
        let request = verify::Request {
            method: "POST",
            target: "/foo?param=Value&Pet=dog",
            headers: &headers,
            body: None,
        };
        let at = Time(1_618_884_473_000);
        match verify::check(&request, &origin, at) {
            Ok(signed) if case["algorithm"] == "ed25519" => {
                assert!(signed.fits(&key), "{}", case["title"]);
                assert!(
                    verify::check(
                        &request,
                        &origin,
                        at.plus(std::time::Duration::from_secs(3700))
                    )
                    .is_err(),
                    "an hour later it is stale"
                );
                verified += 1;
            }
            Ok(signed) => assert!(!signed.fits(&key), "{}", case["title"]),
            Err(_) => denied += 1,
        }
    }
    assert!(
        verified == 1 && denied >= 3,
        "{verified} verified, {denied} denied"
    );
}

/// The key of the older draft's appendix has 1,024 bits: too short to be believed.
#[test]
fn the_short_key_of_the_older_draft_is_refused() {
    let Some(vector) = vector("cavage-appendix-c") else {
        return;
    };
    assert!(PublicKey::from_pem(vector["public_key_pem"].as_str().unwrap()).is_none());
}

/// The signed documents of FEP-8b32 and of the W3C's `eddsa-jcs-2022`, and each step of the latter.
#[test]
fn signed_documents_verify() {
    let (Some(fep), Some(actor), Some(credential), Some(steps)) = (
        vector("fep8b32-signed-document"),
        vector("fep8b32-verify-actor"),
        vector("vc-eddsa-jcs-2022-signed"),
        vector("vc-eddsa-jcs-2022-steps"),
    ) else {
        return;
    };
    let key = PublicKey::from_multibase(
        actor["assertionMethod"][0]["publicKeyMultibase"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    for mut document in [fep, credential.clone()] {
        assert!(jcs::verify(&document, &key), "{}", document["id"]);
        document["type"] = Value::from("Delete");
        assert!(!jcs::verify(&document, &key));
    }
    let mut bare = credential;
    bare.as_object_mut().unwrap().remove("proof");
    assert_eq!(
        jcs::canonical(&bare),
        steps["canonDocJCS"].as_str().unwrap()
    );
}
