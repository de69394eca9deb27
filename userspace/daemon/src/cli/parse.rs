//! `trunkline parse`: what the edge understands of messages in files.

use std::{fs, net::SocketAddr, path::PathBuf};

use serde::Serialize;
use trunkline_sip::{
    Message, Name, NameAddr, ParseError,
    framing::{Framer, Step},
    is_keepalive, parse, write,
};

use crate::cli::{Common, Failure, table};

/// Options of the verb.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files that hold one datagram each.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Each file holds a TCP stream with any number of messages.
    #[arg(long)]
    stream: bool,
}

/// What is said about one message. Texts are raw: folds are one space, bytes outside printable ASCII are `\xNN`.
#[derive(Debug, Serialize)]
struct Verdict {
    file: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<u16>,
    #[serde(flatten)]
    fields: Option<Fields>,
}

/// The routing fields of an accepted message; what is not there is an empty string.
#[derive(Debug, Serialize)]
struct Fields {
    start: String,
    ruri: String,
    via_n: String,
    via_branch: String,
    via_sentby: String,
    from_uri: String,
    from_tag: String,
    to_uri: String,
    to_tag: String,
    call_id: String,
    cseq: String,
    contact: String,
    clen: String,
    max_forwards: String,
    rr_n: String,
    rr_first: String,
    route_n: String,
    route_first: String,
    body_len: String,
}

/// Parses each file and prints what was understood. A file that cannot be read fails the verb; a bad message does not.
pub(crate) fn run(common: &Common, options: &Options) -> Result<(), Failure> {
    let mut has_failed = false;
    for path in &options.files {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("trunkline: cannot read {}: {error}", path.display());
                has_failed = true;
                continue;
            }
        };
        let file = path.display().to_string();
        let verdicts = if options.stream {
            judge_stream(&file, &bytes)
        } else {
            vec![judge(&file, &bytes)]
        };
        for verdict in &verdicts {
            if common.json {
                println!("{}", serde_json::to_string(verdict).map_err(anyhow::Error::from)?);
            } else {
                println!("{}", describe(verdict));
            }
        }
    }
    if has_failed { Err(Failure::Silent) } else { Ok(()) }
}

fn judge(file: &str, bytes: &[u8]) -> Verdict {
    if is_keepalive(bytes) {
        return Verdict {
            file: file.to_owned(),
            verdict: "keepalive",
            kind: None,
            offset: None,
            answer: None,
            fields: None,
        };
    }
    match parse(bytes) {
        Ok(message) => accepted(file, &message),
        Err(error) => rejected(file, bytes, &error, 0),
    }
}

/// Takes messages off a stream as long as their ends can be found.
fn judge_stream(file: &str, bytes: &[u8]) -> Vec<Verdict> {
    let (mut framer, mut verdicts, mut start) = (Framer::new(), Vec::new(), 0);
    loop {
        let rest = &bytes[start..];
        match framer.next(rest) {
            Step::Blank { end } | Step::Ping { end } => start += end,
            Step::Message { end } => {
                verdicts.push(match parse(&rest[..end]) {
                    Ok(message) => accepted(file, &message),
                    Err(error) => rejected(file, &rest[..end], &error, start),
                });
                start += end;
            }
            Step::Broken(error) => {
                verdicts.push(rejected(file, rest, &error, start));
                return verdicts;
            }
            Step::More => {
                // What is left is no whole message; a stream of nothing but line ends is a keep-alive.
                match parse(rest) {
                    Err(error) if !rest.is_empty() => verdicts.push(rejected(file, rest, &error, start)),
                    Ok(message) if !rest.is_empty() => verdicts.push(accepted(file, &message)),
                    _ if verdicts.is_empty() => verdicts.push(judge(file, &[])),
                    _ => {}
                }
                return verdicts;
            }
        }
    }
}

fn rejected(file: &str, bytes: &[u8], error: &ParseError, start: usize) -> Verdict {
    let source = SocketAddr::from(([192, 0, 2, 1], 5060));
    let mut buffer = [0; 65_535];
    let is_answerable = write::answer_malformed(bytes, error, source, b"tag", &mut buffer).is_some();
    Verdict {
        file: file.to_owned(),
        verdict: "reject",
        kind: Some(error.kind.as_str()),
        offset: Some(start + error.offset),
        answer: error
            .kind
            .answer()
            .filter(|_| is_answerable)
            .map(trunkline_sip::Status::code),
        fields: None,
    }
}

fn accepted(file: &str, message: &Message<'_>) -> Verdict {
    let via = message.top_via();
    let sent_by = match via.sent_by_port() {
        Some(port) => format!("{}:{port}", clean(via.sent_by_host())),
        None => clean(via.sent_by_host()),
    };
    let start = match message.status() {
        Some(status) => status.code().to_string(),
        None => clean(message.method_bytes()),
    };
    let cseq = message.cseq();
    let fields = Fields {
        start,
        ruri: clean(message.request_uri()),
        via_n: message.via_count().to_string(),
        via_branch: via.branch().map(clean).unwrap_or_default(),
        via_sentby: sent_by,
        from_uri: clean(message.from().uri_bytes()),
        from_tag: message.from().tag().map(clean).unwrap_or_default(),
        to_uri: clean(message.to().uri_bytes()),
        to_tag: message.to().tag().map(clean).unwrap_or_default(),
        call_id: clean(message.call_id()),
        cseq: format!("{} {}", cseq.number, clean(cseq.method_bytes)),
        contact: first_uri(message, Name::Contact),
        clen: message
            .content_length()
            .map(|len| len.to_string())
            .unwrap_or_default(),
        max_forwards: message
            .max_forwards()
            .map(|hops| hops.to_string())
            .unwrap_or_default(),
        rr_n: message.values(Name::RecordRoute).count().to_string(),
        rr_first: first_uri(message, Name::RecordRoute),
        route_n: message.values(Name::Route).count().to_string(),
        route_first: first_uri(message, Name::Route),
        body_len: message.body().len().to_string(),
    };
    Verdict {
        file: file.to_owned(),
        verdict: "accept",
        kind: None,
        offset: None,
        answer: None,
        fields: Some(fields),
    }
}

