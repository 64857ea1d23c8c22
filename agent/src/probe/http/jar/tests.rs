use super::*;

const LOGIN: &str = "https://shop.example/auth/login";

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn url(text: &str) -> Uri {
    text.parse().unwrap()
}

/// What becomes of lines that this URL sets one after another: of the last.
fn set(jar: &mut Jar, from: &str, lines: &[&str]) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert(DATE, HeaderValue::from_static("Sat, 21 Nov 2026 22:00:00 GMT"));
    for line in lines {
        headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
    }
    jar.take(&url(from), &headers, now());
    jar.lines().last().unwrap().outcome.clone()
}

fn refused(from: &str, line: &str) -> Option<Refusal> {
    match set(&mut Jar::default(), from, &[line]) {
        Outcome::Refused(refusal) => Some(refusal),
        Outcome::Kept | Outcome::Deleted => None,
    }
}

fn sent(jar: &Jar, to: &str, method: &Method) -> String {
    let to = url(to);
    let header = jar.header(Visit { url: &to, method }, None, now());
    header.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

#[test]
fn what_browsers_take_and_what_they_do_not() {
    let large = format!("a={}", "x".repeat(4096));
    let http = "http://shop.example/";
    let behind = Some("2026-11-21T22:00:00Z".parse().unwrap());
    for (from, line, expected) in [
        (LOGIN, "sid=1", None),
        (LOGIN, "sid=1; Domain=shop.example", None),
        (LOGIN, "sid=1; Domain=.SHOP.example", None),
        ("https://www.shop.example/", "sid=1; Domain=shop.example", None),
        (LOGIN, "sid=1; Domain=www.shop.example", Some(Refusal::Domain)),
        (LOGIN, "sid=1; Domain=app.internal", Some(Refusal::Domain)),
        (LOGIN, "sid=1; Domain=op.example", Some(Refusal::Domain)),
        (LOGIN, "sid=1; Domain=127.0.0.1", Some(Refusal::Domain)),
        (LOGIN, "sid=1; Domain=example", Some(Refusal::PublicSuffix)),
        ("https://shop.co.kr/", "sid=1; Domain=co.kr", Some(Refusal::PublicSuffix)),
        ("https://shop.co.kr/", "sid=1; Domain=shop.co.kr", None),
        ("http://localhost/", "sid=1; Domain=localhost", None),
        ("http://127.0.0.1/", "sid=1; Domain=127.0.0.1", None),
        ("http://127.0.0.1/", "sid=1; Domain=0.0.1", Some(Refusal::Domain)),
        ("http://[::1]/", "sid=1", None),
        (http, "sid=1; Secure", Some(Refusal::Insecure)),
        (http, "sid=1; Secure; Path=/x", Some(Refusal::Insecure)),
        (LOGIN, "sid=1; Secure", None),
        (LOGIN, "sid=1; SameSite=None", Some(Refusal::NoneWithoutSecure)),
        (LOGIN, "sid=1; SameSite=None; Secure", None),
        (http, "sid=1; SameSite=None; Secure", Some(Refusal::Insecure)),
        (LOGIN, "__Secure-a=1", Some(Refusal::Prefix("Secure"))),
        (LOGIN, "__Secure-a=1; Secure", None),
        (LOGIN, "__Host-a=1; Secure", Some(Refusal::Prefix("Path=/"))),
        (LOGIN, "__Host-a=1; Path=/", Some(Refusal::Prefix("Secure"))),
        (
            LOGIN,
            "__host-a=1; Secure; Path=/; Domain=shop.example",
            Some(Refusal::Prefix("no Domain")),
        ),
        (LOGIN, "__Host-a=1; Secure; Path=/", None),
        (LOGIN, &large, Some(Refusal::TooLarge(4097))),
        (LOGIN, "sid=1; Max-Age=0", Some(Refusal::Ended { server_clock: None })),
        (LOGIN, "sid=1; Max-Age=-5", Some(Refusal::Ended { server_clock: None })),
        (
            LOGIN,
            "sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            Some(Refusal::Ended { server_clock: None }),
        ),
        (
            LOGIN,
            "sid=1; Expires=Sat, 21 Nov 2026 23:00:00 GMT",
            Some(Refusal::Ended { server_clock: behind }),
        ),
        // Max-Age goes before Expires.
        (LOGIN, "sid=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        (LOGIN, "sid=1; Expires=Sun, 22 Nov 2026 00:00:01 GMT", None),
    ] {
        assert_eq!(refused(from, line), expected, "{from} {line}");
    }
}

#[test]
fn what_comes_along_and_what_is_held_back() {
    let get = &Method::GET;
    for (line, to, expected) in [
        ("sid=1", "https://shop.example/auth/me", Ok(())),
        ("sid=1", "https://shop.example/auth", Ok(())),
        ("sid=1", "https://shop.example/authority", Err(Unsent::OtherPath("/auth".into()))),
        ("sid=1", "https://shop.example/", Err(Unsent::OtherPath("/auth".into()))),
        ("sid=1; Path=/", "https://shop.example/x", Ok(())),
        ("sid=1; Path=/api/", "https://shop.example/api", Err(Unsent::OtherPath("/api/".into()))),
        ("sid=1; Path=/", "https://shop.example:8443/", Ok(())),
        ("sid=1; Path=/", "http://shop.example/", Ok(())),
        ("sid=1; Path=/; Secure", "http://shop.example/", Err(Unsent::Insecure)),
        (
            "sid=1; Path=/",
            "https://www.shop.example/",
            Err(Unsent::OtherHost("shop.example".into())),
        ),
        ("sid=1; Path=/; Domain=shop.example", "https://www.shop.example/", Ok(())),
        (
            "sid=1; Path=/; Domain=shop.example",
            "https://other.example/",
            Err(Unsent::OtherDomain("shop.example".into())),
        ),
        ("sid=1; Path=/; HttpOnly", "https://shop.example/", Ok(())),
    ] {
        let mut jar = Jar::default();
        set(&mut jar, LOGIN, &[line]);
        let target = url(to);
        let visit = Visit { url: &target, method: get };
        assert_eq!(jar.held_back("sid", visit, now()), expected.clone().err(), "{line} {to}");
        assert_eq!(sent(&jar, to, get), if expected.is_ok() { "sid=1" } else { "" }, "{line} {to}");
    }
}

#[test]
fn same_site_as_a_visitor_by_links_meets_it() {
    let here = "https://shop.example/x";
    let strict = Some(Unsent::CrossSite(SameSite::Strict));
    let lax = Some(Unsent::CrossSite(SameSite::Lax));
    for (same_site, from, method, expected) in [
        ("Strict", None, Method::GET, None),
        ("Strict", Some("https://www.shop.example/"), Method::POST, None),
        ("Strict", Some("http://shop.example/"), Method::GET, strict.clone()),
        ("Strict", Some("https://pay.example/"), Method::GET, strict),
        ("Lax", Some("https://pay.example/"), Method::GET, None),
        ("Lax", Some("https://pay.example/"), Method::POST, lax),
        ("None", Some("https://pay.example/"), Method::POST, None),
        ("", Some("https://pay.example/"), Method::POST, None),
    ] {
        let mut jar = Jar::default();
        set(&mut jar, LOGIN, &[&format!("sid=1; Path=/; Secure; SameSite={same_site}")]);
        jar.enter("next".into(), from.map(url));
        let to = url(here);
        let visit = Visit { url: &to, method: &method };
        assert_eq!(jar.held_back("sid", visit, now()), expected, "{same_site} {from:?} {method}");
    }
    let (one, other) = (url("https://a.co.kr/"), url("https://b.co.kr/"));
    assert!(!is_same_site(&one, &other));
    assert!(is_same_site(&url("https://a.b.co.kr/"), &url("https://c.b.co.kr/")));
    assert!(!is_same_site(&url("http://127.0.0.1/"), &url("http://127.0.0.2/")));
}

#[test]
fn longer_paths_come_first_and_the_plans_own_before_all() {
    let mut jar = Jar::default();
    set(&mut jar, LOGIN, &["a=1; Path=/", "b=2", "c=3; Path=/", "nameless"]);
    let to = url("https://shop.example/auth/x");
    let visit = Visit { url: &to, method: &Method::GET };
    let planned = HeaderValue::from_static("z=0");
    let header = jar.header(visit, Some(&planned), now()).unwrap();
    assert_eq!(header, "z=0; b=2; nameless; a=1; c=3");
}

#[test]
fn a_cookie_is_replaced_deleted_and_ends() {
    let (mut jar, to) = (Jar::default(), "https://shop.example/auth/");
    set(&mut jar, LOGIN, &["sid=1; Max-Age=10", "sid=2; Max-Age=10", "sid=3; Path=/"]);
    assert_eq!(sent(&jar, to, &Method::GET), "sid=2; sid=3");
    assert_eq!(set(&mut jar, LOGIN, &["sid=; Max-Age=0"]), Outcome::Deleted);
    assert_eq!(sent(&jar, to, &Method::GET), "sid=3");
    set(&mut jar, LOGIN, &["soon=1; Max-Age=10; Path=/"]);
    let later = now() + jiff::SignedDuration::from_secs(10);
    let target = url(to);
    let visit = Visit { url: &target, method: &Method::GET };
    assert_eq!(jar.held_back("soon", visit, later), Some(Unsent::Ended));
    assert_eq!(jar.held_back("soon", visit, now()), None);
    assert_eq!(jar.held_back("none", visit, now()), None);
}

#[test]
fn plain_http_does_not_replace_what_is_secure() {
    let mut jar = Jar::default();
    set(&mut jar, LOGIN, &["sid=1; Path=/; Secure"]);
    let plain = "http://shop.example/";
    assert_eq!(
        set(&mut jar, plain, &["sid=2; Path=/"]),
        Outcome::Refused(Refusal::WouldReplaceSecure)
    );
    assert_eq!(set(&mut jar, plain, &["other=2; Path=/"]), Outcome::Kept);
}

#[test]
fn a_jar_is_bounded() {
    let mut jar = Jar::default();
    for index in 0..1000 {
        set(&mut jar, LOGIN, &[&format!("c{index}=value-{index}")]);
    }
    assert_eq!((jar.kept.len(), jar.lines.len()), (MOST_COOKIES, MOST_LINES));
}

#[test]
fn secrets_are_known_and_words_are_none() {
    let mut jar = Jar::default();
    set(
        &mut jar,
        LOGIN,
        &["sid=s3cr3t-1", "lang=korean", "gone=deleted-99; Max-Age=0", "t=abcdefghijklmnop"],
    );
    let veils: Vec<String> = jar.veils().into_iter().map(|(secret, _)| secret).collect();
    assert_eq!(veils, ["s3cr3t-1", "abcdefghijklmnop"]);
}

#[test]
fn how_cookies_stood_is_remembered_of_the_first_request() {
    let standing = |to: &[&str], name: &str, jar: &mut Jar| {
        jar.enter("then".into(), None);
        for to in to {
            let to = url(to);
            jar.asks(Visit { url: &to, method: &Method::GET }, now());
        }
        let stood = jar.stood();
        stood.iter().find(|(line, _)| line.cookie.name == name).map(|(_, how)| (*how).clone())
    };
    let mut jar = Jar::default();
    let elsewhere = || Some(Standing::HeldBack(Unsent::OtherPath("/auth".to_owned())));
    set(&mut jar, LOGIN, &["sid=1"]);
    assert_eq!(standing(&["https://shop.example/home", LOGIN], "sid", &mut jar), elsewhere());
    assert_eq!(standing(&[LOGIN], "sid", &mut jar), Some(Standing::Sent));
    // An older one of the same name comes along, and is not the session.
    let mut jar = Jar::default();
    set(&mut jar, LOGIN, &["sid=0; Path=/", "sid=1"]);
    assert_eq!(standing(&["https://shop.example/home"], "sid", &mut jar), elsewhere());
    // One for an old path ends, the other lives on; then that ends as well.
    let mut jar = Jar::default();
    set(&mut jar, LOGIN, &["sid=1; Path=/", "sid=; Path=/old; Max-Age=0"]);
    assert_eq!(standing(&[LOGIN], "sid", &mut jar), Some(Standing::Sent));
    set(&mut jar, LOGIN, &["sid=; Path=/; Max-Age=0"]);
    assert_eq!(standing(&[LOGIN], "sid", &mut jar), Some(Standing::NotThere));
}
