//! The demonstration: a pair of directors goes through what pairs are made for, and a client tells
//! what it saw.

use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lab::daemon::{fence, wait_for_address};
use super::lab::poller::Report;
use super::lab::wait::{wait_until, watch_for};
use super::lab::{
    A, B, Daemon, GATEWAY, Lab, LabError, Poller, Program, Result, VIP, VipWatch, WebServer,
};

const EXAMPLES: &str = "conf.d/examples";
/// Three missed adverts and the skew time of priority 100, and what a scheduler may add.
const TAKEOVER: Duration = Duration::from_millis(3610 + 50);

/// Prints what happens and when.
struct Timeline(Instant);

impl Timeline {
    fn say(&self, what: &str) {
        println!("{:6.2} s  {what}", self.0.elapsed().as_secs_f64());
        std::io::stdout().flush().ok();
    }

    /// What the client saw in a chapter, indented under it.
    fn client(&self, report: &Report) {
        let (gap, _) = report.longest_gap();
        let servers: Vec<String> = report
            .by_server()
            .iter()
            .map(|(server, count)| format!("{server} {count}"))
            .collect();
        println!(
            "          client: {} answered ({}), {} failed, longest silence {:.3} s",
            report.answers(),
            servers.join(", "),
            report.failures(),
            gap.as_secs_f64()
        );
        for (reason, count) in report.reasons() {
            println!("                  {count} × {reason}");
        }
    }
}

/// Everything that stands while the demo runs; dropped in this order.
struct Scene {
    poller: Poller,
    watch: VipWatch,
    daemons: [Daemon; 2],
    servers: [Option<WebServer>; 2],
    configs: [PathBuf; 2],
    lab: Lab,
    timeline: Timeline,
}

/// Goes through the whole story; an error is a promise not kept.
pub(crate) fn run() -> Result<()> {
    let mut scene = Scene::set()?;
    scene.normal_operation()?;
    scene.real_server_dies_and_returns()?;
    scene.master_dies()?;
    scene.master_returns()?;
    scene.end()
}

/// Leaves the pair up until Enter or Ctrl-C.
pub(crate) fn shell() -> Result<()> {
    let scene = Scene::set()?;
    println!("\nThe lab is up. Its machines are network namespaces:\n");
    for (name, namespace) in scene.lab.namespace_names() {
        println!("  {name:<8} ip netns exec {namespace} bash");
    }
    let client = scene.lab.client.name();
    println!("\nA request:       ip netns exec {client} curl http://{VIP}/");
    for (index, director) in scene.lab.directors.iter().enumerate() {
        println!(
            "Director {}:      holdfastd is process {}, its file is {}, its log {}",
            director.name,
            scene.daemons[index].pid(),
            scene.configs[index].display(),
            log_path(&scene.lab, index).display(),
        );
    }
    println!("\nEnter or Ctrl-C removes everything.");
    let mut written = [0, 0];
    let (enter, pressed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Without a terminal there is nobody to press Enter: Ctrl-C or SIGTERM ends it.
        match std::io::stdin().lock().read_line(&mut String::new()) {
            Ok(0) | Err(_) => std::thread::park(),
            Ok(_) => {}
        }
        enter.send(()).ok();
    });
    while pressed.recv_timeout(Duration::from_millis(200)).is_err() {
        for (index, done) in written.iter_mut().enumerate() {
            *done = append_log(&scene, index, *done)?;
        }
    }
    Ok(())
}

fn log_path(lab: &Lab, director: usize) -> PathBuf {
    lab.dir()
        .join(format!("{}.log", lab.directors[director].name))
}

/// Appends the log lines after the first `done` to the director's log file.
fn append_log(scene: &Scene, director: usize, done: usize) -> Result<usize> {
    let lines = scene.daemons[director].log().lines();
    let path = log_path(&scene.lab, director);
    let mut file = fs::File::options().create(true).append(true).open(path)?;
    for line in &lines[done..] {
        writeln!(file, "{}", line.text)?;
    }
    Ok(lines.len())
}

