//! `nginx` on `[[tls]]`, and passwords of `[[certificate]]`.

use super::*;
use crate::probe::Spec;

fn tls(lines: &str) -> String {
    format!("[[tls]]\nname = \"a\"\n{lines}\n")
}

#[test]
fn alone_or_beside_one_place() {
    let cases = [
        // What is written, whether a place is looked at besides, and whether all are asked elsewhere.
        ("nginx = \"nginx.conf\"", false, None),
        ("nginx = \"nginx.conf\"\nconnect = \"127.0.0.1:8443\"", false, Some(8443)),
        ("nginx = \"nginx.conf\"\naddress = \"127.0.0.1:8443\"", false, Some(8443)),
        ("nginx = \"nginx.conf\"\naddress = \"shop.example\"", true, None),
        (
            "nginx = \"nginx.conf\"\naddress = \"127.0.0.1\"\nserver_name = \"shop.example\"",
            true,
            None,
        ),
    ];
    for (lines, has_place, connect) in cases {
        let plan = good(&tls(lines));
        let Spec::Sites(spec) = &plan.checks[0].spec else { panic!("{lines}") };
        assert_eq!(spec.configuration.to_str(), Some("/plans/nginx.conf"));
        assert_eq!(spec.beside.is_some(), has_place, "{lines}");
        assert_eq!(spec.connect.as_ref().map(|endpoint| endpoint.port), connect, "{lines}");
    }
    assert_eq!(&*good(&tls("nginx = \"nginx.conf\"")).checks[0].frame.instance, "nginx.conf");
}

#[test]
fn mistakes() {
    let cases = [
        (tls(""), "[[tls]] needs `address`"),
        (tls("nginx = \"x\"\nfile = \"y\""), "`file`: it says something of one place"),
        (
            tls("nginx = \"x\"\nserver_name = \"a.example\""),
            "`server_name`: it says something of one",
        ),
        (
            "[[certificate]]\nname = \"a\"\npath = \"x\"\npassword = \"y\"".to_owned(),
            "`password` is refused",
        ),
        (
            "[[certificate]]\nname = \"a\"\npath = \"x\"\npassword_env = \"NOT_SET\"".to_owned(),
            "the environment variable `NOT_SET` is not set",
        ),
    ];
    for (text, expected) in cases {
        let mistakes = read(&text).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{text}\n{mistakes}");
    }
}
