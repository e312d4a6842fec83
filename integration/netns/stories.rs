//! Stories of failure, each over IPv4 and over IPv6: what an operator sees, and what must follow. `docs/testing.md`
//! lists them all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::daemon::{ChildKind, fence};
use crate::lab::process::Process;
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Director, Lab, LabError, Program, Result, VIP};
use crate::pair::PRIORITIES;

/// A test runs for both families under one name.
macro_rules! over_ipv4_and_ipv6 {
    ($($story:ident)*) => {
        mod ipv4 {
            $(#[test] fn $story() -> crate::lab::Result<()> { super::$story(super::Family::Ipv4) })*
        }
        mod ipv6 {
            $(#[test] fn $story() -> crate::lab::Result<()> { super::$story(super::Family::Ipv6) })*
        }
    };
}

mod strain;

over_ipv4_and_ipv6! {
    two_masters_after_a_partition_become_one_and_the_client_knows_which
    a_loss_in_one_direction_is_named_by_the_master
    after_a_stop_the_client_has_the_new_mac_address_within_a_tenth_of_a_second
    a_killed_child_leaves_the_address_on_one_node
    a_killed_parent_leaves_the_address_to_the_peer
    when_everything_was_killed_fence_takes_the_address_and_nothing_else
    reloads_ten_times_a_second_touch_nothing
    a_source_address_that_is_not_there_yet_is_no_fault
    a_backup_that_was_suspended_does_not_take_over
    an_address_that_somebody_deletes_is_back_at_once_with_its_route
    an_interface_that_is_deleted_and_made_anew_is_used_again
    nodes_with_different_addresses_have_one_master_and_name_the_difference
    a_vmac_stays_with_the_address_over_a_failover
    an_address_that_is_not_accepted_is_found_by_neighbours_and_takes_no_packets
    what_changes_while_netlink_loses_messages_is_seen
}

const SOON: Duration = Duration::from_secs(8);
/// Of each virtual router here.
const ADVERT_INT: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// The address that clients use.
    fn vip(self) -> IpAddr {
        match self {
            Self::Ipv4 => VIP.into(),
            Self::Ipv6 => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x100).into(),
        }
    }

    /// An address of that host on the outside.
    fn host(self, host: u8) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::new(10, 77, 0, host).into(),
            Self::Ipv6 => Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    fn prefix_len(self) -> u8 {
        match self {
            Self::Ipv4 => 24,
            Self::Ipv6 => 64,
        }
    }

    /// The first IPv6 address of a virtual router is link-local (RFC 5798 §5.2.9).
    fn addresses(self) -> String {
        let vip = format!("{}/{}", self.vip(), self.prefix_len());
        match self {
            Self::Ipv4 => vip,
            Self::Ipv6 => format!("fe80::100/64\n        {vip}"),
        }
    }
}

/// A lab whose interfaces have addresses of the family, ready for use.
fn lab(family: Family) -> Result<Lab> {
    furnished(Lab::new()?, family)
}

fn furnished(lab: Lab, family: Family) -> Result<Lab> {
    if family == Family::Ipv6 {
        let hosts = [
            (&lab.client, 2),
            (&lab.directors[A].ns, 3),
            (&lab.directors[B].ns, 4),
        ];
        for (ns, host) in hosts {
            ns.sysctl("net/ipv6/conf/eth0/addr_gen_mode", "1")?;
            // The one that the kernel made is not usable for a second.
            ns.ip(&format!(
                "addr flush dev eth0 scope link\naddr add fe80::{host}/64 dev eth0 nodad\n\
                 addr add {}/64 dev eth0 nodad\n",
                family.host(host)
            ))?;
        }
    }
    Ok(lab)
}

/// One virtual router on the outside, with `more` in it.
fn router(family: Family, director: usize, more: &str) -> String {
    format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_instance V {{\n    interface eth0\n    virtual_router_id 51\n    \
         version 3\n    priority {}\n    advert_int {}\n    {more}\n    virtual_ipaddress {{\n        {}\n    }}\n}}\n",
        PRIORITIES[director],
        ADVERT_INT.as_secs_f64(),
        family.addresses()
    )
}

fn start(lab: &Lab, director: usize, config: &str) -> Result<Daemon> {
    Daemon::start(Program::Holdfast, &lab.directors[director], config)
}

