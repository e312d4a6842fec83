//! Settings under `/proc/sys/net` that instances need, with what they were before.
//!
//! The parent knows what they were: it is put back by the next child or, when every process is gone, by
//! `holdfast fence`.

use std::collections::BTreeMap;
use std::io;

use tracing::warn;

use super::Report;
use crate::sys::net_setting;
use crate::types::{Owned, OwnedObject, Tenure};

/// Settings of ours; what they were before is put back when the last user is gone.
#[derive(Debug, Default)]
pub(super) struct Sysctls {
    /// By path below `/proc/sys/net`.
    earlier: BTreeMap<String, Earlier>,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct Earlier {
    value: String,
    users: usize,
}

impl Sysctls {
    /// With what an earlier life of this child has changed.
    pub(super) fn inherit(settings: BTreeMap<String, String>) -> Self {
        let of_nobody = |(key, value)| (key, Earlier { value, users: 0 });
        Self {
            earlier: settings.into_iter().map(of_nobody).collect(),
            reports: Vec::new(),
        }
    }

    /// What a setting was before it was changed.
    pub(super) fn before(&self, key: &str) -> io::Result<String> {
        match self.earlier.get(key) {
            Some(earlier) => Ok(earlier.value.clone()),
            None => net_setting::read(key),
        }
    }

    /// Sets it for one more user. What cannot be set is said: the interface works without, less well.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        if let Some(earlier) = self.earlier.get_mut(key) {
            earlier.users += 1;
            if earlier.users == 1 {
                set(key, value);
            }
            return;
        }
        let before = match net_setting::read(key) {
            Ok(before) => before,
            Err(error) => return unable(key, value, &error),
        };
        self.reports.push(Report::Own(owned(key, &before)));
        set(key, value);
        let before = Earlier {
            value: before,
            users: 1,
        };
        self.earlier.insert(key.to_owned(), before);
    }

    /// One user less.
    pub(super) fn release(&mut self, key: &str) {
        let Some(earlier) = self.earlier.get_mut(key) else {
            return;
        };
        earlier.users = earlier.users.saturating_sub(1);
        if earlier.users == 0 {
            self.put_back(key);
        }
    }

    /// What an earlier life needed and this one does not.
    pub(super) fn release_unused(&mut self) {
        let unused = self.earlier.iter().filter(|(_, it)| it.users == 0);
        let unused: Vec<_> = unused.map(|(key, _)| key.clone()).collect();
        for key in unused {
            self.put_back(&key);
        }
    }

    /// What the parent has to know of all that.
    pub(super) fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The interface may be gone, and its settings with it. What cannot be put back stays listed, here and in the
    /// parent's journal, and is tried again when settings are looked at next, or when the program ends.
    fn put_back(&mut self, key: &str) {
        let Some(earlier) = self.earlier.get(key) else {
            return;
        };
        if let Err(error) = net_setting::write(key, &earlier.value)
            && error.kind() != io::ErrorKind::NotFound
        {
            let path = net_setting::path(key);
            warn!(
                "Unable to put {} back to {}: {error}",
                path.display(),
                earlier.value
            );
            return;
        }
        self.reports
            .push(Report::Disown(owned(key, &earlier.value)));
        self.earlier.remove(key);
    }
}

fn owned(key: &str, earlier: &str) -> Owned {
    Owned {
        object: OwnedObject::Setting {
            key: key.to_owned(),
            earlier: earlier.to_owned(),
        },
        tenure: Tenure::Program,
    }
}

/// Sets it for good, for an interface of ours.
pub(super) fn set(key: &str, value: &str) {
    if let Err(error) = net_setting::write(key, value) {
        unable(key, value, &error);
    }
}

fn unable(key: &str, value: &str, error: &io::Error) {
    let path = net_setting::path(key);
    warn!("Unable to set {} to {value}: {error}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_put_back_stays_ours_and_one_that_is_gone_does_not() {
        // A directory cannot be written, whoever asks.
        let settings = ["ipv4", "ipv4/conf/no_such_interface/arp_ignore"];
        let settings = settings.map(|key| (key.to_owned(), "0".to_owned()));
        let mut sysctls = Sysctls::inherit(settings.into());
        sysctls.release_unused();
        let gone = owned("ipv4/conf/no_such_interface/arp_ignore", "0");
        assert_eq!(sysctls.reports(), [Report::Disown(gone)]);
        assert_eq!(sysctls.before("ipv4").expect("known"), "0");
        sysctls.release_unused();
        assert_eq!(sysctls.reports(), [], "still there");
    }
}
