//! Keywords of `global_defs` about our processes: names, priorities, memory, buffers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, Shape};

/// How our processes run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Processes {
    /// Each child has a name of its own, `process_names`.
    pub process_names: bool,
    /// The parent's.
    pub process_name: Option<String>,
    pub vrrp: Process,
    pub checker: Process,
    pub bfd: Process,
    /// Highest real-time priority that a process gives itself when it is late, -1 to 99; -1: never, default 0.
    pub max_auto_priority: i8,
    /// A process is late when a timer is by this, default 1 s.
    pub min_auto_priority_delay: Duration,
    /// Mode bits that created files do not get; dumps: 0177 where the file says nothing.
    pub umask: Option<u16>,
    /// Receive buffer for what processes start and end, in octets.
    pub process_monitor_rcv_bufs: Option<u32>,
    /// The buffer may exceed the limit of the system.
    pub process_monitor_rcv_bufs_force: bool,
    /// Seed of `${_RANDOM}` and of warm-ups; `None`: another one each time.
    pub random_seed: Option<u32>,
    /// How long the parent waits for its children at the stop, default 5 s.
    pub child_wait_time: Duration,
}

/// How one child runs. A field is a keyword without the name of the child in front.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Process {
    pub process_name: Option<String>,
    /// Nice value, -20 to 19; `None`: -20 of the VRRP child, whose adverts come in time while others work, else 0
    /// (keepalived: 0).
    pub priority: Option<i8>,
    /// Of SCHED_RR, 1 to 99.
    pub rt_priority: Option<u8>,
    /// Longest time without waiting for anything at real-time priority. keepalived: 10 ms, which a start or a reload
    /// with many instances exceeds.
    pub rlimit_rttime: Option<Duration>,
    /// Memory is locked.
    pub no_swap: bool,
    /// Numbers of CPUs; empty: any.
    pub cpu_affinity: Vec<u16>,
    /// Receive buffer of netlink commands, in octets.
    pub netlink_cmd_rcv_bufs: Option<u32>,
    pub netlink_cmd_rcv_bufs_force: bool,
    /// Receive buffer of netlink events, in octets.
    pub netlink_monitor_rcv_bufs: Option<u32>,
    pub netlink_monitor_rcv_bufs_force: bool,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            process_names: false,
            process_name: None,
            vrrp: Process::default(),
            checker: Process::default(),
            bfd: Process::default(),
            max_auto_priority: 0,
            min_auto_priority_delay: Duration::from_secs(1),
            umask: None,
            process_monitor_rcv_bufs: None,
            process_monitor_rcv_bufs_force: false,
            random_seed: None,
            child_wait_time: Duration::from_secs(5),
        }
    }
}

const NAME: Shape = Shape::Word("a name");
const NICE: Shape = Shape::number(-20, 19);
const REALTIME: Shape = Shape::number(1, 99);
const MICROSECONDS: Shape = Shape::number(1, NO_LIMIT);
const BYTES: Shape = Shape::number(1, NO_LIMIT);
/// Linux: CPU_SETSIZE.
const CPU: Shape = Shape::strict(0, 1023);
const AUTO_PRIORITY: Shape = Shape::number(-1, 99);

/// The rows of all processes.
pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::new("process_names", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.processes.process_names)
    }),
    Keyword::new("process_name", NAME, "holdfastd", |draft, arguments| {
        arguments.fill(&mut draft.defs.processes.process_name)
    }),
    Keyword::new(
        "max_auto_priority",
        Shape::Optional("a number from -1 to 99"),
        "0; 99 without a number",
        max_auto_priority,
    ),
    Keyword::new(
        "min_auto_priority_delay",
        Shape::number(1, 10_000_000),
        "1000000",
        |draft: &mut Draft, arguments| {
            microseconds(&mut draft.defs.processes.min_auto_priority_delay, arguments)
        },
    )
    .unit("µs"),
    Keyword::new(
        "umask",
        Shape::Words("an octal mask or IRUSR|IWUSR|…"),
        "as it was started; dumps 0177",
        umask,
    ),
    // Carried out while lines are read.
    Keyword::new(
        "random_seed",
        Shape::number(0, NO_LIMIT),
        "from the host name",
        |draft, arguments| arguments.fill(&mut draft.defs.processes.random_seed),
    ),
    Keyword::new(
        "process_monitor_rcv_bufs",
        BYTES,
        "1048576",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.process_monitor_rcv_bufs)
        },
    )
    .unit("octets"),
    Keyword::new(
        "process_monitor_rcv_bufs_force",
        Shape::Bool,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.processes.process_monitor_rcv_bufs_force),
    ),
];

/// A child that has keywords of its own.
trait Child {
    const IS_THERE: bool;
    const PROCESS_NAME: &'static str;
    const PRIORITY: &'static str;
    const PRIORITY_DEFAULT: &'static str;
    const RT_PRIORITY: &'static str;
    const RLIMIT_RTTIME: &'static str;
    /// The spelling of old.
    const RLIMIT_RTIME: &'static str;
    const NO_SWAP: &'static str;
    const CPU_AFFINITY: &'static str;

