//! Reading settings, and saying what is wrong with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use toml::{Table, Value};

use super::Settings;
use super::keys::{KEYS, Key};

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{origin}: there is no setting `{key}`{hint}")]
    Unknown {
        /// The key as written.
        key: String,
        /// Where it was written.
        origin: String,
        /// The nearest known key.
        hint: String,
    },
    /// The value is not what the key takes.
    #[error("{origin}: `{key}` is {value}, expected {expected}")]
    Bad {
        /// The key.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What was expected.
        expected: &'static str,
        /// Where it was written.
        origin: String,
    },
    /// The file cannot be read as TOML.
    #[error("{file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// Settings, and where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Key → (value, origin), for `config show`.
    pub origins: BTreeMap<&'static str, (String, String)>,
}

/// Reads the settings: defaults, `file` where it exists, `environment`, then `flags` (`key`, value as text).
///
/// # Errors
/// When a key is unknown or a value is not what it takes; the error names the key, the value and what was expected.
pub fn load(
    file: Option<&Path>,
    environment: &[(String, String)],
    flags: &[(String, String)],
) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded {
        settings: Settings::blank(),
        origins: BTreeMap::new(),
    };
    for key in KEYS {
        if let Some(default) = key.default {
            set(&mut loaded, key, &toml_value(default), "default")?;
        }
    }
    if let Some(file) = file {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|cause| ConfigError::File {
            file: name.clone(),
            cause: cause.to_string(),
        })?;
        let table: Table = text
            .parse()
            .map_err(|cause: toml::de::Error| ConfigError::File {
                file: name.clone(),
                cause: cause.to_string(),
            })?;
        read_table(&mut loaded, &table, &name)?;
    }
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix("AFTERPARTY_") else {
            continue;
        };
        let Some((section, key)) = rest.split_once("__") else {
            continue;
        };
        let key = format!(
            "{}.{}",
            section.to_ascii_lowercase(),
            key.to_ascii_lowercase()
        );
        let key = find(&key, name)?;
        set(&mut loaded, key, &from_text(key, value), name)?;
    }
    for (name, value) in flags {
        let key = find(name, "command line")?;
        set(&mut loaded, key, &from_text(key, value), "command line")?;
    }
    Ok(loaded)
}

fn read_table(loaded: &mut Loaded, table: &Table, file: &str) -> Result<(), ConfigError> {
    for (section, members) in table {
        let Some(members) = members.as_table() else {
            return Err(unknown(section, file));
        };
        for (name, value) in members {
            let key = find(&format!("{section}.{name}"), file)?;
            set(loaded, key, value, file)?;
        }
    }
    Ok(())
}

fn set(
    loaded: &mut Loaded,
    key: &'static Key,
    value: &Value,
    origin: &str,
) -> Result<(), ConfigError> {
    let shown = without_secrets(key.name, &value.to_string());
    if (key.set)(&mut loaded.settings, value).is_none() {
        return Err(ConfigError::Bad {
            key: key.name,
            value: shown,
            expected: key.expected,
            origin: origin.to_owned(),
        });
    }
    loaded.origins.insert(key.name, (shown, origin.to_owned()));
    Ok(())
}

/// A value as it may be printed: without what opens something.
fn without_secrets(name: &str, value: &str) -> String {
    const HIDDEN: &str = "(not shown)";
    if name.ends_with("secret_key") {
        return HIDDEN.to_owned();
    }
    let (name_of, password) = match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => (scheme + 3, at),
        _ => return value.to_owned(),
    };
    match value[name_of..password].find(':') {
        Some(colon) => format!(
            "{}{HIDDEN}{}",
            &value[..=name_of + colon],
            &value[password..]
        ),
        None => value.to_owned(),
    }
}

fn find(name: &str, origin: &str) -> Result<&'static Key, ConfigError> {
    KEYS.iter()
        .find(|key| key.name == name)
        .ok_or_else(|| unknown(name, origin))
}

fn unknown(name: &str, origin: &str) -> ConfigError {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    let near = KEYS.iter().find(|key| {
        key.name.contains(leaf) || leaf.contains(key.name.rsplit('.').next().unwrap_or(key.name))
    });
    let hint = near.map_or_else(
        || "; `afterparty config example` lists them all".to_owned(),
        |key| format!("; did you mean `{}`?", key.name),
    );
    ConfigError::Unknown {
        key: name.to_owned(),
        origin: origin.to_owned(),
        hint,
    }
}

