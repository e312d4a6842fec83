//! Settings under `/proc/sys/net` that a virtual MAC interface needs, with what they were before.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use tracing::warn;

const NET: &str = "/proc/sys/net";

/// Settings of ours; what they were before is put back when the last user is gone.
#[derive(Debug, Default)]
pub(super) struct Sysctls {
    /// By path below `/proc/sys/net`.
    earlier: BTreeMap<String, Earlier>,
}

#[derive(Debug)]
struct Earlier {
    value: String,
    users: usize,
}

impl Sysctls {
    /// Sets it for one more user. What cannot be set is said: the interface works without, less well.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        if let Some(earlier) = self.earlier.get_mut(key) {
            earlier.users += 1;
            return;
        }
        match read(key).and_then(|before| write(key, value).map(|()| before)) {
            Ok(before) => {
                let value = before;
                self.earlier
                    .insert(key.to_owned(), Earlier { value, users: 1 });
            }
            Err(error) => warn!("Unable to set {NET}/{key} to {value}: {error}"),
        }
    }

    /// One user less. The interface may be gone, and its settings with it.
    pub(super) fn release(&mut self, key: &str) {
        let Some(earlier) = self.earlier.get_mut(key) else {
            return;
        };
        earlier.users -= 1;
        if earlier.users == 0
            && let Some(earlier) = self.earlier.remove(key)
            && let Err(error) = write(key, &earlier.value)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(
                "Unable to put {NET}/{key} back to {}: {error}",
                earlier.value
            );
        }
    }
}

/// Sets it for good, for an interface of ours.
pub(super) fn set(key: &str, value: &str) {
    match write(key, value) {
        Ok(()) => {}
        Err(error) => warn!("Unable to set {NET}/{key} to {value}: {error}"),
    }
}

pub(super) fn read(key: &str) -> io::Result<String> {
    fs::read_to_string(Path::new(NET).join(key)).map(|text| text.trim().to_owned())
}

fn write(key: &str, value: &str) -> io::Result<()> {
    fs::write(Path::new(NET).join(key), value)
}
