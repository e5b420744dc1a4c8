//! Results in words, as a person reads them in the terminal.

pub(crate) mod csv;
pub(crate) mod diff;
pub(crate) mod gaps;
pub(crate) mod json;
pub(crate) mod late;
pub(crate) mod markdown;
pub(crate) mod records;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use hw_assess::{Assessment, Drift, shown_score};
use hw_base::{
    ByteSize, Column, OnFailure, Rows, RuleResult, RunOutcome, RunRecord, Severity, StepOutcome, StepRecord, TableName, Timestamp, Value,
    Verdict, count, duration, plural,
};
use hw_pipeline::{Decision, Plan, Selection, Step};

use crate::terminal::{Terminal, table};

/// A moment for people.
pub(crate) fn moment(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A query's result as a table.
pub(crate) fn rows_lines(rows: &Rows) -> Vec<String> {
    let right: Vec<usize> =
        rows.columns.iter().enumerate().filter(|(_, column)| column.kind.is_numeric()).map(|(index, _)| index).collect();
    let cell = |value: &Value| match value {
        Value::Null => "∅".to_owned(),
        Value::Text(text) if text.chars().count() > 80 => text.chars().take(79).chain(['…']).collect(),
        other => other.to_string().replace('\n', "⏎"),
    };
    let mut cells: Vec<Vec<String>> = vec![rows.columns.iter().map(|column| column.name.clone()).collect()];
    cells.extend(rows.rows.iter().map(|row| rows.columns.iter().zip(row).map(|(column, value)| cell(&in_column(column, value))).collect()));
    let mut lines = table(&cells, &right);
    if let Some(header) = lines.first() {
        let rule = "─".repeat(header.chars().count().max(lines.iter().map(|line| line.chars().count()).max().unwrap_or_default()));
        lines.insert(1, rule);
    }
    let shown = rows.rows.len() as u64;
    lines.push(if rows.is_cut { cut_note(shown) } else { plural(shown, "row") });
    lines
}

/// A value as its column holds it: floats of four bytes have no more digits than tell them from each other.
fn in_column<'a>(column: &Column, value: &'a Value) -> Cow<'a, Value> {
    let shortest = match value {
        Value::Float(number) if column.sql_type == "real" => shortest(*number),
        _ => None,
    };
    shortest.map_or(Cow::Borrowed(value), |number| Cow::Owned(Value::Float(number)))
}

/// A float of four bytes in as few digits as it can have; `None` for what is no number.
fn shortest(number: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "it was a float of four bytes before")]
    let number = number as f32;
    number.to_string().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Says that not all rows are shown.
pub(crate) fn cut_note(shown: u64) -> String {
    format!("first {} shown; there are more (`--limit`)", plural(shown, "row"))
}

/// A plan as a table with reasons.
pub(crate) fn plan_lines(plan: &Plan, selection: &Selection) -> Vec<String> {
    let tells_rows = plan.steps.iter().any(|step| !rows_of(step).is_empty());
    let mut rows = vec![["step", "does", "load", "reads", "rows", "size", "why"].map(str::to_owned).to_vec()];
    for step in &plan.steps {
        let size =
            if step.decision.may_run() { step.bytes.map(|bytes| ByteSize(bytes).to_string()).unwrap_or_default() } else { String::new() };
        let window = if step.decision.may_run() { step.window.clone() } else { String::new() };
        rows.push(vec![
            step.name.clone(),
            decision_word(&step.decision).to_owned(),
            step.load.to_owned(),
            window,
            rows_of(step),
            size,
            step.decision.reason().to_owned(),
        ]);
    }
    for row in rows.iter_mut().filter(|_| !tells_rows) {
        row.remove(4);
    }
    let right: &[usize] = if tells_rows { &[4, 5] } else { &[4] };
    let mut lines = table(&rows, right);
    lines.push(String::new());
    lines.extend(column_lines(plan));
    lines.extend(untried_lines(plan));
    lines.extend(from_production_line(plan));
    lines.push(plan_summary(plan, selection));
    lines
}

