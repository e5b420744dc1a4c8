//! What the checks of both of Soda's languages come to.

use hw_base::identifier;
use serde_json::{Value as Json, json};

use super::validity::Validity;
use crate::suites::metrics::{
    Counted, Threshold, counted_by_query, filtered, measured, measured_in_sql, query_of_one_value, repeated_values, repeating_rows,
    row_count,
};
use crate::suites::{Rules, Translation};

/// The languages of Soda, which count differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Data contracts of version 4.
    Contract,
    /// Checks in sentences, of version 3.
    Checks,
}

/// A metric of a table, with the settings that it needs.
#[derive(Clone, Debug)]
pub(super) struct Metric<'a> {
    /// Its name without `_count` and `_percent`: `missing`, `avg`, `row_count`.
    pub(super) name: &'a str,
    /// Its columns.
    pub(super) columns: &'a [String],
    /// Whether it is a per cent.
    pub(super) is_percent: bool,
    /// Which values are missing or invalid.
    pub(super) validity: &'a Validity,
    /// Only the rows where this is true.
    pub(super) filter: Option<&'a str>,
    /// The language that it stands in.
    pub(super) language: Language,
}

impl Metric<'_> {
    /// The rules for a threshold on it. The filter is in them.
    pub(super) fn judged(&self, threshold: &Threshold) -> Translation {
        let column = || match self.columns {
            [only] => Ok(only.clone()),
            _ => Err(format!("`{}` needs one column", self.name)),
        };
        match self.name {
            "row_count" => row_count(threshold, self.filter),
            "missing" => self.missing(&column()?, threshold),
            "invalid" => self.invalid(&column()?, threshold),
            "valid" if self.language == Language::Checks && !self.is_percent => self.valid(&column()?, threshold),
            "duplicate" => self.duplicates(threshold),
            "percentile" => self.percentile(threshold),
            name => self.aggregate(name, &column()?, threshold),
        }
    }

    fn filtered(&self, counted: Counted, threshold: &Threshold) -> Translation {
        let rules = counted.judged(threshold, self.is_percent)?;
        let filter_is_inside = rules.rules.iter().any(|rule| rule.get("aggregate").is_some() || rule.get("query").is_some());
        Ok(match self.filter.filter(|_| !filter_is_inside) {
            Some(filter) => rules.only_where(filter),
            None => rules,
        })
    }

    fn missing(&self, column: &str, threshold: &Threshold) -> Translation {
        let (missing, has_words) = self.validity.missing(column)?;
        let rules = if has_words {
            Rules::one("expression", json!({"sql": format!("not ({missing})")}))
        } else {
            Rules::one("not_null", json!({ "column": column }))
        };
        self.filtered(Counted::rows(rules, &missing, self.filter), threshold)
    }

    /// Values that another table lacks are found by a join, which only a query has.
    fn invalid(&self, column: &str, threshold: &Threshold) -> Translation {
        let (rules, wrong) = self.validity.invalid(column)?;
        let is_reference = rules.rules.iter().any(|rule| rule.get("referential").is_some());
        let counted = Counted::rows(rules, &wrong, self.filter);
        match self.validity.reference_join(column) {
            Some(join) if !(is_reference && counted.judges(threshold, self.is_percent)) => {
                query_of_one_value(&format!("select {} from {{table}} {join}", counted.measure(self.is_percent)), threshold)
            }
            _ => self.filtered(counted, threshold),
        }
    }

    /// Values that are neither missing nor invalid.
    fn valid(&self, column: &str, threshold: &Threshold) -> Translation {
        let valid = self.validity.valid(column)?.unwrap_or_else(|| format!("{} is not null", identifier(column)));
        measured_in_sql(&Counted::rows(Rules::default(), &valid, self.filter).measure(self.is_percent), threshold)
    }

    /// Contracts count rows that repeat others, SodaCL values that are repeated. Several columns of a contract may be null together.
    fn duplicates(&self, threshold: &Threshold) -> Translation {
        let kept = match (self.language, self.columns) {
            (Language::Contract, [only]) => self.validity.valid(only)?,
            _ => None,
        };
        let filter = both(self.filter, kept);
        let filter = filter.as_deref();
        if threshold.is_zero(self.is_percent) {
            let skip_if = (self.language == Language::Contract && self.columns.len() > 1).then_some("never");
            let rules = Rules::one("unique", json!({"columns": self.columns, "skip_if": skip_if}));
            return Ok(filter.map_or_else(|| rules.clone(), |filter| rules.clone().only_where(filter)));
        }
        match (self.language, self.columns) {
            (Language::Contract, [only]) => {
                Counted::duplicates(Rules::default(), &identifier(only), filter).judged(threshold, self.is_percent)
            }
            (Language::Contract, several) => counted_by_query(&repeating_rows(several, filter), threshold, self.is_percent, filter),
            (Language::Checks, columns) => counted_by_query(&repeated_values(columns, filter), threshold, self.is_percent, filter),
        }
    }

    /// The least value that at least a share of all values does not exceed, as `percentile_disc` has it.
    fn percentile(&self, threshold: &Threshold) -> Translation {
        let share = |text: &String| text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
        let [column, share] = match self.columns {
            [column, percentile] => share(percentile).map(|share| [identifier(column), share.to_string()]),
            _ => None,
        }
        .ok_or("`percentile` needs a column and a share from 0 to 1: `percentile(amount, 0.5)`")?;
        let filter = both(self.filter, self.measured_values(&self.columns[0])?);
        let there = filter.map_or_else(|| format!("{column} is not null"), |filter| format!("{column} is not null and ({filter})"));
        let values = format!("array_agg({column} order by {column}) filter (where {there})");
        let place = format!("cast(greatest(1, ceil({share} * count({column}) filter (where {there}))) as bigint)");
        measured_in_sql(&format!("array_element({values}, {place})"), threshold)
    }

    /// SQL that is true for the values that an aggregate is taken over, where some of the others are not null. A contract leaves out what
    /// is missing; where there are settings of validity as well, only what is missing and invalid.
    fn measured_values(&self, column: &str) -> Result<Option<String>, String> {
        match self.language {
            Language::Contract => self.validity.not_missing(column),
            Language::Checks => self.validity.valid(column),
        }
    }

    fn aggregate(&self, name: &str, column: &str, threshold: &Threshold) -> Translation {
        let written = identifier(column);
        let filter = both(self.filter, self.measured_values(column)?);
        let filter = filter.as_deref();
        let (function, sql) = match name {
            "avg" | "mean" => ("mean", format!("avg({written})")),
            "sum" | "min" | "max" => (name, format!("{name}({written})")),
            "min_length" | "max_length" | "avg_length" => {
                let function = name.trim_end_matches("_length");
                let ours = if function == "avg" { "mean_length" } else { name };
                (ours, format!("{function}(character_length(cast({written} as varchar)))"))
            }
            "stddev" | "stddev_samp" => ("standard_deviation", format!("stddev({written})")),
            "stddev_pop" => ("population_standard_deviation", format!("stddev_pop({written})")),
            "variance" | "var_samp" => ("variance", format!("var_samp({written})")),
            "values" => ("count", format!("count({written})")),
            "var_pop" => return measured_in_sql(&filtered(&format!("var_pop({written})"), filter), threshold),
            "distinct" => return measured_in_sql(&filtered(&format!("count(distinct {written})"), filter), threshold),
            other => return Err(format!("the metric `{other}` has no counterpart")),
        };
        let sql = filtered(&sql, filter);
        measured("aggregate", json!({"function": function, "column": column, "where": filter}), threshold, &sql).map(without_nulls)
    }
}

