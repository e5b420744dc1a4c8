//! How many rows come per day or hour, against what is usual: gaps, in which rows are missing, and spikes, in which there are too many.
//!
//! What is usual is the median of the same weekday (or hour), times how busy the time around is. A day is told when it is far from
//! that in the measure of the others: the residuals of counts, by their median deviation and never below that of chance (Poisson).

use std::ops::Range;

use chrono::{Datelike, NaiveDate, TimeDelta};
use hw_base::{CodedColumn, CodedTable, ColumnType};
use serde::Serialize;

use crate::words;

/// Days from which days are judged; with fewer, hours are.
const LEAST_DAYS: usize = 28;
/// Hours from which hours are judged.
const LEAST_HOURS: usize = 96;
/// Spans that are judged at most.
const MOST_SPANS: usize = 20_000;
/// Rows that are usual in a span, at least: with fewer a span without rows is nothing special.
const LEAST_USUAL: f64 = 5.0;
/// How many deviations a stretch without rows must be from the usual (as deviance of a count of zero), and a span with too many.
const FAR: [f64; 2] = [5.0, 8.0];
/// How many times the usual rows make a spike.
const SPIKE: f64 = 3.0;
/// Stretches that are told of a kind; where more are unusual, that is the nature of the column.
const MOST_STRETCHES: usize = 8;

/// How many rows come per span of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Volume {
    /// The column that tells when rows came.
    pub column: String,
    /// The span: `day` or `hour`.
    pub span: &'static str,
    /// Spans from the first to the last.
    pub spans: usize,
    /// The median of the rows per span.
    pub usual: f64,
    /// Stretches without rows where rows are usual.
    pub gaps: Vec<Stretch>,
    /// Stretches with far more rows than usual.
    pub spikes: Vec<Stretch>,
}

/// Neighbouring spans that are alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// The first span: `2026-01-31`, or `2026-01-31 10:00`.
    pub from: String,
    /// The last span.
    pub to: String,
    /// Its rows.
    pub rows: u64,
    /// The rows that would be usual.
    pub usual: f64,
}

impl Volume {
    /// The volume by the column that tells most surely when rows came; `None` where no column does or where there is too little.
    pub(crate) fn of(table: &CodedTable) -> Option<Self> {
        let clocks = table.columns.iter().filter_map(|column| Some((certainty(column)?, column)));
        let column = clocks.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, column)| column)?;
        let moments: Vec<Option<i64>> = column.values.iter().map(|text| hours(text)).collect();
        let has_hours = column.kind == ColumnType::Timestamp;
        let by_day = Series::of(column, &moments, 24)?;
        let series = match by_day.counts.len() {
            days if days >= LEAST_DAYS => by_day,
            _ if has_hours => Series::of(column, &moments, 1).filter(|series| series.counts.len() >= LEAST_HOURS)?,
            _ => return None,
        };
        series.judged(&column.name)
    }
}

/// How surely a column tells when rows came; `None` where it tells something else.
fn certainty(column: &CodedColumn) -> Option<f64> {
    let is = |list: &[&str]| words::has_word(&column.name, list);
    match () {
        () if !matches!(column.kind, ColumnType::Date | ColumnType::Timestamp) || is(words::OTHER_TIME) => None,
        () if is(words::CHANGE_TIME) => Some(0.3),
        () if is(words::EVENT_TIME) => Some(0.9),
        () => None,
    }
}

/// Hours since 1970 of `2026-01-31 10:20:30`, as it is written.
fn hours(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let day = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    let days = i64::from(day.num_days_from_ce()) - i64::from(NaiveDate::default().num_days_from_ce());
    Some(days * 24 + number(11, 13).map_or(0, i64::from))
}

/// Rows per span.
struct Series {
    /// The first span, in spans since 1970.
    first: i64,
    /// Hours of a span.
    hours: i64,
    counts: Vec<u64>,
}

impl Series {
    fn of(column: &CodedColumn, moments: &[Option<i64>], hours: i64) -> Option<Self> {
        let span = |code: &u32| moments.get((*code as usize).checked_sub(1)?)?.map(|hour| hour.div_euclid(hours));
        let known = moments.iter().flatten().map(|hour| hour.div_euclid(hours));
        let (first, last) = (known.clone().min()?, known.max()?);
        let spans = usize::try_from(last - first + 1).ok().filter(|spans| *spans <= MOST_SPANS)?;
        let mut counts = vec![0; spans];
        for span in column.codes.iter().filter_map(span) {
            counts[usize::try_from(span - first).ok()?] += 1;
        }
        Self { first, hours, counts }.without_strays()
    }

