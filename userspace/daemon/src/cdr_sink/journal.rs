//! A file that grows by whole lines and is set aside when it is large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use trunkline_call::cdr::CdrRecord;

use crate::{cdr_sink::record::Line, config::checked::Cdr, wall_clock::WallClock};

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes in the file that are whole lines.
    len: u64,
    rotate_size: u64,
    keep: usize,
    is_dirty: bool,
}

impl Journal {
    /// Opens the file, making it and its folder if they are missing.
    ///
    /// A last line without its end, left by a crash, is ended so that the next record stands on a line of its own.
    pub(crate) fn open(config: &Cdr) -> io::Result<Self> {
        if let Some(folder) = config.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let (file, len) = open_at_end(&config.file)?;
        let (rotate_size, keep) = (config.rotate_size, config.keep);
        Ok(Self {
            path: config.file.clone(),
            file,
            len,
            rotate_size,
            keep,
            is_dirty: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file again by its name.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        self.sync()?;
        (self.file, self.len) = open_at_end(&self.path)?;
        Ok(())
    }

    /// Appends `lines`, all of them or nothing.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.len > 0 && self.len + lines.len() as u64 > self.rotate_size {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // A part of the lines may be in the file; it would be there twice after the next try.
            self.file.set_len(self.len)?;
            self.file.seek(SeekFrom::Start(self.len))?;
            return Err(error);
        }
        self.len += lines.len() as u64;
        self.is_dirty = true;
        Ok(())
    }

    /// Appends `records` and brings them to the disk.
    pub(crate) fn append_records(&mut self, records: &[Box<CdrRecord>]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            Line::of(record, &WallClock::now()).append_to(&mut lines);
        }
        if !lines.is_empty() {
            self.append(&lines)?;
        }
        self.sync()
    }

    /// Brings what was appended to the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty {
            self.file.sync_data()?;
            self.is_dirty = false;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        fs::rename(&self.path, self.free_name())?;
        (self.file, self.len) = open_at_end(&self.path)?;
        self.prune()
    }

    /// The name of the file with the present time behind it; a counter keeps names of the same second apart.
    fn free_name(&self) -> PathBuf {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut counter = 0_u32;
        loop {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{stamp}.{counter:03}"));
            let path = PathBuf::from(name);
            if !path.exists() {
                return path;
            }
            counter += 1;
        }
    }

    fn prune(&self) -> io::Result<()> {
        if self.keep == 0 {
            return Ok(());
        }
        let (Some(folder), Some(name)) = (
            self.path.parent(),
            self.path.file_name().and_then(|name| name.to_str()),
        ) else {
            return Ok(());
        };
        let prefix = format!("{name}.");
        let mut aside: Vec<PathBuf> = fs::read_dir(folder)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| name.starts_with(&prefix))
            })
            .collect();
        // The names sort by time.
        aside.sort();
        let surplus = aside.len().saturating_sub(self.keep);
        for path in aside.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn open_at_end(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    let mut len = file.seek(SeekFrom::End(0))?;
    if len > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            len += 1;
        }
    }
    Ok((file, len))
}
