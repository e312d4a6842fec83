//! How the kernel treats this process: its priority, its processors, its memory.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::unistd::Pid;

use super::process;

/// SCHED_RESET_ON_FORK of `linux/sched.h`: scripts run as if nothing had been set.
const RESET_ON_FORK: i32 = 0x4000_0000;

/// SCHED_FLAG_RESET_ON_FORK of `linux/sched.h`: the same for sched_setattr(2).
const FLAG_RESET_ON_FORK: u64 = 1;

/// Nice value from -20 to 19; programs that it starts do not inherit one below 0.
pub fn set_nice(nice: i8) -> io::Result<()> {
    set_scheduler(libc::SCHED_OTHER, 0)?;
    // SAFETY: the call takes three integers.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) })?;
    Ok(())
}

/// How long this process may run at a time while others wait, where it is not real-time: the shorter, the sooner it runs
/// when it wakes up, for it then interrupts those with longer slices (EEVDF, Linux 6.12; earlier kernels take no notice).
/// Its share of the processor stays the same. Programs that it starts have the usual slice.
pub fn set_slice(slice: Duration) -> io::Result<()> {
    // SAFETY: the call takes two integers; -1 is a possible result, so errno tells an error.
    let nice = unsafe {
        Errno::clear();
        libc::getpriority(libc::PRIO_PROCESS, 0)
    };
    if nice == -1 && Errno::last_raw() != 0 {
        return Err(Errno::last().into());
    }
    let size = size_of::<libc::sched_attr>();
    let attributes = libc::sched_attr {
        size: u32::try_from(size).unwrap_or_default(),
        sched_policy: u32::try_from(libc::SCHED_OTHER).unwrap_or_default(),
        sched_flags: FLAG_RESET_ON_FORK,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the call reads one `sched_attr`, which says its size and outlives the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })?;
    Ok(())
}

/// SCHED_RR at that priority, 1 to 99. Programs that it starts are not real-time.
pub fn set_realtime(priority: u8) -> io::Result<()> {
    set_scheduler(libc::SCHED_RR, priority)
}

fn set_scheduler(policy: i32, priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: the call reads one `sched_param`, which outlives it.
    Errno::result(unsafe {
        libc::sched_setscheduler(0, policy | RESET_ON_FORK, &raw const parameters)
    })?;
    Ok(())
}

/// A real-time process that does not wait for anything for this long is killed (RLIMIT_RTTIME).
pub fn limit_realtime(limit: Duration) -> io::Result<()> {
    let micros = u64::try_from(limit.as_micros()).unwrap_or(RLIM_INFINITY);
    Ok(setrlimit(Resource::RLIMIT_RTTIME, micros, micros)?)
}

/// It runs on these processors only.
pub fn set_affinity(processors: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(usize::from(*processor))?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Which memory stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lock {
    /// What has been used once.
    Used,
    /// All that is mapped, now and later.
    Everything,
}

/// Memory is not swapped out. Fails where the limit on locked memory cannot be lifted, for then an allocation could
/// fail later.
pub fn lock_memory(lock: Lock) -> io::Result<()> {
    let lifted = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
    // A container may have CAP_IPC_LOCK, but not CAP_SYS_RESOURCE.
    if let Err(errno) = lifted
        && !process::locks_without_limit()
    {
        return Err(errno.into());
    }
    let on_fault = match lock {
        Lock::Used => libc::MCL_ONFAULT,
        Lock::Everything => 0,
    };
    // SAFETY: the call takes one integer and changes no contents.
    Errno::result(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | on_fault) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_always_be_nicer_and_stay_on_its_processors() {
        // On a thread of its own: the settings are a thread's.
        let outcome = std::thread::spawn(|| {
            set_nice(5)?;
            // SAFETY: the call takes two integers.
            let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
            assert_eq!(nice, 5);
            let allowed = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
            let first = (0..u16::MAX).find(|n| allowed.is_set(usize::from(*n)) == Ok(true));
            set_affinity(&[first.expect("one of them")])
        });
        outcome.join().expect("no panic").expect("permitted");
    }

    #[test]
    fn a_shorter_slice_is_anybody_s_and_leaves_the_nice_value() {
        let outcome = std::thread::spawn(|| {
            set_nice(5)?;
            set_slice(Duration::from_micros(100))?;
            // SAFETY: the call takes two integers.
            io::Result::Ok(unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) })
        });
        assert_eq!(outcome.join().expect("no panic").expect("permitted"), 5);
    }

    #[test]
    fn a_processor_that_cannot_exist_is_an_error() {
        assert!(set_affinity(&[u16::MAX]).is_err());
    }
}
