//! What happens to each file of the corpus: verdict, kind and offset of an error, the answer, the fields.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use trunkline_sip::framing::{Framer, Step};
use trunkline_sip::{Message, Name, NameAddr, ParseError, is_keepalive, parse, write};

use crate::corpus::{self, Case};

/// Expectations of the manifest that do not hold here, each with its reason.
const ARGUED: &[(&str, &str, &str)] = &[
    (
        "rfc4475/test.sip",
        "response",
        "RFC 3261 section 18.2.2 sends a response by its top Via, and section 8.2.6.2 copies the Vias of the request; \
         this file has none, so no 400 can be written that anybody could match. It is dropped and counted.",
    ),
    ("rfcex/rfc3666-032-ACK.sip", "response", NO_ANSWER_TO_ACK),
    ("rfcex/rfc3666-038-ACK.sip", "response", NO_ANSWER_TO_ACK),
    (
        "hostile/auth-200.sip",
        "response",
        "More header fields than one message may have: RFC 3261 section 21.5.7 has 513 for a message that is larger than \
         the server can take, and no credentials need to be read before that is known.",
    ),
];

const NO_ANSWER_TO_ACK: &str = "RFC 3261 section 17 knows no response to an ACK: its client transaction is over. A broken one is dropped.";

fn is_argued(case: &Case, column: &str) -> bool {
    ARGUED
        .iter()
        .any(|(path, argued, _)| *path == case.path() && *argued == column)
}

/// What trunkline does with a file.
enum Verdict<'a> {
    Keepalive,
    Accept(Box<Message<'a>>),
    Reject(ParseError, Option<u16>),
}

fn verdict(case: &Case) -> Verdict<'_> {
    let mut bytes = &case.bytes[..];
    if case.is_stream() {
        match Framer::new().next(bytes) {
            Step::Message { end } => bytes = &bytes[..end],
            step => panic!("{}: {step:?}", case.path()),
        }
    }
    if is_keepalive(bytes) {
        return Verdict::Keepalive;
    }
    match parse(bytes) {
        Ok(message) => Verdict::Accept(Box::new(message)),
        Err(error) => Verdict::Reject(error, answer(bytes, &error)),
    }
}

/// The status of the answer to a broken request, which must itself be a message.
fn answer(bytes: &[u8], error: &ParseError) -> Option<u16> {
    let source: SocketAddr = "203.0.113.66:5060".parse().unwrap();
    let mut buffer = vec![0; 70_000];
    let len = write::answer_malformed(bytes, error, source, b"t1", &mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
    assert!(
        text.starts_with("SIP/2.0 ") && text.ends_with("Content-Length: 0\r\n\r\n"),
        "{text}"
    );
    text[8..11].parse().ok()
}

/// What a manifest's response column allows.
struct Allowed {
    statuses: Vec<u16>,
    silence: bool,
}

fn allowed(response: &str) -> Allowed {
    let words = response.split(|c: char| !c.is_ascii_alphanumeric());
    let statuses = words
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok())
        .collect();
    Allowed {
        statuses,
        silence: response.contains("drop") || response == "-" || response.starts_with("- "),
    }
}

