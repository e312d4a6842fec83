//! Dumps on a signal: which signal asks for which, and the files that they go to.
//!
//! The names and places are keepalived's, because scripts look there. A file is made beside the old one under a name
//! of its own and then takes its place, so nobody reads half of one, and nothing that somebody else has put into
//! `/tmp` under that name is followed or written to. A thread of its own does it: the loop waits for no disk.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::message::{ChildKind, DumpKind};
use super::place;
use crate::config::Config;

/// keepalived: where dumps go that the file says nothing about.
const TMP_DIRECTORY: &str = "/tmp";

/// The signals that ask for dumps.
pub(super) struct DumpSignals(Vec<(DumpKind, Signal)>);

impl DumpSignals {
    pub(super) fn new() -> io::Result<Self> {
        let listen = |kind: DumpKind| Ok((kind, signal(SignalKind::from_raw(kind.signal()))?));
        DumpKind::ALL
            .into_iter()
            .map(listen)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Waits for one.
    pub(super) async fn recv(&mut self) -> DumpKind {
        poll_fn(|context| {
            for (kind, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*kind);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Writes the dumps of one child.
#[derive(Clone)]
pub(super) struct Dumps {
    kind: ChildKind,
    settings: Rc<RefCell<Settings>>,
    is_busy: Arc<AtomicBool>,
}

/// What the configuration says of them.
#[derive(Clone, Debug, Default)]
struct Settings {
    state_dump_file: Option<String>,
    stats_dump_file: Option<String>,
    json_dump_file: Option<String>,
    json_version: u8,
    /// Goes into every name.
    suffix: String,
    /// Bits that are not given to a file.
    umask: u32,
}

impl Dumps {
    pub(super) fn new(kind: ChildKind, config: &Config) -> Self {
        Self {
            kind,
            settings: Rc::new(RefCell::new(Settings::new(kind, config))),
            is_busy: Arc::default(),
        }
    }

    pub(super) fn reload(&self, config: &Config) {
        self.settings.replace(Settings::new(self.kind, config));
    }

    /// Keyword `json_version`.
    pub(super) fn json_version(&self) -> u8 {
        self.settings.borrow().json_version
    }

    /// Writes what `render` makes of the answer, once that comes.
    pub(super) fn write<T: Send + 'static>(
        &self,
        dump: DumpKind,
        answered: oneshot::Receiver<T>,
        render: impl FnOnce(&T) -> String + Send + 'static,
    ) {
        let what = match dump {
            DumpKind::Data => "data",
            DumpKind::Stats | DumpKind::StatsClear => "stats",
            DumpKind::Json => "as json",
        };
        let process = std::process::id();
        info!(
            "Printing {} {what} for process({process}) on signal",
            self.kind
        );
        if self.is_busy.swap(true, Ordering::Relaxed) {
            warn!("The last dump has not been written yet");
            return;
        }
        let (path, umask) = {
            let settings = self.settings.borrow();
            (settings.path(dump, &tmp_directory()), settings.umask)
        };
        let is_busy = Arc::clone(&self.is_busy);
        tokio::spawn(async move {
            let Ok(answer) = answered.await else { return };
            tokio::task::spawn_blocking(move || {
                if let Err(error) = replace(&path, &render(&answer), umask) {
                    warn!("Unable to write {}: {error}", path.display());
                }
                is_busy.store(false, Ordering::Relaxed);
            });
        });
    }
}

fn tmp_directory() -> PathBuf {
    std::env::var_os("TMPDIR")
        .filter(|directory| !directory.is_empty())
        .map_or_else(|| TMP_DIRECTORY.into(), PathBuf::from)
}

impl Settings {
    fn new(kind: ChildKind, config: &Config) -> Self {
        let files = &config.global_defs.files;
        let child = match kind {
            ChildKind::Vrrp => "",
            ChildKind::Checker => "_check",
            ChildKind::DataPlane => "_lvs",
        };
        let place = if files.data_use_instance {
            place::ident_suffix(&config.namespaces).replacen('_', ".", 1)
        } else {
            String::new()
        };
        Self {
            state_dump_file: files.state_dump_file.clone(),
            stats_dump_file: files.stats_dump_file.clone(),
            json_dump_file: files.json_dump_file.clone(),
            json_version: files.json_version,
            suffix: format!("{child}{place}"),
            umask: config.global_defs.processes.umask.unwrap_or(0o177).into(),
        }
    }

    /// keepalived: an absolute path, a name in the directory of temporary files, or with `/` at its end a directory.
    fn path(&self, dump: DumpKind, tmp_directory: &Path) -> PathBuf {
        let (given, default) = match dump {
            DumpKind::Data => (&self.state_dump_file, "keepalived.data"),
            DumpKind::Stats | DumpKind::StatsClear => (&self.stats_dump_file, "keepalived.stats"),
            DumpKind::Json => (&self.json_dump_file, "keepalived.json"),
        };
        let given = given.as_deref().unwrap_or_default();
        let path = tmp_directory.join(given);
        let path = if given.is_empty() || given.ends_with('/') {
            path.join(default)
        } else {
            path
        };
        let (stem, extension) = (path.file_stem(), path.extension());
        let mut name = stem.unwrap_or_default().to_owned();
        name.push(&self.suffix);
        if let Some(extension) = extension {
            name.push(".");
            name.push(extension);
        }
        path.with_file_name(name)
    }
}

/// Puts `text` where `path` says. Whatever is there, a link of somebody else's among it, is replaced, not followed.
fn replace(path: &Path, text: &str, umask: u32) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(name);
    // Left by an earlier process of this number, or put there by somebody.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o666 & !umask)
        .open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn path(state_dump_file: &str, suffix: &str) -> PathBuf {
        let settings = Settings {
            state_dump_file: Some(state_dump_file.to_owned()).filter(|it| !it.is_empty()),
            suffix: suffix.to_owned(),
            ..Settings::default()
        };
        settings.path(DumpKind::Data, Path::new("/tmp"))
    }

    #[test]
    fn a_dump_goes_where_keepalived_s_would() {
        assert_eq!(path("", ""), Path::new("/tmp/keepalived.data"));
        assert_eq!(path("", "_check"), Path::new("/tmp/keepalived_check.data"));
        assert_eq!(
            path("", ".red_one"),
            Path::new("/tmp/keepalived.red_one.data")
        );
        assert_eq!(path("mine", ""), Path::new("/tmp/mine"));
        assert_eq!(path("/run/x/", ""), Path::new("/run/x/keepalived.data"));
        assert_eq!(path("/run/x.txt", "_check"), Path::new("/run/x_check.txt"));
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().expect("directory");
        let (victim, dump) = (
            dir.path().join("victim"),
            dir.path().join("keepalived.data"),
        );
        fs::write(&victim, "precious").expect("written");
        symlink(&victim, &dump).expect("linked");
        replace(&dump, "text", 0o177).expect("replaced");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
        assert_eq!(fs::read_to_string(&dump).expect("read"), "text");
        let metadata = fs::symlink_metadata(&dump).expect("there");
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}
