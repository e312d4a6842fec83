//! A table that drops packets to and from addresses: of the inet family, with a chain for packets that come in and one
//! for those that go out.

use std::net::IpAddr;

use super::message::{self, Attributes, Message};
use super::rule::Rule;
use super::{NftError, Transaction};

/// What is dropped.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DropFilter {
    pub table: String,
    /// Of both chains.
    pub priority: i32,
    pub has_counters: bool,
    pub addresses: Vec<IpAddr>,
}

/// Chains and their hooks.
const CHAINS: [(&str, u32, End); 2] = [
    ("in", message::INET_LOCAL_IN, End::Destination),
    ("out", message::INET_LOCAL_OUT, End::Source),
];

/// Which address of a packet counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Source,
    Destination,
}

impl DropFilter {
    /// Puts the table in place of whatever table of that name there is.
    pub fn commit(&self) -> Result<(), NftError> {
        let mut transaction = Transaction::new();
        // To delete a table that is not there is an error, to add one that is there is none.
        transaction.table(&self.table, Change::Add);
        transaction.table(&self.table, Change::Delete);
        transaction.table(&self.table, Change::Add);
        for (chain, hook, end) in CHAINS {
            transaction.hook_chain(&self.table, chain, hook, self.priority);
            // Neighbours must find the address: it is here, although nothing is taken for it.
            let neighbour_discovery = Rule::new().neighbour_discovery().accept();
            transaction.filter_rule(&self.table, chain, &neighbour_discovery);
            for address in &self.addresses {
                let rule = Rule::new().address(*address, end);
                let rule = if self.has_counters {
                    rule.counter()
                } else {
                    rule
                };
                transaction.filter_rule(&self.table, chain, &rule.drop());
            }
        }
        transaction.commit()
    }

    /// Removes the table; one that is not there is no error.
    pub fn remove(table: &str) -> Result<(), NftError> {
        let mut transaction = Transaction::new();
        transaction.table(table, Change::Add);
        transaction.table(table, Change::Delete);
        transaction.commit()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    Add,
    Delete,
}

impl Transaction {
    fn table(&mut self, table: &str, change: Change) {
        let (kind, flags) = match change {
            Change::Add => (message::NEW_TABLE, message::CREATE),
            Change::Delete => (message::DELETE_TABLE, 0),
        };
        let mut message = Message::of_family(kind, flags, message::NFPROTO_INET);
        message.text(message::TABLE_NAME, table);
        self.push(format!("{change:?} table inet {table}"), message);
    }

    fn hook_chain(&mut self, table: &str, chain: &str, hook: u32, priority: i32) {
        let mut message =
            Message::of_family(message::NEW_CHAIN, message::CREATE, message::NFPROTO_INET);
        message.text(message::CHAIN_TABLE, table);
        message.text(message::CHAIN_NAME, chain);
        message.nested(message::CHAIN_HOOK, |data| {
            data.number(message::HOOK_NUMBER, hook);
            data.number(message::HOOK_PRIORITY, priority.cast_unsigned());
        });
        // NF_ACCEPT
        message.number(message::CHAIN_POLICY, 1);
        message.text(message::CHAIN_TYPE, "filter");
        self.push(format!("add chain inet {table} {chain}"), message);
    }

    fn filter_rule(&mut self, table: &str, chain: &str, rule: &Rule) {
        let flags = message::CREATE | message::APPEND;
        let mut message = Message::of_family(message::NEW_RULE, flags, message::NFPROTO_INET);
        message.text(message::RULE_TABLE, table);
        message.text(message::RULE_CHAIN, chain);
        message.nested(message::RULE_EXPRESSIONS, |list| list.raw(rule.as_bytes()));
        self.push(format!("add rule inet {table} {chain}"), message);
    }
}
