//! The keywords of `global_defs`.

use std::net::IpAddr;
use std::time::Duration;

use super::{Draft, LvsPlane, files, firewall, lvs, parent_scripts, processes, snmp, vrrp};
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, Shape, Table};
use crate::config::vrrp_instance::garp_extra_if;
use crate::config::vrrp_instance::keywords::{GARP_SECONDS, repeat, version, whole_seconds};
use crate::config::vrrp_script;
use crate::types::AddressFamily;

/// Name of the table.
pub(crate) const BLOCK: &str = "global_defs";

const NAME: Shape = Shape::Word("a name");
const FIFO: Shape = Shape::Words("PATH [USER [GROUP]]");

pub(crate) const KEYWORDS: Table<Draft> = &[
    OWN,
    vrrp::ROWS,
    lvs::ROWS,
    processes::ROWS,
    processes::VRRP_ROWS,
    processes::CHECKER_ROWS,
    processes::BFD_ROWS,
    processes::BUFFER_ROWS,
    parent_scripts::ROWS,
    files::ROWS,
    firewall::ROWS,
    snmp::ROWS,
];

const OWN: &[Keyword<Draft>] = &[
    // Ours.
    Keyword::new(
        "hello_interval",
        Shape::seconds(100, 3_600_000),
        "5",
        |draft, arguments| {
            draft.defs.hello_interval = arguments.seconds()?;
            Ok(())
        },
    ),
    Keyword::new(
        "lvs_plane",
        Shape::Choice(&["auto", "ipvs", "userspace"]),
        "auto",
        |draft, arguments| {
            draft.defs.lvs_plane = match arguments.choice()? {
                "ipvs" => LvsPlane::Ipvs,
                "userspace" => LvsPlane::Userspace,
                _ => LvsPlane::Auto,
            };
            Ok(())
        },
    ),
    // Identity, mail, scripts, files.
    Keyword::new("router_id", NAME, "the host name", |draft, arguments| {
        draft.defs.router_id = arguments.text()?.value;
        Ok(())
    }),
    Keyword::new(
        "notification_email",
        Shape::List("mail addresses"),
        "",
        |draft, arguments| draft.smtp.read_recipients(arguments),
    ),
    Keyword::new(
        "notification_email_from",
        Shape::Word("a mail address"),
        "user@host of the daemon",
        |draft, arguments| {
            draft.smtp.notification_email_from = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::new(
        "smtp_server",
        Shape::Words("ADDRESS or NAME [PORT]"),
        "",
        |draft, arguments| draft.smtp.read_server(arguments),
    ),
    Keyword::new(
        "smtp_helo_name",
        NAME,
        "the host name",
        |draft, arguments| {
            draft.smtp.smtp_helo_name = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::new(
        "smtp_connect_timeout",
        Shape::number(0, 4294),
        "30",
        |draft, arguments| draft.smtp.read_timeout(arguments),
    ),
    Keyword::new("smtp_alert", Shape::Bool, "", |draft, arguments| {
        draft.smtp.smtp_alert = Some(arguments.boolean()?);
        Ok(())
    }),
    Keyword::new("smtp_alert_vrrp", Shape::Bool, "", |draft, arguments| {
        draft.smtp.smtp_alert_vrrp = Some(arguments.boolean()?);
        Ok(())
    }),
    Keyword::new("smtp_alert_checker", Shape::Bool, "", |draft, arguments| {
        draft.smtp.smtp_alert_checker = Some(arguments.boolean()?);
        Ok(())
    }),
    Keyword::new("no_email_faults", Shape::Flag, "off", |draft, _| {
        draft.smtp.no_email_faults = true;
        Ok(())
    }),
    Keyword::new(
        "no_checker_emails",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.smtp.no_checker_emails = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "checker_log_all_failures",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.checker_log_all_failures = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "script_user",
        Shape::Words("USER [GROUP]"),
        "keepalived_script if it exists",
        |draft, arguments| {
            draft.script_user = Some(vrrp_script::user(arguments)?);
            Ok(())
        },
    ),
    Keyword::new("enable_script_security", Shape::Flag, "off", |draft, _| {
        draft.defs.enable_script_security = true;
        Ok(())
    }),
    Keyword::new(
        "set_supplementary_groups",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.ways.set_supplementary_groups = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "use_symlink_paths",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.ways.use_symlink_paths = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "default_interface",
        Shape::Interface,
        "eth0",
        |draft, arguments| {
            draft.default_interface = Some(arguments.interface()?.value);
            Ok(())
        },
    ),
    Keyword::new(
        "dynamic_interfaces",
        Shape::Optional("allow_if_changes"),
        "off",
        dynamic_interfaces,
    ),
    // Defaults of instances.
    Keyword::new(
        "vrrp_version",
        Shape::Choice(&["2", "3"]),
        "2",
        |draft, arguments| {
            draft.vrrp_version = Some(version(arguments)?.value);
            Ok(())
        },
    ),
    Keyword::new("vrrp_strict", Shape::Bool, "off", |draft, arguments| {
        draft.vrrp_strict = arguments.boolean()?;
        Ok(())
    }),
    Keyword::new(
        "vrrp_skip_check_adv_addr",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.vrrp_skip_check_adv_addr = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_mcast_group4",
        Shape::Address,
        "224.0.0.18",
        |draft, arguments| {
            draft.vrrp_mcast_group4 = Some(group(arguments, AddressFamily::Inet)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_mcast_group6",
        Shape::Address,
        "ff02::12",
        |draft, arguments| {
            draft.vrrp_mcast_group6 = Some(group(arguments, AddressFamily::Inet6)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_master_delay",
        GARP_SECONDS,
        "5",
        |draft, arguments| {
            draft.garp.master_delay = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_master_repeat",
        Shape::number(0, NO_LIMIT),
        "5",
        |draft, arguments| {
            draft.garp.master_repeat = Some(repeat(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_master_refresh",
        GARP_SECONDS,
        "60",
        |draft, arguments| {
            draft.garp.master_refresh = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_master_refresh_repeat",
        Shape::number(0, NO_LIMIT),
        "1",
        |draft, arguments| {
            draft.garp.master_refresh_repeat = Some(repeat(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_lower_prio_delay",
        GARP_SECONDS,
        "vrrp_garp_master_delay",
        |draft, arguments| {
            draft.garp.lower_prio_delay = Some(whole_seconds(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_lower_prio_repeat",
        Shape::number(0, NO_LIMIT),
        "vrrp_garp_master_repeat",
        |draft, arguments| {
            draft.garp.lower_prio_repeat = Some(arguments.number()?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_garp_interval",
        Shape::any_seconds(),
        "0",
        |draft, arguments| {
            draft.defs.vrrp_garp_interval = arguments.seconds()?;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_gna_interval",
        Shape::any_seconds(),
        "0",
        |draft, arguments| {
            draft.defs.vrrp_gna_interval = arguments.seconds()?;
            Ok(())
        },
    ),
    Keyword::new("vrrp_min_garp", Shape::Bool, "off", min_garp),
    Keyword::new(
        "vrrp_garp_extra_if",
        Shape::Words("[all] SECONDS"),
        "off",
        |draft: &mut Draft, arguments| {
            draft.garp.extra_if = Some(garp_extra_if(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_vmac_garp_intvl",
        Shape::Words("[all] SECONDS"),
        "off",
        |draft: &mut Draft, arguments| {
            draft.garp.extra_if = Some(garp_extra_if(arguments)?);
            Ok(())
        },
    )
    .deprecated("vrrp_garp_extra_if"),
    Keyword::new(
        "vrrp_down_timer_adverts",
        Shape::number(1, 100),
        "3",
        |draft, arguments| {
            draft.vrrp_down_timer_adverts = arguments.number()?;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_lower_prio_no_advert",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.vrrp_lower_prio_no_advert = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_higher_prio_send_advert",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.vrrp_higher_prio_send_advert = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_owner_ignore_adverts",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.vrrp_owner_ignore_adverts = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "v3_checksum_as_v2",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.v3_checksum_as_v2 = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new("vrrp_check_unicast_src", Shape::Flag, "off", |draft, _| {
        draft.vrrp_check_unicast_src = true;
        Ok(())
    }),
    Keyword::new("vrrp_notify_fifo", FIFO, "", |draft, arguments| {
        draft.vrrp_notify_fifo.read_fifo(arguments)
    }),
    Keyword::new(
        "vrrp_notify_fifo_script",
        Shape::Script,
        "",
        |draft, arguments| draft.vrrp_notify_fifo.read_script(arguments),
    ),
    Keyword::new("notify_fifo", FIFO, "", |draft, arguments| {
        draft.notify_fifo.read_fifo(arguments)
    }),
    Keyword::new(
        "notify_fifo_script",
        Shape::Script,
        "",
        |draft, arguments| draft.notify_fifo.read_script(arguments),
    ),
    Keyword::new(
        "vrrp_notify_priority_changes",
        Shape::Bool,
        "off",
        |draft, arguments| {
            draft.vrrp_notify_priority_changes = arguments.boolean()?;
            Ok(())
        },
    ),
    Keyword::new(
        "fifo_write_vrrp_states_on_reload",
        Shape::Flag,
        "off",
        |draft, _| {
            draft.defs.fifo_write_vrrp_states_on_reload = true;
            Ok(())
        },
    ),
    Keyword::new(
        "vrrp_startup_delay",
        Shape::any_seconds(),
        "0",
        |draft, arguments| {
            draft.defs.vrrp_startup_delay = arguments.seconds()?;
            Ok(())
        },
    ),
    // Defaults of virtual servers.
    Keyword::new("lvs_notify_fifo", FIFO, "", |draft, arguments| {
        draft.lvs_notify_fifo.read_fifo(arguments)
    }),
    Keyword::new(
        "lvs_notify_fifo_script",
        Shape::Script,
        "",
        |draft, arguments| draft.lvs_notify_fifo.read_script(arguments),
    ),
];

fn dynamic_interfaces(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.defs.dynamic_interfaces = true;
    match arguments.next_word() {
        None => Ok(()),
        Some(word) if word.text == "allow_if_changes" => {
            let message = "'allow_if_changes' is understood, but not carried out yet";
            arguments.complain(Finding::new(Code::NotCarriedOut, word.span, message));
            Ok(())
        }
        Some(word) => Err(arguments.invalid_value(word)),
    }
}

/// 0 means none: keepalived's own sample file says so, although its code complains.
/// keepalived: one message, no second set, no refresh, where nothing else was said before.
fn min_garp(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    if arguments.boolean()? {
        let garp = &mut draft.garp;
        garp.master_repeat.get_or_insert(1);
        garp.master_delay.get_or_insert(Duration::ZERO);
        garp.master_refresh.get_or_insert(Duration::ZERO);
        garp.master_refresh_repeat.get_or_insert(0);
    }
    Ok(())
}

/// A multicast group of that family.
fn group(arguments: &mut Arguments<'_>, family: AddressFamily) -> Result<IpAddr, Finding> {
    let group = arguments.address()?;
    if group.value.is_multicast() && AddressFamily::of(group.value) == family {
        return Ok(group.value);
    }
    let message = format!("{} is no {} multicast group", group.value, family.name());
    Err(Finding::new(Code::InvalidValue, group.span, message))
}
