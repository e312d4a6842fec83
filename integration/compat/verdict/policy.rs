//! Where Holdfast and keepalived are meant to differ, with the reasons. `docs/guide/migrating-from-keepalived.md`
//! tells the same to operators.

use holdfast::config::{Code, Complaint};

use super::theirs::captures;

/// One deliberate difference.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    reason: &'static str,
}

// What keepalived says because it has lost its way.

pub(crate) const UNKNOWN_BLOCK: Row = Row {
    name: "unknown block",
    reason: "keepalived reads the lines of an unknown block as if they belonged to the block around it; we skip it",
};

pub(crate) const BRACES: Row = Row {
    name: "brace mistake",
    reason: "keepalived reads what follows a brace mistake in the wrong block; we report the mistake and read on as was meant",
};

pub(crate) const DEFINITION: Row = Row {
    name: "comment in definition",
    reason: "2.4.3 ends a definition of several lines at a comment line and reads the rest as ordinary lines, \
             2.2.7 goes on; we say so and go on",
};

pub(crate) const REPETITION: Row = Row {
    name: "faulty repetition",
    reason: "keepalived leaves out the line of a faulty repetition and reads the block that it opens as if it belonged \
             to what is around it; we skip the block",
};

pub(crate) const UNDEFINED: Row = Row {
    name: "undefined name",
    reason: "keepalived takes the braces of an undefined ${NAME} for those of a block; we report the name",
};

/// Complaints after which keepalived is in the wrong block.
pub(crate) const STRUCTURE: &[Code] = &[
    Code::UnbalancedBrace,
    Code::UnexpectedBrace,
    Code::MissingBrace,
    Code::UnterminatedQuote,
    Code::LineTooLong,
];

// What keepalived says again.

pub(crate) const DISABLED_SCRIPT: Row = Row {
    name: "disabled script",
    reason: "a script that cannot be used is reported where it is defined, not again at each use",
};

pub(crate) const DEFINED_LATER: Row = Row {
    name: "defined later",
    reason: "order does not matter: what is defined further down is found",
};

pub(crate) const STOPPED: Row = Row {
    name: "keepalived stopped",
    reason: "keepalived ends at a missing parameter, at an instance without a VRID and the like, or crashes, and says \
             nothing about what follows",
};

pub(crate) const DUPLICATE_BLOCK: Row = Row {
    name: "duplicate block",
    reason: "keepalived does not read a block whose name is taken; we check it all the same",
};

pub(crate) const VERSION: Row = Row {
    name: "another version",
    reason: "2.2.7 and 2.4.3 differ there, and we say what 2.4.3 says",
};

pub(crate) const COMMENT: Row = Row {
    name: "backslash in comment",
    reason: "2.2.7 calls the backslash at the end of some comments an unknown keyword; a comment says nothing",
};

pub(crate) const UNNAMED_BLOCK: Row = Row {
    name: "unnamed block",
    reason: "keepalived does not read a block without the name that it must have; we check it all the same",
};

pub(crate) const EXTRA_WORDS: Row = Row {
    name: "extra words",
    reason: "keepalived ignores them silently",
};

struct NotOurs {
    pattern: &'static str,
    row: Row,
}

const NOT_OURS: &[NotOurs] = &[
    NotOurs {
        pattern: "Unknown keyword 'enable_snmp*'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "Unknown keyword 'enable_traps'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "Unknown keyword 'snmp_socket'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "Unknown keyword 'enable_dbus'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "Unknown keyword 'dbus_service_name'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "Unknown keyword 'vrrp_ipsets'",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "iptables not supported, using nftables instead. *",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "nftables already specified - ignoring",
        row: NOT_BUILT_IN,
    },
    NotOurs {
        pattern: "number '0' outside range [0.000001, 4294.967295]",
        row: NO_INTERVAL,
    },
    NotOurs {
        pattern: "vrrp_garp_interval '0' is invalid",
        row: NO_INTERVAL,
    },
    NotOurs {
        pattern: "vrrp_gna_interval '0' is invalid",
        row: NO_INTERVAL,
    },
    NotOurs {
        pattern: "Warning - cannot track route * with no interface specified, not tracking",
        row: Row {
            name: "route without dev",
            reason: "2.2.7 does not track it, 2.4.3 and we do",
        },
    },
    NotOurs {
        pattern: "realpath() error * for *",
        row: Row {
            name: "file to come",
            reason: "a tracked file whose directory is not there yet counts as 0 until it is; keepalived leaves it out",
        },
    },
    NotOurs {
        pattern: "Invalid smtp server *",
        row: Row {
            name: "mail server",
            reason: "a name is resolved when mail is sent; the verdicts were taken without DNS",
        },
    },
];

const NOT_BUILT_IN: Row = Row {
    name: "not built in",
    reason: "the keepalived of the verdicts was built without SNMP, D-Bus and iptables; the keywords exist",
};

const NO_INTERVAL: Row = Row {
    name: "garp interval 0",
    reason: "the default file of distributions says 0 and means none, so it is taken as that",
};