/// Director a is master of the virtual router, and b its backup.
fn pair(lab: &Lab, family: Family, more: &str) -> Result<[Daemon; 2]> {
    let first = start(lab, A, &router(family, A, more))?;
    wait_for_address(&lab.directors[A], family, &first)?;
    let second = start(lab, B, &router(family, B, more))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    Ok([first, second])
}

fn wait_for_address(director: &Director, family: Family, daemon: &Daemon) -> Result<()> {
    wait_until("the address", SOON, || {
        director.ns.has_address(family.vip())
    })
    .map_err(|error| LabError::Failed(format!("{error}\n{}", daemon.log().tail(30))))
}

/// Waits for a line since `from` and gives the time at which it came.
fn line(daemon: &Daemon, from: Instant, text: &str) -> Result<Instant> {
    Ok(daemon.log().wait_for(from, text, SOON)?.at)
}

fn transitions(daemon: &Daemon, from: Instant) -> usize {
    daemon.log().count_since(from, "Entering ")
}

fn has_vip(lab: &Lab, family: Family) -> [bool; 2] {
    lab.directors
        .each_ref()
        .map(|it| it.ns.has_address(family.vip()))
}

/// The address refuses a connection from the client, which is an answer.
fn answers(lab: &Lab, family: Family) -> bool {
    let target = SocketAddr::from((family.vip(), 9));
    let connect = || TcpStream::connect_timeout(&target, Duration::from_millis(700));
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    let result = lab.client.enter(connect);
    result.is_ok_and(|result| result.is_err_and(refused))
}

/// What the client takes for the MAC address of the virtual address.
fn neighbour(lab: &Lab, family: Family) -> Result<String> {
    let vip = family.vip().to_string();
    lab.client
        .run(Command::new("ip").args(["neighbour", "show", &vip, "dev", "eth0"]))
}

fn wait_for_neighbour(lab: &Lab, family: Family, director: usize, bound: Duration) -> Result<()> {
    let mac = lab.directors[director]
        .mac
        .map(|byte| format!("{byte:02x}"))
        .join(":");
    wait_until(&format!("{mac} at the client"), bound, || {
        neighbour(lab, family).is_ok_and(|shown| shown.contains(&mac))
    })
}

/// The client knows the address, and from whom.
fn client_knows(lab: &Lab, family: Family, director: usize) -> Result<()> {
    wait_until("an answer", SOON, || answers(lab, family))?;
    wait_for_neighbour(lab, family, director, SOON)
}

fn two_masters_after_a_partition_become_one_and_the_client_knows_which(
    family: Family,
) -> Result<()> {
    let lab = lab(family)?;
    // Without it the better master may never hear of the other one, which yields to its first advert.
    let [first, second] = pair(&lab, family, "higher_prio_send_advert")?;
    client_knows(&lab, family, A)?;
    let parted = Instant::now();
    lab.part(true)?;
    line(&second, parted, "Entering MASTER STATE")?;
    // The second one's announcements have misled the client.
    wait_for_neighbour(&lab, family, B, SOON)?;
    let healed = Instant::now();
    lab.part(false)?;
    let yielded = line(&second, healed, "Master received advert from")?;
    println!("yielded {:?} after the partition", yielded - healed);
    assert!(yielded - healed < ADVERT_INT * 4, "{:?}", yielded - healed);
    line(&first, healed, "with lower priority")?;
    wait_for_neighbour(&lab, family, A, SOON)?;
    println!(
        "the client knows {:?} after the partition",
        healed.elapsed()
    );
    watch_for(ADVERT_INT * 5);
    assert_eq!(has_vip(&lab, family), [true, false]);
    assert_eq!(transitions(&first, parted), 0);
    Ok(())
}

fn a_loss_in_one_direction_is_named_by_the_master(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [first, second] = pair(&lab, family, "")?;
    let deaf = "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; \
                add rule inet deaf in meta l4proto 112 drop";
    let lost = Instant::now();
    lab.directors[B].ns.run(Command::new("nft").arg(deaf))?;
    let master = line(&second, lost, "Entering MASTER STATE")?;
    let named = line(&first, lost, "Received advert from")?;
    println!(
        "named {:?} after the second one became master",
        named.saturating_duration_since(master)
    );
    assert!(named.saturating_duration_since(master) < ADVERT_INT * 3);
    Ok(())
}

