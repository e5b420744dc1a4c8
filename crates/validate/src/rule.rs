//! Rules as a project declares them, read in one go.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use hw_base::{Column, Dimension, Entry, Error, Node, Notes, OnFailure, Result, SetWatch, Settings, Span, Tolerance, snake_case};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::columns::in_parentheses;
use crate::gate::reason;
use crate::kinds::{RuleKind, rule_kind};
use crate::shape::{Shape, Template};
use crate::shared_settings::Common;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every row by itself.
    Row,
    /// One value measured over all rows.
    Aggregate,
    /// Rows together.
    Set,
    /// The columns, not the rows.
    Columns,
}

/// The settings of rules that name columns of the table; every other text is something else.
pub const COLUMN_SETTINGS: [&str; 9] = ["by", "column", "columns", "from", "group_by", "key", "left", "right", "to"];

/// The settings of one rule, read and checked.
pub trait RuleBody: Debug + Send + Sync {
    /// The settings that rules of all kinds share.
    fn common(&self) -> Common;

    /// The columns that the rule names.
    fn columns(&self) -> Vec<String>;

    /// What tells this rule from others of its kind, for its name: the columns, where it has any.
    fn label(&self) -> String {
        self.columns().join("_")
    }

    /// SQL that the user wrote and that only the engine can check, besides `where`.
    fn sql(&self) -> Option<&str> {
        None
    }

    /// The dimension, where the user gave one.
    fn dimension(&self) -> Option<Dimension> {
        None
    }

    /// Another table that the rule looks at: `dim_customers`.
    fn other_table(&self) -> Option<String> {
        None
    }

    /// How the rows are told that break a rule on sets, where it can put them into quarantine; without name and `where`.
    fn set_watch(&self) -> Option<SetWatch> {
        None
    }

    /// The values that need a partner, and those among which it must be, neither with nulls, where that is what the rule asks.
    fn partners(&self) -> Option<[Template; 2]> {
        None
    }

    /// Whether its limits are learned from earlier runs.
    fn learns(&self) -> bool {
        false
    }

    /// Finds what is wrong with the settings, beyond their types.
    fn check(&self, _problems: &mut Problems<'_>) {}

    /// What the rule asks of a table with these columns.
    ///
    /// # Errors
    /// Says in one sentence why the rule does not fit the table.
    fn shape(&self, columns: &[Column]) -> Result<Shape, String>;
}

/// One rule about a dataset or a table.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique within its list: `not_null_customer_id`.
    pub id: String,
    /// Its kind.
    pub kind: &'static dyn RuleKind,
    /// The columns it names; empty for rules in the user's own SQL.
    pub columns: Vec<String>,
    /// The dimension it watches.
    pub dimension: Dimension,
    /// How much may break it.
    pub tolerance: Tolerance,
    /// What happens if it breaks.
    pub on_failure: OnFailure,
    /// Only rows where this SQL is true are judged.
    pub condition: Option<String>,
    /// How much it matters, who is asked about it and what it promises.
    pub notes: Notes,
    /// The settings of its kind.
    pub body: Arc<dyn RuleBody>,
    /// Where it stands.
    pub span: Option<Span>,
    /// Its settings as they were written, under the name of its kind.
    pub settings: Json,
}

impl Rule {
    /// How the rows are told that the rule puts into quarantine, where it looks at rows together.
    pub fn set_watch(&self) -> Option<SetWatch> {
        let watch = self.body.set_watch().filter(|_| self.on_failure == OnFailure::Quarantine)?;
        let judged = self.condition_sql().map_or(watch.judged.clone(), |condition| format!("{condition} and {}", watch.judged));
        Some(SetWatch { id: self.id.clone(), judged, ..watch })
    }

    /// Whether it looks at rows together and at more than columns of theirs: at another table, or at whatever a query names.
    pub fn looks_elsewhere(&self) -> bool {
        self.kind.scope() == Scope::Set && (self.body.set_watch().is_none() || self.body.other_table().is_some())
    }

