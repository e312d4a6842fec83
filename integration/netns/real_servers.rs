//! A real server dies: it gets no new connection once its check has had its time.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::lab::wait::watch_for;
use crate::lab::{A, CLIENT, Daemon, Lab, LabError, Program, Result};
use crate::pair::{self, SCHEDULING, Scene, print_report};

/// delay_loop 1 s until the next check, 1 s delay_before_retry, and its one retry.
const REFUSED: Duration = Duration::from_secs(2);
/// The same with two connect_timeouts of 1 s.
const SILENT: Duration = Duration::from_secs(4);

fn gets_nothing_after(scene: &Scene, fault: Instant, bound: Duration) {
    let known = fault + bound + SCHEDULING * 2;
    watch_for((known + Duration::from_secs(2)).saturating_duration_since(Instant::now()));
    let report = scene.poller.so_far();
    print_report(
        "until the check's time was over",
        &report.since(fault).until(known),
    );
    let after = report.since(known);
    print_report("after that", &after);
    assert!(after.answers() > 50);
    assert_eq!(after.failures(), 0);
    assert_eq!(after.by_server().keys().collect::<Vec<_>>(), ["rs1"]);
}

#[test]
fn a_server_whose_program_died_gets_no_connection_after_its_checks_time() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    if let Some(server) = scene.web[1].take() {
        server.kill();
    }
    let log = scene.pair.daemons[A].log();
    let line = log.wait_for(fault, "Removing service [10.78.0.12]:tcp:80", REFUSED * 2)?;
    println!("{:?} after the fault: {}", line.at - fault, line.text);
    gets_nothing_after(&scene, fault, REFUSED);

    let back = Instant::now();
    scene.web[1] = Some(scene.lab.start_real_server(1)?);
    let line = log.wait_for(
        back,
        "Adding service [10.78.0.12]:tcp:80",
        Duration::from_secs(3),
    )?;
    println!("{:?} after the return: {}", line.at - back, line.text);
    scene.wait_for_both_servers()?;
    assert_eq!(scene.poller.so_far().since(back).failures(), 0);
    Ok(())
}

#[test]
fn a_server_that_fell_silent_gets_no_connection_after_its_checks_time() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    scene.lab.cut_real_server(1)?;
    let log = scene.pair.daemons[A].log();
    let line = log.wait_for(fault, "Removing service [10.78.0.12]:tcp:80", SILENT * 2)?;
    println!("{:?} after the fault: {}", line.at - fault, line.text);
    gets_nothing_after(&scene, fault, SILENT);
    Ok(())
}

/// Takes one mail after the other and passes each on.
fn mail_server(listener: &TcpListener, mails: &Sender<String>) -> std::io::Result<()> {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream?);
        stream.get_mut().write_all(b"220 lab\r\n")?;
        let (mut line, mut mail, mut in_data) = (String::new(), String::new(), false);
        // The client hangs up with it.
        while stream.read_line(&mut line)? > 0 && line != "QUIT\r\n" {
            let is_end = line == ".\r\n";
            if in_data && !is_end {
                mail += &line;
            } else {
                in_data = line == "DATA\r\n";
                let answer = if in_data { "354 go\r\n" } else { "250 ok\r\n" };
                stream.get_mut().write_all(answer.as_bytes())?;
            }
            line.clear();
        }
        if mails.send(mail).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

#[test]
fn a_server_that_is_down_and_a_quorum_that_is_lost_are_told_by_mail() -> Result<()> {
    let lab = Lab::new()?;
    let listener = lab.client.enter(|| TcpListener::bind((CLIENT, 2525)))??;
    let (sender, mails) = std::sync::mpsc::channel();
    std::thread::spawn(move || mail_server(&listener, &sender));
    let global = format!(
        "smtp_server {CLIENT} 2525\n    notification_email {{\n        ops@example.org\n    }}\n    \
         smtp_alert_checker on"
    );
    let config = pair::routers_with(A, &global, "") + &pair::web("rr", [1, 1]);
    // Nothing listens on the real servers.
    let _daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
    let mut subjects = Vec::new();
    while subjects.len() < 4 {
        let mail = mails.recv_timeout(Duration::from_secs(10));
        let mail = mail.map_err(|error| LabError::Failed(format!("{error}: {subjects:?}")))?;
        let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: "));
        subjects.push(subject.unwrap_or_default().to_owned());
    }
    println!("{subjects:#?}");
    subjects.sort();
    assert_eq!(
        subjects,
        [
            "[a] Realserver [10.78.0.11]:tcp:80 of virtual server [10.77.0.100]:tcp:80 - DOWN",
            "[a] Realserver [10.78.0.12]:tcp:80 of virtual server [10.77.0.100]:tcp:80 - DOWN",
            "[a] Virtualserver [10.77.0.100]:tcp:80 - DOWN",
            "[a] Virtualserver [10.77.0.100]:tcp:80 - UP",
        ]
    );
    Ok(())
}
