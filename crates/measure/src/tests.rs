//! Small tables with known facts, and random ones against naive counting.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test that cannot go on should stop; equal floats are meant")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "the tables are small")]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_buffer::{IntervalMonthDayNano, OffsetBuffer, i256};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use hw_base::{ColumnFacts, MeasureSettings, Sample, TableFacts, TextFacts, TextShape, Value};

use crate::hash::mix;
use crate::{Draw, Measurement, Visible};

const ALL: MeasureSettings = MeasureSettings { sample: Sample::All, top_values: 3 };
const PLENTY: usize = 1 << 30;

/// Measures `blocks`, each a list of batches.
fn measured(schema: &SchemaRef, blocks: Vec<Vec<RecordBatch>>, settings: MeasureSettings, memory: usize) -> TableFacts {
    measured_on(2, schema, blocks, settings, memory)
}

fn measured_on(threads: usize, schema: &SchemaRef, blocks: Vec<Vec<RecordBatch>>, settings: MeasureSettings, memory: usize) -> TableFacts {
    let visible = Visible::of(schema);
    let mut malformed = 0;
    let mut blocks: Vec<Vec<RecordBatch>> = blocks
        .into_iter()
        .map(|batches| {
            let read = batches.iter().map(|batch| visible.apply(batch).unwrap()).inspect(|(_, count)| malformed += count);
            read.map(|(batch, _)| batch).collect()
        })
        .collect();
    let mut is_whole = true;
    if let Sample::Rows(count) = settings.sample {
        let mut draw = Draw::new(count as usize);
        for batch in blocks.into_iter().flatten() {
            draw.add(batch).unwrap();
        }
        let drawn = draw.settle().unwrap();
        (is_whole, blocks) = (drawn.is_whole(), vec![drawn.batches]);
    }
    let mut measurement = Measurement::new(schema, memory, threads);
    for block in blocks {
        measurement.add(&block).unwrap();
    }
    let facts = measurement.facts(settings.top_values);
    TableFacts { malformed, scanned_all_rows: is_whole, ..facts }
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn measured_table(batch: RecordBatch) -> TableFacts {
    measured(&batch.schema(), vec![vec![batch]], ALL, PLENTY)
}

fn measured_column(array: ArrayRef) -> ColumnFacts {
    measured_table(table(vec![("c", array)])).columns.remove(0)
}

/// Measures one column; the expectation reads `type: nulls, distinct, min to max; top values`.
#[track_caller]
fn check(array: impl Array + 'static, expected: &str) {
    let facts = measured_column(Arc::new(array));
    let top: Vec<_> = facts.top_values.iter().map(|top| format!("{}×{}", top.value, top.count)).collect();
    let ColumnFacts { sql_type, nulls, distinct, min, max, .. } = &facts;
    assert_eq!(format!("{sql_type}: {nulls}, {distinct}, {min} to {max}; {}", top.join(" ")), expected);
    let json = serde_json::to_string(&facts).unwrap();
    let read: ColumnFacts = serde_json::from_str(&json).unwrap();
    assert_eq!((&read.min, &read.max, &read.top_values), (min, max, &facts.top_values), "the facts survive JSON");
}

#[test]
fn integers_are_exact_to_the_last_digit() {
    check(
        Int64Array::from(vec![Some(i64::MAX), Some(i64::MIN), None, Some(i64::MAX)]),
        "bigint: 1, 2, -9223372036854775808 to 9223372036854775807; 9223372036854775807×2 -9223372036854775808×1",
    );
    check(UInt64Array::from(vec![0, u64::MAX, 7]), "bigint unsigned: 0, 3, 0 to 18446744073709551615; 0×1 7×1 18446744073709551615×1");
    check(Int8Array::from(vec![-1, -1, 5]), "tinyint: 0, 2, -1 to 5; -1×2 5×1");
    check(UInt32Array::from(vec![3]), "integer unsigned: 0, 1, 3 to 3; 3×1");
}

#[test]
fn decimals_keep_their_digits_and_their_plain_notation() {
    let decimal = Decimal128Array::from(vec![Some(-150), Some(1_250), None]).with_precision_and_scale(12, 2).unwrap();
    check(decimal, "decimal(12,2): 1, 2, -1.50 to 12.50; -1.50×1 12.50×1");
    let wide = Decimal256Array::from(vec![i256::from_i128(5), i256::from_i128(i128::MAX)]).with_precision_and_scale(76, 1).unwrap();
    check(wide, "decimal(76,1): 0, 2, 0.5 to 17014118346046923173168730371588410572.7; 0.5×1 17014118346046923173168730371588410572.7×1");
    let small = Decimal32Array::from(vec![1, 2, 2]).with_precision_and_scale(9, 3).unwrap();
    check(small, "decimal(9,3): 0, 2, 0.001 to 0.002; 0.002×2 0.001×1");
    let hundreds = Decimal64Array::from(vec![12]).with_precision_and_scale(5, -2).unwrap();
    check(hundreds, "decimal(5,-2): 0, 1, 1200 to 1200; 1200×1");
}

#[test]
fn floats_have_one_zero_and_one_nan_and_nan_is_no_extreme() {
    check(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.5]), "double: 0, 3, 0 to 1.5; 0×2 NaN×2 1.5×1");
    check(Float64Array::from(vec![f64::INFINITY, f64::NEG_INFINITY]), "double: 0, 2, -Infinity to Infinity; -Infinity×1 Infinity×1");
    check(Float64Array::from(vec![f64::NAN]), "double: 0, 1, null to null; NaN×1");
    check(Float32Array::from(vec![0.1]), "real: 0, 1, 0.1 to 0.1; 0.1×1");
    let numbers = measured_column(Arc::new(Float64Array::from(vec![1.0, f64::NAN, 3.0, f64::INFINITY]))).numbers.unwrap();
    assert_eq!((numbers.sum, numbers.mean, numbers.histogram.high), (4.0, 2.0, 3.0));
    let numbers = measured_column(Arc::new(Float64Array::from(vec![f64::MAX, f64::MAX, f64::MIN]))).numbers.unwrap();
    assert!(numbers.standard_deviation.is_finite() && numbers.histogram.counts.iter().sum::<u64>() == 3);
}

