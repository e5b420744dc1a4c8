//! A folder of this machine.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use hw_base::{Error, Result};
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use url::Url;

use super::{Folder, FolderRef, LOG, Mark, commit, is_of_log, is_staged};
use crate::failure::{explain_delta, io_problem};
use crate::store::{Lasting, LocalStore};
use crate::working::Working;

/// A file of so many bytes begins to go to the disk as soon as it is whole, while other rows are still worked out.
const LARGE: u64 = 16 << 20;

/// A folder of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    /// Whether its files have to outlast a power failure.
    lasting: Lasting,
    /// What is being written.
    working: Working,
}

impl Disk {
    /// The folder at `path`, which need not exist yet.
    pub(crate) fn new(path: PathBuf, lasting: Lasting, working: &Working) -> Self {
        Self { path, lasting, working: working.clone() }
    }

    /// One whose files nobody needs after the program.
    pub(crate) fn passing(path: PathBuf) -> FolderRef {
        Arc::new(Self::new(path, Lasting::Passing, &Working::default()))
    }

    fn at(&self, path: PathBuf) -> FolderRef {
        Arc::new(Self { path, ..self.clone() })
    }

    fn canonical(&self) -> Result<PathBuf> {
        self.path.canonicalize().map_err(|error| io_problem(&error).within(self))
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Folder for Disk {
    fn below(&self, name: &str) -> FolderRef {
        self.at(self.path.join(name))
    }

    fn opened(&self) -> Result<FolderRef> {
        Ok(self.at(self.canonical()?))
    }

    fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.path)
            .map_err(|error| io_problem(&error).within(format_args!("the warehouse folder `{self}` cannot be made")))
    }

    fn folders(&self) -> Result<Vec<String>> {
        let folders = entries(&self.path).filter(|entry| entry.path().is_dir());
        Ok(folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }

    fn has_log(&self) -> Result<bool> {
        Ok(entries(&self.path.join(LOG)).any(|entry| is_of_log(&entry.file_name().to_string_lossy())))
    }

    fn entry(&self, version: i64) -> Result<Option<Mark>> {
        let entry = fs::metadata(self.path.join(commit(version))).ok();
        Ok(entry.map(|entry| Mark(format!("{} {} {}", entry.ino(), entry.mtime(), entry.mtime_nsec()))))
    }

    fn log_store(&self) -> Result<LogStoreRef> {
        let folder = self.canonical()?;
        let url = Url::from_directory_path(&folder).map_err(|()| Error::user(format!("`{self}` is no folder")).code("HW501"))?;
        let store = |prefix: Option<&Path>| {
            LocalStore::below(prefix, &self.working, self.lasting).map(Arc::new).map_err(|source| explain_delta(source.into()))
        };
        Ok(default_logstore(store(Some(&folder))?, store(None)?, &url, &StorageConfig::default()))
    }

    fn store_url(&self) -> ObjectStoreUrl {
        ObjectStoreUrl::local_filesystem()
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(LocalStore::all())
    }

    fn object(&self, name: &str) -> object_store::Result<ObjectPath> {
        // As it is called on the disk: spaces and letters with accents stay what they are.
        Ok(ObjectPath::parse(self.path.join(name).to_string_lossy())?)
    }

    fn local(&self, name: &str) -> Option<PathBuf> {
        Some(self.path.join(name))
    }

    fn create(&self, name: &str) -> Result<File> {
        let place = self.path.join(name);
        let made = fs::create_dir_all(place.parent().unwrap_or(&self.path)).and_then(|()| File::create(&place));
        made.map_err(|error| unwritten(&place, &error))
    }

    fn keep(&self, name: &str, file: &File) -> Result<()> {
        let is_large = self.lasting == Lasting::Durable && file.metadata().is_ok_and(|file| file.len() >= LARGE);
        let flushed = if is_large { file.sync_data() } else { Ok(()) };
        flushed.map_err(|error| unwritten(&self.path.join(name), &error))
    }

    fn share(&self, name: &str, from: &ObjectPath) -> Result<()> {
        let place = self.path.join(name);
        link(&Path::new("/").join(from.as_ref()), &place)
            .map_err(|error| io_problem(&error).within(format_args!("`{}` cannot be taken over", place.display())))
    }

    fn flush(&self, names: &[String]) -> Result<()> {
        let places: Vec<PathBuf> = names.iter().map(|name| self.path.join(name)).collect();
        self.lasting.flush_all(&places).map_err(|error| unwritten(&self.path, &error))
    }

    fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io_problem(&error)),
            _ => Ok(()),
        }
    }

    fn sweep(&self, label: &str, named: &HashSet<String>) -> Result<u64> {
        let mut removed = 0;
        let mut folders = vec![self.path.clone()];
        while let Some(current) = folders.pop() {
            for entry in entries(&current) {
                let (path, file_name) = (entry.path(), entry.file_name());
                let file_name = file_name.to_string_lossy();
                if path.is_dir() && file_name != LOG {
                    folders.push(path);
                } else if is_staged(&file_name, label) {
                    let below = path.strip_prefix(&self.path).unwrap_or(&path).to_string_lossy();
                    if !named.contains(below.as_ref()) {
                        fs::remove_file(&path).map_err(|error| io_problem(&error))?;
                        removed += 1;
                    }
                }
            }
        }
        Ok(removed)
    }

    fn remove_empty(&self) {
        if self.has_log().is_ok_and(|is_table| !is_table) {
            remove_empty(&self.path);
        }
    }

    fn remove_all(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::outside(format!("`{self}` cannot be removed: {error}")).code("HW501").help("look at its permissions"))
            }
            _ => Ok(()),
        }
    }
}

/// What is in a folder; nothing where it is not there.
fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// A folder that holds something is not removed by the system, and one that stays is in nobody's way.
fn remove_empty(folder: &Path) {
    let inner = entries(folder).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    for entry in inner {
        remove_empty(&entry.path());
    }
    let _ = fs::remove_dir(folder);
}

fn unwritten(place: &Path, error: &std::io::Error) -> Error {
    io_problem(error).within(format_args!("`{}` cannot be written", place.display()))
}

/// Gives a file a second name, or a copy where the file system knows no second names. One that is there was made by an earlier attempt.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) if to.exists() => Ok(()),
        Err(_) => {
            let aside = to.with_extension("parquet.tmp");
            fs::copy(from, &aside)?;
            fs::rename(aside, to)
        }
    }
}
