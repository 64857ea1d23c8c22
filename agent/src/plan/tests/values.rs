//! What right plans become.

use std::time::Duration;

use health::{ClaimKind, Exposure, Kind, Language, Protocol, Severity, Timing, Undeclared};

use super::*;
use crate::plan::{Endpoint, Target};
use crate::probe::dns::Expectation;
use crate::probe::tls::starttls::Starttls;
use crate::probe::{self, Spec};
use crate::tls::{ProtocolFloor, Remaining};

fn only(plan: &Plan) -> &probe::Check {
    assert_eq!(plan.checks.len(), 1);
    &plan.checks[0]
}

#[test]
fn an_empty_plan_has_every_default() {
    let plan = good("");
    let agent = &plan.agent;
    assert_eq!((&*agent.name, agent.url.as_str()), ("seoul", "http://127.0.0.1:9740"));
    assert_eq!(agent.store, Path::new("/plans/portwarden.db"));
    assert_eq!((agent.language, agent.resolver, agent.probes_in_flight), (Language::En, None, 512));
    assert!(plan.checks.is_empty() && plan.sweeps.is_empty() && plan.hosts.is_empty());
}

#[test]
fn the_agent() {
    let plan = good(
        "[agent]\nname = \"edge\"\nlisten = \"0.0.0.0:80\"\nstore = \"/var/lib/p.db\"\n\
         language = \"ko\"\nresolver = \"127.0.0.1\"\nprobes_in_flight = 8",
    );
    assert_eq!(plan.agent.url, "http://seoul:80");
    assert_eq!(plan.agent.store, Path::new("/var/lib/p.db"));
    assert_eq!(plan.agent.language, Language::Ko);
    assert_eq!(plan.agent.resolver, Some("127.0.0.1:53".parse().unwrap()));
    let url = good("[agent]\nurl = \"https://watch.example/p/\"").agent.url;
    assert_eq!(url, "https://watch.example/p");
}

#[test]
fn a_pace_of_its_own_and_the_defaults() {
    let plan = good(
        "[defaults]\ncron = \"0 * * * *\"\ntimezone = \"UTC\"\ntimeout = \"2s\"\nfail_after = 3\n\
         [[tcp]]\nname = \"a\"\naddress = \"a.example:1\"\n\
         [[tcp]]\nname = \"b\"\naddress = \"a.example:1\"\ninterval = \"1s\"\nrecover_after = 5\n\
         [[tcp]]\nname = \"c\"\naddress = \"a.example:1\"\ntimezone = \"Etc/UTC\"\ndepends_on = \"a\"",
    );
    let timing = |at: usize| &plan.checks[at].frame.timing;
    let cron = |timezone: &str| Timing::Cron {
        expression: "0 * * * *".to_owned(),
        timezone: timezone.to_owned(),
    };
    assert_eq!(timing(0), &cron("UTC"));
    assert_eq!(timing(1), &Timing::Every(Duration::from_secs(1)));
    assert_eq!(timing(2), &cron("Etc/UTC"));
    let frame = &plan.checks[1].frame;
    assert_eq!(frame.timeout, Duration::from_secs(2));
    assert_eq!((frame.thresholds.fail_after, frame.thresholds.recover_after), (3, 5));
    assert_eq!(&*plan.checks[2].frame.depends_on, ["a".into()]);
}

