//! Zone files and zones become plans that hold: what is written is accepted, and nothing is found.

use std::path::Path;

use crate::support::command::{Ended, portwarden};
use crate::support::daemon::free_port;
use crate::support::nameserver::{Make, Nameserver, Zone};

/// One of everything that a plan can hold, in the ways that zone files write it.
const RECORDS: &str = "
    @ NS ns1
    @ NS ns2.host.example.
    ns1 A 127.53.5.1
    @ A 192.0.2.10
    @ 60 IN A 192.0.2.11
    @ AAAA 2001:DB8::10
    @ MX 10 Mail
    @ TXT \"v=spf1 ip4:192.0.2.10; \" \"-all\"
    @ CAA 0 issue \"letsencrypt.org; validationmethods=dns-01\"
    @ HTTPS 1 . alpn=\"h3,h2\" ipv4hint=192.0.2.11,192.0.2.10
    www CNAME @
    mail A 192.0.2.25
    mail SSHFP 4 2 123456789ABCDEF67890123456789abcdef67890123456789abcdef123456789
    _25._tcp.mail TLSA 3 1 1 ( 8BD1DA95272F7FA4FFB24137FC0ED03AAE67E5C4D8B3C507
    34E1050A7920B922 )
    _sip._tcp SRV 10 5 5060 sip.host.example.
    _dns SVCB 1 Mail port=853 alpn=dot
    _dmarc TXT v=DMARC1\\;p=none
    *.dev A 192.0.2.77
    sub NS ns1.sub
    sub NS ns2.host.example.
    sub DS 60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
    ns1.sub A 127.53.5.9
    key DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
    10 PTR web
    unknown TYPE65280 \\# 2 abcd
    _acme-challenge TXT left
";

fn servers(zone: &Zone) -> [Nameserver; 2] {
    let ips = ["127.53.5.1", "127.53.5.2"];
    let port = free_port(&ips);
    let zones = std::slice::from_ref(zone);
    let at = |ip: &str| format!("{ip}:{port}").parse().unwrap();
    [
        Nameserver::start_as(Make::Knot, at(ips[0]), zones),
        Nameserver::start_as(Make::Nsd, at(ips[1]), zones),
    ]
}

/// Takes what was written for a plan, and looks.
fn holds(folder: &Path, written: &Ended) {
    std::fs::write(folder.join("probes.toml"), &written.out).unwrap();
    portwarden(folder, &["validate"]).expect(0);
    portwarden(folder, &["once"]).expect(0);
}

#[test]
fn a_zone_file_a_snapshot_and_a_transfer_become_plans_that_hold() {
    let zone = Zone::new("shop.example", 1, RECORDS);
    let [knot, nsd] = servers(&zone);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("shop.zone"), zone.text()).unwrap();
    let (first, second) = (knot.address().to_string(), nsd.address().to_string());
    let both = ["--nameserver", &first, "--nameserver", &second];

    let imported =
        portwarden(folder, &[&["dns", "import", "shop.zone"][..], &both].concat()).expect(0);
    holds(folder, &imported);
    let count = |ended: &Ended, word: &str| ended.out.matches(word).count();
    assert_eq!(count(&imported, "[[dns.record]]"), 19, "{}", imported.out);
    assert!(imported.out.contains("1 challenges come and go: _acme-challenge TXT"));
    assert!(imported.out.contains("unknown TYPE65280"), "{}", imported.out);

    let snapshot =
        portwarden(folder, &[&["dns", "snapshot", "shop.example"][..], &both].concat()).expect(0);
    holds(folder, &snapshot);
    for seen in ["name = \"www\"", "\"TLSA\"", "\"HTTPS\"", "\"SRV\"", "_dmarc", "\"SSHFP\""] {
        assert_eq!(count(&snapshot, seen), 1, "{seen}: {}", snapshot.out);
    }

    let transfer = ["dns", "snapshot", "shop.example", "--axfr", "--nameserver"];
    let whole = portwarden(folder, &[&transfer[..], &[&first]].concat()).expect(0);
    holds(folder, &whole);
    let records = |ended: &Ended| ended.out.split_once("  [[dns.record]]").unwrap().1.to_owned();
    assert_eq!(records(&whole), records(&imported), "the file and the transfer are the same zone");
    let refused = portwarden(folder, &[&transfer[..], &[&second]].concat()).expect(2);
    assert!(refused.err.contains("the zone is not transferred"), "{}", refused.err);
}

