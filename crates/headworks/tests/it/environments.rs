//! Environments: production is never touched but by a promotion, and a promotion that is killed is carried on.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use crate::crash::{dice, kill_after};
use crate::program::{copy, headworks, printed, rows, strays};

const TABLES: [&str; 3] = ["orders", "totals", "countries"];
const KILLS: u32 = 30;

fn write(project: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = project.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// A project that has run, and whose environment `dev` has built two changed tables and one that is new.
fn ready(folder: &Path) -> std::path::PathBuf {
    let project = folder.join("project");
    let orders: Vec<String> = (0..300).map(|id| format!("{id},{},{id}.50\n", ["de", "fr", "es", ""][id % 4])).collect();
    write(
        &project,
        &[
            ("headworks.yaml", "project: shop\nsources:\n  shop:\n    csv: { path: { orders: \"landing/*.csv\" } }\n"),
            ("landing/1.csv", &format!("order_id,country,amount\n{}", orders.concat())),
            ("models/orders.sql", "select order_id, country, amount from shop.orders\n"),
            (
                "models/orders.yaml",
                "load: { upsert: { key: [order_id] } }\nrules:\n  - not_null: { column: country, on_failure: quarantine }\n",
            ),
            ("models/totals.sql", "select country, sum(amount) as amount from orders group by country\n"),
        ],
    );
    printed(&project, &["run"]);
    write(
        &project,
        &[
            ("models/orders.sql", "select order_id, upper(country) as country, amount, amount > 100 as is_large from shop.orders\n"),
            ("models/countries.sql", "select distinct country from orders\n"),
        ],
    );
    printed(&project, &["run", "--env", "dev"]);
    project
}

fn all_rows(project: &Path) -> Vec<String> {
    TABLES.iter().map(|table| rows(project, table)).collect()
}

#[test]
fn a_killed_promotion_is_carried_on_and_a_second_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let before = ready(folder.path());
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &["promote", "dev"]);
    let whole = begun.elapsed();
    let (old, new) = (all_rows(&before), all_rows(&undisturbed));
    assert!(old.iter().zip(&new).all(|(old, new)| old != new && new != "no table"));
    for number in 0..KILLS {
        let project = folder.path().join(format!("killed-{number}"));
        copy(&before, &project);
        kill_after(&project, &["promote", "dev"], whole.mul_f64(dice(number)));
        let between = all_rows(&project);
        for (table, rows) in between.iter().enumerate() {
            assert!(*rows == old[table] || *rows == new[table], "kill {number}: {} is neither old nor new", TABLES[table]);
        }
        // Whoever comes next carries it on, also a run.
        printed(&project, if number % 2 == 0 { &["run"][..] } else { &["promote", "dev"][..] });
        assert!(all_rows(&project) == new, "kill {number}: what was carried on differs from an undisturbed promotion");
        let again = printed(&project, &["promote", "dev"]);
        assert!(again.contains("nothing to promote"), "kill {number}: {again}");
        assert!(printed(&project, &["run"]).contains("nothing changed"), "kill {number}: the next run built something again");
        printed(&project, &["env", "drop", "dev"]);
        assert!(all_rows(&project) == new, "kill {number}: production needs the environment");
        assert_eq!(strays(&project), Vec::<String>::new(), "kill {number}: files that no version names");
        std::fs::remove_dir_all(&project).unwrap();
    }
}

/// A project that has run, whose files are to be read in another way now. One of them is gone, so an environment begins with the rows that
/// production has of it.
fn reading_otherwise(folder: &Path) -> std::path::PathBuf {
    let project = folder.join("project");
    let orders = |ids: std::ops::Range<u32>| ids.map(|id| format!("{id},{id}.50\n")).collect::<Vec<_>>().concat();
    let sources = "project: shop\nsources:\n  shop:\n    csv: { path: { orders: \"landing/*.csv\" }, columns: { order_id: bigint }, null: [\"NA\"] }\n";
    write(
        &project,
        &[
            ("headworks.yaml", &sources.replace(", null: [\"NA\"]", "")),
            ("landing/1.csv", &format!("order_id,amount\n{}none,1.00\n", orders(0..300))),
            ("landing/2.csv", &format!("order_id,amount\n{}", orders(300..600))),
            ("models/orders.sql", "select order_id, amount from shop.orders\n"),
            ("models/orders.yaml", "load: { append: {} }\nfollow: { shop.orders: _batch }\n"),
            ("models/totals.sql", "select count(*) as orders, sum(amount) as amount from orders\n"),
        ],
    );
    printed(&project, &["run"]);
    std::fs::remove_file(project.join("landing/1.csv")).unwrap();
    write(&project, &[("headworks.yaml", sources)]);
    project
}

