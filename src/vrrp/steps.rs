//! Recorded steps: what happens to the virtual routers, and what they do, in readable files.
//!
//! Each file of `testdata/` is a list of blocks: commands, a line `----`, and everything that came
//! of them. `UPDATE_STEPS=1` rewrites what came; read the difference before keeping it.
//!
//! ```text
//! instance NAME key=value ...     defines or replaces an instance; keys are keywords
//! script NAME key=value ...       the same for a vrrp_script
//! group NAME group=A,B ...        the same for a vrrp_sync_group
//! global vrrp_startup_delay=5s
//! remove NAME                     of an instance, script or group
//! interface eth0 up 192.0.2.10    before `start` what exists, afterwards what netlink says
//! resume NAME 2s                  before `start`: a lease with so much left
//! start | reload | stop
//! advert from=IP priority=N ...   a packet of the peer; further keys make it differ
//! deleted 192.0.2.100/24 eth0     somebody takes an address away
//! exit SCRIPT STATUS | signal SCRIPT NUMBER
//! wait 1s                         timers are acted upon when they expire
//! stall 5s                        time passes and nothing is acted upon
//! timeout                         one call, early or late
//! show                            states, priorities and counters that are not 0
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;
use crate::config::{
    Authentication, Config, InitialState, NotifyScripts, TrackInterface, TrackScript, VrrpInstance,
    VrrpScript, VrrpSyncGroup,
};
use crate::types::{
    AdvertInterval, AdvertPriority, InterfaceName, OwnedAddress, Priority, ScriptCommand,
    TrackWeight, VirtualAddress, Vrid, VrrpVersion,
};
use crate::wire::{ipv4, vrrp};

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
            routers: None,
            epoch,
            now: epoch,
            output: Vec::new(),
        }
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
                    assert_eq!(key, "vrrp_startup_delay");
                    self.config.global_defs.vrrp_startup_delay = duration(value);
                }
            }
            "remove" => {
                self.config.vrrp_instances.retain(|i| i.name != words[1]);
                self.config.vrrp_scripts.retain(|s| s.name != words[1]);
                self.config.vrrp_sync_groups.retain(|g| g.name != words[1]);
            }
            "interface" => self.interface(&words),
            "resume" => self.resume.push(Resume {
                instance: words[1].to_owned(),
                lease_until: self.now + duration(words[2]),
            }),
            "start" => {
                let interfaces: Vec<_> = self.interfaces.values().cloned().collect();
                let (routers, actions) =
                    VirtualRouters::new(&self.config, &interfaces, &self.resume, self.now);
                self.routers = Some(routers);
                self.print(&actions);
            }
            "reload" => {
                let interfaces: Vec<_> = self.interfaces.values().cloned().collect();
                let (config, now) = (self.config.clone(), self.now);
                let actions = self.routers().reload(&config, &interfaces, now);
                self.print(&actions);
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
            primary_address: words.get(3).map(|word| word.parse().expect("address")),
        };
        self.interfaces
            .insert(state.interface.clone(), state.clone());
        if self.routers.is_some() {
            self.handle(Input::Interface(state));
        }
    }

    /// What the peer of the first instance, or of `instance=NAME`, sends.
    fn advert(&self, keys: &Keys<'_>) -> (InterfaceName, Vec<u8>) {
        let named = keys.iter().find(|(key, _)| *key == "instance");
        let config = self
            .config
            .vrrp_instances
            .iter()
            .find(|i| named.is_none_or(|(_, name)| i.name == *name))
            .expect("an instance");
        let mut addresses: Vec<Ipv4Addr> = config
            .virtual_ipaddress
            .iter()
            .filter_map(|address| match address.address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .collect();
        let mut advert = vrrp::Advert {
            version: config.version,
            vrid: config.virtual_router_id,
            priority: AdvertPriority::from_wire(100),
            advert_int: config.advert_int,
            auth_pass: match config.authentication {
                Authentication::None => None,
                Authentication::Pass(pass) => Some(pass),
            },
            addresses: &[],
        };
        let mut source = Ipv4Addr::UNSPECIFIED;
        let mut destination = vrrp::MULTICAST_GROUP;
        let mut ttl = vrrp::TTL;
        let mut cut = 0;
        for (key, value) in keys {
            match *key {
                "instance" => {}
                "from" => source = value.parse().expect("address"),
                "to" => destination = value.parse().expect("address"),
                "priority" => {
                    advert.priority = AdvertPriority::from_wire(value.parse().expect("priority"));
                }
                "vrid" => advert.vrid = vrid(value),
                "version" => advert.version = version(value),
                "advert_int" => advert.advert_int = advert_int(value),
                "auth_pass" => advert.auth_pass = Some(pass(value)),
                "ttl" => ttl = value.parse().expect("ttl"),
                "cut" => cut = value.parse().expect("octets"),
                "virtual_ipaddress" => {
                    addresses = value
                        .split(',')
                        .map(|a| a.parse().expect("address"))
                        .collect();
                }
                key => panic!("unknown key {key}"),
            }
        }
        advert.addresses = &addresses;
        let header = ipv4::Header {
            tos: vrrp::TOS,
            id: 7,
            dont_fragment: false,
            ttl,
            protocol: vrrp::PROTOCOL,
            source,
            destination,
        };
        let mut payload = advert.emit(source, destination);
        payload.truncate(payload.len() - cut);
        (config.interface.clone(), header.emit(&payload))
    }

    fn show(&mut self) {
        let snapshot = self.routers().snapshot();
        for instance in snapshot.instances {
            let mut line = format!(
                "{} {} priority={}",
                instance.name,
                instance.state.name(),
                instance.effective_priority
            );
            if let Some((address, priority)) = instance.master {
                write!(line, " master={address}/{priority}").expect("string");
            }
            let counters = serde_json::to_value(instance.counters).expect("json");
            for (name, value) in counters.as_object().expect("object") {
                if value != 0 {
                    write!(line, " {name}={value}").expect("string");
                }
            }
            self.output.push(line);
        }
        for group in snapshot.groups {
            self.output
                .push(format!("{} {}", group.name, group.state.name()));
        }
        for script in snapshot.scripts {
            let good = match script.good {
                None => "unknown",
                Some(true) => "good",
                Some(false) => "bad",
            };
            self.output.push(format!("{} {good}", script.name));
        }
    }

    fn time(&self, at: Instant) -> String {
        format!("{:.3}", at.duration_since(self.epoch).as_secs_f64())
    }

    fn print(&mut self, actions: &[Action]) {
        let now = self.time(self.now);
        for action in actions {
            let line = self.describe(action);
            self.output.push(format!("{now} {line}"));
        }
    }

    fn describe(&self, action: &Action) -> String {
        match action {
            Action::SendAdvert {
                instance,
                interface,
                priority,
                packets,
            } => {
                let mut line = format!("SendAdvert {instance} {interface} priority={priority}");
                for (destination, bytes) in packets {
                    let packet = ipv4::Packet::parse(bytes).expect("IPv4");
                    assert_eq!(packet.header.destination, *destination);
                    let (id, source) = (packet.header.id, packet.header.source);
                    write!(line, " {source}->{destination} id={id}").expect("string");
                }
                line
            }
            Action::RenewLease { instance, until } => {
                format!("RenewLease {instance} until={}", self.time(*until))
            }
            Action::EndLease { instance } => format!("EndLease {instance}"),
            Action::AddAddresses {
                instance,
                addresses,
            } => {
                let list = addresses.iter().map(|(owned, _)| owned);
                format!("AddAddresses {instance}{}", list_of(list))
            }
            Action::RemoveAddresses {
                instance,
                addresses,
            } => {
                format!("RemoveAddresses {instance}{}", list_of(addresses.iter()))
            }
            Action::SendGratuitousArp {
                instance,
                addresses,
                repeat,
            } => {
                let mut line = format!("SendGratuitousArp {instance} repeat={repeat}");
                for (interface, address) in addresses {
                    write!(line, " {address}@{interface}").expect("string");
                }
                line
            }
            Action::RunScript { script, command } => format!("RunScript {script}: {command}"),
            Action::KillScript { script, force } => format!("KillScript {script} force={force}"),
            Action::Notify(notification) => {
                let arguments: String = notification
                    .arguments
                    .iter()
                    .map(|a| format!(" {a}"))
                    .collect();
                format!(
                    "Notify {}: {}{arguments}",
                    notification.subject, notification.command
                )
            }
            Action::Log(event) => {
                let detail = if event.is_detail() { " -D" } else { "" };
                format!("Log{detail} {event}")
            }
        }
    }
}

