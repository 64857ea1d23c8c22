//! What is said about a zone that does not validate.

use health::{Code, Finding, Severity, Text, text};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::keys::Voucher;
use super::signature::Flaw;
use crate::probe::dns::server::Server;
use crate::probe::dns::values::render_name;
use crate::probe::dns::wording::{dig, names, some_of};

/// Flaws that one remedy ends, in the order of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    Keys,
    Match,
    Unsigned,
    Expired,
    NotYet,
    Stranger,
    Forged,
    Denial,
}

impl Aspect {
    pub(super) fn of(flaw: &Flaw) -> Self {
        match flaw {
            Flaw::NoKeys => Self::Keys,
            Flaw::NoMatch { .. } => Self::Match,
            Flaw::Unsigned => Self::Unsigned,
            Flaw::Expired { .. } => Self::Expired,
            Flaw::NotYet { .. } => Self::NotYet,
            Flaw::UnknownKey(_) | Flaw::WrongSigner(_) => Self::Stranger,
            Flaw::Forged(_) => Self::Forged,
            Flaw::NoDenial | Flaw::NotDenied => Self::Denial,
        }
    }

    /// The type of record to look at.
    fn record_type(self) -> &'static str {
        match self {
            Self::Keys | Self::Match => "DS",
            Self::Unsigned | Self::Expired | Self::NotYet | Self::Stranger | Self::Forged => {
                "RRSIG"
            }
            Self::Denial => "NSEC",
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Keys => "no-dnskey",
            Self::Match => "ds-mismatch",
            Self::Unsigned => "unsigned",
            Self::Expired => "expired",
            Self::NotYet => "not-yet-valid",
            Self::Stranger => "unknown-key",
            Self::Forged => "bad-signature",
            Self::Denial => "denial",
        }
    }
}

/// One server's sets that do not hold for the same reason.
#[derive(Clone, Debug)]
pub(super) struct Complaint<'a> {
    pub(super) server: &'a Server,
    pub(super) flaw: &'a Flaw,
    pub(super) sets: Vec<String>,
}

/// Tells what is wrong with one zone.
pub(super) struct Teller<'a> {
    pub(super) zone: &'a Name,
    pub(super) vouchers: &'a [Voucher],
    /// The plan's own anchor vouches, not a DS at the parent.
    pub(super) anchored: bool,
    pub(super) now: Timestamp,
}

