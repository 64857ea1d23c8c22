//! The way to the answer: connect overrides, redirects, methods, facts, HTTP/2.

use health::{Code, Phase};
use http::Version;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::super::exchange::{Appetite, exchange};
use super::super::wire::Wire;
use super::*;

#[tokio::test]
async fn a_healthy_answer_has_phases_and_facts() {
    let address = answering(|_| {
        "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: sid=secret123\r\nContent-Length: 2\r\n\r\nok"
            .to_owned()
    })
    .await;
    let (sight, watch) = look(&spec(&format!("http://me:pw123456@{address}/a?b=c")), LONG).await;
    assert_eq!(codes(&sight), [""; 0]);
    let facts = http(&sight);
    assert_eq!((facts.status, &*facts.version), (Some(200), "1.1"));
    assert_eq!(*facts.url, *format!("http://{address}/a?b=c"));
    assert_eq!((facts.body_bytes, facts.content_length), (2, Some(2)));
    assert_eq!(facts.excerpt.as_deref(), Some("ok"));
    let request = facts.request.as_ref().unwrap();
    assert_eq!(&*request.method, "GET");
    assert!(request.by_hand.starts_with("curl "), "{}", request.by_hand);
    assert!(!facts.failed_due_to_regex);
    assert_eq!(sight.facts.address, Some(address));
    let told = format!("{:?}", sight.facts);
    assert!(!told.contains("secret123") && !told.contains("pw123456"), "{told}");
    for phase in [Phase::Connect, Phase::Processing, Phase::Transfer] {
        assert!(watch.phases().of(phase).is_some(), "{phase:?}");
    }
    assert!(watch.phases().of(Phase::Tls).is_none());
}

#[tokio::test]
async fn failures_before_the_request_keep_their_own_codes() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.80.0.2:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let (sight, _) = look(&spec(&format!("http://{address}/")), LONG).await;
    assert_eq!(codes(&sight), ["tcp.refused"]);
    assert_eq!(http(&sight).status, None);
    assert_eq!(*http(&sight).url, *format!("http://{address}/"));
    let (sight, _) = look(&spec("http://gone.example/"), SHORT).await;
    assert_eq!(codes(&sight), ["resolve.failed"]);
}

#[tokio::test]
async fn connect_keeps_the_name() {
    let address = answering(|request| {
        let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("none");
        ok(host)
    })
    .await;
    let mut spec = spec("http://Shop.example/");
    spec.connect = vec![connecting("shop.example", 80, address)];
    spec.expect.body = regex("^(?i)shop\\.example$");
    assert_eq!(codes(&sight(&spec).await), [""; 0]);
    let mut spec = spec.clone();
    spec.headers.insert("host", "other.example".parse().unwrap());
    spec.expect.body = regex("^other\\.example$");
    assert_eq!(codes(&sight(&spec).await), [""; 0]);
}

#[tokio::test]
async fn redirects_are_followed_to_the_last_answer() {
    let address = answering(|request| {
        let path = request.split(' ').nth(1).unwrap();
        let to = match path {
            "/" => "301 x\r\nLocation: step/one?x#y",
            "/step/one?x" => "307 x\r\nLocation: ../%EC%95%88",
            "/%EC%95%88" => "302 x\r\nLocation: //other.example/end",
            _ => return ok(request),
        };
        format!("HTTP/1.1 {to}\r\nContent-Length: 4\r\n\r\nbody")
    })
    .await;
    let mut spec = spec("http://shop.example/");
    spec.connect =
        vec![connecting("shop.example", 80, address), connecting("other.example", 80, address)];
    spec.method = Method::POST;
    spec.body = Bytes::from_static(b"x=1");
    spec.headers.insert("authorization", "Bearer abcdefgh".parse().unwrap());
    spec.expect.body = regex("^GET /end HTTP/1\\.1\r\n");
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), [""; 0], "{:?}", sight.findings);
    let facts = http(&sight);
    assert_eq!(&*facts.url, "http://other.example/end");
    let statuses: Vec<u16> = facts.redirects.iter().map(|redirect| redirect.status).collect();
    assert_eq!(statuses, [301, 307, 302]);
    assert_eq!(facts.redirects[0].location, "step/one?x#y");

    // The secret was for shop.example alone.
    spec.expect.body = regex("(?i)authorization");
    assert_eq!(codes(&super::sight(&spec).await), ["http.body"]);
}

