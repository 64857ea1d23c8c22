//! `GET /api/v1/certificates` and `/certificates.csv`: every certificate once, with all its places,
//! its renewal and what stands in the way of it. Shapes are fixed: add to them, do not change them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use dashboard::CertificatesQuery;
use health::certificates::{Block, Certificate, Certificates, Place, common_name};
use health::facts::{CertificateFacts, RenewalSource, RevocationFacts};
use health::finding::View;
use health::{Kind, Language};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Served;
use super::api::missing;
use super::asked::Asked;
use crate::clock;
use crate::csv::{field, record};

/// What the list is narrowed to.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    lang: Option<Language>,
    #[serde(flatten)]
    query: CertificatesQuery,
}

#[derive(Serialize)]
struct CertificateView<'a> {
    #[serde(flatten)]
    certificate: &'a CertificateFacts,
    position: usize,
    state: health::State,
    life: &'static str,
    renewal: Option<RenewalView<'a>>,
    revocation: Option<&'a RevocationFacts>,
    /// Fingerprint of a newer one for the same names.
    successor: Option<&'a str>,
    blocks: Vec<BlockView<'a>>,
    findings: Vec<View<'a>>,
    places: Vec<PlaceView<'a>>,
}

#[derive(Serialize)]
struct RenewalView<'a> {
    due: Timestamp,
    overdue: Option<Timestamp>,
    source: RenewalSource,
    path: Option<&'a str>,
    tried_at: Option<Timestamp>,
    failure: Option<&'a str>,
    explanation: Option<&'a str>,
}

/// One thing that stands in the way of a renewal.
#[derive(Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
enum BlockView<'a> {
    Renewer { failure: &'a str },
    Finding { check: &'a str, code: health::Code, summary: &'a str },
}

#[derive(Serialize)]
struct PlaceView<'a> {
    check: &'a str,
    kind: Kind,
    /// What the check looks at, or the path of the file.
    place: &'a str,
    stored: &'static str,
    position: usize,
    /// Fingerprints of the chain, leaf first; of leaves alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<ServedView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileView<'a>>,
    findings: Vec<View<'a>>,
}

#[derive(Serialize)]
struct ServedView<'a> {
    address: Option<SocketAddr>,
    server_name: Option<&'a str>,
    protocol: &'a str,
    starttls: Option<&'a str>,
    trusted: Option<bool>,
    file: Option<&'a str>,
    named_in: Option<&'a str>,
    /// Nobody could be asked at the last look: it is what was seen before.
    remembered: bool,
}

#[derive(Serialize)]
struct FileView<'a> {
    path: &'a str,
    modified: Option<Timestamp>,
    key_path: Option<&'a str>,
    key_matches: Option<bool>,
    key_unread: Option<&'a str>,
    named_in: Option<&'a str>,
}

/// `GET /api/v1/certificates`: nearest end first, unless `order` says otherwise.
pub(super) async fn list(
    State(served): State<Arc<Served>>,
    Asked(mut wanted): Asked<Wanted>,
) -> Response {
    let snapshot = served.snapshot();
    let language = wanted.lang.unwrap_or_default();
    wanted.query.order.get_or_insert_with(|| "end".to_owned());
    let all = Certificates::of(&snapshot, clock::now());
    let certificates = wanted.query.select(all.iter()).into_iter();
    let certificates = certificates.map(|it| CertificateView::of(it, language)).collect();
    Json(List { certificates }).into_response()
}

#[derive(Serialize)]
struct List<'a> {
    certificates: Vec<CertificateView<'a>>,
}

/// `GET /api/v1/certificates/{fingerprint}`: one of them.
pub(super) async fn one(
    State(served): State<Arc<Served>>,
    Path(fingerprint): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let snapshot = served.snapshot();
    let all = Certificates::of(&snapshot, clock::now());
    match all.by_fingerprint(&fingerprint) {
        Some(it) => {
            let view = CertificateView::of(it, wanted.lang.unwrap_or_default());
            Json(json!({ "certificate": view })).into_response()
        }
        None => missing("no certificate with this SHA-256 has been seen"),
    }
}

impl<'a> CertificateView<'a> {
    fn of(it: &Certificate<'a>, language: Language) -> Self {
        let told = it.findings.iter();
        Self {
            certificate: it.facts,
            position: it.position,
            state: it.state(),
            life: it.life().label(),
            renewal: it.renewal.map(|renewal| RenewalView {
                due: renewal.due,
                overdue: renewal.overdue,
                source: renewal.source,
                path: renewal.facts.and_then(|facts| facts.path.as_deref()),
                tried_at: renewal.facts.and_then(|facts| facts.tried_at),
                failure: renewal.facts.and_then(|facts| facts.failure.as_deref()),
                explanation: renewal.facts.and_then(|facts| facts.explanation.as_deref()),
            }),
            revocation: it.revocation,
            successor: it.successor.map(|newer| &*newer.fingerprint),
            blocks: it.blocks.iter().map(|block| BlockView::of(block, language)).collect(),
            findings: told.map(|(check, found)| view(check, found, language)).collect(),
            places: it.places.iter().map(|place| PlaceView::of(place, it, language)).collect(),
        }
    }
}

