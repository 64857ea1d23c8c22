//! Servers that break the rules, or mean harm: each ends in a finding, in time, with little memory.

use socket2::SockRef;

use super::*;

/// Takes the request, sends the bytes, and hangs or closes.
async fn raw(bytes: &'static [u8], closes: bool) -> SocketAddr {
    serving(move |mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(bytes).await;
        if !closes {
            std::future::pending::<()>().await;
        }
    })
    .await
}

fn at(address: SocketAddr) -> Spec {
    spec(&format!("http://{address}/path"))
}

#[tokio::test]
async fn broken_answers_are_told_from_slow_ones() {
    let table: &[(&'static [u8], bool, &str, &str)] = &[
        (b"SSH-2.0-OpenSSH_9.2\r\n", false, "http.protocol", "SSH-2.0-OpenSSH_9.2"),
        (b"\x00\x01\x02garbage\r\n\r\n", false, "http.protocol", ""),
        (b"\x15\x03\x01\x00\x02\x02\x46", true, "http.protocol", "TLS"),
        (b"HTTP/1.1 abc\r\n\r\n", true, "http.protocol", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", true, "http.protocol", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true, "http.protocol", "4 of 9"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\ntoo much", true, "http.protocol", "6 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            true,
            "http.protocol",
            "",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", true, "http.protocol", ""),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", true, "http.protocol", ""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
            true,
            "http.protocol",
            "",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
            true,
            "http.protocol",
            "",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            true,
            "http.protocol",
            "",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n\r\n\r\n",
            true,
            "http.protocol",
            "",
        ),
        (b"", true, "tcp.reset", "without a byte"),
        (b"", false, "http.timeout", "processing"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", false, "http.timeout", "processing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false, "http.timeout", "transfer"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            false,
            "http.timeout",
            "transfer",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n", false, "http.timeout", "processing"),
    ];
    for &(bytes, closes, code, words) in table {
        let (sight, _) = look(&at(raw(bytes, closes).await), SHORT).await;
        let name = String::from_utf8_lossy(bytes);
        assert_eq!(codes(&sight), [code], "{name:?}: {:?}", sight.findings);
        let finding = &sight.findings[0];
        let told = format!("{} {:?}", finding.summary.en, finding.evidence);
        assert!(told.contains(words), "{name:?}: {told}");
    }
}

#[tokio::test]
async fn who_speaks_unasked_is_no_truncated_answer() {
    let address = serving(|mut stream| async move {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
        std::future::pending::<()>().await;
    })
    .await;
    // Whether the greeting or the request comes first is for the two machines to settle.
    for _ in 0..30 {
        let (sight, _) = look(&at(address), SHORT).await;
        assert_eq!(codes(&sight), ["http.protocol"], "{:?}", sight.findings);
        let finding = &sight.findings[0];
        assert!(finding.summary.en.contains("not answer in proper HTTP"), "{finding:?}");
        assert!(finding.evidence["got"].as_str().unwrap().starts_with("220 mail"), "{finding:?}");
    }
}

#[tokio::test]
async fn a_reset_is_told_by_where_it_came() {
    for (bytes, code) in [
        (&b""[..], "tcp.reset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "http.protocol"),
    ] {
        let address = serving(move |mut stream| async move {
            request(&mut stream).await;
            stream.write_all(bytes).await.unwrap();
            // The answer must be on its way before the reset overtakes it.
            let mut peer_closed = [0; 1];
            if !bytes.is_empty() {
                let wait = stream.read(&mut peer_closed);
                let _ = tokio::time::timeout(Duration::from_millis(200), wait).await;
            }
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        })
        .await;
        assert_eq!(codes(&sight(&at(address)).await), [code]);
    }
}

#[tokio::test]
async fn an_endless_body_stops_at_the_cap() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
    ] {
        let address = serving(move |mut stream| async move {
            request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(&[b'x'; 16384]).await.is_ok() {}
        })
        .await;
        for expects in [None, regex("never"), regex("^x")] {
            let mut spec = at(address);
            spec.max_body_bytes = 100_000;
            spec.expect.body = expects;
            let sight = sight(&spec).await;
            assert_eq!(codes(&sight), ["http.too-large"]);
            assert_eq!(http(&sight).body_bytes, 100_000);
        }
    }
}

#[tokio::test]
async fn endless_chunks_stop_at_the_cap() {
    let address = serving(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        while stream.write_all(b"1\r\nx\r\n".repeat(1000).as_slice()).await.is_ok() {}
    })
    .await;
    let mut spec = at(address);
    spec.max_body_bytes = 50_000;
    assert_eq!(codes(&sight(&spec).await), ["http.too-large"]);
}

