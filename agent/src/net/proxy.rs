//! Proxies on the way out: what the plan says of one, and what is said of one that does not let a
//! check through.
//!
//! Deliberately absent: proxies spoken to in TLS, SOCKS4, and the environment variables of others
//! (`http_proxy`): a check goes where the plan says.

use std::time::Duration;

use alerts::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use health::{Code, Finding, Text, text};

use super::printable;
use crate::plan::Endpoint;

mod tunnel;

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How it is talked to.
    pub talk: Talk,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Who we are there, and the password.
    pub user: Option<(String, Secret)>,
}

/// How a proxy is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// HTTP: plain requests in absolute form, everything else by CONNECT (RFC 9110 section 9.3.6).
    Http,
    /// SOCKS5 (RFC 1928), told addresses: names are resolved here.
    Socks5,
    /// SOCKS5, told names: they are resolved there.
    Socks5Names,
}

impl Talk {
    /// As in a URL.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks5 => "socks5",
            Self::Socks5Names => "socks5h",
        }
    }
}

impl Proxy {
    /// Its URL, without user and password.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}://{}", self.talk.scheme(), self.endpoint)
    }

    /// Names have to be resolved before it is asked.
    pub(super) fn is_told_addresses(&self) -> bool {
        self.talk == Talk::Socks5
    }

    /// The value of Proxy-Authorization, where a user is given.
    pub(crate) fn authorization(&self) -> Option<String> {
        let (user, Secret(password)) = self.user.as_ref()?;
        let both = [user.as_bytes(), b":", password].concat();
        Some(format!("Basic {}", STANDARD.encode(both)))
    }
}

/// Why a proxy made no tunnel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing came until the deadline.
    Silent,
    /// Closed or reset.
    Cut,
    /// Something else came than its protocol has.
    Foreign(String),
    /// It wants another user or password, or one at all; in its words.
    Login(String),
    /// It does not allow the target.
    Forbidden(String),
    /// It says that the target refuses the connection.
    Refused,
    /// It says that it cannot reach the target.
    Unreached(String),
    /// Any other answer.
    Other(String),
}

impl Refusal {
    /// The finding: about the proxy, except where it says that the target itself refuses.
    pub(super) fn into_finding(
        self,
        proxy: &Proxy,
        peer: &str,
        target: &Endpoint,
        timeout: Duration,
    ) -> Finding {
        let (kind, finding) = match self {
            Self::Refused => ("refused", refused(proxy, peer, target)),
            Self::Login(words) => ("login", login(proxy, peer, &words)),
            Self::Forbidden(words) => ("forbidden", forbidden(peer, target, &words)),
            Self::Unreached(words) => ("unreached", beyond(proxy, peer, target, &words)),
            Self::Silent => {
                let way = text!(
                    "takes the connection and says nothing within {timeout:?}",
                    "연결은 받지만 {timeout:?} 안에 아무 응답이 없습니다"
                );
                ("silent", no_proxy(proxy, peer, &way))
            }
            Self::Cut => {
                let way =
                    text!("cuts the connection before it answers", "응답하기 전에 연결을 끊습니다");
                ("cut", no_proxy(proxy, peer, &way))
            }
            Self::Foreign(words) => {
                let way = text!(
                    "does not answer as a proxy does: {words}",
                    "프록시답지 않은 응답을 보냅니다: {words}"
                );
                ("foreign", no_proxy(proxy, peer, &way))
            }
            Self::Other(words) => {
                let way = text!("answers {words}", "{words} 응답을 보냅니다");
                ("other", no_proxy(proxy, peer, &way))
            }
        };
        finding
            .evidence("proxy", proxy.shown())
            .evidence("target", target.to_string())
            .evidence("stage", kind)
    }
}

/// The finding for a proxy that could not be dialled, made of the one that says how.
pub(super) fn unreached(proxy: &Proxy, target: &Endpoint, why: Finding) -> Finding {
    let shown = proxy.shown();
    let mut finding = Finding::new(
        Code::HttpProxy,
        why.subject.clone(),
        text!(
            "the proxy {shown} cannot be reached, so nothing is known of {target}: {en}",
            "프록시 {shown}에 연결할 수 없어 {target}의 상태는 알 수 없습니다: {ko}",
            en = why.summary.en,
            ko = why.summary.ko
        ),
        why.remedy,
    )
    .evidence("proxy", shown)
    .evidence("target", target.to_string())
    .evidence("stage", why.code.label());
    finding.evidence.extend(why.evidence);
    finding
}

/// The finding for a proxy that answers a plain request itself with 407.
pub(crate) fn wants_login(proxy: &Proxy, peer: &str, words: &str, target: &Endpoint) -> Finding {
    let refusal = Refusal::Login(words.to_owned());
    refusal.into_finding(proxy, peer, target, Duration::ZERO)
}

/// The finding for a proxy that answers a plain request itself, because it could not pass it on.
pub(crate) fn gave_up(proxy: &Proxy, peer: &str, words: &str, target: &Endpoint) -> Finding {
    let refusal = Refusal::Unreached(words.to_owned());
    refusal.into_finding(proxy, peer, target, Duration::ZERO)
}

/// The finding for a proxy that does not allow a plain request.
pub(crate) fn does_not_allow(proxy: &Proxy, peer: &str, words: &str, target: &Endpoint) -> Finding {
    let refusal = Refusal::Forbidden(words.to_owned());
    refusal.into_finding(proxy, peer, target, Duration::ZERO)
}

