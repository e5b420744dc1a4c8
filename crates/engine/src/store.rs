//! A local object store that flushes what it writes to disk before it says that it is written.
//!
//! The log entry of a commit is written aside, flushed, linked under its name and only then counts, so that a power
//! failure leaves either no entry or a whole one.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use crate::working::Working;

/// Whether what is written has to outlast a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// It has to: it is flushed before it counts.
    Durable,
    /// It is thrown away when the program ends.
    Passing,
}

impl Lasting {
    /// Flushes a file and the folder that names it, where they have to last.
    pub(crate) fn flush(self, path: &FilePath) -> std::io::Result<()> {
        self.flush_all(&[path])
    }

    /// Flushes files and the folders that name them, each folder once, where they have to last.
    pub(crate) fn flush_all<P: AsRef<FilePath>>(self, paths: &[P]) -> std::io::Result<()> {
        if self == Self::Passing {
            return Ok(());
        }
        let folders: BTreeSet<&FilePath> = paths.iter().filter_map(|path| path.as_ref().parent()).collect();
        paths.iter().map(AsRef::as_ref).chain(folders).try_for_each(|path| File::open(path)?.sync_all())
    }
}

/// [`LocalFileSystem`] with flushes, and with reading of its own.
#[derive(Debug)]
pub(crate) struct LocalStore {
    inner: Arc<LocalFileSystem>,
    working: Working,
    lasting: Lasting,
    /// Whether what it lists is put into URLs as it is.
    lists_for_urls: bool,
}

impl LocalStore {
    /// All files of this machine, to be read.
    pub(crate) fn all() -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), working: Working::default(), lasting: Lasting::Passing, lists_for_urls: false }
    }

    /// The whole file system, or the part below `prefix`.
    pub(crate) fn below(prefix: Option<&FilePath>, working: &Working, lasting: Lasting) -> Result<Self> {
        let inner = match prefix {
            Some(prefix) => LocalFileSystem::new_with_prefix(prefix)?,
            None => LocalFileSystem::new(),
        };
        // Delta's kernel lists the whole file system, and makes URLs of what it finds.
        Ok(Self { inner: Arc::new(inner), working: working.clone(), lasting, lists_for_urls: prefix.is_none() })
    }
}

/// Writes `content` under a name that must be free, whole or not at all.
fn create(path: &FilePath, content: &PutPayload, lasting: Lasting) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(FilePath::new("/"));
    fs::create_dir_all(folder)?;
    let aside = folder.join(format!(".{}.{}.tmp", path.file_name().unwrap_or_default().to_string_lossy(), std::process::id()));
    let mut file = File::create(&aside)?;
    let is_durable = lasting == Lasting::Durable;
    let written = content.iter().try_for_each(|part| file.write_all(part)).and_then(|()| if is_durable { file.sync_all() } else { Ok(()) });
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    linked?;
    if is_durable { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The bytes of a part of a file. The store's own reading is compiled without optimisation, where it would fill its buffer
/// with zeros byte by byte.
fn part(file: &File, range: &Range<u64>) -> std::io::Result<Bytes> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

fn failed(location: &Path, error: std::io::Error) -> object_store::Error {
    let path = location.to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound => object_store::Error::NotFound { path, source: Box::new(error) },
        std::io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source: Box::new(error) },
        std::io::ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source: Box::new(error) },
        _ => object_store::Error::Generic { store: "local files", source: Box::new(error) },
    }
}

async fn blocking<T: Send + 'static>(location: Path, work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(&location, error)),
        Err(error) => Err(object_store::Error::Generic { store: "local files", source: Box::new(error) }),
    }
}

impl LocalStore {
    async fn flushed(&self, location: &Path) -> Result<()> {
        let (path, lasting): (PathBuf, Lasting) = (self.inner.path_to_filesystem(location)?, self.lasting);
        blocking(location.clone(), move || lasting.flush(&path)).await
    }
}

impl LocalStore {
    /// The place behind a name that was listed for URLs and comes back as it was listed; `None` where it is the same.
    fn as_listed(&self, location: &Path) -> Option<Path> {
        let is_escaped = self.lists_for_urls && location.as_ref().contains("%25");
        is_escaped.then(|| Path::parse(location.as_ref().replace("%25", "%")).ok()).flatten()
    }

    /// What was listed, with names that stay what they are where they are put into URLs: a URL takes every `%` for the start of an escape.
    fn listed(&self, found: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        if !self.lists_for_urls {
            return found;
        }
        let escaped = |meta: ObjectMeta| match meta.location.as_ref().replace('%', "%25") {
            name if name == meta.location.as_ref() => Ok(meta),
            name => Ok(ObjectMeta { location: Path::parse(name)?, ..meta }),
        };
        Box::pin(found.map(move |meta| meta.and_then(escaped)))
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Local({})", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Create) {
            let path = self.inner.path_to_filesystem(location)?;
            let (going_on, lasting) = (self.working.begin(), self.lasting);
            let create = move || {
                let created = create(&path, &payload, lasting);
                drop(going_on);
                created
            };
            blocking(location.clone(), create).await?;
            return Ok(PutResult { e_tag: None, version: None });
        }
        let result = self.inner.put_opts(location, payload, options).await?;
        self.flushed(location).await?;
        Ok(result)
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        let path = self.inner.path_to_filesystem(location)?;
        Ok(Box::new(DurableUpload { inner, path, location: location.clone(), lasting: self.lasting }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut found = match (self.inner.get_opts(location, options.clone()).await, self.as_listed(location)) {
            (Err(object_store::Error::NotFound { .. }), Some(plain)) => self.inner.get_opts(&plain, options).await?,
            (found, _) => found?,
        };
        let is_part = found.range != (0..found.meta.size);
        match found.payload {
            GetResultPayload::File(file, _) if is_part => {
                let range = found.range.clone();
                let bytes = blocking(location.clone(), move || part(&file, &range)).await?;
                found.payload = GetResultPayload::Stream(Box::pin(futures::stream::once(async { Ok(bytes) })));
                Ok(found)
            }
            payload => Ok(GetResult { payload, ..found }),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (path, ranges) = (self.inner.path_to_filesystem(location)?, ranges.to_vec());
        let read = move || {
            let file = File::open(path)?;
            ranges.iter().map(|range| part(&file, range)).collect()
        };
        blocking(location.clone(), read).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.flushed(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.flushed(from).await?;
        self.inner.rename_opts(from, to, options).await?;
        self.flushed(to).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    location: Path,
    lasting: Lasting,
}

#[async_trait::async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let (path, lasting) = (self.path.clone(), self.lasting);
        blocking(self.location.clone(), move || lasting.flush(&path)).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
