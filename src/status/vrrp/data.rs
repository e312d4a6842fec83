//! `keepalived.data`: what each virtual router is, why, and what it was told to be.

use std::fmt::{Display, Write};
use std::time::{Duration, Instant};

use super::{Now, address_line, command, wanted_state};
use crate::config::{Authentication, VrrpInstance};
use crate::sys::clock;
use crate::types::{AddressFamily, AdvertInterval, VrrpVersion};
use crate::vrrp::snapshot::{
    BOUNDS, Dump, GroupSnapshot, InstanceSnapshot, Lateness, ScriptSnapshot, State,
};

/// The whole file.
pub fn render(dump: &Dump, now: Now) -> String {
    let mut page = Page::default();
    page.section("VRRP Topology");
    for (instance, config) in dump.instances() {
        page.instance(instance, config, now);
    }
    let snapshot = &dump.snapshot;
    if !snapshot.groups.is_empty() {
        page.section("VRRP Sync groups");
        for group in &snapshot.groups {
            page.group(group);
        }
    }
    if !snapshot.scripts.is_empty() {
        page.section("VRRP Scripts");
        for script in &snapshot.scripts {
            page.script(script);
        }
    }
    page.section("Lateness of adverts");
    page.lateness(&snapshot.lateness);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// Writing to a string cannot fail.
    fn line(&mut self, indent: usize, line: impl Display) {
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    fn section(&mut self, name: &str) {
        self.line(0, format_args!("------< {name} >------"));
    }

    /// A line within a block.
    fn row(&mut self, name: &str, value: impl Display) {
        self.line(3, format_args!("{name} = {value}"));
    }

    fn instance(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance, now: Now) {
        self.line(1, format_args!("VRRP Instance = {}", instance.name));
        self.row("VRRP Version", instance.version.number());
        if config.family() == AddressFamily::Inet6 {
            self.line(3, "Using Native IPv6");
        }
        self.state(instance, now);
        self.network(instance, config);
        self.timing(instance, config);
        self.election(instance, config);
        match config.authentication {
            Authentication::None => {}
            Authentication::Pass(_) => self.password("SIMPLE_PASSWORD"),
            Authentication::Ah(_) => self.password("IPSEC_AH"),
        }
        self.addresses(instance, config);
        self.tracked(config);
        self.notifications(config);
        self.reasons(instance, config, now);
    }

    fn state(&mut self, instance: &InstanceSnapshot, now: Now) {
        self.row("State", instance.state.name());
        if let (State::Backup, Some((address, priority))) = (instance.state, instance.master) {
            self.row("Master router", address);
            self.row("Master priority", priority);
        }
        self.row("Wantstate", wanted_state(instance).name());
        self.row(
            "Number of interface and track script faults",
            instance.faults.len(),
        );
        self.row("Last transition", time(instance.last_transition, now));
        self.row("Read timeout", time(instance.next_timeout, now));
        let micros = instance.master_down_interval.as_micros();
        self.row("Master down timer", format_args!("{micros} usecs"));
    }

    fn network(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance) {
        if let Some(own) = config.own_interface() {
            let over = &instance.interface;
            self.row("Interface", format_args!("{own}, vmac on {over}"));
        } else if !instance.interface.is_any() {
            self.row("Interface", &instance.interface);
        }
        match instance.source {
            Some(source) => self.row("Using src_ip", source),
            None => self.row("Using src_ip", "(none)"),
        }
        if config.unicast_peer.is_empty() {
            let group = config.multicast_group();
            self.line(3, format_args!("Multicast address {group}"));
            return;
        }
        self.row("Unicast TTL", config.unicast_ttl);
        self.row("Check unicast src", yes(config.check_unicast_src));
        self.line(3, "Unicast Peer :");
        for peer in &config.unicast_peer {
            self.line(5, peer.address);
        }
    }

    fn timing(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance) {
        let garp = &config.garp;
        self.row("Gratuitous ARP delay", garp.garp_master_delay.as_secs());
        self.row("Gratuitous ARP repeat", garp.garp_master_repeat);
        self.row("Gratuitous ARP refresh", garp.garp_master_refresh.as_secs());
        self.row(
            "Gratuitous ARP refresh repeat",
            garp.garp_master_refresh_repeat,
        );
        self.row(
            "Gratuitous ARP lower priority delay",
            garp.garp_lower_prio_delay.as_secs(),
        );
        self.row(
            "Gratuitous ARP lower priority repeat",
            garp.garp_lower_prio_repeat,
        );
        self.row("Down timer adverts", config.down_timer_adverts);
        self.row(
            "Send advert after receive lower priority advert",
            !config.lower_prio_no_advert,
        );
        self.row(
            "Send advert after receive higher priority advert",
            config.higher_prio_send_advert,
        );
        if instance.state == State::Backup && instance.version == VrrpVersion::V3 {
            let interval = interval(instance.master_adver_interval, instance.version);
            self.row("Master advert interval", interval);
        }
    }

    fn election(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance) {
        self.row("Virtual Router ID", instance.virtual_router_id);
        self.row("Priority", instance.base_priority);
        self.row("Effective priority", instance.effective_priority);
        self.row("Total priority", instance.effective_priority);
        let interval = interval(instance.advert_int, instance.version);
        self.row("Advert interval", interval);
        self.row("Accept", enabled(config.accept));
        self.row("Preempt", enabled(config.preempt));
        if !config.preempt_delay.is_zero() {
            let delay = config.preempt_delay.as_secs_f64();
            self.row("Preempt delay", format_args!("{delay} secs"));
        }
        self.row("Promote_secondaries", enabled(config.promote_secondaries));
    }

    fn password(&mut self, kind: &str) {
        self.row("Authentication type", kind);
        self.row("Password", "********");
    }

    fn addresses(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance) {
        let lists = [
            ("Virtual IP", &config.virtual_ipaddress),
            ("Virtual IP Excluded", &config.virtual_ipaddress_excluded),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                self.line(3, format_args!("{name} ({}):", list.len()));
            }
            for address in list {
                self.line(5, address_line(address, config, instance));
            }
        }
        self.list(
            "Virtual Routes",
            &config.virtual_routes,
            ToString::to_string,
        );
        self.list("Virtual Rules", &config.virtual_rules, ToString::to_string);
    }

    fn list<T>(&mut self, name: &str, list: &[T], show: impl Fn(&T) -> String) {
        if !list.is_empty() {
            self.line(3, format_args!("{name} = {}", list.len()));
        }
        for it in list {
            self.line(5, show(it));
        }
    }

    fn tracked(&mut self, config: &VrrpInstance) {
        let weight = |name: &dyn Display, weight: i16, reverse: bool| {
            let reverse = if reverse { " reverse" } else { "" };
            format!("{name} weight {weight}{reverse}")
        };
        self.list("Tracked interfaces", &config.track_interface, |it| {
            weight(&it.interface, it.weight.get(), it.reverse)
        });
        self.list("Tracked scripts", &config.track_script, |it| {
            weight(&it.script, it.weight.get(), it.reverse)
        });
        self.list("Tracked files", &config.track_file, |it| {
            weight(&it.name, it.weight.get(), it.reverse)
        });
        self.list("Tracked processes", &config.track_process, |it| {
            weight(&it.name, it.weight.get(), it.reverse)
        });
    }

    fn notifications(&mut self, config: &VrrpInstance) {
        self.row("Using smtp notification", yes(config.smtp_alert));
        let notify = &config.notify;
        let deleted = notify.notify_deleted.is_some();
        self.row("Notify deleted", if deleted { "Deleted" } else { "Fault" });
        let scripts = [
            ("Backup state transition script", &notify.notify_backup),
            ("Master state transition script", &notify.notify_master),
            ("Fault state transition script", &notify.notify_fault),
            ("Stop state transition script", &notify.notify_stop),
            ("Deleted state transition script", &notify.notify_deleted),
            (
                "Master rx lower prio script",
                &notify.notify_master_rx_lower_pri,
            ),
            ("Generic state transition script", &notify.notify),
        ];
        for (name, script) in scripts {
            let Some(script) = script else { continue };
            let (uid, gid) = script.user.map_or((0, 0), |user| (user.uid, user.gid));
            let command = command(script);
            self.row(name, format_args!("{command}, uid:gid {uid}:{gid}"));
        }
        self.row("Notify priority changes", config.notify_priority_changes);
    }

    /// Not keepalived's.
    fn reasons(&mut self, instance: &InstanceSnapshot, config: &VrrpInstance, now: Now) {
        self.row("Reason", reason(instance, config));
        if let Some(at) = instance.last_transition {
            let age = now.at.saturating_duration_since(at).as_secs();
            self.row("In this state for", format_args!("{age} secs"));
        }
    }

    fn group(&mut self, group: &GroupSnapshot) {
        let state = group.state.name();
        self.line(1, format_args!("VRRP Sync Group = {}, {state}", group.name));
        self.line(3, "VRRP member instances :");
        for member in &group.members {
            self.line(5, member);
        }
    }

    fn script(&mut self, script: &ScriptSnapshot) {
        self.line(1, format_args!("VRRP Script = {}", script.name));
        let status = match script.good {
            None => "INIT",
            Some(true) => "GOOD",
            Some(false) => "BAD",
        };
        self.row("Status", status);
        self.row("Last status", script.last_status);
        let state = if script.running { "running" } else { "idle" };
        self.row("Script state", state);
    }

    fn lateness(&mut self, lateness: &Lateness) {
        for (bound, count) in BOUNDS.iter().zip(lateness.counts) {
            self.line(1, format_args!("At most {bound} usecs = {count}"));
        }
        let beyond = lateness.counts.last().copied().unwrap_or_default();
        self.line(1, format_args!("Later = {beyond}"));
        let latest = lateness.max_micros;
        self.line(1, format_args!("Latest = {latest} usecs"));
    }
}

