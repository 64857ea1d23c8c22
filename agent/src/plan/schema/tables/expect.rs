//! What an answer over HTTP has to be.

use super::*;

pub(super) static EXPECT: Table = Table {
    header: "expect",
    doc: "What is expected of an answer; also written `expect.status = …`. Everything given has to hold, and what does not is told together.",
    keys: &[
        &[
            key(
                "status",
                OneOrMany(&STATUS),
                Optional,
                "Accepted statuses: 200, \"2xx\", \"200-299\"; default: 2xx, and 3xx where redirects are not followed.",
            ),
            key("body", Text(&REGEX), Optional, "Must match the body."),
            key(
                "contains",
                OneOrMany(&Text(&FREE)),
                Optional,
                "Each of these texts must be in the body, as it is written.",
            ),
            key(
                "absent",
                OneOrMany(&Text(&FREE)),
                Optional,
                "None of these texts may be in the body.",
            ),
            key(
                "json",
                Map(&Either(&[Row(&COMPARISON), Anything])),
                Optional,
                "JSON Pointer (RFC 6901, begins with a slash) or JSONPath (RFC 9535, begins with $) = the value that must be there, or a comparison { below = 100 }. Of a JSONPath every value found has to be so, and one has to be found.",
            ),
            key(
                "headers",
                Map(&Either(&[Text(&REGEX), Switch, Row(&HEADER_VALUE)])),
                Optional,
                "Header = what its value must match; or true: it is sent; false: it is not; or a table { not = \"…\" }.",
            ),
            key(
                "security",
                OneOf(&["basic", "strict"]),
                Optional,
                "Headers that protect visitors, as a set; a header that `headers` names is left to it.",
            ),
            key(
                "location",
                Text(&REGEX),
                Optional,
                "Must match the Location of the answer that is judged.",
            ),
            key(
                "url",
                Text(&REGEX),
                Optional,
                "Must match the URL at which the redirects that were followed end.",
            ),
            key(
                "hops",
                Either(&[Whole { least: 0, most: 10 }, Row(&BOUNDS)]),
                Optional,
                "How many redirects are followed: so many, or { at_most = 2 }.",
            ),
        ],
        OF_THE_FORM,
        OF_TIME,
        OF_SAMENESS,
        &[key(
            "cookie",
            OneOrMany(&Either(&[Text(&COOKIE_NAME), Row(&COOKIE)])),
            Optional,
            "A cookie that must be set and that browsers keep; with attributes as a table.",
        )],
    ],
};

/// In what form an answer has to come.
static OF_THE_FORM: &[Key] = &[
    key(
        "content_type",
        OneOrMany(&Text(&MEDIA_TYPE)),
        Optional,
        "The type that Content-Type has to name: \"application/json\", \"text/*\"; one of a list.",
    ),
    key(
        "charset",
        Text(&CHARSET),
        Optional,
        "The character set that the answer has to name, in Content-Type, by a byte order mark or in the page; a body in UTF-8 has to be UTF-8 as well.",
    ),
    key(
        "encoding",
        OneOrMany(&OneOf(&["gzip", "br", "zstd", "deflate", "identity"])),
        Optional,
        "How the answer has to be compressed; one of a list. It is asked for, unless `headers` has an accept-encoding of its own. \"identity\": not at all.",
    ),
    key(
        "protocol",
        OneOrMany(&OneOf(&["1.0", "1.1", "2"])),
        Optional,
        "The version of HTTP that the answer has to come in.",
    ),
    key(
        "size",
        Row(&BOUNDS),
        Optional,
        "Bytes of body as they came, compressed or not: { above = 100, below = 200000 }.",
    ),
];

/// How fast and how fresh it has to be.
static OF_TIME: &[Key] = &[
    key(
        "within",
        Either(&[Text(&DURATION), Row(&WITHIN)]),
        Optional,
        "All of it within this time, at most `timeout`; or a table by phase { total = \"2s\", processing = \"500ms\" }.",
    ),
    key(
        "modified_within",
        Text(&DURATION),
        Optional,
        "Last-Modified is at most this old: what writes the page every night still does.",
    ),
];

/// What it must stay.
static OF_SAMENESS: &[Key] = &[
    key(
        "body_hash",
        Text(&BODY_HASH),
        Optional,
        "SHA-256 of the body, uncompressed: it must not change unnoticed. `portwarden once NAME` says what it is now.",
    ),
    key(
        "same_as",
        Text(&PATH),
        Optional,
        "A file of at most 64 KiB of text that the body has to be the same as; read when the plan is.",
    ),
    key(
        "ignoring",
        OneOrMany(&Text(&REGEX)),
        Optional,
        "With `body_hash` or `same_as`: what these match is cut out before, such as a nonce or the time of day.",
    ),
];

