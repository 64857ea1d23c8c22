//! What a hello that did not come to its good end means, in words.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Severity, Text, text};

use super::stranger::recognised;
use super::{NOBODY, Reason, Refusal, SHOWN_CHARS, Speaks, Trouble};
use crate::net::printable;

/// The finding for it.
pub(super) fn judge(
    protocol: &Speaks,
    subject: &str,
    address: SocketAddr,
    timeout: Duration,
    trouble: &Trouble,
) -> Finding {
    let title = protocol.title();
    let found = match trouble {
        Trouble::Refused(refusal) => refused(protocol, subject, address.port(), refusal),
        unheard => return broken_off(title, subject, address, timeout, unheard),
    };
    found.evidence("expected", title).evidence("address", address.to_string())
}

/// The finding for a hello, in the protocol of this title, that was not answered as one.
pub(crate) fn broken_off(
    title: &str,
    subject: &str,
    address: SocketAddr,
    timeout: Duration,
    trouble: &Trouble,
) -> Finding {
    let found = match trouble {
        Trouble::Silent => silent(title, subject, address, timeout),
        Trouble::Cut(how) => cut(title, subject).evidence("error", how.as_str()),
        Trouble::Stalled { got, cut } => stalled(title, subject, address, got, cut.as_deref()),
        Trouble::Stranger { got, ended } => {
            stranger(title, subject, address.port(), got).evidence("ended", *ended)
        }
        Trouble::Refused(Refusal { said, .. }) => stranger(title, subject, address.port(), said),
    };
    found.evidence("expected", title).evidence("address", address.to_string())
}

fn silent(title: &str, subject: &str, address: SocketAddr, timeout: Duration) -> Finding {
    let (ip, port) = (address.ip(), address.port());
    Finding::new(
        Code::TcpSilent,
        subject,
        text!(
            "{subject} accepted the connection, then did not answer a hello in {title} in what was left of {timeout:?}",
            "{subject}에서 연결은 받았지만 제한 시간 {timeout:?} 안에 {title} 인사에 답하지 않았습니다"
        ),
        text!(
            "The process is stuck or too busy, or another service has the port that waits for its own protocol (TLS, HTTP). On that machine, see who listens: `ss -ltnp 'sport = :{port}'`; then try by hand: `nc -v {ip} {port}`, `curl -v http://{address}/`.",
            "프로세스가 멈췄거나 너무 바쁘거나, 자기 프로토콜(TLS, HTTP)을 기다리는 다른 서비스가 이 포트를 쓰고 있습니다. 해당 서버에서 누가 듣는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 그다음 직접 말을 걸어 보세요: `nc -v {ip} {port}`, `curl -v http://{address}/`."
        ),
    )
}

fn cut(title: &str, subject: &str) -> Finding {
    Finding::new(
        Code::TcpReset,
        subject,
        text!(
            "{subject} accepted the connection, then closed it without answering a hello in {title}",
            "{subject}에서 연결을 받은 뒤, {title} 인사에 답하지 않고 연결을 끊었습니다"
        ),
        text!(
            "The service or something before it (a proxy without a backend, TCP wrappers, a connection limit) closes on purpose, or another service has the port: read the service's log.",
            "서비스나 그 앞단(백엔드가 없는 프록시, TCP wrapper, 연결 수 제한)이 일부러 끊고 있거나, 다른 서비스가 이 포트를 쓰고 있습니다. 서비스 로그를 확인하세요."
        ),
    )
}

