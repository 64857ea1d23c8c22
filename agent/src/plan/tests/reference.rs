//! docs/plan.md: its tables are made from the declaration of the keys.

use std::fmt::Write as _;

use crate::plan::schema::{Key, PACE, PLAN, Presence, Shape, Table};

const REFERENCE: &str = include_str!("../../../../docs/plan.md");
const BEGIN: &str = "<!-- from here on: made from agent/src/plan/schema/tables.rs -->\n";

#[test]
fn has_every_key_as_it_is_declared() {
    let made = made();
    let (prose, tables) = REFERENCE.split_once(BEGIN).unwrap();
    if std::env::var_os("REWRITE_REFERENCE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plan.md");
        std::fs::write(path, format!("{prose}{BEGIN}{made}")).unwrap();
        return;
    }
    assert_eq!(
        tables, made,
        "docs/plan.md is behind: REWRITE_REFERENCE=1 cargo test -p portwarden plan::tests::reference"
    );
}

fn made() -> String {
    let mut text = String::new();
    let mut headers = Vec::new();
    PLAN.walk(&mut |table| {
        if headers.contains(&table.header) {
            return;
        }
        headers.push(table.header);
        let accepted: Vec<_> = table.keys().filter(|key| key.presence.is_accepted()).collect();
        if !accepted.is_empty() {
            section(&mut text, table);
        }
    });
    text
}

fn section(text: &mut String, table: &Table) {
    let _ = writeln!(text, "\n## {}\n\n{}\n", in_code(table.header), table.doc);
    let _ = writeln!(text, "| key | value | default | meaning |\n| --- | --- | --- | --- |");
    let shared = |group: &[Key]| std::ptr::eq(group, PACE) && table.header != "[defaults]";
    let own = table.keys.iter().filter(|group| !shared(group)).flat_map(|group| group.iter());
    for key in own.filter(|key| key.presence.is_accepted()) {
        let default = match key.presence {
            Presence::Required => "*required*".to_owned(),
            Presence::Default(value) => format!("`{value}`"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {} |",
            key.name,
            cell(&value(&key.shape)),
            cell(key.doc)
        );
    }
    if table.keys.iter().any(|group| shared(group)) {
        let names: Vec<&str> = PACE.iter().map(|key| key.name).collect();
        let _ = writeln!(text, "\nAnd every key of `[defaults]`: `{}`.", names.join("`, `"));
    }
}

fn value(shape: &Shape) -> String {
    match shape {
        Shape::Row(table) => format!("a table, see {}", in_code(table.header)),
        Shape::Rows(table) => format!("tables, see {}", in_code(table.header)),
        other => other.describe(),
    }
}

fn in_code(header: &str) -> String {
    if header.starts_with('[') { format!("`{header}`") } else { header.to_owned() }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
