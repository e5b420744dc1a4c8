//! The one part of the stage that asks the engine: measures, settles what measuring only estimates, fetches examples.

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{ColumnFacts, Engine, Input, Reader, Result, RowWatch, Rows, TableFacts, Timestamp, Value, Watch};

use crate::checks::{find_issues, find_patterns, is_key_candidate, tells_age};
use crate::column::{NO_MOMENT, is_temporal, moment, moment_in_sql, moments_in_sql, present, present_until};
use crate::tried::{try_on_new_rows, try_rules};
use crate::{About, Assessment, Evidence, Examination, Finding, Latest, RuleTrial, TakenOver, header};

/// The name that the stage's own queries give the dataset.
const ASSESSED: &str = "assessed";

/// How many examples an issue shows.
const EXAMPLES: usize = 5;

/// How many rows are looked at for examples that differ.
const LOOKED_AT: usize = 100;

/// Measures the rows of `reader`, says what is wrong with them, scores them and proposes what to do.
///
/// Fails only where measuring fails. A question that the engine cannot answer after that leaves an estimate or an
/// empty list of examples, and says so.
pub async fn assess(engine: &dyn Engine, reader: &Reader, about: &About, now: Timestamp, id: String) -> Result<Assessment> {
    assess_with(engine, reader, about, now, id, Evidence::default()).await
}

/// As [`assess`], in the light of what is known already: measurements, relations between the columns, declared rules. What `evidence` holds
/// is not asked again.
pub async fn assess_with(
    engine: &dyn Engine,
    reader: &Reader,
    about: &About,
    now: Timestamp,
    id: String,
    mut evidence: Evidence,
) -> Result<Assessment> {
    let mut facts = match evidence.facts.take() {
        Some(facts) => facts,
        None => engine.measure(reader, about.measuring()).await?,
    };
    let dataset = Dataset { engine, reader };
    if facts.scanned_all_rows && evidence.taken_over.is_none() {
        settle_keys(&dataset, &mut facts).await;
    }
    if facts.scanned_all_rows && evidence.latest.is_empty() {
        evidence.latest = latest_moments(&dataset, &facts, present_until(about.as_of.unwrap_or(now))).await;
    }
    let inside = About { shown_as: ASSESSED.into(), ..about.clone() };
    let (mut to_count, to_show) = conditions_to_look_at(&facts, &inside, now, &evidence);
    to_count.extend(header::to_count(&facts, &evidence).map(|condition| (condition, None)));
    to_count.extend(evidence.taken_over.iter().flat_map(TakenOver::to_count));
    let mut seen = dataset.look(&to_count, &facts, Wanted::Counts).await;
    if facts.scanned_all_rows {
        let counted =
            seen.iter().filter_map(|(condition, seen)| Some((condition.clone(), evidence.counted_before(condition)? + seen.rows)));
        let counted: BTreeMap<String, u64> = counted.collect();
        evidence.counted.extend(counted);
    }
    seen.extend(dataset.look(&to_show, &facts, Wanted::Examples).await);
    if about.rules == RuleTrial::HoldBack && evidence.held.is_none() {
        evidence.held = match &evidence.taken_over {
            Some(taken_over) => try_on_new_rows(engine, reader, (&taken_over.facts, &facts), about, now).await,
            None => try_rules(engine, reader, &facts, about, now, evidence.relations.as_ref()).await,
        };
    }
    let asked = find_issues(&Examination::new(&facts, &inside, now, &evidence));
    let examples = fetch_examples(&dataset, &asked, &seen, about.limits.example_queries).await;
    let mut assessment = Assessment::judge(facts, about.clone(), now, id, evidence);
    show(&mut assessment.findings, examples);
    Ok(assessment)
}

/// Measures the columns in one pass and judges what that tells; asks nothing else but how many rows are header lines, where they may be, and for the
/// newest moment of a column that reaches into the future.
pub async fn measure_columns(engine: &dyn Engine, reader: &Reader, about: &About, now: Timestamp, id: String) -> Result<Assessment> {
    let facts = engine.measure(reader, about.measuring()).await?;
    let dataset = Dataset { engine, reader };
    let mut evidence = Evidence::default();
    if facts.scanned_all_rows {
        evidence.latest = latest_moments(&dataset, &facts, present_until(about.as_of.unwrap_or(now))).await;
    }
    let to_count: Conditions = header::to_count(&facts, &evidence).into_iter().map(|condition| (condition, None)).collect();
    let seen = dataset.look(&to_count, &facts, Wanted::Counts).await;
    evidence.counted = seen.into_iter().map(|(condition, seen)| (condition, seen.rows)).collect();
    Ok(Assessment::judge(facts, about.clone(), now, id, evidence))
}

