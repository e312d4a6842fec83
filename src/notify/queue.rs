//! Which script runs next for a subject. Pure: the driver starts scripts and says when they ended.

use std::collections::VecDeque;

use crate::types::ScriptCommand;

/// More waiting scripts of one subject than this, and the oldest are given up: a script that
/// never ends must not let memory grow, and the last state is the one that matters.
const MAX_WAITING: usize = 64;

/// A script and the arguments to append.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending {
    pub command: ScriptCommand,
    pub arguments: Vec<String>,
}

/// The scripts of one subject (an instance, a group, a virtual or real server).
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Pending>,
    running: bool,
}

impl Queue {
    /// Returns what to start now, if nothing of this subject is running.
    pub fn push(&mut self, script: Pending) -> Option<Pending> {
        if !self.running {
            self.running = true;
            return Some(script);
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(script);
        None
    }

    /// The running script has ended; returns what to start next.
    pub fn ended(&mut self) -> Option<Pending> {
        let next = self.waiting.pop_front();
        self.running = next.is_some();
        next
    }

    pub fn is_idle(&self) -> bool {
        !self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: &str) -> Pending {
        let command = ScriptCommand {
            argv: vec![name.to_owned()],
            user: None,
            ..ScriptCommand::default()
        };
        Pending {
            command,
            arguments: Vec::new(),
        }
    }

    #[test]
    fn scripts_of_a_subject_run_one_after_the_other_in_order() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(script("a")), Some(script("a")));
        assert_eq!(queue.push(script("b")), None);
        assert_eq!(queue.push(script("c")), None);
        assert_eq!(queue.ended(), Some(script("b")));
        assert_eq!(queue.ended(), Some(script("c")));
        assert_eq!(queue.ended(), None);
        assert!(queue.is_idle());
    }

    #[test]
    fn the_last_state_survives_any_number_of_earlier_ones() {
        let mut queue = Queue::default();
        queue.push(script("runs for ever"));
        for _ in 0..1000 {
            queue.push(script("between"));
        }
        queue.push(script("last"));
        let delivered: Vec<_> = std::iter::from_fn(|| queue.ended()).collect();
        assert_eq!(delivered.len(), MAX_WAITING);
        assert_eq!(delivered.last(), Some(&script("last")));
    }
}
