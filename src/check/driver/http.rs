//! Runs one url of HTTP_GET and SSL_GET.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::connect::connect;
use super::tls::TlsClient;
use crate::check::http::{Progress, Response, request};
use crate::check::{CONNECT_TIMEOUTS_PER_CHECK, Failure, Outcome};
use crate::config::{ConnectOptions, HttpGet, HttpUrl};

const CHUNK: usize = 8 * 1024;

/// connect_timeout bounds connecting, the handshake, and each wait for more of the answer; all together may take
/// three times as long.
pub(super) async fn check(
    options: &ConnectOptions,
    http: &HttpGet,
    url: &HttpUrl,
    tls: &TlsClient,
) -> Outcome {
    let whole = options.connect_timeout * CONNECT_TIMEOUTS_PER_CHECK;
    timeout(whole, check_unbounded(options, http, url, tls))
        .await
        .unwrap_or(Outcome::Failed(Failure::ReadTimeout))
}

async fn check_unbounded(
    options: &ConnectOptions,
    http: &HttpGet,
    url: &HttpUrl,
    tls: &TlsClient,
) -> Outcome {
    let stream = match connect(options).await {
        Ok(stream) => stream,
        Err(error) => return error.into(),
    };
    let limit = options.connect_timeout;
    let request = request(url, http.http_protocol, options.target);
    let result = if http.tls {
        let handshake = tls.handshake(stream, http, url, options.target.address);
        match timeout(limit, handshake).await {
            Ok(Ok(stream)) => exchange(stream, &request, url, limit).await,
            Ok(Err(error)) => Err(Failure::TlsFailed {
                reason: error.to_string(),
            }),
            Err(_) => Err(Failure::TlsFailed {
                reason: "no handshake within connect_timeout".to_owned(),
            }),
        }
    } else {
        exchange(stream, &request, url, limit).await
    };
    result.map_or_else(Outcome::Failed, Outcome::Passed)
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    url: &HttpUrl,
    limit: Duration,
) -> Result<crate::check::Passed, Failure> {
    let sent = async {
        stream.write_all(request).await?;
        stream.flush().await
    };
    let not_sent = |reason: String| Failure::WriteFailed { reason };
    timeout(limit, sent)
        .await
        .map_err(|_| not_sent("timed out".to_owned()))?
        .map_err(|error| not_sent(error.to_string()))?;

    let mut response = Response::new(url);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = timeout(limit, stream.read(&mut buffer))
            .await
            .map_err(|_| Failure::ReadTimeout)?;
        let progress = match read.or_else(end_without_close_notify) {
            Ok(0) => response.ended(),
            Ok(length) => response.received(buffer.get(..length).unwrap_or_default()),
            Err(error) => {
                return Err(Failure::ReadFailed {
                    reason: error.to_string(),
                });
            }
        };
        match progress {
            Progress::More => {}
            Progress::Pass(passed) => return Ok(passed),
            Progress::Fail(failure) => return Err(failure),
        }
    }
}

/// Many TLS servers just close the connection; Content-Length tells whether something is missing.
fn end_without_close_notify(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        ErrorKind::UnexpectedEof => Ok(0),
        _ => Err(error),
    }
}
