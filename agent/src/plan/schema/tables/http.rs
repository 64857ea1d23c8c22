//! What speaks HTTP: requests, journeys, WebSockets, gRPC.

use super::*;

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

pub(super) static HTTP: Table = Table {
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

pub(super) static JOURNEY: Table = Table {
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

pub(super) static WEBSOCKET: Table = Table {
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

pub(super) static GRPC: Table = Table {
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
