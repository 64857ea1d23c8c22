//! The closed list of what can be wrong: one code per action an operator would take.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Severity;

macro_rules! codes {
    ($($variant:ident $label:literal $severity:ident $meaning:literal;)*) => {
        /// The stable name of a kind of finding. Metrics, alerts, pages and docs all use its label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name that the outside relies on, such as `tls.not-reloaded`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Code::$variant => $label,)* }
            }

            /// One English sentence: what it says.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)* }
            }

            /// How bad it is unless the probe knows better.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// The code with this label, or `None`.
            #[must_use]
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(Code::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    ResolveFailed "resolve.failed" Critical "The name of a target does not resolve.";
    TcpRefused "tcp.refused" Critical "Nothing listens: the connection was refused.";
    TcpTimeout "tcp.timeout" Critical "No answer to the connection attempt in time.";
    TcpUnreachable "tcp.unreachable" Critical "No route to the target.";
    TcpReset "tcp.reset" Critical "Accepted, then cut.";
    TcpSilent "tcp.silent" Critical "Accepted, then nothing where a reply was due.";
    TcpUnexpectedReply "tcp.unexpected-reply" Critical "Something answers, but not what should.";
    TcpNotReady "tcp.not-ready" Critical "The right service answers, and says that it does not serve.";
    TcpOpen "tcp.open" Critical "Open, where it must be closed.";
    SshHostKey "ssh.host-key" Critical "An SSH server, but another one.";
    HttpStatus "http.status" Critical "Another status than expected.";
    HttpBadGateway "http.bad-gateway" Critical "502, 503 or 504 from a proxy whose upstream is known to be at fault, and how.";
    HttpUpstream "http.upstream" Warning "One of several upstreams of a proxy is at fault while the others still answer.";
    HttpRateLimited "http.rate-limited" Critical "A limit on requests is reached, for this agent at least.";
    HttpMaintenance "http.maintenance" Critical "A maintenance page instead of the page.";
    HttpHostRejected "http.host-rejected" Critical "400 or 421 for this Host: the application does not know the name.";
    HttpRedirect "http.redirect" Critical "Missing, wrong, or looping redirect.";
    HttpBody "http.body" Critical "An expectation on the body does not hold.";
    HttpJson "http.json" Critical "An expectation on a JSON value does not hold.";
    HttpHeader "http.header" Warning "An expectation on a header does not hold.";
    HttpSlow "http.slow" Warning "Slower than expected; says which phase.";
    HttpTimeout "http.timeout" Critical "No full reply in time; says which phase it hung in.";
    HttpProtocol "http.protocol" Critical "Not HTTP, or broken HTTP: truncated, wrong length, cut mid-body.";
    HttpTooLarge "http.too-large" Warning "More body than the cap.";
    HttpChanged "http.changed" Critical "The body is not the one that the plan has.";
    HttpVersion "http.version" Warning "Answers in another version of HTTP than planned.";
    HttpSessionLost "http.session-lost" Critical "A later step of a journey lost the cookie or session of an earlier one.";
    HttpCookie "http.cookie" Warning "A cookie is set with other attributes than expected.";
    HttpProxy "http.proxy" Critical "The proxy that the check goes through does not let it through.";
    HttpToken "http.token" Critical "No access token to ask with: the OAuth 2.0 token endpoint refuses or fails.";
    HttpDiffersByWay "http.differs-by-way" Warning "Each way in answers well by itself, and yet they differ; says at which hop.";
    HttpUpgradeRefused "http.upgrade-refused" Critical "WebSocket upgrade not accepted.";
    WebsocketSilent "websocket.silent" Critical "Upgraded, then nothing where a message or a pong was due.";
    WebsocketClosed "websocket.closed" Critical "Upgraded, then closed by the server.";
    WebsocketUnexpectedReply "websocket.unexpected-reply" Critical "Upgraded, then another message than should come.";
    GrpcNotServing "grpc.not-serving" Critical "A gRPC service says that it does not serve, or does not know the service asked for.";
    GrpcCallFailed "grpc.call-failed" Critical "The health check of a gRPC service fails: unimplemented, refused, or answered by something else.";
    NginxUnreadable "nginx.unreadable" Warning "The page where nginx counts its connections cannot be read.";
    NginxDropped "nginx.dropped" Warning "nginx drops connections because it has no room for them.";
    CertExpired "cert.expired" Critical "The certificate has ended.";
    CertExpiring "cert.expiring" Warning "The certificate is near its end.";
    CertNotYetValid "cert.not-yet-valid" Critical "The certificate is not valid yet.";
    CertRenewalOverdue "cert.renewal-overdue" Warning "Past the point in its lifetime where its renewer should have replaced it.";
    CertWrongName "cert.wrong-name" Critical "Not valid for the name asked.";
    CertSelfSigned "cert.self-signed" Critical "Signed by itself, and not a trusted root.";
    CertWeakKey "cert.weak-key" Warning "The key is too short, or of a kind clients refuse.";
    CertWeakSignature "cert.weak-signature" Warning "Signed with an algorithm clients refuse.";
    CertLifetime "cert.lifetime" Notice "Issued for longer than the CAs of the web may issue.";
    CertNoTimestamps "cert.no-timestamps" Notice "Issued below a root of the web without timestamps of transparency logs.";
    CertUnreadable "cert.unreadable" Critical "A certificate file is missing or not usable.";
    CertKeyMismatch "cert.key-mismatch" Critical "The key file does not belong to the certificate.";
    CertKeyPermissions "cert.key-permissions" Notice "Every user of the machine may read or change the private key.";
    TlsHandshake "tls.handshake" Critical "No TLS at all; says which alert.";
    TlsUntrusted "tls.untrusted" Critical "The chain served does not lead to a trusted root.";
    TlsIncompleteChain "tls.incomplete-chain" Critical "An intermediate is missing from the chain served; says which.";
    TlsSuperfluous "tls.superfluous" Notice "The chain served holds certificates that nobody needs, or is out of order.";
    TlsOldProtocol "tls.old-protocol" Warning "Only, or still, speaks a protocol below the floor.";
    TlsNotReloaded "tls.not-reloaded" Critical "The file was renewed, the server still serves the old one.";
    TlsAlpn "tls.alpn" Warning "Settles on another application protocol than planned, or on none.";
    TlsDiffersByAddress "tls.differs-by-address" Warning "The addresses of one name serve different certificates.";
    TlsPinMismatch "tls.pin-mismatch" Critical "Not the pinned key or certificate.";
    TlsRevoked "tls.revoked" Critical "The CA has revoked the certificate served.";
    TlsStaple "tls.staple" Warning "The OCSP answer stapled is no use, or is missing where the certificate demands one.";
    DnsDrift "dns.drift" Critical "The authoritative answer is not the planned one.";
    DnsMissing "dns.missing" Critical "The name is there, the record is not (NODATA).";
    DnsNxdomain "dns.nxdomain" Critical "The authoritative servers say there is no such name.";
    DnsUnexpected "dns.unexpected" Warning "Present, where the plan says absent.";
    DnsInconsistent "dns.inconsistent" Critical "Nameservers disagree on a record.";
    DnsSerial "dns.serial" Warning "Nameservers disagree on the SOA serial.";
    DnsLame "dns.lame" Critical "A nameserver listed for the zone does not serve it authoritatively.";
    DnsUnreachable "dns.unreachable" Warning "A nameserver or resolver does not answer.";
    DnsSlow "dns.slow" Warning "A nameserver or resolver loses or delays many queries.";
    DnsNoTcp "dns.no-tcp" Warning "Answers over UDP only; with TC set, that means no answer at all.";
    DnsStaleCache "dns.stale-cache" Warning "The zone is right, a resolver still holds the old answer.";
    DnsAcmeLeftover "dns.acme-leftover" Warning "An old challenge was left behind.";
    DnsAcmeMismatch "dns.acme-mismatch" Warning "Not the challenge that should be there.";
    DnsCaa "dns.caa" Warning "CAA forbids the CA that issued the certificate in use.";
    DnsDangling "dns.dangling" Critical "CNAME to a name that does not exist.";
    DnsCnameLoop "dns.cname-loop" Critical "CNAME that leads back to itself.";
    DnsWildcard "dns.wildcard" Warning "The answer comes from a wildcard, the record itself is missing.";
    DnsBogus "dns.bogus" Critical "DNSSEC does not validate.";
    DnsInsecure "dns.insecure" Warning "The zone should be signed, and no chain of trust leads to it.";
    DnsSignatureExpiring "dns.signature-expiring" Warning "A DNSSEC signature nears its end and was not renewed.";
    DnsDelegation "dns.delegation" Warning "The parent's NS set or glue is not the zone's own.";
    DnsTtl "dns.ttl" Warning "The TTL of a record is out of the limits of the plan.";
    DnsValuesUnknown "dns.values-unknown" Warning "What a record should be cannot be told: the file or command that says so fails.";
    PortDead "port.dead" Critical "Allocated, and nobody answers.";
    PortTaken "port.taken" Critical "Reserved, and somebody is listening.";
    PortWrongOwner "port.wrong-owner" Critical "The wrong process owns an allocated port.";
    PortExposed "port.exposed" Critical "Bound or reachable more widely than claimed.";
    PortHidden "port.hidden" Warning "Bound or reachable more narrowly than claimed.";
    PortUndeclared "port.undeclared" Warning "Listening, and the plan does not know it.";
    PortEphemeral "port.ephemeral" Warning "Claimed, and among the ports that the kernel gives to clients.";
    ForwardBroken "forward.broken" Critical "The outer port is dead though the inner lives.";
    ForwardMisdirected "forward.misdirected" Critical "The outer port leads elsewhere.";
    ForwardNoHairpin "forward.no-hairpin" Notice "The outer address works from outside, not from inside.";
    AcmeHttp01 "acme.http01" Warning "A challenge file would not be reachable the way a CA asks for it.";
    AcmeRenewal "acme.renewal" Warning "The renewer's own configuration or log says the next renewal fails.";
    HeartbeatMissed "heartbeat.missed" Critical "A job has not reported when it should have.";
    HeartbeatFailed "heartbeat.failed" Critical "A job reports that it failed.";
    HeartbeatOverrun "heartbeat.overrun" Warning "A job began and has not said that it ended.";
    IcmpTimeout "icmp.timeout" Critical "Echo requests get no reply.";
    IcmpUnreachable "icmp.unreachable" Critical "Echo requests cannot be sent there, or a router on the way says that they do not arrive.";
    IcmpLoss "icmp.loss" Warning "More echo requests are lost than may be.";
    IcmpSlow "icmp.slow" Warning "Replies to echo requests take longer than they may.";
    IcmpNotPermitted "icmp.not-permitted" Warning "This machine does not let the agent send echo requests: nothing is known of the target.";
    UdpRefused "udp.refused" Critical "Nothing listens: the datagram was refused.";
    UdpSilent "udp.silent" Critical "No answer to a datagram where one was due.";
    UdpUnexpectedReply "udp.unexpected-reply" Critical "Something answers the datagram, but not what should.";
    AgentReceiver "agent.receiver" Warning "Messages to a receiver do not arrive.";
    AgentPanic "agent.panic" Warning "A probe crashed; a bug to report.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = String::deserialize(deserializer)?;
        Code::from_label(&label)
            .ok_or_else(|| serde::de::Error::custom(format!("no finding has the code {label:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_names_its_own_code() {
        for &code in Code::ALL {
            assert_eq!(Code::from_label(code.label()), Some(code));
        }
    }

    #[test]
    fn labels_are_area_dot_words() {
        for code in Code::ALL {
            let (area, words) = code.label().split_once('.').unwrap_or_default();
            let plain = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(plain(area) && plain(words), "{code}");
        }
    }
}
