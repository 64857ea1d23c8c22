//! What kept TLS from beginning, in words. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Code, Finding, Text, text};

use super::{Starttls, Trouble};
use crate::net::printable;
use crate::probe::tcp::speaks::judge::broken_off;

/// Most characters of a server's words that are shown.
const SHOWN_CHARS: usize = 256;

/// The finding for it.
pub(super) fn judge(
    protocol: Starttls,
    subject: &str,
    address: SocketAddr,
    timeout: Duration,
    trouble: &Trouble,
) -> Finding {
    let title = protocol.title();
    let shown = |words: &[u8]| printable(words.trim_ascii(), SHOWN_CHARS);
    let finding = match trouble {
        Trouble::Unheard(unheard) => return broken_off(title, subject, address, timeout, unheard),
        Trouble::TurnedAway(words) => {
            let said = shown(words);
            Finding::new(
                Code::TcpNotReady,
                subject,
                text!(
                    "{title} on {subject} turns clients away before TLS can begin: \"{said}\"",
                    "{subject}의 {title}이(가) TLS를 시작하기 전에 접속을 거절합니다: \"{said}\""
                ),
                text!(
                    "Its own words say why: a limit on clients, an access rule, or a service that is not ready. Read its log for this host.",
                    "이유는 서버가 한 말에 있습니다. 접속 한도, 접근 규칙, 또는 아직 준비되지 않은 서비스입니다. 서비스 로그에서 이 호스트를 찾아보세요."
                ),
            )
            .evidence("got", said)
        }
        Trouble::NotOffered(words) => {
            let said = shown(words);
            Finding::new(
                Code::TlsHandshake,
                subject,
                text!(
                    "no TLS with {subject}: {title} answers there, without STARTTLS (\"{said}\")",
                    "{subject}와(과) TLS 연결을 맺을 수 없습니다: {title}은(는) 답하지만 STARTTLS를 제공하지 않습니다(\"{said}\")"
                ),
                turn_on(protocol, address),
            )
            .evidence("expected", "STARTTLS")
            .evidence("got", said)
        }
        Trouble::Denied(words) => {
            let said = shown(words);
            Finding::new(
                Code::TlsHandshake,
                subject,
                text!(
                    "no TLS with {subject}: {title} knows STARTTLS and refuses it: \"{said}\"",
                    "{subject}와(과) TLS 연결을 맺을 수 없습니다: {title}이(가) STARTTLS를 알지만 거절합니다: \"{said}\""
                ),
                turn_on(protocol, address),
            )
            .evidence("expected", "STARTTLS")
            .evidence("got", said)
        }
    };
    finding.evidence("starttls", protocol.label())
}

