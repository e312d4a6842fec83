//! From what is written to a [`VrrpInstance`]: defaults, global settings, rules within one instance
//! (keepalived: vrrp_complete_instance).

use std::net::IpAddr;
use std::time::Duration;

use super::draft::Draft;
use super::{Authentication, InitialState, TrackInterface, TrackScript, VrrpInstance};
use crate::config::consistency::{Context, TrackKind};
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::Spanned;
use crate::config::lines::Span;
use crate::types::{AddressFamily, AdvertInterval, InterfaceName, Priority, Vrid, VrrpVersion};

impl Draft {
    /// `None` with a complaint where the instance cannot take part.
    pub(crate) fn resolve(&self, context: &mut Context<'_>) -> Option<VrrpInstance> {
        let mut is_left_out = !self.has_interface(context);
        let vrid = self.required_vrid(context);
        // What cannot take part is looked over all the same, so that all its mistakes are said at once.
        let mut instance = self.outline()?;
        self.set_election(&mut instance, context);
        self.set_protocol(&mut instance, context);
        if let Some(block) = &self.auth_hmac {
            instance.auth_hmac = block.resolve(&self.name.value, instance.advert_int, context);
            is_left_out |= instance.auth_hmac.is_none();
        }
        self.set_addresses(&mut instance, context);
        self.set_network(&mut instance, context);
        self.set_without_interface(&mut instance, context);
        self.set_tracking(&mut instance, context);
        instance.garp = self.garp.resolve(context.globals.garp);
        if self.is_strict(context) {
            self.be_strict(&mut instance, context);
        }
        self.advise_down_timer(&instance, context);
        instance.notify = self.notify.resolve(&mut context.scripts, context.findings);
        let globals = context.globals;
        instance.notify_priority_changes = self
            .notify
            .notify_priority_changes
            .unwrap_or(globals.vrrp_notify_priority_changes);
        instance.smtp_alert = self
            .notify
            .smtp_alert
            .unwrap_or_else(|| globals.smtp.vrrp_default());
        (!is_left_out && vrid.is_some()).then_some(instance)
    }

    /// The instance with defaults; what it lacks has a stand-in.
    fn outline(&self) -> Option<VrrpInstance> {
        let interface = match (&self.interface, self.stand_in()) {
            (Some(interface), _) => interface.value.clone(),
            (None, Some(stand_in)) => stand_in,
            (None, None) => InterfaceName::new("lo").ok()?,
        };
        let vrid = match self.virtual_router_id {
            Some(vrid) => vrid.value,
            None => Vrid::new(1).ok()?,
        };
        Some(VrrpInstance::new(&self.name.value, interface, vrid))
    }

    pub(super) fn is_strict(&self, context: &Context<'_>) -> bool {
        self.strict_mode.unwrap_or(context.globals.vrrp_strict)
    }

    fn has_interface(&self, context: &mut Context<'_>) -> bool {
        let Some(interface) = &self.interface else {
            if self.refused_interface || self.is_unicast_without_interface() {
                return !self.refused_interface;
            }
            let message = format!("({}) has no 'interface'", self.name.value);
            let finding = Finding::new(Code::MissingKeyword, self.name.span, message)
                .unless_misread(self.name.span, "interface");
            context.complain(finding.help("'interface NAME' says where its adverts go"));
            return false;
        };
        context.require_interface(interface);
        true
    }

    fn required_vrid(&self, context: &mut Context<'_>) -> Option<Spanned<Vrid>> {
        if self.virtual_router_id.is_none() && !self.refused_virtual_router_id {
            let message = format!("({}) the virtual router id must be set", self.name.value);
            let finding = Finding::new(Code::MissingKeyword, self.name.span, message)
                .unless_misread(self.name.span, "virtual_router_id");
            context.complain(finding.help("'virtual_router_id NUMBER', from 1 to 255"));
        }
        self.virtual_router_id
    }

