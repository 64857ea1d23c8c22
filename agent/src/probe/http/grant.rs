//! Access tokens by client credentials (RFC 6749 section 4.4): fetched before the request, kept until
//! they end, fetched again once a service no longer takes one.
//!
//! Deliberately absent: every other grant, refresh tokens, and tokens in anything but Authorization.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alerts::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use health::facts::HttpFacts;
use health::{Code, Finding, Phase, text};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;

use super::arrival::{Arrived, arrive};
use super::ask::{self, Ask, shown};
use super::by_hand::quoted;
use super::exchange::{Appetite, exchange};
use super::visit::{self, Failed};
use super::{Along, Jar, Spec, Walked, finished, go, judge, redact};
use crate::net::{Net, printable};
use crate::probe::{Sight, Stopwatch};

/// Most bytes of a token endpoint's answer.
const ANSWER_BYTES: usize = 64 * 1024;
/// Most tokens kept, for as many different clients.
const MOST_TOKENS: usize = 1024;
/// How long a token is kept whose end was not told.
const UNTOLD: Duration = Duration::from_secs(300);
/// The longest a token is kept, whatever was told.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const SHOWN_CHARS: usize = 200;

/// Who asks for a token, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token endpoint.
    pub url: Uri,
    /// The client's id.
    pub client: String,
    /// Its secret.
    pub secret: Secret,
    /// What it wants to do.
    pub scope: Option<String>,
    /// Whom the token is for.
    pub audience: Option<String>,
    /// Where id and secret stand.
    pub style: Style,
}

/// Where id and secret of a client stand in the request for a token (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// In Authorization.
    #[default]
    Basic,
    /// In the body.
    Post,
}

/// Tokens that are still good, one for each grant.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<Vec<u8>, Token>>);

#[derive(Clone, Debug)]
struct Token {
    /// As Authorization; marked as sensitive, so that no `Debug` shows it.
    value: HeaderValue,
    until: Instant,
}

impl Tokens {
    fn of(&self, grant: &Grant, now: Instant) -> Option<HeaderValue> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = known.get(&grant.digest())?;
        (now < token.until).then(|| token.value.clone())
    }

    fn keep(&self, grant: &Grant, token: Token, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_TOKENS {
            known.retain(|_, token| now < token.until);
        }
        if known.len() < MOST_TOKENS {
            known.insert(grant.digest(), token);
        }
    }

    fn forget(&self, grant: &Grant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&grant.digest());
    }
}

/// As [`super::walk`], with a token.
pub(super) async fn walk(
    grant: &Grant,
    spec: &Spec,
    first: Ask,
    mut jar: Option<&mut Jar>,
    net: &Net,
    watch: &mut Stopwatch,
) -> Walked {
    if let Some(value) = net.tokens.of(grant, crate::clock::monotonic()) {
        let walked = with(value, spec, first.clone(), jar.as_deref_mut(), net, watch).await;
        let status = walked.heard.as_ref().map(|heard| heard.status);
        let is_refused = status == Some(StatusCode::UNAUTHORIZED)
            && !judge::accepts(spec, StatusCode::UNAUTHORIZED);
        if !is_refused {
            return walked;
        }
        // It may have been revoked before its end: a new one tells.
        net.tokens.forget(grant);
    }
    let fetched = fetch(grant, spec, net, watch).await;
    watch.lap(Phase::Dialogue);
    match fetched {
        Ok(value) => with(value, spec, first, jar, net, watch).await,
        Err(mut sight) => {
            let facts = HttpFacts {
                url: spec.shown.clone(),
                request: Some(first.facts(spec)),
                ..HttpFacts::default()
            };
            let by_hand = grant.by_hand();
            sight = finished(spec, sight, facts, &Along::new(jar, &first));
            for finding in &mut sight.findings {
                finding.evidence.insert("by_hand".to_owned(), by_hand.as_str().into());
            }
            Walked { sight, heard: None }
        }
    }
}

/// The time since the start without what fetching a token took, which is no part of the answer.
pub(super) fn elapsed(watch: &Stopwatch) -> Duration {
    let fetching = watch.phases().of(Phase::Dialogue).unwrap_or_default();
    watch.elapsed().saturating_sub(fetching)
}

