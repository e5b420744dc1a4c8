//! `schema`: the columns are there, with their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use hw_base::{Column, Dimension, Notes, Result, Settings, nearest};
use schemars::{Schema, SchemaGenerator};

use crate::explain::About;
use crate::kinds::RuleKind;
use crate::rule::{Problems, RuleBody, Scope, read_body};
use crate::shape::Shape;
use crate::shared_settings::{Common, SeverityWord};

/// The columns are there, with their types.
#[derive(Debug)]
pub(super) struct ColumnsAndTypes;

/// Settings of `schema`.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SchemaSettings {
    /// The type of each column in SQL's words, such as `bigint`, `decimal(12,2)` or `timestamp`; a list where several are right; `any` for any type.
    #[serde(default)]
    columns: BTreeMap<String, Types>,
    /// Whether there may be no other columns.
    #[serde(default)]
    exact: bool,
    /// All columns, in the order that they must have.
    order: Option<Vec<String>>,
    /// Columns in the order that they must have among each other, others between them or not; those that are missing are passed over.
    relative_order: Option<Vec<String>>,
    /// The place of single columns, from 0.
    places: Option<BTreeMap<String, usize>>,
    /// Columns that must not be there; `*` stands for any characters: `pii_*`.
    forbidden: Option<Vec<String>>,
    /// The fewest columns.
    min_columns: Option<u64>,
    /// The most columns.
    max_columns: Option<u64>,
    /// Whether upper and lower case of names are the same.
    #[serde(default)]
    ignore_case: bool,
    /// A name of your own for the rule, unique within its list.
    name: Option<String>,
    /// What happens if the rule breaks: `block` (where it is not given), `alert` or `log`.
    #[serde(default)]
    on_failure: hw_base::OnFailure,
    /// How much a broken rule matters: `high`, `medium` or `low`.
    severity: Option<SeverityWord>,
    /// Who is asked about the rule: a person, a team or an address.
    owner: Option<String>,
    /// What the rule promises, in a sentence.
    description: Option<String>,
}

/// The types that are right for a column.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Types {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Types {
    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl RuleKind for ColumnsAndTypes {
    fn name(&self) -> &'static str {
        "schema"
    }

    fn dimension(&self) -> Dimension {
        Dimension::Validity
    }

    fn scope(&self) -> Scope {
        Scope::Columns
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<SchemaSettings>()
    }

    fn read(&self, settings: &Settings) -> Result<Arc<dyn RuleBody>> {
        read_body::<SchemaSettings>(settings)
    }

    fn about(&self) -> About {
        About {
            finds: "Columns that are missing or have another type than declared; with `exact: true`, also columns that were not declared. `order` names all columns in their order, `relative_order` some, `places` the place of single ones, `forbidden` those that must not be there, `min_columns` and `max_columns` how many there may be. `any` stands for every type, and `decimal` for every decimal. No row is read, and every wrong column counts as one violation.",
            matters: "Readers rely on names and types. A column that became text still loads, and breaks the first sum that somebody writes.",
            example: "- schema: { columns: { order_id: bigint, total_amount: 'decimal(12,2)', note: any }, exact: true }\n- schema: { columns: { status: any }, forbidden: ['tmp_*'], max_columns: 40, on_failure: alert }",
            remedy: "Cast the column in the model, so that its type does not follow the source. If the change is meant, tell the readers, then change the rule.",
        }
    }
}

impl RuleBody for SchemaSettings {
    fn common(&self) -> Common {
        let notes = Notes { severity: self.severity.map(Into::into), owner: self.owner.clone(), description: self.description.clone() };
        Common { name: self.name.clone(), tolerance: hw_base::Tolerance::NONE, on_failure: self.on_failure, condition: None, notes }
    }

    fn columns(&self) -> Vec<String> {
        self.columns.keys().cloned().collect()
    }

    fn label(&self) -> String {
        String::new()
    }

    fn check(&self, problems: &mut Problems<'_>) {
        let says_nothing = self.order.is_none()
            && self.relative_order.is_none()
            && self.places.is_none()
            && self.forbidden.is_none()
            && self.min_columns.is_none()
            && self.max_columns.is_none();
        if self.columns.is_empty() && says_nothing {
            problems.add("columns", "`columns` is empty", "declare columns with their types, such as `{ order_id: bigint }`");
        }
        if let Some((name, _)) = self.columns.iter().find(|(_, types)| types.names().is_empty()) {
            problems.add("columns", format!("no type is given for `{name}`"), "name a type, or `any`");
        }
        if let (Some(min), Some(max)) = (self.min_columns, self.max_columns)
            && min > max
        {
            problems.add("min_columns", "`min_columns` is greater than `max_columns`", "swap them");
        }
    }

