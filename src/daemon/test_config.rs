//! `holdfastd -t`: every complaint about a file in one run, and keepalived's exit statuses.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::exit_status::ExitStatus;
use super::loader::load_file;
