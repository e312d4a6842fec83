//! What is tracked, and who is told: files, processes, interfaces that flap or come and go, FIFOs.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::lab::wait::{wait_for, wait_until, watch_for};
use crate::lab::{A, Daemon, Lab, LabError, Program, Result, VIP};

const SOON: Duration = Duration::from_secs(10);

/// One virtual router with short intervals; `outer` stands outside of it, `inner` inside.
fn router(global: &str, outer: &str, inner: &str) -> String {
    router_on("eth0", &VIP.to_string(), global, outer, inner)
}

fn router_on(interface: &str, address: &str, global: &str, outer: &str, inner: &str) -> String {
    format!(
        "global_defs {{\n    router_id a\n    script_user root\n    {global}\n}}\n{outer}\n\
         vrrp_instance VI_1 {{\n    interface {interface}\n    virtual_router_id 51\n    version 3\n    \
         priority 150\n    advert_int 0.2\n    {inner}\n    virtual_ipaddress {{\n        \
         {address}/24\n    }}\n}}\n"
    )
}

fn start(lab: &Lab, config: &str) -> Result<Daemon> {
    Daemon::start(Program::Holdfast, &lab.directors[A], config)
}

/// Waits for a line since `from` and gives the time at which it came.
fn line(daemon: &Daemon, from: Instant, text: &str) -> Result<Instant> {
    let line = daemon.log().wait_for(from, text, SOON);
    line.map(|line| line.at)
        .map_err(|error| LabError::Failed(format!("{error}\n{}", daemon.log().tail(30))))
}

#[test]
fn a_number_in_a_file_moves_the_priority_and_another_gives_the_address_up() -> Result<()> {
    let lab = Lab::new()?;
    let (load, broken) = (lab.dir().join("load"), lab.dir().join("broken"));
    let outer = format!(
        "track_file load {{\n    file {}\n    init_file 5\n}}\n\
         track_file broken {{\n    file {}\n    weight 0\n}}",
        load.display(),
        broken.display()
    );
    let config = router(
        "",
        &outer,
        "track_file {\n        load\n        broken\n    }",
    );
    let daemon = start(&lab, &config)?;
    let mut at = line(
        &daemon,
        daemon.started(),
        "effective priority from 150 to 155",
    )?;
    assert_eq!(fs::read_to_string(&load)?, "5\n");
    at = line(&daemon, at, "(VI_1) Entering MASTER STATE")?;
    fs::write(&load, "-50\n")?;
    at = line(&daemon, at, "effective priority from 155 to 100")?;
    fs::write(&broken, "1\n")?;
    at = line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
    wait_until("the address to go", SOON, || {
        !lab.directors[A].ns.has_address(VIP)
    })?;
    fs::remove_file(&broken)?;
    at = line(&daemon, at, "(VI_1) Entering BACKUP STATE")?;
    // Renamed into place.
    let new = lab.dir().join("new");
    fs::write(&new, "0x14")?;
    fs::rename(&new, &load)?;
    line(&daemon, at, "effective priority from 100 to 170")?;
    Ok(())
}

/// A program that nobody else runs.
struct Sleeper(Child);

