use std::sync::Arc;

use super::super::tree;
use super::*;

fn sites(text: &str) -> Sites {
    let (directives, troubles) = tree::parse(text, &Arc::from(Path::new("/etc/nginx/nginx.conf")));
    assert_eq!(troubles, []);
    let folder = PathBuf::from("/etc/nginx");
    Sites::of(&Configuration { directives, folder, ..Configuration::default() })
}

fn socket(text: &str) -> Address {
    let socket: std::net::SocketAddr = text.parse().unwrap();
    Address::Socket(socket.ip(), socket.port())
}

#[test]
fn listening() {
    for (written, address, tls, is_default) in [
        ("80", socket("0.0.0.0:80"), false, false),
        ("*:8080 default_server", socket("0.0.0.0:8080"), false, true),
        ("443 ssl http2", socket("0.0.0.0:443"), true, false),
        ("[::]:443 ssl ipv6only=on", socket("[::]:443"), true, false),
        ("[::1]", socket("[::1]:80"), false, false),
        ("127.0.0.1", socket("127.0.0.1:80"), false, false),
        ("127.0.0.1:8443 ssl", socket("127.0.0.1:8443"), true, false),
        ("localhost:8000", Address::Name("localhost".into(), 8000), false, false),
        ("unix:/run/n.sock", Address::Unix("/run/n.sock".into()), false, false),
    ] {
        let sites = sites(&format!("http {{ server {{ listen {written}; }} }}"));
        let listen = &sites.servers[0].listens[0];
        assert_eq!(
            (&listen.address, listen.tls, listen.is_default),
            (&address, tls, is_default),
            "{written}"
        );
    }
    let odd =
        sites("http { ssl on; server { } server { listen 443 quic; listen 81 proxy_protocol; } }");
    assert_eq!(odd.servers[0].listens[0].address, socket("0.0.0.0:80"));
    assert!(odd.servers[0].listens[0].tls);
    assert!(odd.servers[1].listens[0].quic && odd.servers[1].listens[1].proxy_protocol);
}

#[test]
fn a_whole_site() {
    let sites = sites(
        r#"
        events {}
        http {
            map $http_upgrade $connection { default upgrade; '' close; }
            upstream app { server 127.0.0.1:3011; server 127.0.0.1:3015 weight=2; server old:1 down; keepalive 8; }
            ssl_certificate every.pem;
            server {
                server_name shop.example www.shop.example ~^api\d+\.shop\.example$;
                listen 443 ssl;
                ssl_certificate /etc/letsencrypt/live/shop.example/fullchain.pem;
                ssl_certificate_key keys/shop.pem;
                root /srv/shop;
                location / { try_files $uri @app; }
                location @app { proxy_pass http://app; }
                location /api/ { if ($a) { set $b 1; } proxy_pass http://127.0.0.1:4000/v1/; }
                location = /health { proxy_pass https://backend; }
                location ~ \.php$ { fastcgi_pass unix:/run/php.sock; }
                location /dynamic { proxy_pass http://$where; }
                location /outer { location /outer/inner { grpc_pass grpc://[::1]:50051; } }
            }
            server {
                listen 80 default_server;
                server_name _;
                location ^~ /.well-known/acme-challenge/ { root /var/www/certbot; }
                location /old/.well-known/acme-challenge { alias /var/www/a/.well-known/acme-challenge/; }
                return 301 https://$host$request_uri;
            }
            server { listen 8080; location /status { stub_status; } }
        }
        stream { server { listen 5432; proxy_pass 10.0.0.9:5432; } }
        "#,
    );
    assert_eq!(sites.servers.len(), 3, "those of `stream` are no web servers");
    let shop = &sites.servers[0];
    assert_eq!(shop.names, ["shop.example", "www.shop.example", r"~^api\d+\.shop\.example$"]);
    assert_eq!(
        shop.certificates[0].0,
        Path::new("/etc/letsencrypt/live/shop.example/fullchain.pem")
    );
    assert_eq!(shop.keys[0].0, Path::new("/etc/nginx/keys/shop.pem"));
    assert!(!shop.rejects);
    let to = |path: &str| {
        let location = shop.locations.iter().find(|one| one.path == path).unwrap();
        location.pass.as_ref().map(|pass| (pass.written.as_str(), pass.to.clone()))
    };
    let app = vec![socket("127.0.0.1:3011"), socket("127.0.0.1:3015")];
    assert_eq!(to("/"), Some(("http://app", app)));
    assert_eq!(to("/api/"), Some(("http://127.0.0.1:4000", vec![socket("127.0.0.1:4000")])));
    assert_eq!(
        to("/health"),
        Some(("https://backend", vec![Address::Name("backend".into(), 443)]))
    );
    assert_eq!(
        to(r"\.php$"),
        Some(("unix:/run/php.sock", vec![Address::Unix("/run/php.sock".into())]))
    );
    assert_eq!(to("/dynamic"), Some(("http://$where", vec![])));
    assert_eq!(to("/outer"), None);
    assert_eq!(to("/outer/inner"), Some(("grpc://[::1]:50051", vec![socket("[::1]:50051")])));

    let plain = &sites.servers[1];
    assert_eq!(plain.answer.as_ref().map(|one| one.status), Some(301));
    let webroots: Vec<_> = plain.locations.iter().map(|one| one.challenges.as_deref()).collect();
    assert_eq!(webroots, [Some("/var/www/certbot"), Some("/var/www/a")]);
    assert_eq!(plain.certificates[0].0, Path::new("/etc/nginx/every.pem"), "from `http`");
    assert_eq!(sites.servers[2].names, [""; 0]);
}

#[test]
fn matchings() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (written, expected, path) in [
        ("/a", Matching::Prefix, "/a"),
        ("= /a", Matching::Exact, "/a"),
        ("=/a", Matching::Exact, "/a"),
        ("^~ /a", Matching::Prefix, "/a"),
        ("~* a", Matching::Regex, "a"),
        ("~a", Matching::Regex, "a"),
        ("@a", Matching::Named, "@a"),
    ] {
        assert_eq!(matching(&words(written)), (expected, path.to_owned()), "{written}");
    }
}

#[test]
fn what_one_listen_says_holds_for_its_socket() {
    let sites = sites(
        "http {
            server { listen 443 ssl; listen 80 proxy_protocol; }
            server { listen *:443; listen 80; listen 127.0.0.1:443; listen 443 quic; }
            server { listen 8443 quic; listen 8443; }
        }",
    );
    let said: Vec<Vec<(bool, bool)>> = sites
        .servers
        .iter()
        .map(|one| one.listens.iter().map(|one| (one.tls, one.proxy_protocol)).collect())
        .collect();
    assert_eq!(
        said,
        [
            vec![(true, false), (false, true)],
            vec![(true, false), (false, true), (false, false), (true, false)],
            vec![(true, false), (false, false)],
        ]
    );
}
