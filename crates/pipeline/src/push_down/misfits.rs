//! What keeps a model from being built inside a database, as far as its settings and its inputs tell.

use hw_base::{Engine, Error, Settings, Span, Together};
use hw_validate::Rule;

use super::Inside;
use crate::graph::Read;
use crate::project::{Model, Project};
use crate::settings::Load;

/// What keeps a model from being built inside a database, as far as its settings and its inputs tell; each with its place.
pub(crate) fn misfits(project: &Project, model: &Model, inside: Inside, reads: &[Read], engine: &dyn Engine) -> Vec<Error> {
    let misfit = Misfit { project, model, inside, engine };
    let mut errors: Vec<Error> = misfit.settings().collect();
    errors.extend(misfit.target());
    errors.extend(reads.iter().filter_map(|read| misfit.read(read)));
    errors.extend(model.rules.iter().filter_map(|rule| misfit.rule(rule)));
    errors
}

struct Misfit<'a> {
    project: &'a Project,
    model: &'a Model,
    inside: Inside,
    engine: &'a dyn Engine,
}

impl Misfit<'_> {
    fn error(&self, problem: String) -> Error {
        Error::user(format!("`{}` cannot be built inside {}", self.model.name, self.inside.name())).code("HW311").because(problem)
    }

    fn settings(&self) -> impl Iterator<Item = Error> {
        let settings = &self.model.settings;
        let load = &settings.load;
        let is_known = matches!(load, Load::Replace | Load::Append(_) | Load::Upsert(_) | Load::Scd1(_));
        let others = [
            (!is_known, "load", "only `replace`, `append` with a key, `upsert` and `scd1` run there"),
            (
                matches!(load, Load::Append(append) if append.key.is_empty()),
                "load",
                "every run reads all rows there, and without a key nothing tells which of them the table has: `append: { key: [event_id] }`",
            ),
            (!settings.follow.is_empty(), "follow", "every run reads all rows there, so there is nothing to follow"),
            (!settings.infer.is_empty(), "infer", "members are inferred by the engine alone"),
            (
                !settings.partition_by.0.is_empty(),
                "partition_by",
                "its folders are those of the warehouse; `deliver: { partition: … }` splits the table there",
            ),
        ];
        let wrong = others.into_iter().filter(|(is_wrong, ..)| *is_wrong);
        wrong.map(|(_, key, problem)| {
            self.error(problem.to_owned())
                .help("remove it; or remove `push_down`: then the engine builds the table")
                .moved_to(self.model.place(&[key], 0))
        })
    }

    /// A rule on rows together that puts rows into quarantine. Whether another table has a row is known at any time; for rows that stay in the
    /// table it would have to be asked again.
    fn rule(&self, rule: &Rule) -> Option<Error> {
        let problem = match rule.set_watch()?.asks {
            Together::Known { .. } if self.model.settings.load == Load::Replace => return None,
            Together::Known { .. } => {
                "would put rows into quarantine because of another table, and the load keeps rows that are not judged anew"
            }
            Together::First { .. } => "would put all rows but the first into quarantine, and nothing tells there which came first",
        };
        let error = self.error(format!("`{}` {problem}", rule.id));
        let error = error.help("use `on_failure: block` or `alert`").moved_to(rule.span.clone());
        Some(match rule.set_watch()?.asks {
            Together::Known { .. } => error.help("or use `load: replace`, which judges all rows in every run"),
            Together::First { .. } => error.help("or let the SELECT return one row per key"),
        })
    }

    fn target(&self) -> Option<Error> {
        let Some(deliver) = &self.model.settings.deliver else {
            let error = self.error("it does not say where its table lies".to_owned()).code("HW103");
            return Some(error.help("name a target: `deliver: reporting`").moved_to(self.model.place(&["engine"], 0)));
        };
        let kind = kind_of(&self.project.targets, &deliver.to)?;
        let problem = || format!("target `{}` is of kind `{kind}`", deliver.to);
        (kind != self.inside.kind()).then(|| self.error(problem()).moved_to(self.model.place(&["deliver"], 0)))
    }

    fn read(&self, read: &Read) -> Option<Error> {
        let (problem, help) = match read {
            Read::Dataset { name, with_origin: true, .. } => (
                format!("`{name}` is a raw copy, which lies in the warehouse"),
                format!("read the source itself: `{}`", &name["raw.".len()..]),
            ),
            Read::Dataset { name, dataset, .. } => match kind_of(&self.project.sources, &dataset.source) {
                Some(kind) if kind != self.inside.kind() => {
                    (format!("`{name}` comes from a source of kind `{kind}`"), "remove `push_down`".into())
                }
                _ if self.project.dataset_rules.get(dataset).is_some_and(|rules| !rules.is_empty()) => (
                    format!("rules/{dataset}.yaml judges rows as they are copied, and none are"),
                    format!("give its rules to `{}`, or judge them by `headworks check {dataset}`", self.model.name),
                ),
                _ => return None,
            },
            Read::Model(name) => self.read_model(self.project.model(name)?)?,
        };
        Some(self.error(problem).help(help).moved_to(place_of(self.model, &read.name(), self.engine)))
    }

    fn read_model(&self, other: &Model) -> Option<(String, String)> {
        let name = &other.name;
        let target = |model: &Model| model.settings.deliver.as_ref().map(|deliver| deliver.to.clone());
        if other.inside() != Some(self.inside) {
            let help = format!("build `{name}` there too (`engine: {{ push_down: {} }}`), or remove `push_down` here", self.inside.kind());
            return Some((format!("the table of `{name}` lies in the warehouse"), help));
        }
        let is_other = target(other) != target(self.model);
        is_other.then(|| (format!("`{name}` is built in another target"), "build both in one target".into()))
    }
}

/// Why the engine cannot build a model: it reads one whose table lies in a database.
pub(crate) fn unreadable(project: &Project, model: &Model, reads: &[Read], engine: &dyn Engine) -> Option<Error> {
    let inside = |read: &&Read| matches!(read, Read::Model(name) if project.model(name).is_some_and(|other| other.inside().is_some()));
    let name = reads.iter().find(inside)?.name();
    let error = Error::user(format!("`{}` cannot read `{name}`, whose table lies in a database alone", model.name)).code("HW311");
    let error = error
        .help(format!("build `{}` there too: `engine: {{ push_down: postgres }}` and `deliver: …`", model.name))
        .help(format!("or let the engine build `{name}`, and deliver its table: remove `engine` there"));
    Some(error.moved_to(place_of(model, &name, engine)))
}

/// The kind of a source or a target.
fn kind_of<'a>(places: &'a [(String, Settings)], name: &str) -> Option<&'a str> {
    let (_, settings) = places.iter().find(|(known, _)| known == name)?;
    settings.entries().first().map(|entry| entry.key.as_str())
}

/// Where a SELECT names a table.
fn place_of(model: &Model, name: &str, engine: &dyn Engine) -> Option<Span> {
    let references = engine.reads(&model.sql, Some(&model.file)).ok()?;
    let found = references.into_iter().find(|reference| reference.parts.join(".") == name)?;
    Some(Span { file: model.file.clone().into(), line: found.line, column: found.column, length: name.chars().count() })
}
