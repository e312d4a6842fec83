//! Single checks against servers and scripts of all manners.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use md5::{Digest as _, Md5};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{SOON, http_get, options, shell, url};
use crate::check::driver::tls::TlsClient;
use crate::check::driver::{http, misc, tcp};
use crate::check::{Failure, HttpTest, Outcome, Passed};
use crate::config::{ConnectOptions, HttpGet, HttpUrl};

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    (listener, address)
}

/// A port that nobody listens on.
async fn closed_port() -> SocketAddr {
    listener().await.1
}

async fn get(options: &ConnectOptions, http: &HttpGet, url: &HttpUrl) -> Outcome {
    let tls = TlsClient::new().expect("TLS");
    let check = http::check(options, http, url, &tls);
    tokio::time::timeout(SOON, check).await.expect("in time")
}

/// Reads the request and answers; returns the request.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await.expect("a request");
        assert_ne!(length, 0, "the request ends");
        request.extend_from_slice(&chunk[..length]);
    }
    stream.write_all(answer).await.expect("taken");
    stream.shutdown().await.expect("closed");
    String::from_utf8(request).expect("text")
}

/// One connection, one answer.
async fn web_server(bytes: &'static [u8]) -> (SocketAddr, JoinHandle<String>) {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        answer(stream, bytes).await
    });
    (address, server)
}

const PASSED_STATUS: Outcome = Outcome::Passed(Passed::Http {
    test: HttpTest::StatusCode,
    mismatch: None,
});

#[tokio::test(flavor = "current_thread")]
async fn a_listening_server_passes_and_a_closed_port_fails() {
    let (_listener, address) = listener().await;
    let outcome = tcp::check(&options(address)).await;
    assert_eq!(outcome, Outcome::Passed(Passed::Connected));

    let outcome = tcp::check(&options(closed_port().await)).await;
    let refused = matches!(outcome, Outcome::Failed(Failure::ConnectFailed { .. }));
    assert!(refused, "{outcome:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_takes_no_connection_times_out() {
    use socket2::{Domain, Socket, Type};
    let server = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("address");
    server.bind(&any.into()).expect("bind");
    server.listen(0).expect("listen");
    let address = server.local_addr().expect("address").as_socket();
    let address = address.expect("IPv4");
    // Nobody accepts: once the queue is full, the kernel drops further SYNs.
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(100), connecting).await {
            Ok(stream) => waiting.push(stream.expect("connected")),
            Err(_) => break,
        }
    }
    let started = Instant::now();
    let outcome = tcp::check(&options(address)).await;
    assert_eq!(outcome, Outcome::Failed(Failure::ConnectTimeout));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "current_thread")]
