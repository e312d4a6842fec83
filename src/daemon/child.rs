//! The wiring of a child: orders come from the inherited socket, hellos from its own listening
//! socket, reports go back. What a child does lies in the drivers of `vrrp`, `check` and `dataplane`.

use std::fmt::Display;
use std::fs::Permissions;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use super::dump::{DumpSignals, Dumps};
use super::exit_status::ExitStatus;
use super::message::{ChildKind, DumpKind, FromChild, Start, ToChild};
use super::outbox::Outbox;
use super::pid_file::PidFile;
use super::{place, scheduling};
use crate::config::Config;
use crate::dataplane::Limits;
use crate::dataplane::driver::{Setup, TAP_NAME};
use crate::status::vrrp::Now;
use crate::sys::net_namespace::{Claim, ClaimError};
use crate::sys::{clock, frame};
use crate::types::InterfaceName;
use crate::{check, dataplane, log, status, vrrp};

/// Orders that wait for a busy child; the parent sends one hello at a time.
const ORDERS: usize = 16;

/// The parent's, and a few of others.
const HELLO_CONNECTIONS: usize = 16;

/// Path of the socket on which a child answers hellos.
pub(crate) fn hello_socket(run_directory: &Path, kind: ChildKind) -> PathBuf {
    run_directory.join(format!("{}.hello", kind.stem()))
}

/// Where the data plane takes commands.
fn control_socket(run_directory: &Path) -> PathBuf {
    run_directory.join("lvs.sock")
}

/// Takes away what a child that was killed could not.
pub(crate) fn remove_left_files(run_directory: &Path, kind: ChildKind, pid_file: Option<&Path>) {
    let hello = hello_socket(run_directory, kind);
    let control = (kind == ChildKind::DataPlane).then(|| control_socket(run_directory));
    let files = [Some(hello), control, pid_file.map(Path::to_owned)];
    for file in files.into_iter().flatten() {
        // Mostly it is not there: the child ended in order.
        let _ = std::fs::remove_file(file);
    }
}

/// The child process: returns when it is asked to stop, or when the parent is gone.
pub(crate) fn run(kind: ChildKind, mut socket: StdUnixStream) -> ExitStatus {
    let start = match frame::read(&mut socket) {
        Ok(ToChild::Start(start)) => *start,
        Ok(ToChild::Reload(_) | ToChild::Dump(_) | ToChild::Stop) | Err(_) => {
            return ExitStatus::Fatal;
        }
    };
    log::set_ident_suffix(place::ident_suffix(&start.config.namespaces));
    log::init(kind.ident(), &start.log);
    match prepare_and_run(kind, start, socket) {
        Ok(status) => status,
        Err(error) => {
            error!("{kind} child: {error}");
            ExitStatus::Fatal
        }
    }
}

fn prepare_and_run(
    kind: ChildKind,
    start: Start,
    socket: StdUnixStream,
) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    let _pid_file = PidFile::acquire(&start.pid_file)?;
    scheduling::apply(kind, &start.config.global_defs.processes);
    let (hello, _hello_path) = listen(&hello_socket(&start.run_directory, kind))?;
    if kind == ChildKind::DataPlane {
        return run_data_plane(&start, socket, hello);
    }
    socket.set_nonblocking(true)?;
    hello.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        let wiring = Wiring {
            socket: UnixStream::from_std(socket)?,
            hello: UnixListener::from_std(hello)?,
            dumps: DumpSignals::new()?,
        };
        Ok(match kind {
            ChildKind::Vrrp => run_vrrp(start, wiring).await,
            ChildKind::Checker | ChildKind::DataPlane => run_checker(start, wiring).await,
        })
    });
    // A thread that waits for a disk does not hold up the end.
    runtime.shutdown_background();
    result
}

