//! Facts written as small tables, so that tests do not know the API.

use hw_base::{
    CodedColumn, ColumnFacts, ColumnType, Histogram, NumberFacts, Quantile, ShapeCount, TableFacts, TextFacts, TextShape, Timestamp, Value,
    ValueCount,
};

/// The present moment of all tests.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// A column of these cells, coded in the order in which they are first seen.
pub(crate) fn coded(name: &str, kind: ColumnType, cells: &[&str]) -> CodedColumn {
    let mut values: Vec<String> = Vec::new();
    let mut code = |cell: &&str| {
        let at = values.iter().position(|value| value == cell).unwrap_or(values.len());
        if at == values.len() {
            values.push((*cell).to_owned());
        }
        u32::try_from(at).unwrap() + 1
    };
    let codes = cells.iter().map(&mut code).collect();
    CodedColumn { name: name.into(), kind, values, codes }
}

/// Reads facts: the first line is about the table (`rows 1000; duplicates 5; malformed 2; sample`), each further line
/// about a column: `status text; nulls 3; distinct 4; top Delivered*500, DELIVERED*20`.
pub(crate) fn facts(text: &str) -> TableFacts {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut table = TableFacts { duplicates_are_exact: true, scanned_all_rows: true, ..TableFacts::default() };
    for (key, value) in settings(lines.next().unwrap_or_default()) {
        match key {
            "rows" => table.rows = number(value),
            "duplicates" => table.duplicate_rows = number(value),
            "malformed" => table.malformed = number(value),
            "sample" => table.scanned_all_rows = false,
            _ => panic!("unknown table setting {key}"),
        }
    }
    table.columns = lines.map(|line| column(line, table.rows)).collect();
    table
}

fn settings(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.split_once(' ').unwrap_or((part, "")))
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.trim().parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn column(line: &str, rows: u64) -> ColumnFacts {
    let mut parts = settings(line);
    let (name, kind) = parts.next().unwrap();
    let kind = column_type(kind);
    let mut column = ColumnFacts {
        name: name.into(),
        kind,
        sql_type: format!("{kind:?}").to_lowercase(),
        rows,
        nulls: 0,
        distinct: rows.min(2),
        distinct_is_exact: true,
        min: Value::Null,
        max: Value::Null,
        top_values: Vec::new(),
        top_values_are_exact: true,
        numbers: (kind.is_numeric() || kind.is_temporal()).then(NumberFacts::default),
        text: (kind == ColumnType::Text).then(TextFacts::default),
    };
    for (key, value) in parts {
        apply(&mut column, key, value);
    }
    fill_shapes(&mut column);
    column
}

fn apply(column: &mut ColumnFacts, key: &str, value: &str) {
    match key {
        "nulls" => column.nulls = number(value),
        "distinct" => column.distinct = number(value),
        "estimated" => (column.distinct, column.distinct_is_exact) = (number(value), false),
        "min" => column.min = cell(column.kind, value),
        "max" => column.max = cell(column.kind, value),
        "top" => column.top_values = counts(value).map(|(text, count)| ValueCount { value: cell(column.kind, text), count }).collect(),
        "negatives" => column.numbers.as_mut().unwrap().negatives = number(value),
        "quantiles" => column.numbers.as_mut().unwrap().quantiles = quantiles(value),
        "histogram" => column.numbers.as_mut().unwrap().histogram = histogram(value),
        "folded" => column.text.as_mut().unwrap().distinct_folded = Some(number(value)),
        "padded" => column.text.as_mut().unwrap().padded = number(value),
        "blank" => column.text.as_mut().unwrap().blank = number(value),
        // As the engine measures a column without a value.
        "bare" => (column.numbers, column.text) = (None, None),
        "empty" => column.text.as_mut().unwrap().empty = number(value),
        "non_printing" => column.text.as_mut().unwrap().non_printing = number(value),
        "shapes" => {
            let shapes = counts(value).map(|(name, count)| ShapeCount { shape: shape(name), count });
            column.text.as_mut().unwrap().shapes = shapes.collect();
        }
        _ => panic!("unknown column setting {key}"),
    }
}

/// Without `shapes`, every value is other text.
fn fill_shapes(column: &mut ColumnFacts) {
    let present = column.rows - column.nulls;
    if let Some(text) = column.text.as_mut().filter(|text| text.shapes.is_empty()) {
        let blank = ShapeCount { shape: TextShape::Blank, count: text.empty };
        text.shapes = vec![blank, ShapeCount { shape: TextShape::Other, count: present.saturating_sub(text.empty) }];
    }
}

fn counts(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.split(", ").map(|pair| {
        let (value, count) = pair.rsplit_once('*').unwrap();
        (value, number(count))
    })
}

fn cell(kind: ColumnType, text: &str) -> Value {
    match kind {
        ColumnType::Integer => Value::Int(number(text)),
        ColumnType::Float => Value::Float(number(text)),
        _ => Value::Text(text.replace('_', " ")),
    }
}

/// The first, second and third quartile.
fn quantiles(text: &str) -> Vec<Quantile> {
    let values = text.split_whitespace().map(number);
    [0.25, 0.5, 0.75].into_iter().zip(values).map(|(at, value)| Quantile { at, value }).collect()
}

/// `low high count count …`.
fn histogram(text: &str) -> Histogram {
    let values: Vec<f64> = text.split_whitespace().map(number).collect();
    let counts = text.split_whitespace().skip(2).map(number).collect();
    Histogram { low: values[0], high: values[1], counts }
}

fn column_type(name: &str) -> ColumnType {
    serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("unknown type `{name}`"))
}

fn shape(name: &str) -> TextShape {
    serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("unknown shape `{name}`"))
}
