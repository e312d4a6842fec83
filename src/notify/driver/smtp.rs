//! Sends one mail to the configured server, in a task of its own.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::config::Smtp;
use crate::notify::mail::{Conversation, Mail, Step, message};

/// Longest line of an answer (RFC 5321 §4.5.3.1.5 has 512).
const MAX_LINE_BYTES: u64 = 4096;
/// Lines that a server may say in all.
const MAX_LINES: usize = 1000;

/// Sends the mail or says why not. The name of the server is looked up each time.
pub(super) async fn send(mail: &Mail, smtp: &Smtp, router_id: &str) -> Result<(), String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let text = message(mail, smtp, router_id, now.unwrap_or(Duration::ZERO));
    let limit = smtp.smtp_connect_timeout;
    let stream = within(
        limit,
        connect(&smtp.smtp_server.host, smtp.smtp_server.port),
    )
    .await?;
    let mut stream = BufReader::new(stream);
    let mut conversation = Conversation::new(smtp, &text);
    for _ in 0..MAX_LINES {
        let line = within(limit, line(&mut stream)).await?;
        match conversation.hears(&line) {
            Step::Read => {}
            Step::Send(text) => within(limit, stream.write_all(text.as_bytes())).await?,
            Step::Done(text) => {
                // It has the mail; what it says to the end of the conversation does not matter.
                let _ = within(limit, stream.write_all(text.as_bytes())).await;
                return Ok(());
            }
            Step::Failed(why) => return Err(why),
        }
    }
    Err("the server does not stop talking".to_owned())
}

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::other("its name has no address");
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    let mut limited = stream.take(MAX_LINE_BYTES);
    if limited.read_until(b'\n', &mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f64())),
    }
}