#[tokio::test]
async fn bad_redirects_say_what_is_bad() {
    for (head, words) in [
        ("301 x", "without a Location"),
        ("302 x\r\nLocation: ", "leads nowhere"),
        ("302 x\r\nLocation: http://[", "leads nowhere"),
        ("302 x\r\nLocation: ftp://a/", "neither http nor https"),
        ("302 x\r\nLocation: /", "loops"),
        ("302 x\r\nLocation: /a\r\nSet-Cookie: a=b", "loops"),
    ] {
        let address =
            answering(move |_| format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")).await;
        let sight = sight(&spec(&format!("http://{address}/"))).await;
        assert_eq!(codes(&sight), ["http.redirect"], "{head}");
        let said = &sight.findings[0].summary.en;
        assert!(said.contains(words), "{head}: {said}");
        assert!(http(&sight).status.is_some());
    }
}

#[tokio::test]
async fn a_redirect_into_nowhere_says_who_sent_it_there() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let address = answering(move |_| {
        format!("HTTP/1.1 301 x\r\nLocation: http://{nobody}/\r\nContent-Length: 0\r\n\r\n")
    })
    .await;
    let mut spec = spec("http://shop.example/");
    spec.connect = vec![connecting("shop.example", 80, address)];
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), ["tcp.refused"]);
    let finding = &sight.findings[0];
    assert_eq!(finding.evidence["redirected_from"], "http://shop.example/");
    let said = &finding.summary.en;
    assert!(
        said.contains(&format!("http://shop.example/ redirects to http://{nobody}/")),
        "{said}"
    );
    assert!(finding.remedy.en.contains("`connect` of this check"), "{}", finding.remedy.en);
}

#[tokio::test]
async fn ten_redirects_are_followed_and_no_more() {
    let address = answering(|request| {
        let path = request.split(' ').nth(1).unwrap();
        let left: u32 = path[1..].parse().unwrap();
        match left {
            0 => ok("end"),
            _ => format!("HTTP/1.1 302 x\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n", left - 1),
        }
    })
    .await;
    let ten = sight(&spec(&format!("http://{address}/10"))).await;
    assert_eq!(codes(&ten), [""; 0]);
    assert_eq!(http(&ten).redirects.len(), 10);
    let eleven = sight(&spec(&format!("http://{address}/11"))).await;
    assert_eq!(codes(&eleven), ["http.redirect"]);
}

#[tokio::test]
async fn the_secrets_of_a_body_are_not_led_elsewhere() {
    let heard = Arc::new(std::sync::Mutex::new(String::new()));
    let kept = Arc::clone(&heard);
    let elsewhere = answering(move |request| {
        kept.lock().unwrap().push_str(request);
        ok("there")
    })
    .await;
    let desk = answering(move |request| {
        let (status, to) = match request.split(' ').nth(1) {
            Some("/again") => (307, format!("http://{elsewhere}/")),
            Some("/see") => (303, format!("http://{elsewhere}/")),
            Some("/here") => (308, "/done".to_owned()),
            _ => return ok("well"),
        };
        format!("HTTP/1.1 {status} x\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
    })
    .await;
    let asked = |path: &str, hidden: bool| {
        let mut spec = spec(&format!("http://{desk}{path}"));
        spec.method = Method::POST;
        spec.body = Bytes::from_static(b"password=hunter22");
        spec.hidden = hidden.then(|| Secret(b"hunter22".to_vec())).into_iter().collect();
        spec
    };
    for path in ["/see", "/here"] {
        assert_eq!(codes(&sight(&asked(path, true)).await), [""; 0], "{path}");
    }
    let sight_of = sight(&asked("/again", true)).await;
    assert_eq!(codes(&sight_of), ["http.redirect"]);
    let told = &sight_of.findings[0];
    assert_eq!(told.subject, format!("http://{desk}/again"));
    assert_eq!(told.evidence["to"], format!("http://{elsewhere}/"));
    assert!(!heard.lock().unwrap().contains("hunter22"));
    // What is no secret goes where it is led.
    assert_eq!(codes(&sight(&asked("/again", false)).await), [""; 0]);
    assert!(heard.lock().unwrap().contains("hunter22"));
}

#[tokio::test]
async fn a_redirect_can_be_what_is_expected() {
    let address = answering(|_| {
        "HTTP/1.1 301 x\r\nLocation: https://shop.example/\r\nContent-Length: 0\r\n\r\n".to_owned()
    })
    .await;
    let mut spec = spec(&format!("http://{address}/"));
    spec.expect.location = regex("^https://shop\\.example/$");
    assert_eq!(codes(&sight(&spec).await), [""; 0]);
    spec.expect.location = regex("^https://www\\.");
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), ["http.redirect"]);
    assert!(http(&sight).failed_due_to_regex);
    assert!(http(&sight).redirects.is_empty());
}

