//! Checkers.

use super::*;
use crate::config::{Checker, DnsType, HttpProtocol, PendingKind, Policy};

fn checker(lines: &str) -> Checker {
    parsed(&real_server(lines)).virtual_servers[0].real_servers[0].checkers[0].clone()
}

#[test]
fn a_tcp_check_connects_to_its_real_server() {
    let checker = checker("TCP_CHECK {\n}");
    let CheckerKind::TcpCheck(connect) = checker.kind else {
        panic!("{checker:?}");
    };
    assert_eq!(connect.target.to_string(), "10.0.1.1:80");
    assert_eq!(connect.connect_timeout.as_secs(), 5);
    assert_eq!(
        (checker.retry, checker.delay_before_retry.as_secs()),
        (1, 1)
    );
    assert_eq!(
        (checker.delay_loop.as_secs(), checker.warmup.as_secs()),
        (60, 60)
    );
}

#[test]
fn settings_come_from_the_checker_then_the_real_server_then_the_virtual_server() {
    let text = virtual_server("delay_loop 6\nretry 4\nconnect_timeout 9\ndelay_before_retry 7\nalpha").replace(
        "real_server 10.0.1.1 80 {\n",
        "real_server 10.0.1.1 80 {\nretry 3\nconnect_timeout 8\nTCP_CHECK {\nconnect_timeout 2\nconnect_port 8080\nwarmup 0\n}\n",
    );
    let checker = parsed(&text).virtual_servers[0].real_servers[0].checkers[0].clone();
    let CheckerKind::TcpCheck(connect) = checker.kind else {
        panic!("{checker:?}");
    };
    assert_eq!(
        (connect.connect_timeout.as_secs(), connect.target.port),
        (2, 8080)
    );
    assert_eq!(
        (checker.retry, checker.delay_before_retry.as_secs()),
        (3, 7)
    );
    assert_eq!(
        (checker.delay_loop.as_secs(), checker.warmup.as_secs()),
        (6, 0)
    );
    assert!(checker.alpha);
}

#[test]
fn an_http_check_knows_its_urls() {
    let checker = checker(
        "HTTP_GET {\nvirtualhost www\nhttp_protocol 1.1\nurl {\npath /a\nstatus_code 200 300-399\n}\n\
         url {\npath /b\nvirtualhost other\ndigest 00112233445566778899aabbccddeeff\n}\n}",
    );
    assert_eq!(checker.delay_before_retry.as_secs(), 3);
    let CheckerKind::HttpGet(_, http) = checker.kind else {
        panic!("{checker:?}");
    };
    assert!(!http.tls && http.http_protocol == HttpProtocol::V1_1);
    let ranges: Vec<_> = http.urls[0]
        .status_code
        .iter()
        .map(|r| (r.first, r.last))
        .collect();
    assert_eq!(ranges, [(200, 200), (300, 399)]);
    assert_eq!(http.urls[0].virtualhost.as_deref(), Some("www"));
    assert_eq!(http.urls[1].virtualhost.as_deref(), Some("other"));
    assert_eq!(http.urls[1].digest.map(|digest| digest[1]), Some(0x11));
    assert_eq!(http.urls[1].status_code[0].last, 299);
}

#[test]
fn ssl_get_is_http_get_with_tls() {
    let checker = checker("SSL_GET {\nenable_sni\nurl {\npath /\n}\n}");
    assert!(matches!(checker.kind, CheckerKind::HttpGet(_, http) if http.tls && http.enable_sni));
}

#[test]
fn mistakes_in_a_url_are_one_complaint_each() {
    let text = real_server("HTTP_GET {\nurl {\npath /\ndigest 0011\nstatus_code 700 200\n}\n}");
    assert_eq!(codes(&text), ["9:8 invalid-value", "10:13 invalid-value"]);
    let with_another = |checker: &str| codes(&real_server(&format!("{checker}\nTCP_CHECK {{\n}}")));
    assert_eq!(with_another("HTTP_GET {\n}"), ["6:1 nothing-to-do"]);
    assert_eq!(
        with_another("HTTP_GET {\nurl {\n}\n}"),
        ["7:1 nothing-to-do"]
    );
}

#[test]
fn a_checker_without_its_block_is_an_error() {
    assert_eq!(codes(&real_server("TCP_CHECK")), ["6:1 missing-brace"]);
}

