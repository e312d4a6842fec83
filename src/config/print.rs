//! The effective configuration in the language it was written in, each value with its origin:
//! `holdfast check --print`.
//!
//! Values come from the typed [`Config`](super::Config), so they are what is carried out, whatever the file says. A field has the
//! spelling of its keyword and the keyword's row says how it is written, so that a new field is printed without being named
//! here. What no single word can say (scripts, entries of lists) is printed as it was written, without the words that a
//! complaint has refused; what is not a field of its own, such as a default for others, likewise.

mod origin;
mod page;
mod value;

use serde_json::{Map, Value};

use super::keyword::{ALIASES, Catalogue, Row, Shape, Standing};
use super::load::Loaded;
use super::origins::{Entry, Origins, Record, RecordedWord, last, named};
use super::{root, ssl};
use origin::Scope;
use page::{Page, quoted, words};

/// Passwords in what is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrets {
    /// A comment says that there is one.
    Hidden,
    Shown,
}

/// Keywords whose value is nobody's business.
const SECRET: [&str; 4] = ["auth_pass", "key", "password", "webhook_secret"];
/// Keyword and block of a real server's list of checkers, whose kinds are mixed.
const REAL_SERVER: &str = "real_server";

/// The configuration of a load that asked for origins, as a file that loads to the same configuration.
pub fn print(loaded: &Loaded, secrets: Secrets) -> String {
    let nothing = Origins::default();
    let origins = loaded.origins.as_ref().unwrap_or(&nothing);
    let globals: Vec<Record> = origins
        .records
        .iter()
        .filter(|record| record.keyword == "global_defs")
        .flat_map(|record| record.children.iter().cloned())
        .collect();
    let mut printer = Printer {
        catalogue: root::catalogue(),
        globals: &globals,
        secrets,
        page: Page::default(),
    };
    let config = serde_json::to_value(&loaded.config).unwrap_or_default();
    printer.root(&config, &origins.records);
    printer.page.render()
}

struct Printer<'o> {
    catalogue: Catalogue,
    globals: &'o [Record],
    secrets: Secrets,
    page: Page,
}

/// Lists of routes and rules.
const ROUTING: [&str; 4] = [
    "virtual_routes",
    "virtual_rules",
    "static_routes",
    "static_rules",
];

