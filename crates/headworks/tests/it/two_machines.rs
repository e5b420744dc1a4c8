//! Two machines that run one project, each with a ledger of its own: whatever they do to one warehouse or one schema, no row is lost and
//! none comes twice, and the one that cannot go on says why.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::postgres::execute;
use crate::program::{PROGRAM, headworks, printed, rows, said};

/// Clones of a project; `warehouse` is where each has its tables, `more` is added to headworks.yaml.
fn clones(folder: &Path, names: &[&str], warehouse: &str, more: &str) {
    for name in names {
        let project = folder.join(name);
        std::fs::create_dir_all(project.join("models")).unwrap();
        std::fs::create_dir_all(project.join("landing")).unwrap();
        let source = "sources:\n  feed:\n    csv: { path: { orders: \"landing/*.csv\" }, columns: { id: bigint, amount: bigint } }\n";
        std::fs::write(project.join("headworks.yaml"), format!("project: shop\nwarehouse: {warehouse}\n{source}{more}")).unwrap();
        model(&project, "added", "select id, amount from feed.orders", "load: append\nfollow: { feed.orders: _batch }\n");
        model(&project, "kept", "select id, amount from feed.orders", "load: { upsert: { key: [id] } }\n");
        model(&project, "total", "select count(*) as orders, sum(amount) as amount from added", "");
    }
}

fn model(project: &Path, name: &str, sql: &str, yaml: &str) {
    std::fs::write(project.join(format!("models/{name}.sql")), sql).unwrap();
    std::fs::write(project.join(format!("models/{name}.yaml")), yaml).unwrap();
}

/// A file with ten orders arrives on each of these machines.
fn arrives(folder: &Path, names: &[&str], number: u32) {
    let orders: Vec<String> = (number * 10..number * 10 + 10).map(|id| format!("{id},{}", id * 3)).collect();
    let orders = orders.join("\n");
    for name in names {
        std::fs::write(folder.join(name).join(format!("landing/{number}.csv")), format!("id,amount\n{orders}\n")).unwrap();
    }
}

