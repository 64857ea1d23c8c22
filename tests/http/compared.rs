//! The same requests beside curl, in the same run: what a probe says of status, redirects, sizes and
//! versions is what curl says; and the command it offers for trying by hand does the same.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::ask::once;
use super::support::certificates::{Authority, DAY, Order};
use super::support::loopback::own_address;
use super::support::nginx::Nginx;

/// What curl says of a request.
fn curl(folder: &Path, arguments: &[String]) -> Value {
    let mut command = Command::new("curl");
    command.current_dir(folder).args(["-sS", "-o", "body", "-w", "%{json}", "--noproxy", "*"]);
    let output = command.args(arguments).output().expect("curl; run tests/install");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Status as told by a command that a person would paste.
fn by_hand(folder: &Path, command: &str) -> String {
    let line = format!("{command} -s --cacert root.pem -w '%{{http_code}}'");
    let output = Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn serve(folder: &Path) -> (SocketAddr, SocketAddr, Nginx) {
    let authority = Authority::new("Compared");
    let order = Order { names: &["shop.example"], serial: 11, valid: (-DAY, 90 * DAY) };
    authority.issue(&order, folder);
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    fs::write(folder.join("large.txt"), "0123456789".repeat(30_000)).unwrap();
    fs::write(folder.join("empty.txt"), "").unwrap();
    let (plain, secure) = (own_address(), own_address());
    let servers = format!(
        "server {{ listen {plain}; server_name shop.example; root .; absolute_redirect off;\n\
           gzip on; gzip_types text/plain; gzip_http_version 1.0;\n\
           location = /moved {{ return 301 /large.txt; }}\n\
           location = /twice {{ return 302 /moved; }}\n\
           location = /gone {{ return 410 \"gone\\n\"; }}\n\
           location = /nothing {{ return 204; }}\n\
           location = /broken {{ return 503 \"later\\n\"; }}\n\
           location = /method {{ return 200 \"$request_method $http_user_agent\\n\"; }} }}\n\
         server {{ listen {secure} ssl http2; server_name shop.example; root .;\n\
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
    ];
    let mut plan = String::new();
    let mut asked = Vec::new();
    for (scheme, address) in [("http", plain), ("https", secure)] {
        for (index, (path, keys, options)) in table.iter().enumerate() {
            let url = format!("{scheme}://shop.example{path}");
            plan += &format!(
                "[[http]]\nname = \"{scheme} {index}\"\nurl = \"{url}\"\nconnect = \"{address}\"\nca = \"root.pem\"\n{keys}\n\n"
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
    for ((name, codes, first, facts), arguments) in once(folder, &plan).iter().zip(&asked) {
        let told = curl(folder, arguments);
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
        assert_eq!(codes.is_empty(), is_good, "{what}");
        let command = facts["request"]["by_hand"].as_str().unwrap();
        let status = by_hand(folder, command);
        assert_eq!(status, facts["status"].to_string(), "{command}");
    }
}
