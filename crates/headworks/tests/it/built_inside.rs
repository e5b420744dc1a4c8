//! Models that are built inside PostgreSQL have the rows that the engine makes of the same data and delivers there; and a build that is
//! killed has happened once or never.
//!
//! `HEADWORKS_ROUNDS=1000` is a long watch.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::chance::Chance;
use crate::postgres::execute;
use crate::program::{PROGRAM, headworks, printed};
use crate::push_down::table;

/// Models of a round, each once inside and once by the engine.
const MODELS: usize = 6;

/// Expressions over a row of the table; `a.` is put before the columns of a join.
const OF_ROWS: &[&str] = &[
    "i4",
    "i2",
    "i8 + i4",
    "i2 * i4",
    "i4 / 7",
    "i4 % 5",
    "-i4",
    "dec + i4",
    "dec * 2",
    "dec - dec",
    "dec * dec",
    "coalesce(dec, 0)",
    "abs(dec)",
    "wide",
    "free",
    "f8",
    "f8 * 2",
    "f8 + i4",
    "f4",
    "t",
    "c",
    "trim(t)",
    "ltrim(t)",
    "t || v",
    "upper(v)",
    "lower(t)",
    "length(t)",
    "nullif(t, 'a')",
    "case when i4 > 0 then t else v end",
    "case when yes then i4 when i4 is null then 0 end",
    "yes",
    "not yes",
    "yes and i4 > 0",
    "day",
    "ts",
    "tz",
    "cast(tz as date)",
    "cast(ts as date)",
    "cast(day as timestamp(6))",
    "cast(i4 as bigint)",
    "cast(i4 as double)",
    "cast(dec as decimal(20,4))",
    "cast(i8 as varchar)",
    "cast(dec as varchar)",
    "cast(yes as int)",
    "i4 between 0 and 10",
    "t in ('a', 'b')",
    "t not like 'a%'",
    "day > '2026-01-01'",
    "ts >= tz",
    "t is distinct from v",
    "regexp_like(v, '^a')",
    "dec < i4",
    "j",
    "u",
    "tags",
    "raw",
    "1",
    "'x'",
    "(select count(*) from shop.parents as p where p.i4 = judged.i4)",
    "dec > 0.5",
    "dec >= 99.99",
    "dec * 1.19",
    "case when yes then dec else 0 end",
    "case t when 'a' then i4 when 'b' then null else i8 end",
    "cast(coalesce(dec, 0) as varchar)",
    "coalesce(i4, i8, 0)",
    "nvl(v, 'none')",
    "cast(null as date)",
    "greatest(i4, i8)",
    "least(day, cast(ts as date))",
    "floor(f8)",
    "cast(i4 as smallint)",
    "substr(t, 2)",
    "substring(v from 1 for 2)",
    "left(t, 1)",
    "right(v, 2)",
    "lpad(v, 4, '0')",
    "rpad(t, 3)",
    "replace(t, 'a', 'bb')",
    "split_part(t, '@', 2)",
    "strpos(v, 'b')",
    "position('@' in t)",
    "starts_with(v, 'A')",
    "concat(t, '-', v)",
    "reverse(t)",
    "repeat(v, 2)",
    "initcap(t)",
    "md5(t)",
    "extract(year from day)",
    "extract(quarter from ts)",
    "extract(week from day)",
    "extract(dow from tz)",
    "extract(doy from day)",
    "extract(hour from tz)",
    "extract(second from ts)",
    "date_part('month', day)",
    "date_trunc('month', ts)",
    "date_trunc('week', tz)",
    "date_trunc('hour', tz)",
    "cast(date_trunc('quarter', day) as date)",
    "ts >= '2026-02-01'",
    "rank() over (partition by t order by i4 desc)",
    "rank() over (order by i4) - 1",
    "cast(dense_rank() over (order by dec nulls first) as bigint)",
    "sum(dec) over (partition by t order by i4)",
    "count(*) over (partition by yes)",
    "cast(row_number() over (partition by t order by i8, u, dec, day) as int)",
    "lag(t) over (order by i8, dec, day, ts, tz)",
    "sum(i4) over (order by i8, dec, day, ts, tz rows between 1 preceding and current row)",
];

