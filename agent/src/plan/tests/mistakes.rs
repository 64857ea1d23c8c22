//! What is said about wrong plans, to the letter: each group is one file in `snapshots/`.

use super::*;

/// Renders what is said about each text under the text itself.
#[track_caller]
fn said(texts: &[&str]) -> String {
    let each = |text: &&str| format!("{}\n────\n{}", text.trim(), bad(text.trim()));
    texts.iter().map(each).collect::<Vec<_>>().join("\n════════\n\n")
}

#[test]
fn keys() {
    insta::assert_snapshot!(said(&[
        "[defaults]\nintervall = \"30s\"",
        "[[htp]]\nname = \"a\"",
        "[agent]\ninterval = \"30s\"",
        "[[tcp]]\nname = \"a\"\naddress = \"a:1\"\nurl = \"http://a\"\nprobe_every = 3",
        "[[http]]\nname = \"a\"",
        "[host]\nname = \"a\"\naddress = \"a\"",
        "[[agent]]\nname = \"a\"",
        "[[journey]]\nname = \"a\"\n[[journey]]\n[[journey.step]]\n[heartbeat]",
        "[[tls]]\nname = \"a\"\naddress = \"a:1\"\nstarttls = \"smtps\"\nalpn = [\"h2\", \"\"]\nclient_key = \"k.pem\"",
        "[[http]]\nname = \"a\"\nurl = \"http://a\"\nexpect.cookie = [\"sid=1\", \"a\", \"a\", { secure = 1, max_age = { above = \"2h\", below = \"1h\" } }]",
        "[[journey]]\nname = \"j\"\nbase = \"http://a/?b\"\nvalues = { A = \"x\", user = \"u\" }\n[[journey.step]]\nname = \"s\"\npath = \"login\"\n[[journey.step]]\nname = \"s\"\nurl = \"http://a/{usr}/{late}\"\nheaders = { authorization = \"Bearer x\" }\n[[journey.step]]\nname = \"t\"\ncapture = { late = \"x\", other = { json = \"/a\", body = \"(\" } }",
        "http = 3\ntcp = [1]",
    ]));
}

#[test]
fn syntax() {
    insta::assert_snapshot!(said(&[
        "[agent]\nname = \"edge\nlisten = 30s\n\n[defaults]\nintervall = \"1s\"\nfail_after = 0",
        "[agent]\nname = \"a\"\nname = \"b\"",
        "[[http]\nname = \"a\"",
        "[[http]]\nname = \"a\"\nurl =\ntimeout = 5",
    ]));
}

#[test]
fn types_and_bounds() {
    insta::assert_snapshot!(said(&[
        "[defaults]\ninterval = 30\ntimeout = \"5\"\nfail_after = 0\nrecover_after = \"1\"",
        "[defaults]\ninterval = \"10ms\"\ntimeout = \"1h\"",
        "[defaults]\ninterval = \"30 sec\"\ntimeout = \"soon\"",
        "[[host]]\nname = \"a\"\nlocal = \"yes\"\nundeclared = \"warning\"",
        "[agent]\nlanguage = \"kr\"\nlisten = \"localhost:80\"\nresolver = \"dns.example\"\nprobes_in_flight = 0\nname = 3",
        "[agent]\nlisten = \"9740\"\nstore = \"postgres://u:p@db/x\"\nurl = \"watch.example\"",
        "[[tcp]]\nname = \"이름\u{ac00}\"\naddress = [\"a:1\"] # 뒤",
    ]));
}

