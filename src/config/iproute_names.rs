//! Names that iproute2 has for numbers of routing: `rt_tables`, `rt_protos`, `rt_scopes`, `rt_realms`,
//! `rt_dsfield` and `group` in `/etc/iproute2` and beside it. The [`super::Host`] reads the files.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// One of the files.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NameKind {
    Table,
    Protocol,
    Scope,
    Realm,
    DsField,
    /// Of interfaces.
    Group,
}

impl NameKind {
    pub const ALL: [Self; 6] = [
        Self::Table,
        Self::Protocol,
        Self::Scope,
        Self::Realm,
        Self::DsField,
        Self::Group,
    ];

    /// Name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Table => "rt_tables",
            Self::Protocol => "rt_protos",
            Self::Scope => "rt_scopes",
            Self::Realm => "rt_realms",
            Self::DsField => "rt_dsfield",
            Self::Group => "group",
        }
    }

    /// Greatest number.
    pub(crate) fn most(self) -> u32 {
        match self {
            Self::Table | Self::Group => u32::MAX,
            Self::Realm => 0xffff,
            Self::Protocol | Self::Scope | Self::DsField => 0xff,
        }
    }

    /// What every system has (`linux/rtnetlink.h`).
    fn built_in(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Table => &[("default", 253), ("main", 254), ("local", 255)],
            Self::Protocol => &[
                ("redirect", 1),
                ("kernel", 2),
                ("boot", 3),
                ("static", 4),
                ("gated", 8),
                ("ra", 9),
                ("mrt", 10),
                ("zebra", 11),
                ("bird", 12),
                ("dnrouted", 13),
                ("xorp", 14),
                ("ntk", 15),
                ("dhcp", 16),
                ("keepalived", 18),
                ("babel", 42),
                ("bgp", 186),
                ("isis", 187),
                ("ospf", 188),
                ("rip", 189),
                ("eigrp", 192),
            ],
            Self::Scope => &[
                ("global", 0),
                ("site", 200),
                ("link", 253),
                ("host", 254),
                ("nowhere", 255),
            ],
            Self::Realm => &[("unknown", 0)],
            Self::DsField | Self::Group => &[("default", 0)],
        }
    }
}

/// Where the files are, if not where iproute2 has them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct IprouteDirectories {
    /// Instead of `/usr/share/iproute2` and `/usr/lib/iproute2`.
    pub iproute_usr_dir: Option<String>,
    /// Instead of `/etc/iproute2`, whose names win.
    pub iproute_etc_dir: Option<String>,
}

/// The names that this host knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IprouteNames {
    names: HashMap<NameKind, HashMap<String, u32>>,
    /// Whatever is not known is taken to exist.
    is_lenient: bool,
}

/// What every system has.
impl Default for IprouteNames {
    fn default() -> Self {
        let table = |kind: NameKind| {
            let names = kind.built_in().iter();
            (kind, names.map(|&(name, n)| (name.to_owned(), n)).collect())
        };
        Self {
            names: NameKind::ALL.into_iter().map(table).collect(),
            is_lenient: false,
        }
    }
}

impl IprouteNames {
    /// Adds the lines `NUMBER NAME` of a file; what is none is passed over, as iproute2 does.
    pub fn add(&mut self, kind: NameKind, text: &str) {
        let names = self.names.entry(kind).or_default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            if let (Some(number), Some(name)) = (words.next(), words.next())
                && let Some(number) = number_of(number, kind)
            {
                names.insert(name.to_owned(), number);
            }
        }
    }

    /// Those of a host that nobody looks at: every name is one, with a number that means nothing.
    pub fn lenient() -> Self {
        Self {
            is_lenient: true,
            ..Self::default()
        }
    }

    /// The number of a name, or the number that `word` is; `None`: neither, or too great.
    pub fn number(&self, kind: NameKind, word: &str) -> Option<u32> {
        let by_name = self.names.get(&kind).and_then(|names| names.get(word));
        let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic());
        by_name
            .copied()
            .or_else(|| number_of(word, kind))
            .or_else(|| (self.is_lenient && is_name).then_some(1))
    }
}

fn number_of(word: &str, kind: NameKind) -> Option<u32> {
    super::entry::unsigned(word)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= kind.most())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_adds_to_what_every_system_has() {
        let mut names = IprouteNames::default();
        names.add(
            NameKind::Table,
            "# comment\n100 blue # the blue one\n0x65 red\nabc def\n200\n",
        );
        assert_eq!(names.number(NameKind::Table, "blue"), Some(100));
        assert_eq!(names.number(NameKind::Table, "red"), Some(101));
        assert_eq!(names.number(NameKind::Table, "main"), Some(254));
        assert_eq!(names.number(NameKind::Table, "77"), Some(77));
        assert_eq!(names.number(NameKind::Table, "green"), None);
        assert_eq!(names.number(NameKind::Scope, "256"), None);
    }
}
