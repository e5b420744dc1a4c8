//! Soda: data contracts of version 4, and SodaCL, the language of checks of version 3.

mod checks;
mod conditions;
mod formats;
mod groups;
mod history;
mod language;
mod validity;
mod write;

use hw_base::{Result, identifier};
use serde_json::{Map, Value as Json, json};

use super::metrics::{Forbidden, Threshold, measured_in_sql, query_of_one_value};
use super::sql::with_placeholder;
use super::{Imported, ImportedItem, Outcome, Rules, Suite, TableRules, Translation, Written, not_of_the_format, read_values, with_note};
use checks::{Language, Metric};
use validity::Validity;

/// Contracts and checks of Soda.
#[derive(Debug)]
pub(super) struct Soda;

impl Suite for Soda {
    fn name(&self) -> &'static str {
        "soda"
    }

    fn about(&self) -> &'static str {
        "data contracts of Soda 4, and checks in SodaCL of Soda 3"
    }

    fn recognises(&self, text: &str) -> bool {
        let starts = |word: &str| text.lines().any(|line| line.starts_with(word));
        // The old contracts of the open standard have a list under the word.
        let is_named = text.lines().any(|line| line.strip_prefix("dataset:").is_some_and(|name| !name.trim().is_empty()));
        let is_json = text.trim_start().starts_with('{') && text.contains("\"checks for ") && !text.contains("\"apiVersion\"");
        starts("checks for ") || starts("for each dataset") || is_json || (is_named && !starts("apiVersion"))
    }

    fn read(&self, text: &str) -> Result<Imported> {
        let file = read_values("Soda", text)?;
        let Some(map) = file.as_object() else { return Err(not_of_the_format("Soda", "it is no map")) };
        if map.get("dataset").is_some_and(Json::is_string) {
            return Ok(Imported { items: with_variables(map), ..Imported::default() });
        }
        if !map.keys().any(|key| key.starts_with("checks for") || key.starts_with("for each")) {
            return Err(not_of_the_format("Soda", "it has neither `dataset:` nor `checks for …:`"));
        }
        Ok(Imported { items: language::items(map), ..Imported::default() })
    }

    fn write(&self, tables: &[TableRules<'_>]) -> Written {
        write::written(tables)
    }
}

/// The checks of a contract of version 4, with the values that it gives its variables itself.
fn with_variables(map: &Map<String, Json>) -> Vec<ImportedItem> {
    let as_written = contract(map);
    let Some(variables) = map.get("variables").and_then(Json::as_object) else { return as_written };
    let filled = filled(&Json::Object(map.clone()), variables);
    let items = filled.as_object().map(contract).unwrap_or_default();
    let noted = |(mut item, written): (ImportedItem, ImportedItem)| {
        if let Outcome::Translated { note, .. } | Outcome::AsSql { note, .. } = &mut item.outcome
            && matches!(written.outcome, Outcome::NotTranslated { .. })
        {
            *note = Some(with_note(note.as_deref(), "its variables have the values that the contract gives them"));
        }
        item
    };
    items.into_iter().zip(as_written).map(noted).collect()
}

/// The values of a contract with those of its variables in their places. What has no default stays a variable.
fn filled(value: &Json, variables: &Map<String, Json>) -> Json {
    let default = |name: &str| match variables.get(name.trim().strip_prefix("var.")?)?.get("default")? {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Json::String(text) => {
            let mut parts = text.split("${");
            let mut out = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let found = part.split_once('}').and_then(|(name, rest)| Some((default(name)?, rest)));
                out += &found.map_or_else(|| format!("${{{part}"), |(value, rest)| value + rest);
            }
            Json::String(out)
        }
        Json::Array(items) => items.iter().map(|item| filled(item, variables)).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), filled(value, variables))).collect(),
        other => other.clone(),
    }
}

