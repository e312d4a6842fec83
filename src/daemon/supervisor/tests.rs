use super::*;
use crate::types::{AddressFamily, InterfaceName, Owned, OwnedAddress, Tenure, Transport, Vrid};

const HELLO: Duration = Duration::from_secs(5);
const CHILD_WAIT_TIME: Duration = Duration::from_secs(5);

const TERM: Duration = Duration::from_millis(2750);

fn router(vrid: u8) -> RouterIdentity {
    RouterIdentity {
        interface: InterfaceName::new("eth0").expect("a name"),
        virtual_router_id: Vrid::new(vrid).expect("in range"),
        family: AddressFamily::Inet,
        transport: Transport::Multicast,
    }
}

struct Watch {
    supervisor: Supervisor,
    start: Instant,
}

impl Watch {
    /// All three children up and ready.
    fn running() -> Self {
        let mut watch = Self {
            supervisor: Supervisor::new(Respawn::Always),
            start: Instant::now(),
        };
        watch.at(
            0,
            Input::Configured {
                wanted: ChildKind::ALL.into(),
                hello_interval: HELLO,
                child_wait_time: CHILD_WAIT_TIME,
            },
        );
        for kind in ChildKind::ALL {
            watch.at(0, Input::Ready(kind));
        }
        watch
    }

    fn at(&mut self, millis: u64, input: Input) -> Vec<Action> {
        let now = self.time(millis);
        self.supervisor.handle(input, now)
    }

