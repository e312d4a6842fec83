//! `keepalived_check.data`: what each virtual and real server is, and why.

use std::fmt::Write;

use crate::check::snapshot::{
    CheckerSnapshot, RealServerSnapshot, Snapshot, VirtualServerSnapshot,
};

/// The whole file. Sections and indents are keepalived's.
pub fn data(snapshot: &Snapshot) -> String {
    let mut text = "------< LVS Topology >------\n".to_owned();
    for server in &snapshot.virtual_servers {
        virtual_server(&mut text, server);
    }
    text
}

/// Writing to a string cannot fail, here and below.
fn virtual_server(text: &mut String, it: &VirtualServerSnapshot) {
    let _ = writeln!(text, " ------< Virtual server >------");
    let _ = writeln!(text, "   Virtual server = {}", it.key);
    let quorum = if it.quorum_up { "up" } else { "down" };
    let _ = writeln!(text, "   Quorum state = {quorum}");
    let sorry = if it.sorry_server_active { "yes" } else { "no" };
    let _ = writeln!(text, "   Sorry server active = {sorry}");
    if let Some(why) = &it.degraded {
        let _ = writeln!(text, "   Degraded = {why}");
    }
    for server in &it.real_servers {
        real_server(text, server);
    }
}

fn real_server(text: &mut String, it: &RealServerSnapshot) {
    let _ = writeln!(text, "   ------< Real server >------");
    let _ = writeln!(text, "     Real server = {}", it.address);
    let _ = writeln!(text, "     Alive = {}", u8::from(it.alive));
    let _ = writeln!(text, "     Weight = {}", it.weight);
    for checker in &it.checkers {
        health_checker(text, checker);
    }
}

fn health_checker(text: &mut String, it: &CheckerSnapshot) {
    let _ = writeln!(text, "     Keepalive method = {}", it.method);
    let _ = writeln!(text, "       Up = {}", u8::from(it.up));
    let _ = writeln!(text, "       Has run = {}", u8::from(it.has_run));
    if let Some(age) = it.last_run_age {
        let _ = writeln!(text, "       Last run = {} msecs ago", age.as_millis());
    }
    if let Some(why) = &it.last_failure {
        let _ = writeln!(text, "       Last failure = {why}");
    }
}
