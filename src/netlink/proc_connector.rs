//! The kernel's process events connector (linux/cn_proc.h): who forks, executes and ends.
//!
//! It serves the first network, user and process namespaces only. Elsewhere opening it fails, or nothing is ever heard:
//! until [`ProcEvent::Listening`] has come, processes must be looked for in some other way.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_CONNECTOR;
use netlink_sys::{Socket, SocketAddr};

use super::receive_buffer::ReceiveBuffer;

/// `CN_IDX_PROC` and `CN_VAL_PROC`.
const PROC: u32 = 1;
/// `PROC_CN_MCAST_LISTEN`
const LISTEN: u32 = 1;
const NLMSG_DONE: u16 = 3;
/// `struct nlmsghdr`, then `struct cn_msg`, then `struct proc_event`.
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
const EVENT: usize = NETLINK_HEADER + CONNECTOR_HEADER;
/// Its fields: `what`, `cpu`, `timestamp_ns`, and what depends on `what`.
const EVENT_DATA: usize = EVENT + 16;
/// Thousands of events; a host that forks a lot has that many in a moment.
const RECEIVE_BUFFER: usize = 1 << 20;

/// `enum what`
const NONE: u32 = 0;
const FORK: u32 = 0x1;
const EXEC: u32 = 0x2;
const COMM: u32 = 0x200;
const EXIT: u32 = 0x8000_0000;

/// Something that happened to a process. Threads are left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProcEvent {
    /// The kernel has taken the request: from now on everything is told.
    Listening,
    Forked {
        parent: u32,
        child: u32,
    },
    /// It runs another program, or has another name.
    Changed {
        pid: u32,
    },
    Ended {
        pid: u32,
    },
    /// Events were lost: everything must be looked for again.
    Lost,
}

/// Listens.
pub struct ProcConnector {
    socket: Socket,
}

impl std::fmt::Debug for ProcConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProcConnector")
    }
}

impl ProcConnector {
    /// `buffer`: by default one of 1 MiB.
    pub fn open(buffer: ReceiveBuffer) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_CONNECTOR)?;
        socket.set_non_blocking(true)?;
        buffer.apply(&mut socket, Some(RECEIVE_BUFFER))?;
        socket.bind(&SocketAddr::new(0, PROC))?;
        socket.send_to(&request(), &SocketAddr::new(0, 0), 0)?;
        Ok(Self { socket })
    }

    /// Everything that has come, in order, without waiting.
    pub fn events(&self) -> io::Result<Vec<ProcEvent>> {
        let mut events = Vec::new();
        loop {
            match self.socket.recv_from_full() {
                Ok((bytes, sender)) => {
                    // Anybody may send to us; only the kernel is believed.
                    if sender.port_number() == 0 {
                        events.extend(parse(&bytes));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(events),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    events.push(ProcEvent::Lost);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for ProcConnector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// `PROC_CN_MCAST_LISTEN`
fn request() -> Vec<u8> {
    let length = EVENT + 4;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    bytes.extend(NLMSG_DONE.to_ne_bytes());
    // Flags, sequence number, port.
    bytes.extend([0; 10]);
    bytes.extend(PROC.to_ne_bytes());
    bytes.extend(PROC.to_ne_bytes());
    // Sequence number, acknowledgement.
    bytes.extend([0; 8]);
    bytes.extend(4_u16.to_ne_bytes());
    bytes.extend(0_u16.to_ne_bytes());
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

/// The event in a datagram, if it matters.
fn parse(bytes: &[u8]) -> Option<ProcEvent> {
    let word = |at: usize| -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    if word(NETLINK_HEADER)? != PROC || word(NETLINK_HEADER + 4)? != PROC {
        return None;
    }
    let data = |position: usize| word(EVENT_DATA + 4 * position);
    match word(EVENT)? {
        NONE => (data(0)? == 0).then_some(ProcEvent::Listening),
        // Parent's thread and process, child's thread and process.
        FORK => (data(2)? == data(3)?).then_some(ProcEvent::Forked {
            parent: data(1)?,
            child: data(3)?,
        }),
        EXEC => Some(ProcEvent::Changed { pid: data(1)? }),
        // The name of another thread is not the process's.
        COMM => (data(0)? == data(1)?).then_some(ProcEvent::Changed { pid: data(1)? }),
        EXIT => (data(0)? == data(1)?).then_some(ProcEvent::Ended { pid: data(1)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: u32, data: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; NETLINK_HEADER];
        bytes.extend(PROC.to_ne_bytes());
        bytes.extend(PROC.to_ne_bytes());
        bytes.extend([0; 12]);
        bytes.extend(what.to_ne_bytes());
        bytes.extend([0; 12]);
        bytes.extend(data.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn processes_are_told_from_threads() {
        let parsed = |what, data: &[u32]| parse(&event(what, data));
        assert_eq!(parsed(NONE, &[0]), Some(ProcEvent::Listening));
        assert_eq!(
            parsed(FORK, &[11, 10, 20, 20]),
            Some(ProcEvent::Forked {
                parent: 10,
                child: 20
            })
        );
        assert_eq!(parsed(FORK, &[10, 10, 21, 10]), None, "a thread");
        assert_eq!(
            parsed(EXEC, &[20, 20]),
            Some(ProcEvent::Changed { pid: 20 })
        );
        assert_eq!(parsed(EXIT, &[21, 20, 0, 0]), None, "a thread");
        assert_eq!(
            parsed(EXIT, &[20, 20, 0, 0]),
            Some(ProcEvent::Ended { pid: 20 })
        );
        assert_eq!(parsed(0x4, &[20, 20, 0, 0]), None, "a user");
    }

    #[test]
    fn what_is_cut_off_says_nothing() {
        let whole = event(FORK, &[10, 10, 20, 20]);
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]), None, "{length}");
        }
    }
}
