use super::*;
use crate::config::fake_host::FakeHost;

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf.d");
    let mut files = source::matching("examples/*.conf", &root);
    files.push(root.join("holdfast.conf"));
    files
}

#[test]
fn every_file_in_conf_d_loads_without_a_complaint() {
    let files = examples();
    assert!(files.len() > 2, "{files:?}");
    for file in files {
        let loaded = load(&file, &LoadOptions::default(), &FakeHost::default());
        assert_eq!(loaded.render(Drawing::Plain), "", "{}", file.display());
        assert_eq!(loaded.test_status(), 0);
    }
}
