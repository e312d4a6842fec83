//! The ownership journal: what this program has put into the kernel.
//!
//! It lies in the run directory, so that what was owned can be taken away even when every process
//! is gone. Only what it names is ever touched.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::types::Owned;

/// What the journal says.
#[derive(Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) struct Record {
    /// Where it is, if not where the program was started.
    pub(crate) net_namespace: Option<String>,
    pub(crate) owned: BTreeSet<Owned>,
}

/// A [`Record`] to be written.
#[derive(Serialize)]
struct Written<'r> {
    net_namespace: Option<&'r str>,
    owned: &'r BTreeSet<Owned>,
}

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    temporary: PathBuf,
}

impl Journal {
    pub(crate) fn in_directory(run_directory: &Path) -> Self {
        let path = run_directory.join("owned.json");
        let temporary = run_directory.join("owned.json.new");
        Self { path, temporary }
    }

    /// Replaces the journal as a whole; nobody ever reads half of it.
    pub(crate) fn write(
        &self,
        net_namespace: Option<&str>,
        owned: &BTreeSet<Owned>,
    ) -> io::Result<()> {
        let record = Written {
            net_namespace,
            owned,
        };
        std::fs::write(&self.temporary, serde_json::to_vec(&record)?)?;
        std::fs::rename(&self.temporary, &self.path)
    }

    /// A missing journal is an empty one.
    pub(crate) fn read(&self) -> io::Result<Record> {
        match std::fs::read(&self.path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps one that cannot be read under another name, which is returned.
    pub(crate) fn set_aside(&self) -> io::Result<PathBuf> {
        let kept = self.path.with_extension("json.damaged");
        std::fs::rename(&self.path, &kept)?;
        Ok(kept)
    }

    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{InterfaceName, OwnedAddress, Tenure};

    #[test]
    fn what_is_written_is_read_and_nothing_is_an_empty_journal() {
        let dir = tempfile::tempdir().expect("directory");
        let journal = Journal::in_directory(dir.path());
        assert_eq!(journal.read().expect("missing"), Record::default());
        let address = OwnedAddress {
            interface: InterfaceName::new("eth0").expect("name"),
            address: "192.0.2.1".parse().expect("address"),
            prefix_len: 24,
            peer: None,
        };
        let owned = BTreeSet::from([Owned {
            object: address.into(),
            tenure: Tenure::Master,
        }]);
        journal.write(Some("red"), &owned).expect("write");
        let record = Record {
            net_namespace: Some("red".to_owned()),
            owned,
        };
        assert_eq!(journal.read().expect("read"), record);
    }

    #[test]
    fn a_damaged_journal_is_an_error_not_an_empty_one() {
        let dir = tempfile::tempdir().expect("directory");
        let journal = Journal::in_directory(dir.path());
        std::fs::write(journal.path(), "[{").expect("write");
        assert!(journal.read().is_err());
        let kept = journal.set_aside().expect("kept");
        assert_eq!(kept, dir.path().join("owned.json.damaged"));
        assert_eq!(std::fs::read(&kept).expect("kept"), b"[{");
        assert_eq!(journal.read().expect("missing"), Record::default());
    }
}
