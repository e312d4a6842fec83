//! keepalived's dump: taken in namespaces of its own, and read.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Block;
use crate::lab::Result;

/// No dump is waited for longer.
const BOUND: Duration = Duration::from_secs(6);
/// The dump's last section.
const END: &str = "------< Interfaces >------";
/// `Wed Nov 25 04:20:40 2026: `
const TIMESTAMP: usize = 26;

/// Where a dump is taken. Links are the file's; the file system is read-only and the processes are those of a namespace,
/// so that no script of the file meets anything of this machine. `-force`: a placeholder may stand where the name of an
/// interface should. Only the VRRP process runs (`-P -B`): the BFD process dumps too, at the same time and into the same
/// pipe, and its sections would end those of VRRP wherever they come.
const SCRIPT: &str =
    "mount --make-rprivate /; mount -t tmpfs tmpfs /run; mount -o remount,bind,ro /
    ip link set lo up; ip -batch - -force >/dev/null 2>&1 <<END
$LINKS
END
    cd /; export TMPDIR=/run
    exec keepalived -n -l -d -P -B -f \"$1\" -p /run/p -r /run/r -c /run/c 2>&1";

/// A process and all that are in its namespace.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // `unshare --kill-child` takes the others along.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What keepalived's VRRP process dumps of a file; what there is of it where it ends before.
pub(crate) fn dumped(path: &Path, interfaces: &[String]) -> Result<String> {
    let links: String = interfaces
        .iter()
        .enumerate()
        .map(|(index, name)| {
            format!("link add {name} type veth peer name peer{index}\nlink set {name} up\n")
        })
        .collect();
    let child = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "sh", "-c", SCRIPT, "sh"])
        .arg(path)
        .env("LINKS", links)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut child = Ended(child);
    let (sender, lines) = mpsc::channel();
    if let Some(output) = child.0.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(|it| it.ok()) {
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    break;
                }
            }
        });
    }
    let (mut text, end) = (String::new(), Instant::now() + BOUND);
    while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
        text += &line;
        text.push('\n');
        if line.ends_with(END) || line.contains("Restart of VRRP process delayed") {
            break;
        }
    }
    Ok(text)
}

/// The sections of a dump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// As it is headed.
    pub(crate) section: &'static str,
    /// The word before the name of each of its blocks.
    pub(crate) kind: &'static str,
}

/// The value alone, without what is told beside it.
fn plain<'v>(field: &str, value: &'v str) -> &'v str {
    match field {
        "Interface" => value.split(',').next().unwrap_or(value),
        "Using src_ip" => value.trim_end_matches(" (from configuration)"),
        _ => value,
    }
}

/// An address, with the interface below the VMAC.
fn address(words: &str) -> String {
    let words = words.split(' ').filter(|&word| word != "use_vmac");
    let words = words.map(|word| match word.split_once('@') {
        Some((_, below)) => below,
        None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The blocks of a dump.
pub(crate) fn blocks(text: &str, sources: &[Source]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut source: Option<&Source> = None;
    let mut list: Option<(String, usize)> = None;
    for line in text.lines().filter_map(|line| line.get(TIMESTAMP..)) {
        if let Some(section) = line.strip_prefix("------< ") {
            source = sources.iter().find(|it| section.starts_with(it.section));
            continue;
        }
        let Some(source) = source else { continue };
        let words = line.trim_start();
        let depth = line.len() - words.len();
        let words = words.trim_end();
        match depth {
            1 => {
                if let Some((kind, name)) = words.split_once(" = ").filter(|it| it.0 == source.kind)
                {
                    // A sync group's name is followed by its state.
                    let name = name.split(", ").next().unwrap_or(name);
                    blocks.push(Block::new(kind, name));
                }
                list = None;
            }
            3 => {
                let Some(block) = blocks.last_mut() else {
                    continue;
                };
                list = None;
                if let Some((field, value)) = words.split_once(" = ") {
                    block.set(field, plain(field, value));
                } else if let Some(value) = words.strip_prefix("Multicast address ") {
                    block.set(
                        "Multicast address",
                        value.split(',').next().unwrap_or(value),
                    );
                } else if let Some(head) = words.strip_suffix(':') {
                    let head = head.split(" (").next().unwrap_or(head).trim_end();
                    block.set(&format!("{head} entries"), 0);
                    list = Some((head.to_owned(), 0));
                } else {
                    block.set(words, "yes");
                }
            }
            // Messages of the program stand between the lines.
            0 => {}
            _ => {
                let (Some(block), Some((head, count))) = (blocks.last_mut(), &mut list) else {
                    continue;
                };
                if head == "Flags" {
                    block.set(words, "yes");
                    continue;
                }
                *count += 1;
                let words = if head.starts_with("Virtual IP") {
                    address(words)
                } else {
                    words.to_owned()
                };
                block.set(&format!("{head} {count}"), words);
                block.set(&format!("{head} entries"), *count);
            }
        }
    }
    if !text.trim_end().ends_with(END) {
        // The program has ended in the middle of it.
        blocks.pop();
    }
    blocks
}
