//! `vrrp_script`, `track_script` and notification scripts.

use super::*;
use crate::config::Drawing;
use crate::config::fake_host::FakeHost;
use crate::config::load::tests::loaded_for;

fn tracked(script: &str) -> String {
    format!(
        "global_defs {{\nenable_script_security\n}}\n{}{script}",
        instance("track_script {\nchk\n}")
    )
}

#[test]
fn a_script_may_be_defined_behind_its_use() {
    let text = tracked(
        "vrrp_script chk {\nscript \"/x/y 'a b' c\"\ninterval 2\nweight -10\nrise 2\nfall 3\nuser nobody wheel\n}\n",
    );
    let config = parsed(&text);
    let script = &config.vrrp_scripts[0];
    assert_eq!(script.script.argv, ["/x/y", "a b", "c"]);
    assert_eq!(
        script.script.user.map(|user| (user.uid, user.gid)),
        Some((65_534, 10))
    );
    assert_eq!(
        (script.interval.as_secs(), script.timeout.as_secs()),
        (2, 2)
    );
    assert_eq!((script.rise, script.fall), (2, 3));
    assert_eq!(config.vrrp_instances[0].track_script[0].weight.get(), -10);
}

#[test]
fn a_script_that_does_not_exist_counts_as_failed_and_is_said_once() {
    let text = tracked("vrrp_script chk {\nscript \"/missing/chk\"\n}\n");
    assert_eq!(codes(&text), ["15:1 script-unusable"]);
    assert_eq!(only_instance(&text).track_script.len(), 1);
    let why = "'/missing/chk' does not exist";
    assert_says(&text, why);
    let refused = loaded(&text).config.vrrp_scripts[0].refused.clone();
    assert_eq!(refused.as_deref(), Some(why));
}

#[test]
fn script_security_refuses_what_others_may_change() {
    let text = tracked("vrrp_script chk {\nscript \"/insecure/chk\"\n}\n");
    assert_eq!(codes(&text), ["15:1 script-unusable"]);
    let why = "'/insecure' belongs to user 0 and has mode 777";
    assert_says(&text, why);
    let refused = loaded(&text).config.vrrp_scripts[0].refused.clone();
    assert!(
        refused.is_some_and(|refused| refused.contains(why)),
        "never healthy"
    );
    let lax = text.replace("enable_script_security", "router_id x");
    assert_eq!(codes(&lax), ["15:1 script-security"]);
}

#[test]
fn a_name_that_no_script_has_is_said_where_it_is_used() {
    let text = tracked("vrrp_script chkk {\nscript \"/x\"\n}\n");
    assert_eq!(
        codes(&text),
        ["11:1 unknown-reference", "14:13 unused-script"]
    );
    assert_says(
        &text,
        "(VI_1) track script chk not found, ignoring... did you mean 'chkk'?",
    );
}

#[test]
fn an_unquoted_command_with_arguments_is_read_as_users() {
    let text = instance("notify_fault /x/s.sh a b");
    assert_eq!(codes(&text), ["7:1 script-unusable"]);
    assert_says(&text, "double quotes");
    assert_eq!(only_instance(&text).notify.notify_fault, None);
}

#[test]
fn notify_scripts_keep_their_arguments_and_escapes() {
    let text = instance("notify \"/x 'a b' c\\x41\" root\nnotify_master '/y d'");
    let notify = only_instance(&text).notify;
    assert_eq!(
        notify.notify.map(|command| command.argv),
        Some(["/x", "a b", "cA"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        notify.notify_master.map(|command| command.argv),
        Some(["/y", "d"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_redirection_is_left_to_a_shell_and_a_bare_name_to_path() {
    let text = instance("notify \"</dev/tcp/127.0.0.1/80\"\nnotify_stop \"killall -0 sshd\"");
    let notify = only_instance(&text).notify;
    let argv = notify.notify.expect("notify").argv;
    assert_eq!(argv, ["/bin/sh", "-c", "</dev/tcp/127.0.0.1/80"]);
    assert_eq!(
        notify.notify_stop.expect("notify_stop").argv,
        ["/usr/bin/killall", "-0", "sshd"]
    );
}

#[test]
fn with_script_security_root_must_be_asked_for_by_name() {
    let host = FakeHost {
        has_script_user: false,
        ..FakeHost::default()
    };
    let text = tracked("vrrp_script chk {\nscript \"/x\"\n}\n");
    let loaded = loaded_for(text.as_bytes(), &host);
    assert!(loaded.config.vrrp_scripts[0].refused.is_some());
    assert!(loaded.render(Drawing::Plain).contains("no 'script_user'"));
    let text = text.replace("_security", "_security\nscript_user root");
    let config = loaded_for(text.as_bytes(), &host).config;
    assert_eq!(
        config.vrrp_scripts[0].script.user.map(|user| user.uid),
        Some(0)
    );
    let text = text.replace("enable_script_security\nscript_user root", "");
    let config = loaded_for(text.as_bytes(), &host).config;
    assert_eq!(config.vrrp_scripts[0].script.user, None, "as the daemon");
}

#[test]
fn the_file_that_a_link_leads_to_runs_under_the_name_that_is_written() {
    let text = tracked("vrrp_script chk {\nscript \"/link/chk a\"\n}\n");
    let script = |text: &str| parsed(text).vrrp_scripts[0].script.clone();
    assert_eq!(script(&text).argv, ["/link/chk", "a"]);
    assert_eq!(script(&text).program.as_deref(), Some("/real/chk"));
    assert_eq!(script(&text.replace("/link", "/x")).program, None);
    let links = text.replace("_security", "_security\nuse_symlink_paths on");
    assert_eq!(script(&links).argv, ["/link/chk", "a"]);
    assert_eq!(script(&links).program, None);
}

#[test]
fn a_script_user_that_does_not_exist_disables_what_would_run_as_it() {
    let text = tracked("vrrp_script chk {\nscript \"/x\"\n}\n")
        .replace("_security", "_security\nscript_user nemo");
    assert_eq!(codes(&text), ["3:13 invalid-value", "16:1 script-unusable"]);
}
