//! CSV and JSON files, from bytes to rows.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use hw_base::{Column, Delivery, SourceFile};

use super::{DelimitedOptions, JsonOptions, open_delimited, open_json};
use crate::connectors::Opened;
use crate::types::{Declared, column_type};

/// Writes files into a folder and lists them.
fn files(folder: &Path, contents: &[(&str, &[u8])]) -> Vec<SourceFile> {
    let write = |(name, content): &(&str, &[u8])| {
        fs::write(folder.join(name), content).unwrap();
        SourceFile::listed(*name, content.len() as u64, 0)
    };
    contents.iter().map(write).collect()
}

/// Runs a query over an opened dataset named `t`.
fn query(opened: &Opened, sql: &str) -> Vec<RecordBatch> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
    context.register_table("t", Arc::clone(&opened.table)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() })
}

/// The rows of a query, one line each, `·` for null.
fn rows(opened: &Opened, sql: &str) -> String {
    let options = FormatOptions::default().with_null("·");
    let mut text = String::new();
    for batch in query(opened, sql) {
        let columns: Vec<ArrayFormatter<'_>> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            writeln!(text, "{}", cells.join(" | ")).unwrap();
        }
    }
    text
}

fn types(opened: &Opened) -> String {
    opened.columns.iter().map(|column| format!("{} {}", column.name, column.sql_type)).collect::<Vec<_>>().join(", ")
}

fn csv(content: &[u8]) -> (tempfile::TempDir, Opened) {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("t.csv", content)]);
    let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &Delivery::default()).unwrap();
    (folder, opened)
}

fn expecting(columns: &[Column]) -> Delivery {
    Delivery { expected: columns.to_vec(), ..Delivery::default() }
}

fn csv_error(contents: &[(&str, &[u8])], expected: &[Column]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), contents);
    open_delimited(folder.path(), &files, &DelimitedOptions::default(), &expecting(expected)).unwrap_err().to_string()
}

#[track_caller]
fn check_csv(content: &str, expected_types: &str, expected_rows: &str) {
    let (_folder, opened) = csv(content.as_bytes());
    assert_eq!(types(&opened), expected_types);
    assert_eq!(rows(&opened, "select * from t order by _line").replace("t.csv | ", ""), expected_rows);
}

#[test]
fn titles_and_comments_above_the_header_are_no_rows() {
    check_csv("# export of 2026-01-01\n# by user\nid;name\n1;a\n2;b\n", "id bigint, name text", "1 | a | 4 | ·\n2 | b | 5 | ·\n");
    check_csv("Sales report\n\nid;name\n1;a\n2;b\n", "id bigint, name text", "1 | a | 4 | ·\n2 | b | 5 | ·\n");
}

#[test]
fn a_delimiter_behind_the_last_field_costs_no_record() {
    check_csv("a;b\n1;2;\n3;4;\n", "a bigint, b bigint", "1 | 2 | 2 | ·\n3 | 4 | 3 | ·\n");
    check_csv("a,b,\n1,2\n3,4\n", "a bigint, b bigint", "1 | 2 | 2 | ·\n3 | 4 | 3 | ·\n");
    check_csv("name\nDoe, Ann\nRoe, Jan\n", "name text", "Doe, Ann | 2 | ·\nRoe, Jan | 3 | ·\n");
}

#[test]
fn fields_beside_those_of_the_header_cost_no_record() {
    check_csv("x\ty\n1\t5\ta\n2\t6\tb\n", "column_1 bigint, x bigint, y text", "1 | 5 | a | 2 | ·\n2 | 6 | b | 3 | ·\n");
    check_csv("a,b,c,\n1,2,3,\n4,5,6\n", "a bigint, b bigint, c bigint", "1 | 2 | 3 | 2 | ·\n4 | 5 | 6 | 3 | ·\n");
}

#[test]
fn a_name_above_decimal_commas_is_a_column_of_texts() {
    check_csv("price\n1,5\n2,25\n3\n", "price text", "1,5 | 2 | ·\n2,25 | 3 | ·\n3 | 4 | ·\n");
}

