//! An opened project: its settings, its engine, its sources and its ledger.

use std::path::{Path, PathBuf};

use hw_base::{DatasetName, Engine, Error, Input, Reader, Result, TableName};
use hw_config::project_files;
use hw_connect::ProjectSources;
use hw_engine::{Limits, LiveTables, LocalEngine};
use hw_ledger::SqliteLedger;
use hw_pipeline::{EngineSettings, Model, ModelText, Project, ProjectText};

use crate::machine;

/// The folder of a project that is never committed.
pub(crate) const STATE: &str = ".headworks";

/// An opened project.
pub(crate) struct House {
    /// What its files say.
    pub(crate) project: Project,
    /// Reads and writes its tables.
    pub(crate) engine: LocalEngine,
    /// Its sources.
    pub(crate) sources: ProjectSources,
    /// Its memory.
    pub(crate) ledger: SqliteLedger,
}

/// Reads the files of the project in `root`.
pub(crate) fn read_project(root: &Path) -> Result<Project> {
    let files = project_files(root)?;
    let model = |model: hw_config::ModelFile| ModelText {
        name: model.name,
        sql: model.sql,
        file: model.sql_path.to_string_lossy().into_owned(),
        settings: model.yaml,
    };
    let text = ProjectText {
        root: files.root,
        settings: files.settings,
        models: files.models.into_iter().map(model).collect(),
        rules: files.rules.into_iter().map(|rules| (rules.dataset, rules.settings)).collect(),
    };
    Project::read(&text)
}

/// An engine over a warehouse, with its files of its own in `state`.
pub(crate) fn engine(warehouse: PathBuf, state: &Path, settings: &EngineSettings) -> Result<LocalEngine> {
    let limits = Limits { memory: settings.memory, disk: settings.disk, threads: settings.threads };
    LocalEngine::new(warehouse, state.join("scratch"), LiveTables::default(), limits)
}

impl House {
    /// Opens the project in `root`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let project = read_project(root)?;
        let root = &absolute(root)?;
        let state = root.join(STATE);
        make_folder(&state)?;
        let secrets = machine::secrets(root);
        let warehouse = warehouse_folder(root, &secrets(&project.settings.warehouse)?)?;
        let engine = engine(warehouse, &state, &project.settings.engine)?;
        let sources = ProjectSources::new(root, &project.sources, engine.live().clone(), &secrets)?;
        refuse_foreign_rules(&project, &engine, &sources)?;
        let ledger = SqliteLedger::open(&state.join("ledger.db"))?;
        Ok(Self { project, engine, sources, ledger })
    }

    /// The folder of its state.
    pub(crate) fn state(&self) -> PathBuf {
        self.project.root.join(STATE)
    }

    /// A query as a person writes it: `preview.MODEL` is the model's SELECT, `source.dataset` the raw copy, or the source
    /// itself before the first run.
    pub(crate) async fn reader(&self, sql: &str) -> Result<Reader> {
        let mut inputs = Vec::new();
        for reference in self.engine.reads(sql, None)? {
            let parts: Vec<&str> = reference.parts.iter().map(String::as_str).collect();
            match parts[..] {
                ["preview", name] => {
                    let model = self.model(name)?;
                    for inner in self.engine.reads(&model.sql, Some(&model.file))? {
                        self.bind(&inner.parts.join("."), &mut inputs).await?;
                    }
                    inputs.push(Input::Query { name: format!("preview.{name}"), sql: model.sql.clone() });
                }
                _ => self.bind(&reference.parts.join("."), &mut inputs).await?,
            }
        }
        Ok(Reader { sql: sql.to_owned(), inputs, file: None })
    }

    /// The model of that name.
    pub(crate) fn model(&self, name: &str) -> Result<&Model> {
        let known = || self.project.models.iter().map(|model| model.name.as_str());
        self.project.model(name).ok_or_else(|| hw_base::unknown("model", name, known()))
    }

    /// Binds `source.dataset`; every other name stands for itself.
    async fn bind(&self, name: &str, inputs: &mut Vec<Input>) -> Result<()> {
        let Some(dataset) =
            DatasetName::parse(name).filter(|dataset| self.project.sources.iter().any(|(source, _)| *source == dataset.source))
        else {
            return Ok(());
        };
        let table = TableName::raw(&dataset);
        if self.engine.table(&table, None).await?.is_some() {
            inputs.extend(hw_pipeline::current_rows(&self.engine, &self.ledger, name, &table).await?);
        } else {
            let delivered = hw_base::Sources::open(&self.sources, &dataset, &hw_base::Delivery::default()).await?;
            let input = live_rows(name, &delivered, inputs);
            inputs.push(input);
        }
        Ok(())
    }
}

