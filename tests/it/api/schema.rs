//! The description of the client API, read from the shared folder, and answers held against it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::shared;

static DOCUMENT: LazyLock<Option<Value>> = LazyLock::new(|| {
    let file = shared()?.join("checks/mastodon-openapi.json");
    let text = std::fs::read_to_string(file).ok()?;
    Some(serde_json::from_str(&text).unwrap())
});

type Validators = HashMap<String, Option<std::sync::Arc<Validator>>>;

static VALIDATORS: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);

/// The path of the description that a called path belongs to: the one with the fewest parameters.
fn template<'a>(paths: &'a serde_json::Map<String, Value>, path: &str) -> Option<&'a str> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let fits = |candidate: &str| {
        let wanted: Vec<&str> = candidate.trim_matches('/').split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    };
    paths
        .keys()
        .filter(|candidate| fits(candidate))
        .min_by_key(|candidate| candidate.matches('{').count())
        .map(String::as_str)
}

fn validator(document: &Value, method: &str, template: &str, status: u16) -> Option<Validator> {
    let operation = &document["paths"][template][method];
    let answers = &operation["responses"];
    let answer = &answers[status.to_string()];
    let schema = answer["content"]["application/json"]["schema"].clone();
    if schema.is_null() {
        return None;
    }
    let whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"], "allOf": [schema]});
    Some(jsonschema::validator_for(&whole).unwrap())
}

/// What of an answer disagrees with the description; nothing where it does not speak of it.
pub fn complaints(method: &str, path: &str, status: u16, body: &Value) -> Option<Vec<String>> {
    let document = DOCUMENT.as_ref()?;
    let template = template(document["paths"].as_object()?, path)?;
    let key = format!("{method} {template} {status}");
    let mut validators = VALIDATORS.lock().unwrap();
    let found = validators
        .entry(key)
        .or_insert_with(|| {
            validator(document, &method.to_ascii_lowercase(), template, status).map(Into::into)
        })
        .clone()?;
    drop(validators);
    let list = found.iter_errors(body);
    Some(
        list.map(|error| format!("{} at {}", error, error.instance_path))
            .collect(),
    )
}
