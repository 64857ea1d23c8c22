//! By several ways, each a server of its own.

use super::super::ways::{Sameness, Way, Ways};
use super::*;

/// A way to this address for requests to shop.example.
fn way(name: &str, to: SocketAddr, in_plain: bool) -> Way {
    let port = if in_plain { 443 } else { 80 };
    Way {
        name: name.into(),
        connect: vec![connecting("shop.example", port, to)],
        source: None,
        in_plain: in_plain.then(|| ("shop.example".to_owned(), 443)),
        headers: HeaderMap::new(),
    }
}

fn by(url: &str, ways: &[Way], sameness: Sameness) -> Spec {
    let mut spec = spec(url);
    spec.ways = Some(Box::new(Ways::of(&spec, ways, sameness)));
    spec
}

#[tokio::test]
async fn every_way_is_asked_and_shown() {
    let good = answering(|_| ok("well")).await;
    let bad = answering(|_| "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let ways = vec![way("outer", bad, false), way("inner", good, false)];
    let (sight, watch) =
        look(&by("http://shop.example/a?b", &ways, Sameness::default()), LONG).await;
    assert_eq!(codes(&sight), ["http.status"]);
    let finding = &sight.findings[0];
    assert_eq!(
        (&*finding.subject, &finding.evidence["hop"]),
        ("http://shop.example/a", &"outer".into())
    );
    let said = &finding.summary.en;
    assert!(
        said.contains(&format!(
            "by inner ({good}) it is as it should be: outer ({bad}) is at fault"
        )),
        "{said}"
    );
    let command = finding.evidence["by_hand_well"].as_str().unwrap();
    assert!(command.contains(&format!("shop.example:80:{good}")), "{command}");
    assert_eq!(http(&sight).status, Some(500));
    let visits = &sight.facts.visits;
    let seen: Vec<_> =
        visits.iter().map(|visit| (&*visit.name, visit.address, visit.codes.len())).collect();
    assert_eq!(seen, [("outer", Some(bad), 1), ("inner", Some(good), 0)]);
    assert!(visits.iter().all(|visit| visit.took > Duration::ZERO && visit.way.is_some()));
    assert!(watch.phases().of(health::Phase::Processing).is_some());
}

#[tokio::test]
async fn those_behind_are_asked_once_and_not_put_down_to_a_way() {
    let good = answering(|_| ok("well")).await;
    let inner = answering(|_| ok("well")).await;
    let dead: SocketAddr = "127.80.0.97:1".parse().unwrap();
    let mut spec = spec("http://shop.example/");
    spec.behind.backends = vec![endpoint(inner), endpoint(dead)];
    let both = vec![way("outer", good, false), way("inner", inner, false)];
    spec.ways = Some(Box::new(Ways::of(&spec, &both, Sameness::default())));
    let (sight, _) = look(&spec, LONG).await;
    assert_eq!(codes(&sight), ["http.upstream"]);
    let said = &sight.findings[0].summary.en;
    assert!(said.ends_with("1 of 2 are well"), "{said}");
    assert_eq!(sight.findings[0].subject, dead.to_string());
    let asked = sight.facts.visits.iter().filter(|one| one.role == health::facts::Role::Upstream);
    assert_eq!(asked.count(), 2);
}

#[tokio::test]
async fn an_outer_way_that_hangs_does_not_keep_the_inner_one_waiting() {
    let silent = serving(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let good = answering(|_| ok("well")).await;
    let ways = vec![way("outer", silent, false), way("inner", good, false)];
    let spec = by("http://shop.example/", &ways, Sameness::default());
    let (sight, _) = look(&spec, SHORT).await;
    assert_eq!(codes(&sight), ["http.timeout"]);
    assert_eq!(sight.findings[0].evidence["hop"], "outer");
    assert_eq!(sight.facts.visits[1].http.as_ref().unwrap().status, Some(200));
    assert_eq!(sight.facts.visits[0].failure.as_deref(), Some("http.timeout"));
}

#[tokio::test]
async fn a_hop_without_tls_is_asked_as_a_proxy_would() {
    let address = answering(|request| match request.split(' ').nth(1) {
        // To itself without TLS, as one that does not believe X-Forwarded-Proto.
        Some("/") => {
            "HTTP/1.1 302 x\r\nLocation: http://shop.example/in\r\nContent-Length: 0\r\n\r\n"
                .to_owned()
        }
        _ => ok(request),
    })
    .await;
    let mut inner = way("app", address, true);
    inner.connect.push(connecting("shop.example", 80, address));
    inner.headers.insert("x-forwarded-proto", "https".parse().unwrap());
    let spec = by("https://shop.example/", &[inner.clone(), inner], Sameness::default());
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), [""; 0], "{:?}", sight.findings);
    let excerpt = http(&sight).excerpt.clone().unwrap();
    assert!(excerpt.contains("host: shop.example"), "{excerpt}");
    assert!(excerpt.contains("x-forwarded-proto: https"), "{excerpt}");
    assert!(sight.facts.tls.is_none());
    let by_hand = &http(&sight).request.as_ref().unwrap().by_hand;
    assert!(by_hand.ends_with("'http://shop.example/'"), "{by_hand}");
    assert!(by_hand.contains("-H 'x-forwarded-proto: https'"), "{by_hand}");
    // Each way with its redirect: both are told apart by the way, not by the name.
    let seen: Vec<_> =
        sight.facts.visits.iter().map(|visit| (visit.role.label(), visit.way.as_deref())).collect();
    assert_eq!(seen, [("way", Some("app")), ("redirect", Some("app"))].repeat(2));
}

#[tokio::test]
async fn secrets_stay_hidden_by_every_way() {
    let outer = answering(|_| ok("")).await;
    let inner = answering(ok).await;
    let mut hidden = way("inner", inner, false);
    hidden.headers.insert("x-key", "verysecret1".parse().unwrap());
    let mut plain = spec("http://shop.example/");
    plain.headers.insert("authorization", "Bearer verysecret2".parse().unwrap());
    let ways = vec![way("outer", outer, false), hidden];
    let sameness = Sameness { same_body: true, ..Sameness::default() };
    plain.ways = Some(Box::new(Ways::of(&plain, &ways, sameness)));
    let sight = sight(&plain).await;
    assert_eq!(codes(&sight), ["http.differs-by-way"]);
    let told = format!("{:?} {:?}", sight.facts, sight.findings);
    assert!(!told.contains("verysecret"), "{told}");
}