#[test]
fn hosts_and_claims() {
    let plan = good(
        r#"
[[host]]
name = "web"
address = "192.0.2.1"
local = true
undeclared = "critical"
addresses = { internal = ["10.0.0.0/8"], public = ["203.0.113.7"] }
[[host.port]]
port = 53
protocol = "udp"
claim = "system"
exposure = "internal"
process = ["unbound", "/usr/sbin/named"]
[[host.port]]
port = "3012-3013"
claim = "reserved"
service = "later"

[[host]]
name = "back"
address = "back.example"
[[host.port]]
port = 53
[[host.port]]
port = "9000"
claim = "reserved"
[[host.port]]
port = 9001
probe = "none"

[[host]]
name = "empty"
local = true
undeclared = "ignore"
"#,
    );
    let names: Vec<&str> = plan.checks.iter().map(|check| &*check.frame.name).collect();
    assert_eq!(names, ["web:53/udp", "web:3012", "web:3013", "back:53", "back:9000", "back:9001"]);
    let ports: Vec<&probe::port::Spec> = plan
        .checks
        .iter()
        .map(|check| match &check.spec {
            Spec::Port(spec) => spec,
            other => panic!("{other:?}"),
        })
        .collect();
    let dialled: Vec<bool> = ports.iter().map(|spec| spec.claim.dialled).collect();
    assert_eq!(dialled, [false, false, false, true, true, false]);
    let claim = &ports[0].claim;
    assert_eq!((claim.claim, claim.exposure), (ClaimKind::System, Some(Exposure::Internal)));
    assert_eq!(claim.key.protocol, Protocol::Udp);
    assert_eq!(claim.processes, ["unbound", "/usr/sbin/named"]);
    assert_eq!(ports[2].claim.range, (3012, 3013));
    assert_eq!(ports[2].claim.service, "later");
    let instances: Vec<&str> = plan.checks.iter().map(|check| &*check.frame.instance).collect();
    assert_eq!(instances[0], "192.0.2.1:53/udp");
    assert_eq!(instances[3], "back.example:53");
    assert_eq!(plan.checks[3].frame.host.as_deref(), Some("back"));
    let hosts: Vec<&str> = ports[0].neighbours.iter().map(|host| &*host.name).collect();
    assert_eq!(hosts, ["web", "empty"]);
    assert!(ports[3].neighbours.is_empty());
    assert_eq!(plan.hosts[2].address, "127.0.0.1");
    assert_eq!(plan.sweeps.len(), 1);
    assert_eq!(plan.sweeps[0].host.undeclared, Undeclared::Critical);
    assert_eq!(plan.sweeps[0].neighbours.len(), 2);
}

#[test]
fn a_tcp_dialogue() {
    let plan = good(
        "[[tcp]]\nname = \"redis\"\naddress = \"[::1]:6379\"\nsource = \"::1\"\nexpect = \"^hi\"\n\
         [[tcp.step]]\nsend = \"PING\\r\\n\"\nexpect = \"^\\\\+PONG\"\n[[tcp.step]]\nsend = \"QUIT\"",
    );
    let Spec::Tcp(spec) = &only(&plan).spec else { panic!() };
    assert_eq!(spec.target.to_string(), "[::1]:6379");
    assert_eq!(spec.steps.len(), 3);
    assert_eq!(
        (spec.steps[0].send.as_slice(), spec.steps[1].send.as_slice()),
        (&b""[..], &b"PING\r\n"[..])
    );
    assert_eq!(spec.steps[1].expect.as_ref().unwrap().as_str(), "^\\+PONG");
    assert!(spec.steps[2].expect.is_none());
}

#[test]
fn hellos_with_and_without_a_login() {
    let hello = |keys: &str| {
        let plan = good(&format!("[[tcp]]\nname = \"a\"\naddress = \"[::1]:1\"\n{keys}"));
        let Spec::Tcp(spec) = &only(&plan).spec else { panic!() };
        assert!(spec.steps.is_empty() && !spec.expect_closed);
        format!("{:?}", spec.speaks)
    };
    assert_eq!(hello(""), "None");
    assert_eq!(hello("speaks = \"redis\""), "Some(Redis)");
    assert_eq!(
        hello("speaks = \"mysql\"\ndatabase = \"shop\""),
        "Some(Mysql(Login { user: None, database: Some(\"shop\"), password: None }))"
    );
    assert_eq!(
        hello("speaks = \"postgres\"\nuser = \"a\"\npassword_env = \"MONITOR_PASSWORD\""),
        "Some(Postgres(Login { user: Some(\"a\"), database: None, password: Some(Password(…)) }))"
    );
}

#[test]
fn names_of_hosts_stand_for_their_addresses() {
    let plan = good(
        r#"
[[host]]
name = "web"
address = "192.0.2.1"
[[host]]
name = "named"
address = "Web.Example"
[[tcp]]
name = "by host"
address = "web:81"
[[tcp]]
name = "by address"
address = "192.0.2.1:82"
[[tcp]]
name = "by name"
address = "web.example:83"
[[tcp]]
name = "stranger"
address = "other.example:84"
[[http]]
name = "blamed"
url = "http://shop.example/"
connect = "web"
upstream = ["web:3011", "named:3012"]
"#,
    );
    let owners: Vec<Option<&str>> =
        plan.checks.iter().map(|check| check.frame.host.as_deref()).collect();
    assert_eq!(owners, [Some("web"), Some("web"), Some("named"), None, Some("web")]);
    let Spec::Tcp(spec) = &plan.checks[0].spec else { panic!() };
    assert_eq!(spec.target.to_string(), "192.0.2.1:81");
    assert_eq!(&*plan.checks[0].frame.instance, "web:81");
    let Spec::Http(spec) = &plan.checks[4].spec else { panic!() };
    assert_eq!(spec.connect[0].from, ("shop.example".to_owned(), 80));
    assert_eq!(spec.connect[0].to.to_string(), "192.0.2.1:80");
    let upstream: Vec<String> = spec.upstream.iter().map(ToString::to_string).collect();
    assert_eq!(upstream, ["192.0.2.1:3011", "web.example:3012"]);
}

