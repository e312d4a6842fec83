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
/// Most directory entries that all patterns together may look at: `/*/*/*/*` would walk the whole disk.
const MAX_ENTRIES: usize = 50_000;
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
    /// Reads one configuration file of at most `most` bytes.
    fn read(&self, path: &Path, most: u64) -> Result<SourceFile, ReadError>;
    /// The files that a pattern without `{a,b}` names, sorted; without wildcards: that name.
    fn matching(
        &self,
        pattern: &str,
        directory: &Path,
        search: &mut Search,
    ) -> Result<Vec<PathBuf>, TooWide>;
}

/// What the patterns of a configuration may still look at, all of them together.
#[derive(Debug)]
pub(crate) struct Search {
    entries: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            entries: MAX_ENTRIES,
        }
    }
}

impl Search {
    /// Looks at a directory or at an entry of one.
    fn look(&mut self) -> Result<(), TooWide> {
        self.entries = self.entries.checked_sub(1).ok_or(TooWide::Entries)?;
        Ok(())
    }
}

/// Why a pattern is not followed to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TooWide {
    #[error("looks at more than {MAX_ENTRIES} names")]
    Entries,
    #[error("matches more than {MAX_MATCHES} files")]
    Matches,
}

/// The files of this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem;

impl Files for FileSystem {
    fn read(&self, path: &Path, most: u64) -> Result<SourceFile, ReadError> {
        read(path, most)
    }

    fn matching(
        &self,
        pattern: &str,
        directory: &Path,
        search: &mut Search,
    ) -> Result<Vec<PathBuf>, TooWide> {
        matching(pattern, directory, search)
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
    #[error("'{path}' has more than {most} bytes")]
    TooLarge { path: String, most: u64 },
    #[error("'{path}' is not text")]
    Binary { path: String },
}

impl ReadError {
    /// The file is absent, as opposed to refused.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Reads one configuration file of at most `most` bytes.
fn read(path: &Path, most: u64) -> Result<SourceFile, ReadError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing { path: name.clone() },
        _ => ReadError::Io {
            path: name.clone(),
            error,
        },
    };
    // Looked at before opening: opening a FIFO blocks and opening a device may act.
    refuse_special(&name, &fs::metadata(path).map_err(failed)?, most)?;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(failed)?;
    refuse_special(&name, &file.metadata().map_err(failed)?, most)?;
    let bytes = read_text(&mut file, most).map_err(|fault| match fault {
        Fault::Io(error) => failed(error),
        Fault::TooLarge => ReadError::TooLarge {
            path: name.clone(),
            most,
        },
        Fault::Binary => ReadError::Binary { path: name.clone() },
    })?;
    let canonical = fs::canonicalize(path).map_err(failed)?;
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(SourceFile {
        name,
        canonical,
        directory,
        text: into_text(bytes),
    })
}

/// What is wrong with the contents of a file.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    TooLarge,
    Binary,
}

/// At most `most` bytes: a file may grow while it is read, and those of /proc do not say how long they are.
fn read_text(file: &mut dyn Read, most: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for limit in [most.min(PROBE_BYTES as u64), most + 1] {
        let more = limit - bytes.len() as u64;
        file.take(more).read_to_end(&mut bytes).map_err(Fault::Io)?;
        if looks_binary(&bytes) {
            return Err(Fault::Binary);
        }
    }
    if bytes.len() as u64 > most {
        return Err(Fault::TooLarge);
    }
    Ok(bytes)
}

/// The files that a pattern names, sorted: `*`, `?`, `[…]` as in glob(3), which leave out names that begin with a dot.
/// A name without wildcards is returned whether or not it exists.
fn matching(pattern: &str, directory: &Path, search: &mut Search) -> Result<Vec<PathBuf>, TooWide> {
    if !has_wildcard(pattern) {
        return Ok(vec![directory.join(pattern)]);
    }
    let mut found = vec![if pattern.starts_with('/') {
        PathBuf::from("/")
    } else {
        directory.to_path_buf()
    }];
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        if !has_wildcard(component) {
            found = found.iter().map(|path| path.join(component)).collect();
            continue;
        }
        let mut matches = Vec::new();
        for directory in &found {
            matches.append(&mut entries_matching(component, directory, search)?);
            if matches.len() > MAX_MATCHES {
                return Err(TooWide::Matches);
            }
        }
        found = matches;
    }
    // What stands behind the last wildcard was put there without looking.
    found.retain(|path| path.symlink_metadata().is_ok());
    Ok(found)
}

/// The entries of a directory that match, sorted.
fn entries_matching(
    component: &str,
    directory: &Path,
    search: &mut Search,
) -> Result<Vec<PathBuf>, TooWide> {
    // keepalived's glob(3) does not know `**`.
    let mut component = component.to_owned();
    while component.contains("**") {
        component = component.replace("**", "*");
    }
    let Ok(pattern) = glob::Pattern::new(&component) else {
        return Ok(Vec::new());
    };
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    // The working directory's own name would stand before each name.
    let shown = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    search.look()?;
    let Ok(entries) = fs::read_dir(shown) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        search.look()?;
        let name = entry.file_name();
        let matches = |name| pattern.matches_with(name, options);
        if name.to_str().is_some_and(matches) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.iter().map(|name| directory.join(name)).collect())
}

/// The pattern may match nothing without anything being wrong.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// Expands each `{a,b}`, nested ones too, as a shell does. At most `most` results.
pub(crate) fn brace_alternatives(pattern: &str, most: usize) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match alternatives_of_first(&pattern) {
            Some(alternatives) if open.len() + done.len() < most => {
                open.extend(alternatives.into_iter().rev());
            }
            _ => done.push(pattern),
        }
    }
    done.truncate(most);
    done
}

/// The pattern once for each alternative of its first `{…}`; `None`: it has none.
fn alternatives_of_first(pattern: &str) -> Option<Vec<String>> {
    let from = pattern.find('{')?;
    let (mut depth, mut starts, mut to) = (0, vec![from + 1], None);
    for (at, byte) in pattern.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            to = Some(at);
            break;
        }
    }
    let to = to?;
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([to]);
    let (before, after) = (&pattern[..from], &pattern[to + 1..]);
    Some(
        starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| format!("{before}{}{after}", &pattern[start..end]))
            .collect(),
    )
}

fn refuse_special(name: &str, metadata: &fs::Metadata, most: u64) -> Result<(), ReadError> {
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
    } else if metadata.len() > most {
        return Err(ReadError::TooLarge {
            path: name.to_owned(),
            most,
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

/// Bytes that are not UTF-8 are replaced, and a byte order mark, which editors put before the first word, is left out.
pub(crate) fn into_text(mut bytes: Vec<u8>) -> String {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The files of a pattern in the project, for tests.
#[cfg(test)]
pub(crate) fn found(pattern: &str, directory: &Path) -> Vec<PathBuf> {
    matching(pattern, directory, &mut Search::default()).expect("few enough")
}

#[cfg(test)]
mod tests;
