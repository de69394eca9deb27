//! How packets come in: the choice that `io` and `cores` leave open, made by what this machine permits.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use tracing::{info, warn};
use trunkline_engine::{Engine, EngineConfig, StartError, XdpMode, config::Capacity};
use trunkline_net::{caps, nic};

use crate::config::{
    checked::{self, Config, Io},
    plan,
};

/// A running engine and what was chosen for it.
pub(super) struct Started {
    pub(super) engine: Engine,
    /// "xdp" or "socket".
    pub(super) io: &'static str,
    pub(super) cores: Vec<usize>,
}

/// Starts the engine as `config` says. `machine` are the cores that this process may use.
pub(super) fn start(config: &Config, machine: &[usize]) -> anyhow::Result<Started> {
    let plan = Arc::new(plan::make(config, 1, None).context("the configuration is inconsistent")?);
    let mode = match config.dataplane.xdp_mode {
        checked::XdpMode::Auto => XdpMode::Auto,
        checked::XdpMode::Driver => XdpMode::Driver,
        checked::XdpMode::Generic => XdpMode::Generic,
    };
    let (xdp, socket) = (trunkline_engine::Io::Xdp(mode), trunkline_engine::Io::Socket);
    let engine_config = |io, cores: &[usize]| EngineConfig {
        plan: Arc::clone(&plan),
        interfaces: config.interfaces.clone(),
        io,
        cores: cores.to_vec(),
        busy_poll: config.dataplane.busy_poll,
        capacity: config
            .calls
            .capacity
            .map_or_else(Capacity::default, |calls| Capacity {
                calls,
                ..Capacity::default()
            }),
    };
    if config.dataplane.io != Io::Socket {
        let cores = cores(config, machine, true)?;
        match start_xdp(&engine_config(xdp, &cores)) {
            Ok(engine) => return Ok(announce(engine, "xdp", cores)),
            Err(reason) if config.dataplane.io == Io::Xdp => bail!("{reason}"),
            Err(reason) => {
                warn!("NO XDP: {reason}");
                warn!(
                    "io = \"auto\" falls back to ordinary sockets, which carry far fewer packets; io = \"xdp\" would fail instead"
                );
            }
        }
    }
    let cores = cores(config, machine, false)?;
    let engine = Engine::start(&engine_config(socket, &cores))?;
    Ok(announce(engine, "socket", cores))
}

fn start_xdp(config: &EngineConfig) -> Result<Engine, String> {
    let missing = caps::missing_for_xdp();
    if !missing.is_empty() {
        return Err(format!(
            "this process lacks {}; run it as root, or by the systemd unit, which grants them",
            missing.join(", ")
        ));
    }
    Engine::start(config).map_err(|error: StartError| error.to_string())
}

fn announce(engine: Engine, io: &'static str, cores: Vec<usize>) -> Started {
    // Ordinary sockets belong to an address; which interface it is on is the kernel's affair.
    let interfaces = if io == "xdp" { engine.interfaces() } else { &[] };
    for interface in interfaces {
        info!(
            interface = interface.name,
            mode = interface.mode,
            zero_copy = interface.zero_copy,
            queues = interface.queues,
            driver = interface.driver,
            "interface is served"
        );
    }
    info!(io, ?cores, "workers are running");
    Started { engine, io, cores }
}

/// One core per worker.
fn cores(config: &Config, machine: &[usize], is_xdp: bool) -> anyhow::Result<Vec<usize>> {
    if let Some(cores) = &config.dataplane.cores {
        if let Some(missing) = cores
            .iter()
            .find(|core| !machine.is_empty() && !machine.contains(core))
        {
            bail!("core {missing} is not one that this process may use: {machine:?}");
        }
        return Ok(cores.clone());
    }
    let mut queues = Vec::new();
    for interface in &config.interfaces {
        match nic::queues(interface) {
            Ok(count) => queues.push(count as usize),
            Err(error) if is_xdp && config.dataplane.io == Io::Xdp => {
                return Err(error).with_context(|| format!("interface {interface}"));
            }
            Err(_) => queues.push(1),
        }
    }
    // With XDP every worker sends on every interface by a queue of its own, so the interface with the fewest decides.
    let wanted = if is_xdp {
        queues.iter().min()
    } else {
        queues.iter().max()
    };
    Ok(pick(machine, wanted.copied().unwrap_or(1)))
}

/// The last `wanted` cores: the first ones serve interrupts and the rest of the machine.
fn pick(machine: &[usize], wanted: usize) -> Vec<usize> {
    let count = wanted.clamp(1, machine.len().max(1));
    if machine.is_empty() {
        vec![0]
    } else {
        machine[machine.len() - count..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_take_the_last_cores() {
        assert_eq!(pick(&[0, 1, 2, 3], 1), [3]);
        assert_eq!(pick(&[0, 1, 2, 3], 2), [2, 3]);
        assert_eq!(pick(&[0, 1], 8), [0, 1]);
        assert_eq!(pick(&[], 2), [0]);
    }
}