async fn the_check_comes_from_bindto_and_bind_port() {
    let (listener, address) = listener().await;
    let bind_port = closed_port().await.port();
    let options = ConnectOptions {
        bindto: Some("127.0.0.9".parse().expect("address")),
        bind_port,
        ..options(address)
    };
    // Twice: the port is free again at once.
    for _ in 0..2 {
        let outcome = tcp::check(&options).await;
        assert_eq!(outcome, Outcome::Passed(Passed::Connected));
        let (_, peer) = listener.accept().await.expect("a connection");
        assert_eq!(
            peer,
            SocketAddr::new("127.0.0.9".parse().expect("address"), bind_port)
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_that_is_not_here_is_no_failure_of_the_server() {
    let (_listener, address) = listener().await;
    let options = ConnectOptions {
        bindto: Some("192.0.2.200".parse().expect("address")),
        ..options(address)
    };
    let Outcome::NotChecked { reason } = tcp::check(&options).await else {
        panic!("it cannot be checked");
    };
    assert!(reason.starts_with("binding to 192.0.2.200:0: "), "{reason}");
}

#[tokio::test(flavor = "current_thread")]
async fn status_virtual_host_and_digest_are_checked() {
    let (address, server) = web_server(b"HTTP/1.0 200 OK\r\n\r\nhealthy\n").await;
    let good = HttpUrl {
        digest: Some(Md5::digest(b"healthy\n").into()),
        virtualhost: Some("www.example.com".to_owned()),
        ..url("/health?full=1")
    };
    let outcome = get(&options(address), &http_get(false), &good).await;
    let test = HttpTest::Digest;
    let mismatch = None;
    assert_eq!(outcome, Outcome::Passed(Passed::Http { test, mismatch }));
    let request = server.await.expect("served");
    assert!(
        request.starts_with("GET /health?full=1 HTTP/1.0\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nHost: www.example.com\r\n"),
        "{request}"
    );

    let (address, _server) = web_server(b"HTTP/1.0 200 OK\r\n\r\nbroken\n").await;
    let outcome = get(&options(address), &http_get(false), &good).await;
    let digest = Md5::digest(b"broken\n").into();
    assert_eq!(outcome, Outcome::Failed(Failure::Digest(digest)));

    let (address, _server) = web_server(b"HTTP/1.1 503 Not now\r\n\r\n").await;
    let outcome = get(&options(address), &http_get(false), &url("/")).await;
    assert_eq!(outcome, Outcome::Failed(Failure::StatusCode(503)));
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_says_nothing_fails_after_connect_timeout() {
    let (_listener, address) = listener().await;
    let started = Instant::now();
    let outcome = get(&options(address), &http_get(false), &url("/")).await;
    assert_eq!(outcome, Outcome::Failed(Failure::ReadTimeout));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(
        started.elapsed() < Duration::from_millis(800),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_trickles_fails_at_three_connect_timeouts() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = b"HTTP/1.0 200 OK\r\nX: "
            .iter()
            .chain(std::iter::repeat(&b'a'));
        for byte in head {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let started = Instant::now();
    let outcome = get(&options(address), &http_get(false), &url("/")).await;
    assert_eq!(outcome, Outcome::Failed(Failure::ReadTimeout));
    assert!(started.elapsed() >= Duration::from_millis(900));
    assert!(
        started.elapsed() < Duration::from_millis(1400),
        "{:?}",
        started.elapsed()
    );
    server.abort();
}

#[tokio::test(flavor = "current_thread")]
async fn a_reset_in_the_middle_of_the_body_is_a_failure() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 1024];
        assert_ne!(stream.read(&mut request).await.expect("a request"), 0);
        let part = b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
        stream.write_all(part).await.expect("taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let stream = socket2::Socket::from(stream.into_std().expect("socket"));
        stream.set_linger(Some(Duration::ZERO)).expect("linger");
    });
    let outcome = get(&options(address), &http_get(false), &url("/")).await;
    let broken_off = matches!(outcome, Outcome::Failed(Failure::ReadFailed { .. }));
    assert!(broken_off, "{outcome:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn an_endless_body_is_bounded_in_time() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = b"HTTP/1.0 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
        stream.write_all(head).await.expect("taken");
        let chunk = vec![b'x'; 1 << 16];
        while stream.write_all(&chunk).await.is_ok() {}
    });
    let started = Instant::now();
    let outcome = get(&options(address), &http_get(false), &url("/")).await;
    // Enough seen, or out of time: never the whole gigabyte.
    assert!(
        matches!(
            outcome,
            PASSED_STATUS | Outcome::Failed(Failure::ReadTimeout)
        ),
        "{outcome:?}"
    );
    assert!(
        started.elapsed() < Duration::from_millis(1400),
        "{:?}",
        started.elapsed()
    );
    server.abort();
}

/// Accepts one TLS connection with a certificate that nobody has signed; tells the server name it was asked for.
async fn tls_server(bytes: &'static [u8]) -> (SocketAddr, JoinHandle<Option<String>>) {
    let certified = rcgen::generate_simple_self_signed(["someone.else.example".to_owned()]);
    let certified = certified.expect("certificate");
    let chain = vec![CertificateDer::from(certified.cert.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        .expect("key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = acceptor.accept(stream).await.expect("a handshake");
        let name = stream.get_ref().1.server_name().map(str::to_owned);
        answer(stream, bytes).await;
        name
    });
    (address, server)
}

#[tokio::test(flavor = "current_thread")]
async fn a_self_signed_certificate_for_another_name_passes() {
    let (address, server) = tls_server(b"HTTP/1.0 200 OK\r\n\r\nsecret").await;
    let digest = Some(Md5::digest(b"secret").into());
    let url = HttpUrl { digest, ..url("/") };
    let outcome = get(&options(address), &http_get(true), &url).await;
    let test = HttpTest::Digest;
    let mismatch = None;
    assert_eq!(outcome, Outcome::Passed(Passed::Http { test, mismatch }));
    assert_eq!(
        server.await.expect("served"),
        None,
        "no SNI unless asked for"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn enable_sni_sends_sni_name_or_else_the_virtual_host() {
    for (sni_name, expected) in [
        (None, "www.example.com"),
        (Some("sni.example"), "sni.example"),
    ] {
        let (address, server) = tls_server(b"HTTP/1.0 200 OK\r\n\r\n").await;
        let http = HttpGet {
            enable_sni: true,
            sni_name: sni_name.map(str::to_owned),
            ..http_get(true)
        };
        let url = HttpUrl {
            virtualhost: Some("www.example.com".to_owned()),
            ..url("/")
        };
        assert_eq!(get(&options(address), &http, &url).await, PASSED_STATUS);
        assert_eq!(server.await.expect("served").as_deref(), Some(expected));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_tls_and_one_that_stalls_fail_the_handshake() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream
            .write_all(b"220 mail.example ESMTP\r\n")
            .await
            .expect("taken");
        let (_stalled, _) = listener.accept().await.expect("a second connection");
        std::future::pending::<()>().await;
    });
    for _ in 0..2 {
        let started = Instant::now();
        let outcome = get(&options(address), &http_get(true), &url("/")).await;
        let failed = matches!(outcome, Outcome::Failed(Failure::TlsFailed { .. }));
        assert!(failed, "{outcome:?}");
        assert!(started.elapsed() < Duration::from_millis(800));
    }
    server.abort();
}

#[tokio::test(flavor = "current_thread")]
async fn the_exit_status_of_a_script_counts() {
    let limit = Duration::from_secs(5);
    let passed = Outcome::Passed(Passed::Script { weight: None });
    assert_eq!(misc::check(&shell("exit 0", limit)).await, passed);
    let failed = Outcome::Failed(Failure::ScriptExited(3));
    assert_eq!(misc::check(&shell("exit 3", limit)).await, failed);
    let failed = Outcome::Failed(Failure::ScriptSignaled(9));
    assert_eq!(misc::check(&shell("kill -9 $$", limit)).await, failed);
}

#[tokio::test(flavor = "current_thread")]
async fn a_script_that_does_not_exist_fails() {
    let mut check = shell("", Duration::from_secs(1));
    check.misc_path.argv = vec!["/nonexistent/check".to_owned()];
    let outcome = misc::check(&check).await;
    let failed = matches!(outcome, Outcome::Failed(Failure::ScriptNotStarted { .. }));
    assert!(failed, "{outcome:?}");
}

/// Ignores SIGTERM, starts a descendant that does too, and writes down the process ids of both.
fn stubborn(pids: &Path) -> String {
    let pids = pids.display();
    format!(
        "trap '' TERM; /bin/sh -c 'trap \"\" TERM; echo $$ >>{pids}; while :; do sleep 1; done' & \
         echo $$ >>{pids}; while :; do sleep 1; done"
    )
}

async fn two_pids(file: &Path) -> Vec<u32> {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if pids.len() == 2 {
            return pids;
        }
        assert!(started.elapsed() < SOON, "the script starts");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Running, and not merely waiting to be reaped.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

async fn all_gone(pids: &[u32]) {
    let started = Instant::now();
    while pids.iter().any(|pid| is_running(*pid)) {
        assert!(started.elapsed() < SOON, "{pids:?} are gone");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_script_that_ignores_sigterm_is_killed_with_its_descendants() {
    let directory = tempfile::tempdir().expect("directory");
    let pids = directory.path().join("pids");
    let started = Instant::now();
    let check = shell(&stubborn(&pids), Duration::from_millis(500));
    let outcome = misc::check(&check).await;
    assert_eq!(outcome, Outcome::Failed(Failure::ScriptTimeout));
    assert!(
        started.elapsed() >= Duration::from_millis(2500),
        "2 s between TERM and KILL"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    all_gone(&two_pids(&pids).await).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_cancelled_check_takes_its_script_along() {
    let directory = tempfile::tempdir().expect("directory");
    let pids = directory.path().join("pids");
    let check = shell(&stubborn(&pids), Duration::from_secs(1000));
    let running = tokio::spawn(async move { misc::check(&check).await });
    let started = two_pids(&pids).await;
    running.abort();
    all_gone(&started).await;
}
