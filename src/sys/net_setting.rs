//! Settings of the network below `/proc/sys/net`, by path: `ipv4/conf/eth0/arp_ignore`.

use std::io;
use std::path::PathBuf;

/// A setting with what it is set to, without the newline.
pub fn read(key: &str) -> io::Result<String> {
    std::fs::read_to_string(path(key)).map(|text| text.trim().to_owned())
}

/// Sets it in the network namespace of this process. Not found: the interface, or the feature, is not there.
pub fn write(key: &str, value: &str) -> io::Result<()> {
    std::fs::write(path(key), value)
}

/// For messages.
pub fn path(key: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/net/{key}"))
}