#[test]
fn days_moments_and_times_are_written_in_iso_form() {
    check(Date32Array::from(vec![0, 20_484]), "date: 0, 2, 1970-01-01 to 2026-01-31; 1970-01-01×1 2026-01-31×1");
    check(Date64Array::from(vec![-86_400_000]), "date: 0, 1, 1969-12-31 to 1969-12-31; 1969-12-31×1");
    check(
        TimestampSecondArray::from(vec![1_769_860_800]),
        "timestamp: 0, 1, 2026-01-31T12:00:00 to 2026-01-31T12:00:00; 2026-01-31T12:00:00×1",
    );
    let zoned = TimestampMillisecondArray::from(vec![1_769_860_800_250]).with_timezone("+02:00");
    check(zoned, "timestamp with time zone: 0, 1, 2026-01-31T12:00:00.250Z to 2026-01-31T12:00:00.250Z; 2026-01-31T12:00:00.250Z×1");
    check(
        TimestampNanosecondArray::from(vec![i64::MAX]),
        "timestamp: 0, 1, 2262-04-11T23:47:16.854775807 to 2262-04-11T23:47:16.854775807; 2262-04-11T23:47:16.854775807×1",
    );
    check(TimestampSecondArray::from(vec![i64::MAX]), "timestamp: 0, 1, 9223372036854775807 to 9223372036854775807; 9223372036854775807×1");
    check(Time64MicrosecondArray::from(vec![43_200_000_001]), "time: 0, 1, 12:00:00.000001 to 12:00:00.000001; 12:00:00.000001×1");
    check(Time32SecondArray::from(vec![59]), "time: 0, 1, 00:00:59 to 00:00:59; 00:00:59×1");
    let numbers = measured_column(Arc::new(Date32Array::from(vec![1, 3]))).numbers.unwrap();
    assert_eq!((numbers.mean, numbers.histogram.low), (172_800.0, 86_400.0));
}

