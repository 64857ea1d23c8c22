//! Templates filled, and refused.

use super::*;

fn template(body: Body) -> Template {
    Template {
        url: Hidden::new("http://127.0.0.1:1/"),
        method: Method::POST,
        headers: Vec::new(),
        body,
        secrets: BTreeMap::from([("key".to_owned(), Hidden::new("hidden words"))]),
    }
}

fn filled(body: Body) -> String {
    let (bundle, receiver, _) = sample::messages().swap_remove(0);
    template(body).compose(&bundle, &receiver).unwrap().text().to_owned()
}

#[test]
fn json_is_written_with_its_quotes_and_nothing_breaks_out() {
    let text = r#"{ "s": {{ findings[0].summary }}, "n": {{ findings | length }}, "k": {{ secrets.key }},
        "e": {{ event }}, "o": {{ others }}, "none": {{ resolved_at }}, "both": {{ "on " ~ check }} }"#;
    let value: Value = serde_json::from_str(&filled(Body::Json(text.to_owned()))).unwrap();
    let expected = json!({
        "s": "answers 500 \"as ever\"", "n": 1, "k": "hidden words", "e": "opened", "o": [],
        "none": null, "both": "on shop",
    });
    assert_eq!(value, expected);
}

#[test]
fn forms_are_encoded_and_text_is_as_it_is() {
    let fields = vec![("a b".to_owned(), "{{ check }} & 꽃=1".to_owned())];
    assert_eq!(filled(Body::Form(fields)), "a+b=shop+%26+%EA%BD%83%3D1");
    assert_eq!(filled(Body::Text("<{{ check }}>".to_owned())), "<shop>");
}

#[test]
fn mistakes_are_found_before_anything_is_sent_and_hold_no_secret() {
    let table = [
        ("{ \"a\": {{ titel }} }", "undefined value", Some(1)),
        ("{ \"a\":\n {{ title | upcase }} }", "unknown filter", Some(2)),
        ("{ \"a\": {{ title }", "syntax error", Some(1)),
        ("{ \"a\": \"{{ title }}\" }", "what comes out is not JSON", None),
        ("{% for a in range(100000000) %}{% endfor %}", "", Some(1)),
        ("{{ secrets.key | int }}", "", Some(1)),
        (
            "{% for a in range(9000) %}{{ text }}{{ text }}{% endfor %}",
            "what comes out is longer than 1 MiB",
            None,
        ),
        // Absent of what belongs to no host, and of what was missed.
        ("[{{ host.name.first }}, {{ labels.team | length }}]", "", Some(1)),
    ];
    for (text, words, line) in table {
        let mistake = template(Body::Json(text.to_owned())).check().unwrap_err();
        assert!(mistake.words.contains(words), "{text}: {mistake:?}");
        assert!(!mistake.words.contains("hidden"), "{mistake:?}");
        assert_eq!(mistake.line, line, "{text}: {mistake:?}");
    }
    // A test has no findings, and is told all the same.
    template(Body::Json("[{{ findings[0].summary }}]".to_owned())).check().unwrap();
}
