//! Tracked files, processes, BFD sessions and interfaces, FIFOs and mail.

use std::time::Duration;

use super::*;
use crate::config::{InitFile, InterfaceDelays, ParamMatch, TrackObject};
use crate::types::TrackWeight;

fn object(name: &str, weight: i16, reverse: bool) -> TrackObject {
    TrackObject {
        name: name.to_owned(),
        weight: TrackWeight::wide(weight).expect("weight"),
        reverse,
    }
}

/// Without notes: what is not carried out yet is none of these tests' business.
fn warnings(text: &str) -> Vec<String> {
    let codes = codes(text);
    let is_note = |code: &String| {
        ["not-carried-out", "script-security", "deprecated"]
            .iter()
            .any(|note| code.ends_with(note))
    };
    codes.into_iter().filter(|code| !is_note(code)).collect()
}

#[test]
fn a_tracked_file_has_weight_1_and_entries_may_differ_from_it() {
    let text = format!(
        "track_file F {{\nfile /run/f\n}}\nvrrp_track_file G {{\nfile /run/g\nweight -5 reverse\ninit_file 7 overwrite\n}}\n{}",
        instance("track_file {\nF\nG weight 254 noreverse\n}")
    );
    assert_eq!(warnings(&text), Vec::<String>::new());
    let config = loaded(&text).config;
    assert_eq!(config.track_files[0].weight.get(), 1);
    assert_eq!(config.track_files[0].init_file, None);
    let init_file = InitFile {
        value: 7,
        overwrite: true,
    };
    assert_eq!(config.track_files[1].init_file, Some(init_file));
    assert!(config.track_files[1].reverse);
    assert_eq!(
        config.vrrp_instances[0].track_file,
        [object("F", 1, false), object("G", 254, false)]
    );
}

#[test]
fn an_entry_keeps_the_object_s_reverse_where_it_says_nothing_of_it() {
    let text = format!(
        "track_file G {{\nfile /run/g\nweight -5 reverse\n}}\n{}",
        instance("track_file {\nG weight 3\n}")
    );
    assert_eq!(
        only_instance(&text).track_file,
        [object("G", 3, true)],
        "keepalived"
    );
}

#[test]
fn mistakes_of_a_tracked_file_are_said_where_they_stand() {
    let text = format!(
        "track_file F {{\nfile /run/f\nfile /run/g\nweight 255\ninit_file 300 x\n}}\ntrack_file E {{\n}}\ntrack_file F {{\nfile /x\n}}\n{}",
        instance("track_file {\nF\nF\nE\nH\n}")
    );
    assert_eq!(
        warnings(&text),
        [
            "3:1 duplicate-entry",
            "4:8 out-of-range",
            "5:11 out-of-range",
            "5:15 invalid-value",
            "7:12 nothing-to-do",
            "9:12 duplicate-name",
            "20:1 duplicate-entry",
            "22:1 unknown-reference",
        ]
    );
    assert_says(&text, "(VI_1) track file H not found, ignoring...");
    let config = loaded(&text).config;
    assert_eq!(config.track_files.len(), 1);
    assert_eq!(config.track_files[0].file, "/run/f");
    assert_eq!(config.vrrp_instances[0].track_file.len(), 1);
}

#[test]
fn a_tracked_process_with_parameters_is_looked_for_in_command_lines() {
    let text = format!(
        "vrrp_track_process P {{\nprocess /usr/sbin/named -u bind\nweight 10\nquorum 2\nquorum_max 3\ndelay 0.5\nterminate_delay 2\n}}\n{}",
        instance("track_process {\nP weight -20 reverse\n}")
    );
    assert_eq!(warnings(&text), Vec::<String>::new());
    let config = loaded(&text).config;
    let process = &config.vrrp_track_processes[0];
    assert_eq!(process.process, "/usr/sbin/named");
    assert_eq!(process.parameters, ["-u", "bind"]);
    assert_eq!(process.param_match, ParamMatch::Exact);
    assert!(process.full_command);
    assert_eq!((process.quorum, process.quorum_max), (2, Some(3)));
    assert_eq!(process.fork_delay, Duration::from_millis(500));
    assert_eq!(process.terminate_delay, Duration::from_secs(2));
    let tracked = &config.vrrp_instances[0].track_process;
    assert_eq!(*tracked, [object("P", -20, true)]);
}