async fn with(
    value: HeaderValue,
    spec: &Spec,
    mut first: Ask,
    jar: Option<&mut Jar>,
    net: &Net,
    watch: &mut Stopwatch,
) -> Walked {
    let sent = HeaderMap::from_iter([(AUTHORIZATION, value.clone())]);
    first.headers.insert(AUTHORIZATION, value);
    first.prepared = None;
    let mut walked = go(spec, first, jar, net, watch).await;
    if let Some(mut facts) = walked.sight.facts.http.take() {
        redact::scrub(&sent, &mut facts, &mut walked.sight);
        walked.sight.facts.http = Some(facts);
    }
    walked
}

/// Fetches a token and keeps it; otherwise says why there is none.
async fn fetch(
    grant: &Grant,
    spec: &Spec,
    net: &Net,
    watch: &Stopwatch,
) -> Result<HeaderValue, Sight> {
    let mut watch = watch.beside();
    // As the check itself reaches servers, but in the version of HTTP that the endpoint likes.
    let spec = Spec { version: None, grant: None, ..spec.clone() };
    let ask = grant.ask();
    let mut sight = Sight::default();
    let answered = answer(&spec, &ask, net, &mut watch, &mut sight).await;
    let finding = match answered {
        Ok((status, body)) => match understood(status, &body, &|text| grant.masked(&text)) {
            Ok((value, lasts)) => {
                let now = crate::clock::monotonic();
                net.tokens.keep(grant, Token { value: value.clone(), until: now + lasts }, now);
                return Ok(value);
            }
            Err(words) => grant.refused(&words),
        },
        Err(finding) if sight.facts.blind.is_some() || finding.code == Code::HttpProxy => *finding,
        Err(finding) => grant.unanswered(*finding),
    };
    let mut told = Sight { findings: vec![finding], ..Sight::default() };
    told.facts.blind = sight.facts.blind;
    Err(told)
}

async fn answer(
    spec: &Spec,
    ask: &Ask,
    net: &Net,
    watch: &mut Stopwatch,
    sight: &mut Sight,
) -> Result<(StatusCode, Vec<u8>), Box<Finding>> {
    let told = |failed, sight: &Sight| match failed {
        Failed::Before(finding) => finding,
        Failed::Asking(broken) => {
            let asked = visit::asked(spec, ask, &sight.facts, watch.timeout());
            Box::new(broken.into_finding(&asked))
        }
    };
    let mut own = watch.beside();
    let Arrived { wire, question, .. } =
        Box::pin(arrive(spec, ask, net, &mut own, sight)).await.map_err(|f| told(f, sight))?;
    // Who is not known to be the right one gets no secret.
    if let Some(finding) = sight.findings.pop() {
        return Err(Box::new(finding));
    }
    let appetite =
        Appetite { cap_bytes: ANSWER_BYTES as u64, keep_bytes: ANSWER_BYTES, skip_redirects: true };
    let answer = Box::pin(exchange(wire, question, appetite, &mut own)).await;
    match answer {
        Ok(answer) => match answer.broken {
            Some(broken) if !broken.is_surplus() => Err(told(Failed::Asking(broken), sight)),
            _ => Ok((answer.status, answer.body.kept)),
        },
        Err(broken) => Err(told(Failed::Asking(broken), sight)),
    }
}

/// The token in an answer (RFC 6749 section 5.1) and how long it may be kept. What is shown of it is
/// `masked` before it is cut short, so that no part of a secret is left.
///
/// # Errors
/// What came instead (section 5.2), for people.
fn understood(
    status: StatusCode,
    body: &[u8],
    masked: &dyn Fn(String) -> String,
) -> Result<(HeaderValue, Duration), String> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let text = |key: &str| json.as_ref()?.get(key)?.as_str().map(str::to_owned);
    if status != StatusCode::OK {
        let mut words = status.to_string();
        for told in [text("error"), text("error_description")].into_iter().flatten() {
            words.push_str(&format!(", {}", printable(masked(told).as_bytes(), SHOWN_CHARS)));
        }
        return Err(words);
    }
    let Some(token) = text("access_token") else {
        return Err(match json {
            Some(_) => "200, and no access_token in it".to_owned(),
            None => "200, and no JSON".to_owned(),
        });
    };
    let kind = text("token_type").unwrap_or_else(|| "Bearer".to_owned());
    if !kind.eq_ignore_ascii_case("bearer") {
        let kind = printable(masked(kind).as_bytes(), 32);
        return Err(format!("200, and a token of the type {kind}, not Bearer"));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| "200, and a token that fits into no header".to_owned())?;
    value.set_sensitive(true);
    let told = json.as_ref().and_then(|json| {
        let lasts = json.get("expires_in")?;
        lasts.as_u64().or_else(|| lasts.as_str()?.parse().ok())
    });
    Ok((value, kept_for(told.map(Duration::from_secs))))
}

