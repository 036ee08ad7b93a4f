//! What is to come, by the time at which it does; what comes at one time, in the order in which it was
//! said.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The next commit of a stream.
    Arrival(usize),
    /// The end of the attempt of a run, by the number of its intent.
    End(u64),
    /// Nothing but that the next pass may find something to do.
    Wake,
}

/// The events that are to come.
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: BinaryHeap<Reverse<(DateTime<Utc>, u64, Event)>>,
    said: u64,
}

impl Events {
    pub(super) fn add(&mut self, at: DateTime<Utc>, event: Event) {
        self.said += 1;
        self.queue.push(Reverse((at, self.said, event)));
    }

    /// Takes the first one that comes up to and including an instant.
    pub(super) fn take(&mut self, upto: DateTime<Utc>) -> Option<(DateTime<Utc>, Event)> {
        let Reverse((at, _, _)) = self.queue.peek()?;
        if *at > upto {
            return None;
        }
        let Reverse((at, _, event)) = self.queue.pop()?;
        Some((at, event))
    }

    /// Returns when the first one comes.
    pub(super) fn first(&self) -> Option<DateTime<Utc>> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn they_come_by_time_and_then_as_they_were_said() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut events = Events::default();
        for (seconds, event) in [
            (5, Event::Wake),
            (3, Event::End(2)),
            (3, Event::Arrival(1)),
            (9, Event::End(1)),
        ] {
            events.add(at(seconds), event);
        }
        assert_eq!(events.first(), Some(at(3)));
        let mut taken = Vec::new();
        while let Some((at, event)) = events.take(at(5)) {
            taken.push((at.timestamp(), event));
        }
        let expected = [(3, Event::End(2)), (3, Event::Arrival(1)), (5, Event::Wake)];
        assert_eq!(taken, expected);
        assert_eq!(events.first(), Some(at(9)));
    }
}
