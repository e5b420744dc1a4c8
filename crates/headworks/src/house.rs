//! An opened project: its settings, its engine, its sources and its ledger.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use hw_base::{DatasetName, Engine, Error, Input, Reader, Result, TableName};
use hw_config::project_files;
use hw_connect::{ProjectSources, ProjectTargets};
use hw_engine::{Limits, LiveTables, LocalEngine, Site};
use hw_ledger::{ProjectLedger, SqliteLedger};
use hw_pipeline::{Asking, EngineSettings, Environment, Model, ModelText, Narrator, Ports, Project, ProjectText, arriving, live_rows};

use crate::files::{absolute, make_folder, temporary_state};
use crate::interruption;
use crate::machine::{self, ProcessMemory, SystemClock};
use crate::naming::{Named, bind_file, is_bound, means_path};
use crate::place::{LEDGER, Place, looked_at, state_folder};

/// An opened project.
pub(crate) struct House {
    /// What its files say.
    pub(crate) project: Project,
    /// Reads and writes its tables.
    pub(crate) engine: LocalEngine,
    /// Its sources.
    pub(crate) sources: ProjectSources,
    /// The databases that its tables are delivered to.
    pub(crate) targets: ProjectTargets,
    /// Its memory.
    pub(crate) ledger: ProjectLedger,
    /// The folder of its state.
    state: PathBuf,
}

