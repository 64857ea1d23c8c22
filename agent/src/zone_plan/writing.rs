//! A draft as the text of a plan.

use serde_json::Value;

use super::Draft;

/// Values longer than this together stand on lines of their own.
const LINE_CHARACTERS: usize = 76;

impl Draft {
    /// The entries, with what was left out said above them. `nameservers` as the plan has them;
    /// none: as the parent delegates. Notes become comments.
    pub(crate) fn write(&self, source: &str, nameservers: &[String], notes: &[String]) -> String {
        let zone = crate::probe::dns::shown(&self.zone);
        let mut text = format!("# {}, from {}.\n", one_line(&zone), one_line(source));
        for note in notes {
            text.push_str(&format!("# {}\n", one_line(note)));
        }
        if !self.left_out.is_empty() {
            text.push_str("# Left out:\n");
        }
        for (why, left) in &self.left_out {
            let examples: Vec<String> = left.examples.iter().map(|name| one_line(name)).collect();
            let more = if left.count > examples.len() { ", …" } else { "" };
            let (count, examples) = (left.count, examples.join(", "));
            text.push_str(&format!("#  {count} {why}: {examples}{more}\n"));
        }
        text.push_str("\n[[dns]]\n");
        text.push_str(&format!("name = {}\n", quoted(&zone)));
        text.push_str(&format!("zone = {}\n", quoted(&zone)));
        if !nameservers.is_empty() {
            text.push_str(&format!("nameservers = {}\n", list(nameservers)));
        }
        for ((owner, kind), values) in &self.records {
            let labels = owner.iter().rev().map(Vec::as_slice);
            // What came out of a name makes one again.
            let Ok(mut name) = hickory_proto::rr::Name::from_labels(labels) else { continue };
            name.set_fqdn(true);
            let values: Vec<String> = values.iter().cloned().collect();
            text.push_str(&format!(
                "\n  [[dns.record]]\n  name = {}\n  type = {}\n  values = {}\n",
                quoted(&self.written_name(&name)),
                quoted(kind),
                list(&values)
            ));
        }
        text
    }
}

fn list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    let line = format!("[{}]", quoted.join(", "));
    if quoted.len() < 2 || line.chars().count() <= LINE_CHARACTERS {
        return line;
    }
    let lines: Vec<String> = quoted.iter().map(|value| format!("    {value},\n")).collect();
    format!("[\n{}  ]", lines.concat())
}

/// A TOML string: JSON's escapes are TOML's too, but DEL has to be escaped as well.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Fit for a comment.
fn one_line(text: &str) -> String {
    crate::net::printable(text.as_bytes(), 300)
}