/// The checks of a contract as it is written.
fn contract(map: &Map<String, Json>) -> Vec<ImportedItem> {
    let dataset = map.get("dataset").and_then(Json::as_str).unwrap_or_default();
    let table = dataset.rsplit('/').next().unwrap_or(dataset);
    let filter = map.get("filter").and_then(Json::as_str);
    let mut items = Vec::new();
    let columns = map.get("columns").and_then(Json::as_array).cloned().unwrap_or_default();
    for check in checks_of(map.get("checks")) {
        items.extend(Check { table, column: None, filter, columns: &columns, of_column: &Validity::default() }.items(&check));
    }
    for column in &columns {
        let name = column.get("name").and_then(Json::as_str).unwrap_or_default();
        let mut settings = column.as_object().cloned().unwrap_or_default();
        let of_column = Validity::take(&mut settings, &Validity::default());
        let expression = column.get("column_expression").filter(|expression| !expression.is_null());
        for mut check in checks_of(column.get("checks")) {
            // A check has it where it has none of its own.
            if let Some(expression) = expression {
                check.1.entry("column_expression").or_insert_with(|| expression.clone());
            }
            items.extend(Check { table, column: Some(name), filter, columns: &columns, of_column: &of_column }.items(&check));
        }
    }
    items
}

/// Stands for the kind of a check in the language that contracts had in Soda 3.
const OF_SODA_3: &str = "type";

/// The checks of a list, each as its kind and its settings.
fn checks_of(list: Option<&Json>) -> Vec<(String, Map<String, Json>)> {
    let items = list.and_then(Json::as_array).into_iter().flatten();
    items
        .filter_map(|item| match item {
            Json::String(kind) => Some((kind.clone(), Map::new())),
            Json::Object(map) if map.contains_key("type") => Some((OF_SODA_3.into(), map.clone())),
            Json::Object(map) => map.iter().next().map(|(kind, settings)| (kind.clone(), settings_of(kind, settings))),
            _ => None,
        })
        .collect()
}

/// The settings of a check. What is none stands under the kind of the check, which is no setting that is known.
fn settings_of(kind: &str, settings: &Json) -> Map<String, Json> {
    match settings {
        Json::Null => Map::new(),
        Json::Object(settings) => settings.clone(),
        other => std::iter::once((kind.to_owned(), other.clone())).collect(),
    }
}

/// Said of two thresholds of which neither or both warn.
const ONE_LEVEL: &str = "its threshold and the additional one have one level, which Soda refuses as well; give one of them `level: warn`";

/// Whether a threshold that is not kept is a warning alone.
fn warns(threshold: &Json) -> bool {
    threshold.get("level").and_then(Json::as_str).is_some_and(|level| level.eq_ignore_ascii_case("warn"))
}

/// Where a check of a contract stands.
struct Check<'a> {
    table: &'a str,
    column: Option<&'a str>,
    filter: Option<&'a str>,
    columns: &'a [Json],
    of_column: &'a Validity,
}

