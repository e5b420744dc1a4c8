//! Deliveries to PostgreSQL that are disturbed: readers there see the version before or the one after, never a mix, and the next run brings
//! the table to where an undisturbed one would have.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::crash::dice;
use crate::postgres::execute;
use crate::program::{PROGRAM, printed, said};

/// Rows of the table that is disturbed.
const ROWS: usize = 40_000;
/// The name under which the connections of a test are found.
const APPLICATION: &str = "application_name";

/// A schema of the test's own, and a project that delivers to it; `None` without a server.
struct Target {
    url: String,
    schema: &'static str,
    folder: tempfile::TempDir,
}

impl Target {
    fn new(schema: &'static str) -> Option<Self> {
        let server = std::env::var("HEADWORKS_TEST_POSTGRES").ok()?;
        let separator = if server.contains('?') { '&' } else { '?' };
        let target = Self { url: format!("{server}{separator}{APPLICATION}={schema}"), schema, folder: tempfile::tempdir().unwrap() };
        target.execute(&format!("drop schema if exists {schema} cascade"));
        for folder in ["models", "in"] {
            std::fs::create_dir_all(target.project().join(folder)).unwrap();
        }
        target.write(
            "headworks.yaml",
            &format!(
                "project: targets\nsources:\n  feed:\n    csv:\n      path: {{ events: \"in/*.csv\" }}\n      \
                 columns: {{ id: bigint, k: bigint, a: text, b: bigint, day: date, gone: boolean, t: timestamp }}\n\
                 targets:\n  reporting:\n    postgres: {{ url: \"${{env:TARGET}}\", schema: {schema} }}\n"
            ),
        );
        Some(target)
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.project().join(file), text).unwrap();
    }

    /// Runs SQL, and returns what it prints.
    fn execute(&self, sql: &str) -> String {
        let server = self.url.split(APPLICATION).next().unwrap().trim_end_matches(['?', '&']);
        execute(server, sql)
    }

    fn begin_run(&self) -> Child {
        let mut command = Command::new(PROGRAM);
        command.arg("run").current_dir(self.project()).env("TARGET", &self.url).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs the project; returns exit code and what was printed.
    fn run(&self) -> (Option<i32>, String) {
        let output = self.begin_run().wait_with_output().unwrap();
        (output.status.code(), said(&output))
    }

    #[track_caller]
    fn runs(&self) -> String {
        let (code, text) = self.run();
        assert_eq!(code, Some(0), "{text}");
        text
    }

    /// Lets every row have the value `b`.
    fn all_rows_have(&self, b: usize) {
        let mut text = "id,k,a,b,day,gone,t\n".to_owned();
        for k in 0..ROWS {
            let _ = writeln!(text, "{k},{k},{},{b},2026-0{}-01,false,2026-01-01 00:00:00", "x".repeat(60), k % 9 + 1);
        }
        self.write(&format!("in/{b:04}.csv"), &text);
    }

    /// The version that the table shows, and the values that its rows have: one statement, so one moment.
    fn shown(&self) -> String {
        let schema = self.schema;
        self.execute(&format!(
            "select (select version from {schema}.headworks_versions where table_name = 'same'), count(*), min(b), max(b) from {schema}.same"
        ))
    }

    /// Waits until a delivery copies rows, and carries out what `sql` says about its process.
    fn at_a_copy(&self, sql: &str) {
        let schema = self.schema;
        self.execute(&format!(
            "do $$ declare copying int; begin for i in 1..20000 loop \
             perform pg_stat_clear_snapshot(); \
             select pid into copying from pg_stat_activity where application_name = '{schema}' and query like 'copy %' and state = 'active'; \
             if found then perform {sql}; return; end if; perform pg_sleep(0.001); end loop; raise 'nothing was copied'; end $$"
        ));
    }
}

/// A target with a table in which all rows have one value, which the next run changes in all of them.
fn ready(schema: &'static str) -> Option<Target> {
    let target = Target::new(schema)?;
    target.write("models/same.sql", "select k, a, b, day from feed.events");
    target.write(
        "models/same.yaml",
        "load: { upsert: { key: [k] } }\nfollow: { feed.events: _batch }\ndeliver: { to: reporting, partition: { by: day } }\n",
    );
    target.all_rows_have(1);
    target.runs();
    assert_eq!(target.shown(), format!("0|{ROWS}|1|1"));
    Some(target)
}

#[test]
fn a_delivery_whose_process_is_ended_while_it_copies_is_made_again() {
    let Some(target) = ready("hw_it_target_ended") else { return };
    target.all_rows_have(2);
    let run = target.begin_run();
    target.at_a_copy("pg_terminate_backend(copying)");
    let output = run.wait_with_output().unwrap();
    let text = said(&output);
    assert!(output.status.success() && text.contains("attempt 1 of 3"), "{text}");
    assert_eq!(target.shown(), format!("1|{ROWS}|2|2"), "{text}");
    assert!(target.runs().contains("nothing changed"));
}

#[test]
fn killed_deliveries_show_the_old_or_the_new_and_are_continued() {
    let Some(target) = ready("hw_it_target_killed") else { return };
    let mut half_way = 0;
    for number in 1..=8_usize {
        target.all_rows_have(number + 1);
        let (old, new) = (format!("{}|{ROWS}|{number}|{number}", number - 1), format!("{number}|{ROWS}|{0}|{0}", number + 1));
        let mut run = target.begin_run();
        target.at_a_copy("true");
        sleep(Duration::from_millis(400).mul_f64(dice(u32::try_from(number).unwrap())));
        run.kill().unwrap();
        run.wait().unwrap();
        let between = target.shown();
        assert!(between == old || between == new, "kill {number}: {between} is neither {old} nor {new}");
        half_way += u32::from(between == old);
        let text = target.runs();
        assert_eq!(target.shown(), new, "kill {number}: {text}");
    }
    assert!(half_way > 0, "no kill hit a delivery");
    assert!(target.runs().contains("nothing changed"));
}

