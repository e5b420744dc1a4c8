//! What holds between the columns of a row, in the words of the report: orders, sums and products, and where a column is filled.

mod missing;
mod rule;

use hw_base::{CodedColumn, CodedTable, ColumnType, identifier};
use hw_relate::{Formula, Operation, Order, Patterns};
use serde::Serialize;
use serde_json::json;

pub use missing::MissingWhere;
pub(crate) use rule::Broken;
pub use rule::PatternRule;

/// Rows that break a pattern and are shown.
const EXAMPLES: usize = 5;

/// Something that holds between the columns of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// The columns; that of the result comes last.
    pub columns: Vec<String>,
    /// What holds: `net` + `tax` = `gross`.
    pub statement: String,
    /// Rows that hold values in all of these columns, among those looked at.
    pub rows: u64,
    /// Rows among them that break it.
    pub violations: u64,
    /// How sure it is that the rows which break it are wrong, 0 to 1.
    pub confidence: f64,
    /// The condition that the rows meet which break it, as SQL.
    pub broken_where: String,
    /// Some of the rows that break it.
    pub examples: Vec<String>,
    /// The coded rows that break it.
    #[serde(skip)]
    pub broken_rows: Vec<usize>,
    /// The rule that keeps it.
    #[serde(skip)]
    pub rule: PatternRule,
}

/// What a pattern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// One column is never greater than another.
    Order,
    /// A column is the sum of others.
    Sum,
    /// A column is the product of others.
    Product,
}

/// The patterns of a table, and where its columns are filled.
pub(crate) fn named(table: &CodedTable, found: &Patterns) -> (Vec<Pattern>, Vec<MissingWhere>) {
    let formulas = found.formulas.iter().map(|formula| of_formula(table, formula));
    let orders = found.orders.iter().map(|order| of_order(table, order));
    let missing = found.conditions.iter().filter_map(|condition| MissingWhere::of(table, condition));
    (formulas.chain(orders).collect(), missing.collect())
}

fn of_order(table: &CodedTable, order: &Order) -> Pattern {
    let (lesser, greater) = (&table.columns[order.lesser], &table.columns[order.greater]);
    let never = if order.is_time { "later" } else { "greater" };
    let is_read = lesser.kind == ColumnType::Text || greater.kind == ColumnType::Text;
    let sql = |own: &CodedColumn, other: &CodedColumn| match order.is_time {
        _ if !is_read => sql_beside(&own.name, own.kind, other.kind),
        true => read(own, "timestamp(6)"),
        false => read(own, "double"),
    };
    let (left, right) = (sql(lesser, greater), sql(greater, lesser));
    let statement = format!("`{}` is never {never} than `{}`", lesser.name, greater.name);
    let broken_where = format!("{left} > {right}");
    let (kind, settings) = if is_read {
        ("expression", json!({ "sql": format!("{left} <= {right}"), "dimension": "consistency" }))
    } else {
        ("compare", json!({ "left": lesser.name, "operator": "<=", "right": greater.name }))
    };
    Pattern {
        kind: PatternKind::Order,
        columns: vec![lesser.name.clone(), greater.name.clone()],
        rule: PatternRule::of_rows(kind, settings, &statement, &broken_where, order.violations.len()),
        statement,
        rows: order.rows,
        violations: order.violations.len() as u64,
        confidence: if order.is_named { 0.9 } else { 0.6 },
        broken_where,
        examples: shown(table, &[order.lesser, order.greater], &order.violations),
        broken_rows: order.violations.clone(),
    }
}

/// A column as SQL reads it: text that does not read so is null.
fn read(column: &CodedColumn, sql_type: &str) -> String {
    let name = identifier(&column.name);
    match column.kind {
        ColumnType::Text => format!("try_cast(trim({name}) as {sql_type})"),
        _ => format!("cast({name} as {sql_type})"),
    }
}

/// A column as SQL compares it with one of another kind.
fn sql_beside(name: &str, kind: ColumnType, other: ColumnType) -> String {
    let name = identifier(name);
    match (kind, other) {
        (ColumnType::Date, ColumnType::Timestamp) => format!("cast({name} as timestamp(6))"),
        (ColumnType::Decimal, ColumnType::Float) => format!("cast({name} as double)"),
        _ => name,
    }
}

fn of_formula(table: &CodedTable, formula: &Formula) -> Pattern {
    let name = |at: &usize| table.columns[*at].name.as_str();
    let (sign, joint, kind) = match formula.operation {
        Operation::Sum => (" + ", " + ", PatternKind::Sum),
        Operation::Product => (" × ", " * ", PatternKind::Product),
    };
    let parts: Vec<String> = formula.parts.iter().map(|part| format!("`{}`", name(part))).collect();
    let statement = format!("{} = `{}`", parts.join(sign), name(&formula.result));
    // As floating-point numbers, so that no product is too large for a whole number.
    let cast = |at: &usize| read(&table.columns[*at], "double");
    let (joined, result) = (formula.parts.iter().map(cast).collect::<Vec<_>>().join(joint), cast(&formula.result));
    let distance = format!("abs({joined} - {result})");
    let most = match formula.within {
        within if within < 0.0 => format!("{} * abs({result})", -within),
        within => tidy(within.max(0.5 * f64::from(u8::from(within == 0.0)))),
    };
    let (holds, broken_where) = (format!("{distance} <= {most}"), format!("{distance} > {most}"));
    let columns: Vec<usize> = formula.parts.iter().copied().chain([formula.result]).collect();
    let settings = json!({ "sql": holds, "dimension": "consistency" });
    Pattern {
        kind,
        columns: columns.iter().map(|at| name(at).to_owned()).collect(),
        rule: PatternRule::of_rows("expression", settings, &statement, &broken_where, formula.violations.len()),
        statement,
        rows: formula.rows,
        violations: formula.violations.len() as u64,
        confidence: 0.9,
        broken_where,
        examples: shown(table, &columns, &formula.violations),
        broken_rows: formula.violations.clone(),
    }
}

/// A number without the digits that only its binary form has.
fn tidy(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The first of some rows, with the values of these columns.
fn shown(table: &CodedTable, columns: &[usize], rows: &[usize]) -> Vec<String> {
    let cell = |row: usize, at: usize| {
        let column = &table.columns[at];
        format!("{}: {}", column.name, column.value(row).unwrap_or("null"))
    };
    let line = |row: &usize| columns.iter().map(|at| cell(*row, *at)).collect::<Vec<_>>().join(", ");
    rows.iter().take(EXAMPLES).map(line).collect()
}
