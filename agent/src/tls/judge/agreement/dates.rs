//! Chains against the clock.

use jiff::SignedDuration;

use super::{Row, row};
use crate::tls::workshop::{Authority, Leaf, days, noon, plain};

const SHOP: &[&str] = &["shop.example"];
const EXPIRED: &[&str] = &["cert.expired/critical"];
const EARLY: &[&str] = &["cert.not-yet-valid/critical"];

pub(super) fn rows() -> Vec<Row> {
    let root = Authority::root("Test Root");
    let own = [root.der()];
    let issuer = root.intermediate("Test R3", &plain);
    let leaf = |from, to| issuer.leaf(SHOP, &|params| days(params, from, to)).der;
    let below = |from, to| {
        let issuer = root.intermediate("R1", &|params| days(params, from, to));
        vec![issuer.leaf(SHOP, &plain).der, issuer.der()]
    };
    let rooted = |from, to| {
        let root = Authority::root_with("Dated Root", &|params| days(params, from, to));
        row("", vec![root.leaf(SHOP, &plain).der], &[root.der()])
    };
    let other = Authority::root("Other Root");
    let stray = other.leaf(SHOP, &|params| days(params, -90, -1)).der;
    let self_signed = Leaf::self_signed(SHOP, &|params| days(params, -90, -1)).der;
    let (expired, early) = ("certificate has expired", "certificate is not yet valid");
    let edge = leaf(-30, 0);
    let start = leaf(0, 30);
    let second = SignedDuration::from_secs(1);
    vec![
        row("expired leaf", vec![leaf(-90, -1), issuer.der()], &own).says(EXPIRED, expired),
        row("leaf not yet valid", vec![leaf(1, 90), issuer.der()], &own).says(EARLY, early),
        row("the last second", vec![edge.clone(), issuer.der()], &own)
            .says(&[], expired)
            .because("openssl leaves the last second out, RFC 5280 section 4.1.2.5 does not"),
        row("a second after", vec![edge, issuer.der()], &own)
            .at(noon() + second)
            .says(EXPIRED, expired),
        row("the first second", vec![start.clone(), issuer.der()], &own),
        row("a second before", vec![start, issuer.der()], &own)
            .at(noon() - second)
            .says(EARLY, early),
        row("expired intermediate", below(-900, -2), &own).says(EXPIRED, expired),
        row("intermediate not yet valid", below(2, 900), &own).says(EARLY, early),
        row("intermediate that ended before the leaf began", below(-900, -400), &own)
            .says(EXPIRED, expired),
        Row { case: "expired root", ..rooted(-900, -3) }.says(EXPIRED, expired),
        Row { case: "root not yet valid", ..rooted(3, 900) }
            .says(&[], early)
            .because("browsers ask of a root whether it is trusted, not since when"),
        row("expired and from nowhere", vec![stray, other.der()], &own).says(
            &["cert.expired/critical", "tls.untrusted/critical"],
            "self-signed certificate in certificate chain",
        ),
        row("self-signed and expired", vec![self_signed], &own).says(
            &["cert.expired/critical", "cert.self-signed/critical"],
            "self-signed certificate",
        ),
        row("expired and for another name", vec![leaf(-90, -1), issuer.der()], &own)
            .asked("bank.example")
            .says(&["cert.expired/critical", "cert.wrong-name/critical"], "hostname mismatch"),
        forged(&root),
    ]
}

/// Nobody's signature, below an intermediate that ended long ago: no clock makes that a path.
fn forged(root: &Authority) -> Row {
    let dead = root.intermediate("Dead R0", &|params| days(params, -900, -400));
    let impostor =
        Authority::root("Test Root").intermediate("Dead R0", &|params| days(params, -900, -400));
    let leaf = impostor.leaf(SHOP, &plain).der;
    row("forged, below one that ended before", vec![leaf, dead.der()], &[root.der()]).says(
        &["cert.expired/critical", "tls.untrusted/critical"],
        "unable to get local issuer certificate",
    )
}
