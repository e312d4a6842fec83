//! Many descriptors behind one: an epoll set that a tokio loop waits for as a whole, and that also
//! says at any moment, without waiting and without the runtime's opinion, which of them have
//! something to read.
//!
//! After a stall this tells the truth where a runtime still remembers what it saw before.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::unix::AsyncFd;

/// Descriptors reported by one call of [`PollSet::ready`].
const MAX_READY: usize = 64;

#[derive(Debug)]
pub struct PollSet {
    epoll: AsyncFd<Descriptor>,
}

#[derive(Debug)]
struct Descriptor(Epoll);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl PollSet {
    /// Needs a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let epoll = Descriptor(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        // SAFETY: `Descriptor` owns its epoll descriptor, which is neither replaced nor closed while it is
        // registered: only this module can reach it, and only through `&self`.
        let epoll = unsafe { AsyncFd::register(epoll) }.map_err(io::Error::from)?;
        Ok(Self { epoll })
    }

    /// Watches `descriptor` for something to read, until it is closed.
    pub fn add(&self, descriptor: impl AsFd, key: u64) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, key);
        Ok(self.epoll.get_ref().0.add(descriptor, event)?)
    }

    /// Waits until some descriptor may have something to read. Safe to drop at any time.
    pub async fn readable(&self) -> io::Result<()> {
        self.epoll.readable().await?.clear_ready();
        Ok(())
    }

    /// The keys of at most 64 descriptors that have something to read at this moment; the others get their turn
    /// with the next call.
    pub fn ready(&self) -> io::Result<Vec<u64>> {
        let mut events = [EpollEvent::empty(); MAX_READY];
        let count = match self.epoll.get_ref().0.wait(&mut events, EpollTimeout::ZERO) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        Ok(events.iter().take(count).map(EpollEvent::data).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("bind");
        sender
            .connect(receiver.local_addr().expect("address"))
            .expect("connect");
        (receiver, sender)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_what_has_something_to_read_is_ready() {
        let set = PollSet::new().expect("epoll");
        let (quiet, _) = pair();
        let (receiver, sender) = pair();
        set.add(&quiet, 1).expect("add");
        set.add(&receiver, 2).expect("add");
        assert!(set.ready().expect("ready").is_empty());
        sender.send(b"x").expect("send");
        assert_eq!(set.ready().expect("ready"), [2]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_comes_after_a_drain_wakes_again() {
        let set = PollSet::new().expect("epoll");
        let (receiver, sender) = pair();
        set.add(&receiver, 7).expect("add");
        for _ in 0..3 {
            sender.send(b"x").expect("send");
            tokio::time::timeout(Duration::from_secs(10), set.readable())
                .await
                .expect("in time")
                .expect("readable");
            assert_eq!(set.ready().expect("ready"), [7]);
            receiver.recv(&mut [0; 8]).expect("recv");
            assert!(set.ready().expect("ready").is_empty());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_closed_descriptor_leaves_the_set() {
        let set = PollSet::new().expect("epoll");
        let (receiver, sender) = pair();
        set.add(&receiver, 7).expect("add");
        sender.send(b"x").expect("send");
        drop(receiver);
        assert!(set.ready().expect("ready").is_empty());
    }
}
