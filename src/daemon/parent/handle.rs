//! The parent's grip on one child: its process, the socket to it, and the hellos.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus as ProcessStatus;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::info;

use super::Event;
use crate::daemon::adopted;
use crate::daemon::child::hello_socket;
use crate::daemon::message::{ChildKind, FromChild, Start, ToChild};
use crate::daemon::supervisor::Ended;
use crate::sys::frame;
use crate::sys::process::{self, PidFd};

/// A connection that a child does not take within this time is tried again at the next hello.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Everything that is needed to start a child.
pub(super) struct Launch {
    pub(super) kind: ChildKind,
    pub(super) generation: u64,
    pub(super) start: Start,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

/// Something happened to a child.
pub(super) struct HandleEvent {
    pub(super) kind: ChildKind,
    pub(super) generation: u64,
    pub(super) what: What,
}

pub(super) enum What {
    Said(FromChild),
    HelloAnswered(u64),
    Ended(Ended),
}

/// A running child. Its tasks end with it.
pub(super) struct Handle {
    pub(super) pid: u32,
    pub(super) generation: u64,
    kind: ChildKind,
    orders: mpsc::UnboundedSender<ToChild>,
    hellos: mpsc::UnboundedSender<u64>,
    pidfd: OwnedFd,
    _tasks: JoinSet<()>,
}

impl Handle {
    pub(super) fn hello(&self, number: u64) {
        let _ = self.hellos.send(number);
    }

    pub(super) fn tell(&self, message: ToChild) {
        let _ = self.orders.send(message);
    }

    pub(super) fn ask_to_stop(&self) {
        if self.kind == ChildKind::DataPlane {
            // It outlives parents, so its socket to this one means nothing to it.
            let _ = process::signal_pidfd(self.pidfd.as_fd(), libc::SIGTERM);
        } else {
            self.tell(ToChild::Stop);
        }
    }

    /// SIGKILL; a process that has ended already is no error.
    pub(super) fn kill(&self) {
        let _ = process::signal_pidfd(self.pidfd.as_fd(), libc::SIGKILL);
    }
}

/// What the tasks of a child tell the parent's loop.
#[derive(Clone)]
struct Reporter {
    kind: ChildKind,
    generation: u64,
    events: mpsc::UnboundedSender<Event>,
}

impl Reporter {
    fn report(&self, what: What) {
        let event = HandleEvent {
            kind: self.kind,
            generation: self.generation,
            what,
        };
        let _ = self.events.send(event.into());
    }
}

/// Starts a child, or adopts a data plane that outlived its parent.
pub(super) async fn launch(launch: Launch) -> io::Result<Handle> {
    let socket = hello_socket(&launch.start.run_directory, launch.kind);
    if launch.kind == ChildKind::DataPlane
        && let Some((pid, pidfd)) = adopted::find(&socket).await
    {
        info!("Taking over the running data-plane child, pid={pid}");
        return adopt(launch, socket, pid, pidfd);
    }
    spawn(launch, socket)
}

fn spawn(launch: Launch, socket: PathBuf) -> io::Result<Handle> {
    let Launch {
        kind,
        generation,
        start,
        events,
    } = launch;
    let (ours, theirs) = StdUnixStream::pair()?;
    let argument = format!("--child={}", kind.stem());
    let command = process::reexec("holdfastd", &[argument.as_str()], OwnedFd::from(theirs));
    let child = Command::from(command).spawn()?;
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("it ended at once"))?;
    let pidfd = process::pidfd(pid)?;
    ours.set_nonblocking(true)?;
    let (reader, writer) = UnixStream::from_std(ours)?.into_split();

    let (orders, order_receiver) = mpsc::unbounded_channel();
    let (hellos, hello_receiver) = mpsc::unbounded_channel();
    let _ = orders.send(ToChild::Start(Box::new(start)));
    let reporter = Reporter {
        kind,
        generation,
        events,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(write_orders(writer, order_receiver));
    tasks.spawn(follow(child, reader, reporter.clone()));
    tasks.spawn(say_hellos(socket, hello_receiver, reporter));
    Ok(Handle {
        pid,
        generation,
        kind,
        orders,
        hellos,
        pidfd,
        _tasks: tasks,
    })
}

fn adopt(launch: Launch, socket: PathBuf, pid: u32, pidfd: OwnedFd) -> io::Result<Handle> {
    let Launch {
        kind,
        generation,
        start: _,
        events,
    } = launch;
    let (orders, _nobody) = mpsc::unbounded_channel();
    let (hellos, hello_receiver) = mpsc::unbounded_channel();
    let watched = PidFd::watch(pidfd.try_clone()?)?;
    let reporter = Reporter {
        kind,
        generation,
        events,
    };
    reporter.report(What::Said(FromChild::Ready));
    let mut tasks = JoinSet::new();
    tasks.spawn(say_hellos(socket, hello_receiver, reporter.clone()));
    tasks.spawn(async move {
        // The status of a process that is not our child cannot be known; it is restarted.
        let _ = watched.ended().await;
        reporter.report(What::Ended(Ended::Signaled(0)));
    });
    Ok(Handle {
        pid,
        generation,
        kind,
        orders,
        hellos,
        pidfd,
        _tasks: tasks,
    })
}

async fn write_orders(mut writer: OwnedWriteHalf, mut orders: mpsc::UnboundedReceiver<ToChild>) {
    while let Some(order) = orders.recv().await {
        if frame::write_async(&mut writer, &order).await.is_err() {
            // A dead child is reported by its exit.
            return;
        }
    }
    // The handle is gone; keep the socket open until the child has ended and this task with it.
    std::future::pending::<()>().await;
}

/// Passes on what the child says; what it said before it died comes before its death.
async fn follow(mut child: Child, mut reader: OwnedReadHalf, reporter: Reporter) {
    while let Ok(message) = frame::read_async(&mut reader).await {
        reporter.report(What::Said(message));
    }
    let ended = match child.wait().await {
        Ok(status) => how_it_ended(status),
        Err(_) => Ended::Signaled(0),
    };
    reporter.report(What::Ended(ended));
}

fn how_it_ended(status: ProcessStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, signal) => Ended::Signaled(signal.unwrap_or(0)),
    }
}

/// Says each hello that is ordered; an answer is reported, silence is not.
async fn say_hellos(socket: PathBuf, mut hellos: mpsc::UnboundedReceiver<u64>, reporter: Reporter) {
    let mut connection = None;
    while let Some(number) = hellos.recv().await {
        if connection.is_none() {
            let connect = tokio::time::timeout(CONNECT_LIMIT, UnixStream::connect(&socket));
            connection = connect.await.ok().and_then(Result::ok).map(BufReader::new);
        }
        let Some(stream) = &mut connection else {
            continue;
        };
        match say_hello(stream, number).await {
            Ok(()) => reporter.report(What::HelloAnswered(number)),
            Err(_) => connection = None,
        }
    }
}

async fn say_hello(stream: &mut BufReader<UnixStream>, number: u64) -> io::Result<()> {
    let hello = format!("hello {number}\n");
    stream.write_all(hello.as_bytes()).await?;
    let mut answer = String::new();
    while answer != hello {
        answer.clear();
        if stream.read_line(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
