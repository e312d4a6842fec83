//! The command line of `holdfastd`: keepalived's options.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Parser};
use tracing::{error, info, warn};

use super::child;
use super::exit_status::ExitStatus;
use super::loader;
use super::message::{ChildKind, DumpKind, LoadReply, LoadRequest, Verdict};
use super::parent::{self, Settings};
use super::pid_file::PidFile;
use super::place::{self, Place, Refused};
use super::policy;
use super::scheduling;
use super::supervisor::Respawn;
use super::test_config;
use crate::log::{self, LogSettings};
use crate::lvs::driver::Plane;
use crate::sys::{background, process};

const DEFAULT_CONFIG: &str = "/etc/holdfast/holdfast.conf";
pub(super) const DEFAULT_RUN_DIRECTORY: &str = "/run/holdfast";
/// Where a keepalived on this host says that it runs.
const KEEPALIVED_PID_FILE: &str = "/run/keepalived.pid";

const VERSION: &str = concat!("Holdfast v", env!("CARGO_PKG_VERSION"));

/// VRRP, health checks and LVS, configured like keepalived.
#[derive(Debug, Parser)]
#[command(name = "holdfastd", disable_version_flag = true)]
struct Options {
    /// Use the specified configuration file
    #[arg(short = 'f', long = "use-file", value_name = "FILE", default_value = DEFAULT_CONFIG)]
    use_file: PathBuf,
    /// Stay in the foreground
    #[arg(short = 'n', long = "dont-fork")]
    dont_fork: bool,
    /// Log to the console instead of syslog
    #[arg(short = 'l', long = "log-console")]
    log_console: bool,
    /// Detailed log messages; twice for more
    #[arg(short = 'D', long = "log-detail", action = ArgAction::Count)]
    log_detail: u8,
    /// Syslog facility: 0-7 or local0-local7, user, daemon
    #[arg(short = 'S', long = "log-facility", value_parser = log_facility, default_value = "daemon")]
    log_facility: u8,
    /// Check the configuration and exit; complaints go to stderr or are appended to FILE
    #[arg(short = 't', long = "config-test", value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "absent, without a file, with a file")]
    config_test: Option<Option<PathBuf>>,
    /// Only run the VRRP child
    #[arg(short = 'P', long = "vrrp")]
    vrrp: bool,
    /// Only run the checker child (and the data plane it needs)
    #[arg(short = 'C', long = "check")]
    check: bool,
    /// Dump the configuration that was read to the log
    #[arg(short = 'd', long = "dump-conf")]
    dump_conf: bool,
    /// Pid file of the parent
    #[arg(short = 'p', long = "pid", value_name = "FILE")]
    pid: Option<PathBuf>,
    /// Pid file of the VRRP child
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    vrrp_pid: Option<PathBuf>,
    /// Pid file of the checker child
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    checkers_pid: Option<PathBuf>,
    /// End when a child dies
    #[arg(short = 'R', long = "dont-respawn")]
    dont_respawn: bool,
    /// Identity for @id lines in the configuration
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    config_id: Option<String>,
    /// Whatever is wrong with an include is an error, as if each were an includea
    #[arg(short = 'e', long = "all-config")]
    all_config: bool,
    /// Accepted, not carried out yet
    #[arg(short = 'V', long = "dont-release-vrrp")]
    dont_release_vrrp: bool,
    /// Accepted, not carried out yet
    #[arg(short = 'I', long = "dont-release-ipvs")]
    dont_release_ipvs: bool,
    /// Run in the network namespace of that name, whatever the file says
    #[arg(short = 's', long = "namespace", value_name = "NAME")]
    namespace: Option<String>,
    /// Umask for files that are created, octal
    #[arg(short = 'u', long = "umask", value_parser = octal)]
    umask: Option<u32>,
    /// Print the number of a signal: RELOAD, STOP, DATA, STATS, STATS_CLEAR, JSON
    #[arg(long, value_name = "SIGFUNC")]
    signum: Option<String>,
    /// SIGINT does not end the program
    #[arg(long)]
    ignore_sigint: bool,
    /// Sockets, pid files and the ownership journal lie here
    #[arg(long, value_name = "DIR", default_value = DEFAULT_RUN_DIRECTORY)]
    run_directory: PathBuf,
    /// Reload whatever a start would take, warnings or not
    #[arg(long)]
    lenient_reload: bool,
    /// A start, too, refuses a file that causes warnings
    #[arg(long)]
    strict: bool,
    /// Start although a keepalived runs on this host
    #[arg(long)]
    beside_keepalived: bool,
    /// Print the version and exit
    #[arg(short = 'v', long = "version")]
    version: bool,
    /// This process is one of our own children
    #[arg(long, hide = true)]
    child: Option<String>,
}

