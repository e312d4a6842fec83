//! Exit statuses, with keepalived's numbers (keepalived: lib/keepalived_magic.h documents them).

/// How this program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    Ok = 0,
    /// Something that a restart may cure; also usage errors.
    Fatal = 1,
    /// The configuration cannot be run.
    Config = 2,
    /// A capability or permission is missing.
    MissingPermission = 4,
    /// There is no configuration file.
    NoConfig = 6,
}

impl ExitStatus {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// Starting the child again would end the same way. Unlike keepalived a plain failure (1) is not final.
    pub(crate) fn is_final(code: i32) -> Option<Self> {
        match code {
            2 => Some(Self::Config),
            4 => Some(Self::MissingPermission),
            _ => None,
        }
    }

    /// The words in keepalived's log line.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Fatal => "FATAL",
            Self::Config => "CONFIG",
            Self::MissingPermission => "missing permission",
            Self::NoConfig => "no configuration",
        }
    }
}
