//! Names with several addresses, and what is said when one of them is not like the others.

use hickory_proto::op::ResponseCode;
use tokio::net::TcpListener;

use super::*;
use crate::net::tests::resolver;
use crate::tls::workshop::{serve_members_on, serve_on};

/// What one address does.
enum Act<'a> {
    /// Serves this certificate.
    Serve(&'a Leaf),
    /// The same, and lets nobody in without a certificate.
    Members(&'a Leaf),
    /// Accepts, and never says anything.
    Hang,
    /// Nobody listens.
    Refuse,
}

struct Company {
    issuer: Authority,
    roots: Roots,
}

impl Company {
    fn new() -> Self {
        let root = Authority::root("Test Root");
        let issuer = root.intermediate("Test R3", &plain);
        Self { issuer, roots: trusting(&[root.der()]) }
    }

    fn leaf(&self, from: i64, to: i64) -> Leaf {
        self.issuer.leaf(SHOP, &|params| days(params, from, to))
    }

    async fn serve(&self, ip: &str, port: u16, act: &Act<'_>) -> SocketAddr {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        match act {
            Act::Serve(leaf) => {
                let chain = vec![leaf.der.clone(), self.issuer.der()];
                serve_on(address, chain, leaf.private_key(), &[]).await
            }
            Act::Members(leaf) => {
                let chain = vec![leaf.der.clone(), self.issuer.der()];
                serve_members_on(address, &self.issuer, chain, leaf.private_key()).await
            }
            Act::Hang => {
                let listener = TcpListener::bind(address).await.unwrap();
                let address = listener.local_addr().unwrap();
                tokio::spawn(async move {
                    let mut held = Vec::new();
                    while let Ok(accepted) = listener.accept().await {
                        held.push(accepted);
                    }
                });
                address
            }
            Act::Refuse => address,
        }
    }

    /// A check of a name with these addresses, and a network where it has them. One of them must
    /// not refuse.
    async fn check(&self, cast: &[(&str, Act<'_>)]) -> (Spec, Net) {
        let mut port = 0;
        for (ip, act) in cast {
            let address = self.serve(ip, port, act).await;
            port = address.port();
        }
        let mut spec = spec(SocketAddr::from(([127, 0, 0, 1], port)), &self.roots);
        let host = Target::Name("shop.example".into());
        spec.target = Endpoint { host, port };
        spec.connect = None;
        // As a resolver may turn them.
        let addresses = cast.iter().rev().map(|(ip, _)| ip.parse().unwrap()).collect();
        let resolver = resolver(addresses, ResponseCode::NoError).await;
        (spec, Net::new(Some(resolver)).unwrap())
    }
}

async fn look_within(spec: &Spec, net: &Net, timeout: Duration) -> Sight {
    let mut watch = Stopwatch::start(timeout);
    let sight = observe(spec, net, &mut watch, noon()).await;
    let most = timeout + Duration::from_millis(1_500);
    assert!(watch.elapsed() < most, "took {:?} of {timeout:?}", watch.elapsed());
    sight
}

async fn look(spec: &Spec, net: &Net) -> Sight {
    look_within(spec, net, Duration::from_secs(5)).await
}

#[tokio::test]
async fn all_alike_is_well() {
    let company = Company::new();
    let leaf = company.leaf(-30, 60);
    let cast = ["127.42.1.1", "127.42.1.2", "::1"].map(|ip| (ip, Act::Serve(&leaf)));
    let (mut spec, net) = company.check(&cast).await;
    let sight = look(&spec, &net).await;
    assert_eq!(said(&sight), [""; 0], "{:#?}", sight.findings);
    let (facts, served) = (sight.facts.tls.unwrap(), sight.facts.served);
    assert_eq!(sight.facts.address.unwrap().ip().to_string(), "127.42.1.1");
    let addresses: Vec<String> =
        served.iter().map(|served| served.address.ip().to_string()).collect();
    assert_eq!(addresses, ["127.42.1.2", "::1"]);
    assert!(served.iter().all(|served| Arc::ptr_eq(&served.chain, &facts.chain)), "read once");
    assert_eq!(served[0].server_name.as_deref(), Some("shop.example"));
    assert_eq!(served[0].protocol, "TLS 1.3");
    assert_eq!(facts.path, [0, 1]);
    // From an address of one family, the other is out of reach.
    spec.source = Some("127.42.1.9".parse().unwrap());
    let sight = look(&spec, &net).await;
    assert_eq!(sight.facts.served.len(), 1, "{:#?}", sight.facts.served);
    spec.every_address = EveryAddress::Off;
    let sight = look(&spec, &net).await;
    assert_eq!((said(&sight).len(), sight.facts.served.len()), (0, 0));
}

#[tokio::test]
async fn the_one_that_lags_is_named() {
    let company = Company::new();
    let (new, old) = (company.leaf(-1, 89), company.leaf(-60, 30));
    let cast = [("127.42.2.1", Act::Serve(&new)), ("127.42.2.2", Act::Serve(&old))];
    let (mut spec, net) = company.check(&cast).await;
    let port = spec.target.port;
    for _ in 0..3 {
        let sight = look(&spec, &net).await;
        assert_eq!(said(&sight), ["tls.differs-by-address/warning"], "{:#?}", sight.findings);
        assert_eq!(sight.findings[0].subject, format!("shop.example:{port}"));
        let remedy = &sight.findings[0].remedy.en;
        assert!(remedy.contains(&format!("bring it to 127.42.2.2:{port} and")), "{remedy}");
    }
    spec.every_address = EveryAddress::Valid;
    assert_eq!(said(&look(&spec, &net).await), [""; 0]);
    // Known by another name than the one that is asked for.
    spec.every_address = EveryAddress::Same;
    spec.server_name = "shop.example".to_owned();
    spec.connect = Some(Endpoint { host: Target::Name("inner.example".into()), port });
    let sight = look(&spec, &net).await;
    assert_eq!(sight.findings[0].subject, format!("inner.example:{port} (shop.example)"));
}

#[tokio::test]
async fn each_is_judged_in_itself_and_alike_ones_once() {
    let company = Company::new();
    let (new, gone) = (company.leaf(-1, 89), company.leaf(-90, -2));
    let cast = [
        ("127.42.3.1", Act::Serve(&new)),
        ("127.42.3.2", Act::Serve(&gone)),
        ("127.42.3.3", Act::Serve(&gone)),
    ];
    let (spec, net) = company.check(&cast).await;
    let sight = look(&spec, &net).await;
    assert_eq!(said(&sight), ["cert.expired/critical", "tls.differs-by-address/warning"]);
    let subject = format!("127.42.3.2:{} (shop.example)", spec.target.port);
    assert_eq!(sight.findings[0].subject, subject);
    // Also when it is the other way round, and when all are.
    for (cast, expected) in [
        ([&gone, &new], vec!["cert.expired/critical", "tls.differs-by-address/warning"]),
        ([&gone, &gone], vec!["cert.expired/critical"]),
    ] {
        let [first, second] = cast.map(Act::Serve);
        let (spec, net) = company.check(&[("127.42.3.4", first), ("127.42.3.5", second)]).await;
        let sight = look(&spec, &net).await;
        assert_eq!(said(&sight), expected, "{:#?}", sight.findings);
        assert!(sight.findings[0].subject.starts_with("127.42.3.4:"));
    }
}

#[tokio::test]
async fn a_dead_address_is_a_warning_while_others_answer() {
    let company = Company::new();
    let leaf = company.leaf(-30, 60);
    for dead in ["127.42.4.2", "::1", "127.42.3.9"] {
        let cast = [("127.42.4.1", Act::Serve(&leaf)), (dead, Act::Refuse)];
        let (mut spec, net) = company.check(&cast).await;
        let sight = look(&spec, &net).await;
        assert_eq!(said(&sight), ["tcp.refused/warning"], "{:#?}", sight.findings);
        let dead = SocketAddr::new(dead.parse().unwrap(), spec.target.port);
        assert_eq!(sight.findings[0].subject, format!("{dead} (shop.example)"));
        assert_eq!(sight.facts.address.unwrap().ip().to_string(), "127.42.4.1");
        let served = &sight.facts.served[0];
        assert_eq!((served.address, served.chain.len()), (dead, 0));
        assert!(served.failure.as_ref().unwrap().contains("refused"), "{served:?}");
        assert!(sight.facts.tls.is_some());
        spec.every_address = EveryAddress::Off;
        assert_eq!(said(&look(&spec, &net).await), [""; 0]);
    }
    // All of them: as ever.
    let (mut spec, net) =
        company.check(&[("127.42.4.3", Act::Serve(&leaf)), ("127.42.4.4", Act::Refuse)]).await;
    spec.target.port = 1;
    assert_eq!(said(&look(&spec, &net).await), ["tcp.refused/critical"]);
}

#[tokio::test]
async fn one_that_hangs_hides_nobody() {
    let company = Company::new();
    let (leaf, gone) = (company.leaf(-30, 60), company.leaf(-90, -2));
    let timeout = Duration::from_secs(1);
    let (spec, net) =
        company.check(&[("127.42.5.1", Act::Serve(&leaf)), ("127.42.5.2", Act::Hang)]).await;
    let sight = look_within(&spec, &net, timeout).await;
    assert_eq!(said(&sight), ["tls.handshake/critical"], "{:#?}", sight.findings);
    assert!(sight.findings[0].subject.starts_with("127.42.5.2:"), "{:#?}", sight.findings);
    assert_eq!(sight.facts.tls.unwrap().chain.len(), 2);

    let (spec, net) =
        company.check(&[("127.42.5.3", Act::Hang), ("127.42.5.4", Act::Serve(&gone))]).await;
    let sight = look_within(&spec, &net, timeout).await;
    assert_eq!(said(&sight), ["cert.expired/critical", "tls.handshake/critical"]);
    assert_eq!(sight.facts.served[0].chain.len(), 2);

    let (spec, net) = company.check(&[("127.42.5.5", Act::Hang), ("127.42.5.6", Act::Hang)]).await;
    let sight = look_within(&spec, &net, timeout).await;
    assert_eq!(said(&sight), ["tls.handshake/critical"], "one sickness is told once");
}

#[tokio::test]
async fn a_notice_at_one_address_hides_no_failure_at_another() {
    let company = Company::new();
    let leaf = company.leaf(-30, 60);
    let both = ["tls.handshake/critical", "tls.handshake/notice"];
    for (cast, expected) in [
        ([("127.42.7.1", Act::Members(&leaf)), ("127.42.7.2", Act::Hang)], &both[..]),
        ([("127.42.7.3", Act::Hang), ("127.42.7.4", Act::Members(&leaf))], &both),
        // One of them alone insists; or both do, which is told once.
        ([("127.42.7.5", Act::Serve(&leaf)), ("127.42.7.6", Act::Members(&leaf))], &both[1..]),
        ([("127.42.7.7", Act::Members(&leaf)), ("127.42.7.8", Act::Members(&leaf))], &both[1..]),
    ] {
        let (spec, net) = company.check(&cast).await;
        let sight = look_within(&spec, &net, Duration::from_secs(1)).await;
        assert_eq!(said(&sight), expected, "{} {:#?}", cast[0].0, sight.findings);
    }
}

#[tokio::test]
async fn pins_hold_at_every_address() {
    let company = Company::new();
    let (ours, other) = (company.leaf(-30, 60), company.leaf(-30, 60));
    let key = |leaf: &Leaf| Pin::Key(tls::facts_of(&leaf.der).unwrap().spki_sha256);
    let (mut spec, net) = company
        .check(&[("127.42.6.1", Act::Serve(&ours)), ("127.42.6.2", Act::Serve(&other))])
        .await;
    spec.every_address = EveryAddress::Valid;
    spec.pins = vec![key(&ours)];
    let sight = look(&spec, &net).await;
    assert_eq!(said(&sight), ["tls.pin-mismatch/critical"], "{:#?}", sight.findings);
    assert!(sight.findings[0].subject.starts_with("127.42.6.2:"));
    spec.pins.push(key(&other));
    assert_eq!(said(&look(&spec, &net).await), [""; 0]);
    // The issuer's, on a path that was verified.
    spec.pins = vec![Pin::Certificate(tls::facts_of(&company.issuer.der()).unwrap().fingerprint)];
    assert_eq!(said(&look(&spec, &net).await), [""; 0]);
    spec.roots = trusting(&[]);
    let sight = look(&spec, &net).await;
    let mismatches = said(&sight).iter().filter(|one| one.starts_with("tls.pin")).count();
    assert_eq!(mismatches, 2, "{:#?}", sight.findings);
}
