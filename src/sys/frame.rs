//! Frames between our own processes: a length of four bytes, big endian, then JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No frame is longer: 64 MiB hold a configuration of well over 100 000 real servers.
pub const MAX_FRAME: usize = 64 << 20;

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The bytes of a frame that carries `message`.
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(io::Error::from)?;
    let length = frame.len() - 4;
    let header = u32::try_from(length)
        .ok()
        .filter(|_| length <= MAX_FRAME)
        .ok_or_else(|| invalid(format!("frame of {length} bytes is too long")))?;
    frame[..4].copy_from_slice(&header.to_be_bytes());
    Ok(frame)
}

fn checked_length(header: [u8; 4]) -> io::Result<usize> {
    usize::try_from(u32::from_be_bytes(header))
        .ok()
        .filter(|length| *length <= MAX_FRAME)
        .ok_or_else(|| invalid("frame is too long"))
}

/// Takes one whole frame from the front of `buffer`, if there is one. For loops that read what
/// has come without waiting for more.
pub fn take<T: DeserializeOwned>(buffer: &mut Vec<u8>) -> io::Result<Option<T>> {
    let Some(header) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = checked_length(*header)?;
    let Some(body) = buffer.get(4..4 + length) else {
        return Ok(None);
    };
    let message = serde_json::from_slice(body)?;
    buffer.drain(..4 + length);
    Ok(Some(message))
}

pub fn write<T: Serialize>(writer: &mut impl Write, message: &T) -> io::Result<()> {
    writer.write_all(&encode(message)?)?;
    writer.flush()
}

/// `UnexpectedEof` when the other side has gone.
pub fn read<T: DeserializeOwned>(reader: &mut impl Read) -> io::Result<T> {
    let mut header = [0; 4];
    reader.read_exact(&mut header)?;
    let mut body = vec![0; checked_length(header)?];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

pub async fn write_async<T: Serialize>(
    writer: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    writer.write_all(&encode(message)?).await?;
    writer.flush().await
}

/// `UnexpectedEof` when the other side has gone. Not to be dropped half way: use a task of its own or an owned half.
pub async fn read_async<T: DeserializeOwned>(
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<T> {
    let mut header = [0; 4];
    reader.read_exact(&mut header).await?;
    let mut body = vec![0; checked_length(header)?];
    reader.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write(&mut bytes, &vec!["a", "b"]).expect("write");
        write(&mut bytes, &7).expect("write");
        let mut reader = bytes.as_slice();
        assert_eq!(read::<Vec<String>>(&mut reader).expect("read"), ["a", "b"]);
        assert_eq!(read::<u8>(&mut reader).expect("read"), 7);
        let end = read::<u8>(&mut reader).expect_err("nothing is left");
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn half_a_frame_waits_for_the_rest() {
        let whole = encode(&"hello").expect("encode");
        let (first, rest) = whole.split_at(6);
        let mut buffer = first.to_vec();
        assert_eq!(take::<String>(&mut buffer).expect("no error"), None);
        buffer.extend_from_slice(rest);
        assert_eq!(
            take::<String>(&mut buffer).expect("no error").as_deref(),
            Some("hello")
        );
        assert!(buffer.is_empty());
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_taken() {
        let error = read::<u8>(&mut [0xff_u8; 8].as_slice()).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(take::<u8>(&mut vec![0xff; 8]).is_err());
    }
}
