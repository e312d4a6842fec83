//! Definitions that are always there: `${_PWD}`, `${_INSTANCE}`, `${_RANDOM [min [max]]}`, `${_ENV NAME}`, `${_HASH}`,
//! `${_BANG}`.

use super::Preprocessor;

/// Without their arguments.
pub(super) const NAMES: [&str; 6] = ["_PWD", "_INSTANCE", "_HASH", "_BANG", "_ENV", "_RANDOM"];

/// keepalived: largest number without a maximum.
const RANDOM_MAX: u32 = 32_767;

impl Preprocessor<'_> {
    /// The value of `${name}`, with its arguments, where it is built in. An error says why there is none.
    pub(super) fn built_in(&mut self, name: &str) -> Option<Result<String, String>> {
        let mut words = name.split_ascii_whitespace();
        let value = match words.next()? {
            "_PWD" => {
                let file = self.lines.file(*self.open_files.last()?)?;
                Ok(file.canonical.parent()?.display().to_string())
            }
            "_INSTANCE" => Ok(self.surroundings.config_id.to_owned()),
            "_HASH" => Ok("#".to_owned()),
            "_BANG" => Ok("!".to_owned()),
            "_ENV" => {
                let variable = words.next().unwrap_or_default();
                self.surroundings
                    .host
                    .environment(variable)
                    .ok_or_else(|| format!("there is no environment variable '{variable}'"))
            }
            "_RANDOM" => self.random_between(words),
            _ => return None,
        };
        Some(value)
    }

    fn random_between<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
    ) -> Result<String, String> {
        let limits: Vec<u32> = words
            .map(|word| {
                word.parse()
                    .map_err(|_| format!("'{word}' is no limit of a random number"))
            })
            .collect::<Result<_, _>>()?;
        let (min, max) = match limits[..] {
            [] => (0, RANDOM_MAX),
            [min] => (min, RANDOM_MAX.max(min)),
            [min, max] if min <= max => (min, max),
            _ => return Err("a random number has a minimum and a maximum above it".to_owned()),
        };
        let span = u64::from(max - min) + 1;
        Ok((u64::from(min) + self.random.next() % span).to_string())
    }
}

/// Numbers that look random and are the same for the same seed (Steele, Lea, Flood: SplitMix64). Nothing here
/// is secret; what matters is that an unchanged file means the same after a reload.
#[derive(Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Differs from host to host, and is always the same on one.
    pub(super) fn for_host(name: &str) -> Self {
        // FNV-1a.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { state: hash }
    }

    /// `random_seed N`
    pub(super) fn from_seed(seed: u32) -> Self {
        Self {
            state: u64::from(seed),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