impl Check<'_> {
    /// One item per threshold of the check.
    fn items(&self, (kind, settings): &(String, Map<String, Json>)) -> Vec<ImportedItem> {
        let called = format!("{kind}({})", self.column.unwrap_or_default());
        let threshold = settings.get("threshold").cloned().unwrap_or_default();
        let mut thresholds = vec![threshold.clone()];
        if let Some(additional) = threshold.get("additional") {
            let mut second = additional.clone();
            for key in ["metric", "unit"] {
                second[key] = threshold.get(key).cloned().unwrap_or_default();
            }
            thresholds.push(second);
        }
        let has_one_level = thresholds.len() > 1 && warns(&thresholds[0]) == warns(&thresholds[1]);
        let item = |threshold: Json| {
            let rules = if has_one_level { Err(ONE_LEVEL.into()) } else { self.translated(kind, settings, &threshold) };
            ImportedItem::new(Some(self.table), called.clone(), rules)
        };
        thresholds.into_iter().map(item).collect()
    }

    fn translated(&self, kind: &str, settings: &Map<String, Json>, threshold: &Json) -> Translation {
        if kind == OF_SODA_3 {
            return Err(format!(
                "`type: {}` is a word of the contracts of Soda 3, which are not read; write it in those of Soda 4, such as `- missing:`",
                settings.get(OF_SODA_3).and_then(Json::as_str).unwrap_or_default()
            ));
        }
        if let Some((key, _)) = settings.iter().find(|(key, value)| *key != "name" && value.to_string().contains("${")) {
            return Err(format!("`{key}` holds a variable, whose value is only known when Soda runs"));
        }
        if self.filter.is_some_and(|filter| filter.contains("${")) || self.of_column.holds("${") {
            return Err("its dataset or its column holds a variable, whose value is only known when Soda runs".into());
        }
        if let Some(scope) = settings.get("scope") {
            return Err(format!("Soda's core judges no check with `scope: {scope}`; give the check a `filter`"));
        }
        let mut settings = settings.clone();
        let validity = Validity::take(&mut settings, self.of_column);
        validity.has_numbers_for_limits()?;
        let own = settings.get("filter").and_then(Json::as_str);
        let filter = match (self.filter, own) {
            (Some(all), Some(own)) => Some(format!("({all}) and ({own})")),
            (all, own) => all.or(own).map(str::to_owned),
        };
        let rules = self.rules(kind, &settings, &validity, threshold, filter.as_deref())?;
        let level = if warns(threshold) { json!("alert") } else { Json::Null };
        let known = [
            "threshold",
            "filter",
            "name",
            "qualifier",
            "attributes",
            "column",
            "columns",
            "function",
            "expression",
            "query",
            "allow_extra_columns",
            "allow_other_column_order",
            "unit",
            "rows_tested_query",
            "store_failed_rows",
        ];
        if let Some((key, value)) = settings.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(format!("the setting `{key}: {value}` has no counterpart"));
        }
        let described = |rules: Rules| rules.with("description", settings.get("name").cloned().unwrap_or_default());
        let rules = described(rules).with("on_failure", level);
        if kind != "freshness" || !warns(threshold) {
            return Ok(rules);
        }
        let column = settings.get("column").and_then(Json::as_str).unwrap_or_default();
        Ok(described(and_a_moment(rules, column, filter.as_deref())))
    }

    fn rules(&self, kind: &str, settings: &Map<String, Json>, validity: &Validity, threshold: &Json, filter: Option<&str>) -> Translation {
        let text = |key: &str| settings.get(key).and_then(Json::as_str);
        let columns: Vec<String> = match (settings.get("columns").and_then(Json::as_array), self.column) {
            (Some(names), _) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            (None, column) => column.into_iter().map(str::to_owned).collect(),
        };
        keep_words(kind, threshold)?;
        let is_percent = threshold.get("metric") == Some(&json!("percent"));
        let given = threshold_of(threshold)?;
        let or_zero = if given.is_empty() { Threshold::exactly(0.0) } else { given.clone() };
        let metric = |name: &str, threshold: &Threshold| {
            Metric { name, columns: &columns, is_percent, validity, filter, language: Language::Contract }.judged(threshold)
        };
        match kind {
            "missing" | "invalid" | "duplicate" => metric(kind, &or_zero),
            "row_count" if given.is_empty() => metric("row_count", &Threshold { above: Some(0.0), ..Threshold::default() }),
            "row_count" => metric("row_count", &given),
            "aggregate" => metric(&function_of(text("function").unwrap_or_default()), &given),
            "metric" => match (text("expression"), text("query")) {
                (Some(expression), _) => measured_in_sql(expression, &given),
                (None, Some(query)) => query_of_one_value(&with_placeholder(query, self.table), &given),
                (None, None) => Err("it has neither `expression` nor `query`".into()),
            },
            "failed_rows" => self.failed_rows(settings, &or_zero, is_percent, filter),
            "freshness" => freshness(text("column").unwrap_or_default(), threshold, &given, filter),
            "schema" => self.schema(settings),
            _ => Err(format!("the check `{kind}` is not known")),
        }
    }

    fn failed_rows(&self, settings: &Map<String, Json>, threshold: &Threshold, is_percent: bool, filter: Option<&str>) -> Translation {
        let text = |key: &str| settings.get(key).and_then(Json::as_str);
        if let Some(expression) = text("expression") {
            let rules = Rules::sql("expression", json!({"sql": format!("not ({expression})")}));
            let rules = filter.map_or_else(|| rules.clone(), |filter| rules.clone().only_where(filter));
            return super::metrics::Counted::rows(rules, expression, filter).judged(threshold, is_percent);
        }
        let of_table = |query: &str| with_placeholder(query.trim().trim_end_matches(';'), self.table);
        let query = of_table(text("query").ok_or("it has neither `expression` nor `query`")?);
        let Some(tested) = text("rows_tested_query").filter(|_| is_percent) else {
            let rules = failing_rows_of(&query, threshold)?;
            return Ok(if is_percent { rules.note(NO_ROWS_TESTED) } else { rules });
        };
        let tested = of_table(tested);
        let share = format!("select coalesce(100.0 * (select count(*) from ({query}) as failing) / nullif(({tested}), 0), 0)");
        query_of_one_value(&share, threshold)
    }

    fn schema(&self, settings: &Map<String, Json>) -> Translation {
        let names: Vec<&str> = self.columns.iter().filter_map(|column| column.get("name")?.as_str()).collect();
        let of = |column: &Json| column.get("data_type").and_then(Json::as_str).unwrap_or("any").to_owned();
        let types: Map<String, Json> =
            self.columns.iter().filter_map(|column| Some((column.get("name")?.as_str()?.to_owned(), json!(of(column))))).collect();
        let allows = |key: &str| match settings.get(key) {
            None | Some(Json::Null) => Ok(false),
            Some(Json::Bool(allowed)) => Ok(*allowed),
            Some(other) => Err(format!("`{key}: {other}` is neither `true` nor `false`")),
        };
        let (extra, other_order) = (allows("allow_extra_columns")?, allows("allow_other_column_order")?);
        let mut wanted = json!({"columns": types, "exact": !extra});
        if !other_order {
            wanted[if extra { "relative_order" } else { "order" }] = json!(names);
        }
        let rules = Rules::one("schema", wanted);
        let sizes = ["character_maximum_length", "numeric_precision", "numeric_scale", "datetime_precision"];
        let has_sizes = self.columns.iter().any(|column| sizes.iter().any(|size| column.get(*size).is_some()));
        Ok(if has_sizes { rules.note("how long texts are and how many digits numbers have is not checked") } else { rules })
    }
}