#[test]
fn every_text_and_binary_encoding_reads_alike() {
    let texts = || vec![Some("b"), None, Some("a text longer than twelve bytes"), Some("b")];
    let expected = "text: 1, 2, a text longer than twelve bytes to b; b×2 a text longer than twelve bytes×1";
    check(StringArray::from(texts()), expected);
    check(LargeStringArray::from(texts()), expected);
    check(StringViewArray::from(texts()), expected);
    check(texts().into_iter().collect::<DictionaryArray<Int8Type>>(), expected);
    check(texts().into_iter().collect::<RunArray<Int32Type>>(), expected);
    let bytes = || vec![Some(&b"\x01\xff"[..]), None];
    let expected = "bytea: 1, 1, 01ff to 01ff; 01ff×1";
    check(BinaryArray::from(bytes()), expected);
    check(BinaryViewArray::from(bytes()), expected);
    check(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes().into_iter(), 2).unwrap(), expected);
    check(BooleanArray::from(vec![Some(true), None, Some(true), Some(false)]), "boolean: 1, 2, false to true; true×2 false×1");
}

#[test]
fn other_types_are_told_apart_by_their_written_form() {
    let list = ListArray::new(
        Arc::new(Field::new_list_field(DataType::Int32, true)),
        OffsetBuffer::from_lengths([2, 0, 2]),
        Arc::new(Int32Array::from(vec![1, 2, 1, 2])),
        Some(vec![true, false, true].into()),
    );
    check(list, "list(int32): 1, 1, [1, 2] to [1, 2]; [1, 2]×2");
    check(NullArray::new(2), "null: 2, 0, null to null; ");
    check(DurationSecondArray::from(vec![1, 1]), "interval: 0, 1, PT1S to PT1S; PT1S×2");
    check(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, 0, 0)]), "interval: 0, 1, 1 mons to 1 mons; 1 mons×1");
    let structs =
        StructArray::from(vec![(Arc::new(Field::new("a", DataType::Int32, true)), Arc::new(Int32Array::from(vec![1])) as ArrayRef)]);
    assert_eq!(measured_column(Arc::new(structs)).distinct, 1);
    assert_eq!(
        measured_column(new_null_array(
            &DataType::Map(
                Arc::new(Field::new(
                    "entries",
                    DataType::Struct(vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)].into()),
                    false
                )),
                false
            ),
            2
        ))
        .nulls,
        2
    );
}

#[test]
fn nothing_is_measured_of_nothing() {
    check(Int64Array::from(vec![None, None]), "bigint: 2, 0, null to null; ");
    let empty = measured_column(Arc::new(StringArray::from(Vec::<&str>::new())));
    assert_eq!((empty.rows, empty.text, empty.numbers, empty.distinct_is_exact), (0, None, None, true));
    let schema = Arc::new(Schema::empty());
    assert_eq!(measured(&schema, vec![], ALL, PLENTY).rows, 0);
    let three = RecordBatch::try_new_with_options(schema.clone(), vec![], &RecordBatchOptions::new().with_row_count(Some(3))).unwrap();
    for sample in [Sample::All, Sample::Rows(2), Sample::Rows(0)] {
        let rows = if let Sample::Rows(rows) = sample { rows } else { 3 };
        let facts = measured(&schema, vec![vec![three.clone()]], MeasureSettings { sample, top_values: 1 }, 0);
        assert_eq!((facts.rows, facts.duplicate_rows, facts.scanned_all_rows), (rows, 0, rows == 3));
    }
}

#[test]
fn text_is_measured_by_character() {
    let values = vec!["", "  ", " a", "äö", "a\u{200b}", "tab\tis fine", "bell\u{7}", "Äö", "2026-01-31", "a text with a\u{7f} in it"];
    let text = measured_column(Arc::new(StringArray::from(values))).text.unwrap();
    assert_eq!((text.min_length, text.max_length, text.mean_length), (0, 20, 5.6));
    assert_eq!((text.empty, text.blank, text.padded, text.non_printing, text.distinct_folded), (1, 1, 1, 3, Some(8)));
    let shapes: Vec<_> = text.shapes.iter().map(|shape| (shape.shape, shape.count)).collect();
    assert_eq!(shapes, [(TextShape::Other, 7), (TextShape::Blank, 2), (TextShape::Date, 1)]);
    assert_eq!(text.patterns.iter().map(|pattern| pattern.count).sum::<u64>(), 10);
}

