//! SodaCL: checks in sentences, such as `missing_percent(email) < 5 %`.

use hw_base::identifier;
use serde_json::{Map, Value as Json, json};

use super::checks::{Language, Metric};
use super::conditions::{
    Alternative, LEVELS, alternatives, behind_when, column_of_freshness, condition_of, in_one_unit, name_and_condition,
};
use super::validity::Validity;
use super::{and_a_moment, failing_rows_of, groups, history};
use crate::suites::metrics::{Counted, Threshold, measured_in_sql, query_of_one_value};
use crate::suites::sql::with_placeholder;
use crate::suites::violations::table_sql;
use crate::suites::{ImportedItem, Rules, Translation};

/// The checks of all tables of a file.
pub(super) fn items(map: &Map<String, Json>) -> Vec<ImportedItem> {
    let mut items = Vec::new();
    for (heading, checks) in map {
        if let Some(table) = heading.strip_prefix("checks for ") {
            let subject = Subject::of(map, table);
            for check in checks.as_array().into_iter().flatten() {
                items.extend(check_items(&subject, check));
            }
        } else if heading.starts_with("for each dataset") {
            items.extend(of_each_dataset(map, heading, checks));
        } else if heading.starts_with("for each") {
            items.push(ImportedItem::new(
                None,
                heading.clone(),
                Err("its list of columns is only known when Soda runs; repeat the checks per column".into()),
            ));
        } else if !["filter ", "variables", "configurations for "].iter().any(|start| heading.starts_with(start)) {
            items.push(ImportedItem::new(None, heading.clone(), Err("the section is not known".into())));
        }
    }
    items
}

/// The checks of a list of tables.
fn of_each_dataset(map: &Map<String, Json>, heading: &str, section: &Json) -> Vec<ImportedItem> {
    let tables = match listed_tables(section) {
        Ok(tables) => tables,
        Err(why) => return vec![ImportedItem::new(None, heading, Err(why))],
    };
    let checks = section.get("checks").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let of_table = |table: &&str| {
        let subject = Subject::of(map, table);
        checks.iter().flat_map(|check| check_items(&subject, check)).collect::<Vec<_>>()
    };
    tables.iter().flat_map(of_table).collect()
}

/// The tables of a list, where it names each of them.
fn listed_tables(section: &Json) -> Result<Vec<&str>, String> {
    let list = section.get("datasets").or_else(|| section.get("tables")).and_then(Json::as_array).ok_or("it has no list of `datasets`")?;
    let names: Vec<&str> = list.iter().filter_map(Json::as_str).collect();
    if names.iter().any(|name| name.contains(['%', '*', '$'])) {
        return Err("which tables the patterns of its list mean is only known when Soda runs; name the tables".into());
    }
    let excluded: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("exclude ")).map(without_source).collect();
    let included = names.iter().filter(|name| !name.starts_with("exclude "));
    let included = included.map(|name| without_source(name.strip_prefix("include ").unwrap_or(name)));
    Ok(included.filter(|name| !excluded.contains(name)).collect())
}

/// The name of a table without that of the data source in front.
fn without_source(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name).trim()
}

/// The table, or the part of one, that checks are about.
struct Subject<'a> {
    /// All sections of the file.
    map: &'a Map<String, Json>,
    table: &'a str,
    /// The condition of the part.
    partition: Option<Result<String, String>>,
}

impl<'a> Subject<'a> {
    /// What is named behind `checks for`.
    fn of(map: &'a Map<String, Json>, heading: &'a str) -> Self {
        let (table, part) = table_and_part(heading);
        Self { map, table, partition: part.map(|name| partition_filter(map, table, name)) }
    }

    /// What `configurations for …:` says about a column.
    fn configuration(&self, column: &str) -> Result<Validity, String> {
        let section = self.map.get(&format!("configurations for {}", self.table)).and_then(Json::as_object);
        let of_column = |(key, value): (&String, &Json)| {
            let (setting, named) = key.split_once(" for ")?;
            (named.trim().trim_matches('"') == column).then(|| (setting.trim().to_owned(), value.clone()))
        };
        let mut settings: Map<String, Json> = section.into_iter().flatten().filter_map(of_column).collect();
        let validity = Validity::take(&mut settings, &Validity::default());
        if Json::Object(settings.clone()).to_string().contains("${") || validity.holds("${") {
            return Err(format!("`configurations for {}` holds a variable, whose value is only known when Soda runs", self.table));
        }
        match settings.iter().next() {
            Some((key, value)) => Err(format!("the setting `{key} for {column}: {value}` of its table has no counterpart")),
            None => Ok(validity),
        }
    }
}

