//! Long connections: a server that sends back what it gets, and a client that talks over one
//! connection without pause, so a break of an established connection does not go unnoticed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{LabError, Namespace, Result};

/// Time between two messages.
const PACE: Duration = Duration::from_millis(50);

/// Answers on a port of a real server: one byte that names the server, then what it was sent.
#[derive(Debug)]
pub struct EchoServer {
    stop: Arc<AtomicBool>,
}

impl EchoServer {
    pub fn start(ns: &Namespace, port: u16, name: u8) -> Result<Self> {
        let listener = ns.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))??;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let stopped = Arc::clone(&stopped);
                        thread::spawn(move || echo(stream, name, &stopped));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Ok(Self { stop })
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn echo(mut stream: TcpStream, name: u8, stop: &AtomicBool) {
    stream.set_nonblocking(false).ok();
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .ok();
    let mut buffer = [0; 4096];
    if stream.write_all(&[name]).is_err() {
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                if stream.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

/// How a conversation ended, or that it goes on.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// Messages answered so far.
    pub answered: u64,
    /// Longest time between two answers.
    pub longest_silence: Duration,
    /// When the last answer came.
    pub last_answer: Option<Instant>,
    /// When and why the connection ended.
    pub broken: Option<(Instant, String)>,
}

/// A client that sends a message every 50 ms over one connection and waits for its echo.
#[derive(Debug)]
pub struct Talker {
    stop: Arc<AtomicBool>,
    state: Arc<Mutex<Conversation>>,
    /// The server that answered the connection.
    pub server: u8,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    /// Connects and has one message answered; after that `patience` is the longest silence that
    /// does not count as a break.
    pub fn start(ns: &Namespace, address: Ipv4Addr, port: u16, patience: Duration) -> Result<Self> {
        let target = SocketAddr::from((address, port));
        let mut stream =
            ns.enter(|| TcpStream::connect_timeout(&target, Duration::from_secs(2)))??;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let mut name = [0];
        stream.read_exact(&mut name)?;
        exchange(&mut stream, 0).map_err(LabError::Failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let state = Arc::new(Mutex::new(Conversation::default()));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&state));
        let thread = thread::spawn(move || talk(&mut stream, &stopped, &shared));
        Ok(Self {
            stop,
            state,
            server: name[0],
            thread: Some(thread),
        })
    }

    pub fn so_far(&self) -> Conversation {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn finish(mut self) -> Conversation {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        self.so_far()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn talk(stream: &mut TcpStream, stop: &AtomicBool, state: &Mutex<Conversation>) {
    let mut last = Instant::now();
    for number in 1_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let outcome = exchange(stream, number);
        let now = Instant::now();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                state.answered = number;
                state.longest_silence = state.longest_silence.max(now - last);
                state.last_answer = Some(now);
                last = now;
            }
            Err(reason) => {
                state.broken = Some((now, reason));
                return;
            }
        }
        drop(state);
        thread::sleep(PACE);
    }
}

fn exchange(stream: &mut TcpStream, number: u64) -> std::result::Result<(), String> {
    let message = number.to_be_bytes();
    stream
        .write_all(&message)
        .map_err(|error| format!("write: {}", error.kind()))?;
    let mut answer = [0; 8];
    stream
        .read_exact(&mut answer)
        .map_err(|error| format!("read: {}", error.kind()))?;
    if answer == message {
        Ok(())
    } else {
        Err("the echo differs from what was sent".to_owned())
    }
}
