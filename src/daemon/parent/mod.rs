//! The watchdog parent: carries out what the supervisor decides. Its loop never parses, resolves or waits for
//! anybody: loading is another process, and each child has tasks of its own.

mod handle;
mod journal_due;
mod ownership;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use sd_notify::NotifyState;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};

use self::handle::{Handle, HandleEvent, Launch, What};
use self::journal_due::JournalDue;
use super::child::remove_left_files;
use super::dump::DumpSignals;
use super::exit_status::ExitStatus;
use super::journal::Journal;
use super::loader::{self, LOAD_LIMIT};
use super::message::{
    ChildKind, DumpKind, FromChild, LoadReply, LoadRequest, Start, ToChild, Verdict,
};
use super::policy;
use super::supervisor::{Action, Ended, Input, Respawn, ServiceState, Supervisor};
use crate::config::{Config, LvsPlane, Policy};
use crate::log::LogSettings;
use crate::lvs::driver::{Plane, PlaneChoice};
use crate::netlink;
use crate::sys::{clock, frame, memory};
use crate::types::{OwnedObject, RouterIdentity};

/// How the parent was asked to run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) request: LoadRequest,
    pub(crate) run_directory: PathBuf,
    /// Where servers are balanced, if not where everything else is.
    pub(crate) ipvs_namespace: Option<PathBuf>,
    pub(crate) pid_files: BTreeMap<ChildKind, PathBuf>,
    pub(crate) log: LogSettings,
    /// Which children may run at all (`-P`, `-C`).
    pub(crate) allowed: BTreeSet<ChildKind>,
    /// Which complaints a reload forgives.
    pub(crate) reload_policy: Policy,
    /// SIGINT does not stop (`--ignore-sigint`).
    pub(crate) ignore_sigint: bool,
    pub(crate) respawn: Respawn,
}

/// Something that reached the parent's loop.
enum Event {
    Child(HandleEvent),
    Loaded(Box<io::Result<LoadReply>>),
}

/// Runs until a stop. `first` is what the loader read before the event loop existed.
pub(crate) async fn run(settings: Settings, first: LoadReply) -> io::Result<ExitStatus> {
    let mut signals = Signals::new()?;
    let mut parent = Parent::new(settings)?;
    parent.take_over(first);
    parent.clear_left_overs().await;
    parent.run_startup_script().await;
    let mut exit = parent.configured().await;
    while exit.is_none() {
        exit = parent.next(&mut signals).await;
    }
    // Nothing after an orderly end; a child that died for good leaves what the node has as long as the program runs.
    parent.take_all_away().await;
    parent.run_shutdown_script().await;
    Ok(exit.unwrap_or(ExitStatus::Fatal))
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    dumps: DumpSignals,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            dumps: DumpSignals::new()?,
        })
    }
}

struct Parent {
    settings: Settings,
    supervisor: Supervisor,
    handles: BTreeMap<ChildKind, Handle>,
    /// Numbers the lives of children, so that a dead one's last words are told apart.
    generation: u64,
    config: Config,
    plane: PlaneChoice,
    netlink: netlink::Handle,
    journal: Journal,
    journal_due: JournalDue,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
}