    fn time(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn own(&mut self, millis: u64) {
        self.at(millis, Input::Own(vip()));
    }

    fn lease(&mut self, millis: u64, until: u64) {
        let until = self.time(until);
        self.at(
            millis,
            Input::LeaseBegun {
                router: router(1),
                term: TERM,
                until,
            },
        );
    }

    fn exited(&mut self, millis: u64, kind: ChildKind, ended: Ended) -> Vec<Action> {
        self.at(
            millis,
            Input::ChildExited {
                kind,
                pid: 7,
                ended,
            },
        )
    }
}

fn vip() -> Owned {
    let address = OwnedAddress {
        interface: InterfaceName::new("eth0").expect("name"),
        address: "192.0.2.1".parse().expect("address"),
        prefix_len: 24,
        peer: None,
    };
    Owned {
        object: address.into(),
        tenure: Tenure::Master,
    }
}

fn starts(actions: &[Action]) -> Vec<ChildKind> {
    let start = |action: &Action| match action {
        Action::Start { kind, .. } => Some(*kind),
        _ => None,
    };
    actions.iter().filter_map(start).collect()
}

#[test]
fn startup_is_complete_when_the_last_child_is_ready() {
    let mut watch = Watch {
        supervisor: Supervisor::new(Respawn::Always),
        start: Instant::now(),
    };
    let wanted = [ChildKind::Checker, ChildKind::Vrrp].into();
    let actions = watch.at(
        0,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert_eq!(starts(&actions), [ChildKind::Checker, ChildKind::Vrrp]);
    let first = watch.at(10, Input::Ready(ChildKind::Vrrp));
    assert!(!first.contains(&Action::Tell(ServiceState::Ready)));
    let last = watch.at(20, Input::Ready(ChildKind::Checker));
    assert!(last.contains(&Action::Tell(ServiceState::Ready)));
}

#[test]
fn a_configuration_with_nothing_to_run_is_said_and_waits_for_a_reload() {
    let mut watch = Watch {
        supervisor: Supervisor::new(Respawn::Always),
        start: Instant::now(),
    };
    let wanted = BTreeSet::new();
    let actions = watch.at(
        0,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert_eq!(actions[0], Action::Log(Event::NothingToRun));
    assert!(actions.contains(&Action::Tell(ServiceState::Ready)));
}

#[test]
fn a_child_that_answers_hellos_lives() {
    let mut watch = Watch::running();
    for number in 1..=20 {
        for kind in ChildKind::ALL {
            watch.at(number * 5000 - 1, Input::HelloAnswered { kind, number });
        }
        let actions = watch.at(number * 5000, Input::Timeout);
        let hello = Action::SendHello {
            kind: ChildKind::Checker,
            number: number + 1,
        };
        assert!(actions.contains(&hello), "{number}: {actions:?}");
    }
}

#[test]
fn two_unanswered_hellos_kill_a_child_and_its_exit_restarts_it() {
    let mut watch = Watch::running();
    let first = watch.at(5000, Input::Timeout);
    assert!(!first.contains(&Action::Kill(ChildKind::Checker)));
    let second = watch.at(10_000, Input::Timeout);
    assert!(second.contains(&Action::Kill(ChildKind::Checker)));
    let actions = watch.exited(10_001, ChildKind::Checker, Ended::Signaled(9));
    assert_eq!(starts(&actions), [ChildKind::Checker]);
}

#[test]
fn a_late_answer_to_an_older_hello_does_not_count() {
    let mut watch = Watch::running();
    watch.at(5000, Input::Timeout);
    watch.at(
        5001,
        Input::HelloAnswered {
            kind: ChildKind::Checker,
            number: 1,
        },
    );
    let actions = watch.at(10_000, Input::Timeout);
    assert!(actions.contains(&Action::Kill(ChildKind::Checker)));
}

#[test]
fn a_child_that_never_gets_ready_is_killed_too() {
    let mut watch = Watch {
        supervisor: Supervisor::new(Respawn::Always),
        start: Instant::now(),
    };
    let wanted = [ChildKind::Vrrp].into();
    watch.at(
        0,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert!(watch.at(5000, Input::Timeout).is_empty());
    assert!(
        watch
            .at(10_000, Input::Timeout)
            .contains(&Action::Kill(ChildKind::Vrrp))
    );
}

#[test]
fn one_that_keeps_dying_waits_longer_each_time_and_a_stable_life_forgives() {
    let mut watch = Watch::running();
    let mut millis = 0;
    for delay in [0, 1, 2, 4, 8, 16, 32, 60, 60] {
        let actions = watch.exited(millis, ChildKind::Vrrp, Ended::Signaled(11));
        if delay == 0 {
            assert_eq!(starts(&actions), [ChildKind::Vrrp]);
            continue;
        }
        assert!(starts(&actions).is_empty(), "{delay}");
        millis += delay * 1000;
        assert!(starts(&watch.at(millis - 1, Input::Timeout)).is_empty());
        assert_eq!(starts(&watch.at(millis, Input::Timeout)), [ChildKind::Vrrp]);
    }
    let actions = watch.exited(millis + 60_000, ChildKind::Vrrp, Ended::Signaled(11));
    assert_eq!(starts(&actions), [ChildKind::Vrrp]);
}

#[test]
fn a_dead_master_loses_its_addresses_first_and_goes_on_within_its_lease() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.lease(1000, 3800);
    let actions = watch.exited(1500, ChildKind::Vrrp, Ended::Signaled(9));
    let fence = actions
        .iter()
        .position(|a| *a == Action::Fence(vec![vip()]))
        .expect("fenced");
    let until = watch.time(3800);
    let start = Action::Start {
        kind: ChildKind::Vrrp,
        restarted: true,
        resume: vec![(router(1), until)],
    };
    let start = actions.iter().position(|a| *a == start).expect("started");
    assert!(fence < start);
}

#[test]
fn a_master_that_stops_sending_is_killed_then_fenced_and_does_not_resume() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.lease(1000, 3800);
    assert_eq!(watch.supervisor.next_timeout(), Some(watch.time(3800)));
    let actions = watch.at(3800, Input::Timeout);
    let kill = actions
        .iter()
        .position(|a| *a == Action::Kill(ChildKind::Vrrp))
        .expect("killed");
    let fence = actions
        .iter()
        .position(|a| *a == Action::Fence(vec![vip()]))
        .expect("fenced");
    assert!(kill < fence);
    // What it had sent before it was stopped arrives late.
    watch.lease(3801, 9000);
    let actions = watch.exited(3802, ChildKind::Vrrp, Ended::Signaled(9));
    assert!(
        actions.contains(&Action::Fence(vec![vip()])),
        "fenced again: {actions:?}"
    );
    assert!(actions.contains(&Action::WriteJournal));
    assert!(watch.supervisor.owned().is_empty());
    let resumes = |a: &Action| matches!(a, Action::Start { resume, .. } if !resume.is_empty());
    assert!(!actions.iter().any(resumes));
}

#[test]
fn a_machine_that_stalls_again_and_again_keeps_no_master_waiting() {
    let mut watch = Watch::running();
    for stall in 1..=20 {
        let millis = stall * 500;
        watch.lease(millis - 200, millis);
        watch.at(millis, Input::Timeout);
        let actions = watch.exited(millis + 1, ChildKind::Vrrp, Ended::Signaled(9));
        assert_eq!(starts(&actions), [ChildKind::Vrrp], "after stall {stall}");
    }
    // One that dies by itself waits as ever: the first time not at all.
    let actions = watch.exited(11_000, ChildKind::Vrrp, Ended::Signaled(11));
    assert_eq!(starts(&actions), [ChildKind::Vrrp]);
    let actions = watch.exited(11_001, ChildKind::Vrrp, Ended::Signaled(11));
    assert!(starts(&actions).is_empty());
}

fn fenced(failed: &[Owned]) -> Input {
    Input::Fenced {
        asked: vec![vip()],
        failed: failed
            .iter()
            .map(|it| (it.clone(), "no buffer space".to_owned()))
            .collect(),
    }
}

#[test]
fn what_could_not_be_taken_away_stays_owned_and_is_tried_every_second_until_it_is_gone() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.exited(1000, ChildKind::Vrrp, Ended::Signaled(9));
    let actions = watch.at(1000, fenced(&[vip()]));
    let failure = Event::NotTakenAway {
        error: "no buffer space".to_owned(),
        others: 0,
    };
    assert_eq!(actions, [Action::Log(failure), Action::WriteJournal]);
    assert_eq!(*watch.supervisor.owned(), [vip()].into());
    assert_eq!(watch.supervisor.next_timeout(), Some(watch.time(2000)));
    let again = Action::Fence(vec![vip()]);
    assert!(!watch.at(1999, Input::Timeout).contains(&again));
    assert!(watch.at(2000, Input::Timeout).contains(&again));
    // Said once.
    assert!(watch.at(2000, fenced(&[vip()])).is_empty());
    assert!(watch.at(3000, Input::Timeout).contains(&again));
    let gone = Event::TakenAwayAtLast { objects: 1 };
    let actions = watch.at(3000, fenced(&[]));
    assert_eq!(actions, [Action::Log(gone), Action::WriteJournal]);
    assert!(watch.supervisor.owned().is_empty());
    assert!(!watch.at(4000, Input::Timeout).contains(&again));
}

#[test]
fn what_the_child_itself_could_not_remove_is_taken_away_whatever_its_lease() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.lease(1000, 3800);
    let again = Action::Fence(vec![vip()]);
    let actions = watch.at(1500, Input::NotRemoved(vec![vip()]));
    assert_eq!(
        actions,
        std::slice::from_ref(&again),
        "it is in the journal already"
    );
    watch.at(1500, fenced(&[vip()]));
    watch.at(1501, Input::LeaseEnded(router(1)));
    assert!(watch.at(2500, Input::Timeout).contains(&again));
    // MASTER again: it may stay.
    watch.own(2600);
    assert!(!watch.at(3500, Input::Timeout).contains(&again));
    // What was not known to be ours is now.
    watch.at(3600, Input::Disown(vip()));
    let actions = watch.at(3700, Input::NotRemoved(vec![vip()]));
    assert_eq!(actions, [Action::WriteJournal, again]);
    assert_eq!(watch.at(3700, fenced(&[])), [Action::WriteJournal]);
    assert!(watch.supervisor.owned().is_empty());
}

