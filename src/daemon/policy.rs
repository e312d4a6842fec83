//! What complaints about a configuration mean for a start and for a reload.

use super::message::Verdict;
use crate::config::{Config, Policy};

/// Of a start. `strict`: `--strict`.
pub(crate) fn of_start(strict: bool) -> Policy {
    if strict {
        Policy::Strict
    } else {
        Policy::Start
    }
}

/// Of a reload, which is strict anyhow: `--lenient-reload` gives it the policy of a start, and `--strict` wins.
pub(crate) fn of_reload(strict: bool, lenient_reload: bool) -> Policy {
    of_start(strict || !lenient_reload)
}

/// A reload would leave nothing of what runs: the file was caught while it was written, or its includes match nothing.
/// Whoever wants that stops the daemon, or says so with `--lenient-reload`.
pub(crate) fn forbids_emptying(policy: Policy, running: &Config, new: &Config) -> bool {
    let does_something = |config: &Config| config.wants_vrrp() || config.wants_checkers();
    policy == Policy::Strict && does_something(running) && !does_something(new)
}

impl Verdict {
    /// The configuration may be used.
    pub(crate) fn permits(self, policy: Policy) -> bool {
        match (self, policy) {
            (Self::Clean, _) | (Self::Warnings, Policy::Start) => true,
            (Self::Warnings, Policy::Strict) | (Self::Errors | Self::NoFile, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loaded;
    use crate::daemon::loader::verdict;
    use crate::status::check::Report;

    const INSTANCE: &str = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n10.0.0.1/24\n}\n";

    /// What happens to a file: the columns of the table in `docs/guide/migrating-from-keepalived.md`.
    #[derive(Debug, Eq, PartialEq)]
    struct Fate {
        test: u8,
        check: u8,
        start: bool,
        reload: bool,
        strict_start: bool,
        strict_reload: bool,
        lenient_reload: bool,
    }

    fn fate(text: &str) -> Fate {
        let loaded = loaded(text);
        assert!(!loaded.complaints.is_empty(), "{text}");
        let verdict = verdict(&loaded);
        let test = loaded.test_status();
        let mut report = Report::default();
        report.add("a.conf", loaded);
        Fate {
            test,
            check: report.exit_status(),
            start: verdict.permits(of_start(false)),
            reload: verdict.permits(of_reload(false, false)),
            strict_start: verdict.permits(of_start(true)),
            strict_reload: verdict.permits(of_reload(true, true)),
            lenient_reload: verdict.permits(of_reload(false, true)),
        }
    }

    #[test]
    fn a_note_forbids_nothing() {
        let scripts = format!("{INSTANCE}notify /bin/true\n}}\n");
        for (text, test) in [
            ("global_defs {\nenable_dbus\n}\n", 0),
            ("global_defs {\ntmp_config_directory /tmp\n}\n", 0),
            // keepalived: an old spelling is 5, scripts without security are 6.
            ("vrrp_track_file f {\nfile /dev/null\n}\n", 5),
            (&scripts, 6),
        ] {
            let expected = Fate {
                test,
                check: 0,
                start: true,
                reload: true,
                strict_start: true,
                strict_reload: true,
                lenient_reload: true,
            };
            assert_eq!(fate(text), expected, "{text}");
        }
    }

    #[test]
    fn a_warning_lets_a_start_through_and_keeps_the_old_configuration_at_a_reload() {
        for lines in [
            "garp_master_delay 5x\n",
            "garp_master_repeat -1\n",
            "advert_itn 1\n",
            "priority 100 extra\n",
            "notify /missing/script\n",
            "state master\n",
            "auth_type PASS\n",
        ] {
            let expected = Fate {
                test: 5,
                check: 1,
                start: true,
                reload: false,
                strict_start: false,
                strict_reload: false,
                lenient_reload: true,
            };
            assert_eq!(fate(&format!("{INSTANCE}{lines}}}\n")), expected, "{lines}");
        }
    }

    #[test]
    fn an_error_forbids_everything() {
        let twice = format!("{INSTANCE}}}\n{}}}\n", INSTANCE.replace("VI_1", "VI_2"));
        for (text, test) in [
            (format!("{INSTANCE}priority\n}}\n"), 2),
            (INSTANCE.to_owned(), 5),
            (INSTANCE.replace("eth0", "eth9") + "}\n", 5),
            (twice, 5),
        ] {
            let expected = Fate {
                test,
                check: 2,
                start: false,
                reload: false,
                strict_start: false,
                strict_reload: false,
                lenient_reload: false,
            };
            assert_eq!(fate(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_reload_does_not_empty_what_runs_unless_it_is_lenient() {
        let full = loaded(&format!("{INSTANCE}}}\n")).config;
        let services = loaded(
            "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n}\n",
        )
        .config;
        for empty in ["", "# all of it\n", "global_defs {\nrouter_id a\n}\n"] {
            let empty = loaded(empty).config;
            for running in [&full, &services] {
                assert!(forbids_emptying(of_reload(false, false), running, &empty));
                assert!(!forbids_emptying(of_reload(false, true), running, &empty));
            }
            assert!(!forbids_emptying(of_reload(false, false), &empty, &empty));
        }
        // One of both may go.
        assert!(!forbids_emptying(of_reload(false, false), &full, &services));
    }

    #[test]
    fn no_file_forbids_everything() {
        for policy in [Policy::Start, Policy::Strict] {
            assert!(!Verdict::NoFile.permits(policy));
        }
    }

    /// What keepalived's packages install: the start of most people's files.
    const AS_SHIPPED: &str = "\
        global_defs {\nnotification_email {\nadmin@example.org\n}\nsmtp_server 192.0.2.25\nsmtp_connect_timeout 30\n\
        router_id LVS\nvrrp_skip_check_adv_addr\nvrrp_strict\nvrrp_garp_interval 0\nvrrp_gna_interval 0\n}\n\
        vrrp_instance VI_1 {\nstate MASTER\ninterface eth0\nvirtual_router_id 51\npriority 100\nadvert_int 1\n\
        authentication {\nauth_type PASS\nauth_pass 1111\n}\nvirtual_ipaddress {\n192.0.2.16\n192.0.2.17\n}\n}\n\
        virtual_server 192.0.2.100 443 {\ndelay_loop 6\nlb_algo rr\nlb_kind NAT\npersistence_timeout 50\nprotocol TCP\n\
        real_server 192.0.2.201 443 {\nweight 1\nSSL_GET {\nurl {\npath /\n\
        digest ff20ad2481f97b1754ef3e12ecd3a9cc\n}\nconnect_timeout 3\nretry 3\ndelay_before_retry 3\n}\n}\n}\n";

    #[test]
    fn what_keepalived_ships_starts_and_does_something() {
        let loaded = loaded(AS_SHIPPED);
        assert!(
            verdict(&loaded).permits(Policy::Start),
            "{:?}",
            loaded.complaints
        );
        assert_eq!(loaded.test_status(), 5, "strict mode has its objections");
        let instance = &loaded.config.vrrp_instances[0];
        assert_eq!(instance.virtual_ipaddress.len(), 2);
        assert_eq!(
            loaded.config.virtual_servers[0].real_servers[0]
                .checkers
                .len(),
            1
        );
    }
}
