//! Whose fault a 502 is, with real upstreams.

use health::Code;
use health::facts::Role;

use super::*;

async fn proxy(status: &'static str) -> SocketAddr {
    answering(move |_| format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n")).await
}

#[tokio::test]
async fn the_upstream_at_fault_is_named() {
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.80.0.3:0".parse().unwrap()).unwrap();
    let refusing = bound.local_addr().unwrap();
    let hanging = serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let cutting = serving(|stream| async move { drop(stream) }).await;
    let fine = answering(|_| ok("")).await;
    let failing = proxy("500").await;
    for (status, chain, expected) in [
        ("502", vec![refusing], Some((refusing, "refuses"))),
        ("503", vec![cutting], Some((cutting, "cuts"))),
        ("504", vec![hanging], Some((hanging, "gives no answer"))),
        ("502", vec![failing, refusing], Some((refusing, "refuses"))),
        ("502", vec![failing, fine], Some((failing, "answers 500"))),
        ("502", vec![fine], None),
        ("502", vec![], None),
    ] {
        let mut spec = spec(&format!("http://{}/x", proxy(status).await));
        spec.upstream = chain.iter().map(|&address| endpoint(address)).collect();
        let (sight, _) = look(&spec, SHORT).await;
        assert_eq!(sight.findings.len(), 1);
        let finding = &sight.findings[0];
        match expected {
            Some((address, words)) => {
                assert_eq!(finding.code, Code::HttpBadGateway);
                assert_eq!(finding.subject, address.to_string());
                assert!(finding.summary.en.contains(words), "{}", finding.summary.en);
                assert_eq!(finding.evidence["upstream"].as_object().unwrap().len(), chain.len());
            }
            None => {
                assert_eq!(finding.code, Code::HttpStatus);
                assert!(finding.remedy.en.contains("upstream"), "{}", finding.remedy.en);
            }
        }
        assert_eq!(http(&sight).status, Some(status.parse().unwrap()));
        // The request itself stands before those that were asked about it.
        let roles: Vec<Role> = sight.facts.visits.iter().map(|visit| visit.role).collect();
        let upstreams = chain.iter().map(|_| Role::Upstream);
        let whole = (!chain.is_empty()).then_some(Role::Way);
        assert_eq!(roles, whole.into_iter().chain(upstreams).collect::<Vec<_>>());
        if let Some(visit) = sight.facts.visits.first() {
            let http = visit.http.as_ref().unwrap();
            assert_eq!(http.status, Some(status.parse().unwrap()));
            assert!(http.request.is_some());
            assert_eq!(visit.codes, [finding.code]);
        }
    }
}

#[tokio::test]
async fn an_expected_502_asks_nobody() {
    let mut spec = spec(&format!("http://{}/x", proxy("502").await));
    spec.expect.status = vec![(502, 502)];
    spec.upstream = vec![endpoint("127.80.0.99:1".parse().unwrap())];
    assert_eq!(codes(&sight(&spec).await), [""; 0]);
}
