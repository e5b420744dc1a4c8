//! One run at a time: the lock of a project, and the names of runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use hw_base::{Error, Result, RunId, Timestamp};

/// The file that a run holds locked.
const LOCK_FILE: &str = "lock";

/// The right to write the tables of a project.
///
/// The operating system gives the lock back when this value is dropped and when the process ends, however it
/// ends. The file stays, since removing it would let two runs hold two files of one name.
#[derive(Debug)]
#[must_use = "the lock goes with this value"]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock in `folder` (the project's `.headworks`) for `run`; makes the folder where it is missing.
    ///
    /// # Errors
    /// `HW701` where another run holds it, naming that run; an outside error where the folder cannot be written.
    pub fn take(folder: &Path, run: &RunId) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let mut file = open(folder, &path).map_err(|error| unusable(&path, &error))?;
        match locked(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held_by_another(&mut file)),
            Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
        }
        sign(&mut file, run).map_err(|error| unusable(&path, &error))?;
        Ok(Self { _file: file })
    }
}

/// Whether a run holds the lock in `folder`, so that it is going on.
pub fn is_held(folder: &Path) -> bool {
    let looked_at = File::open(folder.join(LOCK_FILE)).map(|file| file.try_lock_shared());
    matches!(looked_at, Ok(Err(TryLockError::WouldBlock)))
}

/// Locks a file. Who looks whether it is locked has it for a moment, which is waited for.
fn locked(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..5 {
        if let done @ (Ok(()) | Err(TryLockError::Error(_))) = file.try_lock() {
            return done;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    file.try_lock()
}

/// The name of the run that starts `now`: `20261123T010203Z-a1b2c3`. It sorts by start.
///
/// `salt` keeps runs apart that start in one second; any number that differs between them does.
pub fn next_run_id(now: Timestamp, salt: u64) -> RunId {
    // Fibonacci hashing: numbers that differ anywhere differ in the upper bits.
    let mixed = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    RunId(format!("{}-{mixed:06x}", now.format("%Y%m%dT%H%M%SZ")))
}

fn open(folder: &Path, path: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn sign(file: &mut File, run: &RunId) -> std::io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(run.0.as_bytes())
}

fn held_by_another(file: &mut File) -> Error {
    let mut holder = String::new();
    let is_named = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
    let message = if is_named { format!("run `{}` is going on", holder.trim()) } else { "another run is going on".into() };
    Error::user(message).code("HW701").help("wait for it to end; `headworks status` shows how far it is")
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::outside(format!("`{}` cannot be locked", path.display()))
        .because(error)
        .help("look at the permissions and the free space of its folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".headworks");
        let first = RunLock::take(&state, &RunId("20261123T010203Z-first-and-long".into())).unwrap();
        let message = RunLock::take(&state, &RunId("second".into())).unwrap_err().to_string();
        assert!(message.starts_with("error[HW701]: run `20261123T010203Z-first-and-long` is going on"), "{message}");
        assert!(is_held(&state));
        drop(first);
        assert!(!is_held(&state));
        assert!(!is_held(&folder.path().join("nowhere")));
        let _second = RunLock::take(&state, &RunId("second".into())).unwrap();
        assert_eq!(std::fs::read_to_string(state.join("lock")).unwrap(), "second");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = RunLock::take(&file.path().join("x"), &RunId("r".into())).unwrap_err().to_string();
        assert!(message.contains("cannot be locked") && message.contains("help: "), "{message}");
    }

    #[test]
    fn names_of_runs_sort_by_start_and_differ_by_salt() {
        let now: Timestamp = "2026-11-23T01:02:03.9Z".parse().unwrap();
        let name = next_run_id(now, 7).0;
        assert!(name.starts_with("20261123T010203Z-") && name.len() == 23, "{name}");
        assert_ne!(name, next_run_id(now, 8).0);
        assert_ne!(name, next_run_id(now, 7 + (1 << 30)).0);
    }
}
