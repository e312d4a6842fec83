//! A small part of nf_tables over netlink: tables of the netdev and inet families, chains, sets, rules, in one transaction
//! (linux/netfilter/nf_tables.h).
//!
//! A [`Transaction`] is built message by message and takes effect as a whole or not at all. Nothing here knows
//! what the rules are for.

mod filter;
mod message;
mod rule;

use std::io;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

pub use filter::DropFilter;
use message::{Attributes, Message};
pub use rule::{Field, Rule};

/// Transactions may hold hundreds of thousands of set elements.
const SEND_BUFFER: usize = 64 << 20;
/// Answers of one transaction: one per message.
const RECEIVE_BUFFER: usize = 8 << 20;
const ANSWER_SECONDS: i64 = 5;

/// Type of a set's keys, as `nft list ruleset` shows it (libnftables, datatype.h).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyType {
    /// `ipv4_addr`
    Ipv4Address,
    /// `icmp_type`
    IcmpType,
    /// `ipv4_addr . inet_proto`
    AddressProtocol,
    /// `ipv4_addr . inet_proto . inet_service`
    AddressProtocolPort,
}

impl KeyType {
    fn number(self) -> u32 {
        // Six bits each.
        match self {
            Self::Ipv4Address => 7,
            Self::IcmpType => 14,
            Self::AddressProtocol => (7 << 6) | 12,
            Self::AddressProtocolPort => (7 << 12) | (12 << 6) | 13,
        }
    }

    /// Bytes; each part of a concatenation fills whole registers of four.
    fn length(self) -> u32 {
        match self {
            Self::Ipv4Address => 4,
            Self::IcmpType => 1,
            Self::AddressProtocol => 8,
            Self::AddressProtocolPort => 12,
        }
    }
}

/// The kernel did not take a transaction.
#[derive(Debug, thiserror::Error)]
#[error("nftables: {attempted}: {source}")]
pub struct NftError {
    /// What the message that failed was about.
    pub attempted: String,
    pub source: io::Error,
}

/// Changes that take effect together.
#[derive(Debug, Default)]
pub struct Transaction {
    bytes: Vec<u8>,
    /// What each message is about; its place is its sequence number.
    subjects: Vec<String>,
}

impl Transaction {
    pub fn new() -> Self {
        let mut transaction = Self::default();
        transaction.push("begin".to_owned(), Message::begin());
        transaction
    }

    /// Makes the table unless there is one.
    pub fn add_table(&mut self, table: &str) {
        let mut message = Message::new(message::NEW_TABLE, message::CREATE);
        message.text(message::TABLE_NAME, table);
        self.push(format!("add table netdev {table}"), message);
    }

    /// Removes the table and everything in it.
    pub fn delete_table(&mut self, table: &str) {
        let mut message = Message::new(message::DELETE_TABLE, 0);
        message.text(message::TABLE_NAME, table);
        self.push(format!("delete table netdev {table}"), message);
    }

    pub fn add_set(&mut self, table: &str, set: &str, key: KeyType) {
        let mut message = Message::new(message::NEW_SET, message::CREATE);
        message.text(message::SET_TABLE, table);
        message.text(message::SET_NAME, set);
        message.number(message::SET_FLAGS, 0);
        message.number(message::SET_KEY_TYPE, key.number());
        message.number(message::SET_KEY_LENGTH, key.length());
        // The kernel wants one; names identify the set all the same.
        let id = u32::try_from(self.subjects.len()).unwrap_or(0);
        message.number(message::SET_ID, id);
        self.push(format!("add set netdev {table} {set}"), message);
    }

