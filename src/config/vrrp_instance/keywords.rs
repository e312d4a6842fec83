//! The keywords of `vrrp_instance`; those of one purpose have files of their own.

use std::time::Duration;

use super::authentication::{self, authentication};
use super::draft::Draft;
use super::unicast::{advert_address, old_unicast_checksum, unicast_peer};
use super::{InitialState, auth_hmac};
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, Shape, Spanned, Table};
use crate::config::notify_scripts::notify_rows;
use crate::config::track::track_rows;
use crate::types::{AdvertInterval, Priority, Vrid, VrrpVersion};

/// Name of the table.
pub(crate) const BLOCK: &str = "vrrp_instance";

/// Whole seconds, kept as such (keepalived: garp delays).
pub(crate) const GARP_SECONDS: Shape = Shape::number(0, 86_400);

pub(crate) const KEYWORDS: Table<Draft> = &[
    OWN,
    super::network::KEYWORDS,
    super::vmac::KEYWORDS,
    &track_rows(),
    &notify_rows(),
];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new(
        "state",
        Shape::Choice(&["MASTER", "BACKUP"]),
        "BACKUP",
        state,
    ),
    Keyword::new("interface", Shape::Interface, "", interface),
    Keyword::new(
        "virtual_router_id",
        Shape::strict(1, 255),
        "",
        virtual_router_id,
    ),
    Keyword::new(
        "priority",
        Shape::strict(1, 255),
        "100; 255 with `state MASTER`",
        |draft, arguments| {
            // keepalived: one that is none is 100, whatever `state` says; MASTER alone would be the owner's 255.
            draft.priority = Some(Priority::DEFAULT);
            let number = arguments.number();
            let number = number.map_err(|finding| finding.help("priority 100 is used"))?;
            draft.priority = Priority::new(number).ok().or(draft.priority);
            Ok(())
        },
    ),
    Keyword::new("advert_int", Shape::seconds(10, 255_000), "1", advert_int),
    Keyword::new(
        "version",
        Shape::Choice(&["2", "3"]),
        "vrrp_version",
        |draft, arguments| {
            draft.version = Some(version(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "authentication",
        Shape::Block(authentication::BLOCK),
        "",
        authentication,
    ),
    Keyword::new(
        "auth_hmac",
        Shape::Block(auth_hmac::BLOCK),
        "",
        auth_hmac::read,
    ),
    Keyword::new("no_virtual_ipaddress", Shape::Flag, "off", |draft, _| {
        draft.no_virtual_ipaddress = true;
        Ok(())
    }),
    Keyword::new("nopreempt", Shape::Flag, "off", |draft, arguments| {
        draft.nopreempt = Some(arguments.keyword_span());
        Ok(())
    }),
    Keyword::new("preempt", Shape::Flag, "on", |draft, _| {
        draft.nopreempt = None;
        Ok(())
    }),
    Keyword::new(
        "preempt_delay",
        Shape::seconds(0, 1_000_000),
        "0",
        |draft, arguments| {
            draft.preempt_delay = Some(Spanned {
                value: arguments.seconds()?,
                span: arguments.span(),
            });
            Ok(())
        },
    ),
    Keyword::new(
        "strict_mode",
        Shape::Bool,
        "vrrp_strict",
        |draft, arguments| {
            draft.strict_mode = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new(
        "skip_check_adv_addr",
        Shape::Bool,
        "vrrp_skip_check_adv_addr",
        |draft, arguments| {
            draft.skip_check_adv_addr = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new("dont_track_primary", Shape::Flag, "off", |draft, _| {
        draft.dont_track_primary = true;
        Ok(())
    }),
    Keyword::new(
        "mcast_src_ip",
        Shape::Address,
        "address of the interface",
        |draft, arguments| {
            draft.mcast_src_ip = Some(advert_address(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "unicast_src_ip",
        Shape::Address,
        "address of the interface",
        |draft, arguments| {
            draft.unicast_src_ip = Some(advert_address(arguments)?);
            draft.unicast_keyword = Some(arguments.span());
            Ok(())
        },
    ),
    Keyword::new("unicast_peer", Shape::List("ADDRESS"), "", unicast_peer),
    Keyword::new("unicast_fault_no_peer", Shape::Flag, "off", |draft, _| {
        draft.unicast_fault_no_peer = true;
        Ok(())
    }),
    Keyword::new(
        "unicast_ttl",
        Shape::number(0, 255),
        "255",
        |draft, arguments| {
            draft.unicast_ttl = Some(arguments.number()?);
            draft.unicast_ttl_keyword = Some(arguments.keyword_span());
            Ok(())
        },
    ),
    Keyword::new(
        "check_unicast_src",
        Shape::Flag,
        "vrrp_check_unicast_src",
        |draft, arguments| {
            draft.unicast_keyword = Some(arguments.keyword_span());
            draft.check_unicast_src = Some(true);
            Ok(())
        },
    ),
    Keyword::new(
        "old_unicast_checksum",
        Shape::Optional("never"),
        "peers are looked at",
        old_unicast_checksum,
    ),
    Keyword::new(
        "mcast_dst_ip",
        Shape::Address,
        "vrrp_mcast_group4, vrrp_mcast_group6",
        mcast_dst_ip,
    ),
    Keyword::new(
        "track_src_ip",
        Shape::Flag,
        "off",
        |draft: &mut Draft, _| {
            draft.track_src_ip = true;
            Ok(())
        },
    ),
    Keyword::new("vrf", Shape::Word("a VRF"), "", |draft, arguments| {
        draft.vrf = Some(arguments.interface()?);
        Ok(())
    }),
    Keyword::new("native_ipv6", Shape::Flag, "off", |draft, _| {
        draft.native_ipv6 = true;
        Ok(())
    }),
    Keyword::new(
        "garp_master_delay",
        GARP_SECONDS,
        "vrrp_garp_master_delay",
        |draft, arguments| {
            draft.garp.master_delay = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_master_repeat",
        Shape::number(0, NO_LIMIT),
        "vrrp_garp_master_repeat",
        |draft, arguments| {
            draft.garp.master_repeat = Some(repeat(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_master_refresh",
        GARP_SECONDS,
        "vrrp_garp_master_refresh",
        |draft, arguments| {
            draft.garp.master_refresh = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_master_refresh_repeat",
        Shape::number(0, NO_LIMIT),
        "vrrp_garp_master_refresh_repeat",
        |draft, arguments| {
            draft.garp.master_refresh_repeat = Some(repeat(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_lower_prio_delay",
        GARP_SECONDS,
        "vrrp_garp_lower_prio_delay",
        |draft, arguments| {
            draft.garp.lower_prio_delay = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "garp_lower_prio_repeat",
        Shape::number(0, NO_LIMIT),
        "vrrp_garp_lower_prio_repeat",
        |draft, arguments| {
            draft.garp.lower_prio_repeat = Some(arguments.number()?);
            Ok(())
        },
    ),
    Keyword::new(
        "lower_prio_no_advert",
        Shape::Bool,
        "vrrp_lower_prio_no_advert",
        |draft, arguments| {
            draft.lower_prio_no_advert = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new(
        "higher_prio_send_advert",
        Shape::Bool,
        "vrrp_higher_prio_send_advert",
        |draft, arguments| {
            draft.higher_prio_send_advert = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new(
        "owner_ignore_adverts",
        Shape::Bool,
        "vrrp_owner_ignore_adverts",
        |draft, arguments| {
            draft.owner_ignore_adverts = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new(
        "down_timer_adverts",
        Shape::number(1, 100),
        "vrrp_down_timer_adverts",
        |draft, arguments| {
            draft.down_timer_adverts = Some(arguments.number()?);
            Ok(())
        },
    ),
    Keyword::new(
        "timer_expired_backup",
        Shape::Optional("a priority"),
        "off",
        timer_expired_backup,
    ),
    Keyword::new(
        "thread_timer_expired",
        Shape::Optional("a priority"),
        "off",
        timer_expired_backup,
    )
    .deprecated("timer_expired_backup"),
    Keyword::new(
        "v3_checksum_as_v2",
        Shape::Bool,
        "global",
        |draft, arguments| {
            draft.v3_checksum_as_v2 = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::without_effect("debug", Shape::number(0, 4)),
    Keyword::new(
        "kernel_rx_buf_size",
        Shape::number(1, NO_LIMIT),
        "1 MiB, or what vrrp_rx_bufs_policy asks for",
        |draft: &mut Draft, arguments| arguments.fill(&mut draft.kernel_rx_buf_size),
    )
    .unit("octets"),
    Keyword::new(
        "linkbeat_use_polling",
        Shape::Flag,
        "off",
        |draft: &mut Draft, _| {
            draft.linkbeat_use_polling = true;
            Ok(())
        },
    )
    .deprecated("linkbeat_interfaces"),
    Keyword::pending("lvs_sync_daemon_interface", Shape::Interface, "")
        .deprecated("lvs_sync_daemon in global_defs"),
    Keyword::new("notify_deleted", Shape::Script, "", |draft, arguments| {
        arguments.fill_once(&mut draft.notify.notify_deleted)
    }),
    Keyword::new(
        "notify_master_rx_lower_pri",
        Shape::Script,
        "",
        |draft, arguments| arguments.fill_once(&mut draft.notify.notify_master_rx_lower_pri),
    ),
];

/// keepalived: adverts on the loopback interface only come back to their sender.
fn interface(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.refused_interface = true;
    let interface = arguments.interface().map_err(required)?;
    if interface.value.as_str() == "lo" {
        let message = "cannot use a loopback interface (lo) for vrrp - ignoring";
        return Err(
            Finding::new(Code::UnknownInterface, interface.span, message)
                .expected("the interface on which the other node is"),
        );
    }
    draft.interface = Some(interface);
    Ok(())
}

fn state(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let value = match arguments.choice() {
        Ok("MASTER") => InitialState::Master,
        Ok(_) => InitialState::Backup,
        Err(mut finding) => {
            finding.message.push_str(", BACKUP is used");
            arguments.skip_rest();
            arguments.complain(finding);
            InitialState::Backup
        }
    };
    draft.state = Some(Spanned { value, span });
    Ok(())
}

fn virtual_router_id(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    draft.refused_virtual_router_id = true;
    let number = arguments.number().map_err(required)?;
    let vrid = Vrid::new(number).ok();
    draft.virtual_router_id = vrid.map(|value| Spanned { value, span });
    Ok(())
}

/// The instance cannot do without this value.
fn required(finding: Finding) -> Finding {
    finding
        .with_code(Code::RequiredValue)
        .help("the instance cannot run without it")
}

fn mcast_dst_ip(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let group = arguments.address()?;
    if !group.value.is_multicast() {
        let message = format!("mcast_dst_ip {} not multicast. Skipping...", group.value);
        return Err(Finding::new(Code::InvalidValue, group.span, message));
    }
    draft.mcast_dst_ip = Some(group);
    Ok(())
}

/// Without a number: the priority just below the own one, which is not known here.
fn timer_expired_backup(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let value = match arguments.next_word() {
        None => 0,
        Some(word) => arguments.number_in(word, &Shape::number(1, 254))?,
    };
    draft.timer_expired_backup = Some(Spanned { value, span });
    Ok(())
}

fn advert_int(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let duration = arguments.seconds()?;
    let centis = (duration.as_micros() + 5_000) / 10_000;
    let value = u32::try_from(centis)
        .ok()
        .and_then(|centis| AdvertInterval::from_centis(centis).ok());
    if value.is_some_and(|value| value.as_duration() != duration) {
        let message = "'advert_int' has more than two decimals; it is rounded";
        arguments.complain(Finding::new(Code::InvalidValue, span, message));
    }
    draft.advert_int = value.map(|value| Spanned { value, span });
    Ok(())
}

/// `2` or `3`
pub(crate) fn version(arguments: &mut Arguments<'_>) -> Result<Spanned<VrrpVersion>, Finding> {
    let span = arguments.span();
    let value = match arguments.choice()? {
        "3" => VrrpVersion::V3,
        _ => VrrpVersion::V2,
    };
    Ok(Spanned { value, span })
}

/// A number of whole seconds.
pub(crate) fn whole_seconds(arguments: &mut Arguments<'_>) -> Result<Duration, Finding> {
    arguments.number().map(Duration::from_secs)
}

/// keepalived: 0 becomes 1.
pub(crate) fn repeat(arguments: &mut Arguments<'_>) -> Result<u32, Finding> {
    let keyword = arguments.keyword_span();
    let repeat = arguments.number::<u32>()?;
    if repeat == 0 {
        let message = "0 repeats are none at all; 1 is used";
        let finding = Finding::new(Code::OutOfRange, keyword, message);
        arguments.reader().findings.push(finding);
    }
    Ok(repeat.max(1))
}