/// A fresh listening socket; one that a dead predecessor left behind is replaced.
fn listen(path: &Path) -> io::Result<(StdUnixListener, SocketPath)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = StdUnixListener::bind(path).map_err(|error| {
        let attempted = format!("unable to listen on {}: {error}", path.display());
        io::Error::new(error.kind(), attempted)
    })?;
    // A connection is an order or holds up an answer: root's alone, whatever the umask.
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok((listener, SocketPath(path.to_owned())))
}

/// Takes the name of a socket away when its process ends in order.
struct SocketPath(PathBuf);

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run_data_plane(
    start: &Start,
    mut socket: StdUnixStream,
    hello: StdUnixListener,
) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    // Its table and its device have one name in a network namespace.
    let _claim = match Claim::take("holdfast_lvs") {
        Ok(claim) => Some(claim),
        Err(error @ ClaimError::Held(_)) => {
            return Err(
                format!("only one data plane can run in a network namespace: {error}").into(),
            );
        }
        Err(ClaimError::Foreign { .. } | ClaimError::Io(_)) => None,
    };
    let (control, _control_path) = listen(&control_socket(&start.run_directory))?;
    // Whoever connects from now on is answered when the loop has begun.
    frame::write(&mut socket, &FromChild::Ready)?;
    let setup = Setup {
        tap_name: InterfaceName::new(TAP_NAME)?,
        parent: socket,
        hello,
        control,
        limits: Limits::default(),
        restarted: start.restarted,
    };
    Ok(exit_status(dataplane::driver::run(setup), |error| {
        matches!(error, dataplane::driver::DriverError::Permission { .. })
    }))
}

/// Says why a driver ended, if it did not end in order.
fn exit_status<E: Display>(
    result: Result<(), E>,
    is_permission: impl Fn(&E) -> bool,
) -> ExitStatus {
    match result {
        Ok(()) => ExitStatus::Ok,
        Err(error) => {
            error!("{error}");
            if is_permission(&error) {
                ExitStatus::MissingPermission
            } else {
                ExitStatus::Fatal
            }
        }
    }
}

struct Wiring {
    socket: UnixStream,
    hello: UnixListener,
    dumps: DumpSignals,
}

async fn run_vrrp(start: Start, wiring: Wiring) -> ExitStatus {
    use vrrp::driver::{DriverError, Inherited, Order, Report};

    let resume = start
        .resume
        .into_iter()
        .map(|(router, until)| vrrp::Resume {
            router,
            lease_until: clock::from_monotonic(until),
        })
        .collect();
    let (orders, order_receiver) = mpsc::channel(ORDERS);
    let (report_sender, reports) = mpsc::unbounded_channel();
    let dumps = Dumps::new(ChildKind::Vrrp, &start.config);
    let inherited = Inherited {
        resume,
        settings: start.settings,
    };
    let driver = vrrp::driver::run(
        Box::new(start.config),
        inherited,
        order_receiver,
        report_sender,
    );
    let to_order = |message| match message {
        Some(Asked::Reload(config)) => {
            scheduling::apply(ChildKind::Vrrp, &config.global_defs.processes);
            dumps.reload(&config);
            Order::Reload(config)
        }
        Some(Asked::Hello(answer)) => Order::Hello(answer),
        Some(Asked::Dump(dump)) => {
            let (answer, answered) = oneshot::channel();
            let json_version = dumps.json_version();
            dumps.write(dump, answered, move |it| match dump {
                DumpKind::Data => status::vrrp::data(it, Now::read()),
                DumpKind::Stats | DumpKind::StatsClear => status::vrrp::stats(&it.snapshot),
                DumpKind::Json => status::vrrp::json(it, json_version, Now::read()),
            });
            Order::Dump {
                clear_counters: dump == DumpKind::StatsClear,
                answer,
            }
        }
        Some(Asked::Stop) => Order::Stop,
        // Without a parent nobody fences: the addresses go now.
        None => {
            warn!("The parent is gone: giving up all addresses and ending");
            Order::Stop
        }
    };
    let to_message = |report| match report {
        Report::Ready => FromChild::Ready,
        Report::Reloaded => FromChild::Reloaded,
        Report::Own(owned) => FromChild::Own(owned),
        Report::Disown(owned) => FromChild::Disown(owned),
        Report::NotRemoved(owned) => FromChild::NotRemoved(owned),
        Report::BeginLease {
            router,
            term,
            until,
        } => FromChild::BeginLease {
            router,
            term,
            until,
        },
        Report::RenewLeases { term, until } => FromChild::RenewLeases { term, until },
        Report::EndLease { router } => FromChild::EndLease(router),
    };
    let result = wire(wiring, driver, orders, to_order, reports, to_message).await;
    exit_status(result, |error| {
        matches!(error, DriverError::Permission { .. })
    })
}