fn view<'a>(
    standing: &'a health::snapshot::CheckStanding,
    found: &'a health::StandingFinding,
    language: Language,
) -> View<'a> {
    View::new(&standing.check.name, standing.check.kind, found, language)
}

impl<'a> BlockView<'a> {
    fn of(block: &Block<'a>, language: Language) -> Self {
        match *block {
            Block::Failed(facts) => {
                Self::Renewer { failure: facts.failure.as_deref().unwrap_or_default() }
            }
            Block::Said((standing, found)) => Self::Finding {
                check: &standing.check.name,
                code: found.finding.code,
                summary: found.finding.summary.in_language(language),
            },
        }
    }
}

impl<'a> PlaceView<'a> {
    fn of(place: &Place<'a>, it: &Certificate<'a>, language: Language) -> Self {
        let is_leaf = place.position == 0;
        let own = it.findings.iter().filter(|(check, _)| std::ptr::eq(*check, place.standing));
        let served = place.served().map(|handshake| ServedView {
            address: handshake.address,
            server_name: handshake.server_name,
            protocol: handshake.protocol,
            starttls: handshake.starttls,
            trusted: handshake.trusted,
            file: handshake.file,
            named_in: handshake.named_in,
            remembered: handshake.is_remembered,
        });
        let file = place.stored();
        Self {
            check: &place.standing.check.name,
            kind: place.standing.check.kind,
            place: file.map_or(&*place.standing.check.instance, |file| &*file.path),
            stored: if file.is_some() { "file" } else { "served" },
            position: place.position,
            chain: is_leaf.then(|| place.chain.iter().map(|link| &*link.fingerprint).collect()),
            served,
            file: file.map(|file| FileView {
                path: &file.path,
                modified: file.modified,
                key_path: file.key_path.as_deref(),
                key_matches: file.key_matches,
                key_unread: file.key_unread.as_deref(),
                named_in: file.named_in.as_deref(),
            }),
            findings: own.map(|(check, found)| view(check, found, language)).collect(),
        }
    }
}

const HEADINGS: &str = "name,names,role,issuer,serial,sha256,key,signature,not_before,renewal_due,renewal_overdue,renewal_by,not_after,days_left,life,state,served,files,checks,revocation,findings,blocks";

/// `GET /certificates.csv`: what the page shows, a record for each certificate; several values in one
/// field stand apart by `; `.
pub(super) async fn csv(
    State(served): State<Arc<Served>>,
    Asked(wanted): Asked<Wanted>,
) -> Response {
    let snapshot = served.snapshot();
    let all = Certificates::of(&snapshot, clock::now());
    let mut out = format!("{HEADINGS}\r\n");
    for it in wanted.query.select(all.iter()) {
        out.push_str(&row(it));
    }
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], out).into_response()
}

fn row(it: &Certificate<'_>) -> String {
    let facts = it.facts;
    let listed = |values: Vec<String>| {
        let mut apart: Vec<String> = Vec::new();
        for value in values.into_iter().take(MOST_LISTED) {
            if !apart.contains(&value) {
                apart.push(value);
            }
        }
        field(&apart.join("; "))
    };
    let served = it.places.iter().filter(|place| place.served().is_some()).map(Place::at);
    let files = it.places.iter().filter(|place| place.stored().is_some()).map(Place::at);
    let checks = it.places.iter().map(|place| place.standing.check.name.to_string());
    let codes = it.findings.iter().map(|(_, found)| found.finding.code.label().to_owned());
    let blocks = it.blocks.iter().map(|block| match block {
        Block::Failed(_) => "renewer".to_owned(),
        Block::Said((_, found)) => found.finding.code.label().to_owned(),
    });
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    record(&[
        field(it.title()),
        listed(facts.names.clone()),
        if it.is_leaf() { "leaf" } else { "issuing" }.to_owned(),
        field(common_name(&facts.issuer)),
        facts.serial.clone(),
        facts.fingerprint.clone(),
        field(&facts.key),
        field(&facts.signature),
        facts.not_before.to_string(),
        moment(it.renewal.map(|renewal| renewal.due)),
        moment(it.renewal.and_then(|renewal| renewal.overdue)),
        it.renewal.map_or("", |renewal| source(renewal.source)).to_owned(),
        facts.not_after.to_string(),
        it.left().as_secs().div_euclid(86_400).to_string(),
        it.life().label().to_owned(),
        it.state().label().to_owned(),
        listed(served.take(MOST_LISTED).collect()),
        listed(files.take(MOST_LISTED).collect()),
        listed(checks.take(MOST_LISTED).collect()),
        it.revocation.map_or("", |said| standing(said)).to_owned(),
        listed(codes.collect()),
        listed(blocks.collect()),
    ])
}

/// Values in one field; an issuing certificate may stand above ten thousand others.
const MOST_LISTED: usize = 200;

fn source(source: RenewalSource) -> &'static str {
    match source {
        RenewalSource::Lifetime => "lifetime",
        RenewalSource::Plan => "plan",
        RenewalSource::Certbot => "certbot",
        RenewalSource::AcmeSh => "acme-sh",
        RenewalSource::Ari => "ari",
    }
}

fn standing(said: &RevocationFacts) -> &'static str {
    use health::facts::RevocationStanding::{Good, Revoked, Unknown};
    match said.standing {
        Good => "good",
        Revoked => "revoked",
        Unknown => "unknown",
    }
}
