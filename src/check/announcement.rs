//! What FIFOs are told of virtual and real servers, in keepalived's words.

use super::Subject;
use crate::lvs::ServiceKey;

/// Something went up or down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Announcement {
    /// The quorum was gained or lost.
    VirtualServer {
        virtual_server: ServiceKey,
        is_up: bool,
    },
    RealServer {
        of: Subject,
        is_up: bool,
    },
}

impl Announcement {
    /// The line for the FIFOs.
    pub fn fifo_line(&self) -> String {
        let word = |is_up: bool| if is_up { "UP" } else { "DOWN" };
        match *self {
            Self::VirtualServer {
                virtual_server,
                is_up,
            } => format!("VS {virtual_server} {}\n", word(is_up)),
            Self::RealServer { of, is_up } => {
                let (real_server, virtual_server) = (of.service(), of.virtual_server);
                format!("RS {real_server} {virtual_server} {}\n", word(is_up))
            }
        }
    }
}
