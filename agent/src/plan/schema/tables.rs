//! Every table and key of probes.toml.

mod alerting;
mod certificates;
mod chat;
mod dns;
mod expect;
mod hosts;
mod http;
mod signals;

pub(in crate::plan) use alerting::OUTSIDE_WORD;
use alerting::{ALERTS, MAINTENANCE, RECEIVER, ROUTE};
use certificates::{ACME, CERTIFICATE, TLS};
use dns::DNS;
use expect::EXPECT;
pub(in crate::plan) use expect::{BOUNDS, COMPARISON, COOKIE, HEADER_VALUE, WITHIN};
use hosts::HOST;
pub(in crate::plan) use http::{CAPTURE, HEADER, PROXY, STEP, WAY};
use http::{GRPC, HTTP, JOURNEY, WEBSOCKET};
use signals::{FORWARD, HEARTBEAT, ICMP, TCP, UDP};

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

/// What is said of a secret in the file.
const OUTSIDE: &str = "a secret is never in the file: put it in an environment variable and name that with `…_env`, or in a file of its own and name that with `…_file`";

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
static LABEL_VALUE: Words = any("a string of at most 128 characters");
static CHECK_PATTERN: Words = any("the name of a check; `*` stands for anything");
static HOST_PATTERN: Words = any("the name of a host; `*` stands for anything");
static CODE_PATTERN: Words = any("a code such as \"tls.not-reloaded\" or \"dns.*\"");
static LABEL_PATTERN: Words = any("the value of a label; `*` stands for anything");
static HOURS: Words =
    words("hours such as \"09:00-18:00\"", "^[0-2][0-9]:[0-5][0-9] *- *[0-2][0-9]:[0-5][0-9]$");
static DAYS: Words = words(
    "days such as \"mon-fri\" or \"sat\"",
    "^(mon|tue|wed|thu|fri|sat|sun)( *- *(mon|tue|wed|thu|fri|sat|sun))?$",
);
static MOMENT: Words = any("a date with a time such as 2026-12-24T22:00:00");
static PAUSE: Words =
    words("a duration such as \"4h\", or \"never\"", "^(never|(0|[1-9][0-9]*)(ms|s|m|h|d))$");
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
        key("maintenance", Rows(&MAINTENANCE), Optional, "When nobody new is told of what."),
        key("alerts", Row(&ALERTS), Optional, "How incidents are told."),
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
        key(
            "token_env",
            Text(&VARIABLE),
            Optional,
            "An environment variable with the token that lets somebody silence and acknowledge; at least 16 characters. Default: a token is made once and kept beside the store, in `STORE.token`.",
        ),
        key("token_file", Text(&PATH), Optional, "A file with the same."),
        key("token", Text(&FREE), Refused(OUTSIDE), "Refused."),
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
    key("labels", Map(&Text(&LABEL_VALUE)), Optional, LABELS_OF_CHECKS),
];

const LABELS_OF_CHECKS: &str = "The owner's own words, for routes, silences, maintenance and whoever is told: `{ team = \"shop\" }`. Added to those of `[defaults]` and of the host.";

static LABELS: &[Key] = &[key("labels", Map(&Text(&LABEL_VALUE)), Optional, LABELS_OF_CHECKS)];

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
