//! Socket addresses as the kernel reads and writes them.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// A socket address as the kernel reads and writes it.
#[derive(Clone, Copy)]
pub(super) struct Name {
    storage: Storage,
    pub(super) len: libc::socklen_t,
}

/// Large enough for either family; any bits are a valid value of each.
#[derive(Clone, Copy)]
#[repr(C)]
union Storage {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Default for Name {
    fn default() -> Self {
        // SAFETY: plain integers only, for which all zeroes is a valid value.
        let storage = unsafe { mem::zeroed() };
        Self {
            storage,
            len: size_of::<Storage>() as libc::socklen_t,
        }
    }
}

impl Name {
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    /// The address in it, or `None` if it is of neither family.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        // SAFETY: the storage was zeroed or written by the kernel, and any bits are a valid integer.
        let family = unsafe { self.storage.family };
        match i32::from(family) {
            libc::AF_INET => {
                // SAFETY: the family says so, and any bits are a valid value anyway.
                let v4 = unsafe { self.storage.v4 };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: the family says so, and any bits are a valid value anyway.
                let v6 = unsafe { self.storage.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
            }
            _ => None,
        }
    }
}

impl From<SocketAddr> for Name {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => {
                let v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from(*v4.ip()).to_be(),
                    },
                    sin_zero: [0; 8],
                };
                Self {
                    storage: Storage { v4 },
                    len: size_of::<libc::sockaddr_in>() as libc::socklen_t,
                }
            }
            SocketAddr::V6(v6) => Self::from(v6),
        }
    }
}

impl From<SocketAddrV6> for Name {
    fn from(address: SocketAddrV6) -> Self {
        let v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: address.port().to_be(),
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr {
                s6_addr: address.ip().octets(),
            },
            sin6_scope_id: address.scope_id(),
        };
        Self {
            storage: Storage { v6 },
            len: size_of::<libc::sockaddr_in6>() as libc::socklen_t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for text in ["192.0.2.1:5060", "[2001:db8::1]:20000"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Name::from(address).address(), Some(address));
        }
        assert_eq!(Name::default().address(), None);
    }
}