/// The rows that a step reads, as far as they are known before.
fn rows_of(step: &Step) -> String {
    match (step.rows, step.about_rows) {
        _ if !step.decision.may_run() => String::new(),
        (Some(rows), _) => count(rows),
        (None, Some(rows)) => format!("about {}", count(rows)),
        (None, None) => String::new(),
    }
}

/// How the columns of tables change, a line for each.
pub(crate) fn column_lines(plan: &Plan) -> impl Iterator<Item = String> {
    plan.columns.iter().map(|(step, changes)| format!("columns of {step}: {}", changes.join(" · ")))
}

/// Which SELECTs the run alone tries, a line for each reason.
pub(crate) fn untried_lines(plan: &Plan) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (step, why) in &plan.untried {
        by_reason.entry(why).or_default().push(step);
    }
    let line = |(why, steps): (&str, Vec<&str>)| {
        let more = steps.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {} more", count(more as u64)) } else { String::new() };
        format!("not tried: {}{more}, because {why}", steps[..steps.len().min(LISTED)].join(", "))
    };
    by_reason.into_iter().map(line).collect()
}

/// What an environment reads from production; nothing where the plan is production's.
pub(crate) fn from_production_line(plan: &Plan) -> Option<String> {
    let tables: Vec<&str> = plan.from_production.iter().map(TableName::folder).collect();
    (!tables.is_empty()).then(|| format!("read from production as they are: {}", tables.join(", ")))
}

/// What a plan for a selection comes to, in a sentence with the command that does it.
pub(crate) fn plan_summary(plan: &Plan, selection: &Selection) -> String {
    let fails = |step: &&Step| matches!(step.decision, Decision::Fail(_));
    let running = plan.steps.iter().filter(|step| step.decision.may_run() && !fails(step)).count() as u64;
    match running {
        0 if plan.steps.iter().any(|step| fails(&step)) => "no step would run".to_owned(),
        0 if plan.steps.is_empty() && plan.environment.is_some() => "nothing to build: all models are as in production".to_owned(),
        0 => format!("nothing to do: all {} are up to date", plural(plan.steps.len() as u64, "step")),
        running => {
            let place = plan.environment.as_ref().map(|name| format!(" --env {name}")).unwrap_or_default();
            let rebuild = if selection.rebuild { " --rebuild" } else { "" };
            let models: Vec<String> = selection.models.iter().map(|selected| format!(" --select {selected}")).collect();
            format!(
                "{running} of {} would run; `headworks run{rebuild}{}{place}` does it",
                plural(plan.steps.len() as u64, "step"),
                models.concat()
            )
        }
    }
}

/// What a plan does with a step, in a word.
fn decision_word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Run(_) => "run",
        Decision::Rebuild(_) => "build",
        Decision::Ask(_) => "ask",
        Decision::Skip(_) => "skip",
        Decision::Fail(_) => "fail",
    }
}

/// How a run ended, in a word; `is_going_on` tells whether a run is going on.
pub(crate) fn outcome_word(outcome: Option<RunOutcome>, is_going_on: bool) -> &'static str {
    match outcome {
        Some(RunOutcome::Succeeded) => "succeeded",
        Some(RunOutcome::Blocked) => "blocked",
        Some(RunOutcome::Failed) => "failed",
        Some(RunOutcome::Unchanged) => "unchanged",
        None if is_going_on => "running",
        None => "killed",
    }
}

/// How a step ended, in a word.
fn step_outcome_word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Started => "not ended",
        StepOutcome::Published => "published",
        StepOutcome::Unchanged => "nothing new",
        StepOutcome::Blocked => "blocked",
        StepOutcome::Failed => "failed",
        StepOutcome::Skipped => "skipped",
    }
}