async fn run_checker(start: Start, wiring: Wiring) -> ExitStatus {
    use check::driver::{DriverError, Order, Report};

    let (orders, order_receiver) = mpsc::channel(ORDERS);
    let (report_sender, reports) = mpsc::unbounded_channel();
    let dumps = Dumps::new(ChildKind::Checker, &start.config);
    let driver = check::driver::run(
        Box::new(start.config),
        start.plane,
        start.run_directory,
        order_receiver,
        report_sender,
    );
    let to_order = |message| match message {
        Some(Asked::Reload(config)) => {
            scheduling::apply(ChildKind::Checker, &config.global_defs.processes);
            dumps.reload(&config);
            Order::Reload(config)
        }
        Some(Asked::Hello(answer)) => Order::Hello(answer),
        // It has but one kind of dump.
        Some(Asked::Dump(_)) => {
            let (answer, answered) = oneshot::channel();
            dumps.write(DumpKind::Data, answered, status::checkers::data);
            Order::Snapshot(answer)
        }
        Some(Asked::Stop) => Order::Stop,
        None => Order::Leave,
    };
    let to_message = |report| match report {
        Report::Ready => FromChild::Ready,
        Report::Reloaded => FromChild::Reloaded,
    };
    let result = wire(wiring, driver, orders, to_order, reports, to_message).await;
    exit_status(result, |error| {
        matches!(error, DriverError::Permission { .. })
    })
}

/// What the outside asks of a child, whoever asks.
enum Asked {
    Hello(oneshot::Sender<()>),
    Reload(Box<Config>),
    Dump(DumpKind),
    Stop,
}

/// Runs `driver` with its channels connected to the sockets, until it returns.
async fn wire<D, E, O, R>(
    wiring: Wiring,
    driver: D,
    orders: mpsc::Sender<O>,
    to_order: impl Fn(Option<Asked>) -> O + Clone,
    mut reports: mpsc::UnboundedReceiver<R>,
    to_message: impl Fn(R) -> FromChild,
) -> Result<(), E>
where
    D: Future<Output = Result<(), E>>,
{
    let (reader, mut writer) = wiring.socket.into_split();
    let forward_orders = forward_orders(reader, orders.clone(), to_order.clone());
    let forward_signals = forward_signals(wiring.dumps, orders.clone(), to_order.clone());
    let answer_hellos = answer_hellos(wiring.hello, orders, to_order);
    let mut outbox = Outbox::default();
    let forward_reports = async {
        while let Some(report) = reports.recv().await {
            outbox.push(to_message(report));
            while let Some(message) = outbox.pop() {
                let mut written = pin!(frame::write_async(&mut writer, &message));
                loop {
                    tokio::select! {
                        biased;
                        // A parent that is gone is noticed by the reader.
                        _ = &mut written => break,
                        Some(report) = reports.recv() => outbox.push(to_message(report)),
                    }
                }
            }
        }
        std::future::pending().await
    };
    // Reports first: the parent knows of an address before the driver, which yields, adds it.
    let result = tokio::select! {
        biased;
        never = forward_reports => never,
        result = driver => result,
        never = forward_orders => never,
        never = forward_signals => never,
        never = answer_hellos => never,
    };
    while let Ok(report) = reports.try_recv() {
        outbox.push(to_message(report));
    }
    send_last_reports(outbox, &mut writer).await;
    result
}

