//! Tables small enough to know all answers of.

mod alarms;
mod between_columns;
mod forms;
mod inclusions;
mod near_duplicate_rows;
mod norms;
mod slips;

use std::collections::HashMap;

use hw_base::{CodedColumn, CodedTable, ColumnType};

use crate::{Cell, cells, dependencies, keys, orphans, references, violations};

/// A table from lines of cells separated by `|`; the first line names the columns, `-` … nothing stands for null.
fn table(name: &str, text: &str) -> CodedTable {
    let lines: Vec<Vec<&str>> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.split('|').map(str::trim).collect()).collect();
    let columns = (0..lines[0].len()).map(|at| column(lines[0][at], lines[1..].iter().map(|line| line[at].to_owned()))).collect();
    CodedTable { name: name.to_owned(), rows: lines.len() as u64 - 1, sampled: None, columns }
}

fn column(name: &str, cells: impl Iterator<Item = String>) -> CodedColumn {
    let (mut known, mut values, mut codes) = (HashMap::new(), Vec::new(), Vec::new());
    for cell in cells {
        codes.push(if cell.is_empty() {
            0
        } else {
            *known.entry(cell.clone()).or_insert_with(|| {
                values.push(cell);
                u32::try_from(values.len()).unwrap()
            })
        });
    }
    let is_number = values.iter().all(|value: &String| value.parse::<i64>().is_ok());
    CodedColumn { name: name.to_owned(), kind: if is_number { ColumnType::Integer } else { ColumnType::Text }, values, codes }
}

