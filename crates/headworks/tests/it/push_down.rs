//! Rules that are judged inside PostgreSQL come out as they do over copied rows: the same verdicts, counts, values and examples, whatever
//! the data.
//!
//! `headworks check --all-rows` copies, because it tells the numbers of rows. `HEADWORKS_ROUNDS=1000` is a long watch.

use std::path::Path;

use serde_json::Value as Json;

use crate::chance::Chance;
use crate::postgres::execute;
use crate::program::headworks;

/// Of the values that break a rule so many are shown.
const MOST_SHOWN: u64 = 5;

/// A column: name, type, usual values, and values that few tables have. All are written as SQL.
type Tried = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const COLUMNS: &[Tried] = &[
    ("i2", "smallint", &["0", "1", "-1", "7"], &["32767", "-32768"]),
    ("i4", "int", &["0", "1", "-1", "42"], &["2147483647", "-2147483648"]),
    ("i8", "bigint", &["0", "1", "-1", "42", "1000000"], &["9007199254740993", "9223372036854775807", "-9223372036854775808"]),
    ("dec", "numeric(12,2)", &["0", "0.01", "-0.01", "1.50", "99.99", "100"], &["9999999999.99", "'NaN'"]),
    ("wide", "numeric(38,10)", &["0", "1.0000000001", "-7"], &["9999999999999999999999999999.9999999999"]),
    ("free", "numeric", &["0", "1.50", "-3.25"], &["'NaN'", "1e50"]),
    ("f4", "real", &["0", "0.1", "-1.5", "2"], &["'NaN'", "'Infinity'", "'-0'"]),
    ("f8", "double precision", &["0", "0.1", "0.5", "-1.5", "100"], &["'NaN'", "'-Infinity'", "'Infinity'", "'-0'", "1e300"]),
    (
        "t",
        "text",
        &["'a'", "'A'", "'b'", "''", "' '", "'a '", "' a'", "'5'", "'x@y.example'"],
        &["'é'", "'ß'", "E'a\\nb'", "E'\\t'", "'𝔘'", "E'\\u00a0'", "'İ'", "'\u{212a}'"],
    ),
    ("v", "varchar(10)", &["'a'", "'ab'", "'abc'", "'A1'", "'12'"], &["'١٢'", "'Straße'", "'''quoted'"]),
    ("c", "char(5)", &["'a'", "'ab'", "'a  '", "''"], &["'é'"]),
    ("yes", "boolean", &["true", "false"], &["true"]),
    (
        "day",
        "date",
        &["'2026-01-31'", "'2026-02-01'", "'2025-12-31'"],
        &["'0001-01-01'", "'4713-01-01 BC'", "'infinity'", "'9999-12-31'", "'5000000-01-01'"],
    ),
    (
        "ts",
        "timestamp",
        &["'2026-01-31 12:00'", "'2026-01-31'", "'2026-02-01 00:00:00.123456'"],
        &["'-infinity'", "'1900-01-01'", "'9999-12-31 23:59:59.999999'"],
    ),
    (
        "tz",
        "timestamptz",
        &["'2026-01-31 12:00+02'", "'2026-01-31 00:00+00'", "'2026-02-01 01:00+01'"],
        &["'infinity'", "'1969-12-31 23:59:59.5+00'"],
    ),
    ("j", "jsonb", &["'{\"a\": 1}'", "'[]'"], &["'\"é\"'"]),
    ("u", "uuid", &["'123e4567-e89b-12d3-a456-426614174000'"], &["'00000000-0000-0000-0000-000000000000'"]),
    ("tags", "int[]", &["'{1,2}'", "'{}'"], &["'{{1,2},{3,4}}'"]),
    ("raw", "bytea", &["'\\x00ff'", "''"], &["'\\xdeadbeef'"]),
];

