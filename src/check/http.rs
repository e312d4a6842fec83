//! HTTP_GET and SSL_GET: the request, and the verdict on what comes back.
//!
//! Pure: bytes in, verdict out. Memory is bounded whatever the server sends: of the head at most
//! [`MAX_HEAD`] bytes are kept, of the body none, it is only hashed. As in keepalived the digest is that of the
//! raw bytes after the head up to Content-Length; chunks of `http_protocol 1.1` are not taken apart.

use std::net::IpAddr;

use md5::{Digest as _, Md5};

use super::{Failure, HttpTest, LengthMismatch, Passed};
use crate::config::{HttpProtocol, HttpUrl, StatusCodeRange};
use crate::types::ServerAddress;

/// A longer response head is refused.
pub const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 128;

/// More body than this is not read: enough was seen where only the status counts, and a digest of more is refused.
pub const MAX_BODY: u64 = 64 << 20;

const DEFAULT_STATUS_CODES: StatusCodeRange = StatusCodeRange {
    first: 200,
    last: 299,
};

/// The whole request. `target` names the host where no virtual host is configured.
pub fn request(url: &HttpUrl, protocol: HttpProtocol, target: ServerAddress) -> Vec<u8> {
    let (version, connection) = match protocol {
        HttpProtocol::V1_0 => ("1.0", ""),
        HttpProtocol::V1_0Close => ("1.0", "Connection: close\r\n"),
        HttpProtocol::V1_1 => ("1.1", "Connection: close\r\n"),
    };
    let host = match (&url.virtualhost, target.address) {
        (Some(virtualhost), _) => virtualhost.clone(),
        (None, IpAddr::V4(address)) => format!("{address}:{}", target.port),
        (None, IpAddr::V6(address)) => format!("[{address}]:{}", target.port),
    };
    let path = &url.path;
    format!(
        "GET {path} HTTP/{version}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n"
    )
    .into_bytes()
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Read on.
    More,
    /// Close the connection.
    Pass(Passed),
    Fail(Failure),
}

/// A response as far as it has come.
#[derive(Debug)]
pub struct Response<'a> {
    url: &'a HttpUrl,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Head {
        bytes: Vec<u8>,
    },
    Body {
        content_length: Option<u64>,
        received: u64,
        digest: Option<Md5>,
    },
}

impl<'a> Response<'a> {
    pub fn new(url: &'a HttpUrl) -> Self {
        Self {
            url,
            phase: Phase::Head { bytes: Vec::new() },
        }
    }

    /// Bytes have come, in pieces of any size.
    pub fn received(&mut self, mut chunk: &[u8]) -> Progress {
        if let Phase::Head { bytes } = &mut self.phase {
            let searched = bytes.len();
            let room = MAX_HEAD.saturating_sub(searched);
            let (taken, _) = chunk.split_at(chunk.len().min(room));
            bytes.extend_from_slice(taken);
            let Some(end) = end_of_head(bytes, searched) else {
                if bytes.len() >= MAX_HEAD {
                    return fail(format!("the head is longer than {MAX_HEAD} bytes"));
                }
                return Progress::More;
            };
            bytes.truncate(end);
            let head = std::mem::take(bytes);
            // The end lies beyond what was there before: only this chunk can hold more than the head.
            chunk = chunk.get(end - searched..).unwrap_or_default();
            match self.head_received(&head) {
                Ok(phase) => self.phase = phase,
                Err(failure) => return Progress::Fail(failure),
            }
        }
        self.body_received(chunk)
    }

    /// The connection has been closed by the server.
    pub fn ended(&mut self) -> Progress {
        let nothing = Phase::Head { bytes: Vec::new() };
        match std::mem::replace(&mut self.phase, nothing) {
            Phase::Head { bytes } => Progress::Fail(Failure::NoData {
                received: bytes.len(),
            }),
            Phase::Body {
                content_length,
                received,
                digest,
            } => {
                let mismatch =
                    content_length
                        .filter(|length| *length != received)
                        .map(|content_length| LengthMismatch {
                            content_length,
                            received,
                        });
                self.url.judge(digest, mismatch)
            }
        }
    }

    fn head_received(&self, head: &[u8]) -> Result<Phase, Failure> {
        let bad = |reason: String| Failure::BadResponse { reason };
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(bad("the head is not complete".to_owned()));
            }
            Err(error) => return Err(bad(error.to_string())),
        }
        let code = response
            .code
            .ok_or_else(|| bad("there is no status code".to_owned()))?;
        if !self.url.accepts(code) {
            return Err(Failure::StatusCode(code));
        }
        let content_length = if has_no_body(code) {
            Some(0)
        } else {
            content_length(response.headers)
        };
        Ok(Phase::Body {
            content_length,
            received: 0,
            digest: self.url.digest.map(|_| Md5::new()),
        })
    }

    fn body_received(&mut self, chunk: &[u8]) -> Progress {
        let Phase::Body {
            content_length,
            received,
            digest,
        } = &mut self.phase
        else {
            return Progress::More;
        };
        let limit = content_length.unwrap_or(u64::MAX);
        let wanted = usize::try_from(limit - *received).unwrap_or(usize::MAX);
        let (body, _) = chunk.split_at(chunk.len().min(wanted));
        if let Some(digest) = digest {
            digest.update(body);
        }
        *received += body.len() as u64;
        if *received == limit {
            return self.url.judge(digest.take(), None);
        }
        if *received < MAX_BODY {
            return Progress::More;
        }
        match digest {
            Some(_) => fail(format!("the body is longer than {MAX_BODY} bytes")),
            None => self.url.judge(None, None),
        }
    }
}

fn fail(reason: String) -> Progress {
    Progress::Fail(Failure::BadResponse { reason })
}

impl HttpUrl {
    fn accepts(&self, code: u16) -> bool {
        let holds = |range: &StatusCodeRange| (range.first..=range.last).contains(&code);
        if self.status_code.is_empty() {
            holds(&DEFAULT_STATUS_CODES)
        } else {
            self.status_code.iter().any(holds)
        }
    }

    /// The status was right and the body is complete.
    fn judge(&self, digest: Option<Md5>, mismatch: Option<LengthMismatch>) -> Progress {
        let test = match (self.digest, digest) {
            (Some(expected), Some(digest)) => {
                let actual: [u8; 16] = digest.finalize().into();
                if actual != expected {
                    return Progress::Fail(Failure::Digest(actual));
                }
                HttpTest::Digest
            }
            (None | Some(_), None) | (None, Some(_)) => HttpTest::StatusCode,
        };
        Progress::Pass(Passed::Http { test, mismatch })
    }
}

/// Position after the empty line that ends the head. `searched` bytes are known not to hold it.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    let tail = bytes.get(from..)?;
    tail.iter().enumerate().find_map(|(position, byte)| {
        let rest = tail.get(position + 1..)?;
        let blank = match (byte, rest) {
            (b'\n', [b'\n', ..]) => 1,
            (b'\n', [b'\r', b'\n', ..]) => 2,
            _ => return None,
        };
        Some(from + position + 1 + blank)
    })
}

/// RFC 9110 §6.4.1: these end with their head.
fn has_no_body(code: u16) -> bool {
    matches!(code, 100..=199 | 204 | 304)
}

/// Content-Length, if there is one that is a number; else the body ends with the connection.
fn content_length(headers: &[httparse::Header<'_>]) -> Option<u64> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
