//! The commands of a step file: configuration, packets, and the words in them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Keys, World};
use crate::config::{
    AntiReplay, AuthHmac, Authentication, HmacKey, HmacMode, InitialState, NotifyScripts,
    OldUnicastChecksum, ParamMatch, TrackInterface, TrackObject, TrackScript, TrackedFile,
    TrackedProcess, UnicastPeer, VrrpInstance, VrrpScript, VrrpSyncGroup,
};
use crate::types::{
    AddressFamily, AdvertInterval, AdvertPriority, InterfaceName, OwnedAddress, Priority,
    ScriptCommand, TrackWeight, VirtualAddress, Vrid, VrrpVersion,
};
use crate::wire::{ah, auth_hmac, vrrp};

const HMAC_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// Offsets in the headers.
const IPV4_TTL: usize = 8;
const IPV6_HOP_LIMIT: usize = 7;

impl World {
    /// What the peer of the first instance, or of `instance=NAME`, sends.
    pub(super) fn advert(&self, keys: &Keys<'_>) -> (InterfaceName, Vec<u8>) {
        let named = keys.iter().find(|(key, _)| *key == "instance");
        let config = self
            .config
            .vrrp_instances
            .iter()
            .find(|i| named.is_none_or(|(_, name)| i.name == *name))
            .expect("an instance");
        let family = config.family();
        let mut addresses: Vec<IpAddr> = config
            .virtual_ipaddress
            .iter()
            .map(|it| it.address)
            .collect();
        let mut advert = vrrp::Advert {
            version: config.version,
            vrid: config.virtual_router_id,
            priority: AdvertPriority::from_wire(100),
            advert_int: config.advert_int,
            authentication: match config.authentication {
                Authentication::None => vrrp::Authentication::None,
                Authentication::Pass(pass) => vrrp::Authentication::Pass(pass),
                Authentication::Ah(_) => vrrp::Authentication::Ah,
            },
            checksum: vrrp::Checksum::PseudoHeader,
            addresses: &[],
        };
        let mut source = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut destination = vrrp::multicast_group(family);
        let mut ttl = vrrp::TTL;
        let mut cut = 0;
        let mut sealed = None;
        let mut signed: Option<(u8, u32)> = None;
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
                "auth_pass" => advert.authentication = vrrp::Authentication::Pass(pass(value)),
                "auth_none" => advert.authentication = vrrp::Authentication::None,
                "v3_checksum_as_v2" => advert.checksum = vrrp::Checksum::AsVersion2,
                "old_unicast_checksum" => advert.checksum = vrrp::Checksum::OldUnicast,
                "ah" => sealed = Some((*b"secret\0\0", value.parse().expect("number"))),
                "wrong_ah" => sealed = Some((*b"other\0\0\0", value.parse().expect("number"))),
                "hmac" => signed = Some((1, value.parse().expect("seconds"))),
                "unknown_hmac" => signed = Some((9, value.parse().expect("seconds"))),
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
        let mut payload = advert.emit(source, destination);
        if let Some((key_id, seconds)) = signed {
            let sequence = u64::from(seconds) << 32;
            let trailer = auth_hmac::Trailer { key_id, sequence };
            auth_hmac::sign(&mut payload, trailer, source, HMAC_KEY);
        }
        let mut bytes = match (sealed, source, destination) {
            (Some((key, sequence)), IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = vrrp::ipv4_header(7, ttl, source, destination);
                ah::seal(&header, &payload, &key, sequence)
            }
            _ => vrrp::envelope(7, ttl, source, destination, &payload),
        };
        let at = match family {
            AddressFamily::Inet => IPV4_TTL,
            AddressFamily::Inet6 => IPV6_HOP_LIMIT,
        };
        bytes[at] = ttl;
        let length = bytes.len() - cut;
        set_length(&mut bytes[..length], family);
        bytes.truncate(length);
        (config.interface.clone(), bytes)
    }
}

