//! `any_date`: whether a text is a date or a time in one of the many forms in which people write them, such as `31 Jan 2026 4pm` or `1/31/26`. Where days and
//! months can be told apart by nothing else, the month comes first, as Python's dateutil has it.

use chrono::NaiveDate;
use datafusion::logical_expr::ScalarUDF;

use crate::sql::of_text::of_text;

/// The function.
pub(crate) fn any_date() -> ScalarUDF {
    of_text("any_date", is_date)
}

/// What a text leaves open: a year that is no leap year, and a month of 31 days. Today's would judge one text differently on two days.
const USUAL_YEAR: i32 = 2001;
const USUAL_MONTH: u32 = 1;

/// Words that may stand between the parts and say nothing.
const FILLERS: [&str; 11] = ["at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th"];
const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const UNITS: [[&str; 3]; 3] = [["h", "hour", "hours"], ["m", "minute", "minutes"], ["s", "second", "seconds"]];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
enum Part<'a> {
    /// Digits, with those behind a point.
    Number(&'a str),
    Word(String),
    Sign(char),
    Blank,
}

/// Whether a text is a date or a time.
fn is_date(text: &str) -> bool {
    let parts = parts(text);
    let mut found = Found::default();
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        match found.take(rest) {
            Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
            None => return false,
        }
    }
    found.is_possible()
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_matches('\0');
    while let Some(first) = rest.chars().next() {
        let end = |is_part: fn(char) -> bool| rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let length = if first.is_ascii_digit() {
            let whole = end(|c| c.is_ascii_digit());
            let behind = rest[whole..].strip_prefix(['.', ',']).map_or(0, |behind| {
                let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
                // A second point makes three numbers of it: `31.1.2026`.
                let ends_here =
                    !behind[digits..].starts_with(['.', ',']) || !behind[digits + 1..].starts_with(|c: char| c.is_ascii_digit());
                if digits > 0 && ends_here && (rest[whole..].starts_with('.') || whole > 1) { digits + 1 } else { 0 }
            });
            let is_third = matches!(found.as_slice(), [.., Part::Number(_), Part::Sign('.')]);
            let length = if is_third { whole } else { whole + behind };
            found.push(Part::Number(&rest[..length]));
            length
        } else if first.is_alphabetic() {
            let length = end(char::is_alphabetic);
            found.push(Part::Word(rest[..length].to_owned()));
            length
        } else {
            found.push(if first.is_whitespace() { Part::Blank } else { Part::Sign(first) });
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// A number of a date that is not told apart from the others yet.
#[derive(Clone, Copy, Debug)]
struct DatePart {
    value: u32,
    is_month: bool,
    is_year: bool,
}

/// What was found in a text so far.
#[derive(Debug, Default)]
struct Found {
    date: Vec<DatePart>,
    weekday: bool,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    has_zone: bool,
    /// The place in [`UNITS`] of a unit that has just been read: a number behind it is of the next smaller one.
    behind_unit: Option<usize>,
    is_joined_to_unit: bool,
}

impl Found {
    /// Takes what stands at the beginning of the parts; how many parts that was, or `None` where it is of no date.
    fn take(&mut self, parts: &[Part<'_>]) -> Option<usize> {
        if !matches!(parts.first()?, Part::Number(_)) {
            self.is_joined_to_unit = false;
        }
        if !matches!(parts.first()?, Part::Number(_) | Part::Blank) {
            self.behind_unit = None;
        }
        match parts.first()? {
            Part::Number(number) => self.number(number, parts),
            Part::Word(word) => self.word(word, parts),
            Part::Sign(sign @ ('+' | '-')) if self.hour.is_some() => match self.offset(&parts[1..]) {
                None if *sign == '-' && !matches!(parts.get(1), Some(Part::Number(_))) => Some(1),
                taken => taken.map(|taken| taken + 1),
            },
            Part::Blank | Part::Sign('.' | ',' | ';' | '-' | '/' | '\'') => Some(1),
            Part::Sign(_) => None,
        }
    }

    fn word(&mut self, word: &str, parts: &[Part<'_>]) -> Option<usize> {
        let lower = word.to_lowercase();
        if is_name_of(&lower, &WEEKDAYS).is_some() {
            self.weekday = true;
            return Some(1);
        }
        if let Some(month) = month(&lower) {
            self.add(month, true, false)?;
            return self.behind_month(&parts[1..]).map(|taken| taken + 1);
        }
        if is_half_of_day(&lower) {
            return self.half_of_day().or_else(|| FILLERS.contains(&lower.as_str()).then_some(1));
        }
        if self.is_zone(word) {
            self.has_zone = true;
            // What stands behind it is how far it is from there.
            return Some(1);
        }
        FILLERS.contains(&lower.as_str()).then_some(1)
    }

    /// `Jan-31-2026`: numbers that a sign joins to a month; `Jan of 26`: its year.
    fn behind_month(&mut self, rest: &[Part<'_>]) -> Option<usize> {
        if let [Part::Blank, Part::Word(of), Part::Blank, Part::Number(year), ..] = rest
            && of.eq_ignore_ascii_case("of")
            && !year.contains(['.', ','])
        {
            let value: u32 = year.parse().ok()?;
            self.add(if value < 100 { value + 2000 } else { value }, false, true)?;
            return Some(4);
        }
        let [Part::Sign(sign @ ('-' | '/')), more @ ..] = rest else { return Some(0) };
        let Part::Number(number) = more.first()? else { return None };
        self.add_digits(number)?;
        match more.get(1..) {
            Some([Part::Sign(second), last @ ..]) if second == sign => {
                let Part::Number(number) = last.first()? else { return None };
                self.add_digits(number)?;
                Some(4)
            }
            _ => Some(2),
        }
    }

    fn is_zone(&self, word: &str) -> bool {
        self.hour.is_some() && !self.has_zone && is_zone_name(word)
    }

    fn half_of_day(&self) -> Option<usize> {
        self.hour.is_some_and(|hour| hour <= 12).then_some(1)
    }

    /// `0100`, `01:00` or `1` behind a sign.
    fn offset(&mut self, rest: &[Part<'_>]) -> Option<usize> {
        let Part::Number(number) = rest.first()? else { return None };
        self.has_zone = true;
        let taken = match (number.len(), rest.get(1), rest.get(2)) {
            (4, ..) => 1,
            (_, Some(Part::Sign(':')), Some(Part::Number(_))) => 3,
            (1 | 2, ..) => 1,
            _ => return None,
        };
        // `+0200 (CEST)`
        match rest.get(taken..) {
            Some([Part::Blank, Part::Sign('('), Part::Word(zone), Part::Sign(')'), ..]) if is_zone_name(zone) && zone.len() > 2 => {
                Some(taken + 4)
            }
            _ => Some(taken),
        }
    }

    fn number(&mut self, number: &str, parts: &[Part<'_>]) -> Option<usize> {
        let digits = number.split(['.', ',']).next()?;
        let behind = |at: usize| parts.get(at);
        let value: u64 = digits.parse().ok()?;
        let is_whole = digits.len() == number.len();
        if !is_whole && digits.len() != 6 && matches!(number.len(), 6 | 8 | 12 | 14) {
            return None;
        }
        if self.date.len() == 3 && self.hour.is_none() && is_whole && matches!(digits.len(), 2 | 4) && !is_time_behind(&parts[1..]) {
            self.hour = digits[..2].parse().ok();
            self.minute = digits.get(2..).filter(|rest| !rest.is_empty()).and_then(|rest| rest.parse().ok());
            return Some(1);
        }
        if self.run_of_digits(digits, is_whole)? {
            return Some(1);
        }
        if let Some(taken) = self.unit(value, &parts[1..]) {
            return Some(taken + 1);
        }
        if let Some(field) = self.behind_unit.take().filter(|_| parts.len() == 1 || self.is_joined_to_unit) {
            return self.set(field + 1, value).map(|()| 1);
        }
        if let (Some(Part::Sign(':')), Some(Part::Number(minutes))) = (behind(1), behind(2)) {
            let seconds = match (behind(3), behind(4)) {
                (Some(Part::Sign(':')), Some(Part::Number(seconds))) => Some(*seconds),
                (Some(Part::Sign(':')), _) => return None,
                _ => None,
            };
            self.clock(digits, Some(minutes), seconds)?;
            return Some(if seconds.is_some() { 5 } else { 3 });
        }
        if let Some(Part::Sign(sign @ ('-' | '/' | '.'))) = behind(1) {
            is_whole.then(|| self.add_digits(digits))??;
            return self.joined(*sign, &parts[2..]).map(|taken| taken + 2);
        }
        if let Some(taken) = self.hour_of_half(value, &parts[1..]) {
            return Some(taken + 1);
        }
        let ends = match behind(1) {
            None | Some(Part::Blank | Part::Sign('.' | ',' | ';' | '\'')) => true,
            Some(Part::Word(word)) => FILLERS.contains(&word.to_lowercase().as_str()),
            _ => false,
        };
        (ends || value <= 31).then_some(())?;
        self.add_digits(digits)?;
        Some(1)
    }

    /// A date, a time or both without signs; whether the digits are such, `None` where they are of no date.
    fn run_of_digits(&mut self, digits: &str, is_whole: bool) -> Option<bool> {
        match digits.len() {
            6 if self.date.is_empty() && is_whole => {
                for two in [&digits[..2], &digits[2..4], &digits[4..]] {
                    self.add_digits(two)?;
                }
            }
            6 => self.clock(&digits[..2], Some(&digits[2..4]), Some(&digits[4..]))?,
            8 | 12 | 14 if is_whole => {
                self.add(digits[..4].parse().ok()?, false, true)?;
                self.add_digits(&digits[4..6])?;
                self.add_digits(&digits[6..8])?;
                if digits.len() > 8 {
                    self.clock(&digits[8..10], digits.get(10..12), digits.get(12..14).filter(|second| !second.is_empty()))?;
                }
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// The month and the year, or the day, that a sign joins to a number: `31-Jan-2026`.
    fn joined(&mut self, sign: char, rest: &[Part<'_>]) -> Option<usize> {
        let mut taken = 0;
        for place in 0..2 {
            match rest.get(taken) {
                Some(Part::Number(number)) => self.add_digits(number)?,
                Some(Part::Word(word)) => match month(&word.to_lowercase()) {
                    Some(month) => self.add(month, true, false)?,
                    None if place == 0 && FILLERS.contains(&word.to_lowercase().as_str()) => return Some(0),
                    None => return None,
                },
                _ if place == 0 => return Some(0),
                _ => return None,
            }
            taken += 1;
            if place == 0 {
                if rest.get(1) != Some(&Part::Sign(sign)) {
                    return Some(taken);
                }
                taken += 1;
            }
        }
        Some(taken)
    }

    /// `4h`, `30 minutes`: a number with its unit.
    fn unit(&mut self, value: u64, rest: &[Part<'_>]) -> Option<usize> {
        let (word, taken) = match rest {
            [Part::Word(word), ..] => (word, 1),
            [Part::Blank, Part::Word(word), ..] => (word, 2),
            _ => return None,
        };
        let field = UNITS.iter().position(|names| names.contains(&word.to_lowercase().as_str()))?;
        self.set(field, value)?;
        self.behind_unit = Some(field);
        self.is_joined_to_unit = true;
        Some(taken)
    }

    /// Sets hour, minute or second.
    fn set(&mut self, field: usize, value: u64) -> Option<()> {
        let value = u32::try_from(value).ok()?;
        // Behind seconds comes nothing that there is.
        if let Some(place) = [&mut self.hour, &mut self.minute, &mut self.second].into_iter().nth(field) {
            *place = Some(value);
        }
        Some(())
    }

    /// `4pm`, `4 p.m.`: an hour with its half of the day.
    fn hour_of_half(&mut self, value: u64, rest: &[Part<'_>]) -> Option<usize> {
        let (word, taken) = match rest {
            [Part::Word(word), ..] => (word, 1),
            [Part::Blank | Part::Sign('.' | ',' | ';' | '\''), Part::Word(word), ..] => (word, 2),
            _ => return None,
        };
        (is_half_of_day(&word.to_lowercase()) && value < 24).then(|| {
            self.hour = u32::try_from(value).ok();
            taken
        })
    }

    fn clock(&mut self, hour: &str, minute: Option<&str>, second: Option<&str>) -> Option<()> {
        let whole = |text: &str| text.split(['.', ',']).next().and_then(|digits| digits.parse::<u32>().ok());
        self.hour = Some(whole(hour)?);
        self.minute = minute.map(whole).map_or(Some(None), |minute| minute.map(Some))?.or(self.minute);
        self.second = second.map(whole).map_or(Some(None), |second| second.map(Some))?.or(self.second);
        Some(())
    }

    fn add_digits(&mut self, number: &str) -> Option<()> {
        let value: u32 = number.parse().ok()?;
        self.add(value, false, number.len() > 2 || value > 100)
    }

    /// Adds a part of the date; `None` where there is one of its sort already.
    fn add(&mut self, value: u32, is_month: bool, is_year: bool) -> Option<()> {
        let is_taken = self.date.iter().any(|other| (is_month && other.is_month) || (is_year && other.is_year));
        self.date.push(DatePart { value, is_month, is_year });
        (!is_taken && self.date.len() <= 3).then_some(())
    }

    /// Whether the parts make a date and a time that there are.
    fn is_possible(&self) -> bool {
        let is_time = self.hour.is_none_or(|hour| hour < 24)
            && self.minute.is_none_or(|minute| minute < 60)
            && self.second.is_none_or(|second| second < 60);
        let is_nothing = self.date.is_empty() && !self.weekday && self.hour.or(self.minute).or(self.second).is_none();
        let (year, month, day) = self.order();
        let is_short = |year: &u32| *year < 100 && !self.date.iter().any(|part| part.is_year);
        let year = year.map_or(USUAL_YEAR, |year| i32::try_from(if is_short(&year) { year + 2000 } else { year }).unwrap_or(i32::MAX));
        let month = month.unwrap_or(USUAL_MONTH);
        let is_date = (1..=9999).contains(&year)
            && match day {
                Some(day) => NaiveDate::from_ymd_opt(year, month, day).is_some(),
                None => (1..=12).contains(&month),
            };
        is_time && is_date && !is_nothing
    }

    /// Year, month and day.
    fn order(&self) -> (Option<u32>, Option<u32>, Option<u32>) {
        let named = self.date.iter().position(|part| part.is_month);
        let values: Vec<u32> = self.date.iter().map(|part| part.value).collect();
        let is_year = |at: usize| values[at] > 31 || self.date[at].is_year;
        match (values.as_slice(), named) {
            ([month], Some(_)) => (None, Some(*month), None),
            ([one], None) if *one > 31 => (Some(*one), None, None),
            ([one], None) => (None, None, Some(*one)),
            ([a, b], Some(at)) => {
                let (month, other) = if at == 0 { (*a, *b) } else { (*b, *a) };
                if other > 31 { (Some(other), Some(month), None) } else { (None, Some(month), Some(other)) }
            }
            ([a, b], None) if *a > 31 => (Some(*a), Some(*b), None),
            ([a, b], None) if *b > 31 => (Some(*b), Some(*a), None),
            ([a, b], None) => (None, Some(*a), Some(*b)),
            ([a, b, c], Some(0)) if *b > 31 => (Some(*b), Some(*a), Some(*c)),
            ([a, b, c], Some(0)) => (Some(*c), Some(*a), Some(*b)),
            ([a, b, c], Some(1)) if *a > 31 => (Some(*a), Some(*b), Some(*c)),
            ([a, b, c], Some(1)) => (Some(*c), Some(*b), Some(*a)),
            ([a, b, c], Some(_)) if *b > 31 => (Some(*b), Some(*c), Some(*a)),
            ([a, b, c], Some(_)) => (Some(*a), Some(*c), Some(*b)),
            ([a, b, c], None) if is_year(0) => (Some(*a), Some(*b), Some(*c)),
            ([a, b, c], None) if *a > 12 => (Some(*c), Some(*b), Some(*a)),
            ([a, b, c], None) => (Some(*c), Some(*a), Some(*b)),
            _ => (None, None, None),
        }
    }
}

/// Whether a clock or a unit follows a number, so that it is no hour by itself.
fn is_time_behind(rest: &[Part<'_>]) -> bool {
    match rest.first() {
        Some(Part::Sign(':')) => true,
        Some(Part::Word(word)) => UNITS.as_flattened().contains(&word.to_lowercase().as_str()),
        _ => false,
    }
}

fn is_zone_name(word: &str) -> bool {
    let is_short = word.len() <= 5 && word.chars().all(|c| c.is_ascii_uppercase());
    is_short || ["z", "utc", "gmt"].contains(&word.to_lowercase().as_str())
}

fn is_half_of_day(lower: &str) -> bool {
    ["am", "pm", "a", "p"].contains(&lower)
}

/// The number of a month by its name, its first three letters, or `sept`.
fn month(lower: &str) -> Option<u32> {
    is_name_of(lower, &MONTHS).or((lower == "sept").then_some(8)).and_then(|at| u32::try_from(at + 1).ok())
}

/// The place of the name, whole or by its first three letters.
fn is_name_of(lower: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|name| *name == lower || name[..3] == *lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], expected: bool) {
        for text in texts {
            assert_eq!(is_date(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        check(&["2026-01-31", "1/31/2026", "31/1/2026", "31.1.26", "20260131", "260131", "2026/1/31", "'26"], true);
        check(
            &["Jan 31, 2026", "31 January 2026", "31-Jan-26", "Sat, 31st of Jan 2026", "Jan-31-2026", "jan26", "Jan of 26", "sept"],
            true,
        );
        check(&["10", "31", "99", "1999", "1.5", "May", "2026-01", "1/26", "3rd", "Tuesday", "10-20"], true);
        check(&["2026-02-30", "13/13/2026", "2026-13-01", "0000-00-00", "00/00/0000", "12345", "20-10", "100000", "Jan Feb 2026"], false);
        check(
            &["", " ", "-", "abc", "cat", "n/a", "now", "2026 hello", "2026-W05", "Q1 2026", "a@b.nl", "10%", "192.168.0.1.5", "1 2 3 4"],
            false,
        );
    }

    #[test]
    fn times_are_read_with_and_without_a_date() {
        check(&["12:00", "12:00:59.999", "4pm", "4 p.m.", "12 AM", "10h", "10h30m", "1h30", "10 hours", "23:59:59,5"], true);
        check(&["2026-01-31T10:00:00Z", "20260131T1010", "20260131101010", "202601311010", "2026-01-31 10:00 +01:00", "10:00 EST"], true);
        check(&["10:00 -0800", "10:00 GMT+3", "31 Jan 2026 at 4:30 pm +0200 (CEST)", "10:00 on Mon, Jan 3", "9h49m17s Feb 2"], true);
        check(&["24:00", "23:60", "12:00:60", "12:", "12:00:", "13:00 pm", "am", "10:00 est", "10:00 +123"], false);
    }
}
