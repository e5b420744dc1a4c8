//! What a run does when something runs out: memory, disk for spilling, the disk itself, the user's patience.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{PROGRAM, copy, headworks, printed, rows, said, strays};

/// A project over a file of many rows, wide enough that sorting them takes some memory.
fn project(folder: &Path, engine: &str, model: &str) {
    let mut text = String::from("id,place,note\n");
    for id in 0..300_000_u64 {
        let place = id.wrapping_mul(2_654_435_761) % 1_000_003;
        text.push_str(&format!("{id},{place},note number {place} about row {id} that is some eighty characters long in all\n"));
    }
    std::fs::create_dir_all(folder.join("models")).unwrap();
    std::fs::write(folder.join("rows.csv"), text).unwrap();
    std::fs::write(folder.join("models/sorted.sql"), model).unwrap();
    let settings = format!("project: limits\nengine: {engine}\nsources:\n  shop:\n    csv: {{ path: {{ rows: rows.csv }} }}\n");
    std::fs::write(folder.join("headworks.yaml"), settings).unwrap();
}

/// Sorts all rows with all that is in them.
const SORTED: &str = "select id, note, row_number() over (order by note desc, place) as number from shop.rows";
/// Sorts some 200 MB.
const WIDE: &str = "select id, note, row_number() over (order by note desc, place) as number \
    from (select distinct id, place, repeat(note, 8) as note from shop.rows) as wide";

#[test]
fn a_sort_larger_than_the_memory_spills_and_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "{ memory: 2GiB }", WIDE);
    printed(folder.path(), &["run"]);
    let question = ["sql", "select count(*) as rows, sum(number * id) as check_sum from sorted", "--format", "json"];
    let plenty = printed(folder.path(), &question);
    project(folder.path(), "{ memory: 512MiB }", WIDE);
    let run: Value = serde_json::from_str(&printed(folder.path(), &["run", "--rebuild", "--format", "json"])).unwrap();
    let step = run["steps"].as_array().unwrap().iter().find(|step| step["model"] == "sorted").unwrap();
    assert!(step["spilled_bytes"].as_u64().unwrap() > 0, "nothing was spilled: {step}");
    assert_eq!(printed(folder.path(), &question), plenty);
}

/// Joins all rows with all that is in them.
const JOINED: &str = "with wide as (select id, place, repeat(note, 16) as note from shop.rows) \
    select a.id, a.note, b.note as other, a.id as number from wide as a join wide as b on a.id = b.place";

#[test]
fn a_join_larger_than_the_memory_spills_and_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "{ memory: 4GiB }", JOINED);
    printed(folder.path(), &["run"]);
    let question = ["sql", "select count(*) as rows, sum(id) as check_sum, max(other) as last from sorted", "--format", "json"];
    let plenty = printed(folder.path(), &question);
    for engine in ["{ memory: 512MiB }", "{ memory: 512MiB, threads: 1 }"] {
        let settings = std::fs::read_to_string(folder.path().join("headworks.yaml")).unwrap();
        let line = settings.lines().find(|line| line.starts_with("engine:")).unwrap().to_owned();
        std::fs::write(folder.path().join("headworks.yaml"), settings.replace(&line, &format!("engine: {engine}"))).unwrap();
        let run: Value = serde_json::from_str(&printed(folder.path(), &["run", "--rebuild", "--format", "json"])).unwrap();
        let step = run["steps"].as_array().unwrap().iter().find(|step| step["model"] == "sorted").unwrap();
        assert!(step["spilled_bytes"].as_u64().unwrap() > 0, "nothing was spilled: {step}");
        assert_eq!(printed(folder.path(), &question), plenty);
    }
}

/// A recursive query keeps what it has found in memory.
const RECURSIVE: &str = "with recursive found as (select id, repeat(note, 16) as note, 0 as level from shop.rows \
    union all select id, note, level + 1 from found where level < 2) select * from found";

#[test]
fn a_query_that_cannot_spill_names_the_step_the_limit_and_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "{ memory: 512MiB }", RECURSIVE);
    let output = headworks(folder.path(), &["run"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for words in ["HW401", "`sorted`", "512.0 MiB", "engine: { memory:"] {
        assert!(message.contains(words), "`{words}` is missing in: {message}");
    }
    assert_eq!(rows(folder.path(), "sorted"), "no table");
    assert_eq!(strays(folder.path()), Vec::<String>::new());
}

/// What a process has held at most, in MiB; 0 once it has ended.
fn most_held(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok()).unwrap_or_default() / 1024
}

