//! What every finding means: the pages of docs/findings, compiled in, so that `explain` answers
//! on a machine that has nothing but the binary.
//!
//! Deliberately absent: wording. The pages are the one place where it stands.

use health::{Code, Language};

macro_rules! pages {
    ($($variant:ident $label:literal,)*) => {
        /// The page of a finding as Markdown: meaning, why it matters, check by hand, fix.
        #[must_use]
        pub const fn page(code: Code, language: Language) -> &'static str {
            match (code, language) {
                $(
                    (Code::$variant, Language::En) => {
                        include_str!(concat!("../../docs/findings/", $label, ".md"))
                    }
                    (Code::$variant, Language::Ko) => {
                        include_str!(concat!("../../docs/findings/ko/", $label, ".md"))
                    }
                )*
            }
        }
    };
}

pages! {
    ResolveFailed "resolve.failed",
    TcpRefused "tcp.refused",
    TcpTimeout "tcp.timeout",
    TcpUnreachable "tcp.unreachable",
    TcpReset "tcp.reset",
    TcpSilent "tcp.silent",
    TcpUnexpectedReply "tcp.unexpected-reply",
    TcpNotReady "tcp.not-ready",
    TcpOpen "tcp.open",
    SshHostKey "ssh.host-key",
    HttpStatus "http.status",
    HttpBadGateway "http.bad-gateway",
    HttpUpstream "http.upstream",
    HttpRateLimited "http.rate-limited",
    HttpMaintenance "http.maintenance",
    HttpHostRejected "http.host-rejected",
    HttpRedirect "http.redirect",
    HttpBody "http.body",
    HttpJson "http.json",
    HttpHeader "http.header",
    HttpSlow "http.slow",
    HttpTimeout "http.timeout",
    HttpProtocol "http.protocol",
    HttpTooLarge "http.too-large",
    HttpChanged "http.changed",
    HttpVersion "http.version",
    HttpSessionLost "http.session-lost",
    HttpCookie "http.cookie",
    HttpProxy "http.proxy",
    HttpToken "http.token",
    HttpDiffersByWay "http.differs-by-way",
    HttpUpgradeRefused "http.upgrade-refused",
    WebsocketSilent "websocket.silent",
    WebsocketClosed "websocket.closed",
    WebsocketUnexpectedReply "websocket.unexpected-reply",
    GrpcNotServing "grpc.not-serving",
    GrpcCallFailed "grpc.call-failed",
    NginxUnreadable "nginx.unreadable",
    NginxDropped "nginx.dropped",
    CertExpired "cert.expired",
    CertExpiring "cert.expiring",
    CertNotYetValid "cert.not-yet-valid",
    CertRenewalOverdue "cert.renewal-overdue",
    CertWrongName "cert.wrong-name",
    CertSelfSigned "cert.self-signed",
    CertWeakKey "cert.weak-key",
    CertWeakSignature "cert.weak-signature",
    CertLifetime "cert.lifetime",
    CertNoTimestamps "cert.no-timestamps",
    CertUnreadable "cert.unreadable",
    CertKeyMismatch "cert.key-mismatch",
    CertKeyPermissions "cert.key-permissions",
    TlsHandshake "tls.handshake",
    TlsUntrusted "tls.untrusted",
    TlsIncompleteChain "tls.incomplete-chain",
    TlsSuperfluous "tls.superfluous",
    TlsOldProtocol "tls.old-protocol",
    TlsNotReloaded "tls.not-reloaded",
    TlsAlpn "tls.alpn",
    TlsDiffersByAddress "tls.differs-by-address",
    TlsPinMismatch "tls.pin-mismatch",
    TlsRevoked "tls.revoked",
    TlsStaple "tls.staple",
    DnsDrift "dns.drift",
    DnsMissing "dns.missing",
    DnsNxdomain "dns.nxdomain",
    DnsUnexpected "dns.unexpected",
    DnsInconsistent "dns.inconsistent",
    DnsSerial "dns.serial",
    DnsLame "dns.lame",
    DnsUnreachable "dns.unreachable",
    DnsSlow "dns.slow",
    DnsNoTcp "dns.no-tcp",
    DnsStaleCache "dns.stale-cache",
    DnsAcmeLeftover "dns.acme-leftover",
    DnsAcmeMismatch "dns.acme-mismatch",
    DnsCaa "dns.caa",
    DnsDangling "dns.dangling",
    DnsCnameLoop "dns.cname-loop",
    DnsWildcard "dns.wildcard",
    DnsInsecure "dns.insecure",
    DnsSignatureExpiring "dns.signature-expiring",
    DnsBogus "dns.bogus",
    DnsDelegation "dns.delegation",
    DnsTtl "dns.ttl",
    DnsValuesUnknown "dns.values-unknown",
    PortDead "port.dead",
    PortTaken "port.taken",
    PortWrongOwner "port.wrong-owner",
    PortExposed "port.exposed",
    PortHidden "port.hidden",
    PortUndeclared "port.undeclared",
    PortEphemeral "port.ephemeral",
    ForwardBroken "forward.broken",
    ForwardMisdirected "forward.misdirected",
    ForwardNoHairpin "forward.no-hairpin",
    AcmeHttp01 "acme.http01",
    AcmeRenewal "acme.renewal",
    HeartbeatMissed "heartbeat.missed",
    HeartbeatFailed "heartbeat.failed",
    HeartbeatOverrun "heartbeat.overrun",
    IcmpTimeout "icmp.timeout",
    IcmpUnreachable "icmp.unreachable",
    IcmpLoss "icmp.loss",
    IcmpSlow "icmp.slow",
    IcmpNotPermitted "icmp.not-permitted",
    UdpRefused "udp.refused",
    UdpSilent "udp.silent",
    UdpUnexpectedReply "udp.unexpected-reply",
    AgentReceiver "agent.receiver",
    AgentPanic "agent.panic",
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const LANGUAGES: [Language; 2] = [Language::En, Language::Ko];

    const fn sections(language: Language) -> [&'static str; 4] {
        match language {
            Language::En => ["What it means", "Why it matters", "Check by hand", "Fix"],
            Language::Ko => ["무슨 뜻인가", "왜 중요한가", "직접 확인", "고치는 법"],
        }
    }

    fn index(language: Language) -> &'static str {
        match language {
            Language::En => include_str!("../../docs/findings/README.md"),
            Language::Ko => include_str!("../../docs/findings/ko/README.md"),
        }
    }

    /// The text under one heading of the second level.
    fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
        let (_, rest) = page.split_once(&format!("\n## {heading}\n"))?;
        Some(rest.split("\n## ").next().unwrap_or(rest).trim())
    }

    fn commands(page: &str) -> Vec<&str> {
        page.split("```").skip(1).step_by(2).collect()
    }

    #[test]
    fn every_page_is_titled_with_its_own_code() {
        for &code in Code::ALL {
            for language in LANGUAGES {
                let title = page(code, language).lines().next();
                assert_eq!(title, Some(&*format!("# {code}")), "{language:?}");
            }
        }
    }

    #[test]
    fn english_pages_begin_with_the_meaning_of_the_code() {
        for &code in Code::ALL {
            assert_eq!(page(code, Language::En).lines().nth(2), Some(code.meaning()), "{code}");
        }
    }

    #[test]
    fn every_page_has_the_four_sections_in_order() {
        for &code in Code::ALL {
            for language in LANGUAGES {
                let page = page(code, language);
                let headings: Vec<&str> =
                    page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
                assert_eq!(headings.get(..4), Some(&sections(language)[..]), "{code} {language:?}");
                for heading in sections(language) {
                    let length = section(page, heading).unwrap_or_default().chars().count();
                    assert!(length >= 30, "{code} {language:?}: {heading} is all but empty");
                }
                let [_, _, check, _] = sections(language);
                assert!(
                    section(page, check).is_some_and(|text| text.contains("```sh\n")),
                    "{code} {language:?}: no commands to check by hand"
                );
            }
        }
    }

    #[test]
    fn pages_are_short_enough_to_be_read_at_three_in_the_morning() {
        for &code in Code::ALL {
            for language in LANGUAGES {
                let lines = page(code, language).lines().count();
                assert!((20..=45).contains(&lines), "{code} {language:?}: {lines} lines");
            }
        }
    }

    #[test]
    fn no_section_is_a_copy_of_another() {
        let mut seen = HashSet::new();
        for &code in Code::ALL {
            for language in LANGUAGES {
                for heading in sections(language) {
                    let text = section(page(code, language), heading);
                    assert!(seen.insert(text), "{code} {language:?}: {heading} is a copy");
                }
            }
        }
    }

    #[test]
    fn both_languages_give_the_same_commands() {
        for &code in Code::ALL {
            let [english, korean] = LANGUAGES.map(|language| commands(page(code, language)));
            assert_eq!(english, korean, "{code}");
        }
    }

    #[test]
    fn korean_pages_are_in_korean() {
        for &code in Code::ALL {
            let page = page(code, Language::Ko);
            let hangul = page.chars().filter(|letter| ('가'..='힣').contains(letter)).count();
            assert!(hangul > 200, "{code}: {hangul} letters of Hangul");
        }
    }

    #[test]
    fn every_code_is_in_the_index_of_both_languages() {
        for &code in Code::ALL {
            for language in LANGUAGES {
                let row = format!("| [`{code}`]({code}.md) | {} |", code.severity().label());
                let is_there = index(language).lines().any(|line| line.starts_with(&row));
                assert!(is_there, "{code} in the {language:?} index");
            }
        }
    }

    #[test]
    fn the_front_pages_count_the_codes() {
        let count = Code::ALL.len();
        let english = include_str!("../../README.md");
        assert!(english.contains(&format!("[{count} such codes]")), "README.md: {count}");
        let korean = include_str!("../../README.ko.md");
        assert!(korean.contains(&format!("진단 코드가 {count}가지")), "README.ko.md: {count}");
    }

    #[test]
    fn links_between_pages_lead_somewhere() {
        for &code in Code::ALL {
            for language in LANGUAGES {
                for link in page(code, language).split("](").skip(1) {
                    let target = link.split(')').next().and_then(|path| path.strip_suffix(".md"));
                    assert!(
                        target.is_some_and(|label| Code::from_label(label).is_some()),
                        "{code} {language:?}: {target:?}"
                    );
                }
            }
        }
    }
}
