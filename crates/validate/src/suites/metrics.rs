//! Metrics with thresholds, as Soda and ODCS have them, as rules.
//!
//! Where a metric counts what one of our kinds counts, and the threshold is a greatest count or share, it is a rule of that
//! kind; anything else is an aggregate in SQL.

use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use super::words::{percent, plain_number};
use super::{Rules, Translation};

/// Where the value of a metric must lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Threshold {
    /// At least this.
    pub(super) min: Option<f64>,
    /// Greater than this.
    pub(super) above: Option<f64>,
    /// At most this.
    pub(super) max: Option<f64>,
    /// Less than this.
    pub(super) below: Option<f64>,
    /// Not this.
    pub(super) not: Option<f64>,
    /// Not in this range.
    pub(super) outside: Option<Forbidden>,
}

/// A range of values that must not be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Forbidden {
    /// Its lower end.
    pub(super) low: f64,
    /// Its upper end.
    pub(super) high: f64,
    /// Whether its lower end belongs to it.
    pub(super) holds_low: bool,
    /// Whether its upper end belongs to it.
    pub(super) holds_high: bool,
}

impl Forbidden {
    /// What lies in it, as a threshold.
    fn inside(self) -> Threshold {
        let side = |limit: f64, is_inside: bool| (is_inside.then_some(limit), (!is_inside).then_some(limit));
        let ((min, above), (max, below)) = (side(self.low, self.holds_low), side(self.high, self.holds_high));
        Threshold { min, above, max, below, ..Threshold::default() }
    }
}

impl Threshold {
    /// Exactly `value`.
    pub(super) fn exactly(value: f64) -> Self {
        Self { min: Some(value), max: Some(value), ..Self::default() }
    }

    /// Whether it says anything.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it admits nothing but 0 of what is counted.
    pub(super) fn is_zero(&self, is_percent: bool) -> bool {
        self.greatest(is_percent) == Some(0.0)
    }

    /// The greatest number, or per cent, that it admits, where it is no more than that.
    pub(super) fn greatest(&self, is_percent: bool) -> Option<f64> {
        if is_percent { self.greatest_percent() } else { self.greatest_count() }
    }

    /// The greatest whole number that it admits, where it is no more than a greatest number.
    fn greatest_count(&self) -> Option<f64> {
        let starts_at_zero = self.min.unwrap_or(0.0) <= 0.0 && self.above.unwrap_or(-1.0) < 0.0;
        if !starts_at_zero || self.not.is_some() || self.outside.is_some() {
            return None;
        }
        match (self.max, self.below) {
            (Some(max), None) => Some(max.floor()),
            (None, Some(below)) => Some(below.ceil() - 1.0),
            _ => None,
        }
        .filter(|count| *count >= 0.0)
    }

    /// The greatest per cent that it admits, where it is no more than that.
    fn greatest_percent(&self) -> Option<f64> {
        self.greatest_count().and(self.max).filter(|max| *max <= 100.0)
    }

    /// The limits as settings; `None` where they are no limits but exceptions, or nothing lies between them.
    pub(super) fn limits(&self) -> Option<Map<String, Json>> {
        let is_strict = self.above.or(self.below).is_some();
        let sides = self.min.or(self.above).zip(self.max.or(self.below));
        if sides.is_some_and(|(low, high)| low > high || (low >= high && is_strict)) {
            return None;
        }
        let sides = [("min", self.min), ("above", self.above), ("max", self.max), ("below", self.below)];
        let limits: Map<String, Json> = sides.into_iter().filter_map(|(key, limit)| Some((key.to_owned(), plain_number(limit?)))).collect();
        (self.not.is_none() && self.outside.is_none() && !limits.is_empty()).then_some(limits)
    }

    /// SQL that is true where `measure` lies where it must.
    pub(super) fn holds(&self, measure: &str) -> String {
        let sides = [(">=", self.min), (">", self.above), ("<=", self.max), ("<", self.below), ("<>", self.not)];
        let sides = sides.into_iter().filter_map(|(operator, limit)| Some(format!("{measure} {operator} {}", limit?)));
        let outside = self.outside.map(|range| format!("not ({})", range.inside().holds(measure)));
        sides.chain(outside).collect::<Vec<_>>().join(" and ")
    }