/// Two conditions as one.
fn both(filter: Option<&str>, kept: Option<String>) -> Option<String> {
    match (filter, kept) {
        (Some(filter), Some(kept)) => Some(format!("({filter}) and ({kept})")),
        (filter, kept) => kept.or_else(|| filter.map(str::to_owned)),
    }
}

fn without_nulls(mut rules: Rules) -> Rules {
    for settings in rules.rules.iter_mut().filter_map(crate::suites::settings_of) {
        settings.retain(|_, value: &mut Json| !value.is_null());
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, settings: &Json, below: f64, expected: &str) {
        let validity = Validity::take(&mut settings.as_object().unwrap().clone(), &Validity::default());
        let columns = ["a".to_owned()];
        let metric = Metric { name, columns: &columns, is_percent: true, validity: &validity, filter: None, language: Language::Contract };
        let rules = metric.judged(&Threshold { below: Some(below), ..Threshold::default() });
        assert_eq!(rules.map_or_else(|why| why, |rules| Json::Array(rules.rules).to_string()), expected);
    }

    #[test]
    fn values_of_another_table_are_found_by_a_join() {
        let reference = json!({"valid_reference_data": {"dataset": "src/shop", "column": "id"}});
        check(
            "invalid",
            &reference,
            5.0,
            r#"[{"query":{"sql":"select * from (select (select coalesce(100.0 * count(*) filter (where (a is not null and valid_reference is null)) / nullif(count(*), 0), 0) from {table} left join (select distinct id as valid_reference from shop) as referred on a = valid_reference) as measured) as metric where (measured < 5) is not true"}}]"#,
        );
        check(
            "duplicate",
            &reference,
            5.0,
            r#"[{"aggregate":{"below":5,"sql":"coalesce(100.0 * (count(a) - count(distinct a)) / nullif(count(a), 0), 0)"}}]"#,
        );
    }
}
