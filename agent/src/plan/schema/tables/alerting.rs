//! Who is told, of what, and when not.

use super::*;

pub(super) static RECEIVER: Table = Table {
    header: "[[receiver]]",
    doc: "Somebody to be told.",
    keys: &[&[
        key("name", Text(&NAME), Required, "Unique among receivers."),
        key(
            "webhook",
            Row(&WEBHOOK),
            Required,
            "A webhook by the Standard Webhooks specification.",
        ),
    ]],
};

static WEBHOOK: Table = Table {
    header: "webhook",
    doc: "A webhook by the Standard Webhooks specification.",
    keys: &[&[
        key("url", Text(&URL), Required, "Where messages are posted."),
        key(
            "secret_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the secret that signs: plain text, or `whsec_` and base64.",
        ),
        key("secret_file", Text(&PATH), Optional, "A file with the same."),
        key(
            "secret",
            Text(&FREE),
            Refused(
                "a secret is never in the file: put it in an environment variable and write `secret_env = \"NAME\"`, or in a file of its own and write `secret_file = \"PATH\"`",
            ),
            "Refused.",
        ),
    ]],
};

pub(super) static ROUTE: Table = Table {
    header: "[[route]]",
    doc: "Who is told of what; the first that matches wins. Without routes every receiver hears all.",
    keys: &[&[
        key(
            "severity",
            OneOf(&["warning", "critical"]),
            Optional,
            "Matches incidents of at least this severity; default: all.",
        ),
        key("receivers", OneOrMany(&Text(&RECEIVER_NAME)), Required, "Who is told."),
    ]],
};
