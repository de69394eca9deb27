//! The configuration as it is written: every table and key, values not yet judged.
//!
//! The document is walked by hand and not by a derived deserializer, because that one stops at the first problem.

mod trunk;

use std::ops::Range;

use toml::{Spanned, de::DeTable};

use crate::config::{
    problem::Problems,
    section::{Flag, Named, Number, Scalar, Section, Text},
};

pub(crate) use self::trunk::{Auth, Limits, Media, NumberEdit, Numbers, Trunk};

const TABLES: &[&str] = &[
    "node",
    "dataplane",
    "admin",
    "cdr",
    "calls",
    "zone",
    "trunk",
    "did",
    "route",
];
const NODE: &[&str] = &["name", "state_dir", "log", "log_format", "drain_timeout"];
const DATAPLANE: &[&str] = &["io", "xdp_mode", "cores", "media", "busy_poll"];
const ADMIN: &[&str] = &["listen", "token_file"];
const CDR: &[&str] = &["file", "rotate_size", "keep", "sync"];
const CALLS: &[&str] = &["capacity", "attempt_timeout", "ring_timeout"];
const ZONE: &[&str] = &["name", "interface", "address", "sip", "rtp_ports", "tls"];
const ZONE_TLS: &[&str] = &["certificate", "key"];
const DID: &[&str] = &["numbers", "trunk"];
const ROUTE: &[&str] = &["from", "prefix", "trunks", "strategy", "failover_on"];
const ROUTE_TRUNK: &[&str] = &["name", "weight", "price"];

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) node: Node,
    pub(crate) dataplane: Dataplane,
    pub(crate) admin: Admin,
    pub(crate) cdr: Cdr,
    pub(crate) calls: Calls,
    pub(crate) zones: Vec<Zone>,
    pub(crate) trunks: Vec<Trunk>,
    pub(crate) dids: Vec<Did>,
    pub(crate) routes: Vec<Route>,
}

#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) name: Option<Text>,
    pub(crate) state_dir: Option<Text>,
    pub(crate) log: Option<Text>,
    pub(crate) log_format: Option<Text>,
    pub(crate) drain_timeout: Option<Spanned<Scalar>>,
}

#[derive(Debug, Default)]
pub(crate) struct Dataplane {
    pub(crate) io: Option<Text>,
    pub(crate) xdp_mode: Option<Text>,
    pub(crate) cores: Option<Vec<Number>>,
    pub(crate) media: Option<Text>,
    pub(crate) busy_poll: Option<Flag>,
}

#[derive(Debug, Default)]
pub(crate) struct Admin {
    pub(crate) listen: Option<Text>,
    pub(crate) token_file: Option<Text>,
}

#[derive(Debug, Default)]
pub(crate) struct Cdr {
    pub(crate) file: Option<Text>,
    pub(crate) rotate_size: Option<Text>,
    pub(crate) keep: Option<Number>,
    pub(crate) sync: Option<Text>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) capacity: Option<Number>,
    pub(crate) attempt_timeout: Option<Spanned<Scalar>>,
    pub(crate) ring_timeout: Option<Spanned<Scalar>>,
}

#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<Text>,
    pub(crate) interface: Option<Text>,
    pub(crate) addresses: Vec<Text>,
    pub(crate) sip: Vec<Text>,
    pub(crate) rtp_ports: Option<Text>,
    pub(crate) tls: Option<Range<usize>>,
}

#[derive(Debug)]
pub(crate) struct Did {
    pub(crate) numbers: Vec<Text>,
    pub(crate) trunk: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) span: Range<usize>,
    pub(crate) from: Vec<Text>,
    pub(crate) prefixes: Vec<Text>,
    pub(crate) trunks: Vec<RouteTrunk>,
    pub(crate) strategy: Option<Text>,
    pub(crate) failover_on: Option<Vec<Spanned<Scalar>>>,
}

#[derive(Debug)]
pub(crate) struct RouteTrunk {
    pub(crate) name: Text,
    pub(crate) weight: Option<Number>,
    pub(crate) price: Option<Text>,
}

