//! Files that hold several datasets: the tables of a database, the sheets of a workbook. `shop.db#orders` names one of them.
//!
//! A format says which parts a file has, which columns, and reads their rows; everything else is the same for all: how a dataset
//! finds its part, what type a column of several files has, how the raw copy is kept to.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use hw_base::{BoxFuture, Delivery, Error, Part, Result, SourceFile, Survey, Tolerance, snake_case, unknown};

use crate::connectors::{Opened, Reached, Source};
use crate::file_source::{FileSource, blocking, surveyed};
use crate::files::{digest, list};
use crate::layout::{Layout, check_duplicates, free_of_hidden, header_alone, in_known_case, places, uneven};
use crate::rows::{Outlet, RowReader, RowTable, Wanted};
use crate::types::{Declared, check_declared, column_of, common_type, sql_type_to_arrow};

/// A kind of file that holds several datasets.
pub(crate) trait PartedFormat: fmt::Debug + Send + Sync + 'static {
    /// What a part is called.
    const NOUN: &'static str;

    /// Whether the rows of a part alone tell the types of its columns.
    const IS_TYPED_BY_ROWS: bool = false;

    /// What it remembers of a part between looking and reading.
    type Shape: fmt::Debug + Send + Sync;

    /// The parts of a file, in its order.
    fn parts(&self, root: &Path, file: &SourceFile) -> Result<Vec<String>>;

    /// What helps against two columns of one name in a part.
    fn renaming(shape: &Self::Shape) -> String;

    /// The columns of a part.
    fn look(&self, root: &Path, file: &SourceFile, part: &str) -> Result<(Look, Self::Shape)>;

    /// Sends every record of a part to `outlet`, until that wants no more.
    fn read(&self, root: &Path, part: &PartOfFile<Self::Shape>, wanted: &Wanted, outlet: &mut Outlet) -> Result<()>;

    /// Lists the files behind a path.
    fn list(&self, root: &Path, pattern: &str, endings: &[&str]) -> Result<Vec<SourceFile>> {
        list(root, pattern, endings)
    }

    /// What the content of a file is, in short; `None` where the file alone does not tell.
    fn digest(&self, root: &Path, file: &SourceFile) -> Option<String> {
        digest(root, file)
    }
}

/// What a look at a part tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// The names of the columns.
    pub(crate) names: Vec<String>,
    /// Their types, by declaration and values; [`DataType::Null`] where nothing tells.
    pub(crate) types: Vec<DataType>,
    /// Whether it has no rows.
    pub(crate) is_empty: bool,
}

/// A part that is to be read.
#[derive(Debug)]
pub(crate) struct PartOfFile<S> {
    pub(crate) file: SourceFile,
    pub(crate) part: String,
    pub(crate) shape: S,
    /// Which of its columns fills each column of the dataset.
    places: Vec<Option<usize>>,
}

impl<S> PartOfFile<S> {
    /// Which of its columns fill the columns that a scan reads; none where the file lacks one.
    pub(crate) fn columns(&self, wanted: &Wanted) -> Vec<Option<usize>> {
        wanted.read.iter().map(|column| self.places[*column]).collect()
    }
}

/// The parts of some files, each once.
pub(crate) fn parts_of<F: PartedFormat>(format: &F, root: &Path, files: &[SourceFile]) -> Result<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    for file in files {
        let found = format.parts(root, file)?;
        parts.extend(found.into_iter().filter(|part| !parts.contains(part)).collect::<Vec<_>>());
    }
    Ok(parts)
}

/// A source of files that hold several datasets.
pub(crate) struct PartedSource<F> {
    pub(crate) files: FileSource,
    pub(crate) format: Arc<F>,
    pub(crate) declared: Arc<Declared>,
    pub(crate) malformed: Tolerance,
}

impl<F> Clone for PartedSource<F> {
    fn clone(&self) -> Self {
        Self {
            files: self.files.clone(),
            format: Arc::clone(&self.format),
            declared: Arc::clone(&self.declared),
            malformed: self.malformed,
        }
    }
}

impl<F: PartedFormat> PartedSource<F> {
    fn list(&self, dataset: &str) -> Result<Vec<SourceFile>> {
        let address = self.files.address(dataset)?;
        self.format.list(&self.files.place.root, &address.place, self.files.endings)
    }

