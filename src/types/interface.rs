//! Names of network interfaces.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of a network interface: 1 to 15 bytes, no blank and no slash (IFNAMSIZ, `linux/if.h`).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct InterfaceName(String);

/// The kernel would not take this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{name}' is no interface name: 1 to 15 characters without blanks or '/' are expected")]
pub struct InvalidInterfaceName {
    pub name: String,
}

impl InterfaceName {
    pub fn new(name: &str) -> Result<Self, InvalidInterfaceName> {
        let fits = (1..=15).contains(&name.len()) && name != "." && name != "..";
        if fits
            && !name
                .bytes()
                .any(|b| b == b'/' || b.is_ascii_whitespace() || b == 0)
        {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidInterfaceName {
                name: name.to_owned(),
            })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
}
