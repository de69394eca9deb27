//! Making the kernel resolve an address.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

use rtnetlink::Handle;
use rtnetlink::packet_route::neighbour::{NeighbourFlags, NeighbourState};

/// Has the kernel use its entry for a neighbour, as if it were to send there: it asks for one that is missing or
/// failed, and checks one that is stale.
///
/// Where that is not permitted, an empty datagram to the discard port of the neighbour has the same effect. If both
/// fail, the next request tries again.
pub(super) async fn provoke(handle: &Handle, index: u32, address: IpAddr) {
    let request = handle
        .neighbours()
        .add(index, address)
        .state(NeighbourState::None);
    if request
        .flags(NeighbourFlags::Use)
        .replace()
        .execute()
        .await
        .is_err()
    {
        let _ = discard(index, address);
    }
}

fn discard(index: u32, address: IpAddr) -> io::Result<()> {
    let (any, to): (SocketAddr, SocketAddr) = match address {
        IpAddr::V4(v4) => (([0; 4], 0).into(), (v4, DISCARD_PORT).into()),
        IpAddr::V6(v6) => (
            ([0; 16], 0).into(),
            SocketAddrV6::new(v6, DISCARD_PORT, 0, index).into(),
        ),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    let index = index.cast_signed();
    let len = size_of_val(&index) as libc::socklen_t;
    // SAFETY: reads `len` bytes, the size of `index`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_BINDTOIFINDEX,
            (&raw const index).cast(),
            len,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    socket.send_to(&[], to).map(drop)
}

const DISCARD_PORT: u16 = 9;

/// From asm-generic/socket.h.
const SO_BINDTOIFINDEX: i32 = 62;