/// A path as the files of a project write it.
fn in_words(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Reads the files of the project in `root`.
pub(crate) fn read_project(root: &Path) -> Result<Project> {
    let files = project_files(root)?;
    let model =
        |model: hw_config::ModelFile| ModelText { name: model.name, sql: model.sql, file: in_words(&model.sql_path), settings: model.yaml };
    let text = ProjectText {
        root: files.root,
        settings: files.settings,
        models: files.models.into_iter().map(model).collect(),
        rules: files.rules.into_iter().map(|rules| (rules.dataset, rules.settings)).collect(),
        contracts: files.contracts.into_iter().map(|contract| (in_words(&contract.path), contract.text)).collect(),
    };
    Project::read(&text).map_err(|error| {
        let sources = ProjectSources::new(root, &text.sources(), LiveTables::default(), &machine::secrets(root));
        together([Some(error), sources.err()])
    })
}

/// The problems, told in one go.
fn together(errors: impl IntoIterator<Item = Option<Error>>) -> Error {
    Error::all(errors.into_iter().flatten().collect()).unwrap_or_else(|| Error::bug("refused without a reason"))
}

/// An engine over a warehouse, with its files of its own in `state`.
pub(crate) fn engine(warehouse: impl Into<Site>, state: &Path, settings: &EngineSettings) -> Result<LocalEngine> {
    let limits = Limits { memory: settings.memory, disk: settings.disk, threads: settings.threads.map(NonZeroUsize::get) };
    let engine = LocalEngine::new(warehouse, state.join("scratch"), LiveTables::default(), limits)?;
    engine.end_by(interruption::end_at_once);
    Ok(engine.shared_by(settings.steps_at_once()))
}

impl House {
    /// What a run works with, which tells `narrator` what happens.
    pub(crate) fn ports<'a>(&'a self, narrator: &'a dyn Narrator) -> Ports<'a> {
        let Self { engine, sources, targets, ledger, .. } = self;
        Ports { engine, sources, targets, ledger, clock: &SystemClock, narrator, memory: &ProcessMemory }
    }

    /// What planning asks.
    pub(crate) fn asking(&self) -> Asking<'_> {
        Asking { engine: &self.engine, sources: &self.sources, ledger: &self.ledger }
    }

    /// Opens the project in `root` to change its tables.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        Self::open_in(root, None)
    }

    /// Opens the project in `root` to change the tables of an environment, which is made where it is not there; production's for none.
    pub(crate) fn open_in(root: &Path, place: Option<&Place>) -> Result<Self> {
        Self::with(root, place, |state| {
            make_folder(state)?;
            let ledger = SqliteLedger::open(&state.join(LEDGER))?;
            Ok((state.to_owned(), ledger))
        })
    }

    /// Opens the project in `root` for looking only: nothing is written below it, so that a folder will do that may only be read.
    pub(crate) fn look(root: &Path) -> Result<Self> {
        Self::look_ahead(root, None)
    }

    /// Opens the project in `root` for looking at an environment that is there, at production for none.
    pub(crate) fn look_in(root: &Path, place: Option<&Place>) -> Result<Self> {
        place.map_or(Ok(()), |place| place.refuse_unknown(root))?;
        Self::look_ahead(root, place)
    }

    /// Opens the project in `root` for looking at an environment that need not be there yet, at production for none.
    pub(crate) fn look_ahead(root: &Path, place: Option<&Place>) -> Result<Self> {
        Self::with(root, place, |state| Ok((temporary_state(), looked_at(state)?)))
    }

    /// Opens the project in `root` in an environment that is thrown away when the program ends.
    pub(crate) fn passing(root: &Path, name: &str) -> Result<Self> {
        let place = Place { name: name.to_owned(), production: None, is_passing: true };
        Self::with(root, Some(&place), |_| Ok((temporary_state(), SqliteLedger::empty()?)))
    }

    /// Opens the project in `root`; `open` is given the folder of its state once its files are read.
    fn with(root: &Path, place: Option<&Place>, open: impl FnOnce(&Path) -> Result<(PathBuf, SqliteLedger)>) -> Result<Self> {
        let mut project = read_project(root)?;
        let root = &absolute(root)?;
        let production = place.map_or(Ok(root.clone()), |place| absolute(place.production(root)))?;
        let warehouse = warehouse_of(&production, &project)?;
        let folder = state_folder(&production, place.map(|place| place.name.as_str()));
        let (state, ledger) = open(&folder)?;
        let mut engine = engine(warehouse, &state, &project.settings.engine)?;
        let mut ledger = ProjectLedger::from(ledger);
        if let Some(Place { name, is_passing, .. }) = place {
            let beneath = looked_at(&state_folder(&production, None))?;
            let built = Environment::of(name, &project, &engine, &beneath)?;
            let own = built.own().cloned().collect();
            engine = if *is_passing { engine.above(state.join("warehouse"), own) } else { engine.in_environment(name, own) };
            ledger = ledger.on_top_of(beneath, built.own().map(|table| table.folder().to_owned()).collect());
            project.environment = Some(built);
        }
        let sources = ProjectSources::new(root, &project.sources, engine.live().clone(), &machine::secrets(root));
        let targets = ProjectTargets::new(root, &project.targets, engine.clone(), &machine::secrets(root));
        let (sources, targets) = match (sources, targets) {
            (Ok(sources), Ok(targets)) => (sources, targets),
            (sources, targets) => return Err(together([sources.err(), targets.err()])),
        };
        refuse_foreign_rules(&project, &engine, &sources)?;
        Ok(Self { project, engine, sources, targets, ledger, state: folder })
    }

    /// The folder of its state.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// A query as a person writes it: `preview.MODEL` is the model's SELECT, `preview.source.dataset` what the source has to
    /// deliver, `source.dataset` the raw copy, or the source itself before the first run, `"orders.csv"` a file.
    pub(crate) async fn reader(&self, sql: &str) -> Result<Reader> {
        self.reader_with(sql, Named::default()).await
    }

    /// The same, where `inputs` say what some of its names stand for.
    pub(crate) async fn reader_with(&self, sql: &str, named: Named) -> Result<Reader> {
        let Named { mut inputs, mut names } = named;
        for reference in self.engine.reads(sql, None)? {
            let parts: Vec<&str> = reference.parts.iter().map(String::as_str).collect();
            if is_bound(&parts.join("."), &inputs) {
                continue;
            }
            if let [name] = parts[..]
                && !name.contains('/')
                && self.has_table(&TableName::model(name)).await?
            {
                // A folder of the same name beside the project is written `./orders`.
                continue;
            }
            match parts[..] {
                ["preview", name] => {
                    let rows = self.preview(&format!("preview.{name}"), self.model(name)?, &mut inputs).await?;
                    inputs.push(rows);
                }
                [name] if self.is_built_inside(name) => return Err(lies_in_target(name)),
                ["preview", source, dataset] => {
                    let dataset = DatasetName::new(source, dataset);
                    let delivery = arriving(&self.project, self.asking(), &dataset).await?;
                    let delivered = hw_base::Sources::open(&self.sources, &dataset, &delivery).await?;
                    let rows = live_rows(&format!("preview.{dataset}"), &delivered, &["_file", "_line"], &mut inputs);
                    inputs.push(rows);
                }
                [file] if means_path(&self.project.root, file) => {
                    names.push(bind_file(&self.project.root, file, self.engine.live(), &mut inputs).await?);
                }
                _ => self.bind(&reference.parts.join("."), &mut inputs).await?,
            }
        }
        Ok(Reader { sql: hw_engine::query_with_known_names(sql, &names), inputs, file: None })
    }

    /// Whether a name is that of a table that is there or of a dataset: a person means that, and writes `./name` for a path of the name.
    pub(crate) async fn has(&self, name: &str) -> Result<bool> {
        match self.dataset(name) {
            Some(dataset) if hw_base::Sources::datasets(&self.sources).contains(&dataset) => Ok(true),
            Some(dataset) => self.has_table(&TableName::raw(&dataset)).await,
            None => self.has_table(&TableName::model(name)).await,
        }
    }

    async fn has_table(&self, table: &TableName) -> Result<bool> {
        Ok(self.engine.table(table, None).await?.is_some())
    }

    /// The dataset that `source.dataset` names, where the project has that source.
    fn dataset(&self, name: &str) -> Option<DatasetName> {
        DatasetName::parse(name).filter(|dataset| self.project.sources.iter().any(|(source, _)| *source == dataset.source))
    }

    /// The SELECT of a model under a name. A model that is built in a database stands for its SELECT too.
    async fn preview(&self, name: &str, model: &Model, inputs: &mut Vec<Input>) -> Result<Input> {
        for inner in self.engine.reads(&model.sql, Some(&model.file))? {
            let inner = inner.parts.join(".");
            match self.project.model(&inner).filter(|other| other.settings.engine.push_down.is_some()) {
                Some(other) => {
                    let rows = Box::pin(self.preview(&inner, other, inputs)).await?;
                    inputs.push(rows);
                }
                None => self.bind(&inner, inputs).await?,
            }
        }
        Ok(Input::Query { name: name.to_owned(), sql: model.sql.clone() })
    }

    /// The model of that name.
    pub(crate) fn model(&self, name: &str) -> Result<&Model> {
        let known = || self.project.models.iter().map(|model| model.name.as_str());
        self.project.model(name).ok_or_else(|| hw_base::unknown("model", name, known()).code("HW302"))
    }

    /// The error for a table that the warehouse does not have.
    pub(crate) fn no_table(&self, table: &TableName) -> Error {
        if self.is_built_inside(table.folder()) {
            return lies_in_target(table.folder());
        }
        match self.engine.tables() {
            Ok(known) => hw_base::unknown("table", table.folder(), known.iter().map(TableName::folder)).code("HW302"),
            Err(error) => error,
        }
    }

    /// Whether the name is that of a model whose table lies in a database alone.
    pub(crate) fn is_built_inside(&self, name: &str) -> bool {
        self.project.model(name).is_some_and(|model| model.settings.engine.push_down.is_some())
    }

    /// Binds `source.dataset`; every other name stands for itself.
    async fn bind(&self, name: &str, inputs: &mut Vec<Input>) -> Result<()> {
        let Some(dataset) = self.dataset(name) else {
            let is_there = self.project.model(name).is_none() || self.has_table(&TableName::model(name)).await?;
            return if is_there { Ok(()) } else { Err(not_built(name)) };
        };
        let table = TableName::raw(&dataset);
        if self.has_table(&table).await? {
            inputs.extend(hw_pipeline::current_rows(&self.engine, &self.ledger, name, &table).await?);
        } else {
            let delivered = hw_base::Sources::open(&self.sources, &dataset, &hw_base::Delivery::default()).await?;
            let input = live_rows(name, &delivered, &[], inputs);
            inputs.push(input);
        }
        Ok(())
    }
}

