//! Log lines to syslog or to the console, without ever waiting for a reader of the log.
//!
//! `info!` and above are always written, `debug!` with `-D`, `trace!` with `-D` twice. Syslog gets RFC 3164 text
//! over a non-blocking socket: a stalled syslogd costs lines, which are counted, never time.

use std::fmt::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::sys::clock;

/// Where lines go and how many; part of what a child is told at its start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LogSettings {
    /// To stderr instead of syslog (`-l`).
    pub console: bool,
    /// 0, 1 or 2: how often `-D` was given.
    pub detail: u8,
    /// Syslog facility number, 0 to 23; 3 is daemon (`-S`).
    pub facility: u8,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            console: false,
            detail: 0,
            facility: 3,
        }
    }
}

/// What follows the identity in syslog.
static IDENT_SUFFIX: OnceLock<String> = OnceLock::new();

/// From now on the identity is followed by this: of several daemons on one host, which it is. Only the first call counts.
pub fn set_ident_suffix(suffix: String) {
    let _ = IDENT_SUFFIX.set(suffix);
}

/// From now on this process logs as `ident`. Only the first call counts.
pub fn init(ident: &'static str, settings: &LogSettings) {
    let level = match settings.detail {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let sink = if settings.console {
        Sink::Console(Mutex::new(Console { lost: 0 }))
    } else {
        Sink::Syslog(Mutex::new(Syslog {
            ident,
            facility: settings.facility,
            socket: None,
            lost: 0,
        }))
    };
    let subscriber = tracing_subscriber::registry().with(LogLayer { sink }.with_filter(level));
    // A second call is a mistake in this program, and losing it is better than ending for it.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct LogLayer {
    sink: Sink,
}

enum Sink {
    Console(Mutex<Console>),
    Syslog(Mutex<Syslog>),
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // Libraries below us speak only when something is wrong.
        let metadata = event.metadata();
        if !metadata.target().starts_with("holdfast") && *metadata.level() > Level::WARN {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        match &self.sink {
            Sink::Console(console) => {
                let mut console = console.lock().unwrap_or_else(PoisonError::into_inner);
                console.write(&mut std::io::stderr(), &line.text);
            }
            Sink::Syslog(syslog) => {
                let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
                syslog.send(severity(*metadata.level()), &line.text);
            }
        }
    }
}

/// Severities of syslog.h.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

struct Console {
    lost: u64,
}

impl Console {
    /// A terminal that is held (Ctrl-S) or a pipe whose reader stands still costs lines, which are counted: a child
    /// that waited for it would answer no hello, and the parent would not fence.
    fn write(&mut self, stream: &mut (impl std::io::Write + AsFd), text: &str) {
        if !takes_a_line(stream) {
            self.lost += 1;
            return;
        }
        let stamp = clock::local_time(c"%a %b %e %T %Y");
        let mut lines = String::new();
        // Writing to a String does not fail.
        let _ = match std::mem::take(&mut self.lost) {
            0 => Ok(()),
            lost => writeln!(
                lines,
                "{stamp}: {lost} log lines were lost: the console did not take them"
            ),
        };
        let _ = writeln!(lines, "{stamp}: {text}");
        // Ready means room for so many bytes in a pipe; more could wait.
        let whole = lines.len().min(libc::PIPE_BUF);
        let _ = stream.write_all(lines.as_bytes().get(..whole).unwrap_or_default());
        if whole < lines.len() {
            let _ = stream.write_all(b"\n");
        }
    }
}

/// Whether the kernel would take a line at once. A file always does.
fn takes_a_line(stream: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
}

struct Syslog {
    ident: &'static str,
    facility: u8,
    socket: Option<UnixDatagram>,
    lost: u64,
}

impl Syslog {
    fn send(&mut self, severity: u8, text: &str) {
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            let notice = format!("{lost} log lines were lost: syslog did not take them");
            if !self.try_send(4, &notice) {
                self.lost = lost;
            }
        }
        if !self.try_send(severity, text) {
            self.lost += 1;
        }
    }

    fn try_send(&mut self, severity: u8, text: &str) -> bool {
        let priority = u16::from(self.facility) * 8 + u16::from(severity);
        let stamp = clock::local_time(c"%b %e %T");
        let line = format!(
            "<{priority}>{stamp} {}{}[{}]: {text}",
            self.ident,
            IDENT_SUFFIX.get().map_or("", String::as_str),
            std::process::id()
        );
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = open_syslog();
            }
            let Some(socket) = &self.socket else {
                return false;
            };
            match socket.send(line.as_bytes()) {
                Ok(_) => return true,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                // syslogd was restarted: its socket is another one now.
                Err(_) => self.socket = None,
            }
        }
        false
    }
}

fn open_syslog() -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect("/dev/log").ok()?;
    Some(socket)
}

/// The message of an event, other fields behind it as `name=value`.
#[derive(Default)]
struct Line {
    text: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = if field.name() == "message" {
            write!(self.text, "{value:?}")
        } else {
            write!(self.text, " {}={value:?}", field.name())
        };
        // A newline would start a line that looks like somebody else's.
        if self.text.contains('\n') {
            self.text = self.text.replace('\n', " ");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn levels_have_the_severities_of_syslog() {
        assert_eq!(severity(Level::ERROR), 3);
        assert_eq!(severity(Level::WARN), 4);
        assert_eq!(severity(Level::INFO), 6);
        assert_eq!(severity(Level::DEBUG), 7);
    }

    #[test]
    fn a_console_that_takes_nothing_costs_lines_and_is_told_how_many() {
        let (mut reader, mut writer) = std::io::pipe().expect("pipe");
        let mut console = Console { lost: 0 };
        let long = "x".repeat(10_000);
        for _ in 0..1000 {
            console.write(&mut writer, &long);
        }
        assert!(console.lost > 900, "{} lost", console.lost);
        let mut buffer = vec![0; 1 << 20];
        let _ = reader.read(&mut buffer).expect("read");
        console.write(&mut writer, "after");
        drop(writer);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("read");
        assert!(rest.contains("log lines were lost"), "{rest}");
        assert!(rest.ends_with("after\n"), "{rest}");
    }

    #[test]
    fn a_syslog_that_takes_nothing_costs_lines_and_is_told_how_many() {
        let (ours, theirs) = UnixDatagram::pair().expect("pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let mut syslog = Syslog {
            ident: "Holdfast",
            facility: 3,
            socket: Some(ours),
            lost: 0,
        };
        for _ in 0..100_000 {
            syslog.send(6, "x");
            if syslog.lost > 10 {
                break;
            }
        }
        assert!(syslog.lost > 10, "the socket never filled");
        let mut buffer = [0; 256];
        theirs.set_nonblocking(true).expect("non-blocking");
        while theirs.recv(&mut buffer).is_ok() {}
        syslog.send(6, "after");
        let length = theirs.recv(&mut buffer).expect("notice");
        let notice = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(notice.starts_with("<28>"), "{notice}");
        assert!(notice.contains("log lines were lost"), "{notice}");
    }
}
