//! Rules that the measured rows obey, and that rows to come should.

use std::collections::{BTreeMap, HashSet};

use hw_base::{Column, ColumnFacts, Dimension, OnFailure, Settings, TableFacts, count, identifier, plural};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::kinds::RULE_KINDS;
use crate::rule::{COLUMN_SETTINGS, Rule, read_rules};
use crate::shape::{Shape, Template, filled};

/// A rule that the measured rows obey, within its tolerance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The kind: `not_null`.
    pub kind: String,
    /// Its settings, as they go under the kind in YAML.
    pub settings: Json,
    /// The columns it names.
    pub columns: Vec<String>,
    /// The dimension it watches.
    pub dimension: Dimension,
    /// What happens if it breaks.
    pub on_failure: OnFailure,
    /// A SELECT of the number of violating rows, or of the measured value; `{table}` stands for the table.
    pub definition: String,
    /// Why, with the numbers it rests on.
    pub reason: String,
    /// How many rows or values it rests on.
    pub support: u64,
}

/// Proposes rules of all kinds that the measured rows obey, and leaves out those that another one implies.
pub fn propose(facts: &TableFacts) -> Vec<Proposal> {
    let all: Vec<Proposal> = RULE_KINDS.iter().flat_map(|kind| kind.propose(facts)).collect();
    let strong: HashSet<(String, Option<String>)> = all.iter().map(|proposal| (proposal.kind.clone(), proposal.only_column())).collect();
    let is_implied = |proposal: &Proposal| {
        let stronger = stronger_than(&proposal.kind).iter();
        stronger.into_iter().any(|kind| strong.contains(&((*kind).to_owned(), proposal.only_column())))
    };
    all.into_iter().filter(|proposal| !is_implied(proposal)).collect()
}

/// Kinds whose rule on a column makes one of `kind` on the same column needless.
fn stronger_than(kind: &str) -> &'static [&'static str] {
    match kind {
        "matches" => &["accepted_values"],
        "length" => &["accepted_values", "matches"],
        "not_blank" => &["accepted_values", "matches", "length"],
        _ => &[],
    }
}

/// Settings that hold SQL.
const SQL_SETTINGS: [&str; 2] = ["where", "sql"];

/// SQL with new names: those that are written in quotes; a name that needs none is the same everywhere.
fn in_sql(value: &Json, names: &BTreeMap<String, String>) -> Json {
    let Json::String(sql) = value else { return value.clone() };
    let changed = names.iter().filter(|(old, new)| old != new).map(|(old, new)| (identifier(old), identifier(new)));
    let quoted = changed.filter(|(old, _)| old.starts_with('"'));
    quoted.fold(sql.clone(), |sql, (old, new)| sql.replace(&old, &new)).into()
}

/// A name or a list of names, each in place of the other.
fn with_names(value: &Json, new: &impl Fn(&String) -> String) -> Json {
    match value {
        Json::String(name) => new(name).into(),
        Json::Array(names) => names.iter().map(|name| with_names(name, new)).collect(),
        other => other.clone(),
    }
}

impl Proposal {
    /// A proposal to set a rule of `kind` on some columns, or on all of a table; `None` where the kind refuses the settings.
    pub fn new(kind: &str, settings: &Json, columns: &[ColumnFacts], reason: String, support: u64) -> Option<Self> {
        let rule = read_rules(&Settings::from_json(&json!([{ kind: settings }]))).ok()?.pop()?;
        Some(Self {
            kind: kind.into(),
            settings: settings.clone(),
            columns: rule.columns.clone(),
            dimension: rule.dimension,
            on_failure: rule.on_failure,
            definition: definition(&rule, columns)?,
            reason,
            support,
        })
    }

    /// The definition for the table that SQL calls `name`.
    pub fn definition_for(&self, name: &str) -> String {
        filled(&self.definition, &[(Template::TABLE, name)])
    }

    /// The same rule for a table in which columns have other names.
    #[must_use]
    pub fn renamed(&self, names: &BTreeMap<String, String>) -> Self {
        let new = |name: &String| names.get(name).unwrap_or(name).clone();
        let columns = self.columns.iter().map(new).collect();
        let settings = match &self.settings {
            Json::Object(settings) => {
                let with_new = |(key, value): (&String, &Json)| match key.as_str() {
                    setting if COLUMN_SETTINGS.contains(&setting) => (key.clone(), with_names(value, &new)),
                    setting if SQL_SETTINGS.contains(&setting) => (key.clone(), in_sql(value, names)),
                    _ => (key.clone(), value.clone()),
                };
                Json::Object(settings.iter().map(with_new).collect())
            }
            other => other.clone(),
        };
        Self { settings, columns, ..self.clone() }
    }

    /// The rule as an item of a `rules:` list.
    pub fn rule(&self) -> Json {
        json!({ self.kind.clone(): self.settings })
    }

    fn only_column(&self) -> Option<String> {
        self.columns.first().filter(|_| self.columns.len() == 1).cloned()
    }
}

