//! Data that a person names, opened for reading.

use std::fmt;
use std::path::Path;

use hw_assess::{About, RuleTrial};
use hw_base::{DatasetName, Error, Input, Reader, Result, Sample, SourceFile, Tolerance, identifier, plural, qualified};
use hw_connect::{Address, open_files, open_path};
use hw_engine::LocalEngine;
use hw_pipeline::{EngineSettings, MALFORMED_TOLERANCE, raw_column_names};

use super::Arguments;
use crate::house::{self, House};
use crate::naming;
use crate::terminal::Terminal;

/// Data that was opened for reading, with the engine that reads it.
pub(crate) struct OpenedData {
    engine: Opener,
    /// All of its rows, the malformed records included.
    pub(crate) reader: Reader,
    /// Only the rows, under the names that the columns have in a raw copy.
    pub(crate) rows: Reader,
    /// The same with the malformed records beside the rows, for a scan that counts both.
    records: Option<Input>,
    /// Whether `reader` tells malformed records by a column of its own.
    pub(crate) has_malformed: bool,
    /// How SQL names it.
    pub(crate) shown_as: String,
    /// The tables of a database, a workbook or a file that its query reads, as `--with` takes them: `orders=shop.db#orders`.
    pub(crate) tables: Vec<String>,
    /// The names that the file gives its columns, each with its name in `rows`.
    pub(crate) names: Vec<(String, String)>,
    /// Whether `rows` has these names.
    is_named: bool,
    /// The columns that some of its files lack, as the files name them.
    pub(crate) uneven: Vec<String>,
    /// Files of its folder that are of another kind.
    left_out: Vec<String>,
    /// What it is.
    pub(crate) about: About,
}

enum Opener {
    Alone(Box<LocalEngine>),
    Project(Box<House>),
}

impl OpenedData {
    /// The engine that reads it.
    pub(crate) fn engine(&self) -> &LocalEngine {
        match &self.engine {
            Opener::Alone(engine) => engine,
            Opener::Project(house) => &house.engine,
        }
    }

    /// The same engine, to be told how it works.
    pub(super) fn engine_mut(&mut self) -> &mut LocalEngine {
        match &mut self.engine {
            Opener::Alone(engine) => engine,
            Opener::Project(house) => &mut house.engine,
        }
    }

    /// What the command line asks of it.
    pub(super) fn is_asked(&mut self, arguments: &Arguments) {
        self.about.sample = arguments.sample.map_or(Sample::All, |rows| Sample::Rows(rows as u64));
        self.about.as_of = arguments.as_of;
        self.about.critical.clone_from(&arguments.critical);
        self.about.use_for.clone_from(&arguments.use_for);
        self.about.rules = if arguments.columns_only { RuleTrial::MakeFromAll } else { RuleTrial::HoldBack };
    }

    /// Gives `rows` the names that the file gives its columns.
    pub(crate) fn name_as_given(&mut self) {
        self.is_named = !self.names.is_empty();
        if self.is_named {
            self.rows.sql = self.named("");
        }
    }

    fn named(&self, further: &str) -> String {
        let columns = self.names.iter().map(|(own, raw)| format!("{} as {}", identifier(raw), identifier(own)));
        format!("select {}{further} from {DATA}", columns.collect::<Vec<_>>().join(", "))
    }

    /// The query of `rows` over all records, of which `_malformed` tells those that are no rows; `None` where all are.
    pub(crate) fn records(&self) -> Option<Reader> {
        let records = self.records.as_ref()?;
        let others = self.rows.inputs.iter().filter(|input| input.name() != records.name());
        let sql = if self.is_named { self.named(", _file, _line, _malformed") } else { self.rows.sql.clone() };
        Some(Reader { sql, inputs: others.chain([records]).cloned().collect(), file: None })
    }

    /// For each table that a query reads, by its name there, the query of its records with those that are no rows.
    pub(crate) fn records_of_tables(&self) -> impl Iterator<Item = (&str, Reader)> {
        let inputs = &self.rows.inputs;
        inputs.iter().filter_map(move |rows| {
            let records = hw_pipeline::with_malformed(rows)?;
            let others = inputs.iter().filter(|input| input.name() != rows.name());
            let sql = format!("select * from {}", identifier(rows.name()));
            Some((rows.name(), Reader { sql, inputs: others.chain([&records]).cloned().collect(), file: None }))
        })
    }