impl Parent {
    fn new(settings: Settings) -> io::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        Ok(Self {
            supervisor: Supervisor::new(settings.respawn),
            handles: BTreeMap::new(),
            generation: 0,
            config: Config::default(),
            plane: PlaneChoice {
                plane: Plane::Userspace,
                reason: String::new(),
                net_namespace: None,
            },
            netlink: netlink::Handle::connect().map_err(io::Error::other)?,
            journal: Journal::in_directory(&settings.run_directory),
            journal_due: JournalDue::default(),
            settings,
            events,
            sender,
        })
    }

    fn take_over(&mut self, loaded: LoadReply) {
        self.config = loaded.config;
        self.plane = PlaneChoice {
            net_namespace: self.settings.ipvs_namespace.clone(),
            ..loaded.plane
        };
    }

    /// The children that the configuration in force needs.
    fn wanted(&self) -> BTreeSet<ChildKind> {
        let mut wanted = BTreeSet::new();
        if self.config.wants_vrrp() {
            wanted.insert(ChildKind::Vrrp);
        }
        if self.config.wants_checkers() {
            wanted.insert(ChildKind::Checker);
            if self.plane.plane == Plane::Userspace {
                wanted.insert(ChildKind::DataPlane);
            }
        }
        wanted.retain(|kind| self.settings.allowed.contains(kind));
        wanted
    }

    async fn run_startup_script(&self) {
        let it = &self.config.global_defs.parent_scripts;
        let (script, limit) = (it.startup_script.as_ref(), it.startup_script_timeout);
        scripts::run("startup_script", script, limit).await;
    }

    async fn run_shutdown_script(&self) {
        let it = &self.config.global_defs.parent_scripts;
        let (script, limit) = (it.shutdown_script.as_ref(), it.shutdown_script_timeout);
        scripts::run("shutdown_script", script, limit).await;
    }

    async fn configured(&mut self) -> Option<ExitStatus> {
        let wanted = self.wanted();
        let defs = &self.config.global_defs;
        self.feed(Input::Configured {
            wanted,
            hello_interval: defs.hello_interval,
            child_wait_time: defs.processes.child_wait_time,
        })
        .await
    }

    async fn next(&mut self, signals: &mut Signals) -> Option<ExitStatus> {
        self.write_journal();
        let timeouts = [
            self.supervisor.next_timeout(),
            self.journal_due.next_retry(),
        ];
        let deadline = timeouts.into_iter().flatten().min();
        // Input before timers: a renewed lease that waits in the channel counts before its end.
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => self.feed(Input::StopAsked).await,
            _ = signals.interrupt.recv(), if !self.settings.ignore_sigint => {
                self.feed(Input::StopAsked).await
            }
            _ = signals.hangup.recv() => self.feed(Input::ReloadAsked).await,
            Some(event) = self.events.recv() => self.handle_event(event).await,
            dump = signals.dumps.recv() => {
                self.dump(dump);
                None
            }
            () = sleep_until(deadline) => {
                readers_first().await;
                if self.events.is_empty() {
                    self.feed(Input::Timeout).await
                } else {
                    None
                }
            }
        }
    }

    /// Children write their own dumps. The counters are those of VRRP.
    fn dump(&self, dump: DumpKind) {
        if let Some(vrrp) = self.handles.get(&ChildKind::Vrrp) {
            vrrp.tell(ToChild::Dump(dump));
        }
        if dump == DumpKind::Data
            && let Some(checker) = self.handles.get(&ChildKind::Checker)
        {
            checker.tell(ToChild::Dump(dump));
        }
    }

    async fn handle_event(&mut self, event: Event) -> Option<ExitStatus> {
        match event {
            Event::Child(event) => match self.child_input(event) {
                Some(input) => self.feed(input).await,
                None => None,
            },
            Event::Loaded(result) => self.loaded(*result).await,
        }
    }

    /// `None` for the words of a child that has been replaced.
    fn child_input(&mut self, event: HandleEvent) -> Option<Input> {
        let HandleEvent {
            kind,
            generation,
            what,
        } = event;
        let handle = self
            .handles
            .get(&kind)
            .filter(|handle| handle.generation == generation)?;
        Some(match what {
            What::Said(FromChild::Ready) => {
                // The configuration has been written to it.
                memory::give_back();
                Input::Ready(kind)
            }
            What::Said(FromChild::Reloaded) => {
                memory::give_back();
                Input::Reloaded(kind)
            }
            What::Said(FromChild::Own(owned)) => Input::Own(owned),
            What::Said(FromChild::Disown(owned)) => Input::Disown(owned),
            What::Said(FromChild::NotRemoved(owned)) => Input::NotRemoved(owned),
            What::Said(FromChild::BeginLease {
                router,
                term,
                until,
            }) => Input::LeaseBegun {
                router,
                term,
                until: clock::from_monotonic(until),
            },
            What::Said(FromChild::RenewLeases { term, until }) => Input::LeasesRenewed {
                term,
                until: clock::from_monotonic(until),
            },
            What::Said(FromChild::EndLease(router)) => Input::LeaseEnded(router),
            What::HelloAnswered(number) => Input::HelloAnswered { kind, number },
            What::Ended(ended) => {
                let pid = handle.pid;
                self.handles.remove(&kind);
                let pid_file = self.settings.pid_files.get(&kind).map(PathBuf::as_path);
                remove_left_files(&self.settings.run_directory, kind, pid_file);
                Input::ChildExited { kind, pid, ended }
            }
        })
    }

    async fn loaded(&mut self, result: io::Result<LoadReply>) -> Option<ExitStatus> {
        let mut reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                error!("The loader failed: {error}");
                return self.feed(Input::LoadRejected).await;
            }
        };
        loader::log_complaints(&reply.complaints);
        let acceptable = reply.verdict.permits(self.settings.reload_policy);
        if !acceptable {
            warn!("The new file has {}", loader::objections(&reply.complaints));
        }
        if reply.verdict == Verdict::Warnings && !acceptable {
            info!("A start would take it; so would a reload with --lenient-reload");
        }
        self.keep_plane_chosen_at_start(&mut reply);
        if !acceptable
            || self.is_emptied(&reply)
            || self.changes_place(&reply)
            || self.changes_plane(&reply)
        {
            return self.feed(Input::LoadRejected).await;
        }
        self.take_over(reply);
        self.configured().await
    }

    /// Where the file leaves the choice to us, a module that the kernel has got since makes no reload fail.
    fn keep_plane_chosen_at_start(&self, reply: &mut LoadReply) {
        if self.config.wants_checkers() && reply.config.global_defs.lvs_plane == LvsPlane::Auto {
            reply.plane = self.plane.clone();
        }
    }

    fn is_emptied(&self, reply: &LoadReply) -> bool {
        let is_emptied =
            policy::forbids_emptying(self.settings.reload_policy, &self.config, &reply.config);
        if is_emptied {
            warn!(
                "The new file has neither a vrrp_instance nor a virtual_server, and those that run would end: \
                 was it being written? Stop holdfastd if that is meant, or reload with --lenient-reload"
            );
        }
        is_emptied
    }

    /// keepalived's words.
    fn changes_place(&self, reply: &LoadReply) -> bool {
        let (old, new) = (&self.config.namespaces, &reply.config.namespaces);
        let changes = old != new;
        if changes {
            let what = if old.instance == new.instance {
                "network namespace"
            } else {
                "instance name"
            };
            warn!("Cannot change {what} at a reload - please restart holdfastd");
        }
        changes
    }

    /// The plane under running connections cannot be exchanged.
    fn changes_plane(&self, reply: &LoadReply) -> bool {
        let changes = self.config.wants_checkers()
            && reply.config.wants_checkers()
            && reply.plane.plane != self.plane.plane;
        if changes {
            warn!("Cannot change lvs_plane at a reload - please restart holdfastd");
        }
        changes
    }

    async fn feed(&mut self, input: Input) -> Option<ExitStatus> {
        let mut inputs = vec![input];
        let mut exit = None;
        while let Some(input) = inputs.pop() {
            for action in self.supervisor.handle(input, Instant::now()) {
                if let Action::Exit(status) = action {
                    exit = exit.or(Some(status));
                } else {
                    inputs.extend(self.carry_out(action).await);
                }
            }
        }
        exit
    }

    async fn carry_out(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Start {
                kind,
                restarted,
                resume,
            } => {
                return self.start(kind, restarted, resume).await;
            }
            Action::SendHello { kind, number } => {
                if let Some(handle) = self.handles.get(&kind) {
                    handle.hello(number);
                }
            }
            Action::SendReload(kind) => {
                if let Some(handle) = self.handles.get(&kind) {
                    handle.tell(ToChild::Reload(Box::new(self.config.clone())));
                }
            }
            Action::AskToStop(kind) => {
                if let Some(handle) = self.handles.get(&kind) {
                    handle.ask_to_stop();
                }
            }
            Action::Kill(kind) => {
                if let Some(handle) = self.handles.get(&kind) {
                    handle.kill();
                }
            }
            Action::Fence(owned) => return Some(self.fence(owned).await),
            Action::WriteJournal => self.journal_due.changed(Instant::now()),
            Action::Load => self.load(),
            Action::Tell(state) => tell(state),
            Action::Log(event) if event.is_alert() => warn!("{event}"),
            Action::Log(event) => info!("{event}"),
            Action::Exit(_) => {}
        }
        None
    }

    async fn start(
        &mut self,
        kind: ChildKind,
        restarted: bool,
        resume: Vec<(RouterIdentity, Instant)>,
    ) -> Option<Input> {
        self.generation += 1;
        let resume = resume
            .into_iter()
            .map(|(router, at)| (router, clock::to_monotonic(at)))
            .collect();
        let launch = Launch {
            kind,
            generation: self.generation,
            start: Start {
                config: self.config.clone(),
                plane: self.plane.clone(),
                run_directory: self.settings.run_directory.clone(),
                pid_file: self
                    .settings
                    .pid_files
                    .get(&kind)
                    .cloned()
                    .unwrap_or_default(),
                restarted,
                resume,
                settings: self.settings_before(),
                log: self.settings.log.clone(),
            },
            events: self.sender.clone(),
        };
        match handle::launch(launch).await {
            Ok(handle) => {
                debug!("Starting {kind} child process, pid={}", handle.pid);
                self.handles.insert(kind, handle);
                None
            }
            Err(error) => {
                error!("unable to start the {kind} child: {error}");
                Some(Input::ChildExited {
                    kind,
                    pid: 0,
                    ended: Ended::NotStarted,
                })
            }
        }
    }

    fn settings_before(&self) -> BTreeMap<String, String> {
        let owned = self.supervisor.owned().iter();
        owned
            .filter_map(|owned| match &owned.object {
                OwnedObject::Setting { key, earlier } => Some((key.clone(), earlier.clone())),
                _ => None,
            })
            .collect()
    }

    fn load(&self) {
        let (sender, request) = (self.sender.clone(), self.settings.request.clone());
        tokio::spawn(async move {
            let _ = sender.send(Event::Loaded(Box::new(load(&request).await)));
        });
    }
}