#[test]
fn patterns_of_many_texts_are_those_of_a_sample_that_says_so() {
    let array = |count: u32| StringArray::from_iter_values((0..count).map(|at| format!("AB-{at}")));
    let texts = |count| measured_column(Arc::new(array(count))).text.unwrap();
    let counted = |text: &TextFacts| text.patterns.iter().map(|pattern| pattern.count).sum::<u64>();
    let (few, many) = (texts(20_000), texts(200_000));
    assert_eq!((few.pattern_sample, counted(&few)), (None, 20_000));
    assert_eq!(many.pattern_sample, Some(counted(&many)));
    assert!(counted(&many) < 60_000, "{}", counted(&many));
}

#[test]
fn malformed_rows_and_hidden_columns_take_part_in_nothing() {
    let batch = table(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None, Some(1)])) as ArrayRef),
        ("_line", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("_file", Arc::new(StringArray::from(vec!["a", "a", "a"]))),
        ("_malformed", Arc::new(StringArray::from(vec![None, Some("1;2"), None]))),
    ]);
    for sample in [Sample::All, Sample::Rows(10)] {
        let facts = measured(&batch.schema(), vec![vec![batch.clone()]], MeasureSettings { sample, top_values: 3 }, PLENTY);
        assert_eq!((facts.rows, facts.malformed, facts.duplicate_rows, facts.columns.len()), (2, 1, 1, 1));
        assert_eq!((facts.columns[0].nulls, facts.scanned_all_rows, facts.duplicates_are_exact), (0, true, true));
    }
}

#[test]
fn a_sample_favours_no_row() {
    let part = |from: i64, to: i64| vec![table(vec![("n", Arc::new(Int64Array::from_iter_values(from..to)) as ArrayRef)])];
    let parts = || vec![part(0, 10_000), part(10_000, 300_000)];
    let settings = MeasureSettings { sample: Sample::Rows(20_000), top_values: 3 };
    let facts = measured(&parts()[0][0].schema(), parts(), settings, PLENTY);
    let numbers = facts.columns[0].numbers.clone().unwrap();
    assert_eq!((facts.rows, facts.scanned_all_rows, facts.columns[0].distinct), (20_000, false, 20_000));
    assert!((numbers.mean - 150_000.0).abs() < 3_000.0, "{}", numbers.mean);
}

#[test]
fn quantiles_of_unequal_blocks_are_those_of_the_whole() {
    let part = |from: i64, to: i64| vec![table(vec![("n", Arc::new(Int64Array::from_iter_values(from..to)) as ArrayRef)])];
    let parts = vec![part(0, 900_000), part(900_000, 1_000_000)];
    let facts = measured(&parts[0][0].schema(), parts, ALL, PLENTY);
    let numbers = facts.columns[0].numbers.clone().unwrap();
    for quantile in numbers.quantiles {
        assert!((quantile.value - quantile.at * 1e6).abs() < 8_000.0, "{quantile:?}");
    }
    assert!(facts.columns[0].distinct_is_exact && facts.columns[0].distinct == 1_000_000 && facts.columns[0].top_values_are_exact);
}

#[test]
fn repeated_rows_are_counted_exactly_where_their_hashes_fit_though_those_of_all_columns_do_not() {
    let spread = |factor: i64| {
        let rows = (0..800_000_i64).map(|row| if row % 100 == 99 { row - 50 } else { row });
        Arc::new(Int64Array::from_iter_values(rows.map(|row| row.wrapping_mul(factor)))) as ArrayRef
    };
    let factor = 0x1e37_79b9_7f4a_7c15;
    let names = ["a", "b", "c", "d"];
    let batch = table(names.into_iter().zip((1..).map(|times| spread(factor * times + times % 2 - 1))).collect());
    let facts = measured(&batch.schema(), vec![vec![batch]], ALL, 1 << 26);
    assert!(facts.columns.iter().all(|column| !column.distinct_is_exact));
    assert_eq!((facts.duplicate_rows, facts.duplicates_are_exact), (8_000, true));
}

