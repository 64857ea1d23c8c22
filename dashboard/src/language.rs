//! Which language a browser asks for.

use health::Language;

/// The language to answer in, from an Accept-Language header (RFC 9110 §12.5.4) with its weights;
/// English when the header is absent or asks for neither.
#[must_use]
pub fn language(accept_language: Option<&str>) -> Language {
    let mut best = (Language::En, 0.0_f32);
    for range in accept_language.unwrap_or_default().split(',').take(32) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let primary = tag.split('-').next().unwrap_or_default();
        let weight = parts
            .find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
            })
            .unwrap_or(1.0);
        let language = if primary.eq_ignore_ascii_case("ko") {
            Language::Ko
        } else if primary.eq_ignore_ascii_case("en") || primary == "*" {
            Language::En
        } else {
            continue;
        };
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_and_the_first_of_equals_wins() {
        let cases = [
            (None, Language::En),
            (Some(""), Language::En),
            (Some("ko"), Language::Ko),
            (Some("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"), Language::Ko),
            (Some("en-GB,en;q=0.9,ko;q=0.8"), Language::En),
            (Some("en;q=0.3, KO-kr ; Q=0.7"), Language::Ko),
            (Some("fr, de;q=0.9, ko;q=0.2"), Language::Ko),
            (Some("fr, *;q=0.5, ko;q=0.2"), Language::En),
            (Some("ko;q=0"), Language::En),
            (Some("ko;q=NaN"), Language::En),
            (Some(";;;,,=,q=1"), Language::En),
        ];
        for (header, expected) in cases {
            assert_eq!(language(header), expected, "{header:?}");
        }
    }
}
