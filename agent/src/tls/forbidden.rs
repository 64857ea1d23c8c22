//! Rules that a chain breaks although every link of it is there, and what each means for the one who
//! has to mend it. Pure.

use health::facts::CertificateFacts;
use health::{Code, Finding, Severity, Text, text};

use super::element::calling_name;

/// Which rule forbids a path. Places are those in the chain as presented, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// The leaf is a CA certificate.
    AuthorityAsLeaf,
    /// An issuer along the path is no CA certificate.
    LeafAsAuthority,
    /// Extended key usage does not include servers.
    NotForServers,
    /// Key usage keeps the leaf from proving who the server is.
    ProvesNothing,
    /// Key usage keeps this issuer from signing certificates.
    SignsNothing(usize),
    /// An issuer allows no such names below it; which issuer, where that can be told.
    NamesBelow(Option<usize>),
    /// More CAs below an issuer than it allows; which issuer, unless it is the root.
    TooManyAuthorities(Option<usize>),
    /// A critical extension that hardly anybody understands: whose, and which.
    UnknownCritical(usize, Vec<String>),
    /// An X.509 version 1 or 2 certificate, which has no place for names.
    OldVersion,
    /// An issuer of the right name, but another key signed.
    OtherKey,
    /// The issuer is there, but its name is written in another encoding.
    OtherSpelling(usize),
    /// More than 64 KiB.
    TooLarge,
    /// An element that cannot be read: its place, and why.
    Unreadable(usize, String),
    /// Anything else, in webpki's words.
    Other(String),
}

/// `tls.untrusted` for a chain that breaks a rule.
pub(super) fn finding(rule: &Forbidden, chain: &[CertificateFacts], subject: &str) -> Finding {
    let why = why(rule, chain);
    let finding = Finding::new(
        Code::TlsUntrusted,
        subject,
        text!(
            "{subject}: the chain is not acceptable: {why_en}",
            "{subject}: 체인을 받아들일 수 없습니다: {why_ko}",
            why_en = why.en,
            why_ko = why.ko,
        ),
        remedy(rule),
    )
    .evidence("reason", why.en);
    // Browsers and some libraries see nothing wrong in either.
    match rule {
        Forbidden::OtherSpelling(_) => finding.severity(Severity::Warning),
        Forbidden::Unreadable(_, words) => {
            finding.severity(Severity::Warning).evidence("error", &**words)
        }
        _ => finding,
    }
}