fn first_uri(message: &Message<'_>, name: Name) -> String {
    let Some(value) = message.values(name).next() else {
        return String::new();
    };
    if value == b"*" {
        return "*".to_owned();
    }
    NameAddr::parse(value).map_or_else(|_| clean(value), |address| clean(address.uri_bytes()))
}

/// Printable text: a fold (line end and the blanks around it) becomes one space, other bytes `\xNN`.
fn clean(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(**byte, b' ' | b'\t'))
            .count();
        if rest[blanks..].starts_with(b"\r\n") {
            text.push(' ');
            rest = rest.trim_ascii_start();
            continue;
        }
        match byte {
            0x20..=0x7e if *byte != b'\\' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
        rest = tail;
    }
    text
}

fn describe(verdict: &Verdict) -> String {
    let head = format!("{}: {}", verdict.file, verdict.verdict);
    let Some(fields) = &verdict.fields else {
        let Some(kind) = verdict.kind else { return head };
        let answer = verdict.answer.map_or("not answered".to_owned(), |status| {
            format!("answered with {status}")
        });
        return format!(
            "{head}: {kind} at byte {}, {answer}",
            verdict.offset.unwrap_or_default()
        );
    };
    let rows = [
        ("  start", format!("{} {}", fields.start, fields.ruri)),
        (
            "  via",
            format!(
                "{} in all, top {} branch {}",
                fields.via_n, fields.via_sentby, fields.via_branch
            ),
        ),
        ("  from", format!("{} tag {}", fields.from_uri, fields.from_tag)),
        ("  to", format!("{} tag {}", fields.to_uri, fields.to_tag)),
        ("  call-id", fields.call_id.clone()),
        ("  cseq", fields.cseq.clone()),
        ("  contact", fields.contact.clone()),
        ("  max-forwards", fields.max_forwards.clone()),
        ("  record-route", format!("{} {}", fields.rr_n, fields.rr_first)),
        ("  route", format!("{} {}", fields.route_n, fields.route_first)),
        ("  body", format!("{} bytes", fields.body_len)),
    ];
    let rows: Vec<(&str, String)> = rows
        .into_iter()
        .map(|(name, value)| (name, value.trim_end().to_owned()))
        .collect();
    format!("{head}\n{}", table::pairs(&rows).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:+12025550100@192.0.2.10 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.20:5061;branch=z9hG4bKa\r\n\
        From: \"A\" <sip:100@192.0.2.20>;tag=f1\r\nTo: <sip:+12025550100@192.0.2.10>\r\n\
        Call-ID: a@b\r\nCSeq: 0007 INVITE\r\nContact: <sip:100@192.0.2.20:5061>\r\nMax-Forwards: 70\r\n\
        Content-Length: 0\r\n\r\n";

    #[test]
    fn an_accepted_message_shows_its_routing_fields() {
        let verdict = judge("a.sip", INVITE);
        let fields = verdict.fields.as_ref().unwrap();
        assert_eq!(
            (fields.start.as_str(), fields.cseq.as_str()),
            ("INVITE", "7 INVITE")
        );
        assert_eq!(
            (fields.via_sentby.as_str(), fields.via_n.as_str()),
            ("192.0.2.20:5061", "1")
        );
        assert_eq!(fields.contact, "sip:100@192.0.2.20:5061");
        let json = serde_json::to_value(&verdict).unwrap();
        assert_eq!(
            (json["verdict"].as_str(), json["to_tag"].as_str()),
            (Some("accept"), Some(""))
        );
        assert!(json.get("kind").is_none());
    }

    #[test]
    fn a_rejected_message_shows_why_and_what_it_earns() {
        let broken = String::from_utf8(INVITE.to_vec())
            .unwrap()
            .replace("Max-Forwards: 70", "Max-Forwards: x");
        let verdict = judge("a.sip", broken.as_bytes());
        assert_eq!(
            (verdict.verdict, verdict.kind, verdict.answer),
            ("reject", Some("bad_max_forwards"), Some(400))
        );
    }

    #[test]
    fn a_stream_holds_any_number_of_messages() {
        let mut stream = b"\r\n\r\n".to_vec();
        stream.extend_from_slice(INVITE);
        stream.extend_from_slice(INVITE);
        let verdicts: Vec<&str> = judge_stream("a", &stream)
            .iter()
            .map(|verdict| verdict.verdict)
            .collect();
        assert_eq!(verdicts, ["accept", "accept"]);
        assert_eq!(judge_stream("a", b"\r\n\r\n")[0].verdict, "keepalive");
    }

    #[test]
    fn text_is_printable() {
        assert_eq!(clean(b"a \t\r\n  b\\c\x00\xff"), "a b\\x5cc\\x00\\xff");
    }
}
