//! The effective values of the virtual servers of real configuration files: what Debian's keepalived dumps in a guest
//! with IPVS, without which it dumps none, and what we have read. What is meant to differ is in [`MEANT`].
//!
//! A dump takes seconds there, so that a few files are chosen. `DUMP_FILES=all` takes all of them, `DUMP_SEED=n` others.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::corpus::Corpus;
use crate::effective::{Meant, Tally, dumped_services, services};
use crate::effective_values::UNDEFINED;
use crate::guest;
use crate::verdict::{OfflineHost, load};

const FILES: usize = 16;
/// Files for one guest, which is ended after five minutes; and the seconds after which it begins no other file.
const FILES_OF_A_GUEST: usize = 20;
const SECONDS_OF_A_GUEST: &str = "240";
/// Values for each file, of a few and of all. Fewer would mean that something is no longer compared.
const ENOUGH: usize = 10;
const ENOUGH_OF_ALL: usize = 70;

/// Files whose dump has no end, and why.
const NEVER_DUMPED: &[(&str, &str)] = &[
    ("067", "2.2.7 finds nothing to run in it"),
    ("210", "a quotation mark is missing, and 2.2.7 gives up"),
    ("227", "hundreds of real servers, which take too long"),
    ("318", "its network namespace does not exist"),
    ("334", "its network namespace does not exist"),
];

/// It is a keyword of HTTP_GET alone for 2.2.7, and one of each checker for us.
const NB_GET_RETRY: &str = "nb_get_retry is no keyword of TCP_CHECK for 2.2.7";

const fn row(
    file: &'static str,
    field: &'static str,
    theirs: &'static str,
    reason: &'static str,
) -> Meant {
    Meant {
        file,
        field,
        theirs,
        reason,
    }
}

const MEANT: &[Meant] = &[
    row("025", "Retries", "1", NB_GET_RETRY),
    row("028", "Retries", "1", NB_GET_RETRY),
    row("074", "Retries", "1", NB_GET_RETRY),
    row("076", "Retries", "1", NB_GET_RETRY),
    row("087", "Retries", "1", NB_GET_RETRY),
    row("088", "Retries", "1", NB_GET_RETRY),
    row("125", "Retries", "1", NB_GET_RETRY),
    row("132", "Retries", "1", NB_GET_RETRY),
    row("180", "Retries", "1", NB_GET_RETRY),
    row(
        "052",
        "",
        "",
        "servers in a 'group { }' that neither knows: keepalived goes on reading inside it",
    ),
    row(
        "164",
        "",
        "",
        "2.2.7 does not come out of a block that is written '{}' on one line",
    ),
    row(
        "220",
        "is there",
        "yes",
        "the same virtual server is there twice, and we keep the first",
    ),
    row(
        "326",
        "Regex stack",
        "",
        "one stack, the largest, is for every regex of 2.2.7",
    ),
    row(
        "236",
        "is there",
        "",
        "a brace is missing: from there on the blocks are others",
    ),
    row(
        "250",
        "Log all failures",
        "no",
        "2.2.7 does not apply checker_log_all_failures to DNS_CHECK",
    ),
    row("296", "", "", UNDEFINED),
    row("297", "", "", UNDEFINED),
    row(
        "324",
        "",
        "",
        "a comment inside a definition of several lines: for 2.2.7 the definition ends there",
    ),
];

#[test]
fn effective_values_of_virtual_servers_are_those_of_keepalived_s_dump() {
    let Some(corpus) = Corpus::find() else {
        return;
    };
    let mut files = corpus.files();
    files.retain(|(number, path)| corpus.mentions(number, path, "virtual_server"));
    let enough = choose(&mut files);
    let (mut tally, mut unfinished) = (Tally::default(), Vec::new());
    for files in files.chunks(FILES_OF_A_GUEST) {
        let output = dumped(files);
        for (number, path) in files {
            let head = format!("=== {}\n", path.display());
            let dump = output.split_once(&head).map_or("", |(_, dump)| dump);
            let (dump, end) = dump.split_once("\n--- ").unwrap_or((dump, "left out"));
            let end = end.lines().next().unwrap_or_default();
            if end != "complete" {
                println!("{number} {end}: {}", dump.lines().next_back().unwrap_or(""));
                unfinished.push(number.as_str());
                continue;
            }
            let host = OfflineHost::of_this_machine(corpus.host(number).interfaces);
            let ours = services(&load(path, &host).config);
            tally.add_both_ways(number, &dumped_services(dump), &ours, MEANT);
        }
    }
    print!("{tally}");
    assert!(tally.disagreements.is_empty(), "see the lines above");
    unfinished.retain(|number| NEVER_DUMPED.iter().all(|row| row.0 != *number));
    assert!(unfinished.is_empty(), "without a dump: {unfinished:?}");
    assert!(
        tally.agreed() >= enough * tally.files,
        "only {}",
        tally.agreed()
    );
}

/// The first in an order that the seed makes; gives how many values each has at least.
fn choose(files: &mut Vec<(String, PathBuf)>) -> usize {
    if std::env::var_os("DUMP_FILES").is_some_and(|files| files == "all") {
        return ENOUGH_OF_ALL;
    }
    let seed = std::env::var("DUMP_SEED").unwrap_or_else(|_| "0".to_owned());
    files.sort_by_cached_key(|(number, _)| {
        let mut hasher = DefaultHasher::new();
        (&seed, number).hash(&mut hasher);
        hasher.finish()
    });
    files.truncate(FILES);
    files.sort();
    ENOUGH
}

/// What the script prints of these files.
fn dumped(files: &[(String, PathBuf)]) -> String {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/compat/effective/lvs/dump.sh");
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut command = vec![
        script.as_os_str(),
        OsStr::new(name.trim()),
        OsStr::new(SECONDS_OF_A_GUEST),
    ];
    command.extend(files.iter().map(|(_, path)| path.as_os_str()));
    guest::run(&command)
}
