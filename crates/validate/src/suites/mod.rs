//! The shelf of suite formats: rules as other tools keep them, read and written.
//!
//! Add one: a file in this folder, its `mod` line, its line in [`SUITES`]. A format holds a list of the words that it has for
//! kinds of rules. What it has no word for goes out as the SQL that finds the violating rows, where the format has checks
//! in SQL; nothing is left out without a line in the report.

mod dbt;
mod dialect;
pub(crate) mod elsewhere;
mod great_expectations;
mod limits;
mod metrics;
mod odcs;
mod pattern;
mod report;
mod soda;
mod sql;
mod types;
mod violations;
mod words;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use hw_base::{Column, Error, Result, Settings, Span, unknown};
use serde_json::{Map, Value as Json, json};
use serde_saphyr::DuplicateKeyPolicy;

pub use self::dbt::{Known as DbtKnown, Switch as DbtSwitch, dbt_origin, dbt_switch, dbt_table_folders, dbt_target};
pub use self::dialect::Dialect;
use crate::columns::in_parentheses;
use crate::rule::{Rule, read_rules};

/// A format in which another tool keeps its rules.
///
/// Reading and writing are functions from text to text; nothing is opened and nothing is asked.
pub trait Suite: Debug + Send + Sync {
    /// The word for it on a command line: `great-expectations`.
    fn name(&self) -> &'static str;

    /// What the files of the format are, in a few words.
    fn about(&self) -> &'static str;

    /// Whether `text` looks like a file of the format.
    fn recognises(&self, text: &str) -> bool;

    /// Translates the checks of one file.
    ///
    /// # Errors
    /// If the text is not of the format. A check that cannot be translated is no error but an item that says why.
    fn read(&self, text: &str) -> Result<Imported>;

    /// The same for a file of which more is known than its text.
    ///
    /// # Errors
    /// As [`Suite::read`].
    fn read_of(&self, text: &str, origin: &Origin) -> Result<Imported> {
        let _ = origin;
        self.read(text)
    }

    /// Writes the rules of some tables as one file.
    fn write(&self, tables: &[TableRules<'_>]) -> Written;
}

/// Every format there is, in the order the manual lists them.
pub const SUITES: &[&dyn Suite] = &[&great_expectations::GreatExpectations, &dbt::Dbt, &soda::Soda, &odcs::Odcs, &sql::Sql];

/// The format called `name`.
///
/// # Errors
/// Lists the known ones, with the one that was probably meant.
pub fn suite(name: &str) -> Result<&'static dyn Suite> {
    let known = SUITES.iter().copied().find(|suite| suite.name() == name);
    known.ok_or_else(|| unknown("format of rules", name, SUITES.iter().map(|suite| suite.name())).code("HW102"))
}

/// Reads a file of checks in the format called `name`, or in the one that its text shows where `name` is `auto`.
///
/// # Errors
/// If the format is not known or the text is not of it.
pub fn read_suite(name: &str, text: &str) -> Result<Imported> {
    read_suite_of(name, text, &Origin::default())
}

/// The same for a file of which more is known than its text.
///
/// # Errors
/// As [`read_suite`]; they name the file.
pub fn read_suite_of(name: &str, text: &str, origin: &Origin) -> Result<Imported> {
    let read = if name == "auto" { recognised(text) } else { suite(name) }.and_then(|suite| suite.read_of(text, origin));
    let with_note = |mut imported: Imported| {
        imported.items.extend(repeated_key(text));
        imported
    };
    read.map(with_note).map_err(|error| {
        let place = error.span().cloned().unwrap_or(Span { file: PathBuf::new(), line: 1, column: 1, length: 1 });
        let is_known = !origin.file.as_os_str().is_empty() && error.known_code() != Some("HW102");
        error.moved_to(is_known.then(|| Span { file: origin.file.clone(), ..place }))
    })
}

/// The format that a text shows.
fn recognised(text: &str) -> Result<&'static dyn Suite> {
    let found = SUITES.iter().copied().find(|suite| suite.recognises(text));
    let names = SUITES.iter().map(|suite| suite.name()).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| {
        Error::user("the file is in none of the formats of rules that are known")
            .code("HW104")
            .because(format!("it is not recognised as one of {names}"))
            .help("rules in the form of Headworks are given with `--rules`")
    })
}

