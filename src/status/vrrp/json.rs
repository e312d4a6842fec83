//! `keepalived.json`: keys, their order and whether a flag is a number or a truth value are keepalived's.

use serde::Serialize;

use super::{Now, address_line, command, wanted_state};
use crate::config::{Authentication, VrrpInstance};
use crate::types::{AdvertInterval, ScriptCommand};
use crate::vrrp::snapshot::{Counters, Dump, InstanceSnapshot};

/// Keyword `json_version`.
#[derive(Serialize)]
struct Version2<'d> {
    vrrp: Vec<Entry<'d>>,
    /// What keepalived writes here is not known; scripts find a list.
    track_process: [u8; 0],
}

#[derive(Serialize)]
struct Entry<'d> {
    data: Data<'d>,
    stats: Counters,
}

#[derive(Serialize)]
struct Data<'d> {
    iname: &'d str,
    dont_track_primary: u8,
    skip_check_adv_addr: u8,
    strict_mode: u8,
    vmac_ifname: &'d str,
    ifp_ifname: &'d str,
    master_priority: u8,
    last_transition: f64,
    garp_delay: u64,
    garp_refresh: u64,
    garp_rep: u32,
    garp_refresh_rep: u32,
    garp_lower_prio_delay: u64,
    garp_lower_prio_rep: u32,
    lower_prio_no_advert: u8,
    higher_prio_send_advert: u8,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: serde_json::Number,
    master_adver_int: serde_json::Number,
    accept: u8,
    nopreempt: bool,
    preempt_delay: u64,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vroutes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vrules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<&'d str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<&'d str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<&'d str>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

/// The whole file. `version`: 1 or 2.
pub fn render(dump: &Dump, version: u8, now: Now) -> String {
    let entry = |(instance, config)| Entry {
        data: data(instance, config, now),
        stats: instance.counters,
    };
    let entries: Vec<_> = dump.instances().map(entry).collect();
    let text = if version >= 2 {
        serde_json::to_string(&Version2 {
            vrrp: entries,
            track_process: [],
        })
    } else {
        serde_json::to_string(&entries)
    };
    // Every key is a word and every number finite.
    text.unwrap_or_default() + "\n"
}

fn data<'d>(instance: &'d InstanceSnapshot, config: &'d VrrpInstance, now: Now) -> Data<'d> {
    let (garp, notify) = (&config.garp, &config.notify);
    let line = |address| address_line(address, config, instance);
    let text = |script: &Option<ScriptCommand>| script.as_ref().map(command);
    let (auth_type, auth_data) = match config.authentication {
        Authentication::None => (0, None),
        Authentication::Pass(_) => (1, Some("********")),
        Authentication::Ah(_) => (2, Some("********")),
    };
    Data {
        iname: &instance.name,
        dont_track_primary: config.dont_track_primary.into(),
        skip_check_adv_addr: config.skip_check_adv_addr.into(),
        strict_mode: config.strict_mode.into(),
        vmac_ifname: config.own_interface().map_or("", |name| name.as_str()),
        ifp_ifname: match &instance.interface {
            interface if interface.is_any() => "",
            interface => interface.as_str(),
        },
        master_priority: instance.master.map_or(0, |(_, priority)| priority),
        last_transition: now.unix(instance.last_transition).as_secs_f64(),
        garp_delay: garp.garp_master_delay.as_secs(),
        garp_refresh: garp.garp_master_refresh.as_secs(),
        garp_rep: garp.garp_master_repeat,
        garp_refresh_rep: garp.garp_master_refresh_repeat,
        garp_lower_prio_delay: garp.garp_lower_prio_delay.as_secs(),
        garp_lower_prio_rep: garp.garp_lower_prio_repeat,
        lower_prio_no_advert: config.lower_prio_no_advert.into(),
        higher_prio_send_advert: config.higher_prio_send_advert.into(),
        vrid: instance.virtual_router_id.get(),
        base_priority: instance.base_priority.get(),
        effective_priority: instance.effective_priority.get(),
        vipset: !instance.addresses.is_empty(),
        promote_secondaries: config.promote_secondaries,
        adver_int: seconds(instance.advert_int),
        master_adver_int: seconds(instance.master_adver_interval),
        accept: config.accept.into(),
        nopreempt: !config.preempt,
        preempt_delay: config.preempt_delay.as_secs(),
        state: instance.state as u8,
        wantstate: wanted_state(instance) as u8,
        version: instance.version.number(),
        smtp_alert: config.smtp_alert,
        notify_deleted: notify.notify_deleted.is_some(),
        script_backup: text(&notify.notify_backup),
        script_master: text(&notify.notify_master),
        script_fault: text(&notify.notify_fault),
        script_stop: text(&notify.notify_stop),
        script_deleted: text(&notify.notify_deleted),
        script: text(&notify.notify),
        script_master_rx_lower_pri: text(&notify.notify_master_rx_lower_pri),
        vips: config.virtual_ipaddress.iter().map(line).collect(),
        evips: config.virtual_ipaddress_excluded.iter().map(line).collect(),
        vroutes: strings(&config.virtual_routes),
        vrules: strings(&config.virtual_rules),
        track_ifp: names(&config.track_interface, |it| it.interface.as_str()),
        track_script: names(&config.track_script, |it| &it.script),
        track_process: names(&config.track_process, |it| &it.name),
        auth_type,
        auth_data,
    }
}

/// keepalived: a whole number of seconds has no point.
fn seconds(interval: AdvertInterval) -> serde_json::Number {
    let duration = interval.as_duration();
    if duration.subsec_nanos() == 0 {
        return duration.as_secs().into();
    }
    serde_json::Number::from_f64(duration.as_secs_f64()).unwrap_or_else(|| 0.into())
}

fn strings<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn names<'d, T>(list: &'d [T], name: impl Fn(&'d T) -> &'d str) -> Vec<&'d str> {
    list.iter().map(name).collect()
}
