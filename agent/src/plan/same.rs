//! Are two checks the same check, before and after a reload?

use std::sync::Arc;

use health::{Check as Frame, Claim, Host};

use crate::net::Road;
use crate::probe::journey::capture::{Capture, Place};
use crate::probe::{
    Check, Spec, acme, certificate, dns, forward, grpc, heartbeat, http, icmp, journey, port, tcp,
    tls, udp, websocket,
};
use crate::tls::ClientCertificate;

/// Whether a check is unchanged by a reload, so that its state and phase may be kept. Patterns
/// are compared by their text, hosts without their other claims. Trusted roots are not compared:
/// take the new check even when it is the same, for its roots may be newer.
#[must_use]
pub fn same(a: &Check, b: &Check) -> bool {
    same_frame(&a.frame, &b.frame)
        && match (&a.spec, &b.spec) {
            (Spec::Tcp(a), Spec::Tcp(b)) => same_tcp(a, b),
            (Spec::Http(a), Spec::Http(b)) => same_http(a, b),
            (Spec::Tls(a), Spec::Tls(b)) => same_tls(a, b),
            (Spec::Sites(a), Spec::Sites(b)) => same_sites(a, b),
            (Spec::Dns(a), Spec::Dns(b)) => same_dns(a, b),
            (Spec::Certificate(a), Spec::Certificate(b)) => same_certificate(a, b),
            (Spec::Port(a), Spec::Port(b)) => same_port(a, b),
            (Spec::Forward(a), Spec::Forward(b)) => same_forward(a, b),
            (Spec::Acme(a), Spec::Acme(b)) => same_acme(a, b),
            (Spec::Journey(a), Spec::Journey(b)) => same_journey(a, b),
            (Spec::Websocket(a), Spec::Websocket(b)) => same_websocket(a, b),
            (Spec::Grpc(a), Spec::Grpc(b)) => same_grpc(a, b),
            (Spec::Icmp(a), Spec::Icmp(b)) => same_icmp(a, b),
            (Spec::Udp(a), Spec::Udp(b)) => same_udp(a, b),
            (Spec::Heartbeat(a), Spec::Heartbeat(b)) => same_heartbeat(a, b),
            (
                Spec::Tcp(_)
                | Spec::Http(_)
                | Spec::Tls(_)
                | Spec::Sites(_)
                | Spec::Dns(_)
                | Spec::Certificate(_)
                | Spec::Port(_)
                | Spec::Forward(_)
                | Spec::Acme(_)
                | Spec::Journey(_)
                | Spec::Websocket(_)
                | Spec::Grpc(_)
                | Spec::Icmp(_)
                | Spec::Udp(_)
                | Spec::Heartbeat(_),
                _,
            ) => false,
        }
}

/// Labels say who is told, not what is looked at.
fn same_frame(a: &Frame, b: &Frame) -> bool {
    let Frame { name, kind, instance, host, timing, timeout, thresholds, depends_on, labels: _ } =
        a;
    *name == b.name
        && *kind == b.kind
        && *instance == b.instance
        && *host == b.host
        && *timing == b.timing
        && *timeout == b.timeout
        && *thresholds == b.thresholds
        && *depends_on == b.depends_on
}

// Every function takes its spec apart without `..`, so that a new field must be considered here.

fn same_tcp(a: &tcp::Spec, b: &tcp::Spec) -> bool {
    let tcp::Spec { target, source, expect_closed, steps, speaks } = a;
    let pairwise = |(a, b): (&tcp::Step, &tcp::Step)| {
        let tcp::Step { send, expect } = a;
        let text = |pattern: &Option<regex::bytes::Regex>| {
            pattern.as_ref().map(|pattern| pattern.as_str().to_owned())
        };
        *send == b.send && text(expect) == text(&b.expect)
    };
    *target == b.target
        && *source == b.source
        && *expect_closed == b.expect_closed
        && steps.len() == b.steps.len()
        && steps.iter().zip(&b.steps).all(pairwise)
        && *speaks == b.speaks
}