/// One step of a run: a line, and what went wrong.
pub(crate) fn step_lines(step: &StepRecord, terminal: &Terminal) -> Vec<String> {
    let mark = match step.outcome {
        StepOutcome::Published => "✓",
        StepOutcome::Unchanged => "·",
        StepOutcome::Skipped => "-",
        StepOutcome::Blocked | StepOutcome::Failed | StepOutcome::Started => "✗",
    };
    let gap = if step.load.len() < 8 { "" } else { " " };
    let mut lines = vec![format!("{mark} {:<28} {:<8}{gap}{}", step.model, step.load, outcome(step))];
    if step.outcome == StepOutcome::Published {
        lines.extend(beneath_published(step));
    }
    lines.extend(empty_files(&step.empty_files));
    lines.extend(uneven_columns(&step.uneven_columns));
    if matches!(step.outcome, StepOutcome::Published | StepOutcome::Blocked) {
        lines.extend(
            step.verdict.broken().filter(|result| result.action != OnFailure::Log).flat_map(|result| broken_rule_lines(result, terminal)),
        );
    }
    lines
}

/// How a step ended.
fn outcome(step: &StepRecord) -> String {
    match step.outcome {
        StepOutcome::Published if step.promoted.is_some() => {
            let version = step.commit.as_ref().map(|commit| commit.version).unwrap_or_default();
            format!("{} is version {version} now", step.window)
        }
        StepOutcome::Published => published(step),
        StepOutcome::Unchanged if step.rows_superseded > 0 => {
            format!("nothing new: {} {}", plural(step.rows_superseded, "row"), left_out(step))
        }
        StepOutcome::Unchanged => "nothing new".into(),
        StepOutcome::Skipped => format!("skipped: {}", step.error.as_deref().unwrap_or_default()),
        StepOutcome::Blocked => format!("blocked after {}: nothing of it is visible", duration(step.seconds)),
        StepOutcome::Failed | StepOutcome::Started => "failed".into(),
    }
}

/// Where the rows of a published step are now, and how long it took.
fn published(step: &StepRecord) -> String {
    let mut line = format!("{:>12} row{}", count(step.rows_written), if step.rows_written == 1 { "" } else { "s" });
    if step.rows_quarantined > 0 {
        line.push_str(&format!(", {} to quarantine", count(step.rows_quarantined)));
    }
    if step.rows_superseded > 0 {
        line.push_str(&format!(", {} {}", count(step.rows_superseded), left_out(step)));
    }
    if let Some(returned) = &step.returned {
        line.push_str(&format!(", {} back from quarantine", count(returned.rows)));
    }
    line + &format!("  {}", duration(step.seconds))
}

/// What else there is to know of a published step, line by line.
fn beneath_published(step: &StepRecord) -> Vec<String> {
    let is_told = step.load == "deliver" || (step.load == "recompute" && step.window != "all rows");
    let is_empty = step.model.starts_with("raw/") && step.rows_read == 0 && step.review.is_none();
    let lines = [
        is_told.then(|| format!("    {}", step.window)),
        step.inside.as_ref().map(|target| format!("    inside {target}, {}", step.window)),
        kept_out(step),
        is_empty.then(|| "    the source has no row".to_owned()),
        waiting_members(step.members_waiting.unwrap_or_default()),
        late::ahead(step).map(|line| format!("    {line}")),
    ];
    lines.into_iter().flatten().collect()
}

/// Why rows of a batch stayed out of the table.
fn left_out(step: &StepRecord) -> &'static str {
    // An append never changes a row of the table, not even for a later one.
    if step.load == "append" { "whose key is there already" } else { "older or repeated" }
}

/// Says where rows lie that were kept out of a table inside a database.
fn kept_out(step: &StepRecord) -> Option<String> {
    let rows = plural(step.rows_quarantined, "row");
    (step.inside.is_some() && step.rows_quarantined > 0).then(|| format!("    {rows} kept out, in `headworks_quarantine` beside the table"))
}

/// Says that files hold nothing.
fn empty_files(files: &[String]) -> Option<String> {
    Some(match files {
        [] => return None,
        [file] => format!("    `{file}` is empty, without even a header; it counts as read"),
        [file, ..] => {
            format!("    {} are empty, without even a header, such as `{file}`; they count as read", plural(files.len() as u64, "file"))
        }
    })
}

/// Says that the files of a first load have not all the same columns.
fn uneven_columns(columns: &[String]) -> Option<String> {
    let are = if columns.len() == 1 { "is" } else { "are" };
    let names: Vec<String> = columns.iter().take(LISTED).map(|name| format!("`{}`", printable(name))).collect();
    let more = columns.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {} more", count(more as u64)) } else { String::new() };
    (!columns.is_empty()).then(|| format!("    some files lack {}{more}, which {are} null there", names.join(", ")))
}

