//! What changed since an earlier assessment, or against a contract.
//!
//! A change is listed where its test says that chance alone would hardly bring it about (Bonferroni-corrected over all tests
//! of the comparison) *and* its effect is large enough to matter: with enough rows every difference is significant.

mod earlier;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};

use hw_base::{ColumnFacts, Severity, Share, TextShape, Value, count};
use serde::Serialize;

pub use earlier::{Earlier, EarlierColumn};
pub use statistics::{Effect, Test};

use crate::column::{present, share_of};
use crate::{Assessment, Meaning, words};
use statistics::{Spread, compare_counts, compare_shares, compare_spreads, kolmogorov_smirnov, tidy};

/// The chance of any false alarm in a whole comparison.
const ALPHA: f64 = 0.01;

/// How much more alike two columns must be than either is to any third before one is taken for the other.
const LEAST_LEAD: f64 = 0.03;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Drift {
    /// What was compared with.
    pub against: String,
    /// Rows at that time; `None` where that is not told.
    pub earlier_rows: Option<u64>,
    /// How many statistical tests were made; each must beat 0.01 divided by this.
    pub tests: usize,
    /// The changes, what matters most first.
    pub changes: Vec<Change>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The column by its present name; `None` for the dataset as a whole.
    pub column: Option<String>,
    /// What was, in words.
    pub before: String,
    /// What is, in words.
    pub after: String,
    /// The test, where chance could play a part.
    pub test: Option<Test>,
    /// How large the change is, where that can be told.
    pub effect: Option<Effect>,
    /// How much it matters.
    pub severity: Severity,
    /// What changed, in one sentence.
    pub description: String,
}

/// The kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A column is gone.
    ColumnRemoved,
    /// A column has another type.
    ColumnRetyped,
    /// A column has another name.
    ColumnRenamed,
    /// A column is new.
    ColumnAdded,
    /// There are more or fewer rows.
    Volume,
    /// More or fewer values are missing.
    NullRate,
    /// Categories are new, gone, or more or less frequent.
    Categories,
    /// Numbers spread otherwise.
    Distribution,
    /// Text has other forms.
    Forms,
    /// Values that told rows apart repeat.
    Uniqueness,
}

impl ChangeKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ColumnRemoved => "column removed",
            Self::ColumnRetyped => "column retyped",
            Self::ColumnRenamed => "column renamed",
            Self::ColumnAdded => "column added",
            Self::Volume => "volume",
            Self::NullRate => "null rate",
            Self::Categories => "categories",
            Self::Distribution => "distribution",
            Self::Forms => "forms",
            Self::Uniqueness => "uniqueness",
        }
    }

    /// Whether the columns themselves changed, not what they hold.
    pub fn is_of_schema(self) -> bool {
        matches!(self, Self::ColumnRemoved | Self::ColumnRetyped | Self::ColumnRenamed | Self::ColumnAdded)
    }
}

impl Drift {
    /// Whether columns were added, removed, renamed or retyped.
    pub fn has_schema_change(&self) -> bool {
        self.changes.iter().any(|change| change.kind.is_of_schema())
    }
}

/// What changed from `earlier` to `now`.
pub fn drift(earlier: &Earlier, now: &Assessment) -> Drift {
    let pairing = Pairing::of(earlier, now);
    let mut changes: Vec<Change> = pairing.schema_changes();
    let compared: Vec<Change> = pairing.pairs.iter().flat_map(Pair::compared).collect();
    let tests = compared.iter().filter(|change| change.test.is_some()).count();
    changes.extend(volume(earlier, now));
    changes.extend(compared.into_iter().filter(|change| is_listed(change, tests)));
    changes.sort_by(|a, b| a.severity.cmp(&b.severity).then(a.kind.cmp(&b.kind)).then(a.column.cmp(&b.column)));
    Drift { against: earlier.named.clone(), earlier_rows: earlier.rows, tests, changes }
}

