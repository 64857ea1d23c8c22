//! Pages for people: each request becomes a view of the snapshot, rendered by `dashboard`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use dashboard::{CertificatesQuery, DnsQuery, OverviewQuery, PortsQuery, View, Visitor};
use health::snapshot::CheckStanding;
use health::{Code, Kind, Language, Snapshot};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::Served;
use super::access::Session;
use super::asked::Asked;
use crate::{clock, explain, port_report};

/// Remembers the language that was chosen.
const LANGUAGE_COOKIE: &str = "portwarden_language";

pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/", get(overview))
        .route("/ports", get(ports))
        .route("/ports.md", get(ports_markdown))
        .route("/ports.csv", get(ports_csv))
        .route("/hosts/{name}", get(host))
        .route("/certificates", get(certificates))
        .route("/certificates.csv", get(super::certificates::csv))
        .route("/certificates/{fingerprint}", get(certificate))
        .route("/dns", get(dns))
        .route("/dns/{*name}", get(zone))
        .route("/incidents", get(incidents))
        .route("/incidents/{id}", get(incident))
        .route("/checks/{*name}", get(check))
        .route("/explain", get(explain_index))
        .route("/explain/{code}", get(explain_code))
        .route("/assets/{*path}", get(asset))
        .route("/favicon.ico", get(|| async { asset_at("favicon.ico") }))
        .fallback(not_found)
}

/// One request for a page: what it asks for, and in which language.
pub(super) struct Visit {
    snapshot: Arc<Snapshot>,
    pub(super) language: Language,
    /// Of whoever has logged in.
    pub(super) session: Option<Session>,
    chosen: bool,
    zone: TimeZone,
    uri: Uri,
}

impl FromRequestParts<Arc<Served>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        served: &Arc<Served>,
    ) -> Result<Self, Infallible> {
        let Parts { uri, headers, .. } = parts;
        let by_link = uri.query().and_then(|query| {
            query.split('&').find_map(|pair| match pair {
                "lang=en" => Some(Language::En),
                "lang=ko" => Some(Language::Ko),
                _ => None,
            })
        });
        let by_cookie = || {
            let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
            cookies.split(';').find_map(|cookie| match cookie.trim().split_once('=')? {
                (LANGUAGE_COOKIE, "en") => Some(Language::En),
                (LANGUAGE_COOKIE, "ko") => Some(Language::Ko),
                _ => None,
            })
        };
        let by_browser = || {
            dashboard::language(
                headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()),
            )
        };
        Ok(Self {
            snapshot: served.snapshot(),
            language: by_link.or_else(by_cookie).unwrap_or_else(by_browser),
            chosen: by_link.is_some(),
            session: served.access.session(headers, clock::now()),
            zone: TimeZone::system(),
            uri: uri.clone(),
        })
    }
}

impl Visit {
    /// The ports that the table shows for this query.
    fn selected(&self, query: &PortsQuery) -> Vec<Arc<CheckStanding>> {
        let checks = self.snapshot.checks.iter();
        checks.filter(|standing| query.selects(standing)).cloned().collect()
    }

