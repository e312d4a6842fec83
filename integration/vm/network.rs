//! A client, two directors' places and two real servers on one bridge, as network namespaces of the guest.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};

/// Host part of each one's addresses in 10.0.0.0/24 and fd00::/64.
const HOSTS: [(&str, u8); 4] = [("director", 1), ("client", 3), ("r1", 4), ("r2", 5)];

/// 100 is for NAT, the others are on the real servers too.
const VIRTUAL: [u8; 4] = [100, 101, 102, 103];

/// Ends its servers with it; the namespaces end with the guest.
pub(crate) struct Network {
    servers: Vec<Child>,
}

/// This thread alone, with loopback up.
pub(crate) fn enter_a_new_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).expect("root may");
    run("ip link set lo up");
}

impl Network {
    /// Both real servers answer when this returns.
    pub(crate) fn new() -> Self {
        for module in [
            "ipv6",
            "bridge",
            "veth",
            "ipip",
            "iptable_nat",
            "xt_MASQUERADE",
            "xt_ipvs",
        ] {
            run(&format!("modprobe {module}"));
        }
        run("modprobe ip_vs");
        run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0");
        run("ip link add br0 type bridge");
        run("ip link set br0 up");
        for (name, host) in HOSTS {
            run(&format!("ip netns add {name}"));
            run(&format!(
                "ip link add v{name} type veth peer name eth0 netns {name}"
            ));
            run(&format!("ip link set v{name} master br0 up"));
            run(&format!("ip -n {name} link set lo up"));
            run(&format!("ip -n {name} link set eth0 up"));
            run(&format!("ip -n {name} addr add 10.0.0.{host}/24 dev eth0"));
            run(&format!(
                "ip -n {name} addr add fd00::{host}/64 dev eth0 nodad"
            ));
        }
        director();
        for name in ["r1", "r2"] {
            real_server(name);
        }
        let servers = ["r1", "r2"]
            .into_iter()
            .flat_map(|name| [serve(name, "80"), serve(name, "[::]:81")]);
        let network = Self {
            servers: servers.collect(),
        };
        for url in [
            "http://10.0.0.4/",
            "http://10.0.0.5/",
            "http://[fd00::4]:81/",
            "http://[fd00::5]:81/",
        ] {
            network.wait_for(url);
        }
        network
    }

    /// This thread is in the director's namespace afterwards.
    pub(crate) fn enter_director(&self) {
        let namespace = File::open("/run/netns/director").expect("the director's namespace");
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may");
    }

    /// What `count` requests of the client were answered, in order of name.
    pub(crate) fn answers(&self, url: &str, count: usize) -> Vec<String> {
        let mut answers: Vec<String> = (0..count)
            .map(|_| get(url).unwrap_or_else(|error| panic!("{url}: {error}")))
            .collect();
        answers.sort();
        answers
    }

    fn wait_for(&self, url: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = get(url) {
            assert!(Instant::now() < deadline, "{url}: {error}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for server in &mut self.servers {
            drop(server.kill());
            drop(server.wait());
        }
    }
}

fn director() {
    let sysctls = "net.ipv4.ip_forward=1 net.ipv4.vs.conntrack=1 net.ipv6.conf.all.forwarding=1";
    run(&format!("ip netns exec director sysctl -qw {sysctls}"));
    for host in VIRTUAL {
        run(&format!(
            "ip -n director addr add 10.0.0.{host}/32 dev eth0"
        ));
        run(&format!(
            "ip -n director addr add fd00::{host}/128 dev eth0 nodad"
        ));
    }
    // Real servers and client are on one subnet: without this, answers would not come back this way.
    run(
        "ip netns exec director iptables-legacy -t nat -A POSTROUTING -m ipvs --vaddr 10.0.0.100 -j MASQUERADE",
    );
}

fn real_server(name: &str) {
    let sysctls = "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.eth0.arp_ignore=1 \
                   net.ipv4.conf.all.arp_announce=2 net.ipv4.conf.all.rp_filter=0";
    run(&format!("ip netns exec {name} sysctl -qw {sysctls}"));
    for host in &VIRTUAL[1..] {
        run(&format!("ip -n {name} addr add 10.0.0.{host}/32 dev lo"));
        run(&format!("ip -n {name} addr add fd00::{host}/128 dev lo"));
    }
    run(&format!("ip -n {name} link set tunl0 up"));
    run(&format!(
        "ip netns exec {name} sysctl -qw net.ipv4.conf.tunl0.rp_filter=0"
    ));
    std::fs::create_dir_all(format!("/tmp/{name}")).expect("a folder");
    std::fs::write(format!("/tmp/{name}/index.html"), name).expect("a page");
}

fn serve(name: &str, port: &str) -> Child {
    Command::new("ip")
        .args([
            "netns", "exec", name, "busybox", "httpd", "-f", "-p", port, "-h",
        ])
        .arg(format!("/tmp/{name}"))
        .stdin(Stdio::null())
        .spawn()
        .expect("busybox httpd")
}

fn get(url: &str) -> Result<String, String> {
    let output = Command::new("ip")
        .args([
            "netns", "exec", "client", "curl", "-g", "-sS", "-m", "5", url,
        ])
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// No word has a blank in it.
fn run(command: &str) {
    let mut words = command.split_whitespace();
    let program = words.next().expect("a program");
    let status = Command::new(program).args(words).status().expect(program);
    assert!(status.success(), "{command}: {status}");
}
