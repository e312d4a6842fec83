//! Configuration files: finding and reading them, and where each line came from.
//!
//! The only place of the configuration that opens files. It refuses what is not a configuration
//! file (directories, FIFOs, devices, binaries, more than [`MAX_FILE_BYTES`]) before reading it, so
//! a wrong name costs neither time nor memory. What the lines mean is `lines.rs` and above.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest configuration file that is read; 40 000 real servers with a checker each are 9 MB.
pub(crate) const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most files that one pattern may name.
const MAX_MATCHES: usize = 4096;
/// How much of a file is looked at to tell text from a binary.
const PROBE_BYTES: usize = 8192;

/// A file that has been read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// As complaints name it.
    pub(crate) name: String,
    /// Without links, to notice a file that includes itself.
    pub(crate) canonical: PathBuf,
    /// Relative names in `include` start here.
    pub(crate) directory: PathBuf,
    /// Bytes that are not UTF-8 have been replaced.
    pub(crate) text: String,
}

/// Where configuration files are.
pub(crate) trait Files {
    /// Reads one configuration file.
    fn read(&self, path: &Path) -> Result<SourceFile, ReadError>;
    /// The files that an `include` pattern names, sorted.
    fn matching(&self, pattern: &str, directory: &Path) -> Vec<PathBuf>;
}

/// The files of this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem;

impl Files for FileSystem {
    fn read(&self, path: &Path) -> Result<SourceFile, ReadError> {
        read(path)
    }

    fn matching(&self, pattern: &str, directory: &Path) -> Vec<PathBuf> {
        matching(pattern, directory)
    }
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no configuration file '{path}'")]
    Missing { path: String },
    #[error("cannot read configuration file '{path}': {error}")]
    Io { path: String, error: io::Error },
    #[error("'{path}' is {kind}, a regular file is expected")]
    NotAFile { path: String, kind: &'static str },
    /// Keepalived skips these too: a program was named by mistake.
    #[error("'{path}' is executable, which a configuration file must not be")]
    Executable { path: String },
    #[error("'{path}' has more than {MAX_FILE_BYTES} bytes")]
    TooLarge { path: String },
    #[error("'{path}' is not text")]
    Binary { path: String },
}

impl ReadError {
    /// The file is absent, as opposed to refused.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Reads one configuration file.
pub(crate) fn read(path: &Path) -> Result<SourceFile, ReadError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing { path: name.clone() },
        _ => ReadError::Io {
            path: name.clone(),
            error,
        },
    };
    // Looked at before opening: opening a FIFO blocks and opening a device may act.
    refuse_special(&name, &fs::metadata(path).map_err(failed)?)?;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(failed)?;
    refuse_special(&name, &file.metadata().map_err(failed)?)?;
    let mut bytes = Vec::new();
    file.by_ref()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge { path: name });
    }
    if looks_binary(&bytes) {
        return Err(ReadError::Binary { path: name });
    }
    let canonical = fs::canonicalize(path).map_err(failed)?;
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(SourceFile {
        name,
        canonical,
        directory,
        text: into_text(bytes),
    })
}

/// The files that an `include` pattern names, sorted: `*`, `?`, `[…]` and `{a,b}` as in a shell.
/// A name without wildcards is returned whether or not it exists.
pub(crate) fn matching(pattern: &str, directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for alternative in brace_alternatives(pattern) {
        let path = directory.join(&alternative);
        if !has_wildcard(&alternative) {
            found.push(path);
            continue;
        }
        // `**` would walk the whole tree; keepalived's glob(3) does not know it.
        let mut one_level = path.to_string_lossy().into_owned();
        while one_level.contains("**") {
            one_level = one_level.replace("**", "*");
        }
        if let Ok(paths) = glob::glob(&one_level) {
            found.extend(paths.filter_map(Result::ok).take(MAX_MATCHES));
        }
    }
    found.truncate(MAX_MATCHES);
    found
}

/// The pattern may match nothing without anything being wrong.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// Expands the first `{a,b}`, then those that follow. At most [`MAX_MATCHES`] results.
fn brace_alternatives(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        let braces = pattern
            .find('{')
            .and_then(|from| Some((from, from + pattern.get(from..)?.find('}')?)));
        match braces {
            Some((from, to)) if open.len() + done.len() < MAX_MATCHES => {
                let (before, after) = (&pattern[..from], &pattern[to + 1..]);
                for middle in pattern[from + 1..to].rsplit(',') {
                    open.push(format!("{before}{middle}{after}"));
                }
            }
            _ => done.push(pattern),
        }
    }
    done
}

fn refuse_special(name: &str, metadata: &fs::Metadata) -> Result<(), ReadError> {
    let file_type = metadata.file_type();
    let kind = if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else if !file_type.is_file() {
        "a device"
    } else if metadata.permissions().mode() & 0o111 != 0 {
        return Err(ReadError::Executable {
            path: name.to_owned(),
        });
    } else if metadata.len() > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge {
            path: name.to_owned(),
        });
    } else {
        return Ok(());
    };
    Err(ReadError::NotAFile {
        path: name.to_owned(),
        kind,
    })
}

/// A stray NUL is a line to complain about, a file full of control bytes is no configuration.
fn looks_binary(bytes: &[u8]) -> bool {
    let probe = &bytes[..bytes.len().min(PROBE_BYTES)];
    let control = probe
        .iter()
        .filter(|&&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
        .count();
    probe.starts_with(b"\x7fELF") || control * 16 > probe.len()
}

/// Bytes that are not UTF-8 are replaced.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for name in ["b.conf", "a.conf", "c.txt"] {
            file(&directory, name, b"");
        }
        let names = |pattern| -> Vec<String> {
            matching(pattern, directory.path())
                .iter()
                .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                .collect()
        };
        assert_eq!(names("*.conf"), ["a.conf", "b.conf"]);
        assert_eq!(names("{c,b}.*"), ["c.txt", "b.conf"]);
        assert_eq!(names("missing.conf"), ["missing.conf"]);
        assert_eq!(names("missing*"), [""; 0]);
    }
}