#[test]
fn a_misc_check_runs_for_as_long_as_the_delay_loop() {
    let text = real_server("MISC_CHECK {\nmisc_path \"/x/check a\"\nmisc_dynamic\n}")
        .replace("protocol TCP", "protocol TCP\ndelay_loop 7");
    let loaded = loaded(&text);
    let checker = &loaded.config.virtual_servers[0].real_servers[0].checkers[0];
    let CheckerKind::MiscCheck(misc) = &checker.kind else {
        panic!("{checker:?}");
    };
    assert_eq!(misc.misc_path.argv, ["/x/check", "a"]);
    assert_eq!(
        (
            misc.misc_timeout.as_secs(),
            misc.misc_dynamic,
            checker.retry
        ),
        (7, true, 0)
    );
    assert_eq!(
        codes(&real_server("MISC_CHECK {\n}")),
        ["5:1 never-checked", "6:1 nothing-to-do"]
    );
}

#[test]
fn checkers_that_are_not_carried_out_are_said_and_their_words_are_checked() {
    let text = real_server("SMTP_CHECK {\nhelo_nam x\nconnect_port 99999\n}");
    assert_eq!(
        codes(&text),
        [
            "6:1 never-checked",
            "7:1 unknown-keyword",
            "8:14 out-of-range"
        ]
    );
    assert_says(&text, "did you mean 'helo_name'?");
}

#[test]
fn a_real_server_whose_only_checkers_are_not_carried_out_is_a_warning() {
    let kinds = [
        ("SMTP_CHECK", ""),
        ("DNS_CHECK", ""),
        ("UDP_CHECK", ""),
        ("PING_CHECK", ""),
        ("FILE_CHECK", "track_file F"),
        ("BFD_CHECK", "name B"),
    ];
    for (kind, lines) in kinds {
        let named =
            "track_file F {\nfile /dev/null\n}\nbfd_instance B {\nneighbor_ip 10.0.9.9\n}\n";
        let text = real_server(&format!("{kind} {{\n{lines}\n}}")) + named;
        let loaded = loaded(&text);
        assert_eq!(codes(&text)[0], "6:1 never-checked", "{kind}");
        assert_says(
            &text,
            &format!(
                "'{kind}' is not carried out yet: this real server is never checked and always in service"
            ),
        );
        assert_eq!(loaded.test_status(), 5);
        assert!(loaded.is_acceptable(Policy::Start) && !loaded.is_acceptable(Policy::Strict));
    }
}

#[test]
fn a_checker_that_is_missing_beside_others_is_a_note() {
    let text = real_server("PING_CHECK {\n}\nTCP_CHECK {\n}");
    assert_eq!(codes(&text), ["6:1 not-carried-out"]);
    assert_says(
        &text,
        "'PING_CHECK' is not carried out yet: this real server is checked without it",
    );
    assert_eq!(loaded(&text).test_status(), 0);
}

#[test]
fn a_checker_that_is_not_used_does_not_count_as_one() {
    let text = real_server("PING_CHECK {\n}\nHTTP_GET {\n}");
    assert_eq!(codes(&text), ["6:1 never-checked", "8:1 nothing-to-do"]);
}

#[test]
fn old_spellings_work_and_are_said() {
    let text = real_server("TCP_CHECK {\nnb_get_retry 5\n}");
    assert_eq!(codes(&text), ["7:1 deprecated"]);
    assert_eq!(
        only_virtual_server(&text).real_servers[0].checkers[0].retry,
        5
    );
}

/// The one checker of a real server that is not carried out.
fn pending(lines: &str) -> Checker<PendingKind> {
    let mut server = only_virtual_server(&real_server(lines));
    server.real_servers[0].pending_checkers.remove(0)
}

#[test]
fn a_dns_check_has_defaults_of_its_own() {
    let checker = pending("delay_loop 7\nDNS_CHECK {\ntype TXT\n}");
    assert_eq!(
        (checker.retry, checker.delay_before_retry.as_secs()),
        (3, 7)
    );
    let PendingKind::DnsCheck {
        connect,
        record_type,
        name,
    } = checker.kind
    else {
        panic!("{checker:?}");
    };
    assert_eq!(connect.target.to_string(), "10.0.1.1:80");
    assert_eq!((record_type, name.as_str()), (DnsType::Txt, "."));
}