/// Whether neither chance explains a change nor is it too small to matter.
fn is_listed(change: &Change, tests: usize) -> bool {
    let is_chance = change.test.as_ref().is_some_and(|test| test.p_value >= ALPHA / tests.max(1) as f64);
    !is_chance && change.effect.as_ref().is_none_or(|effect| effect.size != "negligible")
}

/// A column of now.
#[derive(Clone, Copy)]
struct Present<'a> {
    facts: &'a ColumnFacts,
    meaning: &'a Meaning,
}

/// A column at both times.
struct Pair<'a> {
    before: &'a EarlierColumn,
    rows_before: Option<u64>,
    after: Present<'a>,
}

/// Which column is which.
struct Pairing<'a> {
    pairs: Vec<Pair<'a>>,
    removed: Vec<&'a EarlierColumn>,
    added: Vec<Present<'a>>,
}

impl<'a> Pairing<'a> {
    fn of(earlier: &'a Earlier, now: &'a Assessment) -> Self {
        let all: Vec<Present> = now.facts.columns.iter().zip(&now.meanings).map(|(facts, meaning)| Present { facts, meaning }).collect();
        let rows_before = earlier.rows;
        let (mut pairs, mut removed) = (Vec::new(), Vec::new());
        for before in &earlier.columns {
            match all.iter().find(|after| after.facts.name == before.name) {
                Some(&after) => pairs.push(Pair { before, rows_before, after }),
                None => removed.push(before),
            }
        }
        let added = all.into_iter().filter(|after| !earlier.columns.iter().any(|before| before.name == after.facts.name)).collect();
        let mut pairing = Self { pairs, removed, added };
        pairing.find_renamed(rows_before);
        pairing
    }

    /// Pairs columns that are gone with new ones that hold the same, the most alike first. Where two could be meant, none is.
    fn find_renamed(&mut self, rows_before: Option<u64>) {
        loop {
            let pairs = self.removed.iter().flat_map(|before| self.added.iter().map(move |after| (*before, *after)));
            let alike = pairs.filter_map(|(before, after)| {
                let pair = Pair { before, rows_before, after };
                Some((pair.likeness().filter(|likeness| *likeness >= 0.8)?, pair))
            });
            let mut alike: Vec<(f64, Pair)> = alike.collect();
            alike.sort_by(|a, b| b.0.total_cmp(&a.0));
            let is_only = |index: usize| {
                let (likeness, pair) = &alike[index];
                let shares_one = |other: &Pair| other.before.name == pair.before.name || other.after.facts.name == pair.after.facts.name;
                let rivals = alike.iter().enumerate().filter(|(at, (_, other))| *at != index && shares_one(other));
                rivals.map(|(_, (other, _))| *other).fold(0.0, f64::max) < likeness - LEAST_LEAD
            };
            let Some(best) = (0..alike.len()).find(|index| is_only(*index)) else { return };
            let (_, pair) = alike.swap_remove(best);
            self.removed.retain(|before| before.name != pair.before.name);
            self.added.retain(|after| after.facts.name != pair.after.facts.name);
            self.pairs.push(pair);
        }
    }

    fn schema_changes(&self) -> Vec<Change> {
        let removed = self.removed.iter().map(|before| {
            let told = before.physical_type.as_ref().or(before.logical_type.as_ref());
            let description = format!("`{}` is gone", before.name);
            Change::new(ChangeKind::ColumnRemoved, &before.name, told.cloned().unwrap_or_default(), "–".into(), Severity::High, description)
        });
        let added = self.added.iter().map(|after| {
            let (name, kind) = (&after.facts.name, after.facts.sql_type.clone());
            Change::new(ChangeKind::ColumnAdded, name, "–".into(), kind, Severity::Low, format!("`{name}` is new"))
        });
        let renamed = self.pairs.iter().filter_map(Pair::renamed);
        let retyped = self.pairs.iter().filter_map(Pair::retyped);
        removed.chain(added).chain(renamed).chain(retyped).collect()
    }
}

impl Change {
    fn new(kind: ChangeKind, column: &str, before: String, after: String, severity: Severity, description: String) -> Self {
        Self { kind, column: Some(column.into()), before, after, test: None, effect: None, severity, description }
    }