fn log_facility(text: &str) -> Result<u8, String> {
    let local = |number: u8| 16 + number;
    match text {
        "user" => Ok(1),
        "daemon" => Ok(3),
        _ => text
            .strip_prefix("local")
            .unwrap_or(text)
            .parse::<u8>()
            .ok()
            .filter(|number| *number <= 7)
            .map(local)
            .ok_or_else(|| format!("'{text}' is none of 0-7, local0-local7, user, daemon")),
    }
}

fn octal(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mask| *mask <= 0o777)
        .ok_or_else(|| format!("'{text}' is no umask: 0 to 777, octal, is expected"))
}

/// `holdfastd`.
pub fn holdfastd_main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help is no error; keepalived's status for a wrong option is 1.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    if let Some(log) = &options.config_test {
        let request = load_request(&options, options.use_file.clone());
        return ExitCode::from(test_config::run(&request, log.as_deref()));
    }
    ExitCode::from(run(&options).code())
}

fn run(options: &Options) -> ExitStatus {
    process::ignore_requests();
    if let Some(child) = &options.child {
        return run_child(child);
    }
    if options.version {
        eprintln!("{VERSION}");
        return ExitStatus::Ok;
    }
    if let Some(function) = &options.signum {
        return print_signal(function);
    }
    let log = LogSettings {
        console: options.log_console,
        detail: options.log_detail,
        facility: options.log_facility,
    };
    log::init("Holdfast", &log);
    match start(options, log) {
        Ok(status) => status,
        Err(Refused(status, why)) => {
            error!("{why}");
            if !options.log_console {
                eprintln!("holdfastd: {why}");
            }
            status
        }
    }
}

fn run_child(child: &str) -> ExitStatus {
    process::set_name(c"holdfastd");
    let Ok(socket) = process::inherited_socket() else {
        return ExitStatus::Fatal;
    };
    match ChildKind::ALL.into_iter().find(|kind| kind.stem() == child) {
        Some(kind) => child::run(kind, socket),
        None => loader::run(socket),
    }
}

/// keepalived: `--signum=`; scripts use it instead of numbers.
fn print_signal(function: &str) -> ExitStatus {
    let number = match function {
        "RELOAD" => libc::SIGHUP,
        "STOP" => libc::SIGTERM,
        name => match DumpKind::ALL.into_iter().find(|it| it.name() == name) {
            Some(kind) => kind.signal(),
            None => {
                eprintln!("Unknown sigfunc {function}");
                return ExitStatus::Fatal;
            }
        },
    };
    println!("{number}");
    ExitStatus::Ok
}

