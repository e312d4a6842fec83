//! Keywords, and words that are none.

use super::*;

#[test]
fn an_unknown_keyword_gets_the_nearest_known_one() {
    assert_eq!(codes(&instance("foo")), ["7:1 unknown-keyword"]);
    assert_says(&instance("intervael 1"), "unknown keyword 'intervael'");
    assert_says(&instance("prioritty 1"), "did you mean 'priority'?");
    assert_says(&instance("State MASTER"), "did you mean 'state'?");
    assert_says(&real_server("weigth 1"), "did you mean 'weight'?");
    assert_says("vvrp_script x {\n}\n", "did you mean 'vrrp_script'?");
    assert_says(
        &real_server("SMTP_CHEKC {\n}"),
        "did you mean 'SMTP_CHECK'?",
    );
}

#[test]
fn a_word_that_is_near_one_of_another_block_is_shown_the_way() {
    let complaints = loaded("typo 1\n").complaints;
    assert_eq!(complaints.len(), 1);
    assert_eq!(
        complaints[0].message,
        "unknown keyword 'typo' in the top level"
    );
    // Near nothing: no guess.
    assert_eq!(complaints[0].help, None);
    assert_eq!(
        loaded(&instance("lb_alg rr")).complaints[0].help.as_deref(),
        Some("did you mean 'lb_algo'? It belongs in 'virtual_server'")
    );
}

#[test]
fn of_this_block_and_another_the_word_that_is_nearer_is_suggested() {
    // `notify_stop` is an instance's, `notify_down` one letter away.
    assert_says(
        &instance("notify_dwon /bin/x"),
        "did you mean 'notify_down'? It belongs in",
    );
    assert_says(
        &instance("notify_stpo /bin/x"),
        "did you mean 'notify_stop'?",
    );
    // Both two letters away: of this block.
    assert_says(
        &instance("notify_fatl /bin/x"),
        "did you mean 'notify_fault'?",
    );
    assert_says(
        &instance("notice_down /bin/x"),
        "did you mean 'notify_down'? It belongs in",
    );
}

#[test]
fn a_short_word_of_another_block_is_suggested_for_a_slip_only() {
    assert_says(
        &instance("digset x"),
        "did you mean 'digest'? It belongs in",
    );
    assert_says(&instance("alhpa"), "did you mean 'alpha'? It belongs in");
    for word in ["foo", "alpho", "typo"] {
        let complaints = loaded(&instance(word)).complaints;
        assert_eq!(complaints[0].help, None, "{word}");
    }
}

#[test]
fn a_sign_between_a_keyword_and_its_value_is_said() {
    let text = instance("advert_int = 1");
    assert_says(&text, "no '=' stands between a keyword and its value");
    assert_says(&real_server("weight = 1"), "no '=' stands between");
    assert_says(
        &instance("nopreempt = on"),
        "'=' behind 'nopreempt' is not read",
    );
    assert_says(&instance("state =MASTER"), "did you mean 'MASTER'?");
}

#[test]
fn a_definition_without_its_dollar_is_told_how_it_is_written() {
    for line in ["FOO=bar\n", "FOO = bar\n", "FOO =bar\n"] {
        assert_says(line, "no blank before its '=': $FOO=VALUE");
    }
    assert_says(
        &instance("priorty=100"),
        "did you mean 'priority'? A blank stands between it and its value, no '='",
    );
    assert_says(
        &instance("priority=100"),
        "a blank is missing behind 'priority'",
    );
}

#[test]
fn a_value_glued_to_its_keyword_needs_a_blank() {
    assert_says(
        &instance("mcast_src_ip=10.0.0.1"),
        "a blank is missing behind 'mcast_src_ip'",
    );
    assert_says(
        &virtual_server("sorry_server<10.0.0.1> 80"),
        "a blank is missing behind 'sorry_server'",
    );
}

#[test]
fn a_keyword_of_another_block_is_sent_there() {
    assert_eq!(codes(&instance("lb_algo rr")), ["7:1 misplaced-keyword"]);
    assert_says(&instance("lb_algo rr"), "it belongs in 'virtual_server'");
    assert_says(&instance("auth_pass x"), "it belongs in 'authentication'");
}

#[test]
fn an_unknown_block_is_one_complaint_and_nothing_in_it_is_applied() {
    let text = instance("foo {\npriority 20\nbar\n}");
    assert_eq!(codes(&text), ["7:1 unknown-keyword"]);
    assert_eq!(only_instance(&text).priority.get(), 100);
}

#[test]
fn a_missing_parameter_is_an_error_and_the_rest_is_read() {
    let text = "vrrp_instance VI_1 {\ninterface\nvirtual_router_id 51\nfoo\n}\n";
    let codes = codes(text);
    assert!(
        codes.contains(&"2:1 missing-parameter".to_owned()),
        "{codes:?}"
    );
    assert!(
        codes.contains(&"4:1 unknown-keyword".to_owned()),
        "{codes:?}"
    );
}