#[test]
fn little_memory_gives_estimates_that_say_so() {
    let rows = 2_000_000_i64;
    let batch = table(vec![
        ("key", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef),
        ("pair", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row / 2)))),
        ("few", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| if row % 3 == 0 { -7 } else { row % 50_000 })))),
    ]);
    let facts = measured(&batch.schema(), vec![vec![batch.slice(0, 500_000)], vec![batch.slice(500_000, 1_500_000)]], ALL, 1 << 20);
    let [key, pair, few] = &facts.columns[..] else { unreachable!() };
    assert_eq!((facts.duplicate_rows, facts.duplicates_are_exact), (0, false));
    assert_eq!((key.distinct, key.distinct_is_exact, key.top_values_are_exact), (2_000_000, false, false));
    assert!(!pair.distinct_is_exact && pair.distinct.abs_diff(1_000_000) < 25_000, "{}", pair.distinct);
    assert!(few.distinct.abs_diff(50_001) < 1_500, "{}", few.distinct);
    assert_eq!((&few.top_values[0].value, few.top_values[0].count), (&Value::Int(-7), 666_667));
}

/// A table of `rows` rows that look random, with nulls, repeats and odd values.
fn random_table(seed: u64, rows: u64, variety: u64) -> RecordBatch {
    let random = |row: u64, column: u64| mix(mix(seed ^ (column << 32)) ^ row);
    let pick = |row, column| Some(random(row, column) % variety).filter(|_| !random(row, column + 100).is_multiple_of(7));
    let words = |number: u64| ["", " ", "Ab", "aB ", "x@y.example", "2026-01-31", "ünï\u{a0}"][(number % 7) as usize].to_owned();
    let text = |number: u64| if number.is_multiple_of(3) { words(number / 3) } else { format!("{}-{number}", words(number / 3)) };
    let signed = |number: u64| (number as i64 - 40) * 3;
    table(vec![
        ("integer", Arc::new((0..rows).map(|row| pick(row, 1).map(signed)).collect::<Int64Array>()) as ArrayRef),
        (
            "float",
            Arc::new(
                (0..rows).map(|row| pick(row, 2).map(|n| if n == 5 { f64::NAN } else { signed(n) as f64 / 4.0 })).collect::<Float64Array>(),
            ),
        ),
        ("text", Arc::new((0..rows).map(|row| pick(row, 3).map(text)).collect::<StringArray>())),
        ("decimal", Arc::new((0..rows).map(|row| pick(row, 4).map(|n| i128::from(signed(n)))).collect::<Decimal128Array>())),
        ("flag", Arc::new((0..rows).map(|row| pick(row, 5).map(|n| n % 2 == 0)).collect::<BooleanArray>())),
    ])
}

/// The batch cut into batches and dealt to blocks.
fn dealt(batch: &RecordBatch, blocks: usize, batch_rows: usize) -> Vec<Vec<RecordBatch>> {
    let mut dealt = vec![Vec::new(); blocks];
    for (at, start) in (0..batch.num_rows()).step_by(batch_rows).enumerate() {
        dealt[at % blocks].push(batch.slice(start, batch_rows.min(batch.num_rows() - start)));
    }
    dealt
}

/// The values of a column in the form of the facts.
fn values(batch: &RecordBatch, column: usize) -> Vec<Value> {
    let array = batch.column(column);
    let form = crate::form::Form::of(batch.schema().field(column));
    let lane = crate::lane::Lane::read(array, &form).unwrap();
    (0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { form.show(&lane.cell(row)) }).collect()
}

#[track_caller]
fn check_against_naive(facts: &ColumnFacts, values: &[Value]) {
    let present: Vec<&Value> = values.iter().filter(|value| **value != Value::Null).collect();
    let distinct: HashSet<String> = present.iter().map(ToString::to_string).collect();
    assert_eq!(facts.nulls as usize, values.len() - present.len());
    assert_eq!((facts.distinct, facts.distinct_is_exact), (distinct.len() as u64, true), "{}", facts.name);
    if let Some(numbers) = &facts.numbers {
        check_numbers(numbers, &present);
        let bounds = [&facts.min, &facts.max].map(|value| value.as_f64().unwrap());
        assert_eq!(bounds, [numbers.histogram.low, numbers.histogram.high]);
    }
    if let Some(text) = &facts.text {
        check_text(text, &present);
        assert_eq!(facts.min.to_string(), *distinct.iter().min().unwrap());
        assert_eq!(facts.max.to_string(), *distinct.iter().max().unwrap());
    }
}