fn why(rule: &Forbidden, chain: &[CertificateFacts]) -> Text {
    let named = |place: usize| chain.get(place).map_or("", |one| calling_name(&one.subject));
    match rule {
        Forbidden::AuthorityAsLeaf => text!(
            "the certificate is a CA certificate (CA:TRUE), which Firefox and others refuse for a server",
            "서버 인증서가 CA 인증서(CA:TRUE)입니다. Firefox 등은 이를 거부합니다"
        ),
        Forbidden::LeafAsAuthority => text!(
            "an issuer in the chain is not a CA certificate",
            "체인 안의 발급 인증서가 CA 인증서가 아닙니다"
        ),
        Forbidden::NotForServers => text!(
            "a certificate in it is not meant for servers: its extended key usage lacks serverAuth",
            "서버용이 아닌 인증서가 있습니다: 확장 키 용도에 serverAuth가 없습니다"
        ),
        Forbidden::ProvesNothing => text!(
            "the certificate's key usage allows neither digitalSignature nor keyEncipherment, so it cannot prove who a server is",
            "인증서의 키 용도에 digitalSignature도 keyEncipherment도 없어 서버임을 증명할 수 없습니다"
        ),
        Forbidden::SignsNothing(place) => {
            let name = named(*place);
            text!(
                "\"{name}\" issued a certificate, but its key usage lacks keyCertSign",
                "\"{name}\"이(가) 인증서를 발급했지만 키 용도에 keyCertSign이 없습니다"
            )
        }
        Forbidden::NamesBelow(Some(place)) => {
            let name = named(*place);
            text!(
                "\"{name}\" may not issue for these names: its name constraints exclude them",
                "\"{name}\"은(는) 이 이름들의 인증서를 발급할 수 없습니다: 이름 제약(name constraints)에 걸립니다"
            )
        }
        Forbidden::NamesBelow(None) => text!(
            "an issuer may not issue for these names: its name constraints exclude them",
            "발급자가 이 이름들의 인증서를 발급할 수 없습니다: 이름 제약(name constraints)에 걸립니다"
        ),
        Forbidden::TooManyAuthorities(Some(place)) => {
            let name = named(*place);
            text!(
                "there are more CAs below \"{name}\" than its path length allows",
                "\"{name}\" 아래에 경로 길이(pathlen)가 허용하는 것보다 많은 CA가 있습니다"
            )
        }
        Forbidden::TooManyAuthorities(None) => text!(
            "there are more CAs below the root than its path length allows",
            "루트 아래에 경로 길이(pathlen)가 허용하는 것보다 많은 CA가 있습니다"
        ),
        Forbidden::UnknownCritical(place, oids) => {
            let (name, oids) = (named(*place), oids.join(", "));
            text!(
                "\"{name}\" has an extension marked critical that clients do not know ({oids}), so they must refuse it",
                "\"{name}\"에 클라이언트가 모르는 필수(critical) 확장이 있어({oids}) 거부해야만 합니다"
            )
        }
        Forbidden::OldVersion => text!(
            "it is an X.509 version 1 certificate, which has no place for the names it is valid for",
            "유효한 이름을 담을 수 없는 X.509 버전 1 인증서입니다"
        ),
        Forbidden::OtherKey => text!(
            "a signature in the chain was not made by the key of the issuer it names: an issuer of the same name but with another key",
            "체인의 서명이 명시된 발급자의 키로 만들어지지 않았습니다: 이름은 같지만 키가 다른 발급자입니다"
        ),
        Forbidden::OtherSpelling(place) => {
            let name = chain.get(*place).map_or("", |one| calling_name(&one.issuer));
            text!(
                "the issuer \"{name}\" is there, but its name is encoded otherwise in the certificate it issued; browsers and OpenSSL overlook that, Go, Rust and others refuse it",
                "발급자 \"{name}\"이(가) 있지만 발급된 인증서에는 그 이름이 다른 방식으로 인코딩되어 있습니다. 브라우저와 OpenSSL은 넘어가지만 Go, Rust 등은 거부합니다"
            )
        }
        Forbidden::TooLarge => text!(
            "the certificate is larger than 64 KiB, more than many clients read",
            "인증서가 64KiB를 넘습니다. 많은 클라이언트가 읽지 않는 크기입니다"
        ),
        Forbidden::Unreadable(place, _) => {
            let ordinal = place + 1;
            text!(
                "element {ordinal} of it is no certificate; browsers pass over it, curl, OpenSSL and Go end the handshake",
                "{ordinal}번째 항목이 인증서가 아닙니다. 브라우저는 넘어가지만 curl, OpenSSL, Go는 핸드셰이크를 끝냅니다"
            )
        }
        Forbidden::Other(words) => Text::same(words.clone()),
    }
}

