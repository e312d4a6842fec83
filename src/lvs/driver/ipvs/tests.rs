use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::lvs::RealServer;
use crate::netlink::ipvs::{Family, Forward, ServiceIdentity};
use crate::types::{Protocol, Scheduler, TunnelType, Weight};

fn key() -> ServiceKey {
    let address = ServerAddress::new([192, 0, 2, 1].into(), 80);
    ServiceKey {
        address,
        protocol: Protocol::Tcp,
    }
}

fn refused(errno: i32) -> RequestError {
    RequestError::Refused(io::Error::from_raw_os_error(errno))
}

#[test]
fn a_refusal_without_words_of_keepalived_has_the_system_s() {
    let operation = Operation::of(&Command::DeleteService { key: key() }).expect("IPVS can");
    assert_eq!(
        operation.failed(&refused(libc::ENODEV)).to_string(),
        "IPVS cmd IP_VS_SO_SET_DEL(1156) error: No such device(19) (192.0.2.1:tcp:80)"
    );
}

#[test]
fn a_broken_socket_is_a_lost_connection_and_a_refusal_is_not() {
    let operation = Operation::flush();
    let broken = RequestError::Broken(io::Error::from_raw_os_error(libc::ENOBUFS));
    assert!(operation.failed(&broken).is_lost());
    assert!(!operation.failed(&refused(libc::EPERM)).is_lost());
}

#[test]
fn a_dump_that_finds_no_family_any_more_is_a_lost_connection() {
    assert!(read_failed("reading", &refused(libc::ENOENT)).is_lost());
    assert!(!read_failed("reading", &refused(libc::EPERM)).is_lost());
}

#[test]
fn a_service_that_only_somebody_else_can_have_made_is_passed_over() {
    let wrr = Service {
        scheduler: Scheduler::Wrr,
        persistence_timeout: None,
    };
    let ours = translate::virtual_service(key(), Some(wrr));
    assert_eq!(translate::service(&ours), Some((key(), wrr)));

    let mark = ServiceIdentity::FirewallMark {
        family: Family::Inet,
        mark: 7,
    };
    assert_eq!(
        translate::service(&VirtualService {
            identity: mark,
            ..ours.clone()
        }),
        None
    );
    let mut unknown = ours;
    unknown.settings.as_mut().expect("set above").scheduler = "maglev2".to_owned();
    assert_eq!(translate::service(&unknown), None);
}

#[test]
fn a_destination_forwarded_in_an_unknown_way_is_passed_over() {
    let address = ServerAddress::new([10, 0, 0, 1].into(), 80);
    let method = ForwardingMethod::Nat;
    let mut found = translate::destination(RealServer {
        address,
        weight: Weight::ONE,
        method,
    })
    .expect("NAT");
    assert!(translate::real_server(&found).is_some());
    let settings = found.settings.as_mut().expect("set above");
    settings.forward = Forward::Other {
        method: 1,
        tunnel: 0,
    };
    assert_eq!(translate::real_server(&found), None);
}

proptest! {
    #[test]
    fn what_is_programmed_is_what_is_read_back(
        scheduler in 0..Scheduler::ALL.len(),
        timeout in proptest::option::of(1..u64::from(u32::MAX)),
        ip in any::<[u8; 16]>(),
        numbers in any::<[u16; 3]>(),
        weight in 0..=i32::MAX.unsigned_abs(),
        method in 0..5_u8,
    ) {
        let [service_port, port, tunnel_port] = numbers;
        let service = Service {
            scheduler: Scheduler::ALL[scheduler],
            persistence_timeout: timeout.map(Duration::from_secs),
        };
        let key = ServiceKey {
            address: ServerAddress::new(ip.into(), service_port),
            protocol: Protocol::Sctp,
        };
        let method = match method {
            0 => ForwardingMethod::Nat,
            1 => ForwardingMethod::DirectRoute,
            2 => ForwardingMethod::Tunnel(TunnelType::Ipip),
            3 => ForwardingMethod::Tunnel(TunnelType::Gre),
            _ => ForwardingMethod::Tunnel(TunnelType::Gue { port: tunnel_port }),
        };
        let weight = Weight::new(weight).expect("in range");
        let real_server = RealServer { address: ServerAddress::new(ip.into(), port), weight, method };

        let programmed = translate::virtual_service(key, Some(service));
        prop_assert_eq!(translate::service(&programmed), Some((key, service)));
        let programmed = translate::destination(real_server).expect("IPVS can");
        prop_assert_eq!(translate::real_server(&programmed), Some(real_server));
    }
}
