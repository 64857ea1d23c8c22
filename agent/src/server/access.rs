//! Who may change what is told: whoever has the token. Programs bring it along with each request; people
//! give it once, and their browser keeps a session.
//!
//! A session is a number nobody can guess, known here by its digest alone, until it ends or the agent
//! does. Deliberately absent: users, roles and passwords; who somebody is, they say themselves.

mod attempts;
mod sessions;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alerts::Hidden;
use axum::http::{HeaderMap, StatusCode, header};
use health::text;
use jiff::Timestamp;
use ring::hmac;
use ring::rand::SystemRandom;

use super::refusal::Refusal;
use crate::token::unguessable;
use attempts::Attempts;
pub(super) use sessions::Session;
use sessions::{SESSION_FOR, Sessions};

/// Who may change what is told.
#[derive(Debug)]
pub struct Access {
    lock: Option<Lock>,
    /// Cookies do not know ports: two agents of one machine must not log each other out.
    cookie: String,
    form_cookie: String,
    /// Host and port of the address that people reach the dashboard by, in lower case.
    own: Option<http::uri::Authority>,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
}

/// What is compared with in place of the token itself: in the same time whatever is brought along.
struct Lock {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock(…)")
    }
}

impl Access {
    /// With this token; without one nobody is let in. `url` is how people reach the dashboard, `port`
    /// where it is served.
    #[must_use]
    pub fn new(token: Option<&Hidden>, url: &str, port: u16) -> Self {
        let lock = token.and_then(|token| {
            let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
            let tag = hmac::sign(&key, token.expose().as_bytes());
            Some(Lock { key, tag })
        });
        let own = url.to_lowercase().parse::<http::Uri>().ok();
        Self {
            lock,
            cookie: format!("portwarden_session_{port}"),
            form_cookie: format!("portwarden_login_{port}"),
            own: own.and_then(|url| url.into_parts().authority),
            sessions: Mutex::default(),
            attempts: Mutex::default(),
        }
    }

    /// Host and port of the address that people reach the dashboard by.
    pub(super) fn own(&self) -> Option<&http::uri::Authority> {
        self.own.as_ref()
    }

    /// Whether a program brought the token along.
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let lock = self.lock()?;
        let Some(token) = bearer(headers) else {
            return Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                text!(
                    "this takes the agent's token: `Authorization: Bearer TOKEN`",
                    "에이전트의 토큰이 필요합니다: `Authorization: Bearer TOKEN`"
                ),
            ));
        };
        self.compare(lock, token, from, now)
    }

    /// Opens a session for somebody who gives the token, and hands back its cookie.
    pub(super) fn log_in(
        &self,
        token: &str,
        name: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        self.compare(self.lock()?, token, from, now)?;
        let (Some(id), Some(csrf)) = (unguessable(), unguessable()) else {
            return Err(closed());
        };
        self.sessions().open(&id, name, csrf, now);
        Ok(format!(
            "{}={id}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict",
            self.cookie,
            SESSION_FOR.as_secs()
        ))
    }

    /// The session that a browser's cookie names.
    pub(super) fn session(&self, headers: &HeaderMap, now: Timestamp) -> Option<Session> {
        self.sessions().find(cookie(headers, &self.cookie)?, now)
    }

    /// Ends the session that a browser's cookie names, if any.
    pub(super) fn end(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers, &self.cookie) {
            self.sessions().end(id);
        }
    }

    /// Ends a session, and hands back the cookie that makes the browser forget it.
    pub(super) fn log_out(&self, headers: &HeaderMap) -> String {
        self.end(headers);
        format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// What a login form carries, and the cookie that it has to come back with: a page somewhere else
    /// can send the one, and not know the other. A browser that has such a cookie keeps it: what another of
    /// its windows shows stays good.
    pub(super) fn login_form(&self, headers: &HeaderMap) -> Option<(String, String)> {
        let lock = self.lock.as_ref()?;
        let is_whole = |nonce: &&str| {
            nonce.len() == 43
                && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let kept = cookie(headers, &self.form_cookie).filter(is_whole).map(str::to_owned);
        let nonce = kept.or_else(unguessable)?;
        let cookie = format!(
            "{}={nonce}; Path=/login; Max-Age=3600; HttpOnly; SameSite=Strict",
            self.form_cookie
        );
        Some((sealed(&lock.key, &nonce), cookie))
    }

    /// Whether a login form is one that was handed out to this browser.
    pub(super) fn is_own_form(&self, headers: &HeaderMap, seal: &str) -> bool {
        let (Some(lock), Some(nonce)) = (&self.lock, cookie(headers, &self.form_cookie)) else {
            return false;
        };
        is_same(&sealed(&lock.key, nonce), seal)
    }

    fn lock(&self) -> Result<&Lock, Refusal> {
        self.lock.as_ref().ok_or_else(closed)
    }

    fn compare(
        &self,
        lock: &Lock,
        token: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(seconds) = self.attempts().is_over(from, now) {
            let why = text!(
                "too many wrong tokens came from there; try again in {seconds} s",
                "틀린 토큰이 너무 많이 입력되었습니다. {seconds}초 뒤에 다시 시도하십시오"
            );
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why).retry_after(seconds));
        }
        if hmac::verify(&lock.key, token.as_bytes(), lock.tag.as_ref()).is_ok() {
            return Ok(());
        }
        self.attempts().note(from, now);
        tracing::warn!(%from, "somebody brought another token than the agent's");
        let why = text!("this is not the agent's token", "에이전트의 토큰이 아닙니다");
        Err(Refusal::new(StatusCode::UNAUTHORIZED, why))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

fn closed() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        text!(
            "the agent has no token, because none could be written beside its store: see its log",
            "저장소 옆에 토큰을 기록하지 못해 에이전트에 토큰이 없습니다. 로그를 확인하십시오"
        ),
    )
}

