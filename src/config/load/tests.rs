use std::io::Write;

use super::*;
use crate::config::fake_host::FakeHost;

/// Loads a text as a file of its own.
pub(crate) fn loaded(text: &str) -> Loaded {
    loaded_bytes(text.as_bytes())
}

pub(crate) fn loaded_bytes(bytes: &[u8]) -> Loaded {
    loaded_for(bytes, &FakeHost::default())
}

pub(crate) fn loaded_for(bytes: &[u8], host: &FakeHost) -> Loaded {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(bytes).expect("write");
    load(file.path(), &LoadOptions::default(), host)
}

/// The configuration of a text that must be without a complaint.
pub(crate) fn parsed(text: &str) -> Config {
    let loaded = loaded(text);
    assert_eq!(loaded.render(Drawing::Plain), "");
    loaded.config
}

/// `line:column code` of every complaint, in their order.
pub(crate) fn codes(text: &str) -> Vec<String> {
    loaded(text)
        .complaints
        .iter()
        .map(|complaint| match &complaint.place {
            Some(place) => format!("{}:{} {}", place.line, place.column, complaint.code.name()),
            None => complaint.code.name().to_owned(),
        })
        .collect()
}

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    let mut files = source::found("examples/*.conf", &root);
    files.push(root.join("holdfast.conf"));
    files
}

#[test]
fn every_file_in_conf_d_loads_without_a_complaint() {
    let files = examples();
    assert!(files.len() > 2, "{files:?}");
    for file in files {
        // Examples do not rely on a user that packages do not make.
        let host = FakeHost {
            has_script_user: false,
            ..FakeHost::default()
        };
        let loaded = load(&file, &LoadOptions::default(), &host);
        assert_eq!(loaded.render(Drawing::Plain), "", "{}", file.display());
        assert_eq!(loaded.test_status(), 0);
    }
}

#[test]
fn examples_of_what_is_only_accepted_get_notes_and_nothing_worse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    let files = source::found("examples/accepted/*.conf", &root);
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        let loaded = load(&file, &LoadOptions::default(), &FakeHost::default());
        assert!(!loaded.complaints.is_empty(), "{}", file.display());
        assert!(
            loaded.is_acceptable(Policy::Strict),
            "{}",
            loaded.render(Drawing::Plain)
        );
        assert_eq!(loaded.test_status(), 0, "{}", file.display());
    }
}

#[test]
fn the_installed_configuration_starts_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    let loaded = load(
        &root.join("holdfast.conf"),
        &LoadOptions::default(),
        &FakeHost::default(),
    );
    assert!(!loaded.config.wants_vrrp() && !loaded.config.wants_checkers());
}

#[test]
fn a_missing_file_is_4_under_test_and_6_at_the_start() {
    let loaded = load(
        Path::new("/no/such/file"),
        &LoadOptions::default(),
        &FakeHost::default(),
    );
    assert_eq!(loaded.test_status(), 4);
    assert_eq!(loaded.start_status(Policy::Start), Some(6));
    assert!(loaded.has_errors());
}

#[test]
fn a_directory_is_4_under_test_and_2_at_the_start() {
    let loaded = load(
        Path::new("/"),
        &LoadOptions::default(),
        &FakeHost::default(),
    );
    assert_eq!(loaded.test_status(), 4);
    assert_eq!(loaded.start_status(Policy::Start), Some(2));
}

#[test]
fn an_empty_file_is_clean() {
    assert_eq!(loaded("").test_status(), 0);
    assert_eq!(loaded("# nothing\n\n!\n").test_status(), 0);
}

#[test]
fn a_missing_parameter_is_2() {
    let loaded = loaded("vrrp_instance VI_1 {\ninterface\n}\n");
    assert_eq!(loaded.test_status(), 2);
    assert_eq!(loaded.start_status(Policy::Start), Some(2));
}

#[test]
fn a_warning_is_5_starts_and_is_rejected_at_reload() {
    let loaded = loaded("global_defs {\nrouter_ident x\n}\n");
    assert_eq!(loaded.test_status(), 5);
    assert!(loaded.is_acceptable(Policy::Start));
    assert!(!loaded.is_acceptable(Policy::Strict));
    assert_eq!(loaded.start_status(Policy::Start), None);
}

#[test]
fn a_keyword_that_is_not_carried_out_is_said_and_forbids_nothing() {
    let loaded = loaded("global_defs {\nenable_dbus\n}\n");
    assert_eq!(loaded.complaints.len(), 1);
    assert_eq!(loaded.complaints[0].severity, Severity::Note);
    assert_eq!(loaded.test_status(), 0);
    assert!(loaded.is_acceptable(Policy::Strict));
}

#[test]
fn a_deprecation_is_5_and_forbids_nothing() {
    let loaded = loaded("vrrp_track_file f {\nfile /x\n}\n");
    assert_eq!(loaded.test_status(), 5);
    assert!(loaded.is_acceptable(Policy::Strict));
}

#[test]
fn scripts_without_script_security_are_6_whatever_else_there_is() {
    let text = "vrrp_script chk {\nscript \"/bin/true\"\n}\n\
        vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n\
        track_script {\nchk\n}\n}\n";
    assert_eq!(loaded(text).test_status(), 6);
    assert_eq!(loaded(&format!("{text}nonsense\n")).test_status(), 6);
    assert_eq!(
        loaded(&format!(
            "global_defs {{\nenable_script_security\n}}\n{text}"
        ))
        .test_status(),
        0
    );
}

#[test]
fn a_configuration_survives_the_way_to_another_process() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d/examples/director-a.conf");
    let config = load(&file, &LoadOptions::default(), &FakeHost::default()).config;
    let text = serde_json::to_string(&config).expect("serialise");
    assert_eq!(
        serde_json::from_str::<Config>(&text).expect("deserialise"),
        config
    );
}

#[test]
fn the_demo_pair_is_one_configuration_with_two_priorities() {
    let example = |name: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d/examples");
        load(
            &root.join(name),
            &LoadOptions::default(),
            &FakeHost::default(),
        )
        .config
    };
    let (mut a, b) = (example("director-a.conf"), example("director-b.conf"));
    let priorities = |config: &Config| -> Vec<u8> {
        let instances = &config.vrrp_instances;
        instances
            .iter()
            .map(|instance| instance.priority.get())
            .collect()
    };
    assert_eq!(
        (priorities(&a), priorities(&b)),
        (vec![150, 150], vec![100, 100])
    );
    assert_eq!(a.vrrp_sync_groups[0].group, ["outside", "inside"]);
    for (mine, others) in a.vrrp_instances.iter_mut().zip(&b.vrrp_instances) {
        mine.priority = others.priority;
    }
    a.global_defs.router_id.clone_from(&b.global_defs.router_id);
    assert_eq!(a, b);
}

#[test]
fn a_shared_file_differs_by_the_configuration_id() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d/examples/one-file-for-both.conf");
    let priority = |id: &str| {
        let options = LoadOptions {
            config_id: Some(id.to_owned()),
            ..LoadOptions::default()
        };
        let config = load(&file, &options, &FakeHost::default()).config;
        assert_eq!(config.vrrp_instances[0].virtual_ipaddress.len(), 5);
        config.vrrp_instances[0].priority.get()
    };
    assert_eq!((priority("left"), priority("right")), (150, 100));
}