    /// Without what lies beyond a stretch without rows that lacks more than come after it, or came before it: wrong dates, or another
    /// period.
    fn without_strays(self) -> Option<Self> {
        let typical = self.rows_around_a_row();
        let rows = |spans: &[u64]| spans.iter().sum::<u64>() as f64;
        let half = rows(&self.counts) / 2.0;
        let is_beyond = |empty: &Range<usize>, spans: &[u64]| rows(spans) < (empty.len() as f64 * typical).min(half);
        let empty = self.empty_stretches();
        let end = empty.iter().find(|empty| is_beyond(empty, &self.counts[empty.end..]));
        let begin = empty.iter().rev().find(|empty| is_beyond(empty, &self.counts[..empty.start]));
        let (begin, end) = (begin.map_or(0, |empty| empty.end), end.map_or(self.counts.len(), |empty| empty.start));
        let counts = self.counts.get(begin..end)?.to_vec();
        Some(Self { first: self.first + i64::try_from(begin).ok()?, counts, ..self })
    }

    /// The stretches of spans without rows, in order.
    fn empty_stretches(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut begin = 0;
        for alike in self.counts.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            let end = begin + alike.len();
            if alike[0] == 0 {
                found.push(begin..end);
            }
            begin = end;
        }
        found
    }

    /// The rows of the span in which the middle row lies, counted from the least busy span: however many spans have hardly any.
    fn rows_around_a_row(&self) -> f64 {
        let mut counts = self.counts.clone();
        counts.sort_unstable();
        let (middle, mut seen) = (counts.iter().sum::<u64>().div_ceil(2), 0);
        let reaches = |count: &&u64| {
            seen += **count;
            seen >= middle
        };
        counts.iter().find(reaches).map_or(0.0, |count| *count as f64)
    }

    fn judged(&self, column: &str) -> Option<Volume> {
        let usual = self.usual();
        let typical = median(usual.iter().copied().filter(|rows| *rows > 0.0).collect())?;
        if typical < LEAST_USUAL {
            return None;
        }
        let residual = |at: usize| (self.counts[at] as f64 - usual[at]) / usual[at].max(1.0).sqrt();
        let spread = 1.4826 * median(self.inner().filter(|at| usual[*at] > 0.0).map(|at| residual(at).abs()).collect())?;
        let distance = |at: usize| residual(at) / spread.max(1.0);
        let is_spike = |at: usize| usual[at] >= LEAST_USUAL && self.counts[at] as f64 >= SPIKE * usual[at] && distance(at) >= FAR[1];
        let told = |stretches: Vec<Stretch>| if stretches.len() > MOST_STRETCHES { Vec::new() } else { stretches };
        Some(Volume {
            column: column.to_owned(),
            span: if self.hours == 24 { "day" } else { "hour" },
            spans: self.counts.len(),
            usual: crate::score::rounded(median(self.counts.iter().map(|count| *count as f64).collect())?),
            gaps: self.gaps(&usual, spread.max(1.0)),
            spikes: told(self.stretches(&usual, is_spike)),
        })
    }

    /// The stretches without rows that chance does not explain, each judged as a whole: ten days of ten rows each are missed as surely as
    /// one day of a hundred. Where these are many, those alone of which each span is far from usual.
    fn gaps(&self, usual: &[f64], spread: f64) -> Vec<Stretch> {
        let far = |rows: f64| rows >= LEAST_USUAL && (2.0 * rows).sqrt() / spread >= FAR[0];
        let is_far = |at: usize| self.counts[at] == 0 && usual[at] >= LEAST_USUAL && usual[at].sqrt() / spread >= FAR[0];
        let told = |mut gaps: Vec<Stretch>| {
            gaps.retain(|gap| far(gap.usual) && !is_holiday(gap));
            (gaps.len() <= MOST_STRETCHES).then_some(gaps)
        };
        let empty = told(self.stretches(usual, |at| self.counts[at] == 0 && usual[at] > 0.0));
        empty.or_else(|| told(self.stretches(usual, is_far))).unwrap_or_default()
    }

    /// All spans but the first and the last, of which only a part may have been recorded.
    fn inner(&self) -> Range<usize> {
        1..self.counts.len().saturating_sub(1)
    }

    /// The weekday of a day, the hour of the day of an hour.
    fn phase(&self, at: usize) -> usize {
        let phases = if self.hours == 24 { 7 } else { 24 };
        usize::try_from((self.first + i64::try_from(at).unwrap_or(0)).rem_euclid(phases)).unwrap_or(0)
    }

    /// The rows that are usual in each span.
    fn usual(&self) -> Vec<f64> {
        let phases = if self.hours == 24 { 7 } else { 24 };
        let of_phase = |phase: usize| self.inner().filter(|at| self.phase(*at) == phase).map(|at| self.counts[at] as f64).collect();
        let medians: Vec<f64> = (0..phases).map(|phase| median(of_phase(phase)).unwrap_or(0.0)).collect();
        let level = |at: usize| {
            let around = at.saturating_sub(2 * phases)..(at + 2 * phases + 1).min(self.counts.len());
            let ratio = |other: usize| self.counts[other] as f64 / medians[self.phase(other)];
            let busy = around.filter(|other| *other != at && self.counts[*other] > 0 && medians[self.phase(*other)] > 0.0);
            median(busy.map(ratio).collect()).unwrap_or(1.0)
        };
        (0..self.counts.len()).map(|at| medians[self.phase(at)] * level(at)).collect()
    }

    /// The runs of spans that are picked; spans without rows do not end a run.
    fn stretches(&self, usual: &[f64], is_picked: impl Fn(usize) -> bool) -> Vec<Stretch> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for at in self.inner().filter(|at| is_picked(*at)) {
            match found.last_mut() {
                Some((_, last)) if (*last + 1..at).all(|between| self.counts[between] == 0) => *last = at,
                _ => found.push((at, at)),
            }
        }
        let stretch = |(from, to): (usize, usize)| Stretch {
            from: self.name(from),
            to: self.name(to),
            rows: self.counts[from..=to].iter().sum(),
            usual: usual[from..=to].iter().sum::<f64>().round(),
        };
        found.into_iter().map(stretch).collect()
    }

    fn name(&self, at: usize) -> String {
        let hours = (self.first + i64::try_from(at).unwrap_or(0)) * self.hours;
        let moment = NaiveDate::default().and_time(chrono::NaiveTime::MIN) + TimeDelta::hours(hours);
        moment.format(if self.hours == 24 { "%Y-%m-%d" } else { "%Y-%m-%d %H:00" }).to_string()
    }
}

