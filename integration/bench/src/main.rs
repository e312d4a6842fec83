//! The benches of the VRRP child as one program; `integration/bench/NAME` builds and runs it.
//!
//! Each prints its table beside Debian's keepalived in the same run, and sets no threshold: numbers are read by
//! people.

#[path = "../../lab/mod.rs"]
mod lab;

mod boot;
mod capture;
mod failover;
mod flood;
mod measure;
mod node;
mod pinger;
mod scale;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A release build aborts on a panic; the namespaces must not stay.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        lab::cleanup::tear_down_all();
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("boot") => boot::run(),
        Some("failover") => failover::run(),
        Some("flood") => flood::run(),
        Some("scale") => scale::run(),
        _ => {
            eprintln!("usage: bench boot|failover|flood|scale");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the bench failed: {error}");
            lab::cleanup::tear_down_all();
            ExitCode::FAILURE
        }
    }
}
