//! Names of network interfaces.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name in bytes (IFNAMSIZ less its NUL, `linux/if.h`).
const MAX_LEN: usize = 15;

/// Name of a network interface: 1 to 15 bytes, no blank and no slash. Held in place: a clone takes no memory.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName {
    /// Filled up with NULs, so that the order is that of the names.
    bytes: [u8; MAX_LEN],
}

/// The kernel would not take this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{name}' is no interface name: 1 to 15 characters without blanks or '/' are expected")]
pub struct InvalidInterfaceName {
    pub name: String,
}

/// A name that neither the kernel nor [`InterfaceName::new`] takes.
const ANY: &str = "any/";

impl InterfaceName {
    /// No interface in particular: where routes lead, and wherever something comes from.
    pub fn any() -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes[..ANY.len()].copy_from_slice(ANY.as_bytes());
        Self { bytes }
    }

    pub fn is_any(&self) -> bool {
        self.as_str() == ANY
    }

    pub fn new(name: &str) -> Result<Self, InvalidInterfaceName> {
        let fits = (1..=MAX_LEN).contains(&name.len()) && name != "." && name != "..";
        if fits
            && !name
                .bytes()
                .any(|b| b == b'/' || b.is_ascii_whitespace() || b == 0)
        {
            let mut bytes = [0; MAX_LEN];
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            Ok(Self { bytes })
        } else {
            Err(InvalidInterfaceName {
                name: name.to_owned(),
            })
        }
    }

    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0);
        let bytes = &self.bytes[..length.unwrap_or(MAX_LEN)];
        // They were copied from a string.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = InvalidInterfaceName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        // From another process of ours.
        if name == ANY {
            return Ok(Self::any());
        }
        Self::new(&name)
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_bytes_are_the_limit() {
        assert!(InterfaceName::new("eth0.1").is_ok());
        assert!(InterfaceName::new("abcdefghijklmno").is_ok());
        assert!(InterfaceName::new("abcdefghijklmnop").is_err());
        assert!(InterfaceName::new("").is_err());
        assert!(InterfaceName::new("a/b").is_err());
    }

    #[test]
    fn a_name_survives_a_message_and_keeps_its_order() {
        let name = |name| InterfaceName::new(name).expect("a name");
        let text = serde_json::to_string(&name("eth0")).expect("written");
        assert_eq!(text, "\"eth0\"");
        let back: InterfaceName = serde_json::from_str(&text).expect("read");
        assert_eq!(back.as_str(), "eth0");
        assert!(serde_json::from_str::<InterfaceName>("\"a b\"").is_err());
        assert!(name("eth0") < name("eth0.1") && name("eth0.1") < name("eth1"));
    }
}