fn check_numbers(facts: &hw_base::NumberFacts, values: &[&Value]) {
    let mut numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).filter(|number| number.is_finite()).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / (numbers.len() - 1) as f64;
    let tolerance = 1e-6 + variance.sqrt() * 1e-9;
    assert!((facts.mean - mean).abs() < tolerance && (facts.standard_deviation - variance.sqrt()).abs() < tolerance);
    assert_eq!(facts.negatives as usize, numbers.iter().filter(|n| **n < 0.0).count());
    assert_eq!(facts.zeros as usize, numbers.iter().filter(|n| **n == 0.0).count());
    assert_eq!([facts.histogram.low, facts.histogram.high], [numbers[0], numbers[numbers.len() - 1]]);
    assert_eq!([facts.quantiles[0].value, facts.quantiles[12].value], [facts.histogram.low, facts.histogram.high]);
    let sampled = facts.histogram.counts.iter().sum::<u64>() as usize;
    assert!(sampled == numbers.len() || (2_000..numbers.len()).contains(&sampled));
    let middle = (numbers.len() - 1) as f64 / 2.0;
    let median = f64::midpoint(numbers[middle.floor() as usize], numbers[middle.ceil() as usize]);
    let tolerance = if sampled == numbers.len() { 1e-9 } else { variance.sqrt() / 10.0 };
    assert!((facts.quantiles[6].value - median).abs() < tolerance);
}

fn check_text(facts: &hw_base::TextFacts, values: &[&Value]) {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    let count = |test: fn(&str) -> bool| texts.iter().filter(|text| test(text)).count() as u64;
    let mut shapes = BTreeMap::new();
    for text in &texts {
        *shapes.entry(TextShape::of(text)).or_insert(0_u64) += 1;
    }
    let folded: HashSet<String> = texts.iter().map(|text| text.trim().to_lowercase()).collect();
    assert_eq!(facts.empty, count(str::is_empty));
    assert_eq!(facts.blank, count(|text| !text.is_empty() && text.trim().is_empty()));
    assert_eq!(facts.padded, count(|text| !text.trim().is_empty() && text.trim() != text));
    assert_eq!(facts.non_printing, count(|text| text.contains('\u{a0}')));
    assert_eq!(facts.max_length, texts.iter().map(|text| text.chars().count() as u64).max().unwrap());
    assert_eq!(facts.shapes.iter().map(|shape| (shape.shape, shape.count)).collect::<BTreeMap<_, _>>(), shapes);
    assert_eq!(facts.distinct_folded, Some(folded.len() as u64));
}

#[test]
fn random_tables_agree_with_naive_counting_in_every_cut_and_budget() {
    // The least budget keeps 512 values, so that the larger varieties spill; hashes fit in every case.
    for (seed, rows, variety) in [(1, 50, 9), (2, 3_000, 400), (3, 30_000, 2_000), (4, 30_000, 60_000)] {
        let batch = random_table(seed, rows, variety);
        let row_texts: Vec<Vec<Value>> = (0..5).map(|column| values(&batch, column)).collect();
        let different: HashSet<String> =
            (0..rows as usize).map(|row| format!("{:?}", row_texts.iter().map(|column| &column[row]).collect::<Vec<_>>())).collect();
        for (parts, batch_rows, memory) in [(1, 100_000, PLENTY), (3, 1_000, PLENTY), (2, 777, 16 << 20), (5, 9_000, 16 << 20)] {
            let facts = measured(&batch.schema(), dealt(&batch, parts, batch_rows), ALL, memory);
            assert_eq!((facts.rows, facts.duplicate_rows), (rows, rows - different.len() as u64));
            assert!(facts.duplicates_are_exact && facts.scanned_all_rows);
            facts.columns.iter().zip(&row_texts).for_each(|(facts, values)| check_against_naive(facts, values));
        }
    }
}