    /// State, priority, preemption.
    fn set_election(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        let master = self
            .state
            .is_some_and(|state| state.value == InitialState::Master);
        // keepalived: MASTER without a priority is the owner.
        let default = if master {
            Priority::OWNER
        } else {
            Priority::DEFAULT
        };
        instance.priority = self.priority.unwrap_or(default);
        if let (Some(state), None, true) = (self.state, self.priority, master) {
            let message = format!(
                "({}) 'state MASTER' without a 'priority' makes this node the address owner, 255",
                instance.name
            );
            let finding = Finding::new(Code::Advice, state.span, message);
            context.complain(finding.help("write the priority; an owner takes over from anybody"));
        }
        instance.state = if master || (self.state.is_none() && instance.priority.is_owner()) {
            InitialState::Master
        } else {
            InitialState::Backup
        };
        instance.preempt = self.nopreempt.is_none();
        instance.preempt_delay = self
            .preempt_delay
            .map_or(Duration::ZERO, |delay| delay.value);
        let never = instance.state == InitialState::Master || instance.priority.is_owner();
        let why = if instance.priority.is_owner() && !master {
            "with priority 255"
        } else {
            "with initial state MASTER"
        };
        if let (Some(span), true) = (self.nopreempt, never) {
            self.clear(context, span, &format!("nopreempt will not work {why}"));
            instance.preempt = true;
        }
        if let Some(delay) = self.preempt_delay.filter(|delay| !delay.value.is_zero()) {
            if never {
                self.clear(
                    context,
                    delay.span,
                    &format!("preempt delay will not work {why}"),
                );
                instance.preempt_delay = Duration::ZERO;
            } else if !instance.preempt {
                self.clear(
                    context,
                    delay.span,
                    "preempt_delay does nothing with nopreempt",
                );
                instance.preempt_delay = Duration::ZERO;
            }
        }
    }

    /// The lease of a master has to outlive its next advert, and the peer waits no longer than that.
    fn advise_down_timer(&self, instance: &VrrpInstance, context: &mut Context<'_>) {
        if instance.down_timer_adverts == 1 {
            let message = format!(
                "({}) with 'down_timer_adverts 1' a node that hangs may keep its addresses until after a peer has taken over",
                instance.name
            );
            let finding = Finding::new(Code::Advice, self.name.span, message);
            context.complain(finding.help("from 2 on they are taken away before"));
        }
    }

    fn clear(&self, context: &mut Context<'_>, span: Span, what: &str) {
        let message = format!("({}) {what} - clearing", self.name.value);
        context.complain(Finding::new(Code::Conflict, span, message));
    }

    /// Version, interval, authentication, addresses of the protocol.
    fn set_protocol(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        instance.version = match (self.version, self.family()) {
            (Some(version), AddressFamily::Inet6)
                if version.value == VrrpVersion::V2 && self.is_strict(context) =>
            {
                let message = format!(
                    "({}) cannot use IPv6 with VRRP version 2; setting version 3",
                    self.name.value
                );
                context.complain(Finding::new(Code::Conflict, version.span, message));
                VrrpVersion::V3
            }
            (Some(version), _) => version.value,
            (None, AddressFamily::Inet) => context.globals.vrrp_version.unwrap_or_default(),
            // keepalived: vrrp_version is about IPv4.
            (None, AddressFamily::Inet6) => VrrpVersion::V3,
        };
        instance.native_ipv6 = self.native_ipv6;
        if let Some(advert_int) = self.advert_int {
            instance.advert_int = self.rounded(advert_int, instance.version, context);
        }
        if let Some(block) = &self.authentication {
            instance.authentication = self.authenticate(block, instance.version, context);
        }
        self.set_ah_state(instance, context);
        self.set_unicast(instance, context);
        let globals = &context.globals;
        instance.down_timer_adverts = self
            .down_timer_adverts
            .unwrap_or(globals.vrrp_down_timer_adverts);
        instance.lower_prio_no_advert = self
            .lower_prio_no_advert
            .unwrap_or(globals.vrrp_lower_prio_no_advert);
        instance.higher_prio_send_advert = self
            .higher_prio_send_advert
            .unwrap_or(globals.vrrp_higher_prio_send_advert);
        instance.skip_check_adv_addr = self
            .skip_check_adv_addr
            .unwrap_or(globals.vrrp_skip_check_adv_addr);
        instance.check_unicast_src = self
            .check_unicast_src
            .unwrap_or(globals.vrrp_check_unicast_src);
        instance.v3_checksum_as_v2 = self.v3_checksum_as_v2.unwrap_or(globals.v3_checksum_as_v2);
        let is_owner = instance.priority.is_owner();
        instance.owner_ignore_adverts = is_owner
            && self
                .owner_ignore_adverts
                .unwrap_or(globals.vrrp_owner_ignore_adverts);
        self.set_timer_expired_backup(instance, context);
    }

