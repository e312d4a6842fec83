//! Entries of `virtual_rules` and `static_rules` (keepalived: vrrp_iprule.c).
//!
//! A mistake in an entry leaves the whole rule out, because a rule without one of its conditions is for more packets
//! than was meant.

use super::diagnostic::{Code, Finding, nearest};
use super::entry::{self, Entry, EntryList};
use super::iproute_names::NameKind;
use super::keyword::{Reader, Spanned};
use super::lexer::Word;
use super::lines::Span;
use super::routes::realms;
use super::tree::Statement;
use crate::types::{
    AddressFamily, InterfaceName, IpPrefix, NumberRange, RTPROT_KEEPALIVED, Rule, RuleAction,
};

/// keepalived: rules without a preference are numbered downwards from here.
pub(crate) const FIRST_DEFAULT_PREFERENCE: u32 = 16_384;

/// Every option, for suggestions.
const OPTIONS: [&str; 39] = [
    "not",
    "inet",
    "inet6",
    "from",
    "to",
    "iif",
    "dev",
    "oif",
    "fwmark",
    "tos",
    "dsfield",
    "realms",
    "uidrange",
    "ipproto",
    "sport",
    "dport",
    "tunnel-id",
    "l3mdev",
    "protocol",
    "suppress_prefixlength",
    "sup_pl",
    "suppress_ifgroup",
    "sup_group",
    "preference",
    "order",
    "priority",
    "no_track",
    "track_group",
    "table",
    "lookup",
    "goto",
    "nop",
    "blackhole",
    "unreachable",
    "prohibit",
    "type",
    "all",
    "any",
    "default",
];

/// IP protocols that rules name (`/etc/protocols` has more, which nobody balances by).
const PROTOCOLS: [(&str, u8); 12] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("vrrp", 112),
    ("sctp", 132),
];

/// A rule and what of it must exist.
#[derive(Clone, Debug)]
pub(crate) struct RuleDraft {
    pub(crate) rule: Rule,
    /// Of the entry.
    pub(crate) span: Span,
    /// Interfaces that the entry names.
    pub(crate) interfaces: Vec<Spanned<InterfaceName>>,
}

