//! Runs `testdata/*.txt`: packets and commands in words, and what the director makes of them.
//!
//! ```text
//! client tcp 10.1.0.2:40000 > 10.9.0.1:80 S seq=100
//! ----
//! to real server 10.2.1.2: tcp 10.1.0.2:40000 > 10.2.1.2:80 S seq=100 ttl=63
//! ```
//!
//! A packet of `client` comes in by interface 2 from 02:00:00:00:00:0c, one of `server` by interface 3. Every checksum of
//! what comes out is verified in full; a wrong one is shown as `!`. `UPDATE_STEPS=1` rewrites the files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::{Duration, Instant};

use ahash::RandomState;

use super::checksum;
use super::director::{Director, OrphanPolicy, Paths, Settings};
use super::flow::{Flow, icmp, ipv4, parse, tcp, udp};
use super::forward::nat::checksum_field;
use super::packet::{DATAGRAM, ETHERNET_HEADER, Packet, VIRTIO_HEADER};
use super::verdict::{NextHop, Verdict};
use super::{ClientReset, Limits};
use crate::lvs::{Command, RealServer, Service, ServiceKey};
use crate::types::{ForwardingMethod, Protocol, ServerAddress, Weight};

#[test]
fn the_director_does_what_the_step_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dataplane/testdata");
    let update = std::env::var_os("UPDATE_STEPS").is_some();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("testdata") {
        let path = entry.expect("entry").path();
        let text = std::fs::read_to_string(&path).expect("a step file");
        let actual = replay(&text);
        if update {
            std::fs::write(&path, &actual).expect("rewritten");
        } else {
            assert_eq!(actual, text, "{}", path.display());
        }
        files += 1;
    }
    assert!(files > 5, "{files} files");
}

/// The file with what the director does now in the place of what it is expected to do.
fn replay(text: &str) -> String {
    let mut bench = Bench::new();
    let mut output = String::new();
    for block in text.trim_end().split("\n\n") {
        let (input, _) = block.split_once("\n----").unwrap_or((block, ""));
        let mut answers = String::new();
        for line in input.lines().filter(|line| !line.starts_with('#')) {
            bench.run(line, &mut answers);
        }
        if !output.is_empty() {
            output.push('\n');
        }
        writeln!(output, "{input}").expect("a string");
        if block.contains("\n----") {
            write!(output, "----\n{answers}").expect("a string");
        }
    }
    output
}