fn refused(proxy: &Proxy, peer: &str, target: &Endpoint) -> Finding {
    let port = target.port;
    Finding::new(
        Code::TcpRefused,
        target.to_string(),
        text!(
            "{target} refuses the connection, as the proxy {peer} says: nothing listens there",
            "프록시 {peer}에 따르면 {target}에서 연결을 거부합니다. 그 포트에서 듣고 있는 프로세스가 없습니다"
        ),
        text!(
            "The proxy works. On the target's machine: `ss -ltnp 'sport = :{port}'`; if nobody listens, start the service and read its log. By hand: `curl -v -x {shown} telnet://{target}`.",
            "프록시는 정상입니다. 대상 서버에서 `ss -ltnp 'sport = :{port}'`를 확인하고, 듣는 프로세스가 없으면 서비스를 시작한 뒤 로그를 보세요. 직접 확인: `curl -v -x {shown} telnet://{target}`.",
            shown = proxy.shown()
        ),
    )
}

fn login(proxy: &Proxy, peer: &str, words: &str) -> Finding {
    let (given, given_ko) = match &proxy.user {
        Some((user, _)) => (
            format!("does not take the user {} or the password", printable(user.as_bytes(), 64)),
            format!(
                "사용자 {} 또는 비밀번호를 받아들이지 않습니다",
                printable(user.as_bytes(), 64)
            ),
        ),
        None => (
            "wants a user and a password, and the check has none".to_owned(),
            "사용자와 비밀번호를 요구하지만 이 체크에는 없습니다".to_owned(),
        ),
    };
    Finding::new(
        Code::HttpProxy,
        peer,
        text!(
            "the proxy {peer} {given} ({words}): nothing is known of what is behind it",
            "프록시 {peer}가 {given_ko} ({words}). 그 너머의 상태는 알 수 없습니다"
        ),
        text!(
            "Give the check both: `proxy = {{ url = \"{shown}\", user = \"…\", password_env = \"…\" }}`, and see that the proxy knows them (tinyproxy `BasicAuth`, Squid `auth_param`, `htpasswd -v`). By hand: `curl -v -x {shown} -U USER https://TARGET/`.",
            "체크에 둘 다 지정하세요: `proxy = {{ url = \"{shown}\", user = \"…\", password_env = \"…\" }}`. 프록시에도 등록되어 있는지 확인하세요(tinyproxy `BasicAuth`, Squid `auth_param`, `htpasswd -v`). 직접 확인: `curl -v -x {shown} -U 사용자 https://대상/`.",
            shown = proxy.shown()
        ),
    )
}

fn forbidden(peer: &str, target: &Endpoint, words: &str) -> Finding {
    let port = target.port;
    Finding::new(
        Code::HttpProxy,
        peer,
        text!(
            "the proxy {peer} does not allow {target} ({words})",
            "프록시 {peer}가 {target}(으)로의 접속을 허용하지 않습니다 ({words})"
        ),
        text!(
            "Allow it in the proxy's rules: tinyproxy `ConnectPort {port}`, `Allow` and `Filter`; Squid `acl SSL_ports port {port}` and `http_access`; then reload it. Its log names the rule.",
            "프록시 규칙에서 허용하세요: tinyproxy는 `ConnectPort {port}`, `Allow`, `Filter`, Squid는 `acl SSL_ports port {port}`와 `http_access`입니다. 그다음 다시 읽게 하세요. 어느 규칙인지는 프록시 로그에 나옵니다."
        ),
    )
}

/// Whether the target is down or the proxy's own road to it cannot be told from here.
fn beyond(proxy: &Proxy, peer: &str, target: &Endpoint, words: &str) -> Finding {
    Finding::new(
        Code::HttpProxy,
        peer,
        text!(
            "the proxy {peer} does not get through to {target} ({words}): whether the target or the proxy's own way to it is at fault cannot be told from here",
            "프록시 {peer}가 {target}에 연결하지 못합니다 ({words}). 대상의 문제인지 프록시에서 대상까지의 문제인지는 여기서 알 수 없습니다"
        ),
        text!(
            "On the proxy's machine: `nc -zv {host} {port}` and `dig {host}`. If that works, read the proxy's log; if not, look at the target. From here without the proxy: `curl -v --noproxy '*' …`; through it: `curl -v -x {shown} …`.",
            "프록시 서버에서 `nc -zv {host} {port}`와 `dig {host}`를 해 보세요. 되면 프록시 로그를, 안 되면 대상을 확인하세요. 여기서 프록시 없이: `curl -v --noproxy '*' …`, 프록시로: `curl -v -x {shown} …`.",
            host = host(target),
            port = target.port,
            shown = proxy.shown()
        ),
    )
}

fn no_proxy(proxy: &Proxy, peer: &str, way: &Text) -> Finding {
    let Text { en, ko } = way;
    Finding::new(
        Code::HttpProxy,
        peer,
        text!(
            "the proxy {peer} {en}: nothing is known of what is behind it",
            "프록시 {peer}: {ko}. 그 너머의 상태는 알 수 없습니다"
        ),
        text!(
            "See whether it is a proxy, and of the kind the plan says ({scheme}): `curl -v -x {shown} https://TARGET/`; on its machine `ss -ltnp 'sport = :{port}'` says who listens. Then read its log.",
            "계획에 적힌 종류({scheme})의 프록시가 맞는지 확인하세요: `curl -v -x {shown} https://대상/`. 그 서버에서 `ss -ltnp 'sport = :{port}'`로 누가 듣는지 볼 수 있습니다. 그다음 프록시 로그를 확인하세요.",
            scheme = proxy.talk.scheme(),
            shown = proxy.shown(),
            port = proxy.endpoint.port
        ),
    )
}

fn host(endpoint: &Endpoint) -> String {
    match &endpoint.host {
        crate::plan::Target::Name(name) => name.to_string(),
        crate::plan::Target::Address(address) => address.to_string(),
    }
}