#[test]
fn moments_of_a_zone_become_those_of_utc() {
    check_csv(
        "at\n2026-01-01T10:00:00+02:00\n2026-01-01T00:30:00-05:30\n2026-01-01 10:00\n",
        "at timestamp",
        "2026-01-01T08:00:00 | 2 | ·\n2026-01-01T06:00:00 | 3 | ·\n2026-01-01T10:00:00 | 4 | ·\n",
    );
}

#[test]
fn a_first_record_without_a_field_is_refused_with_its_file() {
    let told = csv_error(&[("aa.csv", b"\"1\"aa\"2\"\r\n\"1\"aa\"2\"\r\n\"1\"aa\"2\"\r\n")], &[]);
    assert!(told.starts_with("error[HW203]: the first record of `aa.csv` cannot be read"), "{told}");
}

#[test]
fn what_is_guessed_of_a_file_is_told() {
    let told = |content: &[u8]| csv(content).1.table.downcast_ref::<super::RecordTable>().unwrap().guesses().cloned().collect::<Vec<_>>();
    assert_eq!(told("id,name\n1,Zoë\n".as_bytes()), Vec::<String>::new());
    assert!(told(b"id,name\n1,Zo\xEB\n")[0].starts_with("`t.csv` is no UTF-8 and is read as windows-1252"));
    assert!(told(b"# a\nid,name\n1,x\n2,y\n")[0].starts_with("1 line above the header of `t.csv` is left out"));
    assert!(told(b"Report\nname;city\nann;rome\nbob;oslo\n")[0].contains("most of its lines hold \";\""));
    assert!(told(b"Overview,,\nid,name,amount\n1,x,5\n2,y,6\n")[0].starts_with("1 line above the header of `t.csv` is left out"));
    assert!(told(b"price\n1,5\n2,5\n")[0].contains("most of its lines hold \",\", which is taken for the decimal comma"));
    assert!(told(b"name\nDoe, Ann\nRoe, Jan\n")[0].contains("most of its lines hold \",\"; should that stand between fields"));
    assert!(told(b"##gff\n1\tx\n2\ty\n")[0].starts_with("1 line above the first record of `t.csv` is left out"));
    assert!(told(b"a;b;\n1;2\n")[0].starts_with("a delimiter ends the first record of `t.csv` and not all others"));
    assert_eq!([told(b"a;b\n1;2;\n"), told(b"a,b,c\n1,2,3\n,,,\n4,5,6\n")], [Vec::<String>::new(), Vec::new()]);
    assert!(told(b"country;2019\nAustria;5\nChile;7\nPeru;9\n")[0].contains("of which `2019` names a column as a year"));
    assert!(told(b"x\ty\n1\t5\ta\n2\t6\tb\n")[0].starts_with("records of `t.csv` have one field more than the header"));
    assert!(told(b"code\n1234\n12e3\n5678\n")[0].contains("kept as text in `code` of `t.csv`"));
    assert!(
        told(b"at\n2026-01-01T10:00:00Z\n2026-01-01T10:00:00\n")[0].contains("some moments have a zone and others none in `at` of `t.csv`")
    );
    assert!(told(b"code,at\n1000,2026-01-01T10:00:00Z\n1e10,2026-01-01T10:00:00+02:00\n").is_empty());
}

#[test]
fn what_is_declared_is_beyond_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("t.csv", b"code,at\n1234,2026-01-01T10:00:00Z\n12e3,2026-01-01\n5678,\n")]);
    let types = [("code".to_owned(), DataType::Float64), ("at".to_owned(), DataType::Utf8View)].into();
    let options = DelimitedOptions { declared: Declared { types, ..Declared::default() }, ..DelimitedOptions::default() };
    let opened = open_delimited(folder.path(), &files, &options, &Delivery::default()).unwrap();
    assert_eq!(rows(&opened, "select sum(code) from t"), "18912.0\n");
    assert_eq!(opened.table.downcast_ref::<super::RecordTable>().unwrap().guesses().count(), 0);
}

