//! `SSL { }`: who we are towards servers that SSL_GET asks.

use serde::{Deserialize, Serialize};

use super::keyword::{Keyword, Shape, Table};

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ssl {
    /// Of the private key.
    pub password: Option<String>,
    /// File with certificates of authorities.
    pub ca: Option<String>,
    /// File with our certificate.
    pub certificate: Option<String>,
    /// File with our private key.
    pub key: Option<String>,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "SSL";

const PATH: Shape = Shape::Word("a path");

pub(crate) const KEYWORDS: Table<Ssl> = &[&[
    Keyword::new(
        "password",
        Shape::Word("a password"),
        "",
        |ssl, arguments| arguments.fill(&mut ssl.password),
    ),
    Keyword::new("ca", PATH, "", |ssl, arguments| arguments.fill(&mut ssl.ca)),
    Keyword::new("certificate", PATH, "", |ssl, arguments| {
        arguments.fill(&mut ssl.certificate)
    }),
    Keyword::new("key", PATH, "", |ssl, arguments| {
        arguments.fill(&mut ssl.key)
    }),
]];
