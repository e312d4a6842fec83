//! The answer of a real server to a SYN, and what becomes of a refusal.
//!
//! ```text
//!  client         director        real server 1     real server 2
//!    │ SYN ──────────>│ ──────────────>│
//!    │                │ <────── RST,ACK│                            not passed on, the connection is forgotten,
//!    │                │                                             real server 1 is avoided for a second
//!    │ SYN (after 1 s)│
//!    │ ──────────────>│ ────────────────────────────────>│          scheduled as a new connection
//! ```
//!
//! Without another real server the client gets the refusal at once. What an established connection is told is never
//! held back, and neither is an ICMP error about UDP: its client would not repeat anything.

use super::{Connection, ConnectionId, Director, DropReason, IcmpError, Segment, State, TcpState};
use super::{Tick, Verdict};

impl Director {
    /// A segment of the real server: the verdict about it where it refuses the connection and another takes it.
    pub(super) fn refused_by_reset(
        &mut self,
        id: ConnectionId,
        connection: &Connection,
        segment: &Segment,
        now: Tick,
    ) -> Option<Verdict> {
        let fields = segment.tcp.filter(|_| is_handshake(connection))?;
        if fields.accepts() {
            self.servers.connection_accepted(connection.server);
        }
        if !fields.refuses() {
            return None;
        }
        self.try_elsewhere(id, connection, now)
    }

    /// As [`Director::refused_by_reset`], where a firewall or a router before the real server says so.
    pub(super) fn refused_by_icmp(
        &mut self,
        id: ConnectionId,
        connection: &Connection,
        error: &IcmpError,
        now: Tick,
    ) -> Option<Verdict> {
        if !is_handshake(connection) || !error.unreachable || !self.is_in_service(connection) {
            return None;
        }
        self.try_elsewhere(id, connection, now)
    }

    fn try_elsewhere(
        &mut self,
        id: ConnectionId,
        connection: &Connection,
        now: Tick,
    ) -> Option<Verdict> {
        let another = self.servers.connection_refused(connection.server, now);
        another.then(|| {
            self.forget(id);
            Verdict::Drop(DropReason::RefusedElsewhere)
        })
    }
}

fn is_handshake(connection: &Connection) -> bool {
    connection.state == State::Tcp(TcpState::SynRecv)
}