fn list_of<'a>(addresses: impl Iterator<Item = &'a OwnedAddress>) -> String {
    addresses
        .map(|owned| {
            format!(
                " {}/{}@{}",
                owned.address, owned.prefix_len, owned.interface
            )
        })
        .collect()
}

fn instance(name: &str, keys: &Keys<'_>) -> VrrpInstance {
    let mut config = VrrpInstance::new(name, interface("eth0"), vrid("51"));
    for (key, value) in keys {
        match *key {
            "state" => {
                config.state = match *value {
                    "MASTER" => InitialState::Master,
                    _ => InitialState::Backup,
                }
            }
            "interface" => config.interface = interface(value),
            "virtual_router_id" => config.virtual_router_id = vrid(value),
            "priority" => {
                config.priority = Priority::new(value.parse().expect("number")).expect("priority");
            }
            "advert_int" => config.advert_int = advert_int(value),
            "version" => config.version = version(value),
            "auth_pass" => config.authentication = Authentication::Pass(pass(value)),
            "virtual_ipaddress" => config.virtual_ipaddress = addresses(value),
            "virtual_ipaddress_excluded" => config.virtual_ipaddress_excluded = addresses(value),
            "nopreempt" => config.preempt = false,
            "preempt_delay" => config.preempt_delay = duration(value),
            "track_interface" => config.track_interface.push(track_interface(value)),
            "track_script" => config.track_script.push(track_script(value)),
            "dont_track_primary" => config.dont_track_primary = true,
            "unicast_src_ip" => config.unicast_src_ip = Some(value.parse().expect("address")),
            "unicast_peer" => {
                config.unicast_peer = value
                    .split(',')
                    .map(|peer| peer.parse().expect("address"))
                    .collect();
            }
            "check_unicast_src" => config.check_unicast_src = true,
            "skip_check_adv_addr" => config.skip_check_adv_addr = true,
            "lower_prio_no_advert" => config.lower_prio_no_advert = true,
            "higher_prio_send_advert" => config.higher_prio_send_advert = true,
            "down_timer_adverts" => config.down_timer_adverts = value.parse().expect("number"),
            "garp_master_delay" => config.garp.garp_master_delay = duration(value),
            "garp_master_refresh" => config.garp.garp_master_refresh = duration(value),
            "garp_lower_prio_repeat" => {
                config.garp.garp_lower_prio_repeat = value.parse().expect("number");
            }
            key => notify_key(&mut config.notify, key),
        }
    }
    config
}