/// A single day on which much of the world rests.
fn is_holiday(gap: &Stretch) -> bool {
    gap.from == gap.to && ["-01-01", "-12-25", "-12-26"].iter().any(|day| gap.from.ends_with(day))
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    Some(if numbers.len().is_multiple_of(2) { f64::midpoint(numbers[numbers.len() / 2 - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by day from 2026-01-05, a Monday: 40 on workdays, 10 on Saturdays and none on Sundays, growing and uneven, but for
    /// `changed`.
    fn volume(days: i64, changed: impl Fn(i64) -> Option<u64>) -> Option<Volume> {
        let (mut values, mut codes) = (Vec::new(), Vec::new());
        for day in 0..days {
            let usual = [40, 42, 38, 44, 40, 10, 0][usize::try_from(day % 7).unwrap()]
                + if day % 7 < 5 { u64::try_from(day * 7919 % 11 + day / 4).unwrap() } else { 0 };
            let date = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap() + TimeDelta::days(day);
            values.push(date.to_string());
            codes.extend((0..changed(day).unwrap_or(usual)).map(|_| u32::try_from(day + 1).unwrap()));
        }
        let column = CodedColumn { name: "order_date".into(), kind: ColumnType::Date, values, codes };
        Volume::of(&CodedTable { name: "t".into(), rows: column.codes.len() as u64, sampled: None, columns: vec![column] })
    }

    #[test]
    fn weekends_are_no_gaps() {
        let quiet = volume(150, |_| None).unwrap();
        assert_eq!((quiet.span, quiet.spans, quiet.gaps, quiet.spikes), ("day", 150, vec![], vec![]));
    }

    #[test]
    fn days_without_rows_and_with_too_many_are_told() {
        // A Friday to the next Monday, over a Sunday that has no rows anyway, and a Wednesday that came four times.
        let found = volume(150, |day| match day {
            60..=63 => Some(0),
            100 => Some(260),
            _ => None,
        });
        let found = found.unwrap();
        let gap = &found.gaps[..];
        assert_eq!((gap.len(), gap[0].from.as_str(), gap[0].to.as_str(), gap[0].rows), (1, "2026-03-06", "2026-03-09", 0), "{found:?}");
        assert!((100.0..180.0).contains(&gap[0].usual), "{found:?}");
        assert_eq!((found.spikes.len(), found.spikes[0].from.as_str(), found.spikes[0].rows), (1, "2026-04-15", 260), "{found:?}");
    }

    #[test]
    fn a_stretch_without_rows_is_judged_as_a_whole() {
        let few = |gap: std::ops::Range<i64>| {
            volume(200, move |day| Some(if gap.contains(&day) { 0 } else { 9 + u64::try_from(day * 7919 % 5).unwrap() }))
        };
        let told = |gap| few(gap).unwrap().gaps.iter().map(|gap| (gap.from.clone(), gap.to.clone())).collect::<Vec<_>>();
        assert_eq!(told(100..103), [("2026-04-15".into(), "2026-04-17".into())]);
        assert_eq!(told(100..130).len(), 1);
        assert_eq!(told(100..101), []);
    }

    #[test]
    fn stray_dates_long_after_the_rest_make_no_gap() {
        let now_and_then = volume(400, |day| (day > 150).then(|| u64::from(day % 50 == 0))).unwrap();
        assert_eq!((now_and_then.spans, now_and_then.gaps), (151, vec![]));
        let on_one_day = volume(400, |day| (day > 150).then_some(if day == 399 { 40 } else { 0 })).unwrap();
        assert_eq!((on_one_day.spans, on_one_day.gaps), (151, vec![]));
    }

    #[test]
    fn few_rows_say_nothing() {
        assert_eq!(volume(150, |_| Some(1)), None);
        assert_eq!(volume(20, |_| None), None);
    }
}
