//! Certificates: as served, as files, as renewed.

use super::*;

pub(super) static TLS: Table = Table {
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

pub(super) static CERTIFICATE: Table = Table {
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

pub(super) static ACME: Table = Table {
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