    fn settings(processes: &mut Processes) -> &mut Process;
}

struct Vrrp;
struct Checker;
struct Bfd;

impl Child for Vrrp {
    const IS_THERE: bool = true;
    const PROCESS_NAME: &'static str = "vrrp_process_name";
    const PRIORITY: &'static str = "vrrp_priority";
    const PRIORITY_DEFAULT: &'static str = "-20";
    const RT_PRIORITY: &'static str = "vrrp_rt_priority";
    const RLIMIT_RTTIME: &'static str = "vrrp_rlimit_rttime";
    const RLIMIT_RTIME: &'static str = "vrrp_rlimit_rtime";
    const NO_SWAP: &'static str = "vrrp_no_swap";
    const CPU_AFFINITY: &'static str = "vrrp_cpu_affinity";

    fn settings(processes: &mut Processes) -> &mut Process {
        &mut processes.vrrp
    }
}

impl Child for Checker {
    const IS_THERE: bool = true;
    const PROCESS_NAME: &'static str = "checker_process_name";
    const PRIORITY: &'static str = "checker_priority";
    const PRIORITY_DEFAULT: &'static str = "0";
    const RT_PRIORITY: &'static str = "checker_rt_priority";
    const RLIMIT_RTTIME: &'static str = "checker_rlimit_rttime";
    const RLIMIT_RTIME: &'static str = "checker_rlimit_rtime";
    const NO_SWAP: &'static str = "checker_no_swap";
    const CPU_AFFINITY: &'static str = "checker_cpu_affinity";

    fn settings(processes: &mut Processes) -> &mut Process {
        &mut processes.checker
    }
}

impl Child for Bfd {
    const IS_THERE: bool = false;
    const PROCESS_NAME: &'static str = "bfd_process_name";
    const PRIORITY: &'static str = "bfd_priority";
    const PRIORITY_DEFAULT: &'static str = "0";
    const RT_PRIORITY: &'static str = "bfd_rt_priority";
    const RLIMIT_RTTIME: &'static str = "bfd_rlimit_rttime";
    const RLIMIT_RTIME: &'static str = "bfd_rlimit_rtime";
    const NO_SWAP: &'static str = "bfd_no_swap";
    const CPU_AFFINITY: &'static str = "bfd_cpu_affinity";

    fn settings(processes: &mut Processes) -> &mut Process {
        &mut processes.bfd
    }
}

pub(super) const VRRP_ROWS: &[Keyword<Draft>] = &rows::<Vrrp>();
pub(super) const CHECKER_ROWS: &[Keyword<Draft>] = &rows::<Checker>();
pub(super) const BFD_ROWS: &[Keyword<Draft>] = &rows::<Bfd>();

/// The rows of one child.
const fn rows<C: Child>() -> [Keyword<Draft>; 7] {
    [
        row::<C>(C::PROCESS_NAME, NAME, "process_name", |draft, arguments| {
            arguments.fill(&mut C::settings(&mut draft.defs.processes).process_name)
        }),
        row::<C>(
            C::PRIORITY,
            NICE,
            C::PRIORITY_DEFAULT,
            |draft, arguments| arguments.fill(&mut C::settings(&mut draft.defs.processes).priority),
        ),
        row::<C>(C::RT_PRIORITY, REALTIME, "", |draft, arguments| {
            C::settings(&mut draft.defs.processes).rt_priority = Some(rt_priority(arguments)?);
            Ok(())
        }),
        row::<C>(
            C::RLIMIT_RTTIME,
            MICROSECONDS,
            "none",
            |draft: &mut Draft, arguments| {
                let mut limit = Duration::ZERO;
                microseconds(&mut limit, arguments)?;
                C::settings(&mut draft.defs.processes).rlimit_rttime = Some(limit);
                Ok(())
            },
        )
        .unit("µs"),
        row::<C>(
            C::RLIMIT_RTIME,
            MICROSECONDS,
            "none",
            |draft: &mut Draft, arguments| {
                let mut limit = Duration::ZERO;
                microseconds(&mut limit, arguments)?;
                C::settings(&mut draft.defs.processes).rlimit_rttime = Some(limit);
                Ok(())
            },
        )
        .unit("µs")
        .deprecated(C::RLIMIT_RTTIME),
        row::<C>(C::NO_SWAP, Shape::Flag, "off", |draft, arguments| {
            arguments.fill(&mut C::settings(&mut draft.defs.processes).no_swap)
        }),
        row::<C>(
            C::CPU_AFFINITY,
            Shape::Words("numbers of CPUs from 0 to 1023"),
            "any",
            |draft, arguments| {
                C::settings(&mut draft.defs.processes).cpu_affinity = cpus(arguments)?;
                Ok(())
            },
        ),
    ]
}

