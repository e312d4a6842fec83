//! Keywords of `global_defs` about the VRRP child as a whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::diagnostic::Finding;
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, Shape};

/// Settings of the VRRP child that are not defaults of instances.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Vrrp {
    /// VRRP takes part only this long after the machine started.
    pub vrrp_delay_after_boot: Duration,
    /// Adverts with a VRID that nobody has are logged.
    pub log_unknown_vrids: bool,
    /// IGMP of virtual MAC interfaces is left as it is.
    pub disable_local_igmp: bool,
    /// What receive buffers are made for; empty: the kernel's.
    pub vrrp_rx_bufs_policy: Vec<RxBufsPolicy>,
    /// Adverts that a receive buffer holds, default 3.
    pub vrrp_rx_bufs_multiplier: u32,
    /// What the names of virtual MAC interfaces begin with, default `vrrp`.
    pub vmac_prefix: String,
    /// The same of those for addresses, default `vmac_prefix`.
    pub vmac_addr_prefix: Option<String>,
}

impl Vrrp {
    pub(crate) fn vmac_addr_prefix(&self) -> &str {
        self.vmac_addr_prefix.as_ref().unwrap_or(&self.vmac_prefix)
    }
}

/// A word of `vrrp_rx_bufs_policy`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum RxBufsPolicy {
    /// Datagrams as large as the MTU.
    Mtu,
    /// Adverts as large as ours.
    Advert,
    Octets(u32),
}

impl Default for Vrrp {
    fn default() -> Self {
        Self {
            vrrp_delay_after_boot: Duration::ZERO,
            log_unknown_vrids: false,
            disable_local_igmp: false,
            vrrp_rx_bufs_policy: Vec::new(),
            vrrp_rx_bufs_multiplier: 3,
            vmac_prefix: "vrrp".to_owned(),
            vmac_addr_prefix: None,
        }
    }
}

const BYTES: Shape = Shape::number(1, NO_LIMIT);

pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::new(
        "vmac_prefix",
        Shape::Word("a name"),
        "vrrp",
        |draft, arguments| {
            draft.defs.vrrp.vmac_prefix = arguments.text()?.value;
            Ok(())
        },
    ),
    Keyword::new(
        "vmac_addr_prefix",
        Shape::Word("a name"),
        "vmac_prefix",
        |draft, arguments| arguments.fill(&mut draft.defs.vrrp.vmac_addr_prefix),
    ),
    Keyword::new(
        "vrrp_delay_after_boot",
        Shape::any_seconds(),
        "0",
        |draft, arguments| arguments.fill(&mut draft.defs.vrrp.vrrp_delay_after_boot),
    ),
    Keyword::new(
        "log_unknown_vrids",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.vrrp.log_unknown_vrids),
    ),
    Keyword::pending_but_read(
        "disable_local_igmp",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.vrrp.disable_local_igmp),
    ),
    Keyword::new(
        "vrrp_rx_bufs_policy",
        Shape::Words("MTU, ADVERT or octets"),
        "1 MiB, and more only where this asks for it",
        rx_bufs_policy,
    ),
    Keyword::new(
        "vrrp_rx_bufs_multiplier",
        Shape::number(1, NO_LIMIT),
        "3",
        |draft, arguments| arguments.fill(&mut draft.defs.vrrp.vrrp_rx_bufs_multiplier),
    ),
];

impl Vrrp {
    /// Octets of a receive buffer that the policy asks for; 0 where it says nothing. No advert is longer than the
    /// longest IP packet, so that stands for both kinds.
    pub fn rx_buffer(&self) -> u32 {
        const LONGEST_PACKET: u32 = 65_536;
        let each = self.vrrp_rx_bufs_policy.iter().map(|policy| match policy {
            RxBufsPolicy::Mtu | RxBufsPolicy::Advert => {
                LONGEST_PACKET.saturating_mul(self.vrrp_rx_bufs_multiplier)
            }
            RxBufsPolicy::Octets(octets) => *octets,
        });
        each.max().unwrap_or(0)
    }
}

fn rx_bufs_policy(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut policy = Vec::new();
    while let Some(word) = arguments.next_word() {
        policy.push(match word.text {
            "MTU" => RxBufsPolicy::Mtu,
            "ADVERT" => RxBufsPolicy::Advert,
            _ => RxBufsPolicy::Octets(arguments.number_in(word, &BYTES)?),
        });
    }
    draft.defs.vrrp.vrrp_rx_bufs_policy = policy;
    Ok(())
}
