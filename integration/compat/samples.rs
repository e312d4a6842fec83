//! The samples that come with keepalived. They are its, so they are read where Debian's package puts them; where that was
//! told not to install documentation, the package is fetched and unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast::config::Code;

use crate::inputs::INTERFACES;
use crate::verdict::{OfflineHost, load};

const INSTALLED: &str = "/usr/share/doc/keepalived/samples";

/// A sample, the exit status of 2.4.3, ours, and codes that have to be among our complaints. `keepalived.conf.` is left out of the names.
const SAMPLES: &[(&str, u8, u8, &[Code])] = &[
    ("HTTP_GET.port", 0, 0, &[]),
    ("IPv6", 0, 0, &[]),
    ("PING_CHECK", 0, 0, &[]),
    ("SMTP_CHECK", 0, 0, &[]),
    ("SSL_GET", 5, 5, &[Code::Conflict]),
    ("UDP_CHECK", 0, 0, &[]),
    // Its scripts are not there.
    ("conditional_conf", 5, 5, &[Code::ScriptUnusable]),
    ("fwmark", 5, 5, &[]),
    ("inhibit", 0, 0, &[]),
    ("misc_check", 0, 5, &[Code::ScriptUnusable]),
    ("misc_check_arg", 0, 5, &[Code::ScriptUnusable]),
    ("quorum", 0, 5, &[Code::ScriptUnusable]),
    ("sample", 0, 0, &[]),
    ("status_code", 0, 0, &[]),
    ("track_interface", 5, 5, &[Code::UnknownInterface]),
    ("virtual_server_group", 0, 0, &[]),
    ("virtualhost", 0, 0, &[]),
    ("vrrp", 5, 5, &[Code::DuplicateEntry]),
    ("vrrp.localcheck", 6, 6, &[]),
    (
        "vrrp.lvs_syncd",
        5,
        5,
        &[Code::UnknownKeyword, Code::NothingToDo],
    ),
    ("vrrp.routes", 5, 5, &[Code::Deprecated]),
    ("vrrp.rules", 5, 5, &[Code::InvalidValue]),
    ("vrrp.scripts", 0, 5, &[Code::ScriptUnusable]),
    ("vrrp.static_ipaddress", 0, 0, &[]),
    ("vrrp.sync", 0, 5, &[Code::ScriptUnusable]),
];

/// The samples of the package, and the directory that they are unpacked in if they are.
fn samples() -> (PathBuf, Option<tempfile::TempDir>) {
    let installed = Path::new(INSTALLED);
    if installed.join("keepalived.conf.sample").exists() {
        return (installed.to_path_buf(), None);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = "apt-get download keepalived && dpkg-deb -x keepalived_*.deb .";
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory.path())
        .status()
        .expect("sh runs");
    assert!(status.success(), "keepalived's package cannot be fetched");
    let unpacked = directory.path().join(&INSTALLED[1..]);
    (unpacked, Some(directory))
}

#[test]
fn keepalived_s_samples_get_the_answers_that_it_gives() {
    let (directory, _keep) = samples();
    let host = OfflineHost::with_listed_programs("samples", &INTERFACES);
    let mut wrong = Vec::new();
    for &(name, theirs, ours, codes) in SAMPLES {
        let path = directory.join(format!("keepalived.conf.{name}"));
        let mut loaded = load(&path, &host);
        // What is not carried out yet is another table's business.
        let pending = [Code::NotCarriedOut, Code::LeftOut, Code::NeverChecked];
        loaded.complaints.retain(|it| !pending.contains(&it.code));
        let status = loaded.test_status();
        let missing: Vec<_> = codes
            .iter()
            .filter(|&&code| !loaded.complaints.iter().any(|it| it.code == code))
            .collect();
        if status != ours || !missing.is_empty() {
            let complaints: Vec<_> = loaded.complaints.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{name}: {status}, expected {ours} (keepalived {theirs}), without {missing:?}:\n{}",
                complaints.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
