//! Tables of blocks that are understood, but not carried out yet. Their words are checked all the same.

use crate::config::keyword::{Keyword, NO_LIMIT, Shape, Table};

const SECONDS: Shape = Shape::any_seconds();
const NUMBER: Shape = Shape::number(0, NO_LIMIT);
const PORT: Shape = Shape::strict(1, 65_535);
const PATH: Shape = Shape::Word("a path");
const HEX: Shape = Shape::Words("hexadecimal digits");

type Rows = &'static [Keyword<()>];

/// Every table by the name that rows use for it.
pub(super) const BLOCKS: &[(&str, Table<()>)] = &[
    ("auth_hmac", &[AUTH_HMAC]),
    ("SSL", &[SSL]),
    ("SMTP_CHECK", &[SMTP_CHECK, CONNECTION, RETRIES]),
    ("host", &[CONNECTION]),
    ("DNS_CHECK", &[DNS_CHECK, CONNECTION, RETRIES]),
    ("UDP_CHECK", &[UDP_CHECK, CONNECTION, RETRIES]),
    ("PING_CHECK", &[CONNECTION, RETRIES]),
    ("FILE_CHECK", &[FILE_CHECK]),
    ("BFD_CHECK", &[BFD_CHECK]),
];

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

const SSL: Rows = &[
    Keyword::pending("password", Shape::Word("a password"), ""),
    Keyword::pending("ca", PATH, ""),
    Keyword::pending("certificate", PATH, ""),
    Keyword::pending("key", PATH, ""),
];

const CONNECT_IP: Keyword<()> = Keyword::pending("connect_ip", Shape::Address, "the real server's");
const CONNECT_PORT: Keyword<()> = Keyword::pending("connect_port", PORT, "the real server's");
const BINDTO: Keyword<()> = Keyword::pending("bindto", Shape::Address, "any");
const BIND_PORT: Keyword<()> = Keyword::pending("bind_port", PORT, "any");
const BIND_IF: Keyword<()> = Keyword::pending("bind_if", Shape::Interface, "");
const CONNECT_TIMEOUT: Keyword<()> = Keyword::pending("connect_timeout", SECONDS, "5");
const FWMARK: Keyword<()> = Keyword::pending("fwmark", NUMBER, "0");
const RETRY: Keyword<()> = Keyword::pending("retry", NUMBER, "1");
const NB_GET_RETRY: Keyword<()> = Keyword::pending("nb_get_retry", NUMBER, "").deprecated("retry");
const DELAY_BEFORE_RETRY: Keyword<()> = Keyword::pending("delay_before_retry", SECONDS, "1");
const WARMUP: Keyword<()> = Keyword::pending("warmup", SECONDS, "delay_loop");
const DELAY_LOOP: Keyword<()> = Keyword::pending("delay_loop", SECONDS, "the virtual server's");
const ALPHA: Keyword<()> = Keyword::pending("alpha", Shape::Bool, "off");
const LOG_ALL_FAILURES: Keyword<()> = Keyword::pending("log_all_failures", Shape::Bool, "off");

const RETRIES: Rows = &[
    RETRY,
    NB_GET_RETRY,
    DELAY_BEFORE_RETRY,
    WARMUP,
    DELAY_LOOP,
    ALPHA,
    LOG_ALL_FAILURES,
];

const SMTP_CHECK: Rows = &[
    Keyword::pending("helo_name", Shape::Word("a host name"), ""),
    Keyword::pending("host", Shape::Block("host"), ""),
];

const CONNECTION: Rows = &[
    CONNECT_IP,
    CONNECT_PORT,
    BINDTO,
    BIND_PORT,
    BIND_IF,
    CONNECT_TIMEOUT,
    FWMARK,
];

const DNS_CHECK: Rows = &[
    Keyword::pending(
        "type",
        Shape::Choice(&[
            "A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY",
        ]),
        "SOA",
    ),
    Keyword::pending("name", Shape::Word("a domain name"), "."),
];

const UDP_CHECK: Rows = &[
    Keyword::pending("payload", HEX, ""),
    Keyword::pending(
        "require_reply",
        Shape::Optional("hexadecimal digits and x"),
        "",
    ),
    Keyword::pending("min_reply_length", NUMBER, "0"),
    Keyword::pending("max_reply_length", NUMBER, "255"),
];

const FILE_CHECK: Rows = &[
    Keyword::pending("track_file", Shape::Word("a name"), ""),
    Keyword::pending("weight", Shape::Words("a number [reverse|noreverse]"), ""),
];

const BFD_CHECK: Rows = &[
    Keyword::pending("name", Shape::Word("a name"), ""),
    Keyword::pending("alpha", Shape::Bool, "off"),
];
