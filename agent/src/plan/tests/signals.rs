//! `[[heartbeat]]`, `[[icmp]]` and `[[udp]]`.

use std::time::Duration;

use super::*;
use crate::probe::Spec;
use crate::probe::heartbeat::Token;

fn heartbeat(keys: &str) -> crate::probe::heartbeat::Spec {
    let plan = good(&format!("[[heartbeat]]\n{keys}"));
    match &plan.checks[0].spec {
        Spec::Heartbeat(spec) => (**spec).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_heartbeat_says_how_it_is_called() {
    let spec = heartbeat("name = \"nightly backup\"\nperiod = \"1d\"");
    assert_eq!(spec.url, "http://127.0.0.1:9740/api/v1/heartbeat/nightly-backup");
    assert_eq!(spec.by_hand, format!("curl -fsS -m 10 --retry 5 -o /dev/null {}", spec.url));
    assert_eq!(spec.terms.grace, Duration::from_secs(3600), "a twelfth, at most an hour");
    assert_eq!(spec.terms.runs_within, spec.terms.grace);
    assert_eq!(spec.terms.token, None);

    let spec = heartbeat("name = \"백업\"\ncron = \"*/5 * * * *\"\ntoken_env = \"BACKUP_TOKEN\"");
    assert!(spec.url.ends_with("/heartbeat/%EB%B0%B1%EC%97%85"), "{}", spec.url);
    assert!(
        spec.by_hand.contains(" -H \"Authorization: Bearer $BACKUP_TOKEN\" "),
        "{}",
        spec.by_hand
    );
    assert_eq!(spec.terms.grace, Duration::from_secs(60), "a twelfth, at least a minute");
    assert_eq!(&*spec.terms.rhythm.written, "*/5 * * * * (UTC)");
    assert_eq!(spec.terms.token, Some(Token::new("a third word")));

    let keys = "name = \"it's\"\nperiod = \"1h\"\ntoken_file = \"token.txt\"\ngrace = \"2s\"\nruns_within = \"3s\"";
    let spec = heartbeat(keys);
    assert!(spec.by_hand.contains("Bearer $(cat /plans/token.txt)\""), "{}", spec.by_hand);
    assert!(spec.by_hand.ends_with("/heartbeat/it%27s"), "{}", spec.by_hand);
    assert_eq!(spec.terms.token, Some(Token::new("Bearer xyz")));
    assert_eq!(spec.terms.runs_within, Duration::from_secs(3));
}

#[test]
fn mistakes_are_told() {
    for (plan, expected) in [
        ("[[heartbeat]]\nname = \"a\"", "[[heartbeat]] needs `period` or `cron`"),
        (
            "[[heartbeat]]\nname = \"a\"\nperiod = \"1d\"\ncron = \"@daily\"",
            "`cron` and `period` exclude each other",
        ),
        ("[[heartbeat]]\nname = \"a\"\nperiod = \"0s\"", "from 1s to 400d"),
        ("[[heartbeat]]\nname = \"a/b\"\nperiod = \"1d\"", "`a/b` cannot stand in a URL"),
        (
            "[[heartbeat]]\nname = \"a b\"\nperiod = \"1d\"\n[[heartbeat]]\nname = \"a-b\"\nperiod = \"1d\"",
            "another heartbeat is called as `a-b` too",
        ),
        (
            "[[heartbeat]]\nname = \"a\"\nperiod = \"1d\"\ntimezone = \"UTC\"",
            "`timezone` says how `cron` is read",
        ),
        ("[[heartbeat]]\nname = \"a\"\nperiod = \"1d\"\ntoken = \"x\"", "`token` is refused"),
        (
            "[[heartbeat]]\nname = \"a\"\nperiod = \"1d\"\ntoken_env = \"NONE\"",
            "the environment variable `NONE` is not set",
        ),
        ("[[heartbeat]]\nname = \"a\"\nperiod = \"1d\"\nfail_after = 3", "unknown key"),
        ("[[icmp]]\nname = \"a\"", "[[icmp]] needs `address`"),
        ("[[icmp]]\nname = \"a\"\naddress = \"127.0.0.1:80\"", "127.0.0.1:80"),
        (
            "[[icmp]]\nname = \"a\"\naddress = \"127.0.0.1\"\ncount = 30",
            "30 requests, 200ms apart, do not fit into the timeout",
        ),
        (
            "[[icmp]]\nname = \"a\"\naddress = \"127.0.0.1\"\nexpect.loss = \"100%\"",
            "\"100%\" is not a share that may be lost",
        ),
        ("[[udp]]\nname = \"a\"\naddress = \"127.0.0.1:53\"", "[[udp]] needs `send` or `send_hex`"),
        (
            "[[udp]]\nname = \"a\"\naddress = \"127.0.0.1:53\"\nsend_hex = \"0x00\"",
            "`0x00` is not hexadecimal",
        ),
        (
            "[[udp]]\nname = \"a\"\naddress = \"127.0.0.1:53\"\nsend = \"x\"\nexpect = \"(\"",
            "is not a regular expression",
        ),
    ] {
        let said = bad(plan);
        assert!(said.contains(expected), "{plan}\n{said}");
    }
}
