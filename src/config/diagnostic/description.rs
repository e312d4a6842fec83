//! What each kind of complaint is about, in a sentence: the rules of a SARIF report and of the manual.

use super::Code;

/// One list for both, so that a new code cannot be forgotten: the match must name all.
macro_rules! descriptions {
    ($($code:ident => $text:literal,)*) => {
        impl Code {
            /// Every kind of complaint.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// What complaints of this kind are about.
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }
        }
    };
}

descriptions! {
    NoConfiguration => "The configuration file does not exist.",
    FileMissing => "A file that is included does not exist, and the include minds.",
    NotIncluded => "An include that keepalived passes over: the file does not exist, or is a directory that a pattern matches.",
    FileUnreadable => "A file cannot be read, or is no configuration.",
    IncludeSkipped => "A file that is included is left out, because it is executable or no regular file.",
    IncludeLoop => "A file includes itself, or files are included too deep.",
    TooLarge => "The configuration is larger than anything sensible; what is not read is said.",
    LineTooLong => "A line is longer than 1023 bytes.",
    LineWithNul => "A line contains a NUL byte.",
    UnterminatedQuote => "A quote is not closed on its line.",
    UnbalancedBrace => "A closing brace has no opening one, or a block is not closed.",
    UnexpectedBrace => "A block stands where none can be; what is in it is not read.",
    MissingBrace => "A block has no opening brace.",
    InvalidDefinition => "A definition or a repetition cannot be read.",
    MissingParameter => "A keyword lacks its value.",
    UnknownKeyword => "No block knows this keyword.",
    MisplacedKeyword => "The keyword belongs in another block.",
    ExtraWords => "Words behind a keyword are not read.",
    InvalidValue => "A value is of the wrong kind and is not used.",
    OutOfRange => "A value is out of its range.",
    MissingKeyword => "A block lacks a setting without which it means nothing.",
    RequiredValue => "A setting without which its block means nothing has a value that is none.",
    UnknownInterface => "The host has no interface of this name.",
    MissingNamespace => "The host has no network namespace of this name.",
    DuplicateName => "Two blocks have the same name; the second is not used.",
    DuplicateVrid => "Two virtual routers have the same VRID on the same interface.",
    DuplicateEntry => "An entry stands in its list twice; the second is not used.",
    Repeated => "A keyword with one value stands in its block twice; the last one counts.",
    Redundant => "A setting that another one has made already.",
    UnknownReference => "Nothing of that kind has this name.",
    UnusedScript => "Nothing tracks this script.",
    ScriptUnusable => "A script cannot be run.",
    ScriptSecurity => "Scripts run although nobody asked for them to be safe.",
    NothingToDo => "A block is empty and is not used.",
    Conflict => "Two settings do not go together; one of them is not used.",
    Defaulted => "A default is used that is worth a mention.",
    Deprecated => "The spelling is an old one.",
    Advice => "It works, but an RFC wants it otherwise.",
    NotCarriedOut => "The keyword is understood, but not carried out yet.",
    NoEffect => "A keyword that is understood and needs no effect here; the message says why.",
    LeftOut => "An address, an instance or a service is left out, because it is not carried out yet.",
    NeverChecked => "A real server is never checked, because its checkers have mistakes or are not carried out yet.",
    Offline => "The machine has not been looked at.",
    OnlyOnOneNode => "Something that one node of a pair has and the other has not.",
    PairMismatch => "Two nodes do not understand each other.",
    PairDiffers => "Two nodes differ where they had better not.",
    PairWeight => "A weight never moves the virtual router to the other node.",
    PairUnknown => "The files of a pair do not say enough to know.",
}
