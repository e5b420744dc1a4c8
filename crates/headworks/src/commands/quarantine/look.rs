//! Looking at what waits, and at what was decided.

use std::collections::BTreeMap;

use hw_base::{
    Engine, Error, Ledger, ORIGIN_COLUMNS, Reader, Result, ReviewRecord, Ruling, RunRecord, StepRecord, Timestamp, Value, count,
    identifier, plural,
};
use serde_json::{Value as Json, json};

use super::select::{Selecting, list_or};
use super::waiting;
use crate::house::House;
use crate::report;
use crate::terminal::{Format, Terminal};

/// The columns of a quarantine that are its own, and those that nobody needs to see.
const OWN: [&str; 6] = ["_rules", "_run", "_quarantined_at", "_loaded_by_run", "_waived", "_source"];

/// The rows of one table that break one rule.
struct Waiting {
    table: String,
    rule: String,
    rows: u64,
    oldest: String,
    newest: String,
}

/// Counts what waits.
pub(super) async fn list(house: &House, terminal: &Terminal) -> Result<u8> {
    let tables = waiting(house).await?;
    let mut found = Vec::new();
    for (quarantine, _) in &tables {
        found.extend(of_table(house, quarantine).await?);
    }
    let all: u64 = tables.iter().map(|(_, rows)| rows).sum();
    if terminal.format == Format::Json {
        let rules =
            found.iter().map(|w| json!({ "table": w.table, "rule": w.rule, "rows": w.rows, "oldest": w.oldest, "newest": w.newest }));
        terminal.json(&json!({ "schema_version": "1", "rows": all, "waiting": rules.collect::<Vec<Json>>() }))?;
        return Ok(0);
    }
    if found.is_empty() {
        terminal.line("no row waits in quarantine");
        return Ok(0);
    }
    let mut cells = vec![["table", "rule", "rows", "oldest", "newest"].map(str::to_owned).to_vec()];
    cells.extend(found.into_iter().map(|w| vec![w.table, w.rule, count(w.rows), in_words(&w.oldest), in_words(&w.newest)]));
    terminal.table(&cells, &[2]);
    let waits = if all == 1 { "waits" } else { "wait" };
    let (rows, tables) = (plural(all, "row"), plural(tables.len() as u64, "table"));
    terminal
        .say(format!("{rows} of {tables} {waits}; `headworks quarantine show TABLE` shows them, `release` and `drop` decide about them"));
    Ok(0)
}

/// What waits of one table, by rule. A row that breaks two rules waits for both.
async fn of_table(house: &House, quarantine: &hw_base::TableName) -> Result<Vec<Waiting>> {
    let sql = format!(
        "select _rules, count(*) as rows, min(_quarantined_at) as oldest, max(_quarantined_at) as newest from {} group by _rules order by _rules",
        quarantine.sql()
    );
    let rows = house.engine.query(&Reader { sql, inputs: vec![], file: None }, 10_000).await?;
    let mut by_rule: BTreeMap<String, Waiting> = BTreeMap::new();
    for row in rows.rows {
        let [rules, rows, oldest, newest] = &row[..] else { continue };
        let (oldest, newest) = (oldest.to_string(), newest.to_string());
        for rule in rules.to_string().split(", ") {
            let known = by_rule.entry(rule.to_owned()).or_insert_with(|| Waiting {
                table: quarantine.leaf().to_owned(),
                rule: rule.to_owned(),
                rows: 0,
                oldest: oldest.clone(),
                newest: newest.clone(),
            });
            known.rows += rows.as_u64().unwrap_or_default();
            known.oldest = known.oldest.clone().min(oldest.clone());
            known.newest = known.newest.clone().max(newest.clone());
        }
    }
    Ok(by_rule.into_values().collect())
}

/// Shows rows that wait.
pub(super) async fn show(house: &House, selecting: &Selecting, limit: usize, terminal: &Terminal) -> Result<u8> {
    let selected = selecting.selected(house).await?;
    let mut columns = vec!["_rules as rules".to_owned(), "_run as run".to_owned()];
    if selected.has("_file") && selected.has("_line") {
        columns.push("concat_ws(':', _file, cast(_line as text)) as place".into());
    }
    if selected.has("_malformed") {
        columns.push("_malformed as malformed".into());
    }
    let own = selected.columns.iter().map(|column| column.name.as_str());
    columns.extend(own.filter(|name| !OWN.contains(name) && !ORIGIN_COLUMNS.contains(name)).map(identifier));
    let order = ["_quarantined_at", "_file", "_line"].into_iter().filter(|name| selected.has(name)).collect::<Vec<_>>().join(", ");
    let rows = house.engine.query(&selected.query(&columns.join(", "), &format!(" order by {order}")), limit).await?;
    if rows.rows.is_empty() {
        return Err(nothing_selected(house, selecting).await?);
    }
    match terminal.format {
        Format::Json => {
            let listed: Json = serde_json::from_str(&report::json::rows(&rows)?).unwrap_or_default();
            terminal.json(&json!({ "schema_version": "1", "table": selecting.table, "rows": listed, "more": rows.is_cut }))?;
        }
        Format::Markdown => terminal.lines(report::markdown::rows(&rows)),
        Format::Text => terminal.lines(report::rows_lines(&rows)),
    }
    Ok(0)
}

