//! The lab as a program: what `integration/demo` runs.

mod demo;
#[path = "mod.rs"]
mod lab;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A release build aborts on a panic; the namespaces must not stay.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        lab::cleanup::tear_down_all();
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["demo"] => demo::run(),
        ["demo", "--shell"] => demo::shell(),
        _ => {
            eprintln!("usage: lab demo [--shell]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}
