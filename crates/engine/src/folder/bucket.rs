//! A part of a bucket in an object store.
//!
//! A file is written to this machine first, where it has no name, and goes into the bucket in one piece: nothing of it stays behind here,
//! however the process ends. Log entries are written under the condition that nothing has their name; whether the store keeps to that
//! is tried before anything is written.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::{StreamExt, TryStreamExt};
use hw_base::{Error, Result};
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart};
use url::Url;

use super::{Folder, FolderRef, LOG, Mark, commit, is_of_log, is_staged, no_path, refused_in};
use crate::failure::{explain, io_problem};

/// Files beyond this size are sent in parts of it.
const PART: usize = 8 << 20;
/// So many parts of a file are on their way at the same time.
const PARTS_AT_ONCE: usize = 4;
/// The object by which is tried whether the store refuses to write over what is there.
const TRIAL: &str = "_headworks.txt";
/// What stands in it.
const TRIAL_TEXT: &str = "Headworks writes this once, to see whether the store refuses to write over what is there.\n";

/// A part of a bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    bucket: Arc<Whole>,
    path: ObjectPath,
}

/// The bucket, and what all folders in it share.
struct Whole {
    /// Its URL, without a path.
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
    /// The object by which the store is tried.
    trial: ObjectPath,
    /// Whether the store has refused to write over it.
    is_tried: AtomicBool,
    /// The folder of this machine that files are written to before they are sent.
    spool: PathBuf,
    /// How many files were written.
    spooled: AtomicU64,
}

impl Bucket {
    /// The part of a bucket that `url` names; `store` is the whole bucket.
    pub(crate) fn new(url: &Url, store: Arc<dyn ObjectStore>, spool: PathBuf) -> Result<Self> {
        let path = ObjectPath::from_url_path(url.path()).map_err(|error| no_path(url.as_str(), &error))?;
        let whole = format!("{}://{}", url.scheme(), url.authority());
        let url = ObjectStoreUrl::parse(whole).map_err(|error| explain(error, &crate::failure::Context::default()))?;
        let trial = in_path(&path, TRIAL)?;
        let whole = Whole { url, store, trial, is_tried: AtomicBool::new(false), spool, spooled: AtomicU64::new(0) };
        Ok(Self { bucket: Arc::new(whole), path })
    }

    fn remote(&self) -> &dyn ObjectStore {
        self.bucket.store.as_ref()
    }

    /// An object in it.
    fn named(&self, name: &str) -> Result<ObjectPath> {
        in_path(&self.path, name)
    }

    /// All objects in it.
    async fn objects(&self) -> object_store::Result<Vec<ObjectPath>> {
        self.remote().list(Some(&self.path)).map_ok(|object| object.location).try_collect().await
    }

    /// Refuses a store that writes over what is there although it is asked not to: two runs would overwrite each other's commits.
    async fn tried(&self) -> Result<()> {
        for attempt in 0..2 {
            let options = PutOptions::from(PutMode::Create);
            match self.remote().put_opts(&self.bucket.trial, PutPayload::from_static(TRIAL_TEXT.as_bytes()), options).await {
                Err(object_store::Error::AlreadyExists { .. }) => return Ok(()),
                Err(error) if is_unknown(&error) => break,
                Err(error) => return Err(refused_in(self, &error)),
                // Only the first may find nothing there.
                Ok(_) if attempt == 0 => {}
                Ok(_) => break,
            }
        }
        Err(Error::outside(format!("`{}` does not refuse to write over an object that is there", self.bucket.url.as_str()))
            .code("HW506")
            .because("a commit is an object that must not be there yet (`If-None-Match: *`); without that, two runs could overwrite each other's commits")
            .help("use a store or a version of it that has conditional writes (Amazon S3, MinIO, Ceph from Tentacle on, R2, GCS and Azure do), or a folder"))
    }

    async fn send(&self, name: &ObjectPath, file: &File) -> object_store::Result<()> {
        let length = file.metadata().map_err(unread)?.len();
        if length <= PART as u64 {
            self.remote().put(name, part(file, 0, length)?.into()).await?;
            return Ok(());
        }
        let mut upload = WriteMultipart::new_with_chunk_size(self.remote().put_multipart(name).await?, PART);
        let mut at = 0;
        while at < length {
            let bytes = part(file, at, length.min(at + PART as u64))?;
            if let Err(error) = upload.wait_for_capacity(PARTS_AT_ONCE).await {
                // The first failure is the one to tell.
                let _ = upload.abort().await;
                return Err(error);
            }
            upload.put(bytes);
            at += PART as u64;
        }
        upload.finish().await.map(drop)
    }
}

/// Whether a store says that it does not know what it was asked for.
fn is_unknown(error: &object_store::Error) -> bool {
    let by_itself = matches!(error, object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. });
    by_itself || error.to_string().contains("NotImplemented")
}

/// Waits for an answer of the store. What else this thread would do, others do meanwhile. It waits apart from the runtime: a wait of that within another
/// would take the calls by which other work of this thread tells that it can go on.
fn waited<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| futures::executor::block_on(tokio::task::unconstrained(work)))
}

fn in_path(path: &ObjectPath, name: &str) -> Result<ObjectPath> {
    ObjectPath::parse(format!("{path}/{name}")).map_err(|error| no_path(name, &error))
}

/// The bytes of a file from one place to another.
fn part(file: &File, from: u64, to: u64) -> object_store::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(PART)];
    file.read_exact_at(&mut bytes, from).map_err(unread)?;
    Ok(bytes.into())
}

