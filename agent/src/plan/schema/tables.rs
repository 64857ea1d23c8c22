//! Every table and key of probes.toml.

use super::Presence::{Default, Optional, Refused, Required};
use super::Shape::{
    Anything, Either, Many, Map, Number, OneOf, OneOrMany, Row, Rows, Switch, Whole, Words as Text,
};
use super::{Key, Presence, Shape, Table, Words};
use crate::probe::forward::TONGUES;
use crate::probe::tcp::speaks::PROTOCOLS;

const fn key(name: &'static str, shape: Shape, presence: Presence, doc: &'static str) -> Key {
    Key { name, shape, presence, doc }
}

const fn words(what: &'static str, pattern: &'static str) -> Words {
    Words { what, pattern: Some(pattern) }
}

const fn any(what: &'static str) -> Words {
    Words { what, pattern: None }
}

static NAME: Words = words("a name", "^[^\\x00-\\x1f\\x7f]{1,128}$");
static FREE: Words = any("a string");
static DURATION: Words = words("a duration such as \"30s\"", "^(0|[1-9][0-9]*)(ms|s|m|h|d)$");
static CRON: Words = any("a cron expression such as \"0 */12 * * *\"");
static TIMEZONE: Words = any("a time zone such as \"Asia/Seoul\"");
static IP: Words = any("an IP address");
static SOCKET: Words = any("an address with a port such as \"127.0.0.1:9740\"");
static SERVER: Words = any("an address such as \"127.0.0.1:53\"; without a port, port 53");
static NETWORK: Words = any("an address or a network such as \"10.0.0.0/8\"");
static ENDPOINT: Words = any("HOST:PORT");
static REGEX: Words = any("a regular expression");
static COOKIE_NAME: Words = any("a cookie's name");
static POINTER: Words = any("a JSON Pointer such as \"/token\"");
static URL: Words = words("a URL such as \"https://shop.example/\"", "^https?://");
static SOCKET_URL: Words = words("a URL such as \"wss://shop.example/live\"", "^wss?://");
static ORIGIN: Words = any("an origin such as \"https://shop.example\"");
static DIRECTORY: Words = words(
    "the URL of an ACME directory such as \"https://acme-v02.api.letsencrypt.org/directory\"",
    "^https://",
);
static PROXY_URL: Words = words(
    "a proxy such as \"http://127.0.0.1:3128\" or \"socks5h://127.0.0.1:1080\"",
    "^(http|socks5|socks5h)://",
);
static PATH: Words = any("a path, relative to the plan's folder");
static REFERENCE: Words = any("the name of a check, or HOST:PORT");
static RECEIVER_NAME: Words = any("the name of a receiver");
static FINGERPRINT: Words =
    words("a fingerprint as `ssh-keygen -l` prints it", "^SHA256:[A-Za-z0-9+/]{43}=?$");
static PIN: Words = words(
    "a digest such as \"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"",
    "^(sha256//?[A-Za-z0-9+/]{43}=?|([0-9A-Fa-f]{2}:?){32})$",
);
static RANGE: Words = words("a range of ports such as \"3012-3014\"", "^[0-9]+(-[0-9]+)?$");
static IGNORED: Words = any(
    "a port such as \"5353/udp\", a range such as \"40000-41000\", a process such as \"chrome*\", or the path of an executable such as \"/opt/x/*\"",
);
static STATUSES: Words =
    words("statuses such as \"2xx\" or \"200-299\"", "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$");
static REMAINDER: Words =
    words("a share such as \"33%\" or a duration such as \"21d\"", "^[0-9.]+(%|ms|s|m|h|d)$");
