//! Zones and their records.

use super::*;

pub(super) static DNS: Table = Table {
    header: "[[dns]]",
    doc: "A zone, asked of its authoritative nameservers directly.",
    keys: &[
        NAMED,
        &[
            key("zone", Text(&ZONE), Required, "The zone's name."),
            key(
                "nameservers",
                OneOrMany(&Text(&NAMESERVER)),
                Optional,
                "Whom to ask; default: as the parent delegates. Over TLS: `tls://ADDRESS[:PORT][#NAME]`, where the certificate must be valid for NAME.",
            ),
            key(
                "parent",
                OneOrMany(&Text(&SERVER)),
                Optional,
                "Servers of the parent zone; default: found by walking the delegation.",
            ),
            key(
                "resolvers",
                OneOrMany(&Text(&SERVER)),
                Optional,
                "Caches to compare with the authoritative truth. Over TLS as above.",
            ),
            key(
                "consistent",
                Switch,
                Default("true"),
                "The nameservers must agree, SOA serials too.",
            ),
            key(
                "acme_account",
                Text(&any("the URL of an ACME account")),
                Optional,
                "The account that renews certificates, for CAA records with `accounturi`; default: not looked at.",
            ),
            key(
                "acme_method",
                OneOf(&["http-01", "dns-01", "tls-alpn-01"]),
                Optional,
                "How it proves itself, for CAA records with `validationmethods`; default: `dns-01` for wildcards, else not looked at.",
            ),
            key(
                "slow_after",
                Text(&DURATION),
                Default("\"500ms\""),
                "`dns.slow` when most answers of a server take longer; from 1ms to 60s.",
            ),
            key(
                "serial_grace",
                Text(&DURATION),
                Default("\"5m\""),
                "How long a nameserver may lag behind the newest SOA serial, and its records differ with it: a transfer is under way. A challenge (`_acme-challenge`) that differs is told at once.",
            ),
            key(
                "dnssec",
                OneOf(&["auto", "signed", "off"]),
                Default("\"auto\""),
                "`signed`: a chain of trust must lead to the zone; `auto`: signatures are judged where a DS at the parent, or an anchor, says that there are any; `off`: nobody looks.",
            ),
            key(
                "trust_anchor",
                OneOrMany(&Text(&ANCHOR)),
                Optional,
                "Where the chain of trust begins, for the zone or any zone above it; default: the root's keys, which are built in.",
            ),
            key(
                "expiring_within",
                Many(&REMAINDER_TEXT),
                Default("[\"8%\", \"3%\"]"),
                "When the end of a DNSSEC signature is near: warning, critical; each a share of the signature's lifetime or a time left.",
            ),
            key("record", Rows(&RECORD), Optional, "What the zone must hold."),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static RECORD: Table = Table {
    header: "[[dns.record]]",
    doc: "What a zone must hold. Without values, contains and absent: whatever it is, the servers must agree on it.",
    keys: &[&[
        key(
            "name",
            Text(&ZONE),
            Required,
            "`@` for the zone itself, or a name below it: `www`, `www.shop.example` or `www.shop.example.`.",
        ),
        key(
            "type",
            OneOf(crate::plan::dns::RECORD_TYPES),
            Required,
            "The type of the record. The DS of the zone itself is asked of the parent's servers.",
        ),
        key(
            "values",
            OneOrMany(&Text(&FREE)),
            Optional,
            "This set, no more and no less. A TXT value is its strings joined.",
        ),
        key("contains", OneOrMany(&Text(&FREE)), Optional, "At least these."),
        key(
            "values_file",
            Text(&PATH),
            Optional,
            "The exact set is in this file, one value a line, read for every probe. For `_acme-challenge`, no file (in a folder that exists) or no line: no challenge is due, so the record has to be absent.",
        ),
        key(
            "values_command",
            OneOrMany(&Text(&FREE)),
            Optional,
            "The exact set is what this program prints, one value a line: the whole path and its arguments, without a shell, at most every ten seconds and for half of `timeout`. When it fails, nothing is judged and `dns.values-unknown` says why.",
        ),
        key("absent", Switch, Default("false"), "No such record."),
        key(
            "min_ttl",
            Text(&DURATION),
            Optional,
            "The least TTL that nameservers may give it; that of an alias on the way counts too.",
        ),
        key("max_ttl", Text(&DURATION), Optional, "The greatest."),
    ]],
};