const OF_GROUPS: &[&str] = &[
    "count(*)",
    "count(t)",
    "count(distinct t)",
    "count(distinct i4)",
    "sum(i4)",
    "sum(i8)",
    "sum(dec)",
    "sum(dec * 2)",
    "min(day)",
    "max(tz)",
    "min(t)",
    "max(i8)",
    "max(dec)",
    "avg(i4)",
    "avg(i8)",
    "avg(dec)",
    "sum(i4) filter (where yes)",
    "count(*) filter (where t = 'a')",
    "max(i4) - min(i4)",
    "bool_or(yes)",
    "max(extract(year from day))",
    "date_trunc('month', max(ts))",
];

const CONDITIONS: &[&str] = &[
    "",
    "",
    "i4 > 0",
    "yes",
    "t <> 'b' or t is null",
    "day >= '2026-01-01'",
    "dec between 0 and 50",
    "i8 in (0, 1, 42)",
    "exists (select 1 from shop.parents as p where p.t = judged.t)",
    "i4 > 0 and i4 in (select i4 from shop.parents)",
];

/// A random SELECT over the tables of a round.
fn select(chance: &mut Chance) -> String {
    let condition = chance.one(CONDITIONS);
    let rows = if condition.is_empty() { String::new() } else { format!(" where {condition}") };
    match chance.below(6) {
        0 => {
            let keys = [chance.one(&["t", "yes", "i4"]), chance.one(&["day", "v", "upper(v)"])];
            let aggregates = (0..3).map(|at| format!("{} as m{at}", chance.one(OF_GROUPS))).collect::<Vec<_>>().join(", ");
            format!("select {} as k0, {} as k1, {aggregates} from shop.judged{rows} group by 1, 2", keys[0], keys[1])
        }
        1 => {
            let kind = chance.one(&["join", "left join", "right join", "full join"]);
            let on = chance.one(&["b.i4 = a.i4", "b.i4 = a.i2 and b.t = a.t", "a.day = b.day", "b.i8 = a.i4"]);
            let rows = if condition.is_empty() { "" } else { " where a.i4 > 0 or b.i4 is null" };
            format!(
                "select a.i4, a.t, b.dec, b.i8 as other, a.dec + b.i4 as added from shop.judged as a {kind} shop.parents as b on {on}{rows}"
            )
        }
        2 => format!(
            "with few as (select i4, t, dec from shop.judged{rows} union all select i4, t, dec from shop.parents) \
             select distinct i4, t, {} as x from few",
            chance.one(&["dec", "i4 + 1", "trim(t)", "coalesce(dec, 1)"])
        ),
        3 => format!(
            "select i4, a.t, {} as x from shop.judged as a {} shop.parents as b using (i4)",
            chance.one(&["b.t as other", "b.dec", "a.day", "coalesce(b.v, a.v)"]).replace(" as other", ""),
            chance.one(&["join", "left join"])
        ),
        4 => format!(
            "select t, i4, dec from (select *, row_number() over (partition by t order by i4, i8, dec, u, day, ts) as place from shop.judged{rows}) \
             where place = 1 {} select t, i4, dec from shop.parents",
            chance.one(&["union", "except", "intersect", "union all"])
        ),
        _ => {
            let columns = (0..5).map(|at| format!("{} as c{at}", chance.one(OF_ROWS))).collect::<Vec<_>>().join(", ");
            format!("select {columns} from shop.judged{rows}")
        }
    }
}