#[test]
fn a_loopback_address_is_the_only_local_hosts() {
    let text = "[[host]]\nname = \"web\"\naddress = \"192.0.2.1\"\nlocal = true\n\
                [[tcp]]\nname = \"a\"\naddress = \"127.0.0.9:1\"";
    assert_eq!(good(text).checks[0].frame.host.as_deref(), Some("web"));
    let two = format!("{text}\n[[host]]\nname = \"b\"\naddress = \"127.0.0.2\"\nlocal = true");
    assert_eq!(good(&two).checks[0].frame.host, None);
}

#[test]
fn everything_of_http() {
    let plan = good(
        r#"
[[http]]
name = "shop"
url = "https://Shop.example/a?b=c"
connect = { "shop.example:443" = "127.0.0.1:8443", "shop.example:80" = "127.0.0.1:8081" }
method = "POST"
headers = { accept = "a/b", authorization = { value_env = "SHOP_TOKEN" }, cookie = { value_file = "token.txt" } }
body = "{}"
max_body_bytes = 10
expect.status = [200, "3xx", "400-404"]
expect.body = "ok"
expect.json = { "/status" = "ok", "/n" = 1, "/list" = [1.5, true] }
expect.headers = { Server = "nginx" }
expect.within = "800ms"
"#,
    );
    let check = only(&plan);
    assert_eq!(&*check.frame.instance, "https://Shop.example/a?b=c");
    let Spec::Http(spec) = &check.spec else { panic!() };
    assert_eq!(spec.connect.len(), 2);
    assert_eq!(spec.method, "POST");
    assert_eq!(spec.headers["accept"], "a/b");
    assert_eq!(spec.headers["authorization"], "Bearer abc");
    assert!(spec.headers["authorization"].is_sensitive());
    assert_eq!(spec.headers["cookie"], "Bearer xyz");
    assert!(spec.follow_redirects);
    assert_eq!(spec.expect.status, [(200, 200), (300, 399), (400, 404)]);
    let json: Vec<String> = spec
        .expect
        .json
        .iter()
        .map(|rule| format!("{}={}", rule.place.written(), rule.tests[0].describe().en))
        .collect();
    assert_eq!(json, ["/status=\"ok\"", "/n=1", "/list=[1.5,true]"]);
    assert_eq!(spec.expect.headers[0].name, "server");
    assert_eq!(spec.expect.within, Some(Duration::from_millis(800)));
}

#[test]
fn a_redirect_that_is_expected_is_not_followed() {
    let follows = |more: &str| {
        let plan = good(&format!("[[http]]\nname = \"a\"\nurl = \"http://a.example/\"\n{more}"));
        let Spec::Http(spec) = &only(&plan).spec else { panic!() };
        spec.follow_redirects
    };
    assert!(follows(""));
    assert!(follows("expect.status = 200"));
    assert!(follows("expect.status = [200, 301]"));
    assert!(!follows("expect.status = [301, \"3xx\"]"));
    assert!(!follows("expect.location = \"^https\""));
    assert!(follows("expect.location = \"^https\"\nfollow_redirects = true"));
    assert!(!follows("follow_redirects = false"));
}

