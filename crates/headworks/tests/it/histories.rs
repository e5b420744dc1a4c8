//! Whatever order rows arrive in, however late, and however often a run is killed: every table ends as one full load makes it.
//!
//! Several histories of inserts, changes, deletions and re-inserts, each with keys of its own, are delivered in random order and batches,
//! with batches that come twice and files that are corrected, and runs are ended by `kill -9` at random moments.
//! `HEADWORKS_PROJECTS=1000` is a long watch (`make soak`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::program::{PROGRAM, printed, rows, strays, write};

/// How many histories a project carries at once.
const TOGETHER: usize = 8;
/// So many keys belong to each. Events and whole datasets have the first four of them; `infer` names all.
const KEYS: usize = 6;
/// No history has this key.
const NO_HISTORY: usize = KEYS * TOGETHER;

/// The files of a project with every way to load, each with a SELECT.
const FILES: &[(&str, &str)] = &[
    (
        "headworks.yaml",
        "project: histories
engine: { threads: 1 }
sources:
  feed:
    csv:
      path: { events: \"in/*.csv\" }
      columns: { id: bigint, k: bigint, a: text, b: bigint, day: date, gone: boolean, t: timestamp }
  whole:
    csv: { path: { customers: \"whole/*.csv\" }, columns: { k: bigint, a: text, b: bigint } }
",
    ),
    ("models/appended.sql", "select id, k, a, day from feed.events"),
    ("models/appended.yaml", "load: { append: { key: [id] } }\nfollow: { feed.events: _batch }\npartition_by: month(day)\n"),
    ("models/upserted.sql", "select k, a, b, day, gone, t from feed.events"),
    (
        "models/upserted.yaml",
        "load: { upsert: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\npartition_by: month(day)\n\
         rules:\n  - range: { column: b, max: 7, on_failure: quarantine }\n",
    ),
    ("models/versions.sql", "select k, a, b, gone, t from feed.events"),
    (
        "models/versions.yaml",
        "load: { scd2: { key: [k], delete_when: gone, ignore: [b], surrogate_key: version_key } }\nfollow: { feed.events: t }\n",
    ),
    ("models/typed.sql", "select k, a, b, day, gone, t from feed.events"),
    (
        "models/typed.yaml",
        "load: { scd2: { key: [k], delete_when: gone, previous: [b], overwrite: [day], surrogate_key: version_key } }\nfollow: { feed.events: t }\n",
    ),
    ("models/members.sql", "select k, a, b, gone, t from feed.events where b < 3"),
    (
        "models/members.yaml",
        "load: { scd2: { key: [k], delete_when: gone, surrogate_key: member_key } }\nfollow: { feed.events: t }\n\
         infer: { feed.events: k - k % 6 + b % 6 }\ninferred: { a: unknown }\n\
         rules:\n  - accepted_values: { column: a, values: [a0, a1], on_failure: quarantine }\n",
    ),
    ("models/named.sql", "select k, a, b, gone, t from feed.events where b < 3"),
    (
        "models/named.yaml",
        "load: { upsert: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\ninfer: { feed.events: k - k % 6 + b % 6 }\n",
    ),
    ("models/last.sql", "select k, a, b, gone, t from feed.events"),
    ("models/last.yaml", "load: { scd3: { key: [k], previous: [a], delete_when: gone } }\nfollow: { feed.events: t }\n"),
    ("models/replaced.sql", "select a, count(*) as events, sum(b) as total from feed.events group by a"),
    (
        "models/monthly.sql",
        "select cast(date_trunc('month', day) as date) as month, count(*) as events, sum(b) as total from feed.events group by 1",
    ),
    ("models/monthly.yaml", "load: { recompute: {} }\npartition_by: month(month)\n"),
    ("models/monthly_rows.sql", "select day, k, a, count(*) over (partition by day) as rows_of_day from upserted"),
    ("models/monthly_rows.yaml", "load: { recompute: {} }\npartition_by: month(day)\n"),
    (
        "models/joined.sql",
        "select cast(date_trunc('month', e.day) as date) as month, w.a, count(*) as events from feed.events e \
         left join whole.customers w on w.k = e.k group by 1, 2",
    ),
    ("models/joined.yaml", "load: { recompute: { from: { feed.events: month(day) } } }\npartition_by: month(month)\n"),
    ("models/compared.sql", "select k, a, b from whole.customers"),
    ("models/compared.yaml", "load: { snapshot: { key: [k], surrogate_key: version_key } }\n"),
    ("models/kept.sql", "select k, a, b from whole.customers"),
    ("models/kept.yaml", "load: { snapshot: { key: [k], deletes: ignore, ignore: [b] } }\n"),
    ("models/moved.sql", "select k, a, b from whole.customers"),
    ("models/moved.yaml", "load: { snapshot: { key: [k], previous: [b] } }\n"),
    ("models/parents.sql", "select k, a from whole.customers"),
    ("models/known_rows.sql", "select id, k, a, b from feed.events"),
    (
        "models/known_rows.yaml",
        "load: { append: {} }\nfollow: { feed.events: _batch }\nrules:\n  - range: { column: b, max: 7, on_failure: quarantine }\n  \
         - referential: { column: k, to: parents.k, on_failure: quarantine }\n",
    ),
    ("models/known_keys.sql", "select id, k, a from feed.events"),
    (
        "models/known_keys.yaml",
        "load: { append: { key: [id] } }\nfollow: { feed.events: _batch }\nrules:\n  \
         - referential: { columns: [k, a], to: { table: parents, columns: [k, a] }, on_failure: quarantine }\n",
    ),
    ("models/known_last.sql", "select k, a, b, gone, t from feed.events"),
    (
        "models/known_last.yaml",
        "load: { upsert: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\nrules:\n  \
         - referential: { column: k, to: whole.customers.k, where: b > 2, on_failure: quarantine }\n",
    ),
    ("models/known_versions.sql", "select k, a, b, gone, t from feed.events"),
    (
        "models/known_versions.yaml",
        "load: { scd2: { key: [k], delete_when: gone } }\nfollow: { feed.events: t }\nrules:\n  \
         - referential: { columns: [k, a], to: { table: parents, columns: [k, a] }, on_failure: quarantine }\n",
    ),
    ("models/known_months.sql", "select day, id, k from feed.events"),
    (
        "models/known_months.yaml",
        "load: { recompute: {} }\npartition_by: month(day)\nrules:\n  \
         - referential: { column: k, to: parents.k, on_failure: quarantine }\n",
    ),
    ("models/first_rows.sql", "select id, k, a, b from feed.events"),
    (
        "models/first_rows.yaml",
        "load: { append: {} }\nfollow: { feed.events: _batch }\nrules:\n  - range: { column: b, max: 7, on_failure: quarantine }\n  \
         - referential: { column: k, to: parents.k, on_failure: quarantine }\n  - unique: { columns: [k, a], on_failure: quarantine }\n  \
         - unique: { column: b, where: b > 1, on_failure: quarantine }\n",
    ),
    ("models/first_whole.sql", "select id, a, b from feed.events"),
    ("models/first_whole.yaml", "rules:\n  - unique: { columns: [a, b], on_failure: quarantine }\n"),
    ("models/first_days.sql", "select day, id, a from feed.events"),
    (
        "models/first_days.yaml",
        "load: { recompute: {} }\npartition_by: month(day)\nrules:\n  - unique: { columns: [day, a], on_failure: quarantine }\n",
    ),
];

/// Those of which rows wait in quarantine, with the columns that a rebuild leaves as they were. Where rows are merged, a row whose place a
/// later one had taken before its partner was lost waits only after a rebuild.
const WAITING: [(&str, &str); 5] = [
    ("known_rows", "_rules, id, k, a, b"),
    ("known_months", "_rules, day, id, k"),
    ("first_rows", "_rules, id, k, a, b"),
    ("first_whole", "_rules, id, a, b"),
    ("first_days", "_rules, day, id, a"),
];

/// The tables that follow from the raw copies, by the order in which rows arrived.
const BY_ARRIVAL: [&str; 6] = ["compared", "kept", "moved", "first_rows", "first_whole", "first_days"];

/// The tables that follow from the files alone, whenever they were read.
const TIMELESS: [&str; 16] = [
    "appended",
    "upserted",
    "versions",
    "typed",
    "members",
    "named",
    "last",
    "replaced",
    "monthly",
    "monthly_rows",
    "joined",
    "known_rows",
    "known_keys",
    "known_last",
    "known_versions",
    "known_months",
];

fn project(folder: &Path) -> PathBuf {
    for (file, text) in FILES {
        write(&folder.join(file), text);
    }
    std::fs::create_dir_all(folder.join("in")).unwrap();
    std::fs::create_dir_all(folder.join("whole")).unwrap();
    folder.to_owned()
}

/// A batch of events as a file; the numbers of events grow with `first`.
fn events(chance: &mut Chance, first: usize) -> String {
    let mut text = "id,k,a,b,day,gone,t\n".to_owned();
    for id in first..=first + chance.below(4 * TOGETHER) {
        let k = KEYS * chance.below(TOGETHER) + chance.below(4);
        let (a, b, gone) = (chance.below(3), chance.below(9), chance.hits(5));
        let (month, day, hour) = (1 + chance.below(4), 1 + chance.below(3), chance.below(10));
        let _ = writeln!(text, "{id},{k},a{a},{b},2026-0{month}-0{day},{gone},2026-05-01 0{hour}:00:00");
    }
    text
}

/// The rows of a whole dataset by key.
type Whole = BTreeMap<usize, (usize, usize)>;

fn whole(chance: &mut Chance) -> Whole {
    let keys = (0..NO_HISTORY).filter(|k| k % KEYS < 4);
    let mut rows: Whole = keys.filter(|_| !chance.hits(3)).map(|k| (k, (0, 0))).collect();
    // A delivery without any row is none.
    rows.entry(NO_HISTORY).or_default();
    for values in rows.values_mut() {
        *values = (chance.below(2), chance.below(2));
    }
    rows
}

fn in_csv(rows: &Whole) -> String {
    rows.iter().fold("k,a,b\n".to_owned(), |text, (k, (a, b))| format!("{text}{k},a{a},{b}\n"))
}

/// Carries out a run that is killed after some milliseconds; whether it was still going on.
fn killed_run(project: &Path, after: Duration) -> bool {
    let mut child = Command::new(PROGRAM).arg("run").current_dir(project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(after);
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// What breaks the invariants of versions in a table, if anything does.
fn broken_versions(project: &Path, table: &str) -> String {
    let sql = format!(
        "select * from (select *, lead(valid_from) over (partition by k order by valid_from) as next, \
         count(*) filter (where is_current) over (partition by k) as currents from {table}) as v \
         where currents > 1 or valid_to <= valid_from or is_current <> (valid_to is null) or next < valid_to \
         or (is_current and next is not null)"
    );
    rows(project, &format!("({sql}) as broken"))
}

/// The versions that whole deliveries amount to: per key the values, whether the version is current, and whether the next one
/// begins where it ends.
fn versions_of(deliveries: &[Whole], closes: bool, ignores_b: bool) -> String {
    let mut text = String::new();
    for k in 0..=NO_HISTORY {
        let mut versions: Vec<((usize, usize), usize, Option<usize>)> = Vec::new();
        for (at, delivery) in deliveries.iter().enumerate() {
            let open = versions.last_mut().filter(|(_, _, until)| until.is_none());
            match (delivery.get(&k), open) {
                (Some(now), Some((then, _, until))) if now.0 != then.0 || (!ignores_b && now.1 != then.1) => {
                    *until = Some(at);
                    versions.push((*now, at, None));
                }
                (Some(now), None) => versions.push((*now, at, None)),
                (None, Some((_, _, until))) if closes => *until = Some(at),
                _ => {}
            }
        }
        for (at, ((a, b), _, until)) in versions.iter().enumerate() {
            let meets = until.is_some() && versions.get(at + 1).is_some_and(|(_, from, _)| Some(*from) == *until);
            let _ = writeln!(text, "{k} a{a} {b} {} {meets}", until.is_none());
        }
    }
    text
}

fn versions_in(project: &Path, table: &str) -> String {
    let sql = format!(
        "select concat_ws(' ', k, a, b, is_current, coalesce(lead(valid_from) over (partition by k order by valid_from) = valid_to, false)) as v \
         from {table} order by k, valid_from"
    );
    let printed = printed(project, &["sql", &sql, "--format", "json", "--limit", "100000"]);
    let found: Vec<BTreeMap<String, String>> = serde_json::from_str(&printed).unwrap();
    found.iter().fold(String::new(), |text, row| text + &row["v"] + "\n")
}

/// A project that is fed and run as chance will have it.
struct Story {
    project: PathBuf,
    chance: Chance,
    /// How many files there are.
    files: usize,
    /// The deliveries of the whole dataset that a run has seen.
    seen: Vec<Whole>,
    /// One that may not have been seen yet.
    unseen: Option<Whole>,
    /// What happened, for the message of a failure.
    told: String,
    kills: usize,
    /// How long a run takes.
    took: Duration,
}

impl Story {
    fn file(&self, number: usize) -> PathBuf {
        self.project.join(format!("in/{number:03}.csv"))
    }

    /// Something new at a source.
    fn happens(&mut self) {
        match self.chance.below(6) {
            0 if self.files > 0 => {
                let earlier = self.chance.below(self.files);
                std::fs::copy(self.file(earlier), self.file(self.files)).unwrap();
                let _ = writeln!(self.told, "file {} is file {earlier} again", self.files);
                self.files += 1;
            }
            1 if self.files > 0 => {
                let earlier = self.chance.below(self.files);
                let text = events(&mut self.chance, 10_000 * (self.files + 1) + 100 * earlier);
                let _ = writeln!(self.told, "file {earlier} becomes\n{text}");
                write(&self.file(earlier), &text);
            }
            2 | 3 if self.unseen.is_none() => {
                let rows = whole(&mut self.chance);
                let _ = writeln!(self.told, "whole {rows:?}");
                write(&self.project.join("whole/customers.csv"), &in_csv(&rows));
                self.unseen = Some(rows);
            }
            _ => {
                let text = events(&mut self.chance, 100 * self.files);
                let _ = writeln!(self.told, "file {}\n{text}", self.files);
                write(&self.file(self.files), &text);
                self.files += 1;
            }
        }
    }

    /// A run that ends by itself.
    fn runs(&mut self) {
        let begun = Instant::now();
        let text = printed(&self.project, &["run"]);
        self.took = begun.elapsed();
        let _ = writeln!(self.told, "run\n{text}");
        self.seen.extend(self.unseen.take());
    }

    /// A run, that is killed two times of three.
    fn runs_or_is_killed(&mut self) {
        if self.chance.hits(3) {
            self.runs();
        } else {
            let after = self.took * u32::try_from(self.chance.below(80)).unwrap() / 100;
            self.kills += usize::from(killed_run(&self.project, after));
            let _ = writeln!(self.told, "kill after {after:?}");
        }
        for table in ["versions", "typed", "members", "compared", "kept", "moved"] {
            let broken = broken_versions(&self.project, table);
            assert!(["[]\n", "no table"].contains(&broken.as_str()), "{table}: {broken}\n{}", self.told);
        }
        for (table, key) in [("first_rows", "k, a"), ("first_whole", "a, b"), ("first_days", "day, a")] {
            let twice = rows(&self.project, &format!("(select {key} from {table} group by {key} having count(*) > 1) as twice"));
            assert!(["[]\n", "no table"].contains(&twice.as_str()), "{table}: {twice}\n{}", self.told);
        }
    }
}

/// How many projects to try: few in a test, more where `HEADWORKS_PROJECTS` says so.
fn projects() -> u64 {
    std::env::var("HEADWORKS_PROJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[test]
fn every_table_ends_as_one_full_load_makes_it() {
    let mut kills = 0;
    for seed in 1..=projects() {
        let folder = tempfile::tempdir().unwrap();
        let chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let told = format!("seed {seed}\n");
        let project = project(&folder.path().join("story"));
        let mut story = Story { project, chance, files: 0, seen: vec![], unseen: None, told, kills: 0, took: Duration::from_secs(1) };
        write(&story.file(0), &events(&mut story.chance, 0));
        let first = whole(&mut story.chance);
        write(&story.project.join("whole/customers.csv"), &in_csv(&first));
        (story.files, story.unseen) = (1, Some(first));
        for _ in 0..6 + story.chance.below(6) {
            story.runs_or_is_killed();
            for _ in 0..=story.chance.below(2) {
                story.happens();
            }
        }
        story.runs();
        ends_well(&story, folder.path());
        kills += story.kills;
    }
    assert!(kills > 0, "no run was killed");
}

/// Holds the tables against those of one full load, and against what the deliveries amount to.
fn ends_well(story: &Story, folder: &Path) {
    let Story { project, told, seen, .. } = story;
    let fresh = self::project(&folder.join("fresh"));
    for part in ["in", "whole"] {
        let status = Command::new("cp").args(["-r"]).arg(project.join(part)).arg(&fresh).status().unwrap();
        assert!(status.success());
    }
    printed(&fresh, &["run"]);
    let sorted = |project: &Path, table: &str| {
        let text = rows(project, table);
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
        lines.sort();
        lines.join("\n")
    };
    for table in TIMELESS {
        same(&sorted(project, table), &sorted(&fresh, table), &format!("{table}\n{told}"));
    }
    for (table, closes, ignores_b) in [("compared", true, false), ("kept", false, true)] {
        same(&versions_in(project, table), &versions_of(seen, closes, ignores_b), &format!("{table}\n{told}"));
    }
    let shown = |project: &Path| -> Vec<(String, String)> {
        let waiting = WAITING.iter().map(|(table, columns)| format!("(select {columns} from quarantine.{table}) as waiting"));
        let tables = TIMELESS.iter().chain(&BY_ARRIVAL).map(ToString::to_string).chain(waiting);
        tables.map(|table| (sorted(project, &table), table)).collect()
    };
    let before = shown(project);
    let again = printed(project, &["run"]);
    assert!(again.contains("nothing changed"), "{again}\n{told}");
    assert_eq!(strays(project), Vec::<String>::new(), "{told}");
    printed(project, &["run", "--rebuild"]);
    for ((rebuilt, table), (before, _)) in shown(project).iter().zip(&before) {
        same(rebuilt, before, &format!("a rebuild comes to another {table}\n{told}"));
    }
}

/// Two texts are the same; else the first line in which they differ is told.
#[track_caller]
fn same(found: &str, expected: &str, told: &str) {
    let (found, expected): (Vec<&str>, Vec<&str>) = (found.lines().collect(), expected.lines().collect());
    for at in 0..found.len().max(expected.len()) {
        assert_eq!(found.get(at), expected.get(at), "{told}");
    }
}
