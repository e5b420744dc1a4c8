//! Hand-made copies, whole, in pieces, cut off and random.

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use hw_base::Result;

use super::decode::{BATCH_ROWS, Decoded, Decoder, Malformed};
use super::types::{SourceColumn, Wire};

type Row<'a> = &'a [Option<&'a [u8]>];

fn column(name: &str, wire: Wire) -> SourceColumn {
    SourceColumn { name: name.into(), declared: "declared".into(), wire, cast: None, is_free: false }
}

fn copy(rows: &[Row<'_>]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
    bytes.extend([0; 8]);
    for row in rows {
        bytes.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for field in *row {
            let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
            bytes.extend(length.to_be_bytes());
            bytes.extend(field.unwrap_or_default());
        }
    }
    bytes.extend((-1_i16).to_be_bytes());
    bytes
}

/// Decodes a copy that arrives in pieces of `piece` bytes.
fn decode(columns: &[SourceColumn], bytes: &[u8], piece: usize) -> Result<Vec<Decoded>> {
    let mut decoder = Decoder::new(columns, Malformed::Described);
    let mut batches = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(batch) = decoder.read(&mut input)? {
            batches.push(batch);
        }
    }
    batches.extend(decoder.finish()?);
    Ok(batches)
}

fn shown(values: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let formatter = ArrayFormatter::try_new(values, &options).unwrap();
    (0..values.len()).map(|row| formatter.value(row).to_string()).collect()
}

/// The values of a column, then the descriptions of malformed records.
fn read_all(wire: Wire, values: &[Option<&[u8]>]) -> (Vec<String>, Vec<String>) {
    let rows: Vec<[Option<&[u8]>; 1]> = values.iter().map(|value| [*value]).collect();
    let rows: Vec<Row<'_>> = rows.iter().map(<[_; 1]>::as_slice).collect();
    let batch = decode(&[column("c", wire)], &copy(&rows), usize::MAX).unwrap().remove(0);
    let malformed = batch.malformed.unwrap();
    (shown(&batch.columns[0]), malformed.iter().flatten().map(ToOwned::to_owned).collect())
}

fn check(wire: Wire, values: &[Option<&[u8]>], expected: &[&str]) {
    assert_eq!(read_all(wire, values), (expected.iter().map(ToString::to_string).collect(), vec![]));
}

fn check_malformed(wire: Wire, value: &[u8], expected: &str) {
    let (values, malformed) = read_all(wire, &[Some(value)]);
    assert_eq!((values, malformed.len()), (vec!["null".to_owned()], 1));
    assert!(malformed[0].contains(expected), "`{expected}` is not in\n{}", malformed[0]);
}

fn numeric(weight: i16, sign: u16, digits: &[i16]) -> Vec<u8> {
    let head = [i16::try_from(digits.len()).unwrap(), weight, sign.cast_signed(), 0];
    head.iter().chain(digits).flat_map(|number| number.to_be_bytes()).collect()
}

fn array(dimensions: &[i32], elements: &[Option<&[u8]>]) -> Vec<u8> {
    let count = i32::try_from(dimensions.len()).unwrap();
    let mut bytes: Vec<u8> = [count, 0, 23].iter().chain(dimensions.iter().flat_map(|d| [d, &1])).flat_map(|n| n.to_be_bytes()).collect();
    for element in elements {
        bytes.extend(element.map_or(-1, |element| i32::try_from(element.len()).unwrap()).to_be_bytes());
        bytes.extend(element.unwrap_or_default());
    }
    bytes
}

#[test]
fn plain_values_and_nulls_are_read() {
    check(Wire::Bool, &[Some(&[1]), Some(&[0]), None], &["true", "false", "null"]);
    check(Wire::Int2, &[Some(&(-3_i16).to_be_bytes())], &["-3"]);
    check(Wire::Int4, &[Some(&i32::MIN.to_be_bytes())], &["-2147483648"]);
    check(Wire::Int8, &[None, Some(&i64::MAX.to_be_bytes())], &["null", "9223372036854775807"]);
    check(Wire::Float4, &[Some(&1.5_f32.to_be_bytes())], &["1.5"]);
    check(Wire::Float8, &[Some(&f64::NAN.to_be_bytes()), Some(&f64::NEG_INFINITY.to_be_bytes())], &["NaN", "-inf"]);
    check(Wire::Text, &[Some("o'clock ☃".as_bytes()), Some(b"")], &["o'clock ☃", ""]);
    check(Wire::Jsonb, &[Some(b"\x01{}")], &["{}"]);
    check(Wire::Bytes, &[Some(&[0, 255])], &["00ff"]);
    check(Wire::Uuid, &[Some(&(0..16).collect::<Vec<u8>>())], &["00010203-0405-0607-0809-0a0b0c0d0e0f"]);
}

#[test]
fn days_and_moments_count_from_2000_and_end_with_the_calendar() {
    check(Wire::Date, &[Some(&0_i32.to_be_bytes()), Some(&(-1_i32).to_be_bytes())], &["2000-01-01", "1999-12-31"]);
    check(Wire::Timestamp, &[Some(&1_i64.to_be_bytes())], &["2000-01-01T00:00:00.000001"]);
    check(Wire::TimestampUtc, &[Some(&0_i64.to_be_bytes())], &["2000-01-01T00:00:00Z"]);
    check_malformed(
        Wire::Date,
        &i32::MAX.to_be_bytes(),
        r#"{"reason":"`c` (declared) holds a value that date cannot hold: infinity","record":"{\"c\":\"infinity\"}"}"#,
    );
    check_malformed(Wire::Date, &2_000_000_000_i32.to_be_bytes(), "2000-01-01 and 2000000000 days");
    check_malformed(Wire::TimestampUtc, &i64::MIN.to_be_bytes(), "-infinity");
    check_malformed(Wire::Timestamp, &(i64::MAX - 1).to_be_bytes(), "2000-01-01 and 9223372036854775806 microseconds");
}

#[test]
fn decimals_are_exact_or_malformed() {
    let wire = || Wire::Decimal { precision: 12, scale: 2 };
    check(wire(), &[Some(&numeric(1, 0, &[123, 4567, 8900]))], &["1234567.89"]);
    check(wire(), &[Some(&numeric(-1, 0x4000, &[500])), Some(&numeric(0, 0, &[]))], &["-0.05", "0.00"]);
    check(wire(), &[Some(&numeric(2, 0, &[99]))], &["9900000000.00"]);
    check_malformed(wire(), &numeric(0, 0xC000, &[]), "decimal(12,2) cannot hold: NaN");
    check_malformed(wire(), &numeric(0, 0xD000, &[]), "Infinity");
    check_malformed(wire(), &numeric(-1, 0, &[1]), r#"cannot hold: 0.0001","#);
    check_malformed(wire(), &numeric(-2, 0x4000, &[1200]), r#"cannot hold: -0.000012","#);
    check_malformed(wire(), &numeric(3, 0, &[12, 0, 3]), r#"cannot hold: 12000000030000","#);
    check_malformed(wire(), &numeric(i16::MAX, 0, &[1]), "a number of other digits");
    check_malformed(wire(), &numeric(i16::MIN, 0, &[1]), "a number of other digits");
    let widest = Wire::Decimal { precision: 38, scale: 10 };
    let digits = numeric(6, 0, &[9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900]);
    check(widest, &[Some(&digits)], &["9999999999999999999999999999.9999999999"]);
}

#[test]
fn arrays_are_lists_and_several_dimensions_are_malformed() {
    let list = || Wire::List(Box::new(Wire::Int4));
    let (one, two) = (1_i32.to_be_bytes(), 2_i32.to_be_bytes());
    check(list(), &[Some(&array(&[3], &[Some(&one), None, Some(&two)])), Some(&array(&[], &[])), None], &["[1, null, 2]", "[]", "null"]);
    check_malformed(list(), &array(&[1, 2], &[Some(&one), Some(&two)]), "int[] cannot hold: {{1,2}}");
    check_malformed(list(), &array(&[2, 2], &[Some(&one), None, Some(&two), Some(&one)]), "int[] cannot hold: {{1,NULL},{2,1}}");
    let texts = array(&[2, 1], &[Some(b"a b"), Some(b"null")]);
    check_malformed(Wire::List(Box::new(Wire::Text)), &texts, r#"{{\"a b\"},{\"null\"}}"#);
    let dates = Wire::List(Box::new(Wire::Date));
    let infinite = array(&[3], &[Some(&[0; 4]), None, Some(&i32::MAX.to_be_bytes())]);
    check_malformed(dates, &infinite, "{2000-01-01,NULL,infinity}");
}

#[test]
fn a_malformed_record_is_kept_whole_and_its_neighbours_stay() {
    let columns = [column("id", Wire::Int4), column("name", Wire::Text), column("until", Wire::Date)];
    let one = 1_i32.to_be_bytes();
    let bytes = copy(&[
        &[Some(&one), Some(b"good"), None],
        &[Some(&one), Some(b"\xffbad"), Some(&i32::MIN.to_be_bytes())],
        &[Some(&one), Some(b"good"), Some(&[0; 4])],
    ]);
    let batch = decode(&columns, &bytes, usize::MAX).unwrap().remove(0);
    assert_eq!(shown(&batch.columns[0]), ["1", "null", "1"]);
    assert_eq!(shown(&batch.columns[1]), ["good", "null", "good"]);
    let malformed = batch.malformed.unwrap();
    assert_eq!(
        (malformed.null_count(), malformed.value(1)),
        (
            2,
            r#"{"reason":"`name` (declared) holds a value that varchar cannot hold: \\xff626164; `until` (declared) holds a value that date cannot hold: -infinity","record":"{\"id\":\"1\",\"name\":\"\\\\xff626164\",\"until\":\"-infinity\"}"}"#
        )
    );
    // As text it would be no better.
    assert_eq!(batch.unfit, [2].into());
}

#[test]
fn batches_are_bounded_and_pieces_do_not_matter() {
    let number = 7_i32.to_be_bytes();
    let row: Row<'_> = &[Some(&number)];
    let bytes = copy(&vec![row; BATCH_ROWS * 2 + 5]);
    for piece in [1, 7, 4096, usize::MAX] {
        let rows: Vec<usize> = decode(&[column("n", Wire::Int4)], &bytes, piece).unwrap().iter().map(|batch| batch.rows).collect();
        assert_eq!(rows, [BATCH_ROWS, BATCH_ROWS, 5], "pieces of {piece}");
    }
    let wide = vec![b'x'; 9 << 20];
    let row: Row<'_> = &[Some(&wide)];
    let rows: Vec<usize> = decode(&[column("t", Wire::Text)], &copy(&[row; 3]), 1 << 16).unwrap().iter().map(|batch| batch.rows).collect();
    assert_eq!(rows, [2, 1]);
}

#[test]
fn rows_without_columns_are_counted() {
    let batches = decode(&[], &copy(&[&[], &[]]), usize::MAX).unwrap();
    assert_eq!((batches.len(), batches[0].rows), (1, 2));
}

#[test]
fn what_is_cut_off_or_wrong_is_an_error_that_says_so() {
    let columns = [column("n", Wire::Int4)];
    let whole = copy(&[&[Some(&[0, 0, 0, 1])]]);
    for end in 0..whole.len() {
        let error = decode(&columns, &whole[..end], 5).unwrap_err();
        assert!(error.message().contains("ended before its end mark"), "{end}: {error}");
    }
    let wrong = |bytes: &[u8]| decode(&columns, bytes, usize::MAX).unwrap_err().to_string();
    assert!(wrong(b"HTTP/1.1 400").contains("signature"));
    assert!(wrong(&copy(&[&[None, None]])).contains("a row of 1 fields, found 2"));
    assert!(wrong(&copy(&[&[Some(&[1])]])).contains("column `n` of type declared: expected 4 bytes, found 1"));
    assert!(wrong(&[whole.as_slice(), b"more"].concat()).contains("bytes after its end"));
    let mut length = whole.clone();
    length[21..25].copy_from_slice(&i32::MAX.to_be_bytes());
    assert!(wrong(&length).contains("impossible length"));
    length[21..25].copy_from_slice(&(-2_i32).to_be_bytes());
    assert!(wrong(&length).contains("impossible length"));
    let mut flags = whole;
    flags[12] = 1;
    assert!(wrong(&flags).contains("unknown flags"));
}

#[test]
fn random_bytes_never_panic() {
    let columns = [
        column("decimal", Wire::Decimal { precision: 10, scale: 3 }),
        column("list", Wire::List(Box::new(Wire::Decimal { precision: 38, scale: 38 }))),
        column("dates", Wire::List(Box::new(Wire::Date))),
        column("text", Wire::Text),
        column("json", Wire::Jsonb),
        column("moment", Wire::TimestampUtc),
        column("uuid", Wire::Uuid),
    ];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut rows_read = 0;
    for _ in 0..30_000 {
        let fields: Vec<Option<Vec<u8>>> = columns.iter().map(|column| random.field(&column.wire)).collect();
        let fields: Vec<Option<&[u8]>> = fields.iter().map(Option::as_deref).collect();
        let mut bytes = copy(&[&fields, &fields]);
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
        }
        bytes.truncate(bytes.len() - random.below(4));
        let piece = 1 + random.below(64);
        rows_read += decode(&columns, &bytes, piece).map_or(0, |batches| batches.iter().map(|batch| batch.rows).sum());
    }
    assert!(rows_read > 1000, "only {rows_read} rows were read at all");
}

/// The same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit
    }

    fn byte(&mut self) -> u8 {
        // Small numbers and edges are where lengths and counts get interesting.
        match self.below(4) {
            0 => 0,
            1 => u8::try_from(self.below(5)).unwrap(),
            2 => 255,
            _ => u8::try_from(self.below(256)).unwrap(),
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// Bytes that are more or less a value of this type.
    fn field(&mut self, wire: &Wire) -> Option<Vec<u8>> {
        Some(match (self.below(6), wire) {
            (0, _) => return None,
            (1, _) if self.below(8) == 0 => {
                let count = self.below(40);
                self.bytes(count)
            }
            (_, Wire::Decimal { .. }) => {
                let digits: Vec<i16> = (0..self.below(6)).map(|_| i16::from_be_bytes([self.byte(), self.byte()])).collect();
                let sign = [0, 0x4000, 0xC000, 0xD000][self.below(4)];
                numeric(i16::from_be_bytes([self.byte(), self.byte()]), sign, &digits)
            }
            (_, Wire::List(element)) => {
                let elements: Vec<Option<Vec<u8>>> = (0..self.below(4)).map(|_| self.field(element)).collect();
                let elements: Vec<Option<&[u8]>> = elements.iter().map(Option::as_deref).collect();
                let length = i32::try_from(elements.len()).unwrap();
                let dimensions = [vec![], vec![length], vec![1, length], vec![length, i32::MAX]];
                array(&dimensions[self.below(4)], &elements)
            }
            (_, Wire::Jsonb) => [vec![1], self.bytes(3)].concat(),
            (_, Wire::Uuid) => self.bytes(16),
            (_, Wire::TimestampUtc) => self.bytes(8),
            (_, Wire::Date) => self.bytes(4),
            _ => {
                let count = self.below(10);
                self.bytes(count)
            }
        })
    }
}