fn stalled(
    title: &str,
    subject: &str,
    address: SocketAddr,
    got: &[u8],
    cut: Option<&str>,
) -> Finding {
    let (ip, port) = (address.ip(), address.port());
    if recognised(got).is_some_and(|other| other != title) {
        let ended = cut.map_or("nothing more came in time", |_| "then it closed the connection");
        return stranger(title, subject, port, got).evidence("ended", ended);
    }
    let said = printable(got, SHOWN_CHARS);
    let (code, summary) = match cut {
        None => (
            Code::TcpSilent,
            text!(
                "{subject} began to answer in {title} (\"{said}\"), then nothing more came in time",
                "{subject}에서 {title} 답이 시작됐지만(\"{said}\") 제한 시간 안에 더 오지 않았습니다"
            ),
        ),
        Some(_) => (
            Code::TcpReset,
            text!(
                "{subject} began to answer in {title} (\"{said}\"), then closed the connection",
                "{subject}에서 {title} 답을 시작했다가(\"{said}\") 연결을 끊었습니다"
            ),
        ),
    };
    let finding = Finding::new(
        code,
        subject,
        summary,
        text!(
            "The service is slow or overloaded, or makes strangers wait on purpose (Postfix postscreen: `postscreen_greet_wait`): see how long it takes by hand, `nc -v {ip} {port}`, and give the check a longer `timeout`. If it never goes on, read its log.",
            "서비스가 느리거나 과부하 상태이거나, 낯선 클라이언트를 일부러 기다리게 합니다(Postfix postscreen의 `postscreen_greet_wait`). `nc -v {ip} {port}`로 얼마나 걸리는지 보고 체크의 `timeout`을 늘리세요. 끝내 이어지지 않으면 서비스 로그를 확인하세요."
        ),
    )
    .evidence("got", said);
    match cut {
        Some(how) => finding.evidence("error", how),
        None => finding,
    }
}

fn stranger(title: &str, subject: &str, port: u16, got: &[u8]) -> Finding {
    let got_words = printable(got, SHOWN_CHARS);
    // A broken answer of the right protocol is not somebody else's.
    let other = recognised(got).filter(|other| *other != title);
    let summary = match other {
        Some(other) => text!(
            "{subject} does not speak {title}: {other} answers there (\"{got_words}\")",
            "{subject}에서 {title}이(가) 아니라 {other}이(가) 답합니다 (\"{got_words}\")"
        ),
        None => text!(
            "{subject} answers a hello in {title} with something else: \"{got_words}\"",
            "{subject}에서 {title} 인사에 맞지 않는 답이 왔습니다: \"{got_words}\""
        ),
    };
    let finding = Finding::new(
        Code::TcpUnexpectedReply,
        subject,
        summary,
        text!(
            "Another service has the port, or the address is wrong. On that machine, see who listens: `ss -ltnp 'sport = :{port}'`; then correct the service's port, or `address` and `speaks` (or `starttls`) in the plan.",
            "다른 서비스가 이 포트를 쓰고 있거나 주소가 잘못되었습니다. 해당 서버에서 누가 듣는지 확인하세요: `ss -ltnp 'sport = :{port}'`. 그다음 서비스의 포트나 계획의 `address`와 `speaks`(또는 `starttls`)를 바로잡으세요."
        ),
    );
    let finding = match other {
        Some(other) => finding.evidence("speaks", other),
        None => finding,
    };
    finding.evidence("got", got_words)
}

fn refused(protocol: &Speaks, subject: &str, port: u16, refusal: &Refusal) -> Finding {
    let said = printable(&refusal.said, SHOWN_CHARS);
    let summary = summary(protocol, subject, &refusal.reason, &said);
    let severity = match &refusal.reason {
        // It lives; others may be served. Where the plan names a user, that is not enough.
        Reason::HostRefused if !names_user(protocol) => Severity::Notice,
        Reason::TurnedAway | Reason::HostRefused | Reason::LoginRefused => Severity::Warning,
        Reason::Full
        | Reason::NotYet
        | Reason::Unavailable
        | Reason::HostBlocked
        | Reason::NoDatabase(_) => Severity::Critical,
    };
    Finding::new(Code::TcpNotReady, subject, summary, remedy(protocol, &refusal.reason, port))
        .severity(severity)
        .evidence("got", said)
}

fn names_user(protocol: &Speaks) -> bool {
    protocol.login().is_some_and(|login| login.user.is_some())
}

