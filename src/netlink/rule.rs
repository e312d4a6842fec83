//! Rules as `fib_rule_hdr` messages (`linux/fib_rules.h`), and the verbs that add and delete them.

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::RouteRealm;
use netlink_packet_route::rule::{
    RuleAction as Action, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};

use super::error::{Attempted, NetlinkError};
use super::handle::Handle;
use super::route::{Added, Deleted, family};
use crate::types::{Rule, RuleAction};

/// FRA_IP_PROTO, which the library knows under names only.
const FRA_IP_PROTO: u16 = 22;

impl Handle {
    pub async fn add_rule(&self, rule: &Rule) -> Result<Added, NetlinkError> {
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewRule(rule_message(rule)));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        match self.ask(request).await {
            Ok(()) => Ok(Added::Added),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Added::WasThere),
            Err(error) => {
                let attempted = Attempted::AddRule(Box::new(rule.clone()));
                Err(NetlinkError::new(attempted, error))
            }
        }
    }

    /// Deletes exactly this rule; one of another protocol is not ours and stays.
    pub async fn delete_rule(&self, rule: &Rule) -> Result<Deleted, NetlinkError> {
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelRule(rule_message(rule)));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        match self.ask(request).await {
            Ok(()) => Ok(Deleted::Deleted),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Deleted::WasNotThere),
            Err(error) => {
                let attempted = Attempted::DeleteRule(Box::new(rule.clone()));
                Err(NetlinkError::new(attempted, error))
            }
        }
    }
}

fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family(rule.family);
    header.src_len = rule.from.map_or(0, |from| from.prefix_len);
    header.dst_len = rule.to.map_or(0, |to| to.prefix_len);
    header.tos = rule.tos.unwrap_or(0);
    header.flags.set(RuleFlags::Invert, rule.is_inverted);
    header.action = match rule.action {
        RuleAction::Lookup(_) => Action::ToTable,
        RuleAction::Goto(_) => Action::Goto,
        RuleAction::Nop => Action::Nop,
        RuleAction::Blackhole => Action::Blackhole,
        RuleAction::Unreachable => Action::Unreachable,
        RuleAction::Prohibit => Action::Prohibit,
    };
    let attributes = &mut message.attributes;
    let network = |prefix: crate::types::IpPrefix| prefix.network().address;
    attributes.extend(rule.from.map(network).map(RuleAttribute::Source));
    attributes.extend(rule.to.map(network).map(RuleAttribute::Destination));
    attributes.push(RuleAttribute::Priority(rule.preference));
    let name = |name: &crate::types::InterfaceName| name.as_str().to_owned();
    attributes.extend(rule.iif.as_ref().map(name).map(RuleAttribute::Iifname));
    attributes.extend(rule.oif.as_ref().map(name).map(RuleAttribute::Oifname));
    attributes.extend(rule.fwmark.map(RuleAttribute::FwMark));
    attributes.extend(rule.fwmask.map(RuleAttribute::FwMask));
    attributes.extend(rule.realms.map(|realms| {
        RuleAttribute::Realm(RouteRealm {
            source: u16::try_from(realms >> 16).unwrap_or(u16::MAX),
            destination: u16::try_from(realms & 0xffff).unwrap_or(u16::MAX),
        })
    }));
    attributes.extend(rule.tunnel_id.map(RuleAttribute::TunId));
    attributes.extend(rule.suppress_ifgroup.map(RuleAttribute::SuppressIfGroup));
    let suppress = rule.suppress_prefixlength;
    attributes.extend(suppress.map(RuleAttribute::SuppressPrefixLen));
    attributes.extend(rule.uidrange.map(|range| {
        RuleAttribute::UidRange(RuleUidRange {
            start: range.first,
            end: range.last,
        })
    }));
    attributes.extend(
        rule.ipproto
            .map(|protocol| RuleAttribute::Other(DefaultNla::new(FRA_IP_PROTO, vec![protocol]))),
    );
    let ports = |range: crate::types::NumberRange<u16>| RulePortRange {
        start: range.first,
        end: range.last,
    };
    let (sport, dport) = (rule.sport.map(ports), rule.dport.map(ports));
    attributes.extend(sport.map(RuleAttribute::SourcePortRange));
    attributes.extend(dport.map(RuleAttribute::DestinationPortRange));
    if rule.l3mdev {
        attributes.push(RuleAttribute::L3MDev(true));
    }
    match rule.action {
        RuleAction::Lookup(Some(table)) => {
            header.table = u8::try_from(table).unwrap_or(0);
            attributes.push(RuleAttribute::Table(table));
        }
        RuleAction::Goto(preference) => attributes.push(RuleAttribute::Goto(preference)),
        RuleAction::Lookup(None)
        | RuleAction::Nop
        | RuleAction::Blackhole
        | RuleAction::Unreachable
        | RuleAction::Prohibit => {}
    }
    attributes.push(RuleAttribute::Protocol(rule.protocol.into()));
    message
}