#[test]
fn numbers_of_json_are_no_codes() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("t.ndjson", b"{\"n\":1234}\n{\"n\":12e3}\n{\"n\":5678}\n")]);
    let opened = open_json(folder.path(), &files, &JsonOptions::default(), &Delivery::default()).unwrap();
    assert_eq!(types(&opened), "n double");
}

fn column(name: &str, sql_type: &str) -> Column {
    let data_type = crate::types::sql_type_to_arrow(sql_type).unwrap();
    Column { name: name.into(), kind: column_type(&data_type), sql_type: sql_type.into() }
}

#[test]
fn values_become_typed_and_keep_their_line() {
    check_csv(
        "id,name,amount,at,ok\n1,\"Rome, Italy\",12.5,2026-01-31 10:00:00,true\n\n2,\"say \"\"hi\"\"\nthere\",-0.75,2026-02-01,false\r\n3,,,,\n4,\"\",1,,\n",
        "id bigint, name text, amount decimal(18,2), at timestamp, ok boolean",
        "1 | Rome, Italy | 12.50 | 2026-01-31T10:00:00 | true | 2 | ·\n\
         2 | say \"hi\"\nthere | -0.75 | 2026-02-01T00:00:00 | false | 4 | ·\n\
         3 | · | · | · | · | 6 | ·\n\
         4 |  | 1.00 | · | · | 7 | ·\n",
    );
}

#[test]
fn malformed_records_are_rows_that_say_why() {
    let mut text = String::from("id,name\n");
    (1..=20_000).for_each(|id| writeln!(text, "{id},n{id}").unwrap());
    text.push_str("x,late\n20002\n20003,a,b\n20004,\"open\n20005,\"ok\"\n20006,\"odd\"x\n");
    let (_folder, opened) = csv(text.as_bytes());
    assert_eq!(
        rows(&opened, "select id, name, _line, _malformed from t where _malformed is not null order by _line"),
        "· | · | 20002 | {\"reason\":\"column `id`: `x` is no bigint\",\"record\":\"x,late\"}\n\
         · | · | 20003 | {\"reason\":\"expected 2 fields, found 1\",\"record\":\"20002\"}\n\
         · | · | 20004 | {\"reason\":\"expected 2 fields, found 3\",\"record\":\"20003,a,b\"}\n\
         · | · | 20005 | {\"reason\":\"the quote that opens field 2 is not closed as it must be\",\"record\":\"20004,\\\"open\"}\n\
         · | · | 20007 | {\"reason\":\"the quote that opens field 2 is not closed as it must be\",\"record\":\"20006,\\\"odd\\\"x\"}\n"
    );
    assert_eq!(rows(&opened, "select count(*), count(id) from t"), "20006 | 20001\n");
}

#[test]
fn broken_characters_cost_their_record_only() {
    let mut content = "city,n\nMünchen,1\nKöln,2\nZürich,3\n".repeat(20).into_bytes();
    content = [b"city,n\n".to_vec(), content[7..].to_vec(), b"K\xffln,9\n".to_vec()].concat();
    let (_folder, opened) = csv(&content);
    let found = rows(&opened, "select _malformed from t where _malformed like '%UTF-8%'");
    assert!(found.contains("K?ln,9") && found.lines().count() == 1, "{found}");
}

#[test]
fn other_encodings_and_compressions_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    let text = "city;n\r\nZürich;1\r\nKöln;2\r\n";
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wide: Vec<u8> = "\u{feff}".chars().chain(text.chars()).map(|c| c as u16).flat_map(u16::to_le_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let contents =
        [latin, wide, gzip.finish().unwrap(), zstd::encode_all(text.as_bytes(), 1).unwrap(), text.replace("\r\n", "\r").into_bytes()];
    for content in contents {
        let files = files(folder.path(), &[("t.csv", &content)]);
        let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &Delivery::default()).unwrap();
        assert_eq!(rows(&opened, "select city, n, _line from t"), "Zürich | 1 | 2\nKöln | 2 | 3\n");
    }
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_lines() {
    let expected = "1 | x\ny | t.csv | 3 | ·\n2 | z | t.csv | 4 | ·\n";
    let folder = tempfile::tempdir().unwrap();
    for (above, skip_rows) in [("sep=;", 0), ("a title", 1)] {
        let content = format!("{above}\rid;note\r1;\"x\ny\"\r2;z\r");
        let files = files(folder.path(), &[("t.csv", content.as_bytes())]);
        let options = DelimitedOptions { skip_rows: Some(skip_rows), ..DelimitedOptions::default() };
        let opened = open_delimited(folder.path(), &files, &options, &Delivery::default()).unwrap();
        assert_eq!(rows(&opened, "select * from t order by _line"), expected, "{above}");
    }
}

