//! Our VRRP instances, sync groups and scripts in the words of keepalived's dump.

use std::fs;

use holdfast::config::{
    Authentication, Config, InitialState, TrackInterface, TrackObject, VrrpInstance, VrrpScript,
    VrrpSyncGroup,
};
use holdfast::types::{
    AddressFamily, PreferredLifetime, ScriptCommand, TrackWeight, VirtualAddress, VrrpVersion,
};

use super::Block;

pub(crate) fn vrrp_blocks(config: &Config) -> Vec<Block> {
    let instances = config.vrrp_instances.iter().map(instance);
    let groups = config.vrrp_sync_groups.iter().map(sync_group);
    let scripts = config.vrrp_scripts.iter().map(script);
    let refused = |name: &str| {
        let mut scripts = config.vrrp_scripts.iter();
        scripts.any(|script| script.name == name && script.refused.is_some())
    };
    let mut blocks: Vec<Block> = instances.chain(groups).chain(scripts).collect();
    for (instance, block) in config.vrrp_instances.iter().zip(&mut blocks) {
        // keepalived forgets a script that may not be run; for us it has failed.
        let scripts = instance.track_script.iter();
        let scripts: Vec<String> = scripts
            .filter(|it| !refused(&it.script))
            .map(|it| tracked(&it.script, " weight", it.weight, it.reverse))
            .collect();
        if !scripts.is_empty() {
            block.set_list("Tracked scripts", scripts);
        }
    }
    for group in &config.vrrp_sync_groups {
        for block in &mut blocks {
            if block.kind == "VRRP Instance" && group.group.contains(&block.name) {
                block.set("Sync group", &group.name);
                // The group's FAULT, without an address on the interface, has changed it before the dump.
                block.values.remove("Wantstate");
            }
        }
    }
    blocks
}

fn instance(instance: &VrrpInstance) -> Block {
    let mut block = Block::new("VRRP Instance", &instance.name);
    block.set("VRRP Version", instance.version.number());
    let state = match instance.state {
        InitialState::Master => "MASTER",
        InitialState::Backup => "BACKUP",
    };
    block.set("Wantstate", state);
    block.set("Interface", instance.address_interface());
    block.set("Virtual Router ID", instance.virtual_router_id.get());
    block.set("Priority", instance.priority.get());
    let centis = instance.advert_int.as_duration().as_millis();
    block.set(
        "Advert interval",
        match instance.version {
            VrrpVersion::V2 => format!("{} sec", centis / 1000),
            VrrpVersion::V3 => format!("{centis} milli-sec"),
        },
    );
    block.set("Accept", enabled(instance.accept));
    block.set("Preempt", enabled(instance.preempt));
    if !instance.preempt_delay.is_zero() {
        let delay = instance.preempt_delay.as_secs();
        block.set("Preempt delay", format!("{delay} secs"));
    }
    block.set("Promote_secondaries", enabled(instance.promote_secondaries));
    block.set("Down timer adverts", instance.down_timer_adverts);
    let lower = !instance.lower_prio_no_advert;
    block.set("Send advert after receive lower priority advert", lower);
    let higher = instance.higher_prio_send_advert;
    block.set("Send advert after receive higher priority advert", higher);
    block.set("Using smtp notification", yes(instance.smtp_alert));
    block.set("Notify priority changes", instance.notify_priority_changes);
    garp(instance, &mut block);
    sources(instance, &mut block);
    authentication(instance, &mut block);
    addresses(
        "Virtual IP",
        &instance.virtual_ipaddress,
        instance,
        &mut block,
    );
    let excluded = &instance.virtual_ipaddress_excluded;
    addresses("Virtual IP Excluded", excluded, instance, &mut block);
    trackers(instance, &mut block);
    block
}

fn garp(instance: &VrrpInstance, block: &mut Block) {
    let garp = &instance.garp;
    for (field, value) in [
        ("delay", garp.garp_master_delay.as_secs()),
        ("repeat", garp.garp_master_repeat.into()),
        ("refresh", garp.garp_master_refresh.as_secs()),
        ("refresh repeat", garp.garp_master_refresh_repeat.into()),
        ("lower priority delay", garp.garp_lower_prio_delay.as_secs()),
        ("lower priority repeat", garp.garp_lower_prio_repeat.into()),
    ] {
        block.set(&format!("Gratuitous ARP {field}"), value);
    }
}

fn sources(instance: &VrrpInstance, block: &mut Block) {
    if let Some(source) = instance.unicast_src_ip.or(instance.mcast_src_ip) {
        block.set("Using src_ip", source);
    }
    if instance.skip_check_adv_addr {
        block.set("Skip checking advert IP addresses", "yes");
    }
    if instance.unicast_peer.is_empty() {
        block.set("Multicast address", instance.multicast_group());
        return;
    }
    block.set("Unicast TTL", instance.unicast_ttl);
    let peers = instance.unicast_peer.iter().map(|peer| {
        format!(
            "{} min_ttl {} max_ttl {}",
            peer.address, peer.min_ttl, peer.max_ttl
        )
    });
    block.set_list("Unicast Peer", peers);
}