struct Bench {
    director: Director,
    start: Instant,
    now: Instant,
    paths: Paths,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let mut bench = Self {
            director: Self::director(OrphanPolicy::Pass, now),
            start: now,
            now,
            paths: Paths::default(),
        };
        bench.paths.interfaces.insert(2, 1500);
        bench.director.set_paths(bench.paths.clone());
        bench
    }

    fn director(orphans: OrphanPolicy, now: Instant) -> Director {
        let settings = Settings {
            limits: Limits {
                connections: 8,
                embryonic: 4,
                udp: 8,
            },
            hash: RandomState::with_seeds(1, 2, 3, 4),
            orphans,
        };
        Director::new(settings, now)
    }

    fn run(&mut self, line: &str, answers: &mut String) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["client", ref packet @ ..] => self.packet(packet, 2, answers),
            ["server", ref packet @ ..] => self.packet(packet, 3, answers),
            ["wait", seconds] => {
                self.now += Duration::from_secs(seconds.parse().expect("seconds"));
                while self.director.expire(self.now) {}
            }
            ["restarted", seconds] => {
                let until = self.start + Duration::from_secs(seconds.parse().expect("seconds"));
                self.director = Self::director(OrphanPolicy::ResetUntil(until), self.now);
            }
            ["mtu", "real-server", address, mtu] => {
                let address = address.parse().expect("address");
                self.paths
                    .real_servers
                    .insert(address, mtu.parse().expect("mtu"));
                self.director.set_paths(self.paths.clone());
            }
            ["mtu", "interface", index, mtu] => {
                let index = index.parse().expect("index");
                self.paths
                    .interfaces
                    .insert(index, mtu.parse().expect("mtu"));
                self.director.set_paths(self.paths.clone());
            }
            ["connections"] => {
                writeln!(answers, "{} connections", self.director.connections()).expect("a string");
            }
            ["statistics"] => self.statistics(answers),
            ["steering"] => self.steering(answers),
            _ => {
                let result = self.director.apply(&command(&words));
                if let Err(refused) = result {
                    writeln!(answers, "{refused}").expect("a string");
                }
            }
        }
    }

    fn packet(&mut self, words: &[&str], interface: u32, answers: &mut String) {
        let times = words.last().and_then(|word| word.strip_prefix('x'));
        let times = times.and_then(|times| times.parse().ok()).unwrap_or(1);
        let mut summary: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..times {
            let mut frame = build(words, number);
            let mut packet = Packet::new(&mut frame, interface).expect("a frame");
            let verdict = self.director.handle(&mut packet, self.now);
            let text = match verdict {
                Verdict::Forward(NextHop::RealServer(address)) if times > 1 => {
                    format!("to real server {address}")
                }
                Verdict::Forward(NextHop::RealServer(address)) => {
                    format!("to real server {address}: {}", describe(&frame))
                }
                Verdict::Forward(NextHop::Client { mac, interface }) => format!(
                    "to client {:02x} by {interface}: {}",
                    mac[5],
                    describe(&frame)
                ),
                Verdict::Reply(datagram) => {
                    format!("back: {}", describe_datagram(datagram.as_bytes(), None))
                }
                Verdict::Pass => "pass".to_owned(),
                Verdict::PassAndReset(ClientReset { reset, keep_alive }) => format!(
                    "pass, and send {}; {}",
                    describe_datagram(reset.as_bytes(), None),
                    describe_datagram(keep_alive.as_bytes(), None)
                ),
                Verdict::Drop(reason) => format!("drop: {reason}"),
            };
            *summary.entry(text).or_default() += 1;
        }
        for (text, count) in summary {
            let prefix = if times > 1 {
                format!("{count} ")
            } else {
                String::new()
            };
            writeln!(answers, "{prefix}{text}").expect("a string");
        }
    }

    fn statistics(&self, answers: &mut String) {
        let mut lines: Vec<String> = self
            .director
            .statistics()
            .iter()
            .map(|s| {
                format!(
                    "{} {}: {} active, {} inactive, {} connections, in {}/{}, out {}/{}",
                    s.key,
                    s.address,
                    s.active_connections,
                    s.inactive_connections,
                    s.connections,
                    s.packets_in,
                    s.bytes_in,
                    s.packets_out,
                    s.bytes_out
                )
            })
            .collect();
        lines.sort();
        for line in lines {
            writeln!(answers, "{line}").expect("a string");
        }
    }

    fn steering(&self, answers: &mut String) {
        let steering = self.director.steering();
        for service in &steering.services {
            writeln!(
                answers,
                "service {}:{}:{}",
                service.protocol, service.address, service.port
            )
            .expect("a string");
        }
        for server in steering.real_servers.values().flatten() {
            writeln!(
                answers,
                "real server {}:{}:{}",
                server.protocol, server.address, server.port
            )
            .expect("a string");
        }
    }
}

fn protocol(word: &str) -> Protocol {
    match word {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        other => panic!("no protocol: {other}"),
    }
}

fn socket(word: &str) -> SocketAddrV4 {
    word.parse()
        .unwrap_or_else(|_| panic!("no address: {word}"))
}

fn key(kind: &str, address: &str) -> ServiceKey {
    ServiceKey {
        address: server_address(address),
        protocol: protocol(kind),
    }
}

fn server_address(word: &str) -> ServerAddress {
    let address: std::net::SocketAddr = word
        .parse()
        .unwrap_or_else(|_| panic!("no address: {word}"));
    ServerAddress::new(address.ip(), address.port())
}

