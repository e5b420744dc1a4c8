//! How long each kind of column takes. Run with `--release` or as it is, `-- --ignored --nocapture speed`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the figures are the result")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "the numbers are made up")]

use std::sync::Arc;
use std::time::Instant;

use arrow_array::*;
use arrow_schema::{Field, Schema};

use crate::Measurement;
use crate::hash::mix;

const ROWS: u64 = 2_000_000;
/// The best of so many runs counts; other work on the machine only adds.
const RUNS: usize = 3;
const BATCH_ROWS: u64 = 8192;
type Maker = fn(u64) -> Made;

/// One made-up value.
enum Made {
    Whole(i64),
    Float(f64),
    Moment(i64),
    Text(String),
}

const STREETS: [&str; 8] = ["Cedar Dr", "Mill Rd", "Oak Ave", "Main St", "Lake View Blvd", "2nd St", "Elm Ct", "Hill Ln"];
const STATES: [&str; 8] = ["pending", "shipped", "delivered", "cancelled", "PENDING", "Shipped", "returned to sender", "n/a"];

const COLUMNS: [(&str, Maker); 12] = [
    ("integer, sequence", |row| Made::Whole(row as i64)),
    ("integer, 1,000,000 values", |row| Made::Whole((mix(row) % 1_000_000) as i64)),
    ("integer, 10 values", |row| Made::Whole((mix(row) % 10) as i64)),
    ("integer, any", |row| Made::Whole(mix(row) as i64)),
    ("double, hundredths", |row| Made::Float((mix(row) % 4_000_000) as f64 / 100.0)),
    ("double, any", |row| Made::Float(mix(row) as f64 / 1e9)),
    ("timestamp, seconds", |row| Made::Moment((1_700_000_000 + row / 20 + mix(row) % 86_400) as i64 * 1_000_000)),
    ("timestamp, any", |row| Made::Moment((mix(row) >> 13) as i64)),
    ("text, 8 values", |row| Made::Text(STATES[(mix(row) % 8) as usize].into())),
    ("text, 10,000 cities", |row| Made::Text(format!("City {}", mix(row) % 10_000))),
    ("text, 1,000,000 e-mails", |row| {
        let customer = mix(row) % 1_000_000;
        Made::Text(format!("jo.kim{customer}@example.com"))
    }),
    ("text, unique addresses", |row| {
        let dice = mix(row);
        Made::Text(format!("{} {}, Springfield {}", dice % 9_000, STREETS[(dice >> 20) as usize % 8], dice >> 24 & 0xffff))
    }),
];

fn array(make: Maker, rows: std::ops::Range<u64>) -> ArrayRef {
    let mut texts = builder::StringViewBuilder::new();
    let (mut whole, mut floats, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match make(row) {
            Made::Whole(value) => whole.push(value),
            Made::Float(value) => floats.push(value),
            Made::Moment(value) => moments.push(value),
            Made::Text(value) => texts.append_value(value),
        }
    }
    match make(0) {
        Made::Whole(_) => Arc::new(Int64Array::from(whole)),
        Made::Float(_) => Arc::new(Float64Array::from(floats)),
        Made::Moment(_) => Arc::new(TimestampMicrosecondArray::from(moments)),
        Made::Text(_) => Arc::new(texts.finish()),
    }
}

/// What this process has used so far, in hundredths of a second, as Linux counts it.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    status.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[test]
#[ignore = "a measurement of speed, not of correctness"]
#[expect(clippy::disallowed_methods, reason = "a measurement is told by the environment what to measure")]
fn speed_of_every_kind_of_column() {
    let only = std::env::var("MEASURE_ONLY").unwrap_or_default();
    for (name, make) in COLUMNS.iter().filter(|(name, _)| name.contains(&only)) {
        let ranges = (0..ROWS.div_ceil(BATCH_ROWS)).map(|at| at * BATCH_ROWS..ROWS.min((at + 1) * BATCH_ROWS));
        let arrays: Vec<ArrayRef> = ranges.map(|rows| array(*make, rows)).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("c", arrays[0].data_type().clone(), true)]));
        let runs = (0..RUNS).map(|_| {
            let (start, cpu_start) = (Instant::now(), cpu_seconds());
            let mut measurement = Measurement::new(&schema, 1 << 30, 1);
            for block in arrays.chunks(16) {
                let batches = block.iter().map(|array| RecordBatch::try_new(schema.clone(), vec![array.clone()]).unwrap());
                measurement.add(&batches.collect::<Vec<_>>()).unwrap();
            }
            let added = cpu_seconds() - cpu_start;
            let facts = measurement.facts(20);
            assert_eq!(facts.rows, ROWS);
            [added, cpu_seconds() - cpu_start, start.elapsed().as_secs_f64()]
        });
        let best = runs.fold([f64::MAX; 3], |best, run| [0, 1, 2].map(|at| best[at].min(run[at])));
        let [added, cpu, wall] = best.map(|seconds| seconds * 1e9 / ROWS as f64);
        println!("{name:28} {added:7.1} ns of CPU per row, {cpu:7.1} with the end, {wall:7.1} ns of wall");
    }
}
