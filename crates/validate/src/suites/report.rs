//! What became of checks and rules, for people.

use serde_json::{Value as Json, json};

use super::dbt::unit_tests::test_yaml;
use super::yaml::{comment, flow};
use super::{HowWritten, Imported, ImportedItem, Outcome, Written};
use hw_base::plural;

impl Imported {
    /// The tables that the file names, in their order; `None` stands for checks that name none.
    pub fn tables(&self) -> Vec<Option<&str>> {
        let mut tables = Vec::new();
        for item in &self.items {
            if !tables.contains(&item.table.as_deref()) {
                tables.push(item.table.as_deref());
            }
        }
        tables
    }

    /// The same without those of which the file has nothing but unit tests.
    pub fn tables_with_rules(&self) -> Vec<Option<&str>> {
        let has_more = |table: Option<&str>| self.of(table).any(|item| item.outcome.test().is_none());
        self.tables().into_iter().filter(|table| has_more(*table)).collect()
    }

    /// The rules of one table, each as an item of a `rules:` list.
    pub fn rules(&self, table: Option<&str>) -> Vec<Json> {
        self.of(table).flat_map(|item| item.outcome.rules()).cloned().collect()
    }

    /// A rules file for one table. Above each rule stands the check that it was, and checks that are not translated stand in
    /// comments.
    pub fn rules_yaml(&self, table: Option<&str>) -> String {
        let mut lines = Vec::new();
        for item in self.of(table) {
            lines.push(format!("  {}", comment(&item.line())));
            lines.extend(item.outcome.rules().iter().map(|rule| format!("  - {}", inner(rule))));
        }
        let head = if self.has_rules(table) { "rules:" } else { "rules: []" };
        std::iter::once(head.to_owned()).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// What became of every check, one per line, with the totals above them.
    pub fn report(&self) -> String {
        let count = |wanted: fn(&Outcome) -> bool| self.items.iter().filter(|item| wanted(&item.outcome)).count() as u64;
        let head = format!(
            "{}: {} translated, {} run as their SQL, {} not translated",
            plural(self.items.len() as u64, "check"),
            count(|outcome| matches!(outcome, Outcome::Translated { .. } | Outcome::Test { .. })),
            count(|outcome| matches!(outcome, Outcome::AsSql { .. })),
            count(|outcome| matches!(outcome, Outcome::NotTranslated { .. })),
        );
        let lines = self.items.iter().map(|item| match &item.table {
            Some(table) => format!("  {table}: {}", item.line()),
            None => format!("  {}", item.line()),
        });
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// What became of every check, as programs read it.
    pub fn to_json(&self) -> Json {
        let item = |item: &ImportedItem| {
            let (outcome, why) = match &item.outcome {
                Outcome::Translated { .. } => ("translated", None),
                Outcome::AsSql { .. } => ("as_sql", None),
                Outcome::Test { .. } => ("test", None),
                Outcome::NotTranslated { why } => ("not_translated", Some(why)),
            };
            json!({
                "table": item.table, "check": item.check, "outcome": outcome, "rules": item.outcome.rules(), "test": item.outcome.test(),
                "note": item.outcome.note(), "why": why,
            })
        };
        json!({"schema_version": "1", "checks": self.items.iter().map(item).collect::<Vec<_>>()})
    }

    /// The unit tests of each model, as files of tests have them.
    pub fn tests_yaml(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for (item, test) in self.items.iter().filter_map(|item| Some((item, item.outcome.test()?))) {
            let note = item.outcome.note().map(|note| comment(note) + "\n").unwrap_or_default();
            let text = note + &test_yaml(test);
            let model = item.table.clone().unwrap_or_default();
            match files.iter_mut().find(|(name, _)| *name == model) {
                Some((_, all)) => *all = format!("{all}\n{text}"),
                None => files.push((model, text)),
            }
        }
        files
    }

    /// Whether checks of a table became rules.
    pub fn has_rules(&self, table: Option<&str>) -> bool {
        self.of(table).any(|item| !item.outcome.rules().is_empty())
    }

    fn of(&self, table: Option<&str>) -> impl Iterator<Item = &ImportedItem> {
        self.items.iter().filter(move |item| item.table.as_deref() == table)
    }
}

/// A rule without the braces around it.
fn inner(rule: &Json) -> String {
    let pairs = rule.as_object().into_iter().flatten().map(|(kind, settings)| format!("{kind}: {}", flow(settings)));
    pairs.collect::<Vec<_>>().join(", ")
}

impl ImportedItem {
    fn line(&self) -> String {
        let kinds = || {
            let kinds = self.outcome.rules().iter().filter_map(|rule| rule.as_object()?.keys().next().cloned());
            kinds.collect::<Vec<_>>().join(", ")
        };
        let noted = |note: &Option<String>| note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        match &self.outcome {
            Outcome::Translated { rules, note: Some(note) } if rules.is_empty() => format!("{}: {note}", self.check),
            Outcome::Translated { note, .. } => format!("{}: {}{}", self.check, kinds(), noted(note)),
            Outcome::AsSql { note, .. } => format!("{}: its SQL, as {}{}", self.check, kinds(), noted(note)),
            Outcome::Test { note, .. } => format!("{}: a test{}", self.check, noted(note)),
            Outcome::NotTranslated { why } => format!("{}: not translated: {why}", self.check),
        }
    }
}

impl Written {
    /// What became of every rule, one per line, with the totals above them.
    pub fn report(&self) -> String {
        let count = |wanted: fn(&HowWritten) -> bool| self.items.iter().filter(|item| wanted(&item.how)).count() as u64;
        let head = format!(
            "{}: {} in words of the format, {} as SQL, {} not written",
            plural(self.items.len() as u64, "rule"),
            count(|how| matches!(how, HowWritten::InWords(_))),
            count(|how| matches!(how, HowWritten::AsSql)),
            count(|how| matches!(how, HowWritten::NotWritten(_))),
        );
        let lines = self.items.iter().map(|item| {
            let how = match &item.how {
                HowWritten::InWords(word) => word.clone(),
                HowWritten::AsSql => "as SQL".into(),
                HowWritten::NotWritten(why) => format!("not written: {why}"),
            };
            format!("  {}: {}: {how}", item.table, item.rule)
        });
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
    }
}