    fn shape(&self, columns: &[Column]) -> Result<Shape, String> {
        if let Some(problem) = self.misspelled(columns) {
            return Err(problem);
        }
        let declared = self.columns.iter().filter_map(|(name, types)| self.difference(columns, name, types.names()));
        let is_declared = |column: &Column| self.columns.keys().any(|name| self.are_same(name, &column.name));
        let others = columns.iter().filter(|column| self.exact && !is_declared(column));
        let undeclared: Vec<String> = others.map(|column| format!("`{}` is not declared", column.name)).collect();
        let out_of_place = [self.misplaced(columns), self.disordered(columns), self.displaced(columns)].concat();
        let rest = [out_of_place, self.forbidden(columns), self.miscounted(columns)].concat();
        let judged = self.columns.len() + undeclared.len() + rest.len();
        Ok(Shape::Columns { judged: judged.max(1) as u64, differences: declared.chain(undeclared).chain(rest).collect() })
    }
}

impl SchemaSettings {
    /// A type that no column can have, and that is close to one.
    fn misspelled(&self, columns: &[Column]) -> Option<String> {
        let declared = self.columns.iter().flat_map(|(name, types)| types.names().iter().map(move |sql_type| (name, sql_type)));
        let mut unknown = declared.filter(|(_, sql_type)| !columns.iter().any(|column| is_of_type(&column.sql_type, sql_type)));
        unknown.find_map(|(name, sql_type)| {
            let word = SqlType::parse(sql_type).word;
            let meant = nearest(&word, TYPES).filter(|_| !TYPES.contains(&word.as_str()) && !TYPES_ELSEWHERE.contains(&word.as_str()))?;
            Some(format!("`{name}` is declared as `{sql_type}`, which is no type; did you mean `{meant}`?"))
        })
    }

    fn are_same(&self, declared: &str, found: &str) -> bool {
        declared == found || (self.ignore_case && declared.to_lowercase() == found.to_lowercase())
    }

    /// What is wrong with one declared column.
    fn difference(&self, columns: &[Column], name: &str, types: &[String]) -> Option<String> {
        let Some(column) = columns.iter().find(|column| self.are_same(name, &column.name)) else {
            let close = nearest(name, columns.iter().map(|column| column.name.as_str()));
            return Some(close.map_or_else(|| format!("`{name}` is missing"), |close| format!("`{name}` is missing; there is `{close}`")));
        };
        let is_right = types.iter().any(|sql_type| is_of_type(&column.sql_type, sql_type));
        (!is_right).then(|| format!("`{name}` is {}, declared {}", column.sql_type, types.join(" or ")))
    }

    /// Columns that stand in another place than `places` says.
    fn displaced(&self, columns: &[Column]) -> Vec<String> {
        let places = self.places.iter().flatten();
        let wrong = places.filter_map(|(name, place)| match columns.iter().position(|column| self.are_same(name, &column.name)) {
            Some(found) if found == *place => None,
            Some(found) => Some(format!("`{name}` is at place {found} and not {place}")),
            None => Some(format!("there is no column `{name}` at place {place}")),
        });
        wrong.collect()
    }

    /// Columns that stand in another place than `order` says.
    fn misplaced(&self, columns: &[Column]) -> Vec<String> {
        let Some(order) = &self.order else { return Vec::new() };
        let places = 0..order.len().max(columns.len());
        let wrong = |at: usize| match (order.get(at), columns.get(at).map(|column| &column.name)) {
            (Some(declared), Some(found)) if self.are_same(declared, found) => None,
            (Some(declared), Some(found)) => Some(format!("column {} is `{found}`, declared `{declared}`", at + 1)),
            (Some(declared), None) => Some(format!("column {}, `{declared}`, is missing", at + 1)),
            (None, found) => found.map(|found| format!("column {}, `{found}`, is not declared", at + 1)),
        };
        places.filter_map(wrong).collect()
    }

