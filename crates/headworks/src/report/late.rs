//! How late rows were, in words.

use hw_base::{RunRecord, StepOutcome, StepRecord, plural};

/// A delay for people, in the largest unit that fits: `40 s`, `3 h`, `150 d`.
fn delay(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Says that rows of a step have a time that has not come yet.
pub(crate) fn ahead(step: &StepRecord) -> Option<String> {
    let late = step.lateness.as_ref().filter(|late| late.rows_ahead > 0)?;
    let verb = if late.rows_ahead == 1 { "is" } else { "are" };
    let latest = late.latest.as_deref().unwrap_or_default();
    Some(format!(
        "{} {verb} ahead of the clock by `{}`, up to {latest}; loaded like the others",
        plural(late.rows_ahead, "row"),
        late.column
    ))
}

/// How late the rows of the newest run were that published something, one line per step that tells.
pub(crate) fn lines(runs: &[RunRecord]) -> Vec<String> {
    let published = |step: &&StepRecord| step.outcome == StepOutcome::Published && step.lateness.is_some();
    let Some(run) = runs.iter().find(|run| run.steps.iter().any(|step| published(&step))) else { return vec![] };
    let mut lines = Vec::new();
    for step in run.steps.iter().filter(published) {
        let how_late = step.lateness.as_ref().and_then(|late| Some((late, late.median_seconds?, late.p95_seconds?, late.max_seconds?)));
        lines.extend(how_late.map(|(late, median, p95, most)| {
            let (median, p95, most) = (delay(median), delay(p95), delay(most));
            format!("{}: rows came up to {most} after their `{}`; half within {median}, 95 % within {p95}", step.model, late.column)
        }));
        lines.extend(ahead(step).map(|text| format!("{}: {text}", step.model)));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::delay;

    #[test]
    fn a_delay_is_told_in_one_unit() {
        let told: Vec<String> = [0.4, 119.0, 600.0, 86_400.0, 12_960_000.0].into_iter().map(delay).collect();
        assert_eq!(told, ["0 s", "119 s", "10 min", "24 h", "150 d"]);
    }
}
