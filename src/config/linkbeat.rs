//! `linkbeat_interfaces { }` and `linkbeat_use_polling`: interfaces whose carrier is asked for, because their drivers do
//! not tell the kernel.

use serde::{Deserialize, Serialize};

use super::consistency::Context;
use super::diagnostic::{Code, Finding};
use super::entry;
use super::keyword::{Arguments, Spanned};
use crate::types::InterfaceName;

/// How the carrier of an interface is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum LinkbeatMethod {
    /// The first of the following that the driver answers.
    #[default]
    Any,
    /// Status register of the transceiver (SIOCGMIIREG).
    Mii,
    /// ETHTOOL_GLINK.
    Ethtool,
    /// IFF_RUNNING by SIOCGIFFLAGS.
    Ioctl,
}

/// An interface whose carrier is polled.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LinkbeatInterface {
    pub interface: InterfaceName,
    pub method: LinkbeatMethod,
}

/// An entry as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    interface: Spanned<InterfaceName>,
    method: LinkbeatMethod,
}

/// `INTERFACE [MII|ETHTOOL|IOCTL]` on each line.
pub(crate) fn entries(arguments: &mut Arguments<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for statement in arguments.block() {
        let first = statement.first();
        let interface = entry::interface(first);
        let Some(value) = arguments.reader().or_complain(interface) else {
            continue;
        };
        let mut method = LinkbeatMethod::Any;
        for word in statement.arguments() {
            method = match word.text {
                "MII" => LinkbeatMethod::Mii,
                "ETHTOOL" => LinkbeatMethod::Ethtool,
                "IOCTL" => LinkbeatMethod::Ioctl,
                text => {
                    let message = format!("'{text}' is no way to ask for a link beat");
                    let finding = Finding::new(Code::ExtraWords, word.span, message);
                    arguments.complain(finding.expected("MII, ETHTOOL or IOCTL"));
                    continue;
                }
            };
        }
        let interface = Spanned {
            value,
            span: first.span,
        };
        drafts.push(Draft { interface, method });
    }
    drafts
}

/// The interfaces that exist, each once.
pub(crate) fn resolve(drafts: &[Draft], context: &mut Context<'_>) -> Vec<LinkbeatInterface> {
    let mut interfaces: Vec<LinkbeatInterface> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let interface = &draft.interface.value;
        if !context.has_interface(interface) {
            let message = format!("unknown interface {interface} specified for linkbeat interface");
            let span = draft.interface.span;
            context.complain(Finding::new(Code::UnknownReference, span, message));
            continue;
        }
        interfaces.retain(|known| known.interface != *interface);
        interfaces.push(LinkbeatInterface {
            interface: interface.clone(),
            method: draft.method,
        });
    }
    interfaces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::tests::{codes, loaded};

    #[test]
    fn an_interface_may_say_how_it_is_asked() {
        let text = "linkbeat_interfaces {\neth0\neth1 ETHTOOL\neth2 FOO\nnonex\n}\n";
        let interfaces = loaded(text).config.linkbeat_interfaces;
        let methods: Vec<_> = interfaces.iter().map(|it| it.method).collect();
        let expected = [
            LinkbeatMethod::Any,
            LinkbeatMethod::Ethtool,
            LinkbeatMethod::Any,
        ];
        assert_eq!(methods, expected);
        let codes = codes(text);
        assert!(codes.contains(&"4:6 extra-words".to_owned()), "{codes:?}");
        assert!(
            codes.contains(&"5:1 unknown-reference".to_owned()),
            "{codes:?}"
        );
    }
}
