//! Single values as a keyword takes them.

use std::net::IpAddr;

use serde_json::Value;

use super::page::quoted;
use crate::config::keyword::{Row, Shape};

/// The value behind the keyword; `None` where it takes more than a word, and is printed as it was written.
pub(super) fn text(row: &Row, value: &Value) -> Option<String> {
    if row.name == "advert_int" {
        return value.as_f64().map(|centis| (centis / 100.0).to_string());
    }
    if row.name == "umask" {
        return value.as_u64().map(|mask| format!("{mask:04o}"));
    }
    match (value, row.shape) {
        (Value::Bool(_), Shape::Flag) => Some(String::new()),
        (Value::Bool(on), Shape::Bool) => Some(if *on { "on" } else { "off" }.to_owned()),
        // It may stand alone, and means something else then.
        (Value::Number(_) | Value::String(_), Shape::Optional(_)) => None,
        (Value::Number(number), _) => Some(number.to_string()),
        (Value::String(name), Shape::Choice(words)) => choice(name, words),
        (Value::String(name), _) => match row.name {
            "protocol" => Some(name.to_uppercase()),
            "lvs_method" | "sorry_server_lvs_method" => method(name),
            _ => Some(quoted(name)),
        },
        (Value::Object(_), shape) => duration(value, unit(row, shape)),
        _ => None,
    }
}

/// Where nobody has said anything, the value is what it would be anyway, and no word says it.
pub(super) fn is_off(row: &Row, value: &Value) -> bool {
    match (value, row.shape) {
        (Value::Bool(false), Shape::Flag) => true,
        (Value::String(text), _) => text.is_empty(),
        _ => false,
    }
}

/// The keyword would take it: some defaults have no spelling.
pub(super) fn is_in_range(row: &Row, value: &Value) -> bool {
    // `vrrp_min_garp` alone says 0, these keywords cannot.
    if row.name.ends_with("_repeat") && value.as_u64() == Some(0) {
        return false;
    }
    match row.shape {
        Shape::Number { min, max, .. } => {
            let number = value.as_i64().or_else(|| value["secs"].as_i64());
            number.is_none_or(|number| (min..=max).contains(&number))
        }
        Shape::Seconds { min, max } => match (value["secs"].as_u64(), value["nanos"].as_u64()) {
            (Some(secs), Some(nanos)) => {
                let duration =
                    std::time::Duration::from_secs(secs) + std::time::Duration::from_nanos(nanos);
                (min..=max).contains(&duration)
            }
            _ => true,
        },
        _ => true,
    }
}

/// All strings in a value: the names of a list's entries are among them.
pub(super) fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The word is the name, or the same address, whatever its prefix and spelling.
pub(super) fn is_name(word: &str, name: &str) -> bool {
    let address = word.split('/').next().unwrap_or(word).parse::<IpAddr>();
    name == word || address.is_ok_and(|address| name.parse() == Ok(address))
}

/// `Master` as `MASTER`, `V2` as `2`, `V1_0` as `1.0`.
fn choice(variant: &str, words: &[&str]) -> Option<String> {
    let plain = |text: &str| {
        let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        text.to_ascii_lowercase()
    };
    let variant = plain(variant);
    let number = variant.strip_prefix('v').unwrap_or(&variant);
    words
        .iter()
        .find(|word| {
            let word = plain(word);
            word == variant || word == number || format!("{word}lose") == number
        })
        .map(|word| (*word).to_owned())
}

fn method(variant: &str) -> Option<String> {
    match variant {
        "Nat" => Some("NAT".to_owned()),
        "DirectRoute" => Some("DR".to_owned()),
        "FullNat" => Some("FULLNAT".to_owned()),
        _ => None,
    }
}

/// What the keyword counts, in nanoseconds.
fn unit(row: &Row, shape: Shape) -> u64 {
    let words = match shape {
        Shape::Word(words) | Shape::Words(words) => words,
        _ => row.unit,
    };
    match words.split(' ').next() {
        Some("milliseconds" | "ms") => 1_000_000,
        Some("microseconds" | "µs") => 1_000,
        _ => 1_000_000_000,
    }
}

/// In units of so many nanoseconds, with as many decimals as it needs.
fn duration(value: &Value, unit: u64) -> Option<String> {
    let (secs, nanos) = (value["secs"].as_u64()?, value["nanos"].as_u64()?);
    let nanos = u128::from(secs) * 1_000_000_000 + u128::from(nanos);
    let unit = u128::from(unit);
    let (whole, part) = (nanos / unit, nanos % unit * 1_000_000 / unit);
    let text = format!("{whole}.{part:06}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}
