//! Waiting for descriptors, a time, or another thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What ended a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// A descriptor is readable, or has an error that reading will show.
    pub ready: bool,
    /// A [`Waker`] was used.
    pub woken: bool,
}

/// Sleeps until a descriptor is readable, a [`Waker`] is used or the time is up. One per worker.
#[derive(Debug)]
pub struct Waiter {
    shared: Arc<Shared>,
    poll: Vec<libc::pollfd>,
}

/// Ends the wait of one [`Waiter`], from any thread.
///
/// Many calls before the waiter runs again cost one system call.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    event: OwnedFd,
    pending: AtomicBool,
}

impl Waiter {
    /// Makes a waiter and its waker.
    ///
    /// # Errors
    /// What the kernel says if it has no descriptor to give.
    pub fn new() -> io::Result<(Self, Waker)> {
        // SAFETY: takes two integers; the result is checked before it is used as a descriptor.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a fresh descriptor that nothing else owns.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        let shared = Arc::new(Shared {
            event,
            pending: AtomicBool::new(false),
        });
        Ok((
            Self {
                shared: Arc::clone(&shared),
                poll: Vec::new(),
            },
            Waker { shared },
        ))
    }

    /// Waits until one of `fds` is readable, the waker is used, or `timeout` has passed; `None` waits for ever, zero
    /// only looks.
    ///
    /// What was handed over before [`Waker::wake`] is visible to the caller once this returned. A signal ends the wait
    /// early, as if nothing had happened.
    ///
    /// # Errors
    /// What `ppoll` says, except for interruption.
    pub fn wait(&mut self, fds: &[RawFd], timeout: Option<Duration>) -> io::Result<Woken> {
        self.poll.clear();
        let all = std::iter::once(self.shared.event.as_raw_fd()).chain(fds.iter().copied());
        self.poll.extend(all.map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        }));
        let limit = timeout.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
        });
        let limit_ptr = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = self.poll.len() as libc::nfds_t;
        // SAFETY: `poll` has `count` entries; the timeout is null or points at `limit`, which lives past the call; a
        // null signal mask leaves the mask alone.
        let ready = unsafe { libc::ppoll(self.poll.as_mut_ptr(), count, limit_ptr, std::ptr::null()) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(Woken::default())
            } else {
                Err(error)
            };
        }
        let (event, others) = self
            .poll
            .split_first()
            .expect("the event descriptor is always the first");
        let woken = Woken {
            ready: others.iter().any(|fd| fd.revents != 0),
            woken: event.revents != 0,
        };
        if woken.woken {
            self.drain_event();
        }
        Ok(woken)
    }

    fn drain_event(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: reads at most eight bytes into an array of eight. The descriptor does not block, and its value does
        // not matter.
        unsafe {
            libc::read(
                self.shared.event.as_raw_fd(),
                count.as_mut_ptr().cast(),
                count.len(),
            )
        };
        // After the read, so that a waker which still sees `true` has its wake-up delivered by this return.
        self.shared.pending.swap(false, Ordering::AcqRel);
    }
}

impl Waker {
    /// Makes the waiter return from its current wait, or from the next one at once.
    pub fn wake(&self) {
        if self.shared.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let one = 1_u64.to_ne_bytes();
        // SAFETY: writes eight bytes from an array of eight. It can only fail if the counter is full, which means that
        // the waiter is already to be woken.
        unsafe { libc::write(self.shared.event.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
}

#[cfg(test)]
mod tests;
