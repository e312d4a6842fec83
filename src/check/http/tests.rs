//! What servers answer, and what they must not get away with.

use proptest::prelude::*;

use super::*;

fn url(digest_of: Option<&[u8]>) -> HttpUrl {
    HttpUrl {
        regex: None,
        tls_compliant: false,
        path: "/health".to_owned(),
        digest: digest_of.map(|body| Md5::digest(body).into()),
        status_code: Vec::new(),
        virtualhost: None,
    }
}

fn passed(test: HttpTest) -> Progress {
    Progress::Pass(Passed::Http {
        test,
        mismatch: None,
    })
}

/// All chunks in turn, then the end of the connection; what was said first.
fn verdict<'a>(url: &HttpUrl, chunks: impl IntoIterator<Item = &'a [u8]>) -> Progress {
    let mut response = Response::new(url);
    for chunk in chunks {
        let progress = response.received(chunk);
        if progress != Progress::More {
            return progress;
        }
    }
    response.ended()
}

fn whole(url: &HttpUrl, bytes: &[u8]) -> Progress {
    verdict(url, [bytes])
}

#[test]
fn the_request_is_keepalived_s_to_the_byte() {
    let target = ServerAddress::new("192.0.2.10".parse().expect("address"), 8080);
    let with_host = HttpUrl {
        virtualhost: Some("www.example.com".to_owned()),
        ..url(None)
    };
    let rows = [
        (
            url(None),
            HttpProtocol::V1_0,
            "GET /health HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 192.0.2.10:8080\r\n\r\n",
        ),
        (
            with_host.clone(),
            HttpProtocol::V1_0Close,
            "GET /health HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.com\r\n\r\n",
        ),
        (
            with_host,
            HttpProtocol::V1_1,
            "GET /health HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.com\r\n\r\n",
        ),
    ];
    for (url, protocol, expected) in rows {
        assert_eq!(request(&url, protocol, target), expected.as_bytes());
    }
}

#[test]
fn an_ipv6_host_stands_in_brackets() {
    let target = ServerAddress::new("2001:db8::1".parse().expect("address"), 80);
    let request = request(&url(None), HttpProtocol::V1_0, target);
    let request = String::from_utf8(request).expect("text");
    assert!(request.contains("Host: [2001:db8::1]:80\r\n"));
}

#[test]
fn status_200_to_299_passes_where_nothing_is_configured() {
    for (code, passes) in [
        (199, false),
        (200, true),
        (299, true),
        (300, false),
        (503, false),
    ] {
        let answer = format!("HTTP/1.0 {code} Text\r\n\r\n");
        let expected = if passes {
            passed(HttpTest::StatusCode)
        } else {
            Progress::Fail(Failure::StatusCode(code))
        };
        assert_eq!(whole(&url(None), answer.as_bytes()), expected);
    }
}

#[test]
fn configured_status_codes_replace_the_default() {
    let url = HttpUrl {
        status_code: vec![
            StatusCodeRange {
                first: 301,
                last: 302,
            },
            StatusCodeRange {
                first: 404,
                last: 404,
            },
        ],
        ..url(None)
    };
    for (code, passes) in [
        (200, false),
        (301, true),
        (302, true),
        (303, false),
        (404, true),
    ] {
        let answer = format!("HTTP/1.1 {code} Text\r\n\r\n");
        let accepted = whole(&url, answer.as_bytes()) == passed(HttpTest::StatusCode);
        assert_eq!(accepted, passes, "{code}");
    }
}

#[test]
fn the_digest_is_that_of_the_raw_body() {
    // Chunks are not taken apart (keepalived).
    let body = b"5\r\nhello\r\n0\r\n\r\n";
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    answer.extend_from_slice(body);
    assert_eq!(whole(&url(Some(body)), &answer), passed(HttpTest::Digest));
    let wrong = whole(&url(Some(b"hello")), &answer);
    assert!(
        matches!(wrong, Progress::Fail(Failure::Digest(_))),
        "{wrong:?}"
    );
}

#[test]
fn content_length_ends_the_body_even_if_the_connection_stays() {
    let url = url(Some(b"hello"));
    let mut response = Response::new(&url);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more";
    assert_eq!(response.received(answer), passed(HttpTest::Digest));
}