#[test]
fn an_smtp_check_takes_the_hosts_of_old() {
    let checker = pending(
        "SMTP_CHECK {\nhelo_name me\nconnect_timeout 3\nhost {\nconnect_ip 10.0.9.1\nconnect_port 25\n}\nhost {\nconnect_ip 10.0.9.2\n}\n}",
    );
    let PendingKind::SmtpCheck { hosts, helo_name } = checker.kind else {
        panic!("{checker:?}");
    };
    let targets: Vec<_> = hosts.iter().map(|host| host.target.to_string()).collect();
    assert_eq!(targets, ["10.0.9.1:25", "10.0.9.2:80"]);
    assert_eq!(hosts[1].connect_timeout.as_secs(), 3);
    assert_eq!(helo_name.as_deref(), Some("me"));
}

#[test]
fn a_udp_check_knows_octets_and_half_octets_that_may_be_anything() {
    let checker =
        pending("UDP_CHECK {\npayload 00 01ff\nrequire_reply 8x1f\nmin_reply_length 3\n}");
    let PendingKind::UdpCheck { udp, .. } = checker.kind else {
        panic!("{checker:?}");
    };
    assert_eq!(udp.payload, [0x00, 0x01, 0xff]);
    assert_eq!(udp.require_reply, Some(vec![(0x80, 0xf0), (0x1f, 0xff)]));
    assert_eq!((udp.min_reply_length, udp.max_reply_length), (3, 255));
    assert!(
        codes(&real_server("UDP_CHECK {\npayload 012\n}"))
            .contains(&"7:9 invalid-value".to_owned())
    );
}

#[test]
fn file_and_bfd_checks_need_what_they_name() {
    let text = format!(
        "track_file F {{\nfile /dev/null\n}}\nbfd_instance B {{\nneighbor_ip 10.0.9.9\n}}\n{}",
        real_server("FILE_CHECK {\ntrack_file F\nweight -5 reverse\n}\nBFD_CHECK {\nname B\n}")
    );
    let server = only_virtual_server(&text).real_servers.remove(0);
    let PendingKind::FileCheck(tracked) = &server.pending_checkers[0].kind else {
        panic!("{server:?}");
    };
    assert_eq!(
        (tracked.name.as_str(), tracked.weight.get(), tracked.reverse),
        ("F", -5, true)
    );
    assert_eq!(
        server.pending_checkers[1].kind,
        PendingKind::BfdCheck {
            name: "B".to_owned()
        }
    );
    assert_says(
        &real_server("BFD_CHECK {\nname B\n}"),
        "track bfd B not found",
    );
    assert_says(
        &real_server("FILE_CHECK {\n}"),
        "'FILE_CHECK' names nothing",
    );
}

#[test]
fn a_regular_expression_keeps_its_quotes_and_its_options_are_known() {
    let text = real_server(
        "HTTP_GET {\nurl {\npath /\nregex \"^O K\\x21$\"\nregex_options caseless dotal\nregex_max_offset 100\nregex_stack 1024 4096\n}\n}",
    );
    let CheckerKind::HttpGet(_, http) = only_virtual_server(&text).real_servers[0].checkers[0]
        .kind
        .clone()
    else {
        panic!("no HTTP_GET");
    };
    let regex = http.urls[0].regex.clone().expect("regex");
    assert_eq!(regex.regex, "^O K!$");
    assert_eq!(regex.settings.options, ["caseless"]);
    assert_eq!(regex.settings.max_offset, Some(100));
    assert_eq!(regex.settings.stack, Some((1024, 4096)));
    assert_says(&text, "did you mean 'dotall'?");
}

#[test]
fn settings_of_a_regular_expression_need_one() {
    let text = real_server("HTTP_GET {\nurl {\npath /\nregex_no_match\n}\n}");
    assert_says(&text, "there is no 'regex'");
}

#[test]
fn a_real_server_without_a_usable_checker_is_said_to_be_never_checked() {
    let text = real_server("HTTP_GET {\nconnect_port 80\n}");
    let complaints = codes(&text);
    let never = |code: &&String| code.ends_with("never-checked");
    assert_eq!(complaints.iter().filter(never).count(), 1, "{complaints:?}");
    assert_says(&text, "it is never checked and always in service");
    // One that is left checks it.
    let text = real_server("HTTP_GET {\n}\nTCP_CHECK {\n}");
    assert!(
        !codes(&text)
            .iter()
            .any(|code| code.ends_with("never-checked"))
    );
}

#[test]
fn a_status_code_that_is_none_says_which_count() {
    let url = |codes| format!("HTTP_GET {{\nurl {{\npath /\nstatus_code {codes}\n}}\n}}");
    assert_says(&real_server(&url("99")), "the default counts: 200-299");
    assert_says(&real_server(&url("200 99")), "the other codes count");
}
