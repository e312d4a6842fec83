//! The lab: a client, two directors and two real servers in network namespaces of this machine.
//!
//! ```text
//!              10.77.0.0/24                               10.78.0.0/24
//!  client ──┐                ┌─ eth0  director a  eth1 ─┐              ┌── rs1  10.78.0.11
//!   .2      ├── bridge out ──┤  .3                  .3  ├─ bridge in ──┤
//!           ┘                └─ eth0  director b  eth1 ─┘              └── rs2  10.78.0.12
//!                               .4                  .4                 default route 10.78.0.254
//! ```
//!
//! Each [`Lab`] has namespaces of its own, named after this process, so any number can stand side
//! by side. Nothing is left behind: dropping the lab, a panic, Ctrl-C and SIGTERM end every process
//! inside its namespaces and remove them, and a lab whose owner was killed is swept away by the
//! next one.
//!
//! Not a crate: tests and the demo include it with `#[path]`. No `unsafe` here, hence the detours:
//! a process gets its namespace from the thread that starts it, packet addresses from `getifaddrs`.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "every test binary includes this module and uses its own part of it"
)]

pub mod advert;
pub mod arp;
pub mod boot;
pub mod cleanup;
pub mod daemon;
pub mod error;
pub mod flood;
pub mod http;
pub mod namespace;
pub mod poller;
pub mod process;
pub mod stream;
pub mod vip_watch;
pub mod wait;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::daemon::{Daemon, Program};
pub use self::error::{LabError, Result};
pub use self::http::WebServer;
pub use self::namespace::Namespace;
pub use self::poller::Poller;
pub use self::vip_watch::VipWatch;

/// The address clients talk to.
pub const VIP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
/// The inside gateway: default route of the real servers, moves together with the VIP.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 254);
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// Index of a director in [`Lab::directors`].
pub const A: usize = 0;
pub const B: usize = 1;

pub struct Director {
    pub name: &'static str,
    pub ns: Namespace,
    /// On `eth0`, towards the client.
    pub outside: Ipv4Addr,
    /// On `eth1`, towards the real servers.
    pub inside: Ipv4Addr,
    /// Of `eth0`; what the client sees in ARP answers.
    pub mac: [u8; 6],
    /// Run directory of the daemon.
    pub run: PathBuf,
}

pub struct RealServer {
    pub name: &'static str,
    pub ns: Namespace,
    pub address: Ipv4Addr,
}

pub struct Lab {
    pub client: Namespace,
    pub directors: [Director; 2],
    pub real_servers: [RealServer; 2],
    switch: Namespace,
    record: Arc<cleanup::Record>,
    _turn: cleanup::Turn,
}

impl Lab {
    /// Builds the lab; tests built this way run side by side.
    pub fn new() -> Result<Self> {
        Self::build(cleanup::Turn::shared()?)
    }

    /// Builds the lab once no other one stands and keeps others waiting: for tests that fill the
    /// machine and would spoil everybody else's clock.
    pub fn alone() -> Result<Self> {
        Self::build(cleanup::Turn::alone()?)
    }

    /// Builds it with a turn that the caller has taken.
    pub fn with_turn(turn: cleanup::Turn) -> Result<Self> {
        Self::build(turn)
    }

    fn build(turn: cleanup::Turn) -> Result<Self> {
        cleanup::remove_what_dead_owners_left();
        let record = cleanup::Record::register()?;
        let lab = Self::furnish(&record, turn);
        if lab.is_err() {
            record.tear_down();
        }
        lab
    }

    fn furnish(record: &Arc<cleanup::Record>, turn: cleanup::Turn) -> Result<Self> {
        let switch = record.namespace("sw")?;
        switch.ip(
            "link add out type bridge forward_delay 0 mcast_snooping 0\n\
             link add in type bridge forward_delay 0 mcast_snooping 0\n\
             link set out up\n\
             link set in up\n",
        )?;
        let client = record.namespace("client")?;
        plug(
            &switch,
            "out",
            "c0",
            &client,
            "eth0",
            CLIENT,
            [2, 0x77, 0, 0, 0, 2],
        )?;
        // Short connections by the ten thousand.
        client.sysctl("net/ipv4/ip_local_port_range", "1024 65000")?;
        client.sysctl("net/ipv4/tcp_tw_reuse", "1")?;

        let director = |name: &'static str, host: u8| -> Result<Director> {
            let ns = record.namespace(name)?;
            let (outside, inside) = (
                Ipv4Addr::new(10, 77, 0, host),
                Ipv4Addr::new(10, 78, 0, host),
            );
            let mac = [2, 0x77, 0, 0, 0, host];
            plug(
                &switch,
                "out",
                &format!("{name}-out"),
                &ns,
                "eth0",
                outside,
                mac,
            )?;
            plug(
                &switch,
                "in",
                &format!("{name}-in"),
                &ns,
                "eth1",
                inside,
                [2, 0x78, 0, 0, 0, host],
            )?;
            ns.sysctl("net/ipv4/ip_forward", "1")?;
            ns.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
            ns.sysctl("net/ipv4/conf/all/send_redirects", "0")?;
            let run = record.dir().join(name);
            fs::create_dir_all(&run)?;
            Ok(Director {
                name,
                ns,
                outside,
                inside,
                mac,
                run,
            })
        };
        let directors = [director("a", 3)?, director("b", 4)?];

