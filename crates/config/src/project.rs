//! Finding and reading the files of a project. What is in them is for others to understand.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hw_base::{Error, Node, Result, Settings, in_parallel, nearest};

use crate::yaml::{read_text, read_yaml};

/// The file that makes a folder a project.
pub const PROJECT_FILE: &str = "headworks.yaml";

/// The files of a project. All paths are relative to `root`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectFiles {
    /// The project's folder.
    pub root: PathBuf,
    /// `headworks.yaml`.
    pub settings: Settings,
    /// `models/**/*.sql`, by name.
    pub models: Vec<ModelFile>,
    /// `rules/**/*.yaml`, by dataset.
    pub rules: Vec<RulesFile>,
    /// `contracts/**/*.yaml`, by path.
    pub contracts: Vec<ContractFile>,
}

/// A contract, in whatever form it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractFile {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// A model: its SELECT and, where there are any, its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// The name of its file without the ending.
    pub name: String,
    /// Where its SELECT stands.
    pub sql_path: PathBuf,
    /// Its SELECT.
    pub sql: String,
    /// Its settings; `None` where there is no such file.
    pub yaml: Option<Settings>,
    /// Where its settings stand, or would.
    pub yaml_path: PathBuf,
}

/// The rules of a source dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct RulesFile {
    /// The dataset, from the name of the file: `shop.orders`.
    pub dataset: String,
    /// What the file says.
    pub settings: Settings,
    /// The file.
    pub path: PathBuf,
}

/// Reads all files of the project in `root`. Hidden files are left out.
///
/// # Errors
/// `HW106` where there is no `headworks.yaml`; otherwise the problems of all files together: YAML that cannot
/// be read, settings without a model, two files of one name, the ending `.yml`.
pub fn project_files(root: &Path) -> Result<ProjectFiles> {
    if !root.join(PROJECT_FILE).is_file() {
        return Err(no_project(root));
    }
    let mut reading = Reading { root, errors: Vec::new() };
    let settings = reading.keep(read_keys(root, Path::new(PROJECT_FILE)));
    let models = reading.models();
    let rules = reading.rules();
    let contracts = reading.contracts();
    match (Error::all(reading.errors), settings) {
        (None, Some(settings)) => Ok(ProjectFiles { root: root.into(), settings, models, rules, contracts }),
        (error, _) => Err(error.unwrap_or_else(|| Error::bug("a project was refused without a reason"))),
    }
}

/// A file of unit tests.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFile {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub settings: Settings,
}

/// Reads the files of unit tests of the project in `root`: `tests/**/*.yaml`. They are no part of [`project_files`], so that no run
/// fails for the sake of a test.
///
/// # Errors
/// The problems of all files together, as for [`project_files`].
pub fn test_files(root: &Path) -> Result<Vec<TestFile>> {
    let mut reading = Reading { root, errors: Vec::new() };
    let paths = reading.files("tests").into_iter().filter(|path| has_ending(path, "yaml"));
    let read = |path: PathBuf| Ok(TestFile { settings: read_keys(root, &path)?, path });
    let files = paths.filter_map(|path| reading.keep(read(path))).collect();
    Error::all(reading.errors).map_or(Ok(files), Err)
}

fn no_project(root: &Path) -> Error {
    let error = Error::user(format!("`{}` is no project", root.display())).code("HW106").because(format!("it has no `{PROJECT_FILE}`"));
    if root.join("headworks.yml").is_file() {
        return error.help(format!("rename `headworks.yml` to `{PROJECT_FILE}`"));
    }
    error.help("go into a project, give `--project FOLDER`, or make one with `headworks init DATA…`")
}

/// Reads files and goes on after the first problem.
struct Reading<'a> {
    root: &'a Path,
    errors: Vec<Error>,
}

