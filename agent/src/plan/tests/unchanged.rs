//! Which checks a reload leaves as they were.

use super::*;
use crate::plan::same;

const BEFORE: &str = r#"
[[host]]
name = "web"
local = true
[[host.port]]
port = 3011
[[host.port]]
port = 3012

[[tcp]]
name = "ssh"
address = "127.0.0.1:22"
expect = "^SSH"

[[http]]
name = "shop"
url = "https://shop.example/"
expect.body = "ok"
expect.headers = { server = "nginx" }
expect.json = { "$.a[*]" = { below = 100 } }
expect.within = { tls = "1s" }
expect.ignoring = "nonce"
expect.body_hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[[tls]]
name = "certificate"
address = "shop.example"

[[certificate]]
name = "files"
path = "*.pem"

[[acme]]
name = "challenge"
domains = ["shop.example"]
webroot = "challenges"
connect = "127.0.0.1:8081"

[[dns]]
name = "zone"
zone = "shop.example"
[[dns.record]]
name = "@"
type = "A"
values = ["192.0.2.1"]
"#;

/// Which checks differ when `from` is replaced by `to`.
#[track_caller]
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(BEFORE.contains(from), "{from}");
    let (before, after) = (good(BEFORE), good(&BEFORE.replacen(from, to, 1)));
    let pairs = before.checks.iter().zip(&after.checks);
    pairs.filter(|(a, b)| !same(a, b)).map(|(a, _)| a.frame.name.to_string()).collect()
}

#[test]
fn only_what_was_touched_differs() {
    let none: [&str; 0] = [];
    assert_eq!(changed("\"^SSH\"", "\"^SSH\"\nlabels = { team = \"shop\" }"), none);
    assert_eq!(changed("local = true", "local = true\nlabels = { team = \"shop\" }"), none);
    assert_eq!(changed("\n", "\n# another comment\n"), none);
    assert_eq!(changed("port = 3012", "port = 3012\nservice = \"api\""), ["web:3012"]);
    assert_eq!(
        changed("local = true", "local = true\nundeclared = \"ignore\""),
        ["web:3011", "web:3012"]
    );
    assert_eq!(changed("\"^SSH\"", "\"^SSH-2\""), ["ssh"]);
    assert_eq!(changed("\"ok\"", "\"OK\""), ["shop"]);
    assert_eq!(changed("\"nginx\"", "\"envoy\""), ["shop"]);
    assert_eq!(changed("below = 100", "below = 200"), ["shop"]);
    assert_eq!(changed("below = 100", "below = 100.0"), none);
    assert_eq!(changed("tls = \"1s\"", "tls = \"2s\""), ["shop"]);
    assert_eq!(changed("\"nonce\"", "\"nonces\""), ["shop"]);
    for key in [
        "min_version = \"1.3\"",
        "starttls = \"imap\"",
        "alpn = [\"h2\"]",
        "client_certificate = \"monitor.pem\"",
    ] {
        let address = "address = \"shop.example\"";
        assert_eq!(changed(address, &format!("{address}\n{key}")), ["certificate"]);
    }
    assert_eq!(changed("\"*.pem\"", "\"*.crt\""), ["files"]);
    assert_eq!(changed("\"challenges\"", "\"www\""), ["challenge"]);
    assert_eq!(changed("\"127.0.0.1:8081\"", "{ 80 = \"127.0.0.1:8082\" }"), ["challenge"]);
    assert_eq!(changed("\"127.0.0.1:8081\"", "{ 80 = \"127.0.0.1:8081\" }"), [""; 0]);
    assert_eq!(changed("192.0.2.1", "192.0.2.2"), ["zone"]);
    assert_eq!(
        changed("zone = \"shop.example\"", "zone = \"shop.example\"\ninterval = \"5m\""),
        ["zone"]
    );
}
