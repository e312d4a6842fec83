//! Keywords of `global_defs` about packet filters: `no_accept` and virtual server groups need them.

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, Shape};
use crate::config::lexer::Word;

/// Which tables and chains are ours.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Firewall {
    /// Chains of iptables for packets that come in and go out; `None`: iptables is not used.
    pub vrrp_iptables: Option<IptablesChains>,
    /// Names of sets; empty: no sets.
    pub vrrp_ipsets: Vec<String>,
    /// Table of nftables; `None`: one is used where it is needed.
    pub nftables: Option<String>,
    /// Of the chains in it, default -1.
    pub nftables_priority: i32,
    pub nftables_counters: bool,
    /// Table that turns a group of addresses into one firewall mark; `None`: each address is a service.
    pub nftables_ipvs: Option<String>,
    /// Default -1.
    pub nftables_ipvs_priority: i32,
    /// First mark, default 1000.
    pub nftables_ipvs_start_fwmark: u32,
}

/// Keyword `vrrp_iptables`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IptablesChains {
    pub input: String,
    /// `None`: packets that go out are not filtered.
    pub output: Option<String>,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            vrrp_iptables: None,
            vrrp_ipsets: Vec::new(),
            nftables: None,
            nftables_priority: -1,
            nftables_counters: false,
            nftables_ipvs: None,
            nftables_ipvs_priority: -1,
            nftables_ipvs_start_fwmark: 1000,
        }
    }
}

const PRIORITY: Shape = Shape::number(i32::MIN as i64, i32::MAX as i64);
/// iptables: XT_EXTENSION_MAXNAMELEN.
const MAX_CHAIN_BYTES: usize = 28;
/// ipset: IPSET_MAXNAMELEN without its end.
const MAX_SET_BYTES: usize = 31;

pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::pending_but_read(
        "vrrp_iptables",
        Shape::Optional("[IN [OUT]] chains"),
        "not used; INPUT OUTPUT without chains",
        vrrp_iptables,
    ),
    Keyword::pending_but_read(
        "vrrp_ipsets",
        Shape::Optional("names of sets"),
        "none",
        vrrp_ipsets,
    ),
    Keyword::new(
        "nftables",
        Shape::Optional("a table"),
        "keepalived",
        |draft, arguments| {
            draft.defs.firewall.nftables = Some(table(arguments, "keepalived"));
            Ok(())
        },
    ),
    Keyword::new("nftables_priority", PRIORITY, "-1", |draft, arguments| {
        arguments.fill(&mut draft.defs.firewall.nftables_priority)
    }),
    Keyword::without_effect("nftables_ifindex", Shape::Flag)
        .because("the rules match addresses, on whatever interface they are"),
    Keyword::new(
        "nftables_counters",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.firewall.nftables_counters),
    ),
    Keyword::pending_but_read(
        "nftables_ipvs",
        Shape::Optional("a table"),
        "off; keepalived_ipvs without a table",
        |draft, arguments| {
            draft.defs.firewall.nftables_ipvs = Some(table(arguments, "keepalived_ipvs"));
            Ok(())
        },
    ),
    Keyword::pending_but_read(
        "nftables_ipvs_priority",
        PRIORITY,
        "-1",
        |draft, arguments| arguments.fill(&mut draft.defs.firewall.nftables_ipvs_priority),
    ),
    Keyword::pending_but_read(
        "nftables_ipvs_start_fwmark",
        Shape::number(1, NO_LIMIT),
        "1000",
        |draft, arguments| arguments.fill(&mut draft.defs.firewall.nftables_ipvs_start_fwmark),
    ),
];

fn vrrp_iptables(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let chain = |word: Word<'_>| name(word, MAX_CHAIN_BYTES);
    let input = arguments.next_word().map(chain).transpose()?;
    let output = arguments.next_word().map(chain).transpose()?;
    draft.defs.firewall.vrrp_iptables = Some(match input {
        None => IptablesChains {
            input: "INPUT".to_owned(),
            output: Some("OUTPUT".to_owned()),
        },
        Some(input) => IptablesChains { input, output },
    });
    Ok(())
}

fn vrrp_ipsets(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut sets = Vec::new();
    while let Some(word) = arguments.next_word() {
        sets.push(name(word, MAX_SET_BYTES)?);
    }
    draft.defs.firewall.vrrp_ipsets = sets;
    Ok(())
}

fn name(word: Word<'_>, most: usize) -> Result<String, Finding> {
    if word.text.len() > most {
        let message = format!("'{}' is too long for a name", word.text);
        let finding = Finding::new(Code::OutOfRange, word.span, message);
        return Err(finding.expected(format!("at most {most} characters")));
    }
    Ok(word.text.to_owned())
}

fn table(arguments: &mut Arguments<'_>, default: &str) -> String {
    let word = arguments.next_word();
    word.map_or(default, |word| word.text).to_owned()
}
