//! Recorded steps: what happens to the virtual routers, and what they do, in readable files.
//!
//! Each file of `testdata/` is a list of blocks: commands, a line `----`, and everything that came
//! of them. `UPDATE_STEPS=1` rewrites what came; read the difference before keeping it.
//!
//! ```text
//! instance NAME key=value ...     defines or replaces an instance; keys are keywords
//! script NAME key=value ...       the same for a vrrp_script
//! file NAME [VALUE]               the same for a track_file; afterwards what it holds
//! process NAME key=value ...      the same for a vrrp_track_process
//! count PROCESS NUMBER            how many of it there are
//! delays eth0 2s 1s               interface_up_down_delays
//! group NAME group=A,B ...        the same for a vrrp_sync_group
//! global vrrp_startup_delay=5s    or `fifo`, from where on announcements are shown, or `fifo_on_reload`
//! remove NAME                     of an instance, script or group
//! interface eth0 up 192.0.2.10 fe80::10
//!                                 before `start` what exists, afterwards what netlink says
//! resume NAME 2s                  before `start`: a lease with so much left
//! start | reload | stop
//! clock 1000s                     before `start` the time of day and since boot; afterwards it is set
//! advert from=IP priority=N ...   a packet of the peer; further keys make it differ
//! deleted 192.0.2.100/24 eth0     somebody takes an address away
//! unsent NAME                     its last advert could not be sent
//! exit SCRIPT STATUS | signal SCRIPT NUMBER
//! wait 1s                         timers are acted upon when they expire
//! stall 5s                        time passes and nothing is acted upon
//! timeout                         one call, early or late
//! show                            states, priorities and counters that are not 0
//! ```

mod parser;
mod printer;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::parser::{
    duration, group, instance, interface, owned, script, track_file, track_process,
};
use super::*;
use crate::config::{Config, InterfaceDelays};
use crate::types::{InterfaceName, RouterIdentity};

#[test]
fn every_recorded_step_happens_as_recorded() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vrrp/testdata");
    let mut files: Vec<PathBuf> = fs::read_dir(&testdata)
        .expect("testdata")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let update = std::env::var_os("UPDATE_STEPS").is_some();
    let mut failures = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(
            text.starts_with("# "),
            "{}: say which rule it shows",
            file.display()
        );
        let played = play(&text);
        if update {
            fs::write(&file, played).expect("writable");
        } else if let Some(difference) = first_difference(&text, &played) {
            writeln!(failures, "{}: {difference}", file.display()).expect("string");
        }
    }
    assert!(failures.is_empty(), "{failures}UPDATE_STEPS=1 records anew");
}

#[test]
fn every_row_of_what_a_virtual_router_does_has_its_step() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vrrp");
    let rows = fs::read_to_string(source.join("steps/rows.txt")).expect("readable");
    let rows: BTreeSet<&str> = rows
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let files = fs::read_dir(source.join("testdata")).expect("testdata");
    let texts: Vec<String> = files
        .map(|entry| fs::read_to_string(entry.expect("entry").path()).expect("readable"))
        .collect();
    let shown: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix("# Row: "))
        .flat_map(str::split_whitespace)
        .collect();
    let missing: Vec<_> = rows.difference(&shown).collect();
    assert!(missing.is_empty(), "no step file shows {missing:?}");
    let unknown: Vec<_> = shown.difference(&rows).collect();
    assert!(unknown.is_empty(), "steps/rows.txt lacks {unknown:?}");
}

/// The first of the words that is an address of that kind.
fn address<A: std::str::FromStr>(words: &[&str]) -> Option<A> {
    words.iter().find_map(|word| word.parse().ok())
}

fn first_difference(recorded: &str, played: &str) -> Option<String> {
    let (mut recorded, mut played) = (recorded.lines(), played.lines());
    for number in 1.. {
        match (recorded.next(), played.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some(format!("line {number}\n  recorded {a:?}\n  happened {b:?}")),
        }
    }
    None
}

