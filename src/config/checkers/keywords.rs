//! The keywords of the checkers' blocks, and the blocks as they are written.
//!
//! One draft serves all kinds: most keywords are common to them. What a kind does not know is not in its table.

use std::net::IpAddr;
use std::time::Duration;

use super::{HttpProtocol, StatusCodeRange};
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, ScriptText, Shape, Spanned, Table};
use crate::config::lines::Span;
use crate::config::retry::{
    HasRetry, RetryDefaults, RetryDraft, connect_timeout_row, delay_loop_row, retry_rows,
};
use crate::config::scripts::UserText;
use crate::config::virtual_server::{ANY_NUMBER, PORT};
use crate::config::vrrp_script;
use crate::types::InterfaceName;

/// Names of the tables.
pub(crate) const TCP_CHECK_BLOCK: &str = "TCP_CHECK";
pub(crate) const HTTP_GET_BLOCK: &str = "HTTP_GET";
pub(crate) const SSL_GET_BLOCK: &str = "SSL_GET";
pub(crate) const MISC_CHECK_BLOCK: &str = "MISC_CHECK";
pub(crate) const URL_BLOCK: &str = "url";

/// A checker's block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    /// Of the keyword.
    pub(crate) span: Span,
    pub(crate) connect_ip: Option<IpAddr>,
    pub(crate) connect_port: Option<u16>,
    pub(crate) bindto: Option<IpAddr>,
    pub(crate) bind_port: Option<u16>,
    pub(crate) bind_if: Option<Spanned<InterfaceName>>,
    pub(crate) fwmark: u32,
    pub(crate) retry: RetryDraft,
    pub(crate) alpha: Option<bool>,
    pub(crate) log_all_failures: Option<bool>,
    // HTTP_GET and SSL_GET
    pub(crate) urls: Vec<UrlDraft>,
    pub(crate) virtualhost: Option<String>,
    pub(crate) http_protocol: HttpProtocol,
    pub(crate) enable_sni: bool,
    pub(crate) sni_name: Option<String>,
    pub(crate) fast_recovery: bool,
    // MISC_CHECK
    pub(crate) misc_path: Option<ScriptText>,
    pub(crate) misc_timeout: Option<Duration>,
    pub(crate) misc_dynamic: bool,
    pub(crate) user: Option<Spanned<UserText>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    TcpCheck,
    HttpGet,
    SslGet,
    MiscCheck,
}

/// Block `url`.
#[derive(Debug)]
pub(crate) struct UrlDraft {
    /// Of the keyword.
    pub(crate) span: Span,
    pub(crate) path: Option<String>,
    pub(crate) digest: Option<[u8; 16]>,
    pub(crate) status_code: Vec<StatusCodeRange>,
    pub(crate) virtualhost: Option<String>,
}

impl Draft {
    fn new(kind: Kind, span: Span) -> Self {
        Self {
            kind,
            span,
            connect_ip: None,
            connect_port: None,
            bindto: None,
            bind_port: None,
            bind_if: None,
            fwmark: 0,
            retry: RetryDraft::default(),
            alpha: None,
            log_all_failures: None,
            urls: Vec::new(),
            virtualhost: None,
            http_protocol: HttpProtocol::default(),
            enable_sni: false,
            sni_name: None,
            fast_recovery: false,
            misc_path: None,
            misc_timeout: None,
            misc_dynamic: false,
            user: None,
        }
    }
}

impl HasRetry for Draft {
    fn retry(&mut self) -> &mut RetryDraft {
        &mut self.retry
    }
}

pub(crate) fn tcp_check(arguments: &mut Arguments<'_>) -> Draft {
    read(Kind::TcpCheck, TCP_CHECK_BLOCK, TCP_CHECK, arguments)
}

pub(crate) fn http_get(arguments: &mut Arguments<'_>) -> Draft {
    read(Kind::HttpGet, HTTP_GET_BLOCK, HTTP_GET, arguments)
}

pub(crate) fn ssl_get(arguments: &mut Arguments<'_>) -> Draft {
    read(Kind::SslGet, SSL_GET_BLOCK, SSL_GET, arguments)
}

pub(crate) fn misc_check(arguments: &mut Arguments<'_>) -> Draft {
    read(Kind::MiscCheck, MISC_CHECK_BLOCK, MISC_CHECK, arguments)
}

fn read(
    kind: Kind,
    block: &'static str,
    table: Table<Draft>,
    arguments: &mut Arguments<'_>,
) -> Draft {
    let mut draft = Draft::new(kind, arguments.keyword_span());
    let statements = arguments.block();
    arguments
        .reader()
        .read(&mut draft, block, table, statements);
    draft
}

