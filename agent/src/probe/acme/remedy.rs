//! What to do about a challenge that does not come back.

use std::net::SocketAddr;

use health::{Severity, Text, text};
use http::StatusCode;

use super::Spec;
use super::body::Instead;
use super::detour::Detour;
use super::token::{self, Challenge};
use super::trial::{Stumble, Trial};
use crate::probe::http::{host, port};

/// What to do where an answer is not the challenge, or the way ends before one.
pub(super) fn remedy(spec: &Spec, trial: &Trial, stumble: &Stumble, challenge: &Challenge) -> Text {
    let domain = &*trial.aim.domain;
    let folder = token::folder(&trial.aim.webroot).display().to_string();
    let root = trial.aim.webroot.display().to_string();
    let last = trial.hops.last().map_or("", |hop| &*hop.url);
    let is_https = last.starts_with("https:");
    let is_redirected = trial.hops.len() > 1;
    match stumble {
        Stumble::Status(StatusCode::FORBIDDEN, _) => text!(
            "The server finds the file or the folder and may not hand it out. See its rights: `namei -l {folder}`; the server's user needs x on every folder. Then rules that deny: `nginx -T | grep -n -e deny -e '/\\.'` (a common one denies all names that begin with a dot; put `location ^~ /.well-known/acme-challenge/` before it).",
            "서버가 파일이나 폴더를 찾았지만 내어줄 권한이 없습니다. 권한을 확인하세요: `namei -l {folder}`(서버 사용자에게 모든 상위 폴더의 x 권한이 필요합니다). 그다음 거부 규칙을 보세요: `nginx -T | grep -n -e deny -e '/\\.'`(점으로 시작하는 이름을 모두 막는 규칙이 흔합니다. 그 앞에 `location ^~ /.well-known/acme-challenge/`를 두세요)."
        ),
        Stumble::Status(StatusCode::UNAUTHORIZED, _) | Stumble::Instead(Instead::Login(_), _) => {
            text!(
                "A CA has no password. Let challenges through without one, in {section}: {location} `auth_basic off;`, or past whatever asks for the login. {reload}",
                "CA는 로그인할 수 없습니다. {section}에서 챌린지는 인증 없이 내어주세요: {location} `auth_basic off;`, 또는 로그인을 요구하는 앞단을 거치지 않게 하세요. {reload}",
                section = section(domain, is_https),
                location = location(&root),
                reload = RELOAD
            )
        }
        Stumble::Status(status, _) if status.is_server_error() => text!(
            "The request goes on to an application that fails. Have the server hand the file out itself, in {section}: {location} {reload}",
            "요청이 애플리케이션으로 넘어가 실패합니다. {section}에서 서버가 직접 파일을 내어주게 하세요: {location} {reload}",
            section = section(domain, is_https),
            location = location(&root),
            reload = RELOAD
        ),
        Stumble::Status(..) | Stumble::Instead(..) => text!(
            "The file was in {folder}, and whoever answers looks elsewhere: another root, another server block, or another machine. See what it has: `nginx -T | grep -n -B2 -A3 acme-challenge`. In {section}: {location} {reload} If the webroot has moved, correct `webroot_path` in certbot's renewal file.",
            "파일은 {folder}에 있었지만 응답하는 쪽은 다른 곳을 봅니다(다른 root, 다른 server 블록, 또는 다른 서버). 현재 설정 확인: `nginx -T | grep -n -B2 -A3 acme-challenge`. {section}에: {location} {reload} webroot를 옮겼다면 certbot 갱신 파일의 `webroot_path`를 고치세요.",
            section = section(domain, is_https),
            location = location(&root),
            reload = RELOAD
        ),
        Stumble::Detour(detour) => detoured(detour, domain, &root),
        _ if is_redirected => {
            let (way, way_ko) = uncovered(spec, trial, last, challenge);
            text!(
                "Either have that place serve, or hand challenges out before the redirect, in {section}: {location} before the `return 301`. {reload}{way}",
                "그곳이 응답하게 하거나, 리다이렉트하기 전에 챌린지를 내어주세요. {section}의 `return 301` 앞에: {location} {reload}{way_ko}",
                section = section(domain, false),
                location = location(&root),
                reload = RELOAD
            )
        }
        Stumble::Silent | Stumble::Cut(_) => text!(
            "The port is open and the request is taken. Read the log of whoever answers there, and ask by hand: `curl -v --max-time 10 http://{domain}/.well-known/acme-challenge/`. A router or firewall that scans what passes does this too.",
            "포트는 열려 있고 요청도 받습니다. 응답하는 쪽의 로그를 보고 직접 요청해 보세요: `curl -v --max-time 10 http://{domain}/.well-known/acme-challenge/`. 통과하는 내용을 검사하는 공유기나 방화벽도 이렇게 만들 수 있습니다."
        ),
        _ => text!(
            "Something else has port 80: the router's forward leads to another port, or another service listens. See who: `ss -ltnp 'sport = :80'`, and the forward in the router. A CA begins with plain HTTP on port 80.",
            "80번 포트에 다른 것이 있습니다: 공유기 포워딩이 다른 포트로 가거나 다른 서비스가 듣고 있습니다. 확인: `ss -ltnp 'sport = :80'`, 그리고 공유기의 포워딩. CA는 80번 포트의 평문 HTTP로 시작합니다."
        ),
    }
}

const RELOAD: &str = "`nginx -t && nginx -s reload`.";

fn location(root: &str) -> String {
    format!("`location ^~ /.well-known/acme-challenge/ {{ root {root}; }}`")
}

