//! What each service is sent, in both languages, within its bounds.

use super::super::template::sample_telling;
use super::*;
use health::Language;

fn services() -> Vec<Push> {
    let word = |word: &str| Hidden::new(word);
    let url = || "https://push.example".to_owned();
    let login = Some(Login::Bearer(word("tk_a")));
    vec![
        Push::Ntfy(Ntfy { url: url(), topic: word("shop"), login }),
        Push::Gotify(Gotify { url: url(), token: word("Ag") }),
        Push::Pushover(Pushover { url: url(), token: word("a z"), user: word("u") }),
    ]
}

fn composed(push: &Push, event: Event, language: Language, many: usize) -> String {
    let telling = sample_telling(event, language, many);
    push.compose(&telling, &crate::prose::of(&telling)).shown()
}

#[test]
fn each_service_is_sent_what_it_documents() {
    for push in services() {
        for language in [Language::En, Language::Ko] {
            let texts = [Event::Opened, Event::Resolved, Event::Test, Event::Missed]
                .map(|event| composed(&push, event, language, 1));
            let name = format!("{}_{language:?}", push.label());
            insta::assert_snapshot!(name, texts.join("\n\n"));
        }
    }
}

#[test]
fn very_many_stay_within_the_bounds_of_each() {
    for language in [Language::En, Language::Ko] {
        for many in [2, 30, 500] {
            let telling = sample_telling(Event::Opened, language, many);
            let prose = crate::prose::of(&telling);
            assert!(text_in_bytes(&prose, Ntfy::MOST_BYTES).len() <= 4096);
            assert!(text(&prose, 1024).chars().count() <= 1024);
            assert!(!text(&prose, 1024).is_empty());
        }
    }
}
