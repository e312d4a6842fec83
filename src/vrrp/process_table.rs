//! Which processes count for which `vrrp_track_process` (keepalived: track_process.c). Pure: the driver reads `/proc`
//! and listens to the kernel.

use std::collections::HashMap;

use crate::config::{ParamMatch, TrackedProcess};

/// What is known of one process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Program {
    /// `/proc/PID/comm`: at most 15 bytes.
    pub(super) comm: String,
    /// `/proc/PID/cmdline`; empty for a thread of the kernel.
    pub(super) cmdline: Vec<String>,
}

/// Longest name that the kernel keeps.
const MAX_COMM_BYTES: usize = 15;

/// All processes that matter, and how many there are of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct ProcessTable {
    wanted: Vec<TrackedProcess>,
    /// For each process that counts for something, the positions in `wanted`.
    processes: HashMap<u32, Vec<usize>>,
}

impl ProcessTable {
    pub(super) fn new(wanted: Vec<TrackedProcess>) -> Self {
        Self {
            wanted,
            processes: HashMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn wanted(&self) -> &[TrackedProcess] {
        &self.wanted
    }

    /// How many there are, by the name of the `vrrp_track_process`.
    pub(super) fn counts(&self) -> Vec<(String, u32)> {
        let count = |position: usize| {
            let matching = self.processes.values().filter(|it| it.contains(&position));
            u32::try_from(matching.count()).unwrap_or(u32::MAX)
        };
        self.wanted
            .iter()
            .enumerate()
            .map(|(position, wanted)| (wanted.name.clone(), count(position)))
            .collect()
    }

    /// Everything that runs, instead of what was known.
    pub(super) fn replace(&mut self, running: impl IntoIterator<Item = (u32, Program)>) {
        self.processes.clear();
        for (pid, program) in running {
            self.runs(pid, &program);
        }
    }

    /// `pid` runs `program` from now on.
    pub(super) fn runs(&mut self, pid: u32, program: &Program) {
        let wanted = self.wanted.iter().enumerate();
        let matching: Vec<usize> = wanted
            .filter(|(_, wanted)| is_match(wanted, program))
            .map(|(position, _)| position)
            .collect();
        if matching.is_empty() {
            self.processes.remove(&pid);
        } else {
            self.processes.insert(pid, matching);
        }
    }

    /// A new process runs what its parent runs.
    pub(super) fn forked(&mut self, parent: u32, child: u32) {
        if let Some(matching) = self.processes.get(&parent).cloned() {
            self.processes.insert(child, matching);
        }
    }

    pub(super) fn ended(&mut self, pid: u32) {
        self.processes.remove(&pid);
    }
}

fn is_match(wanted: &TrackedProcess, program: &Program) -> bool {
    if !wanted.full_command {
        let name = wanted.process.as_bytes();
        let name = name.get(..MAX_COMM_BYTES).unwrap_or(name);
        return program.comm.as_bytes() == name;
    }
    let Some((command, parameters)) = program.cmdline.split_first() else {
        return false;
    };
    *command == wanted.process && are_parameters_right(wanted, parameters)
}

fn are_parameters_right(wanted: &TrackedProcess, parameters: &[String]) -> bool {
    match wanted.param_match {
        ParamMatch::Any => true,
        ParamMatch::Exact => parameters == wanted.parameters,
        ParamMatch::Initial => parameters.starts_with(&wanted.parameters),
        ParamMatch::Partial => match wanted.parameters.split_last() {
            None => true,
            Some((last, first)) => {
                parameters.starts_with(first)
                    && parameters
                        .get(first.len())
                        .is_some_and(|parameter| parameter.starts_with(last.as_str()))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::types::TrackWeight;

    fn wanted(
        name: &str,
        process: &str,
        parameters: &[&str],
        match_: ParamMatch,
    ) -> TrackedProcess {
        TrackedProcess {
            name: name.to_owned(),
            process: process.to_owned(),
            parameters: parameters.iter().map(|&p| p.to_owned()).collect(),
            param_match: match_,
            full_command: match_ != ParamMatch::Any,
            weight: TrackWeight::FAULT,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        }
    }

    fn program(comm: &str, cmdline: &[&str]) -> Program {
        Program {
            comm: comm.to_owned(),
            cmdline: cmdline.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    fn count(table: &ProcessTable) -> u32 {
        table.counts()[0].1
    }

    #[test]
    fn a_name_is_compared_as_far_as_the_kernel_keeps_it() {
        let long = wanted("P", "a-very-long-program", &[], ParamMatch::Any);
        let mut table = ProcessTable::new(vec![long]);
        table.runs(7, &program("a-very-long-pro", &["/x/a-very-long-program"]));
        table.runs(8, &program("a-very", &["/x/a-very-long-program"]));
        assert_eq!(count(&table), 1);
    }

    #[test]
    fn a_fork_counts_until_it_runs_something_else_or_ends() {
        let named = wanted("P", "named", &[], ParamMatch::Any);
        let mut table = ProcessTable::new(vec![named]);
        table.replace([(1, program("named", &[])), (2, program("sh", &[]))]);
        assert_eq!(count(&table), 1);
        table.forked(1, 10);
        table.forked(2, 11);
        assert_eq!(count(&table), 2);
        table.runs(10, &program("rndc", &[]));
        assert_eq!(count(&table), 1);
        table.ended(1);
        table.ended(11);
        assert_eq!(count(&table), 0);
    }

    #[test]
    fn parameters_are_compared_exactly_or_from_the_beginning() {
        let running = program("named", &["/usr/sbin/named", "-u", "bind", "-4"]);
        let is = |parameters: &[&str], match_| {
            is_match(
                &wanted("P", "/usr/sbin/named", parameters, match_),
                &running,
            )
        };
        assert!(is(&["-u", "bind", "-4"], ParamMatch::Exact));
        assert!(!is(&["-u", "bind"], ParamMatch::Exact));
        assert!(is(&["-u", "bind"], ParamMatch::Initial));
        assert!(!is(&["-u", "bi"], ParamMatch::Initial));
        assert!(is(&["-u", "bi"], ParamMatch::Partial));
        assert!(!is(&["-u", "x"], ParamMatch::Partial));
        assert!(!is(&["-u", "bind", "-4", "-6"], ParamMatch::Partial));
    }
}
