//! House rules, kept by a test: who may use whom, how long files are, what stands nowhere.

#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that panics has failed"
)]

use std::path::{Path, PathBuf};

/// The slices in the order of their dependencies; each uses only what stands before it.
const ORDER: [&str; 22] = [
    "kernel",
    "app",
    "error",
    "locale",
    "jobs",
    "nodes",
    "accounts",
    "relations",
    "audiences",
    "oauth",
    "media",
    "posts",
    "notifications",
    "timelines",
    "search",
    "moderation",
    "federation",
    "guests",
    "members",
    "crew",
    "portable",
    "mastodon",
];

/// Pages: every `web` file, and what all pages share. They stand above the slices and the wire.
const PAGES: [&str; 1] = ["ui"];
/// The top: only these use everything.
const TOP: [&str; 5] = ["server", "worker", "cli", "lib", "main"];

/// Uses against the order, each with its reason; three of a kind mean that the order is wrong.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("nodes", "accounts", "set-up makes the first account")];

/// Files over 400 lines that are one idea all the same.
const LONG: [&str; 7] = [
    "src/kernel/config/keys.rs",
    "src/federation/objects/note.rs",
    "src/federation/inbox.rs",
    "src/federation/serve.rs",
    "src/federation/verify.rs",
    "src/federation/actor.rs",
    "src/relations/follows.rs",
];

fn files(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            files(&path, extension, into);
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root().join("src"), "rs", &mut found);
    found
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(root()).unwrap().display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

/// The part of a file that ships: what stands before its tests.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

fn slice_of(path: &str) -> &str {
    path.trim_start_matches("src/")
        .split('/')
        .next()
        .unwrap()
        .trim_end_matches(".rs")
}

fn is_page(path: &str) -> bool {
    path.contains("/web/") || path.ends_with("/web.rs") || PAGES.contains(&slice_of(path))
}

#[test]
fn each_slice_uses_only_what_stands_before_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let slice = slice_of(&path);
        if TOP.contains(&slice) {
            continue;
        }
        let place = ORDER.iter().position(|name| *name == slice);
        for used in shipped(&text).split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let allowed = match ORDER.iter().position(|name| *name == used) {
                Some(used_place) => {
                    is_page(&path) || place.is_some_and(|place| used_place <= place)
                }
                None => {
                    is_page(&path) && PAGES.contains(&used.as_str())
                        || !TOP.contains(&used.as_str()) && !PAGES.contains(&used.as_str())
                }
            };
            let excused = EXCEPTIONS
                .iter()
                .any(|(from, to, _)| *from == slice && *to == used);
            if !allowed && !excused {
                wrong.push(format!("{path} uses {used}"));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn slices_know_nothing_of_the_web_and_the_wire() {
    for (path, text) in sources() {
        let slice = slice_of(&path);
        let inner = ORDER[5..16].contains(&slice) && !is_page(&path);
        for foreign in ["axum::", "askama", "activitypub_federation"] {
            assert!(
                !(inner && shipped(&text).contains(foreign)),
                "{path} uses {foreign}"
            );
        }
    }
}

#[test]
fn files_stay_short() {
    let mut long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| shipped(text).lines().count() > 400)
        .map(|(path, _)| path)
        .collect();
    long.sort();
    let new: Vec<&String> = long
        .iter()
        .filter(|path| !LONG.contains(&path.as_str()))
        .collect();
    assert!(new.is_empty(), "over 400 lines: {new:?}");
}

/// What many pages are asked with (`ui/page.rs`) is not declared again beside one of them.
#[test]
fn parameters_of_many_pages_stand_once() {
    for parameters in [
        "struct Paging {\n    before: Option<i64>,\n}",
        "struct Saved {\n    saved: Option<String>,\n}",
    ] {
        let again: Vec<String> = sources()
            .into_iter()
            .filter(|(path, text)| path != "src/ui/page.rs" && text.contains(parameters))
            .map(|(path, _)| path)
            .collect();
        assert!(again.is_empty(), "{parameters}: {again:?}");
    }
}

#[test]
fn names_say_what_things_are() {
    for (path, text) in sources() {
        for line in shipped(&text).lines() {
            let declared = ["struct ", "enum ", "trait ", "mod "]
                .iter()
                .find_map(|word| {
                    line.trim_start()
                        .trim_start_matches("pub ")
                        .strip_prefix(word)
                });
            if let Some(name) = declared.map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect::<String>()
            }) {
                for banned in ["Service", "Manager", "Helper", "Util", "Impl"] {
                    assert!(!name.ends_with(banned), "{path}: {name}");
                }
            }
            for banned in [
                "fn do_",
                "fn handle_",
                "fn process_now_",
                "todo!(",
                "unimplemented!(",
                "dbg!(",
            ] {
                assert!(!line.contains(banned), "{path}: {line}");
            }
        }
    }
}

#[test]
fn every_message_is_used() {
    let mut templates = Vec::new();
    files(&root().join("templates"), "html", &mut templates);
    let mut all: String = templates
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    sources().iter().for_each(|(_, text)| all.push_str(text));
    let messages = std::fs::read_to_string(root().join("locales/en.ftl")).unwrap();
    // Families whose last part is put together while the program runs.
    let families = [
        "approval-",
        "audience-",
        "notice-",
        "quote-policy-",
        "quote-",
        "role-",
        "title-",
        "empty-",
        "mail-done-",
        "mail-link-",
        "scope-",
        "door-do-",
        "done-",
        "face-",
        "section-",
        "mode-",
        "invite-state-",
        "travels-",
        "right-",
        "act-",
        "draft-state-",
        "calm-",
        "category-",
        "filter-",
        "held-",
        "measure-",
        "severity-",
        "data-",
        "figure-",
        "mail-report-",
    ];
    let unused: Vec<&str> = messages
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '}']))
        .filter_map(|line| line.split_once(" =").map(|(id, _)| id))
        .filter(|id| {
            !all.contains(&format!("\"{id}\""))
                && !families.iter().any(|family| id.starts_with(family))
        })
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// The functions of a file, each as its lines.
fn functions(text: &str) -> Vec<Vec<&str>> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for line in shipped(text).lines() {
        let begins = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(super) ");
        if begins.starts_with("async fn ") || begins.starts_with("fn ") {
            found.push(Vec::new());
        }
        if let Some(last) = found.last_mut() {
            last.push(line);
        }
    }
    found
}

#[test]
fn nothing_is_read_beside_an_open_transaction() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for function in functions(&text) {
            let mut opened = None;
            for line in function {
                let depth = line.len() - line.trim_start().len();
                let reads = line.contains("&app.db")
                    || line.contains("(app, ") && line.contains(".await") && !line.contains("tx");
                if line.contains(".begin().await") {
                    opened = Some(depth);
                } else if line.contains(".commit().await")
                    || line.contains("drop(tx)")
                    || opened.is_some_and(|at| depth < at && !line.trim().is_empty())
                {
                    opened = None;
                } else if opened.is_some() && reads {
                    wrong.push(format!("{path}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_moderation_says_that_something_was_screened() {
    for (path, text) in sources() {
        assert!(
            path == "src/moderation/writing.rs"
                || path == "src/posts/screened.rs"
                || !text.contains("by_moderation"),
            "{path} goes around the screening"
        );
    }
}