/// What is known of a file of checks beside its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The file, for messages.
    pub file: PathBuf,
    /// Its name without the ending.
    pub name: Option<String>,
    /// Whether it lies where every file is a test in SQL.
    pub is_test: bool,
    /// What its project says about its tests; what a test says itself comes first.
    pub settings: Map<String, Json>,
    /// What its project says about single tests, by their names.
    pub of_tests: BTreeMap<String, Map<String, Json>>,
    /// Whether tables are switched on, where it is said elsewhere in its project.
    pub of_tables: BTreeMap<String, DbtSwitch>,
    /// What is known of its project besides.
    pub known: Arc<DbtKnown>,
}

/// The checks of a file, each with what became of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// What the suite calls itself, where it is about no table.
    pub name: Option<String>,
    /// One per check, in the order of the file.
    pub items: Vec<ImportedItem>,
    /// Other names of tables, each with the one that its checks have.
    pub other_names: BTreeMap<String, String>,
}

/// A check of another tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedItem {
    /// The table that it is about, where the file names one.
    pub table: Option<String>,
    /// The check, as the file calls it: `expect_column_values_to_not_be_null(customer_id)`.
    pub check: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Imported {
    /// The rules of all checks, in the order of the file. A name that two checks share is numbered.
    ///
    /// # Errors
    /// If a rule is not valid; those that the formats make are.
    pub fn to_rules(&self) -> Result<Vec<Rule>> {
        let mut rules: Vec<Json> = self.items.iter().flat_map(|item| item.outcome.rules()).cloned().collect();
        let mut taken: Vec<String> = Vec::new();
        for settings in rules.iter_mut().filter_map(settings_of) {
            let Some(name) = settings.get("name").and_then(Json::as_str).map(str::to_owned) else { continue };
            let numbered = (2..).map(|number| format!("{name}_{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
            settings.insert("name".into(), free.clone().into());
            taken.push(free);
        }
        read_rules(&Settings::from_json(&Json::Array(rules)))
    }

    /// The checks about some data: those about the table `wanted`, else those about the table called as one of `names`, else
    /// all where the file is about no more than one table.
    ///
    /// # Errors
    /// Names the tables where none of them is meant.
    pub fn for_table(&self, wanted: Option<&str>, names: &[&str]) -> Result<Self> {
        let tables: Vec<&str> = self.tables().into_iter().flatten().collect();
        let called =
            |names: &[&str]| names.iter().map(|name| self.about(name)).find(|found| found.items.iter().any(|item| item.table.is_some()));
        let found = match wanted {
            _ if tables.is_empty() => Some(self.clone()),
            Some(table) => called(&[table]),
            None if tables.len() < 2 => Some(self.clone()),
            None => called(names),
        };
        found.ok_or_else(|| {
            let meant = wanted.or_else(|| names.first().copied()).unwrap_or_default();
            let error = Error::user(format!("the suite has no checks about `{meant}`")).code("HW104");
            error.because(format!("it is about {}", tables.join(", "))).help("name one of these with `--table`")
        })
    }

    /// The checks about one table only, and those that name none. `a.orders` is meant by `orders` too.
    fn about(&self, table: &str) -> Self {
        let table = self.other_names.get(table).map_or(table, String::as_str);
        let is_meant = |named: &str| named == table || named.rsplit('.').next() == Some(table);
        let items = self.items.iter().filter(|item| item.table.as_deref().is_none_or(is_meant)).cloned().collect();
        Self { items, ..self.clone() }
    }
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is these rules, each as an item of a `rules:` list.
    Translated {
        /// The rules.
        rules: Vec<Json>,
        /// What a reader should know about the translation.
        note: Option<String>,
    },
    /// Its SQL runs as these rules.
    AsSql {
        /// The rules.
        rules: Vec<Json>,
        /// What a reader should know about the translation.
        note: Option<String>,
    },
    /// It is a unit test, as an entry of a file of tests.
    Test {
        /// The test under its name.
        test: Json,
        /// What a reader should know about the translation.
        note: Option<String>,
    },
    /// It is not translated.
    NotTranslated {
        /// Why, in one sentence.
        why: String,
    },
}

impl Outcome {
    /// What a reader should know about the translation.
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Translated { note, .. } | Self::AsSql { note, .. } | Self::Test { note, .. } => note.as_deref(),
            Self::NotTranslated { .. } => None,
        }
    }

    /// The unit test that it became, under its name.
    pub fn test(&self) -> Option<&Json> {
        match self {
            Self::Test { test, .. } => Some(test),
            _ => None,
        }
    }

    /// The rules that it became.
    pub fn rules(&self) -> &[Json] {
        match self {
            Self::Translated { rules, .. } | Self::AsSql { rules, .. } => rules,
            Self::Test { .. } | Self::NotTranslated { .. } => &[],
        }
    }
}