/// Refuses rules of datasets that are not there: nobody would ever judge them.
fn refuse_foreign_rules(project: &Project, engine: &LocalEngine, sources: &ProjectSources) -> Result<()> {
    let named = hw_base::Sources::datasets(sources);
    let mut read: Option<Vec<DatasetName>> = None;
    let mut errors = Vec::new();
    for dataset in project.dataset_rules.keys().filter(|dataset| !named.contains(dataset)) {
        // A database tells its tables only when it is asked; what a model reads is a table of it, or the run says so.
        if read.get_or_insert_with(|| datasets_read(project, engine)).contains(dataset) {
            continue;
        }
        let of_source = named.iter().chain(read.iter().flatten()).filter(|known| known.source == dataset.source);
        let known: Vec<String> = of_source.map(ToString::to_string).collect();
        errors.push(
            hw_base::unknown("dataset", &dataset.to_string(), known.iter().map(String::as_str))
                .code("HW201")
                .because(format!("`rules/{dataset}.yaml` is named after it, and no model reads it")),
        );
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// The datasets that models read. A model that cannot be read is told of when it is planned.
fn datasets_read(project: &Project, engine: &LocalEngine) -> Vec<DatasetName> {
    let references = project.models.iter().flat_map(|model| engine.reads(&model.sql, Some(&model.file)).unwrap_or_default());
    references
        .filter_map(|reference| match reference.parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [source, dataset] | ["raw", source, dataset] => Some(DatasetName::new(source, dataset)),
            _ => None,
        })
        .collect()
}

/// The rows of an opened dataset under a name, without the records that cannot be read as rows.
pub(crate) fn live_rows(name: &str, delivered: &hw_base::Delivered, inputs: &mut Vec<Input>) -> Input {
    if !delivered.has_origin {
        return Input::Live { name: name.to_owned(), relation: delivered.relation.clone() };
    }
    inputs.push(Input::Live { name: delivered.relation.clone(), relation: delivered.relation.clone() });
    let columns: Vec<String> = delivered.columns.iter().map(|column| hw_base::identifier(&column.name)).collect();
    Input::Query {
        name: name.to_owned(),
        sql: format!("select {} from {} where _malformed is null", columns.join(", "), delivered.relation),
    }
}

/// A folder as a path from the root of the file system, because the engine knows no other.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| Error::user(format!("the folder `{}` cannot be read: {error}", folder.display())).code("HW106"))
}

/// The folder of the warehouse. Other places than folders are refused until they are there.
fn warehouse_folder(root: &Path, warehouse: &str) -> Result<PathBuf> {
    if warehouse.contains("://") {
        let scheme = warehouse.split("://").next().unwrap_or_default();
        return Err(Error::user(format!("a warehouse at `{scheme}://` is not supported"))
            .code("HW104")
            .help("give a folder: `warehouse: warehouse/`"));
    }
    Ok(root.join(warehouse))
}

/// Makes a folder and all above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::outside(format!("the folder `{}` cannot be made: {error}", folder.display())).code("HW501").help("look at its permissions")
    })
}

/// Writes a file of a project or a report.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    std::fs::write(path, text).map_err(|error| Error::outside(format!("`{}` cannot be written: {error}", path.display())).code("HW501"))
}