impl File {
    /// Reads `text`. What cannot be read is noted in `problems` and left out.
    pub(crate) fn read(text: &str, problems: &mut Problems<'_>) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().unwrap_or(0..0);
            problems.error(&at, format!("not TOML: {}", error.message()), "");
        }
        let root = Section::root(document.get_ref(), TABLES, problems);
        let mut file = Self {
            node: root
                .table("node", NODE, problems)
                .map(|it| Node::read(&it, problems))
                .unwrap_or_default(),
            dataplane: root
                .table("dataplane", DATAPLANE, problems)
                .map(|it| Dataplane::read(&it, problems))
                .unwrap_or_default(),
            ..Self::default()
        };
        if let Some(admin) = root.table("admin", ADMIN, problems) {
            file.admin = Admin {
                listen: admin.text("listen", problems),
                token_file: admin.text("token_file", problems),
            };
        }
        file.cdr = root
            .table("cdr", CDR, problems)
            .map(|it| Cdr::read(&it, problems))
            .unwrap_or_default();
        if let Some(calls) = root.table("calls", CALLS, problems) {
            file.calls = Calls {
                capacity: calls.number("capacity", problems),
                attempt_timeout: calls.scalar("attempt_timeout", problems),
                ring_timeout: calls.scalar("ring_timeout", problems),
            };
        }
        file.zones = root
            .tables("zone", ZONE, problems)
            .iter()
            .map(|it| Zone::read(it, problems))
            .collect();
        file.trunks = root
            .tables("trunk", trunk::TRUNK, problems)
            .iter()
            .map(|it| Trunk::read(it, problems))
            .collect();
        file.dids = root
            .tables("did", DID, problems)
            .iter()
            .map(|it| Did::read(it, problems))
            .collect();
        file.routes = root
            .tables("route", ROUTE, problems)
            .iter()
            .map(|it| Route::read(it, problems))
            .collect();
        file
    }
}

impl Node {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            name: section.text("name", problems),
            state_dir: section.text("state_dir", problems),
            log: section.text("log", problems),
            log_format: section.text("log_format", problems),
            drain_timeout: section.scalar("drain_timeout", problems),
        }
    }
}

impl Dataplane {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            io: section.text("io", problems),
            xdp_mode: section.text("xdp_mode", problems),
            cores: section.numbers("cores", problems),
            media: section.text("media", problems),
            busy_poll: section.flag("busy_poll", problems),
        }
    }
}

impl Cdr {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            file: section.text("file", problems),
            rotate_size: section.text("rotate_size", problems),
            keep: section.number("keep", problems),
            sync: section.text("sync", problems),
        }
    }
}

impl Zone {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        let tls = section.table("tls", ZONE_TLS, problems);
        if let Some(tls) = &tls {
            tls.required("certificate", "\"edge.pem\"", problems);
            tls.required("key", "\"edge.key\"", problems);
        }
        Self {
            span: section.span(),
            name: section.required("name", "\"core\"", problems),
            interface: section.required("interface", "\"eth0\"", problems),
            addresses: section.required_texts("address", "\"192.0.2.10\"", problems),
            sip: section.required_texts("sip", "[\"udp:5060\"]", problems),
            rtp_ports: section.required("rtp_ports", "\"20000-39999\"", problems),
            tls: tls.map(|section| section.span()),
        }
    }
}

impl Did {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            numbers: section.required_texts("numbers", "[\"+12025550100\"]", problems),
            trunk: section.required("trunk", "\"pbx\"", problems),
        }
    }
}

impl Route {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        let has_codes = section.has("failover_on");
        Self {
            span: section.span(),
            from: section.required_texts("from", "[\"pbx\"]", problems),
            prefixes: section.required_texts("prefix", "[\"+1\"]", problems),
            trunks: RouteTrunk::read_all(section, problems),
            strategy: section.text("strategy", problems),
            failover_on: has_codes.then(|| section.scalars("failover_on", problems)),
        }
    }
}

impl RouteTrunk {
    fn read_all(section: &Section<'_>, problems: &mut Problems<'_>) -> Vec<Self> {
        section.require("trunks", "[\"carrier-a\"]", problems);
        let mut trunks = Vec::new();
        for element in section.named("trunks", ROUTE_TRUNK, problems) {
            match element {
                Named::Name(name) => trunks.push(Self {
                    name,
                    weight: None,
                    price: None,
                }),
                Named::Table(table) => {
                    let weight = table.number("weight", problems);
                    let price = table.decimal("price", problems);
                    if let Some(name) = table.required("name", "\"carrier-a\"", problems) {
                        trunks.push(Self { name, weight, price });
                    }
                }
            }
        }
        trunks
    }
}
