//! The folder of what the edge writes, and the lock that makes it one edge's own.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::{Context as _, bail};

/// Name of the lock's file. It stays when the edge ends: what locks is that a process has it open.
const LOCK_FILE: &str = "trunkline.lock";
/// Folders that the edge makes are not for everybody: records name callers and called.
const FOLDER_MODE: u32 = 0o750;
const LOCK_MODE: u32 = 0o640;

/// Holds the state folder as long as it lives. The kernel lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Makes the folder if it is missing, and takes it for this process.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or another edge has it.
    pub(crate) fn take(folder: &Path) -> anyhow::Result<Self> {
        create(folder).with_context(|| format!("cannot make the state folder {}", folder.display()))?;
        let path = folder.join(LOCK_FILE);
        let in_file = || format!("cannot lock {}", path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(LOCK_MODE)
            .open(&path)
            .with_context(in_file)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = std::fs::read_to_string(&path).unwrap_or_default();
                bail!(
                    "another edge uses the state folder {}: process {}; give each its own node.state_dir",
                    folder.display(),
                    if owner.trim().is_empty() {
                        "unknown"
                    } else {
                        owner.trim()
                    }
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(in_file),
        }
        file.set_len(0).with_context(in_file)?;
        writeln!(file, "{}", std::process::id()).with_context(in_file)?;
        Ok(Self { _file: file })
    }
}

/// Makes `folder`, and those that it stands in, as far as they are missing.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_one_edges_own() {
        let folder = std::env::temp_dir().join(format!("trunkline-lock-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let lock = StateLock::take(&folder.join("state")).unwrap();
        let mode = std::fs::metadata(folder.join("state"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7027, 0, "{mode:o}");
        let refused = StateLock::take(&folder.join("state")).unwrap_err().to_string();
        let id = std::process::id().to_string();
        assert!(
            refused.contains("another edge") && refused.contains(&id),
            "{refused}"
        );
        drop(lock);
        StateLock::take(&folder.join("state")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
