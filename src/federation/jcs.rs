//! Canonical JSON (RFC 8785) and proofs over it (FEP-8b32, `eddsa-jcs-2022`).

use serde_json::{Map, Value, json};

use crate::kernel::clock::Time;
use crate::kernel::crypt::{self, Ed25519Key, PublicKey};

/// Canonical JSON: members sorted by UTF-16, nothing between them. Numbers must be whole.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            let parts: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        value => value.to_string(),
    }
}

fn message(document: &Value, config: &Value) -> Vec<u8> {
    [
        crypt::sha256(canonical(config).as_bytes()),
        crypt::sha256(canonical(document).as_bytes()),
    ]
    .concat()
}

/// Adds a proof by an actor's Ed25519 key to a document.
pub fn prove(document: &mut Value, key: &Ed25519Key, key_id: &str, now: Time) {
    let mut config = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": now.rfc3339(),
        "verificationMethod": key_id,
        "proofPurpose": "assertionMethod",
    });
    if let Some(context) = document.get("@context") {
        config["@context"] = context.clone();
    }
    let signature = key.sign(&message(document, &config));
    config["proofValue"] = Value::String(crypt::multibase(&signature));
    document["proof"] = config;
}

/// Whether a document's proof was made by this key.
pub fn verify(document: &Value, key: &PublicKey) -> bool {
    let mut bare: Map<String, Value> = document.as_object().cloned().unwrap_or_default();
    let Some(Value::Object(mut config)) = bare.remove("proof") else {
        return false;
    };
    let Some(Value::String(value)) = config.remove("proofValue") else {
        return false;
    };
    let sound = config.get("type").and_then(Value::as_str) == Some("DataIntegrityProof")
        && config.get("cryptosuite").and_then(Value::as_str) == Some("eddsa-jcs-2022")
        && config.get("proofPurpose").and_then(Value::as_str) == Some("assertionMethod");
    let Some(signature) = crypt::from_multibase(&value) else {
        return false;
    };
    sound
        && key.verify(
            &message(&Value::Object(bare), &Value::Object(config)),
            &signature,
        )
}

#[cfg(test)]
mod tests {
    use super::{canonical, prove, verify};
    use crate::kernel::clock::Time;
    use crate::kernel::crypt::{Ed25519Key, PublicKey};
    use serde_json::json;

    #[test]
    fn canonical_json_is_sorted_and_bare() {
        assert_eq!(
            canonical(&json!({"b": [1, true, null], "a": "ü\n"})),
            "{\"a\":\"ü\\n\",\"b\":[1,true,null]}"
        );
    }

    #[test]
    fn a_proof_fits_its_document_only() {
        let (key, _) = Ed25519Key::generate().unwrap();
        let public = PublicKey::from_multibase(&key.multibase()).unwrap();
        let mut document = json!({"@context": ["https://www.w3.org/ns/activitystreams"], "type": "Note", "content": "hello"});
        prove(
            &mut document,
            &key,
            "https://a.example/users/nina#ed25519-key",
            Time(1_700_000_000_000),
        );
        assert!(verify(&document, &public));
        document["content"] = json!("hullo");
        assert!(!verify(&document, &public));
    }
}
