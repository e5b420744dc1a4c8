//! Records, however their text is cut.

use std::io::Cursor as Bytes;

use arrow_schema::DataType;

use super::cells::{Cells, ChunkText, Cursor, Form, RecordFile};
use super::columns::{ColumnCells, build};
use super::delimited::DelimitedFile;
use super::split::{CHUNK_BYTES, Chunk, Marks, Splitter};

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.roll(items.len())]
    }
}

const MARKS: Marks = Marks { delimiter: b',', quote: Some(b'"'), comment: None, line_end: b'\n' };

fn delimited(width: usize) -> DelimitedFile {
    DelimitedFile {
        name: "t.csv".into(),
        path: "t.csv".into(),
        encoding: encoding_rs::UTF_8,
        mark: 0,
        marks: MARKS,
        skip_rows: 0,
        has_header: false,
        width,
        places: (0..width).map(Some).collect(),
        nulls: Vec::new(),
        guesses: Vec::new(),
    }
}

/// All records of a text, cut into chunks of about `chunk_bytes`: line, problem and cells.
fn read(content: &[u8], chunk_bytes: usize, width: usize) -> Vec<(u64, Option<String>, Vec<Option<String>>)> {
    let (file, mut records) = (delimited(width), Vec::new());
    let mut splitter = Splitter::new(Box::new(Bytes::new(content.to_vec())), MARKS).with_chunk_bytes(chunk_bytes);
    while let Some(chunk) = splitter.next_chunk().unwrap() {
        let chunk = ChunkText::from(chunk);
        let (mut cursor, mut cells, mut spare) = (Cursor { at: 0, line: chunk.first_line }, Cells::new(width), String::new());
        file.read(&chunk, &mut cursor, usize::MAX, &mut cells);
        for (record, row) in cells.records.iter().zip(cells.all.chunks(width)) {
            let texts = row.iter().map(|cell| match cell.form {
                Form::Missing => None,
                Form::Bare if file.is_null(cell.of(&chunk.text)) => None,
                Form::Escaped => file.unescape(cell.of(&chunk.text), &mut spare).map(str::to_owned),
                _ => Some(cell.of(&chunk.text).to_owned()),
            });
            records.push((record.line, record.problem.clone(), texts.collect()));
        }
    }
    records
}

/// What keeps the values of a column, one a line, from being of a type.
fn problems(content: &str, data_type: &DataType, is_guessed: bool) -> Vec<String> {
    let file = delimited(1);
    let chunk = ChunkText::from(Chunk { text: content.as_bytes().to_vec(), first_line: 1, is_too_long: false });
    let mut cells = Cells::new(1);
    file.read(&chunk, &mut Cursor { at: 0, line: 1 }, usize::MAX, &mut cells);
    let column = ColumnCells { file: &file, chunk: &chunk, cells: &cells, place: 0, name: "v", data_type, is_guessed };
    build(&column).problems.into_iter().map(|(_, problem)| problem).collect()
}

#[test]
fn what_a_number_would_lose_is_told_where_nobody_has_declared_it() {
    let long = "9007199254740993\n9007199254740992\n-123456789012345680\n1.5\n0.12345678901234567891\n";
    let lost = "column `v`: `9007199254740993` is a whole number of which a double would lose digits";
    assert_eq!(problems(long, &DataType::Float64, true), [lost]);
    assert!(problems(long, &DataType::Float64, false).is_empty());
    assert_eq!(
        problems("02134\n+4930123\n+1.5\n5\n", &DataType::Decimal128(18, 2), true),
        [
            "column `v`: `02134` begins with a zero, which a decimal(18,2) would lose",
            "column `v`: `+4930123` begins with a plus sign, which a decimal(18,2) would lose",
        ]
    );
}

/// A cell and how it is written.
fn random_cell(dice: &mut Dice) -> (Option<String>, String) {
    let letters = ["a", "7", "é", ",", "\"", "\n", "\r\n", " ", "x\"", "€", ";", "\r"];
    let text: String = (0..dice.roll(6)).map(|_| dice.pick(&letters)).collect();
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    match dice.roll(3) {
        0 => (None, String::new()),
        1 if is_plain => (Some(text.clone()), text),
        _ => (Some(text.clone()), format!("\"{}\"", text.replace('"', "\"\""))),
    }
}

#[test]
fn what_was_written_is_read_however_it_is_cut() {
    let mut dice = Dice(0x5DEE_CE66);
    for round in 0..300 {
        let (width, count) = (2 + dice.roll(4), dice.roll(30));
        let (mut content, mut expected, mut line) = (String::new(), Vec::new(), 1);
        for _ in 0..count {
            let (cells, written): (Vec<_>, Vec<_>) = (0..width).map(|_| random_cell(&mut dice)).unzip();
            expected.push((line, None, cells));
            let record = format!("{}{}", written.join(","), dice.pick(&["\n", "\r\n"]));
            line += record.matches('\n').count() as u64;
            content.push_str(&record);
        }
        for chunk_bytes in [1, 2, 3, 17, 100, CHUNK_BYTES] {
            assert_eq!(read(content.as_bytes(), chunk_bytes, width), expected, "round {round}, chunks of {chunk_bytes}\n{content}");
        }
    }
}

#[test]
fn line_ends_that_were_translated_twice_end_lines() {
    let row = |line: u64, cells: [&str; 2]| (line, None::<String>, cells.map(|cell| Some(cell.to_owned())).to_vec());
    for chunk_bytes in [1, 2, 3, 7, CHUNK_BYTES] {
        let content = b"1,x\r\r\n\r\r\n2,\"y\r\"\r\r\n3,z\r\r";
        assert_eq!(read(content, chunk_bytes, 2), [row(1, ["1", "x"]), row(3, ["2", "y\r"]), row(4, ["3", "z"])]);
    }
}

#[test]
fn any_bytes_are_read_and_the_cut_makes_no_difference() {
    let mut dice = Dice(0xB00_7AB1E);
    let bytes = [b'a', b'1', b',', b',', b'"', b'"', b'\n', b'\n', b'\r', b' ', 0xC3, 0xA9, 0xFF, 0];
    for round in 0..2000 {
        let content: Vec<u8> = (0..dice.roll(200)).map(|_| dice.pick(&bytes)).collect();
        let whole = read(&content, CHUNK_BYTES, 3);
        for chunk_bytes in [1, 5, 23] {
            assert_eq!(
                read(&content, chunk_bytes, 3),
                whole,
                "round {round}, chunks of {chunk_bytes}\n{:?}",
                String::from_utf8_lossy(&content)
            );
        }
    }
}
