//! Entries of `virtual_routes` and `static_routes` (keepalived: vrrp_iproute.c).
//!
//! `[TYPE] DESTINATION [OPTION [VALUE]]…` in any order: the destination is the word that is no option. A mistake in
//! an entry leaves the whole route out, because a route with half of its conditions goes elsewhere.

mod encap;
mod metrics;
mod way;

use super::diagnostic::{Code, Finding, nearest};
use super::entry::{self, Entry, EntryList};
use super::iproute_names::NameKind;
use super::keyword::{Reader, Spanned};
use super::lexer::Word;
use super::tree::Statement;
use crate::types::{
    AddressFamily, InsertMode, InterfaceName, IpPrefix, RTPROT_KEEPALIVED, Route, RoutePreference,
    RouteScope, RouteType,
};

/// Options other than the metrics, for suggestions.
const OPTIONS: [&str; 29] = [
    "to",
    "src",
    "via",
    "dev",
    "oif",
    "from",
    "tos",
    "dsfield",
    "table",
    "protocol",
    "scope",
    "metric",
    "priority",
    "preference",
    "onlink",
    "encap",
    "nexthop",
    "realms",
    "pref",
    "expires",
    "ttl-propagate",
    "add",
    "prepend",
    "append",
    "no_track",
    "track_group",
    "vrf",
    "inet",
    "inet6",
];

/// A route and what of it must exist.
#[derive(Clone, Debug)]
pub(crate) struct RouteDraft {
    pub(crate) route: Route,
    /// Of the entry.
    pub(crate) span: super::lines::Span,
    /// Interfaces that the entry names.
    pub(crate) interfaces: Vec<Spanned<InterfaceName>>,
}

