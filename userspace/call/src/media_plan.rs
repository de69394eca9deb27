//! SDP on one hand, ports and flows on the other.
//!
//! Each media description of a call is a stream with a pair of our ports on each side. An offer is remembered until its
//! answer comes, and only the answer changes flows: a refused offer leaves the old media as they were.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use trunkline_media::{FlowId, LatchPolicy, PortPair, Prefix};
use trunkline_sip::path::Path;
use trunkline_sip::sdp::{self, Edits, Identity, MediaDescription, MediaEdit, SessionDescription};

use crate::call::Side;
use crate::cdr::MediaTotals;
use crate::ctx::Ctx;
use crate::header_policy;
use crate::plan::{RoutePlan, TrunkId};
use ports::{give_back, take};

pub(crate) mod flows;
mod ports;

/// Most media descriptions of one call that are relayed; further ones are refused with port 0.
pub(crate) const STREAMS_MAX: usize = 4;

/// What an edited description may be longer than the original.
const GROWTH_MAX: usize = 1024;

/// Why a description cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaError {
    /// It cannot be read, keeps no codec, or answers nothing.
    Body,
    /// No port or flow is left.
    Ports,
}

/// All media of one call.
#[derive(Debug)]
pub(crate) struct MediaPlan {
    pub(super) user: u64,
    pub(super) a: End,
    pub(super) b: End,
    pub(super) streams: Vec<Stream>,
    offer: Option<Offer>,
    /// First audio codec of the newest answer.
    pub(crate) codec: String,
    pub(super) totals: [MediaTotals; 2],
    /// Whether silence counts: the call is answered.
    pub(super) is_live: bool,
}

/// One side.
#[derive(Debug)]
pub(super) struct End {
    pub(super) zone: u8,
    pub(super) address: IpAddr,
    pub(super) latch: LatchPolicy,
    pub(super) prefixes: Option<Arc<[Prefix]>>,
    pub(super) dscp: u8,
    pub(super) timeout: Duration,
    session_id: u64,
    version: u64,
    fingerprint: u64,
    /// The description that this side was told last and that was agreed on.
    told: Vec<u8>,
}

/// One media description.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) a: Option<PortPair>,
    pub(super) b: Option<PortPair>,
    pub(super) a_remote: Remote,
    pub(super) b_remote: Remote,
    pub(super) flows: Vec<FlowId>,
}

/// What one side says about a stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Remote {
    pub(super) is_open: bool,
    pub(super) rtp: Option<SocketAddr>,
    pub(super) rtcp: Option<SocketAddr>,
    pub(super) has_mux: bool,
    pub(super) is_held: bool,
    pub(super) is_udptl: bool,
    pub(super) is_srtp: bool,
    pub(super) clock_rate: u32,
}

#[derive(Debug)]
struct Offer {
    from: Side,
    remotes: Vec<Remote>,
    /// What the other side saw of it.
    edited: Vec<u8>,
}

impl MediaPlan {
    /// No media yet; the A side is known.
    pub(crate) fn new(user: u64, plan: &RoutePlan, trunk: TrunkId, path: &Path, session_id: u64) -> Self {
        Self {
            user,
            a: End::new(plan, trunk, path, session_id),
            b: End::new(plan, trunk, path, session_id),
            streams: Vec::new(),
            offer: None,
            codec: String::new(),
            totals: [MediaTotals::default(); 2],
            is_live: false,
        }
    }

    /// Says who the B side is.
    pub(crate) fn aim_b(&mut self, plan: &RoutePlan, trunk: TrunkId, path: &Path, session_id: u64) {
        self.b = End::new(plan, trunk, path, session_id);
    }

    /// Takes an offer of one side and returns it as the other side may see it.
    ///
    /// # Errors
    /// [`MediaError`]; the media are then as they were, but for ports taken.
    pub(crate) fn offer(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: Side,
        body: &[u8],
        codecs: &[String],
    ) -> Result<Vec<u8>, MediaError> {
        let description = SessionDescription::parse(body).map_err(|_| MediaError::Body)?;
        let remotes: Vec<Remote> = description
            .media()
            .iter()
            .take(STREAMS_MAX)
            .map(|m| Remote::of(&description, m))
            .collect();
        for (place, remote) in remotes.iter().enumerate() {
            if self.streams.len() <= place {
                self.streams.push(Stream::default());
            }
            if remote.is_open && !self.open_ports(ctx, place) {
                return Err(MediaError::Ports);
            }
        }
        let edited = self.edit(from, body, codecs, &remotes)?;
        self.offer = Some(Offer {
            from,
            remotes,
            edited: edited.clone(),
        });
        Ok(edited)
    }

