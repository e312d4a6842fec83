//! Debian's keepalived 2.2.7 under `-t` on the corpus and on our inputs, beside ours on the same file with the same
//! interfaces. `verdict/policy.rs` has the differences between 2.2.7 and 2.4.3 as data.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::corpus::Corpus;
use crate::inputs;
use crate::lab::Result;
use crate::verdict::{Comparison, OfflineHost, Totals, Verdict, load};

/// Messages and complaints that neither match nor are meant. Goes down only.
const UNEXPLAINED: usize = 190;

/// What keepalived says about a file in a network namespace that has these interfaces.
fn debians(path: &Path, interfaces: &[String]) -> Result<Verdict> {
    let links: String = interfaces
        .iter()
        .enumerate()
        .map(|(index, name)| format!("link add {name} type veth peer name peer{index}\n"))
        .collect();
    // `-force`: a placeholder may stand where the name of an interface should.
    let script = format!(
        "ip link set lo up; ip -batch - -force >/dev/null 2>&1 <<'END'\n{links}END\n\
         exec timeout 20 keepalived -t -f \"$1\""
    );
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", &script, "sh"])
        .arg(path)
        .current_dir("/")
        .output()?;
    Ok(Verdict::of_output(
        output.status.code(),
        &String::from_utf8_lossy(&output.stderr),
    ))
}

/// Files and the interfaces that they are judged with.
fn files() -> Vec<(String, PathBuf, Vec<String>)> {
    let interfaces: Vec<String> = inputs::INTERFACES.map(str::to_owned).to_vec();
    let inputs = inputs::files().into_iter().map(|path| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (name, path, interfaces.clone())
    });
    let corpus = Corpus::find();
    let corpus = corpus.iter().flat_map(|corpus| {
        corpus.files().into_iter().map(|(number, path)| {
            let interfaces = corpus.host(&number).interfaces;
            (number, path, interfaces)
        })
    });
    inputs.chain(corpus).collect()
}

#[test]
fn debian_s_keepalived_says_about_the_same_files_what_we_say() -> Result<()> {
    let mut totals = Totals::default();
    for (name, path, interfaces) in files() {
        let theirs = debians(&path, &interfaces)?;
        let ours = load(&path, &OfflineHost::of_this_machine(interfaces));
        totals.add(&name, Comparison::new(&path, &theirs, &ours.complaints));
    }
    print!("{totals}");
    assert!(totals.unexplained() <= UNEXPLAINED, "see the lines above");
    Ok(())
}