/// Suspicious cells, each by its row, its column and what is odd about it.
type Cells = Vec<(usize, usize, &'static str)>;

fn found(rows: usize, columns: &[(&str, &dyn Fn(usize) -> String)]) -> Cells {
    let table = generated("things", rows, columns);
    let keys = keys(&table);
    cells(&table, &keys, &dependencies(&table, &keys)).into_iter().map(|cell| (cell.row, cell.column, cell.issue)).collect()
}

fn id(row: usize) -> String {
    (row + 5000).to_string()
}

fn generated(name: &str, rows: usize, columns: &[(&str, &dyn Fn(usize) -> String)]) -> CodedTable {
    let columns = columns.iter().map(|(name, cell)| column(name, (0..rows).map(cell))).collect();
    CodedTable { name: name.to_owned(), rows: rows as u64, sampled: None, columns }
}

/// The same pseudo-random number at every run.
fn mixed(seed: usize) -> usize {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^ (x >> 32)
}

#[test]
fn orphans_are_counted_as_a_rule_counts_them() {
    let orders = table("orders", "customer_id|day\n1|a\n1|b\n2|a\n|a\n9|a\n-1|b");
    let customers = table("customers", "id|day\n1|a\n1|b\n2|c\n3|a");
    let count = |from: &[usize], to: &[usize]| {
        let found = orphans((&orders, from), (&customers, to))?;
        Some((found.rows, found.orphans))
    };
    assert_eq!(count(&[0], &[0]), Some((5, 2)), "a row without a value refers to nothing, and -1 is a value");
    assert_eq!(count(&[0, 1], &[0, 1]), Some((5, 3)));
    assert_eq!(count(&[0], &[1]), None, "a number equals no text");
    assert_eq!(count(&[0], &[0, 1]), None);
    let sampled = CodedTable { sampled: Some(vec![0, 1, 2, 3]), ..customers.clone() };
    assert_eq!(orphans((&orders, &[0]), (&sampled, &[0])), None, "what a sample lacks may be there");
}

mod against_brute_force {
    use super::*;

    /// Whether rows that agree on `set` agree on `target`; on no target, whether `set` tells all rows apart.
    fn holds(table: &CodedTable, set: u32, target: Option<usize>) -> bool {
        let mut seen: HashMap<Vec<u32>, u32> = HashMap::new();
        (0..table.coded_rows()).all(|row| {
            let key: Vec<u32> = (0..table.columns.len()).filter(|at| set >> at & 1 == 1).map(|at| table.columns[at].codes[row]).collect();
            match target {
                None => seen.insert(key, 0).is_none(),
                Some(target) => *seen.entry(key).or_insert(table.columns[target].codes[row]) == table.columns[target].codes[row],
            }
        })
    }

    /// The minimal sets of columns that determine a target.
    fn minimal(table: &CodedTable, target: Option<usize>) -> Vec<Vec<usize>> {
        let columns = table.columns.len();
        let is_open = |at: usize| target.map_or(!table.columns[at].codes.contains(&0), |target| target != at);
        let sets =
            (0..1_u32 << columns).filter(|set| (0..columns).all(|at| set >> at & 1 == 0 || is_open(at)) && holds(table, *set, target));
        let all: Vec<u32> = sets.collect();
        let least = all.iter().filter(|set| !all.iter().any(|other| other != *set && other & **set == *other));
        let mut plain: Vec<Vec<usize>> = least.map(|set| (0..columns).filter(|at| set >> at & 1 == 1).collect()).collect();
        plain.sort();
        plain
    }

    fn random_table(seed: usize) -> CodedTable {
        let (rows, columns) = (5 + mixed(seed) % 60, 2 + mixed(seed + 1) % 5);
        let texts = (0..columns).map(|at| {
            let distinct = 1 + mixed(seed * 31 + at) % 9;
            let has_nulls = mixed(seed * 37 + at).is_multiple_of(3);
            let cell = move |row: usize| mixed(seed * 1_000_003 + at * 10_007 + row) % distinct;
            column(
                &format!("c{at}"),
                (0..rows).map(move |row| if has_nulls && cell(row) == 0 { String::new() } else { cell(row).to_string() }),
            )
        });
        CodedTable { name: "random".to_owned(), rows: rows as u64, sampled: None, columns: texts.collect() }
    }

    #[test]
    fn keys_are_all_minimal_ones() {
        for seed in 0..400 {
            let table = random_table(seed);
            let found = keys(&table);
            let mut sets: Vec<Vec<usize>> = found.keys.into_iter().map(|key| key.columns).collect();
            sets.sort();
            assert!(found.is_complete);
            assert_eq!(sets, minimal(&table, None), "seed {seed}");
        }
    }

    #[test]
    fn exact_dependencies_are_all_minimal_ones() {
        for seed in 0..400 {
            let table = random_table(seed);
            let found = dependencies(&table, &keys(&table));
            assert!(found.is_complete);
            for target in 0..table.columns.len() {
                let exact = found.dependencies.iter().filter(|dependency| dependency.is_exact() && dependency.dependent == target);
                let mut sets: Vec<Vec<usize>> = exact.map(|dependency| dependency.determinant.clone()).collect();
                sets.sort();
                assert_eq!(sets, minimal(&table, Some(target)), "seed {seed} target {target}");
            }
        }
    }

    #[test]
    fn errors_are_the_least_rows_to_remove() {
        for seed in 0..200 {
            let table = random_table(seed);
            let found = dependencies(&table, &keys(&table));
            for dependency in found.dependencies.iter().filter(|dependency| !dependency.is_exact()) {
                let mut groups: HashMap<Vec<u32>, HashMap<u32, usize>> = HashMap::new();
                for row in 0..table.coded_rows() {
                    let key = dependency.determinant.iter().map(|at| table.columns[*at].codes[row]).collect();
                    *groups.entry(key).or_default().entry(table.columns[dependency.dependent].codes[row]).or_default() += 1;
                }
                let kept: usize = groups.values().map(|counts| counts.values().max().unwrap()).sum();
                let error = 1.0 - kept as f64 / table.coded_rows() as f64;
                assert!((dependency.error - error).abs() < 1e-9, "seed {seed}");
            }
        }
    }
}

#[test]
fn the_key_that_was_meant_comes_first() {
    let orders = generated(
        "orders",
        200,
        &[
            ("amount", &|row| format!("{}.5", mixed(row) % 100_000 + row * 100_000)),
            ("order_id", &|row| (row + 1).to_string()),
            ("customer", &|row| format!("customer {}", mixed(row) % 20)),
        ],
    );
    assert_eq!(keys(&orders).keys[0].columns, [1]);
}

#[test]
fn a_column_with_nulls_is_no_key() {
    let people = table("people", "id | mail\n1 | a\n2 | \n3 | c");
    let found: Vec<Vec<usize>> = keys(&people).keys.into_iter().map(|key| key.columns).collect();
    assert_eq!(found, [[0]]);
}

#[test]
fn violations_are_the_minority_of_their_group() {
    let text = "zip | city\n1 | Bonn\n1 | Bonn\n1 | Born\n2 | Köln\n2 | Köln\n3 | Ulm\n3 | Jena";
    let cities = table("cities", text);
    let dependency = crate::Dependency { determinant: vec![0], dependent: 1, error: 2.0 / 7.0, support: 7, score: 1.0 };
    let found = violations(&cities, &dependency);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].row, found[0].expected.as_deref(), found[0].agreeing, found[0].group), (2, Some("Bonn"), 2, 3));
}