/// The example file of a director, as it is installed.
fn example(name: &str) -> Result<PathBuf> {
    let beside = Path::new(EXAMPLES).join(name);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(&beside);
    [beside, built]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            LabError::Failed(format!(
                "{EXAMPLES}/{name} is missing; run this from the project's folder"
            ))
        })
}

impl Scene {
    fn set() -> Result<Self> {
        let timeline = Timeline(Instant::now());
        let lab = Lab::new()?;
        timeline.say("a client, two directors (a, b) and two real servers (rs1, rs2) stand");
        let servers = [
            Some(lab.start_real_server(0)?),
            Some(lab.start_real_server(1)?),
        ];
        let watch = VipWatch::start(&lab, VIP)?;
        let configs = [example("director-a.conf")?, example("director-b.conf")?];
        let start = |i: usize| Daemon::start_on(Program::Holdfast, &lab.directors[i], &configs[i]);
        let daemons = [start(A)?, start(B)?];
        timeline.say("holdfastd runs on both directors; they elect a master");
        for address in [VIP, GATEWAY] {
            wait_for_address(&lab.directors[A], address, Duration::from_secs(8))
                .map_err(|error| with_log(&error, &daemons[A]))?;
        }
        timeline.say(&format!(
            "a is MASTER (priority 150): it has {VIP} and {GATEWAY}"
        ));
        let poller = Poller::start(&lab.client, VIP, 80)?;
        let scene = Self {
            poller,
            watch,
            daemons,
            servers,
            configs,
            lab,
            timeline,
        };
        scene.wait_for_both_servers(A)?;
        scene.timeline.say("the client is answered by rs1 and rs2");
        Ok(scene)
    }

    /// Waits until the last answers came from both real servers.
    fn wait_for_both_servers(&self, director: usize) -> Result<Instant> {
        let start = Instant::now();
        wait_until("answers from rs1 and rs2", Duration::from_secs(12), || {
            let window = Instant::now()
                .checked_sub(Duration::from_millis(500))
                .unwrap_or(start);
            self.poller
                .so_far()
                .since(window.max(start))
                .by_server()
                .len()
                == 2
        })
        .map_err(|error| {
            let seen = self.poller.so_far().since(start);
            let error = LabError::Failed(format!("{error}; the client saw {:?}", seen.reasons()));
            with_log(&error, &self.daemons[director])
        })?;
        Ok(Instant::now())
    }

    fn normal_operation(&self) -> Result<()> {
        let start = Instant::now();
        watch_for(Duration::from_secs(2));
        let report = self.poller.so_far().since(start);
        self.timeline.say("two seconds of normal operation");
        self.timeline.client(&report);
        promise(
            report.failures() == 0,
            "no request fails in normal operation",
        )
    }

    fn real_server_dies_and_returns(&mut self) -> Result<()> {
        let start = Instant::now();
        if let Some(server) = self.servers[1].take() {
            server.kill();
        }
        self.timeline.say("rs2 is killed");
        let log = self.daemons[A].log();
        let line = log.wait_for(start, "Removing service", Duration::from_secs(10))?;
        self.timeline.say(&format!("a: {}", message(&line.text)));
        let out = line.at + Duration::from_millis(20);
        watch_for(Duration::from_secs(1));
        self.timeline.client(&self.poller.so_far().since(start));
        let after = self.poller.so_far().since(out);
        promise(after.failures() == 0, "no request fails once rs2 is out")?;
        promise(
            !after.by_server().contains_key("rs2"),
            "rs2 gets nothing once it is out",
        )?;

        let start = Instant::now();
        self.servers[1] = Some(self.lab.start_real_server(1)?);
        self.timeline.say("rs2 is started again");
        let line = log.wait_for(start, "Adding service", Duration::from_secs(10))?;
        self.timeline.say(&format!("a: {}", message(&line.text)));
        self.wait_for_both_servers(A)?;
        let report = self.poller.so_far().since(start);
        self.timeline.client(&report);
        promise(
            report.failures() == 0,
            "no request fails when rs2 comes back",
        )
    }

