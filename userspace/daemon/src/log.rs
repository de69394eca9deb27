//! Logs: state changes of trunks, workers and configuration, on standard error.

use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::checked::{LogFormat, Node};

/// The environment variable that overrides the `log` key.
pub(crate) const VARIABLE: &str = "TRUNKLINE_LOG";

/// Starts logging as `node` says; `TRUNKLINE_LOG` overrides the level.
///
/// # Errors
/// The variable holds no log filter, or logging was started before.
pub(crate) fn start(node: &Node) -> anyhow::Result<()> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| anyhow::anyhow!("{VARIABLE}=\"{text}\" is not a log filter: {error}"))?,
        _ => EnvFilter::try_new(&node.log)?,
    };
    // The service manager's journal has the time of every line already.
    let is_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match (node.log_format, is_journal) {
        (LogFormat::Json, _) => registry.with(layer.json().flatten_event(true)).try_init()?,
        (LogFormat::Text, true) => registry.with(layer.with_ansi(false).without_time()).try_init()?,
        (LogFormat::Text, false) => registry
            .with(layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())))
            .try_init()?,
    }
    Ok(())
}