        let real_server = |name: &'static str, host: u8| -> Result<RealServer> {
            let ns = record.namespace(name)?;
            let address = Ipv4Addr::new(10, 78, 0, host);
            plug(
                &switch,
                "in",
                name,
                &ns,
                "eth0",
                address,
                [2, 0x78, 0, 0, 0, host],
            )?;
            ns.ip(&format!("route add default via {GATEWAY}\n"))?;
            ns.sysctl("net/core/somaxconn", "4096")?;
            Ok(RealServer { name, ns, address })
        };
        let real_servers = [real_server("rs1", 11)?, real_server("rs2", 12)?];

        Ok(Self {
            client,
            directors,
            real_servers,
            switch,
            record: Arc::clone(record),
            _turn: turn,
        })
    }

    /// A directory that lives as long as the lab.
    pub fn dir(&self) -> &Path {
        self.record.dir()
    }

    /// Writes a file into [`Self::dir`].
    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Takes both links of a director down on the switches' side: it loses carrier, nothing it
    /// sends arrives anywhere.
    pub fn cut(&self, director: usize) -> Result<()> {
        self.set_ports(director, "down")
    }

    pub fn uncut(&self, director: usize) -> Result<()> {
        self.set_ports(director, "up")
    }

    /// As [`Self::cut`] for a real server: nothing refuses, nothing answers.
    pub fn cut_real_server(&self, index: usize) -> Result<()> {
        self.switch.ip(&format!(
            "link set {} down\n",
            self.real_servers[index].name
        ))
    }

    /// Keeps the directors from hearing each other on the outside: their links stay up, and the client hears both.
    pub fn part(&self, parted: bool) -> Result<()> {
        let state = if parted { "on" } else { "off" };
        let isolated = |it: &Director| {
            format!(
                "link set {}-out type bridge_slave isolated {state}\n",
                it.name
            )
        };
        self.switch
            .ip(&self.directors.each_ref().map(isolated).concat())
    }

    fn set_ports(&self, director: usize, state: &str) -> Result<()> {
        let name = self.directors[director].name;
        self.switch.ip(&format!(
            "link set {name}-out {state}\nlink set {name}-in {state}\n"
        ))
    }

    /// Starts nginx on a real server; its page names the server.
    pub fn start_real_server(&self, index: usize) -> Result<WebServer> {
        let server = &self.real_servers[index];
        WebServer::start(&server.ns, server.name, self.dir())
    }

    /// Command prefix for a human who looks around.
    pub fn namespace_names(&self) -> Vec<(&'static str, String)> {
        let mut names = vec![("client", self.client.name().to_owned())];
        names.extend(
            self.directors
                .iter()
                .map(|d| (d.name, d.ns.name().to_owned())),
        );
        names.extend(
            self.real_servers
                .iter()
                .map(|r| (r.name, r.ns.name().to_owned())),
        );
        names
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.record.tear_down();
    }
}

/// Joins `ns` to a bridge of the switch with a veth pair.
fn plug(
    switch: &Namespace,
    bridge: &str,
    port: &str,
    ns: &Namespace,
    interface: &str,
    address: Ipv4Addr,
    mac: [u8; 6],
) -> Result<()> {
    switch.ip(&format!(
        "link add {port} type veth peer name {interface} netns {}\nlink set {port} master {bridge} up\n",
        ns.name()
    ))?;
    let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
    ns.ip(&format!(
        "link set lo up\n\
         link set {interface} address {mac}\n\
         addr add {address}/24 brd + dev {interface}\n\
         link set {interface} up\n"
    ))
}