/// The file with the outputs that its commands produce now.
fn play(text: &str) -> String {
    let mut world = World::new();
    let mut played = Vec::new();
    for block in text.trim_end().split("\n\n") {
        let commands: Vec<_> = block.lines().take_while(|line| *line != "----").collect();
        let has_commands = commands.iter().any(|line| !line.starts_with('#'));
        let mut output = commands.join("\n");
        if has_commands {
            output.push_str("\n----");
            for command in commands.iter().filter(|line| !line.starts_with('#')) {
                world.command(command);
            }
            for line in world.take_output() {
                output.push('\n');
                output.push_str(&line);
            }
        }
        played.push(output);
    }
    played.join("\n\n") + "\n"
}

struct World {
    config: Config,
    interfaces: BTreeMap<InterfaceName, InterfaceState>,
    resume: Vec<Resume>,
    tracked: TrackedNow,
    /// Announcements are shown.
    shows_announcements: bool,
    clocks: Option<Clocks>,
    routers: Option<VirtualRouters>,
    epoch: Instant,
    now: Instant,
    output: Vec<String>,
}

type Keys<'a> = Vec<(&'a str, &'a str)>;

impl World {
    fn new() -> Self {
        let epoch = Instant::now();
        Self {
            config: Config::default(),
            interfaces: BTreeMap::new(),
            resume: Vec::new(),
            tracked: TrackedNow::default(),
            shows_announcements: false,
            clocks: None,
            routers: None,
            epoch,
            now: epoch,
            output: Vec::new(),
        }
    }

    /// Of the configured instance of that name.
    fn identity(&self, name: &str) -> RouterIdentity {
        let mut instances = self.config.vrrp_instances.iter();
        identity::of(instances.find(|it| it.name == name).expect("configured"))
    }

    fn take_output(&mut self) -> Vec<String> {
        if let Some(routers) = &self.routers {
            let next = routers.next_timeout();
            let next = next.map_or_else(|| "never".to_owned(), |at| self.time(at));
            self.output.push(format!("next timeout {next}"));
        }
        std::mem::take(&mut self.output)
    }