#[test]
fn references_are_told_by_names_and_values() {
    let customers = generated("customers", 60, &[("id", &|row| (row + 1).to_string()), ("name", &|row| format!("name {row}"))]);
    let orders = generated(
        "orders",
        300,
        &[
            ("id", &|row| (row + 1).to_string()),
            ("customer_id", &|row| if row == 7 { "999".to_owned() } else { (mixed(row) % 60 + 1).to_string() }),
            ("quantity", &|row| (mixed(row + 9) % 12 + 1).to_string()),
        ],
    );
    let found = references(&[&customers, &orders]);
    let first = &found[0];
    assert_eq!((first.from.table, &first.from.columns[..], first.to.table, &first.to.columns[..]), (1, &[1][..], 0, &[0][..]));
    assert_eq!((first.orphans, &first.orphan_values[..]), (1, &["999".to_owned()][..]));
    assert!(found[1..].iter().all(|other| other.score < 0.5), "{found:?}");
}

#[test]
fn of_two_tables_with_the_same_key_the_one_named_after_it_is_referred_to() {
    let film = generated("film", 80, &[("film_id", &|row| (row + 1).to_string()), ("length", &|row| (mixed(row) % 90 + 60).to_string())]);
    let category = generated(
        "film_category",
        80,
        &[("film_id", &|row| (row + 1).to_string()), ("category_id", &|row| (mixed(row) % 6 + 1).to_string())],
    );
    let cast = generated(
        "film_actor",
        300,
        &[("cast_number", &|row| (row + 1_000).to_string()), ("film_id", &|row| (mixed(row + 4) % 80 + 1).to_string())],
    );
    let found = references(&[&film, &category, &cast]);
    let pairs: Vec<(usize, usize)> =
        found.iter().filter(|found| found.score > 0.7).map(|found| (found.from.table, found.to.table)).collect();
    assert_eq!(pairs, [(1, 0), (2, 0)], "{found:?}");
}

#[test]
fn empty_tables_have_nothing_to_say() {
    let texts = ["a | b\n", "a | b\n1 | x", "a | b\n | \n | ", "a\n1\n1"];
    let nothing = CodedTable { name: "nothing".to_owned(), ..CodedTable::default() };
    for table in texts.iter().map(|text| table("t", text)).chain([nothing]) {
        let keys = keys(&table);
        let found = dependencies(&table, &keys);
        assert!(keys.keys.is_empty() && cells(&table, &keys, &found).is_empty() && references(&[&table]).is_empty(), "{table:?}");
    }
}

#[test]
fn references_through_two_columns_are_found() {
    let stock = generated(
        "stock",
        100,
        &[
            ("shop", &|row| format!("s{}", row / 10)),
            ("article", &|row| format!("a{}", row % 10)),
            ("shelf", &|row| format!("shelf {}", mixed(row) % 7)),
        ],
    );
    let sales = generated(
        "sales",
        400,
        &[
            ("sale_id", &|row| (row + 1000).to_string()),
            ("shop", &|row| format!("s{}", mixed(row) % 10)),
            ("article", &|row| format!("a{}", mixed(row + 5) % 10)),
        ],
    );
    let found = references(&[&stock, &sales]);
    assert!(
        found.iter().any(|reference| reference.from.columns == [1, 2] && reference.to.columns == [0, 1] && reference.orphans == 0),
        "{found:?}"
    );
}

#[test]
fn an_abbreviation_before_all_names_of_a_table_says_nothing() {
    let dates = generated(
        "date_dim",
        300,
        &[
            ("d_date_sk", &|row| (row + 2_450_000).to_string()),
            ("d_weekday", &|row| (row % 7).to_string()),
            ("d_month", &|row| (row / 30).to_string()),
        ],
    );
    let sales = generated(
        "store_sales",
        400,
        &[
            ("ss_ticket_number", &|row| (row + 1).to_string()),
            ("ss_sold_date_sk", &|row| (mixed(row) % 40 + 2_450_100).to_string()),
            ("ss_quantity", &|row| (mixed(row + 9) % 12 + 1).to_string()),
        ],
    );
    let found = references(&[&dates, &sales]);
    let [only] = &found[..] else { panic!("{found:?}") };
    assert_eq!((only.from.table, &only.from.columns[..], only.to.table, &only.to.columns[..]), (1, &[1][..], 0, &[0][..]));
}

mod suspicious {
    use super::*;

    fn found(table: &CodedTable) -> Vec<Cell> {
        let keys = keys(table);
        cells(table, &keys, &dependencies(table, &keys))
    }