fn after_a_stop_the_client_has_the_new_mac_address_within_a_tenth_of_a_second(
    family: Family,
) -> Result<()> {
    let lab = lab(family)?;
    let [mut first, second] = pair(&lab, family, "")?;
    client_knows(&lab, family, A)?;
    let stopped = Instant::now();
    first.signal(Signal::SIGTERM)?;
    let master = line(&second, stopped, "Entering MASTER STATE")?;
    wait_for_neighbour(&lab, family, B, SOON)?;
    println!("known {:?} after the transition", master.elapsed());
    assert!(
        master.elapsed() < Duration::from_millis(200),
        "{:?}",
        master.elapsed()
    );
    assert!(first.wait(SOON)?.success());
    assert_eq!(has_vip(&lab, family), [false, true]);
    Ok(())
}

fn a_killed_child_leaves_the_address_on_one_node(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [first, _second] = pair(&lab, family, "")?;
    let old = first.signal_child(ChildKind::Vrrp, Signal::SIGKILL)?;
    first.wait_for_successor(ChildKind::Vrrp, old, SOON)?;
    wait_until("the address on one node", SOON, || {
        has_vip(&lab, family).into_iter().filter(|it| *it).count() == 1
    })?;
    // The better one has it in the end, whether or not the other one had to take over meanwhile.
    wait_until("the address on a", SOON, || {
        has_vip(&lab, family) == [true, false]
    })
}

fn a_killed_parent_leaves_the_address_to_the_peer(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [first, second] = pair(&lab, family, "")?;
    let killed = Instant::now();
    first.signal(Signal::SIGKILL)?;
    line(&second, killed, "Entering MASTER STATE")?;
    wait_until("the address on b alone", SOON, || {
        has_vip(&lab, family) == [false, true]
    })?;
    println!("after {:?}", killed.elapsed());
    wait_until("every process of a to end", SOON, || {
        lab.directors[A].ns.pids().is_empty()
    })
}

fn when_everything_was_killed_fence_takes_the_address_and_nothing_else(
    family: Family,
) -> Result<()> {
    let lab = lab(family)?;
    let director = &lab.directors[A];
    let foreign = family.host(77);
    director.ns.ip(&format!(
        "addr add {foreign}/{} dev eth0\n",
        family.prefix_len()
    ))?;
    let mut daemon = start(&lab, A, &router(family, A, ""))?;
    wait_for_address(director, family, &daemon)?;
    let journal = director.run.join("owned.json");
    wait_until("the journal", SOON, || {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        text.contains(&family.vip().to_string())
    })?;
    daemon.kill_tree();
    assert!(director.ns.has_address(family.vip()));
    println!("{}", fence(director)?);
    assert!(!director.ns.has_address(family.vip()));
    assert!(director.ns.has_address(foreign));
    Ok(())
}

fn reloads_ten_times_a_second_touch_nothing(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [first, second] = pair(&lab, family, "")?;
    let monitor = Process::spawn(
        &lab.directors[A].ns,
        "monitor",
        "ip",
        &["monitor", "address", "link"],
    )?;
    let from = Instant::now();
    for _ in 0..15 {
        first.signal(Signal::SIGHUP)?;
        watch_for(Duration::from_millis(100));
    }
    line(&first, from, "Reload complete")?;
    watch_for(ADVERT_INT * 5);
    assert_eq!(
        transitions(&first, from) + transitions(&second, from),
        0,
        "{}",
        first.log().tail(30)
    );
    let touched = monitor.log().lines();
    assert!(touched.is_empty(), "{touched:?}");
    Ok(())
}

fn a_source_address_that_is_not_there_yet_is_no_fault(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let unicast = |director, source, peer| {
        let (source, peer) = (family.host(source), family.host(peer));
        let more = format!("unicast_src_ip {source}\n    unicast_peer {{\n        {peer}\n    }}");
        router(family, director, &more)
    };
    let first = start(&lab, A, &unicast(A, 53, 4))?;
    wait_for_address(&lab.directors[A], family, &first)?;
    let second = start(&lab, B, &unicast(B, 4, 53))?;
    line(&second, second.started(), "Entering BACKUP STATE")?;
    let added = Instant::now();
    let source = family.host(53);
    lab.directors[A].ns.ip(&format!(
        "addr add {source}/{} dev eth0\n",
        family.prefix_len()
    ))?;
    watch_for(ADVERT_INT * 8);
    assert_eq!(transitions(&first, added) + transitions(&second, added), 0);
    assert_eq!(has_vip(&lab, family), [true, false]);
    assert_eq!(first.log().count_since(first.started(), "FAULT"), 0);
    Ok(())
}