/// Says that facts name members of a dimension of which no row has arrived.
fn waiting_members(members: u64) -> Option<String> {
    let waits = if members == 1 { "waits for its row" } else { "wait for their rows" };
    (members > 0).then(|| format!("    {} {waits}", plural(members, "inferred member")))
}

fn broken_rule_lines(result: &RuleResult, terminal: &Terminal) -> Vec<String> {
    let mut lines = vec![format!("    {} ({}): {}", result.id, result.action.name(), finding(result))];
    let examples: Vec<String> = result.examples.iter().take(3).map(|example| printable(example)).collect();
    if result.action == OnFailure::Block && !examples.is_empty() {
        lines.push(format!("      examples: {}", examples.join(" | ")));
    }
    if let (OnFailure::Block, Some(query)) = (result.action, &result.query) {
        lines.push(format!("      see all:  {}", query_command(query, &[], terminal)));
    }
    lines.extend(result.notes.in_words().map(|notes| format!("      about:    {}", printable(&notes))));
    lines
}

/// The command that shows the rows of a query, as a shell takes it. Of `others`, which are `NAME=FILE`, it has those that the query names.
fn query_command(query: &str, others: &[String], terminal: &Terminal) -> String {
    let is_named = |other: &&String| other.split_once('=').is_some_and(|(name, _)| query.contains(name));
    let option = |other: &String| format!(" --with {}", in_shell(&hw_config::redact_url(other)));
    let with = others.iter().filter(is_named).map(option).collect::<Vec<_>>().concat();
    let query = if query.contains(['"', '$', '`', '\\', '!']) { quoted(query) } else { format!("\"{query}\"") };
    let root = &terminal.root;
    let project = if root == Path::new(".") { String::new() } else { format!(" --project {}", quoted(&root.to_string_lossy())) };
    format!("headworks sql {query}{with}{}{project}", terminal.in_environment())
}

/// Text in the quotes of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A word of a shell, in quotes where it needs them.
pub(crate) fn in_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@,+".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { quoted(word) }
}

fn finding(result: &RuleResult) -> String {
    if let Some(error) = &result.error {
        return error.clone();
    }
    if let Some(measured) = &result.measured {
        return format!("{measured}, expected {}", result.tolerance);
    }
    if result.held {
        return format!("{} of {} {} break it", count(result.violations), count(result.rows), result.population);
    }
    format!(
        "{} of {} {} break it ({}), {} tolerated",
        count(result.violations),
        count(result.rows),
        result.population,
        hw_base::Share(result.share),
        if result.tolerance == "0 rows" { "none" } else { &result.tolerance }
    )
}

/// How many tables a run published and delivered.
fn published_in_words(record: &RunRecord) -> String {
    let (delivered, published): (Vec<&StepRecord>, Vec<&StepRecord>) =
        record.steps.iter().filter(|step| step.outcome == StepOutcome::Published).partition(|step| step.load == "deliver");
    let published = format!("{} published", plural(published.len() as u64, "table"));
    match delivered.len() {
        0 => published,
        delivered => format!("{published}, {delivered} delivered"),
    }
}

/// How a run ended, in plain sentences.
pub(crate) fn run_summary(record: &RunRecord, terminal: &Terminal) {
    let seconds = record.ended.map_or(0.0, |ended| (ended - record.started).num_milliseconds() as f64 / 1000.0);
    let published = published_in_words(record);
    terminal.line(match record.outcome {
        Some(RunOutcome::Unchanged) => format!("nothing changed: no source has anything new (run {})", record.run),
        Some(RunOutcome::Succeeded) => {
            format!("done in {}: {published} (run {})", duration(seconds), record.run)
        }
        Some(RunOutcome::Blocked) => {
            format!("blocked after {}: {published}, the blocked ones keep their last good version (run {})", duration(seconds), record.run)
        }
        Some(RunOutcome::Failed) | None => {
            format!("failed after {}: {published} (run {})", duration(seconds), record.run)
        }
    });
    if record.outcome == Some(RunOutcome::Blocked) {
        terminal.lines(after_block(record));
    }
}