fn section(domain: &str, is_https: bool) -> String {
    let listen = if is_https { "443" } else { "80" };
    format!("nginx `server {{ listen {listen}; server_name {domain}; }}`")
}

fn detoured(detour: &Detour, domain: &str, root: &str) -> Text {
    let (section, location) = (section(domain, false), location(root));
    match detour {
        Detour::Loop | Detour::TooMany => text!(
            "Two rules send the client to each other: www and the bare name, or https and an application that does not know it is behind one (`X-Forwarded-Proto`). See it: `curl -sIL --max-redirs 12 http://{domain}/.well-known/acme-challenge/x`. Or hand challenges out before any redirect, in {section}: {location} {RELOAD}",
            "두 규칙이 서로에게 보내고 있습니다: www와 기본 도메인, 또는 https 뒤에 있음을 모르는 애플리케이션(`X-Forwarded-Proto`)입니다. 확인: `curl -sIL --max-redirs 12 http://{domain}/.well-known/acme-challenge/x`. 또는 리다이렉트하기 전에 챌린지를 내어주세요. {section}에: {location} {RELOAD}"
        ),
        _ => text!(
            "Hand challenges out before the redirect, in {section}: {location} {RELOAD} Or redirect to the name itself on a usual port: `return 301 https://$host$request_uri;`.",
            "리다이렉트하기 전에 챌린지를 내어주세요. {section}에: {location} {RELOAD} 또는 기본 포트의 같은 이름으로 보내세요: `return 301 https://$host$request_uri;`."
        ),
    }
}

/// Where the first way is `connect`'s and the next one is not: how to have it dialled elsewhere too.
fn uncovered(spec: &Spec, trial: &Trial, last: &str, challenge: &Challenge) -> (String, String) {
    let Ok(url) = last.replace(&challenge.name, "x").parse::<http::Uri>() else {
        return Default::default();
    };
    let (host, port) = (host(&url), port(&url));
    let first = trial.address.map(|address| address.to_string()).unwrap_or_default();
    if spec.connect.is_empty() || spec.endpoint(host, port).is_some() {
        return Default::default();
    }
    let keys = format!("`connect = {{ 80 = \"{first}\", {port} = \"…\" }}`");
    (
        format!(
            " `connect` of this check does not say where port {port} of {host} is from here, so it was looked up: if it is elsewhere within, add it: {keys}."
        ),
        format!(
            " 이 체크의 `connect`에는 {host}의 {port}번 포트가 없어 이름으로 찾아갔습니다. 안쪽 주소가 따로 있다면 추가하세요: {keys}."
        ),
    )
}

/// What to do where nobody accepts at all.
pub(super) fn refused(
    spec: &Spec,
    address: SocketAddr,
    domain: &str,
    passes: Option<SocketAddr>,
    severity: Severity,
) -> Text {
    let (ip, port) = (address.ip(), address.port());
    if severity == Severity::Notice {
        return text!(
            "This machine stands behind a router, or has no way there (`ip route get {ip}`); many routers do not lead back to themselves. Ask from outside, such as from a telephone without Wi-Fi: `curl -sI http://{domain}/.well-known/acme-challenge/`. Give this check the inner way with `connect`, and watch the router with a [[forward]].",
            "이 서버가 공유기 뒤에 있거나 그곳으로 가는 경로가 없습니다(`ip route get {ip}`). 공유기는 자기 자신에게 돌아오는 연결을 이어 주지 않는 경우가 많습니다. 밖에서(예: Wi-Fi를 끈 휴대전화) 확인하세요: `curl -sI http://{domain}/.well-known/acme-challenge/`. 이 체크에는 `connect`로 안쪽 경로를 알려 주고, 공유기는 [[forward]]로 감시하세요."
        );
    }
    if !spec.connect.is_empty() {
        return text!(
            "See who listens: `ss -ltnp 'sport = :{port}'`. If nobody does, start the server that is to hand challenges out, and read its log: `nginx -t`.",
            "누가 듣고 있는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 아무도 없다면 챌린지를 내어줄 서버를 시작하고 로그를 확인하세요: `nginx -t`."
        );
    }
    let is_half = passes.is_some() && address.is_ipv6();
    if is_half {
        return text!(
            "CAs prefer IPv6; Let's Encrypt tries IPv4 once when it cannot connect, others need not. Have the server listen there (nginx: `listen [::]:80;`), open the firewall for IPv6, or remove the AAAA record of {domain}: `dig {domain} AAAA`.",
            "CA는 IPv6를 먼저 씁니다. Let's Encrypt는 연결이 안 될 때 IPv4로 한 번 더 시도하지만 다른 CA는 그렇지 않을 수 있습니다. 서버가 IPv6에서도 듣게 하거나(nginx: `listen [::]:80;`), IPv6 방화벽을 열거나, {domain}의 AAAA 레코드를 지우세요: `dig {domain} AAAA`."
        );
    }
    text!(
        "A CA begins on port 80. On the machine: `ss -ltnp 'sport = :80'`. Then the way to it: the router's forward of port 80, the firewall (`nft list ruleset` or `iptables -nvL`), the provider; and whether the record of {domain} is still right: `dig {domain} A {domain} AAAA`.",
        "CA는 80번 포트로 시작합니다. 서버에서 확인하세요: `ss -ltnp 'sport = :80'`. 그다음 그곳까지의 경로를 보세요: 공유기의 80 포트 포워딩, 방화벽(`nft list ruleset` 또는 `iptables -nvL`), 통신사, 그리고 {domain} 레코드가 아직 맞는지: `dig {domain} A {domain} AAAA`."
    )
}
