//! What is served at other addresses: kept while it cannot be seen, forgotten when it is there no more.

use std::net::SocketAddr;

use health::facts::{ServedFacts, TlsFacts};

use super::*;

fn place(address: &str, name: Option<&str>, fingerprint: &str) -> ServedFacts {
    let leaf = CertificateFacts { fingerprint: fingerprint.into(), ..certificate() };
    let is_seen = !fingerprint.is_empty();
    ServedFacts {
        address: address.parse().unwrap(),
        server_name: name.map(str::to_owned),
        protocol: String::new(),
        chain: Arc::new(if is_seen { vec![leaf] } else { Vec::new() }),
        file: None,
        named_in: None,
        failure: (!is_seen).then(|| "refused".to_owned()),
    }
}

fn looked(served: &[ServedFacts]) -> Observation {
    let chain = Arc::new(vec![certificate()]);
    let facts = Facts {
        address: Some(SocketAddr::from(([127, 0, 0, 1], 443))),
        tls: Some(Box::new(TlsFacts { chain, ..TlsFacts::default() })),
        served: served.to_vec(),
        ..Facts::default()
    };
    Observation { facts, ..seen(Vec::new()) }
}

/// Address and leaf of every place, as shown.
fn shown(board: &mut Board) -> Vec<(String, String)> {
    let last = standing(board, "site").unwrap().last.clone().unwrap();
    let leaf = |place: &ServedFacts| {
        place.chain.first().map(|leaf| leaf.fingerprint.clone()).unwrap_or_default()
    };
    last.facts.served.iter().map(|place| (place.address.to_string(), leaf(place))).collect()
}

#[test]
fn places_are_kept_recalled_and_forgotten() {
    let plan = plan("[[tls]]\nname = \"site\"\naddress = \"shop.example\"\n");
    let (mut first, keys) = board(&plan);
    let check = keys[0].1;
    let (two, three) = ("127.0.0.2:443", "127.0.0.3:443");
    let name = Some("shop.example");
    let pair = |places: &[(&str, &str)]| -> Vec<(String, String)> {
        places.iter().map(|(at, leaf)| ((*at).to_owned(), (*leaf).to_owned())).collect()
    };
    let both = [place(two, name, "aa"), place(three, name, "bb")];
    first.record(check, looked(&both), None, at(1));
    assert_eq!(first.take_certificates()[0].1.served, both);
    first.record(check, looked(&both), None, at(2));
    assert!(first.take_certificates().is_empty(), "as it was");

    // One that cannot be seen keeps what it served; the reason is not written down for its own sake.
    first.record(check, looked(&[place(two, name, ""), both[1].clone()]), None, at(3));
    assert_eq!(shown(&mut first), pair(&[(two, "aa"), (three, "bb")]));
    assert!(first.take_certificates().is_empty());
    // A probe that got nowhere knows as much as before.
    first.record(check, seen(vec![finding(Code::TcpRefused)]), None, at(4));
    assert_eq!(shown(&mut first), pair(&[(two, "aa"), (three, "bb")]));
    assert!(first.take_certificates().is_empty());
    // An address that the name has no more.
    first.record(check, looked(&both[1..]), None, at(5));
    assert_eq!(shown(&mut first), pair(&[(three, "bb")]));

    // Who names nobody is looked at once in a while, after a restart too.
    let nameless = place("127.0.0.1:443", None, "cc");
    let all = [nameless.clone(), both[1].clone()];
    first.record(check, looked(&all), None, at(6));
    let (key, seen) = first.take_certificates().pop().unwrap();
    let (mut later, keys) = board(&plan);
    later.recall_certificates(HashMap::from([(key, seen)]));
    for moment in [7, 8] {
        later.record(keys[0].1, looked(&both[1..]), None, at(moment));
        assert_eq!(shown(&mut later), pair(&[("127.0.0.1:443", "cc"), (three, "bb")]));
        assert!(later.take_certificates().is_empty());
    }
    let changed = [place("127.0.0.1:443", None, "dd"), both[1].clone()];
    later.record(keys[0].1, looked(&changed), None, at(9));
    assert_eq!(shown(&mut later)[0].1, "dd");
    assert_eq!(later.take_certificates().len(), 1);
}
