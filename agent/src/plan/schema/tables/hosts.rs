//! Hosts and their ports.

use super::*;

pub(super) static HOST: Table = Table {
    header: "[[host]]",
    doc: "A machine. It may have no ports.",
    keys: &[&[
        key(
            "name",
            Text(&NAME),
            Required,
            "Unique among hosts; without `:` and `/`, because its ports are named `HOST:PORT`.",
        ),
        key(
            "address",
            Text(&any("a name or an IP address")),
            Optional,
            "Its address, or a name that resolves to it; required unless `local`, then 127.0.0.1 is the default.",
        ),
        key(
            "local",
            Switch,
            Default("false"),
            "It is this machine: its claims are compared with the listening sockets.",
        ),
        key(
            "undeclared",
            OneOf(&["ignore", "warn", "critical"]),
            Default("\"warn\""),
            "What to make of listeners that no claim names, on a local host.",
        ),
        key(
            "addresses",
            Row(&ADDRESSES),
            Optional,
            "What binding to which address means here; default: loopback and private ranges as the RFCs have them, the rest public. Where a port has an `exposure`, it is tried at the single addresses, too.",
        ),
        key(
            "ignore",
            OneOrMany(&Text(&IGNORED)),
            Optional,
            "Listeners to hear nothing of, on a local host; `*` stands for any characters, `?` for one. What a claim names is judged all the same.",
        ),
        key(
            "source",
            Text(&IP),
            Optional,
            "Dial its ports and addresses from this address of the agent's machine: the vantage point from which `exposure` is tried.",
        ),
        key(
            "labels",
            Map(&Text(&LABEL_VALUE)),
            Optional,
            "The owner's own words on everything that belongs to it, unless a check says otherwise: `{ team = \"shop\" }`.",
        ),
        key("port", Rows(&PORT), Optional, "Its claims."),
    ]],
};

static ADDRESSES: Table = Table {
    header: "addresses",
    doc: "Addresses and networks by how widely they reach.",
    keys: &[&[
        key("public", Many(&Text(&NETWORK)), Optional, "Reachable from anywhere."),
        key("internal", Many(&Text(&NETWORK)), Optional, "Reachable from the own network."),
        key("loopback", Many(&Text(&NETWORK)), Optional, "Reachable from the machine alone."),
    ]],
};

static PORT: Table = Table {
    header: "[[host.port]]",
    doc: "A claim on a port or a range. Its check is named `HOST:PORT`, with `/udp` after it for UDP.",
    keys: &[
        &[
            key(
                "port",
                Either(&[Whole { least: 1, most: 65_535 }, Text(&RANGE)]),
                Required,
                "A port, or a range such as \"3012-3014\" of at most 10000 ports.",
            ),
            key("service", Text(&FREE), Default("\"\""), "Who it is for."),
            key("description", Text(&FREE), Default("\"\""), "More words about it."),
            key(
                "claim",
                OneOf(&["allocated", "reserved", "system"]),
                Default("\"allocated\""),
                "allocated and system: somebody must listen. reserved: nobody may.",
            ),
            key(
                "exposure",
                OneOf(&["public", "internal", "loopback"]),
                Optional,
                "How widely it may be reached; default: not judged.",
            ),
            key("protocol", OneOf(&["tcp", "udp"]), Default("\"tcp\""), "The transport."),
            key(
                "process",
                OneOrMany(&Text(&any(
                    "a process: the name `ss -p` shows, the name of the executable, or with a slash its path",
                ))),
                Optional,
                "Who may own it; default: anybody.",
            ),
            key(
                "unit",
                OneOrMany(&Text(&any(
                    "a systemd unit as `systemctl` names it, or at least 12 digits of a container's id",
                ))),
                Optional,
                "The unit or container it must run in; default: any, or none.",
            ),
            key(
                "user",
                OneOrMany(&Text(&any("a user, by name or number"))),
                Optional,
                "The user it must run as; a list where parent and workers differ. Default: anybody.",
            ),
            key(
                "probe",
                OneOf(&["tcp", "none"]),
                Optional,
                "Whether it is dialled too; default: tcp for allocated and system TCP ports, and for reserved ones of other machines.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};