fn command(words: &[&str]) -> Command {
    let service = |scheduler: &str| Service {
        scheduler: scheduler.parse().expect("scheduler"),
        persistence_timeout: None,
    };
    let real_server = |address: &str, weight: &str| RealServer {
        address: server_address(address),
        weight: Weight::new(weight.parse().expect("weight")).expect("weight"),
        method: ForwardingMethod::Nat,
    };
    match *words {
        ["add-service", kind, address, scheduler] => Command::AddService {
            key: key(kind, address),
            service: service(scheduler),
        },
        ["edit-service", kind, address, scheduler] => Command::EditService {
            key: key(kind, address),
            service: service(scheduler),
        },
        ["delete-service", kind, address] => Command::DeleteService {
            key: key(kind, address),
        },
        ["add-real-server", kind, address, server, weight] => Command::AddRealServer {
            key: key(kind, address),
            real_server: real_server(server, weight),
        },
        ["edit-real-server", kind, address, server, weight] => Command::EditRealServer {
            key: key(kind, address),
            real_server: real_server(server, weight),
        },
        ["delete-real-server", kind, address, server] => Command::DeleteRealServer {
            key: key(kind, address),
            address: server_address(server),
        },
        _ => panic!("no command: {words:?}"),
    }
}

/// The value of `name=` among the words.
fn value<T: std::str::FromStr>(words: &[&str], name: &str) -> Option<T> {
    let found = words
        .iter()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|value| value.parse().ok())
}

/// A frame from words. `number` is added to the source port.
fn build(words: &[&str], number: u16) -> Vec<u8> {
    let [kind, source, ">", destination, ref rest @ ..] = *words else {
        panic!("no packet: {words:?}");
    };
    let mut frame = vec![0; DATAGRAM];
    let mac: u8 = value(rest, "mac").unwrap_or(0x0c);
    frame[VIRTIO_HEADER + 6..VIRTIO_HEADER + 12].copy_from_slice(&[2, 0, 0, 0, 0, mac]);
    frame[VIRTIO_HEADER + 12..DATAGRAM].copy_from_slice(&[0x08, 0x00]);
    if let Some(size) = value::<u16>(rest, "gso") {
        frame[1] = 1;
        frame[4..6].copy_from_slice(&size.to_ne_bytes());
    }
    let datagram = match kind {
        "icmp" => icmp_error(source, destination, rest),
        "fragment" => {
            let [source, destination] = [source, destination].map(|ip| ip.parse().expect("ip"));
            let number = protocol(rest[0]).number();
            finish(header(source, destination, number, rest), &[0; 16])
        }
        "echo" => {
            let [source, destination] = [source, destination].map(|ip| ip.parse().expect("ip"));
            finish(
                header(source, destination, 1, rest),
                &[8, 0, 0, 0, 0, 1, 0, 1],
            )
        }
        _ => {
            let mut source = socket(source);
            source.set_port(source.port() + number);
            let partial = rest.contains(&"partial");
            if partial {
                frame[0] = 1;
                let start = u16::try_from(ETHERNET_HEADER + 20).expect("small");
                frame[6..8].copy_from_slice(&start.to_ne_bytes());
            }
            segment(protocol(kind), source, socket(destination), rest, partial)
        }
    };
    frame.extend_from_slice(&datagram);
    // An Ethernet frame has 60 bytes at least.
    frame.resize(frame.len().max(VIRTIO_HEADER + 60), 0xee);
    frame
}

fn header(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, rest: &[&str]) -> [u8; 20] {
    let mut header = [0; 20];
    header[0] = 0x45;
    header[ipv4::IDENTIFICATION]
        .copy_from_slice(&value::<u16>(rest, "id").unwrap_or(0).to_be_bytes());
    let mut fragment = value::<u16>(rest, "offset").unwrap_or(0) / 8;
    if rest.contains(&"more") {
        fragment |= ipv4::MORE_FRAGMENTS;
    }
    if rest.contains(&"df") {
        fragment |= ipv4::DONT_FRAGMENT;
    }
    header[ipv4::FRAGMENT].copy_from_slice(&fragment.to_be_bytes());
    header[ipv4::TTL] = value(rest, "ttl").unwrap_or(64);
    header[ipv4::PROTOCOL] = protocol;
    header[ipv4::SOURCE].copy_from_slice(&source.octets());
    header[ipv4::DESTINATION].copy_from_slice(&destination.octets());
    header
}