/// Runs both at the same time; what each printed, and how it ended.
fn both(folder: &Path) -> [(String, Option<i32>); 2] {
    let start = |name: &str| {
        let mut command = Command::new(PROGRAM);
        command.arg("run").current_dir(folder.join(name)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    ["one", "other"].map(start).map(|run| {
        let output = run.wait_with_output().unwrap();
        (said(&output), output.status.code())
    })
}

fn same(folder: &Path, name: &str) {
    for table in ["raw.feed.orders", "added", "kept", "total"] {
        let columns = if table == "raw.feed.orders" { format!("(select id, amount from {table}) as x") } else { table.to_owned() };
        assert_eq!(rows(&folder.join(name), &columns), rows(&folder.join("truth"), &columns), "{table}");
    }
}

#[test]
fn two_machines_with_one_warehouse_lose_and_double_nothing() {
    for attempt in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        clones(folder.path(), &["one", "other"], "../shared", "");
        clones(folder.path(), &["truth"], "warehouse", "");
        let all = ["one", "other", "truth"];
        arrives(folder.path(), &all, 1);
        for (text, code) in both(folder.path()) {
            let is_told = ["HW502", "HW702"].iter().any(|known| text.contains(known)) && text.contains("let one ");
            assert!(code == Some(0) || is_told, "attempt {attempt}: {code:?} {text}");
        }
        // Whoever could not go on can, once the other is done; from then on one ledger alone knows all windows.
        let settled = ["one", "other"].map(|name| headworks(&folder.path().join(name), &["run"]).status.success());
        assert!(settled.contains(&true), "attempt {attempt}: nobody can go on");
        arrives(folder.path(), &all, 2);
        let ran = ["one", "other"].map(|name| headworks(&folder.path().join(name), &["run"]).status.success());
        assert!(ran.contains(&true), "attempt {attempt}: nobody can go on");
        printed(&folder.path().join("truth"), &["run"]);
        same(folder.path(), "one");
    }
}

#[test]
fn an_older_ledger_is_told_that_another_machine_has_run() {
    let folder = tempfile::tempdir().unwrap();
    clones(folder.path(), &["one", "other"], "../shared", "");
    clones(folder.path(), &["truth"], "warehouse", "");
    let all = ["one", "other", "truth"];
    arrives(folder.path(), &all, 1);
    printed(&folder.path().join("one"), &["run"]);
    crate::program::copy(&folder.path().join("one/.headworks"), &folder.path().join("other"));
    arrives(folder.path(), &all, 2);
    printed(&folder.path().join("other"), &["run"]);
    let refused = headworks(&folder.path().join("one"), &["run"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && text.contains("HW702") && text.contains("another machine"), "{text}");
    // What it says helps.
    std::fs::remove_dir_all(folder.path().join("one/.headworks")).unwrap();
    crate::program::copy(&folder.path().join("other/.headworks"), &folder.path().join("one"));
    arrives(folder.path(), &all, 3);
    printed(&folder.path().join("one"), &["run"]);
    printed(&folder.path().join("truth"), &["run"]);
    same(folder.path(), "one");
}

#[test]
fn a_table_that_another_warehouse_has_delivered_is_not_written_over() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let count = || execute(&url, "select count(*) from hw_two_marts.kept");
    execute(&url, "drop schema if exists hw_two_marts cascade");
    let folder = tempfile::tempdir().unwrap();
    let targets = "targets: { marts: { postgres: { url: \"${env:HEADWORKS_TEST_POSTGRES}\", schema: hw_two_marts } } }\n";
    clones(folder.path(), &["one", "other"], "warehouse", targets);
    for name in ["one", "other"] {
        let yaml = "load: { upsert: { key: [id] } }\ndeliver: marts\n";
        model(&folder.path().join(name), "kept", "select id, amount from feed.orders", yaml);
    }
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    arrives(folder.path(), &["one"], 1);
    arrives(folder.path(), &["one", "other"], 2);
    printed(&one, &["run"]);
    assert_eq!(count(), "20");
    let refused = headworks(&other, &["run"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && text.contains("HW207") && text.contains("shows what another warehouse has"), "{text}");
    assert_eq!(count(), "20");
    // A warehouse that is built anew by the same ledger is no other one.
    std::fs::remove_dir_all(one.join("warehouse")).unwrap();
    printed(&one, &["run"]);
    assert_eq!(count(), "20");
    // The other one takes over, as the message says.
    let sql = text.split('`').find(|part| part.starts_with("update ")).unwrap_or_else(|| panic!("{text}"));
    execute(&url, sql);
    printed(&other, &["run"]);
    assert_eq!(count(), "10");
    assert_eq!(headworks(&one, &["run"]).status.code(), Some(2), "the first one has to be told");
}

#[test]
fn two_machines_build_one_table_inside_a_database() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    execute(
        &url,
        "drop schema if exists hw_both cascade; drop schema if exists hw_both_marts cascade; create schema hw_both;
         create table hw_both.orders (id int primary key, amount int); insert into hw_both.orders select i, i from generate_series(1, 500) i",
    );
    let folder = tempfile::tempdir().unwrap();
    let at = |schema: &str| format!("{{ postgres: {{ url: \"${{env:HEADWORKS_TEST_POSTGRES}}\", schema: {schema} }} }}");
    for name in ["one", "other"] {
        let project = folder.path().join(name);
        std::fs::create_dir_all(project.join("models")).unwrap();
        let yaml = format!("project: shop\nsources: {{ shop: {} }}\ntargets: {{ marts: {} }}\n", at("hw_both"), at("hw_both_marts"));
        std::fs::write(project.join("headworks.yaml"), yaml).unwrap();
        let load = "engine: { push_down: postgres }\nload: { append: { key: [id] } }\ndeliver: marts\n";
        model(&project, "events", "select id, amount from shop.orders", load);
    }
    for round in 1..=3 {
        for (text, code) in both(folder.path()) {
            assert_eq!(code, Some(0), "round {round}: {text}");
        }
        let counted = "select count(*) || ' ' || count(distinct id) || ' ' || sum(amount - id) from hw_both_marts.events";
        assert_eq!(execute(&url, counted), format!("{0} {0} 0", 500 * round), "round {round}");
        // Rows that are there stay as they are, others come.
        let next = format!(
            "update hw_both.orders set amount = 0 where id <= 100; insert into hw_both.orders select i, i from generate_series({}, {}) i",
            500 * round + 1,
            500 * (round + 1)
        );
        execute(&url, &next);
    }
}
