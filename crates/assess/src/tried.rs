//! Parts the rows into those that rules are made from and those that they are tried on, and asks the engine for both.

use hw_base::{
    ColumnFacts, ColumnType, Engine, Input, MeasureSettings, Reader, Sample, Settings, TableFacts, Timestamp, Value, Verdict, count,
    identifier,
};
use hw_validate::{Gate, Judging, Population, Proposal, propose, read_rules};
use serde_json::Value as Json;

use crate::column::{quantile, share_of};
use crate::held::dropped;
use crate::pattern::Broken;
use crate::remainder::remainder;
use crate::{About, Evidence, Examination, HeldRules, PatternRule, Relations, freshness, hold};

/// The name that queries give the rows.
const PARTED: &str = "parted";

/// The name that queries give the rows that rules are made from.
const MADE_FROM: &str = "made_from";

/// With fewer rows than this, a part of them says nothing about the rest.
const FEWEST_ROWS: u64 = 200;

/// Of so many rows a tenth is held back, of fewer a quarter: more would not tell more surely that a rule holds.
const MANY_ROWS: u64 = 5_000_000;

/// Columns that the hash of a row is made of; more would not part the rows better.
const HASHED_COLUMNS: usize = 3;

/// Why no list is proposed.
const OPEN: &str = "its values keep being new: the last quarter of the rows brought some that no row before them holds";

/// How the rows are parted.
#[derive(Clone, Debug, PartialEq)]
struct Split {
    /// True for the rows that rules are made from; never null.
    made_from: String,
    /// How, in words, but for the numbers of rows.
    words: String,
}

/// Proposes rules from one part of the rows, judges them on the rest and keeps those that hold there. `None` where there are too
/// few rows, where only a sample was measured, or where the engine cannot answer.
pub(crate) async fn try_rules(
    engine: &dyn Engine,
    reader: &Reader,
    facts: &TableFacts,
    about: &About,
    now: Timestamp,
    relations: Option<&Relations>,
) -> Option<HeldRules> {
    if facts.rows < FEWEST_ROWS || !facts.scanned_all_rows {
        return None;
    }
    let evidence = Evidence::default();
    let split = split(&Examination::new(facts, about, now, &evidence))?;
    let settings = MeasureSettings { sample: Sample::All, top_values: about.limits.top_values };
    let rows = if facts.malformed > 0 { "_malformed is null and " } else { "" };
    let rest = part(reader, &format!("{rows}not ({})", split.made_from));
    // They are measured, watched and grouped; reading them once for all of it costs least.
    let rest = engine.keep(&rest).await.ok().flatten().unwrap_or(rest);
    let held_back = engine.measure(&rest, settings).await.ok()?;
    if !(0.05..=0.5).contains(&share_of(held_back.rows, facts.rows)) {
        return None;
    }
    let own = remainder(facts, &held_back);
    let proposed = propose(&own).into_iter().filter(|proposal| !is_refuted(proposal, facts));
    let (open, mut proposals): (Vec<Proposal>, Vec<Proposal>) = proposed.partition(|proposal| is_of_open_list(proposal, relations));
    let made_from = part(reader, &format!("{rows}{}", split.made_from));
    let patterns: Vec<PatternRule> = relations.into_iter().flat_map(Relations::rules).cloned().collect();
    let broken = count_broken(engine, made_from, &patterns).await;
    proposals.extend(patterns.iter().zip(broken).filter_map(|(rule, broken)| rule.proposal(&own, broken)));
    let rows = (own.rows, held_back.rows);
    let verdict = judged(engine, &rest, &proposals, about, now).await?;
    let mut held = hold(proposals, &verdict, parted(rows, &split.words));
    held.dropped.extend(open.iter().map(|proposal| dropped(proposal, OPEN.to_owned())));
    Some(held)
}

/// Proposes rules from the rows that an earlier assessment measured, but for those that the measures of all rows refute, and judges them on
/// those of `new`, which came after them. `None`
/// where either are too few, or where the engine cannot answer.
pub(crate) async fn try_on_new_rows(
    engine: &dyn Engine,
    new: &Reader,
    (before, all): (&TableFacts, &TableFacts),
    about: &About,
    now: Timestamp,
) -> Option<HeldRules> {
    let proposals: Vec<Proposal> = propose(before).into_iter().filter(|proposal| !is_refuted(proposal, all)).collect();
    let has_marks = engine.columns(new).await.ok()?.iter().any(|column| column.name == "_malformed");
    let new = &if has_marks { part(new, "_malformed is null") } else { new.clone() };
    let rows = engine.query(&counting(new), 1).await.ok()?.single().and_then(Value::as_u64)?;
    if before.rows < FEWEST_ROWS || rows < FEWEST_ROWS / 4 {
        return None;
    }
    let verdict = judged(engine, new, &proposals, about, now).await?;
    Some(hold(proposals, &verdict, parted((before.rows, rows), "those measured before, and those that are new")))
}

/// How many rows there are.
fn counting(reader: &Reader) -> Reader {
    let mut inputs = reader.inputs.clone();
    inputs.push(Input::Query { name: PARTED.into(), sql: reader.sql.clone() });
    Reader { sql: format!("select count(*) from {PARTED}"), inputs, file: None }
}

fn parted((made_from, held_back): (u64, u64), how: &str) -> String {
    format!("proposed from {} rows and judged on {} held back: {how}", count(made_from), count(held_back))
}