fn finish(mut header: [u8; 20], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len() + payload.len()).expect("short");
    header[ipv4::TOTAL_LENGTH].copy_from_slice(&length.to_be_bytes());
    let checksum = checksum::whole(&header);
    checksum::write(&mut header, ipv4::CHECKSUM, checksum);
    [&header, payload].concat()
}

fn segment(
    kind: Protocol,
    source: SocketAddrV4,
    destination: SocketAddrV4,
    rest: &[&str],
    partial: bool,
) -> Vec<u8> {
    let length = value::<usize>(rest, "len").unwrap_or(0);
    let mut bytes = match kind {
        Protocol::Udp => {
            let mut header = vec![0; udp::HEADER];
            let total = u16::try_from(udp::HEADER + length).expect("short");
            header[4..6].copy_from_slice(&total.to_be_bytes());
            header
        }
        Protocol::Tcp | Protocol::Sctp => {
            let mut header = vec![0; tcp::HEADER];
            let sequence = value::<u32>(rest, "seq").unwrap_or(0);
            header[tcp::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
            let acknowledgment = value::<u32>(rest, "ack").unwrap_or(0);
            header[tcp::ACKNOWLEDGMENT].copy_from_slice(&acknowledgment.to_be_bytes());
            header[tcp::DATA_OFFSET] = 0x50;
            header[tcp::FLAGS] = rest.first().map_or(0, |flags| flag_bits(flags));
            header
        }
    };
    bytes[..2].copy_from_slice(&source.port().to_be_bytes());
    bytes[2..4].copy_from_slice(&destination.port().to_be_bytes());
    bytes.extend((0..length).map(|byte| u8::try_from(byte % 251).expect("small")));
    let field = checksum_field(kind, 0);
    let (from, to) = (*source.ip(), *destination.ip());
    let value = if partial {
        !checksum::transport(from, to, kind.number(), &length_only(bytes.len()))
    } else {
        checksum::transport(from, to, kind.number(), &bytes)
    };
    if !rest.contains(&"nosum") {
        checksum::write(&mut bytes, field, value);
    }
    finish(header(from, to, kind.number(), rest), &bytes)
}

/// As many zeroes: their sum is that of the pseudo header alone.
fn length_only(length: usize) -> Vec<u8> {
    vec![0; length]
}

fn flag_bits(flags: &str) -> u8 {
    flags
        .chars()
        .map(|flag| match flag {
            'S' => tcp::SYN,
            'F' => tcp::FIN,
            'R' => tcp::RST,
            'A' => tcp::ACK,
            _ => 0,
        })
        .sum()
}

/// `icmp <type>/<code>`: words behind `about` are the packet it quotes, cut off after eight bytes of payload
/// unless `whole` is among them.
fn icmp_error(source: &str, destination: &str, rest: &[&str]) -> Vec<u8> {
    let [source, destination] = [source, destination].map(|ip| ip.parse().expect("ip"));
    let about = rest
        .iter()
        .position(|word| *word == "about")
        .expect("about");
    let (own, quoted) = (&rest[..about], &rest[about + 1..]);
    let (kind, code) = own[0].split_once('/').expect("type/code");
    let mut message = vec![0; icmp::HEADER];
    message[0] = kind.parse().expect("type");
    message[1] = code.parse().expect("code");
    let mtu: u16 = value(own, "mtu").unwrap_or(0);
    message[6..8].copy_from_slice(&mtu.to_be_bytes());
    let quote = build(quoted, 0);
    let end = if own.contains(&"whole") {
        let length = checksum::read(&quote[DATAGRAM..], ipv4::TOTAL_LENGTH).expect("a length");
        usize::from(length)
    } else {
        28
    };
    message.extend_from_slice(&quote[DATAGRAM..DATAGRAM + end]);
    let checksum = checksum::whole(&message);
    checksum::write(&mut message, icmp::CHECKSUM, checksum);
    finish(header(source, destination, 1, own), &message)
}

fn describe(frame: &[u8]) -> String {
    let partial = (frame[0] & 1 != 0).then(|| {
        let start = u16::from_ne_bytes([frame[6], frame[7]]);
        usize::from(start) - ETHERNET_HEADER
    });
    describe_datagram(&frame[DATAGRAM..], partial)
}

/// A datagram in words, all its checksums verified.
fn describe_datagram(bytes: &[u8], partial: Option<usize>) -> String {
    let ttl = bytes[ipv4::TTL];
    let fragment = checksum::read(bytes, ipv4::FRAGMENT).expect("a header");
    let header_fine = checksum::whole(&bytes[..20]) == 0;
    let mut text = match parse(bytes) {
        Ok(Flow::Segment(segment)) => {
            let whole = &bytes[segment.offset..segment.length];
            let (from, to) = (*segment.source.ip(), *segment.destination.ip());
            let number = segment.protocol.number();
            let field = checksum_field(segment.protocol, 0);
            let found = checksum::read(whole, field).expect("a checksum");
            let fine = match partial {
                Some(_) => {
                    let pseudo = checksum::transport(from, to, number, &length_only(whole.len()));
                    found == !pseudo
                }
                None if segment.protocol == Protocol::Udp && found == 0 => true,
                // The checksum of a first fragment covers what is not here.
                None if segment.fragment.is_some() => true,
                None => checksum::transport(from, to, number, whole) == 0,
            };
            let mut text = format!(
                "{} {} > {}",
                segment.protocol, segment.source, segment.destination
            );
            if let Some(fields) = segment.tcp {
                let flags = [
                    ('S', tcp::SYN),
                    ('F', tcp::FIN),
                    ('R', tcp::RST),
                    ('A', tcp::ACK),
                ];
                let flags = flags.iter().filter(|(_, bit)| fields.flags & bit != 0);
                write!(
                    text,
                    " {}",
                    flags.map(|(name, _)| *name).collect::<String>()
                )
                .expect("a string");
                write!(
                    text,
                    " seq={} ack={}",
                    fields.sequence, fields.acknowledgment
                )
                .expect("a string");
            }
            write!(text, " len={}", segment.length - segment.headers).expect("a string");
            if partial.is_some() {
                text.push_str(" partial");
            }
            if segment.protocol == Protocol::Udp && found == 0 {
                text.push_str(" nosum");
            }
            if !fine {
                text.push_str(" !transport checksum");
            }
            text
        }
        Ok(Flow::LaterFragment(fragment)) => format!(
            "fragment {} > {} id={}",
            fragment.key.source, fragment.key.destination, fragment.key.identification
        ),
        Ok(Flow::IcmpError(error)) => {
            let message = &bytes[error.offset..error.length];
            let mtu = checksum::read(message, 6..8).expect("a header");
            let mut text = format!(
                "icmp {} > {} {}/{}",
                error.source, error.destination, message[0], message[1]
            );
            if mtu > 0 {
                write!(text, " mtu={mtu}").expect("a string");
            }
            write!(
                text,
                " about {} {} > {}",
                error.protocol, error.embedded_source, error.embedded_destination
            )
            .expect("a string");
            let embedded = &bytes[error.embedded..error.length];
            if checksum::whole(&embedded[..20]) != 0 {
                text.push_str(" !embedded header checksum");
            }
            let quoted =
                usize::from(checksum::read(embedded, ipv4::TOTAL_LENGTH).expect("a length"));
            if embedded.len() == quoted {
                let (from, to) = (
                    *error.embedded_source.ip(),
                    *error.embedded_destination.ip(),
                );
                let sum = checksum::transport(from, to, error.protocol.number(), &embedded[20..]);
                text.push_str(if sum == 0 {
                    " whole"
                } else {
                    " !embedded checksum"
                });
            }
            if checksum::whole(message) != 0 {
                text.push_str(" !icmp checksum");
            }
            text
        }
        Ok(Flow::Other) => "other".to_owned(),
        Err(malformed) => format!("!{malformed}"),
    };
    write!(text, " ttl={ttl}").expect("a string");
    if fragment & ipv4::DONT_FRAGMENT != 0 {
        text.push_str(" df");
    }
    if !header_fine {
        text.push_str(" !header checksum");
    }
    text
}
