//! The kernel's IPVS as `ipvsadm` sees it and as traffic meets it, programmed by our plane.
//!
//! The bodies run as root in a guest (`integration/vm/run`), each in network namespaces of its own.

mod guest;
mod network;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command as Program;
use std::time::{Duration, Instant};

use holdfast::config::LvsPlane;
use holdfast::lvs::driver::{
    AnyPlane, ForwardingPlane, Plane, PlaneChoice, PlaneErrorKind, choose, connect,
};
use holdfast::lvs::message::RealServerStatistics;
use holdfast::lvs::{Command, RealServer, Service, ServiceKey, Table, plan};
use holdfast::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress, TunnelType, Weight};
use tokio::runtime;

use network::Network;

const NAT: ForwardingMethod = ForwardingMethod::Nat;
const DR: ForwardingMethod = ForwardingMethod::DirectRoute;
const TUN: ForwardingMethod = ForwardingMethod::Tunnel(TunnelType::Ipip);

#[test]
fn the_kernel_holds_exactly_what_was_planned_and_what_others_made() {
    guest::in_guest(
        "the_kernel_holds_exactly_what_was_planned_and_what_others_made",
        || {
            network::enter_a_new_namespace();
            let mut plane = Programmed::new();
            ipvsadm("-A -t 10.9.9.9:25 -s sh -b sh-port");
            ipvsadm("-a -t 10.9.9.9:25 -r 10.9.9.1:25 -g -w 3");
            ipvsadm("-A -f 7 -s rr");
            let foreign = "-A -f 7 -s rr
            -A -t 10.9.9.9:25 -s sh -b sh-port
            -a -t 10.9.9.9:25 -r 10.9.9.1:25 -g -w 3";
            assert_eq!(saved(), sorted(foreign));

            let first = table(&[
                (
                    tcp("192.0.2.1:80"),
                    service(Scheduler::Wlc),
                    &[
                        server("10.0.0.1:80", 1, NAT),
                        server("10.0.0.2:8080", 200, NAT),
                    ],
                ),
                (
                    tcp("192.0.2.2:443"),
                    persistent(Scheduler::Wrr, 360),
                    &[
                        server("10.0.0.1:443", 1, DR),
                        server("10.0.0.2:443", 0, TUN),
                    ],
                ),
                (
                    udp("192.0.2.1:53"),
                    service(Scheduler::Sh),
                    &[server("10.0.0.3:53", 1, NAT)],
                ),
                (
                    tcp("[2001:db8::1]:80"),
                    persistent(Scheduler::Mh, 60),
                    &[
                        server("[2001:db8::a]:80", 7, DR),
                        server("[2001:db8::b]:80", 2_147_483_647, NAT),
                    ],
                ),
                (
                    tcp("192.0.2.3:0"),
                    persistent(Scheduler::Rr, 1),
                    &[
                        server(
                            "10.0.0.1:0",
                            1,
                            ForwardingMethod::Tunnel(TunnelType::Gue { port: 6080 }),
                        ),
                        server("10.0.0.2:0", 1, ForwardingMethod::Tunnel(TunnelType::Gre)),
                    ],
                ),
            ]);
            plane.reach(&first);
            assert_eq!(
                saved(),
                sorted(&format!(
                    "{foreign}
                -A -t 192.0.2.1:80 -s wlc
                -a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1
                -a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 200
                -A -t 192.0.2.2:443 -s wrr -p 360
                -a -t 192.0.2.2:443 -r 10.0.0.1:443 -g -w 1
                -a -t 192.0.2.2:443 -r 10.0.0.2:443 -i -w 0 --tun-type ipip
                -A -u 192.0.2.1:53 -s sh
                -a -u 192.0.2.1:53 -r 10.0.0.3:53 -m -w 1
                -A -t [2001:db8::1]:80 -s mh -p 60
                -a -t [2001:db8::1]:80 -r [2001:db8::a]:80 -g -w 7
                -a -t [2001:db8::1]:80 -r [2001:db8::b]:80 -m -w 2147483647
                -A -t 192.0.2.3:0 -s rr -p 1
                -a -t 192.0.2.3:0 -r 10.0.0.1:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
                -a -t 192.0.2.3:0 -r 10.0.0.2:0 -i -w 1 --tun-type gre --tun-nocsum"
                ))
            );

            // Weight and way of forwarding in place, another scheduler, no more persistence, one server less
            // and one more, one service less.
            let second = table(&[
                (
                    tcp("192.0.2.1:80"),
                    service(Scheduler::Rr),
                    &[server("10.0.0.1:80", 0, DR), server("10.0.0.9:80", 5, NAT)],
                ),
                (
                    tcp("192.0.2.2:443"),
                    service(Scheduler::Wrr),
                    &[server("10.0.0.1:443", 1, DR)],
                ),
                (tcp("[2001:db8::1]:80"), persistent(Scheduler::Mh, 120), &[]),
            ]);
            plane.reach(&second);
            assert_eq!(
                saved(),
                sorted(&format!(
                    "{foreign}
                -A -t 192.0.2.1:80 -s rr
                -a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 0
                -a -t 192.0.2.1:80 -r 10.0.0.9:80 -m -w 5
                -A -t 192.0.2.2:443 -s wrr
                -a -t 192.0.2.2:443 -r 10.0.0.1:443 -g -w 1
                -A -t [2001:db8::1]:80 -s mh -p 120"
                ))
            );

            plane.reach(&Table::default());
            assert_eq!(saved(), sorted(foreign));
        },
    );
}