#[test]
fn readers_never_see_a_mix() {
    let Some(target) = ready("hw_it_target_read") else { return };
    let ended = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen: Vec<String> = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let now = target.shown();
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
            }
            seen
        });
        for number in 2..=4 {
            target.all_rows_have(number);
            target.runs();
        }
        ended.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    let possible: Vec<String> = (1..=4).map(|b| format!("{}|{ROWS}|{b}|{b}", b - 1)).collect();
    assert!(seen.iter().all(|now| possible.contains(now)), "{seen:?}");
    assert!(seen.len() > 1 && seen.is_sorted(), "{seen:?}");
}

/// Models of which each is loaded and delivered in another way, with the columns by which they are compared.
const MODELS: &[(&str, &str, &str, &str)] = &[
    (
        "grows",
        "select id, k, a, b, day from feed.events",
        "load: append\nfollow: { feed.events: _batch }\ndeliver: reporting\n",
        "id, k, a, b, day",
    ),
    (
        "keyed",
        "select k, a, b, day, gone, t from feed.events",
        "load: { upsert: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\npartition_by: month(day)\n\
         deliver: { to: reporting, partition: { by: day, every: month }, indexes: [a, [b, day]] }\n",
        "k, a, b, day, gone, day_month",
    ),
    (
        "versions",
        "select k, a, b, gone, t from feed.events",
        "load: { scd2: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\ndeliver: reporting\n",
        "k, a, b, gone, is_current, valid_from, valid_to",
    ),
    (
        "totals",
        "select day, count(*) as rows, sum(b) as b, count(distinct k) as keys from feed.events group by day",
        "rules:\n  - not_null: { column: day, on_failure: quarantine }\n  - unique: { column: day }\n\
         deliver: { to: reporting, key: [day], partition: { by: day, every: year } }\n",
        "day, rows, b, keys",
    ),
    ("heap", "select a, b, day from feed.events", "deliver: { to: reporting, partition: { by: day, every: month } }\n", "a, b, day"),
];

/// The rows of a model's table, or of that in the database, in one order.
fn compared(target: &Target, model: &str, columns: &str) -> (String, String) {
    let time = |column: &str| {
        if column.starts_with("valid") { format!("cast(extract(epoch from {column}) as bigint)") } else { column.to_owned() }
    };
    let text = |column: &str| format!("coalesce(cast({} as varchar), 'none')", time(column));
    let line = columns.split(", ").map(text).collect::<Vec<_>>().join(" || '|' || ");
    let here = format!("select {line} as line from {model}");
    let here = printed(&target.project(), &["sql", &here, "--format", "json", "--limit", "1000000"]);
    let here: serde_json::Value = serde_json::from_str(&here).unwrap();
    let mut here: Vec<String> = here.as_array().unwrap().iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect();
    here.sort();
    let mut there: Vec<String> =
        target.execute(&format!("select {line} from {}.{model}", target.schema)).lines().map(str::to_owned).collect();
    there.sort();
    (here.join("\n"), there.join("\n"))
}

/// A number below `bound` that looks random and is the same in every run.
fn below(seed: &mut u32, bound: u32) -> u32 {
    *seed = seed.wrapping_add(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number between 0 and the bound")]
    let number = (dice(*seed) * f64::from(bound)) as u32;
    number
}

#[test]
fn whatever_happens_the_table_there_ends_as_the_one_here() {
    let Some(target) = Target::new("hw_it_target_same") else { return };
    for (name, sql, yaml, _) in MODELS {
        target.write(&format!("models/{name}.sql"), sql);
        target.write(&format!("models/{name}.yaml"), yaml);
    }
    let mut seed = 7;
    for round in 0..8_u32 {
        let mut text = "id,k,a,b,day,gone,t\n".to_owned();
        for row in 0..300 {
            let (k, a, b) = (below(&mut seed, 120), below(&mut seed, 4), below(&mut seed, 50));
            let (month, day, gone) = (below(&mut seed, 12) + 1, below(&mut seed, 3) + 1, below(&mut seed, 9) == 0);
            let day = if below(&mut seed, 40) == 0 { String::new() } else { format!("202{}-{month:02}-{day:02}", below(&mut seed, 2) + 5) };
            let (hour, second) = (below(&mut seed, 24), below(&mut seed, 60));
            let _ = writeln!(text, "{},{k},a{a},{b},{day},{gone},2026-01-{:02} {hour:02}:00:{second:02}", round * 1000 + row, round + 1);
        }
        // Sometimes a file is corrected, so that rows go.
        target.write(&format!("in/{:02}.csv", if round % 4 == 3 { round - 1 } else { round }), &text);
        if round % 3 == 1 {
            let mut run = target.begin_run();
            sleep(Duration::from_millis(900).mul_f64(dice(round)));
            run.kill().unwrap();
            run.wait().unwrap();
        }
        if round == 6 {
            // What somebody did to the tables there is put right where a key tells rows, and where all are sent.
            target.execute("drop table hw_it_target_same.versions; create index mine on hw_it_target_same.keyed (gone)");
        }
        let said = target.runs();
        if round == 5 {
            for model in ["keyed", "versions"] {
                printed(&target.project(), &["rollback", model]);
            }
            target.runs();
        }
        for (model, _, _, columns) in MODELS {
            let (here, there) = compared(&target, model, columns);
            assert!(here == there, "round {round}: `{model}` differs:\n{said}\n{here}\n\n{there}");
        }
    }
    let last = target.runs();
    assert!(last.contains("nothing changed"), "{last}");
}