#[test]
fn what_the_next_child_has_put_up_again_is_not_taken_away_from_it() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.exited(1000, ChildKind::Vrrp, Ended::Signaled(9));
    watch.at(1000, fenced(&[vip()]));
    watch.own(1500);
    let again = Action::Fence(vec![vip()]);
    assert!(!watch.at(2000, Input::Timeout).contains(&again));
    assert_eq!(*watch.supervisor.owned(), [vip()].into());
}

#[test]
fn what_a_killed_child_owned_stays_listed_until_the_child_is_gone() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.lease(1000, 3800);
    watch.at(3800, Input::Timeout);
    assert!(watch.at(3800, fenced(&[])).is_empty());
    assert_eq!(*watch.supervisor.owned(), [vip()].into());
}

#[test]
fn what_is_owned_is_journalled_once_per_change() {
    let mut watch = Watch::running();
    let own = Input::Own(vip());
    assert_eq!(watch.at(0, own.clone()), [Action::WriteJournal]);
    assert_eq!(*watch.supervisor.owned(), [vip()].into());
    assert!(watch.at(1, own).is_empty());
    let disown = Input::Disown(vip());
    assert_eq!(watch.at(2, disown), [Action::WriteJournal]);
    assert!(watch.supervisor.owned().is_empty());
}