#[tokio::test]
async fn header_bombs_end_early() {
    let long = serving(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Bomb: ").await;
        while stream.write_all(&[b'x'; 16384]).await.is_ok() {}
    })
    .await;
    let many = serving(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-Bomb: x\r\n".repeat(1000).as_slice()).await.is_ok() {}
    })
    .await;
    let counted = serving(|mut stream| async move {
        request(&mut stream).await;
        let fields = "X-Bomb: x\r\n".repeat(200);
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()).await;
    })
    .await;
    let interim = serving(|mut stream| async move {
        request(&mut stream).await;
        let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(500);
        while stream.write_all(&flood).await.is_ok() {}
    })
    .await;
    for address in [long, many, counted, interim] {
        let (sight, watch) = look(&at(address), LONG).await;
        assert_eq!(codes(&sight), ["http.protocol"]);
        assert!(watch.elapsed() < LONG / 2);
    }
}

#[tokio::test]
async fn drips_end_at_the_deadline_and_name_the_phase() {
    for (head, phase) in [
        ("HTTP/1.1 200 OK\r\nX-Drip: ", "processing"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "transfer"),
        ("HTTP/1.1 200 OK\r\n\r\n", "transfer"),
    ] {
        let address = serving(move |mut stream| async move {
            request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let (sight, _) = look(&at(address), SHORT).await;
        assert_eq!(codes(&sight), ["http.timeout"]);
        assert_eq!(sight.findings[0].evidence["phase"], phase);
        assert!(sight.findings[0].evidence["received_bytes"].as_u64().unwrap() > 20);
        assert_eq!(http(&sight).status.is_some(), phase == "transfer");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_request_ends_at_the_deadline() {
    let address = serving(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut spec = at(address);
    spec.method = Method::POST;
    spec.body = Bytes::from(vec![b'x'; 8 << 20]);
    let (sight, _) = look(&spec, SHORT).await;
    assert_eq!(codes(&sight), ["http.timeout"]);
}

#[tokio::test]
async fn a_compressed_bomb_is_too_large_where_the_body_is_read() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 20 << 20]).unwrap();
    let bomb = Arc::new(encoder.finish().unwrap());
    let address = serving(move |mut stream| {
        let bomb = Arc::clone(&bomb);
        async move {
            request(&mut stream).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                bomb.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&bomb).await.unwrap();
        }
    })
    .await;
    let mut spec = at(address);
    assert_eq!(codes(&sight(&spec).await), [""; 0]);
    spec.expect.body = regex("x");
    assert_eq!(codes(&sight(&spec).await), ["http.too-large"]);
}

#[tokio::test]
async fn unreadable_compression_is_said() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: lzma\r\nContent-Length: 3\r\n\r\nabc";
    let mut spec = at(answering(move |_| answer.to_owned()).await);
    spec.expect.body = regex("ok");
    spec.expect.json = vec![judgement::at("/a", 1.into())];
    let sight = sight(&spec).await;
    assert_eq!(codes(&sight), ["http.body", "http.json"]);
    assert!(sight.findings[1].summary.en.contains("compressed (lzma)"));
}

#[tokio::test]
async fn empty_lines_before_a_head_mean_nothing_however_many() {
    let few = serving(|mut stream| async move {
        request(&mut stream).await;
        for piece in ["\r\n", "\n\r", "\n", "\r\n\r\nHTTP/1.1 200 O", "K\r\n\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(codes(&sight(&at(few)).await), [""; 0]);
    let endless = serving(|mut stream| async move {
        request(&mut stream).await;
        while stream.write_all(&b"\r\n".repeat(4096)).await.is_ok() {}
    })
    .await;
    let (sight, watch) = look(&at(endless), LONG).await;
    assert_eq!(codes(&sight), ["http.protocol"]);
    assert!(watch.elapsed() < LONG / 2);
    let drip = serving(|mut stream| async move {
        request(&mut stream).await;
        while stream.write_all(b"\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(codes(&look(&at(drip), SHORT).await.0), ["http.timeout"]);
}

#[tokio::test]
async fn surplus_is_told_from_then_on_whenever_it_comes() {
    let counted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let address = serving(move |mut stream| {
        let visit = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            request(&mut stream).await;
            let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            match visit {
                0 => stream.write_all(format!("{whole}surplus").as_bytes()).await.unwrap(),
                1 => {
                    stream.write_all(whole.as_bytes()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    let _ = stream.write_all(b"surplus").await;
                }
                _ => {
                    stream.write_all(whole.as_bytes()).await.unwrap();
                    // Kept open: nothing more comes.
                    let _ = stream.read(&mut [0; 1]).await;
                }
            }
        }
    })
    .await;
    let spec = at(address);
    for _ in 0..2 {
        let sight = sight(&spec).await;
        assert_eq!(codes(&sight), ["http.protocol"]);
        assert!(sight.findings[0].summary.en.contains("7 bytes more"), "{:?}", sight.findings);
    }
    let (sight, watch) = look(&spec, LONG).await;
    assert_eq!(codes(&sight), [""; 0]);
    assert!(watch.elapsed() < Duration::from_secs(5));
}
