//! A machine that is too busy, and a log, a disk or a name server that does not answer.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::stat::Mode;

use super::*;
use crate::lab::daemon::binary;

over_ipv4_and_ipv6! {
    a_machine_that_is_too_busy_costs_neither_a_transition_nor_an_advert
    a_log_that_nobody_reads_holds_nothing_up
    a_name_server_that_does_not_answer_holds_nothing_up
}

/// As [`router`], with more in `global_defs`.
fn router_with(family: Family, director: usize, global: &str, more: &str) -> String {
    let user = "script_user root";
    router(family, director, more).replace(user, &format!("{user}\n    {global}"))
}

/// Starts the daemon of a director through `sh -c SCRIPT`, which finds its command in `"$@"`.
fn start_through(lab: &Lab, director: usize, config: &str, script: &str) -> Result<Process> {
    let director = &lab.directors[director];
    let file = director.run.with_extension("conf");
    fs::write(&file, config)?;
    let (file, run) = (
        file.display().to_string(),
        director.run.display().to_string(),
    );
    let daemon = binary("holdfastd");
    let words = [
        "-c",
        script,
        "sh",
        &daemon,
        "-nlDf",
        &file,
        "--run-directory",
        &run,
    ];
    Process::spawn(&director.ns, director.name, "sh", &words)
}

/// Nothing has happened for so long.
fn nothing_happens(lab: &Lab, family: Family, second: &Daemon, from: Instant) {
    assert_eq!(transitions(second, from), 0, "{}", second.log().tail(30));
    assert_eq!(has_vip(lab, family), [true, false]);
}

fn a_machine_that_is_too_busy_costs_neither_a_transition_nor_an_advert(
    family: Family,
) -> Result<()> {
    let lab = furnished(Lab::alone()?, family)?;
    let global = format!("state_dump_file {}/", lab.dir().display());
    let first = start(&lab, A, &router_with(family, A, &global, ""))?;
    wait_for_address(&lab.directors[A], family, &first)?;
    let second = start(&lab, B, &router(family, B, ""))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    let child = first.wait_for_child(ChildKind::Vrrp, SOON)?;
    let status = fs::read_to_string(format!("/proc/{child}/status"))?;
    let locked = status.lines().find(|line| line.starts_with("VmLck:"));
    assert!(
        locked.is_some_and(|line| !line.contains(" 0 kB")),
        "{status}"
    );

    let from = Instant::now();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let spin = || Process::spawn(&lab.client, "busy", "sh", &["-c", "while :; do :; done"]);
    let busy = (0..processors * 4)
        .map(|_| spin())
        .collect::<Result<Vec<_>>>()?;
    watch_for(Duration::from_secs(5));
    nothing_happens(&lab, family, &second, from);
    assert_eq!(transitions(&first, from), 0);
    drop(busy);

    first.signal(Signal::SIGUSR1)?;
    let data = lab.dir().join("keepalived.data");
    wait_until("the dump", SOON, || data.exists())?;
    let data = fs::read_to_string(data)?;
    let lateness: String = data
        .lines()
        .skip_while(|it| !it.contains("< Lateness"))
        .collect();
    println!("{lateness}");
    let latest = data
        .lines()
        .find_map(|it| it.strip_prefix(" Latest = ")?.strip_suffix(" usecs"));
    let latest = Duration::from_micros(latest.and_then(|it| it.parse().ok()).unwrap_or(u64::MAX));
    // Of fifty adverts none comes so late that the next one was due.
    assert!(latest < ADVERT_INT, "{latest:?}");
    Ok(())
}

/// A pipe that is full, and its name.
fn full_pipe(lab: &Lab) -> Result<(PathBuf, File)> {
    let path = lab.dir().join("log");
    nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let mut options = OpenOptions::new();
    let mut pipe = options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)?;
    fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096))?;
    while pipe.write(&[b'\n'; 4096]).is_ok() {}
    Ok((path, pipe))
}

fn a_log_that_nobody_reads_holds_nothing_up(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let (path, _pipe) = full_pipe(&lab)?;
    let script = format!("exec \"$@\" >{} 2>&1", path.display());
    let mut first = start_through(&lab, A, &router(family, A, ""), &script)?;
    wait_until("the address", SOON, || has_vip(&lab, family)[A])?;
    let second = start(&lab, B, &router(family, B, ""))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    let from = Instant::now();
    for _ in 0..20 {
        first.signal(Signal::SIGHUP)?;
        watch_for(Duration::from_millis(100));
    }
    nothing_happens(&lab, family, &second, from);
    goes_in_order(&mut first, &second)
}

