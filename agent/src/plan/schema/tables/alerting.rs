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
            Optional,
            "A webhook by the Standard Webhooks specification.",
        ),
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
