//! What a host key means that is not the planned one, or not proven, in words.

use std::net::SocketAddr;

use health::{Code, Finding, Severity, text};

use crate::ssh::{Fingerprint, HostKey};

/// None of the keys that a server has is in the plan.
pub(super) fn another_key(
    subject: &str,
    address: SocketAddr,
    expected: &[Fingerprint],
    shown: &[HostKey],
) -> Finding {
    let words = |all: Vec<String>, or: &str| all.join(or);
    let planned: Vec<String> = expected.iter().map(ToString::to_string).collect();
    let got: Vec<String> = shown.iter().map(|key| key.fingerprint.to_string()).collect();
    let kinds: Vec<String> = shown.iter().map(ToString::to_string).collect();
    let listed = words(
        shown.iter().map(|key| format!("{} ({})", key.fingerprint, key.family.label())).collect(),
        ", ",
    );
    let planned_words = words(planned.clone(), " / ");
    let (ip, port) = (address.ip(), address.port());
    Finding::new(
        Code::SshHostKey,
        subject,
        text!(
            "{subject} is an SSH server with another host key: expected {planned_words}, got {listed}",
            "{subject}의 SSH 서버가 계획과 다른 호스트 키를 씁니다: 기대 {planned_words}, 실제 {listed}"
        ),
        text!(
            "Either the machine was reinstalled, or this address or forward now leads to another one. Compare over a way you trust (its console): `for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done` there, `ssh-keyscan -p {port} {ip} 2>/dev/null | ssh-keygen -lf -` here. The same: put the new fingerprint into `host_key`, and run `ssh-keygen -R {known}` on the clients. Not the same: correct the forward or the address, and log in nowhere until then.",
            "서버를 다시 설치했거나, 이 주소나 포워딩이 다른 서버로 이어진 것입니다. 믿을 수 있는 경로(콘솔)로 비교하세요. 서버에서 `for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done`, 여기서 `ssh-keyscan -p {port} {ip} 2>/dev/null | ssh-keygen -lf -`. 같으면 새 지문을 `host_key`에 적고 접속하는 쪽에서 `ssh-keygen -R {known}`을 실행하세요. 다르면 포워딩이나 주소를 바로잡고, 그때까지는 로그인하지 마세요.",
            known = as_known_host(address)
        ),
    )
    .evidence("expected", one_or_many(planned))
    .evidence("got", one_or_many(got))
    .evidence("keys", kinds)
    .evidence("address", address.to_string())
}

/// It shows a key, and the signature is not by it: whoever that is, it is not the key's owner.
pub(super) fn unproven(subject: &str, address: SocketAddr, key: &HostKey) -> Finding {
    let fingerprint = key.fingerprint;
    Finding::new(
        Code::SshHostKey,
        subject,
        text!(
            "{subject} presents the host key {fingerprint} and cannot prove that it is its own",
            "{subject}이(가) 호스트 키 {fingerprint}을(를) 제시하지만 자기 것임을 증명하지 못합니다"
        ),
        text!(
            "A public key copied from somewhere, or a server that is broken: log in nowhere. See whether a client agrees, `ssh -v -p {port} {ip}`, and who answers at this address.",
            "어디선가 복사한 공개 키이거나 고장 난 서버입니다. 로그인하지 마세요. 클라이언트로도 확인하고(`ssh -v -p {port} {ip}`), 이 주소에서 누가 답하는지 살펴보세요.",
            ip = address.ip(),
            port = address.port()
        ),
    )
    .evidence("expected", "a signature by the host key presented")
    .evidence("got", "a signature that does not verify")
    .evidence("keys", vec![key.to_string()])
    .evidence("address", address.to_string())
}

/// An SSH server, and whose cannot be told: it has nothing in common with this probe.
pub(super) fn cannot_be_told(
    subject: &str,
    address: SocketAddr,
    what: &str,
    theirs: &str,
) -> Finding {
    Finding::new(
        Code::TcpNotReady,
        subject,
        text!(
            "{subject} is an SSH server, but whose cannot be told: of its {what} methods portwarden knows none, or not all",
            "{subject}은(는) SSH 서버이지만 누구인지 확인할 수 없습니다: {what} 방식 가운데 portwarden이 모르는 것이 있습니다"
        ),
        text!(
            "By hand: `ssh-keyscan -p {port} {ip} 2>/dev/null | ssh-keygen -lf -`. To have it watched, allow curve25519-sha256 or ecdh-sha2-nistp256, and an Ed25519, ECDSA P-256/P-384 or RSA (1024 to 8192 bits) host key, in its sshd_config; and name the fingerprint of that one in `host_key`, or remove `host_key`.",
            "직접 확인: `ssh-keyscan -p {port} {ip} 2>/dev/null | ssh-keygen -lf -`. 계속 감시하려면 sshd_config에서 curve25519-sha256이나 ecdh-sha2-nistp256, 그리고 Ed25519, ECDSA P-256/P-384, RSA(1024~8192비트) 호스트 키 중 하나를 허용하고 그 지문을 `host_key`에 적거나, `host_key`를 지우세요.",
            ip = address.ip(),
            port = address.port()
        ),
    )
    .severity(Severity::Warning)
    .evidence("got", crate::net::printable(theirs.as_bytes(), 256))
    .evidence("address", address.to_string())
}

/// As clients write it into known_hosts.
fn as_known_host(address: SocketAddr) -> String {
    match address.port() {
        22 => address.ip().to_string(),
        port => format!("'[{}]:{port}'", address.ip()),
    }
}

fn one_or_many(mut words: Vec<String>) -> serde_json::Value {
    match words.len() {
        1 => words.remove(0).into(),
        _ => words.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_know_a_port_of_its_own_in_brackets() {
        for (address, expected) in [
            ("203.0.113.7:22", "203.0.113.7"),
            ("203.0.113.7:20122", "'[203.0.113.7]:20122'"),
            ("[::1]:2222", "'[::1]:2222'"),
        ] {
            assert_eq!(as_known_host(address.parse().unwrap()), expected);
        }
    }
}