fn summary(protocol: &Speaks, subject: &str, reason: &Reason, said: &str) -> Text {
    let title = protocol.title();
    match reason {
        Reason::Full => text!(
            "{title} on {subject} takes no more clients: \"{said}\"",
            "{subject}의 {title}이(가) 접속을 더 받지 못합니다: \"{said}\""
        ),
        Reason::NotYet => text!(
            "{title} on {subject} is starting, stopping or recovering: \"{said}\"",
            "{subject}의 {title}이(가) 시작, 종료 또는 복구 중입니다: \"{said}\""
        ),
        Reason::Unavailable => text!(
            "{title} on {subject} answers, and says that it does not serve: \"{said}\"",
            "{subject}의 {title}이(가) 답은 하지만 서비스하지 못한다고 합니다: \"{said}\""
        ),
        Reason::TurnedAway => text!(
            "{title} on {subject} turns this host away: it is too busy (MaxStartups), or penalises this address (PerSourcePenalties): \"{said}\"",
            "{subject}의 {title}이(가) 이 호스트를 돌려보냅니다. 너무 바쁘거나(MaxStartups) 이 주소에 벌점을 준 것입니다(PerSourcePenalties): \"{said}\""
        ),
        Reason::HostRefused => text!(
            "{title} on {subject} answers, and does not let this host in: \"{said}\"",
            "{subject}의 {title}이(가) 답은 하지만 이 호스트의 접속을 허용하지 않습니다: \"{said}\""
        ),
        Reason::HostBlocked => text!(
            "{title} on {subject} has blocked this host for its many broken connections: \"{said}\"",
            "{subject}의 {title}이(가) 끊긴 연결이 많다는 이유로 이 호스트를 차단했습니다: \"{said}\""
        ),
        Reason::LoginRefused => {
            let user = protocol.login().and_then(|login| login.user.as_deref()).unwrap_or(NOBODY);
            text!(
                "{title} on {subject} answers, and does not let the user \"{user}\" in: \"{said}\"",
                "{subject}의 {title}이(가) 답은 하지만 사용자 \"{user}\"의 접속을 허용하지 않습니다: \"{said}\""
            )
        }
        Reason::NoDatabase(database) => text!(
            "{title} on {subject} has no database \"{database}\": \"{said}\"",
            "{subject}의 {title}에 데이터베이스 \"{database}\"이(가) 없습니다: \"{said}\""
        ),
    }
}

fn remedy(protocol: &Speaks, reason: &Reason, port: u16) -> Text {
    match reason {
        Reason::Full => room(protocol, port),
        Reason::NotYet => text!(
            "If it lasts, read the server's log: how far it has come, and what it waits for. Look at the disk: `df -h`.",
            "오래 계속되면 서버 로그에서 어디까지 진행됐고 무엇을 기다리는지 확인하세요. 디스크도 확인하세요: `df -h`."
        ),
        Reason::Unavailable => text!(
            "Its own words say why; read the server's log for what came before them, and look at the disk: `df -h`.",
            "이유는 서버가 한 말에 있습니다. 서버 로그에서 그 앞의 내용을 확인하고, 디스크도 확인하세요: `df -h`."
        ),
        Reason::TurnedAway => text!(
            "On that machine, see who holds the connections: `ss -tnp 'sport = :{port}'`, and which of the two it is: `journalctl -u ssh`, or its log in /var/log. Too busy: raise `MaxStartups`. Penalised: exempt this host in `PerSourcePenaltyExemptList`; a monitor that only connects and leaves earns penalties.",
            "해당 서버에서 누가 연결을 쥐고 있는지(`ss -tnp 'sport = :{port}'`), 둘 중 어느 쪽인지(`journalctl -u ssh` 또는 /var/log의 로그) 확인하세요. 바쁜 것이면 `MaxStartups`를 올리고, 벌점이면 이 호스트를 `PerSourcePenaltyExemptList`에 넣으세요. 연결만 하고 떠나는 모니터는 벌점을 받습니다."
        ),
        Reason::HostRefused => entry(protocol),
        Reason::HostBlocked => text!(
            "Let it in again: `mysqladmin flush-hosts`. Then find who breaks off connections from this host: a load balancer's or a monitor's plain TCP check does, every time.",
            "다시 들여보내려면 `mysqladmin flush-hosts`를 실행하세요. 그다음 이 호스트에서 누가 연결을 도중에 끊는지 찾으세요. 로드 밸런서나 모니터의 단순 TCP 체크는 매번 그렇게 합니다."
        ),
        Reason::LoginRefused | Reason::NoDatabase(_) => text!(
            "Create what is missing there, or correct `user` and `database` in the plan. Without those two keys only the server itself is looked at.",
            "서버에 없는 것을 만들거나, 계획의 `user`와 `database`를 바로잡으세요. 두 키가 없으면 서버 자체만 확인합니다."
        ),
    }
}

