//! `vrrp_script NAME { }`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding, Findings};
use super::keyword::{Arguments, Keyword, NO_LIMIT, ScriptText, Shape, Spanned, Table};
use super::scripts::{Scripts, UserText};
use super::track;
use crate::types::{ScriptCommand, TrackWeight};

/// A script whose result moves priorities or causes FAULT.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VrrpScript {
    pub name: String,
    pub script: ScriptCommand,
    /// Why the script may not be run: nothing is started, and it counts as failed.
    pub refused: Option<String>,
    /// Time between two runs, default 1 s.
    pub interval: Duration,
    /// A run is killed after this time; the interval where the file says nothing.
    pub timeout: Duration,
    pub weight: TrackWeight,
    /// The weight counts the other way round.
    pub reverse: bool,
    /// Successes in a row that make it good, at least 1.
    pub rise: u32,
    /// Failures in a row that make it bad, at least 1.
    pub fall: u32,
    /// Starts as failed instead of unknown.
    pub init_fail: bool,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "vrrp_script";

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    script: Option<ScriptText>,
    interval: Duration,
    timeout: Duration,
    weight: TrackWeight,
    reverse: bool,
    rise: u32,
    fall: u32,
    user: Option<Spanned<UserText>>,
    init_fail: bool,
}

pub(crate) const KEYWORDS: Table<Draft> = &[OWN];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new("script", Shape::Script, "", |draft, arguments| {
        draft.script = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("interval", Shape::any_seconds(), "1", |draft, arguments| {
        draft.interval = arguments.seconds()?;
        Ok(())
    }),
    Keyword::new(
        "timeout",
        Shape::any_seconds(),
        "interval",
        |draft, arguments| {
            draft.timeout = arguments.seconds()?;
            Ok(())
        },
    ),
    Keyword::new("weight", track::WEIGHT, "0", weight),
    Keyword::new(
        "rise",
        Shape::number(1, NO_LIMIT),
        "1",
        |draft, arguments| {
            draft.rise = arguments.number()?;
            Ok(())
        },
    ),
    Keyword::new(
        "fall",
        Shape::number(1, NO_LIMIT),
        "1",
        |draft, arguments| {
            draft.fall = arguments.number()?;
            Ok(())
        },
    ),
    Keyword::new(
        "user",
        Shape::Words("USER [GROUP]"),
        "script_user",
        |draft, arguments| {
            draft.user = Some(user(arguments)?);
            Ok(())
        },
    ),
    Keyword::new("init_fail", Shape::Flag, "off", |draft, _| {
        draft.init_fail = true;
        Ok(())
    }),
];

fn weight(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    (draft.weight, draft.reverse) = track::weight_of_object(&track::WEIGHT, arguments)?;
    Ok(())
}

/// `USER [GROUP]`
pub(crate) fn user(arguments: &mut Arguments<'_>) -> Result<Spanned<UserText>, Finding> {
    let user = arguments.text()?;
    Ok(Spanned {
        value: UserText {
            user: user.value,
            group: arguments.next_word().map(|word| word.text.to_owned()),
        },
        span: user.span,
    })
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            script: None,
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            weight: TrackWeight::FAULT,
            reverse: false,
            rise: 1,
            fall: 1,
            user: None,
            init_fail: false,
        }
    }

    /// `None` with a complaint where there is nothing to run. A script that may not be run stays, as one that has
    /// failed: what it was to check is not known to be well (keepalived forgets it).
    pub(crate) fn resolve(
        &self,
        scripts: &mut Scripts<'_>,
        findings: &mut Findings,
    ) -> Option<VrrpScript> {
        let Some(text) = &self.script else {
            let message = format!(
                "vrrp_script {} has no 'script' and is not used",
                self.name.value
            );
            let finding = Finding::new(Code::ScriptUnusable, self.name.span, message);
            findings.push(finding.unless_misread(self.name.span, "script"));
            return None;
        };
        let (script, refused) = match scripts.judge_tracked(text, self.user.as_ref(), findings) {
            Ok(script) => (script, None),
            Err(why) => (Scripts::as_written(text), Some(why)),
        };
        // keepalived: an interval of 0 becomes 1.
        let interval = match self.interval {
            Duration::ZERO => Duration::from_secs(1),
            interval => interval,
        };
        Some(VrrpScript {
            name: self.name.value.clone(),
            script,
            refused,
            interval,
            timeout: match self.timeout {
                Duration::ZERO => interval,
                timeout => timeout,
            },
            weight: self.weight,
            reverse: self.reverse,
            rise: self.rise,
            fall: self.fall,
            init_fail: self.init_fail,
        })
    }
}
