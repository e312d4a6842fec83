//! The keywords of the checkers' blocks, and the blocks as they are written.
//!
//! One draft serves all kinds: most keywords are common to them. What a kind does not know is not in its table.

use std::time::Duration;

use super::common::{HasCommon, common_rows, nb_get_retry_row};
use super::connect::{ConnectDraft, HasConnect, connect_rows};
use super::{HttpProtocol, RegexSettings, StatusCodeRange};
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, ScriptText, Shape, Spanned, Table};
use crate::config::lines::Span;
use crate::config::retry::{HasRetry, RetryDefaults, RetryDraft, retry_rows};
use crate::config::scripts::UserText;
use crate::config::virtual_server::ANY_NUMBER;
use crate::config::vrrp_script;

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
    pub(crate) connect: ConnectDraft,
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
    pub(crate) tls_compliant: bool,
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
    pub(crate) regex: Option<Spanned<String>>,
    /// Of the first keyword that only makes sense with a `regex`.
    pub(crate) regex_keyword: Option<Span>,
    pub(crate) regex_settings: RegexSettings,
    pub(crate) tls_compliant: Option<bool>,
}

impl Draft {
    fn new(kind: Kind, span: Span) -> Self {
        Self {
            kind,
            span,
            connect: ConnectDraft::default(),
            retry: RetryDraft::default(),
            alpha: None,
            log_all_failures: None,
            urls: Vec::new(),
            virtualhost: None,
            http_protocol: HttpProtocol::default(),
            enable_sni: false,
            sni_name: None,
            fast_recovery: false,
            tls_compliant: false,
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

impl HasConnect for Draft {
    fn connect(&mut self) -> &mut ConnectDraft {
        &mut self.connect
    }
}

impl HasCommon for Draft {
    fn alpha(&mut self) -> &mut Option<bool> {
        &mut self.alpha
    }

    fn log_all_failures(&mut self) -> &mut Option<bool> {
        &mut self.log_all_failures
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

const URL_KEYWORD: Keyword<Draft> =
    Keyword::new("url", Shape::Block(URL_BLOCK), "", |draft, arguments| {
        let mut url = UrlDraft {
            span: arguments.keyword_span(),
            path: None,
            digest: None,
            status_code: Vec::new(),
            virtualhost: None,
            regex: None,
            regex_keyword: None,
            regex_settings: RegexSettings::default(),
            tls_compliant: None,
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

const CONNECTION: &[Keyword<Draft>] = &connect_rows();

const OLD: &[Keyword<Draft>] = &[nb_get_retry_row()];

/// What every checker knows that tries again.
const RETRY: &[Keyword<Draft>] = &retry_rows(
    0,
    RetryDefaults {
        retry: "the real server's, else 1; MISC_CHECK 0",
        delay_before_retry: "the real server's, else 1; HTTP_GET and SSL_GET 3",
        warmup: "delay_loop",
    },
);

const COMMON: &[Keyword<Draft>] = &common_rows();

pub(crate) const TCP_CHECK: Table<Draft> = &[CONNECTION, RETRY, COMMON, OLD];

const HTTP: &[Keyword<Draft>] = &[
    URL_KEYWORD,
    VIRTUALHOST,
    HTTP_PROTOCOL,
    ENABLE_SNI,
    SNI_NAME,
    FAST_RECOVERY,
];

pub(crate) const HTTP_GET: Table<Draft> = &[HTTP, CONNECTION, RETRY, COMMON, OLD];

pub(crate) const SSL_GET: Table<Draft> = &[
    HTTP,
    &[Keyword::pending_but_read(
        "tls_compliant",
        Shape::Bool,
        "off",
        |draft, arguments| arguments.fill(&mut draft.tls_compliant),
    )],
    CONNECTION,
    RETRY,
    COMMON,
    OLD,
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
    )
    .adding(),
    Keyword::new(
        "virtualhost",
        Shape::Word("a host name"),
        "the checker's",
        |url, arguments| {
            url.virtualhost = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::pending_but_read(
        "regex",
        Shape::Words("a regular expression"),
        "",
        |url, arguments| {
            let message =
                "'regex' is not carried out yet: what the server answers is not looked at";
            let finding = Finding::new(Code::NeverChecked, arguments.keyword_span(), message);
            url.regex = Some(arguments.quoted()?);
            arguments.leave_pending_to_owner();
            arguments.complain(finding);
            Ok(())
        },
    ),
    Keyword::pending_but_read("regex_no_match", Shape::Flag, "off", |url, arguments| {
        regex_keyword(url, arguments);
        arguments.fill(&mut url.regex_settings.no_match)
    }),
    Keyword::pending_but_read(
        "regex_options",
        Shape::Words("names of options of PCRE2"),
        "",
        regex_options,
    )
    .adding(),
    Keyword::pending_but_read("regex_min_offset", ANY_NUMBER, "0", |url, arguments| {
        regex_keyword(url, arguments);
        arguments.fill(&mut url.regex_settings.min_offset)
    }),
    Keyword::pending_but_read("regex_max_offset", ANY_NUMBER, "none", |url, arguments| {
        regex_keyword(url, arguments);
        arguments.fill(&mut url.regex_settings.max_offset)
    }),
    Keyword::pending_but_read("regex_stack", Shape::Words("START MAX"), "", regex_stack),
    Keyword::pending_but_read("tls_compliant", Shape::Bool, "off", |url, arguments| {
        arguments.fill(&mut url.tls_compliant)
    }),
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
    let mut wrong = Vec::new();
    while let Some(word) = arguments.next_word() {
        let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
        match (first.parse(), last.parse()) {
            (Ok(first @ 100..=599), Ok(last @ 100..=599)) if first <= last => {
                url.status_code.push(StatusCodeRange { first, last });
            }
            _ => {
                let message = format!("invalid status code '{}'", word.text);
                let finding = Finding::new(Code::InvalidValue, word.span, message);
                wrong.push(finding.expected("a code or a range from 100 to 599"));
            }
        }
    }
    let counts = match url.status_code.as_slice() {
        [] => "the default counts: 200-299",
        _ => "the other codes count",
    };
    for finding in wrong {
        arguments.complain(finding.help(counts));
    }
    Ok(())
}

fn regex_keyword(url: &mut UrlDraft, arguments: &Arguments<'_>) {
    url.regex_keyword
        .get_or_insert_with(|| arguments.keyword_span());
}

fn regex_options(url: &mut UrlDraft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    regex_keyword(url, arguments);
    while let Some(word) = arguments.next_word() {
        if REGEX_OPTIONS.contains(&word.text) {
            url.regex_settings.options.push(word.text.to_owned());
            continue;
        }
        let message = format!("'{}' is no option of PCRE2", word.text);
        let meant = nearest(word.text, REGEX_OPTIONS.iter().copied());
        let help = meant.map(|meant| format!("did you mean '{meant}'?"));
        arguments.complain(Finding::new(Code::InvalidValue, word.span, message).maybe_help(help));
    }
    Ok(())
}

fn regex_stack(url: &mut UrlDraft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    regex_keyword(url, arguments);
    let (start, max) = (arguments.word()?, arguments.word()?);
    let start: u32 = arguments.number_in(start, &STACK)?;
    let max = arguments.number_in(max, &STACK)?;
    if max < start {
        let message = format!("the stack starts with {start} octets, but may have {max} only");
        return Err(Finding::new(Code::OutOfRange, arguments.span(), message));
    }
    url.regex_settings.stack = Some((start, max));
    Ok(())
}

const STACK: Shape = Shape::number(1, NO_LIMIT);

/// Names of compile options of PCRE2 in lower case.
const REGEX_OPTIONS: &[&str] = &[
    "allow_empty_class",
    "alt_bsux",
    "alt_circumflex",
    "alt_verbnames",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "extended_more",
    "firstline",
    "literal",
    "match_invalid_utf",
    "match_unset_backref",
    "multiline",
    "never_backslash_c",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "use_offset_limit",
    "utf",
];
