//! How many values agree.

use std::collections::BTreeMap;
use std::fmt;

use super::Block;

/// A disagreement that is meant.
pub(crate) struct Meant {
    /// The number of the file; empty: any.
    pub(crate) file: &'static str,
    /// The beginning of the field's name.
    pub(crate) field: &'static str,
    /// keepalived's value; empty: any.
    pub(crate) theirs: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    pub(crate) reason: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) files: usize,
    blocks: usize,
    /// Agreed, meant and not meant, by kind and field.
    fields: BTreeMap<String, [usize; 3]>,
    pub(crate) disagreements: Vec<String>,
}

impl Tally {
    /// Compares the values that both sides have of blocks that both sides have.
    pub(crate) fn add(&mut self, file: &str, theirs: &[Block], ours: &[Block], meant: &[Meant]) {
        self.files += 1;
        for block in theirs {
            let same = |it: &&Block| it.kind == block.kind && it.name == block.name;
            // A name that stands for two blocks says nothing.
            if theirs.iter().filter(same).count() > 1 {
                continue;
            }
            let Some(own) = ours.iter().find(same) else {
                self.compare(file, block, "is there", "yes", "no", meant);
                continue;
            };
            self.blocks += 1;
            for (field, value) in &own.values {
                let other = block.values.get(field).map_or("", String::as_str);
                self.compare(file, block, field, other, value, meant);
            }
        }
    }

    /// As [`Tally::add`], of whole dumps: nothing may be there on one side alone, no block and no value.
    pub(crate) fn add_both_ways(
        &mut self,
        file: &str,
        theirs: &[Block],
        ours: &[Block],
        meant: &[Meant],
    ) {
        self.add(file, theirs, ours, meant);
        for block in ours {
            let same = |it: &&Block| it.kind == block.kind && it.name == block.name;
            let mut others = theirs.iter().filter(same);
            match (others.next(), others.next()) {
                (None, _) => self.compare(file, block, "is there", "no", "yes", meant),
                (Some(other), None) => {
                    let values = other.values.iter();
                    for (field, value) in values.filter(|it| !block.values.contains_key(it.0)) {
                        self.compare(file, block, field, value, "", meant);
                    }
                }
                (Some(_), Some(_)) => {}
            }
        }
    }

    fn compare(
        &mut self,
        file: &str,
        block: &Block,
        field: &str,
        theirs: &str,
        ours: &str,
        meant: &[Meant],
    ) {
        let is_meant = || {
            meant.iter().any(|row| {
                (row.file.is_empty() || row.file == file)
                    && field.starts_with(row.field)
                    && (row.theirs.is_empty() || row.theirs == theirs)
            })
        };
        let index = match theirs == ours {
            true => 0,
            false if is_meant() => 1,
            false => 2,
        };
        // Entries of a list are counted together.
        let head = field
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end();
        let counts = self.fields.entry(format!("{}: {head}", block.kind));
        counts.or_default()[index] += 1;
        if index == 2 {
            self.disagreements.push(format!(
                "{file} {} {}: {field}: keepalived '{theirs}', ours '{ours}'",
                block.kind, block.name
            ));
        }
    }

    pub(crate) fn agreed(&self) -> usize {
        self.fields.values().map(|counts| counts[0]).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  agreed   meant  differ  value")?;
        for (field, [agreed, meant, differ]) in &self.fields {
            writeln!(f, "{agreed:8}{meant:8}{differ:8}  {field}")?;
        }
        for line in &self.disagreements {
            writeln!(f, "{line}")?;
        }
        writeln!(
            f,
            "{} values of {} blocks in {} files agree",
            self.agreed(),
            self.blocks,
            self.files
        )
    }
}
