//! Requests to a generic netlink family: find its number by name, change, query, dump.
//!
//! The kernel carries a request out before `send` returns, so an answer is there at once and no timeout is
//! needed. What a family's messages mean is the business of that family's module.

use std::fmt;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, ParseableParametrized,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{AsyncSocket, AsyncSocketExt, Socket, SocketAddr, TokioSocket};

use crate::sys::net_namespace::NetNamespace;

/// A dump's datagram holds up to 32 KiB (`NLMSG_GOODSIZE` and what the kernel grows it to).
const RECEIVE_BUFFER: usize = 64 << 10;

/// Number of the controller, which knows the numbers of all others (`linux/genetlink.h`).
const CONTROLLER: u16 = 16;

/// Why a request gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The kernel said no; the socket is as good as before.
    #[error("{0}")]
    Refused(io::Error),
    /// The socket failed, or the kernel's answer is not understood.
    #[error("generic netlink: {0}")]
    Broken(io::Error),
}

impl RequestError {
    /// The kernel's error number, if it was the kernel who refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(error) => error.raw_os_error(),
            Self::Broken(_) => None,
        }
    }
}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What a family's messages can do.
pub trait Payload:
    Clone + Debug + Emitable + GenlFamily + ParseableParametrized<[u8], GenlHeader>
{
}

impl<T> Payload for T where
    T: Clone + Debug + Emitable + GenlFamily + ParseableParametrized<[u8], GenlHeader>
{
}

/// A socket to one family.
pub struct GenericSocket {
    socket: TokioSocket,
    family: u16,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Debug for GenericSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenericSocket")
            .field("family", &self.family)
            .finish_non_exhaustive()
    }
}

impl GenericSocket {
    /// Refused with `ENOENT` where the kernel has no such family.
    pub async fn connect(family: &str) -> Result<Self, RequestError> {
        Self::find(TokioSocket::new(NETLINK_GENERIC)?, family).await
    }

    /// The same in the network namespace of that file.
    pub async fn connect_in(net_namespace: &Path, family: &str) -> Result<Self, RequestError> {
        let runtime = tokio::runtime::Handle::current();
        let open = || {
            let _registered_here = runtime.enter();
            TokioSocket::new(NETLINK_GENERIC)
        };
        let socket = NetNamespace::open(net_namespace)
            .and_then(|namespace| namespace.inside(open)?)
            .map_err(|error| {
                let attempted = format!("network namespace {}: {error}", net_namespace.display());
                io::Error::new(error.kind(), attempted)
            })?;
        Self::find(socket, family).await
    }

    async fn find(mut socket: TokioSocket, family: &str) -> Result<Self, RequestError> {
        socket.socket_mut().bind_auto()?;
        socket.socket_ref().connect(&SocketAddr::new(0, 0))?;
        let mut socket = Self {
            socket,
            family: CONTROLLER,
            sequence: 0,
            buffer: Vec::with_capacity(RECEIVE_BUFFER),
        };
        let answers = socket.exchange(lookup(family), NLM_F_ACK).await?;
        socket.family = family_number(&answers).ok_or_else(no_number)?;
        Ok(socket)
    }

    /// A change, acknowledged by the kernel; or a query, which it answers before it acknowledges.
    pub async fn request<F: Payload>(&mut self, payload: F) -> Result<Vec<F>, RequestError> {
        self.exchange(payload, NLM_F_ACK).await
    }

    /// All objects of a kind.
    pub async fn dump<F: Payload>(&mut self, payload: F) -> Result<Vec<F>, RequestError> {
        self.exchange(payload, NLM_F_DUMP).await
    }

    async fn exchange<F: Payload>(
        &mut self,
        payload: F,
        flags: u16,
    ) -> Result<Vec<F>, RequestError> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = encode(payload, self.family, self.sequence, NLM_F_REQUEST | flags);
        self.socket.send(&request).await?;
        let mut answers = Answers::to(self.sequence);
        while !answers.complete {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer).await?;
            answers.read(&self.buffer)?;
        }
        Ok(answers.payloads)
    }
}

/// Whether the kernel has the family. Blocks for as long as the kernel takes to look.
pub fn has_family(family: &str) -> Result<bool, RequestError> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(
        &encode(lookup(family), CONTROLLER, 1, NLM_F_REQUEST | NLM_F_ACK),
        0,
    )?;
    let mut answers = Answers::<GenlCtrl>::to(1);
    let mut buffer = Vec::with_capacity(RECEIVE_BUFFER);
    while !answers.complete {
        buffer.clear();
        socket.recv(&mut buffer, 0)?;
        match answers.read(&buffer) {
            Err(RequestError::Refused(error)) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(false);
            }
            result => result?,
        }
    }
    Ok(family_number(&answers.payloads).is_some())
}

