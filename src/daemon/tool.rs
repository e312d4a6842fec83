//! `holdfast`, the operator's tool: one command line for what is done by hand or by a pipeline.

mod check;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::cli::DEFAULT_RUN_DIRECTORY;
use super::fence;
use crate::log::{self, LogSettings};

/// The operator's tool.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
struct Tool {
    #[command(subcommand)]
    command: ToolCommand,
}

#[derive(Debug, Subcommand)]
enum ToolCommand {
    /// Take away every address that a dead holdfastd left behind (the unit's ExecStopPost)
    Fence {
        #[arg(long, value_name = "DIR", default_value = DEFAULT_RUN_DIRECTORY)]
        run_directory: PathBuf,
    },
    Check(check::Options),
}

/// `holdfast`.
pub fn holdfast_main() -> ExitCode {
    let tool = Tool::parse();
    log::init(
        "holdfast",
        &LogSettings {
            console: true,
            ..LogSettings::default()
        },
    );
    ExitCode::from(match &tool.command {
        ToolCommand::Fence { run_directory } => fence::run(run_directory).code(),
        ToolCommand::Check(options) => check::run(options),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Tool::command().debug_assert();
    }
}
