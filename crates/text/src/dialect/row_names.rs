//! The names of rows, which R's `write.table` writes before the fields that its header names, and gives no name themselves.
//!
//! A delimiter inside of values, a decimal comma above all, and a header without its last name look much the same. So they are told by how
//! R writes them: behind a header in quotes, counted from 1 on, or above nothing but numbers. One record alone, and one name alone, tell so little that
//! quotes have to. In doubt records do not fit their header.

use super::header;
use super::sample::{Sample, Width};
use crate::cells::{Cell, Form};
use crate::split::Marks;

/// How many names a header has at least, all of them above numbers, for texts without quotes to name rows.
const FEWEST_ABOVE_NUMBERS: usize = 4;
/// Words in the names of columns that number or identify rows.
const IDENTIFIERS: [&str; 16] =
    ["id", "uid", "pid", "uuid", "key", "code", "nr", "no", "num", "number", "index", "rank", "position", "row", "line", "step"];
/// Words in the names of columns that texts of their own fill.
const SUBJECTS: [&str; 14] =
    ["name", "title", "label", "item", "product", "article", "sku", "country", "region", "state", "city", "place", "host", "user"];
/// How R writes what is missing, and what is true or not.
const WORDS: [&str; 3] = ["NA", "TRUE", "FALSE"];

impl Sample<'_> {
    /// Whether the names of rows stand before the fields that the first record names.
    pub(super) fn has_row_names(self, marks: Marks) -> bool {
        self.fields_with_row_names(&self.widths(marks), marks).is_some()
    }

    /// The number of fields where all records have one more than the first one: the name of the row.
    pub(super) fn fields_with_row_names(self, widths: &[Width], marks: Marks) -> Option<usize> {
        let (first, rest) = widths.split_first()?;
        let fields = first.fields + 1;
        let have_one_more = !rest.is_empty() && rest.iter().all(|record| record.fields == fields);
        if !have_one_more || !self.known.may_begin_unnamed || self.fields_without_uneven_ends(widths).is_some() {
            return None;
        }
        let rows = self.records(marks);
        let table = Table { rows: &rows, has_quoted_names: self.has_quoted_names(marks), delimiter: marks.delimiter };
        if table.is_small() && !(table.has_quoted_names && self.is_quoted_as_by_r(marks)) {
            return None;
        }
        (header::stands_beside_row_names(&rows) && table.begins_with_row_names()).then_some(fields)
    }

    /// Whether all names of the first record and the first field of each other one stand in quotes.
    fn has_quoted_names(self, marks: Marks) -> bool {
        let are_quoted = self.read_records(marks, |cell, _| is_quoted(cell));
        let Some((names, records)) = are_quoted.split_first() else { return false };
        names.iter().all(|is_quoted| *is_quoted) && records.iter().all(|record| record.first() == Some(&true))
    }

    /// Whether what stands outside of quotes are numbers, moments and words as R writes them.
    pub(super) fn is_quoted_as_by_r(self, marks: Marks) -> bool {
        let is_bare = |text: &str| is_number(text) || header::begins_with_moment(text);
        let are_as_by_r = self.read_records(marks, |cell, text| is_quoted(cell) || is_bare(cell.of(text)));
        are_as_by_r.iter().flatten().all(|is_as_by_r| *is_as_by_r)
    }
}

/// Records that have one field more than the first one.
struct Table<'a> {
    rows: &'a [Vec<String>],
    /// Whether the names of columns and the first fields stand in quotes.
    has_quoted_names: bool,
    delimiter: u8,
}

