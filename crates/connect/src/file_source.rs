//! What all file sources share: their datasets, their listing, and work on threads that may block.

use std::path::Path;
use std::sync::Arc;

use hw_base::{BoxFuture, Delivery, Error, Result, SourceFile, Survey, Tolerance, snake_case};

use crate::address::Address;
use crate::connectors::{Opened, Place, Source};
use crate::files;
use crate::paths::{Paths, missing};

/// The files of a source.
#[derive(Clone)]
pub(crate) struct FileSource {
    pub(crate) place: Place,
    pub(crate) paths: Paths,
    pub(crate) endings: &'static [&'static str],
}

impl FileSource {
    pub(crate) fn datasets(&self) -> Vec<String> {
        self.paths.names(&self.place)
    }

    /// The datasets that the settings name. A path without a part stands for whatever its files hold.
    pub(crate) fn named_datasets(&self) -> Vec<String> {
        match self.paths.resolved(&self.place.secrets) {
            Ok(Paths::One(path)) => Address::read(&self.place.root, &path).part.iter().map(|part| snake_case(part)).collect(),
            _ => self.datasets(),
        }
    }

    /// Where a dataset lies whose files hold several.
    pub(crate) fn address(&self, dataset: &str) -> Result<Address> {
        let paths = self.paths.resolved(&self.place.secrets)?;
        let address = match &paths {
            Paths::One(path) => Address::read(&self.place.root, path),
            Paths::Named(_) => return Ok(Address::read(&self.place.root, &paths.of(&self.place.source, dataset)?)),
        };
        match &address.part {
            Some(part) if snake_case(part) != dataset => Err(missing(&self.place.source, dataset, [snake_case(part).as_str()])),
            _ => Ok(address),
        }
    }

    pub(crate) fn list(&self, dataset: &str) -> Result<Vec<SourceFile>> {
        let paths = self.paths.resolved(&self.place.secrets)?;
        files::list(&self.place.root, &paths.of(&self.place.source, dataset)?, self.endings)
    }
}

/// What a list of files tells of a dataset.
pub(crate) fn surveyed(files: Vec<SourceFile>) -> Survey {
    let bytes = files.iter().map(|file| file.bytes).sum();
    Survey { files: Some(files), bytes: Some(bytes), ..Survey::default() }
}

/// Opens files of a delivery, whose paths are relative to a folder.
type OpenFiles = dyn Fn(&Path, &[SourceFile], &Delivery) -> Result<Opened> + Send + Sync;

/// A source of files that are one dataset each time. Its format says how they are opened; everything else is the same for all.
pub(crate) struct WholeFiles {
    files: FileSource,
    malformed: Tolerance,
    open: Arc<OpenFiles>,
}

impl WholeFiles {
    /// A source that tolerates so many malformed records.
    pub(crate) fn new(
        files: FileSource,
        malformed: Tolerance,
        open: impl Fn(&Path, &[SourceFile], &Delivery) -> Result<Opened> + Send + Sync + 'static,
    ) -> Self {
        Self { files, malformed, open: Arc::new(open) }
    }
}

impl Source for WholeFiles {
    fn datasets(&self) -> Vec<String> {
        self.files.datasets()
    }

    fn malformed(&self) -> Tolerance {
        self.malformed
    }

    fn digest(&self, file: &SourceFile) -> Option<String> {
        files::digest(&self.files.place.root, file)
    }

    fn survey<'a>(&'a self, dataset: &'a str) -> BoxFuture<'a, Result<Survey>> {
        let (source, dataset) = (self.files.clone(), dataset.to_owned());
        Box::pin(blocking(move || source.list(&dataset).map(surveyed)))
    }

    fn open<'a>(&'a self, dataset: &'a str, delivery: &'a Delivery) -> BoxFuture<'a, Result<Opened>> {
        let (source, open) = (self.files.clone(), Arc::clone(&self.open));
        let (dataset, delivery) = (dataset.to_owned(), delivery.clone());
        Box::pin(blocking(move || {
            let files = match &delivery.files {
                Some(files) => files.clone(),
                None => source.list(&dataset)?,
            };
            open(&source.place.root, &files, &delivery)
        }))
    }
}

/// Runs work that reads files.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::bug("reading a source broke off").because(error)))
}
