//! What belongs to the destination: `mtu [lock] N`, `features ecn`, `congctl [lock] NAME` …

use super::RouteReader;
use crate::config::diagnostic::{Code, Finding};
use crate::config::entry;
use crate::config::lexer::Word;
use crate::types::RouteMetrics;

/// The least time that keepalived gives the kernel, in milliseconds (TCP_RTO_MIN in `net/tcp.h`).
const MIN_TIME: u32 = 200;
/// Greatest `congctl` name (TCP_CA_NAME_MAX - 1).
const MAX_CONGCTL_BYTES: usize = 15;
/// RTAX_FEATURE_ECN in `linux/rtnetlink.h`.
const FEATURE_ECN: u32 = 1;
/// RTAX_CC_ALGO in `linux/rtnetlink.h`.
const CONGCTL: u32 = 16;

/// A metric that is a number.
struct Metric {
    name: &'static str,
    /// RTAX_* in `linux/rtnetlink.h`.
    number: u32,
    /// `lock` may stand before the value.
    may_lock: bool,
    most: u64,
    field: fn(&mut RouteMetrics) -> &mut Option<u32>,
}

const METRICS: [Metric; 12] = [
    metric("mtu", 2, true, |it| &mut it.mtu),
    metric("window", 3, false, |it| &mut it.window),
    metric("rtt", 4, true, |it| &mut it.rtt),
    metric("rttvar", 5, true, |it| &mut it.rttvar),
    metric("ssthresh", 6, true, |it| &mut it.ssthresh),
    metric("cwnd", 7, true, |it| &mut it.cwnd),
    metric("advmss", 8, true, |it| &mut it.advmss),
    metric("reordering", 9, true, |it| &mut it.reordering),
    Metric {
        most: 255,
        ..metric("hoplimit", 10, false, |it| &mut it.hoplimit)
    },
    metric("initcwnd", 11, false, |it| &mut it.initcwnd),
    metric("rto_min", 13, true, |it| &mut it.rto_min),
    metric("initrwnd", 14, false, |it| &mut it.initrwnd),
];

const OTHERS: [&str; 4] = ["features", "quickack", "congctl", "fastopen_no_cookie"];

const fn metric(
    name: &'static str,
    number: u32,
    may_lock: bool,
    field: fn(&mut RouteMetrics) -> &mut Option<u32>,
) -> Metric {
    Metric {
        name,
        number,
        may_lock,
        most: u32::MAX as u64,
        field,
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|metric| metric.name).chain(OTHERS)
}

pub(super) fn is_metric(word: &str) -> bool {
    names().any(|name| name == word)
}

impl<'a> RouteReader<'a, '_> {
    pub(super) fn metric(&mut self, word: Word<'a>) -> Result<(), Finding> {
        match word.text {
            "features" => self.features(word),
            "quickack" => {
                self.route.metrics.quickack = Some(self.zero_or_one(word)?);
                Ok(())
            }
            "fastopen_no_cookie" => {
                self.route.metrics.fastopen_no_cookie = Some(self.zero_or_one(word)?);
                Ok(())
            }
            "congctl" => self.congctl(word),
            name => match METRICS.iter().find(|metric| metric.name == name) {
                Some(metric) => self.number_metric(metric, word),
                None => Ok(()),
            },
        }
    }

    fn number_metric(&mut self, metric: &Metric, word: Word<'a>) -> Result<(), Finding> {
        if metric.may_lock && self.entry.skip("lock") {
            self.route.metrics.lock |= 1 << metric.number;
        }
        let value = self.entry.value(word)?;
        // As iproute2: a time with a unit is brought into the kernel's own, which has eighths and
        // quarters of milliseconds.
        let per_millisecond: u32 = match metric.name {
            "rtt" => 8,
            "rttvar" => 4,
            "rto_min" => 1,
            _ => 0,
        };
        let written = value;
        let (text, scale) = match (per_millisecond, value.text) {
            (0, text) => (text, 1),
            (scale, text) => match (text.strip_suffix("ms"), text.strip_suffix('s')) {
                (Some(text), _) => (text, scale),
                (None, Some(text)) => (text, 1000 * scale),
                (None, None) => (text, 1),
            },
        };
        let value = Word { text, ..value };
        let number: u32 = entry::number(value, metric.name, 0, metric.most)?;
        let mut number = number.saturating_mul(scale);
        let least = MIN_TIME * per_millisecond;
        if number < least {
            let message = format!(
                "{} '{}' is below the minimum of {MIN_TIME} ms, which is used",
                metric.name, written.text
            );
            let finding = Finding::new(Code::Defaulted, written.span, message);
            self.reader.findings.push(finding.help(format!(
                "a number without a unit counts 1/{per_millisecond} ms; 'ms' and 's' are units"
            )));
            number = least;
        }
        *(metric.field)(&mut self.route.metrics) = Some(number);
        Ok(())
    }

    fn features(&mut self, word: Word<'a>) -> Result<(), Finding> {
        let value = self.entry.value(word)?;
        if value.text != "ecn" {
            let message = format!("unknown feature '{}'", value.text);
            return Err(Finding::new(Code::InvalidValue, value.span, message).expected("ecn"));
        }
        *self.route.metrics.features.get_or_insert(0) |= FEATURE_ECN;
        Ok(())
    }

    fn zero_or_one(&mut self, word: Word<'a>) -> Result<bool, Finding> {
        self.number::<u8>(word, 1).map(|number| number == 1)
    }

    fn congctl(&mut self, word: Word<'a>) -> Result<(), Finding> {
        if self.entry.skip("lock") {
            self.route.metrics.lock |= 1 << CONGCTL;
        }
        let value = self.entry.value(word)?;
        if value.text.len() > MAX_CONGCTL_BYTES {
            let message = format!("congctl '{}' is too long", value.text);
            return Err(Finding::new(Code::OutOfRange, value.span, message)
                .expected(format!("at most {MAX_CONGCTL_BYTES} characters")));
        }
        self.route.metrics.congctl = Some(value.text.to_owned());
        Ok(())
    }
}
