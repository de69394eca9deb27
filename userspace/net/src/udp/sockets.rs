//! System calls on UDP sockets, each behind a safe function.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::name::Name;

/// How to make a socket.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Whether other workers bind to the same address too.
    pub(super) is_shared: bool,
    /// Receive buffer to ask for, in bytes.
    pub(super) receive_buffer: usize,
}

/// Opens a non-blocking UDP socket bound to `address`.
pub(super) fn bind(address: SocketAddr, options: Options) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes three integers; the result is checked before it is used.
    let fd = unsafe { libc::socket(family, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` is a fresh descriptor that nothing else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    if options.is_shared {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if address.is_ipv6() {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    let size = i32::try_from(options.receive_buffer).unwrap_or(i32::MAX);
    // Beyond the limit of the system only where we may; else as far as it goes.
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, size).is_err() {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, size)?;
    }
    let name = Name::from(address);
    // SAFETY: `name` holds a socket address of `name.len` bytes and outlives the call.
    let result = unsafe { libc::bind(fd, name.as_ptr(), name.len) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(socket)
    }
}

/// The address a socket is bound to, port included.
pub(super) fn local_address(socket: &OwnedFd) -> io::Result<SocketAddr> {
    let mut name = Name::default();
    // SAFETY: the kernel writes at most `name.len` bytes, the size of the storage, and sets the length it used.
    let result = unsafe { libc::getsockname(socket.as_raw_fd(), name.as_mut_ptr(), &raw mut name.len) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    name.address()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Sets DSCP and ECN of what the socket sends.
pub(super) fn set_traffic_class(socket: &OwnedFd, is_ipv6: bool, class: u8) -> io::Result<()> {
    let (level, option) = if is_ipv6 {
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)
    } else {
        (libc::IPPROTO_IP, libc::IP_TOS)
    };
    set_option(socket, level, option, i32::from(class))
}

/// Datagrams that the kernel dropped at this socket, above all because its receive buffer was full.
pub(super) fn drops(socket: &OwnedFd) -> u32 {
    let mut info = [0_u32; MEMINFO_LEN];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, the size of `info`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result < 0 { 0 } else { info[MEMINFO_DROPS] }
}

fn set_option(socket: &OwnedFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: reads `len` bytes, the size of `value`, which outlives the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A set of descriptors that tells which are readable, each with a number of ours.
pub(super) struct Readiness {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Readiness {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes one integer; the result is checked before it is used.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a fresh descriptor that nothing else owns.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            epoll,
            events: Vec::new(),
        })
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.epoll
    }

    /// Adds a socket. Closing it removes it again.
    pub(super) fn add(&self, socket: &OwnedFd, number: u32) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: u64::from(number),
        };
        // SAFETY: both descriptors are open, and `event` outlives the call.
        let result = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                socket.as_raw_fd(),
                &raw mut event,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Looks, without waiting, which sockets are readable; at most `limit` of them, in turn.
    pub(super) fn ready(&mut self, limit: usize, numbers: &mut Vec<u32>) {
        numbers.clear();
        self.events
            .resize(limit.max(1), libc::epoll_event { events: 0, u64: 0 });
        let room = self.events.len() as i32;
        // SAFETY: the kernel writes at most `room` events into the buffer, which has that many.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), room, 0) };
        numbers.extend(
            self.events
                .iter()
                .take(usize::try_from(count).unwrap_or(0))
                .map(|e| e.u64 as u32),
        );
    }
}

/// Places for several datagrams, so that one system call moves them all.
pub(super) struct Messages {
    names: Vec<Name>,
    parts: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// One received datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) len: usize,
    pub(super) is_cut: bool,
    pub(super) source: Option<SocketAddr>,
}

impl Messages {
    pub(super) fn new() -> Self {
        let names = Vec::with_capacity(MESSAGES_MAX);
        Self {
            names,
            parts: Vec::with_capacity(MESSAGES_MAX),
            headers: Vec::with_capacity(MESSAGES_MAX),
        }
    }

    /// Receives up to one datagram into each of `buffers` and reports each in order to `on_datagram`.
    pub(super) fn receive<'b>(
        &mut self,
        socket: &OwnedFd,
        buffers: impl Iterator<Item = &'b mut [u8]>,
        mut on_datagram: impl FnMut(usize, Received),
    ) -> io::Result<usize> {
        self.clear();
        for buffer in buffers.take(MESSAGES_MAX) {
            self.names.push(Name::default());
            self.parts.push(libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            });
        }
        self.build_headers();
        let (headers, count) = (self.headers.as_mut_ptr(), self.headers.len() as u32);
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: `count` headers, each pointing at one name and one part of this structure, which are not moved until
        // the call is over; each part covers a buffer that `buffers` lent exclusively for as long as `'b`.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers,
                count,
                flags as _,
                std::ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (index, header) in self.headers.iter().take(received).enumerate() {
            let datagram = Received {
                len: header.msg_len as usize,
                is_cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                source: self.names[index].address(),
            };
            on_datagram(index, datagram);
        }
        Ok(received)
    }

    /// Sends each datagram to its destination and answers how many of them, from the first on, were taken.
    pub(super) fn send<'b>(
        &mut self,
        socket: &OwnedFd,
        datagrams: impl Iterator<Item = (&'b [u8], Name)>,
    ) -> io::Result<usize> {
        self.clear();
        for (bytes, name) in datagrams.take(MESSAGES_MAX) {
            self.names.push(name);
            self.parts.push(libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            });
        }
        self.build_headers();
        let (headers, count) = (self.headers.as_mut_ptr(), self.headers.len() as u32);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: `count` headers, each pointing at one name and one part of this structure, which are not moved until
        // the call is over; the kernel only reads the parts, which `datagrams` lent for as long as `'b`.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers, count, flags as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn clear(&mut self) {
        self.headers.clear();
        self.parts.clear();
        self.names.clear();
    }

    fn build_headers(&mut self) {
        for (name, part) in self.names.iter_mut().zip(&mut self.parts) {
            // SAFETY: plain integers and pointers, for which all zeroes is a valid value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_namelen = name.len;
            header.msg_hdr.msg_name = name.as_mut_ptr().cast();
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            self.headers.push(header);
        }
    }
}

/// Most datagrams in one system call.
pub(super) const MESSAGES_MAX: usize = 32;

/// `SK_MEMINFO_VARS` of linux/sock_diag.h.
const MEMINFO_LEN: usize = 9;
/// `SK_MEMINFO_DROPS` of linux/sock_diag.h.
const MEMINFO_DROPS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_ours_is_refused() {
        let options = Options {
            is_shared: false,
            receive_buffer: 4096,
        };
        let error = bind("192.0.2.1:0".parse().unwrap(), options).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