#[test]
fn spelling_is_no_difference_and_a_difference_is_one() {
    let ip = "127.53.5.3";
    let server = Nameserver::start(ip, &[Zone::new("shop.example", 1, RECORDS)]);
    let folder = tempfile::tempdir().unwrap();
    let look = |name: &str, record_type: &str, value: &str| {
        let plan = format!(
            "[[dns]]\nname = \"zone\"\nzone = \"shop.example\"\nnameservers = [\"{}\"]\n\
             [[dns.record]]\nname = \"{name}\"\ntype = \"{record_type}\"\nvalues = ['{value}']\n",
            server.address()
        );
        std::fs::write(folder.path().join("probes.toml"), plan).unwrap();
        let seen = portwarden(folder.path(), &["once", "--format", "json"]).json();
        let code = &seen["checks"][0]["findings"][0]["code"];
        code.as_str().unwrap_or_default().to_owned()
    };
    let key =
        "mdsswUyr3DPW132mOi8V9xESWE8jTo0d xCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==";
    let same = [
        ("@", "HTTPS", "1 . ipv4hint=192.0.2.10,192.0.2.11 key1=\"h2,h3\""),
        ("_dns", "SVCB", "1 MAIL.shop.example. alpn=dot port=00853"),
        ("key", "DNSKEY", &format!("257 3 ECDSAP256SHA256 {key}")),
        ("mail", "SSHFP", "4 2 123456789abcdef67890123456789ABCDEF67890 123456789ABCDEF123456789"),
        ("10", "PTR", "WEB.shop.example"),
    ];
    for (name, record_type, value) in same {
        assert_eq!(look(name, record_type, value), "", "{name} {record_type} {value}");
    }
    let other = [
        ("@", "HTTPS", "1 . alpn=h2,h3", "dns.drift"),
        ("_dns", "SVCB", "2 mail.shop.example port=853 alpn=dot", "dns.drift"),
        ("key", "DNSKEY", "256 3 13 AAAA", "dns.drift"),
        ("mail", "HTTPS", "1 .", "dns.missing"),
        ("11", "PTR", "web.shop.example", "dns.nxdomain"),
    ];
    for (name, record_type, value, code) in other {
        assert_eq!(look(name, record_type, value), code, "{name} {record_type} {value}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(
        folder.join("bad.zone"),
        "$ORIGIN shop.example.\n@ SOA a b 1 2 3 4 5\n$INCLUDE x\n",
    )
    .unwrap();
    let ended = portwarden(folder, &["dns", "import", "bad.zone"]).expect(2);
    assert!(ended.err.starts_with("bad.zone:3: $INCLUDE is not followed"), "{}", ended.err);
    std::fs::write(folder.join("good.zone"), "$ORIGIN a.example.\n@ SOA a b 1 2 3 4 5\n").unwrap();
    let odd = ["dns", "import", "good.zone", "--nameserver", "not a name"];
    let ended = portwarden(folder, &odd).expect(2);
    assert!(ended.err.contains("not a name") && ended.out.is_empty(), "{ended:?}");
    let ended = portwarden(folder, &["dns", "import", "none.zone"]).expect(2);
    assert!(ended.err.contains("none.zone cannot be read"), "{}", ended.err);
    let silent = ["dns", "snapshot", "shop.example", "--nameserver", "127.53.5.250:9"];
    let ended = portwarden(folder, &[&silent[..], &["--timeout", "2"]].concat()).expect(2);
    assert!(ended.err.contains("no server answers for shop.example"), "{}", ended.err);
}

#[test]
fn a_server_that_hangs_leaves_the_others_their_time() {
    let server = Nameserver::start("127.53.5.4", &[Zone::new("shop.example", 1, RECORDS)]);
    let folder = tempfile::tempdir().unwrap();
    // Both take what comes and say nothing.
    let udp = std::net::UdpSocket::bind("127.53.5.5:0").unwrap();
    let tcp = std::net::TcpListener::bind("127.53.5.5:0").unwrap();
    let look = |hangs: std::net::SocketAddr, more: &[&str]| {
        let (hangs, answers) = (hangs.to_string(), server.address().to_string());
        let asked = ["dns", "snapshot", "shop.example", "--timeout", "6", "--nameserver", &hangs];
        let all = [&asked[..], &["--nameserver", &answers], more].concat();
        portwarden(folder.path(), &all).expect(0)
    };
    let asked = look(udp.local_addr().unwrap(), &[]);
    assert!(asked.out.contains("name = \"www\""), "{}", asked.out);
    let transferred = look(tcp.local_addr().unwrap(), &["--axfr"]);
    assert!(transferred.out.contains("name = \"www\""), "{}", transferred.out);
}
