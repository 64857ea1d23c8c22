//! What speaks no HTTP: TCP, UDP, echo requests, routers, jobs.

use super::*;

pub(super) static TCP: Table = Table {
    header: "[[tcp]]",
    doc: "A TCP service: it accepts, and says what it should.",
    keys: &[
        NAMED,
        &[
            key("address", Text(&ENDPOINT), Required, "Whom to dial."),
            key("expect", Text(&REGEX), Optional, "What it has to say first."),
            key("expect_closed", Switch, Default("false"), "It must not accept."),
            key(
                "step",
                Rows(&TCP_STEP),
                Optional,
                "Your own dialogue, after `expect` where that is given.",
            ),
            key(
                "speaks",
                OneOf(PROTOCOLS),
                Optional,
                "A protocol: a real hello in it has to succeed.",
            ),
            key(
                "host_key",
                OneOrMany(&Text(&FINGERPRINT)),
                Optional,
                "With `speaks = \"ssh\"`: this machine and no other; the fingerprint of one of its host keys, or several of which one has to be there. Ed25519, ECDSA P-256 and P-384, and RSA of 1024 to 8192 bits; P-521, DSA and other sizes of RSA cannot be verified.",
            ),
            key(
                "user",
                Text(&FREE),
                Optional,
                "With postgres and mysql: who has to be let in, or asked for a password. Default: the user is `portwarden`, and may be refused.",
            ),
            key(
                "database",
                Text(&FREE),
                Optional,
                "With postgres and mysql: the database that has to be there.",
            ),
            key(
                "password_env",
                Text(&VARIABLE),
                Optional,
                "With postgres: an environment variable with the user's password, which is proved by SCRAM and never sent.",
            ),
            key("password_file", Text(&PATH), Optional, "The same in a file."),
            key(
                "password",
                Text(&FREE),
                Refused(
                    "a secret is never in the file: put it in an environment variable and write `password_env = \"NAME\"`, or in a file of its own and write `password_file = \"PATH\"`",
                ),
                "Refused.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static TCP_STEP: Table = Table {
    header: "[[tcp.step]]",
    doc: "One step of a dialogue.",
    keys: &[&[
        key("send", Text(&FREE), Optional, "Sent as it is; \"\\r\\n\" is a line end."),
        key("expect", Text(&REGEX), Optional, "What has to come back."),
    ]],
};

pub(super) static FORWARD: Table = Table {
    header: "[[forward]]",
    doc: "A router or NAT rule: the outer way and the inner way have to lead to the same place.",
    keys: &[
        NAMED,
        &[
            key(
                "from",
                Text(&ENDPOINT),
                Required,
                "The outer side: the address or name that others use, and the port.",
            ),
            key("to", Text(&ENDPOINT), Required, "The inner side: where it has to lead."),
            key(
                "speaks",
                OneOf(TONGUES),
                Optional,
                "By what the two sides are compared: SSH host key, certificate, HTTP answer, or what is said first; default: found out at every probe.",
            ),
            key(
                "seen_from",
                OneOf(&["inside", "outside"]),
                Optional,
                "Where this agent stands. outside: what fails from here is broken. inside: nothing the outer side does from here proves anything. Default: by what was seen, then by the addresses.",
            ),
        ],
        PACE,
        DEPENDS,
        &[key(
            "source",
            Text(&IP),
            Optional,
            "Dial from this address; a loopback one stands for this machine.",
        )],
    ],
};

pub(super) static ICMP: Table = Table {
    header: "[[icmp]]",
    doc: "Echo requests, as `ping` sends them. Takes `net.ipv4.ping_group_range` or CAP_NET_RAW; without either, nothing is said of the target.",
    keys: &[
        NAMED,
        &[
            key(
                "address",
                Text(&any("a name or an IP address")),
                Required,
                "A name, an address, or a host of the plan.",
            ),
            key(
                "count",
                Whole { least: 1, most: 100 },
                Default("3"),
                "Requests that a probe sends.",
            ),
            key(
                "gap",
                Text(&DURATION),
                Default("\"200ms\""),
                "The time between two of them, from 10ms to 10s.",
            ),
            key("expect", Row(&ICMP_EXPECT), Optional, "What the replies have to be like."),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static ICMP_EXPECT: Table = Table {
    header: "expect of [[icmp]]",
    doc: "What the replies have to be like.",
    keys: &[&[
        key("within", Text(&DURATION), Optional, "How long a round trip may take, on average."),
        key(
            "loss",
            Text(&words("a share such as \"34%\"", "^[0-9.]+%$")),
            Default("\"50%\""),
            "The share of replies that may be missing, below 100%.",
        ),
    ]],
};

pub(super) static UDP: Table = Table {
    header: "[[udp]]",
    doc: "A datagram and its answer. It is sent three times within the timeout until an answer comes.",
    keys: &[
        NAMED,
        &[
            key(
                "address",
                Text(&ENDPOINT),
                Required,
                "HOST:PORT; the host may be one of the plan.",
            ),
            key("send", Text(&FREE), Optional, "What is sent, as text: \"\\r\\n\" is a line end."),
            key(
                "send_hex",
                Text(&words("bytes in hexadecimal such as \"00 0a ff\"", "^[0-9A-Fa-f :\\n\\t]+$")),
                Optional,
                "The same as bytes.",
            ),
            key(
                "expect",
                Text(&REGEX),
                Optional,
                "What the answer has to match, over bytes: beyond ASCII write `(?-u)\\xff`. Without it, silence is well, and only a refusal is a finding.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

pub(super) static HEARTBEAT: Table = Table {
    header: "[[heartbeat]]",
    doc: "A job that reports by itself: it calls `/api/v1/heartbeat/NAME` of this agent when it has ended well, `/start` after it when it begins, `/fail` or its exit status when it fails.",
    keys: &[
        NAMED,
        &[
            key("period", Text(&DURATION), Optional, "How often the job calls, from 1s to 400d."),
            key(
                "cron",
                Text(&CRON),
                Optional,
                "When the job runs, instead of `period`: as it stands in its crontab.",
            ),
            key(
                "timezone",
                Text(&TIMEZONE),
                Default("\"UTC\""),
                "The zone `cron` is read in: that of the job's machine.",
            ),
            key(
                "grace",
                Text(&DURATION),
                Optional,
                "How long after that the call may come. Default: a twelfth of the period, from 1m to 1h.",
            ),
            key(
                "runs_within",
                Text(&DURATION),
                Optional,
                "How long the job may take, where it calls `/start`. Default: `grace`.",
            ),
            key(
                "token_env",
                Text(&VARIABLE),
                Optional,
                "An environment variable with a token that every call has to bring along, as `Authorization: Bearer TOKEN` or as `?token=TOKEN`.",
            ),
            key("token_file", Text(&PATH), Optional, "The same in a file."),
            key(
                "token",
                Text(&FREE),
                Refused(
                    "a secret is never in the file: put it in an environment variable and write `token_env = \"NAME\"`, or in a file of its own and write `token_file = \"PATH\"`",
                ),
                "Refused.",
            ),
        ],
        DEPENDS,
        LABELS,
    ],
};