#[test]
fn every_scheduler_is_known_to_the_kernel_by_its_name() {
    guest::in_guest("every_scheduler_is_known_to_the_kernel_by_its_name", || {
        network::enter_a_new_namespace();
        let mut plane = Programmed::new();
        let key = tcp("192.0.2.1:80");
        for scheduler in Scheduler::ALL {
            let loaded = run(&format!("modprobe ip_vs_{scheduler}"));
            let service = service(scheduler);
            let errors = plane.apply(&[Command::AddService { key, service }]);
            if loaded {
                assert_eq!(errors, [""; 0]);
                assert_eq!(
                    saved(),
                    sorted(&format!("-A -t 192.0.2.1:80 -s {scheduler}"))
                );
            } else {
                let expected = "IPVS cmd IP_VS_SO_SET_EDIT(1155) error: Scheduler or persistence \
                                engine not found(2) (192.0.2.1:tcp:80)";
                assert_eq!(
                    errors,
                    [expected],
                    "this kernel was made without {scheduler}"
                );
                println!("this kernel was made without {scheduler}");
            }
        }
    });
}

#[test]
fn what_is_so_already_is_no_error_and_a_refusal_is_worded_as_keepalived_s() {
    guest::in_guest(
        "what_is_so_already_is_no_error_and_a_refusal_is_worded_as_keepalived_s",
        || {
            network::enter_a_new_namespace();
            let mut plane = Programmed::new();
            let key = tcp("192.0.2.1:80");
            let real_server = server("10.0.0.1:80", 1, NAT);
            let address = real_server.address;

            let nothing_there = plane.apply(&[
                Command::DeleteRealServer { key, address },
                Command::DeleteService { key },
                Command::EditService {
                    key,
                    service: service(Scheduler::Rr),
                },
                Command::EditRealServer { key, real_server },
            ]);
            assert_eq!(nothing_there, [""; 0]);
            let there_already = plane.apply(&[
                Command::AddService {
                    key,
                    service: service(Scheduler::Wlc),
                },
                Command::AddRealServer {
                    key,
                    real_server: server("10.0.0.1:80", 9, DR),
                },
            ]);
            assert_eq!(there_already, [""; 0]);
            assert_eq!(
                saved(),
                sorted("-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 9")
            );

            let v6 = tcp("[2001:db8::1]:80");
            let full_nat = server("10.0.0.2:80", 1, ForwardingMethod::FullNat);
            let zero = tcp("192.0.2.1:0");
            let refused = plane.apply(&[
                Command::AddRealServer {
                    key: v6,
                    real_server: server("[2001:db8::a]:80", 1, DR),
                },
                Command::AddRealServer {
                    key,
                    real_server: full_nat,
                },
                Command::AddRealServer {
                    key,
                    real_server: server("10.0.0.3:80", 1, NAT),
                },
                Command::EditRealServer {
                    key: zero,
                    real_server,
                },
            ]);
            assert_eq!(
                refused,
                [
                    "IPVS cmd IP_VS_SO_SET_ADDDEST(1159) error: No such service(3) \
                     (2001:db8::1:tcp:80 -> 2001:db8::a:80)",
                    "adding real server [10.0.0.2]:tcp:80 (FULLNAT, weight 1) to \
                     [192.0.2.1]:tcp:80: IPVS has no FULLNAT",
                    "IPVS cmd IP_VS_SO_SET_EDITDEST(1161) error: No such service(3) \
                     (192.0.2.1:tcp:0 -> 10.0.0.1:80)",
                ]
            );
            assert!(
                saved().iter().any(|line| line.contains("10.0.0.3")),
                "the rest is carried out"
            );

            let AnyPlane::Ipvs(ipvs) = &mut plane.plane else {
                panic!("this is IPVS")
            };
            assert_eq!(ipvs.info().version, 0x01_02_01);
            plane.runtime.block_on(ipvs.flush()).expect("flush");
            assert_eq!(saved(), sorted(""));
        },
    );
}