    /// Columns that stand before the one that `relative_order` names before them.
    fn disordered(&self, columns: &[Column]) -> Vec<String> {
        let place = |name: &String| columns.iter().position(|column| self.are_same(name, &column.name));
        let found: Vec<(&String, usize)> = self.relative_order.iter().flatten().filter_map(|name| Some((name, place(name)?))).collect();
        let neighbours = found.iter().zip(found.iter().skip(1));
        let wrong = neighbours.filter(|((_, first), (_, second))| first > second);
        wrong.map(|((first, _), (second, _))| format!("`{second}` stands before `{first}`")).collect()
    }

    fn forbidden(&self, columns: &[Column]) -> Vec<String> {
        let spelled = |name: &str| if self.ignore_case { name.to_lowercase() } else { name.to_owned() };
        let is_forbidden =
            |column: &&Column| self.forbidden.iter().flatten().any(|pattern| fits(&spelled(&column.name), &spelled(pattern)));
        columns.iter().filter(is_forbidden).map(|column| format!("`{}` must not be there", column.name)).collect()
    }

    fn miscounted(&self, columns: &[Column]) -> Vec<String> {
        let count = columns.len() as u64;
        let few = self.min_columns.filter(|min| count < *min).map(|min| format!("there are {count} columns, at least {min} declared"));
        let many = self.max_columns.filter(|max| count > *max).map(|max| format!("there are {count} columns, at most {max} declared"));
        few.into_iter().chain(many).collect()
    }
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(after) = name.strip_prefix(start) else { return false };
    (0..=after.len()).any(|at| after.is_char_boundary(at) && fits(&after[at..], rest))
}

/// Whether a type is the declared one. A type declared without its length or precision has any.
fn is_of_type(found: &str, declared: &str) -> bool {
    let (found, declared) = (SqlType::parse(found), SqlType::parse(declared));
    declared.word == "any" || (found.word == declared.word && (declared.parameters.is_empty() || found.parameters == declared.parameters))
}

/// The types that a column can have, and `any`.
const TYPES: [&str; 23] = [
    "any",
    "bigint",
    "bigint unsigned",
    "binary",
    "boolean",
    "date",
    "decimal",
    "double",
    "int",
    "int unsigned",
    "integer",
    "interval",
    "numeric",
    "real",
    "smallint",
    "smallint unsigned",
    "string",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "tinyint",
    "varchar",
];

/// Types of other engines, which a contract may name although no column has them here.
const TYPES_ELSEWHERE: [&str; 30] = [
    "array",
    "bit",
    "bpchar",
    "byte",
    "bytes",
    "clob",
    "datetime2",
    "hugeint",
    "json",
    "jsonb",
    "list",
    "longtext",
    "map",
    "mediumint",
    "money",
    "nchar",
    "number",
    "nvarchar",
    "object",
    "struct",
    "timestamp_ltz",
    "timestamp_ntz",
    "timestamp_tz",
    "tinytext",
    "uint",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uuid",
];

/// A type in one spelling.
struct SqlType {
    word: String,
    parameters: String,
}

impl SqlType {
    fn parse(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let (word, parameters) = text.split_once('(').unwrap_or((&text, ""));
        let (parameters, rest) = parameters.split_once(')').unwrap_or((parameters, ""));
        let word = format!("{}{rest}", word.trim());
        let parameters = parameters.replace(' ', "");
        let parameters = parameters.strip_suffix(",0").unwrap_or(&parameters).to_owned();
        // A length is no part of a text type, and a precision none of a moment: every engine stores them alike.
        let keeps_parameters = one_spelling(&word) == "decimal";
        Self { word: one_spelling(&word).into(), parameters: if keeps_parameters { parameters } else { String::new() } }
    }
}