fn lies_in_target(name: &str) -> Error {
    Error::user(format!("the table of `{name}` lies in the target that its `deliver` names, and not in the warehouse"))
        .code("HW302")
        .help(format!("read it there; `preview.{name}` is its SELECT"))
}

fn not_built(model: &str) -> Error {
    Error::user(format!("the model `{model}` has no table yet"))
        .code("HW302")
        .help(format!("`headworks run {model}` builds it; `preview.{model}` is what its SELECT returns now"))
}

/// The warehouse that production's project in `root` names; `project` is what is built on top of it.
fn warehouse_of(root: &Path, project: &Project) -> Result<Site> {
    let own = absolute(&project.root)?;
    let production = if *root == own { None } else { Some(read_project(root)?) };
    let production = production.as_ref().unwrap_or(project);
    let (theirs, own) = (&production.settings.project, &project.settings.project);
    if theirs != own {
        return Err(Error::user(format!("production's project is `{theirs}`, this one is `{own}`"))
            .code("HW104")
            .help("name the folder of the same project with `--production`"));
    }
    hw_connect::warehouse(production.warehouse.as_ref(), root, &machine::secrets(root))
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

/// An engine that belongs to no project.
pub(crate) fn temporary_engine(settings: &EngineSettings) -> Result<LocalEngine> {
    let state = temporary_state();
    engine(state.join("warehouse"), &state, settings)
}
