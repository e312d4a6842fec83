//! Who runs, who restarts: the watchdog parent, the wiring of its children, and the loader.
//!
//! `supervisor` is pure and decides; `parent` carries out. A child is the same binary, re-executed
//! with `--child`, and talks to the parent over an inherited socket (`message`). Nobody below
//! imports this module.

mod adopted;
mod child;
mod cli;
mod dump;
mod exit_status;
mod fence;
mod host;
mod journal;
mod loader;
mod message;
mod outbox;
mod parent;
mod pid_file;
mod place;
mod policy;
mod scheduling;
mod supervisor;
mod test_config;
mod tool;

pub use cli::holdfastd_main;
pub use tool::holdfast_main;
