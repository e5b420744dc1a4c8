//! How long each kind of column takes. Run with `--ignored --nocapture measure::speed`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the figures are the result")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "the numbers are made up")]

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::*;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use hw_base::{MeasureSettings, Sample};

use super::lane::mix;
use super::tests::{measured, table};

const ROWS: u64 = 2_000_000;
/// The best of so many runs counts; other work on the machine only adds.
const RUNS: usize = 4;
const BATCH_ROWS: u64 = 8192;
type Maker = fn(std::ops::Range<u64>) -> ArrayRef;

const COLUMNS: [(&str, Maker); 14] = [
    ("integer, unique", |rows| Arc::new(rows.map(|row| row as i64).collect::<Int64Array>())),
    ("integer, 1,000 values", |rows| Arc::new(rows.map(|row| (mix(row) % 1_000) as i64).collect::<Int64Array>())),
    ("integer, 200,000 values", |rows| Arc::new(rows.map(|row| (mix(row) % 200_000) as i64).collect::<Int64Array>())),
    ("double, near unique", |rows| Arc::new(rows.map(|row| mix(row) as f64 / 1e9).collect::<Float64Array>())),
    ("decimal, 100,000 values", |rows| {
        Arc::new(rows.map(|row| i128::from(mix(row) % 100_000)).collect::<Decimal128Array>().with_precision_and_scale(12, 2).unwrap())
    }),
    ("date, 1,000 values", |rows| Arc::new(Date32Array::from_iter_values(rows.map(|row| (mix(row) % 1_000) as i32)))),
    ("timestamp, near unique", |rows| Arc::new(TimestampMicrosecondArray::from_iter_values(rows.map(|row| (mix(row) % (1 << 50)) as i64)))),
    ("Boolean", |rows| Arc::new(rows.map(|row| Some(mix(row).is_multiple_of(2))).collect::<BooleanArray>())),
    ("text, 8 values", |rows| {
        Arc::new(
            rows.map(|row| {
                Some(["pending", "shipped", "delivered", "cancelled", "returned to sender", "a", "b", "c"][(mix(row) % 8) as usize])
            })
            .collect::<StringViewArray>(),
        )
    }),
    ("text, 10,000 cities", |rows| Arc::new(rows.map(|row| Some(format!("City {}", mix(row) % 10_000))).collect::<StringViewArray>())),
    ("text, 100,000 names", |rows| {
        Arc::new(rows.map(|row| Some(format!("Customer Name {}", mix(row) % 100_000))).collect::<StringViewArray>())
    }),
    ("text, unique e-mail", |rows| {
        Arc::new(rows.map(|row| Some(format!("user{}@mail.example", mix(row) >> 20))).collect::<StringViewArray>())
    }),
    ("text, unique code, Utf8", |rows| Arc::new(rows.map(|row| Some(format!("SKU-{row}"))).collect::<StringArray>())),
    ("text, unique sentence", |rows| {
        Arc::new(
            rows.map(|row| Some(format!("the order {row} was left at the door of the neighbour {}", mix(row) % 100)))
                .collect::<StringViewArray>(),
        )
    }),
];

fn report(name: &str, columns: &[(&str, Maker)]) {
    let batches: Vec<RecordBatch> = (0..ROWS.div_ceil(BATCH_ROWS))
        .map(|at| at * BATCH_ROWS..ROWS.min((at + 1) * BATCH_ROWS))
        .map(|rows| table(columns.iter().map(|(name, make)| (*name, make(rows.clone()))).collect()))
        .collect();
    let settings = MeasureSettings { sample: Sample::All, top_values: 20 };
    for parts in [1, 2] {
        let dealt: Vec<Vec<RecordBatch>> = batches.chunks(batches.len().div_ceil(parts)).map(<[_]>::to_vec).collect();
        let runs = (0..RUNS).map(|_| {
            let (start, cpu_start) = (Instant::now(), cpu_seconds());
            let facts = measured(&batches[0].schema(), dealt.clone(), settings, 1 << 30);
            assert_eq!(facts.rows, ROWS);
            [cpu_seconds() - cpu_start, start.elapsed().as_secs_f64()]
        });
        let [cpu, wall] = runs.fold([f64::MAX; 2], |best, run| [best[0].min(run[0]), best[1].min(run[1])]);
        println!("{name:28} {parts} part(s): {:7.1} ns of CPU per row, {wall:.3} s", cpu * 1e9 / ROWS as f64);
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
fn every_kind_of_column() {
    let only = std::env::var("MEASURE_ONLY").unwrap_or_default();
    COLUMNS.iter().filter(|column| column.0.contains(&only)).for_each(|column| report(column.0, &[*column]));
    if only.is_empty() {
        report("all 14 columns", &COLUMNS);
    }
}

/// Ten million orders in twelve columns, five of them text, as one Parquet file.
const ORDERS: &str = "select value as order_id, value * 7919 % 1000003 as customer_id, \
    arrow_cast(value * 31 % 100000, 'Decimal128(12, 2)') as amount, value * 104729 % 100 as quantity, \
    sin(value) * 1000 as score, value % 3 = 0 as is_gift, \
    date '2024-01-01' + cast(value % 700 as int) as order_date, \
    ['pending', 'shipped', 'delivered', 'cancelled'][value % 4 + 1] as status, \
    'City ' || (value * 17 % 900) as city, \
    'Customer Name ' || (value * 7919 % 1000003) as customer, \
    'user' || (value * 7919 % 8000009) || '@mail.example' as email, \
    'SKU-' || (value * 13 % 50021) as sku \
    from generate_series(1, 10000000)";

#[test]
#[ignore = "a measurement of speed, not of correctness"]
fn ten_million_orders_from_parquet() {
    let path = std::env::temp_dir().join("headworks-ten-million-orders.parquet");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
        let file = path.to_str().unwrap();
        if !path.exists() {
            let orders = session.sql(ORDERS).await.unwrap();
            orders.write_parquet(file, DataFrameWriteOptions::new().with_single_file_output(true), None).await.unwrap();
        }
        for _ in 0..RUNS {
            let orders = session.read_parquet(file, ParquetReadOptions::default()).await.unwrap();
            let schema = orders.schema().inner().clone();
            let (start, cpu_start) = (Instant::now(), cpu_seconds());
            let streams = orders.clone().execute_stream_partitioned().await.unwrap();
            for stream in streams {
                stream.map(|batch| batch.unwrap().num_rows()).fold(0, |all, rows| async move { all + rows }).await;
            }
            println!("read only: {:?}, {:.2} s of CPU", start.elapsed(), cpu_seconds() - cpu_start);
            let (start, cpu_start) = (Instant::now(), cpu_seconds());
            let streams = orders.execute_stream_partitioned().await.unwrap();
            let settings = MeasureSettings { sample: Sample::All, top_values: 20 };
            let facts = super::measure(streams, schema, settings, 1 << 30).await.unwrap();
            println!("measured:  {:?}, {:.2} s of CPU", start.elapsed(), cpu_seconds() - cpu_start);
            let distinct = facts.columns.iter().map(|column| (&column.name, column.distinct, column.distinct_is_exact));
            println!(
                "{} rows, {} duplicates ({}), {:?}",
                facts.rows,
                facts.duplicate_rows,
                facts.duplicates_are_exact,
                distinct.collect::<Vec<_>>()
            );
        }
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}
