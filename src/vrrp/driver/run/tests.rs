//! The whole loop in a network namespace: it runs on one end of a veth pair, the test plays the
//! peer on the other.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::Inherited;
use super::super::namespace::{ip, with_veth};
use super::super::{DriverError, Order, Report};
use super::run;
use crate::config::{Config, TrackScript, VrrpInstance, VrrpScript};
use crate::sys::link_layer::interface_address;
use crate::types::{
    AddressFamily, AdvertInterval, AdvertPriority, InterfaceName, Owned, OwnedAddress,
    RouterIdentity, ScriptCommand, Tenure, TrackWeight, Transport, VirtualAddress, Vrid,
    VrrpVersion,
};
use crate::vrrp::{Resume, State};
use crate::wire::ipv4;
use crate::wire::vrrp::{Advert, MULTICAST_GROUP, PROTOCOL};

const VIRTUAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// Not an address of the namespace, where both ends are: that would be a martian.
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
/// `linux/if_ether.h`.
const ETH_P_IP: u16 = 0x0800;
const ADVERT_INT: Duration = Duration::from_millis(100);

fn advert_int() -> AdvertInterval {
    AdvertInterval::from_centis(10).expect("in range")
}

fn vrid() -> Vrid {
    Vrid::new(51).expect("in range")
}

fn config() -> Box<Config> {
    let near = InterfaceName::new("near").expect("a name");
    let mut instance = VrrpInstance::new("VI_1", near, vrid());
    instance.version = VrrpVersion::V3;
    instance.advert_int = advert_int();
    instance.virtual_ipaddress = vec![VirtualAddress::new(VIRTUAL.into(), 24)];
    Box::new(Config {
        vrrp_instances: vec![instance],
        ..Config::default()
    })
}

/// The loop as a task of the test's own runtime.
struct Child {
    orders: mpsc::Sender<Order>,
    reports: mpsc::UnboundedReceiver<Report>,
    result: JoinHandle<Result<(), DriverError>>,
}

impl Child {
    fn start(resume: Vec<Resume>) -> Self {
        Self::with(config(), resume)
    }

    fn with(config: Box<Config>, resume: Vec<Resume>) -> Self {
        let inherited = Inherited {
            resume,
            ..Inherited::default()
        };
        let (orders, receiver) = mpsc::channel(8);
        let (sender, reports) = mpsc::unbounded_channel();
        let result = tokio::task::spawn(run(config, inherited, receiver, sender));
        Self {
            orders,
            reports,
            result,
        }
    }

    async fn order(&self, order: Order) {
        self.orders.send(order).await.expect("the loop runs");
    }

    async fn state(&self) -> State {
        let (sender, answer) = oneshot::channel();
        self.order(Order::Dump {
            clear_counters: false,
            answer: sender,
        })
        .await;
        answer.await.expect("an answer").snapshot.instances[0].state
    }

    /// The next report that is none of a lease.
    async fn report(&mut self) -> Report {
        loop {
            let report = self.reports.recv().await.expect("the loop runs");
            if !matches!(
                report,
                Report::BeginLease { .. } | Report::RenewLeases { .. }
            ) {
                return report;
            }
        }
    }

    async fn stop(mut self) -> Vec<Report> {
        self.order(Order::Stop).await;
        (&mut self.result)
            .await
            .expect("no panic")
            .expect("stopped");
        let mut reports = Vec::new();
        while let Some(report) = self.reports.recv().await {
            reports.push(report);
        }
        reports
    }
}

fn owned() -> OwnedAddress {
    OwnedAddress {
        interface: InterfaceName::new("near").expect("a name"),
        address: IpAddr::V4(VIRTUAL),
        prefix_len: 24,
        peer: None,
    }
}

fn of_master() -> Owned {
    Owned {
        object: owned().into(),
        tenure: Tenure::Master,
    }
}

fn own() -> Report {
    Report::Own(of_master())
}

fn disown() -> Report {
    Report::Disown(of_master())
}

fn is_on_interface() -> bool {
    let output = std::process::Command::new("ip")
        .args(["-o", "address", "show", "dev", "near"])
        .output();
    let text = String::from_utf8(output.expect("ip(8)").stdout).expect("text");
    text.contains("192.0.2.100/24")
}

