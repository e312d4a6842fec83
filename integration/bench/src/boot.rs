//! Pairs that boot together, over and over: none may end with two masters or with none.

use std::time::Instant;

use crate::lab::boot::many;
use crate::lab::cleanup::Turn;
use crate::lab::{LabError, Result};

/// `RUNS=1000`, `AT_A_TIME=10`, `SEED=1`.
pub(crate) fn run() -> Result<()> {
    let number = |name: &str, default: u64| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let _turn = Turn::shared()?;
    let runs = usize::try_from(number("RUNS", 1000)).unwrap_or(1000);
    let at_a_time = usize::try_from(number("AT_A_TIME", 10)).unwrap_or(10);
    let start = Instant::now();
    let failures = many(runs, at_a_time, number("SEED", 1));
    println!(
        "{runs} boots of a pair within 2 s, one reload in the first second: {} ended without exactly one master, {:.0} s",
        failures.len(),
        start.elapsed().as_secs_f64()
    );
    if failures.is_empty() {
        return Ok(());
    }
    Err(LabError::Failed(failures.join("\n\n")))
}
