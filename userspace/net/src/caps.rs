//! Capabilities: what the process may do, and giving up what it no longer needs.

use std::collections::HashSet;
use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// What a thread still needs once sockets, programs and maps exist.
///
/// Workers need none: descriptors that are open stay usable. The thread that resolves next hops provokes ARP and ND
/// through netlink, which the kernel allows to network administrators only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// No capability at all.
    Nothing,
    /// `CAP_NET_ADMIN`, to provoke address resolution.
    NetAdmin,
}

/// Names of the capabilities that this thread may use, sorted.
///
/// # Errors
/// What the kernel says.
pub fn permitted() -> io::Result<Vec<String>> {
    let set = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let mut names: Vec<_> = set.iter().map(ToString::to_string).collect();
    names.sort();
    Ok(names)
}

/// Whether this thread may load and attach an XDP program and open AF_XDP sockets.
#[must_use]
pub fn can_xdp() -> bool {
    missing_for_xdp().is_empty()
}

/// Names of the capabilities that an XDP start still lacks, sorted; empty if it may go ahead.
#[must_use]
pub fn missing_for_xdp() -> Vec<String> {
    let Ok(set) = caps::read(None, CapSet::Effective) else {
        return FOR_XDP.iter().map(ToString::to_string).collect();
    };
    let is_admin = set.contains(&Capability::CAP_SYS_ADMIN);
    let mut names: Vec<_> = FOR_XDP
        .into_iter()
        .filter(|capability| !set.contains(capability))
        .filter(|capability| !(is_admin && *capability == Capability::CAP_BPF))
        .map(|capability| capability.to_string())
        .collect();
    names.sort();
    names
}

/// Gives up, for this thread and those it starts later, every capability but what `keep` names, for good.
///
/// Threads that run already keep theirs. What is given up cannot be had back by starting another program either
/// (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// What the kernel says; some sets may then already be smaller.
pub fn drop_all_but(keep: Keep) -> io::Result<()> {
    let wanted: CapsHashSet = match keep {
        Keep::Nothing => HashSet::new(),
        Keep::NetAdmin => HashSet::from([Capability::CAP_NET_ADMIN]),
    };
    let permitted = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let kept: CapsHashSet = permitted.intersection(&wanted).copied().collect();
    if permitted.contains(&Capability::CAP_SETPCAP) {
        let bounding = caps::read(None, CapSet::Bounding).map_err(io::Error::other)?;
        for capability in bounding.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability).map_err(io::Error::other)?;
        }
    }
    caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    caps::set(None, CapSet::Inheritable, &HashSet::new()).map_err(io::Error::other)?;
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)?;
    refuse_new_privileges()
}

/// Keeps programs that this thread may start from gaining privileges by set-user-ID bits or file capabilities.
fn refuse_new_privileges() -> io::Result<()> {
    let (on, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
    // SAFETY: this option takes integers only, and changes nothing but a flag of the calling thread.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, unused, unused, unused) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// `CAP_BPF` to load the program and its maps, `CAP_NET_ADMIN` to attach it, `CAP_NET_RAW` for AF_XDP sockets.
const FOR_XDP: [Capability; 3] = [
    Capability::CAP_BPF,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_RAW,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_stays_given_up() {
        let before = permitted().unwrap();
        let inside = std::thread::spawn(|| {
            drop_all_but(Keep::Nothing).unwrap();
            (permitted().unwrap(), can_xdp())
        });
        assert_eq!(inside.join().unwrap(), (Vec::new(), false));
        assert_eq!(permitted().unwrap(), before, "other threads are left alone");
    }

    #[test]
    fn no_program_brings_privileges_back() {
        let flag = std::thread::spawn(|| {
            drop_all_but(Keep::Nothing).unwrap();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            status.lines().any(|line| line == "NoNewPrivs:\t1")
        });
        assert!(flag.join().unwrap());
    }

    #[test]
    fn one_can_be_kept() {
        let had = permitted().unwrap().contains(&"CAP_NET_ADMIN".to_owned());
        let kept = std::thread::spawn(|| {
            drop_all_but(Keep::NetAdmin).unwrap();
            permitted().unwrap()
        });
        let expected = if had {
            vec!["CAP_NET_ADMIN".to_owned()]
        } else {
            Vec::new()
        };
        assert_eq!(kept.join().unwrap(), expected);
    }
}
