//! Chains as servers present them: what is missing, what is too much, and what browsers ask beyond.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use portwarden::clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

use crate::support::agent::Agent;
use crate::support::certificates::DAY;
use crate::support::command::{portwarden, portwarden_with};
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

type Authority = CertifiedIssuer<'static, KeyPair>;

const NAME: &str = "shop.example";
const FETCH: &str = "http://ca.example/r3.der";

fn params(name: &str, (from, to): (i64, i64)) -> CertificateParams {
    let moment = |seconds: i64| {
        let unix = u64::try_from(clock::now().as_second() + seconds).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(unix)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (moment(from), moment(to));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority_params(name: &str, valid: (i64, i64)) -> CertificateParams {
    let mut params = params(name, valid);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn root(name: &str) -> Authority {
    let params = authority_params(name, (-900 * DAY, 900 * DAY));
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn below(issuer: &Authority, name: &str, valid: (i64, i64)) -> Authority {
    let params = authority_params(name, valid);
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

/// A leaf that says where its issuer can be fetched (RFC 5280 section 4.2.2.1).
fn leaf(issuer: &Issuer<'_, KeyPair>, key: &KeyPair, valid: (i64, i64)) -> String {
    let mut params = params(NAME, valid);
    params.subject_alt_names =
        CertificateParams::new(vec![NAME.to_owned()]).unwrap().subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let length = u8::try_from(FETCH.len()).unwrap();
    let mut access = vec![0x30, length + 14, 0x30, length + 12, 6, 8];
    access.extend([0x2b, 6, 1, 5, 5, 7, 48, 2, 0x86, length]);
    access.extend(FETCH.as_bytes());
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access)];
    params.signed_by(key, issuer).unwrap().pem()
}

/// One nginx that presents another chain at each of its addresses.
struct Shop {
    nginx: Nginx,
    places: BTreeMap<&'static str, SocketAddr>,
    whole: String,
}

impl Shop {
    fn open(folder: &Path) -> Self {
        let root = root("Shop Root");
        let issuer = below(&root, "Shop R3", (-300 * DAY, 300 * DAY));
        let ended = below(&root, "Shop R1", (-300 * DAY, -2 * DAY));
        let stranger = below(&self::root("Stranger"), "Stranger R1", (-300 * DAY, 300 * DAY));
        let key = KeyPair::generate().unwrap();
        let valid = (-10 * DAY, 80 * DAY);
        let (shop, old) = (leaf(&issuer, &key, valid), leaf(&ended, &key, valid));
        let long = leaf(&issuer, &key, (-10 * DAY, 380 * DAY));
        let (root, issuer, ended, stranger) =
            (root.pem(), issuer.pem(), ended.pem(), stranger.pem());
        std::fs::write(folder.join("root.pem"), &root).unwrap();
        std::fs::write(folder.join("shop.key"), key.serialize_pem()).unwrap();
        let whole = format!("{shop}{issuer}");
        let chains = [
            ("whole", whole.clone()),
            ("leaf alone", shop.clone()),
            ("ended intermediate", format!("{old}{ended}")),
            ("with root", format!("{shop}{issuer}{root}")),
            ("doubled", format!("{shop}{issuer}{issuer}")),
            ("stranger", format!("{shop}{stranger}{issuer}")),
            ("long", format!("{long}{issuer}")),
        ];
        let mut places = BTreeMap::new();
        let mut servers = String::new();
        for (name, chain) in chains {
            let (address, file) = (own_address(), name.replace(' ', "-"));
            std::fs::write(folder.join(format!("{file}.pem")), chain).unwrap();
            servers += &format!(
                "server {{ listen {address} ssl; ssl_certificate {file}.pem; ssl_certificate_key shop.key; }}\n"
            );
            places.insert(name, address);
        }
        let listen: Vec<SocketAddr> = places.values().copied().collect();
        Self { nginx: Nginx::start(folder, &listen, &servers), places, whole }
    }

    fn plan(&self, defaults: &str) -> String {
        let checks = self.places.iter().map(|(name, address)| {
            format!(
                "[[tls]]\nname = \"{name}\"\naddress = \"{NAME}:443\"\nconnect = \"{address}\"\n"
            )
        });
        format!("[defaults]\n{defaults}\n{}", checks.collect::<String>())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_presented_is_told_apart_and_heals_with_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let plan = shop.plan("interval = \"300ms\"\ntimeout = \"5s\"\nca = \"root.pem\"");
    let agent = Agent::start(folder.path(), "", &plan).await;

    let incomplete = agent.finding("leaf alone", "tls.incomplete-chain").await;
    assert_eq!(incomplete["evidence"]["missing"], "CN=Shop R3");
    assert_eq!(incomplete["evidence"]["fetch"], FETCH);
    let remedy = incomplete["remedy"].as_str().unwrap();
    assert!(remedy.contains(&format!("`curl -s {FETCH} | openssl x509 -inform der")), "{remedy}");

    let ended = agent.finding("ended intermediate", "cert.expired").await;
    assert!(ended["subject"].as_str().unwrap().ends_with(", intermediate \"Shop R1\""), "{ended}");

    for (check, evidence, name) in [
        ("with root", "roots", "Shop Root"),
        ("doubled", "doubled", "Shop R3"),
        ("stranger", "strangers", "Stranger R1"),
    ] {
        let odd = agent.finding(check, "tls.superfluous").await;
        assert_eq!(odd["severity"], "notice", "{odd}");
        assert_eq!(odd["evidence"][evidence], serde_json::json!([name]), "{odd}");
    }
    agent.state("whole", "up").await;
    // A notice is no reason to call anything degraded, and none of these has another finding.
    for check in ["with root", "doubled", "stranger", "long"] {
        agent.state(check, "up").await;
    }
    let findings = agent.findings().await;
    assert_eq!(findings.len(), 5, "{findings:#?}");

    for file in ["leaf-alone.pem", "ended-intermediate.pem", "doubled.pem"] {
        std::fs::write(folder.path().join(file), &shop.whole).unwrap();
    }
    shop.nginx.reload();
    agent.healed("leaf alone", "tls.incomplete-chain").await;
    agent.healed("ended intermediate", "cert.expired").await;
    agent.healed("doubled", "tls.superfluous").await;
}

/// The codes found, by check.
fn found(output: &serde_json::Value) -> Vec<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for check in output["checks"].as_array().unwrap() {
        for finding in check["findings"].as_array().unwrap() {
            found.push((word(&check["name"]), word(&finding["code"])));
        }
    }
    found.sort();
    found
}

#[test]
fn below_a_root_of_the_web_more_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path());
    let arguments = ["once", "--format", "json", "long", "whole"];
    let pair = |check: &str, code: &str| (check.to_owned(), code.to_owned());
    // The same root: the plan's own, the system's, and both.
    let plan = |defaults: &str| {
        std::fs::write(folder.path().join("probes.toml"), shop.plan(defaults)).unwrap();
    };
    plan("ca = \"root.pem\"");
    assert_eq!(found(&portwarden(folder.path(), &arguments).json()), []);
    let root = folder.path().join("root.pem");
    let system = ("SSL_CERT_FILE", root.to_str().unwrap());
    assert_eq!(found(&portwarden_with(system, folder.path(), &arguments).json()), []);
    plan("");
    let ended = portwarden_with(system, folder.path(), &arguments);
    assert_eq!(
        found(&ended.json()),
        [
            pair("long", "cert.lifetime"),
            pair("long", "cert.no-timestamps"),
            pair("whole", "cert.no-timestamps")
        ]
    );
}
