//! Addresses with options, static addresses, routes and rules: what the kernel has, and what comes back.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::wait::wait_until;
use crate::lab::{A, Daemon, Director, Lab, Program, Result};
use crate::pair;

/// What somebody else takes away is there again within this time, with what a loaded machine adds.
const COMES_BACK: Duration = Duration::from_millis(250);

fn ip(director: &Director, words: &str) -> Result<String> {
    director.ns.run(Command::new("ip").args(words.split(' ')))
}

/// What `ip` shows has `text` in it, sooner or later.
fn wait_for(director: &Director, words: &str, text: &str, bound: Duration) -> Result<()> {
    wait_until(&format!("'{text}' in ip {words}"), bound, || {
        ip(director, words).is_ok_and(|shown| shown.contains(text))
    })
}

/// The address refuses a connection from the client, which is an answer.
pub(crate) fn answers(lab: &Lab) -> bool {
    let target = std::net::SocketAddr::from((crate::lab::VIP, 9));
    let connect = || std::net::TcpStream::connect_timeout(&target, Duration::from_millis(700));
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    lab.client
        .enter(connect)
        .is_ok_and(|result| result.is_err_and(refused))
}

fn wait_for_none(director: &Director, words: &str, text: &str) -> Result<()> {
    wait_until(
        &format!("no '{text}' in ip {words}"),
        Duration::from_secs(5),
        || ip(director, words).is_ok_and(|shown| !shown.contains(text)),
    )
}

fn routing() -> String {
    "virtual_routes {\n        192.0.2.0/24 via 10.77.0.1 dev eth0 metric 77\n        blackhole 198.51.100.0/24\n        \
     2001:db8:1::/64 dev eth0 metric 77\n    }\n    virtual_rules {\n        \
     from 192.0.2.0/24 table 100 preference 1000\n        \
     inet6 from 2001:db8:2::/64 table 100 preference 1000\n    }"
        .to_owned()
}

#[test]
fn routes_and_rules_come_with_master_and_go_with_it() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = pair::routers_with(A, "", &routing()).replace("        inside\n", "");
    let mut daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    let bound = Duration::from_secs(2);
    wait_for(
        director,
        "route show",
        "192.0.2.0/24 via 10.77.0.1 dev eth0 proto keepalived metric 77",
        bound,
    )?;
    wait_for(
        director,
        "route show",
        "blackhole 198.51.100.0/24 proto keepalived",
        bound,
    )?;
    wait_for(
        director,
        "-6 route show",
        "2001:db8:1::/64 dev eth0 proto keepalived metric 77",
        bound,
    )?;
    wait_for(
        director,
        "rule show",
        "1000:\tfrom 192.0.2.0/24 lookup 100",
        bound,
    )?;
    wait_for(
        director,
        "-6 rule show",
        "1000:\tfrom 2001:db8:2::/64 lookup 100",
        bound,
    )?;
    daemon.terminate(Duration::from_secs(5))?;
    assert!(!ip(director, "route show")?.contains("keepalived"));
    assert!(!ip(director, "-6 route show")?.contains("keepalived"));
    assert!(!ip(director, "rule show")?.contains("1000:"));
    assert!(!ip(director, "-6 rule show")?.contains("1000:"));
    Ok(())
}

#[test]
fn a_route_or_rule_that_somebody_deletes_comes_back() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = pair::routers_with(A, "", &routing()).replace("        inside\n", "");
    let daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    for (delete, show, text) in [
        (
            "route del 192.0.2.0/24 metric 77",
            "route show",
            "192.0.2.0/24",
        ),
        (
            "route del blackhole 198.51.100.0/24",
            "route show",
            "198.51.100.0/24",
        ),
        (
            "-6 route del 2001:db8:1::/64 metric 77",
            "-6 route show",
            "2001:db8:1::/64",
        ),
        ("rule del preference 1000", "rule show", "1000:"),
        ("-6 rule del preference 1000", "-6 rule show", "1000:"),
    ] {
        wait_for(director, show, text, Duration::from_secs(2))?;
        ip(director, delete)?;
        let deleted = Instant::now();
        wait_for(director, show, text, Duration::from_secs(5))?;
        println!("{delete}: back after {:?}", deleted.elapsed());
        assert!(
            deleted.elapsed() < COMES_BACK,
            "{delete}: {:?}",
            deleted.elapsed()
        );
    }
    // The instance has gone on as MASTER.
    assert_eq!(
        daemon
            .log()
            .count_since(daemon.started(), "Entering BACKUP STATE"),
        2
    );
    Ok(())
}

#[test]
fn static_addresses_and_routes_are_there_before_anybody_is_master_and_come_back() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let text = "static_ipaddress {\n    10.99.0.1/24 dev eth0\n    2001:db8:9::1/64 dev eth0\n}\n\
                static_routes {\n    203.0.113.0/24 via 10.99.0.9 dev eth0 src 10.99.0.1\n}\n\
                static_rules {\n    from 203.0.113.0/24 table 100 preference 1001\n}\n";
    let config = pair::routers_with(A, "vrrp_startup_delay 30", "") + text;
    let mut daemon = Daemon::start(Program::Holdfast, director, &config)?;
    let bound = Duration::from_secs(5);
    wait_for(director, "address show dev eth0", "10.99.0.1/24", bound)?;
    wait_for(director, "address show dev eth0", "2001:db8:9::1/64", bound)?;
    wait_for(
        director,
        "route show",
        "203.0.113.0/24 via 10.99.0.9 dev eth0 proto keepalived src 10.99.0.1",
        bound,
    )?;
    wait_for(director, "rule show", "1001:", bound)?;
    // The address takes the routes along that prefer it.
    ip(director, "address del 10.99.0.1/24 dev eth0")?;
    wait_for(
        director,
        "address show dev eth0",
        "10.99.0.1/24",
        COMES_BACK,
    )?;
    wait_for(
        director,
        "route show",
        "203.0.113.0/24 via 10.99.0.9",
        Duration::from_secs(1),
    )?;
    daemon.terminate(bound)?;
    wait_for_none(director, "address show dev eth0", "10.99.0.1/24")?;
    wait_for_none(director, "address show dev eth0", "2001:db8:9::1/64")?;
    wait_for_none(director, "rule show", "1001:")?;
    wait_for_none(director, "route show", "203.0.113.0/24")
}

