//! The daemon: parent, or one of its children. `holdfastd --help` says how to run it.

fn main() -> std::process::ExitCode {
    holdfast::daemon::holdfastd_main()
}
