//! The conditions of SodaCL: `< 5 %` in a sentence, `when > 10` below one, and ages such as `1d6h`.

use serde_json::{Map, Value as Json, json};

use crate::suites::metrics::{Forbidden, Threshold};

/// The levels of a check, and what happens where it breaks.
pub(super) const LEVELS: [(&str, Option<&str>); 2] = [("fail", None), ("warn", Some("alert"))];

/// A condition and what happens where it does not hold.
pub(super) struct Alternative {
    /// What holds.
    pub(super) threshold: Threshold,
    /// What happens where it does not.
    pub(super) action: Json,
}

/// A metric with its columns, and the condition behind it.
pub(super) fn name_and_condition(text: &str) -> (&str, &str) {
    let end = text.find([' ', '<', '>', '=', '!']).unwrap_or(text.len());
    let end = text.find(')').map_or(end, |close| if text.find('(').is_some_and(|open| open < end) { close + 1 } else { end });
    text.split_at(end)
}

/// The conditions under `warn` and `fail`, which say what is wrong.
pub(super) fn alternatives(settings: &Map<String, Json>) -> Result<Vec<Alternative>, String> {
    let mut all = Vec::new();
    for (key, action) in LEVELS {
        let Some(wrong) = settings.get(key) else { continue };
        all.push(Alternative { threshold: condition_of(behind_when(key, wrong)?)?.opposite()?, action: json!(action) });
    }
    if all.is_empty() { Err("it has no condition".into()) } else { Ok(all) }
}

/// The condition under `warn` or `fail`.
pub(super) fn behind_when<'a>(key: &str, wrong: &'a Json) -> Result<&'a str, String> {
    let text = wrong.as_str().ok_or_else(|| format!("`{key}` is no condition"))?;
    let condition = text.strip_prefix("when ").map(str::trim);
    condition.ok_or_else(|| format!("`{key}: {text}` does not begin with `when`, which Soda wants there"))
}

/// The column of `freshness(at) < 1d`, or of the older `freshness using at < 1d`, and the condition behind it.
pub(super) fn column_of_freshness(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("freshness")?.trim_start();
    let Some(older) = rest.strip_prefix("using ") else {
        let (column, condition) = rest.split_once(')')?;
        return Some((column.trim_start_matches('(').trim(), condition));
    };
    let (column, condition) = older.split_at(older.find(['<', '>']).unwrap_or(older.len()));
    Some((column.trim().trim_matches(['(', ')']).trim(), condition))
}

/// An age such as `1d6h` in the one unit that a span of time has here.
///
/// # Errors
/// Of anything but days, hours and minutes, in which Soda reads no age: it lets everything pass that is there at all.
pub(super) fn in_one_unit(age: &str) -> Result<String, String> {
    let units: [(&str, u64); 3] = [("d", 1_440), ("h", 60), ("m", 1)];
    let minutes = |part: &str| {
        let (number, size) = units.iter().find_map(|(unit, size)| Some((part.strip_suffix(*unit)?, *size)))?;
        number.parse::<u64>().ok()?.checked_mul(size)
    };
    let unread = || format!("Soda reads no age in `{age}` and never fails by it; write days, hours and minutes, such as `7d` or `1d6h`");
    let parts = age.split_inclusive(|c: char| c.is_ascii_alphabetic()).map(minutes).collect::<Option<Vec<_>>>();
    let parts = parts.filter(|parts| !parts.is_empty()).ok_or_else(unread)?;
    if parts.len() == 1 {
        return Ok(age.to_owned());
    }
    let total = parts.into_iter().fold(0, u64::saturating_add);
    let whole = units.iter().find(|(_, size)| total.is_multiple_of(*size));
    whole.map(|(unit, size)| format!("{}{unit}", total / size)).ok_or_else(unread)
}

