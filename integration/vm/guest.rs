//! Runs the body of a test in a guest whose kernel has IPVS: the test program starts itself there.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// Set in the guest.
const IN_GUEST: &str = "HOLDFAST_IN_GUEST";

/// Guests are memory and two processors' time: one after the other.
static ONE_GUEST: Mutex<()> = Mutex::new(());

/// Carries out `body` as root in a guest. `test` is the name of the calling test, by which the guest finds
/// it again.
#[allow(
    dead_code,
    reason = "not every test program of this folder has a body of its own"
)]
pub(crate) fn in_guest(test: &str, body: impl FnOnce()) {
    if std::env::var_os(IN_GUEST).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let test = ["--exact", test, "--nocapture"];
    let words: Vec<&OsStr> = [program.as_os_str()]
        .into_iter()
        .chain(test.map(OsStr::new))
        .collect();
    let output = run(&words);
    assert!(
        output.contains("1 passed"),
        "the test has not run in the guest:\n{output}"
    );
}

/// Runs a command in a guest and gives its output; fails with it when it fails, or when there can be no guest.
pub(crate) fn run(command: &[&OsStr]) -> String {
    let _guard = ONE_GUEST
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/vm/run");
    let output = Command::new(&runner)
        .args(command)
        .env(IN_GUEST, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", runner.display()));
    let (text, complaints) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "in the guest: {}\n{text}{complaints}",
        output.status
    );
    text
}
