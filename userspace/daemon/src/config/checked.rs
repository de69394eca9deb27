//! The configuration as it is meant: every value judged, every name resolved, every default filled in.

mod peer;
mod routing;
mod service;
mod trunk;
mod zone;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tracing_subscriber::EnvFilter;
use trunkline_call::plan;

use crate::config::{
    address::Resolve,
    file::{self, File},
    problem::Problems,
    quantity,
    section::{Number, Text},
};

/// Where the edge writes unless the configuration says otherwise.
const STATE_DIR: &str = "/var/lib/trunkline";
/// More workers than this could not be named by one byte of what they mint with room to spare.
const WORKERS_MAX: usize = 64;

/// The whole configuration.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) node: Node,
    pub(crate) dataplane: Dataplane,
    pub(crate) admin: Admin,
    pub(crate) cdr: Cdr,
    pub(crate) calls: Calls,
    /// The distinct interfaces; `Zone::interface` is an index into it.
    pub(crate) interfaces: Vec<String>,
    pub(crate) zones: Vec<plan::Zone>,
    pub(crate) trunks: Vec<plan::Trunk>,
    pub(crate) dids: Vec<plan::Did>,
    pub(crate) routes: Vec<plan::Route>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) state_dir: PathBuf,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    /// How long a drain waits for calls to end; `None` = as long as they last.
    pub(crate) drain_timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug)]
pub(crate) struct Dataplane {
    pub(crate) io: Io,
    pub(crate) xdp_mode: XdpMode,
    /// One worker per core; `None` = by the receive queues of the busiest zone.
    pub(crate) cores: Option<Vec<usize>>,
    pub(crate) busy_poll: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Io {
    Auto,
    Xdp,
    Socket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XdpMode {
    Auto,
    Driver,
    Generic,
}

#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) listen: SocketAddr,
    pub(crate) token: Option<Token>,
}

/// The secret that clients of the admin interface show. It never appears in output.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(secret: String) -> Self {
        Self(secret)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cdr {
    pub(crate) file: PathBuf,
    /// The file is set aside when it has grown to so many bytes.
    pub(crate) rotate_size: u64,
    /// How many files that were set aside are kept; zero = all.
    pub(crate) keep: usize,
    pub(crate) sync: CdrSync,
}

/// When a record is on the disk for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CdrSync {
    /// After each batch of records, before the next is taken.
    Batch,
    /// Within a second.
    Second,
    /// When the operating system likes.
    Never,
}

#[derive(Debug)]
pub(crate) struct Calls {
    /// Calls at once per worker; `None` = the default of the engine.
    pub(crate) capacity: Option<usize>,
    pub(crate) attempt_timeout: Duration,
    pub(crate) ring_timeout: Duration,
}

/// Judges `file`, whose relative paths start at `base`.
///
/// The result has a place for every zone and trunk of the file, also for broken ones, so that references can be
/// judged too; it may be used only if `problems` holds no error.
pub(crate) fn check(file: &File, base: &Path, resolve: Resolve<'_>, problems: &mut Problems<'_>) -> Config {
    let node = check_node(&file.node, base, problems);
    let cdr = service::check_cdr(&file.cdr, &node.state_dir, problems);
    let mut interfaces = Vec::new();
    let zones = zone::check_all(&file.zones, &mut interfaces, problems);
    let trunks = trunk::check_all(&file.trunks, &zones, base, resolve, problems);
    let names = routing::TrunkNames::new(&file.trunks);
    Config {
        node,
        dataplane: check_dataplane(&file.dataplane, problems),
        admin: service::check_admin(&file.admin, base, problems),
        cdr,
        calls: check_calls(&file.calls, problems),
        interfaces,
        zones,
        trunks,
        dids: routing::check_dids(&file.dids, &names, problems),
        routes: routing::check_routes(&file.routes, &names, problems),
    }
}

/// Warns of interfaces that this machine does not have. The file may be meant for another machine, and with ordinary
/// sockets an edge runs without them, so this is no error.
pub(crate) fn report_missing_interfaces(
    file: &File,
    has_interface: &dyn Fn(&str) -> bool,
    problems: &mut Problems<'_>,
) {
    for interface in file.zones.iter().filter_map(|zone| zone.interface.as_ref()) {
        if !has_interface(interface.get_ref()) {
            problems.warning(
                &interface.span(),
                format!("this machine has no interface \"{}\"", interface.get_ref()),
                "see `ip -brief link`; XDP needs it, ordinary sockets need the address only",
            );
        }
    }
}

