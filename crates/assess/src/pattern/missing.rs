//! Where values are missing, as another column tells.

use hw_base::{CodedColumn, CodedTable, ColumnType, identifier, literal};
use hw_relate::{Condition, Partner};
use serde::Serialize;
use serde_json::json;

use super::rule::PatternRule;

/// A column that is empty in this share of the rows, and there as another column says, was meant to be.
const LEAST_SHARE_BY_DESIGN: f64 = 0.05;
/// Values that a sentence names.
const NAMED_VALUES: usize = 4;

/// Where a column has no value, as another column tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingWhere {
    /// The column.
    pub column: String,
    /// The column that tells.
    pub by: String,
    /// Where it is missing: `status` is not `closed`.
    pub statement: String,
    /// Whether it is filled in all other rows and empty in these, but for exceptions; otherwise these rows hold all missing values
    /// and other values too.
    pub is_exact: bool,
    /// Whether it looks meant: no gap of one small category, and not merely missing together.
    pub is_by_design: bool,
    /// Whether both columns are merely left out together.
    pub is_of_null: bool,
    /// Rows looked at where it says there is no value.
    pub rows: u64,
    /// Rows without a value that it does not explain.
    pub unexplained: u64,
    /// Rows with a value where it says there is none.
    pub unexpected: u64,
    /// Where it is missing, as SQL.
    pub missing_where: String,
    /// Where it is filled, as SQL.
    pub filled_where: String,
    /// The coded rows that it does not explain.
    #[serde(skip)]
    pub unexplained_rows: Vec<usize>,
    /// The coded rows with a value where it says there is none.
    #[serde(skip)]
    pub unexpected_rows: Vec<usize>,
    /// Rows with a value where it says there is none, in words.
    #[serde(skip)]
    pub examples: Vec<String>,
    /// The rules that keep it.
    #[serde(skip)]
    pub rules: Vec<PatternRule>,
}

impl MissingWhere {
    /// A condition in words; `None` where SQL cannot name the values of the other column.
    pub(super) fn of(table: &CodedTable, found: &Condition) -> Option<Self> {
        let (column, by) = (&table.columns[found.column], &table.columns[found.by]);
        let sides = Sides::of(by, &found.partner)?;
        let rows = column.codes.len() as u64;
        let nulls = column.codes.iter().filter(|code| **code == 0).count() as u64;
        let is_common = nulls as f64 >= LEAST_SHARE_BY_DESIGN * rows as f64;
        Some(Self {
            column: column.name.clone(),
            by: by.name.clone(),
            is_exact: found.is_exact,
            is_by_design: found.is_exact && is_common && !found.is_of_null(),
            is_of_null: found.is_of_null(),
            rows: found.rows,
            unexplained: found.unexplained.len() as u64,
            unexpected: found.unexpected.len() as u64,
            unexplained_rows: found.unexplained.clone(),
            unexpected_rows: found.unexpected.clone(),
            examples: super::shown(table, &[found.column, found.by], &found.unexpected),
            rules: rules(&column.name, found, &sides, rows),
            statement: sides.words,
            missing_where: sides.missing,
            filled_where: sides.filled,
        })
    }
}

/// `not_null` where the column is filled, and `is_null` where it never is.
fn rules(name: &str, found: &Condition, sides: &Sides, rows: u64) -> Vec<PatternRule> {
    let column = identifier(name);
    let filled = PatternRule {
        kind: "not_null",
        settings: json!({ "column": name, "where": sides.filled }),
        statement: format!("`{name}` is missing only where {}", sides.words),
        broken_where: format!("{column} is null and {}", sides.filled),
        judged_where: Some(sides.filled.clone()),
        violations: found.unexplained.len() as u64,
        judged: Some(rows.saturating_sub(found.rows)),
    };
    let empty = found.is_exact.then(|| PatternRule {
        kind: "is_null",
        settings: json!({ "column": name, "where": sides.missing }),
        statement: format!("`{name}` is never filled where {}", sides.words),
        broken_where: format!("{column} is not null and {}", sides.missing),
        judged_where: Some(sides.missing.clone()),
        violations: found.unexpected.len() as u64,
        judged: Some(found.rows),
    });
    std::iter::once(filled).chain(empty).collect()
}

/// A condition as SQL for both of its sides, and in words.
struct Sides {
    missing: String,
    filled: String,
    words: String,
}

impl Sides {
    fn of(by: &CodedColumn, partner: &Partner) -> Option<Self> {
        let name = identifier(&by.name);
        let Partner::Values { missing, filled } = partner else {
            let words = format!("`{}` is missing too", by.name);
            return Some(Self { missing: format!("{name} is null"), filled: format!("{name} is not null"), words });
        };
        let (missing_sql, filled_sql) = (is_one_of(&name, by.kind, missing)?, is_one_of(&name, by.kind, filled)?);
        let words = if missing.len() <= filled.len() {
            format!("`{}` is {}", by.name, listed(missing))
        } else {
            format!("`{}` is not {}", by.name, listed(filled))
        };
        Some(Self { missing: missing_sql, filled: filled_sql, words })
    }
}

/// `status in ('open', 'new')`, with null named by itself.
fn is_one_of(name: &str, kind: ColumnType, values: &[Option<String>]) -> Option<String> {
    let written: Vec<String> = values.iter().flatten().map(|value| written(kind, value)).collect::<Option<_>>()?;
    let has_null = values.iter().any(Option::is_none);
    let listed = match written.as_slice() {
        [] => None,
        [only] => Some(format!("{name} = {only}")),
        several => Some(format!("{name} in ({})", several.join(", "))),
    };
    match (listed, has_null) {
        (Some(listed), true) => Some(format!("({listed} or {name} is null)")),
        (None, true) => Some(format!("{name} is null")),
        (listed, false) => listed,
    }
}

fn written(kind: ColumnType, value: &str) -> Option<String> {
    match kind {
        ColumnType::Text => Some(literal(value)),
        ColumnType::Boolean | ColumnType::Integer => Some(value.to_owned()),
        ColumnType::Decimal | ColumnType::Float => value.parse::<f64>().is_ok_and(f64::is_finite).then(|| value.to_owned()),
        ColumnType::Date => Some(format!("date {}", literal(value))),
        _ => None,
    }
}

fn listed(values: &[Option<String>]) -> String {
    if values.len() > NAMED_VALUES {
        return format!("one of {} values", values.len());
    }
    let named: Vec<String> = values.iter().map(|value| value.as_ref().map_or("missing".to_owned(), |value| format!("`{value}`"))).collect();
    named.join(" or ")
}
