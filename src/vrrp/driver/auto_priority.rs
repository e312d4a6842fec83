//! A process that is woken too late gives itself a higher real-time priority (`max_auto_priority`).

use std::time::Duration;

use tracing::{info, warn};

use crate::config::Processes;
use crate::sys::scheduling;

#[derive(Debug)]
pub(super) struct AutoPriority {
    cap: u8,
    delay: Duration,
    /// 0: not real-time.
    current: u8,
}

impl AutoPriority {
    pub(super) fn new(processes: &Processes) -> Self {
        Self {
            // Not positive: never.
            cap: u8::try_from(processes.max_auto_priority).unwrap_or(0),
            delay: processes.min_auto_priority_delay,
            current: processes.vrrp.rt_priority.unwrap_or(0),
        }
    }

    /// Takes how much later than asked for the process was woken.
    pub(super) fn woken(&mut self, late: Duration) {
        let Some(priority) = self.next(late) else {
            return;
        };
        match scheduling::set_realtime(priority) {
            Ok(()) => info!("Set realtime priority {priority}"),
            Err(error) => {
                // It will not be permitted next time either.
                self.cap = 0;
                warn!("Unable to set realtime priority {priority} ({error})");
            }
        }
    }

    fn next(&mut self, late: Duration) -> Option<u8> {
        if late <= self.delay || self.current >= self.cap {
            return None;
        }
        self.current += 1;
        Some(self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_late_wake_up_is_one_step_up_to_the_cap() {
        let mut processes = Processes {
            max_auto_priority: 2,
            ..Processes::default()
        };
        let (late, punctual) = (Duration::from_millis(1001), Duration::from_secs(1));
        let mut auto = AutoPriority::new(&processes);
        let steps = [punctual, late, late, late].map(|by| auto.next(by));
        assert_eq!(steps, [None, Some(1), Some(2), None]);
        for never in [0, -1] {
            processes.max_auto_priority = never;
            assert_eq!(AutoPriority::new(&processes).next(late), None);
        }
    }
}