/// A condition such as `< 5 %`, `between 1 and 10` or `not between (1 and 10)`.
pub(super) fn condition_of(text: &str) -> Result<Threshold, String> {
    let text = text.replace('%', "").trim().to_owned();
    let unknown = || format!("the condition `{text}` is not understood");
    if let Some((not, range)) = text.split_once("between") {
        let (low, high) = range.trim().split_once(" and ").ok_or_else(unknown)?;
        let (low, high) = (low.trim(), high.trim());
        let (is_open_below, is_open_above) = (low.starts_with('('), high.ends_with(')'));
        let (low, high): (f64, f64) = (number(low).ok_or_else(unknown)?, number(high).ok_or_else(unknown)?);
        if low > high {
            return Err(format!("the condition `{text}` begins beyond its end, which Soda refuses as well; swap its limits"));
        }
        if not.trim() == "not" {
            let range = Forbidden { low, high, holds_low: !is_open_below, holds_high: !is_open_above };
            return Ok(Threshold { outside: Some(range), ..Threshold::default() });
        }
        let (min, above) = if is_open_below { (None, Some(low)) } else { (Some(low), None) };
        let (max, below) = if is_open_above { (None, Some(high)) } else { (Some(high), None) };
        return Ok(Threshold { min, above, max, below, ..Threshold::default() });
    }
    for (operator, make) in OPERATORS {
        if let Some(value) = text.strip_prefix(operator) {
            return Ok(make(number(value).ok_or_else(unknown)?));
        }
    }
    Err(unknown())
}

type Make = fn(f64) -> Threshold;

const OPERATORS: [(&str, Make); 7] = [
    ("<=", |value| Threshold { max: Some(value), ..EMPTY }),
    (">=", |value| Threshold { min: Some(value), ..EMPTY }),
    ("!=", |value| Threshold { not: Some(value), ..EMPTY }),
    ("<>", |value| Threshold { not: Some(value), ..EMPTY }),
    ("<", |value| Threshold { below: Some(value), ..EMPTY }),
    (">", |value| Threshold { above: Some(value), ..EMPTY }),
    ("=", Threshold::exactly),
];

const EMPTY: Threshold = Threshold { min: None, above: None, max: None, below: None, not: None, outside: None };

/// Digits with a sign and a point, or what Soda takes for a name and Python for a number: `1e2` and `1_000`, but not `1.5e2`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches(['(', ')', '[', ']']).trim();
    let parts: Vec<&str> = text.split('_').collect();
    let is_digit = |c: char| c.is_ascii_digit();
    let are_joined = parts.windows(2).all(|pair| pair[0].ends_with(is_digit) && pair[1].starts_with(is_digit));
    let is_word = text.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'));
    let has_both = text.contains('.') && text.contains(['e', 'E']);
    let read = (are_joined && !is_word && !has_both).then(|| parts.concat().parse::<f64>().ok());
    read.flatten().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let read = |text: &str| condition_of(text).map(|threshold| (threshold.min, threshold.above, threshold.max, threshold.below));
        assert_eq!(read("< 5 %").unwrap(), (None, None, None, Some(5.0)));
        assert_eq!(read("between 1 and 10").unwrap(), (Some(1.0), None, Some(10.0), None));
        assert_eq!(read("between (1 and 10)").unwrap(), (None, Some(1.0), None, Some(10.0)));
        assert_eq!(read("= 0").unwrap(), (Some(0.0), None, Some(0.0), None));
        assert_eq!(read("< 1e2").unwrap(), (None, None, None, Some(100.0)));
        assert_eq!(read(">= 1_000").unwrap(), (Some(1000.0), None, None, None));
        assert_eq!(read("between 1e-1 and 1E1").unwrap(), (Some(0.1), None, Some(10.0), None));
        for text in ["about 5", "< 1.5e2", "< 1__0", "< _1", "< 1_", "< e5", "< inf", "< 1e400", "> '5'", "between 5 and 1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_of_several_units_have_one() {
        let read = ["1d6h", "24h30m", "1d24h", "2h", "24h"].map(|age| in_one_unit(age).unwrap());
        assert_eq!(read, ["30h", "1470m", "2d", "2h", "24h"]);
        for unread in ["90s", "1w", "1d 6h", "1d6", "2", "soon", ""] {
            assert!(in_one_unit(unread).unwrap_err().starts_with("Soda reads no age in"), "{unread}");
        }
        assert_eq!(column_of_freshness("freshness using ts < 1d"), Some(("ts", "< 1d")));
        assert_eq!(column_of_freshness("freshness(ts) < 1d"), Some(("ts", " < 1d")));
        assert_eq!(column_of_freshness("freshness"), None);
    }
}
