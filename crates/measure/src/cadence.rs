//! What the order of rows and the calendar say about a column of numbers or moments.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta};
use hw_base::{Cadence, CalendarSpan, Steps};

use crate::ascending::Ascending;
use crate::stored::{Stored, stored};

/// Days that are counted at most: no calendar of a business spans more.
const MOST_DAYS: usize = 200_000;
/// Days that are told one by one; more are told by month.
const SHOWN_DAYS: usize = 400;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The steps from value to value.
#[derive(Debug)]
pub(crate) struct Stepping<T> {
    last: Option<T>,
    pub(crate) steps: Steps,
}

impl<T: Copy + PartialOrd> Stepping<T> {
    /// No values yet.
    pub(crate) fn new() -> Self {
        Self { last: None, steps: Steps::default() }
    }

    /// Adds values in the order of their rows; `is_next` tells whether the second is greater than the first by one.
    #[inline]
    pub(crate) fn add(&mut self, values: &[T], is_next: impl Fn(T, T) -> bool) {
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
        let (mut up, mut down, mut by_one) = (0, 0, 0);
        let mut step = |before: T, after: T| {
            up += u64::from(before < after);
            down += u64::from(before > after);
            by_one += u64::from(is_next(before, after));
        };
        if let Some(before) = self.last {
            step(before, *first);
        }
        values.windows(2).for_each(|pair| step(pair[0], pair[1]));
        let all = values.len() as u64 - u64::from(self.last.is_none());
        self.add_steps(&Steps { up, down, same: all - up - down, by_one });
        self.last = Some(*last);
    }

    /// Adds the steps of other rows.
    pub(crate) fn add_steps(&mut self, other: &Steps) {
        self.steps.up += other.up;
        self.steps.down += other.down;
        self.steps.same += other.same;
        self.steps.by_one += other.by_one;
    }

    /// Goes on in other units, in which one is not what it was.
    pub(crate) fn convert(&mut self, last: impl Fn(T) -> Option<T>, keeps_one: bool) {
        self.last = self.last.and_then(last);
        self.steps.by_one = if keeps_one { self.steps.by_one } else { 0 };
    }
}

impl<T: Stored> Stored for Stepping<T> {
    fn store(&self, bytes: &mut Vec<u8>) {
        self.last.store(bytes);
        self.steps.store(bytes);
    }
    fn load(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { last: Stored::load(bytes)?, steps: Stored::load(bytes)? })
    }
}

/// Values per day.
#[derive(Debug, Default)]
pub(crate) struct Days {
    /// The first day, in days since 1970.
    first: i64,
    counts: Vec<u64>,
    /// Whether the days were too far apart to count them.
    is_overfull: bool,
}

stored!(Days { first, counts, is_overfull });

impl Days {
    /// Counts a moment in seconds since 1970 that occurs `count` times.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and such days are too far away")]
    pub(crate) fn add(&mut self, seconds: f64, count: u64) {
        let day = (seconds / SECONDS_PER_DAY).floor() as i64;
        let at = usize::try_from(day.wrapping_sub(self.first)).ok();
        match at.and_then(|at| self.counts.get_mut(at)) {
            Some(known) => *known += count,
            None => self.add_new(day, count),
        }
    }

    /// The days of `moments`.
    pub(crate) fn of(moments: &impl Ascending) -> Self {
        let (mut days, mut counted) = (Self::default(), 0);
        while counted < moments.count() {
            let first = moments.at(counted);
            let end = ((first / SECONDS_PER_DAY).floor() + 1.0) * SECONDS_PER_DAY;
            let ended = moments.first(|moment| moment < end).max(counted + 1);
            days.add(first, ended - counted);
            counted = ended;
        }
        days
    }

    #[cold]
    fn add_new(&mut self, day: i64, count: u64) {
        let end = day.saturating_add(1);
        let (first, end) = match self.counts.len() as u64 {
            0 => (day, end),
            days => (self.first.min(day), self.first.saturating_add_unsigned(days).max(end)),
        };
        let days = end.checked_sub(first).and_then(|days| usize::try_from(days).ok()).filter(|days| *days <= MOST_DAYS);
        let Some(days) = days.filter(|_| !self.is_overfull) else {
            *self = Self { is_overfull: true, ..Self::default() };
            return;
        };
        let before = if self.counts.is_empty() { 0 } else { usize::try_from(self.first - first).unwrap_or(0) };
        self.counts.splice(0..0, std::iter::repeat_n(0, before));
        self.counts.resize(days, 0);
        self.first = first;
        if let Some(known) = usize::try_from(day - first).ok().and_then(|at| self.counts.get_mut(at)) {
            *known += count;
        }
    }

    /// The cadence by day, or by month where the days are many; `None` for no days, or too many.
    pub(crate) fn finish(&self) -> Option<Cadence> {
        let first = date(self.first).filter(|_| !self.counts.is_empty() && !self.is_overfull)?;
        if self.counts.len() <= SHOWN_DAYS {
            return Some(Cadence { span: CalendarSpan::Day, first: first.format("%Y-%m-%d").to_string(), counts: self.counts.clone() });
        }
        let month = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        let mut counts = Vec::new();
        for (day, count) in (self.first..).zip(&self.counts) {
            let at = usize::try_from(month(date(day)?) - month(first)).ok()?;
            counts.resize(counts.len().max(at + 1), 0);
            counts[at] += count;
        }
        Some(Cadence { span: CalendarSpan::Month, first: first.format("%Y-%m").to_string(), counts })
    }
}

fn date(day: i64) -> Option<NaiveDate> {
    DateTime::UNIX_EPOCH.date_naive().checked_add_signed(TimeDelta::try_days(day)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    #[test]
    fn steps_go_on_over_chunks() {
        let mut stepping = Stepping::new();
        for chunk in [vec![1_i64, 2, 3], vec![], vec![4, 9], vec![9, 5]] {
            stepping.add(&chunk, |before, after| after - before == 1);
        }
        assert_eq!(stepping.steps, Steps { up: 4, down: 1, same: 1, by_one: 3 });
        assert!(!stepping.steps.is_sorted() && Steps::default().is_strictly_increasing());
    }

    #[test]
    fn few_days_are_told_one_by_one_and_many_by_month() {
        let mut days = Days::default();
        for day in [3.0, -1.0, 0.5] {
            days.add(day * SECONDS_PER_DAY, 2);
        }
        let by_day = Cadence { span: CalendarSpan::Day, first: "1969-12-31".into(), counts: vec![2, 2, 0, 0, 2] };
        assert_eq!(days.finish(), Some(by_day));
        days.add(500.0 * SECONDS_PER_DAY, 7);
        let by_month = days.finish().unwrap();
        assert_eq!((by_month.span, by_month.first.as_str(), by_month.counts.len()), (CalendarSpan::Month, "1969-12", 18));
        assert_eq!((by_month.counts[0], by_month.counts[1], by_month.counts[17]), (2, 4, 7));
        let at_once = [(-1.0, 2), (0.25, 1), (0.5, 1), (3.0, 2), (500.0, 7)];
        let at_once = Days::of(&at_once.iter().flat_map(|(day, count)| vec![day * SECONDS_PER_DAY; *count]).collect::<Vec<f64>>());
        assert_eq!(at_once.finish(), days.finish());
        days.add(1e12, 1);
        days.add(0.0, 1);
        assert_eq!(days.finish(), None, "a day in a far future ends the count");
        assert_eq!(Days::default().finish(), None);
    }
}
