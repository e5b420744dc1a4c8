//! The example of a brokerage: a historical load and two incremental batches come to the tables of one load of everything.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::program::{copy, printed, rows, strays};

/// Tables that follow from the files alone, whenever they were read.
const TABLES: [&str; 8] = [
    "dim_broker",
    "dim_customer",
    "dim_account",
    "dim_security",
    "fact_trades",
    "fact_cash_balances",
    "di_messages",
    "quarantine.fact_trades",
];

/// The first day of the trades of a batch, and how many days it has: a year of history, then a day each.
fn days(batch: usize) -> (&'static str, usize) {
    [("2024-01-01", 360), ("2025-01-02", 1), ("2025-01-03", 1)][batch - 1]
}

fn moment(batch: usize, number: usize, hour: usize) -> String {
    let (first, length) = days(batch);
    let day: chrono::NaiveDate = first.parse().unwrap();
    let day = day + chrono::Days::new((number % length) as u64);
    format!("{day} {hour:02}:{:02}:00", number % 60)
}

/// The rows of a file below a header.
fn table(header: &str, rows: impl Iterator<Item = String>) -> String {
    rows.fold(format!("{header}\n"), |mut text, row| {
        let _ = writeln!(text, "{row}");
        text
    })
}

/// Every customer in the history, each seventh again in each later batch, and with the last batch a version that comes late.
fn customers(batch: usize) -> String {
    let row = |number: usize| {
        let tier = if number.is_multiple_of(11) { 9 } else { 1 + (number + batch) % 3 };
        let born = if number == 5 { "1878-01-01".to_owned() } else { format!("19{}-03-04", 40 + number) };
        let status = if number.is_multiple_of(13) { "inac" } else { "actv" };
        format!("{number},{status},name{number},{tier},{born},city{},{}", number % 4, moment(batch, number, 8))
    };
    let changed = (1..=30).filter(|number| batch == 1 || (number + batch).is_multiple_of(7));
    let late = (batch == 3).then(|| "7,actv,name7,2,1947-03-04,late city,2024-06-01 08:00:00".to_owned());
    table("customer_id,status,last_name,tier,date_of_birth,city,action_ts", changed.map(row).chain(late))
}

/// The rows of accounts 41 to 46 come with the last batch, a day after trades of theirs; account 46 has a customer who never comes.
fn accounts(batch: usize) -> String {
    let row = |number: usize| {
        let customer = if number == 46 { 99 } else { 1 + number % 30 };
        format!("{number},{customer},{},actv,{},{}", 1 + number % 3, (number + batch) % 3, moment(batch, number, 8))
    };
    let changed = (1..=46).filter(|number| match batch {
        1 => *number <= 40,
        3 if *number > 40 => true,
        _ => *number <= 40 && (number + batch).is_multiple_of(9),
    });
    table("account_id,customer_id,broker_id,status,tax_status,action_ts", changed.map(row))
}

/// The last two come with the last batch; one of them is of a kind that nobody knows.
fn securities(batch: usize) -> String {
    let row = |number: usize| {
        let issue = if number == 12 { "BOND" } else { ["COMMON", "PREF_A", "PREF_B"][number % 3] };
        format!("S{number},{issue},ACTV,company {},{}", number % 5, moment(batch, number, 7))
    };
    let changed = (1..=12).filter(|number| match batch {
        1 => *number <= 10,
        3 if *number > 10 => true,
        _ => *number == batch,
    });
    table("symbol,issue,status,company,action_ts", changed.map(row))
}

/// Trades of the batch, later versions of some that were pending, and with the last batch one that is months late.
fn trades(batch: usize) -> String {
    let first = 1000 * batch;
    let count = if batch == 1 { 400 } else { 40 };
    let row = |id: usize, of: usize| {
        let number = id % 1000;
        let account = if of == 1 { 1 + number % 40 } else { 30 + number % 17 };
        let symbol = if of == 1 { 1 + number % 10 } else { 1 + number % 12 };
        let quantity = if number == 33 { 0 } else { 1 + number % 50 };
        let commission = if number.is_multiple_of(97) { 10_000 } else { 1 };
        let status = if of == batch && number.is_multiple_of(3) { "PNDG" } else { "CMPT" };
        format!(
            "{id},{account},S{symbol},{},{status},{quantity},{}.50,{commission},{}",
            moment(of, number, 12),
            10 + number % 9,
            moment(batch, number, 18)
        )
    };
    let new = (first..first + count).map(|id| row(id, batch));
    let later = (first - 1000..first - 960).filter(|id| batch > 1 && id.is_multiple_of(3)).map(|id| row(id, batch - 1));
    let late = (batch == 3).then(|| "9999,3,S3,2024-05-05 12:00:00,CMPT,5,10.00,1,2025-01-03 19:00:00".to_owned());
    table("trade_id,account_id,symbol,trade_ts,status,quantity,price,commission,updated_ts", new.chain(later).chain(late))
}

