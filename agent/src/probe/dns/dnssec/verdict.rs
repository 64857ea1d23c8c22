//! What all servers' copies of a zone come to: state, facts and findings. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use health::facts::{DnskeyFacts, DnssecFacts, DsFacts, Security, SignatureFacts};
use health::{Code, Finding, Severity, Text, text};
use hickory_proto::rr::Name;
use jiff::Timestamp;

use super::ascent::{Access, Open, Vouching};
use super::copy::Copy;
use super::held::Hearing;
use super::keys::{Voucher, is_given_up, mnemonic};
use super::remembered::Again;
use super::signature::{Flaw, Held};
use super::wording::{self, Aspect, Complaint};
use super::{Mode, Policy, Verdict, chain_wording};
use crate::probe::dns::server::Server;
use crate::probe::dns::values::render_name;
use crate::tls::Remaining;

/// How soon what could not be found out is tried again.
const UNKNOWN_AGAIN: Duration = Duration::from_secs(300);
/// How soon a zone is examined again whose servers left questions unanswered.
const LOST_AGAIN: Duration = Duration::from_secs(120);
/// How soon a zone that the plan wants signed is looked at again while it is not.
const UNSIGNED_AGAIN: Duration = Duration::from_secs(60);

/// A zone before judgement.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) zone: &'a Name,
    pub(super) policy: &'a Policy,
    pub(super) access: &'a Access,
    /// Every authoritative server that was asked, and what its copy comes to.
    pub(super) copies: Vec<(Server, Option<Copy>)>,
    pub(super) hearing: Hearing,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    /// Judges the zone.
    pub(super) fn judge(&self) -> Verdict {
        let mut facts = DnssecFacts {
            state: Security::Unknown,
            reason: None,
            anchor: None,
            examined_at: self.now,
            keys: Vec::new(),
            ds: Vec::new(),
            signatures: Vec::new(),
        };
        let (findings, again) = match self.access {
            Access::Unknown(why) => {
                let why = text!(
                    "whether the parent vouches for it could not be found out: {why}",
                    "상위 존에 DS가 있는지 알 수 없었습니다: {why}"
                );
                let finding = self.unproven(&why).severity(Severity::Notice);
                facts.reason = Some(why);
                (self.if_wanted(finding), Again::Signed { at_most: UNKNOWN_AGAIN })
            }
            Access::Open(open) => {
                facts.state = Security::Insecure;
                let why = chain_wording::open(open, self.zone);
                let finding = self.unproven(&why);
                facts.reason = Some(why);
                let again = match self.policy.mode {
                    Mode::Signed => Again::Signed { at_most: UNSIGNED_AGAIN },
                    Mode::Auto | Mode::Off => Again::Unsigned,
                };
                (self.if_wanted(finding), again)
            }
            Access::Broken(broken) => {
                facts.state = Security::Bogus;
                let finding = chain_wording::broken_above(self.zone, broken);
                facts.reason = Some(finding.summary.clone());
                (vec![finding], Again::AtOnce)
            }
            Access::Vouched { vouchers, by } => self.vouched(vouchers, by, &mut facts),
        };
        let serials = self
            .copies
            .iter()
            .filter_map(|(server, copy)| Some((server.address?, copy.as_ref()?.serial?)));
        let again = match (again, self.hearing) {
            (Again::Signed { at_most }, Hearing::Partial) => {
                Again::Signed { at_most: at_most.min(LOST_AGAIN) }
            }
            (again, _) => again,
        };
        Verdict { serials: serials.collect(), facts, findings, again }
    }

    fn if_wanted(&self, finding: Finding) -> Vec<Finding> {
        if self.policy.mode == Mode::Signed { vec![finding] } else { Vec::new() }
    }

    fn unproven(&self, why: &Text) -> Finding {
        chain_wording::insecure(self.zone, why)
    }

    fn vouched(
        &self,
        vouchers: &[Voucher],
        by: &Vouching,
        facts: &mut DnssecFacts,
    ) -> (Vec<Finding>, Again) {
        self.describe(vouchers, facts);
        let heard: Vec<(&Server, &Copy)> = self
            .copies
            .iter()
            .filter_map(|(server, copy)| copy.as_ref().map(|copy| (server, copy)))
            .collect();
        if heard.is_empty() {
            facts.reason = Some(text!(
                "none of its nameservers said anything about its keys",
                "키에 대해 답한 네임서버가 없습니다"
            ));
            return (Vec::new(), Again::Signed { at_most: UNKNOWN_AGAIN });
        }
        if let Some(algorithms) = heard.iter().find_map(|(_, copy)| copy.unsupported.as_ref()) {
            facts.state = Security::Insecure;
            let names: Vec<String> = algorithms.iter().map(|&one| mnemonic(one)).collect();
            let finding = chain_wording::unsupported(self.zone, &names);
            facts.reason = Some(finding.summary.clone());
            return (vec![finding], Again::Signed { at_most: UNKNOWN_AGAIN });
        }
        let mut findings = self.complaints(&heard, vouchers);
        facts.state = match by {
            _ if !findings.is_empty() => {
                facts.reason = findings.first().map(|finding| finding.summary.clone());
                Security::Bogus
            }
            Vouching::Anchor(anchor) => {
                facts.anchor = Some(render_name(anchor));
                Security::Secure
            }
            Vouching::Assumed(why) => {
                let why = text!(
                    "the zone fits its DS, but whether its parent can be trusted could not be found out: {why}",
                    "존은 DS와 맞지만 상위 존을 신뢰할 수 있는지 알 수 없었습니다: {why}"
                );
                if self.policy.mode == Mode::Signed {
                    findings.push(self.unproven(&why).severity(Severity::Notice));
                }
                facts.reason = Some(why);
                Security::Unknown
            }
        };
        let is_bogus = facts.state == Security::Bogus;
        findings.extend(self.ends(&heard));
        findings.extend(self.given_up(vouchers).filter(|_| !is_bogus));
        let again = if is_bogus {
            Again::AtOnce
        } else {
            Again::Signed { at_most: self.next_change(&heard) }
        };
        (findings, again)
    }

    /// Everything that does not hold, told once for all servers where it is the same everywhere.
    fn complaints(&self, heard: &[(&Server, &Copy)], vouchers: &[Voucher]) -> Vec<Finding> {
        let mut by_kind: BTreeMap<Aspect, Vec<Complaint<'_>>> = BTreeMap::new();
        for (server, copy) in heard {
            let mut of_server: BTreeMap<Aspect, Complaint<'_>> = BTreeMap::new();
            for (set, flaw) in &copy.broken {
                let complaint = of_server.entry(Aspect::of(flaw)).or_insert_with(|| Complaint {
                    server,
                    flaw,
                    sets: Vec::new(),
                });
                complaint.sets.push(set.clone());
                // The oldest of several ends says since when.
                if let (Flaw::Expired { since, .. }, Flaw::Expired { since: known, .. }) =
                    (flaw, complaint.flaw)
                    && since < known
                {
                    complaint.flaw = flaw;
                }
            }
            for (aspect, complaint) in of_server {
                by_kind.entry(aspect).or_default().push(complaint);
            }
        }
        let anchored = matches!(vouchers.first(), Some(Voucher::Key(_)))
            || self.policy.anchors().iter().any(|anchor| anchor.zone.eq_ignore_root(self.zone));
        let teller = wording::Teller { zone: self.zone, vouchers, anchored, now: self.now };
        let mut findings = Vec::new();
        for complaints in by_kind.into_values() {
            if complaints.len() == heard.len() {
                findings.push(teller.everywhere(&complaints));
            } else {
                findings.extend(complaints.iter().map(|complaint| teller.at_one(complaint)));
            }
        }
        findings
    }

    /// Signatures whose end is near.
    fn ends(&self, heard: &[(&Server, &Copy)]) -> Vec<Finding> {
        let near: Vec<(&Server, &Held, &str, Severity)> = heard
            .iter()
            .filter_map(|(server, copy)| {
                let (held, set) = copy.earliest.as_ref()?;
                Some((*server, held, &**set, self.nearness(held)?))
            })
            .collect();
        let is_everywhere = near.len() == heard.len();
        if is_everywhere
            && let Some(&(_, held, set, severity)) = near.iter().min_by_key(|near| near.1.ends)
        {
            let servers: Vec<&Server> = near.iter().map(|near| near.0).collect();
            return vec![
                chain_wording::ending(self.zone, &servers, None, (held, set), self.now)
                    .severity(severity),
            ];
        }
        near.iter()
            .map(|&(server, held, set, severity)| {
                let servers = [server];
                chain_wording::ending(self.zone, &servers, Some(server), (held, set), self.now)
                    .severity(severity)
            })
            .collect()
    }

    fn nearness(&self, held: &Held) -> Option<Severity> {
        let left = held.ends.as_second() - self.now.as_second();
        let is_near = |limit: Remaining| left < limit_seconds(limit, held);
        if is_near(self.policy.near_end.critical) {
            Some(Severity::Critical)
        } else if is_near(self.policy.near_end.warning) {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// How long until a signature comes near its end, or ends.
    fn next_change(&self, heard: &[(&Server, &Copy)]) -> Duration {
        let near = &self.policy.near_end;
        let moments =
            heard.iter().filter_map(|(_, copy)| copy.earliest.as_ref()).flat_map(|(held, _)| {
                let before = |limit| held.ends.as_second() - limit_seconds(limit, held);
                [before(near.warning), before(near.critical), held.ends.as_second()]
            });
        let now = self.now.as_second();
        let next = moments.filter(|&moment| moment >= now).min();
        let ahead = next.map_or(i64::MAX, |next| next - now + 1);
        Duration::from_secs(u64::try_from(ahead).unwrap_or(u64::MAX))
    }

    /// Signed by nothing but algorithms that are on their way out.
    fn given_up(&self, vouchers: &[Voucher]) -> Option<Finding> {
        if !vouchers.iter().all(|voucher| is_given_up(voucher.algorithm())) {
            return None;
        }
        let mut names: Vec<String> =
            vouchers.iter().map(|voucher| mnemonic(voucher.algorithm())).collect();
        names.sort_unstable();
        names.dedup();
        Some(chain_wording::given_up(self.zone, &names))
    }

    /// Keys, DS and signatures as facts.
    fn describe(&self, vouchers: &[Voucher], facts: &mut DnssecFacts) {
        let heard =
            || self.copies.iter().filter_map(|(server, copy)| Some((server, copy.as_ref()?)));
        let mut keys = BTreeMap::new();
        for key in heard().flat_map(|(_, copy)| &copy.keys) {
            keys.entry((key.tag, u8::from(key.algorithm()), key.role())).or_insert(key);
        }
        facts.keys = keys
            .values()
            .map(|key| {
                let without = heard().filter(|(_, copy)| !copy.keys.contains(key));
                DnskeyFacts {
                    tag: key.tag,
                    algorithm: mnemonic(key.algorithm()).into(),
                    role: key.role().into(),
                    trusted: vouchers.iter().any(|one| one.stands_for(self.zone, key)),
                    missing_at: without.map(|(server, _)| Arc::from(server.title())).collect(),
                }
            })
            .collect();
        facts.ds = vouchers
            .iter()
            .map(|voucher| DsFacts {
                tag: voucher.tag(),
                algorithm: mnemonic(voucher.algorithm()).into(),
                digest: voucher.digest_name().into(),
                matches: keys.values().any(|key| voucher.stands_for(self.zone, key)),
            })
            .collect();
        facts.signatures = heard()
            .filter_map(|(server, copy)| {
                Some(SignatureFacts {
                    server: server.name.clone(),
                    address: server.address?,
                    sets: [copy.looked_at, copy.looked_at.saturating_sub(copy.broken.len())],
                    earliest_end: copy.earliest.as_ref().map(|(held, _)| held.ends),
                    earliest_set: copy.earliest.as_ref().map(|(_, set)| set.clone()),
                })
            })
            .collect();
    }
}

fn limit_seconds(limit: Remaining, held: &Held) -> i64 {
    limit.of(jiff::SignedDuration::from_secs(held.lifetime_seconds)).as_secs()
}

/// Takes out what is only a consequence: a resolver that validates cannot answer for a bogus zone.
pub(super) fn explain(findings: &mut Vec<Finding>, failing: &[String]) {
    if failing.is_empty() {
        return;
    }
    findings.retain(|finding| {
        !matches!(finding.code, Code::DnsUnreachable | Code::DnsBogus)
            || !failing.contains(&finding.subject)
    });
    if let Some(bogus) = findings.iter_mut().find(|finding| finding.code == Code::DnsBogus) {
        bogus.evidence.insert("servfail".to_owned(), failing.to_vec().into());
    }
}

impl Open {
    /// The zone that the DS is missing for.
    pub(super) fn place<'a>(&'a self, zone: &'a Name) -> &'a Name {
        match self {
            Self::NoDs => zone,
            Self::Above(above) | Self::Unsupported(above) => above,
        }
    }
}
