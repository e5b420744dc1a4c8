//! Files and folders that commands make, replace and remove.

use std::fs::File;
use std::path::{Path, PathBuf};

use hw_base::{Error, Result};

/// A folder for the files of an engine that belongs to no project, or to one that is only looked at.
pub(crate) fn temporary_state() -> PathBuf {
    std::env::temp_dir().join(format!("headworks-{}", std::process::id()))
}

/// Removes that folder, should this process have made it.
pub(crate) fn clear_temporary_state() {
    // It lies among the temporary files, which the system removes too.
    let _ = std::fs::remove_dir_all(temporary_state());
}

/// Removes a folder of temporary files; what stays is removed with all others.
pub(crate) fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

/// Removes a folder that holds nothing; one that holds something stays.
pub(crate) fn remove_empty_folder(folder: &Path) {
    let _ = std::fs::remove_dir(folder);
}

/// A folder as a path from the root of the file system, because the engine knows no other.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| Error::user(format!("the folder `{}` cannot be read: {error}", folder.display())).code("HW106"))
}

/// Makes a folder and all above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::outside(format!("the folder `{}` cannot be made: {error}", folder.display())).code("HW501").help("look at its permissions")
    })
}

/// Writes a file in the place of an earlier one. Whatever ends this process, the earlier content is there or the whole new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = PathBuf::from(format!("{}.new", path.display()));
    write_bytes(&aside, bytes)?;
    // A file that is renamed before its content is on the disk may be empty after the machine has stopped.
    let renamed = File::open(&aside).and_then(|file| file.sync_all()).and_then(|()| std::fs::rename(&aside, path));
    renamed.map_err(|error| unwritable(path, &error))
}

/// Writes a file of a project or a report.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<()> {
    write_bytes(path, text.as_bytes())
}

/// Removes a file where there is one.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(path, &error)),
        _ => Ok(()),
    }
}

/// Makes the folder that a file will lie in.
pub(crate) fn make_folder_of(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    make_folder_of(path)?;
    std::fs::write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::outside(format!("`{}` cannot be written: {error}", path.display())).code("HW501")
}
