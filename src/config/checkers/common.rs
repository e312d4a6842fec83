//! The keywords that all checkers share that try again.

use crate::config::keyword::{Keyword, Shape};
use crate::config::retry::{HasRetry, delay_loop_row};
use crate::config::virtual_server::ANY_NUMBER;

/// A checker's block.
pub(crate) trait HasCommon: HasRetry {
    fn alpha(&mut self) -> &mut Option<bool>;
    fn log_all_failures(&mut self) -> &mut Option<bool>;
}

pub(crate) const fn common_rows<B: HasCommon>() -> [Keyword<B>; 3] {
    [
        delay_loop_row("the real server's"),
        Keyword::new(
            "alpha",
            Shape::Bool,
            "the real server's",
            |draft, arguments| arguments.fill(draft.alpha()),
        ),
        Keyword::new(
            "log_all_failures",
            Shape::Bool,
            "checker_log_all_failures",
            |draft, arguments| arguments.fill(draft.log_all_failures()),
        ),
    ]
}

/// The spelling of old, which checkers know that connect.
pub(crate) const fn nb_get_retry_row<B: HasRetry>() -> Keyword<B> {
    Keyword::new(
        "nb_get_retry",
        ANY_NUMBER,
        "",
        |draft: &mut B, arguments| arguments.fill(&mut draft.retry().retry),
    )
    .deprecated("retry")
}