impl Table<'_> {
    fn begins_with_row_names(&self) -> bool {
        if self.is_last_mostly_empty() || self.first_fields().any(is_of_records) {
            return false;
        }
        // Nothing but R writes quotes between blanks.
        if self.has_quoted_names && self.delimiter == b' ' {
            return true;
        }
        let are_numbered = || self.first_fields().all(header::are_digits);
        let is_as_by_r = if self.is_small() {
            (are_numbered() || self.ends_with_numbers()) && !self.may_split_numbers()
        } else if self.has_quoted_names {
            are_numbered() || !self.may_split_numbers()
        } else {
            (self.are_counted() || self.is_of_numbers()) && !self.may_split_numbers()
        };
        is_as_by_r && !self.is_named_by_header()
    }

    /// Whether there is one record or one name.
    fn is_small(&self) -> bool {
        self.rows.len() == 2 || self.rows.first().is_some_and(|names| names.len() == 1)
    }

    fn ends_with_numbers(&self) -> bool {
        self.records().all(|row| row.last().is_some_and(|field| is_number(field)))
    }

    fn records(&self) -> impl Iterator<Item = &Vec<String>> {
        self.rows.iter().skip(1)
    }

    fn first_fields(&self) -> impl Iterator<Item = &str> {
        self.records().filter_map(|row| row.first()).map(String::as_str)
    }

    fn is_last_mostly_empty(&self) -> bool {
        let empty = self.records().filter(|row| row.last().is_some_and(|field| field.trim().is_empty())).count();
        empty * 2 >= self.records().count()
    }

    /// Whether the first fields count the records from 1 on.
    fn are_counted(&self) -> bool {
        self.first_fields().zip(1_usize..).all(|(field, number)| field == number.to_string())
    }

    /// Whether nothing but numbers stands behind texts, in many columns.
    fn is_of_numbers(&self) -> bool {
        let are_many = self.rows.first().is_some_and(|names| names.len() >= FEWEST_ABOVE_NUMBERS);
        are_many && self.records().all(|row| row.iter().skip(1).all(|field| is_number(field))) && !self.first_fields().any(header::is_value)
    }

    /// Whether the first name of the header fits the first fields: then the last ones have no name.
    fn is_named_by_header(&self) -> bool {
        let Some(name) = self.rows.first().and_then(|names| names.first()) else { return false };
        let words = name.to_lowercase();
        let has_one_of = |fitting: &[&str]| words.split(|letter: char| !letter.is_alphanumeric()).any(|word| fitting.contains(&word));
        has_one_of(&IDENTIFIERS[..]) || (has_one_of(&SUBJECTS[..]) && !self.first_fields().all(header::are_digits))
    }

    /// Whether two fields side by side may be one number in all records, whose comma is taken for the delimiter: `1,50`, or `1,234` beside
    /// decimal points.
    fn may_split_numbers(&self) -> bool {
        let fields = self.rows.first().map_or(0, Vec::len);
        let has_points = self.records().flatten().any(|field| field.contains('.') && header::is_value(field));
        let is_whole = |text: &str| header::are_digits(text.strip_prefix('-').unwrap_or(text));
        let are_places = |text: &str| header::are_digits(text) && (text.len() == 3 || (text.len() < 3 && !has_points));
        let may_be_one = |pair: &[String]| matches!(pair, [whole, places] if is_whole(whole) && are_places(places));
        let may_be_one_at = |at: usize| self.records().all(|record| record.get(at..at + 2).is_some_and(may_be_one));
        // What stands in quotes is no part of a number.
        self.delimiter == b',' && (usize::from(self.has_quoted_names)..fields).any(may_be_one_at)
    }
}

/// Whether a text is a number or date, or a word that R writes in place of one.
fn is_number(text: &str) -> bool {
    header::is_value(text) || WORDS.contains(&text) || text.parse::<f64>().is_ok()
}

fn is_quoted(cell: Cell) -> bool {
    matches!(cell.form, Form::Quoted | Form::Escaped)
}

/// Whether a field is what records of events and people begin with: a date, a time or an address.
fn is_of_records(field: &str) -> bool {
    header::begins_with_moment(field) || header::is_address(field)
}

#[cfg(test)]
mod tests {
    use crate::dialect::tests::{UNKNOWN, check_titles};
    use crate::dialect::{Dialect, KnownDialect, KnownFields};

    #[track_caller]
    fn check(text: &str, has_row_names: bool) {
        assert_eq!(Dialect::detect(text.as_bytes(), true, UNKNOWN).has_row_names, has_row_names, "{text}");
    }