#[test]
fn a_body_that_ends_early_passes_but_is_told() {
    let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 1000000000\r\n\r\nshort";
    let mismatch = Some(LengthMismatch {
        content_length: 1_000_000_000,
        received: 5,
    });
    let test = HttpTest::StatusCode;
    assert_eq!(
        whole(&url(None), answer),
        Progress::Pass(Passed::Http { test, mismatch })
    );
}

#[test]
fn a_wrong_status_is_told_without_waiting_for_the_body() {
    let url = url(None);
    let mut response = Response::new(&url);
    let answer = b"HTTP/1.0 500 Oops\r\nContent-Length: 1000000\r\n\r\n";
    let expected = Progress::Fail(Failure::StatusCode(500));
    assert_eq!(response.received(answer), expected);
}

#[test]
fn status_204_has_no_body_to_wait_for() {
    let url = url(None);
    let mut response = Response::new(&url);
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(response.received(answer), passed(HttpTest::StatusCode));
}

#[test]
fn nothing_and_half_a_head_are_no_data() {
    for (bytes, received) in [(&b""[..], 0), (b"HTTP/1.0 200 OK\r\n", 17)] {
        let expected = Progress::Fail(Failure::NoData { received });
        assert_eq!(whole(&url(None), bytes), expected);
    }
}

#[test]
fn sloppy_line_ends_are_understood() {
    let answer = b"HTTP/1.0 200 OK\nServer: x\n\nbody";
    assert_eq!(whole(&url(Some(b"body")), answer), passed(HttpTest::Digest));
}

#[test]
fn rubbish_and_endless_heads_are_refused() {
    let endless = b"HTTP/1.0 200 OK\r\nX: "
        .iter()
        .chain(std::iter::repeat_n(&b'a', 100_000));
    let endless: Vec<u8> = endless.copied().collect();
    let many = format!("HTTP/1.0 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1000));
    for answer in [
        &endless[..],
        many.as_bytes(),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\0\0\0\0\n\n",
    ] {
        let verdict = whole(&url(None), answer);
        assert!(
            matches!(verdict, Progress::Fail(Failure::BadResponse { .. })),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_gigabyte_is_not_read_and_not_kept() {
    let chunk = vec![b'x'; 1 << 20];
    let head = b"HTTP/1.0 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    for (url, passes) in [(url(None), true), (url(Some(b"x")), false)] {
        let mut response = Response::new(&url);
        assert_eq!(response.received(head), Progress::More);
        let said = (0..1024)
            .map(|_| response.received(&chunk))
            .find(|progress| *progress != Progress::More)
            .expect("a verdict before the end");
        assert_eq!(said == passed(HttpTest::StatusCode), passes, "{said:?}");
    }
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut positions: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    positions.extend([0, bytes.len()]);
    positions.sort_unstable();
    positions
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_does_not_matter(
        body in prop::collection::vec(any::<u8>(), 0..200),
        claim in prop::option::of(0_u64..300),
        newline in prop::sample::select(vec!["\r\n", "\n"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let length = claim.map(|n| format!("content-length: {n}{newline}")).unwrap_or_default();
        let mut answer = format!("HTTP/1.1 200 OK{newline}{length}{newline}").into_bytes();
        answer.extend_from_slice(&body);
        let counted = claim.map_or(body.len(), |claim| body.len().min(usize::try_from(claim).expect("small")));
        let url = url(Some(&body[..counted]));
        let at_once = whole(&url, &answer);
        prop_assert!(matches!(at_once, Progress::Pass(_)), "{:?}", at_once);
        prop_assert_eq!(verdict(&url, cut(&answer, &cuts)), at_once);
    }

    #[test]
    fn no_bytes_do_harm(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..40),
    ) {
        let url = url(Some(b""));
        let mut response = Response::new(&url);
        for chunk in &chunks {
            let progress = response.received(chunk);
            if let Phase::Head { bytes } = &response.phase {
                prop_assert!(bytes.len() <= MAX_HEAD);
            }
            if progress != Progress::More {
                break;
            }
        }
        prop_assert_ne!(response.ended(), Progress::More);
    }

    #[test]
    fn no_head_does_harm(
        lines in prop::collection::vec("[ -~]{0,40}", 0..200),
        truncated_at in any::<prop::sample::Index>(),
    ) {
        let head = format!("HTTP/1.1 {}\r\n\r\n", lines.join("\r\n"));
        let bytes = &head.as_bytes()[..truncated_at.index(head.len() + 1)];
        prop_assert_ne!(whole(&url(None), bytes), Progress::More);
    }
}
