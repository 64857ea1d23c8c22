//! What is said of whom.

use super::*;

fn process(executable: &str, line: &str, unit: Option<&str>) -> Process {
    let name = executable.rsplit('/').next().unwrap_or_default();
    Process {
        pid: 4242,
        name: name.chars().take(15).collect(),
        executable: executable.contains('/').then(|| executable.to_owned()),
        command_line: line.to_owned(),
        uid: 0,
        unit: unit.map(str::to_owned),
    }
}

const BARE: Setting = Setting { systemd: false };
const SYSTEMD: Setting = Setting { systemd: true };

#[test]
fn the_command_that_fits() {
    let nginx = "nginx: master process /usr/sbin/nginx -p /srv/ngx -c own.conf -g daemon off;";
    let haproxy = "/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid";
    let cases: [(&str, &str, Option<&str>, Setting, &str); 31] = [
        (
            "/usr/sbin/nginx",
            "nginx: master process nginx",
            None,
            BARE,
            "Reload nginx (process 4242): `nginx -s reload`.",
        ),
        ("/usr/sbin/nginx", nginx, None, BARE, "`nginx -s reload -p /srv/ngx -c own.conf`"),
        (
            "/usr/sbin/nginx",
            nginx,
            Some("nginx.service"),
            SYSTEMD,
            "`systemctl reload nginx.service`",
        ),
        ("/usr/sbin/nginx", "", Some("nginx.service"), BARE, "`nginx -s reload`"),
        (
            "/usr/sbin/nginx",
            "",
            Some("3f2a9c0d1e5b"),
            SYSTEMD,
            "`docker exec 3f2a9c0d1e5b nginx -s reload`",
        ),
        ("nginx", "", None, BARE, "--deploy-hook 'nginx -s reload'"),
        ("/usr/local/openresty/nginx/sbin/openresty", "", None, BARE, "`openresty -s reload`"),
        (
            "/usr/sbin/haproxy",
            haproxy,
            None,
            BARE,
            "`pkill -USR2 -o -x haproxy`. HAProxy reads certificate and key from one file",
        ),
        (
            "/usr/sbin/haproxy",
            haproxy,
            Some("haproxy.service"),
            SYSTEMD,
            "`systemctl reload haproxy.service`",
        ),
        (
            "/usr/sbin/haproxy",
            "haproxy -f own.cfg",
            None,
            BARE,
            "`haproxy -D -f own.cfg -sf $(pidof haproxy)`",
        ),
        (
            "/usr/sbin/haproxy",
            haproxy,
            Some("3f2a9c0d1e5b"),
            BARE,
            "`docker kill -s USR2 3f2a9c0d1e5b`",
        ),
        ("/usr/sbin/apache2", "", None, BARE, "`apachectl graceful`"),
        ("/usr/sbin/httpd", "", Some("httpd.service"), SYSTEMD, "`systemctl reload httpd.service`"),
        (
            "/usr/bin/caddy",
            "caddy run --environ --config /etc/caddy/Caddyfile",
            None,
            BARE,
            "`caddy reload --force --config /etc/caddy/Caddyfile`",
        ),
        (
            "/usr/local/bin/envoy",
            "envoy -c /etc/envoy.yaml",
            None,
            BARE,
            "Restart envoy (process 4242): `kill 4242`, then start it",
        ),
        (
            "/usr/local/bin/envoy",
            "",
            Some("envoy.service"),
            SYSTEMD,
            "`systemctl restart envoy.service`. Envoy reads a renewed file by itself only",
        ),
        (
            "/usr/lib/postfix/sbin/master",
            "/usr/lib/postfix/sbin/master -w",
            None,
            BARE,
            "`postfix reload`",
        ),
        ("/usr/sbin/dovecot", "/usr/sbin/dovecot -F", None, BARE, "`doveadm reload`"),
        (
            "/usr/lib/postgresql/15/bin/postgres",
            "postgres -D /var/lib/pg -c a=b",
            None,
            BARE,
            "`pg_ctl reload -D /var/lib/pg`",
        ),
        ("/usr/lib/postgresql/15/bin/postgres", "postgres", None, BARE, "`kill -HUP 4242`"),
        ("/usr/sbin/mariadbd", "", None, BARE, "`mariadb -e \"FLUSH SSL\"`"),
        // Their units have no reload, or one that does not read certificates.
        ("/usr/sbin/mariadbd", "", Some("mariadb.service"), SYSTEMD, "`mariadb -e \"FLUSH SSL\"`"),
        (
            "/usr/sbin/mysqld",
            "",
            Some("mysql.service"),
            SYSTEMD,
            "`mysql -e \"ALTER INSTANCE RELOAD TLS\"`",
        ),
        (
            "/usr/bin/redis-server",
            "",
            Some("redis-server.service"),
            SYSTEMD,
            "`redis-cli CONFIG SET tls-cert-file PATH`",
        ),
        (
            "/usr/local/bin/traefik",
            "",
            Some("traefik.service"),
            SYSTEMD,
            "`touch /etc/traefik/dynamic.yml`",
        ),
        ("/usr/sbin/slapd", "", None, BARE, "Restart slapd"),
        ("/usr/bin/lua5.4", "lua5.4 /usr/bin/prosody -F", None, BARE, "`prosodyctl reload`"),
        (
            "/usr/bin/python3.11",
            "python3 /srv/venv/bin/gunicorn app:app",
            None,
            BARE,
            "`kill -HUP 4242`",
        ),
        (
            "/usr/bin/node",
            "node server.js",
            Some("shop.service"),
            SYSTEMD,
            "`systemctl restart shop.service`",
        ),
        (
            "/usr/bin/node",
            "node server.js",
            Some("3f2a9c0d1e5b"),
            BARE,
            "`docker restart 3f2a9c0d1e5b`",
        ),
        (
            "/usr/bin/docker-proxy",
            "docker-proxy -container-ip 172.17.0.2 -container-port 443",
            Some("3f2a9c0d1e5b"),
            SYSTEMD,
            "`docker exec 3f2a9c0d1e5b nginx -s reload`",
        ),
    ];
    for (executable, line, unit, setting, expected) in cases {
        let remedy = remedy(&process(executable, line, unit), setting);
        assert!(remedy.en.contains(expected), "{executable} {line} {unit:?}: {}", remedy.en);
        let systemd = expected.contains("systemctl");
        assert_eq!(remedy.en.contains("systemctl"), systemd, "{executable}: {}", remedy.en);
        for command in remedy.en.split('`').skip(1).step_by(2) {
            assert!(remedy.ko.contains(command), "{command}: {}", remedy.ko);
        }
    }
}

