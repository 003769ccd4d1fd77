//! Reading documents of many programs: one or many, text or object, null or absent.

use serde_json::Value;

use crate::kernel::clock::Time;
use crate::kernel::html::truncate;
use crate::kernel::origin::parse_url;

/// A document, read tolerantly.
#[derive(Clone, Copy, Debug)]
pub struct Doc<'a>(pub &'a Value);

static NULL: Value = Value::Null;

impl<'a> Doc<'a> {
    /// The member `key`; null where it is absent.
    pub fn get(&self, key: &str) -> &'a Value {
        self.0.get(key).unwrap_or(&NULL)
    }

    /// Its id, also where the document is nothing but an id, or where that stands in an array.
    pub fn id(&self) -> Option<&'a str> {
        let id = match self.0 {
            Value::String(id) => Some(id.as_str()),
            value => {
                let id = value.get("id").or_else(|| value.get("@id"));
                id.and_then(|id| many(id).first()?.as_str())
            }
        };
        id.filter(|id| !id.is_empty())
    }

    /// Whether it is one of these types; of several types one is enough.
    pub fn kind(&self) -> Option<&'a str> {
        self.kinds().first().copied()
    }

    /// Its types.
    pub fn kinds(&self) -> Vec<&'a str> {
        let kind = self
            .0
            .get("type")
            .or_else(|| self.0.get("@type"))
            .unwrap_or(&NULL);
        many(kind).into_iter().filter_map(Value::as_str).collect()
    }

    /// The first of its types that is in the list.
    pub fn kind_in<'b>(&self, list: &[&'b str]) -> Option<&'b str> {
        let kinds = self.kinds();
        list.iter().find(|kind| kinds.contains(kind)).copied()
    }

    /// Text, not empty, at most `most` bytes.
    pub fn text(&self, key: &str, most: usize) -> Option<String> {
        let text = self.get(key).as_str().or_else(|| self.map_text(key))?;
        (!text.trim().is_empty()).then(|| truncate(text, most).to_owned())
    }

    /// The only or first text of `contentMap` beside `content`, and so on.
    fn map_text(&self, key: &str) -> Option<&'a str> {
        self.get(&format!("{key}Map"))
            .as_object()?
            .values()
            .find_map(Value::as_str)
    }

    /// The language of the only text in `contentMap`.
    pub fn language(&self) -> Option<String> {
        let map = self.get("contentMap").as_object()?;
        let language = map.keys().next().filter(|_| map.len() == 1)?;
        let sound = (2..=35).contains(&language.len())
            && language
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-')
            && language != "und";
        sound.then(|| language.clone())
    }

    /// Each member of `key`, whether it stands alone or in an array.
    pub fn each(&self, key: &str) -> Vec<Doc<'a>> {
        many(self.get(key)).into_iter().map(Doc).collect()
    }

    /// The objects among the members of `key`.
    pub fn objects(&self, key: &str) -> Vec<Doc<'a>> {
        self.each(key)
            .into_iter()
            .filter(|doc| doc.0.is_object())
            .collect()
    }

    /// The ids of the members of `key`, at most 256.
    pub fn ids(&self, key: &str) -> Vec<&'a str> {
        self.each(key)
            .into_iter()
            .filter_map(|doc| doc.id())
            .take(256)
            .collect()
    }

    /// The first id of `key`.
    pub fn id_of(&self, key: &str) -> Option<&'a str> {
        self.each(key).into_iter().find_map(|doc| doc.id())
    }

    /// The first web address of `key`: text, or the `href` or `url` of an object; http(s) only.
    pub fn link(&self, key: &str) -> Option<String> {
        self.each(key).into_iter().find_map(|doc| doc.address())
    }

    /// The web address this document is or has.
    pub fn address(&self) -> Option<String> {
        let text = match self.0 {
            Value::String(text) => Some(text.as_str()),
            value => value
                .get("href")
                .or_else(|| value.get("url"))
                .and_then(|inner| match inner {
                    Value::String(text) => Some(text.as_str()),
                    inner => many(inner)
                        .first()
                        .and_then(|first| first.as_str().or_else(|| first.get("href")?.as_str())),
                }),
        };
        text.and_then(parse_url)
            .map(|_| text.unwrap_or_default().to_owned())
    }

    /// A media type (RFC 9110 §8.3.1) without its parameters, in small letters; empty where there is none.
    pub fn media_type(&self, key: &str) -> String {
        let value = self.get(key).as_str().unwrap_or_default();
        let value = value.split(';').next().unwrap_or_default();
        truncate(value.trim(), 100).to_ascii_lowercase()
    }

    /// A moment.
    pub fn time(&self, key: &str) -> Option<Time> {
        Time::parse(self.get(key).as_str()?)
    }

    /// A truth; also the text `"true"`.
    pub fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Value::Bool(flag) => *flag,
            Value::String(text) => text == "true",
            _ => false,
        }
    }

    /// A whole number that is not negative.
    pub fn number(&self, key: &str) -> Option<i64> {
        let value = self.get(key);
        value
            .as_i64()
            .or_else(|| {
                value
                    .as_f64()
                    .filter(|number| number.fract() == 0.0)
                    .map(|number| number as i64)
            })
            .or_else(|| value.as_str()?.parse().ok())
            .filter(|number| (0..=1_000_000_000_000).contains(number))
    }

    /// Everyone it is addressed to, `to` and `cc` (and the misplaced `audience`), at most 256.
    pub fn recipients(&self) -> Vec<&'a str> {
        let mut all = self.ids("to");
        all.extend(self.ids("cc"));
        all.truncate(256);
        all
    }
}

/// The members of an array, or the value itself; nothing for null.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .iter()
            .filter(|item| !item.is_null())
            .take(4096)
            .collect(),
        value => vec![value],
    }
}

/// Whether an id means everyone, in any of its spellings.
pub fn is_public(id: &str) -> bool {
    matches!(
        id,
        "https://www.w3.org/ns/activitystreams#Public" | "as:Public" | "Public"
    )
}

#[cfg(test)]
mod tests {
    use super::Doc;
    use serde_json::json;

    #[test]
    fn shapes_are_read_alike() {
        for (to, ids) in [
            (json!("https://a.example/1"), vec!["https://a.example/1"]),
            (
                json!(["https://a.example/1", null, {"id": "https://a.example/2"}]),
                vec!["https://a.example/1", "https://a.example/2"],
            ),
            (json!(null), vec![]),
            (json!({"type": "Person"}), vec![]),
        ] {
            assert_eq!(Doc(&json!({ "to": to })).ids("to"), ids);
        }
        let doc = json!({"type": ["Person", "vcard:individual"], "contentMap": {"de": "Hallo"}, "summary": "", "url": [{"type": "Link", "href": "https://a.example/x"}]});
        let doc = Doc(&doc);
        assert_eq!(doc.kind_in(&["Group", "Person"]), Some("Person"));
        assert_eq!(doc.text("content", 100).as_deref(), Some("Hallo"));
        assert_eq!(doc.language().as_deref(), Some("de"));
        assert_eq!(doc.text("summary", 100), None);
        assert_eq!(doc.link("url").as_deref(), Some("https://a.example/x"));
        assert_eq!(
            Doc(&json!({"url": "javascript:alert(1)"})).link("url"),
            None
        );
    }
}