#[test]
fn ipvs_that_is_missing_or_forbidden_is_an_error_with_a_reason() {
    guest::in_guest(
        "ipvs_that_is_missing_or_forbidden_is_an_error_with_a_reason",
        || {
            let runtime = current_thread();
            let nowhere = Path::new("/nonexistent");
            let failure = |choice: &PlaneChoice| {
                runtime
                    .block_on(connect(choice, nowhere))
                    .expect_err("impossible")
            };
            let become_user = |uid: u32| nix::unistd::seteuid(uid.into()).expect("root may");

            // Nobody loads the module, as in a kernel that was made without it.
            let modprobe = "/proc/sys/kernel/modprobe";
            let real_modprobe = std::fs::read_to_string(modprobe).expect("sysctl");
            std::fs::write(modprobe, "/bin/false").expect("sysctl");
            let choice = choose(LvsPlane::Auto);
            assert_eq!(choice.plane, Plane::Userspace);
            assert_eq!(choice.reason, "lvs_plane auto: the kernel has no IPVS");
            let choice = choose(LvsPlane::Ipvs);
            assert_eq!(choice.plane, Plane::Ipvs);
            assert_eq!(choice.reason, "lvs_plane ipvs: the configuration says so");
            let error = failure(&choice);
            assert_eq!(error.kind, PlaneErrorKind::Unavailable);
            assert_eq!(
                error.to_string(),
                "IPVS: Can't initialize ipvs: Protocol not available (the kernel has no IPVS)"
            );

            std::fs::write(modprobe, real_modprobe).expect("sysctl");
            assert_eq!(choose(LvsPlane::Auto).plane, Plane::Ipvs);
            become_user(65_534);
            let error = failure(&choice);
            become_user(0);
            assert_eq!(error.kind, PlaneErrorKind::NotPermitted);
            assert_eq!(
                error.to_string(),
                "IPVS: Can't initialize ipvs: Permission denied (you must be root)(1)"
            );

            let error = failure(&choose(LvsPlane::Userspace));
            assert_eq!(error.kind, PlaneErrorKind::Unavailable);
            assert!(
                error.to_string().contains("/nonexistent/lvs.sock"),
                "{error}"
            );
        },
    );
}

#[test]
fn http_reaches_both_servers_by_nat_direct_routing_and_tunnels() {
    guest::in_guest(
        "http_reaches_both_servers_by_nat_direct_routing_and_tunnels",
        || {
            let network = Network::new();
            network.enter_director();
            let mut plane = Programmed::new();
            let both = |port: u16, method| {
                ["10.0.0.4", "10.0.0.5"].map(|host| server(&format!("{host}:{port}"), 1, method))
            };
            let both_v6 = ["fd00::4", "fd00::5"].map(|host| server(&format!("[{host}]:81"), 1, DR));
            let rr = service(Scheduler::Rr);
            plane.reach(&table(&[
                (tcp("10.0.0.100:80"), rr, &both(80, NAT)),
                (tcp("10.0.0.101:80"), rr, &both(80, DR)),
                (tcp("10.0.0.102:80"), rr, &both(80, TUN)),
                (tcp("[fd00::101]:81"), rr, &both_v6),
                (
                    tcp("10.0.0.103:80"),
                    persistent(Scheduler::Rr, 60),
                    &both(80, DR),
                ),
            ]));

            for url in [
                "http://10.0.0.100/",
                "http://10.0.0.101/",
                "http://10.0.0.102/",
                "http://[fd00::101]:81/",
            ] {
                assert_eq!(network.answers(url, 4), ["r1", "r1", "r2", "r2"], "{url}");
            }
            let persistent_answers = network.answers("http://10.0.0.103/", 4);
            assert!(persistent_answers.windows(2).all(|pair| pair[0] == pair[1]));

            // The kernel adds its counters up every two seconds.
            let deadline = Instant::now() + Duration::from_secs(20);
            let counted = |line: &RealServerStatistics| {
                line.key == tcp("10.0.0.103:80")
                    || (line.connections, line.packets_in > 8) == (2, true)
            };
            loop {
                let statistics = plane
                    .runtime
                    .block_on(plane.plane.statistics())
                    .expect("statistics");
                assert_eq!(statistics.len(), 10);
                if statistics.iter().all(counted) {
                    break;
                }
                assert!(Instant::now() < deadline, "{statistics:?}");
                std::thread::sleep(Duration::from_millis(200));
            }

            // Weight 0: nothing new; the other one takes it all.
            plane.reach(&table(&[(
                tcp("10.0.0.101:80"),
                rr,
                &[server("10.0.0.4:80", 0, DR), server("10.0.0.5:80", 1, DR)],
            )]));
            assert_eq!(network.answers("http://10.0.0.101/", 3), ["r2", "r2", "r2"]);
        },
    );
}