static VARIABLE: Words = any("the name of an environment variable");
static ZONE: Words = any("a domain name");
static ANCHOR: Words = any(
    "a DS or DNSKEY record such as \"shop.example. DS 12345 13 2 49FD…\", or the path of a file of them as unbound or BIND keeps it",
);
static NAMESERVER: Words = any("a name server: a name or an address; without a port, port 53");
static VOCABULARY: Words = words(
    "\"ssl_exporter\" or \"x509-certificate-exporter\"",
    "^(ssl_exporter|x509-certificate-exporter)$",
);
static SAMENESS: Words =
    any("\"status\", \"location\", \"cookies\", \"certificate\", or the name of a header");
static METHOD: Words =
    words("a method such as \"GET\"", "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$");
static MEDIA_TYPE: Words = words(
    "a media type such as \"application/json\" or \"text/*\"",
    "^[A-Za-z0-9!#$&^_.+-]+/([A-Za-z0-9!#$&^_.+-]+|\\*)$",
);
static CHARSET: Words =
    words("the name of a character set such as \"utf-8\"", "^[A-Za-z0-9_.:+-]{1,40}$");
static BODY_HASH: Words = words(
    "a digest as `sha256sum` prints it, such as \"sha256:9f86d081…\"",
    "^(sha256:)?[0-9A-Fa-f]{64}$",
);
static REMAINDER_TEXT: Shape = Text(&REMAINDER);
static STATUS: Shape = Either(&[Whole { least: 100, most: 599 }, Text(&STATUSES)]);

/// All of probes.toml.
pub(in crate::plan) static PLAN: Table = Table {
    header: "the plan",
    doc: "All of probes.toml.",
    keys: &[&[
        key("agent", Row(&AGENT), Optional, "This vantage point."),
        key("defaults", Row(&DEFAULTS), Optional, "What every check may override."),
        key("host", Rows(&HOST), Optional, "Machines and their ports."),
        key("tcp", Rows(&TCP), Optional, "TCP services."),
        key("http", Rows(&HTTP), Optional, "HTTP services."),
        key("tls", Rows(&TLS), Optional, "Certificates as served."),
        key("certificate", Rows(&CERTIFICATE), Optional, "Certificates as files."),
        key("acme", Rows(&ACME), Optional, "Whether a renewal over HTTP-01 would work."),
        key("dns", Rows(&DNS), Optional, "Zones and their records."),
        key("forward", Rows(&FORWARD), Optional, "Router and NAT rules."),
        key("receiver", Rows(&RECEIVER), Optional, "Who is told."),
        key("route", Rows(&ROUTE), Optional, "Who is told of what."),
        key("journey", Rows(&JOURNEY), Optional, "Requests that share cookies."),
        key("icmp", Rows(&ICMP), Optional, "Echo requests."),
        key("udp", Rows(&UDP), Optional, "Datagrams and their answers."),
        key("heartbeat", Rows(&HEARTBEAT), Optional, "Jobs that report by themselves."),
        key("websocket", Rows(&WEBSOCKET), Optional, "WebSockets."),
        key("grpc", Rows(&GRPC), Optional, "gRPC services."),
    ]],
};

static AGENT: Table = Table {
    header: "[agent]",
    doc: "This vantage point.",
    keys: &[&[
        key("name", Text(&NAME), Optional, "The `agent` label; default: the machine's name."),
        key(
            "listen",
            Text(&SOCKET),
            Default("\"127.0.0.1:9740\""),
            "Where dashboard, API and /metrics are served.",
        ),
        key(
            "url",
            Text(&URL),
            Optional,
            "How people reach the dashboard; links in notifications begin with it. Default: `http://` and `listen`.",
        ),
        key("store", Text(&PATH), Default("\"portwarden.db\""), "The embedded SQLite database."),
        key(
            "language",
            OneOf(&["en", "ko"]),
            Default("\"en\""),
            "Language of notifications; pages follow the browser.",
        ),
        key(
            "resolver",
            Text(&SERVER),
            Optional,
            "Resolver for the names of targets and for delegation walks; default: the system's.",
        ),
        key(
            "hints",
            OneOrMany(&Text(&SERVER)),
            Optional,
            "Root servers: delegations are walked from these, asking with RD=0, and not through the resolver.",
        ),
        key(
            "probes_in_flight",
            Whole { least: 1, most: 65_535 },
            Default("512"),
            "How many probes may be under way at once.",
        ),
        key(
            "metrics_also",
            OneOrMany(&Text(&VOCABULARY)),
            Optional,
            "Write certificates into /metrics under the names of these exporters too, so that rules made for them go on working.",
        ),
    ]],
};