/// All entries of a list.
pub(crate) fn entries(
    statements: &[Statement<'_>],
    list: EntryList,
    reader: &mut Reader,
) -> Vec<RuleDraft> {
    statements
        .iter()
        .filter_map(|statement| {
            let rule = RuleReader::new(statement, list, reader).read();
            reader.or_complain(rule)
        })
        .collect()
}

/// Reads one entry.
struct RuleReader<'a, 'r> {
    statement: &'a Statement<'a>,
    entry: Entry<'a>,
    list: EntryList,
    reader: &'r mut Reader,
    /// As far as the words so far have fixed it.
    family: Option<AddressFamily>,
    rule: Rule,
    action: Option<(RuleAction, Word<'a>)>,
    preference: Option<u32>,
    interfaces: Vec<Spanned<InterfaceName>>,
    /// An option that only a lookup has.
    of_lookup: Option<Word<'a>>,
    /// Where a `protocol` stands.
    protocol: Option<Word<'a>>,
}

impl<'a, 'r> RuleReader<'a, 'r> {
    fn new(statement: &'a Statement<'a>, list: EntryList, reader: &'r mut Reader) -> Self {
        Self {
            statement,
            entry: Entry::of(statement),
            list,
            reader,
            family: None,
            rule: Rule::new(AddressFamily::Inet, 0),
            action: None,
            preference: None,
            interfaces: Vec::new(),
            of_lookup: None,
            protocol: None,
        }
    }

    fn read(mut self) -> Result<RuleDraft, Finding> {
        while let Some(word) = self.entry.next() {
            self.option(word)?;
        }
        self.finish()
    }

    fn option(&mut self, word: Word<'a>) -> Result<(), Finding> {
        match word.text {
            "not" => self.rule.is_inverted = true,
            "inet" => self.see(AddressFamily::Inet, word)?,
            "inet6" => self.see(AddressFamily::Inet6, word)?,
            "from" => self.rule.from = self.prefix(word)?,
            "to" => self.rule.to = self.prefix(word)?,
            "iif" | "dev" => self.rule.iif = Some(self.interface(word)?),
            "oif" => self.rule.oif = Some(self.interface(word)?),
            "fwmark" => self.fwmark(word)?,
            "tos" | "dsfield" => {
                let value = self.entry.value(word)?;
                let tos = entry::named(value, word.text, NameKind::DsField, &self.reader.names)?;
                self.rule.tos = Some(u8::try_from(tos).unwrap_or(u8::MAX));
            }
            "realms" => {
                let value = self.entry.value(word)?;
                self.rule.realms = Some(realms(value, self.reader)?);
                self.of_lookup = Some(word);
            }
            "uidrange" => self.rule.uidrange = Some(self.range(word, u32::MAX.into())?),
            "ipproto" | "ip_proto" => self.rule.ipproto = Some(self.ipproto(word)?),
            "sport" => self.rule.sport = Some(self.range(word, u16::MAX.into())?),
            "dport" => self.rule.dport = Some(self.range(word, u16::MAX.into())?),
            "tunnel-id" => self.rule.tunnel_id = Some(self.number(word, u64::MAX)?),
            "protocol" => {
                let value = self.entry.value(word)?;
                let number =
                    entry::named(value, word.text, NameKind::Protocol, &self.reader.names)?;
                self.rule.protocol = u8::try_from(number).unwrap_or(u8::MAX);
                self.protocol = Some(word);
            }
            "suppress_prefixlength" | "sup_pl" => {
                self.rule.suppress_prefixlength = Some(self.number(word, 128)?);
                self.of_lookup = Some(word);
            }
            "suppress_ifgroup" | "sup_group" => {
                let value = self.entry.value(word)?;
                let group = entry::named(value, word.text, NameKind::Group, &self.reader.names)?;
                self.rule.suppress_ifgroup = Some(group);
                self.of_lookup = Some(word);
            }
            "preference" | "order" | "priority" => {
                self.preference = Some(self.number(word, u32::MAX.into())?);
            }
            "no_track" => self.rule.no_track = true,
            "track_group" if self.list == EntryList::Static => {
                self.rule.track_group = Some(self.entry.value(word)?.text.to_owned());
            }
            _ => self.action(word)?,
        }
        Ok(())
    }

    fn action(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let action = match word.text {
            "table" | "lookup" => RuleAction::Lookup(Some(self.table(word)?)),
            "goto" => RuleAction::Goto(self.number(word, u32::MAX.into())?),
            "l3mdev" => {
                self.rule.l3mdev = true;
                RuleAction::Lookup(None)
            }
            "type" => {
                let kind = self.entry.value(word)?;
                return match kind.text {
                    "nop" | "blackhole" | "unreachable" | "prohibit" => self.action(kind),
                    text => {
                        let message = format!("unknown type of rule '{text}'");
                        Err(Finding::new(Code::InvalidValue, kind.span, message)
                            .expected("nop, blackhole, unreachable or prohibit"))
                    }
                };
            }
            "nop" => RuleAction::Nop,
            "blackhole" => RuleAction::Blackhole,
            "unreachable" => RuleAction::Unreachable,
            "prohibit" => RuleAction::Prohibit,
            _ => return Err(self.unknown(word)),
        };
        if let Some((_, first)) = self.action {
            let message = format!(
                "'{}' behind '{}': a rule has one action; this one is not used",
                word.text, first.text
            );
            return Err(Finding::new(Code::Conflict, word.span, message));
        }
        self.action = Some((action, word));
        Ok(())
    }

    fn unknown(&self, word: Word<'_>) -> Finding {
        let text = word.text;
        if text == "track_group" {
            let message = "'track_group' is for static rules only; the rule is not used";
            return Finding::new(Code::MisplacedKeyword, word.span, message);
        }
        let message = format!("'{text}' is no option of a rule; the rule is not used");
        Finding::new(Code::InvalidValue, word.span, message)
            .maybe_help(nearest(text, OPTIONS).map(|name| format!("did you mean '{name}'?")))
    }

    fn see(&mut self, family: AddressFamily, word: Word<'_>) -> Result<(), Finding> {
        match self.family {
            Some(known) if known != family => {
                let message = format!(
                    "'{}' is {family} in a rule of {known}; the rule is not used",
                    word.text
                );
                Err(Finding::new(Code::Conflict, word.span, message))
            }
            _ => {
                self.family = Some(family);
                Ok(())
            }
        }
    }

    /// `None`: every address.
    fn prefix(&mut self, word: Word<'a>) -> Result<Option<IpPrefix>, Finding> {
        let value = self.entry.value(word)?;
        if matches!(value.text, "all" | "any" | "default") {
            return Ok(None);
        }
        let (prefix, finding) = entry::prefix(value)?;
        self.reader.findings.extend(finding);
        self.see(prefix.family(), value)?;
        Ok((prefix.prefix_len > 0).then_some(prefix))
    }

    fn interface(&mut self, word: Word<'a>) -> Result<InterfaceName, Finding> {
        let name = self.entry.value(word)?;
        let value = entry::interface(name)?;
        self.interfaces.push(Spanned {
            value: value.clone(),
            span: name.span,
        });
        Ok(value)
    }

    /// `MARK[/MASK]`
    fn fwmark(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let value = self.entry.value(word)?;
        let part = |text, what| entry::number(Word { text, ..value }, what, 0, u32::MAX.into());
        match value.text.split_once('/') {
            Some((mark, mask)) => {
                self.rule.fwmark = Some(part(mark, "fwmark")?);
                self.rule.fwmask = Some(part(mask, "mask of a fwmark")?);
            }
            None => self.rule.fwmark = Some(part(value.text, "fwmark")?),
        }
        Ok(())
    }

    /// `FIRST-LAST`, or one number for both (keepalived's manual; its code wants two).
    fn range<T: Copy + TryFrom<u64> + PartialOrd>(
        &mut self,
        word: Word<'a>,
        most: u64,
    ) -> Result<NumberRange<T>, Finding> {
        let value = self.entry.value(word)?;
        let part = |text| entry::number(Word { text, ..value }, word.text, 0, most);
        let (first, last): (T, T) = match value.text.split_once('-') {
            Some((first, last)) => (part(first)?, part(last)?),
            None => (part(value.text)?, part(value.text)?),
        };
        if first > last {
            let message = format!("{} {} ends before it begins", word.text, value.text);
            return Err(Finding::new(Code::OutOfRange, value.span, message));
        }
        Ok(NumberRange { first, last })
    }

    fn ipproto(&mut self, word: Word<'a>) -> Result<u8, Finding> {
        let value = self.entry.value(word)?;
        let name = value.text.to_ascii_lowercase();
        match PROTOCOLS.iter().find(|(known, _)| *known == name) {
            Some(&(_, number)) => Ok(number),
            None => entry::number(value, word.text, 1, 255),
        }
    }

    fn table(&mut self, word: Word<'a>) -> Result<u32, Finding> {
        let value = self.entry.value(word)?;
        match entry::named(value, "routing table", NameKind::Table, &self.reader.names)? {
            0 => {
                let message = "routing table 0 is none; the rule is not used";
                Err(Finding::new(Code::OutOfRange, value.span, message))
            }
            table => Ok(table),
        }
    }

    fn number<T: TryFrom<u64>>(&mut self, word: Word<'a>, most: u64) -> Result<T, Finding> {
        entry::number(self.entry.value(word)?, word.text, 0, most)
    }

    fn finish(mut self) -> Result<RuleDraft, Finding> {
        let span = self.statement.span();
        let Some((action, word)) = self.action else {
            let message = "a rule needs an action; this one is not used";
            return Err(Finding::new(Code::InvalidValue, span, message)
                .expected("table, goto, nop, blackhole, unreachable or prohibit"));
        };
        if let (Some(option), false) = (
            self.of_lookup,
            matches!(action, RuleAction::Lookup(Some(_))),
        ) {
            let message = format!(
                "'{}' goes together with 'table' only; the rule is not used",
                option.text
            );
            return Err(Finding::new(Code::Conflict, option.span, message));
        }
        self.rule.preference = match self.preference {
            Some(preference) => preference,
            None => self.default_preference(span),
        };
        if let RuleAction::Goto(target) = action
            && target <= self.rule.preference
        {
            let message = format!(
                "'goto {target}' must lead behind the rule's own preference {}; the rule is not used",
                self.rule.preference
            );
            return Err(Finding::new(Code::Conflict, word.span, message));
        }
        self.rule.action = action;
        self.rule.family = self.family.unwrap_or_default();
        self.check_tracking(span);
        Ok(RuleDraft {
            rule: self.rule,
            span,
            interfaces: self.interfaces,
        })
    }

    fn default_preference(&mut self, span: Span) -> u32 {
        let preference = self.reader.rule_preference;
        self.reader.rule_preference = preference.saturating_sub(1);
        let message = format!(
            "a rule without a preference gets {preference}, which is probably not what you want"
        );
        self.reader
            .findings
            .push(Finding::new(Code::Defaulted, span, message).help("add 'preference NUMBER'"));
        preference
    }

    fn check_tracking(&mut self, span: Span) {
        if let (Some(word), false) = (self.protocol, self.rule.no_track)
            && self.rule.protocol != RTPROT_KEEPALIVED
        {
            let message =
                format!("a rule with another 'protocol' than {RTPROT_KEEPALIVED} is not tracked");
            let help =
                format!("protocol {RTPROT_KEEPALIVED} is used; 'no_track' lets it be another");
            let finding = Finding::new(Code::Conflict, word.span, message);
            self.reader.findings.push(finding.help(help));
            self.rule.protocol = RTPROT_KEEPALIVED;
        }
        if self.rule.track_group.is_some() && self.rule.iif.is_none() {
            let message = "a rule without 'iif' has no interface for its 'track_group'";
            self.reader
                .findings
                .push(Finding::new(Code::Conflict, span, message));
            self.rule.track_group = None;
        }
    }
}

#[cfg(test)]
mod tests;
