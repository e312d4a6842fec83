//! Tables of blocks that are understood, but not carried out yet. Their words are checked all the same.

use crate::config::keyword::{Keyword, Shape, Table};

type Rows = &'static [Keyword<()>];

/// Every table by the name that rows use for it.
pub(super) const BLOCKS: &[(&str, Table<()>)] = &[("auth_hmac", &[AUTH_HMAC])];

const AUTH_HMAC: Rows = &[
    Keyword::pending("key", Shape::Words("ID VALUE"), ""),
    Keyword::pending("active_key", Shape::strict(1, 255), ""),
    Keyword::pending(
        "time_window",
        Shape::number(1, 300),
        "max(3 * advert_int, 5)",
    ),
    Keyword::pending("anti_replay", Shape::Choice(&["time", "monotonic"]), "time"),
    Keyword::pending(
        "mode",
        Shape::Choice(&["enforce", "permissive", "receive-only"]),
        "enforce",
    ),
];