/// What `[defaults]` sets and every check may override.
pub(in crate::plan) static PACE: &[Key] = &[
    key("interval", Text(&DURATION), Default("\"30s\""), "How often; from 100ms to 365d."),
    key(
        "cron",
        Text(&CRON),
        Optional,
        "When, instead of `interval`: five fields, or six with seconds first.",
    ),
    key(
        "timezone",
        Text(&TIMEZONE),
        Default("\"UTC\""),
        "The zone `cron` is read in; right across daylight saving.",
    ),
    key(
        "timeout",
        Text(&DURATION),
        Default("\"5s\""),
        "The bound on one probe, from 1ms to 10m. It may be longer than the interval: a slow probe delays only itself.",
    ),
    key(
        "fail_after",
        Whole { least: 1, most: 1000 },
        Default("2"),
        "Consecutive bad observations before an incident opens.",
    ),
    key(
        "recover_after",
        Whole { least: 1, most: 1000 },
        Default("1"),
        "Consecutive good ones before it resolves.",
    ),
    key(
        "ca",
        OneOrMany(&Text(&PATH)),
        Optional,
        "PEM files with extra roots, where TLS is spoken; default: the system's alone.",
    ),
];

static NAMED: &[Key] =
    &[key("name", Text(&NAME), Required, "Unique among checks, at most 128 characters.")];

static DEPENDS: &[Key] = &[key(
    "depends_on",
    OneOrMany(&Text(&REFERENCE)),
    Optional,
    "Checks, or ports as `host:port`, whose own incident explains this one.",
)];

static DIALS: &[Key] = &[key("source", Text(&IP), Optional, "Dial from this address.")];

static DEFAULTS: Table =
    Table { header: "[defaults]", doc: "What every check may override.", keys: &[PACE] };

