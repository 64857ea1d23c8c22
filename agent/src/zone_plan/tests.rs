//! From zone files to plans that are accepted.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::plan;

const FILE: &str = r#"
$ORIGIN shop.example.
$TTL 1h
@       IN SOA ns1 admin.host.example. (
            2026112101 ; serial
            2h 15m 2w  ; refresh, retry, expire
            300 )
        NS   ns1
        3600 IN NS ns2.host.example.
ns1     A    192.0.2.53
@       IN 300 A 192.0.2.10
        A    192.0.2.11
        AAAA 2001:DB8::10
        MX   10 Mail
        TXT  "v=spf1 ip4:192.0.2.10; " -all
        CAA  0 issue "letsencrypt.org"
        HTTPS 1 . alpn="h2,h3" ( ipv4hint=192.0.2.10 )
        DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
        RRSIG A 13 2 300 20300101000000 20200101000000 1 shop.example. AAAA
www     CNAME @
*.dev   CNAME www
mail    A 192.0.2.25
_25._tcp.mail TLSA 3 1 1 8BD1DA95272F7FA4FFB24137FC0ED03AAE67E5C4D8B3C50734E1050A7920B922
host    SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
_sip._tcp SRV 10 5 5060 sip.host.example.
_acme-challenge TXT "left behind"
sub     NS ns1.sub
sub     DS 60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
ns1.sub A 192.0.2.54
odd     TYPE65280 \# 2 abcd
loc     LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
www.shop.example A 192.0.2.99
other.example. A 192.0.2.1
$ORIGIN deep.shop.example.
a       TXT "한국 \"quoted\" \\ back" (
            "and more" )
"#;

fn drafted(text: &str) -> String {
    let (zone, held) = read(text, None).unwrap();
    Draft::of(&zone, held).write("shop.zone", &["192.0.2.53".to_owned()], &[])
}

fn planned(text: &str) -> Result<plan::Plan, plan::Mistakes> {
    plan::parse(text, Path::new("drafted"), Path::new("/"), &plan::ThisMachine)
}

#[test]
fn a_zone_file_becomes_a_plan_that_is_accepted() {
    let text = drafted(FILE);
    insta::assert_snapshot!(text);
    let plan = planned(&text).unwrap();
    let crate::probe::Spec::Dns(spec) = &plan.checks[0].spec else { panic!("{text}") };
    assert_eq!(spec.records.len(), text.matches("[[dns.record]]").count());
}

#[test]
fn mistakes_are_told_with_their_line() {
    let table = [
        ("www A 192.0.2.1", 1, "neither $ORIGIN nor --zone"),
        ("$ORIGIN shop.example.\n@ A 192.0.2.1", 2, "no SOA"),
        ("$ORIGIN shop.example.\n\n A 192.0.2.1", 3, "no owner before it"),
        ("$ORIGIN shop.example.\n@ SOA ( a b 1 2", 2, "never closed"),
        ("$ORIGIN shop.example.\n@ A 192.0.2.1 )", 2, "not opened"),
        ("$ORIGIN shop.example.\n@ TXT \"open", 2, "not closed on this line"),
        ("$INCLUDE other.zone", 1, "$INCLUDE is not followed"),
        ("$GENERATE 1-9 a$ A 192.0.2.$", 1, "written out first"),
        ("$COLOUR red", 1, "is not known"),
        ("$TTL soon", 1, "$TTL needs a time"),
        ("a.example. CH TXT x", 1, "class CH"),
        ("a.example. 300 IN", 1, "without a record"),
        ("a.example. A", 1, "without a value"),
        ("a.example. MX 10", 1, "not complete"),
        ("a..example. A 192.0.2.1", 1, "is not a name"),
    ];
    for (text, line, hint) in table {
        let mistake = read(text, None).unwrap_err();
        assert!(mistake.message.contains(hint), "{text:?}: {mistake}");
        assert_eq!(mistake.line, line, "{text:?}: {mistake}");
    }
}

#[test]
fn bytes_that_are_no_text_stay_what_they_are() {
    let file = b"$ORIGIN shop.example. ; caf\xe9\n@ SOA a b 1 2 3 4 5\nx TXT \"caf\xe9\" ; \xff\n";
    let written = drafted(&text(file));
    assert!(written.contains(r#"values = ["caf\\233"]"#), "{written}");
    planned(&written).unwrap();
    assert!(matches!(text("한국".as_bytes()), std::borrow::Cow::Borrowed("한국")));
}

#[test]
fn a_reverse_zone_of_a_part_of_a_network() {
    let text = "$ORIGIN 2.0.192.in-addr.arpa.\n@ SOA a. b. 1 2 3 4 5\n10 PTR web.shop.example.\n\
                0/25 NS ns1.shop.example.\n1 CNAME 1.0/25\n";
    let text = drafted(text);
    for seen in ["name = \"0/25\"", "web.shop.example", "[\"1.0/25.2.0.192.in-addr.arpa\"]"] {
        assert!(text.contains(seen), "{text}");
    }
    planned(&text).unwrap();
}

proptest! {
    #[test]
    fn whatever_is_read_is_accepted(
        lines in prop::collection::vec(
            r#"(@|[a-z*._/\\-]{0,12}) ?(300 )?(IN )?(A|TXT|MX|CNAME|HTTPS|CAA|SRV|DS|NS|X) [ -~]{0,40}"#,
            0..12,
        ),
    ) {
        let zone = Name::from_ascii("shop.example.").unwrap();
        if let Ok((zone, held)) = read(&lines.join("\n"), Some(&zone)) {
            let text = Draft::of(&zone, held).write("x", &[], &[]);
            prop_assert!(planned(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(text in "\\PC{0,200}") {
        let _ = read(&text, None);
    }
}