fn check_node(node: &file::Node, base: &Path, problems: &mut Problems<'_>) -> Node {
    let log_formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let drain_timeout = node
        .drain_timeout
        .as_ref()
        .and_then(|value| problems.keep(&value.span(), quantity::duration(value.get_ref())));
    if let Some(log) = &node.log
        && let Err(error) = EnvFilter::try_new(log.get_ref())
    {
        problems.error(
            &log.span(),
            format!("\"{}\" is not a log filter: {error}", log.get_ref()),
            "for example \"info\" or \"info,trunkline_engine=debug\"",
        );
    }
    Node {
        name: node
            .name
            .as_ref()
            .and_then(|name| check_name(name, problems))
            .unwrap_or_else(|| "trunkline".to_owned()),
        state_dir: base.join(
            node.state_dir
                .as_ref()
                .map_or(STATE_DIR, |dir| dir.get_ref().as_str()),
        ),
        log: node
            .log
            .as_ref()
            .map_or_else(|| "info".to_owned(), |log| log.get_ref().clone()),
        log_format: choice(node.log_format.as_ref(), &log_formats, LogFormat::Text, problems),
        drain_timeout: drain_timeout.filter(|timeout| !timeout.is_zero()),
    }
}

fn check_dataplane(dataplane: &file::Dataplane, problems: &mut Problems<'_>) -> Dataplane {
    let ios = [("auto", Io::Auto), ("xdp", Io::Xdp), ("socket", Io::Socket)];
    let modes = [
        ("auto", XdpMode::Auto),
        ("driver", XdpMode::Driver),
        ("generic", XdpMode::Generic),
    ];
    let io = choice(dataplane.io.as_ref(), &ios, Io::Auto, problems);
    if let Some(media) = &dataplane.media {
        let wants_kernel = choice(
            Some(media),
            &[("kernel", true), ("worker", false)],
            false,
            problems,
        );
        if wants_kernel {
            problems.warning(
                &media.span(),
                "media = \"kernel\" is not in this build: media is relayed in the workers",
                "write media = \"worker\" to say so yourself",
            );
        }
    }
    if let (Io::Socket, Some(mode)) = (io, &dataplane.xdp_mode) {
        problems.warning(
            &mode.span(),
            "xdp_mode has no effect with io = \"socket\"",
            "take one of the two away",
        );
    }
    Dataplane {
        io,
        xdp_mode: choice(dataplane.xdp_mode.as_ref(), &modes, XdpMode::Auto, problems),
        cores: dataplane
            .cores
            .as_ref()
            .and_then(|cores| check_cores(cores, problems)),
        busy_poll: dataplane.busy_poll.as_ref().is_some_and(|flag| *flag.get_ref()),
    }
}

fn check_cores(cores: &[Number], problems: &mut Problems<'_>) -> Option<Vec<usize>> {
    let mut list = Vec::new();
    for core in cores {
        let Some(number) = problems.keep(&core.span(), quantity::within(*core.get_ref(), 0, 1023)) else {
            continue;
        };
        let number = number as usize;
        if list.contains(&number) {
            problems.error(
                &core.span(),
                format!("core {number} is listed twice"),
                "each core runs one worker",
            );
        }
        list.push(number);
    }
    if let Some(extra) = cores.get(WORKERS_MAX) {
        problems.error(
            &extra.span(),
            format!("more than {WORKERS_MAX} workers"),
            "take cores away",
        );
    }
    (!list.is_empty()).then_some(list)
}

fn check_calls(calls: &file::Calls, problems: &mut Problems<'_>) -> Calls {
    let mut timeout = |value: Option<&toml::Spanned<_>>, low, high, default| {
        value
            .and_then(|value| {
                problems.keep(
                    &value.span(),
                    quantity::duration_within(value.get_ref(), low, high),
                )
            })
            .unwrap_or(default)
    };
    let second = Duration::from_secs(1);
    let attempt_timeout = timeout(
        calls.attempt_timeout.as_ref(),
        second,
        32 * second,
        plan::ATTEMPT_TIMEOUT,
    );
    let ring_timeout = timeout(
        calls.ring_timeout.as_ref(),
        10 * second,
        3600 * second,
        plan::RING_TIMEOUT,
    );
    let capacity = calls
        .capacity
        .as_ref()
        .and_then(|value| problems.keep(&value.span(), quantity::within(*value.get_ref(), 1, 1_000_000)));
    Calls {
        capacity: capacity.map(|calls| calls as usize),
        attempt_timeout,
        ring_timeout,
    }
}

/// A name that can stand in logs, metrics labels and URLs as it is.
fn check_name(name: &Text, problems: &mut Problems<'_>) -> Option<String> {
    const LEN_MAX: usize = 64;
    let text = name.get_ref();
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if text.is_empty() || text.len() > LEN_MAX || !is_plain {
        problems.error(
            &name.span(),
            format!("\"{text}\" cannot be a name"),
            format!("1 to {LEN_MAX} letters, digits, '-', '_' and '.'"),
        );
        return None;
    }
    Some(text.clone())
}

fn choice<T: Copy>(
    value: Option<&Text>,
    choices: &[(&str, T)],
    default: T,
    problems: &mut Problems<'_>,
) -> T {
    value
        .and_then(|text| problems.keep(&text.span(), quantity::one_of(text.get_ref(), choices)))
        .unwrap_or(default)
}

fn number(value: Option<&Number>, low: i64, high: i64, default: i64, problems: &mut Problems<'_>) -> i64 {
    value
        .and_then(|number| problems.keep(&number.span(), quantity::within(*number.get_ref(), low, high)))
        .unwrap_or(default)
}
