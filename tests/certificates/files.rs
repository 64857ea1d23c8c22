//! Every site of an nginx without naming one, and the reload that fits whoever listens.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::support::agent::{Agent, eventually};
use crate::support::certificates::{Authority, DAY, Order};
use crate::support::daemon::Daemon;
use crate::support::loopback::own_address;
use crate::support::nginx::Nginx;

fn issue(root: &Authority, folder: &Path, name: &str, serial: u64, valid: (i64, i64)) {
    root.issue(&Order { names: &[name], serial, valid }, &folder.join(name));
}

/// The `server` of one site, in a file of its own: its certificate is named in line 2.
fn site(folder: &Path, address: SocketAddr, names: &str) {
    let name = names.split(' ').next().unwrap();
    fs::create_dir_all(folder.join("sites")).unwrap();
    let text = format!(
        "server {{ listen {address} ssl; server_name {names};\n  ssl_certificate {name}/fullchain.pem;\n  \
         ssl_certificate_key {name}/privkey.pem; return 200; }}\n"
    );
    fs::write(folder.join("sites").join(format!("{name}.conf")), text).unwrap();
}

fn plan(check: &str) -> String {
    format!("[defaults]\ninterval = \"300ms\"\ntimeout = \"3s\"\nca = \"root.pem\"\n{check}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_site_of_an_nginx_is_looked_at_without_naming_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::new("Test Root");
    fs::write(folder.join("root.pem"), root.pem()).unwrap();
    let address = own_address();
    let old = (-60 * DAY, 30 * DAY);
    for (serial, name) in [(0x0a11, "shop.example"), (0x0a12, "blog.example")] {
        issue(&root, folder, name, serial, old);
        site(folder, address, name);
    }
    let nginx = Nginx::start(folder, &[address], "include sites/*.conf;");
    let agent =
        Agent::start(folder, "", &plan("[[tls]]\nname = \"sites\"\nnginx = \"nginx.conf\"\n"))
            .await;
    agent.state("sites", "up").await;
    let facts = agent.check("sites").await["last"]["facts"].clone();
    let served = facts["served"].as_array().unwrap();
    let asked: Vec<&str> = served.iter().filter_map(|one| one["server_name"].as_str()).collect();
    assert_eq!(
        asked,
        ["blog.example", "shop.example"],
        "in the order that nginx reads them: {facts}"
    );
    for one in served {
        assert_eq!(one["address"], address.to_string(), "{one}");
        assert_eq!(one["chain"].as_array().unwrap().len(), 1, "{one}");
        assert!(one["file"].as_str().unwrap().ends_with("fullchain.pem"), "{one}");
    }
    assert_eq!(facts["files"].as_array().unwrap().len(), 2, "{facts}");

    // Renewed, and not reloaded.
    issue(&root, folder, "shop.example", 0x0b22, (-DAY, 89 * DAY));
    let finding = agent.finding("sites", "tls.not-reloaded").await;
    let subject = format!("{address} (shop.example)");
    assert_eq!(finding["subject"], subject, "{finding}");
    let remedy = finding["remedy"].as_str().unwrap();
    let command = format!("nginx -s reload -p {} -c ", folder.display());
    assert!(remedy.contains(&command), "{remedy}");
    assert_eq!(finding["evidence"]["process"], format!("nginx (pid {})", nginx.pid()), "{finding}");
    nginx.reload();
    agent.healed("sites", "tls.not-reloaded").await;
    agent.state("sites", "up").await;

    // A new site, which nginx has not read yet: it answers with another's certificate.
    issue(&root, folder, "new.example", 0x0c33, old);
    site(folder, address, "new.example www.new.example");
    let finding = agent.finding("sites", "tls.not-reloaded").await;
    assert_eq!(finding["subject"], format!("{address} (new.example)"), "{finding}");
    let summary = finding["summary"].as_str().unwrap();
    assert!(summary.contains("nginx has not read it"), "{summary}");
    // And its certificate lacks one of its names.
    let finding = agent.finding("sites", "cert.wrong-name").await;
    let place = format!("{}:2", folder.join("sites/new.example.conf").display());
    assert_eq!(finding["evidence"]["expected"], "www.new.example", "{finding}");
    assert_eq!(finding["evidence"]["named_in"], place, "{finding}");
    assert_eq!(finding["severity"], "warning", "{finding}");
    nginx.reload();
    agent.healed("sites", "tls.not-reloaded").await;
    site(folder, address, "new.example");
    agent.healed("sites", "cert.wrong-name").await;
    agent.state("sites", "up").await;

    // What would keep nginx from starting again.
    fs::remove_file(folder.join("new.example/fullchain.pem")).unwrap();
    let finding = agent.finding("sites", "cert.unreadable").await;
    assert_eq!(finding["evidence"]["named_in"], place, "{finding}");
    let path = folder.join("new.example/fullchain.pem");
    assert_eq!(finding["subject"], path.to_str().unwrap(), "{finding}");
    fs::remove_file(folder.join("sites/new.example.conf")).unwrap();
    agent.healed("sites", "cert.unreadable").await;
    eventually("the site is gone from what was served", async || {
        let check = agent.check("sites").await;
        check["last"]["facts"]["served"].as_array().is_some_and(|served| served.len() == 2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reload_is_that_of_the_program_that_listens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let root = Authority::new("Test Root");
    fs::write(folder.join("root.pem"), root.pem()).unwrap();
    let address = own_address();
    let bundle = || {
        let [chain, key] = ["fullchain.pem", "privkey.pem"]
            .map(|name| fs::read_to_string(folder.join("shop.example").join(name)).unwrap());
        fs::write(folder.join("site.pem.new"), chain + &key).unwrap();
        fs::rename(folder.join("site.pem.new"), folder.join("site.pem")).unwrap();
    };
    issue(&root, folder, "shop.example", 0x0a11, (-60 * DAY, 30 * DAY));
    bundle();
    let configuration = format!(
        "global\n  master-worker\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  \
         timeout connect 5s\nfrontend shop\n  bind {address} ssl crt {}\n  http-request return status 200\n",
        folder.join("site.pem").display()
    );
    fs::write(folder.join("haproxy.cfg"), configuration).unwrap();
    let configured = folder.join("haproxy.cfg");
    let arguments = ["-W", "-db", "-f", configured.to_str().unwrap()];
    let mut haproxy = Daemon::start("haproxy", "haproxy", &arguments, folder);
    let wait = Duration::from_millis(500);
    haproxy.await_ready(|| TcpStream::connect_timeout(&address, wait).is_ok());
    let check = format!(
        "[[tls]]\nname = \"shop\"\naddress = \"shop.example\"\nconnect = \"{address}\"\nfile = \"site.pem\"\n"
    );
    let agent = Agent::start(folder, "", &plan(&check)).await;
    agent.state("shop", "up").await;

    issue(&root, folder, "shop.example", 0x0b22, (-DAY, 89 * DAY));
    bundle();
    let finding = agent.finding("shop", "tls.not-reloaded").await;
    let remedy = finding["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("Reload haproxy"), "{remedy}");
    assert!(remedy.contains("`pkill -USR2 -o -x haproxy`"), "{remedy}");
    assert!(remedy.contains("cat fullchain.pem privkey.pem"), "{remedy}");
    assert!(!remedy.contains("nginx"), "{remedy}");
    haproxy.signal("USR2");
    agent.healed("shop", "tls.not-reloaded").await;
    agent.state("shop", "up").await;
    haproxy.terminate();
}