fn script(name: &str, keys: &Keys<'_>) -> VrrpScript {
    let mut config = VrrpScript {
        name: name.to_owned(),
        script: command(&format!("/usr/bin/{name}")),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        weight: TrackWeight::FAULT,
        reverse: false,
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    for (key, value) in keys {
        match *key {
            "script" => config.script = command(value),
            "interval" => config.interval = duration(value),
            "timeout" => config.timeout = duration(value),
            "rise" => config.rise = value.parse().expect("number"),
            "fall" => config.fall = value.parse().expect("number"),
            "init_fail" => config.init_fail = true,
            key => panic!("unknown key {key}"),
        }
    }
    config
}

fn group(name: &str, keys: &Keys<'_>) -> VrrpSyncGroup {
    let mut config = VrrpSyncGroup {
        name: name.to_owned(),
        group: Vec::new(),
        track_interface: Vec::new(),
        track_script: Vec::new(),
        notify: NotifyScripts::default(),
    };
    for (key, value) in keys {
        match *key {
            "group" => config.group = value.split(',').map(str::to_owned).collect(),
            "track_interface" => config.track_interface.push(track_interface(value)),
            "track_script" => config.track_script.push(track_script(value)),
            key => notify_key(&mut config.notify, key),
        }
    }
    config
}

fn notify_key(notify: &mut NotifyScripts, key: &str) {
    let place = match key {
        "notify_master" => &mut notify.notify_master,
        "notify_backup" => &mut notify.notify_backup,
        "notify_fault" => &mut notify.notify_fault,
        "notify_stop" => &mut notify.notify_stop,
        "notify" => &mut notify.notify,
        key => panic!("unknown key {key}"),
    };
    *place = Some(command(&format!("/usr/bin/{key}")));
}

fn command(program: &str) -> ScriptCommand {
    ScriptCommand {
        argv: vec![program.to_owned()],
        user: None,
    }
}

/// `name` or `name:weight`.
fn weighed(value: &str) -> (&str, TrackWeight) {
    let (name, weight) = value.split_once(':').unwrap_or((value, "0"));
    let weight = weight.parse().expect("number");
    (name, TrackWeight::new(weight).expect("weight"))
}

fn track_interface(value: &str) -> TrackInterface {
    let (name, weight) = weighed(value);
    TrackInterface {
        interface: interface(name),
        weight,
        reverse: false,
    }
}

fn track_script(value: &str) -> TrackScript {
    let (name, weight) = weighed(value);
    TrackScript {
        script: name.to_owned(),
        weight,
        reverse: false,
    }
}

fn addresses(value: &str) -> Vec<VirtualAddress> {
    let parse = |value: &str| {
        let (address, rest) = value.split_once('/').expect("prefix");
        let (prefix_len, dev) = rest.split_once('@').unwrap_or((rest, ""));
        let mut address = VirtualAddress::new(
            address.parse().expect("address"),
            prefix_len.parse().expect("prefix"),
        );
        address.dev = (!dev.is_empty()).then(|| interface(dev));
        address
    };
    let words = value.split(',').filter(|word| !word.is_empty());
    words.map(parse).collect()
}

fn owned(address: &str, dev: &str) -> OwnedAddress {
    let (address, prefix_len) = address.split_once('/').expect("prefix");
    OwnedAddress {
        interface: interface(dev),
        address: address.parse().expect("address"),
        prefix_len: prefix_len.parse().expect("prefix"),
    }
}

fn interface(name: &str) -> InterfaceName {
    InterfaceName::new(name).expect("interface")
}

fn vrid(value: &str) -> Vrid {
    Vrid::new(value.parse().expect("number")).expect("vrid")
}

fn version(value: &str) -> VrrpVersion {
    match value {
        "2" => VrrpVersion::V2,
        _ => VrrpVersion::V3,
    }
}

fn pass(value: &str) -> [u8; 8] {
    let mut pass = [0; 8];
    pass[..value.len()].copy_from_slice(value.as_bytes());
    pass
}

fn advert_int(value: &str) -> AdvertInterval {
    let centis = duration(value).as_millis() / 10;
    AdvertInterval::from_centis(centis.try_into().expect("small")).expect("in range")
}

/// `1s`, `0.5s`, `20ms`.
fn duration(value: &str) -> Duration {
    if let Some(millis) = value.strip_suffix("ms") {
        Duration::from_millis(millis.parse().expect("milliseconds"))
    } else {
        let seconds = value.strip_suffix('s').expect("unit");
        Duration::from_secs_f64(seconds.parse().expect("seconds"))
    }
}
