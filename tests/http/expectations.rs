//! What is expected of an answer: a real nginx, over TLS and HTTP/2, and what quietly goes wrong with
//! a site that still answers 200.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::agent::Agent;
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::portwarden;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

const PAGE: &str = "<!doctype html>\n<title>Shop</title>\n<meta charset=\"utf-8\">\n\
                    <h1>안녕하세요</h1>\n<p>Order now</p>\n</html>\n";
const WELL: &str = r#"{"status":"ok","queue":3,"services":[{"name":"mail","state":"up"},{"name":"search","state":"up"}]}"#;
const HEADERS: &str = "add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" always;\n\
     add_header X-Content-Type-Options nosniff always;\n\
     add_header Content-Security-Policy \"default-src 'self'; frame-ancestors 'none'\" always;\n\
     add_header Referrer-Policy same-origin always;\n";
const FORM: &str = "gzip on; gzip_min_length 1; gzip_types application/json;\n";

/// A shop over https at an address of its own, and a redirect to it.
struct Shop {
    folder: TempDir,
    nginx: Nginx,
    https: SocketAddr,
    plain: SocketAddr,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test Root");
        fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        let order = Order { names: &["shop.example"], serial: 1, valid: (-DAY, 60 * DAY) };
        authority.issue(&order, &folder.path().join("tls"));
        fs::create_dir(folder.path().join("www")).unwrap();
        let (https, plain) = (own_address(), own_address());
        let servers = format!(
            "server {{ listen {https} ssl http2; server_name shop.example; root www;\n  \
             types {{ text/html html; application/json json; }}\n  \
             include headers.conf; include form.conf;\n  \
             ssl_certificate tls/fullchain.pem; ssl_certificate_key tls/privkey.pem; }}\n\
             server {{ listen {plain}; server_name shop.example; include plain.conf; }}\n"
        );
        let shop = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        for (name, text) in [
            ("www/index.html", PAGE),
            ("copy.html", PAGE),
            ("www/health.json", WELL),
            ("headers.conf", HEADERS),
            ("form.conf", FORM),
            ("plain.conf", "return 301 https://shop.example/;\n"),
        ] {
            shop(name, text);
        }
        let nginx = Nginx::start(folder.path(), &[https, plain], &servers);
        Self { folder, nginx, https, plain }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Writes a piece of nginx's configuration, and has it read.
    fn reconfigure(&self, name: &str, text: &str) {
        self.write(name, text);
        self.nginx.reload();
    }

    fn plan(&self) -> String {
        let (https, plain) = (self.https, self.plain);
        let check = |name: &str, path: &str, expect: &str| {
            format!(
                "[[http]]\nname = \"{name}\"\nurl = \"https://shop.example/{path}\"\n\
                 connect = {{ \"shop.example:443\" = \"{https}\", \"shop.example:80\" = \"{plain}\" }}\n{expect}\n"
            )
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, PAGE.as_bytes());
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        [
            "[defaults]\ninterval = \"200ms\"\ntimeout = \"10s\"\nfail_after = 1\nca = \"roots.pem\"\n"
                .to_owned(),
            check("words", "", "expect.contains = [\"Order now\", \"</html>\"]\nexpect.absent = \"Fatal error\""),
            check("file", "", "expect.same_as = \"copy.html\""),
            check("digest", "", &format!("expect.body_hash = \"sha256:{digest}\"")),
            check(
                "health",
                "health.json",
                "expect.json = { \"/status\" = \"ok\", \"/queue\" = { below = 100 }, \"$.services[*].state\" = \"up\" }",
            ),
            check("strict", "", "expect.security = \"strict\""),
            check(
                "form",
                "",
                "expect.encoding = \"gzip\"\nexpect.protocol = \"2\"\nexpect.charset = \"utf-8\"\n\
                 expect.content_type = \"text/html\"\nexpect.size = { above = 50, below = 5000 }\n\
                 expect.modified_within = \"1d\"",
            ),
            check("way", "", "expect.hops = 1\nexpect.url = \"^https://shop\\\\.example/$\"")
                .replace("url = \"https:", "url = \"http:"),
        ]
        .concat()
    }
}