#[test]
fn a_configuration_error_of_a_child_is_final() {
    let mut watch = Watch::running();
    let actions = watch.exited(100, ChildKind::Vrrp, Ended::Exited(2));
    assert!(starts(&actions).is_empty());
    assert!(actions.contains(&Action::AskToStop(ChildKind::Checker)));
    watch.exited(200, ChildKind::Checker, Ended::Exited(0));
    let last = watch.exited(300, ChildKind::DataPlane, Ended::Exited(0));
    assert_eq!(last, [Action::Exit(ExitStatus::Config)]);
}

#[test]
fn a_stop_says_goodbye_first_and_ends_the_data_plane_last() {
    let mut watch = Watch::running();
    let actions = watch.at(0, Input::StopAsked);
    let asked: Vec<_> = actions
        .iter()
        .filter(|a| matches!(a, Action::AskToStop(_)))
        .collect();
    assert_eq!(
        asked,
        [
            &Action::AskToStop(ChildKind::Vrrp),
            &Action::AskToStop(ChildKind::Checker)
        ]
    );
    assert!(watch.at(1, Input::StopAsked).is_empty());
    let actions = watch.exited(10, ChildKind::Checker, Ended::Exited(0));
    assert_eq!(actions, [Action::AskToStop(ChildKind::DataPlane)]);
    watch.exited(20, ChildKind::DataPlane, Ended::Exited(0));
    let last = watch.exited(30, ChildKind::Vrrp, Ended::Exited(0));
    assert_eq!(last.last(), Some(&Action::Exit(ExitStatus::Ok)));
}

#[test]
fn a_child_that_does_not_stop_is_killed_and_fenced_after_five_seconds() {
    let mut watch = Watch::running();
    watch.own(0);
    watch.at(0, Input::StopAsked);
    assert!(watch.at(4999, Input::Timeout).is_empty());
    let actions = watch.at(5000, Input::Timeout);
    assert!(actions.contains(&Action::Kill(ChildKind::Vrrp)));
    assert!(actions.contains(&Action::Fence(vec![vip()])));
}