/// What to do about rules that keep steps of a run from going through.
fn after_block(record: &RunRecord) -> Vec<&'static str> {
    let blocked = record.steps.iter().filter(|step| step.outcome == StepOutcome::Blocked);
    let (wrong, broken): (Vec<&RuleResult>, Vec<&RuleResult>) =
        blocked.flat_map(|step| step.verdict.blocking()).partition(|rule| rule.error.is_some());
    let of_rules = [
        "  what to do: a rule that cannot be judged is mended where it stands; then run again.",
        "  `headworks plan` tries the rules, and `headworks explain HW602` says more.",
    ];
    let of_data = [
        "  what to do: mend the data at its source, let the model handle it, send the rows to quarantine",
        "  (`on_failure: quarantine`), or accept it (`at_most: …`, `on_failure: alert`); then run again.",
        "  `headworks explain HW601` says more.",
    ];
    let of_measures = [
        "  what to do: mend the data at its source, let the model handle it, or accept it (other limits,",
        "  `on_failure: alert`); then run again.",
        "  `headworks explain HW601` says more.",
    ];
    let mut lines = Vec::new();
    if !wrong.is_empty() {
        lines.extend(of_rules);
    }
    let are_measures = !broken.is_empty() && broken.iter().all(|rule| rule.measured.is_some());
    if are_measures {
        lines.extend(of_measures);
    } else if !broken.is_empty() || wrong.is_empty() {
        lines.extend(of_data);
    }
    lines
}

/// How many rows wait in quarantine, and what to type next; nothing where none does.
pub(crate) fn waiting_line(waiting: &[(TableName, u64)], terminal: &Terminal) -> Option<String> {
    let all: u64 = waiting.iter().map(|(_, rows)| rows).sum();
    let tables: Vec<String> = waiting.iter().map(|(table, rows)| format!("{} {}", table.leaf(), count(*rows))).collect();
    let waits = if all == 1 { "waits" } else { "wait" };
    let command = format!("headworks quarantine list{}", terminal.in_environment());
    (all > 0).then(|| format!("{} {waits} in quarantine ({}): `{command}`", plural(all, "row"), tables.join(", ")))
}

/// What to do about a run that was killed.
fn killed_line(runs: &[RunRecord], is_going_on: bool, terminal: &Terminal) -> Option<String> {
    let killed = runs.iter().find(|run| run.outcome.is_none()).filter(|_| !is_going_on)?;
    Some(format!("run {} was killed; `headworks run{}` continues it", killed.run, terminal.in_environment()))
}

/// The last runs as a table.
pub(crate) fn runs_lines(runs: &[RunRecord], is_going_on: bool, terminal: &Terminal) -> Vec<String> {
    let mut rows = vec![["run", "started", "took", "outcome", "published", "rows", "quarantined"].map(str::to_owned).to_vec()];
    for run in runs {
        let took = run.ended.map_or_else(|| "not ended".into(), |ended| duration((ended - run.started).num_milliseconds() as f64 / 1000.0));
        let is_published = |step: &&StepRecord| step.outcome == StepOutcome::Published && step.load != "deliver";
        let published: Vec<&StepRecord> = run.steps.iter().filter(is_published).collect();
        rows.push(vec![
            run.run.to_string(),
            moment(run.started),
            took,
            outcome_word(run.outcome, is_going_on).to_owned(),
            plural(published.len() as u64, "table"),
            count(published.iter().map(|step| step.rows_written).sum()),
            count(published.iter().map(|step| step.rows_quarantined).sum()),
        ]);
    }
    let mut lines = table(&rows, &[5, 6]);
    lines.extend(killed_line(runs, is_going_on, terminal));
    lines.extend(late::lines(runs));
    for step in runs.first().into_iter().flat_map(|run| &run.steps) {
        if matches!(step.outcome, StepOutcome::Blocked | StepOutcome::Failed) {
            lines.extend(step_lines(step, terminal));
            lines.extend(step.error.iter().map(|error| format!("    {}", error.replace('\n', "\n    "))));
        }
    }
    lines
}

