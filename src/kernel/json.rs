//! JSON from strangers: bounded in depth and number, no key twice, no NUL.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is read.
const DEPTH: usize = 64;
/// Most values a document may hold.
const VALUES: usize = 50_000;

/// Parses a document of a peer.
///
/// # Errors
/// When it is not JSON (a byte order mark before it is left out, RFC 8259 §8.1), nests deeper than 64, holds too many values, names a key twice or contains a NUL character.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut left = VALUES;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict {
        depth: 0,
        left: &mut left,
    }
    .deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Strict<'a> {
    depth: usize,
    left: &'a mut usize,
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| E::custom("too many values"))?;
        if self.depth > DEPTH {
            return Err(E::custom("nested too deep"));
        }
        Ok(())
    }
}

fn clean<E: serde::de::Error>(text: &str) -> Result<String, E> {
    if text.contains('\0') {
        Err(E::custom("a NUL character"))
    } else {
        Ok(text.to_owned())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(mut self, from: D) -> Result<Value, D::Error> {
        self.count()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Number::from_f64(v).map_or(Value::Null, Value::Number))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Value, E> {
        clean(v).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict {
            depth: self.depth + 1,
            left: &mut *self.left,
        })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let key = clean::<A::Error>(&key)?;
            let value = map.next_value_seed(Strict {
                depth: self.depth + 1,
                left: &mut *self.left,
            })?;
            if members.contains_key(&key) {
                return Err(A::Error::custom("a key twice"));
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn hostile_documents_are_refused() {
        let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
        let many = format!("[{}]", vec!["1"; 100_000].join(","));
        for text in [
            deep.as_str(),
            many.as_str(),
            r#"{"actor":"a","actor":"b"}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"a":"\ud800"}"#,
            "{} trailing",
            "NaN",
        ] {
            assert!(parse(text.as_bytes()).is_err());
        }
        assert!(parse(br#"{"a":[1,2.5,null,true,{"b":"c"}],"n":18446744073709551615}"#).is_ok());
    }
}