    /// With its test and its effect, whose size tells how much it matters.
    fn measured(mut self, (test, effect): (Test, Effect)) -> Self {
        self.severity = match effect.size {
            "large" => Severity::High,
            "medium" => Severity::Medium,
            _ => Severity::Low,
        };
        self.description = format!("{} ({} {}, {})", self.description, effect.name, effect.value, effect.size);
        (self.test, self.effect) = (Some(test), Some(effect));
        self
    }
}

/// One earlier number of rows tells no spread, so there is an effect but no test.
fn volume(earlier: &Earlier, now: &Assessment) -> Option<Change> {
    if earlier.is_sample || !now.facts.scanned_all_rows {
        return None;
    }
    let (before, after) = (earlier.rows.filter(|rows| *rows > 0)?, now.facts.rows);
    let change = (after as f64 - before as f64) / before as f64;
    let effect = Effect::sized("relative change", change, [0.1, 0.2, 0.5]);
    let description = format!("{} rows where there were {}: {:+.1} %", count(after), count(before), change * 100.0);
    let severity = match effect.size {
        "negligible" => return None,
        // Growth is the rule, shrinking is not.
        "large" if change < 0.0 => Severity::High,
        "small" => Severity::Low,
        _ => Severity::Medium,
    };
    let change = Change::new(ChangeKind::Volume, "", count(before), count(after), severity, description);
    Some(Change { column: None, effect: Some(effect), ..change })
}

