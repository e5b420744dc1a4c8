//! Where a warehouse lies: a folder of this machine, or a part of a bucket. What the engine does with files of a warehouse it does through one
//! [`Folder`], which does not tell the two apart.
//!
//! Questions wait for their answer, as those of a file system do, so that planning may ask them wherever it stands.

mod bucket;
mod disk;
mod refusal;

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake_core::logstore::LogStoreRef;
use hw_base::{Error, Result};
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use url::Url;

use crate::store::Lasting;
use crate::working::Working;
use bucket::Bucket;
pub(crate) use disk::Disk;
pub(crate) use refusal::{refused, refused_in};

/// The folder of a log in that of its table.
const LOG: &str = "_delta_log";

/// A folder that is shared.
pub(crate) type FolderRef = Arc<dyn Folder>;

/// A folder of tables, or that of one table with its files and its log. Folders of one warehouse can be compared by their text.
pub(crate) trait Folder: fmt::Debug + fmt::Display + Send + Sync {
    /// A folder in it.
    fn below(&self, name: &str) -> FolderRef;

    /// The same by the path under which its files are read. It exists.
    fn opened(&self) -> Result<FolderRef>;

    /// Makes sure that files can be written into it, and that no log entry of it could be written over.
    fn make(&self) -> Result<()>;

    /// The names of the folders in it.
    fn folders(&self) -> Result<Vec<String>>;

    /// Whether the first commit of a table is there; a folder of staged files alone is no table.
    fn has_log(&self) -> Result<bool>;

    /// What tells the log entry of a version from that of another table which had the same folder; `None` where there is no such version.
    fn entry(&self, version: i64) -> Result<Option<Mark>>;

    /// The log of its table.
    fn log_store(&self) -> Result<LogStoreRef>;

    /// The name of the store that its files are read from.
    fn store_url(&self) -> ObjectStoreUrl;

    /// That store.
    fn store(&self) -> Arc<dyn ObjectStore>;

    /// The path of a file in that store.
    fn object(&self, name: &str) -> object_store::Result<ObjectPath>;

    /// Where a file of this machine lies; `None` in a bucket.
    fn local(&self, name: &str) -> Option<PathBuf>;

    /// A new file to write, which nobody finds in the folder before it is kept.
    fn create(&self, name: &str) -> Result<File>;

    /// Puts a file that was written under its name.
    fn keep(&self, name: &str, file: &File) -> Result<()>;

    /// Puts a file of another folder, which lies at `from` in the same store, under a name of this one: both have it.
    fn share(&self, name: &str, from: &ObjectPath) -> Result<()>;

    /// Makes files last that were kept or shared. Until then a power failure may take them away.
    fn flush(&self, names: &[String]) -> Result<()>;

    /// Removes a file, should it be there.
    fn remove(&self, name: &str) -> Result<()>;

    /// Removes data files whose names start with `label` and that are not `named`, and returns how many.
    fn sweep(&self, label: &str, named: &HashSet<String>) -> Result<u64>;

    /// Removes the folder of a table in which no commit was made, should it hold nothing but empty folders.
    fn remove_empty(&self);

    /// Removes the folder with all that is in it.
    fn remove_all(&self) -> Result<()>;
}

/// What tells a log entry from another one of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(String);

/// The file of a log entry in the folder of its table.
fn commit(version: i64) -> String {
    format!("{LOG}/{version:020}.json")
}

/// Whether a file in the folder of a log belongs to it.
fn is_of_log(name: &str) -> bool {
    !name.starts_with('.') && matches!(name.rsplit_once('.'), Some((_, "json" | "parquet")))
}

/// Whether a file is one that an attempt with this label has staged.
fn is_staged(name: &str, label: &str) -> bool {
    name.starts_with(label) && name.ends_with(".parquet")
}

/// Where a warehouse lies.
pub struct Site(Kind);

enum Kind {
    Disk(PathBuf),
    Bucket { url: Url, store: Arc<dyn ObjectStore> },
}

impl Site {
    /// The part of a bucket that a URL such as `s3://bucket/prefix` names; `store` is the whole bucket. It refuses to write over what is
    /// there where it is asked to.
    pub fn bucket(url: Url, store: Arc<dyn ObjectStore>) -> Self {
        Self(Kind::Bucket { url, store })
    }

