//! The same requests beside curl, in the same run: what a probe says of status, redirects, sizes and
//! versions is what curl says; and the command it offers for trying by hand does the same.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::support::agent::write_plan;
use super::support::certificates::{Authority, DAY, Order};
use super::support::command::portwarden;
use super::support::loopback::own_address;
use super::support::nginx::Nginx;

/// For each request alike.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What curl says of a request.
fn curl(folder: &Path, arguments: &[String]) -> Value {
    let mut command = Command::new("curl");
    command.current_dir(folder).args(["-sS", "-o", "body", "-w", "%{json}", "--noproxy", "*"]);
    command.args(["-m", &TIMEOUT.as_secs().to_string()]);
    let output = command.args(arguments).output().expect("curl; run tests/install");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Status and body as told by a command that a person would paste.
fn by_hand(folder: &Path, command: &str) -> (String, String) {
    let command = command.replacen("-o /dev/null", "-o heard", 1);
    let line = format!("{command} -s --cacert root.pem -w '%{{http_code}}'");
    let output = Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap();
    let heard = fs::read(folder.join("heard")).unwrap_or_default();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&heard).into_owned())
}

/// What took how long is told alike: no phase is longer than the whole, neither is longer than the
/// check allows, and what curl says took no time at all (no name, no TLS) has no phase here.
fn same_times(check: &Value, told: &Value) {
    let seconds = |value: &Value| value.as_f64().unwrap_or_default();
    let whole = seconds(&check["duration_seconds"]);
    let phases = check["phases"].as_object().unwrap();
    let what = format!("{check}\n{told}");
    assert!(phases.contains_key("connect") && phases.contains_key("processing"), "{what}");
    assert!(phases.values().all(|took| seconds(took) <= whole), "{what}");
    assert!(phases.values().map(seconds).sum::<f64>() <= whole, "{what}");
    assert_eq!(phases.contains_key("tls"), seconds(&told["time_appconnect"]) > 0.0, "{what}");
    assert!(seconds(&told["time_starttransfer"]) <= seconds(&told["time_total"]), "{what}");
    for total in [whole, seconds(&told["time_total"])] {
        assert!(total > 0.0 && total < TIMEOUT.as_secs_f64(), "{what}");
    }
}

fn serve(folder: &Path) -> (SocketAddr, SocketAddr, Nginx) {
    let authority = Authority::new("Compared");
    let order = Order { names: &["shop.example"], serial: 11, valid: (-DAY, 90 * DAY) };
    authority.issue(&order, folder);
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    fs::write(folder.join("large.txt"), "0123456789".repeat(30_000)).unwrap();
    fs::write(folder.join("empty.txt"), "").unwrap();
    let (plain, secure) = (own_address(), own_address());
    let hearing = "location = /heard { return 200 \"$request_method $content_type $content_length $args\"; }\n\
                   location = /led { return 302 /heard; }\n\
                   location = /sent { return 307 /heard; }";
    let servers = format!(
        "server {{ listen {plain}; server_name shop.example; root .; absolute_redirect off;\n\
           gzip on; gzip_types text/plain; gzip_http_version 1.0;\n\
           location = /moved {{ return 301 /large.txt; }}\n\
           location = /twice {{ return 302 /moved; }}\n\
           location = /gone {{ return 410 \"gone\\n\"; }}\n\
           location = /nothing {{ return 204; }}\n\
           location = /broken {{ return 503 \"later\\n\"; }}\n\
           {hearing}\n\
           location = /method {{ return 200 \"$request_method $http_user_agent\\n\"; }} }}\n\
         server {{ listen {secure} ssl http2; server_name shop.example; root .;\n\
           absolute_redirect off; {hearing}\n\
           ssl_certificate fullchain.pem; ssl_certificate_key privkey.pem; }}"
    );
    let nginx = Nginx::start(folder, &[plain, secure], &servers);
    (plain, secure, nginx)
}

