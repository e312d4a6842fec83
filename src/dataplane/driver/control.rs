//! The parent's hellos and the checker child's commands, over unix sockets that never make the loop wait.
//!
//! A client that does not read its answers is not listened to until it does, so what is kept for it is bounded. The
//! end of a connection changes nothing.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use tracing::debug;

use crate::dataplane::director::Director;
use crate::lvs::message::{Reply, Request};
use crate::sys::frame;

/// Clients of each socket at a time.
const CLIENTS: usize = 16;
/// A hello is shorter.
const LINE: usize = 128;
/// Bytes taken from one client before the loop looks at something else.
const READ_AT_ONCE: usize = 1 << 20;

/// What a client speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Speaks {
    /// Lines: `hello <n>` is answered with the same, `stop` ends the child.
    Hello,
    /// Frames of `lvs::message`.
    Lvs,
}

/// What a client has brought about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) stop: bool,
    /// Commands were carried out.
    pub(super) applied: bool,
}

struct Client {
    stream: UnixStream,
    speaks: Speaks,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// The connected clients; the token of each in the epoll set is its place after `first_token`.
pub(super) struct Clients {
    first_token: u64,
    slots: Vec<Option<Client>>,
}

impl Clients {
    pub(super) fn new(first_token: u64) -> Self {
        let slots = (0..2 * CLIENTS).map(|_| None).collect();
        Self { first_token, slots }
    }

    /// Takes up everybody who is waiting at `listener`, as far as there is room.
    pub(super) fn accept(&mut self, listener: &UnixListener, speaks: Speaks, epoll: &Epoll) {
        for _ in 0..CLIENTS {
            match listener.accept() {
                Ok((stream, _)) => self.add(stream, speaks, epoll),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    debug!("accepting a connection: {error}");
                    return;
                }
            }
        }
    }

    pub(super) fn add(&mut self, stream: UnixStream, speaks: Speaks, epoll: &Epoll) {
        let same = |client: &&Client| client.speaks == speaks;
        let free = self.slots.iter().position(Option::is_none);
        let Some(place) =
            free.filter(|_| self.slots.iter().flatten().filter(same).count() < CLIENTS)
        else {
            debug!("too many connections: one more is refused");
            return;
        };
        let token = self.first_token + place as u64;
        // Edges are enough for writing: what does not fit is tried again when there is room.
        let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        let added = stream
            .set_nonblocking(true)
            .and_then(|()| Ok(epoll.add(stream.as_fd(), EpollEvent::new(interest, token))?));
        match added {
            Ok(()) => {
                self.slots[place] = Some(Client {
                    stream,
                    speaks,
                    input: Vec::new(),
                    output: Vec::new(),
                });
            }
            Err(error) => debug!("taking up a connection: {error}"),
        }
    }

    /// Something has happened at the client with this token.
    pub(super) fn on_ready(&mut self, token: u64, director: &mut Director) -> Outcome {
        let place = usize::try_from(token - self.first_token).unwrap_or(usize::MAX);
        let Some(slot) = self.slots.get_mut(place) else {
            return Outcome::default();
        };
        let Some(client) = slot else {
            return Outcome::default();
        };
        let mut outcome = Outcome::default();
        if let Err(error) = client.advance(director, &mut outcome) {
            if error.kind() != io::ErrorKind::UnexpectedEof {
                debug!("a connection is closed: {error}");
            }
            *slot = None;
        }
        outcome
    }

    /// Sends the answers that are ready; answers to commands wait for this, so that what they
    /// speak of is done.
    pub(super) fn flush(&mut self) {
        for slot in &mut self.slots {
            if slot.as_mut().is_some_and(|client| client.flush().is_err()) {
                *slot = None;
            }
        }
    }
}

impl Client {
    /// Reads and answers until there is nothing to read or an answer waits to be sent.
    fn advance(&mut self, director: &mut Director, outcome: &mut Outcome) -> io::Result<()> {
        self.flush()?;
        let mut chunk = [0; 1 << 14];
        let mut left = READ_AT_ONCE;
        loop {
            while self.output.is_empty() && self.answer(director, outcome)? {}
            if !self.output.is_empty() || left == 0 {
                return Ok(());
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.input.extend_from_slice(&chunk[..count]);
                    left = left.saturating_sub(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers one request, if a whole one is there.
    fn answer(&mut self, director: &mut Director, outcome: &mut Outcome) -> io::Result<bool> {
        match self.speaks {
            Speaks::Hello => self.answer_line(outcome),
            Speaks::Lvs => {
                let Some(request) = frame::take::<Request>(&mut self.input)? else {
                    return Ok(false);
                };
                outcome.applied |= matches!(request, Request::Apply(_));
                self.output = frame::encode(&carry_out(director, request))?;
                Ok(true)
            }
        }
    }

    fn answer_line(&mut self, outcome: &mut Outcome) -> io::Result<bool> {
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            let sane = self.input.len() < LINE;
            return sane
                .then_some(false)
                .ok_or_else(|| io::ErrorKind::InvalidData.into());
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        if line == b"stop\n" {
            outcome.stop = true;
        } else if line.starts_with(b"hello ") && line.len() <= LINE {
            self.output = line;
        } else {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn carry_out(director: &mut Director, request: Request) -> Reply {
    match request {
        Request::Apply(commands) => {
            let results = commands.iter().map(|command| director.apply(command));
            Reply::Applied(
                results
                    .map(|result| result.err().map(|refused| refused.to_string()))
                    .collect(),
            )
        }
        Request::Dump => Reply::Dump(director.dump()),
        Request::Statistics => Reply::Statistics(director.statistics()),
    }
}