/// Carried out where there is such a child.
const fn row<C: Child>(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    fill: fn(&mut Draft, &mut Arguments<'_>) -> Result<(), Finding>,
) -> Keyword<Draft> {
    if C::IS_THERE {
        Keyword::new(name, shape, default, fill)
    } else {
        Keyword::pending_but_read(name, shape, default, fill)
    }
}

/// What only the children know that talk to the kernel, and an old name.
pub(super) const BUFFER_ROWS: &[Keyword<Draft>] = &[
    Keyword::new(
        "lvs_process_name",
        NAME,
        "",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.checker.process_name)
        },
    )
    .deprecated("checker_process_name"),
    Keyword::new(
        "vrrp_netlink_cmd_rcv_bufs",
        BYTES,
        "the kernel's",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.vrrp.netlink_cmd_rcv_bufs)
        },
    )
    .unit("octets"),
    Keyword::new(
        "vrrp_netlink_cmd_rcv_bufs_force",
        Shape::Bool,
        "off",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.processes.vrrp.netlink_cmd_rcv_bufs_force)
        },
    ),
    Keyword::new(
        "vrrp_netlink_monitor_rcv_bufs",
        BYTES,
        "1048576",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.vrrp.netlink_monitor_rcv_bufs)
        },
    )
    .unit("octets"),
    Keyword::new(
        "vrrp_netlink_monitor_rcv_bufs_force",
        Shape::Bool,
        "off",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.processes.vrrp.netlink_monitor_rcv_bufs_force)
        },
    ),
    Keyword::pending_but_read(
        "lvs_netlink_cmd_rcv_bufs",
        BYTES,
        "the kernel's",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.checker.netlink_cmd_rcv_bufs)
        },
    )
    .unit("octets"),
    Keyword::pending_but_read(
        "lvs_netlink_cmd_rcv_bufs_force",
        Shape::Bool,
        "off",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.processes.checker.netlink_cmd_rcv_bufs_force)
        },
    ),
    Keyword::pending_but_read(
        "lvs_netlink_monitor_rcv_bufs",
        BYTES,
        "the kernel's",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.processes.checker.netlink_monitor_rcv_bufs)
        },
    )
    .unit("octets"),
    Keyword::pending_but_read(
        "lvs_netlink_monitor_rcv_bufs_force",
        Shape::Bool,
        "off",
        |draft, arguments| {
            arguments.fill(&mut draft.defs.processes.checker.netlink_monitor_rcv_bufs_force)
        },
    ),
];

fn microseconds(field: &mut Duration, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    *field = Duration::from_micros(arguments.number()?);
    Ok(())
}

/// keepalived: a priority beyond the range becomes the nearest one in it.
fn rt_priority(arguments: &mut Arguments<'_>) -> Result<u8, Finding> {
    const ANY: Shape = Shape::number(i32::MIN as i64, i32::MAX as i64);
    let word = arguments.word()?;
    let number: i64 = arguments.number_in(word, &ANY)?;
    let clamped = number.clamp(1, 99);
    if clamped != number {
        let message = format!("real-time priority {number} is out of range, {clamped} is used");
        let finding = Finding::new(Code::OutOfRange, word.span, message);
        arguments.complain(finding.expected(REALTIME.expected()));
    }
    u8::try_from(clamped).map_err(|_| arguments.invalid_value(word))
}

fn cpus(arguments: &mut Arguments<'_>) -> Result<Vec<u16>, Finding> {
    let mut cpus = Vec::new();
    while let Some(word) = arguments.next_word() {
        cpus.push(arguments.number_in(word, &CPU)?);
    }
    Ok(cpus)
}

fn max_auto_priority(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.defs.processes.max_auto_priority = match arguments.next_word() {
        None => 99,
        Some(word) => arguments.number_in(word, &AUTO_PRIORITY)?,
    };
    Ok(())
}

/// An octal number, or names of mode bits with `|` between them.
fn umask(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut mask = 0;
    while let Some(word) = arguments.next_word() {
        for name in word.text.split('|').filter(|name| !name.is_empty()) {
            mask |= mode_bits(name).ok_or_else(|| arguments.invalid_value(word))?;
        }
    }
    draft.defs.processes.umask = Some(mask);
    Ok(())
}

fn mode_bits(name: &str) -> Option<u16> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return u16::from_str_radix(name, 8)
            .ok()
            .filter(|mask| *mask <= 0o777);
    }
    let name = name.strip_prefix("S_").unwrap_or(name);
    let (right, class) = name.split_at_checked(2)?;
    let right = match right {
        "IR" => 4,
        "IW" => 2,
        "IX" => 1,
        _ => return None,
    };
    match class {
        "USR" => Some(right << 6),
        "GRP" => Some(right << 3),
        "OTH" => Some(right),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::mode_bits;

    #[test]
    fn mode_bits_are_octal_or_names() {
        assert_eq!(mode_bits("0177"), Some(0o177));
        assert_eq!(mode_bits("IRUSR"), Some(0o400));
        assert_eq!(mode_bits("S_IXOTH"), Some(0o001));
        assert_eq!(mode_bits("1777"), None);
        assert_eq!(mode_bits("IRALL"), None);
        assert_eq!(mode_bits("é"), None);
    }
}