/// How to find room for more clients.
fn room(protocol: &Speaks, port: u16) -> Text {
    let (who, limit) = match protocol {
        Speaks::Postgres(_) => (
            "psql -c 'select usename, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3'"
                .to_owned(),
            "`max_connections`",
        ),
        Speaks::Mysql(_) => ("mysql -e 'show processlist'".to_owned(), "`max_connections`"),
        Speaks::Redis => (format!("redis-cli -p {port} client list"), "`maxclients`"),
        Speaks::Memcached => (format!("ss -tnp 'sport = :{port}'"), "`-c`"),
        Speaks::Ssh { .. } => (format!("ss -tnp 'sport = :{port}'"), "`MaxStartups`"),
        Speaks::Amqp
        | Speaks::Ftp
        | Speaks::Imap
        | Speaks::Ldap
        | Speaks::Mqtt
        | Speaks::Pop3
        | Speaks::Smtp => {
            let who = format!("ss -tnp 'sport = :{port}'");
            return text!(
                "On that machine, see who holds the connections: `{who}`. Then raise the server's limit on them.",
                "해당 서버에서 누가 연결을 쥐고 있는지 확인하세요: `{who}`. 그다음 서버의 접속 한도를 올리세요."
            );
        }
    };
    text!(
        "On that machine, see who holds the connections: `{who}`. Let idle ones go, put a pool in between, or raise {limit}.",
        "해당 서버에서 누가 연결을 쥐고 있는지 확인하세요: `{who}`. 놀고 있는 연결을 정리하거나, 사이에 커넥션 풀을 두거나, {limit} 값을 올리세요."
    )
}

/// How to let this host in.
fn entry(protocol: &Speaks) -> Text {
    match protocol {
        Speaks::Postgres(_) => text!(
            "It lives; whether it serves others cannot be told from here. To see more, add a line for this host and user to pg_hba.conf (`psql -c 'show hba_file'`), then `psql -c 'select pg_reload_conf()'`.",
            "서버는 살아 있지만, 다른 클라이언트에게 서비스하는지는 여기서 알 수 없습니다. 더 확인하려면 pg_hba.conf(`psql -c 'show hba_file'`)에 이 호스트와 사용자의 줄을 추가하고 `psql -c 'select pg_reload_conf()'`를 실행하세요."
        ),
        Speaks::Mysql(_) => text!(
            "It lives; whether it serves others cannot be told from here. To see more, create a user without rights for this host: `create user 'portwarden'@'HOST'`.",
            "서버는 살아 있지만, 다른 클라이언트에게 서비스하는지는 여기서 알 수 없습니다. 더 확인하려면 이 호스트에 권한 없는 사용자를 만드세요: `create user 'portwarden'@'HOST'`."
        ),
        Speaks::Redis => text!(
            "It lives, in protected mode: it has no password and serves its own machine alone. Set `requirepass` and `bind`, or run the check on that machine.",
            "서버는 살아 있지만 보호 모드입니다. 비밀번호가 없어 자기 서버에만 서비스합니다. `requirepass`와 `bind`를 설정하거나, 해당 서버에서 체크를 실행하세요."
        ),
        Speaks::Amqp
        | Speaks::Ftp
        | Speaks::Imap
        | Speaks::Ldap
        | Speaks::Memcached
        | Speaks::Mqtt
        | Speaks::Pop3
        | Speaks::Smtp
        | Speaks::Ssh { .. } => text!(
            "It lives; whether it serves others cannot be told from here. To see more, allow this host in the server's settings.",
            "서버는 살아 있지만, 다른 클라이언트에게 서비스하는지는 여기서 알 수 없습니다. 더 확인하려면 서버 설정에서 이 호스트를 허용하세요."
        ),
    }
}
