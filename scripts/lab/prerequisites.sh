# shellcheck shell=bash
# Installs what a build, a test run or the demo needs and does not find. To be sourced by the scripts beside this folder.

readonly BPF_LINKER_VERSION=0.9.15

export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

# Compiles libbpf, libxdp and the XDP program; sets up namespaces; plays calls.
readonly DEBIAN_PACKAGES=(
    ca-certificates clang curl ethtool gcc git iproute2 iputils-ping jq libc6-dev libelf-dev llvm m4 make perl-base pkg-config
    shellcheck sip-tester tshark zlib1g-dev
)

is_root() { [ "$(id -u)" -eq 0 ]; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

install_debian_packages() {
    local package missing=()
    for package in "${DEBIAN_PACKAGES[@]}"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    is_root || die "these packages are missing and only root may install them: ${missing[*]}"
    printf 'installing: %s\n' "${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null
}

install_rust() {
    command -v cargo >/dev/null && return
    printf 'installing the Rust toolchain with rustup\n'
    curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs \
        | sh -s -- -y --quiet --profile minimal --component clippy,rustfmt
}

has_rust_source() {
    rustup component list --installed --toolchain "$1" 2>/dev/null | grep -q '^rust-src'
}

# The XDP program is built for the BPF target, whose core library comes from source.
install_xdp_toolchain() {
    if command -v rustup >/dev/null; then
        rustup run nightly rustc --version >/dev/null 2>&1 \
            || rustup toolchain install nightly --profile minimal --component rust-src
        local toolchain
        for toolchain in stable nightly; do
            has_rust_source "$toolchain" || rustup component add rust-src --toolchain "$toolchain"
        done
    fi
    if ! command -v bpf-linker >/dev/null; then
        printf 'installing bpf-linker %s\n' "$BPF_LINKER_VERSION"
        cargo install --quiet --locked bpf-linker --version "$BPF_LINKER_VERSION"
    fi
}

install_nextest() {
    command -v cargo-nextest >/dev/null && return
    printf 'installing cargo-nextest\n'
    cargo install --quiet --locked cargo-nextest
}

# Maps and UMEM are locked memory on kernels before 5.11; the limit is raised where that is allowed.
raise_memory_limit() {
    ulimit -l unlimited 2>/dev/null || true
}