fn project(folder: &Path, schema: &str) {
    std::fs::create_dir_all(folder.join("models")).unwrap();
    let at = |schema: &str| format!("postgres: {{ url: \"${{env:HEADWORKS_TEST_POSTGRES}}\", schema: {schema} }}");
    let text = format!(
        "project: inside\nsources: {{ shop: {{ {} }} }}\ntargets: {{ marts: {{ {} }} }}\n",
        at(schema),
        at(&format!("{schema}_marts"))
    );
    std::fs::write(folder.join("headworks.yaml"), text).unwrap();
}

fn model(folder: &Path, name: &str, sql: &str, yaml: &str) {
    std::fs::write(folder.join(format!("models/{name}.sql")), sql).unwrap();
    std::fs::write(folder.join(format!("models/{name}.yaml")), format!("deliver: marts\n{yaml}")).unwrap();
}

/// The outcome of a step, and its error.
fn outcome<'a>(run: &'a Json, step: &str) -> (&'a str, &'a str) {
    let steps = run["steps"].as_array().unwrap();
    let found = steps.iter().find(|found| found["model"] == *step).unwrap();
    (found["outcome"].as_str().unwrap(), found["error"].as_str().unwrap_or_default())
}

#[test]
fn what_is_built_inside_is_what_the_engine_delivers() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let rounds: u64 = std::env::var("HEADWORKS_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    let mut inside = 0;
    for round in 1..=rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut chance = Chance(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (rows, wild) = ([1, 12, 40][chance.below(3)], [0, 0, 1][chance.below(3)]);
        let tables = table(&mut chance, "hw_inside.judged", rows, wild) + &table(&mut chance, "hw_inside.parents", 10, 0);
        let schemas = "drop schema if exists hw_inside cascade; drop schema if exists hw_inside_marts cascade; create schema hw_inside";
        execute(&url, &format!("{schemas}; {tables}"));
        project(folder.path(), "hw_inside");
        let selects: Vec<String> = (0..MODELS).map(|_| select(&mut chance)).collect();
        for (at, sql) in selects.iter().enumerate() {
            model(folder.path(), &format!("inside_{at}"), sql, "engine: { push_down: postgres }\n");
            model(folder.path(), &format!("engine_{at}"), sql, "");
        }
        let output = headworks(folder.path(), &["run", "--format", "json"]);
        let run: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        for (at, sql) in selects.iter().enumerate() {
            let (built, why) = outcome(&run, &format!("inside_{at}"));
            if built != "published" {
                let (by_engine, _) = outcome(&run, &format!("engine_{at}"));
                assert!(
                    why.contains("cannot") || why.contains("may see in another way") || by_engine == "failed",
                    "round {round}: {why}\n{sql}"
                );
                continue;
            }
            let (delivered, why) = outcome(&run, &format!("marts/engine_{at}"));
            assert_eq!(delivered, "published", "round {round}: {why}\n{sql}");
            let (one, other) = (format!("hw_inside_marts.inside_{at}"), format!("hw_inside_marts.engine_{at}"));
            let shape = |table: &str| {
                execute(
                    &url,
                    &format!(
                        "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute where attrelid = '{table}'::regclass and attnum > 0"
                    ),
                )
            };
            assert_eq!(shape(&one), shape(&other), "round {round}: {sql}");
            let differing = format!("(table {one} except all table {other}) union all (table {other} except all table {one})");
            assert_eq!(execute(&url, &differing), "", "round {round}: {sql}");
            inside += 1;
        }
    }
    assert!(inside * 2 > rounds * MODELS as u64, "only {inside} models of {rounds} rounds were built inside");
}

/// A project with a table of 1,000 rows that is built inside a schema of its own.
fn disturbed(url: &str, schema: &str, folder: &Path) {
    execute(
        url,
        &format!(
            "drop schema if exists {schema} cascade; drop schema if exists {schema}_marts cascade; create schema {schema};
             create table {schema}.orders (id int primary key, amount int); insert into {schema}.orders select i, i from generate_series(1, 1000) i"
        ),
    );
    project(folder, schema);
    model(folder, "sales", "select id, amount from shop.orders", "engine: { push_down: postgres }\nload: { upsert: { key: [id] } }\n");
    printed(folder, &["run"]);
    execute(url, &format!("update {schema}.orders set amount = 0 where id <= 10"));
}