#[test]
fn a_broken_compression_is_an_error() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all("id\n1\n".repeat(10_000).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let error = csv_error(&[("t.csv", &whole[..whole.len() / 2])], &[]);
    assert!(error.starts_with("error[HW203]: the file `t.csv` is damaged or incomplete"), "{error}");
}

#[test]
fn files_are_joined_by_the_names_of_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("1.csv", b"a,b\n1,x\n"), ("2.csv", b"b;c;a\ny;2026-01-01;2\n"), ("3.csv", b"")]);
    let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &Delivery::default()).unwrap();
    assert_eq!(types(&opened), "a bigint, b text, c date");
    assert_eq!(rows(&opened, "select * from t order by a"), "1 | x | · | 1.csv | 2 | ·\n2 | y | 2026-01-01 | 2.csv | 2 | ·\n");
}

#[test]
fn what_the_raw_copy_has_is_kept_to() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("1.csv", b"id,more\n7,x\n8.5,y\n")]);
    let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &expecting(&[column("id", "bigint")])).unwrap();
    assert_eq!(types(&opened), "id bigint, more text");
    assert_eq!(rows(&opened, "select count(*) from t where _malformed is not null"), "1\n");
    assert_eq!(
        csv_error(&[("1.csv", b"id\n1\n")], &[column("id", "bigint"), column("name", "text")]),
        "error[HW204]: `1.csv` lacks the column `name`\n  because: the dataset had it before; the file has `id`\n  help: deliver the file again with the column\n  help: or say that files may lack it: `columns: { name: text }` under the source; it is null there"
    );
}

#[test]
fn a_header_in_other_letters_names_the_columns_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("1.csv", b"ID,More\n7,x\n"), ("2.csv", b"id,more\n8,y\n")]);
    let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &expecting(&[column("Id", "bigint")])).unwrap();
    assert_eq!(types(&opened), "Id bigint, More text");
    assert_eq!(rows(&opened, "select \"Id\", \"More\" from t order by 1"), "7 | x\n8 | y\n");
}

#[test]
fn files_that_cannot_be_a_table_are_refused_with_a_remedy() {
    #[track_caller]
    fn refused(content: &[u8], start: &str) {
        let error = csv_error(&[("t.csv", content)], &[]);
        assert!(error.starts_with(start) && error.contains("help:"), "{error}");
    }
    refused(b"", "error[HW202]: `t.csv` is empty");
    refused(b"\n\r\n", "error[HW202]: `t.csv` is empty");
    refused(b"id,name\n", "error[HW202]: `t.csv` has a header and no row");
    refused(b"PAR1\x15\x04", "error[HW203]: `t.csv` is a Parquet file");
    refused(&[0x89, 0, 1, 2, 3, 4, 5, 6, 7, 0xFF], "error[HW203]: `t.csv` is no text");
    refused(b"BZh91AY&SY\x0a\x0b\0\x01\0\x02", "error[HW203]: `t.csv` is a file compressed with bzip2");
    refused(b"\xfd7zXZ\0\0\x04", "error[HW203]: `t.csv` is a file compressed with xz");
    refused(b"id,a,id\n1,2,3\n", "error[HW204]: two columns of `t.csv` are named `id`: the 1st and the 3rd");
    refused(
        b"id,a,ID\n1,2,3\n",
        "error[HW204]: two columns of `t.csv` have one name: `id`, the 1st, and `ID`, the 3rd\n  because: names that",
    );
    let below_titles = csv_error(&[("t.csv", b"Report\n\nname;name;amount\nann;rome;1\nbob;oslo;2\n")], &[]);
    assert!(below_titles.contains("`skip_rows: 3`"), "{below_titles}");
    refused(&vec![b'x'; 3 << 20], "error[HW203]: the first record of `t.csv` does not end within 1.0 MiB");
}

