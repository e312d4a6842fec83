//! Keywords at the top level that say where and as what the program runs: `net_namespace`, `net_namespace_ipvs`,
//! `namespace_with_ipsets`, `instance`, `use_pid_dir`.

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding};
use super::keyword::{Keyword, Shape, Spanned};
use super::root::Drafts;

/// Where and as what the program runs. None of it can change by a reload.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Namespaces {
    /// `/run/netns/NAME`, where everything but, perhaps, IPVS runs.
    pub net_namespace: Option<String>,
    pub net_namespace_ipvs: IpvsNamespace,
    /// Several of this program on one host: part of run directory and syslog identity.
    pub instance: Option<String>,
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
    Keyword::new("net_namespace", NAME, "", |drafts, arguments| {
        let name = file_name(arguments.text()?)?;
        drafts.net_namespace_span = Some(name.span);
        drafts.namespaces.net_namespace = Some(name.value);
        Ok(())
    }),
    Keyword::new(
        "net_namespace_ipvs",
        Shape::Optional("a name"),
        "net_namespace",
        |drafts, arguments| {
            drafts.namespaces.net_namespace_ipvs = match arguments.next_word() {
                None => IpvsNamespace::Initial,
                Some(word) => IpvsNamespace::Named(
                    file_name(Spanned {
                        value: word.text.to_owned(),
                        span: word.span,
                    })?
                    .value,
                ),
            };
            Ok(())
        },
    ),
    Keyword::without_effect("namespace_with_ipsets", Shape::Flag)
        .because("sets of nftables take the place of ipsets, and each namespace has its own"),
    Keyword::without_effect("use_pid_dir", Shape::Flag)
        .because("pid files are in the run directory in any case"),
    Keyword::new("instance", NAME, "", |drafts, arguments| {
        drafts.namespaces.instance = Some(file_name(arguments.text()?)?.value);
        Ok(())
    }),
];

/// A name that becomes one of a file or directory.
fn file_name(name: Spanned<String>) -> Result<Spanned<String>, Finding> {
    if !name.value.contains('/') && !["", ".", ".."].contains(&name.value.as_str()) {
        return Ok(name);
    }
    let message = format!("'{}' cannot be the name of a file", name.value);
    Err(Finding::new(Code::InvalidValue, name.span, message).expected("a name without '/'"))
}

#[cfg(test)]
mod tests {
    use crate::config::load::tests::{codes, loaded};

    #[test]
    fn a_namespace_that_does_not_exist_is_an_error_that_says_what_to_do() {
        let complaints = loaded("net_namespace missing\n").complaints;
        let text: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert!(text[0].contains("/run/netns/missing"), "{text:?}");
        assert_eq!(
            codes("net_namespace missing\n")[0],
            "1:15 missing-namespace"
        );
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_no_name() {
        let config = loaded("instance ../other\nnet_namespace a/b\n").config;
        assert_eq!(config.namespaces, super::Namespaces::default());
    }
}