/// What the rules come to on the rows of `reader`; `None` where the engine cannot answer.
async fn judged(engine: &dyn Engine, reader: &Reader, proposals: &[Proposal], about: &About, now: Timestamp) -> Option<Verdict> {
    let list = Json::Array(proposals.iter().map(Proposal::rule).collect());
    let rules = read_rules(&Settings::from_json(&list)).ok()?;
    let gate = Gate::new(&rules, &engine.columns(reader).await.ok()?);
    let watched = engine.watch(reader, &gate.watch(&[], 0, false)).await.ok()?;
    let population = Population { batch_is_table: true, ..Population::default() };
    let (shown_as, now) = (&about.shown_as, about.as_of.unwrap_or(now));
    let judging = Judging { engine, reader, population: &population, shown_as, examples: 0, now };
    gate.judge(&judging, &watched).await.ok()
}

/// How the rows of `made_from` break each of the rules, in one query; nothing where the engine cannot answer.
async fn count_broken(engine: &dyn Engine, made_from: Reader, rules: &[PatternRule]) -> Vec<Broken> {
    if rules.is_empty() {
        return Vec::new();
    }
    // Each count has a name of its own: engines refuse two columns of one name.
    let counts = rules.iter().flat_map(PatternRule::counts).enumerate().map(|(at, count)| format!("{count} as count_{at}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let mut inputs = made_from.inputs;
    inputs.push(Input::Query { name: MADE_FROM.into(), sql: made_from.sql });
    let reader = Reader { sql: format!("select {counts} from {MADE_FROM}"), inputs, file: None };
    let rows = engine.query(&reader, 1).await.ok().and_then(|rows| rows.rows.into_iter().next()).unwrap_or_default();
    let numbers: Vec<u64> = rows.iter().filter_map(Value::as_u64).collect();
    numbers.chunks_exact(2).map(|pair| Broken { violations: pair[0], rows: pair[1] }).collect()
}

/// The rows of `reader` that meet `condition`.
fn part(reader: &Reader, condition: &str) -> Reader {
    let mut inputs = reader.inputs.clone();
    inputs.push(Input::Query { name: PARTED.into(), sql: reader.sql.clone() });
    Reader { sql: format!("select * from {PARTED} where {condition}"), inputs, file: None }
}

/// By time where a column tells when rows came, so that the rules are tried on later rows; otherwise by a hash of the row.
fn split(examination: &Examination) -> Option<Split> {
    by_time(examination).or_else(|| by_hash(examination.facts))
}

fn by_time(examination: &Examination) -> Option<Split> {
    let freshness = freshness(examination)?;
    let column = examination.facts.columns.iter().find(|column| column.name == freshness.column)?;
    let seconds = quantile(column.numbers.as_ref()?, if examination.facts.rows < MANY_ROWS { 0.75 } else { 0.9 })?;
    if !column.kind.is_temporal() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are enough, and the cast saturates")]
    let cut = Timestamp::from_timestamp(seconds as i64, 0)?;
    let cut = cut.format("%Y-%m-%d %H:%M:%S");
    let name = identifier(&column.name);
    // In microseconds: nanoseconds end in the year 2262, and a moment after that would end the query.
    let made_from = format!("({name} is null or cast({name} as timestamp(6)) < cast('{cut}' as timestamp(6)))");
    Some(Split { made_from, words: format!("those before {cut} by `{}`, and those since then", column.name) })
}

fn by_hash(facts: &TableFacts) -> Option<Split> {
    let is_plain = |column: &&ColumnFacts| !matches!(column.kind, ColumnType::Binary | ColumnType::Other) && column.distinct > 1;
    let mut columns: Vec<&ColumnFacts> = facts.columns.iter().filter(is_plain).collect();
    columns.sort_by_key(|column| std::cmp::Reverse(column.distinct));
    // A column that tells rows apart parts them as well as all together, and hashing it costs less.
    let needed = if columns.first()?.distinct.saturating_mul(10) >= facts.rows.saturating_mul(9) { 1 } else { HASHED_COLUMNS };
    let texts: Vec<String> = columns.iter().take(needed).map(|column| format!("cast({} as varchar)", identifier(&column.name))).collect();
    // Of the sixteen first digits of a hash four are a quarter, and of two digits 26 of 256 are a tenth.
    let (least, part) = if facts.rows < MANY_ROWS { ("4", "a quarter") } else { ("1a", "a tenth") };
    let made_from = format!("md5(concat_ws('|', {})) >= '{least}'", texts.join(", "));
    Some(Split { made_from, words: format!("{part} of the rows, by a hash of what they hold") })
}

/// Whether a rule lists the values of a column whose values keep being new.
fn is_of_open_list(proposal: &Proposal, relations: Option<&Relations>) -> bool {
    let is_growing = |relations: &Relations| proposal.columns.iter().any(|own| relations.growing.contains(own));
    proposal.kind == "accepted_values" && relations.is_some_and(is_growing)
}

/// What all rows show to be wrong need not be tried: values that repeat across the parts.
fn is_refuted(proposal: &Proposal, facts: &TableFacts) -> bool {
    let [only] = proposal.columns.as_slice() else { return false };
    let column = facts.columns.iter().find(|column| column.name == *only);
    let repeats = |column: &ColumnFacts| column.distinct_is_exact && column.distinct < column.rows.saturating_sub(column.nulls);
    proposal.kind == "unique" && column.is_some_and(repeats)
}