/// Rules, each as it stands in a file.
const RULES: &[&str] = &[
    "not_null: { column: i8 }",
    "not_null: { column: tags, at_least: 50% }",
    "not_null: { column: raw }",
    "is_null: { column: j }",
    "not_blank: { column: t }",
    "not_blank: { column: c }",
    "range: { column: i2, min: 0 }",
    "range: { column: i8, min: -1, max: 42 }",
    "range: { column: i8, min: -1.5 }",
    "range: { column: dec, min: 0, max: 99.99 }",
    "range: { column: dec, above: 0 }",
    "range: { column: wide, max: 1 }",
    "range: { column: free, min: 0 }",
    "range: { column: f4, min: 0.1 }",
    "range: { column: f8, min: 0, max: 100 }",
    "range: { column: f8, below: 0.5 }",
    "range: { column: day, min: 2026-01-01 }",
    "range: { column: day, max: 2026-01-31 12:00 }",
    "range: { column: ts, min: 2026-01-01, below: 2026-02-01 }",
    "range: { column: tz, max: 2026-01-31T11:00:00Z }",
    "range: { column: t, min: 5 }",
    "length: { column: t, min: 1, max: 1 }",
    "length: { column: c, min: 1 }",
    "length: { column: i8, max: 2 }",
    "length: { column: dec, max: 4 }",
    "accepted_values: { column: t, values: [a, b, A] }",
    "accepted_values: { column: t, values: [a, b], ignore_case: true }",
    "accepted_values: { column: dec, values: [0, 1.5, 99.99] }",
    "accepted_values: { column: f8, values: [0, 0.1, 0.5, -1.5, 100] }",
    "accepted_values: { column: day, values: [2026-01-31, 2026-02-01] }",
    "accepted_values: { column: yes, values: [true] }",
    "rejected_values: { column: c, values: ['a', ''] }",
    "rejected_values: { column: i8, values: [0, 42] }",
    "matches: { column: t, pattern: '^[a-z]$' }",
    "matches: { column: t, pattern: '^\\S+$' }",
    "matches: { column: t, pattern: '^[^@ ]+@[^@ ]+\\.[^@ ]+$', not: true }",
    "matches: { column: v, pattern: '^\\d+$' }",
    "matches: { column: v, pattern: '^\\w+$' }",
    "matches: { column: v, pattern: 'a|\\bA', ignore_case: true }",
    "matches: { column: t, pattern: '^.$' }",
    "matches: { column: u, pattern: '^[0-9a-f-]{36}$' }",
    "like: { column: t, pattern: 'a%' }",
    "like: { column: v, pattern: 'A_', ignore_case: true }",
    "compare: { left: i4, operator: '<=', right: i8 }",
    "compare: { left: dec, operator: '<', right: f8 }",
    "compare: { left: day, operator: '<=', right: ts }",
    "compare: { left: ts, operator: '<=', right: tz }",
    "columns_equal: { columns: [i2, i4] }",
    "columns_differ: { columns: [t, v], skip_if: never }",
    "row_sum: { columns: [i4, i8], equals: 43 }",
    "row_sum: { columns: [dec, i4], equals: 1.5, skip_if: all_null }",
    "accepted_combinations: { columns: [t, yes], values: [[a, true], [b, false], [null, true]], skip_if: never }",
    "expression: { sql: 'i4 * 2 > i8 or t is null', name: doubled }",
    "expression: { sql: 'coalesce(dec, 0) + i4 >= 0', name: added }",
    "expression: { sql: 'i8 / i4 < 100', name: divided }",
    "expression: { sql: \"trim(t) <> '' and upper(v) like 'A%'\", name: shaped }",
    "expression: { sql: \"case when yes then i4 > 0 else day >= '2026-01-01' end\", name: cases }",
    "unique: { column: i8 }",
    "unique: { columns: [t, yes] }",
    "unique: { columns: [dec, day], skip_if: all_null }",
    "unique: { column: f8 }",
    "unique: { column: tz, skip_if: never }",
    "referential: { column: v, to: parents.v }",
    "referential: { columns: [i4, t], to: { table: parents, columns: [i4, t] } }",
    "distinct_values: { column: t, equal: [a, b] }",
    "distinct_values: { column: i4, contain: [1, 42] }",
    "distinct_count: { column: t, min: 2, max: 4 }",
    "distinct_count: { column: f8, min: 2 }",
    "distinct_count: { column: day, max: 2 }",
    "most_common_value: { column: t, values: [a] }",
    "row_count: { min: 5, max: 20 }",
    "row_count: { min: 1, where: \"t = 'a'\" }",
    "aggregate: { function: sum, column: i2, min: 0, max: 100 }",
    "aggregate: { function: sum, column: i8, min: 0 }",
    "aggregate: { function: sum, column: dec, min: 0 }",
    "aggregate: { function: sum, column: f8, min: 0 }",
    "aggregate: { function: mean, column: i4, min: 0, max: 20 }",
    "aggregate: { function: mean, column: dec, min: 0, max: 20 }",
    "aggregate: { function: mean, column: wide, min: 0 }",
    "aggregate: { function: mean, column: yes, min: 0.4 }",
    "aggregate: { function: min, column: dec, min: 0 }",
    "aggregate: { function: max, column: day, max: 2026-06-30 }",
    "aggregate: { function: max, column: tz, max: 2026-01-31T12:00:00Z }",
    "aggregate: { function: min, column: f8, min: 0 }",
    "aggregate: { function: max, column: f4, max: 1 }",
    "aggregate: { function: median, column: i4, min: 0 }",
    "aggregate: { function: standard_deviation, column: dec, max: 50 }",
    "aggregate: { function: filled_share, column: t, min: 0.5 }",
    "aggregate: { function: distinct_share, column: i8, min: 0.5 }",
    "aggregate: { function: max_length, column: t, max: 3 }",
    "aggregate: { function: mean_length, column: v, max: 2 }",
    "aggregate: { sql: 'sum(dec) / nullif(count(*), 0)', name: own, min: 0 }",
    "aggregate: { sql: 'max(i8) - min(i8)', name: spread, max: 50 }",
    "freshness: { column: tz, within: 3000 days }",
    "parses: { column: t, as: number }",
    "z_score: { column: i4, below: 3 }",
    "schema: { columns: { i8: bigint, t: text } }",
];

