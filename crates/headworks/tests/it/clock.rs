//! A clock that is set back, or jumps: what was recorded before has a time that is still to come.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

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

/// What arrives before each run: events of orders, and the whole stock.
const ARRIVALS: [(&str, &str); 5] = [
    ("1,new,2026-01-01 10:00:00\n", "apple,1\n"),
    ("1,paid,2026-01-02 10:00:00\n2,new,2026-01-02 10:00:00\n", "apple,2\npear,1\n"),
    ("2,paid,2026-01-03 10:00:00\n3,new,2026-01-03 10:00:00\n", "apple,3\n"),
    ("1,sent,2026-01-04 10:00:00\n", "apple,4\npear,1\n"),
    ("3,paid,2026-01-05 10:00:00\n", "apple,5\n"),
];

fn arrive(project: &Path, number: usize) {
    let (orders, stock) = ARRIVALS[number];
    write(&project.join(format!("in/{number}.csv")), &format!("id,status,updated_at\n{orders}"));
    write(&project.join("stock.csv"), &format!("item,pieces\n{stock}"));
}

/// A run under another clock, of which the file `clock` tells how far it is off.
fn run_under(clock: &Path, project: &Path) -> Command {
    let mut command = Command::new("faketime");
    command.args(["-m", "-f", "+0", "env", "-u", "FAKETIME", PROGRAM, "run"]).current_dir(project).stdin(Stdio::null());
    // Files and lengths of time are what they are.
    command.envs([("NO_FAKE_STAT", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_NO_CACHE", "1")]);
    command.env("FAKETIME_TIMESTAMP_FILE", clock);
    command
}

/// Sets a clock off in one go, so that nobody reads half of it.
fn set(clock: &Path, offset: &str) {
    let new = clock.with_extension("new");
    write(&new, &format!("{offset}\n"));
    std::fs::rename(new, clock).unwrap();
}

/// The rows of all tables but for the times of the deliveries.
fn timeless(project: &Path) -> Vec<String> {
    let stock = "(select item, pieces, is_current, row_number() over (partition by item order by valid_from) as version from stock)";
    let batches = "(select _batch, item, pieces from raw.shop.stock)";
    let in_line = "(select item, count(*) as overlapping from (select item, valid_to, lead(valid_from) over (partition by item order by valid_from) \
                   as next from stock) where valid_to > next group by item)";
    let sorted = |table: &&str| {
        let mut lines: Vec<String> = rows(project, table).lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
        lines.sort();
        lines.join("\n")
    };
    ["orders", stock, batches, in_line].iter().map(sorted).collect()
}

#[test]
fn a_clock_that_jumps_by_years_between_runs_and_within_one_loses_and_doubles_nothing() {
    if Command::new("faketime").arg("--version").stdout(Stdio::null()).status().is_err() {
        // Nothing else sets the clock of one process alone.
        assert!(std::env::var("HEADWORKS_TEST_POSTGRES").is_err(), "`make test` installs faketime, but it is not here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (jumping, steady, clock) = (folder.path().join("jumping"), folder.path().join("steady"), folder.path().join("clock"));
    for (project, (file, text)) in [&jumping, &steady].into_iter().flat_map(|project| FILES.map(|file| (project, file))) {
        write(&project.join(file), text);
    }
    for (number, offset) in ["+0", "+700d", "+0", "-400d"].into_iter().enumerate() {
        set(&clock, offset);
        for (project, is_jumping) in [(&jumping, true), (&steady, false)] {
            arrive(project, number);
            if is_jumping {
                let done = run_under(&clock, project).output().unwrap();
                let text = String::from_utf8_lossy(&done.stdout);
                assert!(done.status.success() && text.contains("4 tables published"), "{offset}: {text}");
                let again = run_under(&clock, project).output().unwrap();
                assert!(String::from_utf8_lossy(&again.stdout).contains("nothing changed"), "{offset}");
            } else {
                printed(project, &["run"]);
            }
        }
        assert_eq!(timeless(&jumping), timeless(&steady), "{offset}");
    }
    arrive(&jumping, 4);
    arrive(&steady, 4);
    printed(&steady, &["run"]);
    let mut run = run_under(&clock, &jumping).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let offsets = ["+700d", "+0", "-400d"];
    let mut turn = 0;
    while run.try_wait().unwrap().is_none() {
        set(&clock, offsets[turn % offsets.len()]);
        turn += 1;
        sleep(Duration::from_millis(3));
    }
    assert!(run.wait().unwrap().success());
    assert_eq!(timeless(&jumping), timeless(&steady));
    assert_eq!(strays(&jumping), Vec::<String>::new());
    assert!(printed(&jumping, &["run"]).contains("nothing changed"));
}
