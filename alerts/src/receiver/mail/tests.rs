//! Letters as they are handed over; conversations with real servers stand in tests/alerts.

use super::super::template::sample_telling;
use super::*;
use health::{Event, Language};

fn mail() -> Mail {
    Mail {
        server: "127.0.0.1".to_owned(),
        port: 25,
        security: Security::Plain,
        login: None,
        from: "portwarden <alerts@shop.example>".parse().unwrap(),
        to: vec!["ops@shop.example".parse().unwrap()],
        roots: Roots::default(),
        taken: Taken::default(),
    }
}

fn headers(event: Event, many: usize) -> Vec<String> {
    let telling = sample_telling(event, Language::Ko, many);
    let letter = letter::write(&mail(), &telling, Timestamp::UNIX_EPOCH).unwrap();
    let letter = String::from_utf8(letter).unwrap();
    assert!(letter.is_ascii());
    let (head, _) = letter.split_once("\r\n\r\n").unwrap();
    let kept = ["Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Date"];
    let lines = head.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    lines.map(str::to_owned).collect()
}

#[test]
fn all_letters_about_an_incident_are_one_conversation() {
    let texts = [
        headers(Event::Opened, 1),
        headers(Event::Resolved, 1),
        headers(Event::Opened, 2),
        headers(Event::Test, 1),
    ];
    insta::assert_debug_snapshot!(texts);
}

#[test]
fn who_took_a_message_is_remembered_until_all_have() {
    let taken = Taken::default();
    for number in 0..REMEMBERED + 10 {
        taken.note(&number.to_string(), vec![0]);
    }
    assert_eq!((taken.of("0"), taken.of("12")), (vec![], vec![0]));
    taken.forget("12");
    assert_eq!(taken.of("12"), Vec::<usize>::new());
}