impl Reading<'_> {
    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    fn models(&mut self) -> Vec<ModelFile> {
        let (sql, yaml): (Vec<PathBuf>, Vec<PathBuf>) = self.files("models").into_iter().partition(|path| has_ending(path, "sql"));
        let names: Vec<String> = sql.iter().map(|path| stem(path)).collect();
        let with_settings: BTreeSet<PathBuf> = sql.iter().map(|path| path.with_extension("yaml")).collect();
        let (yaml, orphans): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) = yaml.into_iter().partition(|path| with_settings.contains(path));
        self.errors.extend(orphans.iter().map(|path| without_model(path, &names)));
        let root = self.root;
        let models = self.by_name("model", sql).into_iter().collect();
        let read = in_parallel(models, |(name, sql_path)| read_model(root, name, sql_path, &yaml));
        read.into_iter().filter_map(|model| self.keep(model)).collect()
    }

    fn rules(&mut self) -> Vec<RulesFile> {
        let files = self.files("rules").into_iter().filter(|path| has_ending(path, "yaml")).collect();
        let root = self.root;
        let files = self.by_name("dataset", files).into_iter().collect();
        let read = in_parallel(files, |(dataset, path)| {
            let settings = read_keys(root, &path)?;
            Ok(RulesFile { dataset, settings, path })
        });
        read.into_iter().filter_map(|rules| self.keep(rules)).collect()
    }

    fn contracts(&mut self) -> Vec<ContractFile> {
        let root = self.root;
        let read = |path: PathBuf| Ok(ContractFile { text: read_text(&root.join(&path), &path)?, path });
        let files: Vec<PathBuf> = self.files("contracts").into_iter().filter(|path| has_ending(path, "yaml")).collect();
        files.into_iter().filter_map(|path| self.keep(read(path))).collect()
    }

    /// The paths by their names; of two with one name the first, and an error.
    fn by_name(&mut self, what: &str, paths: Vec<PathBuf>) -> BTreeMap<String, PathBuf> {
        let mut named = BTreeMap::new();
        for path in paths {
            match named.entry(stem(&path)) {
                Entry::Vacant(entry) => drop(entry.insert(path)),
                Entry::Occupied(first) => self.errors.push(named_twice(what, first.key(), first.get(), &path)),
            }
        }
        named
    }

    /// The SQL and YAML files in `folder` and the folders in it, sorted; none where there is no such folder.
    fn files(&mut self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        self.walk(Path::new(folder), &mut found);
        found.sort();
        found
    }

    fn walk(&mut self, folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = match std::fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => return self.errors.push(unreadable(folder, &error)),
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((folder.join(entry.file_name()), entry.file_type()?))) {
                Err(error) => self.errors.push(unreadable(folder, &error)),
                Ok((path, _)) if is_hidden(&path) => {}
                Ok((path, kind)) if kind.is_dir() => self.walk(&path, found),
                Ok((path, _)) if has_ending(&path, "yml") => self.errors.push(wrong_ending(&path)),
                Ok((path, _)) if has_ending(&path, "sql") || has_ending(&path, "yaml") => found.push(path),
                Ok(_) => {}
            }
        }
    }
}

/// Reads a YAML file of the project in `root`, which holds keys with values.
fn read_keys(root: &Path, path: &Path) -> Result<Settings> {
    let settings = read_yaml(&root.join(path), path)?;
    let found = match &settings.node {
        Node::Map(_) => return Ok(settings),
        Node::List(_) => "a list",
        _ => "a single value",
    };
    let error = Error::user(format!("expected keys with values in `{}`, found {found}", path.display())).code("HW104");
    let error = error.help("write each as `key: value`; `headworks schema` lists them");
    Err(match settings.span {
        Some(span) => error.at(span),
        None => error,
    })
}

