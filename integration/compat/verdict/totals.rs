//! The table over all files, and the list of what nobody has explained.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::comparison::{Comparison, Outcome};

#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) files: usize,
    matched: usize,
    /// Messages of theirs by row of the policy.
    theirs: BTreeMap<&'static str, usize>,
    ours_matched: usize,
    /// Complaints of ours by row of the policy.
    ours: BTreeMap<&'static str, usize>,
    unexplained: BTreeSet<String>,
}

impl Totals {
    pub(crate) fn add(&mut self, file: &str, comparison: Comparison) {
        self.files += 1;
        // For whoever looks for what a row excuses.
        let shows_rows = std::env::var_os("VERDICT_ROWS").is_some();
        for (theirs, outcome) in comparison.theirs {
            let line = match theirs.place {
                Some((_, line)) => line.to_string(),
                None => "-".to_owned(),
            };
            let said = format!("{file}:{line}: theirs: {}", theirs.message);
            match outcome {
                Outcome::Matched => self.matched += 1,
                Outcome::Meant(row) => {
                    *self.theirs.entry(row).or_default() += 1;
                    if shows_rows {
                        println!("{row}: {said}");
                    }
                }
                Outcome::Unexplained => drop(self.unexplained.insert(said)),
            }
        }
        for (complaint, outcome) in comparison.ours {
            let line = match &complaint.place {
                Some(place) => place.line.to_string(),
                None => "-".to_owned(),
            };
            let code = complaint.code.name();
            let said = format!("{file}:{line}: ours: [{code}] {}", complaint.message);
            match outcome {
                Outcome::Matched => self.ours_matched += 1,
                Outcome::Meant(row) => {
                    *self.ours.entry(row).or_default() += 1;
                    if shows_rows {
                        println!("{row}: {said}");
                    }
                }
                Outcome::Unexplained => drop(self.unexplained.insert(said)),
            }
        }
    }

    /// The rows that explain more messages of theirs, or complaints of ours, than these; a row that is not there explains
    /// none.
    pub(crate) fn above(
        &self,
        theirs: &[(&'static str, usize)],
        ours: &[(&'static str, usize)],
    ) -> Vec<(&'static str, usize)> {
        let above = |rows: &BTreeMap<&'static str, usize>, most: &[(&'static str, usize)]| {
            let most = |row| {
                most.iter()
                    .find(|(name, _)| *name == row)
                    .map_or(0, |it| it.1)
            };
            let rows = rows.iter().map(|(row, count)| (*row, *count));
            rows.filter(|(row, count)| *count > most(*row))
                .collect::<Vec<_>>()
        };
        let mut found = above(&self.theirs, theirs);
        found.extend(above(&self.ours, ours));
        found
    }

    /// What is neither matched nor meant is exactly what `known` lists.
    pub(crate) fn check(&self, known: &[&str]) -> Result<(), String> {
        let known: BTreeSet<&str> = known.iter().copied().collect();
        let found: BTreeSet<&str> = self.unexplained.iter().map(String::as_str).collect();
        let mut text = String::new();
        for new in found.difference(&known) {
            let _ = writeln!(text, "a new difference: {new}");
        }
        for gone in known.difference(&found) {
            let _ = writeln!(
                text,
                "not a difference any more, take it from the list: {gone}"
            );
        }
        if text.is_empty() { Ok(()) } else { Err(text) }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files", self.files)?;
        writeln!(f, "theirs, the same of ours   {:6}", self.matched)?;
        for (row, count) in &self.theirs {
            writeln!(f, "theirs, {row:<19}{count:6}")?;
        }
        writeln!(f, "ours, the same of theirs   {:6}", self.ours_matched)?;
        for (row, count) in &self.ours {
            writeln!(f, "ours, {row:<21}{count:6}")?;
        }
        writeln!(f, "unexplained                {:6}", self.unexplained.len())
    }
}
