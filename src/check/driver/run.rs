//! The loop of the checker child.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::plane::{Reply, Request, serve};
use super::tls::TlsClient;
use super::{DriverError, Order, Report, http, misc, tcp};
use crate::check::{Action, Actions, CheckId, Checkers, Event, Failure, Input, Outcome, Ownership};
use crate::config::{CheckerKind, Config};
use crate::lvs::driver::{self, ForwardingPlane, Plane, PlaneChoice, PlaneError, PlaneErrorKind};
use crate::lvs::{ServiceKey, Table};
use crate::notify::Mail;
use crate::notify::driver::{Notifier, RunsScript};
use crate::sys::process::raise_open_files;

/// At the stop: for the plane to take everything away.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// keepalived: scripts of the stop get one second.
const STOP_SCRIPTS_WITHIN: Duration = Duration::from_secs(1);

/// Which plane carries the virtual servers, and why, in one line.
pub(super) fn plane_line(choice: &PlaneChoice) -> String {
    let plane = match choice.plane {
        Plane::Ipvs => "IPVS",
        Plane::Userspace => "the userspace plane",
    };
    format!("Virtual servers are carried by {plane} ({})", choice.reason)
}

/// Our own data plane listens to this process alone. The kernel's IPVS is open to everybody (an operator's
/// ipvsadm, kube-proxy), and a service there bears no mark of who made it.
pub(super) fn ownership(plane: Plane) -> Ownership {
    match plane {
        Plane::Ipvs => Ownership::Shared,
        Plane::Userspace => Ownership::Exclusive,
    }
}

/// Checks and programs until it is told to stop or to leave. `run_directory` is where the data-plane child has its
/// socket.
pub async fn run(
    config: Box<Config>,
    choice: PlaneChoice,
    run_directory: PathBuf,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) -> Result<(), DriverError> {
    info!("{}", plane_line(&choice));
    if let Err(error) = raise_open_files() {
        warn!("Raising the limit of open files: {error}");
    }
    let connect = async || driver::connect(&choice, &run_directory).await;
    let ownership = ownership(choice.plane);
    run_with(config, ownership, connect, orders, reports).await
}

/// As [`run`], with any plane.
pub(super) async fn run_with<P: ForwardingPlane>(
    config: Box<Config>,
    ownership: Ownership,
    connect: impl AsyncFnMut() -> Result<P, PlaneError>,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) -> Result<(), DriverError> {
    let (requests, requested) = mpsc::unbounded_channel();
    let (answers, replies) = mpsc::unbounded_channel();
    let driver = Driver {
        tls: TlsClient::new()?,
        orders,
        reports,
        requests,
        replies,
        checks: Checks::default(),
        notifier: Notifier::default(),
        no_checker_emails: false,
        ownership,
        checkers: None,
        read_back: None,
    };
    tokio::select! {
        biased;
        () = driver.run(config) => Ok(()),
        Err(error) = serve(connect, requested, answers) => Err(match error.kind {
            PlaneErrorKind::NotPermitted => DriverError::Permission(error),
            PlaneErrorKind::Unavailable | PlaneErrorKind::Refused | PlaneErrorKind::Lost => {
                DriverError::NoPlane(error)
            }
        }),
    }
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    GoOn,
    Stop,
    Leave,
}

struct Driver {
    tls: TlsClient,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
    requests: mpsc::UnboundedSender<Request>,
    replies: mpsc::UnboundedReceiver<Reply>,
    checks: Checks,
    notifier: Notifier,
    no_checker_emails: bool,
    ownership: Ownership,
    /// None until the plane has said what it holds.
    checkers: Option<Checkers>,
    /// What it holds, as long as the configuration has not been judged.
    read_back: Option<Table>,
}

impl Driver {
    async fn run(mut self, config: Box<Config>) {
        self.ask(Request::Judge(config));
        loop {
            match self.step().await {
                Next::GoOn => {}
                Next::Stop => return self.stop().await,
                Next::Leave => return,
            }
        }
    }