/// All entries of a list.
pub(crate) fn entries(
    statements: &[Statement<'_>],
    list: EntryList,
    reader: &mut Reader,
) -> Vec<RouteDraft> {
    statements
        .iter()
        .filter_map(|statement| {
            let route = RouteReader::new(statement, list, reader).read();
            reader.or_complain(route)
        })
        .collect()
}

/// Reads one entry.
struct RouteReader<'a, 'r> {
    statement: &'a Statement<'a>,
    entry: Entry<'a>,
    list: EntryList,
    reader: &'r mut Reader,
    /// As far as the words so far have fixed it.
    family: Option<AddressFamily>,
    route: Route,
    destination: Option<IpPrefix>,
    interfaces: Vec<Spanned<InterfaceName>>,
    insert: Option<InsertMode>,
    /// Where a `protocol` stands.
    protocol: Option<Word<'a>>,
}

impl<'a, 'r> RouteReader<'a, 'r> {
    fn new(statement: &'a Statement<'a>, list: EntryList, reader: &'r mut Reader) -> Self {
        Self {
            statement,
            entry: Entry::of(statement),
            list,
            reader,
            family: None,
            route: Route::new(IpPrefix::all(AddressFamily::Inet)),
            destination: None,
            interfaces: Vec::new(),
            insert: None,
            protocol: None,
        }
    }

    fn read(mut self) -> Result<RouteDraft, Finding> {
        while let Some(word) = self.entry.next() {
            self.option(word)?;
        }
        self.finish()
    }

    fn option(&mut self, word: Word<'a>) -> Result<(), Finding> {
        if metrics::is_metric(word.text) {
            return self.metric(word);
        }
        match word.text {
            "inet" => self.see(AddressFamily::Inet, word)?,
            "inet6" => self.see(AddressFamily::Inet6, word)?,
            "src" => {
                let address = self.entry.value(word)?;
                let source = entry::address(address, "source address")?;
                self.see(AddressFamily::of(source), address)?;
                self.route.src = Some(source);
            }
            "via" => self.route.via = Some(self.router(word)?),
            "gw" => {
                self.deprecated(word, "via");
                self.route.via = Some(self.router(word)?);
            }
            "or" => self.another_router(word)?,
            "nexthop" => self.nexthops(word)?,
            "dev" | "oif" => self.route.dev = Some(self.interface(word)?),
            "from" => self.from(word)?,
            "tos" | "dsfield" => self.route.tos = Some(self.byte(word, NameKind::DsField)?),
            "table" => self.route.table = Some(self.table(word)?),
            "protocol" => {
                self.route.protocol = self.byte(word, NameKind::Protocol)?;
                self.protocol = Some(word);
            }
            "scope" => {
                let scope = self.byte(word, NameKind::Scope)?;
                self.route.scope = Some(RouteScope::new(scope));
            }
            "metric" | "priority" | "preference" => {
                self.route.metric = Some(self.number(word, u32::MAX.into())?);
            }
            "onlink" => self.route.onlink = true,
            "encap" => self.route.encap = Some(self.encap(word)?),
            "realms" => {
                self.require(AddressFamily::Inet, word)?;
                self.route.realms = Some(self.realms(word)?);
            }
            "pref" => self.pref(word)?,
            "expires" => {
                self.require(AddressFamily::Inet6, word)?;
                self.route.expires = Some(self.number(word, u32::MAX.into())?);
            }
            "ttl-propagate" => self.ttl_propagate(word)?,
            "add" => self.insert = Some(InsertMode::Add),
            "prepend" => self.insert = Some(InsertMode::Prepend),
            "append" => self.insert = Some(InsertMode::Append),
            "no_track" => self.route.no_track = true,
            "track_group" if self.list == EntryList::Static => {
                self.route.track_group = Some(self.entry.value(word)?.text.to_owned());
            }
            "vrf" => {
                let name = self.interface(word)?;
                self.route.vrf = Some(name);
            }
            "as" => {
                self.entry.skip("to");
                self.entry.next();
                let message = "'as' is for MPLS, which is not carried out; it is not used";
                let finding = Finding::new(Code::InvalidValue, word.span, message);
                self.reader.findings.push(finding);
            }
            "to" => {
                let destination = self.entry.value(word)?;
                self.destination(destination)?;
            }
            _ => self.destination(word)?,
        }
        Ok(())
    }

    /// The type, the destination, or a word that is neither.
    fn destination(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let kind = RouteType::NAMES.iter().find(|(name, _)| *name == word.text);
        if let Some(&(_, kind)) = kind {
            self.route.kind = kind;
            return Ok(());
        }
        let destination = match word.text {
            "default" | "any" | "all" => IpPrefix::all(self.family.unwrap_or_default()),
            "default6" => {
                self.deprecated(word, "inet6 default");
                self.see(AddressFamily::Inet6, word)?;
                IpPrefix::all(AddressFamily::Inet6)
            }
            _ => match entry::prefix(word) {
                Ok((destination, finding)) => {
                    self.reader.findings.extend(finding);
                    self.see(destination.family(), word)?;
                    destination
                }
                Err(_) => return Err(self.unknown(word)),
            },
        };
        self.destination = Some(destination);
        Ok(())
    }

    fn unknown(&self, word: Word<'_>) -> Finding {
        let text = word.text;
        if text == "track_group" {
            let message = "'track_group' is for static routes only; the route is not used";
            return Finding::new(Code::MisplacedKeyword, word.span, message);
        }
        let message =
            format!("'{text}' is neither an option nor an address; the route is not used");
        let names = RouteType::NAMES.iter().map(|(name, _)| *name);
        let known = OPTIONS.iter().copied().chain(metrics::names()).chain(names);
        Finding::new(Code::InvalidValue, word.span, message)
            .maybe_help(nearest(text, known).map(|name| format!("did you mean '{name}'?")))
    }

    /// `word` is of `family`, and so is the route.
    fn see(&mut self, family: AddressFamily, word: Word<'_>) -> Result<(), Finding> {
        match self.family {
            Some(known) if known != family => {
                let message = format!(
                    "'{}' is {family} in a route of {known}; the route is not used",
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

    /// An option that only one family has.
    fn require(&self, family: AddressFamily, word: Word<'_>) -> Result<(), Finding> {
        if self.family.is_none_or(|known| known == family) {
            return Ok(());
        }
        let message = format!(
            "'{}' is for {family} only; the route is not used",
            word.text
        );
        Err(Finding::new(Code::Conflict, word.span, message))
    }

    fn from(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let address = self.entry.value(word)?;
        let (from, finding) = entry::prefix(address)?;
        self.reader.findings.extend(finding);
        if from.family() == AddressFamily::Inet {
            // keepalived: the kernel has it for IPv6 alone.
            let message = "'from' is for IPv6 routes only; the route is not used";
            return Err(Finding::new(Code::Conflict, address.span, message));
        }
        self.see(AddressFamily::Inet6, address)?;
        self.route.from = Some(from);
        Ok(())
    }

    fn pref(&mut self, word: Word<'a>) -> Result<(), Finding> {
        self.require(AddressFamily::Inet6, word)?;
        let value = self.entry.value(word)?;
        self.route.pref = Some(match value.text {
            "low" => RoutePreference::Low,
            "medium" => RoutePreference::Medium,
            "high" => RoutePreference::High,
            text => {
                let message = format!("invalid pref '{text}'; the route is not used");
                return Err(Finding::new(Code::InvalidValue, value.span, message)
                    .expected("low, medium or high"));
            }
        });
        Ok(())
    }

    fn ttl_propagate(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let value = self.entry.value(word)?;
        self.route.ttl_propagate = Some(match value.text {
            "enabled" => true,
            "disabled" => false,
            text => {
                let message = format!("invalid ttl-propagate '{text}'; the route is not used");
                return Err(Finding::new(Code::InvalidValue, value.span, message)
                    .expected("enabled or disabled"));
            }
        });
        Ok(())
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

    fn number<T: TryFrom<u64>>(&mut self, word: Word<'a>, most: u64) -> Result<T, Finding> {
        entry::number(self.entry.value(word)?, word.text, 0, most)
    }

    fn byte(&mut self, word: Word<'a>, kind: NameKind) -> Result<u8, Finding> {
        let value = self.entry.value(word)?;
        let number = entry::named(value, word.text, kind, &self.reader.names)?;
        Ok(u8::try_from(number).unwrap_or(u8::MAX))
    }

    fn table(&mut self, word: Word<'a>) -> Result<u32, Finding> {
        let value = self.entry.value(word)?;
        entry::named(value, word.text, NameKind::Table, &self.reader.names)
    }

    fn realms(&mut self, word: Word<'a>) -> Result<u32, Finding> {
        let value = self.entry.value(word)?;
        realms(value, self.reader)
    }

    fn deprecated(&mut self, word: Word<'_>, instead: &str) {
        let message = format!("'{}' is deprecated for routes", word.text);
        let finding = Finding::new(Code::Deprecated, word.span, message);
        self.reader
            .findings
            .push(finding.help(format!("use '{instead}'")));
    }

    fn finish(mut self) -> Result<RouteDraft, Finding> {
        let span = self.statement.span();
        let Some(destination) = self.destination else {
            let message = "a route needs a destination; this one is not used";
            return Err(Finding::new(Code::InvalidValue, span, message)
                .help("'default' is everything that no other route is for"));
        };
        self.route.destination = match self.family {
            // `default` before the words that fix the family.
            Some(family) if destination.family() != family => IpPrefix::all(family),
            _ => destination,
        };
        // keepalived: for routes that lead nowhere, the first one counts.
        self.route.insert = self.insert.unwrap_or(match self.route.kind {
            RouteType::Blackhole
            | RouteType::Unreachable
            | RouteType::Prohibit
            | RouteType::Throw => InsertMode::Add,
            _ => InsertMode::Prepend,
        });
        if let (Some(word), false) = (self.protocol, self.route.no_track)
            && self.route.protocol != RTPROT_KEEPALIVED
        {
            let message =
                format!("a route with another 'protocol' than {RTPROT_KEEPALIVED} is not tracked");
            let finding = Finding::new(Code::Conflict, word.span, message);
            let help =
                format!("protocol {RTPROT_KEEPALIVED} is used; 'no_track' lets it be another");
            self.reader.findings.push(finding.help(help));
            self.route.protocol = RTPROT_KEEPALIVED;
        }
        if self.route.track_group.is_some() && self.route.dev.is_none() {
            let message = "a route without 'dev' has no interface for its 'track_group'";
            self.reader
                .findings
                .push(Finding::new(Code::Conflict, span, message));
            self.route.track_group = None;
        }
        Ok(RouteDraft {
            route: self.route,
            span,
            interfaces: self.interfaces,
        })
    }
}

/// `[SOURCE/]DESTINATION`
pub(crate) fn realms(word: Word<'_>, reader: &Reader) -> Result<u32, Finding> {
    let number = |text: &str| {
        let word = Word { text, ..word };
        entry::named(word, "realm", NameKind::Realm, &reader.names)
    };
    match word.text.split_once('/') {
        Some((source, destination)) => Ok(number(source)? << 16 | number(destination)?),
        None => number(word.text),
    }
}

#[cfg(test)]
mod tests;
