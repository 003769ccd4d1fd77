//! Lists of measures on nodes, as Mastodon writes them (CSV), or one host a line.

use std::collections::BTreeMap;

use super::measures::{COMMENT, Measure, Severity};
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
    let mut columns: BTreeMap<String, usize> = BTreeMap::from([("domain".to_owned(), 0)]);
    let (mut found, mut unread): (Vec<Measure>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().take(LINES).enumerate() {
        let fields = crate::kernel::text::csv_fields(line);
        let first = fields[0].trim().trim_start_matches('#').to_lowercase();
        if at == 0 && first == "domain" {
            let name = |field: &String| field.trim().trim_start_matches('#').to_lowercase();
            columns = fields.iter().map(name).zip(0..).collect();
            continue;
        }
        if line.trim().is_empty() || (line.starts_with('#') && fields.len() == 1) {
            continue;
        }
        let field = |name: &str| columns.get(name).and_then(|at| fields.get(*at));
        let text = |name: &str| field(name).map(|text| text.trim()).unwrap_or_default();
        let severity = match text("severity") {
            "" => Some(Severity::Suspend),
            name => Severity::parse(name),
        };
        match (ascii_domain(text("domain")), severity) {
            (Some(host), Some(severity)) => found.push(Measure {
                host,
                severity,
                reject_media: text("reject_media").eq_ignore_ascii_case("true"),
                reject_reports: text("reject_reports").eq_ignore_ascii_case("true"),
                comment: text("public_comment").chars().take(COMMENT).collect(),
            }),
            _ => unread.push(line.chars().take(80).collect()),
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
        let (plain, _) = read_csv("spam.example\n\n# a comment\nloud.example\n");
        assert_eq!(plain.len(), 2);
        assert!(plain.iter().all(|one| one.severity == Severity::Suspend));
    }
}