fn start(options: &Options, log: LogSettings) -> Result<ExitStatus, Refused> {
    let fatal = |why: String| Refused(ExitStatus::Fatal, why);
    info!("Starting {VERSION}");
    info!("Configuration file {}", options.use_file.display());
    say_what_is_not_carried_out(options);
    if let Some(mask) = options.umask {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
    }
    refuse_beside_keepalived(options)?;
    let request = load_request(options, absolute(&options.use_file));
    let loaded = first_load(options, &request)?;
    refuse_without_capabilities(&loaded)?;
    let namespaces = &loaded.config.namespaces;
    log::set_ident_suffix(place::ident_suffix(namespaces));
    let place = Place::enter(namespaces)?;
    let run_directory = place::run_directory(&absolute(&options.run_directory), namespaces);
    std::fs::create_dir_all(&run_directory).map_err(|error| {
        fatal(format!(
            "unable to create {}: {error}",
            run_directory.display()
        ))
    })?;
    // Directories are made by now: they would miss their search bit.
    if let (None, Some(mask)) = (options.umask, loaded.config.global_defs.processes.umask) {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask.into()));
    }
    let pid_paths = pid_paths(options, &run_directory);
    for path in &pid_paths {
        if let Some(holder) = PidFile::holder(path) {
            let path = path.display();
            return Err(fatal(format!(
                "daemon is already running (process {holder} holds {path})"
            )));
        }
    }
    for line in loaded.printed.iter().flat_map(|it| it.lines()) {
        info!("{line}");
    }
    let background = (!options.dont_fork).then(background::daemonize);
    let background = background
        .transpose()
        .map_err(|error| fatal(format!("unable to become a daemon: {error}")))?;
    let _pid_files = pid_paths
        .iter()
        .map(|path| PidFile::acquire(path))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fatal(error.to_string()))?;
    let _claim = place::claim(namespaces.instance.as_deref())?;
    if let Some(background) = background {
        background.stands();
    }
    scheduling::of_parent(&loaded.config.global_defs.processes);
    let ipvs_namespace = place.ipvs_namespace(namespaces);
    if ipvs_namespace.is_some() && loaded.plane.plane == Plane::Userspace {
        warn!(
            "net_namespace_ipvs is for IPVS: the userspace plane stays where the virtual addresses are"
        );
    }
    let settings = Settings {
        ipvs_namespace,
        ..settings(options, request, log, run_directory)
    };
    let status = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(parent::run(settings, loaded)))
        .map_err(|error| fatal(format!("the parent cannot run: {error}")))?;
    info!("Stopped {VERSION}");
    Ok(status)
}

/// The run directory's own one always, so that two with different `-p` do not share sockets and journal, and
/// `holdfast fence` finds out that somebody runs.
fn pid_paths(options: &Options, run_directory: &Path) -> Vec<PathBuf> {
    let own = run_directory.join("holdfast.pid");
    let given = options.pid.as_deref().map(absolute);
    let given = given.filter(|given| *given != own);
    std::iter::once(own).chain(given).collect()
}

fn say_what_is_not_carried_out(options: &Options) {
    let given = [
        ("--dont-release-vrrp", options.dont_release_vrrp),
        ("--dont-release-ipvs", options.dont_release_ipvs),
    ];
    for (option, _) in given.iter().filter(|(_, given)| *given) {
        warn!("{option} is understood but not carried out yet");
    }
}

fn refuse_beside_keepalived(options: &Options) -> Result<(), Refused> {
    let running = std::fs::read_to_string(KEEPALIVED_PID_FILE)
        .ok()
        .and_then(|pid| {
            let comm = std::fs::read_to_string(format!("/proc/{}/comm", pid.trim())).ok()?;
            (comm.trim() == "keepalived").then(|| pid.trim().to_owned())
        });
    match running {
        Some(pid) if !options.beside_keepalived => Err(Refused(
            ExitStatus::Fatal,
            format!(
                "keepalived (process {pid}) runs on this host: stop it, or give --beside-keepalived"
            ),
        )),
        _ => Ok(()),
    }
}