    /// Why the rule cannot be judged, as the error to show where a plan is made.
    pub fn cannot_be_judged(&self, cause: &Error) -> Error {
        self.misfit(&self.of_tables(&reason(cause)))
    }

    /// A reason that names the other table where a column is missing there, and not what our SQL calls it.
    pub(crate) fn of_tables(&self, reason: &str) -> String {
        // Columns by which two tables are compared are known to be in this one.
        let are_compared = self.kind.name() == "reconcile" && !self.columns.is_empty();
        let missing = || {
            let (column, rest) = reason.strip_prefix("there is no column `")?.split_once('`')?;
            let column = column.strip_prefix("referred.").or_else(|| are_compared.then_some(column))?;
            Some(format!("table `{}` has no column `{column}`{rest}", self.body.other_table()?))
        };
        missing().unwrap_or_else(|| reason.to_owned())
    }

    pub(crate) fn misfit(&self, reason: &str) -> Error {
        Error::user(format!("rule `{}` cannot be judged", self.id)).code("HW602").because(reason).moved_to(self.span.clone())
    }

    /// The condition in parentheses, fit to be joined with others.
    pub(crate) fn condition_sql(&self) -> Option<String> {
        self.condition.as_deref().map(in_parentheses)
    }
}

/// Reads a list of rules: `[{ not_null: { column: customer_id } }, …]`.
///
/// # Errors
/// All problems of all rules, each with its place.
pub fn read_rules(list: &Settings) -> Result<Vec<Rule>> {
    let items = match &list.node {
        Node::Null => &[],
        Node::List(items) => items.as_slice(),
        _ => return Err(placed(misfit("rules are a list").help("write `rules:` and one `- not_null: { column: … }` per line"), list)),
    };
    let mut names = Names::default();
    let mut rules = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    for item in items {
        match read_rule(item).and_then(|rule| names.take(&rule, item).map(|()| rule)) {
            Ok(rule) => rules.push(rule),
            Err(error) => errors.push(error),
        }
    }
    match Error::all(errors) {
        Some(error) => Err(error),
        None => Ok(names.complete(rules)),
    }
}

fn read_rule(item: &Settings) -> Result<Rule> {
    let entry = only_entry(item)?;
    let kind = kind_of(entry)?;
    if !matches!(entry.value.node, Node::Map(_)) {
        let example = kind.about().example.lines().next().unwrap_or_default();
        return Err(placed(misfit(format!("`{}` needs settings", kind.name())).help(format!("write `{example}`")), &entry.value));
    }
    let body = kind.read(&entry.value)?;
    let common = body.common();
    check_common(kind, body.as_ref(), &entry.value)?;
    Ok(Rule {
        id: common.name.unwrap_or_default(),
        kind,
        columns: body.columns(),
        dimension: body.dimension().unwrap_or_else(|| kind.dimension()),
        tolerance: common.tolerance,
        on_failure: common.on_failure,
        condition: common.condition,
        notes: common.notes,
        body,
        span: entry.key_span.clone().or_else(|| item.span.clone()),
        settings: item.to_json(),
    })
}

fn only_entry(item: &Settings) -> Result<&Entry> {
    match item.entries() {
        [entry] => Ok(entry),
        [] => Err(placed(misfit("a rule is its kind with its settings").help("write `- not_null: { column: customer_id }`"), item)),
        [first, second, ..] => {
            let error = misfit(format!("`{}` and `{}` stand in one rule", first.key, second.key));
            Err(placed(error.help("start each rule with its own `- `, and indent its settings below the kind"), item))
        }
    }
}

fn kind_of(entry: &Entry) -> Result<&'static dyn RuleKind> {
    rule_kind(&entry.key).map_err(|error| match &entry.key_span {
        Some(span) => error.at(span.clone()),
        None => error,
    })
}