#[test]
fn reloads_that_come_too_fast_are_merged() {
    let mut watch = Watch::running();
    assert!(watch.at(0, Input::ReloadAsked).contains(&Action::Load));
    for millis in 1..100 {
        assert!(!watch.at(millis, Input::ReloadAsked).contains(&Action::Load));
    }
    let wanted = ChildKind::ALL.into();
    let actions = watch.at(
        100,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert!(actions.contains(&Action::SendReload(ChildKind::Vrrp)));
    assert!(!actions.contains(&Action::SendReload(ChildKind::DataPlane)));
    watch.at(110, Input::Reloaded(ChildKind::Vrrp));
    let actions = watch.at(120, Input::Reloaded(ChildKind::Checker));
    assert!(actions.contains(&Action::Log(Event::ReloadComplete)));
    assert!(
        actions.contains(&Action::Load),
        "the merged request: {actions:?}"
    );
}

#[test]
fn a_rejected_reload_is_told_to_the_service_manager_and_changes_nothing() {
    let mut watch = Watch::running();
    watch.at(0, Input::ReloadAsked);
    let actions = watch.at(10, Input::LoadRejected);
    assert_eq!(
        actions,
        [
            Action::Log(Event::ReloadRejected),
            Action::Tell(ServiceState::ReloadFailed)
        ]
    );
    assert!(watch.at(20, Input::ReloadAsked).contains(&Action::Load));
}

#[test]
fn a_child_that_dies_while_it_reloads_does_not_block_reloading_for_ever() {
    let mut watch = Watch::running();
    watch.at(0, Input::ReloadAsked);
    let wanted = ChildKind::ALL.into();
    watch.at(
        10,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    watch.at(11, Input::Reloaded(ChildKind::Vrrp));
    let actions = watch.exited(12, ChildKind::Checker, Ended::Signaled(9));
    assert!(actions.contains(&Action::Log(Event::ReloadComplete)));
}

#[test]
fn a_child_that_the_new_configuration_does_not_need_ends_without_a_restart() {
    let mut watch = Watch::running();
    watch.at(0, Input::ReloadAsked);
    let wanted = [ChildKind::Vrrp].into();
    let actions = watch.at(
        10,
        Input::Configured {
            wanted,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert!(actions.contains(&Action::AskToStop(ChildKind::Checker)));
    watch.at(20, Input::Reloaded(ChildKind::Vrrp));
    let actions = watch.exited(30, ChildKind::Checker, Ended::Exited(0));
    assert!(starts(&actions).is_empty());
}

#[test]
fn a_child_that_is_wanted_again_before_it_ended_starts_again() {
    let mut watch = Watch::running();
    let without = [ChildKind::Vrrp].into();
    watch.at(
        0,
        Input::Configured {
            wanted: without,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    let with = ChildKind::ALL.into();
    let actions = watch.at(
        10,
        Input::Configured {
            wanted: with,
            hello_interval: HELLO,
            child_wait_time: CHILD_WAIT_TIME,
        },
    );
    assert!(!actions.contains(&Action::SendReload(ChildKind::Checker)));
    let actions = watch.exited(30, ChildKind::Checker, Ended::Exited(0));
    assert_eq!(starts(&actions), [ChildKind::Checker]);
}

#[test]
fn without_respawning_the_first_death_ends_the_program() {
    let mut watch = Watch::running();
    watch.supervisor.respawn = Respawn::Never;
    watch.own(100);
    let actions = watch.exited(200, ChildKind::Vrrp, Ended::Signaled(9));
    assert!(actions.contains(&Action::Fence(vec![vip()])));
    assert!(starts(&actions).is_empty());
    watch.exited(300, ChildKind::Checker, Ended::Exited(0));
    let last = watch.exited(400, ChildKind::DataPlane, Ended::Exited(0));
    assert_eq!(last, [Action::Exit(ExitStatus::Ok)]);
}

#[test]
fn a_master_that_hangs_during_the_stop_is_fenced_when_its_lease_ends() {
    let mut watch = Watch::running();
    watch.own(100);
    watch.lease(1000, 3800);
    watch.at(1100, Input::StopAsked);
    assert_eq!(watch.supervisor.next_timeout(), Some(watch.time(3800)));
    let actions = watch.at(3800, Input::Timeout);
    assert!(actions.contains(&Action::Kill(ChildKind::Vrrp)));
    assert!(actions.contains(&Action::Fence(vec![vip()])));
}

#[test]
fn a_child_that_a_reload_has_no_use_for_and_that_does_not_end_is_killed() {
    let mut watch = Watch::running();
    let wanted = [ChildKind::Vrrp].into();
    watch.at(0, configured(wanted));
    assert_eq!(watch.supervisor.next_timeout(), Some(watch.time(5000)));
    let actions = watch.at(5000, Input::Timeout);
    assert!(actions.contains(&Action::Kill(ChildKind::Checker)));
    let actions = watch.at(5001, configured(ChildKind::ALL.into()));
    assert!(starts(&actions).is_empty(), "it has not ended yet");
    let actions = watch.exited(5002, ChildKind::Checker, Ended::Signaled(9));
    assert_eq!(starts(&actions), [ChildKind::Checker]);
}

#[test]
fn a_reload_while_a_child_cannot_start_does_not_block_later_ones() {
    let mut watch = Watch {
        supervisor: Supervisor::new(Respawn::Always),
        start: Instant::now(),
    };
    watch.at(0, configured([ChildKind::Vrrp].into()));
    for millis in [1, 2] {
        watch.exited(millis, ChildKind::Vrrp, Ended::Exited(1));
    }
    watch.at(10, Input::ReloadAsked);
    watch.at(20, configured([ChildKind::Vrrp].into()));
    assert!(watch.at(30, Input::ReloadAsked).contains(&Action::Load));
}

fn configured(wanted: BTreeSet<ChildKind>) -> Input {
    Input::Configured {
        wanted,
        hello_interval: HELLO,
        child_wait_time: CHILD_WAIT_TIME,
    }
}

#[test]
fn all_leases_of_a_term_are_renewed_together_and_end_each_for_itself() {
    let mut watch = Watch::running();
    watch.lease(1000, 3800);
    let until = watch.time(9000);
    let second = Input::LeaseBegun {
        router: router(2),
        term: TERM,
        until,
    };
    watch.at(1001, second);
    assert_eq!(
        watch.supervisor.next_timeout(),
        Some(watch.time(3800)),
        "the first to end counts"
    );
    watch.at(2000, Input::LeasesRenewed { term: TERM, until });
    watch.at(2001, Input::LeaseEnded(router(1)));
    let actions = watch.exited(2002, ChildKind::Vrrp, Ended::Signaled(9));
    let start = Action::Start {
        kind: ChildKind::Vrrp,
        restarted: true,
        resume: vec![(router(2), until)],
    };
    assert!(actions.contains(&start), "{actions:?}");
}
