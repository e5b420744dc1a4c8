//! The sources of a project, behind the port that the other rooms ask.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hw_base::{
    BoxFuture, DatasetName, Delivered, Delivery, Error, Result, Settings, Sources, Survey, Timestamp, Tolerance, snake_case, unknown,
};
use hw_engine::LiveTables;

use crate::connectors::{CONNECTORS, Opened, Place, Reached, Secrets, Source, connector, placed_secrets};

/// The sources that a project names.
pub struct ProjectSources {
    sources: Vec<(String, Box<dyn Source>)>,
    live: LiveTables,
    /// Where deliveries end, by relation.
    reached: Mutex<HashMap<String, Reached>>,
}

impl ProjectSources {
    /// Reads the sources of a project, each a name and its settings `{ csv: { … } }`. Nothing is opened yet.
    ///
    /// # Errors
    /// All problems found, each with its place.
    pub fn new(root: &Path, sources: &[(String, Settings)], live: LiveTables, secrets: &Secrets) -> Result<Self> {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for (name, settings) in sources {
            let place = Place { source: name.clone(), root: root.to_owned(), secrets: placed_secrets(secrets, settings) };
            match source(settings, place) {
                Ok(source) => read.push((name.clone(), source)),
                Err(error) => errors.push(error),
            }
        }
        match Error::all(errors) {
            None => Ok(Self { sources: read, live, reached: Mutex::default() }),
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
        let reached = opened.reached.clone();
        let delivered = register(&self.live, &dataset.to_string(), opened);
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(delivered.relation.clone(), reached);
        Ok(delivered)
    }
}

impl Sources for ProjectSources {
    fn survey<'a>(&'a self, dataset: &'a DatasetName) -> BoxFuture<'a, Result<Survey>> {
        Box::pin(async { self.source(dataset)?.survey(&dataset.dataset).await })
    }

    fn open<'a>(&'a self, dataset: &'a DatasetName, delivery: &'a Delivery) -> BoxFuture<'a, Result<Delivered>> {
        Box::pin(self.open_dataset(dataset, delivery))
    }

    fn reached(&self, relation: &str) -> Option<String> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).get(relation)?.get()
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
    live.open(&relation, opened.table);
    Delivered { relation, columns: opened.columns, has_origin: opened.has_origin, uneven: opened.uneven, part: opened.part }
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