    /// Waits for one thing and acts on it. What has come in goes before what is due.
    async fn step(&mut self) -> Next {
        let next_timeout = self.checkers.as_ref().and_then(Checkers::next_timeout);
        tokio::select! {
            biased;
            order = self.orders.recv() => return self.obey(order.unwrap_or(Order::Leave)),
            Some(reply) = self.replies.recv() => self.replied(reply),
            Some((check, outcome)) = self.checks.ended() => {
                self.input(Input::CheckFinished { check, outcome });
            }
            () = self.notifier.ended() => {}
            () = sleep_until(next_timeout) => self.input(Input::Timeout),
        }
        Next::GoOn
    }

    fn obey(&mut self, order: Order) -> Next {
        match order {
            Order::Hello(answer) => {
                // A parent that no longer waits has given up on this hello.
                let _ = answer.send(());
            }
            Order::Reload(config) => self.ask(Request::Judge(config)),
            Order::Snapshot(answer) => {
                let snapshot = self.checkers.as_ref().map(|c| c.snapshot(Instant::now()));
                let _ = answer.send(snapshot.unwrap_or_default());
            }
            Order::Stop => return Next::Stop,
            Order::Leave => return Next::Leave,
        }
        Next::GoOn
    }

    fn replied(&mut self, reply: Reply) {
        match reply {
            Reply::Judged {
                config,
                cannot_carry,
            } => self.configure(&config, &cannot_carry),
            Reply::Applied(failures) => self.applied(&failures),
            Reply::ReadBack(Ok(table)) if self.checkers.is_none() => self.read_back = Some(table),
            Reply::ReadBack(Ok(table)) => self.input(Input::ReadBack(table)),
            Reply::ReadBack(Err(error)) => self.input(Input::ReadBackFailed {
                reason: error.to_string(),
            }),
            Reply::Lost => self.input(Input::PlaneLost {
                reason: "the connection was closed".to_owned(),
            }),
        }
    }

    fn applied(&mut self, failures: &[PlaneError]) {
        if let Some(lost) = failures.iter().find(|failure| failure.is_lost()) {
            return self.input(Input::PlaneLost {
                reason: lost.to_string(),
            });
        }
        let failures = failures.iter().map(PlaneError::to_string).collect();
        self.input(Input::Applied { failures });
    }

    /// The first configuration, or a new one.
    fn configure(&mut self, config: &Config, cannot_carry: &BTreeMap<ServiceKey, String>) {
        let now = Instant::now();
        // The FIFO that is shared with VRRP has its script run here (keepalived).
        let defs = &config.global_defs;
        let fifos = [&defs.lvs_notify_fifo, &defs.notify_fifo];
        let fifos = fifos.into_iter().flatten().cloned();
        let smtp = defs.smtp.clone();
        self.no_checker_emails = smtp.as_ref().is_some_and(|smtp| smtp.no_checker_emails);
        let smtp = smtp.map(|smtp| (smtp, defs.router_id.clone()));
        self.notifier
            .configure(fifos.map(|fifo| (fifo, RunsScript::Yes)), smtp);
        let (report, actions) = if let Some(checkers) = &mut self.checkers {
            let actions = checkers.reload(config, cannot_carry, &mut part_of, now);
            (Report::Reloaded, actions)
        } else {
            let programmed = self.read_back.take().unwrap_or_default();
            let (checkers, actions) = Checkers::new(
                config,
                &programmed,
                self.ownership,
                cannot_carry,
                &mut part_of,
                now,
            );
            self.checkers = Some(checkers);
            (Report::Ready, actions)
        };
        self.carry_out(actions);
        // The parent may be gone: `Leave` will say so.
        let _ = self.reports.send(report);
    }

    fn input(&mut self, input: Input) {
        if let Some(checkers) = &mut self.checkers {
            let actions = checkers.handle(input, Instant::now());
            self.carry_out(actions);
        }
    }

