//! Reading the files of tests. What only the project knows, such as the names of models, is looked at later.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use hw_base::{Entry, Error, LooseRows, Node, Result, Settings, Span, Timestamp};

use super::rows::{Files, Texts};
use super::{Expectation, Named, Step, UnitTest};

const TEST_KEYS: [&str; 9] = ["model", "description", "now", "types", "without_rules", "before", "given", "expect", "deliver"];
const STEP_KEYS: [&str; 3] = ["given", "expect", "now"];
const EXPECT_KEYS: [&str; 7] = ["rows", "exact", "ordered", "quarantine", "blocked_by", "broken", "fails"];

/// Reads the tests of one file, each under its name. `path` is the file's, below the project; `texts` reads files beside it.
///
/// # Errors
/// All problems of all tests, each with its place.
pub fn read_tests(path: &Path, settings: &Settings, texts: Texts<'_>) -> Result<Vec<UnitTest>> {
    let files = Files { folder: path.parent().unwrap_or(Path::new("")), texts };
    all(settings.entries().iter().map(|entry| test(entry, files)))
}

/// All values, or all errors as one.
fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    Error::all(errors).map_or(Ok(values), Err)
}

fn test(entry: &Entry, files: Files<'_>) -> Result<UnitTest> {
    let settings = &entry.value;
    check_keys(settings, &TEST_KEYS, "a test is keys with values", "write `model:`, `given:` and `expect:` below its name")?;
    let Some(model) = settings.get("model") else {
        let error = Error::user(format!("the test `{}` names no model", entry.key)).code("HW103").help("add `model: fact_orders`");
        return Err(error.moved_to(entry.key_span.clone()));
    };
    let mut steps = Vec::new();
    if STEP_KEYS[..2].iter().any(|key| settings.get(key).is_some()) {
        steps.push(step(settings, files)?);
    }
    let deliveries = settings.get("deliver").map(list).transpose()?.unwrap_or_default();
    steps.extend(all(deliveries.iter().map(|delivery| {
        check_keys(delivery, &STEP_KEYS, "a delivery is keys with values", "write `- given: …` and `expect: …` below it")?;
        step(delivery, files)
    }))?);
    if steps.iter().all(|step| step.expect.is_empty()) {
        let error = Error::user(format!("the test `{}` expects nothing", entry.key)).code("HW103");
        return Err(error.help("add `expect:` with the rows that the table should have").moved_to(entry.key_span.clone()));
    }
    Ok(UnitTest {
        name: entry.key.clone(),
        span: entry.key_span.clone(),
        model: named(model)?,
        now: settings.get("now").map(moment).transpose()?,
        types: settings.get("types").map(types).transpose()?.unwrap_or_default(),
        without_rules: settings.get("without_rules").map(names).transpose()?.unwrap_or_default(),
        before: settings.get("before").map(|rows| files.rows(rows)).transpose()?,
        steps,
    })
}

fn step(settings: &Settings, files: Files<'_>) -> Result<Step> {
    Ok(Step {
        given: settings.get("given").map(|given| tables(given, files)).transpose()?.unwrap_or_default(),
        now: settings.get("now").map(moment).transpose()?,
        expect: settings.get("expect").map(|expect| expectation(expect, files)).transpose()?.unwrap_or_default(),
    })
}

/// Rows by the name of their table.
fn tables(settings: &Settings, files: Files<'_>) -> Result<BTreeMap<String, (Named, LooseRows)>> {
    if !matches!(settings.node, Node::Map(_)) {
        return Err(misfit("`given` names datasets and models", "write `given:` and `shop.orders: …` below it", settings));
    }
    let table = |entry: &Entry| {
        let name = Named { name: entry.key.clone(), span: entry.key_span.clone() };
        Ok((entry.key.clone(), (name, files.rows(&entry.value)?)))
    };
    all(settings.entries().iter().map(table)).map(|tables| tables.into_iter().collect())
}