fn definition(rule: &Rule, columns: &[ColumnFacts]) -> Option<String> {
    // A rule looks at its own columns; those of a wide table are many.
    let own = columns.iter().filter(|facts| rule.columns.is_empty() || rule.columns.contains(&facts.name));
    let columns: Vec<Column> =
        own.map(|facts| Column { name: facts.name.clone(), kind: facts.kind, sql_type: facts.sql_type.clone() }).collect();
    match rule.body.shape(&columns).ok()? {
        Shape::Row { violates } => Some(format!("select count(*) as violations from {} where {violates}", Template::TABLE)),
        Shape::Aggregate { expression, .. } => Some(format!("select {expression} as measured from {}", Template::TABLE)),
        Shape::Set { count, .. } => Some(count.over(Template::TABLE, Template::TABLE, None)),
        Shape::Columns { .. } => None,
    }
}

/// The next whole percentage above the share of `part` rows in `whole` and twice its standard error, as of a drawn sample: room for what the next rows
/// may hold though nothing has changed.
pub fn percent_above(part: u64, whole: u64) -> String {
    let rows = whole.max(1) as f64;
    let share = part as f64 / rows;
    let most = share + 2.0 * (share * (1.0 - share).max(0.0) / rows).sqrt();
    format!("{}%", ((most * 100.0 + 1e-9).floor() + 1.0).min(100.0))
}

/// A count in its whole: `23 of 1,000 rows (2.30 %)`.
pub(crate) fn share_in_words(part: u64, whole: u64) -> String {
    match part {
        0 => format!("0 of {}", plural(whole, "row")),
        _ => format!("{} of {} ({:.2} %)", count(part), plural(whole, "row"), part as f64 * 100.0 / whole.max(1) as f64),
    }
}

#[cfg(test)]
mod tests {
    use hw_base::{ShapeCount, TextShape};

    use super::*;
    use crate::kinds::rule_kind;
    use crate::testing::{facts, text_facts};

    #[test]
    fn a_tolerance_leaves_a_little_room() {
        assert_eq!([0, 1, 10, 23, 999, 1_000].map(|part| percent_above(part, 1_000)), ["1%", "1%", "2%", "4%", "100%", "100%"]);
        assert_eq!([(297, 10_000), (297_000, 10_000_000), (1, 35)].map(|(part, whole)| percent_above(part, whole)), ["4%", "3%", "9%"]);
    }

    #[test]
    fn a_rule_follows_its_columns_to_other_names() {
        let facts = facts(10, &[("Start Date", "bigint", 0, 10), ("end", "bigint", 0, 10), ("kind", "varchar", 0, 2)]);
        let names = BTreeMap::from([("Start Date".to_owned(), "start_date".to_owned()), ("end".to_owned(), "end".to_owned())]);
        let check = |kind: &str, settings: Json, expected: Json| {
            let proposal = Proposal::new(kind, &settings, &facts.columns, String::new(), 10).unwrap();
            assert_eq!(proposal.renamed(&names).rule(), json!({ kind: expected }));
        };
        check("not_null", json!({ "column": "Start Date" }), json!({ "column": "start_date" }));
        check("unique", json!({ "columns": ["end", "Start Date"] }), json!({ "columns": ["end", "start_date"] }));
        check("expression", json!({ "sql": "\"Start Date\" <= \"end\"" }), json!({ "sql": "start_date <= \"end\"" }));
        let filtered = |name: &str, condition: &str| json!({ "column": name, "where": condition });
        check("not_null", filtered("end", "\"Start Date\" > 5"), filtered("end", "start_date > 5"));
        let is_named_so = json!({ "column": "kind", "values": ["Start Date", "end"] });
        check("accepted_values", is_named_so.clone(), is_named_so);
    }

    #[test]
    fn every_proposal_is_a_rule_with_a_definition_that_runs() {
        let table = facts(1000, &[("order_id", "bigint", 0, 1000), ("Amount", "double", 23, 10)]);
        let proposals = propose(&table);
        let rules: Json = proposals.iter().map(Proposal::rule).collect();
        assert_eq!(read_rules(&Settings::from_json(&rules)).unwrap().len(), proposals.len());
        let definitions: Vec<String> = proposals.iter().map(|proposal| proposal.definition_for("t")).collect();
        assert_eq!(
            definitions,
            [
                "select count(*) as violations from t where order_id is null",
                "select count(*) as violations from t where \"Amount\" is null",
                "select cast(coalesce(sum(copies_of_key), 0) as bigint) as violations from (select order_id, count(*) as copies_of_key from t as judged \
                 where order_id is not null group by order_id having count(*) > 1) as repeated",
                "select count(*) as measured from t",
            ]
        );
        assert!(proposals.iter().all(|proposal| proposal.dimension == rule_kind(&proposal.kind).unwrap().dimension()));
    }

    #[test]
    fn a_list_of_values_implies_their_form() {
        let kinds = |table: &TableFacts| propose(table).into_iter().map(|proposal| proposal.kind).collect::<Vec<_>>();
        let mut table = text_facts("status", &[("on", 50), ("of", 50)]);
        assert_eq!(kinds(&table), ["not_null", "accepted_values", "row_count"]);
        table.columns[0].text.as_mut().unwrap().shapes = vec![ShapeCount { shape: TextShape::Date, count: 100 }];
        assert_eq!(kinds(&table), ["not_null", "matches", "row_count"]);
    }

    #[test]
    fn no_rows_prove_nothing() {
        assert_eq!(propose(&facts(0, &[("a", "bigint", 0, 0)])), []);
    }
}