#[test]
fn quorum_max_0_means_that_a_process_must_not_run() {
    let text = format!(
        "vrrp_track_process P {{\nprocess named\nquorum_max 0\n}}\n{}",
        instance("track_process {\nP\n}")
    );
    let process = &loaded(&text).config.vrrp_track_processes[0];
    assert_eq!((process.quorum, process.quorum_max), (0, Some(0)));
    assert_eq!(process.weight, TrackWeight::FAULT);
    assert_eq!(process.param_match, ParamMatch::Any);
}

#[test]
fn contradictions_of_a_tracked_process_are_left_out() {
    let text = format!(
        "vrrp_track_process P {{\nprocess named\nquorum 3\nquorum_max 2\nparam_match all\ndelay 3601\nweight 5 backwards\n}}\nvrrp_track_process Q {{\n}}\n{}",
        instance("track_process {\nP\nQ\n}")
    );
    assert_eq!(
        warnings(&text),
        [
            "4:1 conflict",
            "5:13 invalid-value",
            "6:7 out-of-range",
            "7:10 invalid-value",
            "9:20 nothing-to-do",
        ]
    );
    let process = &loaded(&text).config.vrrp_track_processes[0];
    assert_eq!((process.quorum, process.quorum_max), (3, None));
    assert_eq!(process.weight.get(), 5);
}

#[test]
fn a_bfd_instance_has_keepalived_s_defaults() {
    let text = format!(
        "bfd_instance B {{\nneighbor_ip 10.0.0.2\nmin_rx 10.5\nvrrp\n}}\nbfd_instance C {{\nneighbour_ip 2001:db8::1\nmax_hops 70\n}}\n{}",
        instance("track_bfd {\nB weight 10\n}")
    );
    assert_eq!(warnings(&text), ["6:14 conflict"]);
    let bfds = loaded(&text).config.bfd_instances;
    assert_eq!(bfds[0].min_rx, Duration::from_micros(10_500));
    assert_eq!(bfds[0].idle_tx, Duration::from_secs(1));
    assert_eq!((bfds[0].multiplier, bfds[0].ttl), (5, 255));
    assert_eq!((bfds[0].vrrp, bfds[0].checker), (true, false));
    assert_eq!((bfds[1].vrrp, bfds[1].checker), (true, true));
    assert_eq!((bfds[1].ttl, bfds[1].max_hops), (64, Some(64)));
}

#[test]
fn a_bfd_instance_that_cannot_have_a_session_is_not_used() {
    let text = "bfd_instance A {\n}\nbfd_instance B {\nneighbor_ip 10.0.0.2\nsource_ip 2001:db8::1\n}\nbfd_instance C {\nneighbor_ip 10.0.0.3\nmin_tx 0\nidle_tx 999\nmin_rx 20000\n}\nbfd_instance D {\nneighbor_ip 10.0.0.3\n}\n";
    assert_eq!(
        warnings(text),
        [
            "1:14 nothing-to-do",
            "5:11 conflict",
            "9:8 out-of-range",
            "10:9 out-of-range",
            "11:8 defaulted",
            "13:14 duplicate-name",
        ]
    );
    assert_eq!(loaded(text).config.bfd_instances.len(), 1);
}

#[test]
fn interface_delays_default_to_no_up_delay() {
    let text = format!(
        "interface_up_down_delays {{\neth0 1.5 2\neth1 2 4\neth1 3\neth2 256\neth3\nnone0 1\n}}\n{}",
        instance("")
    );
    assert_eq!(
        warnings(&text),
        [
            "2:1 conflict",
            "5:6 out-of-range",
            "6:1 nothing-to-do",
            "7:1 unknown-interface"
        ]
    );
    let delays = loaded(&text).config.interface_up_down_delays;
    assert_eq!(delays[0].down_delay, Duration::from_millis(1500));
    assert_eq!(delays[0].up_delay, Duration::ZERO, "peers would take over");
    let eth1 = |it: &&InterfaceDelays| it.interface.as_str() == "eth1";
    let eth1: Vec<_> = delays.iter().filter(eth1).collect();
    assert_eq!(eth1.len(), 1, "the last entry counts");
    assert_eq!(eth1[0].down_delay, Duration::from_secs(3));
    assert_eq!(eth1[0].up_delay, Duration::ZERO);
}