/// A token is used up to a little before its end, so that it does not end on the way.
fn kept_for(lasts: Option<Duration>) -> Duration {
    let lasts = lasts.unwrap_or(UNTOLD).min(LONGEST);
    lasts.saturating_sub((lasts / 10).min(Duration::from_secs(30)))
}

impl Grant {
    fn ask(&self) -> Ask {
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        let told = [("scope", &self.scope), ("audience", &self.audience)];
        form.extend(told.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        let secret = String::from_utf8_lossy(&self.secret.0);
        match self.style {
            Style::Basic => {
                // Both are encoded as in a form before they are joined (RFC 6749 section 2.3.1).
                let both = format!("{}:{}", encoded(&self.client), encoded(&secret));
                if let Ok(mut value) =
                    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(both)))
                {
                    value.set_sensitive(true);
                    headers.insert(AUTHORIZATION, value);
                }
            }
            Style::Post => {
                form.push(("client_id", self.client.clone()));
                form.push(("client_secret", secret.into_owned()));
            }
        }
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        Ask {
            url: self.url.clone(),
            method: Method::POST,
            headers,
            body: body.join("&").into(),
            prepared: None,
        }
    }

    /// All of it, and nothing that could be read.
    fn digest(&self) -> Vec<u8> {
        let Self { url, client, secret, scope, audience, style } = self;
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        let url = url.to_string();
        let none = String::new();
        for part in [
            url.as_bytes(),
            client.as_bytes(),
            &secret.0,
            scope.as_ref().unwrap_or(&none).as_bytes(),
            audience.as_ref().unwrap_or(&none).as_bytes(),
            &[u8::from(*style == Style::Post)],
        ] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }

    /// A command that fetches one by hand.
    fn by_hand(&self) -> String {
        let mut command = "curl -v".to_owned();
        let client = printable(self.client.as_bytes(), 128);
        match self.style {
            Style::Basic => command.push_str(&format!(" -u {}", quoted(&client))),
            Style::Post => command.push_str(&format!(
                " --data-urlencode {} -d client_secret=SECRET",
                quoted(&format!("client_id={client}"))
            )),
        }
        command.push_str(" -d grant_type=client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if let Some(value) = value {
                let pair = format!("{name}={}", printable(value.as_bytes(), 256));
                command.push_str(&format!(" --data-urlencode {}", quoted(&pair)));
            }
        }
        format!("{command} {}", quoted(&shown(&self.url)))
    }

    /// Without the secret, which a server may have told back.
    fn masked(&self, words: &str) -> String {
        let secret = String::from_utf8_lossy(&self.secret.0);
        words.replace(&*secret, redact::MASK).replace(&encoded(&secret), redact::MASK)
    }

    fn refused(&self, words: &str) -> Finding {
        let url = ask::subject(&self.url);
        let client = printable(self.client.as_bytes(), 64);
        Finding::new(
            Code::HttpToken,
            &*url,
            text!(
                "no access token, so nothing was asked: {url} answers {words} to the client {client}",
                "액세스 토큰을 받지 못해 요청하지 않았습니다. {url}에서 클라이언트 {client}에 {words} 응답을 보냈습니다"
            ),
            text!(
                "`invalid_client`: look up the secret of {client} where clients are registered and put it where the plan says; `invalid_scope`, `unauthorized_client`: allow it there. It wants id and secret in the body: `style = \"post\"`. 404 or a page: see whether that is the token endpoint.",
                "`invalid_client`: 클라이언트를 등록한 곳에서 {client}의 secret을 확인해 계획이 가리키는 곳에 넣으세요. `invalid_scope`, `unauthorized_client`: 그곳에서 허용하세요. id와 secret을 본문으로 받는 서버라면 `style = \"post\"`를 쓰세요. 404나 웹 페이지가 오면 토큰 엔드포인트가 맞는지 확인하세요."
            ),
        )
        .evidence("expected", "200 with access_token")
        .evidence("got", words)
        .evidence("client", client)
    }

    fn unanswered(&self, why: Finding) -> Finding {
        let url = ask::subject(&self.url);
        let mut finding = Finding::new(
            Code::HttpToken,
            &*url,
            text!(
                "no access token from {url}, so nothing was asked: {en}",
                "{url}에서 액세스 토큰을 받지 못해 요청하지 않았습니다: {ko}",
                en = why.summary.en,
                ko = why.summary.ko
            ),
            why.remedy,
        )
        .evidence("cause", why.code.label());
        finding.evidence.extend(why.evidence);
        finding
    }
}