/// Reads a model; its settings too if `yaml` lists them.
fn read_model(root: &Path, name: String, sql_path: PathBuf, yaml: &BTreeSet<PathBuf>) -> Result<ModelFile> {
    let yaml_path = sql_path.with_extension("yaml");
    let sql = read_text(&root.join(&sql_path), &sql_path);
    let settings = yaml.contains(&yaml_path).then(|| read_keys(root, &yaml_path)).transpose();
    match (sql, settings) {
        (Ok(sql), Ok(yaml)) => Ok(ModelFile { name, sql_path, sql, yaml, yaml_path }),
        (sql, settings) => {
            let errors = sql.err().into_iter().chain(settings.err()).collect();
            Err(Error::all(errors).unwrap_or_else(|| Error::bug("a model was refused without a reason")))
        }
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Error {
    Error::outside(format!("the folder `{}` cannot be read", folder.display()))
        .code("HW108")
        .because(error)
        .help("look at the permissions of the folder")
}

fn wrong_ending(path: &Path) -> Error {
    Error::user(format!("`{}` would not be read", path.display()))
        .code("HW108")
        .because("settings are read from files that end in `.yaml`")
        .help(format!("rename it to `{}`", path.with_extension("yaml").display()))
}

fn without_model(yaml: &Path, models: &[String]) -> Error {
    let sql = yaml.with_extension("sql");
    let error = Error::user(format!("`{}` has no model", yaml.display())).code("HW108").because(format!("there is no `{}`", sql.display()));
    match nearest(&stem(yaml), models.iter().map(String::as_str)) {
        Some(meant) => error.help(format!("did you mean the model `{meant}`? Both files have one name and lie in one folder")),
        None => error.help(format!("write its SELECT to `{}`, or remove the file", sql.display())),
    }
}

fn named_twice(what: &str, name: &str, first: &Path, second: &Path) -> Error {
    Error::user(format!("the {what} `{name}` has two files"))
        .code("HW108")
        .because(format!("`{}` and `{}`", first.display(), second.display()))
        .help("names hold across folders; rename or remove one of them")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[track_caller]
    fn refused(files: &[(&str, &str)], parts: &[&str]) {
        let error = project_files(project(files).path()).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in\n{message}");
        }
        assert_eq!(message.matches("error").count(), error.others().len() + 1, "{message}");
    }

    #[test]
    fn models_and_rules_are_found_and_sorted() {
        let folder = project(&[
            ("headworks.yaml", "project: p\n"),
            ("models/fact.sql", "\u{feff}select 1"),
            ("models/fact.yaml", "grain: one row\n"),
            ("models/staging/dim.sql", "select 2"),
            ("models/README.md", "words"),
            ("models/.dim.sql", "not read"),
            ("rules/shop.orders.yaml", "rules: []\n"),
        ]);
        let files = project_files(folder.path()).unwrap();
        let models: Vec<_> =
            files.models.iter().map(|m| (m.name.as_str(), m.sql.as_str(), m.sql_path.to_str().unwrap(), m.yaml.is_some())).collect();
        assert_eq!(models, [("dim", "select 2", "models/staging/dim.sql", false), ("fact", "select 1", "models/fact.sql", true)]);
        assert_eq!(files.models[0].yaml_path, Path::new("models/staging/dim.yaml"));
        assert_eq!(files.settings.get("project").map(Settings::to_json), Some("p".into()));
        assert_eq!((files.rules[0].dataset.as_str(), files.rules[0].path.to_str()), ("shop.orders", Some("rules/shop.orders.yaml")));
        assert_eq!(files.models[1].yaml.as_ref().unwrap().span.as_ref().unwrap().file, Path::new("models/fact.yaml"));
    }

    #[test]
    fn a_folder_without_its_file_is_no_project() {
        refused(&[("models/a.sql", "")], &["error[HW106]: ", "is no project", "headworks init"]);
        refused(&[("headworks.yml", "")], &["error[HW106]: ", "rename `headworks.yml`"]);
    }

    #[test]
    fn the_problems_of_all_files_come_in_one_go() {
        refused(
            &[
                ("headworks.yaml", "a: 1\na: 2\n"),
                ("models/fact_orders.sql", "select 1"),
                ("models/fact_order.yaml", "x: 1"),
                ("models/old/fact_orders.sql", "select 1"),
                ("models/zebra.yml", "x: 1"),
                ("rules/shop.orders.yaml", "rules: [\n"),
                ("rules/old/shop.orders.yaml", "rules: []\n"),
            ],
            &[
                "the key `a` is given twice",
                "`models/fact_order.yaml` has no model",
                "did you mean the model `fact_orders`?",
                "the model `fact_orders` has two files",
                "`models/fact_orders.sql` and `models/old/fact_orders.sql`",
                "rename it to `models/zebra.yaml`",
                "the dataset `shop.orders` has two files",
            ],
        );
        refused(&[("headworks.yaml", ""), ("rules/a.b.yaml", "rules: [\n")], &["`rules/a.b.yaml` is no valid YAML"]);
    }

    #[test]
    fn every_file_holds_keys_with_values() {
        refused(
            &[
                ("headworks.yaml", "- project: p\n"),
                ("models/a.sql", "select 1"),
                ("models/a.yaml", "replace\n"),
                ("rules/shop.orders.yaml", "[]\n"),
            ],
            &[
                "error[HW104]: expected keys with values in `headworks.yaml`, found a list",
                "at: headworks.yaml:1:1",
                "expected keys with values in `models/a.yaml`, found a single value",
                "expected keys with values in `rules/shop.orders.yaml`, found a list",
                "help: write each as `key: value`",
            ],
        );
    }

    #[test]
    #[ignore = "measures: cargo test -p hw-config thousand -- --ignored --nocapture"]
    fn a_thousand_models_are_read_quickly() {
        let sql = "select order_id, customer_id, total_amount from shop.orders where total_amount > 0\n".repeat(10);
        let yaml = "grain: one row per order\nload: { upsert: { key: [order_id] } }\nfollow: { shop.orders: updated_at }\nretain: 36 months\nrules:\n  - not_null: { column: customer_id, at_least: 95%, on_failure: block }\n  - accepted_values: { column: status, values: [pending, shipped, delivered], on_failure: quarantine }\n  - unique: { columns: [order_id], on_failure: block }\n";
        let folder = project(&[("headworks.yaml", "project: p\n")]);
        std::fs::create_dir(folder.path().join("models")).unwrap();
        for number in 0..1000 {
            std::fs::write(folder.path().join(format!("models/model_{number}.sql")), &sql).unwrap();
            std::fs::write(folder.path().join(format!("models/model_{number}.yaml")), yaml).unwrap();
        }
        for _ in 0..5 {
            let start = Instant::now();
            let files = project_files(folder.path()).unwrap();
            println!("{} models in {:.1} ms", files.models.len(), start.elapsed().as_secs_f64() * 1000.0);
        }
    }
}