fn unread(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "local files", source: Box::new(error) }
}

/// A URL alone tells all that people may see: the store holds credentials.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({self})")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.bucket.url.as_str(), self.path)
    }
}

impl Folder for Bucket {
    fn below(&self, name: &str) -> FolderRef {
        // A name that no path can have is written so that one can.
        let path = self.named(name).unwrap_or_else(|_| self.path.clone().join(name));
        Arc::new(Self { path, ..self.clone() })
    }

    fn opened(&self) -> Result<FolderRef> {
        Ok(Arc::new(self.clone()))
    }

    fn make(&self) -> Result<()> {
        if !self.bucket.is_tried.load(Ordering::Relaxed) {
            waited(self.tried())?;
            self.bucket.is_tried.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn folders(&self) -> Result<Vec<String>> {
        let found = waited(self.remote().list_with_delimiter(Some(&self.path))).map_err(|error| refused_in(self, &error))?;
        Ok(found.common_prefixes.iter().filter_map(ObjectPath::filename).map(str::to_owned).collect())
    }

    fn has_log(&self) -> Result<bool> {
        let log = self.named(LOG)?;
        let is_entry = |object: &ObjectMeta| std::future::ready(object.location.filename().is_some_and(is_of_log));
        let mut entries = self.remote().list(Some(&log)).try_filter(is_entry);
        waited(entries.try_next()).map(|entry| entry.is_some()).map_err(|error| refused_in(self, &error))
    }

    fn entry(&self, version: i64) -> Result<Option<Mark>> {
        match waited(self.remote().head(&self.named(&commit(version))?)) {
            Ok(entry) => Ok(Some(Mark(format!("{} {}", entry.last_modified, entry.e_tag.unwrap_or_default())))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(refused_in(self, &error)),
        }
    }

    fn log_store(&self) -> Result<LogStoreRef> {
        let mut url = Url::parse(self.bucket.url.as_str()).map_err(|error| Error::bug(format!("`{self}` has no URL: {error}")))?;
        let parts = self.path.parts().map(|part| part.as_ref().to_owned()).chain([String::new()]);
        url.path_segments_mut().map_err(|()| Error::bug(format!("`{self}` has no path")))?.clear().extend(parts);
        let prefixed = Arc::new(PrefixStore::new(Arc::clone(&self.bucket.store), self.path.clone()));
        Ok(default_logstore(prefixed, Arc::clone(&self.bucket.store), &url, &StorageConfig::default()))
    }

    fn store_url(&self) -> ObjectStoreUrl {
        self.bucket.url.clone()
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.bucket.store)
    }

    fn object(&self, name: &str) -> object_store::Result<ObjectPath> {
        Ok(ObjectPath::parse(format!("{}/{name}", self.path))?)
    }

    fn local(&self, _name: &str) -> Option<PathBuf> {
        None
    }

    fn create(&self, name: &str) -> Result<File> {
        let number = self.bucket.spooled.fetch_add(1, Ordering::Relaxed);
        let aside = self.bucket.spool.join(format!("{}-{number}", std::process::id()));
        let opened = std::fs::create_dir_all(&self.bucket.spool)
            .and_then(|()| File::options().read(true).write(true).create(true).truncate(true).open(&aside));
        // A file without a name is gone with the process that has it open.
        let made = opened.and_then(|file| std::fs::remove_file(&aside).map(|()| file));
        made.map_err(|error| io_problem(&error).within(format_args!("`{}`, for `{self}/{name}`, cannot be written", aside.display())))
    }

    fn keep(&self, name: &str, file: &File) -> Result<()> {
        let place = self.named(name)?;
        waited(self.send(&place, file)).map_err(|error| refused_in(self, &error))
    }

    fn share(&self, name: &str, from: &ObjectPath) -> Result<()> {
        waited(self.remote().copy(from, &self.named(name)?)).map_err(|error| refused_in(self, &error))
    }

    /// A store keeps what it has taken.
    fn flush(&self, _names: &[String]) -> Result<()> {
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        match waited(self.remote().delete(&self.named(name)?)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(refused_in(self, &error)),
        }
    }

    fn sweep(&self, label: &str, named: &HashSet<String>) -> Result<u64> {
        let log = self.named(LOG)?;
        let own = format!("{}/", self.path);
        let is_left = |object: &ObjectPath| {
            let is_ours = object.filename().is_some_and(|name| is_staged(name, label)) && !object.prefix_matches(&log);
            is_ours && !object.as_ref().strip_prefix(&own).is_some_and(|name| named.contains(name))
        };
        waited(async {
            let left: Vec<ObjectPath> = self.objects().await?.into_iter().filter(is_left).collect();
            removed(self.remote(), left).await
        })
        .map_err(|error| refused_in(self, &error))
    }

    /// A bucket has no folders but the names of its objects.
    fn remove_empty(&self) {}

    fn remove_all(&self) -> Result<()> {
        waited(async { removed(self.remote(), self.objects().await?).await }).map(drop).map_err(|error| refused_in(self, &error))
    }
}

/// Removes objects, and returns how many.
async fn removed(store: &dyn ObjectStore, objects: Vec<ObjectPath>) -> object_store::Result<u64> {
    let objects = futures::stream::iter(objects.into_iter().map(Ok)).boxed();
    store.delete_stream(objects).try_fold(0, |removed, _| std::future::ready(Ok(removed + 1))).await
}