/// A table, and the name of a part of it in brackets.
fn table_and_part(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    text.split_once(" [").map_or((text, None), |(table, name)| (table.trim(), Some(name.trim_end_matches(']'))))
}

/// The condition of a named part of a table.
fn partition_filter(map: &Map<String, Json>, table: &str, name: &str) -> Result<String, String> {
    let section = map.get(&format!("filter {table} [{name}]")).and_then(|section| section.get("where")?.as_str());
    section.map(str::to_owned).ok_or_else(|| format!("the filter `{table} [{name}]` is not in the file"))
}

/// One item per warning and failure of a check.
fn check_items(subject: &Subject<'_>, check: &Json) -> Vec<ImportedItem> {
    let (sentence, settings) = sentence_and_settings(check);
    let all = translated(subject, &sentence, settings).unwrap_or_else(|why| vec![Err(why)]);
    all.into_iter().map(|rules| ImportedItem::new(Some(subject.table), sentence.clone(), rules)).collect()
}

/// A check, and what stands below it.
pub(super) fn sentence_and_settings(check: &Json) -> (String, Map<String, Json>) {
    let (sentence, settings) = match check {
        Json::String(sentence) => (sentence.clone(), Map::new()),
        Json::Object(map) => {
            let (sentence, settings) = map.iter().next().map(|(key, value)| (key.clone(), value.clone())).unwrap_or_default();
            (sentence, settings.as_object().cloned().unwrap_or_default())
        }
        other => (other.to_string(), Map::new()),
    };
    (sentence.trim().trim_end_matches(':').to_owned(), settings)
}

/// Settings that say nothing about the verdict.
const SILENT: [&str; 6] = ["identity", "attributes", "samples limit", "samples columns", "collect failed rows", "column"];

/// Whether Soda passes over the `filter` of a check. That of a part of a table counts.
fn takes_no_filter(sentence: &str) -> bool {
    let starts = ["values in ", "row_count same as ", "freshness using "];
    ["failed rows", "schema"].contains(&sentence) || starts.iter().any(|start| sentence.starts_with(start))
}

/// One translation per condition of a check.
fn translated(subject: &Subject<'_>, sentence: &str, settings: Map<String, Json>) -> Result<Vec<Translation>, String> {
    let mut settings = settings;
    settings.retain(|key, _| !SILENT.contains(&key.as_str()));
    let holds_variable = |(key, value): (&String, &Json)| key != "name" && (key.contains("${") || value.to_string().contains("${"));
    if sentence.contains("${") || settings.iter().any(holds_variable) {
        return Err("it holds a variable, whose value is only known when Soda runs".into());
    }
    if subject.table.contains("${") {
        return Err("the name of its table is a variable, whose value is only known when Soda runs".into());
    }
    let validity = Validity::take(&mut settings, &Validity::default());
    let written = settings.get("filter").and_then(Json::as_str);
    let (own, unread) = if takes_no_filter(sentence) { (None, written) } else { (written, None) };
    let partition = subject.partition.clone().transpose()?;
    if partition.as_ref().is_some_and(|condition| condition.contains("${")) {
        return Err("the filter of its table holds a variable, whose value is only known when Soda runs".into());
    }
    let filter = match (partition, own) {
        (Some(all), Some(own)) => Some(format!("({all}) and ({own})")),
        (all, own) => all.or_else(|| own.map(str::to_owned)),
    };
    let sentence = Sentence { subject, text: sentence, settings: &settings, validity: &validity, filter: filter.as_deref() };
    let rules = sentence.rules()?;
    sentence.all_known()?;
    let name = settings.get("name").cloned().unwrap_or_default();
    let note = "Soda applies no `filter` to it, so none counts here either";
    let noted = |rules: Rules| if unread.is_some() { rules.note(note) } else { rules };
    let described = |rules: Rules| noted(rules.with("description", name.clone()));
    Ok(rules.into_iter().map(|rules| rules.map(described)).collect())
}

/// A check in a sentence, with the settings below it.
struct Sentence<'a> {
    subject: &'a Subject<'a>,
    text: &'a str,
    settings: &'a Map<String, Json>,
    validity: &'a Validity,
    filter: Option<&'a str>,
}