/// Lets everything that changes a table wait there for two seconds: at once, or when it commits.
fn slow(url: &str, table: &str, when: &str) {
    let trigger = match when {
        "statement" => format!("create trigger slow before update on {table} for each statement execute function slow()"),
        _ => format!(
            "create constraint trigger slow after insert or update on {table} deferrable initially deferred for each row execute function slow()"
        ),
    };
    let (schema, _) = table.split_once('.').unwrap();
    let function = "begin perform pg_catalog.pg_sleep(2); return null; end";
    execute(
        url,
        &format!(
            "create function {schema}.slow() returns trigger language plpgsql as $$ {function} $$; {}",
            trigger.replace("function slow", &format!("function {schema}.slow"))
        ),
    );
}

/// Begins a run whose connections are found by the name of the schema.
fn begin(url: &str, schema: &str, folder: &Path) -> Child {
    let mut command = Command::new(PROGRAM);
    let separator = if url.contains('?') { '&' } else { '?' };
    command
        .env("HEADWORKS_TEST_POSTGRES", format!("{url}{separator}application_name={schema}"))
        .arg("run")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Kills a run that waits in the server, and waits until the server has noticed.
fn killed(url: &str, schema: &str, folder: &Path) {
    let mut run = begin(url, schema, folder);
    let connections = format!("select count(*) from pg_stat_activity where application_name = '{schema}'");
    wait_until(|| execute(url, &format!("{connections} and wait_event = 'PgSleep'")) == "1");
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until(|| execute(url, &connections) == "0");
}

fn wait_until(happened: impl Fn() -> bool) {
    while !happened() {
        sleep(Duration::from_millis(20));
    }
}

/// What the table shows: its version, and how many of its rows are new.
fn shown(url: &str, schema: &str) -> String {
    let version = format!("select version from {schema}_marts.headworks_versions where table_name = 'sales'");
    execute(url, &format!("select ({version}) || ': ' || count(*) from {schema}_marts.sales where amount = 0"))
}

#[test]
fn a_build_that_is_killed_has_never_been_and_comes_next_time() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let folder = tempfile::tempdir().unwrap();
    disturbed(&url, "hw_killed", folder.path());
    slow(&url, "hw_killed_marts.sales", "statement");
    killed(&url, "hw_killed", folder.path());
    assert_eq!(shown(&url, "hw_killed"), "1: 0");
    execute(&url, "drop trigger slow on hw_killed_marts.sales");
    assert!(printed(folder.path(), &["run"]).contains("version 1 to 2: 10 changed"));
    assert_eq!(shown(&url, "hw_killed"), "2: 10");
}

#[test]
fn a_commit_that_the_ledger_missed_counts_once() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let folder = tempfile::tempdir().unwrap();
    disturbed(&url, "hw_missed", folder.path());
    slow(&url, "hw_missed_marts.headworks_versions", "commit");
    killed(&url, "hw_missed", folder.path());
    assert_eq!(shown(&url, "hw_missed"), "2: 10");
    execute(&url, "drop trigger slow on hw_missed_marts.headworks_versions");
    let text = printed(folder.path(), &["run", "--format", "json"]);
    let run: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome(&run, "sales").0, "published", "{text}");
    assert_eq!(run["steps"][0]["commit"]["version"], 2, "{text}");
    assert_eq!(shown(&url, "hw_missed"), "2: 10");
    assert!(printed(folder.path(), &["run"]).contains("nothing new"));
    assert_eq!(shown(&url, "hw_missed"), "2: 10");
}