/// A comparison with numbers.
pub(in crate::plan) static BOUNDS: Table = Table {
    header: "bounds",
    doc: "Bounds of a number; those given have to hold together.",
    keys: &[AROUND],
};

static AROUND: &[Key] = &[
    key("above", Number, Optional, "More than this."),
    key("below", Number, Optional, "Less than this."),
    key("at_least", Number, Optional, "This or more."),
    key("at_most", Number, Optional, "This or less."),
];

pub(in crate::plan) static COMPARISON: Table = Table {
    header: "a comparison",
    doc: "What a value within a JSON document has to be, where it is not one value alone; all of it has to hold. A table with none of these keys is a value itself.",
    keys: &[
        &[
            key("equals", Anything, Optional, "This value; also for a value that is a table."),
            key("not", Anything, Optional, "Any but this value."),
            key("one_of", Many(&Anything), Optional, "One of these values."),
        ],
        AROUND,
        &[
            key(
                "matches",
                Text(&REGEX),
                Optional,
                "A string, or a number as it is written, that matches.",
            ),
            key(
                "contains",
                Anything,
                Optional,
                "A string with this text in it, a list with this value, an object with this key.",
            ),
            key(
                "type",
                OneOf(&["string", "number", "boolean", "null", "array", "object"]),
                Optional,
                "Of this type.",
            ),
            key(
                "length",
                Either(&[Whole { least: 0, most: 1_000_000_000 }, Row(&BOUNDS)]),
                Optional,
                "How many characters, entries or keys: so many, or { at_least = 1 }.",
            ),
            key(
                "newer_than",
                Text(&DURATION),
                Optional,
                "A time at most this long ago: RFC 3339, or seconds or milliseconds since 1970.",
            ),
            key("present", Switch, Optional, "true: it is there; false: it is not."),
            key(
                "count",
                Either(&[Whole { least: 0, most: 1_000_000_000 }, Row(&BOUNDS)]),
                Optional,
                "Of a JSONPath: how many values it finds; default: at least one.",
            ),
        ],
    ],
};

pub(in crate::plan) static HEADER_VALUE: Table = Table {
    header: "a header's value",
    doc: "What the value of a header in an answer has to be.",
    keys: &[&[
        key("matches", Text(&REGEX), Optional, "It is sent, and matches."),
        key("not", Text(&REGEX), Optional, "Where it is sent, it does not match."),
    ]],
};

pub(in crate::plan) static WITHIN: Table = Table {
    header: "within",
    doc: "How long each phase may take; over all redirects that were followed.",
    keys: &[&[
        key("total", Text(&DURATION), Optional, "All of it."),
        key("resolve", Text(&DURATION), Optional, "Looking the name up."),
        key("connect", Text(&DURATION), Optional, "Until the connection stands."),
        key("tls", Text(&DURATION), Optional, "The handshake."),
        key("processing", Text(&DURATION), Optional, "Until the head of the answer has come."),
        key("transfer", Text(&DURATION), Optional, "The body."),
    ]],
};

pub(in crate::plan) static COOKIE: Table = Table {
    header: "a cookie",
    doc: "A cookie that must be set, and the attributes it must have.",
    keys: &[&[
        key("name", Text(&COOKIE_NAME), Required, "Its name."),
        key("secure", Switch, Optional, "It has `Secure`, or has it not."),
        key("http_only", Switch, Optional, "It has `HttpOnly`, or has it not."),
        key("same_site", OneOf(&["Strict", "Lax", "None"]), Optional, "Its `SameSite`."),
        key(
            "domain",
            Text(&FREE),
            Optional,
            "Its `Domain`, without a leading dot; \"\": it has none.",
        ),
        key("path", Text(&FREE), Optional, "Its `Path`."),
        key("max_age", Row(&COOKIE_AGE), Optional, "How long it lives, by `Max-Age` or `Expires`."),
    ]],
};

static COOKIE_AGE: Table = Table {
    header: "max_age",
    doc: "How long a cookie lives.",
    keys: &[&[
        key("above", Text(&DURATION), Optional, "Longer than this; one without an end is."),
        key("below", Text(&DURATION), Optional, "Shorter than this."),
    ]],
};