fn one_spelling(word: &str) -> &str {
    match word {
        "int" | "int4" | "int32" | "integer" => "integer",
        "int8" | "int64" | "long" | "bigint" => "bigint",
        "int2" | "int16" | "short" | "smallint" => "smallint",
        "text" | "string" | "utf8" | "varchar" | "char" | "character varying" => "varchar",
        "float8" | "float64" | "double" | "double precision" => "double",
        "float4" | "float32" | "real" | "float" => "real",
        "numeric" | "decimal" => "decimal",
        "bool" | "boolean" => "boolean",
        "timestamp" | "timestamptz" | "datetime" | "timestamp with time zone" | "timestamp without time zone" => "timestamp",
        "binary" | "bytea" | "blob" => "binary",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::shape::Shape;
    use crate::testing::{check_misfit, refused, shape_of};

    #[track_caller]
    fn check(settings: &Json, columns: &str, expected: &[&str]) {
        let Ok(Shape::Columns { differences, .. }) = shape_of(&json!({ "schema": settings }), columns) else { panic!("no columns") };
        assert_eq!(differences, expected);
    }

    #[test]
    fn every_difference_is_named() {
        let table = "order_id bigint, amount decimal(12,2), note varchar";
        check(&json!({"columns": {"order_id": "BIGINT", "amount": "numeric", "note": "any"}, "exact": true}), table, &[]);
        check(&json!({"columns": {"amount": "decimal(12, 2)", "note": "text"}}), table, &[]);
        check(&json!({"columns": {"amount": "decimal(12)"}}), "amount decimal(12,0)", &[]);
        check(
            &json!({"columns": {"ordr_id": "bigint", "amount": "decimal(10,2)", "zebra": "any"}, "exact": true}),
            table,
            &[
                "`amount` is decimal(12,2), declared decimal(10,2)",
                "`ordr_id` is missing; there is `order_id`",
                "`zebra` is missing",
                "`order_id` is not declared",
                "`note` is not declared",
            ],
        );
    }

    #[test]
    fn names_may_be_spelled_in_any_case() {
        let table = "a bigint, B bigint, cc bigint";
        let settings = json!({"columns": {"A": "any", "b": "any", "CC": "any"}, "exact": true, "order": ["A", "b", "Cc"], "places": {"b": 1},
            "forbidden": ["D*"], "ignore_case": true});
        check(&settings, table, &[]);
        check(&json!({"forbidden": ["b", "C*"], "ignore_case": true}), table, &["`B` must not be there", "`cc` must not be there"]);
        check(&json!({"columns": {"b": "any"}}), table, &["`b` is missing; there is `B`"]);
    }

    #[test]
    fn order_number_and_absence_are_declared() {
        let table = "a bigint, b varchar, tmp_x varchar";
        check(&json!({"order": ["a", "b", "tmp_x"], "min_columns": 3, "max_columns": 3, "forbidden": ["x_*"]}), table, &[]);
        check(
            &json!({"order": ["b", "a"], "max_columns": 2, "forbidden": ["tmp*"], "columns": {"a": ["date", "timestamp"]}}),
            table,
            &[
                "`a` is bigint, declared date or timestamp",
                "column 1 is `a`, declared `b`",
                "column 2 is `b`, declared `a`",
                "column 3, `tmp_x`, is not declared",
                "`tmp_x` must not be there",
                "there are 3 columns, at most 2 declared",
            ],
        );
        check(&json!({"order": ["a"], "min_columns": 2}), "a bigint", &["there are 1 columns, at least 2 declared"]);
        assert!(refused(&json!([{"schema": {"min_columns": 2, "max_columns": 1}}])).contains("`min_columns` is greater"));
        assert!(refused(&json!([{"schema": {"columns": {"a": []}}}])).contains("no type is given for `a`"));
    }

    #[test]
    fn some_columns_have_an_order_among_each_other() {
        let table = "a bigint, x varchar, b varchar, c varchar";
        check(&json!({"relative_order": ["a", "b", "c"]}), table, &[]);
        check(&json!({"relative_order": ["A", "none", "C"], "ignore_case": true}), table, &[]);
        check(&json!({"relative_order": ["b", "a", "c"]}), table, &["`a` stands before `b`"]);
    }

    #[test]
    fn a_type_that_is_none_is_refused_with_the_near_one() {
        check_misfit(
            &json!({"schema": {"columns": {"a": "bigit"}}}),
            "a bigint",
            "`a` is declared as `bigit`, which is no type; did you mean `bigint`?",
        );
        check(&json!({"columns": {"a": "bytes"}}), "a bigint", &["`a` is bigint, declared bytes"]);
        check(&json!({"columns": {"a": "geography"}}), "a bigint", &["`a` is bigint, declared geography"]);
    }

    #[test]
    fn a_schema_declares_columns() {
        assert!(refused(&json!([{"schema": {"columns": {}}}])).contains("`columns` is empty"));
    }
}
