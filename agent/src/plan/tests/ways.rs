//! Several ways in.

use super::*;
use crate::plan::same;
use crate::probe::Spec;
use crate::probe::http::ways::{Way, Ways};

const CHECK: &str = "[[http]]\nname = \"shop\"\nurl = \"https://shop.example/api?x\"\n";

fn ways(keys: &str) -> Ways {
    let plan = good(&format!("[[host]]\nname = \"web\"\naddress = \"127.0.0.9\"\n{CHECK}{keys}"));
    match &plan.checks[0].spec {
        Spec::Http(spec) => *spec.ways.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// `from>to` of everything that is dialled elsewhere.
fn dialled(way: &Way) -> Vec<String> {
    let rule =
        |rule: &crate::probe::http::Connect| format!("{}:{}>{}", rule.from.0, rule.from.1, rule.to);
    way.connect.iter().map(rule).collect()
}

#[test]
fn ways_in_the_order_of_the_file() {
    let ways = ways(
        "source = \"127.0.0.1\"\n\
         ways = { outer = \"203.0.113.7\", b = \"web:8443\", app = { connect = \"web:3011\", plain = true, \
         source = \"127.0.0.3\", headers = { host = \"app\", x-token = { value_env = \"SHOP_TOKEN\" } } } }\n\
         same_body = true\nmay_differ = [\"Cache-Control\", \"cookies\"]",
    );
    let each: Vec<&Way> = ways.each().collect();
    let names: Vec<&str> = each.iter().map(|way| &*way.name).collect();
    assert_eq!(names, ["outer", "b", "app"]);
    assert_eq!(dialled(each[0]), ["shop.example:443>203.0.113.7:443"]);
    assert_eq!(dialled(each[1]), ["shop.example:443>127.0.0.9:8443"]);
    // An application without TLS may redirect to itself without it.
    assert_eq!(
        dialled(each[2]),
        ["shop.example:443>127.0.0.9:3011", "shop.example:80>127.0.0.9:3011"]
    );
    assert_eq!(each[0].source, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(each[2].source, Some("127.0.0.3".parse().unwrap()));
    assert_eq!(each[2].in_plain, Some(("shop.example".to_owned(), 443)));
    assert_eq!(each[1].in_plain, None);
    assert_eq!(each[2].headers["x-forwarded-proto"], "https");
    assert_eq!(each[2].headers["host"], "app");
    assert!(each[2].headers["x-token"].is_sensitive());
    let sameness = ways.sameness();
    assert!(sameness.same_body && sameness.may_differ.cookies && !sameness.may_differ.status);
    assert_eq!(sameness.may_differ.headers, ["cache-control"]);
}

#[test]
fn an_inner_way_beside_the_one_that_the_url_leads() {
    let short = ways("inner = \"web:8443\"\nconnect = { \"shop.example:80\" = \"web:81\" }");
    let each: Vec<&Way> = short.each().collect();
    assert_eq!(dialled(each[0]), ["shop.example:80>127.0.0.9:81"]);
    assert_eq!(
        dialled(each[1]),
        ["shop.example:443>127.0.0.9:8443", "shop.example:80>127.0.0.9:81"]
    );
    assert_eq!((&*each[0].name, &*each[1].name), ("outer", "inner"));
    let longer = ways("inner = { connect = \"web:8443\" }");
    assert_eq!(dialled(longer.each().nth(1).unwrap()), ["shop.example:443>127.0.0.9:8443"]);
}

#[test]
fn another_way_is_another_check() {
    let check = |keys: &str| good(&format!("{CHECK}{keys}"));
    let one = check("inner = \"127.0.0.1:1\"");
    assert!(same(&one.checks[0], &check("inner = \"127.0.0.1:1\"").checks[0]));
    for other in [
        "",
        "inner = \"127.0.0.1:2\"",
        "inner = { connect = \"127.0.0.1:1\", plain = true }",
        "inner = \"127.0.0.1:1\"\nsame_body = true",
        "inner = \"127.0.0.1:1\"\nmay_differ = \"status\"",
    ] {
        assert!(!same(&one.checks[0], &check(other).checks[0]), "{other}");
    }
}

#[test]
fn ways_that_cannot_be() {
    let plain = "[[http]]\nname = \"a\"\nurl = \"http://a\"\n";
    for (text, said) in [
        (format!("{CHECK}ways = {{ outer = \"a:1\" }}"), "2 to 8 of them"),
        (format!("{CHECK}ways = [\"a:1\", \"b:2\"]"), "has to be a table"),
        (format!("{CHECK}ways = {{ a = \"a:1\", b = 3 }}"), "has to be"),
        (format!("{CHECK}ways = {{ a = \"a:1\", b = \"b:0\" }}"), "0"),
        (format!("{CHECK}inner = \"a:1\"\nways = {{ a = \"a:1\", b = \"b:2\" }}"), "exclude"),
        (format!("{CHECK}connect = \"a:1\"\nways = {{ a = \"a:1\", b = \"b:2\" }}"), "exclude"),
        (format!("{CHECK}same_body = true"), "`same_body` is about `ways`"),
        (format!("{CHECK}may_differ = \"status\""), "`may_differ` is about `ways`"),
        (format!("{CHECK}inner = \"a:1\"\nmay_differ = \"x y\""), "not a header's name"),
        (format!("{CHECK}inner = {{ conect = \"a:1\" }}"), "did you mean `connect`?"),
        (format!("{plain}inner = {{ connect = \"a:1\", plain = true }}"), "the URL has none"),
        (
            format!(
                "{CHECK}inner = {{ connect = \"a:1\", headers = {{ authorization = \"x\" }} }}"
            ),
            "never in the file",
        ),
    ] {
        let told = bad(&text);
        assert!(told.contains(said), "{text}\n{told}");
    }
}
