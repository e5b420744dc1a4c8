//! kill -9 at any moment: readers see the old or the new version of each table, and the resumed run ends as an undisturbed one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{PROGRAM, copy, empty_folders, headworks, printed, rows, strays};

const TABLES: [&str; 4] = ["fact_orders", "dim_customers", "dim_products", "dim_dates"];
const KILLS: u32 = 60;

fn all_rows(project: &Path) -> Vec<String> {
    TABLES.iter().map(|table| rows(project, table)).collect()
}

/// A number that looks random and is the same in every run.
pub(crate) fn dice(number: u32) -> f64 {
    f64::from(number.wrapping_mul(2_654_435_761) >> 8) / f64::from(1_u32 << 24)
}

/// A small demo project that is ready for its first good run.
fn ready(folder: &Path) -> std::path::PathBuf {
    let project = folder.join("project");
    printed(folder, &["demo", "--rows", "1500", "--into", "project", "--prepare-only"]);
    let yaml = std::fs::read_to_string(project.join("models/fact_orders.yaml")).unwrap();
    std::fs::write(
        project.join("models/fact_orders.yaml"),
        yaml.replace("at_least: 95%, on_failure: block", "at_least: 50%, on_failure: block"),
    )
    .unwrap();
    project
}

#[test]
fn a_killed_first_run_leaves_the_old_or_the_new_and_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let before = ready(folder.path());
    assert!(all_rows(&before).iter().all(|rows| rows == "no table"));
    survives_kills(folder.path(), &before);
}

#[test]
fn a_killed_incremental_run_leaves_the_old_or_the_new_and_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let before = ready(folder.path());
    printed(&before, &["run"]);
    // A whole demo with the same seed has the second delivery: new, changed and late rows.
    printed(folder.path(), &["demo", "--rows", "1500", "--into", "two-days"]);
    for part in ["orders", "customers"] {
        copy(&folder.path().join("two-days/landing").join(part), &before.join("landing"));
    }
    survives_kills(folder.path(), &before);
}

/// Kills runs of the project `before` at many moments: every table is old or new, and a second run makes it new.
fn survives_kills(folder: &Path, before: &Path) {
    let undisturbed = folder.join("undisturbed");
    copy(before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &["run"]);
    let whole = begun.elapsed();
    let (old, new) = (all_rows(before), all_rows(&undisturbed));
    assert!(old != new && new.iter().all(|rows| rows != "no table"));
    let mut seen_half_way = 0;
    for number in 0..KILLS {
        let project = folder.join(format!("killed-{number}"));
        copy(before, &project);
        kill_after(&project, &["run"], whole.mul_f64(dice(number)));
        let between = all_rows(&project);
        for (table, rows) in between.iter().enumerate() {
            assert!(*rows == old[table] || *rows == new[table], "kill {number}: {} is neither old nor new", TABLES[table]);
        }
        seen_half_way += u32::from(between != old && between != new);
        printed(&project, &["run"]);
        assert!(all_rows(&project) == new, "kill {number}: the resumed run differs from an undisturbed one");
        assert_eq!((strays(&project), empty_folders(&project)), (vec![], vec![]), "kill {number}: something that no version names");
        std::fs::remove_dir_all(&project).unwrap();
    }
    assert!(seen_half_way > 0, "no kill hit the middle of a run");
}

pub(crate) fn kill_after(project: &Path, arguments: &[&str], delay: Duration) {
    let mut child = Command::new(PROGRAM).args(arguments).current_dir(project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_is_continued_before_anything_is_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let project = ready(folder.path());
    let mut child = Command::new(PROGRAM).arg("run").current_dir(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !project.join("warehouse/raw").exists() && Instant::now() < deadline {
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let status = printed(&project, &["status"]);
    assert!(status.contains(" killed ") && status.contains("was killed; `headworks run` continues it"), "{status}");
    let refused = headworks(&project, &["rollback", "dim_customers"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("HW703") && message.contains("`headworks run` continues it"), "{message}");
    printed(&project, &["run"]);
    let after = headworks(&project, &["rollback", "dim_customers", "--to", "7"]);
    assert!(String::from_utf8_lossy(&after.stderr).contains("HW503"), "the run is finished, so the version is what is wrong");
}

#[test]
fn two_runs_at_once_are_refused_with_the_name_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let project = ready(folder.path());
    let mut first = Command::new(PROGRAM).arg("run").current_dir(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock = project.join(".headworks/lock");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_to_string(&lock).unwrap_or_default().is_empty() && Instant::now() < deadline {
        sleep(Duration::from_millis(1));
    }
    let name = std::fs::read_to_string(&lock).unwrap();
    let second = headworks(&project, &["run"]);
    first.wait().unwrap();
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{message}");
    assert!(message.contains("HW701") && message.contains(name.trim()), "{message}");
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let project = ready(folder.path());
    printed(&project, &["run"]);
    let before = all_rows(&project);
    let begun = Instant::now();
    let text = printed(&project, &["run"]);
    assert!(text.contains("nothing changed"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    assert!(all_rows(&project) == before);
}

/// What the table and its quarantine hold: every order stands in one of them, once.
fn held(project: &Path) -> (String, String) {
    let query = "select order_id from quarantine.fact_orders order by order_id";
    let waiting = printed(project, &["sql", query, "--format", "json", "--limit", "1000000"]);
    (rows(project, "fact_orders"), waiting)
}

#[test]
fn a_killed_release_has_done_all_or_nothing() {
    const RELEASE: [&str; 6] = ["quarantine", "release", "fact_orders", "--all", "--reason", "test"];
    let folder = tempfile::tempdir().unwrap();
    let before = ready(folder.path());
    printed(&before, &["run"]);
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &RELEASE);
    let whole = begun.elapsed();
    let (old, new) = (held(&before), held(&undisturbed));
    assert!(old.0 != new.0 && old.1 != new.1);
    let mut done = 0;
    for number in 0..KILLS / 2 {
        let project = folder.path().join(format!("killed-release-{number}"));
        copy(&before, &project);
        kill_after(&project, &RELEASE, whole.mul_f64(dice(number)));
        let between = held(&project);
        assert!(between == old || between == new, "kill {number}: neither old nor new");
        printed(&project, &["run"]);
        assert!(held(&project) == between, "kill {number}: the next run changed what was decided");
        if between == old {
            printed(&project, &RELEASE);
        } else {
            done += 1;
        }
        assert!(held(&project) == new, "kill {number}: a second release differs from an undisturbed one");
        let log = printed(&project, &["quarantine", "log", "--format", "json"]);
        assert_eq!(log.matches("\"decision\"").count(), 1, "kill {number}: {log}");
        assert_eq!(strays(&project), Vec::<String>::new(), "kill {number}: files that no version names");
        std::fs::remove_dir_all(&project).unwrap();
    }
    assert!(done < KILLS / 2, "no kill hit a release");
}