#[test]
fn certificates() {
    let plan = good(
        r#"
[[tls]]
name = "a"
address = "shop.example"
connect = "127.0.0.1"
file = "live/fullchain.pem"
expiring_within = ["21d", "10%"]
min_version = "1.3"
[[tls]]
name = "b"
address = "127.0.0.1:8443"
server_name = "Shop.example"
ca = ["roots.pem", "other.pem"]
[[certificate]]
name = "c"
path = "live/*/fullchain.pem"
key = "/k.pem"
"#,
    );
    let Spec::Tls(spec) = &plan.checks[0].spec else { panic!() };
    assert_eq!(spec.target.to_string(), "shop.example:443");
    assert_eq!(spec.connect.as_ref().unwrap().to_string(), "127.0.0.1:443");
    assert_eq!(spec.server_name, "shop.example");
    assert_eq!(spec.file.as_deref(), Some(Path::new("/plans/live/fullchain.pem")));
    assert_eq!(spec.expiring.warning, Remaining::Time(Duration::from_secs(21 * 86_400)));
    assert_eq!(spec.expiring.critical, Remaining::Share(0.10));
    assert_eq!(spec.min_version, Some(ProtocolFloor::Tls13));
    let Spec::Tls(spec) = &plan.checks[1].spec else { panic!() };
    assert_eq!((spec.server_name.as_str(), spec.min_version), ("shop.example", None));
    let Spec::Certificate(spec) = &plan.checks[2].spec else { panic!() };
    assert_eq!(spec.path, "/plans/live/*/fullchain.pem");
    assert_eq!(&*plan.checks[2].frame.instance, "live/*/fullchain.pem");
}

#[test]
fn what_comes_before_and_within_tls() {
    let plan = good(
        r#"
[[tls]]
name = "a"
address = "mail.example"
connect = "127.0.0.1"
starttls = "smtp"
min_version = "1.0"
[[tls]]
name = "b"
address = "api.example"
alpn = "h2"
client_certificate = "monitor.pem"
"#,
    );
    let Spec::Tls(spec) = &plan.checks[0].spec else { panic!() };
    assert_eq!(spec.starttls, Some(Starttls::Smtp));
    assert_eq!(spec.target.to_string(), "mail.example:25", "the protocol's own port");
    assert_eq!(spec.connect.as_ref().unwrap().to_string(), "127.0.0.1:25");
    assert_eq!(spec.min_version, Some(ProtocolFloor::Tls10));
    let Spec::Tls(spec) = &plan.checks[1].spec else { panic!() };
    assert_eq!((spec.starttls, spec.alpn.as_slice()), (None, &["h2".to_owned()][..]));
    assert_eq!(spec.client.as_ref().unwrap().path(), Path::new("/plans/monitor.pem"));
}

#[test]
fn servers_over_tls() {
    let plan = good(
        r#"
[[dns]]
name = "zone"
zone = "shop.example"
nameservers = ["127.53.0.1", "tls://127.53.0.2", "tls://ns3.host.example:8853", "tls://[::1]#Dns.Example"]
resolvers = ["tls://127.53.0.53:8853#dns.example", "127.53.0.54"]
slow_after = "80ms"
"#,
    );
    let Spec::Dns(spec) = &only(&plan).spec else { panic!() };
    let servers: Vec<String> = spec.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["127.53.0.1:53", "127.53.0.2:853", "ns3.host.example:8853", "[::1]:853"]);
    let resolvers = ["127.53.0.53:8853", "127.53.0.54:53"].map(|text| text.parse().unwrap());
    assert_eq!(spec.resolvers, resolvers);
    assert_eq!(spec.asking.slow_after, Duration::from_millis(80));
    let over_tls = spec.asking.over_tls.iter();
    let over_tls: Vec<_> =
        over_tls.map(|asked| (asked.endpoint.to_string(), asked.name.as_deref())).collect();
    let expected = [
        ("127.53.0.2:853", None),
        ("ns3.host.example:8853", Some("ns3.host.example")),
        ("[::1]:853", Some("dns.example")),
        ("127.53.0.53:8853", Some("dns.example")),
    ];
    assert_eq!(over_tls, expected.map(|(endpoint, name)| (endpoint.to_owned(), name)));
}

