//! The blocks of the dump of keepalived's checker process.

use std::collections::HashMap;

use crate::effective::Block;

use super::{CHECKER, REAL, VIRTUAL};

/// `Wed Nov 25 04:20:40 2026: `
const TIMESTAMP: usize = 26;

/// What the program has come to and not what it has read; and what it hands on to the checkers, where it is compared.
/// `Hashed` has no effect on IPVS.
const NOT_COMPARED: &[&str] = &[
    "Current weight",
    "Default delay before retry",
    "Enabled",
    "Has run",
    "Hashed",
    "Last ran",
    "Last status",
    "Regex ref count",
    "Reloaded",
    "Retries iterations",
    "Up",
    "alive",
    "effective weight",
    "num failed checkers",
    "previous effective_weight",
    "quorum_state_up",
    "reloaded",
    "RS set",
];

/// Settings of virtual and real servers that are nothing but the defaults of their checkers; and the virtual server's
/// `Inhibit on failure` is one of its real servers.
const OF_THE_CHECKERS: &[&str] = &[
    "alpha",
    "Alpha",
    "connection timeout",
    "delay_loop",
    "Delay loop",
    "Retry count",
    "Retry delay",
    "VirtualHost",
    "Warmup",
];

/// Virtual servers by address, their real servers and checkers, under the names that the log gives them.
///
/// Those of a mark or a group, and of IPv6, are not carried out by us and are left out with all of theirs.
pub(crate) fn dumped_services(text: &str) -> Vec<Block> {
    let mut dump = Dump::default();
    for line in text.lines().filter_map(|line| line.get(TIMESTAMP..)) {
        let words = line.trim();
        if !line.starts_with(' ') {
            // Messages of the program stand between the lines, too.
            if words.starts_with("------<") {
                dump.section(words);
            }
        } else if words.starts_with("------<") {
            dump.is_open = false;
        } else {
            dump.line(line.len() - line.trim_start().len(), words);
        }
    }
    dump.blocks.retain(|block| !block.name.is_empty());
    dump.blocks
}

#[derive(Debug, Default)]
struct Dump {
    blocks: Vec<Block>,
    section: String,
    /// Address and port of the virtual server.
    service: (String, String),
    /// Its name.
    name: String,
    is_open: bool,
    /// What the deeper lines are about.
    above: String,
    /// How many of a kind a real server, or a block, has had.
    counts: HashMap<String, usize>,
}

impl Dump {
    fn section(&mut self, words: &str) {
        self.is_open = false;
        self.section = words.to_owned();
    }

    fn open(&mut self, kind: &str, name: &str) {
        self.blocks.push(Block::new(kind, name));
        self.is_open = true;
        self.above.clear();
    }

    fn count(&mut self, of: &str) -> usize {
        let count = self.counts.entry(of.to_owned()).or_default();
        *count += 1;
        *count
    }

    fn line(&mut self, depth: usize, words: &str) {
        if self.section.contains("Health checkers") {
            match words.split_once(" -> ") {
                Some((service, server)) if depth == 1 => {
                    let name = format!("{service} -> {server}");
                    self.open(CHECKER, if is_ours(service) { &name } else { "" });
                }
                _ => self.field(depth, words),
            }
        } else if self.section.contains("LVS Topology") {
            if let Some(address) = words.strip_prefix("VS VIP = ") {
                let (address, port) = address.split_once(", VPORT = ").unwrap_or((address, ""));
                self.service = (address.to_owned(), port.to_owned());
                // The protocol follows.
                self.open(VIRTUAL, "");
            } else if words.starts_with("VS GROUP") || words.starts_with("VS FWMARK") {
                self.service = (String::new(), String::new());
                self.name.clear();
                self.open(VIRTUAL, "");
            } else if let Some(server) = words.strip_prefix("RIP = ") {
                let server = server.split(", WEIGHT").next().unwrap_or(server);
                let (address, port) = server.split_once(", RPORT = ").unwrap_or((server, ""));
                let name = match self.name.as_str() {
                    "" => String::new(),
                    service => format!("{service} -> {}", self.log_name(address, port)),
                };
                self.open(REAL, &name);
            } else {
                self.field(depth, words);
            }
        }
    }

