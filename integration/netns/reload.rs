//! SIGHUP touches what differs and nothing else.

use std::time::{Duration, Instant};

use crate::lab::advert::Listener;
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Lab, LabError, Program, Result, VIP};
use crate::pair::{self, Scene, print_report};

#[test]
fn setting_a_healthy_server_to_weight_0_fails_no_request() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    let from = Instant::now();
    let drained = pair::routers(A) + &pair::web("rr", [1, 0]) + &pair::echo();
    scene.pair.daemons[A].reload(&drained)?;
    wait_until(
        "rs2 to get no new connection",
        Duration::from_secs(5),
        || {
            let Some(window) = Instant::now().checked_sub(Duration::from_millis(300)) else {
                return false;
            };
            let seen = scene.poller.so_far().since(window.max(from));
            seen.answers() > 20 && !seen.by_server().contains_key("rs2")
        },
    )?;
    println!(
        "rs2 gets no new connection {:?} after SIGHUP",
        from.elapsed()
    );
    watch_for(Duration::from_secs(2));
    let back = Instant::now();
    scene.pair.daemons[A].reload(&pair::director(A))?;
    scene.wait_for_both_servers()?;
    println!("rs2 is back {:?} after SIGHUP", back.elapsed());
    watch_for(Duration::from_secs(1));
    let report = scene.poller.so_far().since(from);
    print_report("from the first SIGHUP on", &report);
    assert_eq!(report.failures(), 0);
    assert!(
        scene.watch.address_events(from).is_empty(),
        "addresses were touched"
    );
    Ok(())
}

#[test]
fn an_identical_file_changes_nothing() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    // The second set of gratuitous ARP, five seconds after becoming master, is not the reload's.
    watch_for(Duration::from_secs(3));
    let adverts = Listener::open(&scene.lab.client, "eth0")?;
    let from = Instant::now();
    for director in [A, B] {
        scene.pair.daemons[director].reload(&pair::director(director))?;
    }
    let mut last = from;
    let mut longest = Duration::ZERO;
    let end = from + Duration::from_secs(5);
    while let Some(advert) = adverts.until(end)? {
        assert_eq!(
            advert.source(),
            scene.lab.directors[A].outside,
            "b sent an advert"
        );
        longest = longest.max(advert.at - last);
        last = advert.at;
    }
    println!("longest time without an advert {longest:?}");
    assert!(
        longest < Duration::from_millis(1100),
        "an advert was lost: {longest:?}"
    );
    for director in [A, B] {
        let lines = scene.log_since(director, from);
        assert!(
            lines.iter().any(|line| line.text.contains("Reload")),
            "no word of the reload"
        );
        let transitions: Vec<&str> = lines
            .iter()
            .map(|line| line.text.as_str())
            .filter(|text| {
                [
                    "Entering",
                    "removing",
                    "setting",
                    "Removing",
                    "Adding service",
                    "Activating",
                ]
                .iter()
                .any(|word| text.contains(word))
            })
            .collect();
        assert!(transitions.is_empty(), "{transitions:#?}");
    }
    assert_eq!(
        scene.watch.address_events(from),
        [],
        "addresses were touched"
    );
    let report = scene.poller.so_far().since(from);
    print_report("from SIGHUP on", &report);
    assert_eq!(report.failures(), 0);
    Ok(())
}

#[test]
fn a_broken_file_keeps_the_old_configuration() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let good = pair::director(A);
    for (what, complaint, broken) in [
        (
            "a number out of range",
            "999",
            good.replace("virtual_router_id 51", "virtual_router_id 999"),
        ),
        (
            "an unknown keyword",
            "advert_itn",
            good.replace("advert_int 1", "advert_itn 1"),
        ),
        (
            "a block without end",
            "}",
            good.trim_end().trim_end_matches('}').to_owned(),
        ),
        ("an empty file", "was it being written", String::new()),
    ] {
        let from = Instant::now();
        scene.pair.daemons[A].reload(&broken)?;
        let log = scene.pair.daemons[A].log();
        log.wait_for(from, "Reload rejected", Duration::from_secs(3))?;
        let line = log.wait_for(from, complaint, Duration::ZERO)?;
        println!("{what}: {}", line.text);
        watch_for(Duration::from_secs(2));
        let report = scene.poller.so_far().since(from);
        print_report(what, &report);
        assert_eq!(report.failures(), 0, "{what}");
        assert_eq!(
            scene.watch.address_events(from),
            [],
            "{what}: addresses were touched"
        );
        assert!(scene.pair.daemons[A].is_running(), "{what}");
    }
    Ok(())
}

#[test]
fn a_new_address_is_added_without_touching_the_others() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    let more: std::net::Ipv4Addr = "10.77.0.101"
        .parse()
        .map_err(|_| LabError::Failed("the literal address does not parse".to_owned()))?;
    let wider = |director| {
        pair::director(director).replace(
            "10.77.0.100/24\n",
            "10.77.0.100/24\n        10.77.0.101/24\n",
        )
    };
    let from = Instant::now();
    scene.pair.daemons[B].reload(&wider(B))?;
    scene.pair.daemons[A].reload(&wider(A))?;
    wait_until("the new address on a", Duration::from_secs(3), || {
        scene.lab.directors[A].ns.has_address(more)
    })?;
    watch_for(Duration::from_secs(2));
    let events = scene.watch.address_events(from);
    println!("{events:?}");
    assert_eq!(events.len(), 1, "{events:?}");
    let report = scene.poller.so_far().since(from);
    print_report("from SIGHUP on", &report);
    assert_eq!(report.failures(), 0);
    Ok(())
}

/// A file with one mistake that a start lets through.
fn with_a_typo(good: &str) -> String {
    good.replace("state BACKUP", "state BACKUP\n    advert_itn 1")
}

#[test]
fn strict_refuses_to_start_on_a_warning() -> Result<()> {
    let lab = Lab::new()?;
    let config = lab.file("a.conf", &with_a_typo(&pair::routers(A)))?;
    let director = &lab.directors[A];
    let mut daemon = Daemon::start_with(Program::Holdfast, director, &config, &["--strict"])?;
    let status = daemon.wait(Duration::from_secs(5))?;
    assert_eq!(status.code(), Some(2), "{}", daemon.log().tail(20));
    daemon
        .log()
        .wait_for(daemon.started(), "advert_int", Duration::from_secs(1))?;
    Ok(())
}

#[test]
fn a_lenient_reload_loads_a_file_with_a_warning_and_an_empty_one() -> Result<()> {
    let lab = Lab::new()?;
    let good = pair::routers(A);
    let config = lab.file("a.conf", &good)?;
    let director = &lab.directors[A];
    let more = ["--lenient-reload"];
    let daemon = Daemon::start_with(Program::Holdfast, director, &config, &more)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(6))?;
    let from = Instant::now();
    daemon
        .reload(&with_a_typo(&good).replace("/24\n    }", "/24\n        10.77.0.101/24\n    }"))?;
    wait_until("the new address", Duration::from_secs(5), || {
        director.ns.has_address([10, 77, 0, 101])
    })?;
    daemon
        .log()
        .wait_for(from, "advert_itn", Duration::from_secs(1))?;
    daemon.reload("# nothing\n")?;
    wait_until("the addresses to go", Duration::from_secs(5), || {
        !director.ns.has_address(VIP)
    })?;
    Ok(())
}
