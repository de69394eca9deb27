//! The admin interface over HTTP, with an engine on ordinary sockets behind it.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path as FilePath, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;
use trunkline_engine::{Engine, EngineConfig, Io, config::Capacity};

use super::*;
use crate::config::{self, checked::Token};

/// A served edge in a folder of its own.
struct Served {
    address: SocketAddr,
    folder: PathBuf,
    edge: Arc<Edge>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A UDP port that is free now.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn config_text() -> String {
    include_str!("../../../../etc/unprivileged.toml")
        .replace("15060", &free_port().to_string())
        .replace("15070", &free_port().to_string())
}

impl Served {
    fn new(token: Option<&str>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("trunkline-api-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, text) = (folder.join("trunkline.toml"), config_text());
        std::fs::write(&file, &text).unwrap();
        let config = config::judge(&file, &text, &|_| Err(String::new()))
            .config
            .unwrap();
        let engine = Engine::start(&EngineConfig {
            plan: Arc::new(config::plan::make(&config, 1, None).unwrap()),
            interfaces: config.interfaces.clone(),
            io: Io::Socket,
            cores: vec![0],
            busy_poll: false,
            capacity: Capacity {
                calls: 64,
                ..Capacity::default()
            },
        })
        .unwrap();
        let edge = Arc::new(Edge::new(Arc::new(engine), &config, file, "socket"));
        let context = Context {
            edge: Arc::clone(&edge),
            metrics: Arc::new(Metrics::default()),
        };
        let router = router(
            context,
            Guard::new(token.map(|token| Token::new(token.to_owned()))),
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    served = server::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            folder,
            edge,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Sends a request and returns status and body.
    fn ask(&self, method: &str, path: &str, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{head}\r\n",
            self.address
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn json(&self, method: &str, path: &str) -> (u16, Value) {
        let (status, body) = self.ask(method, path, "");
        (
            status,
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}")),
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Holds `value` against a schema of the document: every key is described, every required key is there, kinds agree.
fn assert_fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        return assert_fits(document, &document["components"]["schemas"][name], value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        if !value.is_null() {
            assert_fits(document, &choices[0], value, place);
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => panic!("{place}: no type"),
    };
    let fits = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{place}: kind {other}"),
    };
    assert!(kinds.iter().any(fits), "{place}: {value} is none of {kinds:?}");
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (key, inner) in object {
            let described = properties
                .get(key)
                .unwrap_or_else(|| panic!("{place}.{key} is not in the document"));
            assert_fits(document, described, inner, &format!("{place}.{key}"));
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(key.as_str().unwrap()), "{place} has no {key}");
        }
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        assert_fits(document, &schema["items"], element, &format!("{place}[{index}]"));
    }
}

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

#[test]
fn every_route_is_documented_and_answers_as_documented() {
    let served = Served::new(None);
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let url = path.replace("{id}", "no-such-call");
            let url = if url.ends_with("explain") {
                format!("{url}?from=pbx&number=3125550123")
            } else {
                url
            };
            let (status, body) = served.ask(&method.to_uppercase(), &url, "");
            let response = &operation["responses"][status.to_string()];
            assert!(
                response.is_object(),
                "{method} {path}: {status} is not documented: {body}"
            );
            if let Some(content) = response["content"].get("application/json") {
                let value = serde_json::from_str(&body).unwrap();
                assert_fits(&document, &content["schema"], &value, path);
            }
        }
    }
}

#[test]
fn the_contract_has_these_routes() {
    let paths: BTreeSet<String> = document()["paths"].as_object().unwrap().keys().cloned().collect();
    for path in [
        "/healthz",
        "/metrics",
        "/api/v1/openapi.json",
        "/api/v1/status",
        "/api/v1/calls",
        "/api/v1/calls/{id}",
        "/api/v1/calls/{id}/ladder",
        "/api/v1/trunks",
        "/api/v1/routes/explain",
        "/api/v1/reload",
        "/api/v1/drain",
    ] {
        assert!(paths.contains(path), "{path}");
    }
}

#[test]
fn a_served_edge_tells_how_it_is() {
    let served = Served::new(None);
    assert_eq!(
        served.json("GET", "/healthz"),
        (200, serde_json::json!({ "state": "serving" }))
    );
    let (_, status) = served.json("GET", "/api/v1/status");
    assert_eq!(
        (status["node"].as_str(), status["io"].as_str()),
        (Some("bench"), Some("socket"))
    );
    assert_eq!(
        (
            status["calls_active"].as_u64(),
            status["packets"]["unaccounted"].as_i64()
        ),
        (Some(0), Some(0))
    );
    let (_, trunks) = served.json("GET", "/api/v1/trunks");
    assert_eq!(
        (trunks[0]["name"].as_str(), trunks[1]["name"].as_str()),
        (Some("pbx"), Some("carrier"))
    );
    let (_, way) = served.json("GET", "/api/v1/routes/explain?from=pbx&number=%2B13125550123");
    assert_eq!(
        (way["trunks"][0]["trunk"].as_str(), way["live"].as_bool()),
        (Some("carrier"), Some(true))
    );
    assert_eq!(served.json("GET", "/api/v1/nothing").0, 404);
    assert_eq!(served.json("PUT", "/api/v1/calls").0, 405);
}

#[test]
fn a_drained_edge_is_not_healthy_but_answers() {
    let served = Served::new(None);
    let (status, drained) = served.json("POST", "/api/v1/drain");
    assert_eq!((status, drained["draining"].as_bool()), (200, Some(true)));
    assert_eq!(
        served.json("GET", "/healthz"),
        (503, serde_json::json!({ "state": "draining" }))
    );
    assert!(served.edge.engine.is_draining());
}

#[test]
fn a_reload_says_what_changed_and_refuses_what_is_wrong() {
    let served = Served::new(None);
    let file = &served.edge.config_file;
    let text = std::fs::read_to_string(file).unwrap();
    let (status, same) = served.json("POST", "/api/v1/reload");
    assert_eq!(
        (status, same["changes"].as_array().map(Vec::len)),
        (200, Some(0)),
        "{same}"
    );
    std::fs::write(file, text.replace("127.0.0.1:15071", "127.0.0.1:15072")).unwrap();
    let (_, moved) = served.json("POST", "/api/v1/reload");
    assert_eq!(moved["changes"].as_array().map(Vec::len), Some(2), "{moved}");
    assert_eq!(moved["epoch"].as_u64(), Some(3));
    std::fs::write(file, text.replace("trunk = \"pbx\"", "trunk = \"pxb\"")).unwrap();
    let (status, wrong) = served.json("POST", "/api/v1/reload");
    assert_eq!(status, 422);
    assert!(
        wrong["details"][0]
            .as_str()
            .unwrap()
            .contains("there is no trunk \"pxb\""),
        "{wrong}"
    );
    std::fs::write(file, text.replace("21000-21999", "21000-21899")).unwrap();
    let (status, zone) = served.json("POST", "/api/v1/reload");
    assert!(
        status == 422 && zone["details"][0].as_str().unwrap().contains("restart"),
        "{zone}"
    );
    assert_eq!(served.edge.engine.plan().epoch, 3);
}

#[test]
fn metrics_are_all_there_with_help_and_type() {
    let served = Served::new(None);
    let (status, text) = served.ask("GET", "/metrics", "");
    assert_eq!(status, 200);
    let documented = include_str!("../../../../docs/operations/metrics.md");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        let has_type =
            text.contains(&format!("# TYPE {name} ")) || text.contains(&format!("# TYPE {base} histogram"));
        assert!(has_type, "{line}");
        let short = base.strip_prefix("trunkline_").unwrap();
        assert!(
            documented.contains(&format!("`{short}`"))
                || documented.contains(&format!("`{}`", name.strip_prefix("trunkline_").unwrap())),
            "{name}"
        );
    }
    for name in [
        "calls_active",
        "calls_total",
        "call_setup_seconds",
        "sip_retransmissions_total",
        "sip_parse_errors_total",
        "packets_total",
        "bytes_total",
        "drops_total",
        "flows_active",
        "packet_latency_seconds",
        "worker_busy_ratio",
        "trunk_up",
        "limit_rejections_total",
        "bans_active",
        "cdr_queued",
        "build_info",
        "packets_unaccounted",
    ] {
        assert!(
            text.contains(&format!("# HELP trunkline_{name} ")),
            "{name}\n{text}"
        );
    }
}

#[test]
fn a_token_is_wanted_where_there_is_one() {
    let served = Served::new(Some("0123456789abcdef"));
    assert_eq!(served.ask("GET", "/api/v1/status", "").0, 401);
    assert_eq!(
        served
            .ask(
                "GET",
                "/api/v1/status",
                "Authorization: Bearer 0123456789abcdef\r\n"
            )
            .0,
        200
    );
    assert_eq!(served.ask("GET", "/healthz", "").0, 200);
}

#[test]
fn a_foreign_page_cannot_drain_the_edge() {
    let served = Served::new(None);
    assert_eq!(
        served
            .ask("POST", "/api/v1/drain", "Origin: http://evil.example\r\n")
            .0,
        403
    );
    assert!(!served.edge.engine.is_draining());
    assert!(FilePath::new(&served.folder).exists());
}

#[test]
fn silent_connections_do_not_keep_out_one_that_asks() {
    let served = Served::new(None);
    let mut silent: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(served.address).unwrap())
        .collect();
    for stream in &mut silent {
        // The edge may have closed it already.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n");
    }
    let begin = std::time::Instant::now();
    assert_eq!(served.ask("GET", "/healthz", "").0, 200);
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}