/// How the rules came out, which may have read `others`, each `NAME=FILE`.
pub(crate) fn verdict_lines(verdict: &Verdict, others: &[String], terminal: &Terminal) -> Vec<String> {
    let mut lines = Vec::new();
    for result in &verdict.results {
        let mark = if result.held { "✓" } else { "✗" };
        lines.push(format!("{mark} {:<32} {:<10} {}", result.id, result.action.name(), finding(result)));
        if !result.held && !result.examples.is_empty() {
            let examples: Vec<String> = result.examples.iter().map(|example| printable(example)).collect();
            lines.push(format!("    examples: {}", examples.join(" | ")));
        }
        if let (false, Some(query)) = (result.held, &result.query) {
            lines.push(format!("    see all:  {}", query_command(query, others, terminal)));
        }
        if !result.held {
            lines.extend(result.notes.in_words().map(|notes| format!("    about:    {}", printable(&notes))));
        }
    }
    lines.push(verdict_summary(verdict));
    lines
}

/// How many rules held, in a sentence.
pub(crate) fn verdict_summary(verdict: &Verdict) -> String {
    let unjudged = verdict.broken().filter(|result| result.error.is_some()).count() as u64;
    let broken = verdict.broken().count() as u64 - unjudged;
    match (broken, unjudged, verdict.results.len() as u64) {
        (0, 0, 0) => "no rule was judged, so nothing can break".to_owned(),
        (0, 0, 1) => "the rule held".to_owned(),
        (0, 0, all) => format!("all {} held", plural(all, "rule")),
        (broken, 0, all) => format!("{} of {} broke", broken, plural(all, "rule")),
        (0, 1, 1) => "the rule cannot be judged".to_owned(),
        (0, unjudged, all) => format!("{} of {} cannot be judged", unjudged, plural(all, "rule")),
        (broken, unjudged, all) => format!("{} of {} broke, {} cannot be judged", broken, plural(all, "rule"), unjudged),
    }
}

/// A text of the data without what a terminal would obey or break the line at.
fn printable(text: &str) -> String {
    if text.contains(char::is_control) {
        text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
    } else {
        text.to_owned()
    }
}

/// An assessment in a screenful.
pub(crate) fn assessment_lines(assessment: &Assessment) -> Vec<String> {
    let scores: Vec<String> = assessment
        .scores
        .dimensions
        .iter()
        .map(|score| format!("{} {}", score.dimension.name(), score.score.map_or_else(|| "–".into(), shown_score)))
        .collect();
    let mut lines = vec![
        format!("{}: {} of 100 ({})", assessment.about.name, shown_score(assessment.scores.overall), assessment.population()),
        format!("  {}", scores.join(" · ")),
    ];
    lines.extend(Some(assessment.error_in_words()).filter(|words| !words.is_empty()).map(|words| format!("  {words}")));
    let issues: Vec<_> = assessment.issues().collect();
    lines.extend(issues.iter().take(LISTED).map(|issue| format!("  {:<7}{}", severity(issue.severity), issue.description)));
    lines.extend(and_more(issues.len()));
    lines.push(format!("  {} proposed", plural(assessment.proposals.len() as u64, "rule")));
    lines.extend(assessment.drift.iter().flat_map(drift_lines));
    lines
}

/// What changed since an earlier assessment, what matters most first.
fn drift_lines(drift: &Drift) -> Vec<String> {
    let changes = match drift.changes.len() {
        0 => "nothing changed that matters".to_owned(),
        changes => plural(changes as u64, "change"),
    };
    let mut lines = vec![format!("  against {}: {changes}", drift.against)];
    lines.extend(drift.changes.iter().take(LISTED).map(|change| format!("  {:<7}{}", severity(change.severity), change.description)));
    lines.extend(and_more(drift.changes.len()));
    lines
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}

/// How many issues or changes are listed.
const LISTED: usize = 12;

fn and_more(all: usize) -> Option<String> {
    (all > LISTED).then(|| format!("  … and {} more; `--format markdown` or `--out FOLDER` shows all", all - LISTED))
}