    /// What fails as what holds: `when > 5` becomes at most 5.
    ///
    /// # Errors
    /// If it has two sides, of which the opposite is no threshold.
    pub(super) fn opposite(&self) -> Result<Self, String> {
        let Self { min, above, max, below, not, outside } = *self;
        if let (Some(low), Some(high)) = (min, max)
            && low.to_bits() == high.to_bits()
        {
            return Ok(Self { not: Some(low), ..Self::default() });
        }
        let (low, high) = (min.or(above), max.or(below));
        match (low, high, not, outside) {
            (None, None, Some(value), None) => Ok(Self::exactly(value)),
            (None, None, None, Some(range)) => Ok(range.inside()),
            (Some(low), Some(high), None, None) => {
                let range = Forbidden { low, high, holds_low: min.is_some(), holds_high: max.is_some() };
                Ok(Self { outside: Some(range), ..Self::default() })
            }
            (_, None, None, None) => Ok(Self { below: min, max: above, ..Self::default() }),
            (None, _, None, None) => Ok(Self { above: max, min: below, ..Self::default() }),
            _ => Err("a condition with an exception has no opposite that is a threshold".into()),
        }
    }
}

/// A metric that counts rows.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// The rule of ours that counts the same.
    pub(super) rule: Rules,
    /// Whether it counts the same number; else it only agrees where there is none.
    pub(super) counts_alike: bool,
    /// The number in SQL, over the rows where `condition` is true.
    pub(super) count: String,
    /// The rows that a share is one of, in SQL.
    pub(super) total: String,
}

impl Counted {
    /// The rows where the SQL `is_wrong` is true, which `rule` counts too.
    pub(super) fn rows(rule: Rules, is_wrong: &str, condition: Option<&str>) -> Self {
        let both = condition.map_or_else(|| is_wrong.to_owned(), |condition| format!("({condition}) and ({is_wrong})"));
        Self { rule, counts_alike: true, count: format!("count(*) filter (where {both})"), total: filtered("count(*)", condition) }
    }

    /// The values that are there once more: as many as rows less different values.
    pub(super) fn duplicates(rule: Rules, column: &str, condition: Option<&str>) -> Self {
        let of = |aggregate: &str| filtered(aggregate, condition);
        let (all, different) = (of(&format!("count({column})")), of(&format!("count(distinct {column})")));
        Self { rule, counts_alike: false, count: format!("({all} - {different})"), total: all }
    }

    /// The rules for a threshold on the number, or on its per cent.
    pub(super) fn judged(self, threshold: &Threshold, is_percent: bool) -> Translation {
        match threshold.greatest(is_percent) {
            Some(0.0) => Ok(self.rule),
            Some(most) if self.counts_alike && is_percent => Ok(self.rule.with("at_most", percent(most / 100.0))),
            Some(most) if self.counts_alike => Ok(self.rule.with("at_most", plain_number(most))),
            _ => measured_in_sql(&self.measure(is_percent), threshold),
        }
    }

    /// Whether its own rule judges by the threshold.
    pub(super) fn judges(&self, threshold: &Threshold, is_percent: bool) -> bool {
        threshold.is_zero(is_percent) || (self.counts_alike && threshold.greatest(is_percent).is_some())
    }

    /// The number, or its per cent, in SQL.
    pub(super) fn measure(&self, is_percent: bool) -> String {
        if is_percent { format!("coalesce(100.0 * {} / nullif({}, 0), 0)", self.count, self.total) } else { self.count.clone() }
    }
}

/// An aggregate over the rows where `condition` is true.
pub(super) fn filtered(aggregate: &str, condition: Option<&str>) -> String {
    condition.map_or_else(|| aggregate.to_owned(), |condition| format!("{aggregate} filter (where {condition})"))
}

