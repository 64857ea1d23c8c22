//! Receivers beside webhooks and chats: what each of them needs.

use super::*;

/// Words that must not stand in the file, where a table holds nothing else.
pub(in crate::plan) static OUTSIDE_WORD: Table = Table {
    header: "a secret",
    doc: "Words that must not stand in the file.",
    keys: &[&[
        key("env", Text(&VARIABLE), Optional, "An environment variable that holds them."),
        key("file", Text(&PATH), Optional, "A file that holds them."),
    ]],
};

/// Logging in with user and password, or with a token.
static LOGIN: &[Key] = &[
    key("user", Text(&FREE), Optional, "Logs in as this user, with a password."),
    key("password_env", Text(&VARIABLE), Optional, "An environment variable with the password."),
    key("password_file", Text(&PATH), Optional, "A file with the same."),
    key("password", Text(&FREE), Refused(OUTSIDE), "Refused."),
];

static BEARER: &[Key] = &[
    key(
        "token_env",
        Text(&VARIABLE),
        Optional,
        "An environment variable with a token, instead of user and password.",
    ),
    key("token_file", Text(&PATH), Optional, "A file with the same."),
    key("token", Text(&FREE), Refused(OUTSIDE), "Refused."),
];

pub(super) static ALERTMANAGER: Table = Table {
    header: "alertmanager",
    doc: "Alertmanager by its API v2: its own routes, silences and cluster take over.",
    keys: &[
        &[
            key(
                "url",
                OneOrMany(&Text(&URL)),
                Required,
                "Where it is, such as \"http://127.0.0.1:9093\"; of a cluster, all of them: each is told.",
            ),
            key(
                "stands_for",
                Text(&DURATION),
                Default("\"5m\""),
                "How long an alert stands without a sign of the agent, from 4s to 1d. It is refreshed every minute, or four times in that time.",
            ),
        ],
        LOGIN,
        BEARER,
    ],
};

pub(super) static TEMPLATE: Table = Table {
    header: "template",
    doc: "A webhook whose body is your own, by a template (minijinja, the language of Jinja).",
    keys: &[&[
        key("url", Text(&URL), Optional, "Where messages are sent."),
        key(
            "url_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the URL, where who knows it may write.",
        ),
        key("url_file", Text(&PATH), Optional, "A file with the same."),
        key("method", OneOf(&["POST", "PUT", "PATCH"]), Default("\"POST\""), "The method."),
        key(
            "headers",
            Map(&Either(&[Text(&FREE), Row(&HEADER)])),
            Optional,
            "Headers; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
        ),
        key(
            "json",
            Text(&FREE),
            Optional,
            "A template of JSON: every {{ value }} is written as JSON, quotes included.",
        ),
        key("form", Map(&Text(&FREE)), Optional, "Fields of a form, each a template."),
        key("text", Text(&FREE), Optional, "A template of plain text."),
        key(
            "secrets",
            Map(&Row(&OUTSIDE_WORD)),
            Optional,
            "What templates may use as {{ secrets.NAME }}: { env = \"…\" } or { file = \"…\" }.",
        ),
    ]],
};

pub(super) static MAIL: Table = Table {
    header: "mail",
    doc: "E-mail by SMTP.",
    keys: &[
        &[
            key("to", OneOrMany(&Text(&MAILBOX)), Required, "Whom it is for."),
            key("from", Text(&MAILBOX), Required, "Whom it is from."),
            key(
                "server",
                Text(&MAIL_SERVER),
                Required,
                "The mail server; without a port, the usual one of its `security`.",
            ),
            key(
                "security",
                OneOf(&["starttls", "tls", "none"]),
                Default("\"starttls\""),
                "STARTTLS and nothing without it (port 587); TLS from the start (port 465); or none (port 25), and then nobody logs in.",
            ),
            key(
                "ca",
                OneOrMany(&Text(&PATH)),
                Optional,
                "PEM files with extra roots for its certificate; default: the system's alone.",
            ),
        ],
        LOGIN,
    ],
};

