//! Other Rust SIP parsers, each reading the fields that routing needs.

use bytes::Bytes;

/// Whether a message could be read and gave its fields.
type Run = fn(&[u8]) -> bool;

/// Every peer: its name, and whether it could read the message and take the fields.
pub const ALL: [(&str, Run); 3] = [("rsip", rsip), ("rsipstack", rsipstack), ("ezk-sip-types", ezk)];

fn rsip(bytes: &[u8]) -> bool {
    use ::rsip::prelude::*;
    let Ok(request) = ::rsip::Request::try_from(bytes) else {
        return false;
    };
    let read = || -> Option<_> {
        let via = request.via_header().ok()?.typed().ok()?;
        let from = request.from_header().ok()?.typed().ok()?;
        let to = request.to_header().ok()?.typed().ok()?;
        let cseq = request.cseq_header().ok()?.seq().ok()?;
        let contact = request.contact_header().ok()?.uri().ok()?;
        let forwards = request.max_forwards_header().ok()?.num().ok()?;
        Some((
            via.branch().is_some() && from.tag().is_some() && to.tag().is_none(),
            std::hint::black_box((cseq, contact, forwards)),
        ))
    };
    let _ = (request.call_id_header(), request.route_header());
    read().is_some_and(|(fits, _)| fits)
}

fn rsipstack(bytes: &[u8]) -> bool {
    use ::rsipstack::sip::prelude::*;
    let Ok(::rsipstack::sip::SipMessage::Request(request)) = ::rsipstack::sip::parser::parse_message(bytes)
    else {
        return false;
    };
    let read = || -> Option<_> {
        let via = request.via_header().ok()?.typed().ok()?;
        let from = request.from_header().ok()?.tag().ok()?;
        let to = request.to_header().ok()?.tag().ok()?;
        let cseq = request.cseq_header().ok()?.seq().ok()?;
        let contact = request.contact_header().ok()?.typed().ok()?;
        let forwards = request
            .max_forwards_header()
            .ok()?
            .value()
            .trim()
            .parse::<u8>()
            .ok()?;
        Some((
            from.is_some() && to.is_none(),
            std::hint::black_box((via, cseq, contact, forwards)),
        ))
    };
    let _ = (request.call_id_header(), request.route_header());
    read().is_some_and(|(fits, _)| fits)
}

fn ezk(bytes: &[u8]) -> bool {
    use ezk_sip_types::header::typed::{CSeq, CallID, Contact, FromTo, MaxForwards, Via};
    use ezk_sip_types::msg::{Line, MessageLine, PullParser};
    use ezk_sip_types::parse::Parse;
    use ezk_sip_types::{Headers, Name};

    let source = Bytes::copy_from_slice(bytes);
    let mut lines = PullParser::new(&source, 0);
    let mut read = || -> Option<bool> {
        let start = std::str::from_utf8(lines.next()?.ok()?).ok()?;
        let (_, start) = MessageLine::parse(&source)(start).ok()?;
        let mut headers = Headers::with_capacity(16);
        for line in &mut lines {
            let (_, line) = Line::parse(&source, std::str::from_utf8(line.ok()?).ok()?).ok()?;
            headers.insert(line.name, line.value);
        }
        let via: Via = headers.get_named().ok()?;
        let from: FromTo = headers.get(Name::FROM).ok()?;
        let to: FromTo = headers.get(Name::TO).ok()?;
        let call_id: CallID = headers.get_named().ok()?;
        let cseq: CSeq = headers.get_named().ok()?;
        let contact: Contact = headers.get_named().ok()?;
        let forwards: MaxForwards = headers.get_named().ok()?;
        let fits = from.tag.is_some() && to.tag.is_none();
        std::hint::black_box((start, via, call_id, cseq, contact, forwards));
        Some(fits)
    };
    read().unwrap_or(false)
}