#[test]
fn a_control_character_in_a_cell_is_a_flaw_of_the_cell_and_no_sign_of_a_binary_file() {
    let (_folder, opened) = csv(b"a,b\n1,x\0y\n4,zz\n");
    assert_eq!(rows(&opened, "select a, length(b) from t order by a"), "1 | 3\n4 | 2\n");
}

#[test]
fn a_header_may_begin_with_letters_by_which_other_files_are_known() {
    for header in ["PAR1,PAR2", "SQLite,b", "BZh1,b"] {
        let (_folder, opened) = csv(format!("{header}\n4,5\n").as_bytes());
        assert_eq!(rows(&opened, "select count(*) from t"), "1\n", "{header}");
    }
}

#[test]
fn columns_named_like_the_hidden_ones_get_another_name() {
    let (_folder, opened) = csv(b"_line,_file,a\n7,x,2\n");
    assert_eq!(types(&opened), "_line_ bigint, _file_ text, a bigint");
    assert_eq!(rows(&opened, "select _line_, _file_, a, _line from t"), "7 | x | 2 | 2\n");
}

#[test]
fn every_file_has_the_columns_of_the_raw_copy_whatever_arrives_with_it() {
    let lacking: &[u8] = b"id\n1\n";
    let complete: &[u8] = b"id,note\n2,x\n";
    let known = [column("id", "bigint"), column("note", "text")];
    for contents in [vec![("1.csv", lacking)], vec![("1.csv", lacking), ("2.csv", complete)], vec![("1.csv", complete), ("2.csv", lacking)]]
    {
        let error = csv_error(&contents, &known);
        assert!(error.contains("lacks the column `note`") && error.contains("`columns: { note: text }`"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("1.csv", lacking)]);
    let declared = Declared { types: [("note".to_owned(), DataType::Utf8View)].into(), ..Declared::default() };
    let options = DelimitedOptions { declared, ..DelimitedOptions::default() };
    let opened = open_delimited(folder.path(), &files, &options, &expecting(&known)).unwrap();
    assert_eq!(rows(&opened, "select id, note from t"), "1 | ·\n");
    let may_lack = Delivery { may_lack: vec!["1.csv".into()], ..expecting(&known) };
    assert!(open_delimited(folder.path(), &files, &DelimitedOptions::default(), &may_lack).is_ok());
}

#[test]
fn what_is_known_of_a_dataset_outweighs_a_guess() {
    let read = |content: &[u8], known: &[Column]| {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), &[("1.csv", content)]);
        let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &expecting(known)).unwrap();
        let names: Vec<String> = opened.columns.iter().map(|column| column.name.clone()).collect();
        (names.join(", "), rows(&opened, "select count(*) from t"))
    };
    let as_by_r: &[u8] = b"\"x\",\"y\"\n\"1\",2,5\n\"2\",3,6\n";
    assert_eq!(read(as_by_r, &[]), ("column_1, x, y".into(), "2\n".into()));
    assert_eq!(read(as_by_r, &[column("x", "bigint"), column("y", "bigint")]).0, "x, y");
    let with_year: &[u8] = b"Bolt;2000\nNut;20\nPin;30\nTin;40\n";
    assert_eq!(read(with_year, &[]), ("Bolt, 2000".into(), "3\n".into()));
    let two = [column("column_1", "text"), column("column_2", "bigint")];
    assert_eq!(read(with_year, &two), ("column_1, column_2".into(), "4\n".into()));
    let three = [column("column_1", "bigint"), column("column_2", "bigint"), column("column_3", "text")];
    assert_eq!(read(b"5;6;\n7;8\n9;10;\n", &three).0, "column_1, column_2, column_3");
}

#[test]
fn a_header_alone_gives_columns_and_no_rows_where_their_types_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("1.csv", b"id,name\n")]);
    let known = expecting(&[column("id", "bigint"), column("name", "text")]);
    let opened = open_delimited(folder.path(), &files, &DelimitedOptions::default(), &known).unwrap();
    assert_eq!(opened.rows, Some(0));
    assert_eq!((types(&opened), rows(&opened, "select count(*) from t")), ("id bigint, name text".into(), "0\n".into()));
}