impl Sentence<'_> {
    fn rules(&self) -> Result<Vec<Translation>, String> {
        let is_of_groups = self.text.starts_with("group ");
        if is_of_groups && self.filter.is_some() {
            return Err("no `filter` goes with its query; write it into the query".into());
        }
        match self.text {
            "group by" => groups::group_by(self.subject.table, self.settings),
            "group evolution" => groups::group_evolution(self.subject.table, self.settings),
            "schema" => self.schema(),
            _ => self.all_rules().map(|all| all.into_iter().map(Ok).collect()),
        }
    }

    /// The rules of a check of which no part is translated alone.
    fn all_rules(&self) -> Result<Vec<Rules>, String> {
        let text = self.text;
        for (start, why) in [
            ("automated monitoring", "it learns its limits from earlier results"),
            ("distribution_difference", "it compares with a sample that is kept elsewhere"),
            ("discover", "it looks for tables and judges none"),
            ("profile", "it measures and judges nothing"),
            ("reconciliation", "reconciliation of two data sources has no counterpart; see `reconcile`"),
        ] {
            if text.starts_with(start) {
                return Err(why.into());
            }
        }
        if text == "failed rows" {
            return self.failed_rows();
        }
        if let Some(rest) = text.strip_prefix("change ") {
            return self.change(rest);
        }
        if let Some((_, metric)) = text.split_once(" for ").filter(|_| text.starts_with("anomaly ")) {
            return self.anomaly(metric).map(|rules| vec![rules]);
        }
        let (is_reference, is_cross_check) = (text.starts_with("values in "), text.starts_with("row_count same as "));
        if (is_reference || is_cross_check) && ["warn", "fail"].iter().any(|key| self.settings.contains_key(*key)) {
            return Err("`warn` and `fail` do not go with it, in Soda as well".into());
        }
        if is_reference {
            return self.reference().map(|rules| vec![self.limited(rules)]);
        }
        if let Some(other) = text.strip_prefix("row_count same as ") {
            return self.same_count(other).map(|rules| vec![rules]);
        }
        if text.starts_with("freshness") {
            return self.freshness();
        }
        self.metric()
    }

    /// Makes sure that no setting is passed over.
    fn all_known(&self) -> Result<(), String> {
        let known: &[&str] = match self.text {
            "group by" => &["name", "query", "group_limit", "fields", "checks"],
            "group evolution" => &["name", "query", "warn", "fail"],
            // How Soda learns says nothing about how it is done here.
            text if text.starts_with("anomaly ") => return Ok(()),
            _ => &["name", "filter", "warn", "fail", "fail condition", "fail query"],
        };
        let is_measure = |key: &str| key.ends_with(" expression") || key.ends_with(" query") || key.ends_with(" sql_file");
        match self.settings.iter().find(|(key, _)| !known.contains(&key.as_str()) && !is_measure(key)) {
            Some((key, value)) => Err(format!("the setting `{key}: {value}` has no counterpart")),
            None => Ok(()),
        }
    }

    fn limited(&self, rules: Rules) -> Rules {
        match self.filter {
            Some(filter) => rules.only_where(filter),
            None => rules,
        }
    }

    /// `metric(columns) condition`, or a metric of its own with an expression or a query.
    fn metric(&self) -> Result<Vec<Rules>, String> {
        let (metric, condition) = name_and_condition(self.text);
        self.by_conditions(condition, &|threshold: &Threshold| self.judged(metric, threshold))
    }

    /// `change for metric condition`: how far the metric lies from earlier values.
    fn change(&self, text: &str) -> Result<Vec<Rules>, String> {
        let (before, sentence) = text.split_once("for ").ok_or("it names no metric behind `for`")?;
        let before = history::Before::of(before)?;
        let (metric, condition) = name_and_condition(sentence);
        let measure = self.judged(metric, &history::any_value())?;
        self.by_conditions(condition, &|threshold: &Threshold| before.judged(&measure, threshold))
    }

    /// `anomaly detection for metric`, or the older `anomaly score for metric < default`.
    fn anomaly(&self, sentence: &str) -> Translation {
        let (metric, condition) = name_and_condition(sentence);
        if !["", "< default"].contains(&condition.trim()) {
            return Err(format!("`{}` is a score that Soda alone has", condition.trim()));
        }
        history::learned(&self.judged(metric, &history::any_value())?)
    }

    /// The rules by the condition of the sentence, or by each of those below it.
    fn by_conditions(&self, condition: &str, judged: &dyn Fn(&Threshold) -> Translation) -> Result<Vec<Rules>, String> {
        if !condition.trim().is_empty() {
            return Ok(vec![self.by_its_condition(judged(&condition_of(condition)?)?)]);
        }
        let one = |limit: &Alternative| judged(&limit.threshold).map(|rules| rules.with("on_failure", limit.action.clone()));
        alternatives(self.settings)?.iter().map(one).collect()
    }

    /// The rules of a check with a condition in its sentence, beside which Soda reads no others.
    fn by_its_condition(&self, rules: Rules) -> Rules {
        if ["warn", "fail"].iter().any(|key| self.settings.contains_key(*key)) {
            return rules.and_note("Soda reads no `warn` and no `fail` below a condition in the sentence, so none counts here either");
        }
        rules
    }

    fn judged(&self, metric: &str, threshold: &Threshold) -> Translation {
        let (name, columns) = metric.split_once('(').map_or((metric, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
        let names = columns.split(',').map(|column| column.trim().trim_matches('"').to_owned());
        let (name, columns): (&str, Vec<String>) = (name.trim(), names.filter(|column| !column.is_empty()).collect());
        if let Some(expression) = self.settings.get(&format!("{name} expression")).and_then(Json::as_str) {
            if self.settings.contains_key("filter") {
                return Err("Soda applies no `filter` to an expression; write it into the expression".into());
            }
            return match self.filter {
                Some(part) => query_of_one_value(&format!("select {expression} from {{table}} where {part}"), threshold),
                None => measured_in_sql(expression, threshold),
            };
        }
        if let Some(query) = self.settings.get(&format!("{name} query")).and_then(Json::as_str) {
            return query_of_one_value(&with_placeholder(query, self.subject.table), threshold);
        }
        // A per cent sign behind the number of a count says nothing to Soda.
        let (name, is_percent) = match name.strip_suffix("_percent") {
            Some(name) => (name, true),
            None if name == "row_count" => (name, false),
            None => (name.strip_suffix("_count").unwrap_or(name), false),
        };
        let validity = match columns.first() {
            Some(column) => self.validity.with(&self.subject.configuration(column)?),
            None => self.validity.clone(),
        };
        let (validity, filter) = (&validity, self.filter);
        Metric { name, columns: &columns, is_percent, validity, filter, language: Language::Checks }.judged(threshold)
    }

    /// `row_count same as other`, or as a part of it.
    fn same_count(&self, other: &str) -> Translation {
        if let Some((_, place)) = other.split_once(" in ") {
            return Err(format!("the other table lies in another data source, `{}`; see `reconcile`", place.trim()));
        }
        let (table, part) = table_and_part(other);
        let theirs = part.map(|name| partition_filter(self.subject.map, table, name)).transpose()?;
        if theirs.as_ref().is_some_and(|condition| condition.contains("${")) {
            return Err("the filter of the other table holds a variable, whose value is only known when Soda runs".into());
        }
        Ok(self.limited(Rules::one("reconcile", json!({ "with": table, "with_where": theirs }))))
    }

    fn freshness(&self) -> Result<Vec<Rules>, String> {
        let (column, condition) = column_of_freshness(self.text).ok_or("it names no column")?;
        if let Some((_, present)) = column.split_once(',').or_else(|| column.split_once(" with ")) {
            return Err(format!("its ages end at the variable `{}`, whose value is only known when Soda runs", present.trim()));
        }
        // A column that is no moment is told when the rule is judged.
        let column = column.split_once("::").map_or(column, |(column, _)| column.trim());
        let one = |condition: &str, operators: [&str; 2], action: Json| -> Translation {
            let condition = condition.trim();
            let no_greatest =
                || format!("`{condition}` is no greatest age, and Soda 3 fails by no other; write one with `{}`", operators[1]);
            let age = operators.iter().find_map(|operator| condition.strip_prefix(operator)).ok_or_else(no_greatest)?;
            let rules = Rules::one("freshness", json!({"column": column, "within": in_one_unit(age.trim())?, "where": self.filter}));
            Ok(rules.with("on_failure", action))
        };
        if !condition.trim().is_empty() {
            return Ok(vec![self.by_its_condition(one(condition, ["<=", "<"], Json::Null)?)]);
        }
        let mut all = Vec::new();
        for (key, action) in LEVELS {
            let Some(wrong) = self.settings.get(key) else { continue };
            let only_warns = key == "warn" && all.is_empty();
            let rules = one(behind_when(key, wrong)?, [">=", ">"], json!(action))?;
            all.push(if only_warns { and_a_moment(rules, column, self.filter) } else { rules });
        }
        if all.is_empty() { Err("it has no condition".into()) } else { Ok(all) }
    }

    /// `values in (a, b) must exist in other (c, d)`, or `values in a must exist in other c`.
    fn reference(&self) -> Translation {
        let text = self.text.trim_start_matches("values in");
        let forbidden = text.split_once("must not exist in");
        let sides = forbidden.or_else(|| text.split_once("must exist in"));
        let (ours, theirs) = sides.ok_or("it says neither `must exist in` nor `must not exist in`")?;
        let list =
            |text: &str| -> Vec<String> { text.trim().trim_matches(['(', ')']).split(',').map(|name| name.trim().to_owned()).collect() };
        let theirs = theirs.trim();
        let (table, columns) = theirs.split_once('(').or_else(|| theirs.split_once(' ')).ok_or("it names no columns of the other table")?;
        let (ours, table, columns) = (list(ours), table.trim(), list(columns));
        if forbidden.is_some() {
            return Ok(found_elsewhere(&ours, table, &columns));
        }
        Ok(Rules::one("referential", json!({"columns": ours, "to": {"table": table, "columns": columns}})))
    }

    /// One row that fails is too many, where neither `warn` nor `fail` says how many are.
    fn failed_rows(&self) -> Result<Vec<Rules>, String> {
        let has_limits = ["fail", "warn"].iter().any(|key| self.settings.contains_key(*key));
        if !has_limits {
            return self.failing_rows(&Threshold::exactly(0.0)).map(|rules| vec![rules]);
        }
        let one = |limit: &Alternative| {
            let rules = self.failing_rows(&limit.threshold);
            rules.map(|rules| rules.with("on_failure", limit.action.clone()))
        };
        alternatives(self.settings)?.iter().map(one).collect()
    }

    fn failing_rows(&self, threshold: &Threshold) -> Translation {
        let text = |key: &str| self.settings.get(key).and_then(Json::as_str).map(str::trim);
        match (text("fail condition"), text("fail query")) {
            (Some(condition), _) => {
                let rules = self.limited(Rules::sql("expression", json!({"sql": format!("not ({condition})")})));
                Counted::rows(rules, condition, self.filter).judged(threshold, false)
            }
            (None, Some(query)) => failing_rows_of(&with_placeholder(query, self.subject.table), threshold),
            (None, None) => Err("it has neither `fail condition` nor `fail query`".into()),
        }
    }

    /// What must not be about the columns, under `warn` and `fail`. One that is not known takes none of the others with it.
    fn schema(&self) -> Result<Vec<Translation>, String> {
        let mut all = Vec::new();
        for (key, action) in LEVELS {
            let Some(given) = self.settings.get(key) else { continue };
            let given = given.as_object().ok_or_else(|| format!("`{key}: {given}` is no list of conditions on columns"))?;
            let optional = given.get("with optional columns");
            for (wrong, value) in given.iter().filter(|(wrong, _)| *wrong != "with optional columns") {
                all.push(match optional {
                    Some(names) if wrong == "when mismatching columns" => {
                        Err(format!("columns that may be missing ({names}) have no counterpart"))
                    }
                    _ => schema_rule(wrong, value).map(|rules| rules.with("on_failure", json!(action))),
                });
            }
        }
        if all.is_empty() { Err("it has neither `warn` nor `fail` with a list of columns".into()) } else { Ok(all) }
    }
}

/// The rule that no row has values which a row of another table has.
fn found_elsewhere(ours: &[String], table: &str, theirs: &[String]) -> Rules {
    let pairs = ours.iter().zip(theirs);
    let equal: Vec<String> = pairs.map(|(own, other)| format!("referred.{} = judged.{}", identifier(other), identifier(own))).collect();
    let sql = format!(
        "select judged.* from {{table}} as judged where exists (select 1 from {} as referred where {})",
        table_sql(table),
        equal.join(" and ")
    );
    Rules::one("query", json!({"sql": sql, "reads": table}))
}

fn schema_rule(wrong: &str, value: &Json) -> Translation {
    let names = || value.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
    let pairs = || value.as_object().ok_or_else(|| format!("`{wrong}` is no map"));
    Ok(Rules::one(
        "schema",
        match wrong {
            "when required column missing" => json!({"columns": names().map(|name| (name, json!("any"))).collect::<Map<_, _>>()}),
            "when forbidden column present" => json!({"forbidden": names().map(|name| name.replace('%', "*")).collect::<Vec<_>>()}),
            "when wrong column type" => json!({"columns": pairs()?}),
            "when mismatching columns" => {
                let kind = |kind: &Json| if kind.is_null() { json!("any") } else { kind.clone() };
                let columns: Map<String, Json> = pairs()?.iter().map(|(name, of)| (name.clone(), kind(of))).collect();
                json!({"columns": columns, "exact": true})
            }
            "when wrong column index" => json!({"places": pairs()?}),
            "when schema changes" => return Err("it compares with the columns of earlier scans".into()),
            other => return Err(format!("`{other}` is not known")),
        },
    ))
}
