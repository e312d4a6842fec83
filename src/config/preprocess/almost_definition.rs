//! Lines that were meant as a definition and are none. keepalived reads them as words, of which the first is no keyword.

use super::Preprocessor;
use super::expansion::{Lookup, braces_of};
use super::text::{AlmostDefinition, WhyAlmost, almost_definition};
use crate::config::diagnostic::{Code, Finding};
use crate::config::lines::Rewritten;

impl Preprocessor<'_> {
    /// The line was meant as a definition and is not read; says why it is none. A name that has a value is put in as in
    /// any other line.
    pub(super) fn is_faulty_definition(&mut self, physical: u32, line: &Rewritten) -> bool {
        let Some(almost) = almost_definition(line.text()) else {
            return false;
        };
        let span = Self::span(physical, line, &almost.range);
        let finding = Finding::new(Code::InvalidDefinition, span, almost.message())
            .expected("$NAME=VALUE")
            .help(almost.help());
        let is_put_in = almost.why != WhyAlmost::NoName
            && !matches!(self.lookup(almost.name, &None), Lookup::Undefined);
        if !is_put_in {
            let name = almost.name.to_owned();
            self.almost_definitions.insert(name, span);
        }
        // Nothing else is said about the line.
        self.findings.push_only(finding);
        if !is_put_in {
            let braces = braces_of(line, almost.range.end..line.text().len());
            self.lines.add_logical(physical, braces);
        }
        !is_put_in
    }
}

impl AlmostDefinition<'_> {
    fn message(&self) -> String {
        let name = self.name;
        match self.why {
            WhyAlmost::Blank => {
                format!("this is no definition of '{name}': there is a blank in it")
            }
            WhyAlmost::Braces => {
                format!("this is no definition of '{name}': its name has braces")
            }
            WhyAlmost::NoName => format!("this is no definition: '{name}' is no name"),
        }
    }

    fn help(&self) -> String {
        let name = self.name;
        match self.why {
            WhyAlmost::Blank => format!("no blank before the '=': ${name}=VALUE"),
            WhyAlmost::Braces => {
                format!("only where it is used may a name have braces; here write ${name}=VALUE")
            }
            WhyAlmost::NoName => match name.strip_suffix(['+', '?', ':']) {
                Some(name) => format!("write ${name}=VALUE: there is only '='"),
                None => "a letter or '_', and then letters, digits and '_' make a name".to_owned(),
            },
        }
    }
}