impl Printer<'_> {
    fn root(&mut self, config: &Value, records: &[Record]) {
        let rows: Vec<&'static Row> = self.catalogue.rows(Catalogue::ROOT).collect();
        for row in rows {
            if row.name == "global_defs" {
                self.page.open("global_defs", None);
                let fields = config["global_defs"].as_object().cloned();
                let scope = Scope::root(self.globals);
                self.block("global_defs", &fields.unwrap_or_default(), &scope);
                self.page.close();
                continue;
            }
            let scope = Scope::root(records);
            match (row.shape, config.get(format!("{}s", row.name))) {
                (Shape::Named(_, block), Some(Value::Array(items))) => {
                    self.items(row, (block, row.standing), items, &scope);
                    // What is read, and nobody serves.
                    let pending = config.get(format!("pending_{}s", row.name));
                    if let Some(Value::Array(items)) = pending {
                        self.items(row, (block, Standing::Pending), items, &scope);
                    }
                }
                (Shape::List(_), _) => {
                    self.list(row, config["static_network"].get(row.name), &scope);
                }
                _ => self.as_written(row, &scope),
            }
        }
    }

    /// The keywords of a block, in the order of its table.
    fn block(&mut self, block: &str, fields: &Map<String, Value>, scope: &Scope<'_>) {
        let mut flat = Map::new();
        flatten(fields, &|name| self.catalogue.knows(block, name), &mut flat);
        let rows: Vec<&'static Row> = self.catalogue.rows(block).collect();
        for row in rows {
            let is_alias = ALIASES
                .iter()
                .any(|&(old, new)| old == row.name && flat.contains_key(new));
            let is_checker = block == REAL_SERVER && matches!(row.shape, Shape::Block(_));
            if is_alias || is_checker {
                continue;
            }
            let several = flat.get(&format!("{}s", row.name));
            match (row.shape, several, flat.get(row.name)) {
                (Shape::Block(inner) | Shape::Named(_, inner), Some(Value::Array(items)), _) => {
                    self.items(row, (inner, row.standing), items, scope);
                }
                (_, _, Some(value)) => self.field(row, value, scope),
                _ if row.name == "nopreempt" => self.preemption(&flat, scope),
                _ => self.as_written(row, scope),
            }
        }
        if let (REAL_SERVER, Some(Value::Array(checkers))) = (block, flat.get("checkers")) {
            let port = fields.get("address").map(|address| &address["port"]);
            self.checkers(checkers, port, scope);
        }
    }

    /// Blocks of one kind, of which the configuration has these.
    fn items(
        &mut self,
        row: &'static Row,
        (block, standing): (&str, Standing),
        items: &[Value],
        scope: &Scope<'_>,
    ) {
        let blocks = |is_used: fn(&Record) -> bool| -> Vec<&Record> {
            let blocks = scope
                .own()
                .iter()
                .filter(|record| record.keyword == row.name);
            blocks.filter(|record| is_used(record)).collect()
        };
        let kept = blocks(|record| record.kept);
        let mut candidates = if kept.is_empty() {
            blocks(|record| !is_refused(record))
        } else {
            kept
        }
        .into_iter();
        for item in items {
            let record = match item["name"].as_str() {
                Some(name) => named(scope.own(), row.name, name),
                None => candidates.find(|record| may_be(record, item)),
            };
            let Some(record) = record else { continue };
            let header = match server_address(item) {
                Some(address) => format!("{} {address}", row.name),
                None => written_line(row.name, &record.words),
            };
            let comment = remarked(standing, origin::at(&record.place));
            self.page.open(&header, Some(comment));
            if let Some(fields) = item.as_object() {
                self.block(block, fields, &scope.inside(row.name, &record.children));
            }
            self.page.close();
        }
    }

    /// The checkers of a real server with this port, in their order.
    fn checkers(&mut self, checkers: &[Value], port: Option<&Value>, scope: &Scope<'_>) {
        let mut carried_out = checkers.iter();
        for record in scope.own() {
            let row = self.catalogue.row(REAL_SERVER, record.keyword);
            let Some(row) = row.filter(|row| matches!(row.shape, Shape::Block(_))) else {
                continue;
            };
            if row.standing == Standing::Pending {
                self.record(row, record);
                continue;
            }
            let Some(checker) = carried_out.as_slice().first().filter(|_| record.kept) else {
                continue;
            };
            carried_out.next();
            self.page
                .open(record.keyword, Some(origin::at(&record.place)));
            if let Some(asked) = other_port(checker, port)
                && last(&record.children, "connect_port").is_none()
            {
                let line = format!("connect_port {asked}");
                self.page
                    .line(&line, "written for the real server".to_owned());
            }
            if let Some(fields) = checker.as_object() {
                let inside = scope.inside(record.keyword, &record.children);
                self.block(record.keyword, fields, &inside);
            }
            self.page.close();
        }
    }

    /// A field of the configuration.
    fn field(&mut self, row: &'static Row, value: &Value, scope: &Scope<'_>) {
        if *value == Value::Null || (row.name == "authentication" && *value == "None") {
            return;
        }
        let Some(text) = value::text(row, value) else {
            return match row.shape {
                Shape::List(_) | Shape::NamedList(_) => self.list(row, Some(value), scope),
                _ => self.last_as_written(row, scope),
            };
        };
        let own = origin::last_of(scope.own(), row.name);
        let comment = match own {
            Some(record) => {
                let comment = remarked(row.standing, origin::with_difference(record, &text));
                comment + &pending_words(&record.words)
            }
            // Nothing follows from it, so there is no default either.
            None if row.standing == Standing::Pending => return,
            // Unicast that does without one has a stand-in.
            None if row.name == "interface" => return,
            None if value::is_off(row, value) || !value::is_in_range(row, value) => return,
            None => origin::inherited(row, scope, self.globals, &self.catalogue),
        };
        // A flag that is off has no spelling.
        if !(row.shape == Shape::Flag && *value == Value::Bool(false)) {
            self.line(row, &text, comment);
        }
    }

    fn preemption(&mut self, fields: &Map<String, Value>, scope: &Scope<'_>) {
        let keyword = match fields.get("preempt") {
            Some(Value::Bool(false)) => "nopreempt",
            _ => return,
        };
        let comment = last(scope.own(), keyword).map(|record| origin::at(&record.place));
        self.page.line(keyword, comment.unwrap_or_default());
    }

    /// What is no field: a default for others, or something that is not carried out.
    fn as_written(&mut self, row: &'static Row, scope: &Scope<'_>) {
        if row.standing == Standing::WithoutEffect {
            return;
        }
        if matches!(row.shape, Shape::List(_)) {
            return self.list(row, None, scope);
        }
        let used = scope.all(row.name).filter(|record| is_used(row, record));
        let mut used: Vec<&Record> = used.collect();
        // The last one counts.
        if row.has_one_value() || row.name == ssl::BLOCK {
            used.drain(..used.len().saturating_sub(1));
        }
        for record in used {
            self.record(row, record);
        }
    }

    fn last_as_written(&mut self, row: &'static Row, scope: &Scope<'_>) {
        match origin::last_of(scope.own(), row.name) {
            // A tracked script that may not run is there, as one that has failed.
            Some(record) if row.shape == Shape::Script => self.used(row, record),
            Some(record) => self.record(row, record),
            None => {}
        }
    }

    fn record(&mut self, row: &'static Row, record: &Record) {
        if is_used(row, record) {
            self.used(row, record);
        }
    }

    /// A statement that has become part of the configuration.
    fn used(&mut self, row: &'static Row, record: &Record) {
        let comment = remarked(row.standing, origin::at(&record.place));
        let comment = comment + &pending_words(&record.words);
        match row.shape {
            Shape::Script => {
                let remark = if is_refused(record) {
                    ", cannot be run"
                } else {
                    ""
                };
                let comment = comment + remark;
                let text = page::without_comment_signs(&record.tail);
                self.page.line(&format!("{} {text}", row.name), comment);
            }
            Shape::Block(block) | Shape::Named(_, block) => {
                let header = match row.shape {
                    Shape::Block(_) => row.name.to_owned(),
                    _ => written_line(row.name, &record.words),
                };
                self.page.open(&header, Some(comment));
                let scope = Scope::root(&record.children);
                let rows: Vec<&'static Row> = self.catalogue.rows(block).collect();
                // Without a table, what is in the block is a list. With one, it is what nobody has understood.
                if rows.is_empty() {
                    self.entries(&used_entries(&record.entries, &[]));
                }
                for row in rows {
                    self.as_written(row, &scope);
                }
                self.page.close();
            }
            Shape::NamedList(_) => {
                self.page
                    .open(&written_line(row.name, &record.words), Some(comment));
                let entries = without_blocks(record.entries.iter());
                self.entries(&used_entries(&entries, &[]));
                self.page.close();
            }
            _ if row.name == "auth_pass" => {
                self.line(row, &password(record), comment);
            }
            Shape::Flag => self.line(row, "", comment),
            // Whatever stands behind the one word is not read.
            Shape::Word(_) => {
                let one = record.words.get(..1).unwrap_or_default();
                self.line(row, &words(one), comment);
            }
            _ => self.line(row, &words(&record.words), comment),
        }
    }

    /// All lists of a keyword as one, with the entries that the configuration has.
    fn list(&mut self, row: &'static Row, value: Option<&Value>, scope: &Scope<'_>) {
        let records: Vec<&Record> = scope
            .all(row.name)
            .filter(|record| !record.refused)
            .collect();
        let entries = records.iter().flat_map(|record| &record.entries);
        let mut entries = if row.name == "group" {
            one_name_each(entries)
        } else {
            without_blocks(entries)
        };
        let mut names = Vec::new();
        if let Some(value) = value {
            value::strings(value, &mut names);
            if names.is_empty() {
                return;
            }
            // Routes and rules have no names: they begin with any of their words. One that is not used has a
            // complaint about one of them.
            if ROUTING.contains(&row.name) {
                names.clear();
                let faultless = |entry: &Entry| !entry.words.iter().any(|word| word.refused);
                let used = value.as_array().map_or(0, Vec::len);
                if entries.iter().filter(|entry| faultless(entry)).count() == used {
                    entries.retain(faultless);
                }
            }
        }
        let entries = used_entries(&entries, &names);
        let Some(first) = records.first().filter(|_| !entries.is_empty()) else {
            return;
        };
        let comment = remarked(row.standing, origin::at(&first.place));
        self.page.open(row.name, Some(comment));
        self.entries(&entries);
        self.page.close();
    }

    fn entries(&mut self, entries: &[&Entry]) {
        for entry in entries {
            let comment = origin::at(&entry.place) + &pending_words(&entry.words);
            if entry.entries.is_empty() {
                self.page.line(&words(&entry.words), comment);
            } else {
                self.page.open(&words(&entry.words), Some(comment));
                self.entries(&used_entries(&entry.entries, &[]));
                self.page.close();
            }
        }
    }

    fn line(&mut self, row: &'static Row, value: &str, comment: String) {
        if SECRET.contains(&row.name) && self.secrets == Secrets::Hidden {
            let text = format!("# {} is hidden, --show-secrets prints it", row.name);
            return self.page.line(&text, comment);
        }
        let text = format!("{} {value}", row.name);
        self.page.line(text.trim_end(), comment);
    }
}