    fn open_files(&self, dataset: &str, delivery: &Delivery) -> Result<Opened> {
        let root = &self.files.place.root;
        let files = match &delivery.files {
            Some(files) => files.clone(),
            None => self.list(dataset)?,
        };
        let address = self.files.address(dataset)?;
        let mut looked = Vec::with_capacity(files.len());
        for file in files {
            let part = chosen::<F>(&self.format.parts(root, &file)?, &file.path, dataset, address.part.as_deref())?;
            let (mut look, shape) = self.format.look(root, &file, &part)?;
            look.names = look.names.iter().map(|name| free_of_hidden(name)).collect();
            check_duplicates(&file.path, &look.names, &F::renaming(&shape))?;
            looked.push((file, part, look, shape));
        }
        in_known_case(looked.iter_mut().map(|(_, _, look, _)| &mut look.names), delivery);
        let names = looked.iter().map(|(file, _, look, _)| (file.path.as_str(), &look.names[..])).collect();
        let names = Layout { files: names, delivery, declared: &self.declared }.columns()?;
        check_declared(&names, &self.declared)?;
        let uneven = uneven(looked.iter().map(|(_, _, look, _)| &look.names[..]), &self.declared);
        let looks: Vec<&Look> = looked.iter().map(|(_, _, look, _)| look).collect();
        let is_empty = looks.iter().all(|look| look.is_empty);
        let rowless = looked.iter().filter(|(_, _, look, _)| look.is_empty).map(|(file, ..)| file.path.clone()).collect();
        let fields = self.fields(&names, &looks, delivery);
        if F::IS_TYPED_BY_ROWS && is_empty && !names.iter().all(|name| self.is_known(name, delivery)) {
            return Err(header_alone(looked.iter().map(|(file, ..)| file.path.as_str())));
        }
        let columns = fields.iter().map(column_of).collect();
        let placed = |look: &Look| places(&names, &look.names);
        let parts = looked.into_iter().map(|(file, part, look, shape)| PartOfFile { file, part, shape, places: placed(&look) }).collect();
        let reader = Parts { root: root.clone(), format: Arc::clone(&self.format), read_in_turn: parts };
        let table = Arc::new(RowTable::new(fields, Arc::new(reader)));
        let rows = is_empty.then_some(0);
        Ok(Opened { table, columns, has_origin: true, rows, uneven, rowless, part: Part::Whole, reached: Reached::default() })
    }

    /// Whether a column has a type without a look at its values.
    fn is_known(&self, name: &str, delivery: &Delivery) -> bool {
        self.declared.of(name).is_some() || delivery.expected.iter().any(|column| column.name == name && !column.sql_type.is_empty())
    }

    /// What the project declares comes first, then what the raw copy has, then what holds the values of all files.
    fn fields(&self, names: &[String], looks: &[&Look], delivery: &Delivery) -> Vec<Field> {
        let kept: HashMap<&str, DataType> =
            delivery.expected.iter().filter_map(|column| Some((column.name.as_str(), sql_type_to_arrow(&column.sql_type)?))).collect();
        let mut found: HashMap<&str, DataType> = HashMap::new();
        for (name, data_type) in looks.iter().flat_map(|look| look.names.iter().zip(&look.types)) {
            let common = found.get(name.as_str()).map_or_else(|| data_type.clone(), |known| holding_both(known, data_type));
            found.insert(name, common);
        }
        let data_type = |name: &String| {
            let known = self.declared.of(name).or_else(|| kept.get(name.as_str())).or_else(|| found.get(name.as_str()));
            known.filter(|data_type| **data_type != DataType::Null).cloned().unwrap_or(DataType::Utf8View)
        };
        names.iter().map(|name| Field::new(name, data_type(name), true)).collect()
    }
}

fn holding_both(first: &DataType, second: &DataType) -> DataType {
    match (first, second) {
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        _ => common_type(first, second).unwrap_or(DataType::Utf8View),
    }
}

/// The part of a file that a dataset is: the one that is asked for, else the one of its name, else the only one.
fn chosen<F: PartedFormat>(parts: &[String], file: &str, dataset: &str, asked: Option<&str>) -> Result<String> {
    let wanted = asked.unwrap_or(dataset);
    let of_name = parts.iter().find(|part| *part == wanted).or_else(|| parts.iter().find(|part| snake_case(part) == snake_case(wanted)));
    match (of_name, parts) {
        (Some(part), _) => Ok(part.clone()),
        (None, [only]) if asked.is_none() => Ok(only.clone()),
        (None, []) => Err(Error::user(format!("`{file}` holds no {}", F::NOUN)).code("HW202").help("look whether it is the right file")),
        (None, _) => Err(unknown(F::NOUN, wanted, parts.iter().map(String::as_str))
            .code("HW201")
            .because(format!("`{file}` does not have it"))
            .help(format!("name one as `{file}#{}`", parts[0]))),
    }
}

impl<F: PartedFormat> Source for PartedSource<F> {
    fn datasets(&self) -> Vec<String> {
        self.files.named_datasets()
    }

    fn malformed(&self) -> Tolerance {
        self.malformed
    }

    fn digest(&self, file: &SourceFile) -> Option<String> {
        self.format.digest(&self.files.place.root, file)
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        let (source, dataset) = (self.clone(), dataset.to_owned());
        Box::pin(blocking(move || source.list(&dataset).map(surveyed)))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        let (source, dataset, delivery) = (self.clone(), dataset.to_owned(), delivery.clone());
        Box::pin(blocking(move || source.open_files(&dataset, &delivery)))
    }
}

/// The parts that make a dataset, read one after another.
#[derive(Debug)]
struct Parts<F: PartedFormat> {
    root: PathBuf,
    format: Arc<F>,
    read_in_turn: Vec<PartOfFile<F::Shape>>,
}

impl<F: PartedFormat> RowReader for Parts<F> {
    fn read(&self, wanted: &Wanted, outlet: &mut Outlet) -> Result<()> {
        for part in &self.read_in_turn {
            outlet.begin(&part.file.path);
            self.format.read(&self.root, part, wanted, outlet)?;
            if !outlet.wants_more() {
                break;
            }
        }
        Ok(())
    }
}