/// Sends from the far end.
fn sender() -> Socket {
    let protocol = Protocol::from(i32::from(PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol)).expect("CAP_NET_RAW");
    socket.bind_device(Some(b"far")).expect("far");
    socket.set_header_included_v4(true).expect("set");
    socket.set_multicast_loop_v4(false).expect("set");
    socket
}

/// Hears on the far end what comes from the near one, below IP, which would drop packets of this
/// host's own address.
fn listener() -> Socket {
    let index = if_nametoindex("far").expect("far");
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None).expect("CAP_NET_RAW");
    let address = interface_address(index, ETH_P_IP).expect("an address");
    socket.bind(&address).expect("bind");
    socket.set_nonblocking(true).expect("set");
    socket
}

fn send_advert(sender: &Socket, priority: u8) {
    let addresses = [VIRTUAL.into()];
    let mut advert = Advert::new(VrrpVersion::V3, vrid(), &addresses);
    advert.priority = AdvertPriority::from_wire(priority);
    advert.advert_int = advert_int();
    let packet = advert.emit_packet(1, PEER.into(), MULTICAST_GROUP.into());
    let group = SocketAddrV4::new(MULTICAST_GROUP, 0).into();
    sender.send_to(&packet, &group).expect("send");
}

/// Priorities of the adverts that have come from the loop.
fn heard(listener: &Socket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let mut priorities = Vec::new();
    while let Ok(length) = (&mut &*listener).read(&mut buffer) {
        let packet = ipv4::Packet::parse(&buffer[..length]).expect("a packet");
        if packet.header.protocol == PROTOCOL {
            priorities.push(packet.payload[2]);
        }
    }
    priorities
}