fn cash(batch: usize) -> String {
    let row = |number: usize| format!("{},{},{}.25", 1 + number % 44, moment(batch, number, 13), number);
    let late = (batch == 2).then(|| "3,2024-02-02 10:00:00,1000.00".to_owned());
    table("account_id,cash_ts,amount", (0..if batch == 1 { 300 } else { 30 }).map(row).chain(late))
}

fn prospects(batch: usize) -> String {
    let present = (1..=20).filter(|number| !(number + batch).is_multiple_of(10));
    table("agency_id,last_name,net_worth", present.map(|number| format!("A{number},name{number},{}", 1000 * (1 + (number * batch) % 7))))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn deliver(project: &Path, batch: usize) {
    let landing = project.join("landing");
    let own = landing.join(batch.to_string());
    let files = [
        ("customers.csv", customers(batch)),
        ("accounts.csv", accounts(batch)),
        ("securities.csv", securities(batch)),
        ("trades.csv", trades(batch)),
        ("cash.csv", cash(batch)),
    ];
    for (file, text) in files {
        write(&own.join(file), &text);
    }
    if batch == 1 {
        let brokers = (1..=3).map(|number| format!("{number},broker{number},branch{number}"));
        write(&own.join("brokers.csv"), &table("broker_id,name,branch", brokers));
    }
    write(&landing.join("prospects.csv"), &prospects(batch));
}

fn project(folder: &Path, name: &str) -> PathBuf {
    let project = folder.join(name);
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/brokerage"), &project);
    project
}

/// The rows of a query in a fixed order.
fn sorted(project: &Path, table: &str) -> Vec<String> {
    let text = rows(project, table);
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
    lines.sort();
    lines
}

/// The one number that a query returns.
fn number(project: &Path, sql: &str) -> u64 {
    let printed = printed(project, &["sql", sql, "--format", "json"]);
    let digits: String = printed.split(':').nth(1).unwrap().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// One current version per key, each ending where the next begins, the first one since ever.
fn versions_fit_together(project: &Path, table: &str, key: &str) {
    let broken = number(
        project,
        &format!(
            "select count(*) as n from (select *, lead(valid_from) over (partition by {key} order by valid_from) as next, \
             min(valid_from) over (partition by {key}) as first from {table}) as v \
             where (next is distinct from valid_to) or is_current <> (valid_to is null) or first <> timestamp '1900-01-01'"
        ),
    );
    assert_eq!(broken, 0, "{table}");
}

#[test]
fn three_batches_come_to_the_tables_of_one_load() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), "batches");
    deliver(&project, 1);
    printed(&project, &["run"]);
    assert_eq!(number(&project, "select count(*) as n from dim_account where is_inferred"), 4, "cash names accounts 41 to 44");

    deliver(&project, 2);
    let second = printed(&project, &["run"]);
    assert!(second.contains("inferred members wait for their rows"), "{second}");
    let orphans = "select trade_id, sk_account, sk_security from fact_trades where sk_account in (select sk_account from dim_account where is_inferred)";
    let before = sorted(&project, &format!("({orphans})"));
    assert!(before.len() > 4, "{before:?}");
    let kept = "(select trade_id, sk_account, sk_security from fact_trades where trade_id between 2000 and 2999)";
    let before = sorted(&project, kept);

    deliver(&project, 3);
    printed(&project, &["run"]);
    assert_eq!(sorted(&project, kept), before, "the facts of the second batch keep the keys of their members");
    assert_eq!(number(&project, "select count(*) as n from dim_account where is_inferred"), 0);
    for (table, key) in [("dim_customer", "customer_id"), ("dim_account", "account_id"), ("dim_security", "symbol")] {
        versions_fit_together(&project, table, key);
    }
    messages_are_right(&project);

    let again = printed(&project, &["run"]);
    assert!(again.contains("nothing changed"), "{again}");
    assert_eq!(strays(&project), Vec::<String>::new());
    let whole = self::project(folder.path(), "whole");
    (1..=3).for_each(|batch| deliver(&whole, batch));
    printed(&whole, &["run"]);
    let shown = |project: &Path, table: &str| match table.strip_prefix("quarantine.") {
        Some(_) => sorted(project, &format!("(select trade_id, quantity, _rules from {table})")),
        None => sorted(project, table),
    };
    for table in TABLES {
        assert_eq!(shown(&project, table), shown(&whole, table), "{table}");
    }
}

/// The messages, by what the files hold.
fn messages_are_right(project: &Path) {
    let count = |message: &str| number(project, &format!("select count(*) as n from di_messages where message = '{message}'"));
    assert_eq!(count("invalid customer tier"), 2, "customers 11 and 22");
    assert_eq!(count("customer birth date out of bounds"), 1, "customer 5");
    assert_eq!(count("no row of the security"), 1, "S12 waits in quarantine");
    assert_eq!(count("no row of the account"), 0);
    let trades = (1000..1400).chain(2000..2040).chain(3000..3040).filter(|id| id % 1000 % 97 == 0).count();
    assert_eq!(count("invalid trade commission"), trades as u64);
    assert_eq!(number(project, "select count(*) as n from quarantine.fact_trades"), 3, "trades of no piece");
    let prospects = "select count(*) as n from prospects where is_current";
    assert_eq!(number(project, prospects), 18);
}
