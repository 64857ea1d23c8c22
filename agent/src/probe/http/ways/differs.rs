//! `http.differs-by-way`: each way is well by itself, and yet they differ.

use health::{Code, Finding, Text, text};
use serde_json::{Map, Value};

use super::compare::{Difference, What};
use super::{Answered, Taken};
use crate::probe::http::ask;

/// Most differences told in the summary.
const TOLD: usize = 3;

/// The finding about one answer by a way and by the one behind it.
pub(super) fn finding(
    (outer, here): (&Taken, &Answered),
    (inner, there): (&Taken, &Answered),
    differences: &[Difference],
) -> Finding {
    let url = ask::subject(&here.url);
    let (place, behind) = (outer.place(), inner.place());
    let listed = |pick: fn(&Text) -> &str| {
        let told: Vec<&str> =
            differences.iter().take(TOLD).map(|difference| pick(&difference.told)).collect();
        told.join(", ")
    };
    let (mut en, mut ko) = (listed(|told| &told.en), listed(|told| &told.ko));
    if let Some(more @ 1..) = differences.len().checked_sub(TOLD) {
        en.push_str(&format!(", and {more} more"));
        ko.push_str(&format!(" 외 {more}건"));
    }
    let step = here.step.as_deref().map(|step| format!(" {step}")).unwrap_or_default();
    let finding = Finding::new(
        Code::HttpDiffersByWay,
        format!("{url} [{}/{}{step}]", outer.name, inner.name),
        text!(
            "{url} is well by each way, but not the same by {place} as by {behind} behind it: {en}",
            "{url}은(는) 두 경로 모두 정상이지만 {place}와(과) 그 뒤의 {behind}의 응답이 다릅니다: {ko}"
        ),
        remedy(outer, differences),
    );
    let side = |pick: fn(&Difference) -> &str| {
        let lines = differences.iter().map(|difference| {
            let key = match difference.what {
                What::Cookie => pick(difference).split([' ', '=']).next().unwrap_or_default(),
                _ => &*difference.key,
            };
            (key.to_owned(), Value::from(pick(difference)))
        });
        Value::Object(lines.collect::<Map<_, _>>())
    };
    let finding = finding
        .evidence("hop", &*outer.name)
        .evidence(&outer.name, side(|difference| &difference.outer))
        .evidence(&inner.name, side(|difference| &difference.inner))
        .evidence("by_hand", &*here.by_hand)
        .evidence("by_hand_well", &*there.by_hand);
    match outer.server() {
        Some(server) => finding.evidence("server", server),
        None => finding,
    }
}

fn remedy(outer: &Taken, differences: &[Difference]) -> Text {
    let place = outer.place();
    let advice = differences.first().map_or_else(|| text!("", ""), |first| match first.what {
        What::Status | What::Body => text!(
            "{place} answers from another place than the way behind it: another virtual host or `proxy_pass`, a cache, or one of several servers with another version.",
            "{place}은(는) 뒤쪽과 다른 곳의 응답을 보내고 있습니다: 다른 가상 호스트나 `proxy_pass`, 캐시, 또는 버전이 다른 여러 서버 중 하나입니다."
        ),
        What::Location => text!(
            "At {place}: tell the application how visitors come (`proxy_set_header Host $host;`, `proxy_set_header X-Forwarded-Proto $scheme;`), or correct `proxy_redirect`.",
            "{place}에서 방문자가 어떻게 접속했는지 애플리케이션에 알려 주세요(`proxy_set_header Host $host;`, `proxy_set_header X-Forwarded-Proto $scheme;`). 또는 `proxy_redirect`를 고치세요."
        ),
        What::Cookie => text!(
            "At {place} look for `proxy_hide_header Set-Cookie`, `proxy_ignore_headers`, a cache, `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`, and for `proxy_set_header X-Forwarded-Proto $scheme;` that is missing.",
            "{place}에서 `proxy_hide_header Set-Cookie`, `proxy_ignore_headers`, 캐시, `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`와, 빠진 `proxy_set_header X-Forwarded-Proto $scheme;`가 있는지 보세요."
        ),
        What::Header => text!(
            "At {place} look for `proxy_hide_header`, an `add_header` that sends it a second time or otherwise, a cache, or the balancer's own header rules.",
            "{place}에서 `proxy_hide_header`, 같은 헤더를 한 번 더 또는 다르게 보내는 `add_header`, 캐시, 로드 밸런서의 헤더 규칙을 확인하세요."
        ),
        What::Certificate => text!(
            "One of them has not read the renewed certificate: reload the server at {place} (nginx: `nginx -s reload`), or copy the new files there.",
            "둘 중 하나가 갱신된 인증서를 읽지 않았습니다. {place}의 서버를 다시 읽히거나(nginx: `nginx -s reload`) 새 파일을 그곳에 복사하세요."
        ),
    });
    let mut keys: Vec<String> = differences
        .iter()
        .filter(|difference| difference.what != What::Body)
        .map(|difference| format!("\"{}\"", difference.key))
        .collect();
    keys.dedup();
    let keys = keys.join(", ");
    let meant = if keys.is_empty() {
        text!(
            " If each answer has another body by right, leave `same_body` out.",
            " 본문이 매번 다른 것이 정상이라면 `same_body`를 빼세요."
        )
    } else {
        text!(
            " If it is meant to be so: `may_differ = [{keys}]`.",
            " 의도한 것이라면 `may_differ = [{keys}]`를 적으세요."
        )
    };
    Text { en: advice.en + &meant.en, ko: advice.ko + &meant.ko }
}
