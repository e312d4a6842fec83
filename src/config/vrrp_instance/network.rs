//! Rows of `vrrp_instance` about what it brings to this node as MASTER: addresses, routes, rules, and what is
//! announced.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::VrrpInstance;
use super::draft::Draft;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::entry::EntryList;
use crate::config::keyword::{Arguments, Keyword, Shape};
use crate::config::static_network::{resolve_route, resolve_rule};
use crate::config::{addresses, routes, rules};

const ADDRESS_ENTRY: &str = "ADDRESS[/PREFIX] [dev IF] [scope SCOPE] [brd ADDRESS] [label LABEL] [peer ADDRESS[/PREFIX]] [home] [-nodad] [mngtmpaddr] [noprefixroute] [autojoin] [no_track] [preferred_lft SECONDS|forever] [use_vmac]";

/// `garp_extra_if [all] SECONDS`: gratuitous ARP, again and again, on interfaces other than the instance's that hold
/// its addresses.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct GarpExtraIf {
    /// Also on the instance's own interface.
    pub all: bool,
    /// Zero: not at all.
    pub interval: Duration,
}

/// Rows of `vrrp_instance`.
pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword::new(
        "virtual_ipaddress",
        Shape::List(ADDRESS_ENTRY),
        "",
        |draft, arguments| {
            let list = EntryList::Virtual;
            let entries = addresses::entries(arguments.block(), list, arguments.reader());
            draft.virtual_ipaddress.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "virtual_ipaddress_excluded",
        Shape::List(ADDRESS_ENTRY),
        "",
        |draft, arguments| {
            let list = EntryList::Virtual;
            let entries = addresses::entries(arguments.block(), list, arguments.reader());
            draft.virtual_ipaddress_excluded.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "virtual_routes",
        Shape::List("a route"),
        "",
        |draft, arguments| {
            let list = EntryList::Virtual;
            let entries = routes::entries(arguments.block(), list, arguments.reader());
            draft.virtual_routes.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "virtual_rules",
        Shape::List("a rule"),
        "",
        |draft, arguments| {
            let list = EntryList::Virtual;
            let entries = rules::entries(arguments.block(), list, arguments.reader());
            draft.virtual_rules.extend(entries);
            Ok(())
        },
    ),
    Keyword::new(
        "promote_secondaries",
        Shape::Flag,
        "off",
        |draft, arguments| {
            draft.promote_secondaries = Some(arguments.keyword_span());
            Ok(())
        },
    ),
    Keyword::new("accept", Shape::Flag, "on", |draft, _| {
        draft.accept = Some(true);
        Ok(())
    }),
    Keyword::new("no_accept", Shape::Flag, "off", |draft, _| {
        draft.accept = Some(false);
        Ok(())
    }),
    Keyword::new(
        "garp_extra_if",
        Shape::Words("[all] SECONDS"),
        "vrrp_garp_extra_if",
        |draft: &mut Draft, arguments| {
            draft.garp.extra_if = Some(garp_extra_if(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vmac_garp_intvl",
        Shape::Words("[all] SECONDS"),
        "",
        |draft: &mut Draft, arguments| {
            draft.garp.extra_if = Some(garp_extra_if(arguments)?);
            Ok(())
        },
    )
    .deprecated("garp_extra_if"),
];

/// `[all] SECONDS`
pub(crate) fn garp_extra_if(arguments: &mut Arguments<'_>) -> Result<GarpExtraIf, Finding> {
    const SECONDS: Shape = Shape::number(0, 86_400);
    let mut word = arguments.word()?;
    let all = word.text == "all";
    if all {
        let Some(seconds) = arguments.next_word() else {
            let message = format!(
                "'{}' specified without time - ignoring",
                arguments.keyword().value
            );
            return Err(Finding::new(Code::InvalidValue, arguments.span(), message)
                .expected(SECONDS.expected()));
        };
        word = seconds;
    }
    let seconds = arguments.number_in(word, &SECONDS)?;
    Ok(GarpExtraIf {
        all,
        interval: Duration::from_secs(seconds),
    })
}

impl Draft {
    /// Routes, rules and the interface with the virtual MAC address.
    pub(super) fn set_network(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        let routes = self.virtual_routes.iter();
        instance.virtual_routes = routes.map(|it| resolve_route(it, context)).collect();
        let rules = self.virtual_rules.iter();
        instance.virtual_rules = rules.map(|it| resolve_rule(it, context)).collect();
        if let (Some(span), Some(_)) = (self.promote_secondaries, &self.vmac.use_vmac) {
            let message = format!(
                "({}) promote_secondaries is automatically set for vmacs - ignoring",
                self.name.value
            );
            context.complain(Finding::new(Code::Redundant, span, message));
        }
        instance.promote_secondaries = self.promote_secondaries.is_some();
        instance.linkbeat_use_polling = self.linkbeat_use_polling;
        instance.track_src_ip = self.track_src_ip;
        instance.kernel_rx_buf_size = self.kernel_rx_buf_size;
        // The owner's addresses are its own (RFC 5798 §6.1).
        instance.accept = self.accept.unwrap_or(true) || instance.priority.is_owner();
        instance.use_vmac = self
            .vmac
            .resolve(instance.virtual_router_id, instance.family());
        self.vmac.set_ipvlan(instance, context);
        instance.use_vmac_addr = self.vmac.use_vmac_addr;
        if let (Some(vmac), None) = (&self.vmac.use_vmac, self.vmac.vmac_xmit_base)
            && !instance.unicast_peer.is_empty()
            && !self.is_unicast_without_interface()
        {
            instance.vmac_xmit_base = true;
            let message = format!(
                "({}) unicast with use_vmac requires vmac_xmit_base - setting",
                self.name.value
            );
            context.complain(Finding::new(Code::Defaulted, vmac.span, message));
        }
        if let Some(span) = self.vmac.vmac_xmit_base {
            // keepalived: the other way round makes no sense.
            if instance.use_vmac.is_some() || instance.use_ipvlan.is_some() {
                instance.vmac_xmit_base = true;
            } else {
                let message = format!(
                    "({}) vmac_xmit_base is only used with 'use_vmac' - ignoring",
                    self.name.value
                );
                context.complain(Finding::new(Code::Conflict, span, message));
            }
        }
    }
}
