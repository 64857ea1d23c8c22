//! SSH: a key exchange up to the host key, which has to be one that the plan knows.
//!
//! A server shows one key at a time, and a fingerprint does not say of which kind it is: as long as
//! none of those shown is in the plan, it is asked for the next kind it has.

use health::Facts;
use health::facts::HelloFacts;

use super::{Reason, Refusal, SHOWN_CHARS, Speaks, Spec, Trouble};
use crate::net::{Connection, Net, printable, subject};
use crate::probe::{Sight, Stopwatch};
use crate::ssh::{Failure, Family, Fingerprint, HostKey, Met, TurnedAway, meet, turned_away};

mod judge;

/// For what is said of the protocol, whatever the key.
const SSH: Speaks = Speaks::Ssh { host_keys: Vec::new() };

/// Meets the server, as often as it takes to see the planned key or all that it has.
pub(super) async fn observe(
    spec: &Spec,
    expected: &[Fingerprint],
    first: Connection,
    net: &Net,
    watch: &mut Stopwatch,
    mut facts: Facts,
) -> Sight {
    let mut wanted = Family::ALL.to_vec();
    let mut shown: Vec<HostKey> = Vec::new();
    let mut connection = first;
    loop {
        let met = meet(&mut connection, &wanted, watch.deadline()).await;
        watch.lap(health::Phase::Dialogue);
        let Met { identification, key, families, unverifiable } = match met {
            Ok(met) => met,
            Err(failure) => return failed(spec, expected, failure, watch, facts),
        };
        let is_known = expected.contains(&key.fingerprint);
        wanted = families;
        shown.push(key);
        wanted.retain(|family| shown.iter().all(|key| key.family != *family));
        note(&mut facts, &identification, &shown);
        if is_known || expected.is_empty() {
            return Sight { facts, findings: Vec::new() };
        }
        if wanted.is_empty() {
            let Some(address) = facts.address else { return Sight { facts, findings: Vec::new() } };
            let subject = subject(&spec.target, address);
            // The planned one may be of a kind that it has and that cannot be looked at.
            let finding = match unverifiable.is_empty() {
                true => judge::another_key(&subject, address, expected, &shown),
                false => {
                    let theirs = unverifiable.join(",");
                    judge::cannot_be_told(&subject, address, "host key", &theirs)
                }
            };
            return Sight { facts, findings: vec![finding] };
        }
        connection = match net.dial(&spec.target, spec.source, watch, &mut facts).await {
            Ok(connection) => connection,
            Err(finding) => return Sight { facts, findings: vec![*finding] },
        };
    }
}

fn note(facts: &mut Facts, identification: &[u8], shown: &[HostKey]) {
    facts.banner = Some(printable(identification, SHOWN_CHARS));
    // SSH-protoversion-softwareversion (RFC 4253 section 4.2).
    let version = identification.splitn(3, |&byte| byte == b'-').nth(2);
    let keys: Vec<String> = shown.iter().map(ToString::to_string).collect();
    facts.hello = Some(Box::new(HelloFacts {
        protocol: SSH.title().to_owned(),
        version: version.map(|version| printable(version, SHOWN_CHARS)),
        answer: keys.join(", "),
    }));
}

fn failed(
    spec: &Spec,
    expected: &[Fingerprint],
    failure: Failure,
    watch: &Stopwatch,
    mut facts: Facts,
) -> Sight {
    let Some(address) = facts.address else { return Sight { facts, findings: Vec::new() } };
    let subject = subject(&spec.target, address);
    if let Some(said) = failure.said() {
        facts.banner = Some(printable(said.trim_ascii(), SHOWN_CHARS));
    }
    let trouble = match failure {
        Failure::Unproven { key, .. } => {
            let finding = judge::unproven(&subject, address, &key);
            return Sight { facts, findings: vec![finding] };
        }
        // It does speak SSH, and nobody asked whose key it has.
        Failure::NothingShared { .. } if expected.is_empty() => {
            return Sight { facts, findings: Vec::new() };
        }
        Failure::NothingShared { what, theirs, .. } => {
            let finding = judge::cannot_be_told(&subject, address, what, &theirs);
            return Sight { facts, findings: vec![finding] };
        }
        Failure::Silent => Trouble::Silent,
        Failure::Cut(how) => Trouble::Cut(how),
        Failure::Stalled { identification, cut } => Trouble::Stalled { got: identification, cut },
        Failure::NotSsh(got) => match turned_away(&got).map(reason) {
            Some(reason) => Trouble::Refused(Refusal { reason, said: got }),
            None => Trouble::Stranger { got, ended: "no line of it is an SSH-2.0 identification" },
        },
        Failure::Broken { identification, how } => {
            let said = [&identification[..], b", ", how.as_bytes()].concat();
            Trouble::Refused(Refusal { reason: Reason::Unavailable, said })
        }
    };
    let finding = super::judge::judge(&SSH, &subject, address, watch.timeout(), &trouble);
    Sight { facts, findings: vec![finding] }
}

fn reason(turned_away: TurnedAway) -> Reason {
    match turned_away {
        TurnedAway::Full => Reason::Full,
        TurnedAway::FullOrPenalised => Reason::TurnedAway,
    }
}