#[test]
fn thousands_of_columns_are_read() {
    let line = |cell: &str| vec![cell; 5000].join(",");
    let header: Vec<String> = (0..5000).map(|column| format!("c{column}")).collect();
    let (_folder, opened) = csv(format!("{}\n{}\n{}\n", header.join(","), line("1"), line("2")).as_bytes());
    assert_eq!(rows(&opened, "select sum(c0), max(c4999), count(*) from t where _malformed is null"), "3 | 2 | 2\n");
}

#[test]
fn a_record_of_many_megabytes_costs_itself_only() {
    let content = format!("id,text\n1,a\n2,{}\n3,c\n", "x".repeat(40 << 20));
    let (_folder, opened) = csv(content.as_bytes());
    assert_eq!(
        rows(&opened, "select id, _line, _malformed is null, octet_length(_malformed) < 5000 from t order by _line"),
        "1 | 2 | true | ·\n· | 3 | false | true\n3 | 4 | true | ·\n"
    );
}

#[test]
fn json_lines_and_lists_read_alike() {
    let lines = "{\"id\":1,\"price\":1.10,\"tags\":[1, \"a\"],\"at\":\"2026-01-01\"}\n\n{\"price\":2,\"id\":2,\"name\":\"K\\u00f6ln\"}\n{\"id\":\"x\"}\n{\"id\":4]\n";
    let list = "[{\"id\":1,\"price\":1.10,\"tags\":[1, \"a\"],\"at\":\"2026-01-01\"}\n,\n{\"price\":2,\"id\":2,\"name\":\"K\\u00f6ln\"},\n{\"id\":\"x\"},\n{id:4}\n]";
    for (content, last) in [(lines, "expected `}`, found `]`"), (list, "expected a key in quotes, found `i`")] {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), &[("t.json", content.as_bytes())]);
        let options = JsonOptions { declared: Declared { types: [("id".to_owned(), DataType::Int64)].into(), ..Declared::default() } };
        let opened = open_json(folder.path(), &files, &options, &Delivery::default()).unwrap();
        assert_eq!(types(&opened), "id bigint, price decimal(18,2), tags text, at date, name text");
        let found = rows(&opened, "select id, price, tags, at, name, _line, _malformed is null from t order by _line");
        assert_eq!(
            found,
            "1 | 1.10 | [1, \"a\"] | 2026-01-01 | · | 1 | true\n2 | 2.00 | · | · | Köln | 3 | true\n\
             · | · | · | · | · | 4 | false\n· | · | · | · | · | 5 | false\n"
        );
        let reasons = rows(&opened, "select _malformed from t where _malformed is not null order by _line");
        assert!(reasons.contains("column `id`: `x` is no bigint") && reasons.contains(last), "{reasons}");
    }
}

#[test]
fn a_list_that_breaks_off_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &[("t.json", b"[{\"id\":1},\n{\"id\":2")]);
    let error = open_json(folder.path(), &files, &JsonOptions::default(), &Delivery::default()).unwrap_err().to_string();
    assert!(error.starts_with("error[HW203]: the file `t.json` is damaged") && error.contains("not closed"), "{error}");
}

#[test]
fn a_key_that_appears_late_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "{\"id\":1}\n".repeat(200_000);
    text.push_str("{\"id\":2,\"new\":true}\n");
    let files = files(folder.path(), &[("t.ndjson", text.as_bytes())]);
    let opened = open_json(folder.path(), &files, &JsonOptions::default(), &Delivery::default()).unwrap();
    assert_eq!(
        rows(&opened, "select _line, _malformed from t where _malformed is not null"),
        "200001 | {\"reason\":\"unknown key `new`\",\"record\":\"{\\\"id\\\":2,\\\"new\\\":true}\"}\n"
    );
}

