//! The same data gives the same report to the last byte, on however many threads, whichever of them is faster.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test that cannot go on should stop; the numbers are small")]

use std::fmt::Write as _;
use std::path::Path;

use hw_assess::RuleTrial;
use hw_base::Timestamp;
use hw_engine::{PlainColumn, write_parquet};

use super::opened::open_file;
use super::*;

/// More values than a column keeps, so that counts, quantiles and patterns are estimates.
const ROWS: u64 = 20_000;

/// Bits that look random and are the same every time.
fn random(row: u64, column: u64) -> u64 {
    let mixed = (row ^ (column << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

/// An order: a number, a place, an address, an amount, a state, a day; with slips, gaps and a few rows that come twice.
fn order(row: u64) -> [String; 6] {
    let row = if row.is_multiple_of(997) { row / 2 } else { row };
    let state = ["new", "sent", "done", "Done", "sent ", "n/a"][(random(row, 1) % 100 / 19) as usize];
    let mail =
        if random(row, 2).is_multiple_of(50) { "none".to_owned() } else { format!("a{}@b{}.example", random(row, 3) % 50_000, row % 7) };
    let amount = format!("{}.{:02}", random(row, 4) % 900_000, random(row, 5) % 100);
    let day = format!("2025-{:02}-{:02}T{:02}:00:00", 1 + random(row, 6) % 12, 1 + random(row, 7) % 28, random(row, 8) % 24);
    [row.to_string(), format!("place {}", random(row, 9) % 400), mail, amount, state.to_owned(), day]
}

const NAMES: [&str; 6] = ["order_id", "place", "email", "amount", "state", "updated_at"];

fn csv(rows: std::ops::Range<u64>) -> String {
    let mut text = NAMES.join(",") + "\n";
    rows.for_each(|row| writeln!(text, "{}", order(row).join(",")).unwrap());
    text + "torn,\"line\n"
}

fn ndjson(rows: std::ops::Range<u64>) -> String {
    let record = |row| NAMES.iter().map(|name| (*name).to_owned()).zip(order(row).map(serde_json::Value::from)).collect();
    let records = rows.map(|row| serde_json::Value::Object(record(row)).to_string());
    records.collect::<Vec<_>>().join("\n")
}

fn write_columns(path: &Path, rows: std::ops::Range<u64>) {
    let orders: Vec<[String; 6]> = rows.map(order).collect();
    let text = |at: usize| PlainColumn::Text(orders.iter().map(|order| order[at].clone()).collect());
    let ids = PlainColumn::Whole(orders.iter().map(|order| order[0].parse().unwrap()).collect());
    let columns: Vec<(&str, PlainColumn)> = std::iter::once(("order_id", ids)).chain((1..6).map(|at| (NAMES[at], text(at)))).collect();
    write_parquet(path, &columns).unwrap();
}

/// The report on `data`, made by `threads` threads.
async fn report(folder: &Path, data: &str, threads: usize, memory: u64) -> String {
    let matches = Assess.arguments().try_get_matches_from(["assess", data]).unwrap();
    let arguments = Arguments { memory: ByteSize(memory), ..read(&matches).unwrap() };
    let settings = EngineSettings { memory: arguments.memory, threads: std::num::NonZero::new(threads), ..EngineSettings::default() };
    let mut opened = open_file(data, None, &settings, folder).await.unwrap();
    opened.engine_mut().answer_in_order();
    opened.about.rules = RuleTrial::HoldBack;
    let (assessment, _) = assess_whole(&opened, &arguments, (Timestamp::UNIX_EPOCH, "the same".to_owned())).await.unwrap();
    assessment.files().into_iter().map(|(_, content)| content).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_data_gives_the_same_report_on_however_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("orders.csv"), csv(0..ROWS)).unwrap();
    std::fs::write(place("orders.ndjson"), ndjson(0..ROWS)).unwrap();
    for name in ["csvs", "parquets"] {
        std::fs::create_dir(place(name)).unwrap();
    }
    for part in 0..5 {
        let rows = part * ROWS / 5..(part + 1) * ROWS / 5;
        std::fs::write(place(&format!("csvs/{part}.csv")), csv(rows.clone())).unwrap();
        write_columns(&place(&format!("parquets/{part}.parquet")), rows);
    }
    for (data, memory) in
        [("orders.csv", 2 << 30), ("orders.csv", 64 << 20), ("orders.ndjson", 64 << 20), ("csvs", 64 << 20), ("parquets", 64 << 20)]
    {
        let alone = report(folder.path(), data, 1, memory).await;
        assert!(alone.contains("email") && alone.contains("held back"), "{alone}");
        for threads in [2, 5] {
            let report = report(folder.path(), data, threads, memory).await;
            let differs = || report.lines().zip(alone.lines()).find(|(one, other)| one != other);
            assert!(report == alone, "{data} on {threads} threads: {:?}", differs());
        }
    }
}
