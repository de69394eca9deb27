//! The SIP messages of one call as a ladder.

use std::{fmt::Write as _, net::SocketAddr};

use serde::{Deserialize, Serialize};
use trunkline_engine::trace::{Direction, TraceEntry};
use trunkline_sip::{Name, parse};

use crate::wall_clock::WallClock;

/// Characters from one column to the next.
const COLUMN: usize = 30;
/// Characters in front of the first column: the time.
const MARGIN: usize = 10;

/// The messages of a call that are still kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ladder {
    pub(crate) id: String,
    pub(crate) messages: Vec<Message>,
    /// The ladder as a drawing.
    pub(crate) text: String,
}

/// One message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) at: String,
    /// Since the first message, in milliseconds.
    pub(crate) offset_ms: f64,
    /// "received" or "sent", seen from the edge.
    pub(crate) direction: String,
    pub(crate) local: String,
    pub(crate) remote: String,
    /// The method, or the status with the method that it answers.
    pub(crate) label: String,
    pub(crate) len: usize,
    /// The message; what is not UTF-8 is replaced, and a long message is cut off.
    pub(crate) text: String,
}

impl Ladder {
    /// The ladder of `entries`, oldest first, for the edge named `node`.
    pub(crate) fn of(id: &str, node: &str, entries: &[TraceEntry], clock: &WallClock) -> Self {
        let first = entries.first().map(|entry| entry.at).unwrap_or_default();
        let messages = entries
            .iter()
            .map(|entry| Message {
                at: clock.rfc3339(entry.at),
                offset_ms: entry.at.saturating_since(first).as_nanos() as f64 / 1e6,
                direction: match entry.direction {
                    Direction::Received => "received",
                    Direction::Sent => "sent",
                }
                .to_owned(),
                local: entry.local.to_string(),
                remote: entry.remote.to_string(),
                label: label(&entry.bytes),
                len: entry.full_len,
                text: String::from_utf8_lossy(&entry.bytes).into_owned(),
            })
            .collect();
        Self {
            id: id.to_owned(),
            text: draw(node, entries),
            messages,
        }
    }
}

/// What a message is, in few words.
fn label(bytes: &[u8]) -> String {
    let Ok(message) = parse(bytes) else {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        return String::from_utf8_lossy(line).chars().take(COLUMN - 8).collect();
    };
    let method = String::from_utf8_lossy(message.method_bytes()).into_owned();
    let has_sdp = message
        .content_type()
        .is_some_and(|kind| kind.starts_with(b"application/sdp"));
    let sdp = if has_sdp && !message.body().is_empty() {
        " SDP"
    } else {
        ""
    };
    match message.status() {
        None if message.header(Name::To).is_some() && message.to().tag().is_some() && method == "INVITE" => {
            format!("re-INVITE{sdp}")
        }
        None => format!("{method}{sdp}"),
        Some(status) => format!("{} {method}{sdp}", status.code()),
    }
}

/// Columns: the first peer, the edge, then the other peers in the order in which they appear.
fn draw(node: &str, entries: &[TraceEntry]) -> String {
    let mut peers: Vec<SocketAddr> = Vec::new();
    for entry in entries {
        if !peers.contains(&entry.remote) {
            peers.push(entry.remote);
        }
    }
    let Some(first) = entries.first() else {
        return "no messages are kept\n".to_owned();
    };
    let mut heads: Vec<String> = peers.iter().map(ToString::to_string).collect();
    heads.insert(1, node.to_owned());
    let mut text = " ".repeat(MARGIN);
    for head in &heads {
        let _ = write!(text, "{head:<COLUMN$}");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    for entry in entries {
        let place = peers
            .iter()
            .position(|peer| *peer == entry.remote)
            .unwrap_or_default();
        let column = if place == 0 { 0 } else { place + 1 };
        let seconds = entry.at.saturating_since(first.at).as_secs_f64();
        let _ = write!(text, "{seconds:>8.3}  ");
        let to_edge = entry.direction == Direction::Received;
        text.push_str(rung(heads.len(), column, to_edge, &label(&entry.bytes)).trim_end());
        text.push('\n');
    }
    text
}

/// One line: an arrow between `column` and the edge, bars in the other columns.
fn rung(columns: usize, column: usize, to_edge: bool, label: &str) -> String {
    const EDGE: usize = 1;
    let mut line: Vec<char> = vec![' '; (columns - 1) * COLUMN + 1];
    for bar in 0..columns {
        line[bar * COLUMN] = '|';
    }
    let (left, right) = (column.min(EDGE) * COLUMN, column.max(EDGE) * COLUMN);
    let points_right = to_edge == (column < EDGE);
    for cell in &mut line[left + 1..right] {
        *cell = '-';
    }
    if points_right {
        line[right - 1] = '>';
    } else {
        line[left + 1] = '<';
    }
    // The label stands next to the edge, so that arrows across several columns stay readable.
    let room = COLUMN - 6;
    let shown: Vec<char> = format!(" {} ", label.chars().take(room).collect::<String>())
        .chars()
        .collect();
    let start = left + (COLUMN - shown.len()) / 2;
    line[start..start + shown.len()].copy_from_slice(&shown);
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use trunkline_call::action::CallRef;
    use trunkline_time::Timestamp;

    use super::*;

    fn entry(ms: u64, direction: Direction, remote: &str, start: &str, cseq: &str) -> TraceEntry {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
             Call-ID: x\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        TraceEntry {
            at: Timestamp::from_nanos(ms * 1_000_000),
            call: CallRef {
                index: 1,
                generation: 1,
            },
            direction,
            local: "192.0.2.10:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            full_len: text.len(),
            bytes: text.into_bytes(),
        }
    }

    #[test]
    fn a_ladder_shows_who_sent_what() {
        let (pbx, carrier) = ("192.0.2.20:5060", "198.51.100.10:5060");
        let entries = [
            entry(
                1_000,
                Direction::Received,
                pbx,
                "INVITE sip:1@h SIP/2.0",
                "1 INVITE",
            ),
            entry(1_001, Direction::Sent, pbx, "SIP/2.0 100 Trying", "1 INVITE"),
            entry(
                1_002,
                Direction::Sent,
                carrier,
                "INVITE sip:1@h SIP/2.0",
                "1 INVITE",
            ),
            entry(
                1_250,
                Direction::Received,
                carrier,
                "SIP/2.0 180 Ringing",
                "1 INVITE",
            ),
        ];
        let clock = WallClock::at(
            Timestamp::from_nanos(2_000_000_000),
            "2026-03-01T12:00:00Z".parse().unwrap(),
        );
        let ladder = Ladder::of("c1", "edge1", &entries, &clock);
        assert_eq!(ladder.messages[3].label, "180 INVITE");
        assert_eq!(ladder.messages[3].at, "2026-03-01T11:59:59.250Z");
        assert_eq!(
            ladder.text,
            "          192.0.2.20:5060               edge1                         198.51.100.10:5060\n\
             \u{20}  0.000  |---------- INVITE ---------->|                             |\n\
             \u{20}  0.001  |<------- 100 INVITE ---------|                             |\n\
             \u{20}  0.002  |                             |---------- INVITE ---------->|\n\
             \u{20}  0.250  |                             |<------- 180 INVITE ---------|\n"
        );
    }

    #[test]
    fn nothing_kept_is_said() {
        let ladder = Ladder::of("c1", "edge1", &[], &WallClock::now());
        assert_eq!(ladder.text, "no messages are kept\n");
    }
}