#[test]
fn of_two_values_of_one_key_none_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"id\":1,\"a\":1}\n{\"id\":2,\"a\":1,\"a\":2}\n{\"id\":3,\"a\":7,\"a\":7}\n{\"id\":4,\"a\":5,\"a\":null}\n\
                {\"id\":5,\"a\":null,\"a\":5}\n{\"id\":6,\"a\":5,\"a\":\"5\"}\n{\"id\":7,\"a\":null,\"a\":null}\n";
    let files = files(folder.path(), &[("t.ndjson", text.as_bytes())]);
    let opened = open_json(folder.path(), &files, &JsonOptions::default(), &Delivery::default()).unwrap();
    assert_eq!(rows(&opened, "select id, a from t where _malformed is null order by id"), "1 | 1\n3 | 7\n7 | ·\n");
    let reasons = rows(&opened, "select _line, _malformed from t where _malformed is not null order by _line");
    assert_eq!(reasons.matches("the key `a` stands twice, with different values").count(), 4, "{reasons}");
}

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

#[test]
fn any_bytes_open_or_are_refused() {
    let mut dice = Dice(0xC0FF_EE11);
    let pieces =
        ["id", ",", ";", "\n", "\"", "1", "2026-01-01", "\r", "{", "}", "[", "]", ":", "\\", "null", "\u{feff}", "é", "\0", "-", "."];
    for _ in 0..150 {
        let content: String = (0..dice.roll(60)).map(|_| dice.pick(&pieces)).collect();
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), &[("t", content.as_bytes())]);
        let opened = [
            open_delimited(folder.path(), &files, &DelimitedOptions::default(), &Delivery::default()),
            open_json(folder.path(), &files, &JsonOptions::default(), &Delivery::default()),
        ];
        for opened in opened.into_iter().flatten() {
            query(&opened, "select * from t");
        }
    }
}

/// The processor time of this process so far, by the hundredth of a second.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or_default() / 100.0).sum()
}

/// Prints how fast CSV is read. Run it alone: `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("order_id,customer_id,name,address,city,quantity,price,total,ordered_at,is_gift\n");
    let mut id = 0_u64;
    while text.len() < 200 << 20 {
        id += 1;
        let cents = id * 7919 % 100_000;
        writeln!(
            text,
            "{id},{},Customer {},\"{} Main Street, Apt {}\",Springfield,{},{}.{:02},{}.{:02},2026-{:02}-{:02} {:02}:{:02}:{:02},{}",
            id * 31 % 50_000,
            id % 997,
            id % 1000,
            id % 60,
            id % 9 + 1,
            cents / 100,
            cents % 100,
            cents / 20,
            cents % 100,
            id % 12 + 1,
            id % 28 + 1,
            id % 24,
            id % 60,
            id % 60,
            id.is_multiple_of(3)
        )
        .unwrap();
    }
    let listed = files(folder.path(), &[("t.csv", text.as_bytes())]);
    let megabytes = text.len() as f64 / 1e6;
    drop(text);
    let opened = open_delimited(folder.path(), &listed, &DelimitedOptions::default(), &Delivery::default()).unwrap();
    println!("{}", types(&opened));
    for partitions in [1, 2] {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions));
        context.register_table("t", Arc::clone(&opened.table)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for sql in ["select * from t", "select sum(total) from t", "select count(*) from t"] {
            let (start, cpu) = (std::time::Instant::now(), cpu_seconds());
            let count = runtime.block_on(async {
                let mut stream = context.sql(sql).await.unwrap().execute_stream_partitioned().await.unwrap();
                let work = stream.drain(..).map(|stream| {
                    tokio::spawn(futures::TryStreamExt::try_fold(stream, 0, |rows, batch| async move { Ok(rows + batch.num_rows()) }))
                });
                let mut rows = 0;
                for work in work.collect::<Vec<_>>() {
                    rows += work.await.unwrap().unwrap();
                }
                rows
            });
            let seconds = start.elapsed().as_secs_f64();
            let cpu = cpu_seconds() - cpu;
            println!(
                "{partitions} partitions, {sql}: {count} rows, {seconds:.2} s, {:.0} MB/s, {:.0} MB per CPU second",
                megabytes / seconds,
                megabytes / cpu
            );
        }
    }
}
