//! Results and errors as programs read them: stable and versioned.

use hw_base::{Column, ColumnType, Error, Result, Rows, RunRecord, Span, TableName, Value};
use hw_config::redact_url;
use serde_json::{Map, Value as Json, json};

use super::in_column;

/// A run with the errors that it met.
pub(crate) fn run(record: &RunRecord, errors: &[Error], exit_code: u8) -> Json {
    let mut json = run_record(record);
    json["errors"] = all(errors).into();
    json["exit_code"] = exit_code.into();
    json
}

/// A run as the ledger keeps it.
pub(crate) fn run_record(record: &RunRecord) -> Json {
    let mut json = serde_json::to_value(record).unwrap_or_default();
    json["schema_version"] = "1".into();
    if let Some(steps) = json["steps"].as_array_mut() {
        for step in steps {
            if let Some(step) = step.as_object_mut() {
                step.remove("progress");
            }
        }
    }
    json
}

/// How many rows of which tables wait in quarantine.
pub(crate) fn waiting(waiting: &[(TableName, u64)]) -> Json {
    waiting.iter().map(|(table, rows)| (table.leaf().to_owned(), Json::from(*rows))).collect::<Map<String, Json>>().into()
}

/// A query's result: an array with one object per row, on a line of its own; `[]` where there is no row.
///
/// # Errors
/// HW301 where two columns have one name, because an object would keep one of them only.
pub(crate) fn rows(rows: &Rows) -> Result<String> {
    let names: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name) {
        return Err(Error::user(format!("two columns of the result are named `{twice}`"))
            .code("HW301")
            .help("give one of them another name with `as`, so that both can stand in one JSON object"));
    }
    let object = |row: &Vec<Value>| {
        let cells = rows.columns.iter().zip(row).map(|(column, value)| (column.name.clone(), cell(column, value)));
        Json::Object(cells.collect::<Map<String, Json>>()).to_string()
    };
    let objects: Vec<String> = rows.rows.iter().map(object).collect();
    Ok(if objects.is_empty() { "[]".into() } else { format!("[\n  {}\n]", objects.join(",\n  ")) })
}

/// A value in the one form that all values of its column have: decimals are text, and whole numbers are none.
fn cell(column: &Column, value: &Value) -> Json {
    let value = &*in_column(column, value);
    match (column.kind, value) {
        (ColumnType::Decimal, Value::Int(number)) => number.to_string().into(),
        (ColumnType::Integer, Value::Text(text)) => text.parse::<u64>().map_or_else(|_| value.to_json(), Into::into),
        _ => value.to_json(),
    }
}

/// A command that failed: its first error, and all of them under `errors`.
pub(crate) fn failure(error: &Error, exit_code: u8) -> Json {
    let mut json = json!({ "schema_version": "1" });
    if let (Json::Object(json), Json::Object(first)) = (&mut json, one(error)) {
        json.extend(first);
    }
    json["errors"] = all(std::slice::from_ref(error)).into();
    json["exit_code"] = exit_code.into();
    json
}

/// Errors with all that were found in the same go, one by one.
pub(crate) fn all(errors: &[Error]) -> Vec<Json> {
    errors.iter().flat_map(|error| std::iter::once(error).chain(error.others())).map(one).collect()
}

fn one(error: &Error) -> Json {
    let texts = |texts: &[String]| texts.iter().map(|text| redact_url(text)).collect::<Vec<_>>();
    let place = |Span { file, line, column, .. }: &Span| json!({ "file": file, "line": line, "column": column });
    json!({
        "code": error.known_code(),
        "message": redact_url(error.message()),
        "because": texts(error.causes()),
        "where": error.span().map(place),
        "help": texts(error.remedies()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_column_have_one_form() {
        let column = |name: &str, kind: ColumnType| Column { name: name.into(), kind, sql_type: String::new() };
        let columns = vec![column("d", ColumnType::Decimal), column("u", ColumnType::Integer)];
        let large = || Value::Text("18446744073709551615".into());
        let found = Rows { columns, rows: vec![vec![Value::Int(1), Value::Int(2)], vec![large(), large()]], is_cut: false };
        let found: Json = rows(&found).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let real = Column { name: "r".into(), kind: ColumnType::Float, sql_type: "real".into() };
        assert_eq!(cell(&real, &Value::Float(f64::from(0.1_f32))), json!(0.1));
        assert_eq!(cell(&real, &Value::Float(f64::NAN)), json!("NaN"));
        assert_eq!(found, json!([{ "d": "1", "u": 2 }, { "d": "18446744073709551615", "u": 18_446_744_073_709_551_615_u64 }]));
    }

    #[test]
    fn several_errors_are_one_object() {
        let span = Span { file: "models/a.sql".into(), line: 2, column: 5, length: 1 };
        let errors = vec![Error::user("one").code("HW301").at(span), Error::user("two at pg://a:pw@h").code("HW102").help("do")];
        let json = failure(&Error::all(errors).unwrap_or_else(|| Error::bug("none")), 2);
        assert_eq!(json["code"], "HW301");
        assert_eq!(json["where"], json!({ "file": "models/a.sql", "line": 2, "column": 5 }));
        assert_eq!(json["exit_code"], 2);
        let second = json!({ "code": "HW102", "message": "two at pg://a:***@h", "because": [], "where": null, "help": ["do"] });
        assert_eq!(json["errors"][1], second);
        assert_eq!(json["errors"].as_array().map(Vec::len), Some(2));
    }
}