    /// Its folder; what goes to a bucket is written to `spool` first.
    pub(crate) fn open(self, spool: PathBuf, lasting: Lasting, working: &Working) -> Result<FolderRef> {
        match self.0 {
            Kind::Disk(path) => Ok(Arc::new(Disk::new(path, lasting, working))),
            Kind::Bucket { url, store } => Ok(Arc::new(Bucket::new(&url, store, spool)?)),
        }
    }
}

impl From<PathBuf> for Site {
    fn from(folder: PathBuf) -> Self {
        Self(Kind::Disk(folder))
    }
}

/// The path of a file as people know it.
pub(crate) fn shown(store: &ObjectStoreUrl, path: &ObjectPath) -> String {
    if *store == ObjectStoreUrl::local_filesystem() { format!("/{path}") } else { format!("{}{path}", store.as_str()) }
}

fn no_path(name: &str, error: &object_store::path::Error) -> Error {
    Error::user(format!("`{name}` is no path in an object store: {error}")).code("HW104")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    fn both(folder: &Path) -> [FolderRef; 2] {
        let sites = [Site::from(folder.join("disk")), Site::bucket(Url::parse("s3://lake/house").unwrap(), Arc::new(InMemory::new()))];
        sites.map(|site| site.open(folder.join("spool"), Lasting::Passing, &Working::default()).unwrap())
    }

    fn put(folder: &FolderRef, name: &str, content: &[u8]) {
        let mut file = folder.create(name).unwrap();
        file.write_all(content).unwrap();
        folder.keep(name, &file).unwrap();
        folder.flush(&[name.to_owned()]).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_disk_and_a_bucket_answer_alike() {
        let temporary = tempfile::tempdir().unwrap();
        for root in both(temporary.path()) {
            let table = root.below("raw/shop.orders");
            assert!(!table.has_log().unwrap() && root.folders().unwrap().is_empty());
            table.make().unwrap();
            for name in ["run-1-0.parquet", "month=1/run-1-1.parquet", "run-2-0.parquet"] {
                put(&table, name, b"rows");
            }
            assert!(!table.has_log().unwrap(), "staged files alone are no table");
            put(&table, &commit(0), b"{}");
            assert!(table.has_log().unwrap());
            assert_eq!(
                (root.folders().unwrap(), root.below("raw").folders().unwrap()),
                (vec!["raw".to_owned()], vec!["shop.orders".to_owned()])
            );
            let first = table.entry(0).unwrap();
            assert!(first.is_some() && first == table.entry(0).unwrap() && table.entry(1).unwrap().is_none());
            let named = HashSet::from(["month=1/run-1-1.parquet".to_owned()]);
            assert_eq!([table.sweep("run-1", &named).unwrap(), table.sweep("run-1", &named).unwrap()], [1, 0]);
            table.remove("run-2-0.parquet").unwrap();
            table.remove("run-2-0.parquet").unwrap();
            table.remove_empty();
            assert!(table.has_log().unwrap(), "a table stays");
            let broken_off = root.below("raw/shop.customers");
            broken_off.make().unwrap();
            put(&broken_off, "month=1/run-1-0.parquet", b"rows");
            broken_off.remove_empty();
            assert_eq!(broken_off.sweep("run-1", &HashSet::new()).unwrap(), 1, "what holds a file stays");
            broken_off.remove_empty();
            assert_eq!(root.below("raw").folders().unwrap(), ["shop.orders"]);
            root.below("raw").remove_all().unwrap();
            assert!(!table.has_log().unwrap());
        }
        assert_eq!(std::fs::read_dir(temporary.path().join("spool")).unwrap().count(), 0, "a file was left behind");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_large_file_is_sent_in_parts_and_shared() {
        let temporary = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..20_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        for root in both(temporary.path()) {
            let (from, to) = (root.below("a"), root.below("b"));
            for folder in [&from, &to] {
                folder.make().unwrap();
            }
            put(&from, "month=1/large.parquet", &content);
            let (from, to) = (from.opened().unwrap(), to.opened().unwrap());
            to.share("month=1/large.parquet", &from.object("month=1/large.parquet").unwrap()).unwrap();
            let found = to.store().get(&to.object("month=1/large.parquet").unwrap()).await.unwrap().bytes().await.unwrap();
            assert!(found == content, "{root}");
        }
    }
}
