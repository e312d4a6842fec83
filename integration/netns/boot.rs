//! Both nodes boot at nearly the same time.

use std::time::Instant;

use crate::lab::Result;
use crate::lab::boot::many;
use crate::lab::cleanup::Turn;

const RUNS: usize = 50;
const AT_A_TIME: usize = 10;

#[test]
fn after_fifty_common_boots_with_a_reload_in_the_first_second_there_is_one_master() -> Result<()> {
    let _turn = Turn::shared()?;
    let start = Instant::now();
    let failures = many(RUNS, AT_A_TIME, fastrand::u64(0..1_000_000));
    println!("{RUNS} boots in {:.1} s", start.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}
