//! A bundle as one JSON: what programs read.

use serde_json::Value;

use crate::Bundle;

/// The body of the first notification, exactly; of several, with those of the others as `others`.
pub(super) fn text(bundle: &Bundle) -> String {
    let Some((first, others)) = bundle.notifications.split_first() else { return String::new() };
    if others.is_empty() {
        return first.body.to_string();
    }
    let mut whole: Value = serde_json::from_str(&first.body).unwrap_or_default();
    // Bodies are written here and nowhere else: each of them is an object.
    whole["others"] =
        others.iter().filter_map(|one| serde_json::from_str::<Value>(&one.body).ok()).collect();
    whole.to_string()
}
