//! The maps. Their names, sizes and layouts are those of [`trunkline_xdp_abi::map`].

use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::LpmTrie;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, XskMap};
use trunkline_xdp_abi::flow::Flow;
use trunkline_xdp_abi::map::{Config, Count, LOCALS_MAX, SOCKETS_MAX, SOURCES_MAX};
use trunkline_xdp_abi::{ABI_VERSION, Address, Local, verdict};

/// Its length is the ABI version, for the loader to read.
#[map]
pub static ABI: Array<u32> = Array::with_max_entries(ABI_VERSION, 0);

/// Interfaces by slot.
#[map]
pub static CONFIG: Array<Config> = Array::with_max_entries(1, 0);

/// Our addresses.
#[map]
pub static LOCALS: HashMap<Address, Local> = HashMap::with_max_entries(LOCALS_MAX, 0);

/// Who may send SIP to which zone; the value says nothing.
#[map]
pub static SOURCES: LpmTrie<[u32; 5], u32> = LpmTrie::with_max_entries(SOURCES_MAX, 0);

/// The AF_XDP socket of each queue of each interface.
#[map]
pub static SOCKETS: XskMap = XskMap::with_max_entries(SOCKETS_MAX, 0);

/// The relays, which userspace maps and writes. The loader says how many there are.
#[map]
pub static FLOWS: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// What became of every frame.
#[map]
pub static COUNTERS: PerCpuArray<Count> = PerCpuArray::with_max_entries(verdict::COUNTERS, 0);

/// From the kernel's `bpf.h`.
const BPF_F_MMAPABLE: u32 = 1 << 10;

/// Read by the kernel; no helper that this program calls asks for more.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 18] = *b"MIT OR Apache-2.0\0";