/// A rule on the value of an SQL aggregate.
pub(super) fn measured_in_sql(measure: &str, threshold: &Threshold) -> Translation {
    if threshold.is_empty() {
        return Err("it has no threshold".into());
    }
    // An empty table has no share; theirs gives none either.
    let measure = measure.replace("/ count(*)", "/ nullif(count(*), 0)").replace("/count(*)", "/ nullif(count(*), 0)");
    let measure = measure.replace("/ cast(count(*) as", "/ cast(nullif(count(*), 0) as");
    let Some(mut settings) = threshold.limits() else {
        let holds = threshold.holds("measured");
        let sql = format!("select * from (select {measure} as measured from {{table}}) as metric where ({holds}) is not true");
        return Ok(Rules::sql("query", json!({ "sql": sql })));
    };
    settings.insert("sql".into(), measure.into());
    Ok(Rules::sql("aggregate", Json::Object(settings)))
}

/// A rule of a kind that measures one value, with the limits of a threshold in its settings.
pub(super) fn measured(kind: &str, settings: Json, threshold: &Threshold, sql: &str) -> Translation {
    if threshold.is_empty() {
        return Err("it has no threshold".into());
    }
    match (threshold.limits(), settings) {
        (Some(limits), Json::Object(mut settings)) => {
            settings.extend(limits);
            Ok(Rules::one(kind, Json::Object(settings)))
        }
        _ => measured_in_sql(sql, threshold),
    }
}

/// A rule on the number of rows.
pub(super) fn row_count(threshold: &Threshold, condition: Option<&str>) -> Translation {
    let whole = |limit: Option<f64>| limit.filter(|limit| limit.fract() == 0.0);
    let min = whole(threshold.min).or_else(|| whole(threshold.above).map(|above| above + 1.0)).filter(|min| *min >= 0.0);
    let max = whole(threshold.max).or_else(|| whole(threshold.below).map(|below| below - 1.0)).filter(|max| *max >= 0.0);
    let is_possible = min.zip(max).is_none_or(|(min, max)| min <= max);
    if is_possible && min.or(max).is_some() && threshold.limits().is_some() {
        return Ok(Rules::one("row_count", json!({"min": min.map(plain_number), "max": max.map(plain_number), "where": condition})));
    }
    measured_in_sql(&filtered("count(*)", condition), threshold)
}

/// SQL that counts the values of some columns that occur more than once, each value once and nulls left out.
pub(super) fn repeated_values(columns: &[String], condition: Option<&str>) -> String {
    let names = listed(columns);
    let present: Vec<String> = columns.iter().map(|column| format!("{} is not null", identifier(column))).collect();
    let own = condition.map(|condition| format!(" and ({condition})")).unwrap_or_default();
    format!(
        "select count(*) from (select count(*) as copies from {{table}} where {}{own} group by {names} having count(*) > 1) as repeated",
        present.join(" and ")
    )
}

/// SQL that counts the rows with values that an earlier row has; two nulls are the same.
pub(super) fn repeating_rows(columns: &[String], condition: Option<&str>) -> String {
    let (names, filter) = (listed(columns), condition.map(|condition| format!(" where {condition}")).unwrap_or_default());
    format!("select count(*) - (select count(*) from (select distinct {names} from {{table}}{filter}) as different) from {{table}}{filter}")
}

fn listed(columns: &[String]) -> String {
    columns.iter().map(|column| identifier(column)).collect::<Vec<_>>().join(", ")
}

/// A number that a query returns, or its per cent of the rows where `condition` is true.
pub(super) fn counted_by_query(count: &str, threshold: &Threshold, is_percent: bool, condition: Option<&str>) -> Translation {
    if !is_percent {
        return query_of_one_value(count, threshold);
    }
    let filter = condition.map(|condition| format!(" where {condition}")).unwrap_or_default();
    query_of_one_value(&format!("select coalesce(100.0 * ({count}) / nullif((select count(*) from {{table}}{filter}), 0), 0)"), threshold)
}