#[tokio::test]
async fn what_a_server_echoes_of_a_secret_is_hidden() {
    let address = answering(ok).await;
    let mut spec = spec(&format!("http://{address}/"));
    spec.headers.insert("authorization", "Bearer verysecret1".parse().unwrap());
    spec.expect.body = regex("never");
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), ["http.body"]);
    assert!(http(&sight).excerpt.as_deref().unwrap().contains("(hidden)"));
    let told = format!("{:?} {:?}", sight.facts, sight.findings);
    assert!(!told.contains("verysecret1"), "{told}");
}

#[tokio::test]
async fn answers_without_a_body_are_whole() {
    for (method, head) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            Method::GET,
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        (Method::GET, "HTTP/1.0 200 OK\r\n\r\nuntil the end"),
    ] {
        let address = answering(move |_| head.to_owned()).await;
        let mut spec = spec(&format!("http://{address}/"));
        spec.method = method;
        assert_eq!(codes(&sight(&spec).await), [""; 0], "{head}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_told_from_a_bad_request() {
    let address = answering(|request| {
        let knows = request.contains("host: good.example") && !request.starts_with("GET /bad ");
        if knows { ok("") } else { "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n".to_owned() }
    })
    .await;
    for (url, code) in [
        ("http://good.example/", None),
        ("http://good.example/bad", Some(Code::HttpStatus)),
        ("http://www.example/", Some(Code::HttpHostRejected)),
        ("http://www.example/bad", Some(Code::HttpHostRejected)),
    ] {
        let mut spec = spec(url);
        spec.connect =
            ["good.example", "www.example"].map(|name| connecting(name, 80, address)).to_vec();
        let found = sight(&spec).await.findings;
        assert_eq!(found.first().map(|finding| finding.code), code, "{url}");
        if code == Some(Code::HttpHostRejected) {
            assert_eq!(found[0].evidence["host"], "www.example");
        }
    }
}

#[tokio::test]
async fn http2_runs_within_the_probe() {
    let address = serving(|stream| async move {
        let service = hyper::service::service_fn(|request: http::Request<_>| async move {
            let _: hyper::body::Incoming = request.into_body();
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(vec![
                b'x';
                600_000
            ]))))
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    })
    .await;
    let ask = Ask {
        url: "https://shop.example/".parse().unwrap(),
        method: Method::POST,
        headers: HeaderMap::new(),
        body: Bytes::from(vec![b'y'; 300_000]),
        prepared: None,
    };
    let appetite = Appetite { cap_bytes: 1 << 20, keep_bytes: 10, skip_redirects: false };
    let mut watch = Stopwatch::start(LONG);
    let wire = || wire_to(address);
    let answer =
        exchange(wire().await, ask.request(Version::HTTP_2), appetite, &mut watch).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.version), (200, Version::HTTP_2));
    assert_eq!((answer.body.received, answer.body.kept.len()), (600_000, 10));
    assert!(answer.broken.is_none());

    let appetite = Appetite { cap_bytes: 1000, ..appetite };
    let answer =
        exchange(wire().await, ask.request(Version::HTTP_2), appetite, &mut watch).await.unwrap();
    assert!(answer.body.is_over_cap);
}

#[tokio::test]
async fn http2_to_something_else_is_a_protocol_error() {
    use super::super::exchange::Cause;
    let silent = serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let other = answering(|_| ok("")).await;
    for (address, is_timeout) in [(silent, true), (other, false)] {
        let ask = Ask::first(&spec("https://shop.example/"));
        let appetite = Appetite { cap_bytes: 10, keep_bytes: 10, skip_redirects: false };
        let wire = wire_to(address).await;
        let mut watch = Stopwatch::start(SHORT);
        let broken =
            exchange(wire, ask.request(Version::HTTP_2), appetite, &mut watch).await.unwrap_err();
        assert_eq!(broken.cause == Cause::Timeout, is_timeout, "{broken:?}");
    }
}

async fn wire_to(address: SocketAddr) -> Wire {
    let until = Stopwatch::start(LONG).deadline();
    Wire::Plain(crate::net::connect(address, None, until).await.unwrap())
}