    fn log_name(&self, address: &str, port: &str) -> String {
        let protocol = self.name.rsplit(':').nth(1).unwrap_or_default();
        format!("[{address}]:{protocol}:{port}")
    }

    fn field(&mut self, depth: usize, words: &str) {
        if !self.is_open {
            return;
        }
        let (field, value) = words
            .split_once(" = ")
            .or_else(|| words.split_once(" is "))
            .unwrap_or((words, "yes"));
        let Some(kind) = self.blocks.last().map(|block| block.kind.clone()) else {
            return;
        };
        let is_handed_on = match kind.as_str() {
            CHECKER => false,
            VIRTUAL if depth == 3 && field == "Inhibit on failure" => true,
            _ => OF_THE_CHECKERS.contains(&field),
        };
        if NOT_COMPARED.contains(&field) || is_handed_on {
            return;
        }
        let mut fields = vec![(field.to_owned(), value.to_owned())];
        match field {
            "protocol" if kind == VIRTUAL && !self.service.0.is_empty() => {
                let (address, port) = &self.service;
                self.name = format!("[{address}]:{}:{port}", value.to_lowercase());
                if !is_ours(&self.name) {
                    self.name.clear();
                }
            }
            "quorum" => {
                let (quorum, hysteresis) = value.split_once(", hysteresis = ").unwrap_or_default();
                fields = vec![
                    ("quorum".to_owned(), quorum.to_owned()),
                    ("hysteresis".to_owned(), hysteresis.to_owned()),
                ];
            }
            "Keepalive method" => {
                let (method, protocol) =
                    value.split_once(", http protocol ").unwrap_or((value, ""));
                fields = vec![("Keepalive method".to_owned(), method.to_owned())];
                if !protocol.is_empty() {
                    fields.push(("http protocol".to_owned(), protocol.to_owned()));
                }
                let name = self.blocks.last().map(|it| it.name.clone());
                let name = name.filter(|name| !name.is_empty());
                if let Some(name) = name {
                    // Ours are in order for each kind.
                    let name = format!("{name} {method}");
                    let number = self.count(&name);
                    if let Some(block) = self.blocks.last_mut() {
                        block.name = format!("{name} {number}");
                    }
                }
            }
            "Enable SNI set" | "Fast recovery set" | "Enable SNI unset" | "Fast recovery unset" => {
                let (field, value) = field.rsplit_once(' ').unwrap_or_default();
                fields = vec![(field.to_owned(), value.to_owned())];
            }
            "Connection" | "HTTP Status Code(s)" | "Regex options:" => return,
            _ => {}
        }
        let name = self.name.clone();
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        if field == "protocol" && kind == VIRTUAL {
            block.name = name;
        }
        if depth == 3 {
            self.above = match field {
                "Checked url" => {
                    let numbers = block.values.keys();
                    let number = numbers.filter(|it| it.starts_with("Checked url ")).count() + 1;
                    fields = vec![(format!("Checked url {number}"), value.to_owned())];
                    format!("of url {number}")
                }
                "sorry server" => "of the sorry server".to_owned(),
                "Tracked Files" => {
                    fields.clear();
                    "tracked".to_owned()
                }
                _ => String::new(),
            };
        } else if depth == 7 {
            // Status codes.
            let field = format!("status codes {}", self.above);
            let known = block.values.get(&field).map(|it| format!("{it} "));
            fields = vec![(field, format!("{}{words}", known.unwrap_or_default()))];
        } else if !self.above.is_empty() {
            fields = vec![(format!("{field} {}", self.above), value.to_owned())];
        }
        for (field, value) in fields {
            block.set(&field, value);
        }
    }
}

/// `[ADDRESS]:PROTOCOL:PORT`, of IPv4.
fn is_ours(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|it| it.split_once(']'));
    address.is_some_and(|(address, _)| address.parse::<std::net::Ipv4Addr>().is_ok())
}