/// Why it is what it is.
fn reason(instance: &InstanceSnapshot, config: &VrrpInstance) -> String {
    match (instance.state, instance.master) {
        (State::Fault, _) if instance.faults.is_empty() => {
            "a member of its sync group is in FAULT".to_owned()
        }
        (State::Fault, _) => instance.faults.join("; "),
        (State::Init, _) => "waits for what it tracks".to_owned(),
        (State::Master, _) if config.priority.is_owner() => "it owns the addresses".to_owned(),
        (State::Master, _) => "no better master was heard".to_owned(),
        (State::Backup, _) if instance.wants_master => {
            "waits until all of its sync group can be MASTER".to_owned()
        }
        (State::Backup, Some((address, priority))) => {
            format!("{address} is master with priority {priority}")
        }
        (State::Backup, None) => "listens for a master".to_owned(),
    }
}

/// keepalived: seconds since the epoch, and as a date.
fn time(at: Option<Instant>, now: Now) -> String {
    let unix = now.unix(at);
    let (seconds, micros) = (unix.as_secs(), unix.subsec_micros());
    if unix == Duration::ZERO {
        return "0.000000 (never)".to_owned();
    }
    let date = clock::local_time_at(seconds, c"%a %b %e %H:%M:%S");
    let year = clock::local_time_at(seconds, c"%Y");
    format!("{seconds}.{micros:06} ({date}.{micros:06} {year})")
}

fn interval(interval: AdvertInterval, version: VrrpVersion) -> String {
    let duration = interval.as_duration();
    match version {
        VrrpVersion::V2 => format!("{} sec", duration.as_secs()),
        VrrpVersion::V3 => format!("{} milli-sec", duration.as_millis()),
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn enabled(is: bool) -> &'static str {
    if is { "enabled" } else { "disabled" }
}
