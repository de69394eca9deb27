//! The smallest XDP program there is for a socket: every frame of a queue goes to its socket, else to the kernel.
//!
//! It is assembled here by hand, so that the link is tested apart from the program that steers.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The program, attached to one interface until it is dropped.
pub(crate) struct Redirect {
    sockets: OwnedFd,
    _link: OwnedFd,
}

impl Redirect {
    pub(crate) fn attach(index: u32, in_driver: bool) -> io::Result<Self> {
        let sockets = create_map()?;
        let program = load(&sockets)?;
        let mode = if in_driver {
            XDP_FLAGS_DRV_MODE
        } else {
            XDP_FLAGS_SKB_MODE
        };
        let mut words = [0_u32; ATTR_WORDS];
        words[0] = program.as_raw_fd().cast_unsigned();
        words[1] = index;
        words[2] = BPF_XDP;
        words[3] = mode;
        let link = bpf(BPF_LINK_CREATE, &mut words)?;
        Ok(Self { sockets, _link: link })
    }

    pub(crate) fn register(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let value = socket.as_raw_fd().cast_unsigned();
        let mut words = [0_u32; ATTR_WORDS];
        words[0] = self.sockets.as_raw_fd().cast_unsigned();
        put_pointer(&mut words, 2, std::ptr::from_ref(&queue).addr());
        put_pointer(&mut words, 4, std::ptr::from_ref(&value).addr());
        call(BPF_MAP_UPDATE_ELEM, &mut words).map(drop)
    }
}

fn create_map() -> io::Result<OwnedFd> {
    let mut words = [0_u32; ATTR_WORDS];
    words[..4].copy_from_slice(&[BPF_MAP_TYPE_XSKMAP, 4, 4, 64]);
    bpf(BPF_MAP_CREATE, &mut words)
}

fn load(sockets: &OwnedFd) -> io::Result<OwnedFd> {
    let map = u64::from(sockets.as_raw_fd().cast_unsigned());
    let program: [u64; 6] = [
        0x0000_0000_0010_1261,             // r2 = ctx->rx_queue_index
        0x0000_0000_0000_1118 | map << 32, // r1 = map
        0,
        0x0000_0002_0000_03b7, // r3 = XDP_PASS
        0x0000_0033_0000_0085, // call bpf_redirect_map
        0x0000_0000_0000_0095, // exit
    ];
    let licence = c"GPL";
    let mut words = [0_u32; ATTR_WORDS];
    words[0] = BPF_PROG_TYPE_XDP;
    words[1] = program.len() as u32;
    put_pointer(&mut words, 2, program.as_ptr().addr());
    put_pointer(&mut words, 4, licence.as_ptr().addr());
    bpf(BPF_PROG_LOAD, &mut words)
}

fn put_pointer(words: &mut [u32], at: usize, address: usize) {
    let address = address as u64;
    words[at] = address as u32;
    words[at + 1] = (address >> 32) as u32;
}

fn bpf(command: i32, words: &mut [u32; ATTR_WORDS]) -> io::Result<OwnedFd> {
    let fd = call(command, words)?;
    // SAFETY: the commands that come here answer a fresh descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn call(command: i32, words: &mut [u32; ATTR_WORDS]) -> io::Result<i32> {
    // SAFETY: the attribute is as long as said, zero where unused, and what it points at lives past the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, words.as_mut_ptr(), size_of_val(words)) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as i32)
    }
}

const ATTR_WORDS: usize = 32;
const BPF_MAP_CREATE: i32 = 0;
const BPF_MAP_UPDATE_ELEM: i32 = 2;
const BPF_PROG_LOAD: i32 = 5;
const BPF_LINK_CREATE: i32 = 28;
const BPF_MAP_TYPE_XSKMAP: u32 = 17;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const XDP_FLAGS_SKB_MODE: u32 = 2;
const XDP_FLAGS_DRV_MODE: u32 = 4;
