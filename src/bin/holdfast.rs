//! The operator's tool. `holdfast --help` lists its commands.

fn main() -> std::process::ExitCode {
    holdfast::daemon::holdfast_main()
}
