//! `garp_group { }`: how fast gratuitous ARP and neighbour advertisements may follow one another on a set of
//! interfaces.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::consistency::Context;
use super::diagnostic::{Code, Finding};
use super::keyword::{Keyword, Shape, Spanned, Table};
use super::lines::Span;
use crate::types::InterfaceName;

/// Interfaces that share the time between two messages.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GarpGroup {
    /// Between two gratuitous ARPs; zero: none.
    pub garp_interval: Duration,
    /// Between two unsolicited neighbour advertisements; zero: none.
    pub gna_interval: Duration,
    /// Each is in one group only.
    pub interfaces: Vec<InterfaceName>,
}

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    span: Span,
    garp_interval: Option<Duration>,
    gna_interval: Option<Duration>,
    interfaces: Vec<Spanned<InterfaceName>>,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "garp_group";

pub(crate) const KEYWORDS: Table<Draft> = &[&[
    Keyword::new(
        "garp_interval",
        Shape::any_seconds(),
        "vrrp_garp_interval",
        |draft, arguments| {
            draft.garp_interval = Some(arguments.seconds()?);
            Ok(())
        },
    ),
    Keyword::new(
        "gna_interval",
        Shape::any_seconds(),
        "vrrp_gna_interval",
        |draft, arguments| {
            draft.gna_interval = Some(arguments.seconds()?);
            Ok(())
        },
    ),
    Keyword::new(
        "interface",
        Shape::Interface,
        "",
        |draft: &mut Draft, arguments| {
            draft.interfaces.push(arguments.interface()?);
            Ok(())
        },
    )
    .adding(),
    Keyword::new(
        "interfaces",
        Shape::List("names of interfaces"),
        "",
        |draft, arguments| {
            for word in arguments.block().iter().flat_map(|entry| entry.words()) {
                let name = super::entry::interface(word);
                if let Some(value) = arguments.reader().or_complain(name) {
                    let span = word.span;
                    draft.interfaces.push(Spanned { value, span });
                }
            }
            Ok(())
        },
    ),
]];

impl Draft {
    /// `span` is the keyword's.
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            garp_interval: None,
            gna_interval: None,
            interfaces: Vec::new(),
        }
    }
}

/// The groups that have something to say. An interface belongs to the first that names it.
pub(crate) fn resolve(drafts: &[Draft], context: &mut Context<'_>) -> Vec<GarpGroup> {
    let mut taken: Vec<InterfaceName> = Vec::new();
    let mut groups = Vec::new();
    for draft in drafts {
        let mut interfaces = Vec::new();
        for interface in &draft.interfaces {
            context.require_interface(interface);
            if taken.contains(&interface.value) {
                let message = format!(
                    "garp_group already specified for {} - ignoring",
                    interface.value
                );
                context.complain(Finding::new(Code::DuplicateEntry, interface.span, message));
                continue;
            }
            taken.push(interface.value.clone());
            interfaces.push(interface.value.clone());
        }
        let what = match (draft.garp_interval, draft.gna_interval) {
            (None, None) => Some("neither 'garp_interval' nor 'gna_interval'"),
            _ if draft.interfaces.is_empty() => Some("no interfaces"),
            _ => None,
        };
        if let Some(what) = what {
            let message = format!("a garp_group with {what} does nothing");
            context.complain(Finding::new(Code::NothingToDo, draft.span, message));
            continue;
        }
        groups.push(GarpGroup {
            garp_interval: draft.garp_interval.unwrap_or_default(),
            gna_interval: draft.gna_interval.unwrap_or_default(),
            interfaces,
        });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::tests::{codes, loaded};

    #[test]
    fn a_group_has_its_interfaces_and_intervals() {
        let text =
            "garp_group {\ngarp_interval 0.5\ninterface eth0\ninterfaces {\neth1 eth2\n}\n}\n";
        let groups = loaded(text).config.garp_groups;
        assert_eq!(groups[0].garp_interval, Duration::from_millis(500));
        assert_eq!(groups[0].gna_interval, Duration::ZERO);
        assert_eq!(groups[0].interfaces.len(), 3);
    }

    #[test]
    fn an_interface_is_in_one_group_only() {
        let text = "garp_group {\ngarp_interval 1\ninterface eth0\n}\ngarp_group {\ngarp_interval 2\ninterface eth0\n}\n";
        assert!(
            codes(text).contains(&"7:11 duplicate-entry".to_owned()),
            "{:?}",
            codes(text)
        );
    }

    #[test]
    fn a_group_that_says_nothing_is_said() {
        let codes = codes("garp_group {\ninterface eth0\n}\n");
        assert!(codes.contains(&"1:1 nothing-to-do".to_owned()), "{codes:?}");
    }
}