/// Adverts of that priority in a thread of their own, which a stalled test does not stall.
struct Master {
    goes_on: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Master {
    fn start(priority: u8) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&goes_on);
        let thread = std::thread::spawn(move || {
            let sender = sender();
            while flag.load(Ordering::Relaxed) {
                send_advert(&sender, priority);
                std::thread::sleep(ADVERT_INT);
            }
        });
        Self { goes_on, thread }
    }

    fn stop(self) {
        self.goes_on.store(false, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}

/// Nothing of this thread runs meanwhile, as if the process had been stopped.
fn stall(duration: Duration) {
    std::thread::sleep(duration);
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn it_takes_over_restores_what_others_remove_answers_hellos_and_says_goodbye() {
    with_veth(|| async {
        ip("address add 192.0.2.100/24 dev near");
        let far = listener();
        let mut child = Child::start(Vec::new());
        // What an earlier run has left goes first.
        assert_eq!(child.report().await, disown());
        assert_eq!(child.report().await, Report::Ready);
        assert!(!is_on_interface());
        assert_eq!(child.report().await, own());
        let (sender, answer) = oneshot::channel();
        child.order(Order::Hello(sender)).await;
        answer.await.expect("an answer");
        assert!(is_on_interface());
        assert_eq!(heard(&far).first(), Some(&100));
        ip("address del 192.0.2.100/24 dev near");
        assert_eq!(child.report().await, own());
        child.order(Order::Reload(config())).await;
        assert_eq!(child.report().await, Report::Reloaded);
        assert_eq!(child.state().await, State::Master);
        assert!(is_on_interface());
        let last = child.stop().await;
        assert!(last.contains(&disown()), "{last:?}");
        assert!(
            matches!(last.last(), Some(Report::EndLease { .. })),
            "{last:?}"
        );
        assert!(!is_on_interface());
        assert_eq!(heard(&far).last(), Some(&0));
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn a_backup_that_was_held_up_finds_its_master_s_adverts_before_it_takes_over() {
    with_veth(|| async {
        let master = Master::start(200);
        let far = listener();
        let mut child = Child::start(Vec::new());
        assert_eq!(child.report().await, disown());
        assert_eq!(child.report().await, Report::Ready);
        tokio::time::sleep(ADVERT_INT * 3).await;
        stall(ADVERT_INT * 20);
        tokio::time::sleep(ADVERT_INT * 3).await;
        assert_eq!(child.state().await, State::Backup);
        assert_eq!(heard(&far), [0; 0]);
        master.stop();
        assert_eq!(child.report().await, own());
        child.stop().await;
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn a_master_that_was_held_up_learns_of_its_successor_before_it_sends_anything() {
    with_veth(|| async {
        let far = listener();
        let mut child = Child::start(Vec::new());
        while child.report().await != own() {}
        tokio::time::sleep(ADVERT_INT).await;
        heard(&far);
        let successor = Master::start(200);
        stall(ADVERT_INT * 20);
        while child.report().await != disown() {}
        assert_eq!(child.state().await, State::Backup);
        assert_eq!(heard(&far), [0; 0]);
        assert!(!is_on_interface());
        successor.stop();
        child.stop().await;
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn a_lease_that_has_not_ended_lets_a_new_incarnation_go_on_as_master() {
    with_veth(|| async {
        ip("address add 192.0.2.100/24 dev near");
        let resume = Resume {
            router: RouterIdentity {
                interface: InterfaceName::new("near").expect("a name"),
                virtual_router_id: Vrid::new(51).expect("in range"),
                family: AddressFamily::Inet,
                transport: Transport::Multicast,
            },
            lease_until: Instant::now() + Duration::from_secs(5),
        };
        let mut child = Child::start(vec![resume]);
        assert_eq!(child.report().await, own());
        assert_eq!(child.report().await, Report::Ready);
        assert!(is_on_interface());
        assert_eq!(child.state().await, State::Master);
        child.stop().await;
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn an_instance_that_a_reload_takes_away_still_says_goodbye() {
    with_veth(|| async {
        let far = listener();
        let mut child = Child::start(Vec::new());
        while child.report().await != own() {}
        child.order(Order::Reload(Box::default())).await;
        while child.report().await != Report::Reloaded {}
        assert!(!is_on_interface());
        assert_eq!(heard(&far).last(), Some(&0));
        child.order(Order::Reload(config())).await;
        while child.report().await != own() {}
        child.stop().await;
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn a_track_script_that_fails_takes_the_address_away_and_the_notify_script_hears_of_it() {
    with_veth(|| async {
        let dir = tempfile::tempdir().expect("directory");
        let (good, log) = (dir.path().join("good"), dir.path().join("log"));
        std::fs::write(&good, "").expect("write");
        let mut config = config();
        config.vrrp_scripts = vec![VrrpScript {
            refused: None,
            name: "good".to_owned(),
            script: shell(&format!("test -e {}", good.display())),
            interval: ADVERT_INT,
            timeout: Duration::from_secs(5),
            weight: TrackWeight::FAULT,
            reverse: false,
            rise: 1,
            fall: 1,
            init_fail: false,
        }];
        let instance = &mut config.vrrp_instances[0];
        instance.track_script = vec![TrackScript {
            script: "good".to_owned(),
            weight: TrackWeight::FAULT,
            reverse: false,
        }];
        instance.notify.notify = Some(shell(&format!("echo $2 $3 >>{}", log.display())));
        let mut child = Child::with(config, Vec::new());
        while child.report().await != own() {}
        std::fs::remove_file(&good).expect("remove");
        while child.report().await != disown() {}
        assert_eq!(child.state().await, State::Fault);
        child.stop().await;
        let heard = std::fs::read_to_string(&log).expect("log");
        let heard: Vec<_> = heard.lines().collect();
        assert_eq!(
            heard[heard.len() - 3..],
            ["VI_1 MASTER", "VI_1 FAULT", "VI_1 STOP"]
        );
    });
}

fn shell(line: &str) -> ScriptCommand {
    let argv = ["/bin/sh", "-c", line, "INSTANCE"].map(str::to_owned);
    ScriptCommand {
        argv: argv.to_vec(),
        user: None,
        ..ScriptCommand::default()
    }
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn closed_orders_mean_stop() {
    with_veth(|| async {
        let mut child = Child::start(Vec::new());
        while child.report().await != own() {}
        drop(child.orders);
        child.result.await.expect("no panic").expect("stopped");
        assert!(!is_on_interface());
    });
}
