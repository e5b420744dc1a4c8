//! Results as Markdown tables, for tickets and reviews.

use hw_base::{OnFailure, Rows, RunRecord, StepOutcome, StepRecord, Value, Verdict, count, plural};
use hw_pipeline::Plan;

use super::{decision_word, finding, in_column, outcome_word, printable, step_outcome_word};

/// A table; the columns in `right` hold numbers.
pub(crate) fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let Some(header) = rows.first() else { return vec![] };
    let line = |cells: &[String]| format!("| {} |", cells.iter().map(|cell| cell_text(cell)).collect::<Vec<_>>().join(" | "));
    let rule: Vec<&str> = (0..header.len()).map(|at| if right.contains(&at) { "---:" } else { "---" }).collect();
    let mut lines = vec![line(header), format!("| {} |", rule.join(" | "))];
    lines.extend(rows[1..].iter().map(|row| line(row)));
    lines
}

/// A text that can end neither its cell nor its row.
fn cell_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ").replace('<', "&lt;").trim().to_owned()
}

/// A plan.
pub(crate) fn plan(plan: &Plan) -> Vec<String> {
    let mut rows = vec![["step", "does", "load", "reads", "why"].map(str::to_owned).to_vec()];
    rows.extend(plan.steps.iter().map(|step| {
        [&step.name, decision_word(&step.decision), step.load, &step.window, step.decision.reason()].map(str::to_owned).to_vec()
    }));
    table(&rows, &[])
}

/// The steps of a run, and the rules that broke.
pub(crate) fn run(record: &RunRecord) -> Vec<String> {
    let mut rows = vec![["step", "load", "outcome", "rows", "quarantined", "why"].map(str::to_owned).to_vec()];
    rows.extend(record.steps.iter().map(|step| {
        let StepRecord { model, load, outcome, rows_written, rows_quarantined, error, .. } = step;
        let why = error.clone().unwrap_or_default();
        vec![model.clone(), load.clone(), step_outcome_word(*outcome).into(), count(*rows_written), count(*rows_quarantined), why]
    }));
    let mut lines = table(&rows, &[3, 4]);
    let judged = record.steps.iter().filter(|step| matches!(step.outcome, StepOutcome::Published | StepOutcome::Blocked));
    let broken: Vec<String> = judged
        .flat_map(|step| step.verdict.broken().map(move |result| (step, result)))
        .filter(|(_, result)| result.action != OnFailure::Log)
        .map(|(step, result)| format!("- `{}`: `{}` ({}): {}", step.model, result.id, result.action.name(), finding(result)))
        .collect();
    if !broken.is_empty() {
        lines.push(String::new());
        lines.extend(broken);
    }
    lines
}

/// The last runs, and the steps of the newest.
pub(crate) fn runs(runs: &[RunRecord], is_going_on: bool) -> Vec<String> {
    let mut rows = vec![["run", "started", "outcome", "published", "rows", "quarantined"].map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| {
        let is_published = |step: &&StepRecord| step.outcome == StepOutcome::Published && step.load != "deliver";
        let published: Vec<&StepRecord> = run.steps.iter().filter(is_published).collect();
        vec![
            run.run.to_string(),
            super::moment(run.started),
            outcome_word(run.outcome, is_going_on).into(),
            plural(published.len() as u64, "table"),
            count(published.iter().map(|step| step.rows_written).sum()),
            count(published.iter().map(|step| step.rows_quarantined).sum()),
        ]
    }));
    let mut lines = table(&rows, &[4, 5]);
    if let Some(newest) = runs.first() {
        lines.extend([String::new(), format!("The steps of {}:", newest.run), String::new()]);
        lines.extend(run(newest));
    }
    lines
}

/// How the rules came out.
pub(crate) fn verdict(verdict: &Verdict) -> Vec<String> {
    let mut rows = vec![["rule", "held", "action", "finding", "examples", "about"].map(str::to_owned).to_vec()];
    rows.extend(verdict.results.iter().map(|result| {
        let held = if result.held { "yes" } else { "no" };
        let examples: Vec<String> = result.examples.iter().map(|example| printable(example)).collect();
        let about = printable(&result.notes.in_words().unwrap_or_default());
        vec![result.id.clone(), held.into(), result.action.name().into(), finding(result), examples.join("; "), about]
    }));
    table(&rows, &[])
}

/// A query's result.
pub(crate) fn rows(rows: &Rows) -> Vec<String> {
    let right: Vec<usize> =
        rows.columns.iter().enumerate().filter(|(_, column)| column.kind.is_numeric()).map(|(index, _)| index).collect();
    let cell = |value: &Value| if *value == Value::Null { String::new() } else { value.to_string() };
    let mut cells: Vec<Vec<String>> = vec![rows.columns.iter().map(|column| column.name.clone()).collect()];
    cells.extend(rows.rows.iter().map(|row| rows.columns.iter().zip(row).map(|(column, value)| cell(&in_column(column, value))).collect()));
    table(&cells, &right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_break_a_table() {
        let rows = [vec!["a".to_owned(), "n".to_owned()], vec!["x|y\nz".to_owned(), "1".to_owned()]];
        assert_eq!(table(&rows, &[1]), ["| a | n |", "| --- | ---: |", "| x\\|y z | 1 |"]);
    }
}
