//! Every statement of the program, read from its source.

use std::collections::HashMap;
use std::path::Path;

/// A statement, as each database is told it.
pub struct Statement {
    pub file: String,
    pub sqlite: String,
    pub postgres: String,
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap().to_owned();
            found.push((path.display().to_string(), shipped));
        }
    }
}

/// Conditions that several statements share, by their name.
type Shared = HashMap<String, String>;

/// A string, several in `concat!`, or a shared condition; and what comes after it. Nothing where it is none of these.
fn literal<'a>(rest: &'a str, shared: &Shared) -> Option<(String, &'a str)> {
    let rest = rest.trim_start();
    if let Some(parts) = rest.strip_prefix("concat!(") {
        let (mut text, mut left) = (String::new(), parts);
        loop {
            left = left.trim_start();
            if let Some(after) = left.strip_prefix(')') {
                return Some((text, after));
            }
            let (part, after) = literal(left, shared)?;
            text.push_str(&part);
            left = after.trim_start();
            left = left.strip_prefix(',').unwrap_or(left);
        }
    }
    if let Some(after) = rest.strip_prefix('"') {
        return string(after);
    }
    let end = rest.find("!()")?;
    let name = rest[..end].rsplit("::").next()?;
    let is_name = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || "_:$".contains(c))
    };
    if !is_name(&rest[..end]) {
        return None;
    }
    Some((shared.get(name)?.clone(), &rest[end + 3..]))
}

/// What stands in a string up to its end, a backslash at the end of a line joining it with the next.
fn string(after: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut letters = after.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, &after[at + 1..])),
            '\\' => match letters.next()?.1 {
                '\n' => {
                    while letters.peek().is_some_and(|(_, c)| c.is_whitespace()) {
                        letters.next();
                    }
                }
                'n' => text.push('\n'),
                other => text.push(other),
            },
            letter => text.push(letter),
        }
    }
    None
}

/// The macros that stand for a part of a statement; some use others.
fn shared(files: &[(String, String)]) -> Shared {
    let mut found = Shared::new();
    for _ in 0..4 {
        for (_, text) in files {
            for part in text.split("macro_rules! ").skip(1) {
                let name = part.split([' ', '{']).next().unwrap().to_owned();
                let Some(at) = part.find("() => {") else {
                    continue;
                };
                if let Some((text, _)) = literal(&part[at + 7..], &found) {
                    found.insert(name, text);
                }
            }
        }
    }
    found
}

/// All of them. Fails where one is put together while the program runs, so that none is left out.
pub fn statements() -> Vec<Statement> {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let shared = shared(&files);
    let mut found = Vec::new();
    for (file, text) in &files {
        for (at, _) in text.match_indices("sql(") {
            let before = text[..at].chars().next_back();
            let is_call = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
            if !is_call || text[..at].ends_with("fn ") || text[..at].ends_with("raw_") {
                continue;
            }
            let read = literal(&text[at + 4..], &shared);
            let Some((common, after)) = read else {
                panic!(
                    "{file}: {}",
                    &text[at..].chars().take(80).collect::<String>()
                );
            };
            // An override stands right behind its statement.
            let mut statement = Statement {
                file: file.clone(),
                sqlite: common.clone(),
                postgres: common,
            };
            let mut left = after
                .trim_start()
                .trim_start_matches([',', ')'])
                .trim_start();
            loop {
                let (own, rest) = if let Some(rest) = left.strip_prefix(".on_sqlite(") {
                    (&mut statement.sqlite, rest)
                } else if let Some(rest) = left.strip_prefix(".on_postgres(") {
                    (&mut statement.postgres, rest)
                } else {
                    break;
                };
                let (text, after) = literal(rest, &shared).unwrap();
                *own = text;
                left = after.trim_start().trim_start_matches([',', ')', ' ', '\n']);
            }
            found.push(statement);
        }
    }
    found
}