#[test]
fn a_fifo_has_an_owner_and_a_script() {
    let text = format!(
        "global_defs {{\nvrrp_notify_fifo /run/v nobody wheel\nvrrp_notify_fifo_script \"/x/v a\"\nnotify_fifo /run/b\nnotify_fifo /run/c\nlvs_notify_fifo /run/l nemo\nvrrp_notify_priority_changes\nfifo_write_vrrp_states_on_reload\n}}\n{}",
        instance("")
    );
    assert_eq!(
        warnings(&text),
        ["5:1 duplicate-entry", "6:1 invalid-value"]
    );
    let config = loaded(&text).config;
    let fifo = config.global_defs.vrrp_notify_fifo.expect("a FIFO");
    assert_eq!(fifo.path, "/run/v");
    assert_eq!(
        fifo.user.map(|user| (user.uid, user.gid)),
        Some((65_534, 10))
    );
    assert_eq!(fifo.script.expect("a script").argv, ["/x/v", "a"]);
    assert_eq!(config.global_defs.notify_fifo.expect("one").path, "/run/b");
    assert_eq!(config.global_defs.lvs_notify_fifo, None);
    assert!(config.global_defs.fifo_write_vrrp_states_on_reload);
    assert!(config.vrrp_instances[0].notify_priority_changes);
}

#[test]
fn a_fifo_script_without_a_fifo_is_said() {
    let text = format!(
        "global_defs {{\nnotify_fifo_script /x/v\n}}\n{}",
        instance("")
    );
    assert_eq!(warnings(&text), ["2:1 nothing-to-do"]);
}

#[test]
fn a_sync_group_s_notify_priority_changes_is_its_members_default() {
    let group = "vrrp_sync_group G {\ngroup {\nVI_1\n}\nnotify_priority_changes\n}\n";
    let text = format!("{}{group}", instance(""));
    assert!(only_instance(&text).notify_priority_changes);
    let text = format!("{}{group}", instance("notify_priority_changes no"));
    assert!(!only_instance(&text).notify_priority_changes);
}

const MAIL: &str = "global_defs {\nnotification_email {\na@example.org\nb@example.org c@example.org\n}\nsmtp_server mail.example.org 2525\nsmtp_connect_timeout 0\nsmtp_alert\n}\n";

#[test]
fn mail_needs_a_server_and_a_recipient() {
    let text = format!("{MAIL}{}", instance(""));
    assert_eq!(warnings(&text), Vec::<String>::new());
    let config = loaded(&text).config;
    let smtp = config.global_defs.smtp.expect("mail");
    assert_eq!(smtp.notification_email.len(), 3);
    assert_eq!(smtp.notification_email_from, "root@test.example.org");
    assert_eq!(smtp.smtp_helo_name, "test.example.org");
    assert_eq!(smtp.smtp_server.host, "mail.example.org");
    assert_eq!(smtp.smtp_server.port, 2525);
    assert_eq!(smtp.smtp_connect_timeout, Duration::from_secs(1));
    assert!(config.vrrp_instances[0].smtp_alert);
    let text = text.replace("smtp_server mail.example.org 2525", "");
    assert_eq!(loaded(&text).config.global_defs.smtp, None);
}

#[test]
fn a_list_of_recipients_without_one_is_said() {
    let text = format!(
        "global_defs {{\nnotification_email {{\n}}\n}}\n{}",
        instance("")
    );
    assert_eq!(warnings(&text), ["2:1 nothing-to-do"]);
}

#[test]
fn smtp_alert_vrrp_and_the_instance_s_own_word_come_before_smtp_alert() {
    let text = format!("{MAIL}{}", instance(""))
        .replace("smtp_alert\n", "smtp_alert on\nsmtp_alert_vrrp off\n");
    assert!(!only_instance(&text).smtp_alert);
    let text = format!("{MAIL}{}", instance("smtp_alert off"));
    assert!(!only_instance(&text).smtp_alert);
}
