//! Lists as programs of all kinds write them: comma-separated values (RFC 4180), also with semicolons or tabs, a mark at
//! the beginning, columns in any order.

/// A list: its columns, where its first line names them, and its lines.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The names of the columns in small letters, without a `#` before them; empty where the first line is a line.
    columns: Vec<String>,
    /// The lines as they were written, each with its fields, neither of them empty.
    pub lines: Vec<Line>,
}

/// A line of a list.
#[derive(Clone, Debug)]
pub struct Line {
    /// As it was written.
    pub written: String,
    fields: Vec<String>,
}

impl Table {
    /// Reads at most so many lines; the first one names the columns where one of its fields is one of these names.
    pub fn read(text: &str, names: &[&str], most: usize) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let separator = lines.clone().next().map_or(',', separator);
        let mut table = Self::default();
        for line in lines.take(most) {
            let fields = fields(line, separator);
            if table.columns.is_empty() && table.lines.is_empty() {
                let heads: Vec<String> = fields.iter().map(|field| head(field)).collect();
                if heads.iter().any(|head| names.contains(&head.as_str())) {
                    table.columns = heads;
                    continue;
                }
            }
            table.lines.push(Line {
                written: line.to_owned(),
                fields,
            });
        }
        table
    }

    /// Whether the first line named the columns.
    pub fn is_named(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The field of a line in the column of this name, or at this place where no columns are named.
    pub fn field<'a>(&self, line: &'a Line, name: &str, place: Option<usize>) -> Option<&'a str> {
        let at = if self.is_named() {
            self.columns.iter().position(|column| column == name)
        } else {
            place
        };
        line.fields.get(at?).map(|field| field.trim())
    }
}

impl Line {
    /// Its fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.trim())
    }
}

fn head(field: &str) -> String {
    field.trim().trim_start_matches('#').trim().to_lowercase()
}

/// What stands between the fields of a line: where commas are decimal signs, programs write semicolons.
fn separator(line: &str) -> char {
    let mut quoted = false;
    let mut counts = [(',', 0), (';', 0), ('\t', 0)];
    for sign in line.chars() {
        quoted ^= sign == '"';
        for (known, count) in &mut counts {
            *count += usize::from(!quoted && sign == *known);
        }
    }
    // A comma wins where there is one as often.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0)
        .map_or(',', |(known, _)| *known)
}

/// The fields of one line, without line breaks inside; always at least one.
pub fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut signs = line.trim_end_matches('\r').chars().peekable();
    while let Some(sign) = signs.next() {
        let field = fields.len() - 1;
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                fields[field].push('"');
            }
            '"' => quoted = !quoted,
            sign if sign == separator && !quoted => fields.push(String::new()),
            sign => fields[field].push(sign),
        }
    }
    fields
}

/// A line of fields, quoted where they need it.
pub fn write<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |field: &str| {
        if field.contains([',', '"', ';', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    };
    let fields: Vec<String> = fields.into_iter().map(quoted).collect();
    fields.join(",")
}

/// A truth as programs and people write it in a list; nothing where it says neither.
pub fn truth(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" | "x" | "wahr" | "ja" | "j" | "vrai" | "oui" => {
            Some(true)
        }
        "false" | "no" | "n" | "0" | "off" | "falsch" | "nein" | "faux" | "non" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, fields, truth, write};

    #[test]
    fn lists_of_all_kinds_are_read() {
        for text in [
            "name,big\nana,true\n",
            "\u{feff}#name,#big\r\nana,true\r\n",
            "Big;Name\nTRUE;ana",
            "\n big\tname \n1\tana\n\n",
        ] {
            let table = Table::read(text, &["name"], 10);
            assert_eq!(table.lines.len(), 1, "{text}");
            assert_eq!(
                table.field(&table.lines[0], "name", None),
                Some("ana"),
                "{text}"
            );
            let big = table.field(&table.lines[0], "big", None).unwrap();
            assert_eq!(truth(big), Some(true), "{text}");
        }
        let bare = Table::read("ana;x\nben;y", &["name"], 10);
        assert!(!bare.is_named());
        assert_eq!(bare.field(&bare.lines[1], "name", Some(0)), Some("ben"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = ["a", "b, \"c\"", "", "d;e"];
        assert_eq!(fields(&write(written), ','), written);
    }
}