    /// How many records may be no rows: what its source in the project tolerates, where it is of one.
    pub(crate) fn malformed_tolerance(&self) -> Tolerance {
        let of_source = |house: &House| Some(house.project.malformed_tolerance(&DatasetName::parse(&self.about.name)?));
        self.house().and_then(of_source).unwrap_or(MALFORMED_TOLERANCE)
    }

    /// The columns of a database's table whose values keep records from being rows, as scans have met them, and that can be read as text.
    pub(super) fn unfit_columns(&self) -> Vec<String> {
        let live = self.engine().live();
        let of = |input: &Input| match input {
            Input::Live { relation, .. } => hw_connect::unfit_columns(live, relation),
            _ => vec![],
        };
        self.reader.inputs.iter().flat_map(of).collect()
    }

    /// The project it belongs to, if it does.
    pub(crate) fn house(&self) -> Option<&House> {
        match &self.engine {
            Opener::Alone(_) => None,
            Opener::Project(house) => Some(house),
        }
    }
}

/// Data that a person names, or a query.
pub(crate) enum Subject {
    /// A path, a dataset of a source, a table of the project, a table or sheet.
    Data(String),
    /// A SELECT, over the tables or sheets of the place where there is one.
    Query {
        /// The SELECT.
        sql: String,
        /// A database, a workbook or a file.
        place: Option<String>,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => f.write_str(&hw_config::redact_url(data)),
            Self::Query { .. } => f.write_str(QUERY),
        }
    }
}

impl Subject {
    /// A query over one place, or over none.
    pub(crate) fn query(sql: &str, data: &[String]) -> Result<Self> {
        match data {
            [] => Ok(Self::Query { sql: sql.to_owned(), place: None }),
            [place] => Ok(Self::Query { sql: sql.to_owned(), place: Some(place.clone()) }),
            _ => Err(Error::user("`--query` reads one place, and several are given")
                .code("HW107")
                .help("name files in the query itself: `select … from 'orders.csv' join 'shop.db#customers' …`")),
        }
    }

    /// Makes it readable.
    pub(crate) async fn open(&self, settings: &EngineSettings, terminal: &Terminal) -> Result<OpenedData> {
        match self {
            Self::Data(data) => open(data, settings, terminal).await,
            Self::Query { sql, place } => open_query(sql, place.as_deref(), settings, terminal).await,
        }
    }
}

/// What the rows of a file are called.
const DATA: &str = "data";

/// What the rows of a query are called.
const QUERY: &str = "query";

/// Whether a dataset or a table of the project is meant by a name.
pub(super) async fn is_of_project(data: &str, terminal: &Terminal) -> Result<bool> {
    Ok(naming::project_meant(data, &terminal.root, terminal.place.as_ref()).await?.is_some())
}

/// Opens a path, a dataset of a source or a table of the project.
pub(crate) async fn open(data: &str, settings: &EngineSettings, terminal: &Terminal) -> Result<OpenedData> {
    let root = &terminal.root;
    let Some(house) = naming::project_meant(data, root, terminal.place.as_ref()).await? else {
        let opened = open_file(data, None, settings, root).await?;
        if let [first, ..] = opened.left_out.as_slice() {
            let others = plural(opened.left_out.len() as u64, "file");
            terminal
                .say(format!("left out of `{data}`: {others} of another kind, such as `{first}`; name them with a pattern of their own"));
        }
        for guess in hw_connect::guesses(opened.engine().live(), &opened.reader.inputs) {
            terminal.beside(guess);
        }
        return Ok(opened);
    };
    if naming::is_path(root, data) {
        terminal.beside(format!("`{data}` is read from the project; what lies at that path is `./{data}`"));
    }
    let shown_as = qualified(data.split('.'));
    let reader = house.reader(&format!("select * from {shown_as}")).await?;
    let about = About::new(data, data);
    let (engine, rows) = (Opener::Project(Box::new(house)), reader.clone());
    let records = reader.inputs.iter().find(|input| input.name() == data).and_then(hw_pipeline::with_malformed);
    Ok(OpenedData {
        engine,
        rows,
        records,
        reader,
        about,
        has_malformed: false,
        shown_as,
        tables: vec![],
        names: vec![],
        is_named: false,
        uneven: vec![],
        left_out: vec![],
    })
}