fn lookup(family: &str) -> GenlCtrl {
    let name = GenlCtrlAttrs::FamilyName(family.to_owned());
    GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![name],
    }
}

fn family_number(answers: &[GenlCtrl]) -> Option<u16> {
    answers
        .iter()
        .flat_map(|answer| &answer.nlas)
        .find_map(|attribute| match attribute {
            GenlCtrlAttrs::FamilyId(number) => Some(*number),
            _ => None,
        })
}

fn no_number() -> RequestError {
    RequestError::Broken(io::Error::new(
        io::ErrorKind::InvalidData,
        "family without a number",
    ))
}

fn encode<F: Payload>(payload: F, family: u16, sequence: u32, flags: u16) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut payload = GenlMessage::from_payload(payload);
    payload.set_resolved_family_id(family);
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(payload));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The answers to one request, gathered from datagrams.
struct Answers<F> {
    sequence: u32,
    payloads: Vec<F>,
    /// The kernel has acknowledged, or said that the dump ends here.
    complete: bool,
}

impl<F: Payload> Answers<F> {
    fn to(sequence: u32) -> Self {
        Self {
            sequence,
            payloads: Vec::new(),
            complete: false,
        }
    }

    /// Reads one datagram. Answers to an earlier request, whose sender did not wait, are passed over.
    fn read(&mut self, datagram: &[u8]) -> Result<(), RequestError> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let message = NetlinkMessage::<GenlMessage<F>>::deserialize(rest)
                .map_err(|error| malformed(&error))?;
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if message.header.sequence_number == self.sequence {
                self.take(message.payload)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, payload: NetlinkPayload<GenlMessage<F>>) -> Result<(), RequestError> {
        match payload {
            NetlinkPayload::InnerMessage(message) => self.payloads.push(message.payload),
            NetlinkPayload::Error(error) if error.code.is_some() => {
                return Err(RequestError::Refused(error.to_io()));
            }
            NetlinkPayload::Done(done) if done.code < 0 => {
                let error = io::Error::from_raw_os_error(done.code.saturating_neg());
                return Err(RequestError::Refused(error));
            }
            NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => self.complete = true,
            // Noop and Overrun: nothing that belongs to an answer.
            _ => {}
        }
        Ok(())
    }
}

fn malformed(error: &DecodeError) -> RequestError {
    RequestError::Broken(io::Error::new(
        io::ErrorKind::InvalidData,
        error.to_string(),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_family_that_the_kernel_does_not_have_is_no_error() {
        assert!(!has_family("no such family").expect("the kernel answers"));
        assert!(has_family("nlctrl").expect("the kernel answers"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_socket_to_a_missing_family_is_refused_with_enoent() {
        let error = GenericSocket::connect("no such family")
            .await
            .expect_err("there is none");
        assert_eq!(error.errno(), Some(libc::ENOENT));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn answers_to_a_request_that_nobody_waited_for_are_passed_over() {
        let mut socket = GenericSocket::connect("nlctrl")
            .await
            .expect("the controller is there");
        let abandoned = encode(lookup("nlctrl"), CONTROLLER, 77, NLM_F_REQUEST | NLM_F_ACK);
        socket.socket.send(&abandoned).await.expect("send");
        let answers = socket.request(lookup("nlctrl")).await.expect("answer");
        assert_eq!(family_number(&answers), Some(CONTROLLER));
        assert_eq!(answers.len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dump_ends() {
        let mut socket = GenericSocket::connect("nlctrl")
            .await
            .expect("the controller is there");
        let everything = GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: Vec::new(),
        };
        let families = socket.dump(everything).await.expect("dump");
        assert!(
            families
                .iter()
                .any(|family| family_number(std::slice::from_ref(family)) == Some(16))
        );
    }

    proptest! {
        #[test]
        fn a_malformed_datagram_is_an_error_and_nothing_worse(
            datagram in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            drop(Answers::<GenlCtrl>::to(0).read(&datagram));
        }

        #[test]
        fn a_datagram_of_absurd_lengths_ends(length in any::<u32>(), kind in 0..20_u16) {
            let mut datagram = length.to_ne_bytes().to_vec();
            datagram.extend(kind.to_ne_bytes());
            datagram.extend([0; 26]);
            drop(Answers::<GenlCtrl>::to(0).read(&datagram));
        }
    }
}