impl Sleeper {
    fn start(program: &Path) -> Result<Self> {
        Ok(Self(Command::new(program).arg("86400").spawn()?))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_process_that_ends_is_a_fault_until_it_runs_again() -> Result<()> {
    let lab = Lab::new()?;
    let name = format!("hf-{}", std::process::id());
    let program = lab.dir().join(&name);
    fs::copy("/bin/sleep", &program)?;
    let outer = format!("vrrp_track_process it {{\n    process {name}\n}}");
    let daemon = start(
        &lab,
        &router("", &outer, "track_process {\n        it\n    }"),
    )?;
    let missing = "(VI_1): entering FAULT state (tracked process it quorum not achieved)";
    let mut at = line(&daemon, daemon.started(), missing)?;
    let sleeper = Sleeper::start(&program)?;
    let begun = Instant::now();
    at = line(&daemon, at, "Quorum gained for tracked process it")?;
    println!("seen {:?} after its start", at - begun);
    at = line(&daemon, at, "(VI_1) Entering MASTER STATE")?;
    drop(sleeper);
    let ended = Instant::now();
    at = line(&daemon, at, "Quorum lost for tracked process it")?;
    println!("missed {:?} after its end", at - ended);
    line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
    Ok(())
}

#[test]
fn an_interface_that_flaps_within_its_delay_costs_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let outer = "interface_up_down_delays {\n    eth0 1.5\n}";
    let config = router("", outer, "").replace("advert_int 0.2", "advert_int 1");
    let daemon = start(&lab, &config)?;
    let mut at = line(&daemon, daemon.started(), "(VI_1) Entering MASTER STATE")?;
    let ns = &lab.directors[A].ns;
    ns.ip("link set eth0 down")?;
    at = line(&daemon, at, "eth0: Adding flags change to down")?;
    ns.ip("link set eth0 up")?;
    at = line(&daemon, at, "Delay timer for eth0 cancelled")?;
    let down = Instant::now();
    ns.ip("link set eth0 down")?;
    let fault = line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
    println!("down for {:?} is a fault", fault - down);
    assert!(fault - down >= Duration::from_millis(1500));
    let faults = daemon.log().count_since(daemon.started(), "Entering FAULT");
    assert_eq!(faults, 1);
    Ok(())
}

#[test]
fn an_interface_that_appears_vanishes_is_renamed_and_recreated_is_followed() -> Result<()> {
    let lab = Lab::new()?;
    let ns = &lab.directors[A].ns;
    let add = "link add dyn0 type veth peer name dyn1\nlink set dyn1 up\nlink set dyn0 up\n\
               addr add 192.0.2.1/24 dev dyn0";
    let config = router_on("dyn0", "192.0.2.100", "dynamic_interfaces", "", "");
    let daemon = start(&lab, &config)?;
    let mut at = line(&daemon, daemon.started(), "(VI_1) Entering FAULT STATE")?;
    for round in 0..5 {
        ns.ip(add)?;
        at = line(&daemon, at, "(VI_1) Entering MASTER STATE")?;
        ns.ip("link set dyn0 down\nlink set dyn0 name other0")?;
        at = line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
        ns.ip("link set other0 name dyn0\nlink set dyn0 up")?;
        at = line(&daemon, at, "(VI_1) Entering MASTER STATE")?;
        ns.ip("link del dyn0")?;
        at = line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
        println!("round {round} done");
    }
    Ok(())
}

#[test]
fn a_script_that_may_not_be_run_is_a_fault_and_says_who_is_to_blame() -> Result<()> {
    let lab = Lab::new()?;
    let script = lab.file("check.sh", "#!/bin/sh\nexit 0\n")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644))?;
    let outer = format!("vrrp_script check {{\n    script {}\n}}", script.display());
    let daemon = start(
        &lab,
        &router("", &outer, "track_script {\n        check\n    }"),
    )?;
    let refused = "VRRP_Script(check) is not run and counts as failed: ";
    let log = daemon.log();
    let said = log.wait_for(daemon.started(), refused, SOON)?;
    println!("{}", said.text);
    for part in [&*script.display().to_string(), "user 0", "644"] {
        assert!(said.text.contains(part), "{part}");
    }
    line(
        &daemon,
        daemon.started(),
        "(VI_1) Entering FAULT STATE (init)",
    )?;
    assert!(!lab.directors[A].ns.has_address(VIP));
    Ok(())
}

/// What a FIFO holds.
struct Reader {
    file: fs::File,
    read: String,
}

impl Reader {
    fn open(path: &Path) -> Result<Self> {
        let open = || {
            let mut options = fs::OpenOptions::new();
            options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
            options.open(path).ok()
        };
        Ok(Self {
            file: wait_for("the FIFO", SOON, open)?,
            read: String::new(),
        })
    }

    fn wait_for(&mut self, lines: &[&str]) -> Result<()> {
        let wanted: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let result = wait_until("the lines", SOON, || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = self.file.read(&mut buffer) {
                self.read
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            self.read == wanted
        });
        result.map_err(|error| LabError::Failed(format!("{error}; there is:\n{}", self.read)))
    }
}

