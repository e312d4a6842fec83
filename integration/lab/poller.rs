//! A client that asks every 10 ms and remembers every answer.
//!
//! Each tick starts a new connection whether or not earlier ones were answered, so one lost SYN
//! costs one attempt and not a second of sight.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::wait::wait_until;
use super::{LabError, Namespace, Result};

pub const TICK: Duration = Duration::from_millis(10);
/// After this time an attempt counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// More attempts than this are never under way: `PATIENCE / TICK` and a reserve.
const CONCURRENT: usize = 128;

/// One attempt that came to an end.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub started: Instant,
    pub ended: Instant,
    /// The body, which names the server, or why there is none.
    pub outcome: std::result::Result<String, String>,
}

type Attempts = Arc<Mutex<Vec<Attempt>>>;

#[derive(Debug)]
pub struct Poller {
    stop: Arc<AtomicBool>,
    attempts: Attempts,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    pub fn start(ns: &Namespace, address: Ipv4Addr, port: u16) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let attempts = Attempts::default();
        let (stopped, record) = (Arc::clone(&stop), Arc::clone(&attempts));
        let target = SocketAddr::from((address, port));
        let thread = ns.thread(move || poll(target, &stopped, &record))?;
        Ok(Self {
            stop,
            attempts,
            thread: Some(thread),
        })
    }

    /// What has come to an end so far.
    pub fn so_far(&self) -> Report {
        Report(
            self.attempts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }

    /// Waits until the client is served after `from` and returns the time from then to the answer.
    pub fn wait_for_answer(&self, from: Instant, bound: Duration) -> Result<Duration> {
        wait_until("an answer to the client", bound, || {
            self.so_far().first_answer(from).is_some()
        })
        .map_err(|error| {
            LabError::Failed(format!("{error}; errors: {:?}", self.so_far().reasons()))
        })?;
        Ok(self
            .so_far()
            .first_answer(from)
            .map_or(bound, |at| at - from))
    }

    /// Lets the attempts under way end and returns everything.
    pub fn finish(mut self) -> Report {
        self.join();
        self.so_far()
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.join();
    }
}

/// What the client saw.
#[derive(Clone, Debug, Default)]
pub struct Report(pub Vec<Attempt>);

impl Report {
    /// Attempts started at or after `from`.
    pub fn since(&self, from: Instant) -> Self {
        Self(
            self.0
                .iter()
                .filter(|attempt| attempt.started >= from)
                .cloned()
                .collect(),
        )
    }

    /// Attempts started before `to`.
    pub fn until(&self, to: Instant) -> Self {
        Self(
            self.0
                .iter()
                .filter(|attempt| attempt.started < to)
                .cloned()
                .collect(),
        )
    }

    pub fn answers(&self) -> usize {
        self.0
            .iter()
            .filter(|attempt| attempt.outcome.is_ok())
            .count()
    }

    pub fn failures(&self) -> usize {
        self.0.len() - self.answers()
    }

    /// How often each server answered.
    pub fn by_server(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for server in self
            .0
            .iter()
            .filter_map(|attempt| attempt.outcome.as_ref().ok())
        {
            *count.entry(server.clone()).or_default() += 1;
        }
        count
    }

    /// How often each kind of failure occurred.
    pub fn reasons(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for reason in self
            .0
            .iter()
            .filter_map(|attempt| attempt.outcome.as_ref().err())
        {
            *count.entry(reason.clone()).or_default() += 1;
        }
        count
    }

    /// When the first attempt that was started at or after `from` was answered.
    pub fn first_answer(&self, from: Instant) -> Option<Instant> {
        self.0
            .iter()
            .filter(|attempt| attempt.started >= from && attempt.outcome.is_ok())
            .map(|attempt| attempt.ended)
            .min()
    }

    /// Longest time without an answer, and when it began. The ends of the record count as answers.
    pub fn longest_gap(&self) -> (Duration, Option<Instant>) {
        let mut answers: Vec<Instant> = self
            .0
            .iter()
            .filter(|attempt| attempt.outcome.is_ok())
            .map(|attempt| attempt.ended)
            .collect();
        answers.extend(self.0.iter().map(|attempt| attempt.started).min());
        answers.extend(self.0.iter().map(|attempt| attempt.ended).max());
        answers.sort_unstable();
        answers
            .windows(2)
            .map(|pair| (pair[1] - pair[0], Some(pair[0])))
            .max_by_key(|(gap, _)| *gap)
            .unwrap_or_default()
    }
}

/// The client's thread.
fn poll(target: SocketAddr, stop: &AtomicBool, record: &Attempts) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the client");
    let under_way = Rc::new(RefCell::new(VecDeque::new()));
    LocalSet::new().block_on(&runtime, async {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let mut tasks = under_way.borrow_mut();
            tasks.retain(|task: &tokio::task::JoinHandle<()>| !task.is_finished());
            if tasks.len() < CONCURRENT {
                tasks.push_back(tokio::task::spawn_local(attempt(
                    target,
                    Arc::clone(record),
                )));
            }
        }
        let rest = std::mem::take(&mut *under_way.borrow_mut());
        for task in rest {
            task.await.ok();
        }
    });
}

async fn attempt(target: SocketAddr, record: Attempts) {
    let started = Instant::now();
    let outcome = match timeout(PATIENCE, ask(target)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(error),
        Err(_) => Err("no answer within 1 s".to_owned()),
    };
    let ended = Instant::now();
    let attempt = Attempt {
        started,
        ended,
        outcome,
    };
    record
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(attempt);
}

/// One HTTP/1.0 request; the first line of the body if the status is 200.
async fn ask(target: SocketAddr) -> std::result::Result<String, String> {
    let failed = |what: &str, error: &std::io::Error| format!("{what}: {}", error.kind());
    let mut stream = TcpStream::connect(target)
        .await
        .map_err(|e| failed("connect", &e))?;
    stream
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .await
        .map_err(|e| failed("write", &e))?;
    let mut answer = Vec::new();
    stream
        .take(4096)
        .read_to_end(&mut answer)
        .await
        .map_err(|e| failed("read", &e))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("answer without end of headers")?;
    let status = head.split_ascii_whitespace().nth(1);
    if status != Some("200") {
        return Err(format!("status {}", status.unwrap_or("missing")));
    }
    Ok(body.trim_end().to_owned())
}
