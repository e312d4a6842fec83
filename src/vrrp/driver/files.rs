//! Tracked files: their directories are watched with inotify, because a file may come and go, or be renamed into place
//! (keepalived: track_file.c).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use nix::sys::statfs;
use nix::sys::statvfs::{FsFlags, statvfs};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::trackers::{Moment, lost};
use crate::config::{InitFile, TrackedFile};
use crate::vrrp::{Input, file_number};

/// As much of a file as counts (keepalived).
const MAX_BYTES: u64 = 127;

/// File systems where changes are not seen (keepalived refuses them too), by their magic numbers.
const BLIND: &[(i64, &str)] = &[
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x6573_5546, "fuse"),
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x6462_6720, "debugfs"),
];

#[derive(Debug, Default)]
pub(super) struct Files {
    inotify: Option<Inotify>,
    files: Vec<Watched>,
    tasks: JoinSet<(u64, Done)>,
    /// Tells answers for a file from those for an earlier one of the same name.
    last_id: u64,
}

#[derive(Debug)]
struct Watched {
    id: u64,
    config: TrackedFile,
    /// Once it has been looked for.
    place: Option<(WatchDescriptor, Place)>,
    is_reading: bool,
    /// It was written while it was read.
    is_stale: bool,
}

/// Where a file is or will be, links followed.
#[derive(Clone, Debug)]
struct Place {
    directory: PathBuf,
    path: PathBuf,
}

#[derive(Debug)]
enum Done {
    Placed(Result<Place, String>),
    Read(Option<i32>),
}

impl Files {
    /// Watches these files from now on. Returns the descriptor to wait for if it is a new one.
    pub(super) fn watch(
        &mut self,
        wanted: &[TrackedFile],
        moment: Moment,
    ) -> io::Result<Option<BorrowedFd<'_>>> {
        let is_same = |a: &TrackedFile, b: &TrackedFile| a.name == b.name && a.file == b.file;
        self.files
            .retain(|it| wanted.iter().any(|wanted| is_same(&it.config, wanted)));
        let is_new = self.inotify.is_none() && !wanted.is_empty();
        if is_new {
            let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
            self.inotify = Some(Inotify::init(flags)?);
        }
        for config in wanted {
            if self.files.iter().any(|it| is_same(&it.config, config)) {
                continue;
            }
            self.last_id += 1;
            let id = self.last_id;
            let (path, init_file) = (config.file.clone(), config.init_file);
            self.tasks.spawn_blocking(move || {
                (id, Done::Placed(place(Path::new(&path), init_file, moment)))
            });
            self.files.push(Watched {
                id,
                config: config.clone(),
                place: None,
                is_reading: true,
                is_stale: false,
            });
        }
        Ok(self.inotify.as_ref().filter(|_| is_new).map(AsFd::as_fd))
    }

    /// Waits until all files have been read once, and returns what they hold.
    pub(super) async fn all_read(&mut self) -> Vec<(String, i32)> {
        let mut values = Vec::new();
        while self.files.iter().any(|it| it.is_reading) {
            if let Input::FileRead { file, value } = self.read().await {
                values.push((file, value));
            }
        }
        values
    }

    /// Waits until a file has been read. Never returns while none is being read; safe to drop at any time.
    pub(super) async fn read(&mut self) -> Input<'static> {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((id, done))) => {
                    if let Some(input) = self.done(id, done) {
                        return input;
                    }
                }
                Some(Err(error)) => lost(&error),
                None => std::future::pending().await,
            }
        }
    }

    fn done(&mut self, id: u64, done: Done) -> Option<Input<'static>> {
        let position = self.files.iter().position(|it| it.id == id)?;
        match done {
            Done::Placed(Ok(place)) => self.found(position, place),
            Done::Placed(Err(why)) => self.unusable(position, &why),
            Done::Read(value) => {
                let watched = self.files.get_mut(position)?;
                watched.is_reading = false;
                if std::mem::take(&mut watched.is_stale) {
                    self.start_reading(position);
                }
                let watched = self.files.get(position)?;
                let (file, path) = (watched.config.name.clone(), &watched.config.file);
                let Some(value) = value else {
                    info!("Invalid number read from {path} - ignoring");
                    return None;
                };
                Some(Input::FileRead { file, value })
            }
        }
    }

    /// Listens first and reads then, so that nothing falls between.
    fn found(&mut self, position: usize, place: Place) -> Option<Input<'static>> {
        let flags =
            AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        let inotify = self.inotify.as_ref()?;
        match inotify.add_watch(&place.directory, flags) {
            Ok(descriptor) => {
                if let Some(watched) = self.files.get_mut(position) {
                    watched.place = Some((descriptor, place));
                    watched.is_reading = false;
                }
                self.start_reading(position);
                None
            }
            Err(error) => self.unusable(position, &error.to_string()),
        }
    }

    /// keepalived: as if there were no file.
    fn unusable(&mut self, position: usize, why: &str) -> Option<Input<'static>> {
        let watched = self.files.get_mut(position)?;
        watched.is_reading = false;
        let file = watched.config.name.clone();
        warn!(
            "Track file {file} ({}) is not watched: {why}",
            watched.config.file
        );
        Some(Input::FileRead { file, value: 0 })
    }

    /// Reads what has changed, and has the files read that it concerns.
    pub(super) fn changed(&mut self) {
        let Some(inotify) = &self.inotify else {
            return;
        };
        let mut events = Vec::new();
        loop {
            match inotify.read_events() {
                Ok(more) => events.extend(more),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => break,
                Err(error) => {
                    warn!("Unable to read what happens to track files: {error}");
                    break;
                }
            }
        }
        for position in 0..self.files.len() {
            let concerns = |event| self.files.get(position).is_some_and(|it| it.is_in(event));
            if events.iter().any(concerns) {
                self.start_reading(position);
            }
        }
    }

    fn start_reading(&mut self, position: usize) {
        let Some(watched) = self.files.get_mut(position) else {
            return;
        };
        let Some((_, place)) = &watched.place else {
            return;
        };
        if watched.is_reading {
            watched.is_stale = true;
            return;
        }
        watched.is_reading = true;
        let (id, path) = (watched.id, place.path.clone());
        self.tasks
            .spawn_blocking(move || (id, Done::Read(number(&path))));
    }
}

