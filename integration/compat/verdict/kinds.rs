//! Keepalived's messages and the codes of ours that mean the same.

use holdfast::config::{Code, Complaint};

use super::theirs::captures;

/// A message of keepalived's.
pub(crate) struct Kind {
    /// `*` stands for anything; the first one for what it is about.
    pattern: &'static str,
    pub(crate) ours: &'static [Code],
    pub(crate) place: Scope,
    /// The complaint has to have this in it.
    says: &'static str,
    /// A complaint about the value of one of these keywords means the same.
    or_value_of: &'static [&'static str],
    /// It may also be said of what made it so, in such words.
    or_says: &'static str,
}

impl Kind {
    /// The complaint means the same, wherever it is.
    pub(crate) fn is_of(&self, complaint: &Complaint) -> bool {
        let is_value_of =
            |keyword: &&str| complaint.message.ends_with(&format!(" for '{keyword}'"));
        let is_value = VALUE.contains(&complaint.code) && self.or_value_of.iter().any(is_value_of);
        let is_cause = captures(self.or_says, &complaint.message).is_some();
        is_value
            || is_cause
            || self.ours.contains(&complaint.code) && complaint.message.contains(self.says)
    }
}

/// Where the complaint that corresponds to a message has to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// On its line; anywhere in the files where it names none.
    Line,
    /// On its line or in the same block, which keepalived judges at its end; where it names no line, in the block that
    /// the first `*` names, or naming that.
    Block,
}

const fn kind(pattern: &'static str, ours: &'static [Code]) -> Kind {
    Kind {
        pattern,
        ours,
        place: Scope::Line,
        says: "",
        or_value_of: &[],
        or_says: "",
    }
}

const fn about(pattern: &'static str, ours: &'static [Code]) -> Kind {
    Kind {
        pattern,
        ours,
        place: Scope::Block,
        says: "",
        or_value_of: &[],
        or_says: "",
    }
}

impl Kind {
    const fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    const fn or_says(self, or_says: &'static str) -> Self {
        Self { or_says, ..self }
    }

    const fn or_value_of(self, or_value_of: &'static [&'static str]) -> Self {
        Self {
            or_value_of,
            ..self
        }
    }
}

const VALUE: &[Code] = &[Code::InvalidValue, Code::OutOfRange, Code::RequiredValue];
/// An address that has a prefix length before its `peer` and another one behind it.
const PEER: &[Code] = &[Code::InvalidValue, Code::OutOfRange, Code::Conflict];
const UNKNOWN: &[Code] = &[Code::UnknownKeyword, Code::MisplacedKeyword];
const STRUCTURE: &[Code] = &[
    Code::UnbalancedBrace,
    Code::UnexpectedBrace,
    Code::MissingBrace,
];
const REPETITION: &[Code] = &[Code::InvalidDefinition];
const SCRIPT: &[Code] = &[Code::ScriptUnusable];
const SCRIPT_USER: &[Code] = &[Code::ScriptUnusable, Code::InvalidValue];
const REFERENCE: &[Code] = &[Code::UnknownReference];
const DEPRECATED: &[Code] = &[Code::Deprecated];
const CONFLICT: &[Code] = &[Code::Conflict];
const DUPLICATE: &[Code] = &[Code::DuplicateEntry, Code::DuplicateName, Code::Repeated];
const REDUNDANT: &[Code] = &[Code::Redundant];
const NOTHING: &[Code] = &[Code::NothingToDo, Code::MissingKeyword];
const DEFAULTED: &[Code] = &[Code::Defaulted];
const NO_VIP: &[Code] = &[Code::MissingKeyword, Code::Defaulted];
const LIMIT: &[Code] = &[Code::OutOfRange, Code::Conflict, Code::InvalidValue];
const INTERFACE: &[Code] = &[Code::UnknownInterface];