    fn view(&self) -> View<'_> {
        View {
            snapshot: &self.snapshot,
            language: self.language,
            now: clock::now(),
            zone: &self.zone,
            path: self.uri.path(),
            query: self.uri.query().unwrap_or_default(),
            visitor: self
                .session
                .as_ref()
                .map(|session| Visitor { name: &session.name, csrf: &session.csrf }),
        }
    }

    pub(super) fn page(
        &self,
        render: impl FnOnce(&View<'_>) -> Result<String, dashboard::Error>,
    ) -> Response {
        self.page_with(StatusCode::OK, render)
    }

    fn not_found(&self) -> Response {
        self.page_with(StatusCode::NOT_FOUND, dashboard::not_found)
    }

    pub(super) fn page_with(
        &self,
        code: StatusCode,
        render: impl FnOnce(&View<'_>) -> Result<String, dashboard::Error>,
    ) -> Response {
        let mut response = match render(&self.view()) {
            Ok(html) => (code, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(path = self.uri.path(), %error, "a page could not be rendered");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the page could not be rendered; the log says why\n",
                )
                    .into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
        if let Some(cookie) = self.cookie() {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }

    /// What makes the browser remember the language, where it was chosen.
    fn cookie(&self) -> Option<HeaderValue> {
        if !self.chosen {
            return None;
        }
        let language = match self.language {
            Language::En => "en",
            Language::Ko => "ko",
        };
        let cookie = format!(
            "{LANGUAGE_COOKIE}={language}; Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly"
        );
        HeaderValue::try_from(cookie).ok()
    }
}

async fn overview(visit: Visit, Asked(query): Asked<OverviewQuery>) -> Response {
    visit.page(|view| dashboard::overview(view, &query))
}

async fn ports(visit: Visit, Asked(query): Asked<PortsQuery>) -> Response {
    visit.page(|view| dashboard::ports(view, &query))
}

async fn ports_markdown(visit: Visit, Asked(query): Asked<PortsQuery>) -> Response {
    let rows = port_report::fold(port_report::rows(&visit.selected(&query)));
    let text = port_report::markdown(&rows, visit.language);
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response()
}

async fn ports_csv(visit: Visit, Asked(query): Asked<PortsQuery>) -> Response {
    let text = port_report::csv(&port_report::rows(&visit.selected(&query)));
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}

/// Which page of a long list.
#[derive(Debug, Default, Deserialize)]
struct Paged {
    page: Option<String>,
}

async fn host(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    Asked(paged): Asked<Paged>,
) -> Response {
    if !visit.snapshot.hosts.iter().any(|host| *host.name == *name) {
        return visit.not_found();
    }
    let past = served.port_changes(&name).await;
    visit.page(|view| {
        Ok(dashboard::host(view, &name, &past, paged.page.as_deref())?.unwrap_or_default())
    })
}

async fn certificates(visit: Visit, Asked(query): Asked<CertificatesQuery>) -> Response {
    visit.page(|view| dashboard::certificates(view, &query))
}

async fn certificate(visit: Visit, Path(fingerprint): Path<String>) -> Response {
    match dashboard::certificate(&visit.view(), &fingerprint) {
        Ok(None) => visit.not_found(),
        rendered => visit.page(|_| Ok(rendered?.unwrap_or_default())),
    }
}

async fn dns(visit: Visit, Asked(query): Asked<DnsQuery>) -> Response {
    visit.page(|view| dashboard::dns(view, &query))
}

async fn zone(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    Asked(query): Asked<DnsQuery>,
) -> Response {
    if visit.snapshot.check(&name).is_none_or(|standing| standing.check.kind != Kind::Dns) {
        return visit.not_found();
    }
    let history = served.history(&name).await;
    visit.page(|view| Ok(dashboard::dns_zone(view, &name, &history, &query)?.unwrap_or_default()))
}

async fn incidents(visit: Visit, State(served): State<Arc<Served>>) -> Response {
    let past = served.past_incidents().await;
    visit.page(|view| dashboard::incidents(view, &past))
}

async fn incident(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(id): Path<String>,
) -> Response {
    let found = served.incident(&id).await;
    match found {
        Some(account) => visit.page(|view| dashboard::incident(view, &account)),
        None => visit.not_found(),
    }
}

async fn check(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
) -> Response {
    if visit.snapshot.check(&name).is_none() {
        return visit.not_found();
    }
    let history = served.history(&name).await;
    visit.page(|view| Ok(dashboard::check(view, &name, &history)?.unwrap_or_default()))
}

async fn explain_index(visit: Visit) -> Response {
    visit.page(dashboard::explain_index)
}

async fn explain_code(visit: Visit, Path(label): Path<String>) -> Response {
    let Some(code) = Code::from_label(&label) else { return visit.not_found() };
    let markdown = explain::page(code, visit.language);
    visit.page(|view| dashboard::explain(view, code, markdown))
}

async fn not_found(visit: Visit) -> Response {
    visit.not_found()
}

async fn asset(Path(path): Path<String>) -> Response {
    asset_at(&path)
}

/// Its URL carries a hash of its content, so a browser may keep it for good.
fn asset_at(path: &str) -> Response {
    let Some(asset) = dashboard::asset(path) else {
        return (StatusCode::NOT_FOUND, "no such asset\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::ETAG, asset.etag),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.body).into_response()
}