const CONNECT_IP: Keyword<Draft> = Keyword::new(
    "connect_ip",
    Shape::Address,
    "the real server's",
    |draft, arguments| {
        draft.connect_ip = Some(arguments.address()?.value);
        Ok(())
    },
);
const CONNECT_PORT: Keyword<Draft> = Keyword::new(
    "connect_port",
    PORT,
    "the real server's",
    |draft, arguments| {
        draft.connect_port = Some(arguments.number()?);
        Ok(())
    },
);
const BINDTO: Keyword<Draft> = Keyword::new("bindto", Shape::Address, "any", |draft, arguments| {
    draft.bindto = Some(arguments.address()?.value);
    Ok(())
});
const BIND_PORT: Keyword<Draft> = Keyword::new("bind_port", PORT, "any", |draft, arguments| {
    draft.bind_port = Some(arguments.number()?);
    Ok(())
});
const BIND_IF: Keyword<Draft> =
    Keyword::new("bind_if", Shape::Interface, "", |draft, arguments| {
        draft.bind_if = Some(arguments.interface()?);
        Ok(())
    });
const FWMARK: Keyword<Draft> = Keyword::new("fwmark", ANY_NUMBER, "0", |draft, arguments| {
    draft.fwmark = arguments.number()?;
    Ok(())
});
const NB_GET_RETRY: Keyword<Draft> = Keyword::new(
    "nb_get_retry",
    ANY_NUMBER,
    "",
    |draft: &mut Draft, arguments| {
        draft.retry.retry = Some(arguments.number()?);
        Ok(())
    },
)
.deprecated("retry");
const ALPHA: Keyword<Draft> = Keyword::new(
    "alpha",
    Shape::Bool,
    "the real server's",
    |draft, arguments| {
        draft.alpha = Some(arguments.boolean()?);
        Ok(())
    },
);
const LOG_ALL_FAILURES: Keyword<Draft> = Keyword::new(
    "log_all_failures",
    Shape::Bool,
    "checker_log_all_failures",
    |draft, arguments| {
        draft.log_all_failures = Some(arguments.boolean()?);
        Ok(())
    },
);
const URL_KEYWORD: Keyword<Draft> =
    Keyword::new("url", Shape::Block(URL_BLOCK), "", |draft, arguments| {
        let mut url = UrlDraft {
            span: arguments.keyword_span(),
            path: None,
            digest: None,
            status_code: Vec::new(),
            virtualhost: None,
        };
        let block = arguments.block();
        arguments.reader().read(&mut url, URL_BLOCK, URL, block);
        draft.urls.push(url);
        Ok(())
    });
const VIRTUALHOST: Keyword<Draft> = Keyword::new(
    "virtualhost",
    Shape::Word("a host name"),
    "the real server's",
    |draft, arguments| {
        draft.virtualhost = Some(arguments.text()?.value);
        Ok(())
    },
);
const HTTP_PROTOCOL: Keyword<Draft> = Keyword::new(
    "http_protocol",
    Shape::Choice(&["1.0", "1.0C", "1.0c", "1.1"]),
    "1.0",
    |draft, arguments| {
        draft.http_protocol = match arguments.choice()? {
            "1.0" => HttpProtocol::V1_0,
            "1.1" => HttpProtocol::V1_1,
            _ => HttpProtocol::V1_0Close,
        };
        Ok(())
    },
);
const ENABLE_SNI: Keyword<Draft> =
    Keyword::new("enable_sni", Shape::Bool, "off", |draft, arguments| {
        draft.enable_sni = arguments.boolean()?;
        Ok(())
    });
const SNI_NAME: Keyword<Draft> = Keyword::new(
    "sni_name",
    Shape::Word("a host name"),
    "virtualhost",
    |draft, arguments| {
        draft.sni_name = Some(arguments.text()?.value);
        Ok(())
    },
);
const FAST_RECOVERY: Keyword<Draft> =
    Keyword::new("fast_recovery", Shape::Bool, "off", |draft, arguments| {
        draft.fast_recovery = arguments.boolean()?;
        Ok(())
    });

/// What every checker that connects knows.
const CONNECTION: &[Keyword<Draft>] = &[
    CONNECT_IP,
    CONNECT_PORT,
    BINDTO,
    BIND_PORT,
    BIND_IF,
    connect_timeout_row("the real server's, else 5"),
    FWMARK,
    NB_GET_RETRY,
];