#[test]
fn a_static_address_that_was_there_before_stays_when_the_program_ends() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    director.ns.ip("addr add 10.99.0.1/24 dev eth0\n")?;
    let text = "static_ipaddress {\n    10.99.0.1/24 dev eth0\n    10.99.0.2/24 dev eth0\n}\n";
    let config = pair::routers(A) + text;
    let mut daemon = Daemon::start(Program::Holdfast, director, &config)?;
    wait_for(
        director,
        "address show dev eth0",
        "10.99.0.2/24",
        Duration::from_secs(5),
    )?;
    daemon.terminate(Duration::from_secs(5))?;
    let shown = ip(director, "address show dev eth0")?;
    assert!(
        shown.contains("10.99.0.1/24") && !shown.contains("10.99.0.2/24"),
        "{shown}"
    );
    Ok(())
}

#[test]
fn fence_takes_routes_and_rules_away_when_everything_was_killed() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = pair::routers_with(A, "", &routing()).replace("        inside\n", "");
    let mut daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    wait_for(director, "rule show", "1000:", Duration::from_secs(2))?;
    daemon.kill_tree();
    assert!(ip(director, "rule show")?.contains("1000:"));
    println!("{}", crate::lab::daemon::fence(director)?);
    assert!(!ip(director, "rule show")?.contains("1000:"));
    assert!(!ip(director, "-6 rule show")?.contains("1000:"));
    assert!(!ip(director, "route show")?.contains("keepalived"));
    Ok(())
}

#[test]
fn options_of_an_address_reach_the_kernel() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = "vrrp_instance V {\n    interface eth0\n    virtual_router_id 60\n    \
                  virtual_ipaddress {\n        10.98.0.1 peer 10.98.0.9/30\n        \
                  10.98.1.1/24 noprefixroute brd + label eth0:v scope 77\n    }\n    \
                  virtual_ipaddress_excluded {\n        2001:db8:8::1/64 preferred_lft 3000 home\n        \
                  2001:db8:8::2/128\n    }\n}\n";
    let mut daemon = Daemon::start(Program::Holdfast, director, config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    let bound = Duration::from_secs(2);
    let show = "address show dev eth0";
    wait_for(director, show, "inet 10.98.0.1 peer 10.98.0.9/30", bound)?;
    wait_for(
        director,
        show,
        "inet 10.98.1.1/24 brd 10.98.1.255 scope 77",
        bound,
    )?;
    wait_for(director, show, "noprefixroute eth0:v", bound)?;
    wait_for(director, show, "inet6 2001:db8:8::1/64", bound)?;
    wait_for(director, show, "preferred_lft 2", bound)?;
    wait_for(director, show, "2001:db8:8::2/128 scope global", bound)?;
    daemon.terminate(Duration::from_secs(5))?;
    let shown = ip(director, show)?;
    assert!(
        !shown.contains("10.98.") && !shown.contains("db8:8"),
        "{shown}"
    );
    Ok(())
}

#[test]
fn with_no_accept_the_address_answers_arp_and_takes_no_packets() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let answers = || answers(&lab);
    let config = |word: &str| {
        format!(
            "vrrp_instance V {{\n    interface eth0\n    virtual_router_id 60\n    version 3\n    {word}\n    \
             virtual_ipaddress {{\n        {}/24\n    }}\n}}\n",
            crate::lab::VIP
        )
    };
    let mut daemon = Daemon::start(Program::Holdfast, director, &config("no_accept"))?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    wait_until("the address", Duration::from_secs(2), || {
        director.ns.has_address(crate::lab::VIP)
    })?;
    assert!(!answers(), "no_accept");
    let shown = lab.client.run(Command::new("ip").args([
        "neighbour",
        "show",
        &crate::lab::VIP.to_string(),
    ]))?;
    assert!(shown.contains("lladdr"), "{shown}");
    daemon.reload(&config("accept"))?;
    wait_until(
        "an answer after the reload",
        Duration::from_secs(5),
        answers,
    )?;
    daemon.reload(&config("no_accept"))?;
    wait_until("no answer", Duration::from_secs(5), || !answers())?;
    assert!(
        director
            .ns
            .run(Command::new("nft").args(["list", "tables"]))?
            .contains("inet keepalived")
    );
    daemon.terminate(Duration::from_secs(5))?;
    // Nothing is left that would drop packets to the address.
    assert!(
        !director
            .ns
            .run(Command::new("nft").args(["list", "tables"]))?
            .contains("inet keepalived")
    );
    director
        .ns
        .ip(&format!("addr add {}/24 dev eth0\n", crate::lab::VIP))?;
    wait_until("an answer after the end", Duration::from_secs(5), answers)
}