async fn load(request: &LoadRequest) -> io::Result<LoadReply> {
    let (command, socket) = loader::command()?;
    let mut loader = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()?;
    socket.set_nonblocking(true)?;
    let mut socket = UnixStream::from_std(socket)?;
    let exchange = async {
        frame::write_async(&mut socket, request).await?;
        frame::read_async(&mut socket).await
    };
    let reply = tokio::time::timeout(LOAD_LIMIT, exchange)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no result within 60 s"))??;
    loader.wait().await?;
    Ok(reply)
}

/// Gives the children's tasks their turn. After a stall of this process, what healthy children have said lies in
/// their sockets, and a deadline seen before it would be the death of them.
async fn readers_first() {
    // The first turn has the runtime look at the sockets, the second one runs the tasks it wakes.
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Where there is no service manager, nobody listens, and that is fine.
fn tell(state: ServiceState) {
    let micros = u64::try_from(clock::monotonic().as_micros()).unwrap_or(u64::MAX);
    let monotonic = format!("MONOTONIC_USEC={micros}");
    let _ = match state {
        ServiceState::Ready => sd_notify::notify(&[NotifyState::Ready]),
        ServiceState::Reloading => {
            sd_notify::notify(&[NotifyState::Reloading, NotifyState::Custom(&monotonic)])
        }
        ServiceState::ReloadFailed => sd_notify::notify(&[
            NotifyState::Ready,
            NotifyState::Status("reload rejected: the old configuration stays in force"),
        ]),
        ServiceState::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    };
}

impl From<HandleEvent> for Event {
    fn from(event: HandleEvent) -> Self {
        Self::Child(event)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_said_during_a_stall_is_heard_before_the_deadline() {
        for _ in 0..20 {
            let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().expect("pair");
            ours.set_nonblocking(true).expect("non-blocking");
            let mut ours = UnixStream::from_std(ours).expect("registered");
            let (sender, mut heard) = mpsc::unbounded_channel();
            let reader = tokio::spawn(async move {
                while let Ok(byte) = ours.read_u8().await {
                    let _ = sender.send(byte);
                }
            });
            tokio::task::yield_now().await;
            let deadline = Instant::now() + Duration::from_millis(1);
            theirs.write_all(b"x").expect("written");
            // The whole thread stands still, as it does under SIGSTOP.
            std::thread::sleep(Duration::from_millis(3));
            sleep_until(Some(deadline)).await;
            readers_first().await;
            assert!(heard.try_recv().is_ok());
            reader.abort();
        }
    }
}
