//! Who wins: one advert against this node's priority and address (RFC 3768 §6.4, RFC 5798 §6.4).
//!
//! Only compares. What follows from it is decided where the state is, in `instance.rs`.

use std::net::IpAddr;

use crate::types::{AdvertPriority, Priority};

/// This node in an election.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) priority: Priority,
    /// Source address of its adverts.
    pub(super) address: IpAddr,
}

/// What an advert means to a master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MasterHears {
    /// Priority 0: the sender gives up.
    Release,
    /// Lower priority, or the same from a lower address.
    Weaker,
    HigherPriority,
    /// The same priority from a higher address.
    HigherAddress,
    /// The same priority from this node's own address.
    OwnAddress,
}

/// What an advert means to a backup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BackupHears {
    /// Priority 0: the master gives up.
    Release,
    /// A master that this node would preempt if it may.
    Weaker,
    /// A master at least as good; addresses do not matter to a backup.
    AtLeastAsGood,
}

impl Candidate {
    /// RFC 5798 §6.4.3 (700): addresses decide between equal priorities.
    pub(super) fn as_master(self, priority: AdvertPriority, source: IpAddr) -> MasterHears {
        use std::cmp::Ordering::{Equal, Greater, Less};

        if priority == AdvertPriority::RELEASE {
            return MasterHears::Release;
        }
        match (
            priority.get().cmp(&self.priority.get()),
            source.cmp(&self.address),
        ) {
            (Greater, _) => MasterHears::HigherPriority,
            (Less, _) | (Equal, Less) => MasterHears::Weaker,
            (Equal, Greater) => MasterHears::HigherAddress,
            (Equal, Equal) => MasterHears::OwnAddress,
        }
    }

    /// RFC 5798 §6.4.2 (420).
    pub(super) fn as_backup(self, priority: AdvertPriority) -> BackupHears {
        if priority == AdvertPriority::RELEASE {
            BackupHears::Release
        } else if priority.get() >= self.priority.get() {
            BackupHears::AtLeastAsGood
        } else {
            BackupHears::Weaker
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOW: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
    const HIGH: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 0));

    fn candidate() -> Candidate {
        let priority = Priority::DEFAULT;
        Candidate {
            priority,
            address: OURS,
        }
    }

    #[test]
    fn a_master_yields_to_more_priority_then_to_the_higher_address() {
        let rows = [
            (0, HIGH, MasterHears::Release),
            (99, HIGH, MasterHears::Weaker),
            (100, LOW, MasterHears::Weaker),
            (100, HIGH, MasterHears::HigherAddress),
            (100, OURS, MasterHears::OwnAddress),
            (101, LOW, MasterHears::HigherPriority),
            (255, LOW, MasterHears::HigherPriority),
        ];
        for (priority, source, want) in rows {
            let heard = candidate().as_master(AdvertPriority::from_wire(priority), source);
            assert_eq!(heard, want, "priority {priority} from {source}");
        }
    }

    #[test]
    fn a_backup_looks_at_the_priority_alone() {
        let rows = [
            (0, BackupHears::Release),
            (99, BackupHears::Weaker),
            (100, BackupHears::AtLeastAsGood),
            (255, BackupHears::AtLeastAsGood),
        ];
        for (priority, want) in rows {
            let heard = candidate().as_backup(AdvertPriority::from_wire(priority));
            assert_eq!(heard, want, "priority {priority}");
        }
    }
}