/// What is added to some of the rules.
const ADDED: &[&str] =
    &["", "", "", "where: 'i4 >= 0'", "where: \"t <> 'b' or yes\"", "at_most: 20%", "on_failure: log", "on_failure: quarantine"];

/// A rule of the list with something added, where its kind takes it; every name once.
fn rule(chance: &mut Chance, text: &str, number: usize) -> String {
    let takes_rows =
        !["distinct", "most", "row_count", "aggregate", "freshness", "schema", "z_score"].iter().any(|kind| text.starts_with(kind));
    let added = chance.one(ADDED);
    let of_one_row = !text.contains("at_least") && !["unique", "referential"].iter().any(|kind| text.starts_with(kind));
    let fits = takes_rows && (of_one_row || !added.contains("at_most"));
    let name = if text.contains("name:") { String::new() } else { format!(", name: rule_{number}") };
    let added = if fits && !added.is_empty() { format!(", {added}") } else { String::new() };
    let (head, _) = text.rsplit_once(" }").unwrap();
    format!("- {head}{name}{added} }}\n")
}

/// SQL that makes a table with some rows; `wild` columns have values that few tables have.
pub(crate) fn table(chance: &mut Chance, name: &str, rows: usize, wild: usize) -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind, ..)| format!("{name} {kind}")).collect();
    let wild: Vec<usize> = (0..wild).map(|_| chance.below(COLUMNS.len())).collect();
    let nulls = [0, 3, 8][chance.below(3)];
    let mut sql = format!("create table {name} ({});", columns.join(", "));
    for _ in 0..rows {
        let value = |(at, (_, _, usual, rare)): (usize, &Tried)| match () {
            () if nulls > 0 && chance.below(nulls) == 0 => "null",
            () if wild.contains(&at) && chance.below(4) == 0 => chance.one(rare),
            () => chance.one(usual),
        };
        let values: Vec<&str> = COLUMNS.iter().enumerate().map(value).collect();
        sql += &format!("insert into {name} values ({});", values.join(", "));
    }
    sql
}

/// The results of a check, each without what tells where it was judged, and how many were judged inside.
fn results(folder: &Path, url: &str, more: &[&str]) -> (Vec<Json>, usize) {
    let (data, parents) = (format!("{url}#hw_push.judged"), format!("parents={url}#hw_push.parents"));
    let arguments = [&["check", &data, "--rules", "rules.yaml", "--with", &parents, "--format", "json"], more].concat();
    let output = headworks(folder, &arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    let json: Json = serde_json::from_str(&text).unwrap();
    let mut results = json["results"].as_array().unwrap().clone();
    let mut inside = 0;
    for result in &mut results {
        let result = result.as_object_mut().unwrap();
        inside += usize::from(result.remove("judged").is_some());
        // Two checks may stand on both sides of a minute.
        if result["kind"] == "freshness"
            && let Some(Json::String(measured)) = result.get_mut("measured")
            && let Some(age) = measured.rfind(", ")
        {
            measured.truncate(age);
        }
        result.remove("violating_rows");
        // Of many rows each side shows some, and the same ones each time. A record that is no row is shown whole where it was copied.
        if result["violations"].as_u64() > Some(MOST_SHOWN) || result["id"] == "malformed_record" {
            result.remove("examples");
        } else if let Some(Json::Array(examples)) = result.get_mut("examples") {
            examples.sort_by_key(ToString::to_string);
            examples.dedup();
        }
    }
    (results, inside)
}

#[test]
fn rules_judged_inside_come_out_as_over_copied_rows() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let rounds: u64 = std::env::var("HEADWORKS_ROUNDS").map_or(6, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (mut all, mut inside) = (0, 0);
    for round in 1..=rounds {
        let mut chance = Chance(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rows = [0, 1, 12, 40][chance.below(4)];
        let wild = [0, 1, 4, 20][chance.below(4)];
        let tables = table(&mut chance, "hw_push.judged", rows, wild) + &table(&mut chance, "hw_push.parents", 10, 0);
        execute(&url, &format!("drop schema if exists hw_push cascade; create schema hw_push; {tables}"));
        let rules: String = RULES.iter().enumerate().map(|(number, text)| rule(&mut chance, text, number)).collect();
        std::fs::write(folder.path().join("rules.yaml"), &rules).unwrap();
        let (pushed, judged) = results(folder.path(), &url, &[]);
        let (copied, none) = results(folder.path(), &url, &["--all-rows"]);
        assert_eq!((none, pushed.len()), (0, copied.len()));
        for (pushed, copied) in pushed.iter().zip(&copied) {
            assert_eq!(pushed, copied, "round {round}, {rows} rows, {wild} wild columns");
        }
        (all, inside) = (all + RULES.len(), inside + judged);
    }
    assert!(inside * 2 > all, "only {inside} of {all} rules were judged inside");
}