/// The error for options that no row in quarantine meets.
pub(super) async fn nothing_selected(house: &House, selecting: &Selecting) -> Result<Error> {
    let quarantine = hw_base::TableName::model(format!("quarantine/{}", selecting.table));
    let rules: Vec<String> = of_table(house, &quarantine).await?.into_iter().map(|waiting| waiting.rule).collect();
    let error = Error::user(format!("no row of `{}` in quarantine meets `{}`", selecting.table, selecting.words())).code("HW603");
    Ok(error.help(format!("rows wait because of: {}", list_or(rules.iter().map(String::as_str), "no rule"))))
}

/// Shows what was decided, and what came back by itself.
pub(super) fn log(house: &House, limit: usize, terminal: &Terminal) -> Result<u8> {
    let runs = house.ledger.reviews(limit)?;
    let left: Vec<Left<'_>> = runs.iter().flat_map(|run| run.steps.iter().filter_map(move |step| Left::of(run, step))).collect();
    if terminal.format == Format::Json {
        terminal.json(&json!({ "schema_version": "1", "decisions": left.iter().map(Left::json).collect::<Vec<Json>>() }))?;
        return Ok(0);
    }
    if left.is_empty() {
        terminal.line("nobody has released or dropped a row yet");
        return Ok(0);
    }
    let mut cells = vec![["run", "at", "who", "table", "decision", "rows", "which", "why"].map(str::to_owned).to_vec()];
    cells.extend(left.iter().map(Left::cells));
    terminal.table(&cells, &[5]);
    Ok(0)
}

/// Rows that left a quarantine.
struct Left<'a> {
    run: &'a RunRecord,
    step: &'a StepRecord,
    who: String,
    /// What became of them, in a word.
    decision: &'static str,
    /// The values that they were given: `amount = 0`.
    set: Vec<String>,
    rows: u64,
    which: String,
    why: Option<String>,
}

impl<'a> Left<'a> {
    /// The rows that left with a step; `None` where none did.
    fn of(run: &'a RunRecord, step: &'a StepRecord) -> Option<Self> {
        if let Some(review) = &step.review {
            let ReviewRecord { who, selector, ruling, rows, reason, .. } = review;
            let (set, decision) = (assignments(ruling), word(ruling));
            return Some(Self { run, step, who: who.clone(), decision, set, rows: *rows, which: selector.clone(), why: reason.clone() });
        }
        let returned = step.returned.as_ref()?;
        let why = "what they refer to has arrived".to_owned();
        Some(Self {
            run,
            step,
            who: "headworks".into(),
            decision: "returned",
            set: vec![],
            rows: returned.rows,
            which: returned.rules.iter().map(|rule| format!("--rule {rule}")).collect::<Vec<_>>().join(" "),
            why: Some(why),
        })
    }

    fn table(&self) -> String {
        hw_base::TableName::model(&self.step.model).leaf().to_owned()
    }

    fn json(&self) -> Json {
        json!({
            "run": self.run.run, "at": self.run.started, "who": self.who, "table": self.table(), "decision": self.decision,
            "set": self.set, "rows": self.rows, "which": self.which, "why": self.why,
            "version": self.step.commit.as_ref().map(|commit| commit.version),
        })
    }

    fn cells(&self) -> Vec<String> {
        let set = if self.set.is_empty() { String::new() } else { format!(": {}", self.set.join(", ")) };
        let decision = format!("{}{set}", self.decision);
        let (at, why) = (report::moment(self.run.started), self.why.clone().unwrap_or_default());
        vec![self.run.run.to_string(), at, self.who.clone(), self.table(), decision, count(self.rows), self.which.clone(), why]
    }
}

fn assignments(ruling: &Ruling) -> Vec<String> {
    match ruling {
        Ruling::Repaired(values) => values.iter().map(|(column, sql)| format!("{column} = {sql}")).collect(),
        Ruling::Vouched { .. } | Ruling::Dropped => vec![],
    }
}

/// What was decided, in a word.
pub(super) fn word(ruling: &Ruling) -> &'static str {
    match ruling {
        Ruling::Vouched { .. } => "released",
        Ruling::Repaired(_) => "repaired",
        Ruling::Dropped => "dropped",
    }
}

/// A moment of a result for people.
fn in_words(moment: &str) -> String {
    moment.parse::<Timestamp>().map_or_else(|_| moment.to_owned(), report::moment)
}

/// How many rows a query counts.
pub(super) fn counted(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}
