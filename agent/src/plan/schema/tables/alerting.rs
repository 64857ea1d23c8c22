//! Who is told, of what, and when not.

use health::Kind;

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
        key("slack", Row(&chat::SLACK), Optional, "Slack, by an incoming webhook."),
        key("discord", Row(&chat::DISCORD), Optional, "Discord, by a webhook of a channel."),
        key("teams", Row(&chat::TEAMS), Optional, "Microsoft Teams, by the webhook of a workflow."),
        key("telegram", Row(&chat::TELEGRAM), Optional, "Telegram, by a bot."),
        key("mattermost", Row(&chat::MATTERMOST), Optional, "Mattermost, by an incoming webhook."),
        key(
            "google_chat",
            Row(&chat::GOOGLE_CHAT),
            Optional,
            "Google Chat, by a webhook of a space.",
        ),
        key("matrix", Row(&chat::MATRIX), Optional, "A room of Matrix."),
        key(
            "naver_works",
            Row(&chat::NAVER_WORKS),
            Optional,
            "Naver Works, by an incoming webhook.",
        ),
        key("kakaowork", Row(&chat::KAKAOWORK), Optional, "KakaoWork, by an incoming webhook."),
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

/// Names of kinds, in the order of pages.
static KINDS: [&str; Kind::OF_INCIDENTS.len()] = {
    let mut names = [""; Kind::OF_INCIDENTS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Kind::OF_INCIDENTS[at].label();
        at += 1;
    }
    names
};

/// Which incidents are meant: every key that is there has to match, of a list one entry.
static MATCHING: &[Key] = &[
    key(
        "severity",
        OneOf(&["warning", "critical"]),
        Optional,
        "Matches incidents of at least this severity; default: all.",
    ),
    key("check", OneOrMany(&Text(&CHECK_PATTERN)), Optional, "Matches incidents of these checks."),
    key(
        "host",
        OneOrMany(&Text(&HOST_PATTERN)),
        Optional,
        "Matches incidents of what belongs to these hosts.",
    ),
    key(
        "kind",
        OneOrMany(&OneOf(&KINDS)),
        Optional,
        "Matches incidents of checks of these kinds; `agent`: what ails portwarden itself.",
    ),
    key(
        "code",
        OneOrMany(&Text(&CODE_PATTERN)),
        Optional,
        "Matches incidents with one of these codes among their findings.",
    ),
    key(
        "label",
        Map(&Text(&LABEL_PATTERN)),
        Optional,
        "Matches incidents of checks that bear all of these labels: `{ team = \"shop\" }`.",
    ),
];

pub(super) static ROUTE: Table = Table {
    header: "[[route]]",
    doc: "Who is told of what; the first that matches wins. Without routes every receiver hears all.",
    keys: &[
        MATCHING,
        &[
            key(
                "hours",
                Text(&HOURS),
                Optional,
                "At which hours it is there; at others the routes after it are. Over midnight where it ends earlier than it begins.",
            ),
            key(
                "days",
                OneOrMany(&Text(&DAYS)),
                Optional,
                "On which days those hours begin; default: all.",
            ),
            key(
                "timezone",
                Text(&TIMEZONE),
                Optional,
                "Whose hours and days; default: that of `[alerts]`.",
            ),
            key("receivers", OneOrMany(&Text(&RECEIVER_NAME)), Required, "Who is told."),
            key(
                "escalate",
                Rows(&ESCALATE),
                Optional,
                "Who else is told when nobody acknowledges it.",
            ),
        ],
    ],
};

static ESCALATE: Table = Table {
    header: "[[route.escalate]]",
    doc: "Who else is told of an incident that nobody has acknowledged; inline: `escalate = [{ after = \"15m\", receivers = [\"boss\"] }]`.",
    keys: &[&[
        key(
            "after",
            Text(&DURATION),
            Required,
            "How long after the incident opened, from 1s to 30d.",
        ),
        key("receivers", OneOrMany(&Text(&RECEIVER_NAME)), Required, "Who else is told."),
    ]],
};

pub(super) static MAINTENANCE: Table = Table {
    header: "[[maintenance]]",
    doc: "A time in which nobody is told of new incidents; probing goes on, what was told before is told to be over, and what is still there afterwards is told then. Without a key that says which, all of them.",
    keys: &[
        &[
            key("name", Text(&NAME), Required, "Unique among them: it is shown wherever it holds."),
            key(
                "cron",
                Text(&CRON),
                Optional,
                "When it begins, again and again: five fields, or six with seconds first.",
            ),
            key(
                "for",
                Text(&DURATION),
                Optional,
                "How long it lasts, from 1s to 366d; required with `cron`.",
            ),
            key(
                "from",
                Text(&MOMENT),
                Optional,
                "When it begins, once: a date with a time, as TOML has them or as a string.",
            ),
            key("until", Text(&MOMENT), Optional, "When that ends; or `for`."),
            key(
                "timezone",
                Text(&TIMEZONE),
                Optional,
                "Whose clocks; default: that of `[alerts]`. Right across daylight saving.",
            ),
        ],
        MATCHING,
    ],
};

pub(super) static ALERTS: Table = Table {
    header: "[alerts]",
    doc: "How incidents are told.",
    keys: &[&[
        key(
            "timezone",
            Text(&TIMEZONE),
            Optional,
            "Whose clocks tell times in messages, and are meant by hours and maintenance; default: those of this machine.",
        ),
        key(
            "reminders",
            OneOrMany(&Text(&PAUSE)),
            Default("[\"4h\", \"12h\", \"24h\"]"),
            "After which pauses it is said again that an incident is still there, the last one repeated; from 1m to 30d, or \"never\".",
        ),
        key(
            "group_wait",
            Text(&DURATION),
            Default("\"5s\""),
            "How long incidents that belong together are gathered for one message, from 0s to 1h.",
        ),
        key(
            "group_interval",
            Text(&DURATION),
            Default("\"1m\""),
            "How long after that the next message about the same thing comes at the earliest, from 0s to 1d.",
        ),
        key(
            "flapping",
            Switch,
            Default("true"),
            "A check whose state changes six times within an hour is told once as flapping, and again when it has settled. Without it each change is told.",
        ),
        key(
            "settled_after",
            Text(&DURATION),
            Default("\"15m\""),
            "What flaps has settled once it has not changed for so long; from 1s to 1d.",
        ),
        key(
            "heartbeat_url",
            Text(&URL),
            Optional,
            "Fetched again and again while the agent is well, and not when it is not: a service that waits for it tells you. Who knows the URL can do the same, so rather keep it elsewhere:",
        ),
        key("heartbeat_url_env", Text(&VARIABLE), Optional, "an environment variable with it,"),
        key("heartbeat_url_file", Text(&PATH), Optional, "or a file."),
        key("heartbeat_every", Text(&DURATION), Default("\"1m\""), "How often, from 1s to 1d."),
    ]],
};