#[test]
fn a_fifo_gets_each_state_once_in_order_across_a_reload_and_to_the_stop() -> Result<()> {
    let lab = Lab::new()?;
    let (fifo, flag) = (lab.dir().join("fifo"), lab.dir().join("flag"));
    let global = format!(
        "vrrp_notify_fifo {}\n    vrrp_notify_priority_changes",
        fifo.display()
    );
    let outer = format!("track_file flag {{\n    file {}\n}}", flag.display());
    let config = router(&global, &outer, "track_file {\n        flag\n    }");
    let mut daemon = start(&lab, &config)?;
    let mut reader = Reader::open(&fifo)?;
    let mode = fs::metadata(&fifo)?.permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600, "{mode:o}");
    let mut lines = vec![
        "INSTANCE \"VI_1\" BACKUP 150",
        "INSTANCE \"VI_1\" MASTER 150",
    ];
    reader.wait_for(&lines)?;
    fs::write(&flag, "7")?;
    lines.push("INSTANCE \"VI_1\" MASTER_PRIORITY 157");
    reader.wait_for(&lines)?;
    // A reload says nothing, unless that is asked for.
    let begun = Instant::now();
    daemon.reload(&config.replace("advert_int 0.2", "advert_int 0.3"))?;
    // Not before: the next file would be written while this one is read.
    line(&daemon, begun, "Reload complete")?;
    let asked = config.replace(
        "script_user root",
        "script_user root\n    fifo_write_vrrp_states_on_reload",
    );
    let begun = Instant::now();
    daemon.reload(&asked)?;
    // Not before: the next file would be written while this one is read.
    line(&daemon, begun, "Reload complete")?;
    lines.push("INSTANCE \"VI_1\" MASTER 157");
    if let Err(error) = reader.wait_for(&lines) {
        return Err(LabError::Failed(format!(
            "{error}; the log ends:\n{}",
            daemon.log().tail(40)
        )));
    }
    daemon.terminate(SOON)?;
    lines.push("INSTANCE \"VI_1\" STOP 157");
    reader.wait_for(&lines)?;
    assert!(!fifo.exists(), "it was made by the daemon");
    Ok(())
}

#[test]
fn a_fifo_that_nobody_reads_costs_no_advert() -> Result<()> {
    let lab = Lab::new()?;
    let (fifo, flag) = (lab.dir().join("fifo"), lab.dir().join("flag"));
    let global = format!(
        "vrrp_notify_fifo {}\n    vrrp_notify_priority_changes",
        fifo.display()
    );
    let outer = format!("track_file flag {{\n    file {}\n}}", flag.display());
    let config = router(&global, &outer, "track_file {\n        flag\n    }");
    let daemon = start(&lab, &config)?;
    let at = line(&daemon, daemon.started(), "(VI_1) Entering MASTER STATE")?;
    // As fast as they are read, and more than a pipe holds.
    for number in 0..3000 {
        fs::write(&flag, (number % 2).to_string())?;
        watch_for(Duration::from_millis(1));
    }
    fs::write(&flag, "50")?;
    line(&daemon, at, " to 200")?;
    assert!(lab.directors[A].ns.has_address(VIP));
    assert_eq!(daemon.log().count_since(at, "Held up"), 0);
    let mut reader = Reader::open(&fifo)?;
    let last = "INSTANCE \"VI_1\" MASTER_PRIORITY 200\n";
    wait_until("the last line", SOON, || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.file.read(&mut buffer) {
            reader
                .read
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        reader.read.ends_with(last)
    })?;
    println!("{} lines were delivered", reader.read.lines().count());
    Ok(())
}

#[test]
fn with_linkbeat_polling_the_driver_is_asked_for_the_carrier() -> Result<()> {
    let lab = Lab::new()?;
    let outer = "linkbeat_interfaces {\n    eth0 ETHTOOL\n}";
    let daemon = start(&lab, &router("", outer, ""))?;
    daemon.wait_for_master(daemon.started(), SOON)?;
    lab.cut(A)?;
    let cut = Instant::now();
    let asked = line(&daemon, cut, "Linkbeat reports eth0 down")?;
    let fault = line(&daemon, cut, "(VI_1) Entering FAULT STATE")?;
    println!("asked after {:?}", asked - cut);
    assert!(asked <= fault, "not by netlink");
    lab.uncut(A)?;
    line(&daemon, fault, "Linkbeat reports eth0 up")?;
    line(&daemon, fault, "(VI_1) Entering MASTER STATE")?;
    Ok(())
}

#[test]
fn with_track_src_ip_the_loss_of_the_source_address_is_a_fault() -> Result<()> {
    let lab = Lab::new()?;
    let ns = &lab.directors[A].ns;
    ns.ip("addr add 10.77.0.33/24 dev eth0\n")?;
    let inner = "mcast_src_ip 10.77.0.33\n    track_src_ip";
    let daemon = start(&lab, &router("", "", inner))?;
    let mut at = daemon.wait_for_master(daemon.started(), SOON)?;
    ns.ip("addr del 10.77.0.33/24 dev eth0\n")?;
    at = line(&daemon, at, "(VI_1) Entering FAULT STATE")?;
    ns.ip("addr add 10.77.0.33/24 dev eth0\n")?;
    line(&daemon, at, "(VI_1) Entering MASTER STATE")?;
    Ok(())
}
