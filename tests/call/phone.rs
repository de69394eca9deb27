//! User agents that say what a test wants, as text.

use std::fmt::Write;

/// One message as text.
#[derive(Clone, Debug)]
pub(crate) struct Msg {
    pub(crate) text: String,
}

impl Msg {
    pub(crate) fn new(text: String) -> Self {
        Self { text }
    }

    /// The value of the first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    /// The values of all headers of that name.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or("");
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
            .collect()
    }

    #[track_caller]
    pub(crate) fn must(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name} in\n{}", self.text))
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(crate) fn request_uri(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or("")
    }

    /// The URI of the Contact.
    pub(crate) fn contact(&self) -> String {
        self.must("Contact")
            .trim_start_matches('<')
            .split('>')
            .next()
            .unwrap_or("")
            .to_string()
    }

    /// Port of the first audio description.
    #[track_caller]
    pub(crate) fn audio_port(&self) -> u16 {
        let line = self
            .body()
            .lines()
            .find(|l| l.starts_with("m=audio "))
            .expect("audio");
        line.split(' ')
            .nth(1)
            .and_then(|p| p.parse().ok())
            .expect("a port")
    }
}

/// A session description from `ip`.
pub(crate) fn sdp(ip: &str, port: u16) -> String {
    sdp_with(
        ip,
        port,
        "0 8 101",
        "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
        1,
    )
}

/// A session description with formats, attributes and version of choice.
pub(crate) fn sdp_with(ip: &str, port: u16, formats: &str, attributes: &str, version: u32) -> String {
    format!(
        "v=0\r\no=corp-secret 7 {version} IN IP4 {ip}\r\ns=call\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\n{attributes}"
    )
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Phone {
    pub(crate) address: String,
    pub(crate) call_id: String,
    /// From of our requests.
    pub(crate) local: String,
    /// To of our requests.
    pub(crate) remote: String,
    pub(crate) target: String,
    pub(crate) cseq: u32,
    pub(crate) branches: u32,
}

impl Phone {
    /// A caller at `address`.
    pub(crate) fn caller(address: &str, user: &str, to: &str) -> Self {
        let host = if address.starts_with("10.") {
            "pbx.corp.example"
        } else {
            "carrier.example"
        };
        let edge = if address.starts_with("10.") {
            "10.0.0.10"
        } else {
            "198.51.100.10"
        };
        Self {
            address: address.into(),
            call_id: format!("{user}-1@{host}"),
            local: format!("\"Caller\" <sip:{user}@{host}>;tag=caller1"),
            remote: format!("<sip:{to}@{edge}>"),
            target: format!("sip:{to}@{edge}"),
            cseq: 0,
            branches: 0,
        }
    }

    /// The callee of an INVITE that the edge sent.
    pub(crate) fn callee(address: &str, invite: &Msg) -> Self {
        Self {
            address: address.into(),
            call_id: invite.must("Call-ID").into(),
            local: format!("{};tag=callee-{}", invite.must("To"), address.len()),
            remote: invite.must("From").into(),
            target: invite.contact(),
            cseq: 100,
            branches: 0,
        }
    }

    /// A request: outside of a dialog as long as the To has no tag.
    pub(crate) fn request(&mut self, method: &str, fields: &str, body: &str) -> String {
        self.cseq += 1;
        self.numbered(method, self.cseq, fields, body)
    }

    /// A request with a CSeq number of choice; each has a branch of its own.
    pub(crate) fn numbered(&mut self, method: &str, cseq: u32, fields: &str, body: &str) -> String {
        self.branches += 1;
        let branch = format!("z9hG4bK-{}-{}", self.call_id.replace('@', "-"), self.branches);
        self.with_branch(method, cseq, &branch, fields, body)
    }

    pub(crate) fn with_branch(
        &self,
        method: &str,
        cseq: u32,
        branch: &str,
        fields: &str,
        body: &str,
    ) -> String {
        let mut text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:me@{}>\r\n{fields}",
            self.target, self.address, self.local, self.remote, self.call_id, self.address
        );
        if !body.is_empty() && !fields.contains("Content-Type") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("room");
        text
    }

    pub(crate) fn invite(&mut self, body: &str) -> String {
        self.request("INVITE", "", body)
    }

    /// The CANCEL of the newest request.
    pub(crate) fn cancel(&self) -> String {
        let branch = format!("z9hG4bK-{}-{}", self.call_id.replace('@', "-"), self.branches);
        self.with_branch("CANCEL", self.cseq, &branch, "", "")
    }

    /// The ACK for a 2xx.
    pub(crate) fn ack(&mut self, body: &str) -> String {
        self.numbered("ACK", self.cseq, "", body)
    }

    /// The ACK for a failure of the newest INVITE, which belongs to its transaction.
    pub(crate) fn ack_failure(&self) -> String {
        let branch = format!("z9hG4bK-{}-{}", self.call_id.replace('@', "-"), self.branches);
        self.with_branch("ACK", self.cseq, &branch, "", "")
    }

    /// Takes tag and target of a response.
    pub(crate) fn learn(&mut self, response: &Msg) {
        self.remote = response.must("To").into();
        if response.header("Contact").is_some() {
            self.target = response.contact();
        }
    }

    /// A response to a request of the edge.
    pub(crate) fn respond(&self, request: &Msg, status: &str, fields: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for via in request.headers("Via") {
            write!(text, "Via: {via}\r\n").expect("room");
        }
        for route in request.headers("Record-Route") {
            write!(text, "Record-Route: {route}\r\n").expect("room");
        }
        let to = request.must("To");
        let to = if to.contains(";tag=") || status.starts_with("100") {
            to
        } else {
            &self.local
        };
        write!(
            text,
            "From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:me@{}>\r\n{fields}",
            request.must("From"),
            request.must("Call-ID"),
            request.must("CSeq"),
            self.address
        )
        .expect("room");
        if !body.is_empty() && !fields.contains("Content-Type") {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("room");
        text
    }
}
