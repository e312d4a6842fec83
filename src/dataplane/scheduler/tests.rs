use super::*;

fn loads(weights: &[u32]) -> Vec<Load> {
    let load = |weight: &u32| Load {
        weight: *weight,
        ..Load::default()
    };
    weights.iter().map(load).collect()
}

/// The next `count` picks as letters, A being the first server; `-` where nobody is picked.
fn picks(schedule: &mut Schedule, loads: &[Load], count: usize) -> String {
    let client = Ipv4Addr::new(192, 0, 2, 1);
    let letter = |picked: Option<usize>| picked.and_then(|place| ('A'..='Z').nth(place));
    (0..count)
        .map(|_| schedule.pick(loads.len(), |place| loads[place], client))
        .map(|picked| letter(picked).unwrap_or('-'))
        .collect()
}

fn schedule(scheduler: Scheduler, loads: &[Load]) -> Schedule {
    let mut schedule = Schedule::new(scheduler).expect("carried out");
    schedule.servers_changed(loads.len(), |place| loads[place]);
    schedule
}

#[test]
fn rr_takes_each_in_turn_and_passes_over_weight_0() {
    let servers = loads(&[1, 0, 5]);
    let mut rr = schedule(Scheduler::Rr, &servers);
    assert_eq!(picks(&mut rr, &servers, 6), "ACACAC");
    let servers = loads(&[1, 1, 5]);
    assert_eq!(picks(&mut rr, &servers, 4), "ABCA");
}

#[test]
fn wrr_gives_the_kernel_s_interleaved_sequences() {
    for (weights, sequence) in [
        (&[3, 2, 1][..], "AABABCAABABC"),
        (&[4, 2], "AABAAB"),
        (&[1, 1, 1], "ABCABC"),
        (&[0, 2, 1], "BBCBBC"),
        (&[1, 3], "BBABBBAB"),
        (&[10], "AAA"),
        (&[0, 0], "---"),
        (&[], "--"),
    ] {
        let servers = loads(weights);
        let mut wrr = schedule(Scheduler::Wrr, &servers);
        let picked = picks(&mut wrr, &servers, sequence.len());
        assert_eq!(picked, sequence, "{weights:?}");
    }
}

#[test]
fn wrr_shares_exactly_after_every_change_of_weights() {
    let mut wrr = schedule(Scheduler::Wrr, &loads(&[7, 3]));
    picks(&mut wrr, &loads(&[7, 3]), 4);
    for weights in [[6, 2], [5, 5], [1, 100], [9, 6]] {
        let servers = loads(&weights);
        wrr.servers_changed(servers.len(), |place| servers[place]);
        let divisor = if weights == [9, 6] { 3 } else { 1 };
        let turn = usize::try_from((weights[0] + weights[1]) / divisor).expect("small");
        // Whatever is left of the turn that was under way.
        picks(&mut wrr, &servers, turn);
        let picked = picks(&mut wrr, &servers, 10 * turn);
        let share = picked.bytes().filter(|server| *server == b'A').count();
        let expected = 10 * turn * weights[0] as usize / (weights[0] + weights[1]) as usize;
        assert_eq!(share, expected, "{weights:?}");
    }
}

#[test]
fn rr_and_wrr_share_exactly_among_the_others_while_one_is_passed_over_and_afterwards() {
    for (scheduler, weights, without_a, whole_turn) in [
        (Scheduler::Rr, &[1, 1, 1][..], "BCBCBC", "ABC"),
        (Scheduler::Wrr, &[3, 2, 1], "BBCBBC", "AABABC"),
        (Scheduler::Wrr, &[60000, 1, 2], "CBCCBC", ""),
        (Scheduler::Wrr, &[8, 4, 2], "BBCBBC", "AAAABBC"),
    ] {
        let servers = loads(weights);
        let mut passed_over = servers.clone();
        passed_over[0].weight = 0;
        let mut state = schedule(scheduler, &servers);
        let picked = picks(&mut state, &passed_over, 6);
        assert_eq!(picked, without_a, "{scheduler:?} {weights:?}");
        // What is left of the turn that was under way, up to the last server of the list.
        while picks(&mut state, &servers, 1) != "C" {}
        let picked = picks(&mut state, &servers, 2 * whole_turn.len());
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        let expected = sorted(&whole_turn.repeat(2));
        assert_eq!(sorted(&picked), expected, "{scheduler:?} {weights:?}");
    }
}

#[test]
fn nobody_is_picked_while_all_are_passed_over_and_the_turn_goes_on_afterwards() {
    for scheduler in [Scheduler::Rr, Scheduler::Wrr] {
        let servers = loads(&[1, 1, 1]);
        let mut state = schedule(scheduler, &servers);
        assert_eq!(picks(&mut state, &servers, 1), "A", "{scheduler:?}");
        assert_eq!(picks(&mut state, &loads(&[0, 0, 0]), 3), "---");
        assert_eq!(picks(&mut state, &servers, 4), "BCAB", "{scheduler:?}");
    }
}

#[test]
fn lc_weighs_an_active_connection_as_256_inactive_ones() {
    let mut servers = loads(&[1, 1, 1]);
    servers[0].active = 1;
    servers[1].inactive = 255;
    servers[2].inactive = 256;
    let mut lc = schedule(Scheduler::Lc, &servers);
    assert_eq!(picks(&mut lc, &servers, 1), "B");
    servers[1].inactive = 257;
    assert_eq!(picks(&mut lc, &servers, 1), "A", "the first of equals");
    servers[0].weight = 0;
    assert_eq!(picks(&mut lc, &servers, 1), "C");
}

#[test]
fn wlc_divides_by_the_weight() {
    let mut servers = loads(&[1, 3, 0]);
    servers[0].active = 10;
    servers[1].active = 29;
    let mut wlc = schedule(Scheduler::Wlc, &servers);
    assert_eq!(picks(&mut wlc, &servers, 1), "B");
    servers[1].active = 30;
    assert_eq!(picks(&mut wlc, &servers, 1), "A", "the first of equals");
    servers[1].active = 31;
    assert_eq!(picks(&mut wlc, &servers, 1), "A");
}

#[test]
fn sh_sends_a_client_to_the_same_server_and_clients_by_weight() {
    let servers = loads(&[3, 1]);
    let mut sh = schedule(Scheduler::Sh, &servers);
    let mut pick = |client: u32| {
        let client = Ipv4Addr::from_bits(client);
        sh.pick(2, |place| servers[place], client)
    };
    let first = (0..4096)
        .filter(|client| pick(0x0a00_0000 + client) == Some(0))
        .count();
    assert!((2900..3250).contains(&first), "{first} of 4096");
    assert_eq!(pick(0x0a00_0001), pick(0x0a00_0001));
}

#[test]
fn sh_passes_over_a_server_with_weight_0_and_knows_when_there_is_none() {
    let servers = loads(&[0, 1]);
    let mut sh = schedule(Scheduler::Sh, &servers);
    assert_eq!(picks(&mut sh, &servers, 3), "BBB");
    let servers = loads(&[0, 0]);
    assert_eq!(picks(&mut sh, &servers, 1), "-");
    let none = schedule(Scheduler::Sh, &[]);
    assert_eq!(picks(&mut none.clone(), &[], 1), "-");
}