/// The rules of one table, to be written.
#[derive(Clone, Copy, Debug)]
pub struct TableRules<'a> {
    /// The name of the table.
    pub table: &'a str,
    /// Its columns.
    pub columns: &'a [Column],
    /// Its rules.
    pub rules: &'a [Rule],
    /// What the SQL of its checks is written in.
    pub dialect: Dialect,
}

/// A file in the format of another tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Files that it needs beside it, as name and text: dbt's tests in SQL.
    pub files: Vec<(String, String)>,
    /// One per rule, in their order.
    pub items: Vec<WrittenItem>,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenItem {
    /// The table.
    pub table: String,
    /// The rule.
    pub rule: String,
    /// How it was written.
    pub how: HowWritten,
}

/// How a rule was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HowWritten {
    /// In the format's own word.
    InWords(String),
    /// As the SQL that finds the violating rows.
    AsSql,
    /// Not at all.
    NotWritten(String),
}

/// What a translation gives: rules, rules with a note, or why there are none.
type Translation = Result<Rules, String>;

/// Rules that a check became.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "rules with a note are still rules")]
struct Rules {
    rules: Vec<Json>,
    note: Option<String>,
    is_sql: bool,
}

impl Rules {
    /// One rule of `kind`. Settings that are null are left out.
    fn one(kind: &str, settings: Json) -> Self {
        Self { rules: vec![rule(kind, settings)], ..Self::default() }
    }

    /// Adds one more rule.
    fn and(mut self, kind: &str, settings: Json) -> Self {
        self.rules.push(rule(kind, settings));
        self
    }

    /// SQL of the other tool, as it is.
    fn sql(kind: &str, settings: Json) -> Self {
        Self { is_sql: true, ..Self::one(kind, settings) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds a note to the one that there is.
    fn and_note(self, note: &str) -> Self {
        let all = with_note(self.note.as_deref(), note);
        self.note(all)
    }

    /// Sets `key` in all rules, unless `value` is null.
    #[expect(clippy::needless_pass_by_value, reason = "callers make the value where they give it")]
    fn with(mut self, key: &str, value: Json) -> Self {
        for settings in self.rules.iter_mut().filter(|_| !value.is_null()).filter_map(settings_of) {
            settings.insert(key.into(), value.clone());
        }
        self
    }

    /// Gives the rules a name; the second and later ones have it with their number.
    fn named(mut self, name: Option<&str>) -> Self {
        let Some(name) = name else { return self };
        for (at, settings) in self.rules.iter_mut().filter_map(settings_of).enumerate() {
            settings.insert("name".into(), if at == 0 { name.into() } else { format!("{name}_{}", at + 1).into() });
        }
        self
    }

    /// Adds a condition to the ones that the rules have.
    fn only_where(mut self, condition: &str) -> Self {
        for settings in self.rules.iter_mut().filter_map(settings_of) {
            let both = match settings.get("where").and_then(Json::as_str) {
                Some(own) => format!("({own}) and ({condition})"),
                None => condition.to_owned(),
            };
            settings.insert("where".into(), both.into());
        }
        self
    }
}

fn rule(kind: &str, mut settings: Json) -> Json {
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|_, value| !value.is_null());
    }
    json!({ kind: settings })
}

fn settings_of(rule: &mut Json) -> Option<&mut serde_json::Map<String, Json>> {
    rule.as_object_mut()?.values_mut().next()?.as_object_mut()
}

impl ImportedItem {
    /// The item of a check. Rules that the kinds themselves refuse are no rules: the reason is kept.
    fn new(table: Option<&str>, check: impl Into<String>, translation: Translation) -> Self {
        let outcome = match translation.and_then(accepted) {
            Ok(Rules { rules, note, is_sql: false }) => Outcome::Translated { rules, note },
            Ok(Rules { rules, note, is_sql: true }) => Outcome::AsSql { rules, note },
            Err(why) => Outcome::NotTranslated { why },
        };
        Self { table: table.map(str::to_owned), check: check.into(), outcome }
    }
}

