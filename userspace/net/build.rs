//! Builds the XDP program and embeds it, where the tools for that are installed.
//!
//! Without them the crate builds as well, on stable Rust alone; `SteerProgram::load` then says what to install.
//! `TRUNKLINE_XDP=require` makes a missing tool an error, `TRUNKLINE_XDP=off` never builds the program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use aya_build::{Package, Toolchain, build_ebpf};

fn main() -> ExitCode {
    println!("cargo:rustc-check-cfg=cfg(xdp_embedded)");
    println!("cargo:rerun-if-env-changed=TRUNKLINE_XDP");
    println!("cargo:rerun-if-changed=build.rs");
    let wish = env::var("TRUNKLINE_XDP").unwrap_or_default();
    match wish.as_str() {
        "off" => return ExitCode::SUCCESS,
        "" | "auto" | "require" => {}
        other => {
            return fail(&format!("TRUNKLINE_XDP={other} is not one of auto, require, off"));
        }
    }
    if let Err(missing) = tools() {
        if wish == "require" {
            return fail(&format!("TRUNKLINE_XDP=require, but {missing}; {REMEDY}"));
        }
        watch_for_tools();
        return ExitCode::SUCCESS;
    }
    match build() {
        Ok(()) => {
            println!("cargo:rustc-cfg=xdp_embedded");
            ExitCode::SUCCESS
        }
        Err(problem) => fail(&format!(
            "the XDP program does not build: {problem}; TRUNKLINE_XDP=off builds without it"
        )),
    }
}

/// Builds `xdp-prog` into `OUT_DIR/trunkline-xdp`.
fn build() -> Result<(), String> {
    let manifest_dir =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
    let root = manifest_dir.join("../..");
    let program = root
        .join("xdp-prog")
        .canonicalize()
        .map_err(|e| format!("xdp-prog: {e}"))?;
    let source = program.join("src");
    for watched in [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "rust-toolchain.toml",
        ".cargo/config.toml",
    ] {
        println!("cargo:rerun-if-changed={}", program.join(watched).display());
    }
    println!("cargo:rerun-if-changed={}", root.join("xdp-abi/src").display());
    println!(
        "cargo:rerun-if-changed={}",
        root.join("xdp-abi/Cargo.toml").display()
    );
    // The program is a workspace of its own with its own lockfile: the inner cargo must start there.
    env::set_current_dir(&program).map_err(|e| format!("{}: {e}", program.display()))?;
    let package = Package {
        name: "trunkline-xdp-prog",
        // Only watched for changes, so the sources and not the folder, in which a build may leave files.
        root_dir: source.to_str().ok_or("the path is not UTF-8")?,
        ..Package::default()
    };
    build_ebpf([package], Toolchain::Nightly).map_err(|e| format!("{e:#}"))
}

/// Whether the program can be built; what is missing if not.
fn tools() -> Result<(), String> {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Err("the target is not Linux".into());
    }
    if !runs(Command::new("bpf-linker").arg("--version")) {
        return Err("bpf-linker is not in PATH".into());
    }
    let sysroot = Command::new("rustup")
        .args(["run", "nightly", "rustc", "--print", "sysroot"])
        .env_remove("RUSTC")
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .ok_or("there is no nightly toolchain")?;
    if !Path::new(sysroot.trim())
        .join("lib/rustlib/src/rust/library/core")
        .is_dir()
    {
        return Err("the nightly toolchain lacks rust-src".into());
    }
    Ok(())
}

/// Whether the command can be run and succeeds.
fn runs(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Has the next cargo call look again if something was installed meanwhile. Only what exists is named: a missing path
/// would make every call run this again.
fn watch_for_tools() {
    println!("cargo:rerun-if-env-changed=PATH");
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let rustup = env::var_os("RUSTUP_HOME").map_or_else(|| home.join(".rustup"), PathBuf::from);
    let mut watched = vec![cargo.join("bin"), rustup.join("update-hashes")];
    for toolchain in std::fs::read_dir(rustup.join("toolchains"))
        .into_iter()
        .flatten()
        .flatten()
    {
        watched.push(toolchain.path().join("lib/rustlib/components"));
    }
    for path in watched.iter().filter(|path| path.exists()) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

fn fail(problem: &str) -> ExitCode {
    println!("cargo:warning={problem}");
    eprintln!("{problem}");
    ExitCode::FAILURE
}

const REMEDY: &str =
    "run: rustup toolchain install nightly --component rust-src && cargo install bpf-linker --version 0.9.15";
