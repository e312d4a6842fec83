//! Which known word a wrong one was meant to be.

/// The known word nearest to `word`, if it is near enough to be what was meant: at most a third of it is wrong; letter
/// case counts little. Among words that are as near, the one whose difference is the likelier slip.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within((word.len() / 3).max(1), word, known)
}

/// The same with at most `most` letters wrong.
pub(crate) fn nearest_within<'a>(
    most: usize,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    near_within(most, word, known).map(|near| near.word)
}

/// A known word and how far from it a wrong one is; the nearest is the least.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Near<'a> {
    /// Letters that are wrong.
    pub(crate) distance: usize,
    pub(crate) slip: Slip,
    // By name in the end, so that the same word always gets the same answer.
    pub(crate) word: &'a str,
}

/// As [`nearest_within`], with how far it is.
pub(crate) fn near_within<'a>(
    most: usize,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<Near<'a>> {
    let lower = word.to_lowercase();
    let letters = letters_in(word);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= most)
        // Quick, and leaves few: a wrong letter takes one kind of letter away and adds another.
        .filter(|candidate| (letters_in(candidate) ^ letters).count_ones() as usize <= 2 * most)
        .filter_map(|candidate| {
            let meant = candidate.to_lowercase();
            let distance = strsim::osa_distance(&lower, &meant);
            // One letter for another one has nothing in common.
            (distance <= most && distance < lower.len()).then(|| Near {
                distance,
                slip: Slip::between(&lower, &meant),
                word: candidate,
            })
        })
        .min()
}

/// Letters of which one may be wrong in a word that is looked for among very many.
const LETTERS_FOR_A_SLIP: usize = 5;
/// Shorter words are near to too much of what they have nothing to do with.
const SHORTEST_AMONG_MANY: usize = 4;

/// The nearest of very many words, of which one is always near: fewer letters may be wrong, and in a short word one that
/// is there twice, missing, or in the wrong place, not another one.
pub(crate) fn near_among_many<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<Near<'a>> {
    match word.len() {
        ..SHORTEST_AMONG_MANY => None,
        SHORTEST_AMONG_MANY..=LETTERS_FOR_A_SLIP => {
            near_within(1, word, known).filter(|near| near.slip != Slip::Other)
        }
        length => near_within(length / LETTERS_FOR_A_SLIP, word, known),
    }
}

/// Which letters a word has, a bit for each, whatever their case.
fn letters_in(word: &str) -> u32 {
    word.bytes()
        .fold(0, |letters, byte| letters | 1 << (byte & 0x1f))
}

/// How a word may have become another one, the likeliest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Slip {
    /// Only capitals.
    None,
    /// The same letters in another order.
    Swapped,
    /// A letter is there twice instead of once, or once instead of twice.
    Doubled,
    /// Letters are missing.
    Dropped,
    Other,
}

impl Slip {
    fn between(word: &str, meant: &str) -> Self {
        let sorted = |word: &str| {
            let mut letters: Vec<char> = word.chars().collect();
            letters.sort_unstable();
            letters
        };
        let single = |word: &str| {
            let mut letters: Vec<char> = word.chars().collect();
            letters.dedup();
            letters
        };
        let mut letters = meant.chars();
        if word == meant {
            Self::None
        } else if sorted(word) == sorted(meant) {
            Self::Swapped
        } else if single(word) == single(meant) {
            Self::Doubled
        } else if word
            .chars()
            .all(|letter| letters.any(|other| other == letter))
        {
            Self::Dropped
        } else {
            Self::Other
        }
    }
}
