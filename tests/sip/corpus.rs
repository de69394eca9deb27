//! The torture files and their tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Folders of the corpus.
pub(crate) const FOLDERS: [&str; 5] = ["rfc4475", "rfc5118", "rfcex", "trunk", "hostile"];

/// A row of a table, by column name.
pub(crate) type Row = BTreeMap<String, String>;

/// A torture file with its row of the manifest.
pub(crate) struct Case {
    pub(crate) folder: &'static str,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) manifest: Row,
    /// Its row of expected.tsv, if the message is to be accepted.
    pub(crate) expected: Option<Row>,
}

impl Case {
    /// Whether the file holds a TCP byte stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.file.contains("stream")
    }

    /// `folder/file`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.file)
    }
}

/// Where the corpus lies.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/torture")
}

/// Reads a table whose first line names the columns.
pub(crate) fn table(path: &str) -> Vec<Row> {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let row = |line: &str| {
        columns
            .iter()
            .zip(line.split('\t'))
            .map(|(k, v)| ((*k).to_owned(), v.to_owned()))
            .collect()
    };
    lines.map(row).collect()
}

/// Every file of the corpus that has a row in a manifest.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in FOLDERS {
        let mut expected: BTreeMap<String, Row> = table(&format!("{folder}/expected.tsv"))
            .into_iter()
            .map(|row| (row["file"].clone(), row))
            .collect();
        for manifest in table(&format!("{folder}/manifest.tsv")) {
            let file = manifest["file"].clone();
            let bytes = fs::read(root().join(folder).join(&file)).unwrap();
            let expected = expected.remove(&file);
            cases.push(Case {
                folder,
                file,
                bytes,
                manifest,
                expected,
            });
        }
        assert!(
            expected.is_empty(),
            "{folder}: rows without a file: {:?}",
            expected.keys()
        );
    }
    cases
}

#[test]
fn every_file_has_a_row() {
    let listed: Vec<String> = cases().iter().map(Case::path).collect();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".sip") {
                assert!(
                    listed.contains(&format!("{folder}/{name}")),
                    "{folder}/{name} is in no manifest"
                );
            }
        }
    }
    assert_eq!(listed.len(), 643);
}
