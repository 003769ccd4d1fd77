//! Lists of measures on nodes, as Mastodon writes them (CSV), or one host a line.

use super::measures::{COMMENT, Measure, Severity};
use crate::kernel::csv::{self, Table};
use crate::kernel::origin::ascii_domain;

/// Most lines of a list.
const LINES: usize = 20_000;
/// The first line of a list, as Mastodon writes it.
const HEAD: &str = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate";

/// The measures as a list that Mastodon reads.
pub fn write_csv(measures: &[Measure]) -> String {
    let mut text = format!("{HEAD}\n");
    for one in measures {
        let comment = one.comment.replace('"', "\"\"");
        text.push_str(&format!(
            "{},{},{},{},\"{comment}\",false\n",
            one.host,
            one.severity.name(),
            one.reject_media,
            one.reject_reports
        ));
    }
    text
}

/// Reads a list as Mastodon writes it, or one host a line; with the lines that could not be read.
pub fn read_csv(text: &str) -> (Vec<Measure>, Vec<String>) {
    let table = Table::read(text, &["domain", "severity"], LINES);
    let (mut found, mut unread): (Vec<Measure>, Vec<String>) = (Vec::new(), Vec::new());
    for line in &table.lines {
        if !table.is_named() && line.written.trim_start().starts_with('#') {
            continue;
        }
        let place = |name: &str| (name == "domain").then_some(0);
        let text = |name: &str| table.field(line, name, place(name)).unwrap_or_default();
        let severity = match text("severity") {
            "" => Some(Severity::Suspend),
            name => Severity::parse(&name.to_lowercase()),
        };
        // Where a name is hidden in part, nobody knows who is meant.
        match (ascii_domain(text("domain")), severity) {
            (Some(host), Some(severity)) if !text("domain").contains('*') => found.push(Measure {
                host,
                severity,
                reject_media: csv::truth(text("reject_media")) == Some(true),
                reject_reports: csv::truth(text("reject_reports")) == Some(true),
                comment: text("public_comment").chars().take(COMMENT).collect(),
            }),
            _ => unread.push(line.written.chars().take(80).collect()),
        }
    }
    found.sort_by(|one, other| one.host.cmp(&other.host));
    found.dedup_by(|one, other| one.host == other.host);
    (found, unread)
}

#[cfg(test)]
mod tests {
    use super::{read_csv, write_csv};
    use crate::nodes::measures::Severity;

    #[test]
    fn lists_are_read_as_they_are_written() {
        let text = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\nspam.example,suspend,true,true,\"bad, \"\"very\"\" bad\",false\nloud.example,silence,false,false,,false\nnot a domain,suspend,,,,\nodd.example,explode,,,,\n";
        let (found, unread) = read_csv(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].comment, "bad, \"very\" bad");
        assert_eq!(found[0].severity, Severity::Silence);
        assert_eq!(unread.len(), 2);
        assert_eq!(read_csv(&write_csv(&found)).0, found);
        for text in [
            "\u{feff}#domain,#severity\nloud.example,silence\n",
            "#severity,#domain\nSilence,loud.example\n",
            "domain;severity;reject_media\nloud.example;silence;FALSE",
        ] {
            let (found, unread) = read_csv(text);
            assert_eq!(unread, [""; 0], "{text}");
            let is = (
                found[0].host.as_str(),
                found[0].severity,
                found[0].reject_media,
            );
            assert_eq!(is, ("loud.example", Severity::Silence, false), "{text}");
        }
        let (found, unread) = read_csv("#domain,#obfuscate\nl*ud.example,true\n*.example,false\n");
        assert_eq!(
            (found.len(), unread.len()),
            (0, 2),
            "hidden names are nobody's"
        );
        let (plain, _) = read_csv("spam.example\n\n# a comment\nloud.example\n");
        assert_eq!(plain.len(), 2);
        assert!(plain.iter().all(|one| one.severity == Severity::Suspend));
    }
}