fn a_backup_that_was_suspended_does_not_take_over(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [first, second] = pair(&lab, family, "")?;
    let child = second.wait_for_child(ChildKind::Vrrp, SOON)?;
    let both = |signal| -> Result<()> {
        for pid in [second.pid(), child] {
            kill(Pid::from_raw(pid), signal)?;
        }
        Ok(())
    };
    let from = Instant::now();
    both(Signal::SIGSTOP)?;
    watch_for(ADVERT_INT * 10);
    both(Signal::SIGCONT)?;
    watch_for(ADVERT_INT * 10);
    assert_eq!(
        transitions(&first, from) + transitions(&second, from),
        0,
        "{}",
        second.log().tail(30)
    );
    Ok(())
}

fn an_address_that_somebody_deletes_is_back_at_once_with_its_route(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let director = &lab.directors[A];
    let vip = family.vip();
    let (network, words) = match family {
        Family::Ipv4 => ("192.0.2.0/24", ["-4", "route", "show"]),
        Family::Ipv6 => ("2001:db8:1::/64", ["-6", "route", "show"]),
    };
    let more = format!("virtual_routes {{\n        {network} dev eth0 src {vip}\n    }}");
    let daemon = start(&lab, A, &router(family, A, &more))?;
    let has_route = || {
        let shown = director.ns.run(Command::new("ip").args(words));
        shown.is_ok_and(|shown| shown.contains(network))
    };
    wait_for_address(director, family, &daemon)?;
    wait_until("the route", SOON, has_route)?;
    for _ in 0..3 {
        let deleted = Instant::now();
        director.ns.ip(&format!(
            "addr del {vip}/{} dev eth0\n",
            family.prefix_len()
        ))?;
        wait_until("the address again", SOON, || director.ns.has_address(vip))?;
        println!("back after {:?}", deleted.elapsed());
        assert!(
            deleted.elapsed() < Duration::from_millis(250),
            "{:?}",
            deleted.elapsed()
        );
        // The kernel takes the route away without a word.
        wait_until("the route again", SOON, has_route)?;
    }
    assert_eq!(
        daemon
            .log()
            .count_since(daemon.started(), "Entering BACKUP STATE"),
        1
    );
    Ok(())
}

fn an_interface_that_is_deleted_and_made_anew_is_used_again(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let director = &lab.directors[A];
    let config = router(family, A, "")
        .replace(
            "script_user root",
            "script_user root\n    dynamic_interfaces",
        )
        .replace("interface eth0", "interface late0");
    let daemon = start(&lab, A, &config)?;
    let mut at = line(&daemon, daemon.started(), "Entering FAULT STATE")?;
    for _ in 0..3 {
        let address = match family {
            Family::Ipv4 => "10.77.1.3/24",
            Family::Ipv6 => "fe80::33/64 nodad",
        };
        director.ns.ip(&format!(
            "link add late0 type veth peer name late1\naddr add {address} dev late0\n\
             link set late1 up\nlink set late0 up\n"
        ))?;
        wait_for_address(director, family, &daemon)?;
        director.ns.ip("link del late0\n")?;
        at = line(&daemon, at, "Entering FAULT STATE")? + Duration::from_nanos(1);
    }
    Ok(())
}

fn nodes_with_different_addresses_have_one_master_and_name_the_difference(
    family: Family,
) -> Result<()> {
    let lab = lab(family)?;
    let more = format!(
        "{}\n        {}/{}",
        family.addresses(),
        family.host(99),
        family.prefix_len()
    );
    let config = router(family, A, "").replace(&family.addresses(), &more);
    let first = start(&lab, A, &config)?;
    wait_for_address(&lab.directors[A], family, &first)?;
    let second = start(&lab, B, &router(family, B, ""))?;
    line(&second, second.started(), "VIPs but received")?;
    watch_for(ADVERT_INT * 8);
    assert_eq!(has_vip(&lab, family), [true, false]);
    assert_eq!(
        second
            .log()
            .count_since(second.started(), "Entering MASTER STATE"),
        0
    );
    Ok(())
}