/// The entries that are in use: those of the configuration, if it has any of them by name.
fn used_entries<'e>(entries: &'e [Entry], names: &[String]) -> Vec<&'e Entry> {
    let mut names = names.to_vec();
    let place = |names: &[String], entry: &Entry| {
        let first = entry.words.first()?;
        names
            .iter()
            .position(|name| value::is_name(&first.text, name))
    };
    let by_name = entries.iter().any(|entry| place(&names, entry).is_some());
    let is_used = |entry: &&Entry| {
        if by_name {
            // Each once, as often as the configuration has it.
            let place = place(&names, entry);
            place.map(|place| names.swap_remove(place)).is_some()
        } else {
            entry.words.first().is_some_and(|first| !first.refused)
        }
    };
    entries.iter().filter(is_used).collect()
}

/// The comment behind what the file says, as the keyword tables have it.
fn remarked(standing: Standing, comment: String) -> String {
    match standing {
        Standing::Pending => comment + ", not carried out yet",
        Standing::CarriedOut | Standing::WithoutEffect => comment,
    }
}

/// Which of the words behind a keyword or of an entry have no effect yet.
fn pending_words(words: &[RecordedWord]) -> String {
    let pending = words.iter().filter(|word| word.pending);
    let remarks = pending.map(|word| format!(", '{}' not carried out yet", word.text));
    remarks.collect()
}