/// The dataset as something to ask.
struct Dataset<'a> {
    engine: &'a dyn Engine,
    reader: &'a Reader,
}

impl Dataset<'_> {
    /// The first rows of a query over [`ASSESSED`]; `None` where the engine cannot answer.
    async fn ask(&self, sql: String) -> Option<Rows> {
        self.engine.query(&self.reader_of(sql), EXAMPLES).await.ok()
    }

    /// The first rows of `narrowed`, or of `sql` where that has none.
    async fn ask_narrowed(&self, narrowed: Option<&String>, sql: String) -> Option<Rows> {
        let few = match narrowed {
            Some(narrowed) => self.ask(narrowed.clone()).await,
            None => None,
        };
        match few.filter(|rows| !rows.rows.is_empty()) {
            Some(few) => Some(few),
            None => self.ask(sql).await,
        }
    }

    fn reader_of(&self, sql: String) -> Reader {
        let mut inputs = self.reader.inputs.clone();
        inputs.push(Input::Query { name: ASSESSED.into(), sql: self.reader.sql.clone() });
        Reader { sql, inputs, file: None }
    }

    /// Counts in one scan the rows that meet each condition, where that is wanted, and takes examples of the values of its column. Nothing
    /// where the engine cannot answer.
    async fn look(&self, conditions: &Conditions, facts: &TableFacts, wanted: Wanted) -> BTreeMap<String, Seen> {
        if conditions.is_empty() {
            return BTreeMap::new();
        }
        let is_mentioned = |name: &String| conditions.keys().any(|condition| condition.contains(name.as_str()));
        let columns: BTreeSet<String> = facts.columns.iter().map(|column| hw_base::identifier(&column.name)).filter(is_mentioned).collect();
        let columns: Vec<String> = columns.into_iter().collect();
        let reader = self.reader_of(format!("select {} from {ASSESSED}", columns.join(", ")));
        let rule = |condition: &String| RowWatch { id: condition.clone(), violates: condition.clone(), diverts: false, excludes: false };
        let (rows, only_examples) = (conditions.keys().map(rule).collect(), wanted == Wanted::Examples);
        let watch = Watch { rows, examples: LOOKED_AT, only_examples, ..Watch::default() };
        let watched = self.engine.watch(&reader, &watch).await.unwrap_or_default();
        let judged = watched.rules.into_iter().filter(|rule| rule.error.is_none());
        judged
            .map(|rule| {
                let column = conditions.get(&rule.id).and_then(Option::as_deref);
                let examples = column.map(|column| different(&rule.examples, column)).unwrap_or_default();
                (rule.id, Seen { rows: rule.violations, examples })
            })
            .collect()
    }
}

/// Conditions, each with the column whose values are shown.
type Conditions = BTreeMap<String, Option<String>>;

/// What a scan is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// How many rows meet each condition, and examples.
    Counts,
    /// Examples alone: mostly the first rows have enough of them.
    Examples,
}

/// What a scan found for a condition.
struct Seen {
    rows: u64,
    examples: Vec<String>,
}