fn current_thread() -> runtime::Runtime {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
}

/// The plane, and what has been programmed through it.
struct Programmed {
    runtime: runtime::Runtime,
    plane: AnyPlane,
    ours: BTreeSet<ServiceKey>,
}

impl Programmed {
    /// The socket belongs to the network namespace of the moment.
    fn new() -> Self {
        let runtime = current_thread();
        let choice = choose(LvsPlane::Auto);
        assert_eq!(choice.plane, Plane::Ipvs);
        assert_eq!(choice.reason, "lvs_plane auto: the kernel has IPVS");
        let plane = runtime.block_on(connect(&choice, Path::new("/nonexistent")));
        Self {
            plane: plane.expect("IPVS"),
            runtime,
            ours: BTreeSet::new(),
        }
    }

    /// As the checker child does: read back, plan, carry out; then nothing is left to do.
    fn reach(&mut self, wanted: &Table) {
        self.ours.extend(wanted.services.keys());
        for expected_rest in [None, Some(0)] {
            let actual = self.runtime.block_on(self.plane.dump()).expect("dump");
            let commands = plan(&actual, wanted, &self.ours);
            assert!(
                expected_rest.is_none_or(|rest| commands.len() == rest),
                "{commands:?}"
            );
            assert_eq!(self.apply(&commands), [""; 0]);
        }
        let held = self.runtime.block_on(self.plane.dump()).expect("dump");
        let mut ours = held.clone();
        ours.services.retain(|key, _| self.ours.contains(key));
        assert_eq!(&ours, wanted);
    }

    fn apply(&mut self, commands: &[Command]) -> Vec<String> {
        let errors = self.runtime.block_on(self.plane.apply(commands));
        errors.iter().map(ToString::to_string).collect()
    }
}

fn ipvsadm(arguments: &str) {
    assert!(run(&format!("ipvsadm {arguments}")), "ipvsadm {arguments}");
}

/// Whether the command could do it; no word of it has a blank.
fn run(command: &str) -> bool {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    Program::new(program)
        .args(words)
        .status()
        .expect(program)
        .success()
}

/// `ipvsadm -Sn`: the table as commands.
fn saved() -> Vec<String> {
    let output = Program::new("ipvsadm")
        .arg("-Sn")
        .output()
        .expect("ipvsadm");
    assert!(output.status.success());
    sorted(&String::from_utf8_lossy(&output.stdout))
}

fn sorted(lines: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn address(text: &str) -> ServerAddress {
    let socket: std::net::SocketAddr = text.parse().expect("address and port");
    ServerAddress::new(socket.ip(), socket.port())
}

fn tcp(text: &str) -> ServiceKey {
    ServiceKey {
        address: address(text),
        protocol: Protocol::Tcp,
    }
}

fn udp(text: &str) -> ServiceKey {
    ServiceKey {
        address: address(text),
        protocol: Protocol::Udp,
    }
}

fn service(scheduler: Scheduler) -> Service {
    Service {
        scheduler,
        persistence_timeout: None,
    }
}

fn persistent(scheduler: Scheduler, seconds: u64) -> Service {
    Service {
        scheduler,
        persistence_timeout: Some(Duration::from_secs(seconds)),
    }
}

fn server(text: &str, weight: u32, method: ForwardingMethod) -> RealServer {
    let weight = Weight::new(weight).expect("in range");
    RealServer {
        address: address(text),
        weight,
        method,
    }
}

fn table(services: &[(ServiceKey, Service, &[RealServer])]) -> Table {
    let services = services
        .iter()
        .map(|(key, service, real_servers)| {
            let held = real_servers.iter().map(|rs| (rs.address, *rs)).collect();
            (*key, (*service, held))
        })
        .collect();
    Table { services }
}