/// What is there of the project of [`reading_otherwise`], in production or in an environment.
fn loaded(project: &Path, place: &[&str]) -> Vec<String> {
    let queries = [
        "select order_id, amount, _file, _line from raw.shop.orders order by order_id",
        "select _rules, _file, _line from quarantine.shop.orders order by _file, _line",
        "select * from orders order by order_id",
        "select * from totals",
    ];
    queries.map(|query| printed(project, &[&["sql", query, "--format", "json", "--limit", "1000000"], place].concat())).to_vec()
}

#[test]
fn a_killed_run_of_an_environment_that_begins_with_productions_rows_is_continued() {
    const RUN: [&str; 3] = ["run", "--env", "dev"];
    let folder = tempfile::tempdir().unwrap();
    let before = reading_otherwise(folder.path());
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &RUN);
    let whole = begun.elapsed();
    let (old, new) = (loaded(&before, &[]), loaded(&undisturbed, &RUN[1..]));
    assert!(new[1].contains("landing/1.csv"), "the record that waits was not taken over: {}", new[1]);
    printed(&undisturbed, &["promote", "dev"]);
    assert_eq!(loaded(&undisturbed, &[]), new);
    for number in 0..KILLS / 2 {
        let project = folder.path().join(format!("killed-{number}"));
        copy(&before, &project);
        kill_after(&project, &RUN, whole.mul_f64(dice(number)));
        assert!(loaded(&project, &[]) == old, "kill {number}: production is not as it was");
        printed(&project, &RUN);
        assert!(loaded(&project, &RUN[1..]) == new, "kill {number}: the resumed run differs from an undisturbed one");
        assert!(printed(&project, &RUN).contains("nothing changed"), "kill {number}: the next run built something again");
        assert_eq!(strays(&project), Vec::<String>::new(), "kill {number}: files that no version names");
        printed(&project, &["promote", "dev"]);
        assert!(loaded(&project, &[]) == new, "kill {number}: what is promoted is not what was built");
        std::fs::remove_dir_all(&project).unwrap();
    }
}

#[test]
fn production_is_as_it_was_until_it_is_promoted_and_shares_the_files_then() {
    let folder = tempfile::tempdir().unwrap();
    let project = ready(folder.path());
    assert_eq!(rows(&project, "countries"), "no table");
    assert!(!project.join("warehouse/environments/dev/raw").exists(), "the raw copy was copied");
    let waiting = |arguments: &[&str]| {
        printed(&project, &[&["sql", "select count(*) as n from quarantine.orders", "--format", "json"], arguments].concat())
    };
    assert_eq!(waiting(&[]), waiting(&["--env", "dev"]));
    let text = printed(&project, &["promote", "dev"]);
    assert!(text.contains("production shows 3 tables"), "{text}");
    let parquet = |folder: &str| {
        let entries = std::fs::read_dir(project.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "parquet")).collect();
        files.sort();
        files
    };
    let own = parquet("warehouse/environments/dev/orders");
    let shared = own.iter().all(|file| std::fs::metadata(file).unwrap().nlink() == 2);
    assert!(!own.is_empty() && shared, "the files were copied");
    let history = printed(&project, &["status", "--format", "json", "--limit", "1"]);
    assert!(history.contains("\"environment\": \"dev\"") && history.contains("not_null_country"), "{history}");
}

#[test]
fn an_interrupted_promotion_keeps_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let project = ready(folder.path());
    let unknown = headworks(&project, &["promote", "deb"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `dev`?"));
    let production = headworks(&project, &["run", "--env", "production"]);
    assert_eq!(production.status.code(), Some(2));
}
