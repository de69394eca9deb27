//! Names for what a test makes, and removal of what a killed run left behind.
//!
//! Every namespace and folder is called `tle2e-PID-NUMBER-ROLE`. A name whose process is gone belongs to nobody.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "tle2e-";
const NAMESPACES: &str = "/run/netns";

/// A number that no other test of this process has.
#[must_use]
pub fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The name of the thing called `role` in the test numbered `number`.
#[must_use]
pub fn name_of(number: u32, role: &str) -> String {
    format!("{PREFIX}{}-{number}-{role}", std::process::id())
}

/// A folder for one test's files, removed when dropped.
#[derive(Debug)]
pub struct TestDir(PathBuf);

impl TestDir {
    /// Makes the folder.
    ///
    /// # Errors
    /// The file system's error.
    pub fn create(number: u32) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(name_of(number, "files"));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // A folder that cannot be removed is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes namespaces and folders of runs whose process no longer exists. Runs once per process.
pub fn remove_leftovers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for name in abandoned(Path::new(NAMESPACES)) {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
        let folders = std::env::temp_dir();
        for name in abandoned(&folders) {
            let _ = std::fs::remove_dir_all(folders.join(name));
        }
    });
}

fn abandoned(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| maker_of(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()))
        .collect()
}

fn maker_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_maker() {
        assert_eq!(maker_of(&name_of(7, "edge")), Some(std::process::id()));
        assert_eq!(maker_of("tle2e-12-0-pbx"), Some(12));
        assert_eq!(maker_of("something-12"), None);
        assert_eq!(maker_of("tle2e-x-0"), None);
    }

    #[test]
    fn a_live_maker_is_not_abandoned() {
        let folder = TestDir::create(next_number()).unwrap();
        let kept = folder.path().join(name_of(0, "kept"));
        let gone = folder.path().join("tle2e-4194999-0-gone");
        std::fs::create_dir(&kept).unwrap();
        std::fs::create_dir(gone).unwrap();
        assert_eq!(abandoned(folder.path()), ["tle2e-4194999-0-gone"]);
    }
}
