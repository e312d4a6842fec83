//! Values of `global_defs` that are not those of a block.

use std::time::Duration;

use super::*;
use crate::config::{Config, FlushOnStop, GlobalDefs, IncludeFailure, RxBufsPolicy};

fn globals(lines: &str) -> GlobalDefs {
    *config(lines).global_defs
}

fn config(lines: &str) -> Config {
    loaded(&format!("global_defs {{\n{lines}\n}}\n")).config
}

/// Codes of the complaints about these lines, without the notes that something is not carried out.
fn complaints(lines: &str) -> Vec<&'static str> {
    complaints_of(&format!("global_defs {{\n{lines}\n}}\n"))
}

fn complaints_of(text: &str) -> Vec<&'static str> {
    let complaints = loaded(text).complaints;
    let codes = complaints.iter().map(|complaint| complaint.code.name());
    codes.filter(|code| *code != "not-carried-out").collect()
}

#[test]
fn every_process_has_settings_of_its_own() {
    let processes = globals(
        "vrrp_priority -20\nchecker_rt_priority 40\nbfd_rlimit_rttime 20000\nvrrp_no_swap\nchecker_cpu_affinity 0 2\nlvs_process_name lvs\nmax_auto_priority\numask IWGRP|IWOTH",
    )
    .processes;
    assert_eq!(processes.vrrp.priority, Some(-20));
    assert!(processes.vrrp.no_swap && !processes.checker.no_swap);
    assert_eq!(processes.checker.rt_priority, Some(40));
    assert_eq!(processes.checker.cpu_affinity, [0, 2]);
    assert_eq!(processes.checker.process_name.as_deref(), Some("lvs"));
    assert_eq!(processes.bfd.rlimit_rttime, Some(Duration::from_millis(20)));
    assert_eq!(processes.max_auto_priority, 99);
    assert_eq!(processes.umask, Some(0o022));
}

#[test]
fn a_real_time_priority_beyond_the_range_becomes_the_nearest_one() {
    let lines = "vrrp_rt_priority 200";
    assert_eq!(globals(lines).processes.vrrp.rt_priority, Some(99));
    assert_eq!(complaints(lines), ["out-of-range"]);
    assert_eq!(
        globals("vrrp_rt_priority -4").processes.vrrp.rt_priority,
        Some(1)
    );
}

#[test]
fn the_sync_daemon_takes_its_options_in_any_order() {
    let daemon = config(
        "lvs_sync_daemon eth1 id 12 inst VI_1 port 8848 ttl 3 maxlen 1400 group 224.0.0.81\ndynamic_interfaces\n}\n\
         vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n10.0.0.1/24\n}",
    )
    .global_defs
    .lvs
    .lvs_sync_daemon
    .unwrap();
    assert_eq!(daemon.interface.as_str(), "eth1");
    assert_eq!(daemon.inst.as_deref(), Some("VI_1"));
    assert_eq!((daemon.id, daemon.port), (Some(12), Some(8848)));
    assert_eq!((daemon.maxlen, daemon.ttl), (Some(1400), Some(3)));
    assert_eq!(daemon.group, "224.0.0.81".parse().ok());
}

#[test]
fn the_sync_daemon_of_old_has_an_instance_and_a_number_by_position() {
    let text = format!(
        "global_defs {{\nlvs_sync_daemon eth0 VI_1 51\n}}\n{}",
        instance("")
    );
    let daemon = loaded(&text).config.global_defs.lvs.lvs_sync_daemon;
    let daemon = daemon.unwrap();
    assert_eq!(daemon.inst.as_deref(), Some("VI_1"));
    assert_eq!(daemon.id, Some(51));
    assert_eq!(complaints_of(&text), ["deprecated", "deprecated"]);
}

#[test]
fn a_sync_daemon_of_an_instance_that_is_not_there_is_not_used() {
    let lines = "lvs_sync_daemon eth0 inst VI_9";
    assert_eq!(globals(lines).lvs.lvs_sync_daemon, None);
    assert_eq!(complaints(lines), ["unknown-reference"]);
}

#[test]
fn timeouts_of_ipvs_are_up_to_31_days() {
    let lvs = globals("lvs_timeouts tcp 900 udp 300\nlvs_flush_on_stop VS").lvs;
    assert_eq!(lvs.lvs_timeouts.tcp, Some(Duration::from_secs(900)));
    assert_eq!(lvs.lvs_timeouts.tcpfin, None);
    assert_eq!(lvs.lvs_flush_on_stop, FlushOnStop::VirtualServers);
    assert_eq!(complaints("lvs_timeouts tcp 2678401"), ["out-of-range"]);
}

#[test]
fn chains_have_a_default_and_a_longest_name() {
    let chains = globals("vrrp_iptables").firewall.vrrp_iptables.unwrap();
    assert_eq!(
        (chains.input.as_str(), chains.output.as_deref()),
        ("INPUT", Some("OUTPUT"))
    );
    let chains = globals("vrrp_iptables VIN").firewall.vrrp_iptables.unwrap();
    assert_eq!((chains.input.as_str(), chains.output), ("VIN", None));
    assert_eq!(
        complaints(&format!("vrrp_iptables {}", "x".repeat(29))),
        ["out-of-range"]
    );
    assert_eq!(
        globals("nftables").firewall.nftables.as_deref(),
        Some("keepalived")
    );
}

#[test]
fn words_of_include_check_and_of_buffer_policies_are_checked() {
    let globals = globals("include_check -match readable\nvrrp_rx_bufs_policy MTU 4096");
    let checks = globals.files.include_check;
    assert_eq!(checks[0].failure, IncludeFailure::Match);
    assert!(!checks[0].wanted && checks[1].wanted);
    assert_eq!(
        globals.vrrp.vrrp_rx_bufs_policy,
        [RxBufsPolicy::Mtu, RxBufsPolicy::Octets(4096)]
    );
    for wrong in ["include_check sometimes", "vrrp_rx_bufs_policy mtu"] {
        assert_eq!(complaints(wrong), ["invalid-value"], "{wrong}");
    }
}

#[test]
fn the_wait_for_children_stands_outside_of_any_block() {
    let defs = loaded("child_wait_time 9\n").config.global_defs;
    assert_eq!(defs.processes.child_wait_time, Duration::from_secs(9));
}

#[test]
fn a_keyword_that_needs_no_effect_says_why() {
    assert_eq!(complaints("tmp_config_directory /tmp"), ["no-effect"]);
}