pub(super) static PROGRAM: Table = Table {
    header: "program",
    doc: "A program, with the message as JSON on its standard input.",
    keys: &[&[
        key(
            "command",
            Many(&Text(&FREE)),
            Required,
            "The program and its arguments; no shell reads them. It runs in the plan's folder.",
        ),
        key(
            "timeout",
            Text(&DURATION),
            Default("\"10s\""),
            "How long it may run, from 100ms to 1m; it is killed then, and tried again later.",
        ),
    ]],
};

pub(super) static NTFY: Table = Table {
    header: "ntfy",
    doc: "ntfy.",
    keys: &[
        &[
            key("url", Text(&URL), Default("\"https://ntfy.sh\""), "The server."),
            key(
                "topic",
                Text(&TOPIC),
                Optional,
                "The topic, where knowing it does not suffice to read it.",
            ),
            key("topic_env", Text(&VARIABLE), Optional, "An environment variable with the topic."),
            key("topic_file", Text(&PATH), Optional, "A file with the same."),
        ],
        LOGIN,
        BEARER,
    ],
};

pub(super) static GOTIFY: Table = Table {
    header: "gotify",
    doc: "Gotify.",
    keys: &[&[
        key("url", Text(&URL), Required, "The server."),
        key(
            "token_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the token of an application.",
        ),
        key("token_file", Text(&PATH), Optional, "A file with the same."),
        key("token", Text(&FREE), Refused(OUTSIDE), "Refused."),
    ]],
};

pub(super) static PUSHOVER: Table = Table {
    header: "pushover",
    doc: "Pushover.",
    keys: &[&[
        key(
            "token_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the token of an application.",
        ),
        key("token_file", Text(&PATH), Optional, "A file with the same."),
        key("token", Text(&FREE), Refused(OUTSIDE), "Refused."),
        key(
            "user_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the key of a user or a group.",
        ),
        key("user_file", Text(&PATH), Optional, "A file with the same."),
        key("user", Text(&FREE), Refused(OUTSIDE), "Refused."),
        key(
            "url",
            Text(&URL),
            Default("\"https://api.pushover.net/1/messages.json\""),
            "Its message API.",
        ),
    ]],
};

pub(super) static PAGERDUTY: Table = Table {
    header: "pagerduty",
    doc: "PagerDuty, by its Events API v2.",
    keys: &[&[
        key(
            "routing_key_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the integration key of a service.",
        ),
        key("routing_key_file", Text(&PATH), Optional, "A file with the same."),
        key("routing_key", Text(&FREE), Refused(OUTSIDE), "Refused."),
        key(
            "url",
            Text(&URL),
            Default("\"https://events.pagerduty.com/v2/enqueue\""),
            "Where events go; in the European region \"https://events.eu.pagerduty.com/v2/enqueue\".",
        ),
    ]],
};

pub(super) static OPSGENIE: Table = Table {
    header: "opsgenie",
    doc: "Opsgenie, by its Alert API.",
    keys: &[&[
        key(
            "key_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the key of an API integration.",
        ),
        key("key_file", Text(&PATH), Optional, "A file with the same."),
        key("key", Text(&FREE), Refused(OUTSIDE), "Refused."),
        key(
            "url",
            Text(&URL),
            Default("\"https://api.opsgenie.com\""),
            "Where its API is; in the European region \"https://api.eu.opsgenie.com\".",
        ),
    ]],
};

static MAILBOX: Words =
    any("an address such as \"ops@shop.example\" or \"Ops <ops@shop.example>\"");
static MAIL_SERVER: Words = any("a mail server such as \"smtp.shop.example\" or \"127.0.0.1:25\"");
static TOPIC: Words = words("a topic such as \"shop-alerts\"", "^[-_A-Za-z0-9]{1,64}$");
