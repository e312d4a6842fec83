//! The whole daemon as a director over the kernel's IPVS: `daemon_guest.sh` tells the story.

mod guest;

use std::path::Path;

#[test]
fn a_director_balances_through_failures_a_reload_and_a_killed_checker_child() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/vm/daemon_guest.sh");
    let daemon = env!("CARGO_BIN_EXE_holdfastd");
    let run_directory = ["--run-directory", "/run/holdfast"];
    let words = [scenario.as_os_str(), daemon.as_ref()]
        .into_iter()
        .chain(run_directory.map(AsRef::as_ref));
    print!("{}", guest::run(&words.collect::<Vec<_>>()));
}

#[test]
fn virtual_routers_work_on_ipvlans_and_in_a_vrf() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/vm/vrrp_guest.sh");
    let daemon = env!("CARGO_BIN_EXE_holdfastd");
    let tool = env!("CARGO_BIN_EXE_holdfast");
    let words = [scenario.as_os_str(), daemon.as_ref(), tool.as_ref()];
    print!("{}", guest::run(&words));
}

#[test]
fn ipvs_is_in_the_namespace_that_the_file_says() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/vm/namespaces_guest.sh");
    let daemon = env!("CARGO_BIN_EXE_holdfastd");
    print!("{}", guest::run(&[scenario.as_os_str(), daemon.as_ref()]));
}