    /// Takes an answer of one side to the offer of the other, opens or changes the flows, and returns the answer as the
    /// other side may see it. Early media bring several answers to one offer; the newest counts.
    ///
    /// # Errors
    /// [`MediaError`].
    pub(crate) fn answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: Side,
        body: &[u8],
    ) -> Result<Vec<u8>, MediaError> {
        let description = SessionDescription::parse(body).map_err(|_| MediaError::Body)?;
        let offer = self
            .offer
            .take()
            .filter(|o| o.from != from)
            .ok_or(MediaError::Body)?;
        let remotes: Vec<Remote> = description
            .media()
            .iter()
            .take(STREAMS_MAX)
            .map(|m| Remote::of(&description, m))
            .collect();
        let edited = self.edit(from, body, &[], &remotes)?;
        for (place, stream) in self.streams.iter_mut().enumerate() {
            let answered = remotes.get(place).copied().unwrap_or_default();
            let offered = offer.remotes.get(place).copied().unwrap_or_default();
            match from {
                Side::A => (stream.a_remote, stream.b_remote) = (answered, offered),
                Side::B => (stream.a_remote, stream.b_remote) = (offered, answered),
            }
        }
        let (offerer, answerer) = match from {
            Side::A => (&mut self.b, &mut self.a),
            Side::B => (&mut self.a, &mut self.b),
        };
        offerer.told.clone_from(&edited);
        answerer.told.clone_from(&offer.edited);
        self.offer = Some(offer);
        self.codec = codec_of(&description).unwrap_or_else(|| core::mem::take(&mut self.codec));
        if self.apply(ctx) {
            Ok(edited)
        } else {
            Err(MediaError::Ports)
        }
    }

    /// Forgets an offer that was refused or has its final answer.
    pub(crate) fn settle(&mut self) {
        self.offer = None;
    }

    /// Whether an offer waits for its answer, and whose it is.
    pub(crate) fn offer_from(&self) -> Option<Side> {
        self.offer.as_ref().map(|o| o.from)
    }

    /// The description that one side was told last and that was agreed on; empty if there is none.
    pub(crate) fn last_towards(&self, side: Side) -> &[u8] {
        match side {
            Side::A => &self.a.told,
            Side::B => &self.b.told,
        }
    }

    /// Whether one side has put the other on hold.
    pub(crate) fn is_held(&self) -> bool {
        self.streams
            .iter()
            .any(|s| s.a_remote.is_open && (s.a_remote.is_held || s.b_remote.is_held))
    }

    /// Closes all flows and gives the ports of the B side back; those of the A side stay, as it may know them.
    pub(crate) fn close_side_b(&mut self, ctx: &mut Ctx<'_>) {
        self.close_flows(ctx);
        for stream in &mut self.streams {
            stream.b_remote = Remote::default();
            give_back(ctx, stream.b.take());
        }
        self.offer = None;
    }

    /// Closes everything; what the flows have seen stays in [`totals`](Self::totals).
    pub(crate) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.close_flows(ctx);
        for stream in &mut self.streams {
            give_back(ctx, stream.a.take());
            give_back(ctx, stream.b.take());
        }
        self.streams.clear();
        self.offer = None;
    }

    fn open_ports(&mut self, ctx: &mut Ctx<'_>, place: usize) -> bool {
        let Some(stream) = self.streams.get_mut(place) else {
            return false;
        };
        for (end, pair) in [(&self.a, &mut stream.a), (&self.b, &mut stream.b)] {
            if pair.is_none() {
                *pair = take(ctx, end);
            }
        }
        stream.a.is_some() && stream.b.is_some()
    }

    /// The description with our addresses and ports of the side that it goes to.
    fn edit(
        &mut self,
        from: Side,
        body: &[u8],
        codecs: &[String],
        remotes: &[Remote],
    ) -> Result<Vec<u8>, MediaError> {
        let codecs: Vec<&str> = codecs.iter().map(String::as_str).collect();
        let media: Vec<MediaEdit> = remotes
            .iter()
            .zip(&self.streams)
            .map(|(remote, stream)| {
                let pair = match from {
                    Side::A => &stream.b,
                    Side::B => &stream.a,
                };
                match pair.as_ref().filter(|_| remote.is_open) {
                    Some(pair) => MediaEdit {
                        port: pair.rtp,
                        rtcp_port: None,
                    },
                    None => MediaEdit {
                        port: 0,
                        rtcp_port: None,
                    },
                }
            })
            .collect();
        let end = match from {
            Side::A => &mut self.b,
            Side::B => &mut self.a,
        };
        end.note(body);
        let identity = Identity {
            username: "-",
            session_id: end.session_id,
            version: end.version,
            session_name: "-",
        };
        let edits = Edits {
            identity: Some(identity),
            address: end.address,
            media: &media,
            codecs: &codecs,
            direction: None,
        };
        let mut out = alloc::vec![0; body.len() + GROWTH_MAX];
        let len = sdp::rewrite(body, &edits, &mut out).map_err(|_| MediaError::Body)?;
        out.truncate(len);
        header_policy::hide_description(&mut out);
        Ok(out)
    }
}