fn accepted(rules: Rules) -> Translation {
    let rules = with_queries(limits::possible(rules));
    let list = Settings::from_json(&Json::Array(rules.rules.clone()));
    read_rules(&list).map(|_| rules).map_err(|error| format!("Headworks refuses it: {}", crate::gate::reason(&error)))
}

/// A note behind the one that there is.
fn with_note(before: Option<&str>, note: &str) -> String {
    before.map_or_else(|| note.to_owned(), |before| format!("{before}; {note}"))
}

/// The same rules with a query in place of each expression that holds one: an expression is judged row by row and reads no table.
fn with_queries(mut rules: Rules) -> Rules {
    for rule in &mut rules.rules {
        let expression = rule.pointer("/expression/sql").and_then(Json::as_str).filter(|sql| holds_query(sql));
        let Some(sql) = expression.map(|sql| format!("select * from {{table}} where not {}", in_parentheses(sql))) else { continue };
        let mut settings = rule["expression"].take();
        settings["sql"] = sql.into();
        *rule = json!({ "query": settings });
    }
    rules
}

fn holds_query(sql: &str) -> bool {
    let inner = sql.split('(').skip(1).map(str::trim_start);
    inner.filter_map(|text| text.get(..6)).any(|word| word.eq_ignore_ascii_case("select"))
}

/// An error about a file that is not of the format.
fn not_of_the_format(format: &str, why: impl std::fmt::Display) -> Error {
    Error::user(format!("the file is not in the format of {format}")).code("HW104").because(why.to_string())
}

/// Reads YAML or JSON as plain values. `y` and `no` are names of columns and codes of countries.
fn read_values(format: &str, text: &str) -> Result<Json> {
    serde_saphyr::from_str_with_options(text, reading(DuplicateKeyPolicy::LastWins)).map_err(|error| unreadable(format, &error))
}

/// How values are read. A file of dbt may name one list of tests in hundreds of places.
fn reading(duplicate_keys: DuplicateKeyPolicy) -> serde_saphyr::Options {
    let budget = serde_saphyr::budget! { enforce_alias_anchor_ratio: false };
    serde_saphyr::options! { strict_booleans: true, duplicate_keys: duplicate_keys, budget: budget }
}

/// What to know of a file that gives a key twice in one place. The tools take the last, and so does [`read_values`].
fn repeated_key(text: &str) -> Option<ImportedItem> {
    let error = serde_saphyr::from_str_with_options::<Json>(text, reading(DuplicateKeyPolicy::Error)).err()?;
    let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error.without_snippet() else { return None };
    let line = error.location().map(|place| format!(" in line {}", place.line())).unwrap_or_default();
    let key = key.as_deref().map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
    let note = format!("{key} is given for the second time{line}; the last one counts, and the one before it asks for nothing");
    let outcome = Outcome::Translated { rules: vec![], note: Some(note) };
    Some(ImportedItem { table: None, check: "the keys of the file".into(), outcome })
}

/// An error about a text that cannot be read at all; the caller knows the file.
fn unreadable(format: &str, error: &serde_saphyr::Error) -> Error {
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    let place = error.location().map(|place| (number(place.line()), number(place.column())));
    let (line, column) = place.unwrap_or((1, 1));
    let (what, help) = why_unreadable(error.without_snippet());
    let error = Error::user(format!("the file cannot be read as the YAML or JSON of {format}")).code("HW101").because(what);
    error.at(Span { file: PathBuf::new(), line, column, length: 1 }).help(help)
}

/// Why a text cannot be read, and what to do.
fn why_unreadable(error: &serde_saphyr::Error) -> (String, &'static str) {
    use serde_saphyr::Error as Found;
    if matches!(error, Found::Budget { .. } | Found::AliasReplayLimitExceeded { .. } | Found::AliasReplayStackDepthExceeded { .. }) {
        let most = serde_saphyr::Budget::default();
        let what = format!("it holds more than is read of one file: {} values, {} of them in each other", most.max_nodes, most.max_depth);
        return (what, "split it into several files");
    }
    let what = error.to_string();
    let is_cut_off = ["unclosed", "unterminated", "end of", "EOF"].iter().any(|word| what.contains(word));
    let help = "mend that place; if nothing is wrong with it, save the file again as the tool wrote it";
    (what, if is_cut_off { "it may be cut off; save it again as the tool wrote it" } else { help })
}

#[cfg(test)]
mod tests;
