//! Names asked against names certified.

use rcgen::{CustomExtension, SanType};

use super::{Row, row};
use crate::tls::workshop::{Authority, Leaf, plain};

const WRONG: &[&str] = &["cert.wrong-name/critical"];
const MISMATCH: &str = "hostname mismatch";

pub(super) fn rows() -> Vec<Row> {
    let root = Authority::root("Test Root");
    let own = [root.der()];
    let issuer = root.intermediate("Test R3", &plain);
    let of = |leaf: Leaf| vec![leaf.der, issuer.der()];
    let named = |name: &str| of(issuer.leaf(&[name], &plain));
    let unicode = || {
        // A U-label in UTF-8, which an IA5String cannot hold, and a good name behind it.
        let mut names = vec![0x82, 11];
        names.extend("가.example".as_bytes());
        names.extend([0x82, 12]);
        names.extend(b"shop.example");
        let length = u8::try_from(names.len()).unwrap();
        let content = [&[0x30, length][..], &names].concat();
        of(issuer.leaf(&[], &|params| {
            let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], content.clone());
            params.custom_extensions = vec![extension];
        }))
    };
    let hidden = || {
        of(issuer.leaf(&["shop.example"], &|params| {
            let name = "bank.example\0.evil.example".try_into().unwrap();
            params.subject_alt_names = vec![SanType::DnsName(name)];
        }))
    };
    let spelt = || {
        of(issuer.leaf(&[], &|params| {
            params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())];
        }))
    };
    let many: Vec<String> = (0..10_000).map(|n| format!("host-{n}.shop.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        row("another name", named("shop.example"), &own)
            .asked("bank.example")
            .says(WRONG, MISMATCH),
        row("below its name", named("shop.example"), &own)
            .asked("www.shop.example")
            .says(WRONG, MISMATCH),
        row("wildcard", named("*.shop.example"), &own).asked("api.shop.example"),
        row("wildcard, too deep", named("*.shop.example"), &own)
            .asked("a.b.shop.example")
            .says(WRONG, MISMATCH),
        row("wildcard, not deep enough", named("*.shop.example"), &own).says(WRONG, MISMATCH),
        row("wildcard within a label", named("w*.shop.example"), &own)
            .asked("www.shop.example")
            .says(WRONG, "OK")
            .because("browsers take a star for a whole label alone (RFC 9525 section 6.3)"),
        row("wildcard further right", named("www.*.example"), &own)
            .asked("www.shop.example")
            .says(WRONG, MISMATCH),
        row("an underscore", named("my_app.shop.example"), &own).asked("my_app.shop.example"),
        row("an A-label", named("xn--o39a.example"), &own).asked("xn--o39a.example"),
        row("a U-label beside a good name", unicode(), &own),
        row("NUL within a name: before it", hidden(), &own)
            .asked("bank.example")
            .says(WRONG, MISMATCH),
        row("NUL within a name: behind it", hidden(), &own)
            .asked("evil.example")
            .says(WRONG, MISMATCH),
        row("no subjectAltName", vec![issuer.leaf(&[], &plain).der, issuer.der()], &own)
            .asked("nameless")
            .says(WRONG, "OK")
            .because("browsers ignore the common name, openssl falls back to it"),
        row("IPv4", named("127.0.0.1"), &own).asked("127.0.0.1"),
        row("IPv6", named("::1"), &own).asked("::1"),
        row("another address", named("127.0.0.1"), &own)
            .asked("127.0.0.2")
            .says(WRONG, "IP address mismatch"),
        row("an address, asked of names", named("shop.example"), &own)
            .asked("127.0.0.1")
            .says(WRONG, "IP address mismatch"),
        row("an address spelt as a name", spelt(), &own)
            .asked("127.0.0.1")
            .says(WRONG, "IP address mismatch"),
        row("10,000 names", of(issuer.leaf(&many, &plain)), &own)
            .asked("host-9999.shop.example")
            .says(&["tls.untrusted/critical"], "OK")
            .because("more than rustls, Go and many others read of a handshake"),
    ]
}
