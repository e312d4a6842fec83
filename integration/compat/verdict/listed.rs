//! Differences that no rule tells from a mistake of ours: each with its file, its line and its words, so that nothing
//! else passes with it.

use std::path::Path;

use holdfast::config::{Code, Complaint};

use super::policy::{BRACES, DEFINITION, EXTRA_WORDS, Row, UNKNOWN_BLOCK};
use super::theirs::Theirs;

/// A message of keepalived's without a place, about what it has misread further up.
struct Misread {
    /// How the file's name begins, or the end of its path.
    file: &'static str,
    message: &'static str,
    row: &'static Row,
}

const fn misread(file: &'static str, message: &'static str, row: &'static Row) -> Misread {
    Misread { file, message, row }
}

const MISREAD: &[Misread] = &[
    misread(
        "227-",
        "Virtual server [22.22.1.0]:tcp:80 has no real servers - ignoring",
        &DEFINITION,
    ),
    misread(
        "296-",
        "There are 12 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "297-",
        "There are 12 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "052-",
        "VS [129.93.239.157]:tcp:2811: real server [129.93.239.168]:tcp:2811 is duplicated - removing second rs",
        &UNKNOWN_BLOCK,
    ),
    misread(
        "227-",
        "SECURITY VIOLATION - check scripts are being executed but script_security not enabled.",
        &DEFINITION,
    ),
    misread(
        "227-",
        "There are 300 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "pq-1446/keepalived.conf",
        "WARNING - virtual server [10.115.15.1]:tcp:443 and real server [10.117.2.1]:tcp:80 ports don't match - resetting",
        &BRACES,
    ),
    misread(
        "245-",
        "(VI_6_7_253) No VIP specified; at least one is sensible",
        &DEFINITION,
    ),
    misread(
        "245-",
        "There are 32 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "245-",
        "VI_6_7_252 and VI_6_7_253 both use VRID 253 with IPv4 on interface eth7",
        &DEFINITION,
    ),
    misread(
        "311-",
        "(VI_2) No VIP specified; at least one is sensible",
        &UNKNOWN_BLOCK,
    ),
    misread(
        "311-",
        "(VI_6) No VIP specified; at least one is required",
        &UNKNOWN_BLOCK,
    ),
    misread(
        "324-",
        "There are 1 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "328-",
        "(42) the virtual router id must be set",
        &DEFINITION,
    ),
    misread(
        "328-",
        "There are 2 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "329-",
        "(42) the virtual router id must be set",
        &DEFINITION,
    ),
    misread(
        "329-",
        "There are 6 missing '}'s or extra '{'s",
        &DEFINITION,
    ),
    misread(
        "unknown_block.conf",
        "(VI_1) No VIP specified; at least one is sensible",
        &UNKNOWN_BLOCK,
    ),
];

/// Words that keepalived ignores silently.
struct Ignored {
    file: &'static str,
    line: u32,
    word: &'static str,
    keyword: &'static str,
}

const fn ignored(
    file: &'static str,
    line: u32,
    word: &'static str,
    keyword: &'static str,
) -> Ignored {
    Ignored {
        file,
        line,
        word,
        keyword,
    }
}

const IGNORED: &[Ignored] = &[
    ignored("001-", 18, "1", "nopreempt"),
    ignored("124-", 12, "or", "state"),
    ignored("138-", 2, "1", "enable_script_security"),
    ignored("171-", 21, "dev", "virtual_server"),
    ignored("210-", 67, "健康检查的端口的端口", "connect_port"),
    ignored("210-", 70, "|", "HTTP_GET"),
    ignored("210-", 92, "|", "helo_name"),
    ignored("268-", 10, "yes", "enable_script_security"),
    ignored("272-", 14, "True", "enable_script_security"),
    ignored("273-", 27, "True", "enable_script_security"),
    ignored("296-", 85, "hidden", "process_names"),
    ignored("296-", 454, "GG_1", "garp_group"),
    ignored("296-", 460, "GG_2", "garp_group"),
    ignored("296-", 808, "10", "flag-1"),
    ignored("296-", 809, "20", "flag-2"),
    ignored("296-", 810, "30", "flag-3"),
    ignored("297-", 478, "GG_1", "garp_group"),
    ignored("297-", 484, "GG_2", "garp_group"),
    ignored("297-", 836, "10", "flag-1"),
    ignored("297-", 837, "20", "flag-2"),
    ignored("297-", 838, "30", "flag-3"),
    ignored("extra_words.conf", 4, "junk", "interface"),
    ignored("extra_words.conf", 6, "extra", "priority"),
    ignored(
        "instance_on_one_line.conf",
        2,
        "virtual_router_id",
        "interface",
    ),
];

fn is_named(path: &str, file: &str) -> bool {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.to_string_lossy().starts_with(file) || (file.contains('/') && path.ends_with(file))
}

/// The row for a message about the file `main` that we have no complaint for.
pub(super) fn not_ours(main: &str, theirs: &Theirs) -> Option<&'static Row> {
    let is_it = |it: &&Misread| {
        theirs.place.is_none() && it.message == theirs.message && is_named(main, it.file)
    };
    MISREAD.iter().find(is_it).map(|it| it.row)
}

/// The row for a complaint that keepalived has no message for.
pub(super) fn only_ours(complaint: &Complaint) -> Option<&'static Row> {
    let place = complaint.place.as_ref()?;
    let is_it = |it: &Ignored| {
        let message = format!("'{}' behind '{}' is not read", it.word, it.keyword);
        it.line == place.line && complaint.message == message && is_named(&place.file, it.file)
    };
    let is_listed = complaint.code == Code::ExtraWords && IGNORED.iter().any(is_it);
    is_listed.then_some(&EXTRA_WORDS)
}
