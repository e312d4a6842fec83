//! The effective values of real configuration files: what Debian's keepalived dumps after it has read one, and what we
//! have read from the same file with the same interfaces. What is meant to differ is in [`MEANT`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::corpus::Corpus;
use crate::effective::{Block, Meant, Source, Tally, blocks, dumped, vrrp_blocks};
use crate::lab::Result;
use crate::verdict::{OfflineHost, load};

/// Fewer would mean that something is no longer compared.
const ENOUGH: usize = 3000;
/// Dumps that are taken at a time: each waits most of its time.
const WORKERS: usize = 4;

const VRRP: &[Source] = &[
    Source {
        section: "VRRP Topology",
        kind: "VRRP Instance",
    },
    Source {
        section: "VRRP Sync groups",
        kind: "VRRP Sync Group",
    },
    Source {
        section: "VRRP Scripts",
        kind: "VRRP Script",
    },
];

pub(crate) const UNDEFINED: &str = "keepalived takes the braces of an undefined ${NAME} for those of a block and is lost from there";

const MEANT: &[Meant] = &[
    Meant {
        file: "",
        field: "Gratuitous ARP refresh",
        theirs: "0",
        reason: "our default is 60 s: a neighbour or switch that missed the others has a way back",
    },
    Meant {
        file: "",
        field: "Multicast address",
        theirs: "",
        reason: "without a usable peer both fall back to multicast, the dump does not say so",
    },
    Meant {
        file: "036",
        field: "Tracked scripts",
        theirs: "",
        reason: "order does not matter: a script that is defined further down is tracked",
    },
    Meant {
        file: "036",
        field: "Tracked scripts entries",
        theirs: "1",
        reason: "the same",
    },
    Meant {
        file: "091",
        field: "Command",
        theirs: "'/usr/bin/pkill' '-0' 'haproxy'",
        reason: "keepalived does not follow the link of a program that it has found in the PATH; no difference when it runs",
    },
    Meant {
        file: "266",
        field: "Promote_secondaries",
        theirs: "disabled",
        reason: "keepalived drops the keyword where there is a VMAC, on which it sets the kernel's switch anyway",
    },
    Meant {
        file: "296",
        field: "",
        theirs: "",
        reason: UNDEFINED,
    },
    Meant {
        file: "297",
        field: "",
        theirs: "",
        reason: UNDEFINED,
    },
];

#[test]
fn effective_values_of_vrrp_are_those_of_keepalived_s_dump() -> Result<()> {
    let Some(corpus) = Corpus::find() else {
        return Ok(());
    };
    let files = corpus.files();
    let (next, dumps) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((number, path)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let text = dumped(path, &corpus.host(number).interfaces);
                    dumps.lock().expect("no panic").push((number, path, text));
                }
            });
        }
    });
    let mut tally = Tally::default();
    let mut dumps = dumps.into_inner().expect("no panic");
    dumps.sort_by_key(|(number, ..)| *number);
    for (number, path, text) in dumps {
        let theirs: Vec<Block> = blocks(&text?, VRRP);
        let host = OfflineHost::of_this_machine(corpus.host(number).interfaces);
        let ours = vrrp_blocks(&load(path, &host).config);
        tally.add(number, &theirs, &ours, MEANT);
    }
    print!("{tally}");
    assert!(tally.disagreements.is_empty(), "see the lines above");
    assert!(tally.agreed() >= ENOUGH, "only {}", tally.agreed());
    Ok(())
}
