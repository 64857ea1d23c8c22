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

/// The page of a group whose members are these, asked at `url`.
async fn of_group(url: &str, members: &[Endpoint]) -> Sight {
    let mut spec = spec(url);
    spec.behind.backends = members.to_vec();
    look(&spec, SHORT).await.0
}

#[tokio::test]
async fn a_member_that_answers_errors_is_named_whoever_was_asked_this_time() {
    let (fine, failing) = (answering(|_| ok("")).await, proxy("500").await);
    let members = [endpoint(fine), endpoint(failing)];
    for passed_to in [fine, failing] {
        let sight = of_group(&format!("http://{passed_to}/"), &members).await;
        let named = sight.findings.iter().find(|one| one.code == Code::HttpUpstream).unwrap();
        assert_eq!(named.subject, failing.to_string());
        let said = &named.summary.en;
        assert!(said.contains("1 of 2 are well"), "{said}");
    }
    let sight = of_group(&format!("http://{failing}/"), &members[1..]).await;
    assert_eq!(codes(&sight), ["http.status"], "it alone was asked, and that was told");
}

#[tokio::test]
async fn a_member_that_cannot_be_verified_is_neither_dead_nor_well() {
    let fine = answering(|_| ok("")).await;
    let refusing = "127.80.0.98:1";
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("nginx.conf");
    let front = answering(|_| ok("")).await;
    let text = format!(
        "http {{ upstream app {{ server {fine}; server {refusing}; server app.invalid:80; }}\n\
         server {{ listen {front}; location / {{ proxy_pass http://app; }} }} }}"
    );
    std::fs::write(&path, text).unwrap();
    let mut spec = spec(&format!("http://{front}/"));
    spec.behind.nginx = Some(path);
    let (sight, _) = look(&spec, LONG).await;
    assert_eq!(codes(&sight), ["http.upstream"]);
    let said = &sight.findings[0].summary.en;
    assert!(said.contains("one of 3") && said.contains("1 of 3 are well"), "{said}");
    assert_eq!(sight.findings[0].subject, "127.80.0.98:1");
}

#[tokio::test]
async fn a_slow_page_leaves_no_time_to_call_members_hung() {
    let hanging = serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let fine = answering(|_| ok("")).await;
    let slow = serving(|mut stream| async move {
        let _ = request(&mut stream).await;
        tokio::time::sleep(SHORT * 3 / 5).await;
        let _ = stream.write_all(ok("").as_bytes()).await;
    })
    .await;
    let members = [endpoint(fine), endpoint(hanging)];
    let sight = of_group(&format!("http://{slow}/"), &members).await;
    assert_eq!(codes(&sight), [""; 0]);
    let sight = of_group(&format!("http://{fine}/"), &members).await;
    assert_eq!(codes(&sight), ["http.upstream"]);
}