    /// A table in which `wrong` stands in one row of a column that is otherwise in order.
    #[track_caller]
    fn check(usual: &dyn Fn(usize) -> String, wrong: &str, issue: &str, suggestion: Option<&str>) {
        let clean = generated("clean", 300, &[("row", &|row| (row + 5000).to_string()), ("value", usual)]);
        assert_eq!(found(&clean), [], "the clean column");
        let dirty = generated(
            "dirty",
            300,
            &[("row", &|row| (row + 5000).to_string()), ("value", &|row| if row == 77 { wrong.to_owned() } else { usual(row) })],
        );
        let cells = found(&dirty);
        let told: Vec<(usize, usize, &str)> = cells.iter().map(|cell| (cell.row, cell.column, cell.issue)).collect();
        assert_eq!(told, [(77, 1, issue)]);
        assert_eq!(cells[0].suggestion.as_deref(), suggestion);
    }

    fn town(row: usize) -> String {
        ["Hamburg", "Stuttgart", "Heidelberg", "Rostock", "Magdeburg", "Osnabrück"][mixed(row) % 6].to_owned()
    }

    #[test]
    fn one_wrong_value_among_many() {
        let amount = |row: usize| (mixed(row) % 900 + 100).to_string();
        check(&amount, "N/A", "disguised_missing", None);
        check(&amount, "about ten", "type_outlier", None);
        check(&amount, "99000000", "numeric_outlier", None);
        check(&amount, "", "missing_value", None);
        check(&|row| format!("{},{:03}", 1 + mixed(row) % 400, mixed(row + 1) % 1_000), "many", "type_outlier", None);
        check(&town, "Hambrug", "misspelling", Some("Hamburg"));
        check(&town, "Stutt", "misspelling", Some("Stuttgart"));
        check(&town, "4711", "type_outlier", None);
        check(&amount, "(512)", "type_outlier", None);
        check(&town, " Rostock", "blank_variant", Some("Rostock"));
        check(&town, "ROSTOCK", "case_variant", Some("Rostock"));
        check(&|row| ["EUR", "USD", "GBP"][mixed(row) % 3].to_owned(), "GBp", "case_variant", Some("GBP"));
        check(&town, "Rostock*", "format_outlier", Some("Rostock"));
        check(&town, "Osnabr\u{fffd}ck", "encoding_error", None);
        check(&|row| format!("{:05}", mixed(row) % 100_000), "1x345", "format_outlier", None);
        let day = |row: usize| format!("20{:02}-0{}-1{}", 10 + mixed(row) % 9, 1 + mixed(row) % 9, mixed(row + 3) % 9);
        check(&day, "2014-02-30", "implausible_date", None);
        check(&day, "47", "type_outlier", None);
        check(&|row| format!("{} {}", town(row), town(row + 900)), "Hamburg  Kassel", "blank_variant", Some("Hamburg Kassel"));
        check(&|row| format!("{} kg", mixed(row) % 90 + 10), "45", "unit_mixture", Some("45 kg"));
    }

    #[test]
    fn a_great_number_with_more_separators_is_no_other_format() {
        let votes = |row: usize| {
            if row == 9 {
                "1,770,297".to_owned()
            } else if row == 10 {
                "-566,000".to_owned()
            } else {
                format!("{},{:03}", 100 + mixed(row) % 800, mixed(row + 1) % 1_000)
            }
        };
        assert_eq!(found(&generated("films", 300, &[("id", &|row| (row + 5000).to_string()), ("votes", &votes)])), []);
    }

    #[test]
    fn a_group_outvotes_the_odd_one() {
        let dirty = generated(
            "shops",
            300,
            &[
                ("sale", &|row| (row + 5000).to_string()),
                ("shop_id", &|row| format!("S{}", row % 20)),
                ("town", &|row| if row == 41 { town(999) } else { town(row % 20) }),
            ],
        );
        assert_ne!(town(999), town(1));
        let cells = found(&dirty);
        assert_eq!(cells.len(), 1, "{cells:?}");
        assert_eq!((cells[0].row, cells[0].column, cells[0].issue), (41, 2, "contradicts_dependency"));
        assert_eq!((cells[0].suggestion.clone(), &cells[0].by[..]), (Some(town(1)), &[1][..]));
    }