#[test]
fn values_that_stop_lying_close_together_are_measured_all_the_same() {
    let rows = 40_000_i64;
    let late = |row: i64, value: i64| if row > 25_000 && row % 1_000 == 0 { value } else { row % 300 - 150 };
    let batch = table(vec![
        ("few", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row % 3))) as ArrayRef),
        ("grows both ways", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| if row % 2 == 0 { row } else { -row })))),
        ("far", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| late(row, i64::MAX - row))))),
        ("farther", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| late(row, i64::MIN + row))))),
        (
            "hundredths",
            Arc::new(Float64Array::from_iter_values((0..rows).map(|row| late(row, 7) as f64 / if row > 9_000 { 100.0 } else { 1.0 }))),
        ),
        (
            "thirds",
            Arc::new(Float64Array::from_iter_values((0..rows).map(|row| late(row, 7) as f64 / if row > 9_000 { 3.0 } else { 1.0 }))),
        ),
        (
            "great",
            Arc::new(Float64Array::from_iter_values((0..rows).map(|row| late(row, 7) as f64 * if row > 9_000 { 1e17 } else { 1.0 }))),
        ),
    ]);
    let columns: Vec<Vec<Value>> = (0..batch.num_columns()).map(|column| values(&batch, column)).collect();
    for (parts, batch_rows, memory) in [(1, 8_192, PLENTY), (4, 3_000, PLENTY), (2, 20_000, 16 << 20)] {
        let facts = measured(&batch.schema(), dealt(&batch, parts, batch_rows), ALL, memory);
        for (facts, values) in facts.columns.iter().zip(&columns) {
            check_against_naive(facts, values);
            assert_eq!(facts.top_values.len(), 3);
            for top in &facts.top_values {
                assert_eq!(top.count as usize, values.iter().filter(|value| **value == top.value).count(), "{}: {}", facts.name, top.value);
            }
        }
    }
}

#[test]
fn moments_are_counted_by_day_then_second_then_as_they_are() {
    const DAY: i64 = 86_400_000_000;
    let days: Vec<i64> = (0..1_000).map(|row| row % 50 * DAY).collect();
    let expected = |later: &[i64]| {
        let all: Vec<i64> = days.iter().chain(later).copied().collect();
        let distinct: HashSet<i64> = all.iter().copied().collect();
        let batches = [days.clone(), later.to_vec()]
            .map(|moments| table(vec![("t", Arc::new(TimestampMicrosecondArray::from(moments)) as ArrayRef)]));
        let facts = measured(&batches[0].schema(), vec![batches.to_vec()], ALL, PLENTY).columns.remove(0);
        let numbers = facts.numbers.unwrap();
        assert_eq!((facts.distinct, facts.distinct_is_exact), (distinct.len() as u64, true));
        let cadence = numbers.cadence.unwrap();
        assert_eq!((cadence.first.as_str(), cadence.counts.iter().sum::<u64>()), ("1970-01-01", all.len() as u64));
        numbers.steps
    };
    let steps = expected(&[7 * DAY, 8 * DAY]);
    assert_eq!((steps.up, steps.down, steps.by_one), (981, 20, 981));
    assert_eq!(expected(&[7 * DAY + 1_000_000, 7 * DAY + 2_000_000]).by_one, 1);
    assert_eq!((expected(&[7 * DAY + 1]).up, expected(&[7 * DAY + 1]).by_one), (980, 0));
}

#[test]
fn more_is_known_about_text_and_rows() {
    let texts = vec!["MÃ¼ller", "Müller", "Ã¤", "'quoted'", "\"a\"", "it's", "a;b", "a|b", "a\tb", "a, b", "ab", "AB ", "Ab", "ab", "â€œx"];
    let batch = table(vec![("t", Arc::new(StringArray::from(texts.clone())) as ArrayRef)]);
    let facts = measured_table(batch);
    let text = facts.columns[0].text.clone().unwrap();
    assert_eq!((text.mojibake, text.quoted, text.delimited, text.non_printing), (3, 2, 3, 0));
    let spellings: Vec<_> = text.spellings[0].spellings.iter().map(|spelling| format!("{}×{}", spelling.value, spelling.count)).collect();
    assert_eq!((text.spellings.len(), text.spellings[0].folded.as_str(), spellings.join(",")), (1, "ab", "ab×2,AB ×1,Ab×1".into()));
    assert_eq!(facts.sample_rows.len(), 5);
    assert!(facts.sample_rows.iter().all(|row| texts.contains(&row[0].to_string().as_str())));
}