fn first_load(options: &Options, request: &LoadRequest) -> Result<LoadReply, Refused> {
    let loaded = loader::load_and_wait(request)
        .map_err(|error| Refused(ExitStatus::Fatal, format!("the loader failed: {error}")))?;
    loader::log_complaints(&loaded.complaints);
    let objections = loader::objections(&loaded.complaints);
    let file = request.file.display();
    match loaded.verdict {
        verdict if verdict.permits(policy::of_start(options.strict)) => Ok(loaded),
        Verdict::Clean | Verdict::Warnings => {
            let why = format!("{file} has {objections}, which --strict does not allow");
            Err(Refused(ExitStatus::Config, why))
        }
        Verdict::Errors => {
            let why = format!("{file} has {objections}: `holdfastd -t -f {file}` shows them");
            Err(Refused(ExitStatus::Config, why))
        }
        Verdict::NoFile => Err(Refused(
            ExitStatus::NoConfig,
            format!("there is no configuration file {file}"),
        )),
    }
}

fn refuse_without_capabilities(loaded: &LoadReply) -> Result<(), Refused> {
    let missing = process::missing_capabilities();
    let needed = loaded.config.wants_vrrp() || loaded.config.wants_checkers();
    if missing.is_empty() || !needed {
        return Ok(());
    }
    Err(Refused(
        ExitStatus::MissingPermission,
        format!(
            "{} missing: start as root, or give the service AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW",
            missing.join(" and ")
        ),
    ))
}

/// A daemon changes its directory to `/`, and a reload must find the same file.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn settings(
    options: &Options,
    request: LoadRequest,
    log: LogSettings,
    run_directory: PathBuf,
) -> Settings {
    let pid_file = |given: &Option<PathBuf>, kind: ChildKind| {
        let default = run_directory.join(format!("{}.pid", kind.stem()));
        (kind, given.as_deref().map_or(default, absolute))
    };
    let mut allowed = BTreeSet::from(ChildKind::ALL);
    if options.vrrp {
        allowed.remove(&ChildKind::Checker);
        allowed.remove(&ChildKind::DataPlane);
    }
    if options.check {
        allowed.remove(&ChildKind::Vrrp);
    }
    Settings {
        request,
        pid_files: BTreeMap::from([
            pid_file(&options.vrrp_pid, ChildKind::Vrrp),
            pid_file(&options.checkers_pid, ChildKind::Checker),
            pid_file(&None, ChildKind::DataPlane),
        ]),
        run_directory,
        ipvs_namespace: None,
        log,
        allowed,
        reload_policy: policy::of_reload(options.strict, options.lenient_reload),
        ignore_sigint: options.ignore_sigint,
        respawn: if options.dont_respawn {
            Respawn::Never
        } else {
            Respawn::Always
        },
    }
}

fn load_request(options: &Options, file: PathBuf) -> LoadRequest {
    LoadRequest {
        file,
        config_id: options.config_id.clone(),
        all_config: options.all_config,
        net_namespace: options.namespace.clone(),
        dump_conf: options.dump_conf,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn keepalived_s_usual_options_are_understood() {
        let line = "holdfastd -n -l -D -D -f x.conf -p a -r b -c c -S local3 -i node1 -u 027";
        let options = Options::try_parse_from(line.split(' ')).expect("understood");
        assert_eq!(options.log_detail, 2);
        assert_eq!(options.log_facility, 19);
        assert_eq!(options.umask, Some(0o027));
        assert_eq!(options.config_id.as_deref(), Some("node1"));
    }

    #[test]
    fn a_configuration_test_takes_its_log_file_with_an_equals_sign_only() {
        let parse = |line: &str| Options::try_parse_from(line.split(' ')).expect("understood");
        assert_eq!(parse("holdfastd -t").config_test, Some(None));
        let with_file = parse("holdfastd --config-test=/tmp/x");
        assert_eq!(with_file.config_test, Some(Some(PathBuf::from("/tmp/x"))));
        assert_eq!(parse("holdfastd").config_test, None);
    }

    #[test]
    fn facilities_are_numbers_or_names() {
        assert_eq!(log_facility("0"), Ok(16));
        assert_eq!(log_facility("local7"), Ok(23));
        assert_eq!(log_facility("daemon"), Ok(3));
        assert!(log_facility("8").is_err());
        assert!(log_facility("mail").is_err());
    }
}