fn is_used(row: &Row, record: &Record) -> bool {
    match row.shape {
        // What stands behind the keyword is ignored, the keyword is not.
        Shape::Block(_) | Shape::Flag => !record.refused,
        // A password that is too long is used, but not all of it.
        _ => !is_refused(record) || row.name == "auth_pass",
    }
}

/// A complaint says that the statement, or what its header names, is not used.
fn is_refused(record: &Record) -> bool {
    record.refused || record.words.first().is_some_and(|word| word.refused)
}

fn written_line(keyword: &str, header: &[RecordedWord]) -> String {
    let header: Vec<String> = header.iter().map(|word| quoted(&word.text)).collect();
    format!("{keyword} {}", header.join(" "))
        .trim_end()
        .to_owned()
}

/// The port that a checker asks, where that is not `port` of the real server: that has been reset to the virtual server's.
fn other_port(checker: &Value, port: Option<&Value>) -> Option<u64> {
    let (_, kind) = checker["kind"].as_object()?.iter().next()?;
    let options = if kind.is_array() { &kind[0] } else { kind };
    let asked = &options["target"]["port"];
    asked.as_u64().filter(|_| Some(asked) != port)
}

/// Address and port of a virtual or real server where the port matters.
fn server_address(item: &Value) -> Option<String> {
    if item["target"].is_object() {
        return None;
    }
    let address = item["address"]["address"].as_str()?;
    match item["address"]["port"].as_u64()? {
        0 => None,
        port => Some(format!("{address} {port}")),
    }
}

/// The entries of a list have no blocks; what was written in one is not read.
fn without_blocks<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.cloned().collect();
    entries.iter_mut().for_each(|entry| entry.entries.clear());
    entries
}

/// Several names may stand on a line.
fn one_name_each<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<Entry> {
    let names = entries.flat_map(|entry| {
        entry.words.iter().map(|word| Entry {
            words: vec![word.clone()],
            place: entry.place.clone(),
            entries: Vec::new(),
        })
    });
    names.collect()
}

/// The block may be the one that became `item`: where that has an address, it is the block's.
fn may_be(record: &Record, item: &Value) -> bool {
    let word = |index: usize| {
        record
            .words
            .get(index)
            .map_or("", |word| word.text.as_str())
    };
    if let Some(mark) = item["target"]["Fwmark"].as_u64() {
        return word(0) == "fwmark" && word(1).parse() == Ok(mark);
    }
    if let Some(name) = item["target"]["Group"].as_str() {
        return word(0) == "group" && word(1) == name;
    }
    item["address"]["address"].as_str().is_none_or(|address| {
        let written = record.words.first();
        written.is_some_and(|word| value::is_name(&word.text, address))
    })
}

/// The bytes that count (RFC 2338 §5.3.10).
fn password(record: &Record) -> String {
    let text = record.words.first().map_or("", |word| word.text.as_str());
    quoted(text.get(..8).unwrap_or(text))
}

/// Structures inside a block are a matter of the program: their fields are keywords of the block.
fn flatten(
    fields: &Map<String, Value>,
    knows: &dyn Fn(&str) -> bool,
    flat: &mut Map<String, Value>,
) {
    let mut own = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(inner) if !knows(name) || inner.contains_key(name) => {
                flatten(inner, knows, flat);
            }
            // A variant of an enum with several values.
            Value::Array(parts)
                if name.starts_with(char::is_uppercase) && parts.iter().all(Value::is_object) =>
            {
                for inner in parts.iter().filter_map(Value::as_object) {
                    flatten(inner, knows, flat);
                }
            }
            value => own.push((name.clone(), value.clone())),
        }
    }
    // The outer of two fields of one name is the keyword's.
    flat.extend(own);
}

#[cfg(test)]
mod remark_tests;
#[cfg(test)]
mod tests;