    fn command(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let keys = |from: usize| -> Keys<'_> {
            words[from..]
                .iter()
                .map(|word| word.split_once('=').unwrap_or((word, "")))
                .collect()
        };
        match words[0] {
            "instance" => {
                let list = &mut self.config.vrrp_instances;
                let new = instance(words[1], &keys(2));
                match list.iter().position(|i| i.name == words[1]) {
                    Some(at) => list[at] = new,
                    None => list.push(new),
                }
            }
            "script" => {
                let list = &mut self.config.vrrp_scripts;
                let new = script(words[1], &keys(2));
                match list.iter().position(|s| s.name == words[1]) {
                    Some(at) => list[at] = new,
                    None => list.push(new),
                }
            }
            "group" => {
                let list = &mut self.config.vrrp_sync_groups;
                let new = group(words[1], &keys(2));
                match list.iter().position(|g| g.name == words[1]) {
                    Some(at) => list[at] = new,
                    None => list.push(new),
                }
            }
            "global" => {
                for (key, value) in keys(1) {
                    self.global(key, value);
                }
            }
            "file" => {
                let name = words[1].to_owned();
                match (&self.routers, words.get(2)) {
                    (None, value) => {
                        self.config.track_files.push(track_file(&name));
                        if let Some(value) = value {
                            let value = value.parse().expect("number");
                            self.tracked.files.push((name, value));
                        }
                    }
                    (Some(_), value) => self.handle(Input::FileRead {
                        file: name,
                        value: value.expect("a value").parse().expect("number"),
                    }),
                }
            }
            "process" => {
                let processes = &mut self.config.vrrp_track_processes;
                processes.push(track_process(words[1], &keys(2)));
            }
            "count" => {
                let process = words[1].to_owned();
                let count = words[2].parse().expect("number");
                if self.routers.is_some() {
                    self.handle(Input::ProcessesCounted { process, count });
                } else {
                    self.tracked.processes.push((process, count));
                }
            }
            "delays" => self.config.interface_up_down_delays.push(InterfaceDelays {
                interface: interface(words[1]),
                down_delay: duration(words[2]),
                up_delay: duration(words[3]),
            }),
            "remove" => {
                self.config.vrrp_instances.retain(|i| i.name != words[1]);
                self.config.vrrp_scripts.retain(|s| s.name != words[1]);
                self.config.vrrp_sync_groups.retain(|g| g.name != words[1]);
            }
            "interface" => self.interface(&words),
            "unsent" => {
                let router = self.identity(words[1]);
                self.handle(Input::AdvertUnsent(router));
            }
            "resume" => self.resume.push(Resume {
                router: self.identity(words[1]),
                lease_until: self.now + duration(words[2]),
            }),
            "start" => {
                let interfaces: Vec<_> = self.interfaces.values().cloned().collect();
                let (routers, actions) = VirtualRouters::with_clocks(
                    &self.config,
                    &interfaces,
                    &self.tracked,
                    &self.resume,
                    self.clocks,
                    self.now,
                );
                self.routers = Some(routers);
                self.print(&actions);
            }
            "reload" => {
                let interfaces: Vec<_> = self.interfaces.values().cloned().collect();
                let (config, now) = (self.config.clone(), self.now);
                let actions = self.routers().reload(&config, &interfaces, now);
                self.print(&actions);
            }
            "clock" => {
                let wall = WallClock {
                    at: self.now,
                    unix: duration(words[1]),
                };
                match self.routers {
                    Some(_) => self.handle(Input::Clock(wall)),
                    None => {
                        let since_boot = wall.unix;
                        self.clocks = Some(Clocks { wall, since_boot });
                    }
                }
            }
            "stop" => {
                let now = self.now;
                let actions = self.routers().stop(now);
                self.print(&actions);
            }
            "advert" => {
                let (interface, bytes) = self.advert(&keys(1));
                let interface = &interface;
                let bytes = &bytes;
                self.handle(Input::Packet { interface, bytes });
            }
            "deleted" => self.handle(Input::AddressRemoved(owned(words[1], words[2]))),
            "exit" => self.handle(Input::ScriptExited {
                script: words[1].to_owned(),
                outcome: ScriptOutcome::Exited(words[2].parse().expect("status")),
            }),
            "signal" => self.handle(Input::ScriptExited {
                script: words[1].to_owned(),
                outcome: ScriptOutcome::Signaled(words[2].parse().expect("signal")),
            }),
            "wait" => self.wait(duration(words[1])),
            "stall" => self.now += duration(words[1]),
            "timeout" => self.handle(Input::Timeout),
            "show" => self.show(),
            word => panic!("unknown command {word}"),
        }
    }

    fn global(&mut self, key: &str, value: &str) {
        let defs = &mut self.config.global_defs;
        match key {
            "vrrp_startup_delay" => defs.vrrp_startup_delay = duration(value),
            "vrrp_delay_after_boot" => defs.vrrp.vrrp_delay_after_boot = duration(value),
            "log_unknown_vrids" => defs.vrrp.log_unknown_vrids = true,
            "fifo" => self.shows_announcements = true,
            "fifo_on_reload" => defs.fifo_write_vrrp_states_on_reload = true,
            key => panic!("unknown key {key}"),
        }
    }

    fn routers(&mut self) -> &mut VirtualRouters {
        self.routers.as_mut().expect("started")
    }

    fn handle(&mut self, input: Input<'_>) {
        let now = self.now;
        let actions = self.routers().handle(input, now);
        self.print(&actions);
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..10_000 {
            let next = self.routers().next_timeout();
            match next.filter(|next| *next <= until) {
                Some(next) => {
                    self.now = self.now.max(next);
                    self.handle(Input::Timeout);
                    // A second call at the same time has nothing left to do.
                    let now = self.now;
                    let again = self.routers().handle(Input::Timeout, now);
                    let next = self.routers().next_timeout();
                    assert!(
                        again.is_empty() || next.is_some_and(|next| next > now),
                        "{again:?}"
                    );
                    self.print(&again);
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("timers never come to rest");
    }

    fn interface(&mut self, words: &[&str]) {
        let state = InterfaceState {
            interface: interface(words[1]),
            link: match words[2] {
                "up" => LinkState::Up,
                "down" => LinkState::Down,
                "missing" => LinkState::Missing,
                word => panic!("unknown state {word}"),
            },
            primary_address: address(&words[3..]),
            link_local: address(&words[3..]),
            sources: BTreeSet::new(),
        };
        self.interfaces
            .insert(state.interface.clone(), state.clone());
        if self.routers.is_some() {
            self.handle(Input::Interface(state));
        }
    }
}