/// How to turn it on, where most people have it.
fn turn_on(protocol: Starttls, address: SocketAddr) -> Text {
    let (how, how_ko) = match protocol {
        Starttls::Smtp | Starttls::Lmtp => (
            "Postfix: `postconf smtpd_tls_security_level smtpd_tls_chain_files smtpd_tls_cert_file` shows what is set; `postconf -e smtpd_tls_security_level=may` with the certificate's files, then `postfix reload`. A key that it cannot read looks the same: read the mail log (/var/log/mail.log)",
            "Postfix라면 `postconf smtpd_tls_security_level smtpd_tls_chain_files smtpd_tls_cert_file`로 현재 설정을 보고, 인증서 파일과 함께 `postconf -e smtpd_tls_security_level=may`를 설정한 뒤 `postfix reload`를 실행하세요. 키를 읽지 못해도 같은 증상이니 메일 로그(/var/log/mail.log)를 확인하세요",
        ),
        Starttls::Imap | Starttls::Pop3 | Starttls::Sieve => (
            "Dovecot: `doveconf ssl ssl_cert ssl_key` shows what is set; `ssl = yes` with the certificate's files, then `doveadm reload`. Its log: `doveadm log find`",
            "Dovecot이라면 `doveconf ssl ssl_cert ssl_key`로 현재 설정을 보고, 인증서 파일과 함께 `ssl = yes`를 설정한 뒤 `doveadm reload`를 실행하세요. 로그 위치는 `doveadm log find`로 볼 수 있습니다",
        ),
        Starttls::Ftp => (
            "vsftpd: `ssl_enable=YES`, `rsa_cert_file` and `rsa_private_key_file` in /etc/vsftpd.conf, then restart it. ProFTPD: mod_tls with `TLSEngine on`",
            "vsftpd라면 /etc/vsftpd.conf에 `ssl_enable=YES`, `rsa_cert_file`, `rsa_private_key_file`을 설정하고 다시 시작하세요. ProFTPD라면 mod_tls와 `TLSEngine on`입니다",
        ),
        Starttls::Ldap => (
            "OpenLDAP: `ldapsearch -Y EXTERNAL -H ldapi:/// -b cn=config -s base olcTLSCertificateFile olcTLSCertificateKeyFile` shows what is set; without both it has no TLS",
            "OpenLDAP이라면 `ldapsearch -Y EXTERNAL -H ldapi:/// -b cn=config -s base olcTLSCertificateFile olcTLSCertificateKeyFile`로 현재 설정을 보세요. 둘 다 있어야 TLS가 켜집니다",
        ),
        Starttls::Postgres => (
            "PostgreSQL: `psql -c 'show ssl'`; `ssl = on` with `ssl_cert_file` and `ssl_key_file` in postgresql.conf, then `psql -c 'select pg_reload_conf()'`. A key that others may read is refused: its log says so",
            "PostgreSQL이라면 `psql -c 'show ssl'`로 확인하고, postgresql.conf에 `ssl = on`과 `ssl_cert_file`, `ssl_key_file`을 설정한 뒤 `psql -c 'select pg_reload_conf()'`를 실행하세요. 다른 사용자가 읽을 수 있는 키는 거부되며 로그에 남습니다",
        ),
        Starttls::Mysql => (
            "MySQL and MariaDB: `mysql -e \"show variables like '%ssl%'\"`; `ssl_cert` and `ssl_key` in its [mysqld] section, then restart it. Files that it cannot read turn TLS off: its log says so",
            "MySQL이나 MariaDB라면 `mysql -e \"show variables like '%ssl%'\"`로 확인하고, [mysqld] 구역에 `ssl_cert`와 `ssl_key`를 설정한 뒤 다시 시작하세요. 읽을 수 없는 파일이면 TLS가 꺼지며 로그에 남습니다",
        ),
        Starttls::Xmpp => (
            "Prosody: `prosodyctl check certs`, then `prosodyctl cert import /etc/letsencrypt/live` and `prosodyctl reload`. ejabberd: `certfiles` in ejabberd.yml. `server_name` in the plan has to be the XMPP domain",
            "Prosody라면 `prosodyctl check certs`로 확인하고 `prosodyctl cert import /etc/letsencrypt/live`, `prosodyctl reload`를 실행하세요. ejabberd라면 ejabberd.yml의 `certfiles`입니다. 계획의 `server_name`은 XMPP 도메인이어야 합니다",
        ),
        Starttls::Nntp => (
            "INN: `tlscertfile` and `tlskeyfile` in inn.conf, then `ctlinnd reload inn.conf`",
            "INN이라면 inn.conf에 `tlscertfile`과 `tlskeyfile`을 설정하고 `ctlinnd reload inn.conf`를 실행하세요",
        ),
    };
    let domain = if protocol == Starttls::Xmpp { " -xmpphost DOMAIN" } else { "" };
    let by_hand = format!(
        "openssl s_client -starttls {protocol}{domain} -connect {address} </dev/null",
        protocol = protocol.label(),
    );
    text!(
        "Turn TLS on. {how}. See it by hand: `{by_hand}`.",
        "TLS를 켜세요. {how_ko}. 직접 확인하려면: `{by_hand}`."
    )
}

/// How to turn off what is older than `floor`, where most people have it.
pub(super) fn raise_floor(protocol: Starttls, floor: &str) -> Text {
    let version = floor.replacen("TLS ", "TLSv", 1);
    let setting = match protocol {
        Starttls::Smtp | Starttls::Lmtp => {
            format!(
                "`postconf -e 'smtpd_tls_protocols = >={version}' 'smtpd_tls_mandatory_protocols = >={version}'`, `postfix reload`"
            )
        }
        Starttls::Imap | Starttls::Pop3 | Starttls::Sieve => {
            format!("`ssl_min_protocol = {version}`, `doveadm reload`")
        }
        Starttls::Ftp => "`ssl_tlsv1=NO`, `ssl_tlsv1_1=NO`, `ssl_tlsv1_2=YES` (vsftpd)".to_owned(),
        Starttls::Ldap => {
            // GnuTLS, which Debian and Ubuntu build it with, heeds no `olcTLSProtocolMin`.
            let and_newer = if floor == "TLS 1.3" { ":-VERS-TLS1.2" } else { "" };
            format!(
                "in cn=config with GnuTLS (Debian, Ubuntu) `olcTLSCipherSuite: NORMAL:-VERS-TLS1.0:-VERS-TLS1.1{and_newer}`, with OpenSSL `olcTLSProtocolMin: 3.3` (TLS 1.2; `3.4` is TLS 1.3)"
            )
        }
        Starttls::Postgres => format!(
            "`psql -c \"alter system set ssl_min_protocol_version = '{version}'\" -c 'select pg_reload_conf()'`"
        ),
        Starttls::Mysql => "`tls_version = TLSv1.2,TLSv1.3` ([mysqld])".to_owned(),
        Starttls::Xmpp => {
            "`ssl = { protocol = \"tlsv1_2+\" }`, `prosodyctl reload` (Prosody)".to_owned()
        }
        Starttls::Nntp => "`tlsprotocols: [ TLSv1.2 TLSv1.3 ]` (INN)".to_owned(),
    };
    let title = protocol.title();
    text!(
        "Let the {title} server speak {floor} or newer alone: {setting}. If its TLS library is too old for that, it has to be upgraded.",
        "{title} 서버가 {floor} 이상만 지원하게 하세요: {setting}. TLS 라이브러리가 너무 오래되어 지원하지 않으면 업그레이드해야 합니다."
    )
}
