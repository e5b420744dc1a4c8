//! The one part of the stage that asks the engine: measures, settles what measuring only estimates, fetches examples.

use std::collections::BTreeMap;

use hw_base::{Engine, Input, MeasureSettings, Reader, Result, Rows, TableFacts, Timestamp, Value};

use crate::checks::{find_issues, find_patterns, is_key_candidate};
use crate::column::present;
use crate::tried::try_rules;
use crate::{About, Assessment, Evidence, Examination, Finding, PatternRule, Relations, RuleTrial};

/// The name that the stage's own queries give the dataset.
const ASSESSED: &str = "assessed";

/// How many examples an issue shows.
const EXAMPLES: usize = 5;

/// Measures the rows of `reader`, says what is wrong with them, scores them and proposes what to do.
///
/// Fails only where measuring fails. A question that the engine cannot answer after that leaves an estimate or an
/// empty list of examples, and says so.
pub async fn assess(engine: &dyn Engine, reader: &Reader, about: &About, now: Timestamp, id: String) -> Result<Assessment> {
    assess_with(engine, reader, about, now, id, Evidence::default()).await
}

/// As [`assess`], in the light of what is known already: relations between the columns, declared rules. What `evidence` holds
/// is not asked again.
pub async fn assess_with(
    engine: &dyn Engine,
    reader: &Reader,
    about: &About,
    now: Timestamp,
    id: String,
    mut evidence: Evidence,
) -> Result<Assessment> {
    let settings = MeasureSettings { sample: about.sample, top_values: about.limits.top_values };
    let mut facts = engine.measure(reader, settings).await?;
    let dataset = Dataset { engine, reader };
    if facts.scanned_all_rows {
        settle_keys(&dataset, &mut facts).await;
    }
    evidence.counted.extend(count_estimates(&dataset, &facts, about, now, &evidence).await);
    if about.rules == RuleTrial::HoldBack && evidence.held.is_none() {
        let patterns: Vec<PatternRule> = evidence.relations.iter().flat_map(Relations::rules).cloned().collect();
        evidence.held = try_rules(engine, reader, &facts, about, now, &patterns).await;
    }
    let inside = About { shown_as: ASSESSED.into(), ..about.clone() };
    let asked = find_issues(&Examination::new(&facts, &inside, now, &evidence));
    let examples = fetch_examples(&dataset, &asked, about.limits.example_queries).await;
    let mut assessment = Assessment::judge(facts, about.clone(), now, id, evidence);
    show(&mut assessment.findings, examples);
    Ok(assessment)
}

/// The dataset as something to ask.
struct Dataset<'a> {
    engine: &'a dyn Engine,
    reader: &'a Reader,
}

impl Dataset<'_> {
    /// The first rows of a query over [`ASSESSED`]; `None` where the engine cannot answer.
    async fn ask(&self, sql: String) -> Option<Rows> {
        let mut inputs = self.reader.inputs.clone();
        inputs.push(Input::Query { name: ASSESSED.into(), sql: self.reader.sql.clone() });
        let reader = Reader { sql, inputs, file: None };
        self.engine.query(&reader, EXAMPLES).await.ok()
    }
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

/// Counts in one scan the rows of all findings whose number the facts only estimate. A sample stays an estimate.
async fn count_estimates(
    dataset: &Dataset<'_>,
    facts: &TableFacts,
    about: &About,
    now: Timestamp,
    evidence: &Evidence,
) -> BTreeMap<String, u64> {
    let findings = find_issues(&Examination::new(facts, about, now, &Evidence::default()));
    let estimates = findings.into_iter().filter(|finding| finding.is_estimate);
    let patterns = find_patterns(&Examination::new(facts, about, now, evidence)).into_iter().filter(|finding| finding.is_estimate);
    let conditions: Vec<String> = estimates.chain(patterns).filter_map(|finding| finding.condition).collect();
    if conditions.is_empty() || !facts.scanned_all_rows {
        return BTreeMap::new();
    }
    let counts: Vec<String> =
        conditions.iter().enumerate().map(|(index, condition)| format!("count(*) filter (where {condition}) as rows_{index}")).collect();
    let rows = dataset.ask(format!("select {} from {ASSESSED}", counts.join(", "))).await;
    let counted = rows.and_then(|rows| rows.rows.into_iter().next()).unwrap_or_default();
    conditions.into_iter().zip(counted).filter_map(|(condition, rows)| Some((condition, rows.as_u64()?))).collect()
}

/// Examples for the findings that have none, the gravest first. `None` where nothing was asked or answered.
async fn fetch_examples(dataset: &Dataset<'_>, findings: &[Finding], most: usize) -> Vec<Option<Vec<String>>> {
    let mut examples = Vec::new();
    let mut asked = 0;
    for finding in findings {
        let question = example_query(finding).filter(|_| asked < most);
        let answer = match question {
            Some(sql) => {
                asked += 1;
                dataset.ask(sql).await
            }
            None => None,
        };
        examples.push(answer.map(|rows| rendered(&rows)));
    }
    examples
}

/// A query for values to show; a missing value needs none.
fn example_query(finding: &Finding) -> Option<String> {
    let issue = &finding.issue;
    if !issue.examples.is_empty() || issue.query.is_empty() || issue.code == "missing_values" {
        return None;
    }
    match (&finding.condition, &issue.column) {
        (Some(condition), Some(column)) => {
            Some(format!("select distinct {} from {ASSESSED} where {condition}", hw_base::identifier(column)))
        }
        _ => Some(issue.query.clone()),
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
