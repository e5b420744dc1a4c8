//! kill -9 of a backfill at any moment: readers see whole windows, and the same command ends as an undisturbed one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use crate::crash::{dice, kill_after};
use crate::program::{copy, empty_folders, printed, rows, strays, write};

const KILLS: u32 = 8;
const BACKFILL: [&str; 7] = ["backfill", "--from", "2025-01-01", "--to", "2025-12-31", "--parallel", "3"];

/// Sales by day, in windows of months.
fn project(folder: &Path) {
    let mut sales = String::from("id,sold_on,amount\n");
    for id in 0..2_000 {
        let _ = writeln!(sales, "{id},2025-{:02}-{:02},{}", 1 + id % 12, 1 + id % 28, id % 97);
    }
    for (file, text) in [
        ("headworks.yaml", "project: sales\nsources:\n  shop:\n    csv: { path: { sales: \"in/*.csv\" } }\n"),
        ("models/daily.sql", "select sold_on as day, count(*) as sales, sum(amount) as amount from shop.sales group by 1\n"),
        ("models/daily.yaml", "load: recompute\npartition_by: month(day)\n"),
        ("in/1.csv", &sales),
    ] {
        write(&folder.join(file), text);
    }
}

/// The rows of each month; none where there is no table.
fn months(project: &Path) -> BTreeMap<String, Vec<String>> {
    let mut months: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let table = rows(project, "daily");
    for row in table.split('{').filter(|row| row.contains("\"day\"")) {
        let month = row.split("\"day_month\":\"").nth(1).and_then(|rest| rest.get(..7)).unwrap();
        months.entry(month.to_owned()).or_default().push(row.split('}').next().unwrap().to_owned());
    }
    months
}

#[test]
fn a_killed_backfill_has_whole_windows_and_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    project(&before);
    let undisturbed = folder.path().join("undisturbed");
    copy(&before, &undisturbed);
    let begun = Instant::now();
    printed(&undisturbed, &BACKFILL);
    let whole = begun.elapsed();
    let new = months(&undisturbed);
    assert_eq!(new.len(), 12, "{new:?}");
    let mut seen_half_way = 0;
    for number in 0..KILLS {
        let project = folder.path().join(format!("killed-{number}"));
        copy(&before, &project);
        kill_after(&project, &BACKFILL, whole.mul_f64(dice(number)));
        let between = months(&project);
        assert!(between.iter().all(|(month, rows)| new.get(month) == Some(rows)), "kill {number}: half a window is visible: {between:?}");
        seen_half_way += u32::from(!between.is_empty() && between.len() < new.len());
        let resumed = printed(&project, &BACKFILL);
        assert!(months(&project) == new, "kill {number}: the resumed backfill differs from an undisturbed one\n{resumed}");
        // Windows that were published but not yet noted down come out as they are, which is no new version.
        let anew: Vec<_> = between.keys().filter(|month| resumed.contains(&format!("{month}-01"))).collect();
        assert!(anew.is_empty(), "kill {number}: what was built is published again: {anew:?}\n{resumed}");
        assert!(
            resumed.contains("built before from the same rows") || between.len() <= 3,
            "kill {number}: it begins from the start\n{resumed}"
        );
        assert_eq!((strays(&project), empty_folders(&project)), (vec![], vec![]), "kill {number}");
        std::fs::remove_dir_all(&project).unwrap();
    }
    assert!(seen_half_way > 0, "no kill hit the middle of a backfill");
}
