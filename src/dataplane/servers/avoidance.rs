//! Real servers that refuse connections are avoided for a moment.
//!
//! When the program of a real server ends, its kernel answers every SYN with a reset until the health check has taken
//! the server out. Avoiding it as soon as it has refused one connection leaves the others to servers that
//! take them. This is a filter on what the scheduler sees, as if the weight were 0: what is programmed stays, and
//! when there is nobody else, avoided servers are used like any other.

use std::time::Duration;

use super::{Server, ServerId, Servers, server_at, supported};
use crate::dataplane::conn::Tick;
use crate::dataplane::scheduler::Load;

/// How long at least after its last refusal a server is avoided. A client repeats its SYN after a second
/// (RFC 6298 §2.1), and that one must not meet the same server; whole ticks make it less than two.
const AVOIDED: Duration = Duration::from_secs(1);

impl Server {
    fn is_avoided(&self, now: Tick) -> bool {
        now < self.avoided_until
    }
}

impl Servers {
    /// The server has refused a connection. Whether its service has another one to schedule that is not avoided.
    pub(in crate::dataplane) fn connection_refused(&mut self, id: ServerId, now: Tick) -> bool {
        let Some(Some(server)) = self.slots.get_mut(id.index()) else {
            return false;
        };
        server.avoided_until = now.after(AVOIDED);
        let Ok(service) = supported(server.key) else {
            return false;
        };
        let Some(service) = self.services.get(&service) else {
            return false;
        };
        let load = load_unless_avoided(&self.slots, &service.servers, now);
        (0..service.servers.len()).any(|place| load(place).weight > 0)
    }

    /// The server has accepted a connection.
    pub(in crate::dataplane) fn connection_accepted(&mut self, id: ServerId) {
        if let Some(Some(server)) = self.slots.get_mut(id.index()) {
            server.avoided_until = Tick::default();
        }
    }
}

/// As [`super::load_of`]; an avoided server has the weight 0.
pub(super) fn load_unless_avoided<'a>(
    slots: &'a [Option<Server>],
    servers: &'a [ServerId],
    now: Tick,
) -> impl Fn(usize) -> Load + 'a {
    move |place| {
        server_at(slots, servers, place)
            .filter(|server| !server.is_avoided(now))
            .map_or_else(Load::default, Server::load)
    }
}
