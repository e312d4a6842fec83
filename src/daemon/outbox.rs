//! What a child has to say and its parent has not read yet.
//!
//! A parent that is stopped reads nothing for as long as it likes, and the leases are renewed several times in each
//! interval meanwhile: of the renewals of one term only the last waits.

use std::collections::VecDeque;

use super::message::FromChild;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<FromChild>,
}

impl Outbox {
    pub(super) fn push(&mut self, message: FromChild) {
        if let FromChild::RenewLeases { term, .. } = message {
            let is_earlier = |it: &FromChild| matches!(it, FromChild::RenewLeases { term: of, .. } if *of == term);
            self.waiting.retain(|it| !is_earlier(it));
        }
        self.waiting.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<FromChild> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn renew(term: u64, until: u64) -> FromChild {
        FromChild::RenewLeases {
            term: Duration::from_secs(term),
            until: Duration::from_secs(until),
        }
    }

    #[test]
    fn of_the_renewals_of_a_term_the_last_one_waits_behind_what_came_before_it() {
        let mut outbox = Outbox::default();
        for second in 0..1000 {
            outbox.push(renew(3, second));
            outbox.push(renew(5, second));
        }
        outbox.push(FromChild::Ready);
        outbox.push(renew(3, 1000));
        let messages: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        let [
            FromChild::RenewLeases { term: first, .. },
            FromChild::Ready,
            FromChild::RenewLeases { term: last, until },
        ] = messages[..]
        else {
            panic!("{messages:?}");
        };
        let seconds = [first, last, until].map(|it| it.as_secs());
        assert_eq!(seconds, [5, 3, 1000]);
    }
}