pub(super) fn instance(name: &str, keys: &Keys<'_>) -> VrrpInstance {
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
            "auth_ah" => config.authentication = Authentication::Ah(pass(value)),
            "auth_hmac" => config.auth_hmac = Some(auth_hmac_of(value)),
            "virtual_ipaddress" => config.virtual_ipaddress = addresses(value),
            "virtual_ipaddress_excluded" => config.virtual_ipaddress_excluded = addresses(value),
            "nopreempt" => config.preempt = false,
            "preempt_delay" => config.preempt_delay = duration(value),
            "track_interface" => config.track_interface.push(track_interface(value)),
            "track_script" => config.track_script.push(track_script(value)),
            "track_file" => config.track_file.push(track_object(value)),
            "track_process" => config.track_process.push(track_object(value)),
            "notify_priority_changes" => config.notify_priority_changes = true,
            "smtp_alert" => config.smtp_alert = true,
            "dont_track_primary" => config.dont_track_primary = true,
            "unicast_src_ip" => config.unicast_src_ip = Some(value.parse().expect("address")),
            "unicast_peer" => {
                config.unicast_peer = value.split(',').map(unicast_peer).collect();
            }
            "unicast_ttl" => config.unicast_ttl = value.parse().expect("number"),
            "mcast_dst_ip" => config.mcast_dst_ip = Some(value.parse().expect("address")),
            "v3_checksum_as_v2" => config.v3_checksum_as_v2 = true,
            "owner_ignore_adverts" => config.owner_ignore_adverts = true,
            "old_unicast_checksum" => {
                config.old_unicast_checksum = match *value {
                    "never" => OldUnicastChecksum::Never,
                    _ => OldUnicastChecksum::Always,
                };
            }
            "unicast_fault_no_peer" => config.unicast_fault_no_peer = true,
            "timer_expired_backup" => {
                config.timer_expired_backup = value.parse().expect("number");
            }
            "native_ipv6" => config.native_ipv6 = true,
            "check_unicast_src" => config.check_unicast_src = true,
            "skip_check_adv_addr" => config.skip_check_adv_addr = true,
            "lower_prio_no_advert" => config.lower_prio_no_advert = true,
            "higher_prio_send_advert" => config.higher_prio_send_advert = true,
            "down_timer_adverts" => config.down_timer_adverts = value.parse().expect("number"),
            "garp_master_delay" => config.garp.garp_master_delay = duration(value),
            "garp_master_refresh" => config.garp.garp_master_refresh = duration(value),
            "garp_lower_prio_delay" => config.garp.garp_lower_prio_delay = duration(value),
            "garp_lower_prio_repeat" => {
                config.garp.garp_lower_prio_repeat = value.parse().expect("number");
            }
            key => notify_key(&mut config.notify, key),
        }
    }
    config
}

pub(super) fn script(name: &str, keys: &Keys<'_>) -> VrrpScript {
    let mut config = VrrpScript {
        name: name.to_owned(),
        script: command(&format!("/usr/bin/{name}")),
        refused: None,
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
            "refused" => config.refused = Some((*value).to_owned()),
            key => panic!("unknown key {key}"),
        }
    }
    config
}

pub(super) fn group(name: &str, keys: &Keys<'_>) -> VrrpSyncGroup {
    let mut config = VrrpSyncGroup {
        name: name.to_owned(),
        ..VrrpSyncGroup::default()
    };
    for (key, value) in keys {
        match *key {
            "group" => config.group = value.split(',').map(str::to_owned).collect(),
            "track_interface" => config.track_interface.push(track_interface(value)),
            "track_script" => config.track_script.push(track_script(value)),
            "track_file" => config.track_file.push(track_object(value)),
            "track_process" => config.track_process.push(track_object(value)),
            "sync_group_tracking_weight" => config.sync_group_tracking_weight = true,
            "smtp_alert" => config.smtp_alert = true,
            key => notify_key(&mut config.notify, key),
        }
    }
    config
}

/// The mode of a block with key 1.
fn auth_hmac_of(mode: &str) -> AuthHmac {
    AuthHmac {
        key: vec![(1, HmacKey::new(HMAC_KEY.to_vec()).expect("long enough"))],
        active_key: 1,
        time_window: Duration::from_secs(5),
        anti_replay: AntiReplay::Time,
        mode: match mode {
            "permissive" => HmacMode::Permissive,
            "receive-only" => HmacMode::ReceiveOnly,
            _ => HmacMode::Enforce,
        },
    }
}

/// `ADDRESS` or `ADDRESS@MIN-MAX`.
fn unicast_peer(value: &str) -> UnicastPeer {
    let (address, range) = value.split_once('@').unwrap_or((value, "0-255"));
    let (min, max) = range.split_once('-').expect("a range");
    UnicastPeer {
        address: address.parse().expect("address"),
        min_ttl: min.parse().expect("number"),
        max_ttl: max.parse().expect("number"),
    }
}