fn remedy(rule: &Forbidden) -> Text {
    match rule {
        Forbidden::SignsNothing(_) => text!(
            "Issue the CA certificate anew, with the same key, and `keyUsage = critical, keyCertSign, cRLSign` in its extension section; what it issued stays valid. Then serve the new one in the chain and `nginx -s reload` (with systemd `systemctl reload nginx`).",
            "CA 인증서를 같은 키로, 확장 섹션에 `keyUsage = critical, keyCertSign, cRLSign`을 넣어 다시 발급하세요. 이미 발급한 것은 그대로 유효합니다. 새 인증서를 체인에 넣고 `nginx -s reload`를 실행하세요(systemd는 `systemctl reload nginx`)."
        ),
        Forbidden::ProvesNothing => text!(
            "Issue the certificate anew with `keyUsage = critical, digitalSignature` (for RSA also keyEncipherment) in its extension section, then reload the server.",
            "확장 섹션에 `keyUsage = critical, digitalSignature`(RSA라면 keyEncipherment도)를 넣어 인증서를 다시 발급하고 서버를 다시 읽게 하세요."
        ),
        Forbidden::NamesBelow(_) => text!(
            "Have it issued by a CA that may issue for the name, or issue the CA anew with the name among `nameConstraints = permitted;DNS:…`. See what it allows: `openssl x509 -in ca.pem -noout -ext nameConstraints`.",
            "이 이름을 발급할 수 있는 CA에서 발급받거나, `nameConstraints = permitted;DNS:…`에 이름을 더해 CA를 다시 발급하세요. 허용 범위 보기: `openssl x509 -in ca.pem -noout -ext nameConstraints`."
        ),
        Forbidden::TooManyAuthorities(_) => text!(
            "Issue the server's certificate one step higher, or issue that CA anew with a larger `basicConstraints = critical, CA:TRUE, pathlen:N` (with 0 no CA may stand below it). See: `openssl x509 -in ca.pem -noout -ext basicConstraints`.",
            "서버 인증서를 한 단계 위에서 발급하거나, 그 CA를 더 큰 `basicConstraints = critical, CA:TRUE, pathlen:N`으로 다시 발급하세요(0이면 아래에 CA를 둘 수 없습니다). 확인: `openssl x509 -in ca.pem -noout -ext basicConstraints`."
        ),
        Forbidden::UnknownCritical(..) => text!(
            "Issue it anew without `critical` before that extension. See which: `openssl x509 -in cert.pem -noout -text | grep -A1 critical`.",
            "그 확장에서 `critical`을 빼고 다시 발급하세요. 어떤 확장인지: `openssl x509 -in cert.pem -noout -text | grep -A1 critical`."
        ),
        Forbidden::OtherKey => text!(
            "Serve the issuer whose key signed it: with Let's Encrypt exactly the `fullchain.pem` of one renewal, not a new `cert.pem` with an old `chain.pem`. The first must name the key of the next: `openssl x509 -in cert.pem -noout -ext authorityKeyIdentifier`, `openssl x509 -in chain.pem -noout -ext subjectKeyIdentifier`. If they do agree, the file is damaged: have it issued anew.",
            "서명한 키를 가진 발급자의 인증서를 제공하세요: Let's Encrypt라면 새 `cert.pem`에 예전 `chain.pem`을 붙이지 말고 같은 갱신에서 나온 `fullchain.pem`을 그대로 쓰세요. 앞 인증서가 가리키는 키가 다음 인증서의 키여야 합니다: `openssl x509 -in cert.pem -noout -ext authorityKeyIdentifier`, `openssl x509 -in chain.pem -noout -ext subjectKeyIdentifier`. 둘이 같다면 파일이 손상된 것이니 다시 발급받으세요."
        ),
        Forbidden::OtherSpelling(_) => text!(
            "Issue the lower certificate anew with a tool that copies the issuer's name byte by byte (`openssl x509 -req -CA …` does). Compare: `openssl x509 -in cert.pem -noout -issuer -nameopt multiline,show_type`.",
            "발급자 이름을 바이트 그대로 옮기는 도구(`openssl x509 -req -CA …` 등)로 아래쪽 인증서를 다시 발급하세요. 비교: `openssl x509 -in cert.pem -noout -issuer -nameopt multiline,show_type`."
        ),
        Forbidden::Unreadable(..) => text!(
            "Take it out of the file the server is configured with: count `grep -c BEGIN fullchain.pem`, look at each: `openssl storeutl -noout -text -certs fullchain.pem`. Then `nginx -s reload` (with systemd `systemctl reload nginx`).",
            "서버에 설정된 파일에서 그 항목을 빼세요: `grep -c BEGIN fullchain.pem`으로 세고 `openssl storeutl -noout -text -certs fullchain.pem`으로 하나씩 보세요. 그다음 `nginx -s reload`(systemd는 `systemctl reload nginx`)."
        ),
        _ => text!(
            "Issue a proper server certificate (CA:FALSE, serverAuth, subjectAltName) and serve it with the intermediates it was issued under. See what is served: `openssl s_client -connect HOST:PORT -showcerts </dev/null`.",
            "올바른 서버 인증서(CA:FALSE, serverAuth, subjectAltName)를 발급해 중간 인증서와 함께 제공하세요. 지금 제공되는 것은 `openssl s_client -connect 호스트:포트 -showcerts </dev/null`로 볼 수 있습니다."
        ),
    }
}
