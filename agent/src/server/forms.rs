//! What people send from pages: logging in and out, asking for quiet and ending it, being on an incident.
//! Each answers with a page to go to (303), so that going back and renewing sends nothing twice.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use dashboard::LoginForm;
use health::text;
use serde::Deserialize;

use super::Served;
use super::access::{Session, is_same};
use super::asked::Asked;
use super::heartbeat::Peer;
use super::pages::Visit;
use super::quiet::acknowledgement;
use super::refusal::Refusal;
use super::silence_asked::{About, OneOrMany, SilenceAsked, author};
use crate::clock;

pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/login", get(login).post(log_in))
        .route("/logout", post(log_out))
        .route("/silences", get(silences).post(silence))
        .route("/silences/{id}/end", post(end_silence))
        .route("/incidents/{id}/acknowledgement", post(acknowledge))
}

/// Where to go after logging in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Afterwards {
    next: String,
}

async fn login(
    visit: Visit,
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    Asked(Afterwards { next }): Asked<Afterwards>,
) -> Response {
    // A link from elsewhere comes without the cookie; this page is asked for with it.
    if visit.session.is_some() {
        return see_other(&own_path(&next));
    }
    let form = served.access.login_form(&headers);
    login_page(&visit, form.as_ref(), StatusCode::OK, &next, "", None)
}

/// A page with a form that belongs to this browser.
fn login_page(
    visit: &Visit,
    made: Option<&(String, String)>,
    code: StatusCode,
    next: &str,
    name: &str,
    refusal: Option<&Refusal>,
) -> Response {
    let refused = refusal.map(|refusal| refusal.why.in_language(visit.language));
    let seal = made.map(|(seal, _)| &**seal);
    let next = own_path(next);
    let form = LoginForm { seal, next: &next, name, refused };
    let mut response = visit.page_with(code, |view| dashboard::login(view, &form));
    if let Some((_, cookie)) = made {
        append_cookie(&mut response, cookie);
    }
    response
}

#[derive(Debug, Deserialize)]
struct LogIn {
    seal: String,
    #[serde(default)]
    next: String,
    name: String,
    token: String,
}

async fn log_in(
    visit: Visit,
    State(served): State<Arc<Served>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(form): Form<LogIn>,
) -> Response {
    let admitted = if served.access.is_own_form(&headers, &form.seal) {
        author(&form.name).map_err(Refusal::wrong).and_then(|name| {
            let from = peer.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.0.ip());
            served.access.log_in(form.token.trim(), &name, from, clock::now())
        })
    } else {
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            text!(
                "this form is not the one that was shown to this browser; please try again",
                "이 브라우저에 보여 준 양식이 아닙니다. 다시 시도해 주십시오"
            ),
        ))
    };
    match admitted {
        Ok(cookie) => {
            // Who logs in again, perhaps as somebody else, is not two at once.
            served.access.end(&headers);
            let mut response = see_other(&own_path(&form.next));
            append_cookie(&mut response, &(cookie + secure(&headers)));
            response
        }
        Err(refusal) => {
            let (next, name) = (&form.next, &form.name);
            let made = served.access.login_form(&headers);
            let page = login_page(&visit, made.as_ref(), refusal.code, next, name, Some(&refusal));
            refusal.with_headers(page)
        }
    }
}

/// A browser that speaks TLS with whatever stands before the agent keeps the cookie for TLS alone.
fn secure(headers: &HeaderMap) -> &'static str {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| origin.starts_with("https://")) { "; Secure" } else { "" }
}

/// What every form of somebody who is logged in carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Signed {
    csrf: String,
    next: String,
}

async fn log_out(
    visit: Visit,
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    Form(form): Form<Signed>,
) -> Response {
    if let Err(response) = visit.signed(&form.csrf, "/") {
        return *response;
    }
    let mut response = see_other("/");
    append_cookie(&mut response, &served.access.log_out(&headers));
    response
}

async fn silences(visit: Visit, State(served): State<Arc<Served>>) -> Response {
    let past = served.past_silences().await;
    visit.page(|view| dashboard::silences(view, &past))
}

/// A silence as the form has it: one word for each condition.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SilenceForm {
    csrf: String,
    next: String,
    check: Arc<str>,
    host: Arc<str>,
    kind: Arc<str>,
    code: Arc<str>,
    severity: Arc<str>,
    label: String,
    r#for: String,
    until: String,
    reason: String,
}