impl Teller<'_> {
    /// The same is wrong on every server: the zone as it is signed.
    pub(super) fn everywhere(&self, complaints: &[Complaint<'_>]) -> Finding {
        let worst = &complaints[0];
        let aspect = Aspect::of(worst.flaw);
        let who = names(complaints.iter().map(|complaint| complaint.server));
        let (summary, remedy) = match worst.flaw {
            Flaw::NoKeys => self.nothing_signed(&who, worst.server),
            Flaw::NoMatch { wanted, there } => self.old_digest(wanted, there, worst.server),
            flaw => self.unheld(&who, flaw, worst, Copies::All),
        };
        let zone = render_name(self.zone);
        let servers: Vec<String> =
            complaints.iter().map(|complaint| complaint.server.title()).collect();
        let subject = format!("{zone} {}", aspect.record_type());
        self.finding(subject, summary, remedy, worst).evidence("nameservers", servers)
    }

    /// One server differs from others that hold.
    pub(super) fn at_one(&self, complaint: &Complaint<'_>) -> Finding {
        let aspect = Aspect::of(complaint.flaw);
        let who = complaint.server.title();
        let (summary, remedy) = match complaint.flaw {
            Flaw::NoKeys => self.unsigned_copy(complaint.server),
            Flaw::NoMatch { wanted, there } => self.old_copy(wanted, there, complaint.server),
            flaw => self.unheld(&Text::same(&*who), flaw, complaint, Copies::One),
        };
        let subject = format!("{} {} @ {who}", render_name(self.zone), aspect.record_type());
        let finding = self.finding(subject, summary, remedy, complaint);
        // Resolvers that meet it ask another: half an outage.
        finding.severity(Severity::Warning).evidence("nameserver", &*complaint.server.name)
    }

    fn finding(
        &self,
        subject: String,
        summary: Text,
        remedy: Text,
        complaint: &Complaint<'_>,
    ) -> Finding {
        let aspect = Aspect::of(complaint.flaw);
        let finding = Finding::new(Code::DnsBogus, subject, summary, remedy)
            .evidence("reason", aspect.label())
            .evidence("sets", complaint.sets.clone());
        let finding = match complaint.flaw {
            Flaw::Expired { since, tag } => {
                finding.evidence("expired", since.to_string()).evidence("key", *tag)
            }
            Flaw::NotYet { from, tag } => finding
                .evidence("valid_from", from.to_string())
                .evidence("now", self.now.to_string())
                .evidence("key", *tag),
            Flaw::Forged(tag) => finding.evidence("key", *tag),
            Flaw::UnknownKey(tags) => finding.evidence("key", tags.clone()),
            Flaw::NoMatch { wanted, there } => {
                finding.evidence("expected", wanted.clone()).evidence("got", there.clone())
            }
            Flaw::NoKeys => {
                let tags: Vec<u16> = self.vouchers.iter().map(Voucher::tag).collect();
                finding.evidence("expected", tags)
            }
            Flaw::WrongSigner(signer) => finding.evidence("signer", &**signer),
            Flaw::Unsigned | Flaw::NoDenial | Flaw::NotDenied => finding,
        };
        match complaint.server.address {
            Some(address) => finding.evidence("address", address.to_string()),
            None => finding,
        }
    }

    /// Who says which keys the zone must have.
    fn authority(&self) -> Text {
        if self.anchored {
            text!("the trust anchor in the plan", "계획의 신뢰 앵커")
        } else {
            text!("the DS at the parent", "상위 존의 DS")
        }
    }

    fn nothing_signed(&self, who: &Text, server: &Server) -> (Text, Text) {
        let (zone, authority) = (render_name(self.zone), self.authority());
        let (by_en, by_ko, who_en, who_ko) = (authority.en, authority.ko, &who.en, &who.ko);
        let tags = listed(&self.vouchers.iter().map(Voucher::tag).collect::<Vec<_>>());
        (
            text!(
                "{zone} is not signed, but {by_en} says it is (key {tags}): no DNSKEY at {who_en}",
                "{zone}은(는) 서명되어 있지 않은데 {by_ko}는 서명되었다고 합니다(키 {tags}): {who_ko}에 DNSKEY가 없습니다"
            ),
            text!(
                "Remove the DS at the registrar, or sign the zone again with that key. Until then, and for the DS's TTL after, validating resolvers answer SERVFAIL. Check: `dig {zone} DS +short` must be empty, or `{dig}` must not be.",
                "등록 대행사에서 DS를 지우거나, 그 키로 존을 다시 서명하세요. 그때까지, 그리고 이후 DS의 TTL 동안 검증하는 리졸버는 SERVFAIL로 답합니다. 확인: `dig {zone} DS +short`가 비어 있거나 `{dig}`가 비어 있지 않아야 합니다.",
                dig = self.dig(server, RecordType::DNSKEY)
            ),
        )
    }

    fn old_digest(&self, wanted: &[u16], there: &[u16], server: &Server) -> (Text, Text) {
        let (zone, authority) = (render_name(self.zone), self.authority());
        let (wanted, there) = (listed(wanted), listed(there));
        let (by_en, by_ko) = (authority.en, authority.ko);
        (
            text!(
                "{by_en} stands for key {wanted} of {zone}, and the zone has {there}: the DS belongs to an old key",
                "{by_ko}는 {zone}의 키 {wanted}을(를) 가리키지만 존에는 {there}이(가) 있습니다: DS가 옛 키의 것입니다"
            ),
            text!(
                "Give the registrar the DS of the key in use (`dnssec-dsfromkey`, `keymgr {zone} ds`, or the provider's page), or bring the old key back. Check: `dig {zone} DS +short` beside `{dig}`.",
                "지금 쓰는 키의 DS를 등록 대행사에 등록하거나(`dnssec-dsfromkey`, `keymgr {zone} ds`, 또는 업체의 화면) 옛 키를 되살리세요. 확인: `dig {zone} DS +short`와 `{dig}`를 비교하세요.",
                dig = self.dig(server, RecordType::DNSKEY)
            ),
        )
    }

    fn unsigned_copy(&self, server: &Server) -> (Text, Text) {
        let (zone, who) = (render_name(self.zone), server.title());
        (
            text!(
                "{who} serves {zone} unsigned: it has no DNSKEY, other nameservers have",
                "{who}은(는) 서명되지 않은 {zone}을(를) 서비스합니다: 다른 네임서버에 있는 DNSKEY가 없습니다"
            ),
            transfer(&zone, &self.dig(server, RecordType::DNSKEY)),
        )
    }

    fn old_copy(&self, wanted: &[u16], there: &[u16], server: &Server) -> (Text, Text) {
        let (zone, who) = (render_name(self.zone), server.title());
        let (wanted, there) = (listed(wanted), listed(there));
        let Text { en: by_en, ko: by_ko } = self.authority();
        (
            text!(
                "{who} has key {there} of {zone}, and none of {wanted}, which {by_en} stands for",
                "{who}에는 {zone}의 키 {there}만 있고 {by_ko}가 가리키는 {wanted}이(가) 없습니다"
            ),
            transfer(&zone, &self.dig(server, RecordType::DNSKEY)),
        )
    }

    /// Sets that do not hold, whatever the reason.
    fn unheld(
        &self,
        who: &Text,
        flaw: &Flaw,
        complaint: &Complaint<'_>,
        copies: Copies,
    ) -> (Text, Text) {
        let (zone, sets) = (render_name(self.zone), some_of(&complaint.sets));
        let why = reason(flaw);
        let (who_en, who_ko, why_en, why_ko) = (&who.en, &who.ko, &why.en, &why.ko);
        let summary = text!(
            "DNSSEC of {zone} does not validate at {who_en}: {sets}: {why_en}",
            "{who_ko}에서 {zone}의 DNSSEC 검증에 실패합니다: {sets}: {why_ko}"
        );
        let dig = format!("{} +dnssec", self.dig(complaint.server, RecordType::SOA));
        let remedy = match (flaw, copies) {
            (Flaw::NotYet { .. }, _) => text!(
                "Compare the clocks of the signer and of this machine (`date -u`), then sign again if the signer's was wrong. Check: `{dig}`.",
                "서명하는 서버와 이 서버의 시계를 비교하고(`date -u`), 서명하는 쪽이 틀렸다면 바로잡고 다시 서명하세요. 확인: `{dig}`."
            ),
            (_, Copies::One) => transfer(&zone, &dig),
            (Flaw::Expired { .. } | Flaw::Unsigned, Copies::All) => text!(
                "The signer has stopped. Sign again: `knotc zone-sign {zone}`, `rndc sign {zone}`, the cron job that runs `ldns-signzone`, or the provider; see in its log why it stopped. Check: `{dig}`.",
                "서명 작업이 멈췄습니다. 다시 서명하세요: `knotc zone-sign {zone}`, `rndc sign {zone}`, `ldns-signzone`을 실행하는 cron 작업 또는 업체. 멈춘 이유는 로그에 있습니다. 확인: `{dig}`."
            ),
            (_, Copies::All) => text!(
                "Sign the zone again, whole: `knotc zone-sign {zone}`, `rndc sign {zone}`, or the provider. Keys and signatures must come from one signer. Check: `{dig}` and `delv {zone} SOA`.",
                "존 전체를 다시 서명하세요: `knotc zone-sign {zone}`, `rndc sign {zone}` 또는 업체. 키와 서명은 한 곳에서 나와야 합니다. 확인: `{dig}`, `delv {zone} SOA`."
            ),
        };
        (summary, remedy)
    }

    fn dig(&self, server: &Server, record_type: RecordType) -> String {
        dig(server, self.zone, record_type)
    }
}

