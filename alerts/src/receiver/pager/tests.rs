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
        for event in [Event::Opened, Event::Updated, Event::Resolved, Event::Test] {
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