impl Watched {
    fn is_in(&self, event: &InotifyEvent) -> bool {
        // Events were lost: it may be any file.
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return true;
        }
        let Some((descriptor, place)) = &self.place else {
            return false;
        };
        event.wd == *descriptor && event.name.as_deref() == place.path.file_name()
    }
}

/// Where the file is, after it was made if that is asked for.
fn place(path: &Path, init_file: Option<InitFile>, moment: Moment) -> Result<Place, String> {
    if let (Some(init_file), Moment::Start) = (init_file, moment) {
        init(path, init_file).map_err(|error| format!("unable to initialise it: {error}"))?;
    }
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match path.parent() {
                Some(directory) if directory != Path::new("") => directory,
                Some(_) | None => Path::new("."),
            };
            let name = path.file_name().ok_or("it has no file name")?;
            let directory =
                fs::canonicalize(directory).map_err(|error| format!("its directory: {error}"))?;
            directory.join(name)
        }
        Err(error) => return Err(error.to_string()),
    };
    let directory = path.parent().ok_or("it is no file")?.to_owned();
    refuse_blind(&directory)?;
    Ok(Place { directory, path })
}

/// keepalived: an existing file is overwritten only where that is asked for.
fn init(path: &Path, init_file: InitFile) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(_) if !init_file.overwrite => return Ok(()),
        Ok(metadata) if !metadata.is_file() => {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(_) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644);
    let mut file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    writeln!(file, "{}", init_file.value)
}

