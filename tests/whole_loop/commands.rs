//! Every command that looks once and ends: exit codes, and output that programs can read.

use std::path::Path;

use serde_json::Value;

use crate::support::certificates::{Authority, DAY, Order};
use crate::support::command::{portwarden, portwarden_with};
use crate::support::loopback::{on, own_ip};
use crate::support::nameserver::{Nameserver, Zone};
use crate::support::nginx::Nginx;
use crate::support::receiver::Receiver;

/// A web server, plain and with TLS, and a port on which nobody listens.
struct Site {
    folder: tempfile::TempDir,
    plain: String,
    https: String,
    shut: String,
    _nginx: Nginx,
}

impl Site {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ip = own_ip();
        let (plain, https, shut) = (on(ip), on(ip), on(ip));
        let root = Authority::new("Test Root");
        std::fs::write(folder.path().join("root.pem"), root.pem()).unwrap();
        let order = Order { names: &["shop.example"], serial: 7, valid: (-DAY, 89 * DAY) };
        root.issue(&order, folder.path());
        let servers = format!(
            "server {{ listen {plain}; return 200 'well'; }}\n\
             server {{ listen {https} ssl; ssl_certificate fullchain.pem; \
             ssl_certificate_key privkey.pem; return 200 'well'; }}"
        );
        let nginx = Nginx::start(folder.path(), &[plain, https], &servers);
        let [plain, https, shut] = [plain, https, shut].map(|address| address.to_string());
        Self { folder, plain, https, shut, _nginx: nginx }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn plan(&self, text: &str) {
        std::fs::write(self.path().join("probes.toml"), text).unwrap();
    }
}

