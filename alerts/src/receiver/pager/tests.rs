//! Every request of an incident's life, as each service documents it.

use super::super::template::sample_telling;
use super::*;
use health::Language;

#[test]
fn an_incident_is_triggered_acknowledged_and_resolved_under_one_key() {
    let url = "https://pager.example".to_owned();
    let services = [
        Pager::PagerDuty(PagerDuty { url: url.clone(), routing_key: Hidden::new("R0") }),
        Pager::Opsgenie(Opsgenie { url, key: Hidden::new("K0") }),
    ];
    let now = Timestamp::UNIX_EPOCH;
    for pager in services {
        let mut texts = Vec::new();
        for event in [Event::Opened, Event::Updated, Event::Resolved, Event::Test, Event::Missed] {
            let mut telling = sample_telling(event, Language::En, 1);
            if event == Event::Updated {
                let by = json!({ "author": "jin", "at": "2026-01-01T00:05:00Z", "note": "on it" });
                telling.incidents[0].acknowledged = serde_json::from_value(by).unwrap();
            }
            texts.extend(pager.compose(&telling, now).iter().map(Posting::shown));
        }
        insta::assert_snapshot!(pager.label(), texts.join("\n\n"));
    }
}

#[test]
fn details_are_cut_to_what_is_taken() {
    let mut telling = sample_telling(Event::Opened, Language::Ko, 1);
    let told = &mut telling.incidents[0];
    let long = "가".repeat(100_000);
    told.findings[0].remedy = long.clone();
    told.findings[0].evidence.insert("got".to_owned(), long.clone().into());
    told.labels.extend((0..30).map(|nth| (format!("label-{nth}"), long[..1500].to_owned())));
    let told = &telling.incidents[0];
    let details = details(&telling, told);
    assert!(details.get("evidence").is_none() && details["code"] == "http.status");
    let texts = in_words(&details);
    let chars = |text: &str| text.chars().count();
    let all: usize =
        texts.iter().map(|(name, text)| chars(name) + chars(text.as_str().unwrap())).sum();
    assert!(all <= 8000, "{all}");
    assert_eq!(texts["incident"], "sample");
}