#[test]
fn hellos() {
    let check = "[[tcp]]\nname = \"a\"\naddress = \"a:1\"";
    insta::assert_snapshot!(said(&[
        &format!("{check}\nspeaks = \"postgresql\"\nuser = \"a\""),
        &format!(
            "{check}\nexpect = \"^220\"\nspeaks = \"smtp\"\nexpect_closed = true\n[[tcp.step]]\nsend = \"x\""
        ),
        &format!("{check}\nspeaks = \"redis\"\nuser = \"a\"\ndatabase = \"b\""),
        &format!("{check}\nuser = \"a\""),
        &format!("{check}\nspeaks = \"postgres\"\npassword = \"hunter2\""),
        &format!("{check}\nspeaks = \"postgres\"\npassword_env = \"UNSET\"\npassword_file = \"a\""),
        &format!("{check}\nspeaks = \"mysql\"\nuser = \"a\"\npassword_env = \"UNSET\""),
        &format!("{check}\nspeaks = \"postgres\"\nuser = \"\"\ndatabase = \"a\\u0000b\""),
    ]));
}

#[test]
fn host_keys_and_forwards() {
    let ssh = "[[tcp]]\nname = \"a\"\naddress = \"a:22\"";
    let forward = "[[forward]]\nname = \"a\"";
    insta::assert_snapshot!(said(&[
        &format!("{ssh}\nspeaks = \"ssh\"\nhost_key = [\"SHA256:x\", \"MD5:16:27:ac\"]"),
        &format!("{ssh}\nspeaks = \"ssh\"\nhost_key = []"),
        &format!("{ssh}\nhost_key = \"SHA256:FRQ2qfcdPe9AOATFeRrLvx174woo2adVbrwtdx7/5lo\""),
        &format!(
            "{ssh}\nspeaks = \"redis\"\nhost_key = \"SHA256:FRQ2qfcdPe9AOATFeRrLvx174woo2adVbrwtdx7/5lo\""
        ),
        forward,
        &format!("{forward}\nfrom = \"203.0.113.7\"\nto = \"web:0\""),
        &format!("{forward}\nfrom = \"192.0.2.1:80\"\nto = \"192.0.2.1:80\""),
        &format!(
            "{forward}\nfrom = \"192.0.2.1:80\"\nto = \"192.0.2.2:80\"\nspeaks = \"smtp\"\nseen_from = \"here\"\nsource = \"2001:db8::1\""
        ),
    ]));
}

#[test]
fn timing() {
    insta::assert_snapshot!(said(&[
        "[defaults]\ninterval = \"30s\"\ncron = \"0 * * * *\"",
        "[defaults]\ntimezone = \"Asia/Seoul\"",
        "[defaults]\ncron = \"0 0 30 2 *\"\ntimezone = \"Asia/Seul\"",
        "[defaults]\ncron = \"61 * * * *\"",
        "[defaults]\ncron = \"every hour\"",
        "[defaults]\nca = [\"roots.pem\", \"missing.pem\"]\n[[tls]]\nname = \"a\"\naddress = \"a\"",
    ]));
}

#[test]
fn names_and_references() {
    insta::assert_snapshot!(said(&[
        "[[tcp]]\nname = \"ssh\"\naddress = \"a:22\"\n\n[[http]]\nname = \"ssh\"\nurl = \"http://a/\"",
        "[[host]]\nname = \"a\"\naddress = \"a\"\n[[host]]\nname = \"a\"\naddress = \"b\"",
        "[[host]]\nname = \"web:1\"\naddress = \"a\"\n[[host]]\nname = \"10.0.0.1\"\naddress = \"10.0.0.2\"",
        "[[host]]\nname = \"web\"\naddress = \"a\"\n[[host.port]]\nport = 80\n[[tcp]]\nname = \"web:80\"\naddress = \"a:1\"\n[[tcp]]\nname = \"web:81\"\naddress = \"a:1\"",
        "[[tcp]]\nname = \"\"\naddress = \"a:1\"\n[[tcp]]\nname = \" a\"\naddress = \"a:1\"\n[[tcp]]\nname = \"a\\u0007\"\naddress = \"a:1\"",
        "[[host]]\nname = \"router\"\naddress = \"a\"\n[[tcp]]\nname = \"shop\"\naddress = \"a:1\"\ndepends_on = [\"shopp\", \"router\", \"nothing like it\"]",
        "[[tcp]]\nname = \"a\"\naddress = \"a:1\"\ndepends_on = [\"b\"]\n[[tcp]]\nname = \"b\"\naddress = \"a:1\"\ndepends_on = [\"c\"]\n[[tcp]]\nname = \"c\"\naddress = \"a:1\"\ndepends_on = [\"a\"]",
        "[[tcp]]\nname = \"a\"\naddress = \"a:1\"\ndepends_on = [\"a\"]",
    ]));
}

