//! The sources of a project, behind the port that the other rooms ask.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hw_base::{
    BoxFuture, Column, DatasetName, Delivered, Delivery, Error, Result, Settings, SourceFile, Sources, Span, Survey, Timestamp, Tolerance,
    nearest, snake_case, unknown,
};
use hw_engine::LiveTables;

use crate::connectors::{CONNECTORS, Opened, Place, Reached, Secrets, Source, connector, placed_secrets};
use crate::text;

/// The sources that a project names.
pub struct ProjectSources {
    sources: Vec<(String, Box<dyn Source>)>,
    live: LiveTables,
    /// Where deliveries end, by relation.
    reached: Mutex<HashMap<String, Reached>>,
    /// The columns that sources declare, by source, until they are known to be there.
    declared: Mutex<HashMap<String, Vec<DeclaredColumn>>>,
}

/// A column that a source declares the type of, and where it says so.
#[derive(Clone)]
struct DeclaredColumn {
    name: String,
    span: Option<Span>,
}

impl DeclaredColumn {
    /// Whether it is among these, by its name in the source or by that of the raw copy.
    fn is_among(&self, columns: &[Column]) -> bool {
        columns.iter().any(|column| column.name == self.name || snake_case(&column.name) == self.name)
    }
}

impl ProjectSources {
    /// Reads the sources of a project, each a name and its settings `{ csv: { … } }`. Nothing is opened yet.
    ///
    /// # Errors
    /// All problems found, each with its place.
    pub fn new(root: &Path, sources: &[(String, Settings)], live: LiveTables, secrets: &Secrets) -> Result<Self> {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        let declared = sources.iter().map(|(name, settings)| (name.clone(), declared_in(settings))).collect();
        for (name, settings) in sources {
            let place = Place { source: name.clone(), root: root.to_owned(), secrets: placed_secrets(secrets, settings) };
            match source(settings, place) {
                Ok(source) => read.push((name.clone(), source)),
                Err(error) => errors.push(error),
            }
        }
        match Error::all(errors) {
            None => Ok(Self { sources: read, live, reached: Mutex::default(), declared: Mutex::new(declared) }),
            Some(error) => Err(error),
        }
    }

    /// The malformed records that the source of a dataset tolerates.
    pub fn malformed(&self, dataset: &DatasetName) -> Result<Tolerance> {
        Ok(self.source(dataset)?.malformed())
    }

    fn source(&self, dataset: &DatasetName) -> Result<&dyn Source> {
        let found = self.sources.iter().find(|(name, _)| *name == dataset.source).map(|(_, source)| source.as_ref());
        found.ok_or_else(|| unknown("source", &dataset.source, self.sources.iter().map(|(name, _)| name.as_str())).code("HW201"))
    }

    async fn open_dataset(&self, dataset: &DatasetName, delivery: &Delivery) -> Result<Delivered> {
        let opened = self.source(dataset)?.open(&dataset.dataset, delivery).await?;
        self.refuse_misspelt(dataset, &opened.columns).await?;
        let reached = opened.reached.clone();
        let delivered = register(&self.live, &dataset.to_string(), opened);
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(delivered.relation.clone(), reached);
        Ok(delivered)
    }
}