fn same_http(a: &http::Spec, b: &http::Spec) -> bool {
    let http::Spec {
        url,
        shown: _,
        connect,
        source,
        road,
        version,
        grant,
        method,
        headers,
        body,
        hidden: _,
        follow_redirects,
        max_body_bytes,
        expect,
        upstream,
        behind,
        keeps_body,
        stub_status,
        in_plain,
        ways,
        roots: _,
        kept: _,
    } = a;
    *url == b.url
        && *connect == b.connect
        && *source == b.source
        && *method == b.method
        && *headers == b.headers
        && *body == b.body
        && *follow_redirects == b.follow_redirects
        && *max_body_bytes == b.max_body_bytes
        && *expect == b.expect
        && *upstream == b.upstream
        && *behind == b.behind
        && *keeps_body == b.keeps_body
        && *stub_status == b.stub_status
        && *in_plain == b.in_plain
        && *ways == b.ways
        && *version == b.version
        && *grant == b.grant
        && same_road(road.as_deref(), b.road.as_deref())
}

fn same_road(a: Option<&Road>, b: Option<&Road>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_same_as(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_tls(a: &tls::Spec, b: &tls::Spec) -> bool {
    let tls::Spec {
        target,
        connect,
        source,
        server_name,
        sends_name,
        every_address,
        pins,
        file,
        issuer,
        expiring,
        renewal,
        min_version,
        revocation,
        ari,
        starttls,
        alpn,
        client,
        roots: _,
    } = a;
    *target == b.target
        && *connect == b.connect
        && *source == b.source
        && *server_name == b.server_name
        && *sends_name == b.sends_name
        && *every_address == b.every_address
        && *pins == b.pins
        && *file == b.file
        && *issuer == b.issuer
        && *expiring == b.expiring
        && *renewal == b.renewal
        && *min_version == b.min_version
        && *revocation == b.revocation
        && *ari == b.ari
        && *starttls == b.starttls
        && *alpn == b.alpn
        && same_client(client.as_deref(), b.client.as_deref())
}

fn same_client(a: Option<&ClientCertificate>, b: Option<&ClientCertificate>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_same_as(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_sites(a: &tls::sites::Spec, b: &tls::sites::Spec) -> bool {
    let tls::sites::Spec {
        configuration,
        connect,
        source,
        expiring,
        renewal,
        revocation,
        roots: _,
        beside,
    } = a;
    let is_same_beside = match (beside, &b.beside) {
        (Some(a), Some(b)) => same_tls(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    *configuration == b.configuration
        && *connect == b.connect
        && *source == b.source
        && *expiring == b.expiring
        && *renewal == b.renewal
        && *revocation == b.revocation
        && is_same_beside
}

fn same_dns(a: &dns::Spec, b: &dns::Spec) -> bool {
    let dns::Spec {
        zone,
        nameservers,
        parent,
        hints,
        resolvers,
        consistent,
        asking,
        serial_grace,
        source,
        records,
        renewal,
        dnssec,
        kept: _,
    } = a;
    let pairwise = |(a, b): (&dns::Record, &dns::Record)| {
        let dns::Record { name, record_type, expectation, ttl } = a;
        *name == b.name
            && *record_type == b.record_type
            && *expectation == b.expectation
            && *ttl == b.ttl
    };
    *zone == b.zone
        && *nameservers == b.nameservers
        && *parent == b.parent
        && *hints == b.hints
        && *resolvers == b.resolvers
        && *consistent == b.consistent
        && *asking == b.asking
        && *serial_grace == b.serial_grace
        && *source == b.source
        && *renewal == b.renewal
        && records.len() == b.records.len()
        && records.iter().zip(&b.records).all(pairwise)
        && *dnssec == b.dnssec
}

fn same_certificate(a: &certificate::Spec, b: &certificate::Spec) -> bool {
    let certificate::Spec { path, key, password, expiring, renewal } = a;
    *path == b.path
        && *key == b.key
        && *password == b.password
        && *expiring == b.expiring
        && *renewal == b.renewal
}

fn same_port(a: &port::Spec, b: &port::Spec) -> bool {
    let port::Spec { host, claim, target, source, neighbours } = a;
    same_host(host, &b.host)
        && same_claim(claim, &b.claim)
        && *target == b.target
        && *source == b.source
        && neighbours.len() == b.neighbours.len()
        && neighbours.iter().zip(&b.neighbours).all(|(a, b)| same_host(a, b))
}

fn same_forward(a: &forward::Spec, b: &forward::Spec) -> bool {
    let forward::Spec { from, to, source, seen_from, speaks, roots: _ } = a;
    *from == b.from
        && *to == b.to
        && *source == b.source
        && *seen_from == b.seen_from
        && *speaks == b.speaks
}

fn same_acme(a: &acme::Spec, b: &acme::Spec) -> bool {
    let acme::Spec { domains, webroot, connect, source, renewal, roots: _ } = a;
    *domains == b.domains
        && *webroot == b.webroot
        && *connect == b.connect
        && *source == b.source
        && *renewal == b.renewal
}

fn same_journey(a: &journey::Spec, b: &journey::Spec) -> bool {
    let journey::Spec { values, steps, ways } = a;
    let pairwise = |(a, b): (&journey::Step, &journey::Step)| {
        let journey::Step { name, http, url, headers, body, captures } = a;
        *name == b.name
            && same_http(http, &b.http)
            && *url == b.url
            && *headers == b.headers
            && *body == b.body
            && captures.len() == b.captures.len()
            && captures.iter().zip(&b.captures).all(|(a, b)| same_capture(a, b))
    };
    *values == b.values
        && steps.len() == b.steps.len()
        && steps.iter().zip(&b.steps).all(pairwise)
        && *ways == b.ways
}

fn same_capture(a: &Capture, b: &Capture) -> bool {
    let Capture { name, place } = a;
    *name == b.name
        && match (place, &b.place) {
            (Place::Json(a), Place::Json(b)) | (Place::Cookie(a), Place::Cookie(b)) => a == b,
            (Place::Body(a), Place::Body(b)) => a.as_str() == b.as_str(),
            (Place::Header(a), Place::Header(b)) => a == b,
            (Place::Json(_) | Place::Cookie(_) | Place::Body(_) | Place::Header(_), _) => false,
        }
}

fn same_websocket(a: &websocket::Spec, b: &websocket::Spec) -> bool {
    let websocket::Spec { request, subprotocols, steps, ping } = a;
    let pairwise = |(a, b): (&websocket::Step, &websocket::Step)| {
        let websocket::Step { send, expect } = a;
        let text = |pattern: &Option<regex::Regex>| {
            pattern.as_ref().map(|pattern| pattern.as_str().to_owned())
        };
        *send == b.send && text(expect) == text(&b.expect)
    };
    same_http(request, &b.request)
        && *subprotocols == b.subprotocols
        && steps.len() == b.steps.len()
        && steps.iter().zip(&b.steps).all(pairwise)
        && *ping == b.ping
}

fn same_grpc(a: &grpc::Spec, b: &grpc::Spec) -> bool {
    let grpc::Spec { request, service } = a;
    same_http(request, &b.request) && *service == b.service
}

fn same_icmp(a: &icmp::Spec, b: &icmp::Spec) -> bool {
    let icmp::Spec { target, source, count, gap, within, loss } = a;
    *target == b.target
        && *source == b.source
        && *count == b.count
        && *gap == b.gap
        && *within == b.within
        && loss.total_cmp(&b.loss).is_eq()
}

fn same_udp(a: &udp::Spec, b: &udp::Spec) -> bool {
    let udp::Spec { target, source, send, expect } = a;
    *target == b.target
        && *source == b.source
        && *send == b.send
        && expect.as_ref().map(regex::bytes::Regex::as_str)
            == b.expect.as_ref().map(regex::bytes::Regex::as_str)
}

fn same_heartbeat(a: &heartbeat::Spec, b: &heartbeat::Spec) -> bool {
    let heartbeat::Spec { name, url, by_hand, terms } = a;
    *name == b.name && *url == b.url && *by_hand == b.by_hand && *terms == b.terms
}

fn same_claim(a: &Arc<Claim>, b: &Arc<Claim>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// Without the claims: a claim is not another because its neighbour is, and comparing them all
/// for each would take quadratic time.
fn same_host(a: &Arc<Host>, b: &Arc<Host>) -> bool {
    let Host { name, address, local, undeclared, addresses, ignore, claims: _ } = &**a;
    Arc::ptr_eq(a, b)
        || (*name == b.name
            && *address == b.address
            && *local == b.local
            && *undeclared == b.undeclared
            && *addresses == b.addresses
            && *ignore == b.ignore)
}
