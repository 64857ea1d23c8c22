use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> (Vec<String>, Vec<String>) {
    let (found, odd) = read(text, Path::new("compose.yaml")).unwrap();
    let one = |one: &Published| {
        let (first, last) = one.ports;
        let protocol = one.protocol.label();
        format!("{} {} {first}-{last}/{protocol} {}", one.service, one.bind, one.place)
    };
    (found.iter().map(one).collect(), odd)
}

#[test]
fn ports() {
    for (written, expected) in [
        ("\"8080:80\"", Some("0.0.0.0 8080-8080/tcp")),
        ("8080:80", Some("0.0.0.0 8080-8080/tcp")),
        ("\"127.0.0.1:5432:5432\"", Some("127.0.0.1 5432-5432/tcp")),
        ("\"[::1]:53:53/udp\"", Some("::1 53-53/udp")),
        ("\"3000-3005:3000-3005\"", Some("0.0.0.0 3000-3005/tcp")),
        ("\"${WEB_PORT:-8081}:80\"", Some("0.0.0.0 8081-8081/tcp")),
        ("\"${WEB_PORT-8082}:80\"", Some("0.0.0.0 8082-8082/tcp")),
        ("{ target: 80, published: 9000 }", Some("0.0.0.0 9000-9000/tcp")),
        (
            "{ target: 80, published: \"9000\", host_ip: 127.0.0.1, protocol: udp }",
            Some("127.0.0.1 9000-9000/udp"),
        ),
        ("\"80\"", None),
        ("\"127.0.0.1::80\"", None),
        ("{ target: 80 }", None),
    ] {
        let text = format!("services:\n  web:\n    ports:\n      - {written}\n");
        let expected: Vec<String> =
            expected.iter().map(|one| format!("web {one} compose compose.yaml:4")).collect();
        assert_eq!(shown(&text), (expected, vec![]), "{written}");
    }
    for odd in
        ["\"${WEB_PORT}:80\"", "\"$PORT:80\"", "\"x:80\"", "\"0:80\"", "\"9:9/sctp\"", "\"a:9:9\""]
    {
        let text = format!("services:\n  web:\n    ports: [{odd}]\n");
        let (found, said) = shown(&text);
        assert_eq!((found.len(), said.len()), (0, 1), "{odd}");
    }
}

#[test]
fn anchors_and_merges() {
    let text = "x-web: &web\n  ports: &ports [\"80:80\"]\nservices:\n  a: *web\n  b:\n    <<: *web\n    image: x\n  c:\n    <<: [{image: y}, *web]\n  d:\n    ports: *ports\n  e:\n    <<: *web\n    ports: []\n";
    let (found, odd) = shown(text);
    let names: Vec<&str> = found.iter().map(|one| &one[..1]).collect();
    assert_eq!((names.join(""), odd.len()), ("abcd".to_owned(), 0));
}

#[test]
fn what_is_no_compose_file() {
    for empty in ["", "a: 1", "services:", "services: [1]", "services: {web: {ports: 80}}", "- x"] {
        assert_eq!(shown(empty), (vec![], vec![]), "{empty:?}");
    }
    let deep = "[".repeat(100_000);
    for bad in ["a: [", "a: *b", &deep, "services:\n\t- x"] {
        assert!(read(bad, Path::new("x")).is_err(), "{:?}", &bad[..bad.len().min(20)]);
    }
}

#[test]
fn aliases_of_aliases_cost_nothing() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..60 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{before}]\n");
    }
    assert_eq!(shown(&text), (vec![], vec![]));
}

#[test]
fn merges_of_merges_end() {
    let nested = |levels: usize| {
        let mut text = "a0: &a0 { x: y }\n".to_owned();
        for level in 1..levels {
            let before = level - 1;
            text += &format!("a{level}: &a{level} {{ <<: [*a{before}, *a{before}] }}\n");
        }
        text + &format!("services: {{ web: *a{} }}\n", levels - 1)
    };
    assert_eq!(shown(&nested(28)), (vec![], vec![]));
    let deep = read(&nested(60), Path::new("x")).unwrap_err();
    assert!(deep.contains("nested too deeply"), "{deep}");
}

#[test]
fn aliases_of_many_ports_end() {
    let ports = "\"80:80\", ".repeat(1_000);
    let mut text = format!("x: &x {{ ports: [{ports}] }}\nservices:\n");
    (0..1_000).for_each(|n| text += &format!("  s{n}: *x\n"));
    let (found, odd) = shown(&text);
    assert!(found.len() < MOST_LINES, "{}", found.len());
    assert!(odd.len() == 1 && odd[0].contains("more than"), "{odd:?}");
}

#[test]
fn only_a_file_that_was_named_has_to_be_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compose.yaml");
    std::fs::write(&path, b"services: \xff").unwrap();
    let scope = Scope { compose: vec![path.clone()], ..Scope::default() };
    assert!(published(&scope, &mut Vec::new()).is_err());
    let remark = unread(&path, &text(&path).unwrap_err());
    assert!(remark.ends_with("compose.yaml cannot be read: it is not UTF-8"), "{remark}");
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        let _ = read(&text, Path::new("x"));
    }

    #[test]
    fn any_structure_is_survived(
        text in "(services|ports|web|80|: |- |\n|  |\\{|\\}|\\[|\\]|&a|\\*a|<<|\"|'|\\$|,){0,60}"
    ) {
        let _ = read(&text, Path::new("x"));
    }
}
