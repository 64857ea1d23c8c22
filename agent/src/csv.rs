//! Records of comma-separated values (RFC 4180), safe to be opened by a spreadsheet.

/// One record of fields, with its line end.
#[must_use]
pub(crate) fn record(fields: &[String]) -> String {
    fields.join(",") + "\r\n"
}

/// One field, quoted where it has to be.
#[must_use]
pub(crate) fn field(text: &str) -> String {
    // A spreadsheet would take it for a formula, and any process or certificate may call itself one.
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}