#[test]
fn every_file_gets_its_verdict() {
    let mut faults = Vec::new();
    let mut table = String::from("file\tverdict\tkind\toffset\tanswer\n");
    for case in corpus::cases() {
        let found = verdict(&case);
        let wanted = case.manifest["parse"].as_str();
        let name = match &found {
            Verdict::Keepalive => "keepalive",
            Verdict::Accept(_) => "accept",
            Verdict::Reject(..) => "reject",
        };
        if wanted != name && (wanted != "either" || name == "keepalive") && !is_argued(&case, "parse") {
            faults.push(format!("{}: {name}, wanted {wanted}", case.path()));
        }
        let row = match found {
            Verdict::Keepalive => "keepalive\t\t\t".to_owned(),
            Verdict::Accept(message) => {
                faults.extend(wrong_fields(&case, &message));
                "accept\t\t\t".to_owned()
            }
            Verdict::Reject(error, answer) => {
                let allowed = allowed(&case.manifest["response"]);
                let fits = answer.map_or(allowed.silence, |status| allowed.statuses.contains(&status));
                if !fits && !is_argued(&case, "response") {
                    faults.push(format!(
                        "{}: {error} answered {answer:?}, wanted {}",
                        case.path(),
                        case.manifest["response"]
                    ));
                }
                let answer = answer.map_or("drop".to_owned(), |status| status.to_string());
                format!("reject\t{}\t{}\t{answer}", error.kind.as_str(), error.offset)
            }
        };
        writeln!(table, "{}\t{row}", case.path()).unwrap();
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    compare_with_committed(&table);
}

fn compare_with_committed(table: &str) {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/sip-corpus.md");
    compare(&corpus::root().join("verdicts.tsv"), table);
    compare(&docs, &page(table));
}

fn compare(path: &Path, table: &str) {
    if std::env::var_os("TRUNKLINE_BLESS").is_some() {
        fs::write(path, table).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let changed: Vec<_> = table
        .lines()
        .filter(|line| !committed.lines().any(|known| known == *line))
        .collect();
    assert!(
        changed.is_empty() && table == committed,
        "{} differs in:\n{}",
        path.display(),
        changed.join("\n")
    );
}

/// The verdicts as a page of the documentation.
fn page(table: &str) -> String {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let count = |verdict: &str| rows.iter().filter(|row| row[1] == verdict).count();
    let mut page = format!(
        "# The torture corpus, file by file\n\n\
         Generated by `TRUNKLINE_BLESS=1 cargo test -p trunkline-tests --test sip` and compared by that test: do not edit.\n\
         The files lie in `tests/data/torture`, whose README says where each folder comes from.\n\n\
         {} files: {} accepted, {} rejected, {} keep-alives. *Offset* is the byte at which the fault was found; *answer* is the\n\
         status that a broken request earns, or `drop` where silence is the only answer.\n",
        rows.len(),
        count("accept"),
        count("reject"),
        count("keepalive"),
    );
    for folder in corpus::FOLDERS {
        write!(
            page,
            "\n## {folder}\n\n| file | verdict | kind | offset | answer |\n|---|---|---|---|---|\n"
        )
        .unwrap();
        for row in &rows {
            let Some(file) = row[0]
                .strip_prefix(folder)
                .and_then(|file| file.strip_prefix('/'))
            else {
                continue;
            };
            writeln!(
                page,
                "| {file} | {} | {} | {} | {} |",
                row[1], row[2], row[3], row[4]
            )
            .unwrap();
        }
    }
    page.push_str("\n## Where a manifest is not followed\n\n");
    for (path, column, reason) in ARGUED {
        writeln!(page, "- `{path}`, column *{column}*: {reason}").unwrap();
    }
    page
}

/// The fields that differ from expected.tsv.
fn wrong_fields(case: &Case, message: &Message<'_>) -> Vec<String> {
    let Some(expected) = &case.expected else {
        return match case.manifest["parse"].as_str() {
            "accept" => vec![format!("{}: no row in expected.tsv", case.path())],
            _ => Vec::new(),
        };
    };
    let fields = fields(message);
    assert_eq!(fields.len() + 1, expected.len(), "{}: columns", case.path());
    fields
        .into_iter()
        .filter(|(column, value)| expected[*column] != *value && !is_argued(case, column))
        .map(|(column, value)| {
            format!(
                "{}: {column} is {value:?}, wanted {:?}",
                case.path(),
                expected[column]
            )
        })
        .collect()
}

/// The columns of expected.tsv as this parser reads them.
fn fields(message: &Message<'_>) -> Vec<(&'static str, String)> {
    let via = message.top_via();
    let sent_by = match via.sent_by_port() {
        Some(port) => format!("{}:{port}", cell(via.sent_by_host())),
        None => cell(via.sent_by_host()),
    };
    let start = message
        .status()
        .map_or(cell(message.method_bytes()), |status| status.code().to_string());
    let contact = match message.contact() {
        Some(contact) => cell(contact.uri_bytes()),
        None => message.header(Name::Contact).map(cell).unwrap_or_default(),
    };
    let first = |name| {
        let element = message
            .values(name)
            .next()
            .map(|element| NameAddr::parse(element).unwrap());
        element.map(|addr| cell(addr.uri_bytes())).unwrap_or_default()
    };
    let cseq = message.cseq();
    let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    vec![
        ("start", start),
        ("ruri", cell(message.request_uri())),
        ("via_n", message.via_count().to_string()),
        ("via_branch", cell(via.branch().unwrap_or_default())),
        ("via_sentby", sent_by),
        ("from_uri", cell(message.from().uri_bytes())),
        ("from_tag", cell(message.from().tag().unwrap_or_default())),
        ("to_uri", cell(message.to().uri_bytes())),
        ("to_tag", cell(message.to().tag().unwrap_or_default())),
        ("call_id", cell(message.call_id())),
        ("cseq", format!("{} {}", cseq.number, cell(cseq.method_bytes))),
        ("contact", contact),
        ("clen", number(message.content_length())),
        ("max_forwards", number(message.max_forwards().map(u32::from))),
        ("rr_n", message.values(Name::RecordRoute).count().to_string()),
        ("rr_first", first(Name::RecordRoute)),
        ("route_n", message.values(Name::Route).count().to_string()),
        ("route_first", first(Name::Route)),
        ("body_len", message.body().len().to_string()),
    ]
}

/// One cell of a table: what is not printable ASCII as `\xNN`.
fn cell(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\x5c"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap(),
        }
    }
    text
}