/// Said of a per cent of rows that nothing counts.
const NO_ROWS_TESTED: &str = "without `rows_tested_query` Soda compares the number of rows with the limit, and no per cent of them";

/// A rule on the rows that a query finds, however many of them there have to be.
fn failing_rows_of(query: &str, threshold: &Threshold) -> Translation {
    let Some(most) = threshold.greatest(false) else {
        let query = query.trim().trim_end_matches(';');
        return query_of_one_value(&format!("select count(*) from ({query}) as failing"), threshold);
    };
    let rules = Rules::sql("query", json!({ "sql": query }));
    Ok(if most > 0.0 { rules.with("at_most", super::words::plain_number(most)) } else { rules })
}

/// A function of a contract as SodaCL calls it: Soda 4 reads `minLength` and `SUM` too.
fn function_of(written: &str) -> String {
    let name = written.to_lowercase();
    match name.strip_suffix("length").filter(|name| ["min", "max", "avg"].contains(name)) {
        Some(function) => format!("{function}_length"),
        None => name,
    }
}

/// How old the newest row may be, how old it has to be, or how old it must not be.
fn freshness(column: &str, threshold: &Json, limits: &Threshold, filter: Option<&str>) -> Translation {
    let (unit, size) = match threshold.get("unit").and_then(Json::as_str) {
        None | Some("hour") => ("h", 3600.0),
        Some("minute") => ("m", 60.0),
        Some("day") => ("d", 86_400.0),
        Some(other) => return Err(format!("the unit `{other}` is not known")),
    };
    if limits.is_empty() {
        return Err("its threshold is no limit of ages".into());
    }
    let sides = [("<=", limits.min), ("<", limits.above), (">=", limits.max), (">", limits.below)];
    let ages: Vec<(&str, f64)> = sides.into_iter().filter_map(|(operator, age)| Some((operator, age?))).collect();
    let forbidden = limits.outside.into_iter().flat_map(|range| [range.low, range.high]).chain(limits.not);
    if let Some(odd) = ages.iter().map(|(_, age)| *age).chain(forbidden).find(|age| (age * size).fract() != 0.0) {
        return Err(format!("{odd}{unit} are no whole seconds"));
    }
    if let [(">=" | ">", age)] = *ages
        && age > 0.0
    {
        let within = if age.fract() == 0.0 { format!("{age}{unit}") } else { format!("{}s", age * size) };
        return Ok(Rules::one("freshness", json!({"column": column, "within": within, "where": filter})));
    }
    let beside = |operator: &str, seconds: f64| format!("newest {operator} now() - interval '{seconds} seconds'");
    let outside = limits.outside.map(|range| {
        let (low, high) = (if range.holds_low { "<=" } else { "<" }, if range.holds_high { ">=" } else { ">" });
        format!("not ({} and {})", beside(low, range.low * size), beside(high, range.high * size))
    });
    // Soda counts the seconds that are over.
    let other = limits.not.map(|age| format!("not ({} and {})", beside("<=", age * size), beside(">", age * size + 1.0)));
    let sides = ages.iter().map(|(operator, age)| beside(operator, age * size));
    let kept: Vec<String> = sides.chain(outside).chain(other).collect();
    let of_rows = filter.map(|filter| format!(" where {filter}")).unwrap_or_default();
    let newest = format!("select max(cast({} as timestamp)) as newest from {{table}}{of_rows}", identifier(column));
    Ok(Rules::sql("query", json!({"sql": format!("select * from ({newest}) as metric where ({}) is not true", kept.join(" and "))})))
}

