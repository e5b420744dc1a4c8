//! What all file sources share: their datasets, their listing, and work on threads that may block.

use hw_base::{Delivery, Error, Result, SourceFile, Survey};

use crate::connectors::{Opened, Place};
use crate::files;
use crate::paths::Paths;

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