impl SilenceForm {
    fn asked(self, author: &str) -> SilenceAsked {
        let one = |word: &Arc<str>| match word.trim() {
            "" => OneOrMany::default(),
            word => OneOrMany::One(word.into()),
        };
        let severities = [health::Severity::Warning, health::Severity::Critical];
        let label = self.label.split_once('=');
        // The time that was typed counts, whatever the list beside it says.
        let is_until = !self.until.trim().is_empty();
        SilenceAsked {
            about: About {
                check: one(&self.check),
                host: one(&self.host),
                kind: one(&self.kind),
                code: one(&self.code),
                severity: severities.into_iter().find(|it| it.label() == &*self.severity),
                label: label
                    .map(|(name, value)| (name.trim().into(), value.trim().into()))
                    .into_iter()
                    .collect(),
            },
            r#for: (!is_until).then_some(self.r#for),
            until: is_until.then_some(self.until),
            from: None,
            author: author.to_owned(),
            reason: self.reason,
        }
    }
}

async fn silence(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Form(form): Form<SilenceForm>,
) -> Response {
    let session = match visit.signed(&form.csrf, &form.next) {
        Ok(session) => session,
        Err(response) => return *response,
    };
    if !form.label.trim().is_empty() && !form.label.contains('=') {
        let why = text!(
            "a label is written NAME=VALUE, such as team=shop",
            "라벨은 team=shop처럼 이름=값으로 쓰십시오"
        );
        return visit.refused(&Refusal::wrong(why));
    }
    let next = own_path(&form.next);
    let asked = form.asked(&session.name);
    visit.done(served.silence(asked).await, &next)
}

async fn end_silence(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(id): Path<String>,
    Form(form): Form<Signed>,
) -> Response {
    match visit.signed(&form.csrf, "/silences") {
        Ok(_) => visit.done(served.end_silence(&id).await, "/silences"),
        Err(response) => *response,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AcknowledgeForm {
    csrf: String,
    what: String,
    note: String,
}

async fn acknowledge(
    visit: Visit,
    State(served): State<Arc<Served>>,
    Path(id): Path<String>,
    Form(form): Form<AcknowledgeForm>,
) -> Response {
    let next = dashboard::incident_path(&id);
    let session = match visit.signed(&form.csrf, &next) {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let said = match &*form.what {
        "withdraw" => None,
        _ => match acknowledgement(&session.name, Some(&form.note), clock::now()) {
            Ok(said) => Some(said),
            Err(why) => return visit.refused(&Refusal::wrong(why)),
        },
    };
    visit.done(served.acknowledge(&id, said).await, &next)
}

impl Visit {
    /// The session of whoever sent a form, where the form is one of that session. Whoever is not logged in
    /// (any more) is sent to log in.
    fn signed(&self, csrf: &str, next: &str) -> Result<&Session, Box<Response>> {
        let Some(session) = &self.session else {
            let next = dashboard::login_path(&own_path(next));
            return Err(Box::new(see_other(&next)));
        };
        if is_same(&session.csrf, csrf) {
            return Ok(session);
        }
        Err(Box::new(self.refused(&Refusal::new(
            StatusCode::FORBIDDEN,
            text!(
                "this form belongs to a session that is over, or to somebody else; go back, renew the page and send it again",
                "끝난 세션이나 다른 사람의 양식입니다. 뒤로 가서 페이지를 새로 고친 다음 다시 보내십시오"
            ),
        ))))
    }

    fn done<T>(&self, outcome: Result<T, Refusal>, next: &str) -> Response {
        match outcome {
            Ok(_) => see_other(next),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        let why = refusal.why.in_language(self.language);
        let page = self
            .page_with(refusal.code, |view| dashboard::refused(view, refusal.code.as_u16(), why));
        refusal.with_headers(page)
    }
}

/// A path of these pages, whatever somebody wrote into a link; the overview instead of anywhere else.
fn own_path(next: &str) -> String {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 2048
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own && !next.starts_with("/login") { next.to_owned() } else { "/".to_owned() }
}

fn see_other(next: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, next.to_owned())]).into_response()
}

fn append_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        let table = [
            ("/incidents/2026-01?a=b", "/incidents/2026-01?a=b"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example/", "/"),
            ("https://evil.example/", "/"),
            ("evil", "/"),
            ("/a\r\nset-cookie: x=y", "/"),
            ("/login?next=/login", "/"),
        ];
        for (asked, expected) in table {
            assert_eq!(own_path(asked), expected, "{asked:?}");
        }
    }
}