/// A rule on ages that only warns, and one that there is a moment: without any, Soda fails whatever the level.
fn and_a_moment(rules: Rules, column: &str, filter: Option<&str>) -> Rules {
    let rules = rules.and("aggregate", json!({"function": "count", "column": column, "min": 1, "where": filter}));
    rules.note("without a moment Soda fails where it would only warn, so it is two rules")
}

/// Makes sure that a threshold is one, and that its metric and its unit go with the check.
fn keep_words(kind: &str, threshold: &Json) -> Result<(), String> {
    if !threshold.is_null() && !threshold.is_object() {
        return Err(format!("`threshold: {threshold}` is no map, such as `must_be: 5`"));
    }
    let given = |key: &'static str| threshold.get(key).filter(|value| !value.is_null()).map(|value| (key, value));
    let counts = |metric: &Json| [json!("count"), json!("percent")].contains(metric) && !matches!(kind, "row_count" | "metric");
    let odd = given("metric").filter(|(_, metric)| !counts(metric)).or_else(|| given("unit").filter(|_| kind != "freshness"));
    odd.map_or(Ok(()), |(key, value)| Err(format!("`{key}: {value}` does not go with a threshold of `{kind}`, in Soda as well")))
}

/// What a threshold of a contract may say.
const OF_THRESHOLDS: [&str; 12] = [
    "metric",
    "unit",
    "level",
    "additional",
    "must_be",
    "must_not_be",
    "must_be_greater_than",
    "must_be_greater_than_or_equal",
    "must_be_less_than",
    "must_be_less_than_or_equal",
    "must_be_between",
    "must_be_not_between",
];

/// Said of a limit that is written as a text, which Soda reads as none.
fn no_number(key: &str, value: &Json) -> String {
    format!("`{key}: {value}` is no number, which Soda wants there; write one without quotes")
}