/// Checks what holds for the settings of every kind.
fn check_common(kind: &dyn RuleKind, body: &dyn RuleBody, settings: &Settings) -> Result<()> {
    let mut problems = Problems::of(settings);
    let common = body.common();
    if settings.get("at_least").is_some() && settings.get("at_most").is_some() {
        problems.add("at_most", "`at_least` and `at_most` say the same thing in two ways", "keep one of them");
    }
    if common.on_failure == OnFailure::Quarantine && kind.scope() != Scope::Row && body.set_watch().is_none() {
        let message = format!("`quarantine` needs a rule that tells single rows; `{}` looks at {}", kind.name(), kind.scope().words());
        problems.add(
            "on_failure",
            message,
            "use `block`, `alert` or `log`; rules on single rows, `unique` and `referential` can use `quarantine`",
        );
    }
    let Notes { owner, description, .. } = &common.notes;
    for (key, text) in [("where", &common.condition), ("name", &common.name), ("owner", owner), ("description", description)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            problems.add(key, format!("`{key}` is empty"), format!("remove `{key}`, or say something"));
        }
    }
    if common.name.as_ref().is_some_and(|name| name.contains('#')) {
        problems.add("name", "`name` holds a `#`", "leave it out: counts that belong to a rule are named with it");
    }
    problems.finish()
}

impl Scope {
    /// What rules of this scope look at, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Row => "every row by itself",
            Self::Aggregate => "all rows at once",
            Self::Set => "sets of rows",
            Self::Columns => "the columns",
        }
    }
}

/// Reads and checks the settings of a kind.
pub(crate) fn read_body<B: RuleBody + DeserializeOwned + 'static>(settings: &Settings) -> Result<Arc<dyn RuleBody>> {
    let body: B = settings.read()?;
    let mut problems = Problems::of(settings);
    body.check(&mut problems);
    problems.finish()?;
    Ok(Arc::new(body))
}

/// Collects what is wrong with the settings of one rule.
#[derive(Debug)]
pub struct Problems<'a> {
    settings: &'a Settings,
    errors: Vec<Error>,
}

impl<'a> Problems<'a> {
    /// No problem of `settings` yet.
    pub fn of(settings: &'a Settings) -> Self {
        Self { settings, errors: Vec::new() }
    }

    /// Whether `key` is set.
    pub fn has(&self, key: &str) -> bool {
        self.settings.get(key).is_some()
    }

    /// Adds a problem with the value of `key`, or with the whole rule where that key is not set.
    pub fn add(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.settings.get(key).filter(|value| value.span.is_some()).unwrap_or(self.settings);
        self.errors.push(placed(misfit(message).help(help), place));
    }

    /// All problems as one error.
    ///
    /// # Errors
    /// If there is one.
    pub fn finish(self) -> Result<()> {
        Error::all(self.errors).map_or(Ok(()), Err)
    }
}

fn misfit(message: impl Into<String>) -> Error {
    Error::user(message).code("HW104")
}

fn placed(error: Error, settings: &Settings) -> Error {
    match &settings.span {
        Some(span) => error.at(span.clone()),
        None => error,
    }
}