#[test]
fn a_stream_gives_all_its_messages_however_it_is_divided() {
    let case = corpus::cases()
        .into_iter()
        .find(|case| case.file == "tcp-stream-20-bursts.sip")
        .unwrap();
    let whole = framed(&case.bytes, case.bytes.len());
    assert_eq!(whole.len(), 20);
    for piece_len in [1, 2, 3, 7, 64, 289, 290, 291, 1460] {
        assert_eq!(framed(&case.bytes, piece_len), whole, "pieces of {piece_len}");
    }
    for message in &whole {
        parse(message).unwrap();
    }
}

fn framed(stream: &[u8], piece_len: usize) -> Vec<Vec<u8>> {
    let (mut framer, mut buffer, mut messages) = (Framer::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(piece_len) {
        buffer.extend_from_slice(piece);
        loop {
            let end = match framer.next(&buffer) {
                Step::More => break,
                Step::Blank { end } | Step::Ping { end } => end,
                Step::Message { end } => {
                    messages.push(buffer[..end].to_vec());
                    end
                }
                Step::Broken(error) => panic!("{error}"),
            };
            buffer.drain(..end);
        }
    }
    messages
}

#[test]
fn streams_wait_or_close_where_datagrams_are_refused() {
    let bytes = |path: &str| fs::read(corpus::root().join(path)).unwrap();
    assert_eq!(Framer::new().next(&bytes("rfc4475/clerr.sip")), Step::More);
    assert!(matches!(
        Framer::new().next(&bytes("rfc4475/ncl.sip")),
        Step::Broken(_)
    ));
    assert!(matches!(
        Framer::new().next(&bytes("rfc4475/mcl01.sip")),
        Step::Broken(_)
    ));
    assert_eq!(
        Framer::new().next(&bytes("hostile/frame-no-blank-line.sip")),
        Step::More
    );
    let double = bytes("rfc4475/dblreq.sip");
    let mut framer = Framer::new();
    let Step::Message { end } = framer.next(&double) else {
        panic!("one message")
    };
    assert!(end < double.len());
    assert!(
        double[..end].starts_with(b"REGISTER") && double[end..].trim_ascii_start().starts_with(b"INVITE")
    );
}