#[test]
fn zones() {
    let plan = good(
        r#"
[[dns]]
name = "zone"
zone = "Shop.Example"
nameservers = ["ns1.host.example", "127.53.0.2:5353", "[::1]:54", "::1"]
parent = "127.53.0.10"
resolvers = ["127.0.0.1:5300"]
consistent = false
[[dns.record]]
name = "@"
type = "A"
values = ["192.0.2.10", "192.0.2.11"]
[[dns.record]]
name = "www"
type = "TXT"
contains = "a b"
[[dns.record]]
name = "_acme-challenge.shop.example."
type = "TXT"
absent = true
[[dns.record]]
name = "@"
type = "MX"
"#,
    );
    let check = only(&plan);
    assert_eq!((check.frame.kind, &*check.frame.instance), (Kind::Dns, "Shop.Example"));
    let Spec::Dns(spec) = &check.spec else { panic!() };
    assert_eq!(spec.zone.to_string(), "shop.example.");
    let servers: Vec<String> = spec.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["ns1.host.example:53", "127.53.0.2:5353", "[::1]:54", "[::1]:53"]);
    assert_eq!(spec.parent, ["127.53.0.10:53".parse().unwrap()]);
    let records: Vec<(String, &Expectation)> = spec
        .records
        .iter()
        .map(|record| (format!("{} {}", record.name, record.record_type), &record.expectation))
        .collect();
    assert_eq!(
        records,
        [
            (
                "shop.example. A".to_owned(),
                &Expectation::Exactly(vec!["192.0.2.10".to_owned(), "192.0.2.11".to_owned()])
            ),
            ("www.shop.example. TXT".to_owned(), &Expectation::Contains(vec!["a b".to_owned()])),
            ("_acme-challenge.shop.example. TXT".to_owned(), &Expectation::Absent),
            ("shop.example. MX".to_owned(), &Expectation::Anything),
        ]
    );
}

#[test]
fn receivers_routes_and_secrets() {
    let plan = good(
        r#"
[[receiver]]
name = "base64"
webhook = { url = "https://hooks.example/x", secret_env = "OPS_WEBHOOK_SECRET" }
[[receiver]]
name = "plain"
webhook.url = "http://127.0.0.1:1/"
webhook.secret_env = "PLAIN_SECRET"
[[receiver]]
name = "file"
webhook = { url = "http://127.0.0.1:1/", secret_file = "night.secret" }
[[receiver]]
name = "none"
webhook = { url = "http://127.0.0.1:1/" }
[[route]]
severity = "critical"
receivers = ["base64", "plain"]
[[route]]
severity = "warning"
receivers = "file"
"#,
    );
    let secrets: Vec<Option<&[u8]>> = plan
        .receivers
        .iter()
        .map(|receiver| {
            let alerts::Channel::Webhook(webhook) = &receiver.channel else {
                panic!("{receiver:?}")
            };
            webhook.secret.as_ref().map(|secret| secret.0.as_slice())
        })
        .collect();
    assert_eq!(secrets, [Some(&b"secret"[..]), Some(b"plain words"), Some(b"Bearer xyz"), None]);
    assert_eq!(plan.routes[0].about.severity, Some(Severity::Critical));
    assert_eq!(plan.routes[1].receivers, ["file"]);
}

#[test]
fn checks_keep_the_order_of_the_file_after_the_claims() {
    let plan = good(
        "[[dns]]\nname = \"1\"\nzone = \"a.example\"\n[[tcp]]\nname = \"2\"\naddress = \"a:1\"\n\
         [[http]]\nname = \"3\"\nurl = \"http://a\"\n[[tcp]]\nname = \"4\"\naddress = \"a:1\"\n\
         [[host]]\nname = \"a\"\naddress = \"127.0.0.1\"\n[[host.port]]\nport = 1",
    );
    let names: Vec<&str> = plan.checks.iter().map(|check| &*check.frame.name).collect();
    assert_eq!(names, ["a:1", "1", "2", "3", "4"]);
    let Spec::Tcp(spec) = &plan.checks[2].spec else { panic!() };
    let loopback = Target::Address("127.0.0.1".parse().unwrap());
    assert_eq!(spec.target, Endpoint { host: loopback, port: 1 });
}

#[test]
fn a_token_is_long_enough_and_never_in_the_file() {
    let of = |keys: &str| format!("[agent]\n{keys}\n");
    let token = good(&of("token_env = \"PORTWARDEN_TOKEN\"")).agent.token.unwrap();
    assert_eq!(token.expose(), "c0rrect-h0rse-battery");
    assert_eq!(good("").agent.token, None);
    for (keys, why) in [
        ("token_env = \"ID_SECRET\"", "at least 16"),
        ("token_env = \"EMPTY\"", "empty"),
        ("token_env = \"NOT_THERE\"", "not set"),
        ("token_file = \"empty.txt\"", "empty"),
        ("token = \"c0rrect-h0rse-battery\"", "never in the file"),
        ("token_env = \"PORTWARDEN_TOKEN\"\ntoken_file = \"token.txt\"", "exclude"),
    ] {
        let mistakes = bad(&of(keys));
        assert!(mistakes.contains(why), "{keys}: {mistakes}");
        assert!(!mistakes.contains("a third"), "{mistakes}");
    }
}