#[test]
fn words_behind_the_value_are_said_and_the_value_counts() {
    let text = instance("priority 90 extra words");
    assert_eq!(codes(&text), ["7:13 extra-words"]);
    assert_eq!(only_instance(&text).priority.get(), 90);
}

#[test]
fn a_second_keyword_on_the_line_needs_a_line_of_its_own() {
    let text = "vrrp_instance V { interface eth0 virtual_router_id 51 }\n";
    assert_says(text, "each keyword needs a line of its own");
    assert_says(text, "the virtual router id must be set");
}

#[test]
fn the_last_of_two_values_counts_and_the_place_of_the_first_is_said() {
    let loaded = loaded(&instance("priority 90\npriority 80"));
    assert_eq!(loaded.config.vrrp_instances[0].priority.get(), 80);
    let [complaint] = loaded.complaints.as_slice() else {
        panic!("{:?}", loaded.complaints);
    };
    let line = |place: &Option<Place>| place.as_ref().map(|place| place.line);
    assert_eq!(complaint.code, Code::Repeated);
    assert_eq!(
        (line(&complaint.place), line(&complaint.also)),
        (Some(8), Some(7))
    );
    assert_eq!(
        complaint.help.as_deref(),
        Some("the first one is in line 7")
    );
}

#[test]
fn only_a_value_that_is_lost_is_called_repeated() {
    // Another block, a list, a keyword without a value, and words that add to each other.
    let other = format!(
        "{}global_defs {{\nrouter_id a\n}}\nglobal_defs {{\nrouter_id b\n}}\n",
        instance("nopreempt\nnopreempt\nvirtual_ipaddress {\n10.0.0.9\n}")
    );
    assert_eq!(codes(&other), Vec::<String>::new());
    let url = "url {\npath /\nstatus_code 200\nstatus_code 302\n}";
    let text = real_server(&format!("HTTP_GET {{\n{url}\n}}"));
    assert_eq!(codes(&text), Vec::<String>::new());
    // A value that is none has been complained about, and does not count.
    let text = instance("priority 90\npriority 900");
    assert_eq!(codes(&text), ["8:10 out-of-range"]);
    // Two spellings of one keyword.
    let text = virtual_server("lvs_sched wrr");
    assert_says(&text, "'lvs_sched' is there already; this one counts");
    // The values of a block within do not hide those of the block around it.
    let text = real_server("weight 1\nTCP_CHECK {\nconnect_port 1\n}\nweight 2");
    assert_says(&text, "'weight' is there already; this one counts");
}

#[test]
fn a_value_that_is_none_says_what_is_used_instead() {
    assert_says(
        &real_server("TCP_CHECK {\nconnect_port 99999\n}"),
        "the default counts: the real server's",
    );
    assert_says(
        &real_server("weight 7\nweight x"),
        "the 'weight' before it counts",
    );
}

#[test]
fn a_value_that_is_none_is_one_complaint() {
    assert_eq!(
        codes(
            "vrrp_instance V {\ninterface eth0\nvirtual_router_id 300\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n"
        ),
        ["3:19 required-value"]
    );
    for line in ["lb_algo foo", "lb_kind dr", "protocol icmp"] {
        let keyword = line.split(' ').next().unwrap_or_default();
        let all = ["lb_algo rr", "lb_kind NAT", "protocol TCP"];
        let mut lines: Vec<&str> = all
            .into_iter()
            .filter(|it| !it.starts_with(keyword))
            .collect();
        lines.push(line);
        let text = format!(
            "virtual_server 10.0.0.1 80 {{\n{}\nreal_server 10.0.1.1 80 {{\n}}\n}}\n",
            lines.join("\n")
        );
        let place = format!("4:{} invalid-value", keyword.len() + 2);
        assert_eq!(codes(&text), [place], "{line}");
        assert_says(&text, "the default counts: ");
    }
}

#[test]
fn a_second_ssl_block_takes_the_place_of_the_first() {
    let text = "SSL {\npassword a\nca b\n}\nSSL {\npassword c\n}\n";
    let ssl = loaded(text).config.ssl.expect("a context");
    assert_eq!((ssl.password.as_deref(), ssl.ca), (Some("c"), None));
    assert_says(text, "SSL context already specified - replacing");
}

#[test]
fn complaints_come_in_the_order_of_the_file() {
    let text = format!(
        "{}{}",
        instance("foo\nadvert_int abc"),
        virtual_server("quorum 9\nbar")
    );
    let lines: Vec<u32> = loaded(&text)
        .complaints
        .iter()
        .filter_map(|complaint| complaint.place.as_ref())
        .map(|place| place.line)
        .collect();
    assert!(lines.is_sorted() && lines.len() == 4, "{lines:?}");
}

#[test]
fn a_block_without_its_name_is_still_looked_over() {
    assert_eq!(
        codes("vrrp_instance {\n  pirority 100\n}\n"),
        ["1:1 missing-parameter", "2:3 unknown-keyword"]
    );
}
