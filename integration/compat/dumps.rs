//! Dumps on a signal: scripts that read keepalived's find the same lines and keys in ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::lab::process::Process;
use crate::lab::wait::{wait_for, wait_until};
use crate::lab::{A, Lab, LabError, Result};
use crate::router::{ELECTION, Router};

/// What keepalived says of its own inside, and scripts can do nothing with.
const INSIDE: [&str; 3] = [
    "Flags",
    "Number of config faults",
    "Number of track scripts init",
];

struct Dumps {
    data: String,
    stats: String,
    json: serde_json::Value,
}

fn read(path: &Path) -> Result<String> {
    let complete = || fs::read_to_string(path).ok().filter(|it| !it.is_empty());
    wait_for(&path.display().to_string(), ELECTION, complete)
}

/// Runs a program on the router until it is master, and has it write everything.
fn dumps(lab: &Lab, program: &str, more: &[&str], pid_option: &str) -> Result<Dumps> {
    let tmp = lab.dir().join(format!("tmp-{pid_option}"));
    fs::create_dir_all(&tmp)?;
    let router = Router::of_priority(150).with("notify \"/bin/true x\"");
    let config = lab.file("dumps.conf", &router.text())?;
    let mut arguments = vec![
        format!("TMPDIR={}", tmp.display()),
        program.to_owned(),
        "-nlDPf".to_owned(),
        config.display().to_string(),
    ];
    arguments.extend(more.iter().map(|it| (*it).to_owned()));
    let mut process = Process::spawn(&lab.directors[A].ns, pid_option, "env", &arguments)?;
    let log = process.log();
    wait_until("the first master", ELECTION, || {
        log.contains("Entering MASTER STATE")
    })?;
    wait_until("its address", ELECTION, || {
        lab.directors[A].ns.has_address(crate::lab::VIP)
    })?;
    // SIGUSR1, SIGUSR2 and SIGRTMIN+2 of glibc.
    for signal in ["-USR1", "-USR2", "-36"] {
        Command::new("kill")
            .args([signal, &process.pid().to_string()])
            .status()?;
    }
    let data = tmp.join("keepalived.data");
    // The last section that both have.
    wait_until("all of the data", ELECTION, || {
        fs::read_to_string(&data).is_ok_and(|it| it.contains("Notify priority changes"))
    })?;
    let json_text = read(&tmp.join("keepalived.json"))?;
    let dumps = Dumps {
        data: fs::read_to_string(&data)?,
        stats: read(&tmp.join("keepalived.stats"))?,
        json: serde_json::from_str(&json_text)
            .map_err(|error| LabError::Failed(format!("{error}: {json_text}")))?,
    };
    process.signal(Signal::SIGTERM)?;
    process.wait(ELECTION)?;
    Ok(dumps)
}

/// The names of the lines of the instance's block.
fn labels(data: &str) -> BTreeSet<String> {
    let block = data.lines().skip_while(|it| *it != " VRRP Instance = VI_1");
    let block = block.skip(1).take_while(|it| it.starts_with("   "));
    block
        .filter_map(|line| line.split_once(" = "))
        .map(|(label, _)| label.trim().to_owned())
        .collect()
}

/// Keys of an object, with the kind of each value.
fn keys(object: &serde_json::Value) -> Vec<(String, &'static str)> {
    let kind = |value: &serde_json::Value| match value {
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Null | serde_json::Value::Object(_) => "other",
    };
    let object = object.as_object().into_iter().flatten();
    object
        .map(|(key, value)| (key.clone(), kind(value)))
        .collect()
}

#[test]
fn scripts_find_the_lines_and_keys_of_keepalived_s_dumps() -> Result<()> {
    let lab = Lab::new()?;
    let run = lab.directors[A].run.display().to_string();
    let pids = ["-p", "-r", "-c"].map(|it| format!("{it}{run}/theirs{it}.pid"));
    let theirs = dumps(
        &lab,
        "keepalived",
        &pids.each_ref().map(|it| it.as_str()),
        "theirs",
    )?;
    wait_until("their end", ELECTION, || {
        lab.directors[A].ns.pids().is_empty()
    })?;
    let ours = crate::lab::daemon::binary("holdfastd");
    let ours = dumps(&lab, &ours, &["--run-directory", &run], "ours")?;

    let mut missing = labels(&theirs.data);
    missing.retain(|it| !INSIDE.contains(&it.as_str()));
    let there = labels(&ours.data);
    missing.retain(|it| !there.contains(it));
    assert!(missing.is_empty(), "{missing:?} in\n{}", ours.data);
    let address = "     10.77.0.100/24 dev eth0 scope global set\n";
    assert!(theirs.data.contains(address) && ours.data.contains(address));

    for line in theirs.stats.lines() {
        let label = line.split_once(": ").map_or(line, |(label, _)| label);
        assert!(ours.stats.contains(label), "{label:?} in\n{}", ours.stats);
    }
    let (their_entry, our_entry) = (&theirs.json[0], &ours.json[0]);
    assert_eq!(keys(&our_entry["data"]), keys(&their_entry["data"]));
    let our_stats: BTreeSet<_> = keys(&our_entry["stats"]).into_iter().collect();
    for key in keys(&their_entry["stats"]) {
        assert!(our_stats.contains(&key), "{key:?}");
    }
    Ok(())
}