impl End {
    fn new(plan: &RoutePlan, trunk: TrunkId, path: &Path, session_id: u64) -> Self {
        let policy = plan.trunk(trunk).map(|t| t.media);
        Self {
            zone: path.zone,
            address: path.local.ip(),
            latch: policy.map_or(LatchPolicy::Gated, |m| m.latch),
            prefixes: plan.media_prefixes(trunk),
            dscp: policy.map_or(0, |m| m.dscp),
            timeout: policy.map_or(Duration::ZERO, |m| m.timeout),
            // RFC 8866 has numbers here, and some peers read them into 63 bits.
            session_id: session_id >> 2,
            version: 0,
            fingerprint: 0,
            told: Vec::new(),
        }
    }

    /// A description that differs from the one before gets the next version.
    //= https://www.rfc-editor.org/rfc/rfc3264#section-8
    //# When issuing an offer that modifies the session,
    //# the "o=" line of the new SDP MUST be identical to that in the
    //# previous SDP, except that the version in the origin field MUST
    //# increment by one from the previous SDP.
    fn note(&mut self, body: &[u8]) {
        let print = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
        });
        if print != self.fingerprint {
            self.fingerprint = print;
            self.version += 1;
        }
    }
}

impl Remote {
    fn of(description: &SessionDescription<'_>, media: &MediaDescription<'_>) -> Self {
        let connection = description.connection_of(media);
        let ip = connection.and_then(|c| c.ip).filter(|ip| !ip.is_unspecified());
        let port = media.port();
        let is_open = port != 0;
        let has_mux = media.has_rtcp_mux();
        let rtcp_port = if has_mux {
            port
        } else {
            media.rtcp_port().unwrap_or(port.wrapping_add(1))
        };
        Self {
            is_open,
            rtp: ip.filter(|_| is_open).map(|ip| SocketAddr::new(ip, port)),
            rtcp: ip
                .filter(|_| is_open && rtcp_port != 0)
                .map(|ip| SocketAddr::new(ip, rtcp_port)),
            has_mux,
            is_held: description.is_held(media),
            is_udptl: media.proto().eq_ignore_ascii_case(b"udptl"),
            is_srtp: media.proto().windows(5).any(|w| w == b"SAVP" || w == b"/SAVP"),
            clock_rate: clock_rate(media),
        }
    }
}

fn clock_rate(media: &MediaDescription<'_>) -> u32 {
    let first = media.payload_types().next().and_then(|p| media.rtpmap(p));
    first.map_or(8000, |map| map.clock_rate)
}

/// The encoding of the first audio payload type.
fn codec_of(description: &SessionDescription<'_>) -> Option<String> {
    let audio = description
        .media()
        .iter()
        .find(|m| m.is_audio() && m.port() != 0)?;
    let map = audio.payload_types().next().and_then(|p| audio.rtpmap(p))?;
    core::str::from_utf8(map.encoding).ok().map(String::from)
}