/// Whether all servers have the flaw, or one beside others that hold.
#[derive(Clone, Copy)]
enum Copies {
    All,
    One,
}

/// What to do about one server whose copy is old.
pub(super) fn transfer(zone: &str, dig: &str) -> Text {
    text!(
        "Have that server fetch the zone anew: `knotc zone-retransfer {zone}`, `nsd-control force_transfer {zone}` or `rndc retransfer {zone}`; its log says why transfers fail. Check: `{dig}`.",
        "그 서버가 존을 다시 받게 하세요: `knotc zone-retransfer {zone}`, `nsd-control force_transfer {zone}` 또는 `rndc retransfer {zone}`. 전송 실패의 이유는 로그에 있습니다. 확인: `{dig}`."
    )
}

/// Why a set does not hold, as it reads after a colon.
pub(super) fn reason(flaw: &Flaw) -> Text {
    match flaw {
        Flaw::Unsigned => text!("no signature", "서명이 없음"),
        Flaw::WrongSigner(signer) => {
            text!("signed in the name of {signer}", "{signer}의 이름으로 서명됨")
        }
        Flaw::UnknownKey(tags) => {
            let tags = listed(tags);
            text!(
                "signed by key {tags}, which the zone does not have or trust",
                "존에 없거나 신뢰할 수 없는 키 {tags}(으)로 서명됨"
            )
        }
        Flaw::Forged(tag) => text!(
            "the signature of key {tag} does not fit the records",
            "키 {tag}의 서명이 레코드와 맞지 않음"
        ),
        Flaw::NotYet { from, tag } => text!(
            "the signature of key {tag} is valid only from {from}",
            "키 {tag}의 서명이 {from}부터 유효함"
        ),
        Flaw::Expired { since, tag } => text!(
            "the signature of key {tag} expired at {since}",
            "키 {tag}의 서명이 {since}에 만료됨"
        ),
        Flaw::NoDenial => text!(
            "no NSEC or NSEC3 record proves that there is nothing",
            "없음을 증명하는 NSEC·NSEC3 레코드가 없음"
        ),
        Flaw::NotDenied => text!(
            "the NSEC or NSEC3 records do not prove that there is nothing",
            "NSEC·NSEC3 레코드가 없음을 증명하지 못함"
        ),
        Flaw::NoKeys => text!("no DNSKEY", "DNSKEY가 없음"),
        Flaw::NoMatch { wanted, there } => {
            let (wanted, there) = (listed(wanted), listed(there));
            text!(
                "the DS stands for key {wanted}, the zone has {there}",
                "DS는 키 {wanted}, 존에는 키 {there}"
            )
        }
    }
}

fn listed(tags: &[u16]) -> String {
    let tags: Vec<String> = tags.iter().map(u16::to_string).collect();
    tags.join(", ")
}