fn codes(probe: &Value) -> Vec<&str> {
    let findings = probe["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn validate_lists_every_mistake_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.toml");
    let validate = |arguments: &[&str]| {
        let arguments = [&["--config", "plan.toml", "validate"], arguments].concat();
        portwarden(folder.path(), &arguments)
    };
    std::fs::write(&file, "[[tcp]]\nname = \"ssh\"\naddress = \"127.0.0.1:22\"\n").unwrap();
    validate(&[]).expect(0);
    assert_eq!(validate(&["--format", "json"]).expect(0).json()["checks"], 1);

    std::fs::write(
        &file,
        "[[tcp]]\nname = \"ssh\"\nadress = \"127.0.0.1:22\"\n\n[[tcp]]\nname = \"ssh\"\n\
         address = \"127.0.0.1:70000\"\ninterval = \"5 parsecs\"\n",
    )
    .unwrap();
    let told = validate(&[]).expect(2);
    for place in ["plan.toml:3:1: ", "plan.toml:6:8: ", "plan.toml:7:11: ", "plan.toml:8:12: "] {
        assert!(told.out.contains(place), "{place} in {}", told.out);
    }
    assert!(told.out.contains("address") && told.out.contains('^'), "{}", told.out);
    assert!(!told.out.contains('\x1b'), "plain text in a pipe: {}", told.out);
    let mistakes = validate(&["--format", "json"]).expect(2).json();
    let mistakes = mistakes["mistakes"].as_array().unwrap();
    let long = mistakes.iter().find(|mistake| mistake["line"] == 7).unwrap();
    assert!(long["message"].as_str().unwrap().contains("70000"), "{long}");

    let missing = portwarden(folder.path(), &["--config", "nowhere.toml", "validate"]).expect(2);
    assert!(missing.out.contains("nowhere.toml"), "{missing:?}");
    // Whoever starts it hears the same.
    let refused = portwarden(folder.path(), &["--config", "plan.toml", "run"]).expect(2);
    assert!(refused.err.contains("plan.toml:3:1: "), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ends_with_what_it_found() {
    let site = Site::open();
    site.plan(&format!(
        "[[tcp]]\nname = \"good\"\naddress = \"{}\"\n[[tcp]]\nname = \"bad\"\naddress = \"{}\"\n",
        site.plain, site.shut
    ));
    portwarden(site.path(), &["once", "good"]).expect(0);
    let told = portwarden(site.path(), &["once"]).expect(1);
    assert!(told.out.contains("tcp.refused") && told.out.contains(&site.shut), "{}", told.out);
    let json = portwarden(site.path(), &["once", "--format", "json"]).expect(1).json();
    assert_eq!(json["checks"][0]["success"], true, "{json}");
    assert_eq!(codes(&json["checks"][1]), ["tcp.refused"]);
    let unknown = portwarden(site.path(), &["once", "ugly"]).expect(2);
    assert!(unknown.err.contains("ugly") && unknown.err.contains("good"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_need_no_plan() {
    let site = Site::open();
    let probe = |arguments: &[&str]| {
        let json = [&["probe"], arguments, &["--format", "json"]].concat();
        let (text, json) = (
            portwarden(site.path(), &[&["probe"], arguments].concat()),
            portwarden(site.path(), &json),
        );
        assert_eq!(text.code, json.code, "{text:?} {json:?}");
        let seen = json.json();
        for code in codes(&seen) {
            assert!(text.out.contains(code), "{code} in {}", text.out);
        }
        (json.code, seen)
    };
    let (code, seen) = probe(&["tcp", &site.plain]);
    assert_eq!((code, codes(&seen)), (0, vec![]));
    assert!(seen["phases"]["connect"].is_number(), "{seen}");
    let (code, seen) = probe(&["tcp", &site.shut]);
    assert_eq!((code, codes(&seen)), (1, vec!["tcp.refused"]));
    let (code, _) = probe(&["tcp", &site.shut, "--expect-closed"]);
    assert_eq!(code, 0);

    let (code, seen) = probe(&["http", &format!("http://{}/", site.plain)]);
    assert_eq!((code, &seen["facts"]["http"]["status"]), (0, &Value::from(200)));
    let body = "expect.body = \"ill\"";
    let (code, seen) = probe(&["http", &format!("http://{}/", site.plain), "--set", body]);
    assert_eq!((code, codes(&seen)), (1, vec!["http.body"]));

    let ca = "ca = \"root.pem\"";
    let way = ["shop.example:443", "--connect", &site.https];
    let (code, seen) = probe(&[&["tls"], &way[..], &["--set", ca]].concat());
    assert_eq!(code, 0, "{seen}");
    assert_eq!(seen["facts"]["tls"]["chain"][0]["names"][0], "shop.example");
    let (code, seen) = probe(&[&["tls"], &way[..]].concat());
    assert_eq!((code, codes(&seen)), (1, vec!["tls.untrusted"]));
    assert!(seen["facts"]["tls"]["chain"].is_array(), "kept although it is not trusted: {seen}");

    // What cannot be probed is neither well nor a finding.
    let wrong = portwarden(site.path(), &["probe", "tcp", "no port here"]);
    assert!(!wrong.expect(2).err.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dns_probe_asks_the_nameservers_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let zone = Zone::new("shop.example", 1, "@ NS ns1\nns1 A 127.53.1.1\n@ A 192.0.2.10\n");
    let nameserver = Nameserver::start(&own_ip().to_string(), &[zone]);
    let address = nameserver.address().to_string();
    let probe = |value: &str| {
        let arguments =
            ["probe", "dns", "shop.example", "A", "--nameserver", &address, "--value", value];
        portwarden(folder.path(), &[&arguments[..], &["--format", "json"]].concat())
    };
    let seen = probe("192.0.2.10").expect(0).json();
    assert_eq!(seen["facts"]["dns"]["servers"][0]["address"], *address, "{seen}");
    assert_eq!(codes(&probe("192.0.2.11").expect(1).json()), ["dns.drift"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_report_is_written_in_every_format() {
    let site = Site::open();
    let (ip, port) = site.plain.rsplit_once(':').unwrap();
    let shut = site.shut.rsplit_once(':').unwrap().1;
    let host = format!(
        "[[host]]\nname = \"web\"\naddress = \"{ip}\"\nlocal = true\nundeclared = \"ignore\"\n\
         [[host.port]]\nport = {port}\nservice = \"shop, plain\"\nprocess = \"nginx\"\nexposure = \"loopback\"\n"
    );
    site.plan(&host);
    portwarden(site.path(), &["ports"]).expect(0);
    site.plan(&format!(
        "{host}[[host.port]]\nport = {shut}\nservice = \"app\"\nexposure = \"loopback\"\n"
    ));

    let table = portwarden(site.path(), &["ports"]).expect(1);
    assert!(table.out.contains(shut) && table.out.contains("port.dead"), "{}", table.out);
    // The document is the plan's alone: it finds nothing.
    let markdown = portwarden(site.path(), &["ports", "--format", "markdown"]).expect(0);
    assert!(markdown.out.starts_with("# Port allocation\n"), "{}", markdown.out);
    let row = markdown.out.lines().find(|line| line.contains(port)).unwrap();
    assert!(row.contains("nginx") && row.contains("shop, plain"), "{row}");
    let csv = portwarden(site.path(), &["ports", "--format", "csv"]).expect(1);
    let mut lines = csv.out.lines();
    assert!(lines.next().unwrap().starts_with("host,port,protocol,service"), "{}", csv.out);
    let row = lines.find(|line| line.contains(port)).unwrap();
    assert!(row.contains("\"shop, plain\""), "{row}");
    let json = portwarden(site.path(), &["ports", "--format", "json"]).expect(1).json();
    let rows = json["ports"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{json}");
    let of = |port: &str| {
        let port: u16 = port.parse().unwrap();
        rows.iter().find(|row| row["port"] == port).unwrap()
    };
    let row = of(port);
    assert_eq!(row["observed"]["process"], "nginx", "{row}");
    let dead = of(shut);
    assert_eq!(dead["findings"][0]["code"], "port.dead", "{dead}");
}

#[test]
fn codes_are_explained_and_the_plan_has_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let page = portwarden(folder.path(), &["explain", "tls.not-reloaded"]).expect(0);
    assert!(page.out.contains("tls.not-reloaded") && page.out.contains("reload"), "{page:?}");
    let korean = portwarden(folder.path(), &["--language", "ko", "explain", "port.dead"]).expect(0);
    assert!(korean.out.contains("포트"), "{korean:?}");
    let all = portwarden(folder.path(), &["explain"]).expect(0);
    for code in health::Code::ALL {
        assert!(all.out.contains(code.label()), "{code}");
    }
    let unknown = portwarden(folder.path(), &["explain", "tls.not-reloade"]).expect(2);
    assert!(unknown.err.contains("tls.not-reloaded"), "the nearest: {unknown:?}");
    let schema = portwarden(folder.path(), &["schema"]).expect(0).json();
    for table in ["agent", "defaults", "host", "tcp", "http", "tls", "dns", "certificate"] {
        assert!(schema["properties"][table].is_object(), "{table}");
    }
    // Not a command at all.
    portwarden(folder.path(), &["wat"]).expect(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_delivers_a_signed_test() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Receiver::start().await;
    let plan = format!(
        "{}[[receiver]]\nname = \"night\"\nwebhook = {{ url = \"{}\", secret_env = \"NIGHT_SECRET\" }}\n",
        ops.in_plan(folder.path()),
        ops.url()
    );
    std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
    let secret =
        ("NIGHT_SECRET", std::fs::read_to_string(folder.path().join("ops.secret")).unwrap());
    let notify = |receiver: &str| {
        portwarden_with((secret.0, &secret.1), folder.path(), &["notify", receiver])
    };
    for (count, receiver) in [(1, "ops"), (2, "night")] {
        let told = notify(receiver).expect(0);
        assert!(told.out.contains("delivered"), "{told:?}");
        let heard = ops.taken();
        assert_eq!(heard.len(), count);
        assert_eq!(heard[count - 1].kind(), "test");
        assert!(heard[count - 1].is_signed(), "{receiver}");
    }
    let unknown = notify("nobody").expect(2);
    assert!(unknown.err.contains("nobody") && unknown.err.contains("ops"), "{unknown:?}");
    ops.fail_with(Some(500));
    let refused = notify("ops").expect(2);
    assert!(refused.out.contains("500"), "{refused:?}");
    // A secret that is not there is a mistake of the plan.
    portwarden(folder.path(), &["notify", "night"]).expect(2);
}