/// A value of 43 letters that only this agent can tell from the one it belongs to.
fn sealed(key: &hmac::Key, nonce: &str) -> String {
    use base64::Engine as _;
    let tag = hmac::sign(key, format!("login form {nonce}").as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn access() -> Access {
        Access::new(Some(&Hidden::new("correct horse battery")), "http://Watch.Example/", 9740)
    }

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::try_from(value).unwrap())])
    }

    fn brought(cookie: &str) -> HeaderMap {
        with(header::COOKIE, &format!("other=1; {}", cookie.split(';').next().unwrap()))
    }

    #[test]
    fn the_token_opens_and_nothing_else() {
        let (access, now) = (access(), Timestamp::UNIX_EPOCH);
        let table = [
            ("Bearer correct horse battery", 200),
            ("bearer  correct horse battery ", 200),
            ("Bearer correct horse batter", 401),
            ("Bearer ", 401),
            ("Basic correct horse battery", 401),
        ];
        for (value, expected) in table {
            let headers = with(header::AUTHORIZATION, value);
            let found =
                access.admit(&headers, HERE, now).map_or_else(|no| no.code.as_u16(), |()| 200);
            assert_eq!(found, expected, "{value}");
        }
        let shut = Access::new(None, "http://x/", 1);
        let headers = with(header::AUTHORIZATION, "Bearer ");
        assert_eq!(shut.admit(&headers, HERE, now).unwrap_err().code.as_u16(), 503);
    }

    #[test]
    fn a_session_lasts_until_it_is_ended_or_its_time_is_over() {
        let (access, now) = (access(), Timestamp::UNIX_EPOCH);
        let cookie = access.log_in("correct horse battery", "kim", HERE, now).unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let headers = brought(&cookie);
        let session = access.session(&headers, now).unwrap();
        assert_eq!(&*session.name, "kim");
        assert!(access.session(&headers, now + SESSION_FOR).is_none());
        let other = access.log_in("correct horse battery", "lee", HERE, now).unwrap();
        assert_ne!(access.session(&brought(&other), now).unwrap().csrf, session.csrf);
        let _ = access.log_out(&headers);
        assert!(access.session(&headers, now).is_none());
        assert!(access.session(&brought(&other), now).is_some());
        assert!(access.session(&brought("portwarden_session_9740=made-up"), now).is_none());
    }

    #[test]
    fn a_login_form_belongs_to_the_browser_it_was_made_for() {
        let access = access();
        let (seal, cookie) = access.login_form(&HeaderMap::new()).unwrap();
        let (other, _) = access.login_form(&HeaderMap::new()).unwrap();
        assert_eq!(access.login_form(&brought(&cookie)).unwrap(), (seal.clone(), cookie.clone()));
        for made_up in ["", "short", &format!("{}; x", "a".repeat(43)), &"a\"".repeat(22)] {
            let made_up = brought(&format!("portwarden_login_9740={made_up}"));
            let (seal, cookie) = access.login_form(&made_up).unwrap();
            assert!(access.is_own_form(&brought(&cookie), &seal), "{cookie}");
        }
        assert!(access.is_own_form(&brought(&cookie), &seal));
        assert!(!access.is_own_form(&brought(&cookie), &other));
        assert!(!access.is_own_form(&brought(&cookie), ""));
        assert!(!access.is_own_form(&HeaderMap::new(), &seal));
    }

    #[test]
    fn same_is_same() {
        for (one, other, same) in
            [("", "", true), ("a", "a", true), ("a", "b", false), ("a", "ab", false)]
        {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }
}