/// What every checker knows that tries again.
const RETRY: &[Keyword<Draft>] = &retry_rows(
    0,
    RetryDefaults {
        retry: "the real server's, else 1; MISC_CHECK 0",
        delay_before_retry: "the real server's, else 1; HTTP_GET and SSL_GET 3",
        warmup: "delay_loop",
    },
);

const COMMON: &[Keyword<Draft>] = &[delay_loop_row("the real server's"), ALPHA, LOG_ALL_FAILURES];

pub(crate) const TCP_CHECK: Table<Draft> = &[CONNECTION, RETRY, COMMON];

const HTTP: &[Keyword<Draft>] = &[
    URL_KEYWORD,
    VIRTUALHOST,
    HTTP_PROTOCOL,
    ENABLE_SNI,
    SNI_NAME,
    FAST_RECOVERY,
];

pub(crate) const HTTP_GET: Table<Draft> = &[HTTP, CONNECTION, RETRY, COMMON];

pub(crate) const SSL_GET: Table<Draft> = &[
    HTTP,
    &[Keyword::pending("tls_compliant", Shape::Bool, "off")],
    CONNECTION,
    RETRY,
    COMMON,
];

pub(crate) const MISC_CHECK: Table<Draft> = &[MISC, RETRY, COMMON];

const MISC: &[Keyword<Draft>] = &[
    Keyword::new("misc_path", Shape::Script, "", |draft, arguments| {
        draft.misc_path = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new(
        "misc_timeout",
        Shape::any_seconds(),
        "the virtual server's delay_loop",
        |draft, arguments| {
            draft.misc_timeout = Some(arguments.seconds()?);
            Ok(())
        },
    ),
    Keyword::new("misc_dynamic", Shape::Flag, "off", |draft, _| {
        draft.misc_dynamic = true;
        Ok(())
    }),
    Keyword::new(
        "user",
        Shape::Words("USER [GROUP]"),
        "script_user",
        |draft, arguments| {
            draft.user = Some(vrrp_script::user(arguments)?);
            Ok(())
        },
    ),
];

pub(crate) const URL: Table<UrlDraft> = &[URL_OWN];

const URL_OWN: &[Keyword<UrlDraft>] = &[
    Keyword::new("path", Shape::Word("a path"), "", |url, arguments| {
        url.path = Some(arguments.text()?.value);
        Ok(())
    }),
    Keyword::new("digest", Shape::Word("32 hexadecimal digits"), "", digest),
    Keyword::new(
        "status_code",
        Shape::Words("codes or ranges from 100 to 599"),
        "200-299",
        status_code,
    ),
    Keyword::new(
        "virtualhost",
        Shape::Word("a host name"),
        "the checker's",
        |url, arguments| {
            url.virtualhost = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::pending("regex", Shape::Words("a regular expression"), ""),
    Keyword::pending("regex_no_match", Shape::Flag, "off"),
    Keyword::pending("regex_options", Shape::Words("names of options"), ""),
    Keyword::pending("regex_min_offset", ANY_NUMBER, ""),
    Keyword::pending("regex_max_offset", ANY_NUMBER, ""),
    Keyword::pending("regex_stack", Shape::Words("START MAX"), ""),
    Keyword::pending("tls_compliant", Shape::Bool, "off"),
];

fn digest(url: &mut UrlDraft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let word = arguments.word()?;
    let mut digest = [0; 16];
    let text = word.text.as_bytes();
    if text.len() != 32 || !text.iter().all(u8::is_ascii_hexdigit) {
        return Err(arguments.invalid_value(word));
    }
    for (octet, pair) in digest.iter_mut().zip(text.chunks(2)) {
        let digits = std::str::from_utf8(pair).unwrap_or_default();
        *octet = u8::from_str_radix(digits, 16).map_err(|_| arguments.invalid_value(word))?;
    }
    url.digest = Some(digest);
    Ok(())
}

fn status_code(url: &mut UrlDraft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    while let Some(word) = arguments.next_word() {
        let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
        match (first.parse(), last.parse()) {
            (Ok(first @ 100..=599), Ok(last @ 100..=599)) if first <= last => {
                url.status_code.push(StatusCodeRange { first, last });
            }
            _ => {
                let message = format!("invalid status code '{}'", word.text);
                let finding = Finding::new(Code::InvalidValue, word.span, message);
                arguments.complain(finding.expected("a code or a range from 100 to 599"));
            }
        }
    }
    Ok(())
}