    /// Adds keys of the set's type, in network byte order.
    pub fn add_elements<'a>(
        &mut self,
        table: &str,
        set: &str,
        keys: impl IntoIterator<Item = &'a [u8]>,
    ) {
        self.elements(message::NEW_SET_ELEMENT, message::CREATE, table, set, keys);
    }

    /// Removes keys; one that is not there fails the transaction.
    pub fn delete_elements<'a>(
        &mut self,
        table: &str,
        set: &str,
        keys: impl IntoIterator<Item = &'a [u8]>,
    ) {
        self.elements(message::DELETE_SET_ELEMENT, 0, table, set, keys);
    }

    /// A chain that rules can go to.
    pub fn add_chain(&mut self, table: &str, chain: &str) {
        let mut message = Message::new(message::NEW_CHAIN, message::CREATE);
        message.text(message::CHAIN_TABLE, table);
        message.text(message::CHAIN_NAME, chain);
        self.push(format!("add chain netdev {table} {chain}"), message);
    }

    /// A chain at the ingress of `device`.
    pub fn add_ingress_chain(&mut self, table: &str, chain: &str, device: &str, priority: i32) {
        let mut message = Message::new(message::NEW_CHAIN, message::CREATE);
        message.text(message::CHAIN_TABLE, table);
        message.text(message::CHAIN_NAME, chain);
        message.nested(message::CHAIN_HOOK, |hook| {
            hook.number(message::HOOK_NUMBER, message::NETDEV_INGRESS);
            hook.number(message::HOOK_PRIORITY, priority.cast_unsigned());
            hook.text(message::HOOK_DEVICE, device);
        });
        message.text(message::CHAIN_TYPE, "filter");
        let subject = format!("add chain netdev {table} {chain} at the ingress of {device}");
        self.push(subject, message);
    }

    pub fn add_rule(&mut self, table: &str, chain: &str, rule: &Rule) {
        let mut message = Message::new(message::NEW_RULE, message::CREATE | message::APPEND);
        message.text(message::RULE_TABLE, table);
        message.text(message::RULE_CHAIN, chain);
        message.nested(message::RULE_EXPRESSIONS, |list| list.raw(rule.as_bytes()));
        self.push(format!("add rule netdev {table} {chain}"), message);
    }

    /// Hands the changes to the kernel.
    pub fn commit(mut self) -> Result<(), NftError> {
        self.push("commit".to_owned(), Message::end());
        let failed = |source| NftError {
            attempted: "transaction".to_owned(),
            source,
        };
        let socket = open().map_err(failed)?;
        socket
            .send_to(&self.bytes, &SocketAddr::new(0, 0), 0)
            .map_err(failed)?;
        self.await_answers(&socket)
    }

    fn elements<'a>(
        &mut self,
        kind: u16,
        flags: u16,
        table: &str,
        set: &str,
        keys: impl IntoIterator<Item = &'a [u8]>,
    ) {
        // The list is one attribute, whose length has 16 bits.
        const AT_A_TIME: usize = 1000;
        let mut keys = keys.into_iter().peekable();
        while keys.peek().is_some() {
            let mut message = Message::new(kind, flags);
            message.text(message::ELEMENTS_TABLE, table);
            message.text(message::ELEMENTS_SET, set);
            message.nested(message::ELEMENTS_LIST, |list| {
                for key in keys.by_ref().take(AT_A_TIME) {
                    list.nested(message::LIST_ELEMENT, |element| {
                        element.nested(message::ELEMENT_KEY, |data| {
                            data.bytes(message::DATA_VALUE, key);
                        });
                    });
                }
            });
            self.push(format!("elements of set netdev {table} {set}"), message);
        }
    }

    fn push(&mut self, subject: String, message: Message) {
        let sequence = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX);
        self.subjects.push(subject);
        message.finish(sequence, &mut self.bytes);
    }

    /// Every message between the first and the last is answered; the first failure counts.
    fn await_answers(&self, socket: &Socket) -> Result<(), NftError> {
        let mut left = self.subjects.len().saturating_sub(2);
        let mut buffer = Vec::with_capacity(1 << 16);
        while left > 0 {
            buffer.clear();
            socket.recv(&mut buffer, 0).map_err(|source| NftError {
                attempted: "answer of the kernel".to_owned(),
                source,
            })?;
            for answer in message::answers(&buffer) {
                if answer.errno != 0 {
                    return Err(NftError {
                        attempted: self.subject(answer.sequence),
                        source: io::Error::from_raw_os_error(answer.errno),
                    });
                }
                left = left.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn subject(&self, sequence: u32) -> String {
        let subject = self.subjects.get(sequence as usize);
        subject.cloned().unwrap_or_else(|| "transaction".to_owned())
    }
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    // Both need CAP_NET_ADMIN, as everything else here.
    setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER)?;
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
    // The kernel has answered before the sending call is over; this is for the answer that is lost.
    let wait = TimeVal::seconds(ANSWER_SECONDS);
    setsockopt(&socket, sockopt::ReceiveTimeout, &wait)?;
    Ok(socket)
}