    fn carry_out(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::StartCheck { check, kind, url } => {
                    let tls = self.tls.clone();
                    self.checks
                        .start(check, async move { run_check(&kind, url, &tls).await });
                }
                Action::CancelCheck { check } => self.checks.cancel(check),
                Action::Program(commands) => self.ask(Request::Apply(commands)),
                Action::ReadBack => self.ask(Request::ReadBack),
                Action::Notify(notification) => {
                    self.notifier
                        .notify(&notification.subject, notification.command, Vec::new())
                }
                Action::Announce(it) => self.notifier.write(&it.fifo_line()),
                Action::Mail(mail) if self.no_checker_emails && mail.is_of_a_checker_only() => {}
                Action::Mail(mail) => self.notifier.mail(Mail {
                    subject: mail.subject(),
                    body: mail.body(),
                }),
                Action::Log(event) => log(&event),
            }
        }
    }

    fn ask(&self, request: Request) {
        // The other side ends only together with this one.
        let _ = self.requests.send(request);
    }

    async fn stop(mut self) {
        let actions = (self.checkers.as_mut()).map_or_else(Actions::new, Checkers::stop);
        self.carry_out(actions);
        let Self {
            requests,
            mut replies,
            notifier,
            ..
        } = self;
        // The plane does what it was asked, and then, with nobody left to ask, ends.
        drop(requests);
        let finish_programming = async {
            while let Some(reply) = replies.recv().await {
                if let Reply::Applied(failures) = reply {
                    (failures.iter()).for_each(|failure| warn!("Not programmed: {failure}"));
                }
            }
        };
        if timeout(STOP_WITHIN, finish_programming).await.is_err() {
            warn!("The forwarding plane did not take away everything within {STOP_WITHIN:?}");
        }
        notifier.finish(STOP_SCRIPTS_WITHIN).await;
    }
}

/// A random part, so that the checks of many servers do not start together.
fn part_of(warmup: Duration) -> Duration {
    warmup.mul_f64(fastrand::f64())
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn log(event: &Event) {
    if event.is_warning() {
        warn!("{event}");
    } else if event.is_detail() {
        debug!("{event}");
    } else {
        info!("{event}");
    }
}

async fn run_check(kind: &CheckerKind, url: usize, tls: &TlsClient) -> Outcome {
    match kind {
        CheckerKind::TcpCheck(options) => tcp::check(options).await,
        CheckerKind::HttpGet(options, get) => match get.urls.get(url) {
            Some(url) => http::check(options, get, url, tls).await,
            None => Outcome::NotChecked {
                reason: "there is no such url".to_owned(),
            },
        },
        CheckerKind::MiscCheck(check) => misc::check(check).await,
    }
}

/// The checks that are running.
#[derive(Default)]
struct Checks {
    running: JoinSet<Outcome>,
    checks: HashMap<task::Id, CheckId>,
    handles: HashMap<CheckId, AbortHandle>,
}

impl Checks {
    fn start(&mut self, check: CheckId, run: impl Future<Output = Outcome> + Send + 'static) {
        let handle = self.running.spawn(run);
        self.checks.insert(handle.id(), check);
        self.handles.insert(check, handle);
    }

    /// Its task is dropped where it stands: sockets close, scripts are killed.
    fn cancel(&mut self, check: CheckId) {
        if let Some(handle) = self.handles.remove(&check) {
            handle.abort();
        }
    }

    /// The next result of a check that was not cancelled. None if nothing is running.
    async fn ended(&mut self) -> Option<(CheckId, Outcome)> {
        loop {
            let result = self.running.join_next_with_id().await?;
            let id = match &result {
                Ok((id, _)) => *id,
                Err(error) => error.id(),
            };
            let Some(check) = self.checks.remove(&id) else {
                continue;
            };
            self.handles.remove(&check);
            match result {
                Ok((_, outcome)) => return Some((check, outcome)),
                Err(error) if error.is_cancelled() => {}
                Err(error) => return Some((check, broken_off(&error))),
            }
        }
    }
}

/// A check that could not say how it ended must not count as passed.
fn broken_off(error: &JoinError) -> Outcome {
    warn!("A check broke off: {error}");
    Outcome::Failed(Failure::Overdue)
}