/// Loads, and rules that keep rows out of some of them.
const LOADS: &[(&str, &str)] = &[
    ("appended", "load: { append: { key: [id] } }\n"),
    ("upserted", "load: { upsert: { key: [id] } }\n"),
    ("deleted", "load: { upsert: { key: [id], delete_when: gone or amount > 90 } }\n"),
    ("dimension", "load: { scd1: { key: [id], delete_when: gone } }\n"),
    (
        "guarded",
        "load: { upsert: { key: [id], delete_when: gone } }\nrules:\n  - range: { column: amount, max: 80, on_failure: quarantine }\n",
    ),
    ("referring", "load: replace\nrules:\n  - referential: { column: parent, to: shop.parents.id, on_failure: quarantine }\n"),
];

/// What happens at the source between two runs.
fn changes(chance: &mut Chance, schema: &str) -> String {
    let mut sql = String::new();
    for _ in 0..chance.below(12) {
        let (id, amount, parent) = (chance.below(20), chance.below(100), chance.below(8));
        let gone = chance.one(&["false", "false", "true", "null"]);
        sql += &match chance.below(5) {
            0 => format!("delete from {schema}.orders where id = {id};"),
            1 => format!("update {schema}.orders set gone = {gone} where id = {id};"),
            _ => format!(
                "insert into {schema}.orders values ({id}, {amount}, {gone}, {parent}) on conflict (id) do update set amount = excluded.amount, gone = excluded.gone, parent = excluded.parent;"
            ),
        };
    }
    let parent = chance.below(8);
    sql + &match chance.below(3) {
        0 => format!("delete from {schema}.parents where id = {parent};"),
        _ => format!("insert into {schema}.parents values ({parent}) on conflict do nothing;"),
    }
}

/// Runs, now and then killed at any moment and then once more.
fn run(chance: &mut Chance, folder: &Path) {
    if chance.below(3) == 0 {
        let mut command = Command::new(PROGRAM);
        command.arg("run").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut run = command.spawn().unwrap();
        sleep(Duration::from_millis(20 * chance.below(60) as u64));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    printed(folder, &["run"]);
}

#[test]
fn after_any_changes_and_kills_a_load_has_the_rows_that_the_engine_delivers() {
    let Ok(url) = std::env::var("HEADWORKS_TEST_POSTGRES") else { return };
    let rounds: u64 = std::env::var("HEADWORKS_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let schema = "hw_loads";
    let mut seen = 0;
    for round in 1..=rounds {
        let folder = tempfile::tempdir().unwrap();
        let mut chance = Chance(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        execute(
            &url,
            &format!(
                "drop schema if exists {schema} cascade; drop schema if exists {schema}_marts cascade; create schema {schema};
                 create table {schema}.orders (id int primary key, amount int, gone boolean, parent int); create table {schema}.parents (id int primary key)"
            ),
        );
        project(folder.path(), schema);
        for (name, yaml) in LOADS {
            let select = "select id, amount, gone, parent from shop.orders";
            model(folder.path(), &format!("inside_{name}"), select, &format!("engine: {{ push_down: postgres }}\n{yaml}"));
            model(folder.path(), &format!("engine_{name}"), select, yaml);
        }
        for step in 0..4 {
            let changes = changes(&mut chance, schema);
            execute(&url, &changes);
            run(&mut chance, folder.path());
            for (name, _) in LOADS {
                let (one, other) = (format!("{schema}_marts.inside_{name}"), format!("{schema}_marts.engine_{name}"));
                let differing = format!("(table {one} except all table {other}) union all (table {other} except all table {one})");
                assert_eq!(execute(&url, &differing), "", "round {round}, step {step}: {name}\n{changes}");
                seen += execute(&url, &format!("select count(*) from {one}")).parse::<u64>().unwrap();
            }
            let again = printed(folder.path(), &["run"]);
            assert!(again.contains("nothing changed"), "round {round}, step {step}: {again}");
        }
    }
    assert!(seen > 16 * rounds, "only {seen} rows were seen");
}