/// A query that returns one value, which is compared with a threshold; where it returns none, nothing keeps to that.
pub(super) fn query_of_one_value(sql: &str, threshold: &Threshold) -> Translation {
    if threshold.is_empty() {
        return Err("it has no threshold".into());
    }
    query_of_value_where(sql, &threshold.holds("measured"))
}

/// A query that returns one value, `measured`, for which the SQL `holds` is to be true.
pub(super) fn query_of_value_where(sql: &str, holds: &str) -> Translation {
    if !sql.contains("{table}") {
        return Err("its query does not name the table that it is about".into());
    }
    let sql = sql.trim().trim_end_matches(';');
    let query = format!("select * from (select ({sql}) as measured) as metric where ({holds}) is not true");
    Ok(Rules::sql("query", json!({ "sql": query })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nulls() -> Counted {
        Counted::rows(Rules::one("not_null", json!({"column": "a"})), "a is null", Some("b"))
    }

    #[track_caller]
    fn check(rules: Translation, expected: &str) {
        let found = rules.map_or_else(|why| why, |rules| Json::Array(rules.rules).to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn greatest_counts_are_tolerances_and_others_are_measured() {
        let below = |below| Threshold { below: Some(below), ..Threshold::default() };
        check(nulls().judged(&Threshold::exactly(0.0), false), r#"[{"not_null":{"column":"a"}}]"#);
        check(nulls().judged(&below(5.0), false), r#"[{"not_null":{"column":"a","at_most":4}}]"#);
        let max = Threshold { max: Some(2.5), ..Threshold::default() };
        check(nulls().judged(&max, true), r#"[{"not_null":{"column":"a","at_most":"2.5%"}}]"#);
        check(
            nulls().judged(&below(5.0), true),
            r#"[{"aggregate":{"below":5,"sql":"coalesce(100.0 * count(*) filter (where (b) and (a is null)) / nullif(count(*) filter (where b), 0), 0)"}}]"#,
        );
        let not = Threshold { not: Some(3.0), ..Threshold::default() };
        check(
            nulls().judged(&not, false),
            r#"[{"query":{"sql":"select * from (select count(*) filter (where (b) and (a is null)) as measured from {table}) as metric where (measured <> 3) is not true"}}]"#,
        );
        check(nulls().judged(&Threshold::default(), false), "it has no threshold");
        let share = measured_in_sql("sum(a) / cast(count(*) as double)", &below(5.0));
        check(share, r#"[{"aggregate":{"below":5,"sql":"sum(a) / cast(nullif(count(*), 0) as double)"}}]"#);
    }

    #[test]
    fn limits_with_nothing_between_are_never_kept() {
        let open = |low, high| Threshold { above: Some(low), below: Some(high), ..Threshold::default() };
        check(row_count(&open(5.0, 6.0), None), r#"[{"aggregate":{"above":5,"below":6,"sql":"count(*)"}}]"#);
        check(
            row_count(&open(6.0, 6.0), None),
            r#"[{"query":{"sql":"select * from (select count(*) as measured from {table}) as metric where (measured > 6 and measured < 6) is not true"}}]"#,
        );
    }

    #[test]
    fn what_fails_is_turned_into_what_holds() {
        let of = |min, max| Threshold { min, max, ..Threshold::default() };
        assert_eq!(of(Some(5.0), None).opposite().unwrap(), Threshold { below: Some(5.0), ..Threshold::default() });
        assert_eq!(Threshold::exactly(0.0).opposite().unwrap(), Threshold { not: Some(0.0), ..Threshold::default() });
        let outside = of(Some(1.0), Some(3.0)).opposite().unwrap();
        assert_eq!(outside.holds("m"), "not (m >= 1 and m <= 3)");
        assert_eq!(outside.opposite().unwrap(), of(Some(1.0), Some(3.0)));
        let open = Threshold { above: Some(1.0), below: Some(3.0), ..Threshold::default() };
        assert_eq!(open.opposite().unwrap().holds("m"), "not (m > 1 and m < 3)");
    }
}