/// Gives every rule a name of its own.
#[derive(Default)]
struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Keeps the name that the user gave.
    fn take(&mut self, rule: &Rule, item: &Settings) -> Result<()> {
        if rule.id.is_empty() || self.taken.insert(rule.id.clone()) {
            return Ok(());
        }
        let place = item.entries().first().and_then(|entry| entry.value.get("name")).unwrap_or(item);
        Err(placed(misfit(format!("two rules are named `{}`", rule.id)).help("give each rule a name of its own"), place))
    }

    /// Names the rules that the user did not name, in their order: `not_null_customer_id`, `not_null_customer_id_2`.
    fn complete(mut self, mut rules: Vec<Rule>) -> Vec<Rule> {
        for rule in rules.iter_mut().filter(|rule| rule.id.is_empty()) {
            rule.id = self.free(&default_name(rule));
        }
        rules
    }

    fn free(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let name = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

fn default_name(rule: &Rule) -> String {
    match rule.body.label() {
        label if label.is_empty() => rule.kind.name().into(),
        label => format!("{}_{}", rule.kind.name(), snake_case(&label)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{placed_settings, refused, rules};

    fn names(rules: &Json) -> Vec<String> {
        read_rules(&Settings::from_json(rules)).unwrap().into_iter().map(|rule| rule.id).collect()
    }

    #[test]
    fn every_rule_gets_a_name_of_its_own() {
        let rules = json!([
            {"not_null": {"column": "a"}},
            {"not_null": {"column": "a", "where": "b > 1"}},
            {"unique": {"columns": ["a", "Line No"]}},
            {"row_count": {"min": 1}},
            {"range": {"column": "a", "min": 0, "name": "not_null_a"}},
        ]);
        assert_eq!(names(&rules), ["not_null_a_2", "not_null_a_3", "unique_a_line_no", "row_count", "not_null_a"]);
    }

    #[test]
    fn no_rules_are_no_error() {
        assert!(read_rules(&Settings::from_json(&Json::Null)).unwrap().is_empty());
    }

    #[test]
    fn one_go_shows_the_problems_of_all_rules() {
        let rules = placed_settings(&json!([
            {"not_nul": {"column": "a"}},
            {"not_null": {"colum": "a"}},
            {"range": {"column": "a", "min": 5, "max": 1}},
            {"matches": {"column": "a", "pattern": "("}},
            {"ordered": {"column": "a", "on_failure": "quarantine"}},
            {"not_null": {"column": "a", "at_least": "95%", "at_most": 3}},
            "unique",
            {"not_null": {"column": "a"}, "unique": {"column": "a"}},
            {"not_null": "a"},
        ]));
        let error = read_rules(&rules).unwrap_err().to_string();
        for part in [
            "unknown kind of rule `not_nul`",
            "did you mean `not_null`?",
            "unknown key `colum`",
            "did you mean `column`?",
            "`min` is greater than `max`",
            "`pattern` is no regular expression",
            "`quarantine` needs a rule that tells single rows; `ordered` looks at sets of rows",
            "keep one of them",
            "a rule is its kind with its settings",
            "`not_null` and `unique` stand in one rule",
            "write `- not_null: { column:",
        ] {
            assert!(error.contains(part), "`{part}` is not in\n{error}");
        }
        assert_eq!(error.matches("t.yaml:").count(), error.matches("error[").count(), "{error}");
    }

    #[test]
    fn a_column_that_the_other_table_lacks_is_told_with_that_table() {
        let of = |rule: Json, reason: &str| rules(&json!([rule]))[0].of_tables(reason);
        let referential = json!({"referential": {"column": "a", "to": "m.idd"}});
        let told = of(referential.clone(), "there is no column `referred.idd`; did you mean `id`?");
        assert_eq!(told, "table `m` has no column `idd`; did you mean `id`?");
        assert_eq!(of(referential, "there is no column `a`"), "there is no column `a`");
        let told = of(json!({"reconcile": {"with": "m", "key": ["a"]}}), "there is no column `b`; columns here: a");
        assert_eq!(told, "table `m` has no column `b`; columns here: a");
    }

    #[test]
    fn names_are_given_once() {
        let rules = json!([{"row_count": {"min": 1, "name": "x"}}, {"row_count": {"max": 9, "name": "x"}}]);
        assert!(refused(&rules).contains("two rules are named `x`"));
        assert!(refused(&json!({"not_null": {"column": "a"}})).contains("rules are a list"));
        assert!(refused(&json!([{"not_null": {"column": "a", "where": " "}}])).contains("`where` is empty"));
        assert!(refused(&json!([{"not_null": {"column": "a", "name": "x#judged"}}])).contains("`name` holds a `#`"));
    }
}