#[test]
fn who_answers_at_an_address() {
    let owner = |name: &str| Owner::Processes(vec![Arc::new(process(name, "", None))]);
    let bound = |bind: &str, v6_only, owner| Listener {
        protocol: Protocol::Tcp,
        bind: bind.parse().unwrap(),
        v6_only,
        inode: 1,
        owner,
    };
    let mut listeners = vec![
        bound("127.0.0.2:443", None, owner("own")),
        bound("0.0.0.0:443", None, owner("all")),
        bound("[::]:8443", Some(false), owner("both")),
        bound("[::]:9443", Some(true), owner("six")),
        bound("127.0.0.1:22", None, Owner::Hidden { uid: 0 }),
    ];
    health::ports::order(&mut listeners);
    let addresses = vec!["192.0.2.1".parse().unwrap()];
    let mut table = Table::default();
    (table.listeners, table.addresses) = (listeners, addresses);
    for (peer, expected) in [
        ("127.0.0.2:443", Some("own")),
        ("127.0.0.1:443", Some("all")),
        ("192.0.2.1:443", Some("all")),
        ("192.0.2.9:443", None),
        ("[::1]:443", None),
        ("[::1]:8443", Some("both")),
        ("127.0.0.1:8443", Some("both")),
        ("127.0.0.1:9443", None),
        ("127.0.0.1:22", None),
        ("127.0.0.1:1", None),
    ] {
        let found = listening(&table, peer.parse().unwrap());
        assert_eq!(found.as_ref().map(|process| &*process.name), expected, "{peer}");
    }
}
