//! Debian's keepalived 2.2.7 under `-t` on the corpus and on our inputs, beside ours on the same file with the same
//! interfaces. `verdict/policy.rs` has the differences between 2.2.7 and 2.4.3 as data.

use std::path::Path;
use std::process::Command;

use crate::corpus::Corpus;
use crate::inputs;
use crate::lab::Result;
use crate::verdict::{Comparison, OfflineHost, Totals, Verdict, load};

/// Messages and complaints about our inputs that neither match nor are meant.
const OF_INPUTS: &[&str] = &[
    // 2.4.3 says these too (see the first line of each input), 2.2.7 does not.
    "boolean_in_capitals:3: ours: [invalid-value] invalid value 'Yes' for 'vrrp_skip_check_adv_addr'",
    "boolean_maybe:3: ours: [invalid-value] invalid value 'maybe' for 'vrrp_strict'",
    "fwmark_with_port:5: ours: [conflict] FWM 1 has a firewall mark, so real server 10.1.0.1 has no port - clearing",
    "line_too_long:5: ours: [line-too-long] this line has 1119 bytes and is not read",
    // A directory of drop-in files may be empty.
    "include_of_nothing:2: theirs: Config files missing 'none/*.conf'.",
];

/// The same about the files of the corpus, where 2.4.3's verdict does not tell, because it has crashed.
const OF_CORPUS: &[&str] = &[
    "296:555: ours: [missing-keyword] (VIt_248) strict mode does not support unicast",
    "296:571: ours: [missing-keyword] (VIt_247) strict mode does not support unicast",
    "296:757: ours: [conflict] (6.1.1.1) preempt_delay is incompatible with strict mode - resetting",
    "296:757: ours: [conflict] (6.1.1.3) preempt_delay is incompatible with strict mode - resetting",
    "296:757: ours: [conflict] (6.1.1.4) preempt_delay is incompatible with strict mode - resetting",
];

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

#[test]
fn debian_s_keepalived_says_about_the_same_files_what_we_say() -> Result<()> {
    let mut totals = Totals::default();
    let interfaces: Vec<String> = inputs::INTERFACES.map(str::to_owned).to_vec();
    for path in inputs::files() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        totals.add(&name, comparison(&path, interfaces.clone())?);
    }
    let mut known = OF_INPUTS.to_vec();
    if let Some(corpus) = Corpus::find() {
        known.extend(OF_CORPUS);
        for (number, path) in corpus.files() {
            let mut comparison = comparison(&path, corpus.host(&number).interfaces)?;
            comparison.excuse_versions(&corpus.comparison(&number, &path));
            totals.add(&number, comparison);
        }
    }
    print!("{totals}");
    if let Err(differences) = totals.check(&known) {
        panic!("{differences}");
    }
    Ok(())
}

/// Judged with these interfaces.
fn comparison(path: &Path, interfaces: Vec<String>) -> Result<Comparison> {
    let theirs = debians(path, &interfaces)?;
    let ours = load(path, &OfflineHost::of_this_machine(interfaces));
    Ok(Comparison::new(path, &theirs, &ours.complaints))
}