fn toml_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A value from the environment or a flag: TOML where the key takes a number, a truth, a list or a table; else plain text.
fn from_text(key: &Key, text: &str) -> Value {
    let plain = !matches!(
        key.default.map(toml_value),
        Some(Value::Integer(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_))
    );
    if plain {
        Value::String(text.to_owned())
    } else {
        toml_value(text)
    }
}

/// The example file: every key with its meaning and its default.
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of an Afterparty node. Every key is optional; a line that begins with # shows a default or an example.\n\
         # A value can also be set in the environment: AFTERPARTY_NODE__URL, AFTERPARTY_SERVER__LISTEN and so on.\n",
    );
    let mut section = "";
    for key in KEYS {
        let Some((its_section, name)) = key.name.split_once('.') else {
            continue;
        };
        if its_section != section {
            section = its_section;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = writeln!(text, "# {} Takes {}.", key.about, key.expected);
        let _ = match key.default {
            Some(default) => writeln!(text, "# {name} = {default}"),
            None => writeln!(text, "# {name} ="),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{example, load, without_secrets};

    fn vars(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn what_opens_something_is_not_printed() {
        for (name, value, shown) in [
            ("storage.secret_key", "\"abc\"", "(not shown)"),
            (
                "database.url",
                "\"postgres://ap:s3cr@t/x@db.example:5432/ap\"",
                "\"postgres://ap:(not shown)@db.example:5432/ap\"",
            ),
            (
                "mail.url",
                "\"smtps://mail%40nova.example:pw@smtp.example\"",
                "\"smtps://mail%40nova.example:(not shown)@smtp.example\"",
            ),
            (
                "database.url",
                "\"postgres://ap@db.example/ap\"",
                "\"postgres://ap@db.example/ap\"",
            ),
            (
                "database.url",
                "\"sqlite:data/afterparty.db\"",
                "\"sqlite:data/afterparty.db\"",
            ),
            (
                "node.url",
                "\"https://nova.example\"",
                "\"https://nova.example\"",
            ),
        ] {
            assert_eq!(without_secrets(name, value), shown);
        }
    }

    #[test]
    fn flags_win_over_the_environment_and_it_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("afterparty.toml");
        std::fs::write(
            &file,
            "[server]\nlisten = \"127.0.0.1:1\"\n[limits]\npost_chars = 10\n",
        )
        .unwrap();
        let environment = vars(&[
            ("AFTERPARTY_SERVER__LISTEN", "127.0.0.1:2"),
            ("AFTERPARTY_FEDERATION__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]"),
        ]);
        let loaded = load(
            Some(&file),
            &environment,
            &vars(&[("server.listen", "127.0.0.1:3")]),
        )
        .unwrap();
        assert_eq!(loaded.settings.server.listen.port(), 3);
        assert_eq!(loaded.settings.limits.post_chars, 10);
        assert_eq!(loaded.settings.limits.attachments, 8);
        assert_eq!(loaded.settings.federation.allow_networks.len(), 1);
        assert_eq!(loaded.origins["server.listen"].1, "command line");
    }

    #[test]
    fn errors_name_the_key_the_value_and_what_was_expected() {
        let bad = load(None, &vars(&[("AFTERPARTY_SERVER__LISTEN", "here")]), &[])
            .unwrap_err()
            .to_string();
        for part in [
            "server.listen",
            "here",
            "127.0.0.1:8080",
            "AFTERPARTY_SERVER__LISTEN",
        ] {
            assert!(bad.contains(part), "{bad}");
        }
        let unknown = load(None, &vars(&[("AFTERPARTY_SERVER__LISTENS", "x")]), &[])
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains("server.listens") && unknown.contains("server.listen`"),
            "{unknown}"
        );
        assert!(load(None, &vars(&[("AFTERPARTY_LIMITS__POST_CHARS", "0")]), &[]).is_err());
        assert!(
            load(
                None,
                &vars(&[("AFTERPARTY_NODE__URL", "https://a.example/path")]),
                &[]
            )
            .is_err()
        );
    }

    #[test]
    fn the_example_file_in_the_project_is_the_one_the_code_writes() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/afterparty.example.toml");
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            example(),
            "run `afterparty config example > config/afterparty.example.toml`"
        );
    }
}
