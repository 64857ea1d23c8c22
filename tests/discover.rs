//! `discover` on a machine that has something to discover: a real nginx with included files, an
//! application behind it, certificates of a private authority. What it writes is a valid plan, and
//! finds nothing where all is well.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its servers fails")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use support::certificates::{Authority, DAY, Order};
use support::command::{Ended, portwarden};
use support::daemon::{Daemon, free_port};
use support::loopback::own_ip;
use support::nginx::Nginx;
use support::squatter;

/// A web site as people have them, all on one address of its own.
struct Machine {
    ip: IpAddr,
    https: SocketAddr,
    app: SocketAddr,
    backend: SocketAddr,
    reserved: u16,
    application: Option<Daemon>,
    _backend: Daemon,
    _nginx: Nginx,
}

impl Machine {
    fn start(folder: &Path) -> Self {
        let ip = own_ip();
        let on = |port| SocketAddr::new(ip, port);
        let [https, plain, nameless, app, backend] =
            [(); 5].map(|()| on(free_port(&[&ip.to_string()])));
        let live = folder.join("letsencrypt/live/shop.example");
        let authority = Authority::new("A test's own root");
        let names = &["shop.example", "www.shop.example"];
        authority.issue(&Order { names, serial: 1, valid: (-DAY, 80 * DAY) }, &live);
        fs::write(live.join("ca.pem"), authority.pem()).unwrap();
        fs::create_dir(folder.join("conf.d")).unwrap();
        let live = live.display();
        let shop = format!(
            r#"
            upstream shop-app {{ server {app}; }}
            server {{
                listen {https} ssl;
                server_name shop.example www.shop.example "*.shop.example";
                ssl_certificate {live}/fullchain.pem;
                ssl_certificate_key {live}/privkey.pem;
                location / {{ proxy_pass http://shop-app; }}
                location /api/ {{ proxy_pass http://{backend}; }}   # }} not a brace
                location /away {{ proxy_pass http://$arg_to; }}
            }}
            server {{
                listen {https} ssl;
                server_name other.example;   # the certificate is for the shop
                ssl_certificate {live}/fullchain.pem;
                ssl_certificate_key {live}/privkey.pem;
            }}"#
        );
        fs::write(folder.join("conf.d/shop.conf"), shop).unwrap();
        let servers = format!(
            r#"
            include conf.d/*.conf;
            server {{
                listen {plain};
                server_name shop.example;
                location /.well-known/acme-challenge/ {{ root /var/www/certbot; }}
                location / {{ return 301 https://shop.example$request_uri; }}
            }}
            server {{ listen {nameless}; return 204; }}"#
        );
        let application = squatter::listen(app, folder);
        let backend_folder = folder.join("backend");
        fs::create_dir(&backend_folder).unwrap();
        let _backend = squatter::listen(backend, &backend_folder);
        let _nginx = Nginx::start(folder, &[https, plain, nameless], &servers);
        let reserved = free_port(&[&ip.to_string()]);
        let compose = format!(
            "services:\n  storefront:\n    ports: [\"{app}:8000\"]\n  search:\n    ports:\n      - \"{ip}:{reserved}:9200\"\n"
        );
        fs::write(folder.join("compose.yaml"), compose).unwrap();
        Self { ip, https, app, backend, reserved, application: Some(application), _backend, _nginx }
    }

    fn discover(&self, folder: &Path, more: &[&str]) -> Ended {
        let (ip, live) = (self.ip.to_string(), folder.join("letsencrypt"));
        let mut arguments =
            vec!["discover", "--address", &ip, "--certificates", live.to_str().unwrap()];
        arguments.extend(more);
        portwarden(folder, &arguments)
    }
}

/// The block of a plan that begins with this name, comments above it included.
fn block<'a>(plan: &'a str, name: &str) -> &'a str {
    let line = format!("name = \"{name}\"");
    let found = plan.split("\n\n").find(|block| block.contains(&line));
    found.unwrap_or_else(|| panic!("no {name} in\n{plan}"))
}

#[test]
fn what_it_writes_is_valid_and_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let machine = Machine::start(folder);
    let said = machine.discover(folder, &["--output", "probes.toml"]).expect(0);
    assert!(said.out.is_empty(), "{said:?}");
    let counts = "port claims: 6, web checks: 6, certificates served: 2, certificate folders: 1";
    assert!(said.err.contains(counts), "{said:?}");
    let plan = fs::read_to_string(folder.join("probes.toml")).unwrap();

    portwarden(folder, &["validate"]).expect(0);
    let once = portwarden(folder, &["once"]).expect(0);
    assert!(once.out.contains("nothing is wrong"), "{once:?}\n{plan}");

    // Claims, with owners and the names that compose and nginx have for them.
    let Machine { https, app, backend, reserved, .. } = machine;
    let claim = |port: u16| {
        let line = format!("port = {port}\n");
        plan.split("\n\n").find(|block| block.contains(&line)).unwrap()
    };
    assert!(claim(https.port()).contains("process = \"nginx\""), "{plan}");
    assert!(claim(app.port()).contains("service = \"storefront\""), "{plan}");
    assert!(claim(app.port()).contains("process = \"python3\""), "{plan}");
    assert!(claim(app.port()).contains("exposure = \"loopback\""), "{plan}");
    assert!(claim(backend.port()).contains("# behind nginx: "), "{plan}");
    assert!(claim(reserved).contains("claim = \"reserved\""), "{plan}");
    assert!(plan.contains("undeclared = \"ignore\""), "only one address was looked at");

    // Checks, dialled at the address that listens and under the name that is served.
    let shop = block(&plan, "shop.example");
    for line in [
        "url = \"https://shop.example/\"",
        &format!("connect = \"{https}\""),
        &format!("upstream = \"{app}\""),
        "expect.status = [200]",
        "/conf.d/shop.conf:3",
    ] {
        assert!(shop.contains(line), "{line} in\n{shop}");
    }
    assert!(block(&plan, "shop.example/api/").contains("expect.status = [404]"), "{plan}");
    let redirect = block(&plan, "shop.example over http");
    assert!(redirect.contains("follow_redirects = false\nexpect.status = [301]"), "{redirect}");
    assert!(redirect.contains(r"^https://shop\.example/"), "{redirect}");
    let certificate = block(&plan, "shop.example certificate");
    let live = folder.join("letsencrypt/live");
    for (key, file) in [("file", "fullchain.pem"), ("ca", "ca.pem")] {
        let line = format!("{key} = \"{}/shop.example/{file}\"", live.display());
        assert!(certificate.contains(&line), "{line} in\n{certificate}");
    }
    assert!(plan.contains(&format!("path = \"{}/*/fullchain.pem\"", live.display())), "{plan}");

    // What is no check says why.
    let other = block(&plan, "other.example certificate");
    assert!(other.contains("# not checked: ") && other.contains("cert.wrong-name"), "{other}");
    for remark in [
        "*.shop.example stands for many names",
        "served from /var/www/certbot",
        "# zone = \"shop.example\"",
    ] {
        assert!(plan.contains(remark), "{remark} in\n{plan}");
    }

    // The same again is the same, and what is there is never touched.
    let again = machine.discover(folder, &[]).expect(0);
    assert_eq!(again.out, plan);
    let refused = machine.discover(folder, &["--output", "probes.toml"]).expect(2);
    assert!(refused.err.contains("overwrites nothing"), "{refused:?}");
    assert_eq!(fs::read_to_string(folder.join("probes.toml")).unwrap(), plan);
}

#[test]
fn what_is_broken_already_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut machine = Machine::start(folder);
    machine.application.take().unwrap().terminate();
    let said = machine.discover(folder, &["--output", "probes.toml"]).expect(0);
    assert!(said.err.contains("found already: shop.example (http.bad-gateway)"), "{said:?}");
    let plan = fs::read_to_string(folder.join("probes.toml")).unwrap();
    assert!(block(&plan, "shop.example").contains("# answers 502 now"), "{plan}");
    let once = portwarden(folder, &["once", "shop.example"]).expect(1);
    let blamed = format!("{}", machine.app);
    assert!(once.out.contains("http.bad-gateway") && once.out.contains(&blamed), "{once:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, words) in [
        (["discover", "--address", "192.0.2.7"], "192.0.2.7 is not an address of this machine"),
        (["discover", "--nginx", "none.conf"], "none.conf cannot be read"),
        (["discover", "--compose", "none.yaml"], "none.yaml cannot be read"),
        (["discover", "--certificates", "none"], "none cannot be read"),
    ] {
        let said = portwarden(folder, &arguments).expect(2);
        assert!(said.err.contains(words) && said.out.is_empty(), "{said:?}");
    }
}