fn a_vmac_stays_with_the_address_over_a_failover(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let [mut first, second] = pair(&lab, family, "use_vmac")?;
    // RFC 5798 §7.3
    let mac = match family {
        Family::Ipv4 => "00:00:5e:00:01:33",
        Family::Ipv6 => "00:00:5e:00:02:33",
    };
    let has_mac = || neighbour(&lab, family).is_ok_and(|shown| shown.contains(mac));
    wait_until("an answer", SOON, || answers(&lab, family))?;
    assert!(has_mac(), "{}", neighbour(&lab, family)?);
    let stopped = Instant::now();
    first.terminate(SOON)?;
    line(&second, stopped, "Entering MASTER STATE")?;
    wait_until("an answer of the other", SOON, || answers(&lab, family))?;
    assert!(has_mac(), "{}", neighbour(&lab, family)?);
    assert_eq!(
        second
            .log()
            .count_since(second.started(), "Entering MASTER STATE"),
        1
    );
    // The better one takes over again, with an interface that has no address yet.
    let again = start(&lab, A, &router(family, A, "use_vmac"))?;
    wait_until("the address on a", SOON, || {
        has_vip(&lab, family) == [true, false]
    })?;
    assert!(
        !again.log().contains("Cant send advert"),
        "{}",
        again.log().tail(30)
    );
    Ok(())
}

fn an_address_that_is_not_accepted_is_found_by_neighbours_and_takes_no_packets(
    family: Family,
) -> Result<()> {
    let lab = lab(family)?;
    let daemon = start(&lab, A, &router(family, A, "no_accept"))?;
    wait_for_address(&lab.directors[A], family, &daemon)?;
    assert!(!answers(&lab, family));
    let shown = neighbour(&lab, family)?;
    assert!(shown.contains("lladdr"), "{shown}");
    daemon.reload(&router(family, A, "accept"))?;
    wait_until("an answer", SOON, || answers(&lab, family))
}

/// What `change` does is hidden among more messages than the daemon's monitor holds.
fn while_netlink_overflows(
    lab: &Lab,
    daemon: &Daemon,
    change: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let flood = |word: &str| {
        let line = |host| format!("addr {word} 127.99.0.{host}/32 dev lo\n");
        lab.directors[A]
            .ns
            .ip(&(1..=200).map(line).collect::<String>())
    };
    let from = Instant::now();
    // It reads nothing for some ten milliseconds, far less than its lease.
    let child = daemon.signal_child(ChildKind::Vrrp, Signal::SIGSTOP)?;
    flood("add")?;
    let changed = change();
    flood("del")?;
    kill(Pid::from_raw(child), Signal::SIGCONT)?;
    changed?;
    line(daemon, from, "Netlink: messages were lost")?;
    Ok(())
}

fn what_changes_while_netlink_loses_messages_is_seen(family: Family) -> Result<()> {
    let lab = lab(family)?;
    let director = &lab.directors[A];
    let vip = family.vip();
    let config = router(family, A, "")
        .replace(
            "script_user root",
            "script_user root\n    vrrp_netlink_monitor_rcv_bufs 4096",
        )
        .replace("advert_int 0.1", "advert_int 0.5");
    let daemon = start(&lab, A, &config)?;
    wait_for_address(director, family, &daemon)?;

    let deleted = Instant::now();
    let delete = format!("addr del {vip}/{} dev eth0\n", family.prefix_len());
    while_netlink_overflows(&lab, &daemon, || director.ns.ip(&delete))?;
    wait_until("the address again", SOON, || director.ns.has_address(vip))?;
    println!("back after {:?}", deleted.elapsed());
    assert_eq!(transitions(&daemon, deleted), 0);

    let cut = Instant::now();
    while_netlink_overflows(&lab, &daemon, || lab.cut(A))?;
    line(&daemon, cut, "Entering FAULT STATE")?;
    let uncut = Instant::now();
    while_netlink_overflows(&lab, &daemon, || lab.uncut(A))?;
    line(&daemon, uncut, "Entering MASTER STATE")?;
    wait_until("the address again", SOON, || director.ns.has_address(vip))
}

#[test]
fn an_ipv6_address_is_usable_at_once_also_where_the_interface_looks_for_duplicates() -> Result<()> {
    let family = Family::Ipv6;
    let lab = lab(family)?;
    let director = &lab.directors[A];
    director.ns.sysctl("net/ipv6/conf/eth0/accept_dad", "1")?;
    let daemon = start(&lab, A, &router(family, A, ""))?;
    wait_for_address(director, family, &daemon)?;
    let words = ["-6", "address", "show", "dev", "eth0", "tentative"];
    let shown = director.ns.run(Command::new("ip").args(words))?;
    assert!(shown.is_empty(), "{shown}");
    assert!(answers(&lab, family));
    Ok(())
}
