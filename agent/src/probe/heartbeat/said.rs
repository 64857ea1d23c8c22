//! What a job sends along, for people: the end of it, because that is where an error stands, and
//! without what looks like a secret.

use std::sync::LazyLock;

use regex::Regex;

use crate::net::printable;

/// Most bytes kept while it is read; of these, the last lines are shown.
pub(crate) const KEPT_BYTES: usize = 8 * 1024;
/// Most characters that are shown.
const SHOWN_CHARS: usize = 1000;

/// Words that a secret stands behind, and the secret; user and password in a URL; a private key.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?ix)
        ( \b [\w-]* (?: passw(?:or)?d | passphrase | passwd | pwd | secret | token | api[_-]?key | access[_-]?key | credential ) s? ["']? \s* (?: [:=] | \s ) \s* ["']? ) [^\s"',;&]+
      | ( \b (?: authorization | cookie | set-cookie ) ["']? \s* [:=] \s* ) [^\r\n]+
      | ( \b (?: bearer | basic ) \s+ ) [A-Za-z0-9._~+/=-]{8,}
      | ( :// ) [^\s/@]+ @
      | ( -----BEGIN [^-]* PRIVATE \s KEY----- ) [^-]*
        "#,
    )
    .ok()
});

/// The end of what was sent, where it says anything; `is_cut` when its beginning was left off.
pub(crate) fn tail(bytes: &[u8], is_cut: bool) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    // Half a line may begin in the middle of a secret.
    let whole = if is_cut { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    let masked =
        SECRETS.as_ref().map(|secrets| secrets.replace_all(whole.trim(), "$1$2$3$4$5(hidden)"))?;
    // Escaped, a character takes at most ten.
    let shown = printable(masked.as_bytes(), 10 * masked.len());
    let surplus = shown.chars().count().saturating_sub(SHOWN_CHARS);
    let start = shown.char_indices().nth(surplus).map_or(0, |(at, _)| at);
    let ellipsis = if surplus > 0 || is_cut { "…" } else { "" };
    (!shown.is_empty()).then(|| format!("{ellipsis}{}", &shown[start..]))
}
