//! The states that a director sees of a TCP connection, and how long each is remembered.
//!
//! The names and seconds are those of the kernel's IPVS (net/netfilter/ipvs/ip_vs_proto_tcp.c, `ipvsadm -Lcn`).
//! The director stands between two ends and guesses: it follows flags, not sequence numbers.
//!
//! ```text
//!            SYN              ACK                  FIN (server)            FIN (client)
//!  (nothing) ───> SYN_RECV ───────> ESTABLISHED ──────────────> FIN_WAIT ─────────────> TIME_WAIT
//!                                        │ FIN (client)                                     ^
//!                                        └─────────────> CLOSE_WAIT ────────────────────────┘
//!  RST anywhere: CLOSE                                        FIN (server)
//! ```

use std::time::Duration;

use super::flow::{TcpFields, tcp};

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum TcpState {
    SynRecv,
    Established,
    /// The real server has finished sending.
    FinWait,
    /// The client has finished sending.
    CloseWait,
    /// Both have.
    TimeWait,
    /// Reset.
    Close,
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sender {
    Client,
    RealServer,
}

/// What a segment says; of several flags the first of RST, SYN, FIN, ACK counts, as in IPVS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    Rst,
    Syn,
    Fin,
    Ack,
    /// None of the four: it changes nothing.
    Nothing,
}

impl From<TcpFields> for Signal {
    fn from(fields: TcpFields) -> Self {
        let has = |flag| fields.flags & flag != 0;
        if has(tcp::RST) {
            Self::Rst
        } else if has(tcp::SYN) {
            Self::Syn
        } else if has(tcp::FIN) {
            Self::Fin
        } else if has(tcp::ACK) {
            Self::Ack
        } else {
            Self::Nothing
        }
    }
}

impl TcpState {
    /// The state after `signal` from `sender`.
    #[must_use]
    pub(super) fn after(self, sender: Sender, signal: Signal) -> Self {
        use Sender::{Client, RealServer};
        use Signal::{Ack, Fin, Nothing, Rst, Syn};
        match (self, signal, sender) {
            (_, Rst, Client | RealServer) => Self::Close,
            // A SYN in a known connection is a repetition; one that opens a new connection replaces the entry.
            (state, Syn | Nothing, Client | RealServer) => state,

            (Self::SynRecv, Ack, Client | RealServer) => Self::Established,
            (Self::SynRecv, Fin, Client | RealServer) => Self::TimeWait,

            (Self::Established, Fin, Client) => Self::CloseWait,
            (Self::Established, Fin, RealServer) => Self::FinWait,
            (Self::FinWait, Fin, Client) => Self::TimeWait,
            (Self::CloseWait, Fin, RealServer) => Self::TimeWait,

            (Self::FinWait, Fin, RealServer) => Self::FinWait,
            (Self::CloseWait, Fin, Client) => Self::CloseWait,
            (Self::TimeWait, Fin, Client | RealServer) => Self::TimeWait,
            (Self::Close, Fin, Client | RealServer) => Self::Close,
            (
                Self::Established | Self::FinWait | Self::CloseWait | Self::TimeWait | Self::Close,
                Ack,
                Client | RealServer,
            ) => self,
        }
    }

    /// How long the entry is kept after the last packet in this state.
    pub(super) fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::SynRecv => 60,
            Self::Established => 900,
            Self::FinWait => 120,
            Self::CloseWait => 60,
            Self::TimeWait => 120,
            Self::Close => 10,
        })
    }

    /// Counts as an active connection for the schedulers (ip_vs_proto_tcp.c: tcp_state_active_table).
    pub(super) fn is_active(self) -> bool {
        match self {
            Self::SynRecv | Self::Established => true,
            Self::FinWait | Self::CloseWait | Self::TimeWait | Self::Close => false,
        }
    }

    /// Both ends have finished, or one has and the other was asked to: a SYN with the same tuple is a new connection.
    pub(super) fn yields_to_syn(self) -> bool {
        match self {
            Self::FinWait | Self::CloseWait | Self::TimeWait | Self::Close => true,
            Self::SynRecv | Self::Established => false,
        }
    }
}

/// How long a UDP association is kept after its last packet.
pub(super) const UDP_TIMEOUT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::Sender::{Client, RealServer};
    use super::Signal::{Ack, Fin, Nothing, Rst, Syn};
    use super::TcpState::{Close, CloseWait, Established, FinWait, SynRecv, TimeWait};
    use super::*;

    #[test]
    fn every_state_and_signal_has_its_successor() {
        // Rows: state. Columns: what the client's and then the real server's SYN, FIN, ACK and RST make of it.
        let table = [
            (
                SynRecv,
                [SynRecv, TimeWait, Established, Close],
                [SynRecv, TimeWait, Established, Close],
            ),
            (
                Established,
                [Established, CloseWait, Established, Close],
                [Established, FinWait, Established, Close],
            ),
            (
                FinWait,
                [FinWait, TimeWait, FinWait, Close],
                [FinWait, FinWait, FinWait, Close],
            ),
            (
                CloseWait,
                [CloseWait, CloseWait, CloseWait, Close],
                [CloseWait, TimeWait, CloseWait, Close],
            ),
            (
                TimeWait,
                [TimeWait, TimeWait, TimeWait, Close],
                [TimeWait, TimeWait, TimeWait, Close],
            ),
            (Close, [Close; 4], [Close; 4]),
        ];
        for (state, client, real_server) in table {
            for (signal, (by_client, by_server)) in [Syn, Fin, Ack, Rst]
                .into_iter()
                .zip(client.into_iter().zip(real_server))
            {
                assert_eq!(
                    state.after(Client, signal),
                    by_client,
                    "{state:?} {signal:?}"
                );
                assert_eq!(
                    state.after(RealServer, signal),
                    by_server,
                    "{state:?} {signal:?}"
                );
            }
            assert_eq!(state.after(Client, Nothing), state);
        }
    }

    #[test]
    fn timeouts_are_those_of_ipvs() {
        let seconds = [SynRecv, Established, FinWait, CloseWait, TimeWait, Close]
            .map(|state| state.timeout().as_secs());
        assert_eq!(seconds, [60, 900, 120, 60, 120, 10]);
        assert_eq!(UDP_TIMEOUT.as_secs(), 300);
    }
}
