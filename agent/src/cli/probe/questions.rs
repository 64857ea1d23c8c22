//! Which records of which zone, from words: a name, a name and a type, or a zone and many of both.

use std::str::FromStr;

use hickory_proto::rr::RecordType;

/// What is asked at the apex of a zone that is named alone.
const APEX: [&str; 6] = ["NS", "A", "AAAA", "MX", "TXT", "CAA"];

/// A zone, and names and types within it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Questions {
    pub(super) zone: String,
    /// Fully qualified.
    pub(super) records: Vec<(String, String)>,
}

impl Questions {
    /// Makes sense of the words; `find` tells the zone of a name.
    ///
    /// # Errors
    /// A sentence for people.
    pub(super) fn of(
        words: &[String],
        zone: Option<String>,
        find: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let bare = |name: &str| name.trim_end_matches('.').to_lowercase();
        let (zone, pairs) = match (zone, words) {
            (zone, [name]) => {
                let known = zone.map_or_else(|| find(name), Ok)?;
                if bare(&known) == bare(name) {
                    let at_apex = APEX.map(|record_type| ("@".to_owned(), record_type.to_owned()));
                    (known, at_apex.to_vec())
                } else {
                    (known, vec![(name.clone(), "A".to_owned())])
                }
            }
            (None, [name, record_type])
                if RecordType::from_str(&record_type.to_uppercase()).is_ok() =>
            {
                (find(name)?, vec![(name.clone(), record_type.clone())])
            }
            (None, [zone, rest @ ..]) => (zone.clone(), pairs(rest)?),
            (Some(zone), words) => (zone, pairs(words)?),
            (None, []) => return Err("name a zone or a record".to_owned()),
        };
        let records = pairs
            .into_iter()
            .map(|(name, record_type)| (within(&name, &zone), record_type.to_uppercase()));
        Ok(Self { records: records.collect(), zone })
    }
}

fn pairs(words: &[String]) -> Result<Vec<(String, String)>, String> {
    let (pairs, left) = words.as_chunks::<2>();
    match left {
        [] => Ok(pairs.iter().map(|[name, of_type]| (name.clone(), of_type.clone())).collect()),
        [name, ..] => Err(format!(
            "{name} has no type after it. Say ZONE, then NAME TYPE for each record: portwarden probe dns shop.example www A @ MX"
        )),
    }
}

/// The name fully qualified: one that does not end in the zone is meant within it.
fn within(name: &str, zone: &str) -> String {
    let (bare, zone) = (name.trim_end_matches('.'), zone.trim_end_matches('.'));
    let lower = bare.to_lowercase();
    let zone_lower = zone.to_lowercase();
    if bare == "@" {
        format!("{zone}.")
    } else if name.ends_with('.')
        || lower == zone_lower
        || lower.ends_with(&format!(".{zone_lower}"))
    {
        format!("{bare}.")
    } else {
        format!("{bare}.{zone}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_questions() {
        let asked = |words: &str, zone: Option<&str>| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let find = |_: &str| Ok("shop.example".to_owned());
            Questions::of(&words, zone.map(str::to_owned), find).map(|asked| {
                let records = asked.records.iter().map(|(name, kind)| format!("{name} {kind}"));
                format!("{}: {}", asked.zone, records.collect::<Vec<_>>().join(", "))
            })
        };
        let cases = [
            ("www.shop.example", None, "shop.example: www.shop.example. A"),
            ("www.shop.example cname", None, "shop.example: www.shop.example. CNAME"),
            (
                "shop.example www A @ MX",
                None,
                "shop.example: www.shop.example. A, shop.example. MX",
            ),
            ("www A", Some("shop.example"), "shop.example: www.shop.example. A"),
            ("www.shop.example", Some("shop.example"), "shop.example: www.shop.example. A"),
            ("shop.example www.SHOP.example. TXT", None, "shop.example: www.SHOP.example. TXT"),
        ];
        for (words, zone, questions) in cases {
            assert_eq!(asked(words, zone).as_deref(), Ok(questions), "{words}");
        }
        let apex = asked("shop.example", None).unwrap();
        assert!(apex.contains("shop.example. NS") && apex.contains("shop.example. CAA"), "{apex}");
        assert!(asked("shop.example www", None).unwrap_err().contains("www has no type"));
        assert!(asked("shop.example www A mail", None).is_err());
    }
}
