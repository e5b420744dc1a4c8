//! Formats of dates and times in the signs of `strftime`, as SQL that tells whether a text has one.

use hw_base::literal;

/// The names of the months, by their first three letters.
const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";

/// A format, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// The regular expression of the whole text, in any case of letters.
    expression: String,
    /// The number of the group with the year, and whether it has four digits.
    year: Option<(usize, bool)>,
    /// The number of the group with the month, and whether it is a name.
    month: Option<(usize, bool)>,
    /// The number of the group with the day of the month.
    day: Option<usize>,
}

impl Format {
    /// Takes a format apart, such as `%d/%m/%Y`.
    ///
    /// # Errors
    /// Says which sign is not known.
    pub(crate) fn parse(format: &str) -> Result<Self, String> {
        let mut found = Self { expression: "^".into(), year: None, month: None, day: None };
        let (mut groups, mut signs) = (0, format.chars());
        while let Some(sign) = signs.next() {
            if sign.is_whitespace() {
                found.expression.push_str("\\s+");
                continue;
            }
            if sign != '%' {
                found.expression.push_str(&regex::escape(&sign.to_string()));
                continue;
            }
            let part = signs.next().ok_or("the format ends with a `%`")?;
            groups += usize::from(found.add(part, groups + 1)?);
        }
        found.expression.push('$');
        Ok(found)
    }

    /// Adds what `%sign` stands for. Returns whether it took the group `next`.
    fn add(&mut self, sign: char, next: usize) -> Result<bool, String> {
        let (expression, takes_group) = match sign {
            'Y' => ("([0-9]{4})", true),
            'y' => ("([0-9]{2})", true),
            'm' => ("(1[0-2]|0[1-9]|[1-9])", true),
            'b' | 'h' => ("(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", true),
            'B' => ("(january|february|march|april|may|june|july|august|september|october|november|december)", true),
            'd' | 'e' => ("(3[01]|[12][0-9]|0[1-9]|[1-9])", true),
            'H' => ("(?:2[0-3]|[01][0-9]|[0-9])", false),
            'I' => ("(?:1[0-2]|0[1-9]|[1-9])", false),
            'M' => ("(?:[0-5][0-9]|[0-9])", false),
            'S' => ("(?:6[01]|[0-5][0-9]|[0-9])", false),
            'f' => ("[0-9]{1,6}", false),
            'p' => ("(?:am|pm)", false),
            'j' => ("(?:36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9])", false),
            'a' => ("(?:mon|tue|wed|thu|fri|sat|sun)", false),
            'A' => ("(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)", false),
            'z' => ("(?:z|[+-][0-9]{2}:?[0-5][0-9](?::?[0-5][0-9](?:\\.[0-9]{1,6})?)?)", false),
            'Z' => ("(?:utc|gmt|z)", false),
            'T' => ("(?:2[0-3]|[01][0-9]|[0-9]):(?:[0-5][0-9]|[0-9]):(?:6[01]|[0-5][0-9]|[0-9])", false),
            '%' => ("%", false),
            other => return Err(format!("`%{other}` is not known in a format")),
        };
        match sign {
            'Y' | 'y' => self.year = Some((next, sign == 'Y')),
            'm' | 'b' | 'h' | 'B' => self.month = Some((next, sign != 'm')),
            'd' | 'e' => self.day = Some(next),
            _ => {}
        }
        self.expression.push_str(expression);
        Ok(takes_group)
    }

    /// SQL that is true where `text` has the format, false where it has not, null for null. The 30th of February has none.
    pub(crate) fn fits(&self, text: &str) -> String {
        let has_form = format!("regexp_like({text}, {}, 'i')", literal(&self.expression));
        let Some(day) = self.day else { return has_form };
        let group = |number| self.group(text, number);
        let year = match self.year {
            Some((number, true)) => group(number),
            Some((number, false)) => {
                let year = group(number);
                format!("case when {year} >= '69' then '19' else '20' end || {year}")
            }
            None => "'1900'".into(),
        };
        let month = match self.month {
            Some((number, true)) => format!("cast((strpos('{MONTHS}', lower(left({}, 3))) + 2) / 3 as varchar)", group(number)),
            Some((number, false)) => group(number),
            None => "'1'".into(),
        };
        let date = format!("{year} || '-' || lpad({month}, 2, '0') || '-' || lpad({}, 2, '0')", group(day));
        format!("({has_form} and ({text} is null or try_cast({date} as date) is not null))")
    }

    fn group(&self, text: &str, number: usize) -> String {
        format!("regexp_replace({text}, {}, '\\{number}', 'i')", literal(&self.expression))
    }
}

#[cfg(test)]
mod tests {
    use regex::RegexBuilder;

    use super::*;

    #[track_caller]
    fn check(format: &str, fits: &[&str], others: &[&str]) {
        let format = Format::parse(format).unwrap();
        let expression = RegexBuilder::new(&format.expression).case_insensitive(true).build().unwrap();
        for text in fits {
            assert!(expression.is_match(text), "{text}: {format:?}");
        }
        for text in others {
            assert!(!expression.is_match(text), "{text}: {format:?}");
        }
    }

    #[test]
    fn texts_have_a_format_or_not() {
        check("%Y-%m-%d", &["2026-01-31", "2026-1-1"], &["26-01-31", "2026-13-01", "2026-01-32", " 2026-01-31", "2026/01/31"]);
        check("%d.%m.%y", &["31.12.99", "1.1.00"], &["31x12x99", "1.1.1900"]);
        check("%b %d, %Y %I:%M%p", &["Jan 1, 2026 11:59pm", "DEC 31, 1999 1:00AM"], &["January 1, 2026 11:59pm", "Jan 1, 2026 13:00pm"]);
        check("%Y-%m-%dT%H:%M:%S.%f%z", &["2026-01-31T23:59:59.5+02:00", "2026-01-31T23:59:59.123456Z"], &["2026-01-31T24:00:00.0Z"]);
        check("100%%", &["100%"], &["100"]);
    }

    #[test]
    fn a_day_that_the_month_does_not_have_is_no_date() {
        let sql = Format::parse("%d/%m/%Y").unwrap().fits("a");
        assert!(
            sql.contains("and (a is null or try_cast(regexp_replace(a, ") && sql.contains("'\\3', 'i') || '-' || lpad(regexp_replace("),
            "{sql}"
        );
        assert!(!Format::parse("%H:%M").unwrap().fits("a").contains("try_cast"));
    }

    #[test]
    fn unknown_signs_are_refused() {
        assert_eq!(Format::parse("%Y-%q").unwrap_err(), "`%q` is not known in a format");
        assert_eq!(Format::parse("%Y-%").unwrap_err(), "the format ends with a `%`");
    }
}
