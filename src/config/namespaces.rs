//! Keywords at the top level that say where and as what the program runs: `net_namespace`, `net_namespace_ipvs`,
//! `namespace_with_ipsets`, `instance`, `use_pid_dir`.

use serde::{Deserialize, Serialize};

use super::keyword::{Keyword, Shape};
use super::root::Drafts;

/// Where and as what the program runs. None of it can change by a reload.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Namespaces {
    /// `/run/netns/NAME`, where everything but, perhaps, IPVS runs.
    pub net_namespace: Option<String>,
    pub net_namespace_ipvs: IpvsNamespace,
    /// Sets of addresses may be used in a namespace although old kernels have one set of names for all.
    pub namespace_with_ipsets: bool,
    /// Several of this program on one host: part of pid file, run directory and syslog identity.
    pub instance: Option<String>,
    /// Pid files in the run directory.
    pub use_pid_dir: bool,
}

/// Where IPVS is programmed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum IpvsNamespace {
    /// Where everything else is.
    #[default]
    AsOthers,
    /// Where the program was started: the keyword without a name.
    Initial,
    Named(String),
}

const NAME: Shape = Shape::Word("a name");

/// Rows of the top level.
pub(crate) const KEYWORDS: &[Keyword<Drafts>] = &[
    Keyword::pending_but_read("net_namespace", NAME, "", |drafts, arguments| {
        drafts.namespaces.net_namespace = Some(arguments.text()?.value);
        Ok(())
    }),
    Keyword::pending_but_read(
        "net_namespace_ipvs",
        Shape::Optional("a name"),
        "net_namespace",
        |drafts, arguments| {
            let name = arguments.next_word().map(|word| word.text.to_owned());
            drafts.namespaces.net_namespace_ipvs =
                name.map_or(IpvsNamespace::Initial, IpvsNamespace::Named);
            Ok(())
        },
    ),
    Keyword::pending_but_read("namespace_with_ipsets", Shape::Flag, "off", |drafts, _| {
        drafts.namespaces.namespace_with_ipsets = true;
        Ok(())
    }),
    Keyword::pending_but_read("use_pid_dir", Shape::Flag, "off", |drafts, _| {
        drafts.namespaces.use_pid_dir = true;
        Ok(())
    }),
    Keyword::pending_but_read("instance", NAME, "", |drafts, arguments| {
        drafts.namespaces.instance = Some(arguments.text()?.value);
        Ok(())
    }),
];