#[test]
fn a_probe_sees_what_curl_sees() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (plain, secure, _nginx) = serve(folder);
    let table: &[(&str, &str, &[&str])] = &[
        ("/large.txt", "", &[]),
        ("/empty.txt", "", &[]),
        ("/missing", "", &[]),
        ("/moved", "", &["-L"]),
        ("/twice", "", &["-L"]),
        ("/twice", "follow_redirects = false", &[]),
        ("/gone", "", &[]),
        ("/nothing", "", &[]),
        ("/broken", "", &[]),
        ("/large.txt", "method = \"HEAD\"", &["-I"]),
        ("/large.txt", "accept_encoding = \"gzip\"", &["-H", "accept-encoding: gzip"]),
        ("/method", "user_agent = \"shop/1\"", &["-A", "shop/1"]),
        ("/method", "method = \"OPTIONS\"\nuser_agent = \"x\"", &["-X", "OPTIONS", "-A", "x"]),
        ("/heard", "method = \"POST\"", &["-d", "", "-H", "content-type:"]),
        (
            "/heard",
            "method = \"POST\"\nbody = \"@root.pem\"",
            &["--data-raw", "@root.pem", "-H", "content-type:"],
        ),
        ("/heard", "body = \"it's\"", &["-X", "GET", "-d", "it's", "-H", "content-type:"]),
        ("/heard", "form = { a = \"b c\" }", &["-d", "a=b+c"]),
        (
            "/heard",
            "method = \"PUT\"\nbody_json = { a = 1 }",
            &["-X", "PUT", "--json", "{\"a\":1}"],
        ),
        ("/led", "form = { a = \"b c\" }", &["-L", "-d", "a=b+c"]),
        ("/sent", "form = { a = \"b c\" }", &["-L", "-d", "a=b+c"]),
        ("/heard?a={1,2}&b=[1-3]", "", &["-g"]),
    ];
    let mut plan = String::new();
    let mut asked = Vec::new();
    for (scheme, address) in [("http", plain), ("https", secure)] {
        for (index, (path, keys, options)) in table.iter().enumerate() {
            let url = format!("{scheme}://shop.example{path}");
            plan += &format!(
                "[[http]]\nname = \"{scheme} {index}\"\nurl = \"{url}\"\nconnect = \"{address}\"\nca = \"root.pem\"\ntimeout = \"{TIMEOUT:?}\"\n{keys}\n\n"
            );
            let usual = if scheme == "https" { 443 } else { 80 };
            let mut arguments: Vec<String> =
                options.iter().map(|option| (*option).to_owned()).collect();
            arguments.extend([
                "--connect-to".to_owned(),
                format!("shop.example:{usual}:{address}"),
                "--cacert".to_owned(),
                "root.pem".to_owned(),
                url,
            ]);
            asked.push(arguments);
        }
    }
    write_plan(folder, "", &plan);
    let ended = portwarden(folder, &["once", "--format", "json"]).json();
    let checks = ended["checks"].as_array().unwrap();
    assert_eq!(checks.len(), asked.len());
    for (check, arguments) in checks.iter().zip(&asked) {
        let (name, facts, first) = (&check["name"], &check["facts"]["http"], &check["findings"][0]);
        let told = curl(folder, arguments);
        same_times(check, &told);
        let what = format!("{name} {arguments:?}\n{facts}\n{told}\n{first}");
        assert_eq!(facts["status"], told["http_code"], "{what}");
        assert_eq!(
            facts["version"],
            told["http_version"].as_str().unwrap().trim_matches('"'),
            "{what}"
        );
        let redirects = facts["redirects"].as_array().map_or(0, Vec::len);
        assert_eq!(Value::from(redirects), told["num_redirects"], "{what}");
        assert_eq!(facts["body_bytes"], told["size_download"], "{what}");
        assert_eq!(facts["url"], told["url_effective"], "{what}");
        let is_good = facts["status"].as_u64().is_some_and(|status| status < 400);
        assert_eq!(first.is_null(), is_good, "{what}");
        let command = facts["request"]["by_hand"].as_str().unwrap();
        let (status, heard) = by_hand(folder, command);
        assert_eq!(status, facts["status"].to_string(), "{command}");
        let says_what_it_heard = ["/heard", "/led", "/sent"].iter().any(|at| command.contains(at));
        if says_what_it_heard {
            let body = fs::read_to_string(folder.join("body")).unwrap();
            assert_eq!(facts["excerpt"], body, "{what}");
            assert_eq!(heard, body, "{command}");
        }
    }
}