    #[test]
    fn several_sources_are_weighed_and_copies_count_once() {
        // Ten sources tell the gates of forty flights: three tell the truth with slips of their own, four copy one liar.
        let truth = |flight: usize, column: usize| {
            format!("{}{}", char::from(b'A' + u8::try_from(column).unwrap()), 10 + mixed(flight * 7 + column) % 80)
        };
        let said = |row: usize, column: usize| {
            let (flight, source) = (row % 40, row / 40);
            let slips = |salt: usize, one_in: usize| mixed(row * 13 + column * 5 + salt).is_multiple_of(one_in);
            match source {
                0..4 if mixed(flight * 3 + column).is_multiple_of(2) => truth(flight + 500, column),
                4.. if slips(1, 6) => truth(row + 1_000, column),
                _ => truth(flight, column),
            }
        };
        let told = generated(
            "flights",
            400,
            &[
                ("source", &|row| format!("source {}", row / 40)),
                ("flight", &|row| format!("LH{}", 100 + row % 40)),
                ("route", &|row| format!("route {}", row % 40)),
                ("gate", &|row| said(row, 0)),
                ("belt", &|row| said(row, 1)),
                ("stand", &|row| said(row, 2)),
            ],
        );
        let wrong = |row: usize, column: usize| said(row, column - 3) != truth(row % 40, column - 3);
        let cells = found(&told);
        let right = cells.iter().filter(|cell| cell.column > 2 && wrong(cell.row, cell.column)).count();
        let all = (0..400).flat_map(|row| (3..6).map(move |column| (row, column))).filter(|(row, column)| wrong(*row, *column)).count();
        assert!(right * 10 > cells.len() * 9 && right * 10 > all * 9, "{right} of {} right, {all} wrong", cells.len());
    }

    #[test]
    fn a_town_that_swallowed_its_state_is_found_with_both_cells() {
        let dirty = generated(
            "breweries",
            120,
            &[
                ("id", &|row| (row + 5000).to_string()),
                ("town", &|row| if row % 30 == 4 { "Reno NV".to_owned() } else { town(row) }),
                ("state", &|row| if row % 30 == 4 { String::new() } else { ["NV", "CA", "OR"][mixed(row + 2) % 3].to_owned() }),
            ],
        );
        let cells: Vec<(usize, Option<String>)> =
            found(&dirty).into_iter().filter(|cell| cell.row == 34).map(|cell| (cell.column, cell.suggestion)).collect();
        assert_eq!(cells, [(1, Some("Reno".to_owned())), (2, Some("NV".to_owned()))]);
    }

    #[test]
    fn every_issue_is_listed() {
        let names: Vec<&str> = crate::CELL_ISSUES.iter().map(|(issue, _)| *issue).collect();
        assert!(names.is_sorted());
    }
}

/// Customers delivered in versions: every customer has three rows.
fn versions(name: &str) -> CodedTable {
    generated(
        name,
        300,
        &[
            ("customer_id", &|row| (row % 100 + 1).to_string()),
            ("segment", &|row| ["a", "b", "c"][mixed(row) % 3].to_owned()),
            ("valid_from", &|row| format!("2026-0{}-01", row / 100 + 1)),
        ],
    )
}

#[test]
fn a_reference_may_lead_to_values_that_repeat() {
    let orders = generated(
        "orders",
        400,
        &[
            ("order_id", &|row| (row + 1).to_string()),
            ("customer_id", &|row| if row < 3 { "777".to_owned() } else { (mixed(row) % 100 + 1).to_string() }),
            ("quantity", &|row| (mixed(row + 9) % 12 + 1).to_string()),
        ],
    );
    for name in ["customers", "customer_history", "dim_customer"] {
        let versions = versions(name);
        let found = references(&[&orders, &versions]);
        let [only] = &found[..] else { panic!("{name}: {found:?}") };
        assert_eq!((only.from.table, &only.from.columns[..], only.to.table, &only.to.columns[..]), (0, &[1][..], 1, &[0][..]));
        assert_eq!((only.is_key, only.orphans), (false, 3));
    }
}

#[test]
fn a_key_is_referred_to_before_values_that_repeat() {
    let customers = generated("customers", 100, &[("customer_id", &|row| (row + 1).to_string()), ("name", &|row| format!("name {row}"))]);
    let orders =
        generated("orders", 400, &[("order_id", &|row| (row + 1).to_string()), ("customer_id", &|row| (mixed(row) % 100 + 1).to_string())]);
    let found = references(&[&orders, &versions("customer_history"), &customers]);
    let told: Vec<(usize, usize, bool)> = found.iter().map(|one| (one.from.table, one.to.table, one.is_key)).collect();
    assert_eq!(told, [(1, 2, true), (0, 2, true)], "{found:?}");
}