fn authentication(instance: &VrrpInstance, block: &mut Block) {
    if instance.version == VrrpVersion::V3 {
        return;
    }
    match instance.authentication {
        Authentication::None => block.set("Authentication type", "none"),
        Authentication::Pass(password) => {
            block.set("Authentication type", "SIMPLE_PASSWORD");
            let password = String::from_utf8_lossy(&password);
            block.set("Password", password.trim_end_matches('\0'));
        }
        // The dump keeps the key to itself.
        Authentication::Ah(_) => block.set("Authentication type", "IPSEC_AH"),
    }
}

/// `ADDRESS[/PREFIX] [brd BROADCAST] dev INTERFACE scope SCOPE [label LABEL]`
fn addresses(field: &str, list: &[VirtualAddress], instance: &VrrpInstance, block: &mut Block) {
    if list.is_empty() {
        return;
    }
    block.set_list(field, list.iter().map(|address| entry(address, instance)));
}

fn entry(address: &VirtualAddress, instance: &VrrpInstance) -> String {
    let mut text = address.address.to_string();
    let most = AddressFamily::of(address.address).host_prefix_len();
    if let Some(peer) = address.peer {
        text += &format!(" peer {}/{}", peer.address, peer.prefix_len);
    } else if address.prefix_len != most {
        text += &format!("/{}", address.prefix_len);
    }
    if let Some(broadcast) = address.broadcast {
        text += &format!(" brd {broadcast}");
    }
    // Of a VMAC, the interface below.
    let dev = address
        .dev
        .as_ref()
        .filter(|&dev| Some(dev) != instance.own_interface());
    // The dump names the interface below.
    let vmac = instance
        .address_vmacs
        .iter()
        .find(|it| Some(&it.name) == dev);
    let dev = vmac.map(|it| &it.base).or(dev);
    text += &format!(" dev {}", dev.unwrap_or(&instance.interface));
    text += match address.scope.number() {
        0 => " scope global",
        253 => " scope link",
        254 => " scope host",
        _ => " scope site",
    };
    if let Some(label) = &address.label {
        text += &format!(" label {label}");
    }
    if address.no_track {
        text += " no_track";
    }
    if address.noprefixroute {
        text += " noprefixroute";
    }
    if address.address.is_ipv6() {
        match address.preferred_lifetime() {
            PreferredLifetime::Seconds(0) => text += " deprecated",
            PreferredLifetime::Seconds(lifetime) => text += &format!(" preferred_lft {lifetime}"),
            PreferredLifetime::Forever => text += " preferred_lft forever",
        }
    }
    text
}

fn trackers(instance: &VrrpInstance, block: &mut Block) {
    let interfaces = &instance.track_interface;
    if !interfaces.is_empty() {
        let entries = interfaces.iter().map(|it: &TrackInterface| {
            tracked(&it.interface.to_string(), " weight", it.weight, it.reverse)
        });
        block.set_list("Tracked interfaces", entries);
    }
    for (field, list) in [
        ("Tracked files", &instance.track_file),
        ("Tracked processes", &instance.track_process),
    ] {
        if !list.is_empty() {
            let entries = list
                .iter()
                .map(|it: &TrackObject| tracked(&it.name, ", weight", it.weight, it.reverse));
            block.set_list(field, entries);
        }
    }
}

fn tracked(name: &str, between: &str, weight: TrackWeight, reverse: bool) -> String {
    let reverse = if reverse { " reverse" } else { "" };
    format!("{name}{between} {}{reverse}", weight.get())
}

fn sync_group(group: &VrrpSyncGroup) -> Block {
    let mut block = Block::new("VRRP Sync Group", &group.name);
    block.set_list("VRRP member instances", group.group.iter().cloned());
    block.set("Using smtp notification", yes(group.smtp_alert));
    block
}

fn script(script: &VrrpScript) -> Block {
    let mut block = Block::new("VRRP Script", &script.name);
    block.set("Command", command(&script.script));
    block.set("Interval", format!("{} sec", script.interval.as_secs_f64()));
    // keepalived: without a timeout of its own, a run may take as long as the interval.
    let timeout = match script.timeout == script.interval {
        true => 0.0,
        false => script.timeout.as_secs_f64(),
    };
    block.set("Timeout", format!("{timeout} sec"));
    let reverse = if script.reverse { " reverse" } else { "" };
    block.set("Weight", format!("{}{reverse}", script.weight.get()));
    block.set("Rise", script.rise);
    block.set("Fall", script.fall);
    let user = script
        .script
        .user
        .map_or((0, 0), |user| (user.uid, user.gid));
    block.set("Script uid:gid", format!("{}:{}", user.0, user.1));
    block
}

/// keepalived follows the links in the name of a program, and runs `<FILE` by a shell too without saying so.
pub(super) fn command(command: &ScriptCommand) -> String {
    if let [shell, option, redirection] = command.argv.as_slice()
        && (shell.as_str(), option.as_str()) == ("/bin/sh", "-c")
    {
        return redirection.clone();
    }
    let words = command.argv.iter().enumerate().map(|(index, word)| {
        let program = (index == 0).then(|| fs::canonicalize(word).ok()).flatten();
        let program = program.map(|path| path.to_string_lossy().into_owned());
        format!("'{}'", program.as_ref().unwrap_or(word))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn enabled(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
