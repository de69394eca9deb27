//! A file that grows by whole lines and is set aside when it is large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use trunkline_call::cdr::CdrRecord;

use crate::{cdr_sink::record::Line, config::checked::Cdr, state_dir, wall_clock::WallClock};

/// Records name callers and called: their file is not for everybody.
const FILE_MODE: u32 = 0o640;
/// What stands behind the name of a file that was set aside; `0` is any digit.
const STAMP_SHAPE: &[u8] = b".00000000T000000Z.000";
/// Where the counter begins in the shape.
const COUNTER_AT: usize = STAMP_SHAPE.len() - 3;

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
            state_dir::create(folder)?;
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
        let mut aside: Vec<(String, PathBuf)> = fs::read_dir(folder)?
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let stamp = entry.file_name().to_str()?.strip_prefix(name)?.to_owned();
                is_rotation_stamp(&stamp).then(|| (stamp, entry.path()))
            })
            .collect();
        aside.sort_by(|(one, _), (other, _)| order(one).cmp(&order(other)));
        let surplus = aside.len().saturating_sub(self.keep);
        for (_, path) in aside.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Whether `text` is what [`Journal::free_name`] puts behind a name: `.YYYYMMDDTHHMMSSZ.NNN`.
fn is_rotation_stamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let fits = |(shape, byte): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    bytes.len() >= STAMP_SHAPE.len()
        && STAMP_SHAPE.iter().zip(bytes).all(fits)
        && bytes[STAMP_SHAPE.len()..].iter().all(u8::is_ascii_digit)
}

/// By time, and within a second by counter: one of more digits is larger.
fn order(stamp: &str) -> (&str, usize, &str) {
    let (time, counter) = stamp.split_at(COUNTER_AT);
    (time, counter.len(), counter)
}

fn open_at_end(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        // Whatever else writes to the file, a record never lands on top of another one.
        .append(true)
        .mode(FILE_MODE)
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
