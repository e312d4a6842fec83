//! Starting a script as keepalived does: own process group, /dev/null on all three descriptors, the
//! configured user, and it dies with us.

use std::io;
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::process;

/// Variables that a script never inherits (keepalived: set_script_env).
const REMOVED_VARIABLES: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// What is started, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Script<'a> {
    /// The program's name and its arguments; must not be empty.
    pub argv: &'a [String],
    /// The file that is executed, if not the one of that name.
    pub program: Option<&'a str>,
    /// uid and gid, if not those of this process.
    pub user: Option<(u32, u32)>,
    /// Beside that of the user.
    pub groups: &'a [u32],
}

/// Starts the script with `arguments` appended. A file that the kernel does not take as a program is run by `/bin/sh`.
pub fn spawn(script: &Script<'_>, arguments: &[String]) -> io::Result<Child> {
    match command(script, arguments)?.spawn() {
        Err(error) if error.raw_os_error() == Some(libc::ENOEXEC) => {
            let file = script.program.map(str::to_owned);
            let file = file.or_else(|| script.argv.first().cloned());
            let own_arguments = script.argv.iter().skip(1).cloned();
            let through_shell: Vec<String> = ["/bin/sh".to_owned()]
                .into_iter()
                .chain(file)
                .chain(own_arguments)
                .collect();
            let through_shell = Script {
                argv: &through_shell,
                program: None,
                ..script.clone()
            };
            command(&through_shell, arguments)?.spawn()
        }
        result => result,
    }
}

fn command(script: &Script<'_>, arguments: &[String]) -> io::Result<Command> {
    let (name, own_arguments) = script
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "empty command"))?;
    let (user, groups) = (script.user, script.groups.to_vec());
    let mut command = Command::new(script.program.unwrap_or(name));
    command.arg0(name).args(own_arguments).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for variable in REMOVED_VARIABLES {
        command.env_remove(variable);
    }
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and makes only async-signal-safe system calls; it
    // allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            process::default_requests();
            process::restore_open_files()?;
            become_user(user, &groups)?;
            die_with_parent()
        });
    }
    Ok(command)
}

fn cerr(result: libc::c_int) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn become_user(user: Option<(u32, u32)>, groups: &[u32]) -> io::Result<()> {
    let Some((uid, gid)) = user else {
        return Ok(());
    };
    // SAFETY: plain system calls; setgroups reads as many groups as the slice has.
    unsafe {
        if libc::geteuid() == uid && libc::getegid() == gid {
            return Ok(());
        }
        cerr(libc::setgroups(groups.len(), groups.as_ptr()))?;
        cerr(libc::setresgid(gid, gid, gid))?;
        cerr(libc::setresuid(uid, uid, uid))
    }
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: prctl with integer arguments only; sigemptyset writes to the set it is given.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        cerr(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const none,
            std::ptr::null_mut(),
        ))?;
        cerr(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM))
    }
}

/// Signals the whole process group that [`spawn`] made: SIGTERM, or SIGKILL when `force`. A group that is gone is
/// no error.
pub fn kill_group(pid: u32, force: bool) -> io::Result<()> {
    let signal = if force {
        Signal::SIGKILL
    } else {
        Signal::SIGTERM
    };
    let group = i32::try_from(pid)
        .map(Pid::from_raw)
        .map_err(io::Error::other)?;
    match killpg(group, signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&w| w.to_owned()).collect()
    }

    fn run(argv: &[String], arguments: &[String]) -> io::Result<Child> {
        let script = Script {
            argv,
            ..Script::default()
        };
        spawn(&script, arguments)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_file_that_was_looked_at_runs_under_the_name_that_was_written() {
        let argv = words(&["/no/such/link", "-c", "test $0 = /no/such/link"]);
        let script = Script {
            argv: &argv,
            program: Some("/bin/sh"),
            ..Script::default()
        };
        let mut child = spawn(&script, &[]).expect("spawn");
        assert!(child.wait().await.expect("wait").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_script_has_the_groups_that_it_is_given_and_no_others() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let argv = words(&["/bin/sh", "-c", "test \"$(id -G)\" = '65534 4242'"]);
        let script = Script {
            argv: &argv,
            user: Some((65_534, 65_534)),
            groups: &[4242],
            ..Script::default()
        };
        let mut child = spawn(&script, &[]).expect("spawn");
        assert!(child.wait().await.expect("wait").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_exit_status_comes_back() {
        let mut child = run(&words(&["/bin/sh", "-c", "exit 3"]), &[]).expect("spawn");
        assert_eq!(child.wait().await.expect("wait").code(), Some(3));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn arguments_are_appended_to_the_command_s_own() {
        let test = words(&["/bin/sh", "-c", "test $1 = INSTANCE", "sh"]);
        let mut child = run(&test, &words(&["INSTANCE"])).expect("spawn");
        assert!(child.wait().await.expect("wait").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_grandchild_dies_with_its_group() {
        let mut child =
            run(&words(&["/bin/sh", "-c", "sleep 1000 & sleep 1000"]), &[]).expect("spawn");
        kill_group(child.id().expect("running"), true).expect("kill");
        assert!(!child.wait().await.expect("wait").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn signals_that_we_ignore_are_not_ignored_by_a_script() {
        process::ignore_requests();
        let suicide = words(&["/bin/sh", "-c", "kill -USR1 $$; exit 0"]);
        let mut child = run(&suicide, &[]).expect("spawn");
        assert!(!child.wait().await.expect("wait").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_script_gets_the_limit_of_open_files_that_was_before() {
        let of_this_process = || {
            std::fs::read_to_string("/proc/self/limits")
                .ok()
                .and_then(|limits| {
                    let line = limits.lines().find(|l| l.starts_with("Max open files"))?;
                    line.split_whitespace().nth(3).map(str::to_owned)
                })
                .expect("a limit")
        };
        let before = of_this_process();
        process::raise_open_files().expect("raised");
        let test = words(&["/bin/sh", "-c", "test $(ulimit -n) = $0", &before]);
        let mut child = run(&test, &[]).expect("spawn");
        assert!(child.wait().await.expect("wait").success());
    }

    #[test]
    fn an_empty_command_is_an_error() {
        assert!(run(&[], &[]).is_err());
    }
}
