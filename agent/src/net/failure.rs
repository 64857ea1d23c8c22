//! How a connection fails, and how that is told.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Severity, text};

use crate::plan::{Endpoint, Target};

/// How a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// RST in answer to SYN.
    Refused,
    /// No answer in time.
    Timeout,
    /// No route, or an ICMP answer that says so; in the operating system's words.
    Unreachable(String),
    /// Accepted, then cut.
    Reset,
    /// This machine had no file, port or memory left to try with: nothing is known of the target.
    Exhausted(String),
}

impl Failure {
    /// Sorts what the operating system said about a connection to `address`.
    #[must_use]
    pub fn of(error: &io::Error, address: SocketAddr) -> Self {
        if is_exhausted(error, address) {
            return Self::Exhausted(error.to_string());
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected => Self::Reset,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// The finding for a failure to reach `address`, which `endpoint` stands for.
    #[must_use]
    pub fn into_finding(
        self,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
    ) -> Finding {
        let subject = subject(endpoint, address);
        let finding = match self {
            Self::Refused => refused(&subject, address.port()),
            Self::Timeout => timed_out(&subject, address.port(), timeout),
            Self::Unreachable(error) => unreachable(&subject, address, error),
            Self::Reset => reset(&subject),
            Self::Exhausted(error) => could_not_look(&subject, &error),
        };
        finding.evidence("address", address.to_string())
    }
}

/// Whether an error says that this machine has run out of something, and nothing of `address`.
#[must_use]
pub fn is_exhausted(error: &io::Error, address: SocketAddr) -> bool {
    match error.raw_os_error() {
        // No source is ever asked for by port, so that one "in use" means that all of them are.
        Some(libc::ENOBUFS | libc::EAGAIN | libc::EADDRINUSE) => true,
        // The same from connect(2); of IPv6 it may as well mean that this machine has no IPv6.
        Some(libc::EADDRNOTAVAIL) => address.is_ipv4(),
        _ => is_lack(error),
    }
}

/// Whether an error says that no file can be opened now, whichever it is.
#[must_use]
pub fn is_lack(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

/// The finding for what could not be looked at because this machine has run out of something.
#[must_use]
pub fn could_not_look(subject: &str, error: &str) -> Finding {
    Finding::new(
        Code::TcpUnreachable,
        subject,
        text!(
            "this machine could not look at {subject}: {error}",
            "이 서버의 자원이 부족해 {subject}을(를) 검사하지 못했습니다: {error}"
        ),
        text!(
            "Nothing is known of the target. See what has run out here: open files (`ulimit -n`, `cat /proc/sys/fs/file-nr`), ports (`ss -s`, `sysctl net.ipv4.ip_local_port_range`) or memory (`free -m`). A higher limit takes a restart of the agent.",
            "대상의 상태는 알 수 없습니다. 이 서버에서 무엇이 부족한지 확인하세요: 열린 파일(`ulimit -n`, `cat /proc/sys/fs/file-nr`), 포트(`ss -s`, `sysctl net.ipv4.ip_local_port_range`), 메모리(`free -m`). 한도를 올린 뒤에는 에이전트를 재시작해야 합니다."
        ),
    )
    .severity(Severity::Warning)
    .evidence("error", error)
}

/// What findings about `address` name: the address, and the name it stands for.
#[must_use]
pub fn subject(endpoint: &Endpoint, address: SocketAddr) -> String {
    match &endpoint.host {
        Target::Name(name) => format!("{address} ({name})"),
        Target::Address(_) => address.to_string(),
    }
}

fn refused(subject: &str, port: u16) -> Finding {
    Finding::new(
        Code::TcpRefused,
        subject,
        text!(
            "{subject} refused the connection: nothing listens there",
            "{subject}에서 연결을 거부했습니다: 그 포트에서 듣고 있는 프로세스가 없습니다"
        ),
        text!(
            "On that machine, see who listens on the port: `ss -ltnp 'sport = :{port}'`. If nobody does, start the service and read its log.",
            "해당 서버에서 포트를 듣는 프로세스를 확인하세요: `ss -ltnp 'sport = :{port}'`. 없으면 서비스를 시작하고 로그를 확인하세요."
        ),
    )
}

fn timed_out(subject: &str, port: u16, timeout: Duration) -> Finding {
    Finding::new(
        Code::TcpTimeout,
        subject,
        text!(
            "{subject} did not answer the connection attempt within {timeout:?}",
            "{subject}에서 {timeout:?} 안에 연결 응답이 없습니다"
        ),
        text!(
            "A firewall that drops, a machine that is down, or a full accept queue. Compare from the machine itself: `nc -zv 127.0.0.1 {port}`; then look at the firewall: `nft list ruleset` or `iptables -nvL`.",
            "방화벽이 패킷을 버리거나, 서버가 꺼졌거나, 접속 대기열이 가득 찼을 수 있습니다. 서버 안에서 비교해 보세요: `nc -zv 127.0.0.1 {port}`. 그다음 방화벽을 확인하세요: `nft list ruleset` 또는 `iptables -nvL`."
        ),
    )
}

fn unreachable(subject: &str, address: SocketAddr, error: String) -> Finding {
    Finding::new(
        Code::TcpUnreachable,
        subject,
        text!("{subject} cannot be reached: {error}", "{subject}에 도달할 수 없습니다: {error}"),
        text!(
            "Look at the route: `ip route get {ip}`, and whether the network it names is up. If the check sets `source`, that address must be this machine's own: `ip address`.",
            "경로를 확인하세요: `ip route get {ip}`. 그 네트워크가 살아 있는지도 보세요. 체크에 `source`가 있다면 이 서버가 가진 주소여야 합니다: `ip address`.",
            ip = address.ip()
        ),
    )
    .evidence("error", error)
}

fn reset(subject: &str) -> Finding {
    Finding::new(
        Code::TcpReset,
        subject,
        text!(
            "{subject} accepted the connection and cut it at once",
            "{subject}에서 연결을 받자마자 끊었습니다"
        ),
        text!(
            "The service or something before it (a proxy, TCP wrappers, a connection limit) closes on purpose: read the service's log.",
            "서비스나 그 앞단(프록시, TCP wrapper, 연결 수 제한)이 일부러 끊고 있습니다. 서비스 로그를 확인하세요."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_sorted() {
        for (errno, expected) in [
            (libc::ECONNREFUSED, "refused"),
            (libc::ETIMEDOUT, "timeout"),
            (libc::ECONNRESET, "reset"),
            (libc::EPIPE, "reset"),
            (libc::ENETUNREACH, "unreachable"),
            (libc::EHOSTUNREACH, "unreachable"),
            (libc::EACCES, "unreachable"),
            (libc::EMFILE, "exhausted"),
            (libc::ENFILE, "exhausted"),
            (libc::ENOBUFS, "exhausted"),
            (libc::EADDRINUSE, "exhausted"),
            (libc::EADDRNOTAVAIL, "exhausted"),
        ] {
            assert_eq!(sorted(errno, "192.0.2.1:80"), expected, "errno {errno}");
        }
        assert_eq!(sorted(libc::EADDRNOTAVAIL, "[2001:db8::1]:80"), "unreachable");
    }

    fn sorted(errno: i32, address: &str) -> &'static str {
        match Failure::of(&io::Error::from_raw_os_error(errno), address.parse().unwrap()) {
            Failure::Refused => "refused",
            Failure::Timeout => "timeout",
            Failure::Reset => "reset",
            Failure::Unreachable(_) => "unreachable",
            Failure::Exhausted(_) => "exhausted",
        }
    }

    #[test]
    fn a_finding_names_address_and_name() {
        let endpoint = Endpoint { host: Target::Name("web".into()), port: 80 };
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let finding = Failure::Refused.into_finding(&endpoint, address, Duration::from_secs(1));
        assert_eq!(finding.code, Code::TcpRefused);
        assert_eq!(finding.subject, "127.0.0.1:80 (web)");
        assert_eq!(finding.evidence["address"], "127.0.0.1:80");
    }
}