/// What the header claims is what there is.
fn set_length(bytes: &mut [u8], family: AddressFamily) {
    let (at, length) = match family {
        AddressFamily::Inet => (2, bytes.len()),
        AddressFamily::Inet6 => (4, bytes.len() - 40),
    };
    let length = u16::try_from(length).expect("short");
    bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

fn notify_key(notify: &mut NotifyScripts, key: &str) {
    let place = match key {
        "notify_master" => &mut notify.notify_master,
        "notify_backup" => &mut notify.notify_backup,
        "notify_fault" => &mut notify.notify_fault,
        "notify_stop" => &mut notify.notify_stop,
        "notify_deleted" => &mut notify.notify_deleted,
        "notify_master_rx_lower_pri" => &mut notify.notify_master_rx_lower_pri,
        "notify" => &mut notify.notify,
        key => panic!("unknown key {key}"),
    };
    *place = Some(command(&format!("/usr/bin/{key}")));
}

fn command(program: &str) -> ScriptCommand {
    ScriptCommand {
        argv: vec![program.to_owned()],
        user: None,
        ..ScriptCommand::default()
    }
}

/// `name`, `name:weight`, each with `:reverse` behind it or not.
fn weighed(value: &str) -> TrackObject {
    let (value, reverse) = match value.strip_suffix(":reverse") {
        Some(value) => (value, true),
        None => (value, false),
    };
    let (name, weight) = value.split_once(':').unwrap_or((value, "0"));
    let weight = weight.parse().expect("number");
    TrackObject {
        name: name.to_owned(),
        weight: TrackWeight::wide(weight).expect("weight"),
        reverse,
    }
}

fn track_interface(value: &str) -> TrackInterface {
    let TrackObject {
        name,
        weight,
        reverse,
    } = weighed(value);
    TrackInterface {
        interface: interface(&name),
        weight,
        reverse,
    }
}

fn track_script(value: &str) -> TrackScript {
    let TrackObject {
        name,
        weight,
        reverse,
    } = weighed(value);
    TrackScript {
        script: name,
        weight,
        reverse,
    }
}

fn track_object(value: &str) -> TrackObject {
    weighed(value)
}

pub(super) fn track_file(name: &str) -> TrackedFile {
    TrackedFile {
        name: name.to_owned(),
        file: format!("/run/{name}"),
        weight: TrackWeight::FAULT,
        reverse: false,
        init_file: None,
    }
}

pub(super) fn track_process(name: &str, keys: &Keys<'_>) -> TrackedProcess {
    let mut config = TrackedProcess {
        name: name.to_owned(),
        process: name.to_owned(),
        parameters: Vec::new(),
        param_match: ParamMatch::Any,
        full_command: false,
        weight: TrackWeight::FAULT,
        reverse: false,
        quorum: 1,
        quorum_max: None,
        fork_delay: Duration::ZERO,
        terminate_delay: Duration::ZERO,
    };
    for (key, value) in keys {
        match *key {
            "quorum" => config.quorum = value.parse().expect("number"),
            "quorum_max" => config.quorum_max = Some(value.parse().expect("number")),
            "fork_delay" => config.fork_delay = duration(value),
            "terminate_delay" => config.terminate_delay = duration(value),
            key => panic!("unknown key {key}"),
        }
    }
    config
}

fn addresses(value: &str) -> Vec<VirtualAddress> {
    let parse = |value: &str| {
        let (value, no_track) = match value.strip_suffix('!') {
            Some(value) => (value, true),
            None => (value, false),
        };
        let (address, rest) = value.split_once('/').expect("prefix");
        let (prefix_len, dev) = rest.split_once('@').unwrap_or((rest, ""));
        let mut address = VirtualAddress::new(
            address.parse().expect("address"),
            prefix_len.parse().expect("prefix"),
        );
        address.no_track = no_track;
        address.dev = (!dev.is_empty()).then(|| interface(dev));
        address
    };
    let words = value.split(',').filter(|word| !word.is_empty());
    words.map(parse).collect()
}

pub(super) fn owned(address: &str, dev: &str) -> OwnedAddress {
    let (address, prefix_len) = address.split_once('/').expect("prefix");
    OwnedAddress {
        interface: interface(dev),
        address: address.parse().expect("address"),
        prefix_len: prefix_len.parse().expect("prefix"),
        peer: None,
    }
}

pub(super) fn interface(name: &str) -> InterfaceName {
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
pub(super) fn duration(value: &str) -> Duration {
    if let Some(millis) = value.strip_suffix("ms") {
        Duration::from_millis(millis.parse().expect("milliseconds"))
    } else {
        let seconds = value.strip_suffix('s').expect("unit");
        Duration::from_secs_f64(seconds.parse().expect("seconds"))
    }
}