    /// keepalived: the sequence of the authentication header has to be learnt from a master first.
    fn set_ah_state(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        if let (Authentication::Ah(_), Some(state)) = (instance.authentication, self.state)
            && state.value == InitialState::Master
        {
            let message = format!(
                "({}) Initial state master is incompatible with AH authentication - clearing",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, state.span, message));
            instance.state = InitialState::Backup;
        }
    }

    fn set_timer_expired_backup(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        let Some(peer) = self.timer_expired_backup else {
            return;
        };
        if instance.preempt {
            let message = format!(
                "({}) timer_expired_backup does nothing without nopreempt",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, peer.span, message));
            return;
        }
        instance.timer_expired_backup = match peer.value {
            0 => instance.priority.get().saturating_sub(1).max(1),
            priority => priority,
        };
    }

    /// Where adverts come from and go to.
    fn set_unicast(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        instance.mcast_src_ip = self.mcast_src_ip.map(|address| address.value);
        instance.unicast_src_ip = self.unicast_src_ip.map(|address| address.value);
        let family = self.family();
        for peer in &self.unicast_peer {
            if self.is_of_family(
                family,
                peer.value.address,
                "unicast peer",
                peer.span,
                context,
            ) {
                instance.unicast_peer.push(peer.value);
            }
        }
        if let Some(source) = self.mcast_src_ip
            && !self.is_of_family(family, source.value, "src", source.span, context)
        {
            instance.mcast_src_ip = None;
        }
        if let Some(source) = self.unicast_src_ip
            && !self.is_of_family(family, source.value, "src", source.span, context)
        {
            instance.unicast_src_ip = None;
        }
        let group = context.globals.vrrp_mcast_group(family);
        instance.mcast_dst_ip = match self.mcast_dst_ip {
            Some(own) if self.is_of_family(family, own.value, "multicast", own.span, context) => {
                Some(own.value)
            }
            Some(_) | None => group,
        };
        instance.unicast_ttl = self.unicast_ttl.unwrap_or(instance.unicast_ttl);
        instance.unicast_fault_no_peer = self.unicast_fault_no_peer;
        instance.old_unicast_checksum = self.old_unicast_checksum;
        if let (Some(span), []) = (self.unicast_ttl_keyword, self.unicast_peer.as_slice())
            && instance.unicast_ttl != u8::MAX
        {
            let message = format!(
                "({}): Cannot use unicast_ttl without unicast peers - resetting",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, span, message));
            instance.unicast_ttl = u8::MAX;
        }
        self.complain_of_own_peer(context);
        if self.unicast_fault_no_peer {
            return;
        }
        let (Some(span), []) = (self.unicast_keyword, self.unicast_peer.as_slice()) else {
            return;
        };
        let name = &self.name.value;
        let finding = if let Some(peers) = self.refused_unicast_peer {
            let message = format!(
                "({name}) no entry of 'unicast_peer' is usable, so adverts go out by multicast: where that is not \
                 carried, each node becomes MASTER"
            );
            Finding::new(Code::NothingToDo, peers, message)
                .help("name the peers by their IP addresses")
        } else {
            let message =
                format!("({name}) a unicast keyword without any unicast peers; multicast is used");
            Finding::new(Code::Deprecated, span, message)
                .help("name the peers in 'unicast_peer', or use 'mcast_src_ip'")
        };
        context.complain(finding);
        let source = instance.unicast_src_ip.take();
        instance.mcast_src_ip = instance.mcast_src_ip.or(source);
    }

    fn is_of_family(
        &self,
        family: AddressFamily,
        address: IpAddr,
        what: &str,
        span: Span,
        context: &mut Context<'_>,
    ) -> bool {
        let is_of_family = AddressFamily::of(address) == family;
        if !is_of_family {
            let message = format!(
                "Configuration error: VRRP instance[{}] and {what} address[{address}] MUST be of the same family !!! \
                 Skipping...",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, span, message));
        }
        is_of_family
    }

    /// What the version can carry (RFC 3768 §5.3.7, RFC 5798 §5.2.7).
    fn rounded(
        &self,
        advert_int: Spanned<AdvertInterval>,
        version: VrrpVersion,
        context: &mut Context<'_>,
    ) -> AdvertInterval {
        let value = match version {
            VrrpVersion::V2 => advert_int.value.rounded_to_secs(),
            VrrpVersion::V3 => advert_int.value.min(AdvertInterval::MAX_V3),
        };
        if value != advert_int.value {
            let message = format!(
                "({}) VRRP version {} carries no advert_int of {} s; {value} s is used",
                self.name.value,
                version.number(),
                advert_int.value
            );
            let finding = Finding::new(Code::Conflict, advert_int.span, message);
            context.complain(match version {
                VrrpVersion::V2 => {
                    finding.help("version 2 counts in whole seconds, version 3 in hundredths")
                }
                VrrpVersion::V3 => finding.help("at most 40.95 s"),
            });
        }
        value
    }

    /// The version of IP of the instance: that of the first address that says so.
    pub(super) fn family(&self) -> AddressFamily {
        let virtual_address = self.virtual_ipaddress.first().map(|it| it.value.address);
        let value = |address: Option<Spanned<IpAddr>>| address.map(|it| it.value);
        let address = virtual_address
            .or_else(|| value(self.unicast_src_ip))
            .or_else(|| value(self.mcast_src_ip))
            .or_else(|| self.unicast_peer.first().map(|peer| peer.value.address));
        match address {
            Some(address) => AddressFamily::of(address),
            None if self.native_ipv6 => AddressFamily::Inet6,
            None => AddressFamily::Inet,
        }
    }

    fn set_tracking(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        instance.dont_track_primary = self.dont_track_primary;
        let name = &self.name.value;
        instance.track_script = context.track_scripts(name, &self.track.track_script);
        instance.track_file = context.track_objects(name, TrackKind::File, &self.track.track_file);
        instance.track_process =
            context.track_objects(name, TrackKind::Process, &self.track.track_process);
        instance.track_bfd = context.track_objects(name, TrackKind::Bfd, &self.track.track_bfd);
        let interfaces = context.track_interfaces(&self.name.value, &self.track.track_interface);
        instance.track_interface = interfaces
            .into_iter()
            .filter(|(entry, span)| {
                let own = self.interface.as_ref().map(|own| &own.value) == Some(&entry.interface)
                    && entry.weight.get() == 0
                    && !self.dont_track_primary;
                if own {
                    let message = format!(
                        "({}) Ignoring track_interface {} since own interface",
                        self.name.value, entry.interface
                    );
                    context.complain(Finding::new(Code::DuplicateEntry, *span, message));
                }
                !own
            })
            .map(|(entry, _)| entry)
            .collect::<Vec<TrackInterface>>();
        if instance.priority.is_owner() {
            let weighted = |entry: &&TrackScript| entry.weight.get() != 0;
            if let Some(entry) = instance.track_script.iter().find(weighted) {
                let message = format!(
                    "({}) the weight of script {} does nothing at priority 255",
                    self.name.value, entry.script
                );
                context.complain(Finding::new(Code::Conflict, self.name.span, message));
            }
        }
    }
}