    fn master_dies(&mut self) -> Result<()> {
        let fault = Instant::now();
        self.watch.cut(A);
        self.lab.cut(A)?;
        self.daemons[A].kill_tree();
        self.timeline
            .say("a loses its links and all its processes (SIGKILL)");
        let log = self.daemons[B].log();
        let line = log.wait_for(fault, "Entering MASTER STATE", Duration::from_secs(8))?;
        self.timeline.say(&format!("b: {}", message(&line.text)));
        self.poller
            .wait_for_answer(line.at, Duration::from_secs(3))?;
        self.wait_for_both_servers(B)?;
        let report = self.poller.so_far().since(fault);
        let silence = report
            .first_answer(fault)
            .map_or(Duration::MAX, |at| at - fault);
        self.timeline.say(&format!(
            "the client is answered through b, {:.3} s after the fault",
            silence.as_secs_f64()
        ));
        self.timeline.client(&report);
        promise(silence <= TAKEOVER, "b takes over within 3.61 s + 50 ms")
    }

    fn master_returns(&mut self) -> Result<()> {
        let fenced = fence(&self.lab.directors[A])?;
        self.timeline
            .say("a: `holdfast fence` takes away what the dead processes left");
        for line in fenced.lines() {
            println!("          {line}");
        }
        promise(
            !self.lab.directors[A].ns.has_address(VIP),
            "the fence removes the address",
        )?;
        self.lab.uncut(A)?;
        self.watch.uncut(A);
        let start = Instant::now();
        self.daemons[A] =
            Daemon::start_on(Program::Holdfast, &self.lab.directors[A], &self.configs[A])?;
        self.timeline
            .say("a has its links back and holdfastd runs again");
        let log = self.daemons[A].log();
        let line = log.wait_for(start, "Entering MASTER STATE", Duration::from_secs(10))?;
        self.timeline.say(&format!("a: {}", message(&line.text)));
        self.wait_for_both_servers(A)?;
        watch_for(Duration::from_secs(1));
        let report = self.poller.so_far().since(start);
        self.timeline.client(&report);
        let (gap, _) = report.longest_gap();
        promise(
            gap <= Duration::from_secs(1),
            "the way back costs the client less than a second",
        )
    }

    fn end(mut self) -> Result<()> {
        let verdict = self.watch.verdict(self.timeline.0, Instant::now());
        let total = self.poller.finish();
        self.timeline.say("the end");
        self.timeline.client(&total);
        println!(
            "          {VIP}: {} ms on both directors, {} double ARP answers",
            verdict.both.as_millis(),
            verdict.double_answers
        );
        for daemon in &mut self.daemons {
            let status = daemon.terminate(Duration::from_secs(8))?;
            promise(status.success(), "a stopped holdfastd exits with status 0")?;
        }
        for director in &self.lab.directors {
            promise(
                !director.ns.has_address(VIP),
                "a stopped holdfastd leaves no address behind",
            )?;
        }
        promise(
            verdict.double_answers == 0,
            "the address is never answered by two nodes",
        )
    }
}

/// A log line without its date.
fn message(line: &str) -> &str {
    // `Www Mmm dd HH:MM:SS YYYY: message`
    line.split_once(": ").map_or(line, |(_, message)| message)
}

fn promise(kept: bool, what: &str) -> Result<()> {
    if kept {
        Ok(())
    } else {
        Err(LabError::Failed(format!("not kept: {what}")))
    }
}

fn with_log(error: &LabError, daemon: &Daemon) -> LabError {
    LabError::Failed(format!("{error}\nthe log ends:\n{}", daemon.log().tail(30)))
}
