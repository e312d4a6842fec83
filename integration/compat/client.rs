//! What a client notices of a takeover: it asks the address all the time, and the longest time
//! without an answer is its gap.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::lab::{Lab, Result};

const ASK_EVERY: Duration = Duration::from_millis(5);
/// Nobody listens at "discard", so whoever has the address answers that the port is closed.
const CLOSED_PORT: u16 = 9;

/// Asks from now on until it is dropped.
pub(crate) struct Client {
    answers: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    pub(crate) fn start(lab: &Lab, address: IpAddr) -> Result<Self> {
        for node in &lab.directors {
            // Each question wants its answer.
            node.ns.sysctl("net/ipv4/icmp_ratelimit", "0")?;
            node.ns.sysctl("net/ipv6/icmp/ratelimit", "0")?;
        }
        let any = if address.is_ipv6() {
            "[::]:0"
        } else {
            "0.0.0.0:0"
        };
        let socket = lab.client.enter(|| UdpSocket::bind(any))??;
        socket.set_nonblocking(true)?;
        socket.connect((address, CLOSED_PORT))?;
        let answers = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (heard, stopped) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // An answer is an error of the socket, which either call may bring.
                let results = [socket.send(&[0]), socket.recv(&mut [0])];
                let is_refusal = |kind| kind == Some(ErrorKind::ConnectionRefused);
                if results
                    .iter()
                    .any(|it| is_refusal(it.as_ref().err().map(|e| e.kind())))
                {
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.push(Instant::now());
                }
                thread::sleep(ASK_EVERY);
            }
        });
        Ok(Self {
            answers,
            stop,
            thread: Some(thread),
        })
    }

    /// Longest time without an answer between the two instants.
    pub(crate) fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = answers.iter().copied().filter(|at| (from..to).contains(at));
        let (mut last, mut longest) = (from, Duration::ZERO);
        for at in inside.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