impl Pair<'_> {
    fn name(&self) -> &str {
        &self.after.facts.name
    }

    fn renamed(&self) -> Option<Change> {
        let (old, new) = (self.before.name.as_str(), self.name());
        let description = format!("`{old}` is now called `{new}`: both hold the same");
        (old != new).then(|| Change::new(ChangeKind::ColumnRenamed, new, old.into(), new.into(), Severity::Medium, description))
    }

    fn retyped(&self) -> Option<Change> {
        let after = self.after;
        let (was, is) = match &self.before.physical_type {
            Some(physical) => (physical.as_str(), after.facts.sql_type.as_str()),
            None => (self.before.logical_type.as_deref()?, after.meaning.logical_type),
        };
        let reads_alike = self.before.logical_type.as_deref().is_none_or(|logical| is_one_type(logical, after.meaning.logical_type));
        let is_same = if self.before.physical_type.is_some() { was.eq_ignore_ascii_case(is) } else { reads_alike };
        let severity = if reads_alike { Severity::Low } else { Severity::High };
        let description = format!("`{}` was {was} and is {is}", self.name());
        (!is_same).then(|| Change::new(ChangeKind::ColumnRetyped, self.name(), was.into(), is.into(), severity, description))
    }

    /// Every comparison that can be made, whatever comes out.
    fn compared(&self) -> Vec<Change> {
        [self.null_rate(), self.uniqueness(), self.promised(), self.values()].into_iter().flatten().collect()
    }

    fn null_rate(&self) -> Option<Change> {
        let (before, rows) = (self.before.nulls?, self.rows_before?);
        let after = self.after.facts;
        let shares = [Share(share_of(before, rows)), Share(share_of(after.nulls, after.rows))];
        let [was, is] = shares.map(|share| share.to_string());
        let description = format!("{is} of `{}` are missing, {was} were", self.name());
        let change = Change::new(ChangeKind::NullRate, self.name(), was, is, Severity::Low, description);
        Some(change.measured(compare_shares((before, rows), (after.nulls, after.rows))))
    }

    fn uniqueness(&self) -> Option<Change> {
        let after = self.after.facts;
        let was_unique = self.before.is_unique || (self.before.nulls == Some(0) && self.before.distinct == self.rows_before);
        let repeats = present(after).saturating_sub(after.distinct);
        let names_rows =
            self.before.is_unique || words::may_identify(self.name()) || self.before.semantic_type.as_deref() == Some("identifier");
        let is_judged = was_unique && names_rows && after.distinct_is_exact && self.rows_before.is_none_or(|rows| rows >= 100);
        (is_judged && repeats > 0).then(|| {
            let description = format!("`{}` told all rows apart; now {} repeat a value", self.name(), count(repeats));
            let (was, is) = ("unique".into(), format!("{} repeats", count(repeats)));
            Change::new(ChangeKind::Uniqueness, self.name(), was, is, Severity::High, description)
        })
    }

    /// What a contract promises about missing values.
    fn promised(&self) -> Option<Change> {
        let after = self.after.facts;
        (self.before.is_required && after.nulls > 0).then(|| {
            let is = format!("{} missing", Share(share_of(after.nulls, after.rows)));
            let description = format!("`{}` is required, and {} are missing", self.name(), count(after.nulls));
            Change::new(ChangeKind::NullRate, self.name(), "required".into(), is, Severity::High, description)
        })
    }

    /// How the values spread: as categories where they are few, as numbers, or by the forms of their text.
    fn values(&self) -> Option<Change> {
        let names_rows = matches!(self.after.meaning.semantic_type, "identifier" | "uuid" | "date" | "timestamp");
        if names_rows || self.after.facts.kind.is_temporal() || words::is_identifier(self.name()) {
            return None;
        }
        // Values of another type are written otherwise, whatever they say; only numbers are compared as such.
        let reads_otherwise = self.before.logical_type.as_deref().is_some_and(|was| was != self.after.meaning.logical_type);
        if reads_otherwise && self.retyped().is_some() {
            return self.distribution();
        }
        self.categories().or_else(|| self.distribution()).or_else(|| self.forms())
    }

    fn categories(&self) -> Option<Change> {
        let before = whole_list(&self.before.top_values, self.present_before()?)?;
        let after = whole_list(&self.after.facts.top_values, present(self.after.facts))?;
        let values: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let counts = |list: &BTreeMap<String, u64>| values.iter().map(|value| list.get(*value).copied().unwrap_or(0)).collect::<Vec<_>>();
        let only_in = |one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>| {
            let values = one.keys().filter(|value| !other.contains_key(*value)).take(5).map(|value| format!("`{value}`"));
            values.collect::<Vec<_>>().join(", ")
        };
        let (new, gone) = (only_in(&after, &before), only_in(&before, &after));
        let mut description = format!("the values of `{}` are spread otherwise", self.name());
        for (what, values) in [("new", &new), ("gone", &gone)] {
            if !values.is_empty() {
                description.push_str(&format!("; {what}: {values}"));
            }
        }
        let change = Change::new(ChangeKind::Categories, self.name(), most(&before), most(&after), Severity::Low, description);
        Some(change.measured(compare_counts(&counts(&before), &counts(&after))))
    }

    fn distribution(&self) -> Option<Change> {
        let (before, after) = (self.before.numbers.as_ref()?, self.after.facts.numbers.as_ref()?);
        let found = compare_spreads(&Spread::of(before)?, &Spread::of(after)?);
        let description = format!("the numbers of `{}` are spread otherwise", self.name());
        let middle = |mean: f64, deviation: f64| format!("mean {} ± {}", tidy(mean), tidy(deviation));
        let was = middle(before.mean, before.standard_deviation);
        let is = middle(after.mean, after.standard_deviation);
        Some(Change::new(ChangeKind::Distribution, self.name(), was, is, Severity::Low, description).measured(found))
    }

    fn forms(&self) -> Option<Change> {
        let after = &self.after.facts.text.as_ref()?.shapes;
        let before = &self.before.shapes;
        if before.is_empty() || after.is_empty() {
            return None;
        }
        let shapes: BTreeSet<TextShape> = before.iter().chain(after).map(|found| found.shape).collect();
        let counts = |list: &[hw_base::ShapeCount]| {
            let count = |shape: &TextShape| list.iter().filter(|found| found.shape == *shape).map(|found| found.count).sum();
            shapes.iter().map(count).collect::<Vec<u64>>()
        };
        let usual = |list: &[hw_base::ShapeCount]| {
            let most = list.iter().max_by(|a, b| a.count.cmp(&b.count).then(b.shape.cmp(&a.shape)));
            most.map_or(String::new(), |found| format!("mostly {}", found.shape.name()))
        };
        let description = format!("the texts of `{}` have other forms", self.name());
        let change = Change::new(ChangeKind::Forms, self.name(), usual(before), usual(after), Severity::Low, description);
        Some(change.measured(compare_counts(&counts(before), &counts(after))))
    }

    fn present_before(&self) -> Option<u64> {
        Some(self.rows_before?.saturating_sub(self.before.nulls?))
    }

    /// How alike the two are, 0 to 1; `None` where their types differ or nothing but the type can be compared.
    fn likeness(&self) -> Option<f64> {
        let after = self.after;
        let is_one_type = is_one_type(self.before.logical_type.as_deref()?, after.meaning.logical_type);
        let nulls_before = share_of(self.before.nulls?, self.rows_before?);
        let nulls = (nulls_before - share_of(after.facts.nulls, after.facts.rows)).abs();
        let shares_name = is_named_alike(&self.before.name, self.name());
        let distance = self.values_for_likeness()?;
        let name = if shares_name { 0.1 } else { 0.0 };
        (is_one_type && distance <= 0.1 && nulls <= 0.1).then_some(0.9 - distance - nulls + name)
    }

    /// How far the values are apart, 0 to 1, where they say enough to tell columns apart.
    fn values_for_likeness(&self) -> Option<f64> {
        let before = whole_list(&self.before.top_values, self.present_before()?).filter(|list| list.len() >= 3);
        let after = whole_list(&self.after.facts.top_values, present(self.after.facts));
        if let (Some(before), Some(after)) = (before, after) {
            let share = |list: &BTreeMap<String, u64>, value: &String| {
                share_of(list.get(value).copied().unwrap_or(0), list.values().sum::<u64>().max(1))
            };
            let common: f64 = before.keys().map(|value| share(&before, value).min(share(&after, value))).sum();
            return Some(1.0 - common);
        }
        let spreads = (self.before.numbers.as_ref().and_then(Spread::of), self.after.facts.numbers.as_ref().and_then(Spread::of));
        if let (Some(before), Some(after)) = spreads {
            return Some(kolmogorov_smirnov(&before, &after).statistic);
        }
        let says_more = |semantic: &str| !matches!(semantic, "unknown" | "free_text" | "category" | "code");
        let is_one = self.before.semantic_type.as_deref() == Some(self.after.meaning.semantic_type);
        (is_one && says_more(self.after.meaning.semantic_type)).then_some(0.1)
    }
}

