//! What can go wrong with the XDP program, said to the operator.

use std::error::Error;
use std::fmt;

use aya::maps::MapError;
use aya::programs::ProgramError;

use super::Mode;

/// Why the XDP program cannot be used.
#[derive(Debug)]
pub enum SteerError {
    /// This binary was built without the program.
    NotBuilt,
    /// The program was built for another version of the contract.
    Abi {
        /// The version it carries; 0 if none.
        found: u32,
    },
    /// There is no such interface.
    NoInterface {
        /// Its name.
        name: String,
    },
    /// More than the maps hold.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The kernel did not take, or did not run, the program.
    Load(Box<dyn Error + Send + Sync>),
    /// An interface did not take the program.
    Attach {
        /// Name of the interface.
        interface: String,
        /// The mode asked for.
        mode: Mode,
        /// What the kernel said.
        source: ProgramError,
    },
    /// A map could not be read or written.
    Map {
        /// Name of the map.
        name: &'static str,
        /// What the kernel said.
        source: MapError,
    },
}

impl SteerError {
    pub(super) fn load(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Load(source.into())
    }

    pub(super) fn map(name: &'static str, source: MapError) -> Self {
        Self::Map { name, source }
    }

    pub(super) fn attach(interface: &str, mode: Mode, source: ProgramError) -> Self {
        Self::Attach {
            interface: interface.to_owned(),
            mode,
            source,
        }
    }
}

impl fmt::Display for SteerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => f.write_str(
                "this binary was built without the XDP program; to build it in, run: rustup toolchain install nightly \
                 --component rust-src && cargo install bpf-linker --version 0.9.15 && TRUNKLINE_XDP=require cargo \
                 build --release",
            ),
            Self::Abi { found } => write!(
                f,
                "the XDP program speaks version {found} of the map contract, this binary version {}",
                trunkline_xdp_abi::ABI_VERSION
            ),
            Self::NoInterface { name } => write!(f, "there is no interface {name}"),
            Self::TooMany { what, limit } => write!(f, "too many {what}: at most {limit}"),
            Self::Load(source) => write!(f, "the kernel refused the XDP program: {}", chain(source.as_ref())),
            Self::Attach { interface, mode, source } => {
                let mode = match mode {
                    Mode::Auto => "driver or generic",
                    Mode::Driver => "driver",
                    Mode::Generic => "generic",
                };
                write!(f, "cannot attach the XDP program to {interface} in {mode} mode: {}", chain(source))?;
                f.write_str("; if another program is attached there: ip link set dev ")?;
                write!(f, "{interface} xdp off")
            }
            Self::Map { name, source } => write!(f, "map {name} of the XDP program: {}", chain(source)),
        }
    }
}

impl Error for SteerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(source) => Some(source.as_ref()),
            Self::Attach { source, .. } => Some(source),
            Self::Map { source, .. } => Some(source),
            Self::NotBuilt | Self::Abi { .. } | Self::NoInterface { .. } | Self::TooMany { .. } => None,
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
