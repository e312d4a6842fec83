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
    /// There may be more to read or to answer although epoll will not say so again.
    stalled: bool,
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
                    stalled: false,
                });
            }
            Err(error) => debug!("taking up a connection: {error}"),
        }
    }

    /// Token of a client that goes on where it was left.
    pub(super) fn resumable(&self) -> Option<u64> {
        let goes_on = |slot: &Option<Client>| {
            slot.as_ref()
                .is_some_and(|client| client.stalled && client.output.is_empty())
        };
        let place = self.slots.iter().position(goes_on)?;
        Some(self.first_token + place as u64)
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
        self.stalled = false;
        let mut chunk = [0; 1 << 14];
        let mut left = READ_AT_ONCE;
        loop {
            while self.output.is_empty() && self.answer(director, outcome)? {}
            if !self.output.is_empty() || left == 0 {
                self.stalled = true;
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ahash::RandomState;
    use nix::sys::epoll::EpollCreateFlags;

    use super::*;
    use crate::dataplane::Limits;
    use crate::dataplane::director::{OrphanPolicy, Settings};
    use crate::lvs::{Command, Service, ServiceKey, Table};
    use crate::types::{Protocol, Scheduler, ServerAddress};

    const TOKEN: u64 = 16;

    struct Bench {
        clients: Clients,
        director: Director,
        ours: UnixStream,
        _epoll: Epoll,
    }

    fn bench(speaks: Speaks) -> Bench {
        let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a bound");
        let mut clients = Clients::new(TOKEN);
        clients.add(theirs, speaks, &epoll);
        let settings = Settings {
            limits: Limits {
                connections: 8,
                embryonic: 8,
                udp: 8,
            },
            hash: RandomState::with_seeds(1, 2, 3, 4),
            orphans: OrphanPolicy::Pass,
        };
        Bench {
            clients,
            director: Director::new(settings, Instant::now()),
            ours,
            _epoll: epoll,
        }
    }

    impl Bench {
        fn send(&mut self, bytes: &[u8]) -> Outcome {
            self.ours.write_all(bytes).expect("sent");
            let outcome = self.clients.on_ready(TOKEN, &mut self.director);
            self.clients.flush();
            outcome
        }
    }

    #[test]
    fn a_hello_is_answered_by_itself_and_stop_stops() {
        let mut bench = bench(Speaks::Hello);
        assert_eq!(bench.send(b"hello 7\nhel"), Outcome::default());
        assert_eq!(bench.send(b"lo 8\n"), Outcome::default());
        let mut answer = [0; 16];
        bench.ours.read_exact(&mut answer).expect("answered");
        assert_eq!(&answer, b"hello 7\nhello 8\n");
        assert!(bench.send(b"stop\n").stop);
    }

    #[test]
    fn requests_that_come_at_once_are_answered_one_after_the_other() {
        let mut bench = bench(Speaks::Hello);
        bench.send(b"hello 1\nhello 2\nhello 3\n");
        for _ in 0..3 {
            if let Some(token) = bench.clients.resumable() {
                bench.clients.on_ready(token, &mut bench.director);
                bench.clients.flush();
            }
        }
        let mut answer = [0; 24];
        bench.ours.read_exact(&mut answer).expect("answered");
        assert_eq!(&answer, b"hello 1\nhello 2\nhello 3\n");
        assert_eq!(bench.clients.resumable(), None);
    }

    #[test]
    fn a_frame_longer_than_what_is_read_at_once_is_carried_out() {
        let mut bench = bench(Speaks::Lvs);
        let key = ServiceKey {
            address: ServerAddress::new([10, 9, 0, 1].into(), 80),
            protocol: Protocol::Tcp,
        };
        let commands = vec![Command::DeleteService { key }; 30_000];
        let request = frame::encode(&Request::Apply(commands)).expect("encoded");
        assert!(request.len() > 2 * READ_AT_ONCE);
        let mut ours = bench.ours.try_clone().expect("another");
        let sender = std::thread::spawn(move || {
            ours.write_all(&request).expect("sent");
            frame::read::<Reply>(&mut ours).expect("answered")
        });
        let until = Instant::now() + Duration::from_secs(20);
        while !sender.is_finished() && Instant::now() < until {
            bench.clients.on_ready(TOKEN, &mut bench.director);
            bench.clients.flush();
        }
        let Reply::Applied(results) = sender.join().expect("no panic") else {
            panic!("another answer");
        };
        assert_eq!(results.iter().flatten().count(), 30_000);
    }

    #[test]
    fn rubbish_and_lines_without_end_close_the_connection() {
        for rubbish in [&b"what\n"[..], &[b'a'; 1000]] {
            let mut bench = bench(Speaks::Hello);
            bench.send(rubbish);
            assert_eq!(bench.ours.read(&mut [0; 8]).expect("closed"), 0);
        }
        let mut bench = bench(Speaks::Lvs);
        bench.send(&[0xff; 8]);
        assert_eq!(bench.ours.read(&mut [0; 8]).expect("closed"), 0);
    }

    #[test]
    fn commands_are_carried_out_and_what_is_programmed_outlives_the_client() {
        let mut bench = bench(Speaks::Lvs);
        let key = ServiceKey {
            address: ServerAddress::new([10, 9, 0, 1].into(), 80),
            protocol: Protocol::Tcp,
        };
        let service = Service {
            scheduler: Scheduler::Rr,
            persistence_timeout: None,
        };
        let add = Command::AddService { key, service };
        let request = frame::encode(&Request::Apply(vec![add, add])).expect("encoded");
        assert!(bench.send(&request).applied);
        let reply: Reply = frame::read(&mut bench.ours).expect("answered");
        let exists = "service [10.9.0.1]:tcp:80 exists already".to_owned();
        assert_eq!(reply, Reply::Applied(vec![None, Some(exists)]));

        let request = frame::encode(&Request::Dump).expect("encoded");
        assert!(!bench.send(&request).applied);
        let reply: Reply = frame::read(&mut bench.ours).expect("answered");
        let mut table = Table::default();
        table.services.insert(key, (service, Default::default()));
        assert_eq!(reply, Reply::Dump(table));

        bench
            .ours
            .shutdown(std::net::Shutdown::Both)
            .expect("shut down");
        bench.clients.on_ready(TOKEN, &mut bench.director);
        assert_eq!(bench.director.dump().services.len(), 1);
    }
}
