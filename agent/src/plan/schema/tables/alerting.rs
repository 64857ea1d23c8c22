//! Who is told, of what, and when not.

use super::*;
use others::{ALERTMANAGER, GOTIFY, MAIL, NTFY, OPSGENIE, PAGERDUTY, PROGRAM, PUSHOVER, TEMPLATE};

mod others;

pub(in crate::plan) use others::OUTSIDE_WORD;

pub(super) static RECEIVER: Table = Table {
    header: "[[receiver]]",
    doc: "Somebody to be told.",
    keys: &[&[
        key("name", Text(&NAME), Required, "Unique among receivers."),
        key(
            "webhook",
            Row(&WEBHOOK),
            Optional,
            "A webhook by the Standard Webhooks specification.",
        ),
        key(
            "template",
            Row(&TEMPLATE),
            Optional,
            "A webhook whose body is your own, by a template.",
        ),
        key("alertmanager", Row(&ALERTMANAGER), Optional, "Alertmanager, or a cluster of them."),
        key("mail", Row(&MAIL), Optional, "E-mail."),
        key(
            "program",
            Row(&PROGRAM),
            Optional,
            "A program, with the message as JSON on its standard input.",
        ),
        key("ntfy", Row(&NTFY), Optional, "ntfy."),
        key("gotify", Row(&GOTIFY), Optional, "Gotify."),
        key("pushover", Row(&PUSHOVER), Optional, "Pushover."),
        key("pagerduty", Row(&PAGERDUTY), Optional, "PagerDuty, by its Events API v2."),
        key("opsgenie", Row(&OPSGENIE), Optional, "Opsgenie, by its Alert API."),
        key("slack", Row(&SLACK), Optional, "Slack, by an incoming webhook."),
        key(
            "language",
            OneOf(&["en", "ko"]),
            Optional,
            "The reader's language; default: that of the agent.",
        ),
        key(
            "timezone",
            Text(&TIMEZONE),
            Optional,
            "Whose clocks tell the times; default: that of `[alerts]`.",
        ),
        key(
            "group",
            OneOf(&["never", "burst", "window"]),
            Optional,
            "Which incidents share a message: none; only where very many wait at once (the default where programs read); what belongs together and comes within a while (the default where people do).",
        ),
    ]],
};

static SLACK: Table = Table {
    header: "slack",
    doc: "Slack, by an incoming webhook.",
    keys: &[&[
        key(
            "url_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the URL; who knows it may write.",
        ),
        key("url_file", Text(&PATH), Optional, "A file with the same."),
        key("url", Text(&FREE), Refused(OUTSIDE), "Refused."),
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
