//! What is missing, in words.

use hw_base::plural;
use hw_pipeline::{Behind, Gaps, Hole, RolledBack, Unbuilt};

/// What is missing, as lines.
pub(crate) fn lines(gaps: &Gaps) -> Vec<String> {
    let behind = gaps.behind.iter().map(|Behind { step, lacks, because }| {
        let because = because.as_deref().map(|because| format!("; the last run: {because}")).unwrap_or_default();
        format!("{step} lacks {lacks}{because}")
    });
    let rolled_back = gaps.rolled_back.iter().map(|RolledBack { step, to }| {
        let until = if step.starts_with("raw/") {
            "its source has something new".to_owned()
        } else {
            format!("an input changes, or `headworks run {step} --rebuild` builds it")
        };
        format!("{step} was rolled back to {to} and lacks what came after it, until {until}")
    });
    let holes = gaps.holes.iter().map(|Hole { table, column, every, first, last, missing }| {
        let named = match &missing[..] {
            [from, .., to] if missing.len() > 6 => format!("{} between {from} and {to}", plural(missing.len() as u64, every)),
            _ => missing.join(", "),
        };
        format!("{table} has no row in {named} ({column} goes from {first} to {last})")
    });
    let unbuilt = gaps.unbuilt.iter().flat_map(|Unbuilt { table, windows, lacks_rows_without_day }| {
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
            let lacks = format!("{table} was filled by windows and lacks the rows without a day");
            return [lacks, format!("`headworks backfill {table} --from DAY --to DAY` builds them with the window of any day")];
        };
        let others = if *lacks_rows_without_day { ", and the rows without a day" } else { "" };
        let lacks =
            format!("{table} was filled by windows and lacks {}, {first} to {last}{others}", plural(windows.len() as u64, "window"));
        [lacks, format!("`headworks backfill {table} --from {first} --to {last}` builds what is lacking")]
    });
    let mut lines: Vec<String> = behind.chain(rolled_back).chain(holes).chain(unbuilt).collect();
    if !gaps.behind.is_empty() {
        lines.push("`headworks run` loads what is lacking".into());
    }
    if lines.is_empty() {
        lines.push("no gaps: every step has loaded what there is, and no partition by time is empty between others".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_holes_are_counted_in_the_time_that_a_partition_holds() {
        let missing = (2..9).map(|month| format!("2025-0{month}-01")).collect();
        let [table, column, every, first, last] = ["fact", "ts_month", "month", "2025-01-01", "2025-09-01"].map(str::to_owned);
        let hole = Hole { table, column, every, first, last, missing };
        let gaps = Gaps { schema_version: "1", behind: vec![], rolled_back: vec![], holes: vec![hole], unbuilt: vec![] };
        assert_eq!(
            lines(&gaps),
            ["fact has no row in 7 months between 2025-02-01 and 2025-08-01 (ts_month goes from 2025-01-01 to 2025-09-01)"]
        );
    }
    #[test]
    fn what_was_rolled_back_is_no_lack_of_gaps() {
        let rolled_back = |step: &str| RolledBack { step: step.into(), to: "version 1".into() };
        let tables = vec![rolled_back("raw/shop.orders"), rolled_back("fact")];
        let gaps = Gaps { schema_version: "1", behind: vec![], rolled_back: tables, holes: vec![], unbuilt: vec![] };
        assert_eq!(
            lines(&gaps),
            [
                "raw/shop.orders was rolled back to version 1 and lacks what came after it, until its source has something new",
                "fact was rolled back to version 1 and lacks what came after it, until an input changes, or `headworks run fact --rebuild` builds it"
            ]
        );
    }
}
