//! Texts that nobody would write.

use proptest::prelude::*;

use super::*;

const SAMPLE: &str = include_str!("../../../../probes.toml");

/// The sample with its examples as part of the plan, the later ones too: every key is in it.
fn full() -> String {
    SAMPLE.lines().map(sample::uncommented).collect::<Vec<_>>().join("\n")
}

/// Every mistake stands within the file, and rendering it does not panic.
fn judge(text: &str) {
    let Err(mistakes) = read(text) else { return };
    assert!(mistakes.count() > 0);
    let lines: Vec<&str> = text.split('\n').collect();
    for mistake in mistakes.list() {
        let (line, column) = (mistake.line.unwrap(), mistake.column.unwrap());
        assert!((1..=lines.len()).contains(&line), "{mistake}");
        assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "{mistake}");
        assert!(!mistake.message.is_empty());
    }
    let plain = mistakes.to_string();
    assert!(!plain.contains('\u{1b}') && !plain.contains('\u{7}'), "{plain:?}");
    let _ = format!("{mistakes:#}");
}

#[test]
fn odd_texts() {
    let deep = format!("a = {}1{}", "[".repeat(5000), "]".repeat(5000));
    let dotted = format!("{} = 1", vec!["a"; 5000].join("."));
    let headers = format!("[{}]", vec!["a"; 5000].join("."));
    let long = format!("[agent]\nname = \"{}\"", "x".repeat(100_000));
    let many = "x = 1\n".repeat(5000);
    let each = (0..5000).map(|n| format!("x{n} = 1\n")).collect::<String>();
    let texts = [
        "",
        "\n",
        "\u{feff}",
        "\u{feff}x = 1",
        "\r",
        "\0",
        "[",
        "[[",
        "]",
        "=",
        "x",
        "x =",
        "x = [",
        "[host]",
        "[[agent]]",
        "[[host.port]]\nport = 1",
        "host = 1",
        "host = [1]",
        "tcp = []",
        "http = [{}]",
        "[[dns]]\n[[dns.record]]",
        "[agent]\nname = \"\\u0007\"",
        "\"\\u001b[31m\" = 1",
        "[[http]]\nurl = \"\"\nname = \"\"",
        "[[http]]\nexpect = 1",
        "[[http]]\nexpect.json = { \"\" = nan }",
        "[[http]]\nheaders = { \"\" = \"\" }",
        "[[host]]\nname = \"\"\n[[host.port]]\nport = \"-\"",
        "가 = 나\n[[http]]\n 이름 = \"다\"",
        "[[certificate]]\nname = \"a\"\npath = \"[\"",
        "[[certificate]]\nname = \"a\"\npath = \"***\"",
        &deep,
        &dotted,
        &headers,
        &long,
        &many,
        &each,
    ];
    texts.iter().for_each(|text| judge(text));
}

#[test]
fn ten_thousand_checks_and_as_many_mistakes_take_linear_time() {
    let started = crate::clock::monotonic();
    let mut text = String::new();
    for n in 0..10_000 {
        text += &format!(
            "[[http]]\nname = \"check {n}\"\nurl = \"http://127.0.0.1:8080/{n}\"\nexpect.body = \"^ok$\"\n"
        );
        if n > 0 {
            text += &format!("depends_on = [\"check {}\"]\n", n - 1);
        }
    }
    assert_eq!(good(&text).checks.len(), 10_000);
    let dangling = text.replace("depends_on = [\"check ", "depends_on = [\"chek ");
    assert_eq!(read(&dangling).unwrap_err().count(), 9_999);
    let twice = format!("{text}{text}");
    assert!(read(&twice).unwrap_err().count() >= 10_000);
    let range = "[[host]]\nname = \"a\"\nlocal = true\n[[host.port]]\nport = \"1-10000\"\n\
                 claim = \"reserved\"\ndepends_on = [\"b\"]\n[[tcp]]\nname = \"b\"\naddress = \"a:1\"\n";
    assert_eq!(good(range).checks.len(), 10_001);
    // A bound on growth, not on speed: anything quadratic takes minutes here.
    assert!(started.elapsed().as_secs() < 60);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC*") {
        judge(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        judge(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn anything_as_the_value_of_any_key(
        pick in any::<prop::sample::Index>(),
        value in prop_oneof![
            "\"[^\"\\\\\\x00-\\x1f\\x7f]*\"",
            Just("1".to_owned()), Just("-1".to_owned()), Just("99999999999999999999".to_owned()),
            Just("nan".to_owned()), Just("1979-05-27".to_owned()), Just("[]".to_owned()),
            Just("[[]]".to_owned()), Just("{}".to_owned()), Just("[{}]".to_owned()),
            Just("{ a = { b = 1 } }".to_owned()), Just("true".to_owned()), Just("\"\"".to_owned()),
            Just("\"🦀:0\"".to_owned()), Just("\"[::]:70000\"".to_owned()),
        ],
    ) {
        let full = full();
        let keyed: Vec<usize> = full
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(" = ") && !line.trim().starts_with('#'))
            .map(|(at, _)| at)
            .collect();
        let at = keyed[pick.index(keyed.len())];
        let changed: Vec<String> = full
            .lines()
            .enumerate()
            .map(|(line, text)| match text.split_once(" = ") {
                Some((key, _)) if line == at => format!("{key} = {value}"),
                _ => text.to_owned(),
            })
            .collect();
        judge(&changed.join("\n"));
    }

    #[test]
    fn a_plan_cut_and_scrambled(
        from in any::<prop::sample::Index>(),
        length in 0usize..200,
        insert in "[\\[\\]=\"'{}.,#\n a-z0-9가]{0,6}",
    ) {
        let mut text: Vec<char> = full().chars().collect();
        let from = from.index(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, insert.chars());
        judge(&text.into_iter().collect::<String>());
    }
}
