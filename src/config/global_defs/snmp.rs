//! Keywords of `global_defs` about SNMP and D-Bus.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::keyword::{Keyword, Shape};

/// What is told to an SNMP agent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snmp {
    /// `[proto:]host[:port]` or a path; `None`: `unix:/var/agentx/master`.
    pub snmp_socket: Option<String>,
    pub enable_traps: bool,
    pub enable_snmp_vrrp: bool,
    pub enable_snmp_checker: bool,
    /// RFC 2787 and RFC 6527 both.
    pub enable_snmp_rfc: bool,
    /// RFC 2787.
    pub enable_snmp_rfcv2: bool,
    /// RFC 6527.
    pub enable_snmp_rfcv3: bool,
    /// How old figures of virtual servers may be, default 5 s.
    pub snmp_vs_stats_update_interval: Duration,
    /// The same for real servers; `None`: as for virtual servers.
    pub snmp_rs_stats_update_interval: Option<Duration>,
}

impl Default for Snmp {
    fn default() -> Self {
        Self {
            snmp_socket: None,
            enable_traps: false,
            enable_snmp_vrrp: false,
            enable_snmp_checker: false,
            enable_snmp_rfc: false,
            enable_snmp_rfcv2: false,
            enable_snmp_rfcv3: false,
            snmp_vs_stats_update_interval: Duration::from_secs(5),
            snmp_rs_stats_update_interval: None,
        }
    }
}

/// The D-Bus service.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dbus {
    pub enable_dbus: bool,
    /// `None`: `org.keepalived.Vrrp1`.
    pub dbus_service_name: Option<String>,
    /// Stands for the interface of an instance that has none; `None`: `none`.
    pub dbus_no_interface_name: Option<String>,
}

const NAME: Shape = Shape::Word("a name");
const UPDATE_INTERVAL: Shape = Shape::seconds(1, 30_000);

pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::pending_but_read(
        "snmp_socket",
        Shape::Word("[PROTOCOL:]HOST[:PORT] or a path"),
        "unix:/var/agentx/master",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.snmp_socket),
    ),
    Keyword::pending_but_read("enable_traps", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.snmp.enable_traps)
    }),
    Keyword::pending_but_read(
        "enable_snmp_vrrp",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.enable_snmp_vrrp),
    ),
    Keyword::pending_but_read(
        "enable_snmp_keepalived",
        Shape::Flag,
        "off",
        |draft: &mut Draft, arguments| arguments.fill(&mut draft.defs.snmp.enable_snmp_vrrp),
    )
    .deprecated("enable_snmp_vrrp"),
    Keyword::pending_but_read(
        "enable_snmp_checker",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.enable_snmp_checker),
    ),
    Keyword::pending_but_read("enable_snmp_rfc", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.snmp.enable_snmp_rfc)
    }),
    Keyword::pending_but_read(
        "enable_snmp_rfcv2",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.enable_snmp_rfcv2),
    ),
    Keyword::pending_but_read(
        "enable_snmp_rfcv3",
        Shape::Flag,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.enable_snmp_rfcv3),
    ),
    Keyword::pending_but_read(
        "snmp_vs_stats_update_interval",
        UPDATE_INTERVAL,
        "5",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.snmp_vs_stats_update_interval),
    ),
    Keyword::pending_but_read(
        "snmp_rs_stats_update_interval",
        UPDATE_INTERVAL,
        "snmp_vs_stats_update_interval",
        |draft, arguments| arguments.fill(&mut draft.defs.snmp.snmp_rs_stats_update_interval),
    ),
    Keyword::pending_but_read("enable_dbus", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.dbus.enable_dbus)
    }),
    Keyword::pending_but_read(
        "dbus_service_name",
        NAME,
        "org.keepalived.Vrrp1",
        |draft, arguments| arguments.fill(&mut draft.defs.dbus.dbus_service_name),
    ),
    Keyword::pending_but_read(
        "dbus_no_interface_name",
        NAME,
        "none",
        |draft, arguments| arguments.fill(&mut draft.defs.dbus.dbus_no_interface_name),
    ),
];
