//! Recorded steps: `testdata/*.txt` says what happens, and below each line of dashes what the checkers did about it.
//! `UPDATE_STEPS=1 cargo test` rewrites the second part.
//!
//! A block may start with a configuration, one line per block of the real file, options as `keyword` or
//! `keyword=value`; then comes one command:
//!
//! ```text
//! start [exclusive]    a new process: new checkers on the plane as it is, which others program too, or nobody else
//! reload               with the configuration of this block
//! stop
//! wait 1s              virtual time passes; everything that becomes due happens
//! pass 1 [weight=3]    the running check of checker 1 ends
//! fail 1 REASON        refused, timeout, status=503, exit=1, local
//! plane WHAT           lost, back, refuses, obeys, empty
//! announcements        are shown from here on
//! ```
//!
//! The plane is a table that commands are applied to; it stays when a process ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{
    Action, Actions, CheckId, Checkers, Failure, HttpTest, Input, Outcome, Ownership, Passed,
};
use crate::config::{
    Checker, CheckerKind, Config, ConnectOptions, HttpGet, HttpProtocol, HttpUrl, MiscCheck,
    RealServer, SorryServer, VirtualServer,
};
use crate::lvs::{ServiceKey, Table};
use crate::types::{ForwardingMethod, Protocol, ScriptCommand, ServerAddress, Weight};

