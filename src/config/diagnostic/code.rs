//! The kinds of complaints, and how bad each is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a complaint means for loading the file.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Severity {
    /// Worth knowing: a deprecation, a keyword that is understood but not carried out.
    Note,
    /// Keepalived loads such a file with a message.
    Warning,
    /// Keepalived would stop, or the text can be read in two ways.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The kind of a complaint. Tools may rely on its [name](Code::name).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Code {
    /// The configuration file itself is absent.
    NoConfiguration,
    /// A file that is included is absent, and the include minds.
    FileMissing,
    /// An include that keepalived passes over in silence: the file is absent, or a pattern matches a directory.
    NotIncluded,
    /// A file cannot be read or is no configuration.
    FileUnreadable,
    IncludeSkipped,
    IncludeLoop,
    TooLarge,
    LineTooLong,
    LineWithNul,
    UnterminatedQuote,
    UnbalancedBrace,
    UnexpectedBrace,
    MissingBrace,
    InvalidDefinition,
    /// A keyword without its mandatory parameter; keepalived exits with status 2.
    MissingParameter,
    UnknownKeyword,
    MisplacedKeyword,
    ExtraWords,
    InvalidValue,
    OutOfRange,
    /// A setting without which its block means nothing.
    MissingKeyword,
    /// Such a setting has a value that is none.
    RequiredValue,
    UnknownInterface,
    MissingNamespace,
    DuplicateName,
    DuplicateVrid,
    DuplicateEntry,
    /// A keyword with one value that its block has already; the last one counts.
    Repeated,
    /// A setting that another one has made already; both say the same.
    Redundant,
    /// A name that nothing of that kind has.
    UnknownReference,
    UnusedScript,
    ScriptUnusable,
    ScriptSecurity,
    /// A block without what it is about; it is not used.
    NothingToDo,
    /// Two settings that do not go together; one of them is not used.
    Conflict,
    /// A default that keepalived mentions when it is used.
    Defaulted,
    Deprecated,
    /// It works, but an RFC wants it otherwise.
    Advice,
    /// A keyword that is understood, but not carried out yet; what remains works without it.
    NotCarriedOut,
    /// A keyword that is understood and needs no effect here.
    NoEffect,
    /// An address, an instance or a service that is nowhere, because it is not carried out yet.
    LeftOut,
    /// A real server or an answer that nobody looks at, because its checker is not carried out yet.
    NeverChecked,
    /// The machine has not been looked at.
    Offline,
    /// Something that one node of a pair has and the other has not.
    OnlyOnOneNode,
    /// Two nodes do not understand each other.
    PairMismatch,
    /// Two nodes differ where they had better not.
    PairDiffers,
    /// A weight that never moves a virtual router to the other node.
    PairWeight,
    /// Something about a pair that its files do not say.
    PairUnknown,
}

impl Code {
    /// Stable name, as in `error[unknown-keyword]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoConfiguration => "no-configuration",
            Self::FileMissing => "file-missing",
            Self::NotIncluded => "not-included",
            Self::FileUnreadable => "file-unreadable",
            Self::IncludeSkipped => "include-skipped",
            Self::IncludeLoop => "include-loop",
            Self::TooLarge => "too-large",
            Self::LineTooLong => "line-too-long",
            Self::LineWithNul => "line-with-nul",
            Self::UnterminatedQuote => "unterminated-quote",
            Self::UnbalancedBrace => "unbalanced-brace",
            Self::UnexpectedBrace => "unexpected-brace",
            Self::MissingBrace => "missing-brace",
            Self::InvalidDefinition => "invalid-definition",
            Self::MissingParameter => "missing-parameter",
            Self::UnknownKeyword => "unknown-keyword",
            Self::MisplacedKeyword => "misplaced-keyword",
            Self::ExtraWords => "extra-words",
            Self::InvalidValue => "invalid-value",
            Self::OutOfRange => "out-of-range",
            Self::MissingKeyword => "missing-keyword",
            Self::RequiredValue => "required-value",
            Self::UnknownInterface => "unknown-interface",
            Self::MissingNamespace => "missing-namespace",
            Self::DuplicateName => "duplicate-name",
            Self::DuplicateVrid => "duplicate-vrid",
            Self::DuplicateEntry => "duplicate-entry",
            Self::Repeated => "repeated",
            Self::Redundant => "redundant",
            Self::UnknownReference => "unknown-reference",
            Self::UnusedScript => "unused-script",
            Self::ScriptUnusable => "script-unusable",
            Self::ScriptSecurity => "script-security",
            Self::NothingToDo => "nothing-to-do",
            Self::Conflict => "conflict",
            Self::Defaulted => "defaulted",
            Self::Deprecated => "deprecated",
            Self::Advice => "advice",
            Self::NotCarriedOut => "not-carried-out",
            Self::NoEffect => "no-effect",
            Self::LeftOut => "left-out",
            Self::NeverChecked => "never-checked",
            Self::Offline => "offline",
            Self::OnlyOnOneNode => "only-on-one-node",
            Self::PairMismatch => "pair-mismatch",
            Self::PairDiffers => "pair-differs",
            Self::PairWeight => "pair-weight",
            Self::PairUnknown => "pair-unknown",
        }
    }

    /// What complaints of this kind mean for loading.
    pub fn severity(self) -> Severity {
        match self {
            Self::NoConfiguration
            | Self::FileMissing
            | Self::FileUnreadable
            | Self::IncludeLoop
            | Self::TooLarge
            | Self::LineTooLong
            | Self::UnterminatedQuote
            | Self::UnbalancedBrace
            | Self::MissingBrace
            | Self::MissingParameter
            | Self::MissingKeyword
            | Self::RequiredValue
            | Self::UnknownInterface
            | Self::MissingNamespace
            | Self::PairMismatch
            | Self::DuplicateVrid => Severity::Error,
            Self::IncludeSkipped
            | Self::LineWithNul
            | Self::UnexpectedBrace
            | Self::InvalidDefinition
            | Self::UnknownKeyword
            | Self::MisplacedKeyword
            | Self::ExtraWords
            | Self::InvalidValue
            | Self::OutOfRange
            | Self::DuplicateName
            | Self::DuplicateEntry
            | Self::Repeated
            | Self::Redundant
            | Self::UnknownReference
            | Self::UnusedScript
            | Self::ScriptUnusable
            | Self::NothingToDo
            | Self::Conflict
            | Self::Defaulted
            | Self::LeftOut
            | Self::NeverChecked
            | Self::OnlyOnOneNode
            | Self::PairDiffers
            | Self::PairWeight => Severity::Warning,
            Self::NotIncluded
            | Self::ScriptSecurity
            | Self::Deprecated
            | Self::Advice
            | Self::NotCarriedOut
            | Self::NoEffect
            | Self::Offline
            | Self::PairUnknown => Severity::Note,
        }
    }
}
