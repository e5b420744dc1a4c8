//! What all file sources share: their datasets, their listing, and work on threads that may block.

use hw_base::{Delivery, Error, Result, SourceFile, Survey, snake_case};

use crate::connectors::{Opened, Place};
use crate::files;
use crate::parts::Address;
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

    /// What the content of a file is, in short.
    pub(crate) fn digest(&self, file: &SourceFile) -> Option<String> {
        files::digest(&self.place.root, file)
    }

    pub(crate) fn list(&self, dataset: &str) -> Result<Vec<SourceFile>> {
        let paths = self.paths.resolved(&self.place.secrets)?;
        files::list(&self.place.root, &paths.of(&self.place.source, dataset)?, self.endings)
    }
}

/// Lists the files of a dataset.
pub(crate) async fn survey(source: FileSource, dataset: String) -> Result<Survey> {
    blocking(move || {
        let files = source.list(&dataset)?;
        let bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Survey { files: Some(files), bytes: Some(bytes), ..Survey::default() })
    })
    .await
}

/// Opens the files of a delivery.
pub(crate) async fn delivered_files(
    source: FileSource,
    dataset: String,
    delivery: Delivery,
    open: impl FnOnce(&[SourceFile], &Delivery) -> Result<Opened> + Send + 'static,
) -> Result<Opened> {
    blocking(move || {
        let files = match &delivery.files {
            Some(files) => files.clone(),
            None => source.list(&dataset)?,
        };
        open(&files, &delivery)
    })
    .await
}

/// Runs work that reads files.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::bug("reading a source broke off").because(error)))
}
