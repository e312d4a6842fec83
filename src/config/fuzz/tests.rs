//! Small inputs, broken at random: the stable toolchain's part of fuzzing. `FUZZ_SEED=N` replays one
//! mutation, `FUZZ_ROUNDS=N` makes more of them.

use std::fs;
use std::path::Path;

use super::*;

/// Mutations in a build.
const ROUNDS: u64 = 1500;
/// Words that mean something to the language, put in where they do not belong.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "#",
    "!",
    "$",
    "${",
    "$A=",
    "$A",
    "${A}",
    "$A=a\\\n${A}\\\n",
    "@here ",
    "@^here ",
    "~SEQ(x,1,9) ${x}",
    "~SEQx(x,0xff,-1,0) ",
    "~SEQ(x,1,999999999) ${x}",
    "~LST(x,a,b) ",
    "~LST({a,b},{1,2}) ${a}",
    "include 1\n",
    "include main.conf\n",
    "include *\n",
    "-1",
    "0",
    "99999999999999999999",
    "1.5",
    "0x10",
    "é",
    "\u{feff}",
    "${_PWD}",
    "${_RANDOM 1 9}",
    "${_ENV HOME}",
    "10.0.0.1",
    "fe80::1",
    "virtual_server",
    "vrrp_instance",
    "priority",
    "SSL_GET",
    "\u{ff}",
];

/// Inputs to start from: the examples and the inputs of the compatibility tests.
fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("conf.d"), root.join("integration/compat")];
    let mut texts = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "conf")
            {
                texts.push((path.clone(), fs::read(&path).expect("input")));
            }
        }
    }
    texts.sort();
    assert!(texts.len() > 2);
    texts.into_iter().map(|(_, text)| text).collect()
}

/// `seed` decides everything, so that a failure can be replayed.
fn mutated(seed: u64, texts: &[Vec<u8>]) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = texts[random.usize(..texts.len())].clone();
    for _ in 0..random.usize(1..8) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(..40)).min(bytes.len());
        match random.u8(..6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                let to = random.usize(..=bytes.len());
                bytes.splice(to..to, copy);
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
            4 => {
                let other = &texts[random.usize(..texts.len())];
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..200)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let token = TOKENS[random.usize(..TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
        }
    }
    bytes
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_is_in_a_file_it_is_read_to_its_end() {
    let texts = seeds();
    let seeds = match number("FUZZ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FUZZ_ROUNDS").unwrap_or(ROUNDS),
    };
    for seed in seeds {
        let bytes = mutated(seed, &texts);
        let outcome = std::panic::catch_unwind(|| {
            read_tree(&bytes);
            read_config(&bytes);
        });
        assert!(
            outcome.is_ok(),
            "FUZZ_SEED={seed} replays this; the input: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn whatever_stands_behind_a_keyword_is_read() {
    for value in [
        "",
        "\"",
        "'a",
        "\\",
        "-",
        "1.",
        "{",
        "}",
        "${",
        "9".repeat(900).as_str(),
        "\0",
        "é\u{301}",
    ] {
        read_values(value.as_bytes());
    }
}