/// The values with their counts, where the list is whole and short enough to be categories.
fn whole_list(values: &[hw_base::ValueCount], present: u64) -> Option<BTreeMap<String, u64>> {
    let listed: u64 = values.iter().filter(|top| top.value != Value::Null).map(|top| top.count).sum();
    let is_whole = present > 0 && listed == present && values.len() <= 50;
    is_whole.then(|| values.iter().map(|top| (top.value.to_string(), top.count)).collect())
}

/// The most frequent value with its share.
fn most(list: &BTreeMap<String, u64>) -> String {
    let all: u64 = list.values().sum();
    let most = list.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    most.map_or(String::new(), |(value, count)| format!("`{value}` {}", Share(share_of(*count, all))))
}

/// Whether two words of type mean one: contracts say `number` and `string`.
fn is_one_type(was: &str, is: &str) -> bool {
    let family = |word: &str| {
        let word = word.to_ascii_lowercase();
        let family = match word.as_str() {
            "integer" | "decimal" | "float" | "numeric" | "double" => "number",
            "string" | "varchar" => "text",
            "datetime" => "timestamp",
            "bool" => "boolean",
            "array" | "object" => "other",
            other => other,
        };
        family.to_owned()
    };
    family(was) == family(is)
}

fn is_named_alike(one: &str, other: &str) -> bool {
    let words = words::words(one);
    words.iter().any(|word| word.len() > 2 && words::words(other).contains(word)) || hw_base::nearest(one, [other]).is_some()
}