#[test]
fn deviations_and_fences_follow_from_the_middle() {
    let mut numbers: Vec<i64> = (0..101).collect();
    numbers.extend([1_000, -1_000, 999]);
    for numbers in [numbers.clone(), numbers.iter().map(|number| number * (1 << 50)).collect()] {
        let scale = (numbers[1] - numbers[0]) as f64;
        let facts = measured_column(Arc::new(Int64Array::from(numbers))).numbers.unwrap();
        assert_eq!(facts.quantiles.len(), 13);
        assert_eq!((facts.quantile_values, facts.quantiles[6].value), (104, 50.5 * scale));
        // The distances from 50.5 of 0 to 100 are 0.5 to 50.5; the middle of all 104 lies between the 52nd and the 53rd.
        assert_eq!(facts.median_deviation, 26.0 * scale);
        assert_eq!((facts.fences.below, facts.fences.above, facts.fences.is_exact), (1, 2, true));
        assert!(facts.steps.sequential_share() > 0.9 || scale > 1.0);
    }
}

#[test]
fn a_stored_measurement_goes_on_as_if_it_had_never_stopped() {
    let tables = [random_table(7, 60_000, 50_000), random_table(8, 60_000, 300), random_table(9, 0, 1)];
    for (batch, memory) in tables.iter().flat_map(|batch| [(batch, PLENTY), (batch, 1 << 20), (batch, 64 << 10)]) {
        let blocks = dealt(batch, 9, 1_000);
        let (mut whole, mut broken) = (Measurement::new(&batch.schema(), memory, 2), Measurement::new(&batch.schema(), memory, 2));
        for block in &blocks {
            whole.add(block).unwrap();
            broken.add(block).unwrap();
            broken = Measurement::resumed(&batch.schema(), memory, 2, &broken.stored()).unwrap();
        }
        let told = |measurement: Measurement| serde_json::to_string(&measurement.facts(10)).unwrap();
        assert_eq!(told(broken), told(whole), "{memory} bytes");
    }
}

#[test]
fn what_is_damaged_or_of_other_columns_is_not_gone_on_from() {
    let batch = random_table(7, 1_000, 50);
    let mut measurement = Measurement::new(&batch.schema(), PLENTY, 2);
    measurement.add(std::slice::from_ref(&batch)).unwrap();
    let stored = measurement.stored();
    assert!(Measurement::resumed(&batch.schema(), PLENTY, 2, &stored).is_some());
    let narrower = batch.project(&[0, 1]).unwrap();
    assert!(Measurement::resumed(&narrower.schema(), PLENTY, 2, &stored).is_none());
    for at in (0..stored.len()).step_by(stored.len() / 50 + 1) {
        let mut damaged = stored.clone();
        damaged[at] ^= 0x10;
        assert!(Measurement::resumed(&batch.schema(), PLENTY, 2, &damaged).is_none());
        assert!(Measurement::resumed(&batch.schema(), PLENTY, 2, &stored[..at]).is_none());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let tables = [random_table(5, 60_000, 50_000), random_table(6, 60_000, 300)];
    for (batch, memory) in tables.iter().flat_map(|batch| [(batch, PLENTY), (batch, 1 << 20), (batch, 64 << 10)]) {
        let measured = |threads: usize| measured_on(threads, &batch.schema(), dealt(batch, 9, 1_000), ALL, memory);
        let alone = serde_json::to_string(&measured(1)).unwrap();
        for threads in [2, 3, 8] {
            assert_eq!(serde_json::to_string(&measured(threads)).unwrap(), alone, "{threads} threads, {memory} bytes");
        }
    }
}
