//! `auth_hmac { }`: keepalived's authentication trailer for either version (2.4.2 and later).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::draft::Draft as InstanceDraft;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use crate::config::lines::Span;
use crate::types::AdvertInterval;

/// Name of the table.
pub(crate) const BLOCK: &str = "auth_hmac";

/// Octets of a key.
const KEY_LEN: std::ops::RangeInclusive<usize> = 32..=64;
/// `time_window` is never less by default.
const MIN_WINDOW: Duration = Duration::from_secs(5);

/// How the receiver knows a packet that is sent again by somebody who has listened.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum AntiReplay {
    /// The sender's clock must be within `time_window`, and its sequence grow.
    #[default]
    Time,
    /// Its sequence must grow; clocks do not matter.
    Monotonic,
}

/// What of unsigned adverts; the modes are for taking all routers from one to the other.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum HmacMode {
    /// Signs, and drops what is not signed.
    #[default]
    Enforce,
    /// Signs, and takes what is not signed.
    Permissive,
    /// Does not sign; what is signed must be right.
    ReceiveOnly,
}

/// A secret of 32 to 64 octets. It is never printed.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct HmacKey(Vec<u8>);

impl HmacKey {
    /// `None` where the length is outside 32 to 64 octets.
    pub fn new(octets: Vec<u8>) -> Option<Self> {
        KEY_LEN.contains(&octets.len()).then_some(Self(octets))
    }

    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({} octets)", self.0.len())
    }
}

/// The block, whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuthHmac {
    /// By id, 1 to 255; any of them is taken from a peer, so that keys can be changed one router at a time.
    pub key: Vec<(u8, HmacKey)>,
    /// The key that signs; one of `key`.
    pub active_key: u8,
    /// How far clocks may differ, 1 to 300 s; three intervals and at least 5 s where the file says nothing.
    pub time_window: Duration,
    pub anti_replay: AntiReplay,
    pub mode: HmacMode,
}

impl AuthHmac {
    pub fn key_of(&self, id: u8) -> Option<&[u8]> {
        let (_, key) = self.key.iter().find(|(known, _)| *known == id)?;
        Some(key.octets())
    }
}

/// The block as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Of the keyword.
    span: Span,
    key: Vec<Spanned<(u8, String)>>,
    active_key: Option<Spanned<u8>>,
    time_window: Option<Duration>,
    anti_replay: AntiReplay,
    mode: HmacMode,
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new("key", Shape::Words("ID VALUE"), "", key).adding(),
    Keyword::new(
        "active_key",
        Shape::strict(1, 255),
        "the first key",
        |draft, arguments| {
            let span = arguments.span();
            let value = arguments.number()?;
            draft.active_key = Some(Spanned { value, span });
            Ok(())
        },
    ),
    Keyword::new(
        "time_window",
        Shape::number(1, 300),
        "max(3 * advert_int, 5)",
        |draft, arguments| {
            draft.time_window = Some(Duration::from_secs(arguments.number()?));
            Ok(())
        },
    ),
    Keyword::new(
        "anti_replay",
        Shape::Choice(&["time", "monotonic"]),
        "time",
        |draft, arguments| {
            draft.anti_replay = match arguments.choice()? {
                "monotonic" => AntiReplay::Monotonic,
                _ => AntiReplay::Time,
            };
            Ok(())
        },
    ),
    Keyword::new(
        "mode",
        Shape::Choice(&["enforce", "permissive", "receive-only"]),
        "enforce",
        |draft, arguments| {
            draft.mode = match arguments.choice()? {
                "permissive" => HmacMode::Permissive,
                "receive-only" => HmacMode::ReceiveOnly,
                _ => HmacMode::Enforce,
            };
            Ok(())
        },
    ),
];

fn key(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let word = arguments.word()?;
    let id = arguments.number_in(word, &Shape::strict(1, 255))?;
    let text = arguments.text()?.value;
    draft.key.push(Spanned {
        value: (id, text),
        span,
    });
    Ok(())
}

/// Fills the instance's draft.
pub(super) fn read(
    draft: &mut InstanceDraft,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    let mut block = Draft {
        span: arguments.keyword_span(),
        key: Vec::new(),
        active_key: None,
        time_window: None,
        anti_replay: AntiReplay::Time,
        mode: HmacMode::Enforce,
    };
    let statements = arguments.block();
    arguments
        .reader()
        .read(&mut block, BLOCK, KEYWORDS, statements);
    draft.auth_hmac = Some(block);
    Ok(())
}

impl Draft {
    /// `None` with a complaint where nothing could be signed; the instance must not take part then.
    pub(super) fn resolve(
        &self,
        name: &str,
        advert_int: AdvertInterval,
        context: &mut Context<'_>,
    ) -> Option<AuthHmac> {
        let mut keys: Vec<(u8, HmacKey)> = Vec::new();
        for Spanned { value, span } in &self.key {
            let (id, text) = value;
            match secret(text, context) {
                Ok(_) if keys.iter().any(|(known, _)| known == id) => {
                    let message = format!("({name}) key {id} is there already - ignoring");
                    context.complain(Finding::new(Code::DuplicateEntry, *span, message));
                }
                Ok(key) => keys.push((*id, key)),
                Err(why) => {
                    let message = format!("({name}) key {id} {why}, and is not used");
                    let finding = Finding::new(Code::InvalidValue, *span, message);
                    context.complain(finding.expected("32 to 64 octets, as text, hex:… or file:…"));
                }
            }
        }
        let active = self.active_key.map(|key| key.value);
        let active_key = active.or_else(|| keys.first().map(|(id, _)| *id));
        let Some(active_key) = active_key.filter(|id| keys.iter().any(|(known, _)| known == id))
        else {
            let span = self.active_key.map_or(self.span, |key| key.span);
            let message = format!(
                "({name}) is left out: 'auth_hmac' has no usable key to sign with, and its peers would not hear it"
            );
            context.complain(Finding::new(Code::LeftOut, span, message).help("'key ID VALUE'"));
            return None;
        };
        Some(AuthHmac {
            key: keys,
            active_key,
            time_window: self
                .time_window
                .unwrap_or_else(|| MIN_WINDOW.max(advert_int.as_duration() * 3)),
            anti_replay: self.anti_replay,
            mode: self.mode,
        })
    }

    pub(super) fn mode_is(&self, mode: HmacMode) -> bool {
        self.mode == mode
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }
}

/// The octets that `text` stands for, or what is wrong with it.
fn secret(text: &str, context: &Context<'_>) -> Result<HmacKey, String> {
    let octets = match text.strip_prefix("file:") {
        Some(path) => {
            let mut content = context.host.secret(path)?;
            if content.last() == Some(&b'\n') {
                content.pop();
            }
            match content.strip_prefix(b"hex:") {
                Some(digits) => octets_of_hex(digits)?,
                None => content,
            }
        }
        None => match text.strip_prefix("hex:") {
            Some(digits) => octets_of_hex(digits.as_bytes())?,
            None => text.as_bytes().to_vec(),
        },
    };
    let length = octets.len();
    HmacKey::new(octets).ok_or_else(|| format!("has {length} octets"))
}

fn octets_of_hex(digits: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = || "is not of hexadecimal digits, two for an octet".to_owned();
    if !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let octet = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let octets = digits.chunks_exact(2).map(octet);
    octets.collect::<Option<_>>().ok_or_else(wrong)
}
