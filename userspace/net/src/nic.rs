//! Facts about interfaces, asked by ioctl so that they hold in any network namespace.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What is known of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Its index in this network namespace.
    pub index: u32,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// Receive queues in use.
    pub queues: u32,
    /// Name of its driver; empty if the driver does not say.
    pub driver: String,
    /// Whether it is administratively up.
    pub is_up: bool,
}

impl Nic {
    /// Asks the kernel about `name`.
    ///
    /// # Errors
    /// What the kernel says: no such interface above all.
    pub fn probe(name: &str) -> io::Result<Self> {
        let socket = control_socket()?;
        Ok(Self {
            name: name.to_owned(),
            index: index(name)?,
            mac: hardware_address(&socket, name)?,
            mtu: number(&socket, name, libc::SIOCGIFMTU)?.unsigned_abs(),
            queues: channels(&socket, name)?,
            driver: driver(&socket, name)?,
            is_up: flags(&socket, name)? & libc::IFF_UP as i16 != 0,
        })
    }
}

/// The index of interface `name` in this network namespace.
///
/// # Errors
/// No such interface, or a name that cannot be one.
pub fn index(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: `name` is a string with a terminating zero that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(index)
    }
}

/// Receive queues in use at interface `name`; 1 if the driver does not say.
///
/// # Errors
/// What the kernel says, but for "not supported".
pub fn queues(name: &str) -> io::Result<u32> {
    channels(&control_socket()?, name)
}

fn control_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes three integers; the result is checked before it is used.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` is a fresh descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is no interface name"),
        ));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}

fn ioctl(socket: &OwnedFd, code: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: each code used in this file reads and writes one `ifreq` (and, for SIOCETHTOOL, the structure that
    // `ifr_data` points at, which its caller keeps alive and which is as long as its command says).
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), code, std::ptr::from_mut(request)) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn number(socket: &OwnedFd, name: &str, code: libc::c_ulong) -> io::Result<i32> {
    let mut request = request(name)?;
    ioctl(socket, code as libc::Ioctl, &mut request)?;
    // SAFETY: the codes passed here (MTU) fill in an integer; any bits are a valid integer.
    Ok(unsafe { request.ifr_ifru.ifru_mtu })
}

fn flags(socket: &OwnedFd, name: &str) -> io::Result<i16> {
    let mut request = request(name)?;
    ioctl(socket, libc::SIOCGIFFLAGS as libc::Ioctl, &mut request)?;
    // SAFETY: SIOCGIFFLAGS fills in a short; any bits are a valid short.
    Ok(unsafe { request.ifr_ifru.ifru_flags })
}

fn hardware_address(socket: &OwnedFd, name: &str) -> io::Result<[u8; 6]> {
    let mut request = request(name)?;
    ioctl(socket, libc::SIOCGIFHWADDR as libc::Ioctl, &mut request)?;
    // SAFETY: SIOCGIFHWADDR fills in a sockaddr; any bits are a valid one.
    let address = unsafe { request.ifr_ifru.ifru_hwaddr };
    let mut mac = [0; 6];
    for (to, from) in mac.iter_mut().zip(address.sa_data) {
        *to = from.cast_unsigned();
    }
    Ok(mac)
}

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    rom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

fn channels(socket: &OwnedFd, name: &str) -> io::Result<u32> {
    let mut channels = Channels {
        command: ETHTOOL_GCHANNELS,
        ..Channels::default()
    };
    let mut request = request(name)?;
    request.ifr_ifru.ifru_data = (&raw mut channels).cast();
    match ioctl(socket, SIOCETHTOOL as libc::Ioctl, &mut request) {
        Ok(()) => Ok((channels.rx + channels.combined).max(1)),
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(1),
        Err(error) => Err(error),
    }
}

fn driver(socket: &OwnedFd, name: &str) -> io::Result<String> {
    let text = [0; 32];
    let mut info = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: text,
        version: text,
        firmware: text,
        bus: text,
        rom: text,
        reserved: [0; 12],
        counts: [0; 5],
    };
    let mut request = request(name)?;
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    match ioctl(socket, SIOCETHTOOL as libc::Ioctl, &mut request) {
        Ok(()) => {
            let end = info
                .driver
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(info.driver.len());
            Ok(String::from_utf8_lossy(&info.driver[..end]).into_owned())
        }
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GCHANNELS: u32 = 0x3c;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known() {
        let nic = Nic::probe("lo").unwrap();
        assert_eq!((nic.mac, nic.queues), ([0; 6], 1));
        assert_eq!(nic.index, index("lo").unwrap());
        assert!(nic.mtu >= 1280);
    }

    #[test]
    fn what_is_no_interface_is_an_error() {
        assert!(Nic::probe("").is_err());
        assert!(Nic::probe("a-name-that-is-much-too-long").is_err());
        assert!(index("nul\0inside").is_err());
        assert!(queues("no-such-if").is_err());
    }
}