/// As in a form (application/x-www-form-urlencoded).
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(style: Style) -> Grant {
        Grant {
            url: "https://id.example/token".parse().unwrap(),
            client: "shop monitor".to_owned(),
            secret: Secret(b"s+cret".to_vec()),
            scope: Some("read write".to_owned()),
            audience: None,
            style,
        }
    }

    #[test]
    fn what_is_asked() {
        let ask = grant(Style::Basic).ask();
        assert_eq!(&*ask.body, b"grant_type=client_credentials&scope=read+write");
        let both = STANDARD.encode("shop+monitor:s%2Bcret");
        assert_eq!(ask.headers[AUTHORIZATION], format!("Basic {both}"));
        assert!(!format!("{ask:?} {:?}", grant(Style::Basic)).contains("cret\""));
        let ask = grant(Style::Post).ask();
        assert!(!ask.headers.contains_key(AUTHORIZATION));
        assert!(ask.body.ends_with(b"&client_id=shop+monitor&client_secret=s%2Bcret"));
        for style in [Style::Basic, Style::Post] {
            assert!(!grant(style).by_hand().contains("cret'"), "{}", grant(style).by_hand());
        }
    }

    #[test]
    fn what_answers_mean() {
        let table = [
            (200, r#"{"access_token":"t","token_type":"bearer","expires_in":600}"#, Ok(570)),
            (200, r#"{"access_token":"t","expires_in":"60"}"#, Ok(54)),
            (200, r#"{"access_token":"t"}"#, Ok(270)),
            (200, r#"{"access_token":"t","expires_in":0}"#, Ok(0)),
            (200, r#"{"access_token":"t","expires_in":99999999}"#, Ok(86_370)),
            (200, r#"{"access_token":"t","token_type":"mac"}"#, Err("type mac")),
            (200, r#"{"token":"t"}"#, Err("no access_token")),
            (200, "<html>", Err("no JSON")),
            (401, r#"{"error":"invalid_client"}"#, Err("401 Unauthorized, invalid_client")),
            (302, "", Err("302 Found")),
        ];
        for (status, body, expected) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let told = understood(status, body.as_bytes(), &|text| text);
            match (told, expected) {
                (Ok((value, lasts)), Ok(seconds)) => {
                    assert_eq!(lasts, Duration::from_secs(seconds), "{body}");
                    assert_eq!(format!("{value:?}"), "Sensitive");
                }
                (Err(words), Err(expected)) => assert!(words.contains(expected), "{words}"),
                (told, _) => panic!("{body}: {told:?}"),
            }
        }
    }

    #[test]
    fn nothing_is_left_of_a_secret_that_is_told_back() {
        let secret = "\"".repeat(3) + &"0123456789".repeat(40);
        let grant = Grant { secret: Secret(secret.clone().into_bytes()), ..grant(Style::Post) };
        for told in [secret.clone(), format!("no {} here", encoded(&secret)), secret + "x"] {
            let body = serde_json::json!({ "error": "invalid_client", "error_description": told });
            let body = body.to_string();
            let masked = |text: String| grant.masked(&text);
            let told = understood(StatusCode::UNAUTHORIZED, body.as_bytes(), &masked).unwrap_err();
            assert!(told.contains("(hidden)") && !told.contains("0123"), "{told}");
        }
    }

    #[test]
    fn tokens_are_kept_until_they_end_and_no_longer() {
        let (tokens, now) = (Tokens::default(), crate::clock::monotonic());
        let value = HeaderValue::from_static("Bearer t");
        let until = now + Duration::from_secs(5);
        tokens.keep(&grant(Style::Basic), Token { value: value.clone(), until }, now);
        assert_eq!(tokens.of(&grant(Style::Basic), now), Some(value));
        assert_eq!(tokens.of(&grant(Style::Post), now), None);
        assert_eq!(tokens.of(&grant(Style::Basic), until), None);
        tokens.forget(&grant(Style::Basic));
        assert_eq!(tokens.of(&grant(Style::Basic), now), None);
    }
}
