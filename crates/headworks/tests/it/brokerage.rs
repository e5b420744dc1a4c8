//! The example of a brokerage: a historical load and two incremental batches come to the tables of one load of everything.

use std::path::{Path, PathBuf};
use std::process::Command;

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

fn deliver(project: &Path, batch: usize) {
    let made = Command::new("python3").arg(project.join("deliver.py")).arg(batch.to_string()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
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