impl ProjectSources {
    /// Refuses types for columns that look like one of this dataset and that no dataset of its source has. A source with one dataset says
    /// so by itself; of several, none needs to have all of the columns.
    async fn refuse_misspelt(&self, dataset: &DatasetName, columns: &[Column]) -> Result<()> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner).get(&dataset.source).cloned().unwrap_or_default();
        let is_declared = |column: &&Column| declared.iter().any(|declared| declared.is_among(std::slice::from_ref(*column)));
        let own: Vec<&str> = columns.iter().filter(|column| !is_declared(column)).map(|column| column.name.as_str()).collect();
        let is_alike = |column: &&DeclaredColumn| !column.is_among(columns) && nearest(&column.name, own.iter().copied()).is_some();
        let looked_for: Vec<&DeclaredColumn> = declared.iter().filter(is_alike).collect();
        if looked_for.is_empty() {
            return Ok(());
        }
        let mut alike = looked_for.clone();
        let source = self.source(dataset)?;
        for other in source.datasets().iter().filter(|other| **other != dataset.dataset) {
            // What cannot be opened may have any column.
            let Ok(other) = source.open(other, &Delivery::default()).await else { return Ok(()) };
            alike.retain(|column| !column.is_among(&other.columns));
        }
        let errors = alike.iter().map(|column| {
            unknown("column", &column.name, own.iter().copied())
                .code("HW204")
                .because(format!("`columns:` of the source declares it, and no dataset of `{}` has it", dataset.source))
                .moved_to(column.span.clone())
        });
        Error::all(errors.collect()).map_or(Ok(()), Err)?;
        // They are looked for once.
        if let Some(left) = self.declared.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&dataset.source) {
            left.retain(|column| looked_for.iter().all(|found| found.name != column.name));
        }
        Ok(())
    }
}

/// The columns that the settings `{ kind: { columns: { … } } }` of a source declare.
fn declared_in(settings: &Settings) -> Vec<DeclaredColumn> {
    let columns = settings.entries().first().and_then(|entry| entry.value.get("columns"));
    let entries = columns.map(Settings::entries).unwrap_or_default();
    entries.iter().map(|entry| DeclaredColumn { name: entry.key.clone(), span: entry.key_span.clone() }).collect()
}

impl Sources for ProjectSources {
    fn survey<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(async { self.source(dataset)?.survey(&dataset.dataset).await })
    }

    fn open<'a>(&'a self, dataset: &'a DatasetName, delivery: &'a Delivery) -> BoxFuture<'a, Result<Delivered>> {
        Box::pin(self.open_dataset(dataset, delivery))
    }

    fn digest(&self, dataset: &DatasetName, file: &SourceFile) -> Option<String> {
        self.source(dataset).ok()?.digest(file)
    }

    fn reached(&self, relation: &str) -> Option<String> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).get(relation)?.get()
    }

    fn let_go<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let (_, found) = self.sources.iter().find(|(name, _)| name == source)?;
            found.let_go().await.map(|told| format!("`{source}`: {told}"))
        })
    }

    fn datasets(&self) -> Vec<DatasetName> {
        let of = |(name, source): &(String, Box<dyn Source>)| -> Vec<DatasetName> {
            source.datasets().into_iter().map(|dataset| DatasetName::new(name, dataset)).collect()
        };
        self.sources.iter().flat_map(of).collect()
    }

    fn newest<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Option<Timestamp>>> {
        Box::pin(async { self.source(dataset)?.newest(&dataset.dataset).await })
    }
}

/// How many datasets were opened, so that each gets a relation of its own.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// Makes an opened dataset readable on the engine, under a name that needs no quotes.
pub(crate) fn register(live: &LiveTables, name: &str, opened: Opened) -> Delivered {
    let relation = format!("live_{}_{}", OPENED.fetch_add(1, Ordering::Relaxed), snake_case(name));
    let Opened { table, columns, has_origin, rows, uneven, rowless, part, .. } = opened;
    let guesses = text::guesses_of(&table);
    live.open(&relation, table);
    Delivered { relation, columns, has_origin, rows, uneven, rowless, guesses, part }
}

/// Reads `{ kind: { … } }`.
fn source(settings: &Settings, place: Place) -> Result<Box<dyn Source>> {
    let kinds = || CONNECTORS.iter().map(|connector| connector.kind()).collect::<Vec<_>>().join(", ");
    let [entry] = settings.entries() else {
        let error = Error::user(format!("the source `{}` must name one kind", place.source))
            .code("HW104")
            .help(format!("write one of {}", kinds()));
        return Err(match &settings.span {
            Some(span) => error.at(span.clone()),
            None => error,
        });
    };
    let connector = connector(&entry.key).map_err(|error| match &entry.key_span {
        Some(span) => error.at(span.clone()),
        None => error,
    })?;
    connector.source(&entry.value, place)
}