/// What is expected: rows alone, or keys.
fn expectation(settings: &Settings, files: Files<'_>) -> Result<Expectation> {
    if !matches!(settings.node, Node::Map(_)) {
        return Ok(Expectation { rows: Some(files.rows(settings)?), span: settings.span.clone(), ..Expectation::default() });
    }
    check_keys(settings, &EXPECT_KEYS, "", "")?;
    let flag = |key: &str| settings.get(key).map(Settings::read::<bool>).transpose().map(Option::unwrap_or_default);
    Ok(Expectation {
        rows: settings.get("rows").map(|rows| files.rows(rows)).transpose()?,
        is_exact: flag("exact")?,
        is_ordered: flag("ordered")?,
        quarantine: settings.get("quarantine").map(|rows| files.rows(rows)).transpose()?,
        blocked_by: settings.get("blocked_by").map(names).transpose()?,
        broken: settings.get("broken").map(names).transpose()?,
        fails: settings.get("fails").map(Settings::read).transpose()?,
        span: settings.span.clone(),
    })
}

/// The declared types of columns, by table.
fn types(settings: &Settings) -> Result<BTreeMap<String, Vec<(Named, Named)>>> {
    let columns = |entry: &Entry| {
        let column = |entry: &Entry| Ok((Named { name: entry.key.clone(), span: entry.key_span.clone() }, named(&entry.value)?));
        if entry.value.entries().is_empty() {
            return Err(misfit(
                "`types` names the columns of each table",
                "write `types: { shop.orders: { order_id: bigint } }`",
                &entry.value,
            ));
        }
        Ok((entry.key.clone(), all(entry.value.entries().iter().map(column))?))
    };
    all(settings.entries().iter().map(columns)).map(|types| types.into_iter().collect())
}

/// One name or a list of them.
fn names(settings: &Settings) -> Result<Vec<Named>> {
    match &settings.node {
        Node::Text(_) => Ok(vec![named(settings)?]),
        _ => all(list(settings)?.iter().map(named)),
    }
}

fn named(settings: &Settings) -> Result<Named> {
    Ok(Named { name: settings.read()?, span: settings.span.clone() })
}

fn list(settings: &Settings) -> Result<&[Settings]> {
    match &settings.node {
        Node::List(items) => Ok(items),
        Node::Null => Ok(&[]),
        _ => Err(misfit("expected a list", "write `[one, two]`, or one `- one` per line", settings)),
    }
}

fn moment(settings: &Settings) -> Result<Timestamp> {
    let text: String = settings.read()?;
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    let with_zone = || Some(DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)).ok()?.to_utc());
    let without_zone = || Some(NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f").ok()?.and_utc());
    let found = day().or_else(with_zone).or_else(without_zone);
    found.ok_or_else(|| misfit(&format!("`{text}` is no moment"), "write `2026-01-31` or `2026-01-31T12:00:00Z`", settings))
}

/// Refuses keys that mean nothing, and settings that have no keys.
fn check_keys(settings: &Settings, known: &[&str], message: &str, help: &str) -> Result<()> {
    if !matches!(settings.node, Node::Map(_)) {
        return Err(misfit(message, help, settings));
    }
    let foreign = settings.entries().iter().filter(|entry| !known.contains(&entry.key.as_str()));
    let error = |entry: &Entry| hw_base::unknown("key", &entry.key, known.iter().copied()).code("HW102").moved_to(entry.key_span.clone());
    Error::all(foreign.map(error).collect()).map_or(Ok(()), Err)
}

pub(super) fn misfit(message: &str, help: &str, settings: &Settings) -> Error {
    placed(Error::user(message).code("HW104").help(help), settings)
}

pub(super) fn placed(error: Error, settings: &Settings) -> Error {
    error.moved_to(settings.span.clone())
}

impl Expectation {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        let Self { rows, quarantine, blocked_by, broken, fails, .. } = self;
        rows.is_none() && quarantine.is_none() && blocked_by.is_none() && broken.is_none() && fails.is_none()
    }
}

/// A place for messages about a test as a whole.
impl UnitTest {
    /// The place of what is expected of a step.
    pub fn place_of(&self, step: usize) -> Option<&Span> {
        self.steps.get(step).and_then(|step| step.expect.span.as_ref()).or(self.span.as_ref())
    }
}