/// Opens the rows of a query.
async fn open_query(sql: &str, place: Option<&str>, settings: &EngineSettings, terminal: &Terminal) -> Result<OpenedData> {
    let root = &terminal.root;
    if let Some(part) = place.and_then(|place| Address::read(root, place).part) {
        return Err(Error::user(format!("`--query` names its tables itself, and `#{part}` names one"))
            .code("HW107")
            .help(format!("leave out `#{part}`, and write `from {}` in the query", identifier(&part))));
    }
    let sql = sql.trim().trim_end_matches(';');
    let (engine, (reader, tables)) = if place.is_none() && root.join(hw_config::PROJECT_FILE).exists() {
        let house = House::look_in(root, terminal.place.as_ref())?;
        let reader = house.reader(sql).await?;
        (Opener::Project(Box::new(house)), (reader, vec![]))
    } else {
        let engine = house::temporary_engine(settings)?;
        let reader = match place {
            Some(place) => naming::reader_of_parts(root, place, sql, &engine).await?,
            None => (naming::reader_of_files(root, sql, &engine, naming::Named::default()).await?, vec![]),
        };
        (Opener::Alone(Box::new(engine)), reader)
    };
    let shown_as = format!("({sql}) as {QUERY}");
    let mut about = About::new(QUERY, place.map_or_else(|| sql.to_owned(), hw_config::redact_url));
    about.shown_as.clone_from(&shown_as);
    Ok(OpenedData {
        engine,
        rows: reader.clone(),
        records: None,
        reader,
        about,
        has_malformed: false,
        shown_as,
        tables,
        names: vec![],
        is_named: false,
        uneven: vec![],
        left_out: vec![],
    })
}

/// Opens a path; only these of its files where some are given.
pub(super) async fn open_file(data: &str, files: Option<&[SourceFile]>, settings: &EngineSettings, root: &Path) -> Result<OpenedData> {
    let engine = house::temporary_engine(settings)?;
    let opened = match files {
        Some(files) => open_files(root, data, files, engine.live()).await?,
        None => open_path(root, data, engine.live()).await?,
    };
    if opened.is_empty && opened.delivered.columns.is_empty() {
        return Err(Error::user(format!("`{}` holds no data", hw_config::redact_url(data))).code("HW202"));
    }
    let mut inputs = Vec::new();
    let records = hw_pipeline::live_records(DATA, &opened.delivered);
    let rows = hw_pipeline::live_rows(DATA, &opened.delivered, &[], &mut inputs);
    inputs.push(rows);
    let live = Input::Live { name: "all_records".into(), relation: opened.delivered.relation.clone() };
    let hidden = if opened.delivered.has_origin { ", _malformed" } else { "" };
    let columns: Vec<String> = opened.delivered.columns.iter().map(|column| identifier(&column.name)).collect();
    let reader = Reader { sql: format!("select {}{hidden} from all_records", columns.join(", ")), inputs: vec![live], file: None };
    let rows = Reader { sql: format!("select * from {DATA}"), inputs, file: None };
    let shown = hw_config::redact_url(data);
    let about = About::new(&opened.dataset, &shown);
    let (engine, has_malformed) = (Opener::Alone(Box::new(engine)), opened.delivered.has_origin);
    let own = opened.delivered.columns.iter().map(|column| column.name.clone());
    let names = own.zip(raw_column_names(&opened.delivered.columns)).collect();
    let (shown_as, tables, left_out, uneven) = (identifier(&shown), vec![], opened.left_out, opened.delivered.uneven);
    Ok(OpenedData { engine, reader, rows, records, about, has_malformed, shown_as, tables, names, is_named: false, uneven, left_out })
}