/// The row for a message that we have no complaint for.
pub(crate) fn not_ours(message: &str) -> Option<&'static Row> {
    NOT_OURS
        .iter()
        .find(|entry| captures(entry.pattern, message).is_some())
        .map(|entry| &entry.row)
}

struct OnlyOurs {
    code: Code,
    pattern: &'static str,
    row: Row,
}

const ONLY_OURS: &[OnlyOurs] = &[
    OnlyOurs {
        code: Code::UnknownReference,
        pattern: "'$*' is not defined",
        row: Row {
            name: "undefined word",
            reason: "keepalived leaves it as it is, silently",
        },
    },
    OnlyOurs {
        code: Code::UnknownReference,
        pattern: "'$*' is left as it is, because * follows",
        row: Row {
            name: "name before text",
            reason: "keepalived puts in $NAME only where a blank or the end of the line follows, and says nothing of others",
        },
    },
    OnlyOurs {
        code: Code::ScriptUnusable,
        pattern: "*; the script is not run",
        row: Row {
            name: "script cannot run",
            reason: "keepalived looks for the scripts of vrrp_script only; a notification that cannot be sent is said too",
        },
    },
    OnlyOurs {
        code: Code::DuplicateName,
        pattern: "vrrp script * already defined; *",
        row: SECOND,
    },
    OnlyOurs {
        code: Code::DuplicateName,
        pattern: "Virtual server * is there already; *",
        row: SECOND,
    },
    OnlyOurs {
        code: Code::DuplicateName,
        pattern: "virtual_server_group * already defined; *",
        row: SECOND,
    },
    OnlyOurs {
        code: Code::Conflict,
        pattern: "Virtual server *: 'persistence_granularity' does not fit the address family; *",
        row: Row {
            name: "granularity",
            reason: "keepalived says nothing of a prefix length for IPv4 or a netmask for IPv6",
        },
    },
    OnlyOurs {
        code: Code::UnknownReference,
        pattern: "there is no virtual_server_group '*'",
        row: Row {
            name: "group undefined",
            reason: "keepalived says nothing, and nobody serves it",
        },
    },
    OnlyOurs {
        code: Code::DuplicateEntry,
        pattern: "real server * is there already, because their ports are the same now; *",
        row: Row {
            name: "same port now",
            reason: "with DR and TUN both real servers get the virtual server's port; keepalived then has one of the \
                     kernel's entries for two",
        },
    },
    OnlyOurs {
        code: Code::Repeated,
        pattern: "'*' is there already; this one counts",
        row: Row {
            name: "repeated keyword",
            reason: "keepalived takes the last one silently; one of the two is not what somebody meant",
        },
    },
    OnlyOurs {
        code: Code::Conflict,
        pattern: "Sync group *: tracking of * is ignored because it has a weight",
        row: Row {
            name: "weight in a group",
            reason: "keepalived says it of scripts and of members only; no other object of the group counts either",
        },
    },
    OnlyOurs {
        code: Code::UnknownInterface,
        pattern: "there is no interface * on this host",
        row: Row {
            name: "unknown interface",
            reason: "keepalived looks for the interfaces of instances only, not for that of lvs_sync_daemon",
        },
    },
    OnlyOurs {
        code: Code::TooLarge,
        pattern: "* further complaints are not shown",
        row: Row {
            name: "further complaints",
            reason: "after ten thousand they are counted only",
        },
    },
    OnlyOurs {
        code: Code::Conflict,
        pattern: "(*) a password without an 'auth_type'; *",
        row: CONSEQUENCE,
    },
    OnlyOurs {
        code: Code::Conflict,
        pattern: "(*) authentication without a password; *",
        row: CONSEQUENCE,
    },
    OnlyOurs {
        code: Code::NothingToDo,
        pattern: "(*) no entry of 'unicast_peer' is usable, *",
        row: CONSEQUENCE,
    },
    OnlyOurs {
        code: Code::NeverChecked,
        pattern: "no checker of real server * can be used: *",
        row: CONSEQUENCE,
    },
    OnlyOurs {
        code: Code::LeftOut,
        pattern: "*, because * not carried out yet",
        row: NOT_CARRIED_OUT,
    },
    OnlyOurs {
        code: Code::NeverChecked,
        pattern: "'*' is not carried out yet: *",
        row: NOT_CARRIED_OUT,
    },
    OnlyOurs {
        code: Code::InvalidDefinition,
        pattern: "a comment inside a definition of several lines; *",
        row: DEFINITION,
    },
];

const NOT_CARRIED_OUT: Row = Row {
    name: "not carried out yet",
    reason: "an address or a service that is nowhere must not pass unseen",
};

const CONSEQUENCE: Row = Row {
    name: "consequence",
    reason: "what becomes of the instance or the real server because of the mistake is said too",
};

const SECOND: Row = Row {
    name: "second of a name",
    reason: "keepalived silently uses one of the two",
};

/// The row for a complaint that keepalived has no message for.
pub(crate) fn only_ours(complaint: &Complaint) -> Option<&'static Row> {
    ONLY_OURS
        .iter()
        .find(|entry| {
            entry.code == complaint.code && captures(entry.pattern, &complaint.message).is_some()
        })
        .map(|entry| &entry.row)
}
