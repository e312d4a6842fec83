//! Block `authentication`: the password in adverts of version 2 (RFC 2338 §5.3.6).

use super::{Authentication, Draft};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use crate::config::lines::Span;
use crate::types::{AddressFamily, VrrpVersion};

/// Longest password (RFC 2338 §5.3.10).
const MAX_PASSWORD_BYTES: usize = 8;

/// Name of the table.
pub(crate) const BLOCK: &str = "authentication";

pub(crate) const KEYWORDS: Table<AuthenticationDraft> = &[OWN];

const OWN: &[Keyword<AuthenticationDraft>] = &[
    Keyword::new(
        "auth_type",
        Shape::Choice(&["PASS", "AH"]),
        "",
        |draft, arguments| {
            let span = arguments.span();
            let value = match arguments.choice()? {
                "AH" => AuthType::Ah,
                _ => AuthType::Pass,
            };
            draft.auth_type = Some(Spanned { value, span });
            Ok(())
        },
    ),
    Keyword::new(
        "auth_pass",
        Shape::Word("a password of up to 8 characters"),
        "",
        |draft, arguments| {
            draft.auth_pass = Some(arguments.text()?);
            Ok(())
        },
    ),
];

/// Block `authentication`.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticationDraft {
    /// Of the keyword.
    pub(crate) span: Span,
    pub(crate) auth_type: Option<Spanned<AuthType>>,
    pub(crate) auth_pass: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AuthType {
    Pass,
    /// IPsec AH (RFC 2338 §5.3.6).
    Ah,
}

pub(super) fn authentication(
    draft: &mut Draft,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    let mut authentication = AuthenticationDraft {
        span: arguments.keyword_span(),
        auth_type: None,
        auth_pass: None,
    };
    let block = arguments.block();
    arguments
        .reader()
        .read(&mut authentication, BLOCK, KEYWORDS, block);
    draft.authentication = Some(authentication);
    Ok(())
}

impl Draft {
    pub(super) fn authenticate(
        &self,
        block: &AuthenticationDraft,
        version: VrrpVersion,
        context: &mut Context<'_>,
    ) -> Authentication {
        let name = &self.name.value;
        if let Some(password) = &block.auth_pass
            && password.value.len() > MAX_PASSWORD_BYTES
        {
            let message =
                format!("({name}) Truncating auth_pass to {MAX_PASSWORD_BYTES} characters");
            context.complain(Finding::new(Code::OutOfRange, password.span, message));
        }
        if version == VrrpVersion::V3 {
            let message =
                format!("({name}) VRRP version 3 does not support authentication. Ignoring.");
            context.complain(Finding::new(Code::Conflict, block.span, message));
            return Authentication::None;
        }
        let Some(password) = &block.auth_pass else {
            let message =
                format!("({name}) Authentication specified but no password given. Ignoring");
            context.complain(
                Finding::new(Code::Conflict, block.span, message)
                    .unless_misread(block.span, "auth_pass")
                    .help("'auth_pass PASSWORD'"),
            );
            return Authentication::None;
        };
        let Some(auth_type) = block.auth_type else {
            // Adverts with and without a password do not go together, so this must not be guessed silently.
            let message =
                format!("({name}) a password without an 'auth_type'; no authentication is used");
            context.complain(
                Finding::new(Code::Conflict, block.span, message).help("'auth_type PASS'"),
            );
            return Authentication::None;
        };
        let mut octets = [0; MAX_PASSWORD_BYTES];
        for (octet, byte) in octets.iter_mut().zip(password.value.as_bytes()) {
            *octet = *byte;
        }
        match auth_type.value {
            AuthType::Ah if self.family() == AddressFamily::Inet6 => {
                let message = format!("({name}) Cannot use AH authentication with IPv6. ignoring");
                context.complain(Finding::new(Code::Conflict, auth_type.span, message));
                Authentication::None
            }
            AuthType::Pass => Authentication::Pass(octets),
            AuthType::Ah => Authentication::Ah(octets),
        }
    }
}