#[test]
fn what_builds_far_more_than_the_memory_in_one_step_ends_the_program_before_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "{ memory: 512MiB }", SORTED);
    let gathered = "select a.id % 7 as part, cardinality(array_agg(repeat(b.note, 20))) as notes from shop.rows a join shop.rows b \
        on a.place % 997 = b.place % 997 group by 1";
    let mut program = Command::new(PROGRAM)
        .args(["sql", gathered])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut most = 0;
    while program.try_wait().unwrap().is_none() {
        most = most.max(most_held(program.id()));
        sleep(Duration::from_millis(10));
    }
    let output = program.wait_with_output().unwrap();
    let message = said(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("HW401") && message.contains("the limit"), "{message}");
    assert!(most < 2048, "{most} MiB: {message}");
}

#[test]
fn spilling_stays_within_the_disk_limit() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "{ memory: 512MiB, disk: 1MiB }", WIDE);
    let output = headworks(folder.path(), &["run"]);
    let message = said(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("HW402") && message.contains("engine: { disk:"), "{message}");
    assert_eq!(strays(folder.path()), Vec::<String>::new());
}

/// A shell script in a file system of its own, which is as large as the test needs it.
const FULL_DISK: &str = r#"
set -u
mount -t tmpfs -o size=12m tmpfs disk || exit 99
cp -a project disk/
cd disk/project
"$HEADWORKS" run; echo "exit $?"
"$HEADWORKS" sql "select count(*) as n from sorted"; echo "exit $?"
mount -o remount,size=200m ..
"$HEADWORKS" run; echo "exit $?"
"$HEADWORKS" sql "select count(*) as n from sorted"
cp -a ../project ../../after
"#;

#[test]
fn a_full_disk_loses_nothing_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("project");
    project(&before, "{ memory: 512MiB }", "select *, sha256(note) as digest from shop.rows");
    // The file stays outside, so that the small disk holds the warehouse alone.
    let data = folder.path().join("rows.csv");
    std::fs::rename(before.join("rows.csv"), &data).unwrap();
    std::os::unix::fs::symlink(&data, before.join("rows.csv")).unwrap();
    std::fs::create_dir(folder.path().join("disk")).unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--user", "--map-root-user", "sh", "-c", FULL_DISK]).env("HEADWORKS", PROGRAM);
    let output = unshare.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    let told = said(&output);
    assert_ne!(output.status.code(), Some(99), "no file system can be mounted here: {told}");
    assert!(told.contains("error[HW402]") && told.contains("the disk is full"), "{told}");
    assert!(told.contains("exit 3") && told.contains("`sorted` has no table yet"), "{told}");
    assert!(told.contains("exit 0") && told.contains("300000"), "{told}");
    assert_eq!(strays(&folder.path().join("after")), Vec::<String>::new());
}

#[test]
fn an_interrupted_run_cleans_up_and_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("project");
    project(&before, "{ memory: 512MiB }", SORTED);
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &["run"]);
    let whole = begun.elapsed();
    let expected = rows(&undisturbed, "sorted");
    let mut interrupted = 0;
    for part in [0.2, 0.4, 0.6, 0.8] {
        let project = folder.path().join(format!("interrupted-{part}"));
        copy(&before, &project);
        let child = Command::new(PROGRAM).arg("run").current_dir(&project).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        sleep(whole.mul_f64(part));
        let process = child.id().to_string();
        Command::new("kill").args(["-INT", &process]).status().unwrap();
        let asked = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?} to stop", asked.elapsed());
        let message = said(&output);
        if output.status.code() == Some(3) {
            interrupted += 1;
            assert!(message.contains("HW703") && message.contains("continues where it stopped"), "{message}");
            assert_eq!(strays(&project), Vec::<String>::new(), "at {part}");
        }
        printed(&project, &["run"]);
        assert!(rows(&project, "sorted") == expected, "interrupted at {part}: other rows");
    }
    assert!(interrupted > 0, "no interrupt hit a run");
}
