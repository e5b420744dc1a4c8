//! Measures the searches on a made table: `cargo run -p hw-relate --example speed -- 10000000 11`.
//!
//! The columns are of the kinds that tables of events have: a key, references, a determined pair, categories, amounts,
//! days, codes with one slip in a thousand.

#![expect(clippy::print_stdout, reason = "what it measures is for the terminal")]

use hw_base::{CodedColumn, CodedTable, ColumnType};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (rows, columns) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(11));
    let columns: Vec<CodedColumn> = (0..columns).map(|at| column(at, u32::try_from(rows).unwrap_or(u32::MAX))).collect();
    let table = CodedTable { name: "events".to_owned(), rows: rows as u64, sampled: None, columns };
    let started = std::time::Instant::now();
    let keys = hw_relate::keys(&table);
    println!("keys: {} in {:.2?}", keys.keys.len(), started.elapsed());
    let started = std::time::Instant::now();
    let found = hw_relate::dependencies(&table, &keys);
    println!("dependencies: {} (all: {}) in {:.2?}", found.dependencies.len(), found.is_complete, started.elapsed());
    let started = std::time::Instant::now();
    let cells = hw_relate::cells(&table, &keys, &found);
    println!("cells: {} in {:.2?}", cells.len(), started.elapsed());
}

/// A mixed number of a row and a column, the same at every run.
fn mixed(row: u32, salt: u32) -> u32 {
    let mut x = row.wrapping_mul(0x9E37_79B1) ^ salt.wrapping_mul(0x85EB_CA77);
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    x = x.wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

fn column(at: usize, rows: u32) -> CodedColumn {
    let salt = u32::try_from(at).unwrap_or(0);
    let customers = (rows / 20).max(10);
    let customer = |row: u32| mixed(row, 1) % customers;
    let (name, kind, distinct): (&str, ColumnType, u32) = match at % 11 {
        0 => ("event_id", ColumnType::Integer, rows),
        1 => ("customer_id", ColumnType::Integer, customers),
        2 => ("customer_name", ColumnType::Text, customers),
        3 => ("city", ColumnType::Text, 300),
        4 => ("status", ColumnType::Text, 5),
        5 => ("amount", ColumnType::Decimal, 20_000),
        6 => ("day", ColumnType::Date, 1_000),
        7 => ("product_code", ColumnType::Text, 5_000),
        8 => ("category", ColumnType::Text, 40),
        9 => ("quantity", ColumnType::Integer, 12),
        _ => ("channel", ColumnType::Text, 4),
    };
    let code = |row: u32| match at % 11 {
        0 => row,
        2 if mixed(row, 7).is_multiple_of(1000) => mixed(row, 8) % distinct,
        1 | 2 => customer(row),
        3 => mixed(customer(row), 3) % distinct,
        8 => mixed(mixed(row, 18) % 5_000, 4) % distinct,
        7 => mixed(row, 18) % distinct,
        _ => mixed(row, salt + 11) % distinct,
    };
    let value = |code: u32| match kind {
        ColumnType::Integer => code.to_string(),
        ColumnType::Decimal => format!("{}.{:02}", code / 100, code % 100),
        ColumnType::Date => format!("20{:02}-{:02}-{:02}", 20 + code / 336, 1 + code / 28 % 12, 1 + code % 28),
        _ if name == "product_code" => format!("P-{code:05}"),
        _ => format!("{name} {}", letters(code)),
    };
    let name = if at < 11 { name.to_owned() } else { format!("{name}_{at}") };
    let codes = (0..rows).map(|row| code(row) + 1).collect();
    CodedColumn { name, kind, values: (0..distinct).map(value).collect(), codes }
}

fn letters(mut code: u32) -> String {
    let mut text = String::new();
    for _ in 0..6 {
        text.push(char::from(b'a' + u8::try_from(code % 26).unwrap_or(0)));
        code = code / 26 + code % 7;
    }
    text
}