/// A threshold of a contract: `must_be_less_than: 5` and its like.
fn threshold_of(threshold: &Json) -> Result<Threshold, String> {
    let settings = || threshold.as_object().into_iter().flatten();
    if let Some((key, value)) = settings().find(|(key, _)| !OF_THRESHOLDS.contains(&key.as_str())) {
        return Err(format!("the threshold `{key}: {value}` is not known"));
    }
    let mut comparisons = settings().filter(|(key, value)| key.starts_with("must_") && !value.is_null()).map(|(key, _)| key);
    if let (Some(first), Some(second)) = (comparisons.next(), comparisons.next()) {
        return Err(format!("Soda judges no threshold with both `{first}` and `{second}`; keep one of them, or write `must_be_between`"));
    }
    let limit = |value: &Json, key: &str| match value.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| no_number(key, value)),
    };
    let sides = |value: &Json, prefix: &str| -> Result<Threshold, String> {
        Ok(Threshold {
            min: limit(value, &format!("{prefix}greater_than_or_equal"))?,
            above: limit(value, &format!("{prefix}greater_than"))?,
            max: limit(value, &format!("{prefix}less_than_or_equal"))?,
            below: limit(value, &format!("{prefix}less_than"))?,
            not: None,
            outside: None,
        })
    };
    if let Some(between) = threshold.get("must_be_between") {
        let limits = sides(between, "")?;
        let (low, high) = limits.min.or(limits.above).zip(limits.max.or(limits.below)).ok_or("`must_be_between` needs two limits")?;
        if low >= high {
            return Err(format!("no number lies between {low} and {high}, which Soda refuses as well; swap them, or write `must_be`"));
        }
        return Ok(limits);
    }
    if let Some(between) = threshold.get("must_be_not_between") {
        // A value must be less than the one limit or greater than the other: what lies between them is forbidden.
        let Threshold { min, above, max, below, .. } = sides(between, "")?;
        let (high, low) = min.or(above).zip(max.or(below)).ok_or("`must_be_not_between` needs two limits")?;
        if low >= high {
            return Err(format!("`must_be_not_between` forbids nothing: less than {low}, or greater than {high}"));
        }
        let range = Forbidden { low, high, holds_low: below.is_some(), holds_high: above.is_some() };
        return Ok(Threshold { outside: Some(range), ..Threshold::default() });
    }
    if let Some(value) = limit(threshold, "must_be")? {
        return Ok(Threshold::exactly(value));
    }
    Ok(Threshold { not: limit(threshold, "must_not_be")?, ..sides(threshold, "must_be_")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let imported = Soda.read(text).unwrap();
        let found: Vec<String> = imported.items.iter().map(|item| Json::Array(item.outcome.rules().to_vec()).to_string()).collect();
        assert_eq!(found, expected);
    }

    /// Checks what becomes of the checks of a table `t`, each as it stands in the list.
    #[track_caller]
    fn check_outcomes(text: &str, expected: &[&str]) {
        let told = |item: &ImportedItem| match &item.outcome {
            Outcome::NotTranslated { why } => why.clone(),
            outcome => Json::Array(outcome.rules().to_vec()).to_string(),
        };
        let found: Vec<String> = Soda.read(text).unwrap().items.iter().map(told).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn changes_are_limits_beside_the_last_loads() {
        check_outcomes(
            "checks for t:\n  - change percent for row_count > -50%\n  - change avg last 7 for missing_count(a) between -5 and 5\n  \
             - change max last 3 percent for avg(a):\n      warn: when > 12.5\n      filter: b = 1\n  - change for duplicate_count(a) < 5\n  \
             - change same day last week for row_count < 5\n  - change for row_count != 5\n  \
             - anomaly score for missing_percent(a) < default\n",
            &[
                r#"[{"row_count":{"change":{"above":"-50%"}}}]"#,
                r#"[{"aggregate":{"sql":"count(*) filter (where a is null)","change":{"min":-5,"max":5,"last":7}}}]"#,
                r#"[{"aggregate":{"function":"mean","column":"a","where":"b = 1","change":{"max":"12.5%","last":3,"of":"max"},"on_failure":"alert"}}]"#,
                "its metric becomes a query here, and earlier values are known of `row_count` and `aggregate` alone",
                "it compares with the same day of an earlier week; `change` here looks at the last loads",
                "its condition is no limit of a change, such as `> -50` or `between -10 and 50`",
                r#"[{"aggregate":{"sql":"coalesce(100.0 * count(*) filter (where a is null) / nullif(count(*), 0), 0)","learned":true,"on_failure":"alert"}}]"#,
            ],
        );
    }

    #[test]
    fn groups_are_judged_by_queries() {
        check_outcomes(
            "checks for t:\n  - group by:\n      query: select b, count(*) as c from t group by b\n      fields: [b]\n      checks:\n        \
             - c > 1:\n            name: full\n        - c:\n            name: c\n            warn: when < 5\n        - count(b) > 1\n  \
             - group evolution:\n      query: select distinct b from t;\n      fail:\n        when required group missing: [x, y]\n        \
             when groups change: any\n      warn:\n        when forbidden group present: [\"z%\"]\n",
            &[
                r#"[{"query":{"sql":"select * from (select b, count(*) as c from {table} group by b) as grouped where not (c > 1)","description":"full"}}]"#,
                r#"[{"query":{"sql":"select * from (select b, count(*) as c from {table} group by b) as grouped where not (c >= 5)","description":"c","on_failure":"alert"}}]"#,
                "`count(b)` of a check per group has no counterpart; name a column of the query",
                r#"[{"query":{"sql":"select wanted.name from (select 'x' as name union all select 'y' as name) as wanted where not exists (select 1 from (select distinct b from {table}) as found(name) where found.name = wanted.name)"}}]"#,
                "it compares with earlier results, which are kept of numbers alone",
                r#"[{"query":{"sql":"select * from (select distinct b from {table}) as found(name) where regexp_like(cast(name as varchar), '^(?:z..*)')","on_failure":"alert"}}]"#,
            ],
        );
    }

    #[test]
    fn a_list_of_tables_is_one_where_it_names_them() {
        let text = "for each dataset D:\n  datasets: [a, include source.b, exclude a]\n  checks:\n    - row_count > 4\n";
        let items = Soda.read(text).unwrap().items;
        let found: Vec<_> = items.iter().map(|item| (item.table.as_deref(), item.outcome.rules().len())).collect();
        assert_eq!(found, [(Some("b"), 1)]);
        let why = "which tables the patterns of its list mean is only known when Soda runs; name the tables";
        check_outcomes(&text.replace("[a,", "[\"a%\","), &[why]);
    }

    #[test]
    fn a_condition_on_columns_that_is_not_known_takes_no_other_with_it() {
        check_outcomes(
            "checks for t:\n  - schema:\n      fail:\n        when required column missing: [id]\n        when mismatching columns: { id: integer, b: }\n      \
             warn:\n        when schema changes: any\n",
            &[
                r#"[{"schema":{"columns":{"id":"any"}}}]"#,
                r#"[{"schema":{"columns":{"id":"integer","b":"any"},"exact":true}}]"#,
                "it compares with the columns of earlier scans",
            ],
        );
    }

    #[test]
    fn contracts_have_words_and_values_of_their_own() {
        check_outcomes(
            "dataset: d/t\nvariables:\n  WORD: { default: x }\n  DAY:\n  LEAST: { default: 3 }\nchecks:\n  \
             - failed_rows: { query: \"select * from t where a > 1\", rows_tested_query: select count(*) from t;, threshold: { metric: percent, must_be_less_than: 5 } }\n  \
             - failed_rows: { query: \"select * from t where a > 1\", threshold: { metric: percent, must_be_less_than: 5 } }\n  \
             - freshness: { column: at, threshold: { must_be_less_than: 1.5 } }\n  \
             - freshness: { column: at, threshold: { unit: day, must_be_between: { greater_than: 1, less_than_or_equal: 2 } } }\n  \
             - freshness: { column: at, threshold: { unit: minute, must_be_not_between: { greater_than: 2, less_than_or_equal: 1 } } }\n  \
             - freshness: { column: at, threshold: { unit: minute, must_not_be: 1 } }\n  \
             - row_count: { filter: \"a > ${var.LEAST} and b = '${ var.WORD }'\" }\n  - row_count: { filter: \"day = '${var.DAY}'\" }\n  \
             - row_count: { scope: eu }\ncolumns:\n  - name: a\n    checks:\n      \
             - aggregate: { function: minLength, threshold: { must_be: 0 } }\n      - aggregate: { function: SUM, threshold: { must_be: 9 } }\n",
            &[
                r#"[{"query":{"sql":"select * from (select (select coalesce(100.0 * (select count(*) from (select * from {table} where a > 1) as failing) / nullif((select count(*) from {table}), 0), 0)) as measured) as metric where (measured < 5) is not true"}}]"#,
                r#"[{"query":{"sql":"select * from {table} where a > 1","at_most":4}}]"#,
                r#"[{"freshness":{"column":"at","within":"5400s"}}]"#,
                r#"[{"query":{"sql":"select * from (select max(cast(at as timestamp)) as newest from {table}) as metric where (newest < now() - interval '86400 seconds' and newest >= now() - interval '172800 seconds') is not true"}}]"#,
                r#"[{"query":{"sql":"select * from (select max(cast(at as timestamp)) as newest from {table}) as metric where (not (newest < now() - interval '60 seconds' and newest >= now() - interval '120 seconds')) is not true"}}]"#,
                r#"[{"query":{"sql":"select * from (select max(cast(at as timestamp)) as newest from {table}) as metric where (not (newest <= now() - interval '60 seconds' and newest > now() - interval '61 seconds')) is not true"}}]"#,
                r#"[{"row_count":{"min":1,"where":"a > 3 and b = 'x'"}}]"#,
                "`filter` holds a variable, whose value is only known when Soda runs",
                r#"Soda's core judges no check with `scope: "eu"`; give the check a `filter`"#,
                r#"[{"aggregate":{"function":"min_length","column":"a","min":0,"max":0}}]"#,
                r#"[{"aggregate":{"function":"sum","column":"a","min":9,"max":9}}]"#,
            ],
        );
    }

    #[test]
    fn values_of_variables_are_told_beside_other_notes() {
        let text = "dataset: d/t\nvariables:\n  LEAST: { default: 3 }\nchecks:\n  \
             - failed_rows: { query: \"select * from t where a > ${var.LEAST}\", threshold: { metric: percent, must_be_less_than: 5 } }\n";
        let imported = Soda.read(text).unwrap();
        let told = format!("{NO_ROWS_TESTED}; its variables have the values that the contract gives them");
        assert_eq!(imported.items[0].outcome.note(), Some(told.as_str()));
    }

    #[test]
    fn sentences_may_stand_in_json() {
        assert!(Soda.recognises("{\n  \"checks for t\": [\"row_count > 0\"] }"));
        assert!(!Soda.recognises("{ \"apiVersion\": \"v3.1.0\", \"implementation\": { \"checks for t\": [] } }"));
        check("{ \"checks for t\": [\"row_count > 0\"] }", &[r#"[{"row_count":{"min":1}}]"#]);
    }

    #[test]
    fn least_ages_are_judged_by_contracts_alone() {
        check_outcomes(
            "checks for t:\n  - freshness(at) > 1h30m\n  - freshness(at) between 3h and 2d\n  - freshness(at):\n      fail: when < 3h\n",
            &[
                "`> 1h30m` is no greatest age, and Soda 3 fails by no other; write one with `<`",
                "`between 3h and 2d` is no greatest age, and Soda 3 fails by no other; write one with `<`",
                "`< 3h` is no greatest age, and Soda 3 fails by no other; write one with `>`",
            ],
        );
    }

    #[test]
    fn ages_that_only_warn_fail_where_there_is_none() {
        let age = r#"{"freshness":{"column":"at","within":"1d","on_failure":"alert"}}"#;
        let warns = format!(r#"[{age},{{"aggregate":{{"function":"count","column":"at","min":1}}}}]"#);
        check(
            "dataset: d/main/t\nchecks:\n  - freshness: { column: at, threshold: { unit: day, must_be_less_than: 1, level: warn } }\n",
            &[&warns],
        );
        check("checks for t:\n  - freshness(at):\n      warn: when > 1d\n", &[&warns]);
        check(
            "checks for t:\n  - freshness(at):\n      warn: when > 1d\n      fail: when > 2d\n",
            &[r#"[{"freshness":{"column":"at","within":"2d"}}]"#, &format!("[{age}]")],
        );
    }
}
