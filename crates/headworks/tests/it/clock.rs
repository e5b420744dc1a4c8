//! A clock that is set back: what was recorded before has a time that is still to come.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use crate::program::{PROGRAM, copy, printed, rows, strays, write};

const FILES: [(&str, &str); 5] = [
    (
        "headworks.yaml",
        "project: clock\nsources:\n  shop:\n    csv: { path: { orders: \"in/*.csv\", stock: \"stock.csv\" }, columns: { id: bigint } }\n",
    ),
    ("models/orders.sql", "select id, status, updated_at from shop.orders"),
    ("models/orders.yaml", "load: { scd2: { key: [id] } }\nfollow: { shop.orders: updated_at }\n"),
    ("models/stock.sql", "select item, pieces from shop.stock"),
    ("models/stock.yaml", "load: { snapshot: { key: [item] } }\n"),
];
const TABLES: [&str; 3] = ["orders", "stock", "(select item, _loaded_at, _batch from raw.shop.stock)"];
const KILLS: u32 = 16;

/// Lets everything that a project remembers have happened in the year 2999.
fn set_clock_back(project: &Path) {
    let ledger = rusqlite::Connection::open(project.join(".headworks/ledger.db")).unwrap();
    let future = "2999-01-01T00:00:00.000000Z";
    let changed =
        ledger.execute("update runs set started = ?1, ended = ?1, record = json_set(record, '$.started', ?1, '$.ended', ?1)", [future]);
    assert_eq!(changed.unwrap(), 1);
    let changed = ledger.execute(
        "update progress set record = json_set(record, '$.inputs.loaded_at.watermark', ?1) where record like '%loaded_at%'",
        [future],
    );
    assert_eq!(changed.unwrap(), 2);
}

/// The rows of all tables, in a fixed order.
fn tables(project: &Path) -> Vec<Vec<String>> {
    let sorted = |table: &&str| {
        let mut lines: Vec<String> = rows(project, table).lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
        lines.sort();
        lines
    };
    TABLES.iter().map(sorted).collect()
}

#[test]
fn a_run_after_the_clock_was_set_back_is_continued_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    for (file, text) in FILES {
        write(&before.join(file), text);
    }
    write(&before.join("in/1.csv"), "id,status,updated_at\n1,new,2026-01-01 10:00:00\n2,new,2999-06-01 10:00:00\n");
    write(&before.join("stock.csv"), "item,pieces\napple,7\npear,4\n");
    printed(&before, &["run"]);
    set_clock_back(&before);
    write(&before.join("in/2.csv"), "id,status,updated_at\n1,paid,2026-01-02 10:00:00\n3,new,2026-01-02 11:00:00\n");
    write(&before.join("stock.csv"), "item,pieces\napple,9\n");
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    let text = printed(&undisturbed, &["run"]);
    let whole = begun.elapsed();
    let below_zero = text.split_whitespace().any(|word| word.starts_with('-'));
    assert!(text.contains("4 tables published") && !below_zero, "{text}");
    let expected = tables(&undisturbed);
    let times = expected[1].concat();
    assert!(times.contains("2999-01-01T00:00:00.000001"), "the times of deliveries went back: {times}");
    for number in 0..KILLS {
        let project = folder.path().join(format!("killed-{number}"));
        copy(&before, &project);
        let mut child = Command::new(PROGRAM).arg("run").current_dir(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(whole * number / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        printed(&project, &["run"]);
        assert_eq!(tables(&project), expected, "kill {number}");
        assert_eq!(strays(&project), Vec::<String>::new(), "kill {number}");
        assert!(printed(&project, &["run"]).contains("nothing changed"), "kill {number}");
    }
}