/// The first few different values of a column.
fn different(rows: &Rows, column: &str) -> Vec<String> {
    let at = rows.columns.iter().position(|own| own.name == column);
    let mut found: Vec<String> = Vec::new();
    for value in rows.rows.iter().filter_map(|row| row.get(at?)).map(ToString::to_string) {
        if found.len() < EXAMPLES && !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// The conditions whose rows the facts only estimate, or are to be added to those counted before; and those whose values alone are to be
/// shown.
fn conditions_to_look_at(facts: &TableFacts, about: &About, now: Timestamp, evidence: &Evidence) -> (Conditions, Conditions) {
    let nothing = Evidence { latest: evidence.latest.clone(), ..Evidence::default() };
    let estimates = find_issues(&Examination::new(facts, about, now, &nothing)).into_iter();
    let estimates = estimates.chain(find_patterns(&Examination::new(facts, about, now, evidence)));
    let estimates = estimates.filter(|finding| finding.is_estimate && facts.scanned_all_rows);
    let shown = find_issues(&Examination::new(facts, about, now, evidence)).into_iter();
    let shown = shown.filter(|finding| example_query(finding).is_some()).take(about.limits.example_queries);
    let (counted, shown): (Vec<Finding>, Vec<Finding>) = shown.partition(|finding| finding.is_estimate || evidence.taken_over.is_some());
    let condition = |finding: Finding| Some((finding.condition?, finding.issue.column));
    let counted: Conditions = estimates.chain(counted).filter_map(condition).collect();
    let shown = shown.into_iter().filter_map(condition).filter(|(condition, _)| !counted.contains_key(condition)).collect();
    (counted, shown)
}

/// Counts exactly how many values the columns have that are named like a key and were only estimated to be one: an
/// error of one per cent would otherwise be a wrong finding, or hide a right one.
async fn settle_keys(dataset: &Dataset<'_>, facts: &mut TableFacts) {
    for column in &mut facts.columns {
        let may_be_key = is_key_candidate(column) && column.distinct as f64 >= 0.75 * present(column) as f64;
        if column.distinct_is_exact || !may_be_key {
            continue;
        }
        let name = hw_base::identifier(&column.name);
        let sql = format!("select count(*) from (select distinct {name} from {ASSESSED} where {name} is not null) as values_of_column");
        let distinct = dataset.ask(sql).await.and_then(|rows| rows.single().and_then(Value::as_u64));
        if let Some(distinct) = distinct {
            column.distinct = distinct;
            column.distinct_is_exact = true;
        }
    }
}

/// Asks the columns that tell when rows came, and that reach beyond the present, for the latest moment that does not, and for the latest that
/// stands for one. Nothing of a column about which the engine cannot answer.
async fn latest_moments(dataset: &Dataset<'_>, facts: &TableFacts, until: Timestamp) -> BTreeMap<String, Latest> {
    let mut latest = BTreeMap::new();
    for (name, query) in latest_queries(facts, until) {
        let row = dataset.ask(query).await.and_then(|rows| rows.rows.into_iter().next());
        if let Some(Ok([come, meant])) = row.map(<[Value; 2]>::try_from) {
            latest.insert(name, Latest { come, meant });
        }
    }
    latest
}

/// The names of these columns, each with the query for both moments.
fn latest_queries(facts: &TableFacts, until: Timestamp) -> Vec<(String, String)> {
    let of_time = facts.columns.iter().filter(|column| is_temporal(column) && tells_age(&column.name));
    let beyond = of_time.filter(|column| moment(&column.max).is_some_and(|latest| latest > until));
    let query = |column: &ColumnFacts| {
        let (name, moments) = (hw_base::identifier(&column.name), moments_in_sql(column));
        let until = moment_in_sql(until);
        format!(
            "select max(case when {moments} <= {until} then {name} end) as come, max(case when {moments} < {NO_MOMENT} then {name} end) as meant \
             from {ASSESSED}"
        )
    };
    beyond.map(|column| (column.name.clone(), query(column))).collect()
}

/// Examples for the findings that have none, the gravest first. `None` where nothing was asked or answered.
async fn fetch_examples(
    dataset: &Dataset<'_>,
    findings: &[Finding],
    seen: &BTreeMap<String, Seen>,
    most: usize,
) -> Vec<Option<Vec<String>>> {
    let mut examples = Vec::new();
    let mut asked = 0;
    for finding in findings {
        let question = example_query(finding).filter(|_| asked < most);
        asked += usize::from(question.is_some());
        let known = finding.condition.as_ref().filter(|_| question.is_some()).and_then(|condition| seen.get(condition));
        let known = known.filter(|seen| !seen.examples.is_empty());
        examples.push(match (known, question) {
            (Some(seen), _) => Some(seen.examples.clone()),
            (None, Some(sql)) => dataset.ask_narrowed(finding.narrowed.as_ref(), sql).await.map(|rows| rendered(&rows)),
            (None, None) => None,
        });
    }
    examples
}

/// A query for values to show; a missing value needs none.
fn example_query(finding: &Finding) -> Option<String> {
    let issue = &finding.issue;
    if issue.code == "malformed_records" {
        return Some(format!("select _malformed from {ASSESSED} where _malformed is not null"));
    }
    if !issue.examples.is_empty() || issue.query.is_empty() || issue.code == "missing_values" {
        return None;
    }
    match (&finding.condition, &issue.column) {
        (Some(condition), Some(column)) => {
            Some(format!("select distinct {} from {ASSESSED} where {condition}", hw_base::identifier(column)))
        }
        _ => Some(finding.shown_by.as_ref().unwrap_or(&issue.query).clone()),
    }
}

/// The values of a single column as they are, whole rows with the names of their columns.
fn rendered(rows: &Rows) -> Vec<String> {
    if rows.columns.len() > 1 {
        return rows.rendered();
    }
    rows.rows.iter().filter_map(|row| row.first()).map(ToString::to_string).collect()
}

fn show(findings: &mut [Finding], examples: Vec<Option<Vec<String>>>) {
    for (finding, fetched) in findings.iter_mut().zip(examples) {
        if let Some(fetched) = fetched {
            finding.issue.examples = fetched;
        }
    }
}