/// What the driver said with its last breath, such as the addresses it no longer owns.
async fn send_last_reports(mut outbox: Outbox, writer: &mut OwnedWriteHalf) {
    while let Some(message) = outbox.pop() {
        if frame::write_async(writer, &message).await.is_err() {
            return;
        }
    }
}

async fn forward_orders<O, T>(
    mut reader: OwnedReadHalf,
    orders: mpsc::Sender<O>,
    to_order: impl Fn(Option<Asked>) -> O,
) -> T {
    loop {
        let asked = match frame::read_async(&mut reader).await {
            Ok(ToChild::Reload(config)) => Some(Asked::Reload(config)),
            Ok(ToChild::Dump(dump)) => Some(Asked::Dump(dump)),
            Ok(ToChild::Stop) => Some(Asked::Stop),
            Ok(ToChild::Start(_)) => continue,
            Err(_) => None,
        };
        let gone = asked.is_none();
        if orders.send(to_order(asked)).await.is_err() || gone {
            return std::future::pending().await;
        }
    }
}

/// A child that is asked by signal does as if its parent had been (keepalived).
async fn forward_signals<O, T>(
    mut dumps: DumpSignals,
    orders: mpsc::Sender<O>,
    to_order: impl Fn(Option<Asked>) -> O,
) -> T {
    loop {
        let asked = Asked::Dump(dumps.recv().await);
        if orders.send(to_order(Some(asked))).await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Each hello goes through the driver's own loop and is answered only when that has seen it.
async fn answer_hellos<O, T>(
    listener: UnixListener,
    orders: mpsc::Sender<O>,
    to_order: impl Fn(Option<Asked>) -> O,
) -> T {
    let serve = async |stream| {
        let mut stream = BufReader::new(stream);
        while answer_hello(&mut stream, &orders, &to_order)
            .await
            .is_some()
        {}
    };
    // Several, so that one that connects and says nothing does not pass for a child that hangs.
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < HELLO_CONNECTIONS => {
                if let Ok((stream, _)) = accepted {
                    connections.push(serve(stream));
                }
            }
            Some(()) = connections.next() => {}
        }
    }
}

async fn answer_hello<O>(
    stream: &mut BufReader<UnixStream>,
    orders: &mpsc::Sender<O>,
    to_order: &impl Fn(Option<Asked>) -> O,
) -> Option<()> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let (answer, answered) = oneshot::channel();
    orders
        .send(to_order(Some(Asked::Hello(answer))))
        .await
        .ok()?;
    answered.await.ok()?;
    stream.write_all(line.as_bytes()).await.ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_silent_connection_does_not_keep_the_parent_s_hello_from_its_answer() {
        let dir = tempfile::tempdir().expect("directory");
        let path = hello_socket(dir.path(), ChildKind::Checker);
        let (listener, _path) = listen(&path).expect("listen");
        listener.set_nonblocking(true).expect("non-blocking");
        let listener = UnixListener::from_std(listener).expect("registered");
        let (orders, mut received) = mpsc::channel(ORDERS);
        let answers = answer_hellos::<_, ()>(listener, orders, |asked| asked);
        let driver = async {
            while let Some(Some(Asked::Hello(answer))) = received.recv().await {
                let _ = answer.send(());
            }
        };
        let parent = async {
            let _silent = UnixStream::connect(&path).await.expect("connect");
            let mut stream = UnixStream::connect(&path).await.expect("connect");
            stream.write_all(b"hello 1\n").await.expect("written");
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).await.expect("answered");
            answer
        };
        let answer = tokio::time::timeout(std::time::Duration::from_secs(5), async {
            tokio::select! {
                () = answers => unreachable!("it never ends"),
                () = driver => unreachable!("orders stay open"),
                answer = parent => answer,
            }
        });
        assert_eq!(&answer.await.expect("in time"), b"hello 1\n");
    }
}
