use std::{collections::VecDeque, fs, path::PathBuf, sync::Mutex};

use trunkline_call::cdr::{EndedBy, MediaTotals, Tier};
use trunkline_time::Timestamp;

use super::*;

/// A folder of the test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-cdr-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn config(&self, rotate_size: u64, keep: usize) -> Cdr {
        Cdr {
            file: self.0.join("cdr.jsonl"),
            rotate_size,
            keep,
            sync: CdrSync::Batch,
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

fn record(attempt: u32) -> CdrRecord {
    CdrRecord {
        call_id: "c1".to_owned(),
        attempt,
        last: true,
        from_trunk: "pbx".to_owned(),
        to_trunk: "carrier-a".to_owned(),
        caller: "100".to_owned(),
        called: "2125550123".to_owned(),
        called_normalised: "+12125550123".to_owned(),
        start: at(1_000),
        ring: Some(at(1_200)),
        answer: Some(at(3_000)),
        end: at(63_500),
        price_micros: Some(12_000),
        sip_status: 200,
        reason: "OK".to_owned(),
        q850: 16,
        ended_by: EndedBy::Caller,
        codec: "PCMU".to_owned(),
        tier: Tier::Worker,
        from_caller: MediaTotals {
            packets: 3_000,
            bytes: 516_000,
            lost: 2,
            jitter_ns: 1_234_567,
        },
        config_epoch: 4,
        ..CdrRecord::default()
    }
}

#[test]
fn a_record_has_every_key_of_the_contract() {
    let clock = WallClock::at(at(100_000), "2026-03-01T12:00:00Z".parse().unwrap());
    let mut text = Vec::new();
    Line::of(&record(1), &clock).append_to(&mut text);
    let line: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "call_id": "c1", "attempt": 1, "last": true, "from_trunk": "pbx", "to_trunk": "carrier-a",
            "a_call_id": "", "b_call_id": null, "caller": "100", "called": "2125550123",
            "called_normalised": "+12125550123", "start": "2026-03-01T11:58:21.000Z",
            "ring": "2026-03-01T11:58:21.200Z", "answer": "2026-03-01T11:58:23.000Z",
            "end": "2026-03-01T11:59:23.500Z", "setup_ms": 200, "duration_ms": 60_500, "billed_s": 61,
            "price": 0.0122, "sip_status": 200, "reason": "OK", "q850": 16, "ended_by": "caller",
            "codec": "PCMU", "tier": "worker",
            "from_caller": {"packets": 3000, "bytes": 516_000, "lost": 2, "jitter_ms": 1.235,
                            "mos": line["from_caller"]["mos"]},
            "from_callee": {"packets": 0, "bytes": 0, "lost": 0, "jitter_ms": 0.0, "mos": null},
            "emergency": false, "config_epoch": 4
        })
    );
    assert!(line["from_caller"]["mos"].as_f64().unwrap() > 4.0);
}

#[test]
fn everything_queued_is_written_before_the_sink_ends() {
    let folder = Folder::new("finish");
    let queue: Mutex<VecDeque<CdrRecord>> = Mutex::new((1..=1000).map(record).collect());
    let sink = CdrSink::start(
        &folder.config(1 << 30, 0),
        Box::new(move || queue.lock().unwrap().pop_front().map(Box::new)),
    )
    .unwrap();
    sink.finish();
    let text = folder.read("cdr.jsonl");
    assert_eq!(text.lines().count(), 1000);
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
}

#[test]
fn a_large_file_is_set_aside_and_old_ones_go() {
    let folder = Folder::new("rotate");
    let mut journal = Journal::open(&folder.config(20, 2)).unwrap();
    for line in [
        "first-first-first\n",
        "second-second-sec\n",
        "third-third-third\n",
        "fourth\n",
        "fifth\n",
    ] {
        journal.append(line.as_bytes()).unwrap();
    }
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
    assert_eq!(folder.read("cdr.jsonl"), "fourth\nfifth\n");
    let aside: Vec<String> = folder
        .names()
        .into_iter()
        .filter(|name| name != "cdr.jsonl")
        .map(|name| folder.read(&name))
        .collect();
    assert_eq!(aside, ["second-second-sec\n", "third-third-third\n"]);
}

#[test]
fn a_line_that_a_crash_has_cut_off_is_ended() {
    let folder = Folder::new("crash");
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("cdr.jsonl"), "{\"call_id\":\"c").unwrap();
    let mut journal = Journal::open(&folder.config(1 << 20, 0)).unwrap();
    journal.append(b"{}\n").unwrap();
    assert_eq!(folder.read("cdr.jsonl"), "{\"call_id\":\"c\n{}\n");
}

#[test]
fn a_file_that_was_moved_away_is_made_again_on_request() {
    let folder = Folder::new("reopen");
    let mut journal = Journal::open(&folder.config(1 << 20, 0)).unwrap();
    journal.append(b"one\n").unwrap();
    fs::rename(folder.0.join("cdr.jsonl"), folder.0.join("moved")).unwrap();
    journal.append(b"two\n").unwrap();
    journal.reopen().unwrap();
    journal.append(b"three\n").unwrap();
    assert_eq!(
        (folder.read("moved"), folder.read("cdr.jsonl")),
        ("one\ntwo\n".into(), "three\n".into())
    );
}

#[test]
fn files_of_others_are_never_pruned() {
    let folder = Folder::new("prune");
    let mut journal = Journal::open(&folder.config(20, 1)).unwrap();
    let others = [
        "cdr.jsonl.bak",
        "cdr.jsonl.1",
        "cdr.jsonl.20200101T000000Z.000.gz",
        "cdr.jsonl.20200101T000000Z",
    ];
    for name in others {
        fs::write(folder.0.join(name), "kept").unwrap();
    }
    fs::write(folder.0.join("cdr.jsonl.20200101T000000Z.000"), "old").unwrap();
    fs::write(folder.0.join("cdr.jsonl.20200101T000000Z.1000"), "old").unwrap();
    journal.append(b"first-first-first\n").unwrap();
    journal.append(b"second-second-sec\n").unwrap();
    let names = folder.names();
    assert!(
        others.iter().all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
    assert_eq!(names.len(), others.len() + 2, "{names:?}");
}

#[test]
fn what_another_writer_appends_is_not_written_over() {
    let folder = Folder::new("append");
    let mut one = Journal::open(&folder.config(1 << 20, 0)).unwrap();
    let mut other = Journal::open(&folder.config(1 << 20, 0)).unwrap();
    one.append(b"one\n").unwrap();
    other.append(b"two\n").unwrap();
    one.append(b"three\n").unwrap();
    assert_eq!(folder.read("cdr.jsonl"), "one\ntwo\nthree\n");
}

#[test]
fn records_are_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    Journal::open(&folder.config(1 << 20, 0)).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(folder.0.clone()) & 0o027, 0);
    assert_eq!(mode(folder.0.join("cdr.jsonl")) & 0o137, 0);
}