    #[test]
    fn names_of_rows_are_a_column_without_a_name() {
        let tables = [
            "mpg\tcyl\n1\t21\t6\n2\t22\t4\n",
            "mpg;cyl\n1;2,5;6\n2;22,1;4\n",
            "\"mpg\",\"cyl\"\n\"1\",21,6\n\"2\",22,4\n",
            "\"mpg\",\"cyl\"\n\"Mazda RX4\",21,6\n\"Datsun 710\",22.8,4\n",
            "\"mpg\" \"cyl\"\n\"Mazda RX4\" 21 6\n\"Fiat\" 22 4\n",
        ];
        for text in tables {
            let dialect = Dialect::detect(text.as_bytes(), true, UNKNOWN);
            assert_eq!((dialect.has_header, dialect.has_row_names), (true, true), "{text}");
            assert_eq!(dialect.first, ["", "mpg", "cyl"], "{text}");
        }
        check("x,y\n1,1.5,a\n2,2.5,b\n3,NA,c\n", true);
        check("Ad,Media,Affiliates,Referrals,Direct\nVisit,9806,13104,6505,2517,24321\nSign-up,3065,6096,3011,1710,11453\n", true);
        check("\"mpg\" \"p\"\n\"Mazda RX4\" 21 1e-05\n\"Fiat\" NA TRUE\n", true);
        check("\"id\" \"x\"\n\"1\" 7 0.5\n\"2\" 9 0.75\n", true);
    }

    #[test]
    fn one_row_or_one_column_in_quotes_is_told() {
        check("\"a\",\"b\"\n\"1\",10,\"x\"\n", true);
        check("\"a\";\"b\"\n\"1\";10,5;\"x\"\n", true);
        check("\"a\" \"b\"\n\"1\" 10 \"x\"\n", true);
        check("\"a\"\n\"1\",10\n\"2\",20\n", true);
        check("\"a\"\n\"1\",\"x\"\n", true);
        check("\"a\",\"b\"\n\"1\",10,20\n", false);
        check("\"item\",\"price\"\n\"Apple\",1,50\n", false);
        check("\"Report\"\n\"id\",\"name\"\n\"x1\",\"Ann\"\n\"x2\",\"Bob\"\n", false);
        check("\"Report\"\n\"id\",\"name\"\n\"1\",\"Ann\"\n", false);
        check("a,b\n1,10,x\n", false);
        check("a\n1,10\n2,20\n", false);
    }

    #[test]
    fn a_field_too_many_is_no_name_of_a_row_without_evidence() {
        check_titles("a,b\n1,2,5\n2,3,5\n", ',', 0, &["a", "b"]);
        check_titles("a,b\n1,2,3\n", ',', 0, &["a", "b"]);
        check_titles("x,y\nr1,1,2\nr1,3,4\n", ',', 0, &["x", "y"]);
        check_titles("surname,city\nDoe, Ann,Rome\nRoe, Jan,Oslo\n", ',', 0, &["surname", "city"]);
        check_titles("Sales,North\nid,name,x\n1,a,5\n2,b,6\n", ',', 1, &["id", "name", "x"]);
        check("mpg,cyl\nann,rome,it\nbob,oslo,no\n", false);
        check("Id|Name|City\n1|Ann|Ulm|1.5\n2|Bob|Kiel|2.5\n", false);
        check("PID\tPPID\tCMD\n1\t0\tinit\tx\n2\t1\tsh\ty\n", false);
        check("Date;Text;Amount\n2024-01-01;Rent;5;EUR\n2024-01-02;Food;6;EUR\n", false);
        check("email,age\na@x.de,35,y\nb@x.de,36,n\n", false);
        check("product;price\nA;1;\nB;2;\nC;3;x\n", false);
        check("name:time\nAnn:10:30\nBob:11:45\n", false);
        check("rank;team\n1;Ulm;50\n2;Bonn;45\n", false);
        check("team:score\nA:10:30\nB:11:45\n", false);
    }

    #[test]
    fn numbers_split_at_their_comma_begin_with_no_names_of_rows() {
        check("item,price\nApple,1,50\nPear,2,30\n", false);
        check("product,price\nA,1,234\nB,2,345\nC,12,500\n", false);
        check("city,amount,date\nUlm,1,50,2024-01-01\nKiel,2,75,2024-01-02\n", false);
        check("\"item\",\"price\"\n\"Apple\",1,50\n\"Pear\",2,30\n", false);
        check("sku,name,price\nA1,\"Bolt\",1.50,\nA2,\"Nut\",2.50,\nA3,\"Pin\",3.50,EUR\n", false);
    }

    #[test]
    fn columns_that_are_known_lack_no_name() {
        let known = KnownDialect { fields: KnownFields::default(), ..UNKNOWN };
        assert!(!Dialect::detect(b"\"x\",\"y\"\n\"1\",2,5\n\"2\",3,5\n", true, known).has_row_names);
    }
}