static HOST: Table = Table {
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

static TCP: Table = Table {
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

/// How the server of a URL is reached, whatever is asked there.
static REACHED: &[Key] = &[
    key(
        "connect",
        Either(&[Text(&ENDPOINT), Map(&Text(&ENDPOINT))]),
        Optional,
        "Dial here for the URL's own host and port, keeping name, SNI and Host; or a table { \"shop.example:80\" = \"127.0.0.1:8081\" } for several.",
    ),
    key(
        "proxy",
        Either(&[Text(&PROXY_URL), Row(&PROXY)]),
        Optional,
        "Through this proxy; one that wants a user is a table { url, user, password_env }. Names are resolved by the proxy, with `socks5` here.",
    ),
    key(
        "ip_version",
        Either(&[Whole { least: 4, most: 4 }, Whole { least: 6, most: 6 }]),
        Optional,
        "By IPv4 or IPv6 addresses alone; default: every address in turn.",
    ),
    key(
        "resolver",
        Text(&SERVER),
        Optional,
        "Names of this check are resolved by this server; default: that of `[agent]`.",
    ),
    key(
        "client_certificate",
        Text(&PATH),
        Optional,
        "Shown to a server that asks for one: PEM, leaf first. Read again for every probe.",
    ),
    key(
        "client_key",
        Text(&PATH),
        Optional,
        "Its private key, PEM, not encrypted. Default: in the same file.",
    ),
];

/// Several ways to the same server, and whether what they lead to is the same.
static WAYS: &[Key] = &[
    key(
        "ways",
        Map(&Either(&[Text(&ENDPOINT), Row(&WAY)])),
        Optional,
        "Ways in, nearest the visitor first: { outer = \"203.0.113.7:443\", inner = \"127.0.0.1:8443\" }. Each is asked in every probe, and what goes wrong is put down to the hop where it does.",
    ),
    key(
        "inner",
        Either(&[Text(&ENDPOINT), Row(&WAY)]),
        Optional,
        "A second way in, behind the one that the URL and `connect` lead to; short for `ways` with `outer` and `inner`.",
    ),
    key(
        "same_body",
        Switch,
        Default("false"),
        "The ways have to answer with the same body, once unpacked.",
    ),
    key(
        "may_differ",
        OneOrMany(&Text(&SAMENESS)),
        Optional,
        "What the ways may differ in: status, location, cookies, certificate, or a header's name.",
    ),
];

pub(in crate::plan) static WAY: Table = Table {
    header: "a way",
    doc: "One of several ways in.",
    keys: &[
        &[
            key(
                "connect",
                Either(&[Text(&ENDPOINT), Map(&Text(&ENDPOINT))]),
                Optional,
                "Dial here, as `connect` of the check; default: where the URL leads.",
            ),
            key(
                "plain",
                Switch,
                Default("false"),
                "No TLS on this hop, though the URL says https: asked in plain HTTP, with the URL's Host and `X-Forwarded-Proto: https`.",
            ),
            key(
                "headers",
                Map(&Either(&[Text(&FREE), Row(&HEADER)])),
                Optional,
                "What the hop before adds or replaces, as `headers` of the check.",
            ),
        ],
        DIALS,
    ],
};

/// What is asked over HTTP, and what is expected of the answer: of a check, or of a step of a journey.
static ASKED: &[Key] = &[
    key("method", Text(&METHOD), Default("\"GET\""), "The method."),
    key(
        "headers",
        Map(&Either(&[Text(&FREE), Row(&HEADER)])),
        Optional,
        "Request headers; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
    ),
    key("body", Text(&FREE), Default("\"\""), "The request's body."),
    key(
        "body_file",
        Text(&PATH),
        Optional,
        "The same from a file of at most 8 MiB, which is read with the plan.",
    ),
    key(
        "body_json",
        Anything,
        Optional,
        "The same as JSON, with its Content-Type; the method is then POST unless given.",
    ),
    key(
        "form",
        Map(&Either(&[Text(&FREE), Row(&HEADER)])),
        Optional,
        "The same as a form, with its Content-Type; the method is then POST unless given. A secret value is a table { value_env = \"…\" } or { value_file = \"…\" }.",
    ),
    key("basic_auth", Row(&BASIC), Optional, "Logs in with user and password (RFC 7617)."),
    key(
        "bearer_env",
        Text(&VARIABLE),
        Optional,
        "Logs in with the token that an environment variable holds (RFC 6750).",
    ),
    key("bearer_file", Text(&PATH), Optional, "The same in a file."),
    key(
        "oauth2",
        Row(&OAUTH2),
        Optional,
        "Logs in with an access token that is fetched first, and again once it ends or is refused.",
    ),
    key(
        "user_agent",
        Text(&FREE),
        Optional,
        "The User-Agent; default: portwarden and its version.",
    ),
    key(
        "accept_encoding",
        OneOrMany(&OneOf(&["gzip", "deflate", "br", "zstd", "identity"])),
        Default("\"identity\""),
        "How an answer may be compressed; it is unpacked up to `max_body_bytes`.",
    ),
    key(
        "http_version",
        OneOf(&["1.1", "2"]),
        Optional,
        "Speaks this version alone, HTTP/2 without TLS too; default: 1.1, and with TLS what the server prefers.",
    ),
    key(
        "follow_redirects",
        Switch,
        Default("true"),
        "Follow up to 10 redirects and judge the last answer. Where `expect.location` is given or `expect.status` names 3xx alone, the default is false: the redirect itself is judged.",
    ),
    key(
        "max_body_bytes",
        Whole { least: 1, most: 67_108_864 },
        Default("1048576"),
        "The most of a body that is read.",
    ),
    key("expect", Row(&EXPECT), Optional, "What is expected of the answer."),
];

/// Who is asked when a proxy says that it got no answer.
static CAUSE: &[Key] = &[
    key(
        "upstream",
        OneOrMany(&Text(&ENDPOINT)),
        Optional,
        "Whom a 502, 503 or 504 is to be blamed on, nearest first.",
    ),
    key(
        "backends",
        OneOrMany(&Text(&ENDPOINT)),
        Optional,
        "Members of a balanced group behind the proxy: each is asked at every probe, because the proxy goes on answering while one of three is dead.",
    ),
    key(
        "nginx",
        Text(&PATH),
        Optional,
        "The nginx configuration of the proxy: whom it passes the request on to, all members of a group, and what it sends them as Host, are read there.",
    ),
];

static HTTP: Table = Table {
    header: "[[http]]",
    doc: "An HTTP service: one request, and what is expected of the answer.",
    keys: &[
        NAMED,
        &[key("url", Text(&URL), Required, "http or https; without user, password and fragment.")],
        REACHED,
        WAYS,
        ASKED,
        CAUSE,
        &[key(
            "stub_status",
            Switch,
            Default("false"),
            "The answer is nginx's own count of its connections (`stub_status`): read into metrics, and told when it drops some.",
        )],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

pub(in crate::plan) static HEADER: Table = Table {
    header: "a header",
    doc: "The value of a header that must not stand in the file.",
    keys: &[&[
        key("value_env", Text(&VARIABLE), Optional, "An environment variable that holds it."),
        key("value_file", Text(&PATH), Optional, "A file that holds it."),
    ]],
};

pub(in crate::plan) static PROXY: Table = Table {
    header: "a proxy",
    doc: "A proxy that wants a user.",
    keys: &[&[
        key("url", Text(&PROXY_URL), Required, "Its URL, without user and password."),
        key("user", Text(&FREE), Optional, "The user."),
        key(
            "password_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the password.",
        ),
        key("password_file", Text(&PATH), Optional, "The same in a file."),
        key("password", Text(&FREE), Refused(OUTSIDE), "Refused."),
    ]],
};

static BASIC: Table = Table {
    header: "basic_auth",
    doc: "A user who logs in.",
    keys: &[&[
        key("user", Text(&FREE), Required, "The user."),
        key(
            "password_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the password.",
        ),
        key("password_file", Text(&PATH), Optional, "The same in a file."),
        key("password", Text(&FREE), Refused(OUTSIDE), "Refused."),
    ]],
};

static OAUTH2: Table = Table {
    header: "oauth2",
    doc: "A client that fetches an access token by its own credentials (RFC 6749 section 4.4).",
    keys: &[&[
        key("token_url", Text(&URL), Required, "The token endpoint. `connect` holds for it too."),
        key("client_id", Text(&FREE), Required, "The client's id."),
        key(
            "client_secret_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with its secret.",
        ),
        key("client_secret_file", Text(&PATH), Optional, "The same in a file."),
        key("client_secret", Text(&FREE), Refused(OUTSIDE), "Refused."),
        key("scope", OneOrMany(&Text(&FREE)), Optional, "What the token is to allow."),
        key("audience", Text(&FREE), Optional, "Whom the token is for, where the endpoint asks."),
        key(
            "style",
            OneOf(&["basic", "post"]),
            Default("\"basic\""),
            "Where id and secret stand: in Authorization, or in the body.",
        ),
    ]],
};

/// What is said of a secret in the file.
const OUTSIDE: &str = "a secret is never in the file: put it in an environment variable and name that with `…_env`, or in a file of its own and name that with `…_file`";

static EXPECT: Table = Table {
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

static TLS: Table = Table {
    header: "[[tls]]",
    doc: "The certificate chain a server presents.",
    keys: &[
        NAMED,
        &[
            key(
                "address",
                Text(&ENDPOINT),
                Optional,
                "Whom to ask; without a port, port 443. Required unless `nginx` is given.",
            ),
            key("connect", Text(&ENDPOINT), Optional, "Dial this instead."),
            key(
                "server_name",
                Text(&any("a domain name or an IP address")),
                Optional,
                "Asked for (SNI) and checked against the certificate; default: the host of `address`.",
            ),
            key(
                "sni",
                Switch,
                Default("true"),
                "Whether that name is sent; without it, it is checked all the same.",
            ),
            key(
                "every_address",
                OneOf(&["same", "valid", "off"]),
                Default("\"same\""),
                "Of a name with several addresses each is looked at: all serve the same certificate, each a valid one, or the first that accepts speaks for all.",
            ),
            key(
                "pin",
                OneOrMany(&Text(&PIN)),
                Optional,
                "Keys that may be served, each as \"sha256/\" and base64; or certificates, by SHA-256 in hex. The certificate's own or a CA's above it.",
            ),
            key(
                "min_version",
                OneOf(&["1.0", "1.1", "1.2", "1.3"]),
                Optional,
                "Versions below it that are still enabled are a finding; default: not looked at. With 1.0 or 1.1 a server that has nothing newer is let be. MySQL is not asked for older ones: it would lock us out.",
            ),
            key("file", Text(&PATH), Optional, "The certificate file that should be served."),
            EXPIRING_WITHIN,
            REVOCATION,
            ARI,
            RENEW_AT,
            key(
                "renewal",
                Text(&PATH),
                Optional,
                "The renewer's own file about the certificate: certbot's `renewal/NAME.conf` or acme.sh's `DOMAIN/DOMAIN.conf`; default: looked for beside `file`.",
            ),
            key(
                "starttls",
                OneOf(crate::probe::tls::starttls::PROTOCOLS),
                Optional,
                "A protocol that begins without TLS and is asked to go on with it; then `address` without a port means its port.",
            ),
            key(
                "alpn",
                OneOrMany(&Text(&any("an application protocol such as \"h2\""))),
                Optional,
                "What the server has to settle on, offered in this order: one of these (ALPN). Default: h2 and http/1.1 are offered, nothing is expected.",
            ),
            key(
                "client_certificate",
                Text(&PATH),
                Optional,
                "Shown to a server that asks for a client certificate: PEM, leaf first; read anew when it changes.",
            ),
            key(
                "client_key",
                Text(&PATH),
                Optional,
                "Its key, PEM and not encrypted; default: in the same file.",
            ),
            key(
                "issuer",
                Text(&any("a domain name such as \"letsencrypt.org\"")),
                Optional,
                "The name that CAA records call the CA in use by; default: known from the issuer.",
            ),
            key(
                "nginx",
                Text(&PATH),
                Optional,
                "An nginx configuration: the certificate of each of its servers is looked at, as file and as served where the server listens; at `connect`, or at an `address` that is no name, where one is given.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

const RENEW_AT: Key = key(
    "renew_at",
    Text(&REMAINDER),
    Optional,
    "When a renewer should have acted: a share of the lifetime, or a time, that is left then; default: as its renewer or its CA says, else a third of the lifetime, half of one below ten days.",
);

const EXPIRING_WITHIN: Key = key(
    "expiring_within",
    Many(&REMAINDER_TEXT),
    Default("[\"25%\", \"10%\"]"),
    "When the end is near: warning, critical; each a share of the lifetime or a time left. The default reckons with 398 days at most, and warns no earlier than a renewal is overdue.",
);

const REVOCATION: Key = key(
    "revocation",
    OneOf(&["crl", "staple", "off"]),
    Default("\"crl\""),
    "Whether the CA has revoked it: `staple` reads the OCSP answer that the server hands out, `crl` also fetches the lists that a trusted CA publishes, a few times a day.",
);

static ARI_SHAPES: &[Shape] = &[Switch, Text(&DIRECTORY)];

const ARI: Key = key(
    "ari",
    Either(ARI_SHAPES),
    Default("false"),
    "Ask the CA when it wants the certificate renewed (ACME Renewal Information): its ACME directory, or true for the one that certbot's file beside `live/NAME/` names.",
);

static CERTIFICATE: Table = Table {
    header: "[[certificate]]",
    doc: "Certificate files on this machine.",
    keys: &[
        NAMED,
        &[
            key("path", Text(&PATH), Required, "A file, or a pattern with * for several."),
            key(
                "key",
                Text(&PATH),
                Optional,
                "The key; default: looked for in the file itself, then beside it.",
            ),
            key(
                "password_env",
                Text(&VARIABLE),
                Optional,
                "With PKCS#12 files: an environment variable with the password that opens them.",
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
            EXPIRING_WITHIN,
            RENEW_AT,
        ],
        PACE,
        DEPENDS,
    ],
};

static DNS: Table = Table {
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

static RECEIVER: Table = Table {
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

static ROUTE: Table = Table {
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

static FORWARD: Table = Table {
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

static JOURNEY: Table = Table {
    header: "[[journey]]",
    doc: "Requests one after another that share cookies, as a visitor makes them; each step is an http check.",
    keys: &[
        NAMED,
        &[
            key("base", Text(&URL), Required, "What the paths of its steps are put behind."),
            key(
                "values",
                Map(&Either(&[Text(&FREE), Row(&HEADER)])),
                Optional,
                "Values for `{name}` in paths, headers and bodies; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
            ),
            key("step", Rows(&STEP), Required, "Its steps, in their order."),
        ],
        REACHED,
        WAYS,
        CAUSE,
        PACE,
        DEPENDS,
        DIALS,
    ],
};

pub(in crate::plan) static STEP: Table = Table {
    header: "[[journey.step]]",
    doc: "One request of a journey. `{name}` in its path, headers and body stands for a value of the journey, or for one that an earlier step captured.",
    keys: &[
        &[
            key("name", Text(&NAME), Required, "Its name; the label `step` of its metrics."),
            key(
                "path",
                Text(&any("a path such as \"/login\"")),
                Optional,
                "Put behind the journey's base.",
            ),
            key(
                "url",
                Text(&any("a URL, or \"{name}\"")),
                Optional,
                "Instead of `path`: somewhere else. One that begins with `{name}` takes that value as a whole URL.",
            ),
            key(
                "capture",
                Map(&Either(&[Text(&POINTER), Row(&CAPTURE)])),
                Optional,
                "Name = what later steps use as `{name}`: a JSON Pointer, or a table.",
            ),
        ],
        ASKED,
        CAUSE,
    ],
};

pub(in crate::plan) static CAPTURE: Table = Table {
    header: "capture",
    doc: "Where in an answer a value is that later steps use.",
    keys: &[&[
        key("json", Text(&POINTER), Optional, "A JSON Pointer (RFC 6901) into the body."),
        key(
            "body",
            Text(&REGEX),
            Optional,
            "The first group of its match in the body, or the whole match.",
        ),
        key("header", Text(&any("a header's name")), Optional, "The value of this header."),
        key("cookie", Text(&COOKIE_NAME), Optional, "The value of this cookie, as it is kept."),
    ]],
};

static WEBSOCKET: Table = Table {
    header: "[[websocket]]",
    doc: "A WebSocket: the upgrade, what is said over it, and a ping.",
    keys: &[
        NAMED,
        &[key(
            "url",
            Text(&SOCKET_URL),
            Required,
            "ws or wss; without user, password and fragment.",
        )],
        REACHED,
        &[
            key(
                "headers",
                Map(&Either(&[Text(&FREE), Row(&HEADER)])),
                Optional,
                "Headers of the request for the upgrade; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
            ),
            key(
                "origin",
                Text(&ORIGIN),
                Optional,
                "The page that opens it, as a browser says; many applications refuse others, or none at all.",
            ),
            key(
                "subprotocol",
                OneOrMany(&Text(&FREE)),
                Optional,
                "Subprotocols offered, preferred first; the server has to choose one of them.",
            ),
            key(
                "send",
                Either(&[Text(&FREE), Row(&HEADER)]),
                Optional,
                "Sent as one text message; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
            ),
            key(
                "expect",
                Text(&REGEX),
                Optional,
                "One of the messages that come must match. Default: none; where the URL says engine.io or socket.io, its opening message.",
            ),
            key(
                "step",
                Rows(&WEBSOCKET_STEP),
                Optional,
                "What is said after that, one after the other.",
            ),
            key("ping", Switch, Default("true"), "Ping it at the end, and expect the pong."),
            key(
                "upstream",
                OneOrMany(&Text(&ENDPOINT)),
                Optional,
                "Those behind the proxy, nearest first: asked directly when it does not upgrade, so that the finding says who refuses.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static WEBSOCKET_STEP: Table = Table {
    header: "[[websocket.step]]",
    doc: "One step of what is said over a WebSocket.",
    keys: &[&[
        key(
            "send",
            Either(&[Text(&FREE), Row(&HEADER)]),
            Optional,
            "Sent as one text message; or a table { value_env = \"…\" } or { value_file = \"…\" }.",
        ),
        key(
            "expect",
            Text(&REGEX),
            Optional,
            "One of the messages that come afterwards must match.",
        ),
    ]],
};

static GRPC: Table = Table {
    header: "[[grpc]]",
    doc: "A gRPC service that is asked for its health (`grpc.health.v1`).",
    keys: &[
        NAMED,
        &[key(
            "url",
            Text(&URL),
            Required,
            "Scheme, host and port: https, or http for HTTP/2 without TLS.",
        )],
        REACHED,
        &[
            key(
                "service",
                Text(&any("the full name of a service such as \"shop.v1.Orders\"")),
                Optional,
                "The service asked about; default: the server as a whole.",
            ),
            key(
                "headers",
                Map(&Either(&[Text(&FREE), Row(&HEADER)])),
                Optional,
                "Metadata of the call; a secret one is a table { value_env = \"…\" } or { value_file = \"…\" }.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static ICMP: Table = Table {
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

static UDP: Table = Table {
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

static ACME: Table = Table {
    header: "[[acme]]",
    doc: "Whether a renewal over HTTP-01 would work right now: a random token is put into the webroot and fetched as a CA would.",
    keys: &[
        NAMED,
        &[
            key(
                "domains",
                Many(&Text(&ZONE)),
                Optional,
                "The names to be validated, without wildcards, at most 100; default: those of the certificate that `renewal` is about.",
            ),
            key(
                "webroot",
                Text(&PATH),
                Optional,
                "The token goes into `.well-known/acme-challenge` in here, and is removed again; default: where `renewal` puts it.",
            ),
            key(
                "renewal",
                Text(&PATH),
                Optional,
                "certbot's renewal file: what it will do is what is tried. `domains` and `webroot` beside it are held against it.",
            ),
            key(
                "connect",
                Either(&[Text(&ENDPOINT), Map(&Text(&ENDPOINT))]),
                Optional,
                "The inner way: dial here for port 80 of the domains; or a table { 80 = \"127.0.0.1:8081\", 443 = \"127.0.0.1:8443\" }, also with \"shop.example:443\" as a key. Default: every address that the name has.",
            ),
        ],
        PACE,
        DEPENDS,
        DIALS,
    ],
};

static HEARTBEAT: Table = Table {
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
    ],
};