const KINDS: &[Kind] = &[
    // Structure. `nb_get_retry` is a word of HTTP_GET for keepalived; here it is an old one in every checker.
    kind(
        "Unknown keyword 'nb_get_retry'",
        &[Code::Deprecated, Code::UnknownKeyword],
    ),
    kind("Unknown keyword '*'", UNKNOWN),
    kind("Unexpected '*' - ignoring", STRUCTURE),
    kind("Extra '}' found", STRUCTURE),
    kind("There are * missing '}'s or extra '{'s", STRUCTURE),
    kind("Missing '{' at beginning of configuration block", STRUCTURE),
    kind(
        "*** Configuration line starting *",
        &[Code::MissingParameter],
    ),
    kind("vrrp_instance must have a name", &[Code::MissingParameter]),
    kind("line too long - ignoring", &[Code::LineTooLong]),
    kind(
        "Config files missing '*'.",
        &[Code::FileMissing, Code::NotIncluded],
    ),
    kind("Unterminated quote *", &[Code::UnterminatedQuote]),
    kind("Unmatched quote*", &[Code::UnterminatedQuote]),
    kind(
        "String '*': missing terminating *",
        &[Code::UnterminatedQuote],
    ),
    // Repetitions.
    kind("Invalid ~SEQ *", REPETITION),
    kind("Invalid ~LST *", REPETITION),
    kind("~SEQ parameter strings too long *", REPETITION),
    kind("~LST specification has too many values *", REPETITION),
    // Numbers and values.
    kind("number '*' outside range *", VALUE),
    kind("invalid number '*'", VALUE),
    kind("negative number '*'", VALUE),
    kind("vrrp_garp_interval '*' is invalid", VALUE),
    kind("vrrp_gna_interval '*' is invalid", VALUE),
    kind("persistence_timeout invalid", VALUE),
    kind("startup_script_timeout '*' must be in *", VALUE),
    kind("vrrp process real-time priority '*' invalid", VALUE),
    kind("checker process real-time priority *", VALUE),
    kind("Quorum * must be in *", VALUE),
    kind("Invalid * persistence_granularity specified - *", VALUE),
    kind("Invalid checker connect_port '*'", VALUE),
    kind("digest '*' character length should be *", VALUE),
    kind("Digest '*' is a duplicate", DUPLICATE),
    kind("Invalid lvs_sync_daemon maxlen *", VALUE),
    kind("PARSER : unknown [*] routing method for * server.", VALUE),
    kind("Unknown protocol * - ignoring", VALUE),
    about("(*): vrrp script interval must be greater than *", VALUE),
    about("(*): garp_master_repeat must be greater than *", VALUE),
    about(
        "(*): garp_master_refresh_repeat must be greater than *",
        VALUE,
    ),
    about("(*) Priority not valid! *", VALUE),
    about("(*): VRID '*' not valid *", VALUE),
    about("(*) unknown state '*', defaulting to BACKUP", VALUE),
    kind("(*) unknown authentication type '*'", VALUE),
    kind("Truncating auth_pass to * characters", VALUE),
    kind("(*) Advert interval (*) not valid! *", VALUE),
    about(
        "(*) VRRPv2 advertisement interval * must be an integer. rounding",
        LIMIT,
    ),
    about(
        "(*) VRRPv3 advertisement interval * must be in units of 10ms - rounding",
        LIMIT,
    ),
    kind("(*) Preempt_delay not valid! *", VALUE),
    kind("(*): garp_master_delay '*' invalid - ignoring", VALUE),
    kind("Invalid HTTP_GET status code '*'", VALUE),
    kind("Invalid lvs_scheduler '*' - ignoring", VALUE),
    kind("virtual server delay loop '*' invalid - ignoring", VALUE),
    kind("Invalid value '*' for * specified", VALUE),
    // Addresses.
    kind("VRRP parsed invalid IP *. skipping IP...", PEER),
    kind(
        "Unknown configuration entry '*' for ip address - ignoring",
        &[Code::InvalidValue, Code::ExtraWords],
    ),
    kind("Configuration error: VRRP instance[*] malformed *", VALUE),
    kind(
        "Configuration error: VRRP instance[*] and * MUST be of the same family *",
        &[Code::Conflict, Code::InvalidValue],
    ),
    kind("Invalid address prefix len * for address *", VALUE),
    kind(
        "Cannot specify address prefix when specifying peer address - ignoring",
        CONFLICT,
    ),
    kind("Cannot specify label for * addresses *", VALUE),
    kind("Cannot specify scope for * addresses *", VALUE),
    kind("Invalid peer address *", PEER),
    kind("Invalid virtual server IP address*", VALUE),
    kind(
        "Invalid virtual server group IP address*",
        &[Code::InvalidValue, Code::OutOfRange, Code::UnexpectedBrace],
    ),
    kind("Invalid real server ip address*", VALUE),
    kind("Invalid connect_ip address * - ignoring", VALUE),
    kind("Invalid bindto address * - ignoring", VALUE),
    kind("Invalid smtp server *", VALUE),
    about(
        "(*): address family must match VRRP instance *",
        &[Code::Conflict, Code::InvalidValue],
    ),
    about(
        "(*) the first IPv6 VIP address must be link local",
        CONFLICT,
    ),
    // Routes and rules.
    kind("Rule has no preference specified *", DEFAULTED),
    kind("rtt value * below minimum *", DEFAULTED),
    kind("rto value * below minimum *", DEFAULTED),
    kind("Invalid rtt * for route", VALUE),
    kind("Route cannot be tracked if protocol is not *", CONFLICT),
    kind("unknown route keyword *", VALUE),
    kind("Unknown rule option *", VALUE),
    kind("invalid route via address *", VALUE),
    kind(
        "routerid name missing - ignoring",
        &[Code::MissingParameter],
    ),
    // Instances and groups.
    about("(*) Unknown interface!", NOTHING),
    about(
        "(*) Warning - preempt delay will not work with initial state MASTER - clearing",
        CONFLICT,
    ),
    about(
        "(*) nopreempt is incompatible with priority 255. resetting nopreempt",
        CONFLICT,
    ),
    about("(*) No VIP specified; at least one is *", NO_VIP)
        .or_says("invalid IP address '*'; the entry is not used"),
    about("(*) the virtual router id must be set", NOTHING).or_value_of(&["virtual_router_id"]),
    about(
        "(*): Unicast instances must have unicast_src_ip or interface",
        NOTHING,
    ),
    about(
        "(*) A unicast keyword has been specified without any unicast peers. *",
        &[Code::Conflict, Code::Deprecated, Code::NothingToDo],
    ),
    about(
        "(*): Cannot use unicast_ttl without unicast peers - resetting",
        CONFLICT,
    ),
    about(
        "(*) Unicast peers are not supported in strict mode",
        NOTHING,
    ),
    about("(*) State MASTER must match being address owner", CONFLICT),
    about(
        "(*) Warning - nopreempt will not work with initial state MASTER - clearing",
        CONFLICT,
    ),
    about(
        "(*) Initial state master is incompatible with AH authentication - clearing",
        CONFLICT,
    ),
    about(
        "(*) Strict mode does not support authentication. Ignoring.",
        CONFLICT,
    ),
    about(
        "(*) VRRP version * does not support authentication. Ignoring.",
        CONFLICT,
    ),
    about(
        "(*) promote_secondaries is automatically set for vmacs - ignoring",
        REDUNDANT,
    ),
    // Also of an instance whose unicast keyword has no peers, which is what we say of it.
    about(
        "(*) unicast with use_vmac requires vmac_xmit_base - setting",
        &[Code::Defaulted, Code::Deprecated],
    ),
    about(
        "* and * both use VRID * with * on interface *",
        &[Code::DuplicateVrid],
    ),
    kind("vrrp instance * already defined", DUPLICATE),
    kind(
        "Virtual router * specified in sync group * doesn't exist - ignoring",
        REFERENCE,
    ),
    about("Sync group * has no members - removing", NOTHING),
    about(
        "Sync group * has only * virtual router(s) - this probably isn't what you want",
        CONFLICT,
    ),
    about("garp_group already specified for * - ignoring", DUPLICATE),
    about(
        "garp group * does not have any delay set - removing",
        NOTHING,
    ),
    kind("unknown interface * specified for up/down delay", INTERFACE),
    // Interfaces.
    about(
        "WARNING - interface * for vrrp_instance * doesn't exist",
        INTERFACE,
    ),
    kind(
        "Non-existent interface specified in configuration",
        INTERFACE,
    ),
    about(
        "(*) Ignoring track_interface * since own interface",
        &[Code::DuplicateEntry, Code::Conflict],
    ),
    about(
        "(*) track_interface * is configured on VRRP instance and sync group. *",
        REDUNDANT,
    ),
    // Scripts and what else is tracked.
    kind("SECURITY VIOLATION - *", &[Code::ScriptSecurity]),
    kind("Error setting global script uid/gid", SCRIPT_USER),
    about("Unable to set default user * for script", SCRIPT_USER),
    about(
        "Disabling track script * since not found/accessible",
        SCRIPT,
    ),
    about("Disabling track script * due to insecure", SCRIPT),
    about(
        "Unable to set default user for vrrp script * - removing",
        SCRIPT,
    ),
    about("Unable to set default user for misc script *", SCRIPT),
    about("Unable to set uid/gid for script '*'", SCRIPT),
    about("Failed to set uid/gid for misc checker script *", SCRIPT),
    about("No script set for vrrp_script * - removing", SCRIPT),
    about("No file set for track_file * - ignoring", NOTHING),
    about(
        "Configuration error: BFD instance * has no neighbor address set, disabling instance",
        NOTHING,
    ),
    about(
        "No script path has been specified for MISC_CHECKER - skipping",
        NOTHING,
    ),
    kind("(*) track script * not found, ignoring...", REFERENCE),
    kind("(*) track file * not found, ignoring...", REFERENCE),
    kind("track_file * not found", REFERENCE),
    kind("FILE_CHECK has no track_file specified - ignoring", NOTHING),
    kind("(*) unknown track script option * - ignoring", VALUE),
    about("(*) ignoring tracked script * due to *", CONFLICT),
    kind("(*) * script already specified - ignoring *", DUPLICATE),
    about("Warning - empty notification_email block", NOTHING).says("notification_email"),
    // Virtual servers.
    about(
        "HTTP/SSL_GET checker has no urls specified - ignoring",
        NOTHING,
    ),
    about("Virtual server *: hysteresis * >= quorum *", LIMIT),
    about(
        "Address family of virtual server and real server * don't match - skipping real server.",
        CONFLICT,
    ),
    about(
        "Virtual server [*]:none:* no protocol set - defaulting to UDP",
        DEFAULTED,
    )
    .or_value_of(&["protocol"]),
    about(
        "Warning - quorum * for * exceeds total weight of real servers *",
        LIMIT,
    ),
    about(
        "Virtual server *: no forwarding method set, setting default NAT",
        DEFAULTED,
    )
    .or_value_of(&["lb_kind", "lvs_method"]),
    about(
        "Virtual server *: no protocol set - defaulting to UDP",
        DEFAULTED,
    )
    .or_value_of(&["protocol"]),
    about(
        "Virtual server *: no scheduler set, setting default 'wlc'",
        DEFAULTED,
    )
    .or_value_of(&["lb_algo", "lvs_sched"]),
    about(
        "Virtual server *: zero port only valid for persistent services - setting",
        CONFLICT,
    ),
    about(
        "Virtual server *: one packet scheduling requires UDP - resetting",
        CONFLICT,
    ),
    about(
        "Warning: Virtual server *: protocol specified for fwmark - protocol will be ignored",
        CONFLICT,
    ),
    about("Virtual server * has no real servers - ignoring", NOTHING),
    about("virtual server group * has no entries - removing", NOTHING),
    about(
        "WARNING - virtual server * and real server * ports don't match - resetting",
        CONFLICT,
    ),
    about(
        "virtual server * and real server * ports don't match",
        CONFLICT,
    ),
    about(
        "WARNING - fwmark virtual server *, real server * has port specified - *",
        CONFLICT,
    ),
    about(
        "VS *: real server * is duplicated - removing second rs",
        DUPLICATE,
    ),
    kind("SSL * already specified - replacing", DUPLICATE),
    kind("Duplicate * - overwriting * with *", DUPLICATE),
    kind("Duplicate * specified - replacing * with *", DUPLICATE),
    kind("SMTP_CHECK helo name already specified", DUPLICATE),
    // Old words.
    kind("nb_get_retry is deprecated *", DEPRECATED),
    kind(
        "(*) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.",
        DEPRECATED,
    ),
    kind(
        "(*) lvs_sync_daemon_interface has already been specified as * - ignoring",
        &[Code::Deprecated, Code::DuplicateEntry],
    ),
    kind("Please use global lvs_sync_daemon", DEPRECATED),
    kind("\"*\" for routes is deprecated. *", DEPRECATED),
];

/// The kind of a message and what its `*` stand for.
pub(crate) fn of(message: &str) -> Option<(&'static Kind, Vec<&str>)> {
    KINDS
        .iter()
        .find_map(|kind| Some((kind, captures(kind.pattern, message)?)))
}