/// Where the kernel does not tell of changes.
fn refuse_blind(directory: &Path) -> Result<(), String> {
    let magic = statfs::statfs(directory).map_err(|error| error.to_string())?;
    let magic = magic.filesystem_type().0;
    if let Some((_, name)) = BLIND.iter().find(|(blind, _)| *blind == magic) {
        return Err(format!(
            "it is on a file system of type {name}, whose changes are not seen"
        ));
    }
    let flags = statvfs(directory).map_err(|error| error.to_string())?;
    if flags.flags().contains(FsFlags::ST_RDONLY) {
        return Err("it is on a read-only file system".to_owned());
    }
    Ok(())
}

/// What the file holds; 0 where it cannot be read, `None` where the number is out of range.
fn number(path: &Path) -> Option<i32> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let read = |file: File| {
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map(|_| bytes)
    };
    match file.and_then(read) {
        Ok(bytes) => file_number(&bytes),
        Err(_) => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::poll_set::PollSet;
    use crate::types::TrackWeight;

    fn config(path: &Path, init_file: Option<InitFile>) -> TrackedFile {
        TrackedFile {
            name: "F".to_owned(),
            file: path.to_str().expect("UTF-8").to_owned(),
            weight: TrackWeight::FAULT,
            reverse: false,
            init_file,
        }
    }

    struct Lab {
        files: Files,
        set: PollSet,
    }

    impl Lab {
        fn new(config: &TrackedFile, moment: Moment) -> Self {
            let mut files = Files::default();
            let set = PollSet::new().expect("epoll");
            let descriptor = files.watch(std::slice::from_ref(config), moment);
            let descriptor = descriptor.expect("inotify").expect("a new one");
            set.add(descriptor, 0).expect("watched");
            Self { files, set }
        }

        async fn next(&mut self) -> i32 {
            let next = async {
                loop {
                    tokio::select! {
                        readable = self.set.readable() => {
                            readable.expect("readable");
                            self.files.changed();
                        }
                        input = self.files.read() => match input {
                            Input::FileRead { value, .. } => return value,
                            other => panic!("{other:?}"),
                        },
                    }
                }
            };
            let next = tokio::time::timeout(Duration::from_secs(10), next);
            next.await.expect("within ten seconds")
        }

        /// Values may be read more often than they change.
        async fn until(&mut self, value: i32) {
            while self.next().await != value {}
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_may_come_be_written_be_replaced_and_go() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("value");
        let mut lab = Lab::new(&config(&path, None), Moment::Start);
        assert_eq!(lab.files.all_read().await, [("F".to_owned(), 0)]);
        fs::write(&path, "0x10\n").expect("written");
        lab.until(16).await;
        let other = dir.path().join("other");
        fs::write(&other, " -3 and words").expect("written");
        fs::rename(&other, &path).expect("renamed");
        lab.until(-3).await;
        fs::remove_file(&path).expect("removed");
        lab.until(0).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn init_file_makes_a_file_at_the_start_and_overwrites_only_if_asked() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("value");
        let init = |value, overwrite| config(&path, Some(InitFile { value, overwrite }));
        Lab::new(&init(7, false), Moment::Reload).until(0).await;
        assert!(!path.exists(), "not at a reload");
        Lab::new(&init(7, false), Moment::Start).until(7).await;
        Lab::new(&init(8, false), Moment::Start).until(7).await;
        Lab::new(&init(9, true), Moment::Reload).until(7).await;
        Lab::new(&init(9, true), Moment::Start).until(9).await;
        assert_eq!(fs::read_to_string(&path).expect("there"), "9\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_behind_a_link_and_one_of_the_kernel_s() {
        let dir = tempfile::tempdir().expect("directory");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).expect("directory");
        std::os::unix::fs::symlink(&real, &link).expect("link");
        let mut lab = Lab::new(&config(&link.join("value"), None), Moment::Start);
        lab.until(0).await;
        fs::write(real.join("value"), "5").expect("written");
        lab.until(5).await;
        let refused = place(Path::new("/proc/self/oom_score"), None, Moment::Start);
        assert!(refused.expect_err("refused").contains("proc"));
        let missing = place(Path::new("/nonexistent/value"), None, Moment::Start);
        assert!(missing.expect_err("refused").contains("directory"));
    }
}