/// Every check of the plan has looked, and is well.
async fn all_up(agent: &Agent) {
    for check in ["words", "file", "digest", "health", "strict", "form", "way"] {
        agent.state(check, "up").await;
    }
}

/// What all findings are about.
async fn subjects(agent: &Agent) -> Vec<String> {
    agent.findings().await.into_iter().map(|(_, _, subject)| subject).collect()
}

fn evidence<'a>(finding: &'a Value, name: &str) -> &'a str {
    finding["evidence"][name].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_answers_200_and_is_not_well() {
    let shop = Shop::open();
    let agent = Agent::start(shop.folder.path(), "", &shop.plan()).await;
    all_up(&agent).await;

    // Somebody rewrites the page.
    shop.write("www/index.html", &PAGE.replace("Order now", "Owned by x"));
    let by_file = agent.finding("file", "http.changed").await;
    assert_eq!(evidence(&by_file, "was"), "\"<p>Order now</p>\"");
    assert_eq!(evidence(&by_file, "is"), "\"<p>Owned by x</p>\"");
    let by_digest = agent.finding("digest", "http.changed").await;
    assert_eq!(by_digest["evidence"]["line"], 5, "{by_digest}");
    assert_eq!(evidence(&by_digest, "was"), "\"<p>Order now</p>\"");
    let words = agent.finding("words", "http.body").await;
    assert_eq!(words["evidence"]["missing"], serde_json::json!(["Order now"]));
    shop.write("www/index.html", PAGE);
    for (check, code) in
        [("file", "http.changed"), ("digest", "http.changed"), ("words", "http.body")]
    {
        agent.healed(check, code).await;
    }

    // The application says itself that it is not well.
    shop.write(
        "www/health.json",
        &WELL.replace("\"ok\"", "\"degraded\"").replace("up\"}]", "down\"}]"),
    );
    agent.finding("health", "http.json").await;
    let told = subjects(&agent).await;
    for place in ["#/status", "#$.services[*].state"] {
        assert!(told.iter().any(|subject| subject.ends_with(place)), "{told:?}");
    }
    shop.write("www/health.json", WELL);
    agent.healed("health", "http.json").await;

    // A server block is rewritten, and its headers with it.
    shop.reconfigure("headers.conf", "add_header X-Content-Type-Options nosniff;\n");
    agent.finding("strict", "http.header").await;
    let subjects = subjects(&agent).await;
    for name in ["strict-transport-security", "content-security-policy", "referrer-policy"] {
        assert!(subjects.iter().any(|subject| subject.contains(name)), "{name}: {subjects:?}");
    }
    assert!(!subjects.iter().any(|subject| subject.contains("x-content-type")), "{subjects:?}");
    shop.reconfigure("headers.conf", HEADERS);
    agent.healed("strict", "http.header").await;

    // Compression is off.
    shop.reconfigure("form.conf", "gzip off;\n");
    let plain = agent.finding("form", "http.header").await;
    assert_eq!(evidence(&plain, "got"), "identity");
    shop.reconfigure("form.conf", FORM);
    agent.healed("form", "http.header").await;

    // The redirect leads in one more hop to another page.
    shop.reconfigure("plain.conf", "return 301 https://shop.example/health.json;\n");
    let elsewhere = agent.finding("way", "http.redirect").await;
    assert_eq!(evidence(&elsewhere, "got"), "https://shop.example/health.json");
    shop.reconfigure("plain.conf", "return 301 https://shop.example/;\n");
    agent.healed("way", "http.redirect").await;
    all_up(&agent).await;
}

/// What a plan gives stays known over a restart, and is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_changed_while_nobody_looked() {
    let shop = Shop::open();
    shop.write(
        "www/index.html",
        &PAGE.replace("</h1>", "</h1>\n<script src=//x.example/a.js></script>"),
    );
    shop.write("probes.toml", &shop.plan());
    let ended = portwarden(shop.folder.path(), &["once", "file", "digest"]).expect(1);
    for said in [
        "line 5 is \"<script src=//x.example/a.js></script>\"",
        "has changed: its body is not the one of the plan",
        "body_hash = \"sha256:",
    ] {
        assert!(ended.out.contains(said), "{said}: {}", ended.out);
    }
}
