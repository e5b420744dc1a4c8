//! Values of any kind in columns of every type.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::batches::{Batches, with_hidden};
use super::{Cell, Wanted};

fn fields() -> Vec<Field> {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
    let types = [DataType::Int64, DataType::Decimal128(10, 2), DataType::Utf8View, DataType::Date32, moment, DataType::Boolean];
    let names = ["id", "amount", "name", "day", "at", "flag"];
    names.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, true)).collect()
}

/// Puts one record into columns, and shows what a scan of `projection` hands on, by commas.
fn row(cells: &[Cell<'_>], projection: Option<&Vec<usize>>) -> String {
    let wanted = Wanted::new(&with_hidden(fields()), projection, None).unwrap();
    let read: Vec<Cell<'_>> = wanted.read.iter().map(|column| cells[*column]).collect();
    let mut batches = Batches::new(wanted, Some("shop.db".into()));
    batches.push(Some(7), &read);
    let batch = batches.take().unwrap().unwrap();
    let options = FormatOptions::new().with_null("-");
    let shown = |array: &dyn Array| ArrayFormatter::try_new(array, &options).unwrap().value(0).to_string();
    batch.columns().iter().map(|array| shown(array.as_ref())).collect::<Vec<_>>().join(",")
}

#[test]
fn values_are_read_into_the_type_of_their_column() {
    let cells = [Cell::Real(3.0), Cell::Real(12.5), Cell::Integer(5), Cell::Text("2026-01-31"), Cell::Day(1), Cell::Integer(1)];
    assert_eq!(row(&cells, None), "3,12.50,5,2026-01-31,1970-01-02T00:00:00,true,shop.db,7,-");
    assert_eq!(row(&[Cell::Null; 6], None), "-,-,-,-,-,-,shop.db,7,-");
}

#[test]
fn a_great_number_without_a_fraction_is_an_integer_as_long_as_there_is_such_a_one() {
    let id = |number| row(&[Cell::Real(number), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null], None);
    assert!(id(1e17).starts_with("100000000000000000,"), "{}", id(1e17));
    assert!(id(1e19).starts_with("-,"), "{}", id(1e19));
}

#[test]
fn a_value_that_does_not_fit_makes_its_record_malformed() {
    let mut cells = [Cell::Integer(1), Cell::Null, Cell::Text("Ada"), Cell::Null, Cell::Null, Cell::Null];
    cells[1] = Cell::Real(0.125);
    let described = row(&cells, None);
    assert!(described.starts_with("-,-,-,-,-,-,shop.db,7,"), "{described}");
    assert!(described.contains("column `amount`: `0.125` is no decimal(10,2)"), "{described}");
    assert!(described.contains(r#"\"name\":\"Ada\""#), "{described}");
    cells[1] = Cell::Broken("#DIV/0!");
    assert!(row(&cells, None).contains("column `amount`: `#DIV/0!` is no value"));
    cells[2] = Cell::Bytes(&[255, 254]);
    cells[1] = Cell::Null;
    assert!(row(&cells, None).contains("column `name`: 2 bytes where text belongs"));
}

#[test]
fn who_does_not_ask_for_malformed_records_reads_less() {
    let cells = [Cell::Integer(1), Cell::Text("x"), Cell::Text("Ada"), Cell::Null, Cell::Null, Cell::Null];
    assert_eq!(row(&cells, Some(&vec![2, 0])), "Ada,1");
    let wanted = Wanted::new(&with_hidden(fields()), Some(&vec![2, 0]), None).unwrap();
    assert_eq!(wanted.read, [2, 0]);
    assert_eq!(Wanted::new(&with_hidden(fields()), Some(&vec![8]), None).unwrap().read.len(), 6);
}

#[test]
fn durations_and_fractions_are_written_as_people_write_them() {
    let shown = [Cell::Clock(3_600_000_000), Cell::Clock(129_600_500_000), Cell::Moment(1_500_000), Cell::Real(0.1), Cell::Truth(false)];
    let shown: Vec<String> = shown.iter().filter_map(Cell::shown).collect();
    assert_eq!(shown, ["01:00:00", "36:00:00.5", "1970-01-01T00:00:01.500", "0.1", "false"]);
}