/// Stopped, it hands over at once and ends.
fn goes_in_order(first: &mut Process, second: &Daemon) -> Result<()> {
    let stopped = Instant::now();
    first.signal(Signal::SIGTERM)?;
    let master = line(second, stopped, "Entering MASTER STATE")?;
    println!("handed over after {:?}", master - stopped);
    assert!(master - stopped < ADVERT_INT * 3, "{:?}", master - stopped);
    assert!(first.wait(SOON)?.success());
    println!("ended after {:?}", stopped.elapsed());
    Ok(())
}

fn a_name_server_that_does_not_answer_holds_nothing_up(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let deaf = "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; \
                add rule inet deaf in udp dport 53 counter drop";
    lab.client.run(Command::new("nft").arg(deaf))?;
    let resolver = "nameserver 10.77.0.2\noptions timeout:30 attempts:5\n";
    let resolver = lab.file("resolv.conf", resolver)?;
    let script = format!(
        "exec unshare -m sh -c 'mount --bind {} /etc/resolv.conf && exec \"$@\"' sh \"$@\"",
        resolver.display()
    );
    let global =
        "smtp_server mail.example.org\n    notification_email {\n        a@example.org\n    }";
    let config = router_with(family, A, global, "smtp_alert");
    let mut first = start_through(&lab, A, &config, &script)?;
    wait_until("the address", SOON, || has_vip(&lab, family)[A])?;
    let second = start(&lab, B, &router(family, B, ""))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    let from = Instant::now();
    let asked = || {
        let shown = lab
            .client
            .run(Command::new("nft").args(["list", "ruleset"]));
        shown.is_ok_and(|shown| shown.contains("counter packets") && !shown.contains("packets 0 "))
    };
    wait_until("a question to the name server", SOON, asked)?;
    watch_for(Duration::from_secs(2));
    nothing_happens(&lab, family, &second, from);
    goes_in_order(&mut first, &second)
}

/// A file system whose writers wait, until it is dropped.
struct Frozen(PathBuf);

impl Frozen {
    /// `None` where there is no loop device.
    fn mount(lab: &Lab) -> Result<Option<Self>> {
        let (image, directory) = (lab.dir().join("image"), lab.dir().join("disk"));
        File::create(&image)?.set_len(16 << 20)?;
        fs::create_dir(&directory)?;
        let run = |program: &str, words: &[&Path]| {
            let status = Command::new(program).args(words).status();
            status.is_ok_and(|status| status.success())
        };
        let is_mounted = run("mkfs.ext4", &[Path::new("-qF"), &image])
            && run("mount", &[Path::new("-oloop"), &image, &directory]);
        Ok(is_mounted.then_some(Self(directory)))
    }

    fn freeze(&self) -> Result<()> {
        let directory = self.0.display().to_string();
        // Should this test be killed.
        let thaw = "trap '' HUP; sleep 30; fsfreeze -u \"$0\"";
        Command::new("sh")
            .args(["-c", thaw, &directory])
            .stderr(Stdio::null())
            .spawn()?;
        Command::new("fsfreeze").args(["-f", &directory]).status()?;
        Ok(())
    }

    fn thaw(&self) {
        let thawed = Command::new("fsfreeze").arg("-u").arg(&self.0).output();
        drop(thawed);
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw();
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).output();
        drop(unmounted);
    }
}

#[test]
fn a_disk_that_hangs_holds_nothing_up() -> Result<()> {
    let family = Family::Ipv4;
    let lab = lab(family)?;
    let Some(disk) = Frozen::mount(&lab)? else {
        println!("NOT RUN: there is no loop device");
        return Ok(());
    };
    let global = format!(
        "hello_interval 1\n    state_dump_file {}/",
        disk.0.display()
    );
    let first = start(&lab, A, &router_with(family, A, &global, ""))?;
    wait_for_address(&lab.directors[A], family, &first)?;
    let second = start(&lab, B, &router(family, B, ""))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    let from = Instant::now();
    disk.freeze()?;
    for _ in 0..3 {
        first.signal(Signal::SIGUSR1)?;
        watch_for(Duration::from_secs(1));
    }
    line(&first, from, "The last dump has not been written yet")?;
    nothing_happens(&lab, family, &second, from);
    disk.thaw();
    let data = disk.0.join("keepalived.data");
    wait_until("the dump", SOON, || data.exists())
}