#[test]
fn ports() {
    let host = "[[host]]\nname = \"web\"\naddress = \"192.0.2.1\"\nlocal = true\n";
    let claims = [
        "[[host.port]]\nport = 3011\n[[host.port]]\nport = 3011",
        "[[host.port]]\nport = 3011\n[[host.port]]\nport = \"3010-3020\"\nclaim = \"reserved\"",
        "[[host.port]]\nport = 0\n[[host.port]]\nport = 65536\n[[host.port]]\nport = \"20-10\"\n[[host.port]]\nport = \"1-65535\"",
        "[[host.port]]\nservice = \"x\"\n[[host.port]]\nport = [80, 443]",
        "[[host.port]]\nport = 53\nprotocol = \"udp\"\nprobe = \"tcp\"\n[[host.port]]\nport = 54\nclaim = \"reserved\"\nprobe = \"tcp\"",
        "[[host.port]]\nport = 80\nprocess = \"bin/nginx\"\nclaim = \"reserve\"\nexposure = \"world\"",
    ];
    let claims: Vec<String> = claims.iter().map(|claim| format!("{host}{claim}")).collect();
    let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
    insta::assert_snapshot!(said(&claims));
}

#[test]
fn ports_that_cannot_be() {
    let host = "[[host]]\nname = \"web\"\naddress = \"192.0.2.1\"\n";
    let ports = [
        "-1",
        "3.5",
        "65536",
        "\"0\"",
        "\"65536\"",
        "\"0-10\"",
        "\"65000-65536\"",
        "\"20-10\"",
        "\"10-\"",
        "\"-10\"",
        "\"10-20-30\"",
        "\"10..20\"",
        "\"0x50\"",
        "\"+80\"",
        "\"80/tcp\"",
        "\"http\"",
        "\"８０\"",
        "\"\"",
        "true",
    ];
    let mut said = String::new();
    for port in ports {
        let mistakes = read(&format!("{host}[[host.port]]\nport = {port}")).unwrap_err();
        assert_eq!(mistakes.count(), 1, "{mistakes}");
        let first = mistakes.list().first().unwrap();
        assert_eq!((first.line, first.column), (Some(5), Some(8)), "{mistakes}");
        said.push_str(&format!("{port}: {}\n", first.message));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn names_that_read_like_ports() {
    insta::assert_snapshot!(said(&[
        "[[host]]\nname = \"3011\"\naddress = \"192.0.2.1\"",
        "[[host]]\nname = \"3012-3014\"\naddress = \"192.0.2.1\"",
        "[[host]]\nname = 3011\naddress = \"192.0.2.1\"",
        "[[host]]\nname = \"web:80\"\naddress = \"192.0.2.1\"",
        "[[host]]\nname = \"53/udp\"\naddress = \"192.0.2.1\"",
        "[[host]]\nname = \"web\"\naddress = \"192.0.2.1\"\n[[host.port]]\nport = \"3010-3020\"\n[[host.port]]\nport = \"3015-3025\"\n[[tcp]]\nname = \"web:3030\"\naddress = \"web:3030\"\n[[tcp]]\nname = \"web:3012\"\naddress = \"web:3012\"",
    ]));
}

#[test]
fn listeners_and_owners() {
    let host = "[[host]]\nname = \"web\"\nlocal = true\n";
    let rows = [
        "ignore = [\"chrome*\", \"65536\", \"20-10\", \"5353/sctp\", \"udp/5353\", \"opt/x\", \"\", \"chrome*\"]",
        "ignore = 5353\nundeclared = \"ignore\"",
        "ignore = \"chrome\"\nundeclared = \"ignore\"",
        "source = \"::1\"",
        "[[host.port]]\nport = 80\nunit = \"nginx service\"\nuser = [\"www data\", \"\"]",
        "[[host.port]]\nport = 80\nunit = 3\nuser = 33",
    ];
    let rows: Vec<String> = rows.iter().map(|row| format!("{host}{row}")).collect();
    let far = "[[host]]\nname = \"web\"\naddress = \"192.0.2.1\"\nignore = \"chrome\"";
    let singles: Vec<String> = (0..65).map(|n| format!("\"10.0.0.{n}\"")).collect();
    let many = format!("{host}[host.addresses]\ninternal = [{}]", singles.join(", "));
    let rows: Vec<&str> = rows.iter().map(String::as_str).chain([far, &many]).collect();
    insta::assert_snapshot!(said(&rows));
}

#[test]
fn hosts_and_addresses() {
    insta::assert_snapshot!(said(&[
        "[[host]]\nname = \"web\"",
        "[[host]]\nname = \"web\"\naddress = \"192.0.2.1:80\"\nundeclared = \"warn\"",
        "[[host]]\nname = \"web\"\naddress = \"192.0.2.256\"\naddresses = { internal = [\"10.0.0.1/8\", \"10.0.0.0/40\"], public = [\"x\"] }",
        "[[host]]\nname = \"web\"\nlocal = true\naddresses = { internal = [\"10.0.0.0/8\"], public = [\"10.0.0.0/8\"] }",
        "[[tcp]]\nname = \"a\"\naddress = \"127.0.0.1\"",
        "[[tcp]]\nname = \"a\"\naddress = \"::1:443:x\"\nsource = \"127.0.0.1:3\"",
        "[[tcp]]\nname = \"a\"\naddress = \"[::1]:1\"\nsource = \"127.0.0.1\"\nexpect = \"(\"\nexpect_closed = true\n[[tcp.step]]",
        "[[tcp]]\nname = \"a\"\naddress = \"http://shop.example:80\"",
    ]));
}

#[test]
fn http() {
    insta::assert_snapshot!(said(&[
        "[[http]]\nname = \"a\"\nurl = \"shop.example/x\"",
        "[[http]]\nname = \"a\"\nurl = \"https://user:hidden@shop.example/\" # a=hidden",
        "[[http]]\nname = \"a\"\nurl = \"http:///x\"",
        "[[http]]\nname = \"a\"\nurl = \"http://a/\"\nmethod = \"get\"\nheaders = { Authorization = \"Basic hidden\" }",
        "[[http]]\nname = \"a\"\nurl = \"http://a/\"\nheaders = { \"x y\" = \"1\", content-length = \"3\", Accept = \"a\", accept = \"b\", t = {}, u = { value_env = \"NOT_SET\" } }",
        "[[http]]\nname = \"a\"\nurl = \"http://a/\"\nexpect.status = [99, \"6xx\", \"299-200\", true]\nexpect.json = { \"status.ok\" = 1 }\nexpect.body = \"[a\"\nexpect.within = \"6s\"",
        "[[http]]\nname = \"a\"\nurl = \"http://a/\"\nmethod = \"HEAD\"\nexpect.body = \"a\"",
        "[[http]]\nname = \"a\"\nurl = \"http://a/\"\nconnect = { \"a\" = \"127.0.0.1:1\", \"a:80\" = 3 }\nupstream = [\"web\"]\nca = \"missing.pem\"",
    ]));
}

#[test]
fn expectations() {
    let of = |expect: &str| format!("[[http]]\nname = \"a\"\nurl = \"http://a/\"\n{expect}");
    let plans = [
        "expect.contains = [\"\", \"x\", 3]\nexpect.absent = \"x\"",
        "expect.json = { \"$.a[\" = 1, \"$..a..b\" = 1, \"/a\" = { belwo = 3 }, \"/b\" = { below = \"3\", count = 1 } }",
        "expect.json = { \"/a\" = { above = 3, below = 3 }, \"/b\" = { present = false, equals = 1 }, \"$.c\" = { count = 1, present = true } }",
        "expect.json = { \"/a\" = { type = \"text\", length = -1, newer_than = \"1 day\", matches = \"(\", one_of = [] } }",
        "expect.headers = { etag = 3, \"x y\" = true, server = {}, vary = { not = \"a\", matches = \"b\" } }",
        "expect.security = \"high\"\nexpect.content_type = [\"json\", \"text/html; charset=utf-8\"]\nexpect.charset = \"utf 8\"",
        "expect.encoding = [\"gzipp\"]\nexpect.protocol = \"3\"\nexpect.size = 3\nexpect.hops = {}",
        "expect.within = { total = \"9s\", dns = \"1s\", tls = \"0s\" }\nexpect.modified_within = \"0h\"",
        "expect.body_hash = \"sha256:12\"\nexpect.same_as = \"missing.html\"",
        "expect.ignoring = \"(\"",
        "expect.location = \"x\"\nexpect.url = \"y\"\nexpect.hops = 11",
        "method = \"HEAD\"\nexpect.size = { above = 1 }",
    ]
    .map(of);
    insta::assert_snapshot!(said(&plans.each_ref().map(|plan| &**plan)));
}

#[test]
fn certificates_and_zones() {
    insta::assert_snapshot!(said(&[
        "[[tls]]\nname = \"a\"\naddress = \"a\"\nexpiring_within = [\"10%\", \"33%\"]\nmin_version = \"1.4\"\nserver_name = \"*.a\"",
        "[[tls]]\nname = \"a\"\naddress = \"a\"\nexpiring_within = [\"200%\", \"7\", \"1d\"]",
        "[[certificate]]\nname = \"a\"\npath = \"~/x.pem\"\nexpiring_within = \"21d\"\nsource = \"127.0.0.1\"",
        "[[certificate]]\nname = \"a\"\npath = \"a[\"",
        "[[dns]]\nname = \"a\"\nzone = \"192.0.2.1\"\nparent = \"ns.example\"",
        "[[dns]]\nname = \"a\"\nzone = \"shop.example\"\nnameservers = [\"tls://192.0.2.1#\", \"tls://\"]\nresolvers = [\"tls://192.0.2.1#a b\", \"tls://dns.example\"]\nslow_after = \"0s\"",
        "[[dns]]\nname = \"a\"\nzone = \"shop.example\"\n[[dns.record]]\nname = \"@\"\ntype = \"a\"\n[[dns.record]]\nname = \"other.example.\"\ntype = \"A\"\nvalues = []",
        "[[dns]]\nname = \"a\"\nzone = \"shop.example\"\n[[dns.record]]\nname = \"@\"\ntype = \"A\"\nvalues = [\"192.0.2.1\", \"192.0.2.1\", \"x\"]\nabsent = true\n[[dns.record]]\nname = \"shop.example\"\ntype = \"A\"",
    ]));
}

#[test]
fn challenges() {
    insta::assert_snapshot!(said(&[
        "[[acme]]\nname = \"a\"",
        "[[acme]]\nname = \"a\"\nwebroot = \"w\"\ndomains = [\"*.shop.example\", \"http://shop.example/x\", \"a.b\", \"A.b\"]",
        "[[acme]]\nname = \"a\"\nrenewal = \"x.conf\"\nconnect = { 8080 = \"127.0.0.1:1\", 443 = \"x y\", \"shop.example\" = 3 }",
    ]));
}

#[test]
fn receivers_and_secrets() {
    let said = said(&[
        "[[receiver]]\nname = \"ops\"\nwebhook = { url = \"https://hooks.example/x\", secret = \"hidden\" }",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\nwebhook.secret_env = \"NOT_SET\"",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\nwebhook.secret_env = \"EMPTY\"",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\nwebhook.secret_env = \"BROKEN_SECRET\"",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\nwebhook.secret_file = \"none.txt\"",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\nwebhook.secret_file = \"empty.txt\"\nwebhook.secret_env = \"PLAIN_SECRET\"",
        "[[receiver]]\nname = \"ops\"\n[[receiver]]\nname = \"ops\"\nwebhook = { url = \"x\", password = \"hidden\" }",
        "[[receiver]]\nname = \"ops\"\nwebhook.url = \"https://hooks.example/x\"\n[[route]]\nreceivers = [\"opps\"]\n[[route]]\nseverity = \"critical\"\nreceivers = []\n[[route]]",
        "[[route]]\nseverity = \"high\"\nreceivers = \"ops\"",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn chat_services() {
    let said = said(&[
        "[[receiver]]\nname = \"a\"\nslack = { url = \"https://hooks.example/hidden\" }",
        "[[receiver]]\nname = \"a\"\ndiscord = { url_env = \"PLAIN_SECRET\" }",
        "[[receiver]]\nname = \"a\"\nteams = { }",
        "[[receiver]]\nname = \"a\"\ntelegram = { token_env = \"PLAIN_SECRET\", chat = \"shop\", topic = 0 }",
        "[[receiver]]\nname = \"a\"\ntelegram = { token = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\nmattermost = { url_env = \"MATTERMOST_WEBHOOK\", url_file = \"teams.url\" }",
        "[[receiver]]\nname = \"a\"\nmatrix = { url = \"matrix.example\", room = \"#ops:example.org\", token_env = \"MATRIX_TOKEN\" }",
        "[[receiver]]\nname = \"a\"\nmatrix = { url = \"https://matrix.example/?x\", room = \"!a:example.org\" }",
        "[[receiver]]\nname = \"a\"\nkakao_work = { url_env = \"KAKAOWORK_WEBHOOK\" }",
        "[[receiver]]\nname = \"a\"\nslack = { url_env = \"SLACK_WEBHOOK\" }\nnaver_works = { url_env = \"NAVER_WORKS_WEBHOOK\" }",
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn other_receivers() {
    let receiver = |keys: &str| format!("[[receiver]]\nname = \"a\"\n{keys}");
    let texts = [
        // Alertmanager
        "alertmanager = { }",
        "alertmanager = { url = [] }",
        "alertmanager = { url = [\"http://127.0.0.1:9093\", \"127.0.0.1:9094\"], stands_for = \"1s\" }",
        "alertmanager = { url = \"http://a\", user = \"jin\" }",
        "alertmanager = { url = \"http://a\", password_env = \"PLAIN_SECRET\" }",
        "alertmanager = { url = \"http://a\", user = \"jin\", password = \"hidden\" }",
        "alertmanager = { url = \"http://a\", user = \"jin\", password_env = \"PLAIN_SECRET\", token_env = \"SHOP_TOKEN\" }",
        "alertmanager = { url = \"http://a\", token_env = \"NOT_SET\" }",
        // A template
        "template = { json = '{ \"a\": {{ title }} }' }",
        "template = { url = \"http://a\" }",
        "template = { url = \"http://a\", json = \"{}\", text = \"a\" }",
        "template = { url = \"http://a\", method = \"GET\", text = \"a\" }",
        "template = { url = \"http://a\", json = '{ \"a\": {{ titel }} }' }",
        "template = { url = \"http://a\", json = '{ \"a\": \"{{ title }}\" }' }",
        "template = { url = \"http://a\", json = \"{ \\\"a\\\": {{ titel }} }\" }",
        "template = { url = \"http://a\", form = { words = '{{ title | upcase }}', n = 3 } }",
        "template = { url = \"http://a\", form = { words = '{{ title | upcase }}' } }",
        "template = { url = \"http://a\", text = '{% for a in range(99999999) %}{% endfor %}' }",
        "template = { url = \"http://a\", text = '{{ secrets.key }}', secrets = { key = { } } }",
        "template = { url = \"http://a\", text = '{{ secrets.kay }}', secrets = { key = { env = \"PLAIN_SECRET\" } } }",
        "template = { url = \"http://a\", text = \"a\", headers = { \"a b\" = \"c\" } }",
        "template = { url = \"http://a\", text = \"a\", headers = { a = \"hidden\\n\" } }",
        // Mail
        "mail = { }",
        "mail = { to = \"ops\", from = \"a@shop.example\", server = \"smtp.shop.example\" }",
        "mail = { to = [], from = \"a@shop.example\", server = \"smtp.shop.example:0\" }",
        "mail = { to = \"Ops <ops@shop.example>\", from = \"a@shop.example\", server = \"smtp.shop.example\", security = \"none\", user = \"a\", password_env = \"PLAIN_SECRET\" }",
        "mail = { to = \"ops@shop.example\", from = \"a@shop.example\", server = \"smtp.shop.example\", user = \"a\" }",
        "mail = { to = \"ops@shop.example\", from = \"a@shop.example\", server = \"smtp.shop.example\", security = \"ssl\", ca = \"none.pem\" }",
        // A program
        "program = { }",
        "program = { command = \"tell --all\" }",
        "program = { command = [] }",
        "program = { command = [\" \"] }",
        "program = { command = [\"tell\", \"a\\u0000b\"], timeout = \"1h\" }",
        // Telephones
        "ntfy = { }",
        "ntfy = { topic = \"hidden topic\" }",
        "ntfy = { topic = \"a\", topic_env = \"NTFY_TOPIC\", url = \"ntfy.sh\" }",
        "ntfy = { topic_env = \"PLAIN_SECRET\" }",
        "gotify = { token = \"hidden\" }",
        "gotify = { url = \"http://a\", token_env = \"EMPTY\" }",
        "pushover = { token_env = \"SHOP_TOKEN\" }",
        "pushover = { user = \"hidden\", token = \"hidden\" }",
        // Pagers
        "pagerduty = { }",
        "pagerduty = { routing_key = \"hidden\" }",
        "pagerduty = { routing_key_env = \"SHOP_TOKEN\", routing_key_file = \"token.txt\" }",
        "opsgenie = { key = \"hidden\", url = \"ftp://a\" }",
        "opsgenie = { key_env = \"3fa9-hidden-b2\" }",
        // Two ways at once, and none
        "ntfy = { topic = \"a\" }\nprogram = { command = [\"tell\"] }",
        "language = \"ko\"",
    ];
    let texts: Vec<String> = texts.iter().map(|keys| receiver(keys)).collect();
    let said = said(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    insta::assert_snapshot!(said);
}

#[test]
fn what_may_be_a_secret_is_never_shown() {
    let texts = [
        "[[receiver]]\nname = \"a\"\nwebhook = { url = \"http://a\", secret = \"hidden\", x = 1 }",
        "[[receiver]]\nname = \"a\"\nwebhook = { url = \"http://u:hidden@a\" }",
        "[[receiver]]\nname = \"a\"\nwebhook = { url = \"http://a\", secrets = \"hidden\" }",
        "[[http]]\nname = \"a\"\nurl = \"http://u:hidden@a\"",
        "[[http]]\nname = \"a\"\nurl = \"http://a\"\nheaders = { authorization = \"hidden\", \"\" = 1 }",
        "[agent]\nstore = \"postgres://u:hidden@db/x\"",
        "[[receiver]]\nname = \"a\"\nslack = { url = \"https://hooks.example/hidden\" }",
        "[[receiver]]\nname = \"a\"\ntelegram = { token = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\nntfy = { topic = \"hidden topic\" }",
        "[[receiver]]\nname = \"a\"\ngotify = { url = \"http://a\", token = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\npushover = { user = \"hidden\", token = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\npagerduty = { routing_key = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\nopsgenie = { key = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\nalertmanager = { url = \"http://a\", user = \"u\", password = \"hidden\" }",
        "[[receiver]]\nname = \"a\"\nalertmanager = { url = \"http://u:hidden@a\" }",
        "[[receiver]]\nname = \"a\"\ntemplate = { url = \"http://a\", text = \"a\", headers = { a = \"hidden\\n\" } }",
        // The secret itself where a variable's name belongs.
        "[[receiver]]\nname = \"a\"\nslack = { url_env = \"https://hooks.example/hidden\" }",
        "[[receiver]]\nname = \"a\"\nopsgenie = { key_env = \"3fa9-hidden-b2\" }",
        "[[receiver]]\nname = \"a\"\ntemplate = { url = \"http://a\", text = \"a\", secrets = { k = { env = \"hidden\" } } }",
        "[alerts]\nheartbeat_url_env = \"https://alive.example/hidden\"",
    ];
    for text in texts {
        let mistakes = read(text).unwrap_err();
        assert!(!mistakes.to_string().contains("hidden"), "{mistakes}");
        let json = serde_json::to_string(mistakes.list()).unwrap();
        assert!(!json.contains("hidden"), "{json}");
    }
}

#[test]
fn a_program_reads_the_place_the_message_and_the_help() {
    let mistakes = read("[defaults]\n  intervall = \"30s\"").unwrap_err();
    let json = serde_json::to_value(mistakes.list()).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "path": "probes.toml",
            "line": 2,
            "column": 3,
            "message": "unknown key `intervall` in [defaults]",
            "help": "did you mean `interval`?\naccepted: interval, cron, timezone, timeout, \
                     fail_after, recover_after, ca, labels",
        }])
    );
}

#[test]
fn one_mistake_is_not_told_as_several() {
    let table = [
        (
            "[[host]]\nname = \"web\"\naddress = \"192.0.2.256\"\n[[host.port]]\nport = 80\n\
          [[tcp]]\nname = \"a\"\naddress = \"web:80\"\ndepends_on = [\"web:80\"]",
            1,
        ),
        (
            "[[tcp]]\nname = \"a\"\naddress = \"?\"\n\
          [[tcp]]\nname = \"b\"\naddress = \"b:1\"\ndepends_on = [\"a\"]",
            1,
        ),
        ("[[tcp]]\nname = \"a\"\nadress = \"b:1\"", 1),
        ("[[tcp]]\nname = \"a\"\nintervall = \"5s\"", 2),
        ("[[receiver]]\nname = \"a\"\nwebhook.url = 1\n[[route]]\nreceivers = [\"a\"]", 1),
        (
            "[defaults]\nca = \"missing.pem\"\n[[tls]]\nname = \"a\"\naddress = \"a\"\n\
          [[tls]]\nname = \"b\"\naddress = \"a\"",
            1,
        ),
        ("[[tcp]]\nname = \"a\"\naddress = \"?\"\ndepends_on = [\"x\"]", 2),
        ("[[host]]\nname = \"a\"\n[[host.port]]\nport = 0\ndepends_on = [\"x\"]\ninterval = 3", 4),
    ];
    for (text, count) in table {
        let mistakes = read(text).unwrap_err();
        assert_eq!(mistakes.count(), count, "{mistakes}");
    }
}

#[test]
fn files_that_are_no_plans() {
    let folder = tempfile::tempdir().unwrap();
    let missing = crate::plan::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(missing.to_string().contains("none.toml: cannot be read: No such file"), "{missing}");
    let bytes = folder.path().join("bytes.toml");
    std::fs::write(&bytes, b"[agent]\nname = \"a\xff\"\n").unwrap();
    let mistakes = crate::plan::load(&bytes).unwrap_err();
    assert!(mistakes.to_string().contains("bytes.toml:2:10: not UTF-8"), "{mistakes}");
    let small = folder.path().join("small.toml");
    std::fs::write(&small, "[agent]\nname = \"edge\"\n").unwrap();
    let plan = crate::plan::load(&small).unwrap();
    assert_eq!(plan.agent.store, folder.path().join("portwarden.db"));
}