#[test]
fn the_recorded_steps_are_what_happens() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/testdata");
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .expect("testdata")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut differing = Vec::new();
    for file in files {
        let recorded = std::fs::read_to_string(&file).expect("readable");
        let actual = replay(&recorded);
        if actual == recorded {
            continue;
        }
        if std::env::var_os("UPDATE_STEPS").is_some() {
            std::fs::write(&file, actual).expect("writable");
        } else {
            differing.push(format!(
                "{}:\n{}",
                file.display(),
                first_difference(&recorded, &actual)
            ));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn first_difference(recorded: &str, actual: &str) -> String {
    let mut lines = recorded.lines().zip(actual.lines()).enumerate();
    match lines.find(|(_, (recorded, actual))| recorded != actual) {
        Some((number, (recorded, actual))) => {
            format!("line {}: recorded {recorded:?}, now {actual:?}", number + 1)
        }
        None => "one is longer".to_owned(),
    }
}

fn replay(recorded: &str) -> String {
    let mut lab = Lab::new();
    let mut out = String::new();
    let mut block = Vec::new();
    let mut lines = recorded.lines();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").expect("string");
        if line != "----" {
            block.push(line);
            continue;
        }
        lab.carry_out(&block);
        block.clear();
        out.push_str(&std::mem::take(&mut lab.said));
        lines.by_ref().find(|line| line.is_empty());
        out.push('\n');
    }
    // No empty line at the end of the file.
    let mut out = out.trim_end().to_owned();
    out.push('\n');
    out
}

struct Lab {
    start: Instant,
    now: Instant,
    checkers: Option<Checkers>,
    /// By the checker's number.
    last_run: BTreeMap<String, CheckId>,
    plane: Table,
    plane_lost: bool,
    plane_refuses: bool,
    shows_announcements: bool,
    said: String,
}

impl Lab {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            checkers: None,
            last_run: BTreeMap::new(),
            plane: Table::default(),
            plane_lost: false,
            plane_refuses: false,
            shows_announcements: false,
            said: String::new(),
        }
    }

    fn carry_out(&mut self, block: &[&str]) {
        let lines = block.iter().map(|line| line.trim());
        let mut lines: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let command = lines.pop().expect("a command");
        let (config, cannot_carry) = parse_config(&lines);
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["announcements"] => self.shows_announcements = true,
            ["start", ownership @ ..] => {
                let ownership = match ownership {
                    [] => Ownership::Shared,
                    ["exclusive"] => Ownership::Exclusive,
                    _ => panic!("no such ownership: {ownership:?}"),
                };
                self.last_run.clear();
                let (checkers, actions) = Checkers::new(
                    &config,
                    &self.plane,
                    ownership,
                    &cannot_carry,
                    &mut |warmup| warmup / 2,
                    self.now,
                );
                self.checkers = Some(checkers);
                self.act(actions);
            }
            ["reload"] => {
                let now = self.now;
                let checkers = self.checkers.as_mut().expect("started");
                let actions =
                    checkers.reload(&config, &cannot_carry, &mut |warmup| warmup / 2, now);
                self.act(actions);
            }
            ["stop"] => {
                let actions = self.checkers.as_mut().expect("started").stop();
                self.act(actions);
            }
            ["wait", time] => self.wait(duration(time)),
            ["pass", checker, options @ ..] => {
                let outcome = Outcome::Passed(passed(options));
                self.finish(checker, outcome);
            }
            ["fail", checker, reason] => {
                let outcome = failed(reason);
                self.finish(checker, outcome);
            }
            ["plane", what] => self.change_plane(what),
            _ => panic!("no such command: {command}"),
        }
        let next = self.checkers.as_ref().and_then(Checkers::next_timeout);
        match next {
            Some(next) => {
                let time = seconds(next - self.start);
                writeln!(self.said, "next timeout {time}").expect("string");
            }
            None => self.said.push_str("no timeout\n"),
        }
    }

    fn change_plane(&mut self, what: &str) {
        match what {
            "lost" => {
                self.plane_lost = true;
                self.plane = Table::default();
                self.input(Input::PlaneLost {
                    reason: "the connection was closed".to_owned(),
                });
            }
            "back" => self.plane_lost = false,
            "refuses" => self.plane_refuses = true,
            "obeys" => self.plane_refuses = false,
            "empty" => self.plane = Table::default(),
            _ => panic!("no such plane: {what}"),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.checkers.as_ref().and_then(Checkers::next_timeout) {
            if next > end {
                break;
            }
            self.now = next.max(self.now);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    fn finish(&mut self, checker: &str, outcome: Outcome) {
        // The result of a run that was cancelled may still come.
        let Some(check) = self.last_run.get(checker).copied() else {
            self.said.push_str("it has not started\n");
            return;
        };
        self.input(Input::CheckFinished { check, outcome });
    }

    fn input(&mut self, input: Input) {
        let now = self.now;
        let checkers = self.checkers.as_mut().expect("started");
        let actions = checkers.handle(input, now);
        self.act(actions);
    }

    fn act(&mut self, actions: Actions) {
        let time = seconds(self.now - self.start);
        let mut answers = Vec::new();
        for action in actions {
            for line in self.show_and_do(action, &mut answers) {
                writeln!(self.said, "{time} {line}").expect("string");
            }
        }
        answers.into_iter().for_each(|input| self.input(input));
    }

    fn show_and_do(&mut self, action: Action, answers: &mut Vec<Input>) -> Vec<String> {
        match action {
            Action::StartCheck { check, kind, url } => {
                self.last_run.insert(check.checker.0.to_string(), check);
                vec![format!("StartCheck {check} {}", show_kind(&kind, url))]
            }
            Action::CancelCheck { check } => vec![format!("CancelCheck {check}")],
            Action::Program(commands) => {
                let mut failures = Vec::new();
                for command in &commands {
                    if self.plane_refuses {
                        failures.push(format!("{command}: refused"));
                    } else if !self.plane_lost {
                        self.plane.apply(command);
                    }
                }
                answers.push(Input::Applied { failures });
                let shown = commands.iter();
                shown.map(|command| format!("Program {command}")).collect()
            }
            Action::ReadBack => {
                answers.push(if self.plane_lost {
                    Input::ReadBackFailed {
                        reason: "nobody listens".to_owned(),
                    }
                } else {
                    Input::ReadBack(self.plane.clone())
                });
                vec!["ReadBack".to_owned()]
            }
            Action::Notify(notification) => {
                let (subject, command) = (notification.subject, notification.command);
                vec![format!("Notify {subject}: {command}")]
            }
            Action::Announce(announcement) if self.shows_announcements => {
                vec![format!("Announce {}", announcement.fifo_line().trim_end())]
            }
            Action::Announce(_) => Vec::new(),
            Action::Mail(mail) => {
                let body = mail.body();
                vec![format!("Mail {} {}", mail.subject(), body.trim_end())]
            }
            Action::Log(event) => {
                let level = match (event.is_warning(), event.is_detail()) {
                    (true, _) => "Warn",
                    (false, true) => "Detail",
                    (false, false) => "Log",
                };
                vec![format!("{level} {event}")]
            }
        }
    }
}

fn show_kind(kind: &CheckerKind, url: usize) -> String {
    match kind {
        CheckerKind::TcpCheck(options) => format!("TCP_CHECK {}", options.target),
        CheckerKind::HttpGet(options, http) => {
            format!("HTTP_GET {} {}", options.target, http.urls[url].path)
        }
        CheckerKind::MiscCheck(misc) => format!("MISC_CHECK {}", misc.misc_path),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

fn duration(word: &str) -> Duration {
    let (number, factor) = match word.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (word.strip_suffix('s').expect("a unit"), 1.0),
    };
    Duration::from_secs_f64(number.parse::<f64>().expect("a number") * factor)
}

fn passed(options: &[&str]) -> Passed {
    match options {
        [] => Passed::Connected,
        ["http"] => Passed::Http {
            test: HttpTest::StatusCode,
            mismatch: None,
        },
        ["script"] => Passed::Script { weight: None },
        [option] => Passed::Script {
            weight: option
                .strip_prefix("weight=")
                .and_then(|weight| Weight::new(weight.parse().ok()?)),
        },
        _ => panic!("no such result: {options:?}"),
    }
}

fn failed(reason: &str) -> Outcome {
    let failure = match reason.split_once('=') {
        None if reason == "timeout" => Failure::ConnectTimeout,
        None if reason == "refused" => Failure::ConnectFailed {
            reason: "connection refused".to_owned(),
        },
        None if reason == "local" => {
            return Outcome::NotChecked {
                reason: "binding to 10.0.0.100:0: address not available".to_owned(),
            };
        }
        Some(("status", code)) => Failure::StatusCode(code.parse().expect("a code")),
        Some(("exit", status)) => Failure::ScriptExited(status.parse().expect("a status")),
        None | Some(_) => panic!("no such failure: {reason}"),
    };
    Outcome::Failed(failure)
}

/// `keyword` and `keyword=value` of one line.
struct Options<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Options<'a> {
    fn new(words: &[&'a str]) -> Self {
        let pairs = words.iter();
        Self(
            pairs
                .map(|word| word.split_once('=').unwrap_or((word, "")))
                .collect(),
        )
    }

    fn is_set(&self, keyword: &str) -> bool {
        self.0.contains_key(keyword)
    }

    fn number(&self, keyword: &str, default: u32) -> u32 {
        (self.0.get(keyword)).map_or(default, |value| value.parse().expect("a number"))
    }

    fn seconds(&self, keyword: &str, default: u32) -> Duration {
        Duration::from_secs(self.number(keyword, default).into())
    }

    fn script(&self, name: &str) -> Option<ScriptCommand> {
        self.is_set("scripts").then(|| script(name))
    }
}

fn script(name: &str) -> ScriptCommand {
    ScriptCommand {
        argv: vec![name.to_owned()],
        user: None,
        ..ScriptCommand::default()
    }
}

fn server(address: &str) -> ServerAddress {
    let address: std::net::SocketAddr = address.parse().expect("address and port");
    ServerAddress::new(address.ip(), address.port())
}

fn parse_config(lines: &[&str]) -> (Config, BTreeMap<ServiceKey, String>) {
    let mut config = Config::default();
    let mut cannot_carry = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["lvs_flush"] => config.global_defs.lvs.lvs_flush = true,
            ["virtual_server", address, scheduler, options @ ..] => {
                let options = Options::new(options);
                let virtual_server = virtual_server(address, scheduler, &options);
                if let Some(reason) = options.0.get("cannot_carry") {
                    let key = super::virtual_server::key_of(&virtual_server);
                    cannot_carry.insert(key, (*reason).to_owned());
                }
                config.virtual_servers.push(virtual_server);
            }
            ["real_server", address, options @ ..] => {
                let real_server = real_server(address, &Options::new(options));
                let virtual_server = config.virtual_servers.last_mut().expect("virtual server");
                virtual_server.real_servers.push(real_server);
            }
            [keyword, options @ ..] => {
                let virtual_server = config.virtual_servers.last_mut().expect("virtual server");
                let real_server = virtual_server.real_servers.last_mut().expect("real server");
                let checker = checker(keyword, real_server.address, &Options::new(options));
                real_server.checkers.push(checker);
            }
            [] => {}
        }
    }
    (config, cannot_carry)
}

fn virtual_server(address: &str, scheduler: &str, options: &Options<'_>) -> VirtualServer {
    VirtualServer {
        target: crate::config::ServiceTarget::Address,
        options: crate::config::ServiceOptions {
            smtp_alert: options.is_set("smtp_alert"),
            ..crate::config::ServiceOptions::default()
        },
        address: server(address),
        protocol: Protocol::Tcp,
        lvs_sched: scheduler.parse().expect("a scheduler"),
        lvs_method: ForwardingMethod::Nat,
        persistence_timeout: None,
        quorum: options.number("quorum", 1),
        hysteresis: options.number("hysteresis", 0),
        quorum_up: options.script("quorum_up"),
        quorum_down: options.script("quorum_down"),
        omega: options.is_set("omega"),
        sorry_server: options.0.get("sorry_server").map(|address| SorryServer {
            address: server(address),
            lvs_method: ForwardingMethod::Nat,
            inhibit: options.is_set("sorry_server_inhibit"),
        }),
        real_servers: Vec::new(),
    }
}

fn real_server(address: &str, options: &Options<'_>) -> RealServer {
    RealServer {
        pending_checkers: Vec::new(),
        options: crate::config::RealServerOptions {
            smtp_alert: options.is_set("smtp_alert"),
            ..crate::config::RealServerOptions::default()
        },
        address: server(address),
        weight: Weight::new(options.number("weight", 1)).expect("a weight"),
        lvs_method: ForwardingMethod::Nat,
        inhibit_on_failure: options.is_set("inhibit_on_failure"),
        notify_up: options.script("notify_up"),
        notify_down: options.script("notify_down"),
        checkers: Vec::new(),
    }
}

fn checker(keyword: &str, target: ServerAddress, options: &Options<'_>) -> Checker {
    let connect = ConnectOptions {
        target,
        bindto: None,
        bind_port: 0,
        bind_if: None,
        connect_timeout: options.seconds("connect_timeout", 2),
        fwmark: 0,
    };
    let kind = match keyword {
        "TCP_CHECK" => CheckerKind::TcpCheck(connect),
        "HTTP_GET" => CheckerKind::HttpGet(
            connect,
            HttpGet {
                tls: false,
                urls: urls(options.0.get("urls").unwrap_or(&"/")),
                http_protocol: HttpProtocol::V1_0,
                enable_sni: false,
                sni_name: None,
                fast_recovery: options.is_set("fast_recovery"),
            },
        ),
        "MISC_CHECK" => CheckerKind::MiscCheck(MiscCheck {
            misc_path: script("/check.sh"),
            misc_timeout: options.seconds("misc_timeout", 3),
            misc_dynamic: options.is_set("misc_dynamic"),
        }),
        _ => panic!("no such checker: {keyword}"),
    };
    Checker {
        kind,
        delay_loop: options.seconds("delay_loop", 6),
        retry: options.number("retry", 1),
        delay_before_retry: options.seconds("delay_before_retry", 1),
        warmup: options.seconds("warmup", 0),
        alpha: options.is_set("alpha"),
        log_all_failures: options.is_set("log_all_failures"),
    }
}

fn urls(paths: &str) -> Vec<HttpUrl> {
    let url = |path: &str| HttpUrl {
        regex: None,
        tls_compliant: false,
        path: path.to_owned(),
        digest: None,
        status_code: Vec::new(),
        virtualhost: None,
    };
    paths.split(',').map(url).collect()
}
