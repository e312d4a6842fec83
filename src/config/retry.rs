//! How often something is checked: settings that checkers take from their real server, and it from its virtual server.

use std::time::Duration;

use super::keyword::{Keyword, NO_LIMIT, Shape};

/// What is written in one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct RetryDraft {
    pub(crate) retry: Option<u32>,
    pub(crate) delay_before_retry: Option<Duration>,
    pub(crate) warmup: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) delay_loop: Option<Duration>,
}

impl RetryDraft {
    /// Where this says nothing, what `outer` says.
    pub(crate) fn or(&self, outer: &Self) -> Self {
        Self {
            retry: self.retry.or(outer.retry),
            delay_before_retry: self.delay_before_retry.or(outer.delay_before_retry),
            warmup: self.warmup.or(outer.warmup),
            connect_timeout: self.connect_timeout.or(outer.connect_timeout),
            delay_loop: self.delay_loop.or(outer.delay_loop),
        }
    }
}

/// A block that says how often to try.
pub(crate) trait HasRetry {
    fn retry(&mut self) -> &mut RetryDraft;
}

/// What an unset keyword means where it is not one value.
#[derive(Clone, Copy)]
pub(crate) struct RetryDefaults {
    pub(crate) retry: &'static str,
    pub(crate) delay_before_retry: &'static str,
    pub(crate) warmup: &'static str,
}

impl RetryDefaults {
    pub(crate) const fn all(default: &'static str) -> Self {
        Self {
            retry: default,
            delay_before_retry: default,
            warmup: default,
        }
    }
}

/// Decimal seconds above 0.
pub(crate) const POSITIVE_SECONDS: Shape = Shape::Seconds {
    min: Duration::from_micros(1),
    max: Duration::from_micros(u32::MAX as u64),
};

/// `retry` (from `least`), `delay_before_retry` and `warmup`.
pub(crate) const fn retry_rows<B: HasRetry>(
    least: i64,
    defaults: RetryDefaults,
) -> [Keyword<B>; 3] {
    [
        Keyword::new(
            "retry",
            Shape::number(least, NO_LIMIT),
            defaults.retry,
            |draft, arguments| arguments.fill(&mut draft.retry().retry),
        ),
        Keyword::new(
            "delay_before_retry",
            Shape::any_seconds(),
            defaults.delay_before_retry,
            |draft, arguments| arguments.fill(&mut draft.retry().delay_before_retry),
        ),
        Keyword::new(
            "warmup",
            Shape::any_seconds(),
            defaults.warmup,
            |draft, arguments| arguments.fill(&mut draft.retry().warmup),
        ),
    ]
}

pub(crate) const fn connect_timeout_row<B: HasRetry>(default: &'static str) -> Keyword<B> {
    Keyword::new(
        "connect_timeout",
        POSITIVE_SECONDS,
        default,
        |draft, arguments| arguments.fill(&mut draft.retry().connect_timeout),
    )
}

pub(crate) const fn delay_loop_row<B: HasRetry>(default: &'static str) -> Keyword<B> {
    Keyword::new(
        "delay_loop",
        POSITIVE_SECONDS,
        default,
        |draft, arguments| arguments.fill(&mut draft.retry().delay_loop),
    )
}
