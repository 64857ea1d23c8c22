//! What may be asked, and by which road: what becomes of it, and what is said of the wrong ones.

use ::http::Method;

use super::*;
use crate::net::{Family, Talk};
use crate::probe::{Spec, http};

fn http(keys: &str) -> http::Spec {
    let plan = good(&format!("[[http]]\nname = \"a\"\nurl = \"https://shop.example/\"\n{keys}\n"));
    match &plan.checks[0].spec {
        Spec::Http(spec) => (**spec).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bodies_and_what_they_are() {
    let none = http("");
    assert!(none.road.is_none() && none.version.is_none() && none.grant.is_none());
    for (keys, method, kind, body) in [
        ("body = \"x\"", Method::GET, None, "x"),
        ("body_file = \"upload.bin\"", Method::GET, None, "Bearer xyz\n"),
        (
            "body_json = { a = [1, true] }",
            Method::POST,
            Some("application/json"),
            "{\"a\":[1,true]}",
        ),
        ("body_json = 1\nmethod = \"PUT\"", Method::PUT, Some("application/json"), "1"),
        ("body_json = 1\nheaders = { content-type = \"a/b\" }", Method::POST, Some("a/b"), "1"),
        (
            "form = { b = \"x y&\", a = { value_env = \"PLAIN_SECRET\" } }",
            Method::POST,
            Some("application/x-www-form-urlencoded"),
            "b=x+y%26&a=plain+words",
        ),
    ] {
        let spec = http(keys);
        let found = spec.headers.get("content-type").map(|value| value.to_str().unwrap());
        let text = String::from_utf8(spec.body.to_vec()).unwrap();
        assert_eq!((&spec.method, found, &*text), (&method, kind, body), "{keys}");
        assert_eq!(spec.hidden.is_empty(), !keys.contains("value_env"), "{keys}");
    }
}

#[test]
fn who_asks_and_how() {
    let header = |keys: &str, name: &str| {
        let value = http(keys).headers[name].clone();
        assert_eq!(value.is_sensitive(), name == "authorization");
        value.to_str().unwrap().to_owned()
    };
    let basic = "basic_auth = { user = \"me\", password_env = \"MONITOR_PASSWORD\" }";
    assert_eq!(header(basic, "authorization"), "Basic bWU6YSB3b3Jk");
    assert_eq!(header("bearer_env = \"PLAIN_SECRET\"", "authorization"), "Bearer plain words");
    assert_eq!(header("user_agent = \"x/1\"", "user-agent"), "x/1");
    assert_eq!(header("accept_encoding = [\"br\", \"gzip\"]", "accept-encoding"), "br, gzip");
    assert_eq!(http("http_version = \"2\"").version, Some(http::Spoken::Http2));
    let grant = http(
        "oauth2 = { token_url = \"https://id.example/t\", client_id = \"me\", client_secret_env = \"PLAIN_SECRET\", scope = [\"a\", \"b\"] }",
    );
    let grant = grant.grant.unwrap();
    assert_eq!(grant.scope.as_deref(), Some("a b"));
    assert!(!format!("{grant:?}").contains("plain words"));
}

#[test]
fn by_which_road() {
    let road = |keys: &str| http(keys).road.unwrap();
    let proxy = |keys: &str| road(keys).proxy.clone().unwrap();
    assert_eq!(proxy("proxy = \"http://proxy.example:3128\"").talk, Talk::Http);
    let socks = proxy("proxy = \"socks5h://127.0.0.1\"");
    assert_eq!(socks.shown(), "socks5h://127.0.0.1:1080");
    let user = proxy(
        "proxy = { url = \"socks5://127.0.0.1:1\", user = \"me\", password_env = \"PLAIN_SECRET\" }",
    );
    assert_eq!(user.user.as_ref().unwrap().0, "me");
    assert!(!format!("{user:?}").contains("plain words"));
    assert_eq!(road("ip_version = 6").family, Some(Family::V6));
    let resolver = road("resolver = \"127.0.0.1\"");
    assert_eq!(resolver.resolver.as_ref().unwrap().address().port(), 53);
    assert!(road("client_certificate = \"monitor.pem\"").client.is_some());
}

#[test]
fn mistakes_in_them() {
    for (keys, words) in [
        ("body = \"a\"\nform = { a = \"b\" }", "exclude each other"),
        ("body_file = \"nowhere.bin\"", "cannot be read"),
        ("form = { a = 1 }", "`form` has to be"),
        ("form = { a = {} }", "it has no value"),
        ("basic_auth = { user = \"me\" }", "the user has no password"),
        ("basic_auth = { user = \"me\", password = \"x\" }", "`password` is refused"),
        ("basic_auth = { user = \"a:b\", password_env = \"PLAIN_SECRET\" }", "no colon"),
        ("bearer_env = \"NOBODY\"", "is not set"),
        (
            "bearer_env = \"PLAIN_SECRET\"\nheaders = { authorization = { value_env = \"PLAIN_SECRET\" } }",
            "authorization is there twice",
        ),
        ("oauth2 = { client_id = \"me\" }", "needs `token_url`"),
        (
            "oauth2 = { token_url = \"https://a/\", client_id = \"me\", client_secret = \"x\" }",
            "`client_secret` is refused",
        ),
        ("accept_encoding = \"lzma\"", "cannot be unpacked here"),
        ("user_agent = \"x\"\nheaders = { user-agent = \"y\" }", "user-agent is there twice"),
        ("http_version = \"3\"", "is not accepted"),
        ("proxy = \"127.0.0.1:3128\"", "is not a proxy's URL"),
        ("proxy = \"http://me:secret@127.0.0.1:3128\"", "no user and password"),
        ("proxy = \"https://127.0.0.1:3128\"", "spoken to in TLS"),
        ("proxy = \"ftp://127.0.0.1:3128\"", "no kind of proxy"),
        ("proxy = { url = \"http://a.example:1\", user = \"me\" }", "go together"),
        ("ip_version = 5", "`ip_version` has to be"),
        ("ip_version = 6\nconnect = \"127.0.0.1:80\"", "is no IPv6 address"),
        ("resolver = \"dns.example\"", "is not an IP address"),
        ("client_key = \"monitor.key\"", "a key alone shows nothing"),
    ] {
        let text = format!("[[http]]\nname = \"a\"\nurl = \"https://shop.example/\"\n{keys}\n");
        let told = bad(&text);
        assert!(told.contains(words), "{keys}:\n{told}");
        assert!(!told.contains("plain words") && !told.contains("secret@"), "{told}");
    }
}
