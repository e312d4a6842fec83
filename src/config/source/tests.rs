use super::*;

/// With the limit of a configuration file.
fn read(path: &Path) -> Result<SourceFile, ReadError> {
    super::read(path, MAX_FILE_BYTES)
}

fn file(directory: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, bytes).expect("write");
    path
}

#[test]
fn what_is_no_configuration_file_is_refused_before_it_is_read() {
    let directory = tempfile::tempdir().expect("directory");
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    assert!(matches!(
        read(&fifo),
        Err(ReadError::NotAFile { kind: "a FIFO", .. })
    ));
    let kind = "a directory";
    assert!(
        matches!(read(directory.path()), Err(ReadError::NotAFile { kind: k, .. }) if k == kind)
    );
    assert!(matches!(
        read(Path::new("/dev/zero")),
        Err(ReadError::NotAFile {
            kind: "a device",
            ..
        })
    ));
    assert!(read(&directory.path().join("none")).is_err_and(|error| error.is_missing()));
}

#[test]
fn a_huge_file_is_refused_by_its_size() {
    let directory = tempfile::tempdir().expect("directory");
    let path = file(&directory, "huge", b"");
    let huge = OpenOptions::new().write(true).open(&path).expect("open");
    huge.set_len(1 << 30).expect("a hole of 1 GB");
    assert!(matches!(read(&path), Err(ReadError::TooLarge { .. })));
}

#[test]
fn a_binary_is_refused_and_a_stray_nul_is_not() {
    let directory = tempfile::tempdir().expect("directory");
    let elf = file(&directory, "elf", b"\x7fELF\x02\x01\x01\0");
    assert!(matches!(read(&elf), Err(ReadError::Binary { .. })));
    let stray = file(
        &directory,
        "stray",
        &[b"priority 100\n".repeat(20), vec![0]].concat(),
    );
    assert!(read(&stray).is_ok());
}

#[test]
fn an_executable_file_is_refused_as_keepalived_does() {
    let directory = tempfile::tempdir().expect("directory");
    let path = file(&directory, "run", b"#! /bin/sh\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
    assert!(matches!(read(&path), Err(ReadError::Executable { .. })));
}

#[test]
fn patterns_match_sorted_and_relative_to_the_directory_given() {
    let directory = tempfile::tempdir().expect("directory");
    for name in ["b.conf", "a.conf", "c.txt", ".hidden.conf"] {
        file(&directory, name, b"");
    }
    let names = |pattern| -> Vec<String> {
        found(pattern, directory.path())
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect()
    };
    assert_eq!(names("*.conf"), ["a.conf", "b.conf"]);
    assert_eq!(names("[ab].c?nf"), ["a.conf", "b.conf"]);
    assert_eq!(names("missing.conf"), ["missing.conf"]);
    assert_eq!(names("missing*"), [""; 0]);
}

#[test]
fn braces_stand_for_alternatives_even_inside_one_another() {
    assert_eq!(brace_alternatives("{c,b}.*", 9), ["c.*", "b.*"]);
    assert_eq!(
        brace_alternatives("a{,{1,2}}/{x}", 9),
        ["a/x", "a1/x", "a2/x"]
    );
    assert_eq!(brace_alternatives("a{b", 9), ["a{b"]);
    assert_eq!(brace_alternatives("a}b", 9), ["a}b"]);
    assert_eq!(brace_alternatives(&"{a,b}".repeat(64), 100).len(), 100);
}

#[test]
fn a_pattern_may_have_wildcards_in_directories() {
    let directory = tempfile::tempdir().expect("directory");
    for sub in ["1", "2", "3"] {
        fs::create_dir(directory.path().join(sub)).expect("mkdir");
    }
    file(&directory, "1/x.conf", b"");
    file(&directory, "3/x.conf", b"");
    let files = found("*/x.conf", directory.path());
    assert_eq!(
        files,
        ["1/x.conf", "3/x.conf"].map(|name| directory.path().join(name))
    );
}

#[test]
fn patterns_look_at_so_many_names_and_no_more() {
    let directory = tempfile::tempdir().expect("directory");
    for name in 0..20 {
        file(&directory, &name.to_string(), b"");
    }
    let mut search = Search { entries: 30 };
    let mut found = || matching("1*", directory.path(), &mut search).map(|found| found.len());
    // Those that do not match are looked at too, and so is the directory.
    assert_eq!(found(), Ok(11));
    assert_eq!(found(), Err(TooWide::Entries));
}

#[test]
fn a_file_that_does_not_end_is_read_to_the_limit() {
    assert!(matches!(
        read_text(&mut io::repeat(b'a'), MAX_FILE_BYTES),
        Err(Fault::TooLarge)
    ));
    assert!(matches!(
        read_text(&mut io::repeat(1), MAX_FILE_BYTES),
        Err(Fault::Binary)
    ));
}

#[test]
fn a_socket_and_a_pipe_are_refused() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("bind");
    assert!(matches!(
        read(&path),
        Err(ReadError::NotAFile {
            kind: "a socket",
            ..
        })
    ));
    let (pipe, _other_end) = nix::unistd::pipe().expect("pipe");
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pipe));
    assert!(matches!(
        read(Path::new(&path)),
        Err(ReadError::NotAFile { kind: "a FIFO", .. })
    ));
}

#[test]
fn a_file_of_proc_is_read_or_refused_but_never_waited_for() {
    assert!(read(Path::new("/proc/self/status")).is_ok());
    for path in [
        "/proc/self/pagemap",
        "/proc/kmsg",
        "/proc/self/mem",
        "/proc/kcore",
    ] {
        assert!(read(Path::new(path)).is_err(), "{path}");
    }
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let directory = tempfile::tempdir().expect("directory");
    let path = file(&directory, "secret", b"a\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("chmod");
    let outcome = std::thread::spawn(move || {
        // Only this thread, and only for files: root could read anything.
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65_534));
        read(&path)
    })
    .join()
    .expect("thread");
    let error = outcome.expect_err("permission");
    assert!(error.to_string().contains("Permission denied"), "{error}");
}
