//! Chat services that receivers are told by.

use super::*;

static CHAT: Words = any("a chat such as \"-1001234567890\" or \"@channel\"");
static ROOM: Words = any("a room's id such as \"!abc:example.org\"");

/// The URL of a webhook: who knows it may write.
const HIDDEN_URL: &[Key] = &[
    key(
        "url_env",
        Text(&VARIABLE),
        Optional,
        "An environment variable with the URL; who knows it may write.",
    ),
    key("url_file", Text(&PATH), Optional, "A file with the same."),
    key("url", Text(&FREE), Refused(OUTSIDE), "Refused."),
];

/// A token.
const HIDDEN_TOKEN: &[Key] = &[
    key("token_env", Text(&VARIABLE), Optional, "An environment variable with the token."),
    key("token_file", Text(&PATH), Optional, "A file with the same."),
    key("token", Text(&FREE), Refused(OUTSIDE), "Refused."),
];

pub(super) static SLACK: Table =
    Table { header: "slack", doc: "Slack, by an incoming webhook.", keys: &[HIDDEN_URL] };

pub(super) static DISCORD: Table =
    Table { header: "discord", doc: "Discord, by a webhook of a channel.", keys: &[HIDDEN_URL] };

pub(super) static TEAMS: Table = Table {
    header: "teams",
    doc: "Microsoft Teams, by the webhook of a workflow.",
    keys: &[HIDDEN_URL],
};

pub(super) static TELEGRAM: Table = Table {
    header: "telegram",
    doc: "Telegram, by a bot.",
    keys: &[
        &[
            key(
                "chat",
                Text(&CHAT),
                Required,
                "Where the bot writes: a chat's number, or a public channel's name.",
            ),
            key(
                "topic",
                Whole { least: 1, most: i32::MAX as u64 },
                Optional,
                "A topic of a group that has them.",
            ),
            key(
                "url",
                Text(&URL),
                Optional,
                "A server of the Bot API of your own; default: `https://api.telegram.org`.",
            ),
        ],
        HIDDEN_TOKEN,
    ],
};

pub(super) static MATTERMOST: Table = Table {
    header: "mattermost",
    doc: "Mattermost, by an incoming webhook.",
    keys: &[
        HIDDEN_URL,
        &[key(
            "channel",
            Text(&FREE),
            Optional,
            "Another channel than the webhook's own, by its name in URLs.",
        )],
    ],
};

pub(super) static GOOGLE_CHAT: Table = Table {
    header: "google_chat",
    doc: "Google Chat, by a webhook of a space.",
    keys: &[HIDDEN_URL],
};

pub(super) static MATRIX: Table = Table {
    header: "matrix",
    doc: "A room of Matrix.",
    keys: &[
        &[
            key("url", Text(&URL), Required, "The homeserver, as clients reach it."),
            key("room", Text(&ROOM), Required, "The room's id, not an alias."),
        ],
        HIDDEN_TOKEN,
    ],
};

pub(super) static NAVER_WORKS: Table = Table {
    header: "naver_works",
    doc: "Naver Works (LINE WORKS), by an incoming webhook.",
    keys: &[HIDDEN_URL],
};

pub(super) static KAKAOWORK: Table =
    Table { header: "kakaowork", doc: "KakaoWork, by an incoming webhook.", keys: &[HIDDEN_URL] };
