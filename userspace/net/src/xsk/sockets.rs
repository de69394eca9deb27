//! Opening AF_XDP sockets: one UMEM, a socket for each interface and queue, copy or zero-copy as the driver allows.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use xsk_rs::config::{
    BindFlags, FrameSize, Interface, LibxdpFlags, QueueSize, SocketConfig, SocketConfigBuilder, UmemConfig,
    UmemConfigBuilder,
};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// Offset of a received frame in its slot: what the kernel reserves for XDP programs, which is ours once a frame is
/// received.
pub(super) const PACKET_START: usize = 256;

/// One receive queue to bind to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XskQueue {
    /// Index in the distinct list of interfaces.
    pub interface: u8,
    /// Name of the interface.
    pub name: String,
    /// Number of the queue, from 0.
    pub queue: u32,
}

/// Whether the driver is to give and take frames in the UMEM itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroCopy {
    /// Where the driver can, else by copy.
    #[default]
    Auto,
    /// Never; the only choice with a program attached in generic mode.
    Never,
    /// Or fail.
    Required,
}

/// What to open.
#[derive(Clone, Debug)]
pub struct XskConfig {
    /// The queues of this worker, at least one.
    pub queues: Vec<XskQueue>,
    /// Bytes of a slot, a power of two: 2048 (frames up to 1,792 bytes) or 4096.
    pub slot_len: u32,
    /// Entries of each of the four rings, a power of two.
    pub ring_len: u32,
    /// Whether to ask for zero-copy.
    pub zero_copy: ZeroCopy,
    /// Whether the UMEM is made of huge pages, which must be reserved.
    pub huge_pages: bool,
}

impl Default for XskConfig {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            slot_len: 2048,
            ring_len: 2048,
            zero_copy: ZeroCopy::Auto,
            huge_pages: false,
        }
    }
}

/// What was negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XskReport {
    /// The queues bound to.
    pub queues: Vec<XskQueue>,
    /// Whether frames pass without a copy between driver and UMEM.
    pub zero_copy: bool,
    /// Slots of the UMEM.
    pub slots: u32,
    /// Bytes of a slot.
    pub slot_len: u32,
    /// Entries of each ring.
    pub ring_len: u32,
}

/// Why AF_XDP sockets could not be opened.
#[derive(Debug)]
pub struct XskError {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl XskError {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    fn with(what: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            what: what.into(),
            source: Some(Box::new(source)),
        }
    }

    /// The error of the kernel behind it, if there is one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        let mut error: Option<&(dyn std::error::Error + 'static)> = self.source.as_deref().map(|e| e as _);
        while let Some(inner) = error {
            if let Some(code) = inner
                .downcast_ref::<io::Error>()
                .and_then(io::Error::raw_os_error)
            {
                return Some(code);
            }
            error = inner.source();
        }
        None
    }
}

impl fmt::Display for XskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut error: Option<&(dyn std::error::Error + 'static)> = self.source.as_deref().map(|e| e as _);
        while let Some(inner) = error {
            write!(f, ": {inner}")?;
            error = inner.source();
        }
        Ok(())
    }
}

impl std::error::Error for XskError {}

/// One bound socket.
pub(super) struct OpenQueue {
    pub(super) interface: u8,
    pub(super) queue: u32,
    pub(super) rx: RxQueue,
    pub(super) tx: TxQueue,
    pub(super) fill: FillQueue,
    pub(super) completion: CompQueue,
}

/// Opened sockets, to be sent to the thread of their worker.
pub struct XskSockets {
    umem: Umem,
    descs: Vec<FrameDesc>,
    report: XskReport,
    opened: Vec<OpenQueue>,
}

impl XskSockets {
    /// Opens and binds a socket for each queue of `config`, all in one UMEM.
    ///
    /// Needs `CAP_NET_RAW`, and locked memory for the UMEM. Frames arrive once an XDP program redirects to the
    /// descriptors of [`XskSockets::fds`].
    ///
    /// # Errors
    /// No queue, sizes that are no powers of two, or what the kernel says (a queue that does not exist or is taken, no
    /// permission, no zero-copy where it is required).
    pub fn open(config: &XskConfig) -> Result<Self, XskError> {
        if config.queues.is_empty() {
            return Err(XskError::new("no queue to bind an AF_XDP socket to"));
        }
        if let Some(far) = config
            .queues
            .iter()
            .find(|queue| queue.queue > u32::from(u8::MAX))
        {
            return Err(XskError::new(format!(
                "queue {} of {} is beyond 255",
                far.queue, far.name
            )));
        }
        raise_locked_memory();
        match config.zero_copy {
            ZeroCopy::Never => Self::bind(config, BindFlags::XDP_COPY),
            ZeroCopy::Required => Self::bind(config, BindFlags::XDP_ZEROCOPY),
            // The first socket decides for all that share its UMEM, so an attempt is for all of them.
            ZeroCopy::Auto => Self::bind(config, BindFlags::XDP_ZEROCOPY)
                .or_else(|_| Self::bind(config, BindFlags::XDP_COPY)),
        }
    }

    fn bind(config: &XskConfig, copy: BindFlags) -> Result<Self, XskError> {
        let count = config.queues.len() as u32;
        let slots = count * 2 * config.ring_len + SLOTS_SPARE;
        let frames = NonZeroU32::new(slots).ok_or_else(|| XskError::new("a UMEM without slots"))?;
        let (umem, descs) = Umem::new(umem_config(config)?, frames, config.huge_pages)
            .map_err(|error| XskError::with("UMEM", error))?;
        let socket_config = socket_config(config, copy)?;
        let mut opened = Vec::with_capacity(config.queues.len());
        for queue in &config.queues {
            opened.push(open_queue(queue, socket_config, &umem)?);
        }
        let zero_copy = opened.iter().all(|open| is_zero_copy(open.rx.fd().as_raw_fd()));
        let report = XskReport {
            queues: config.queues.clone(),
            zero_copy,
            slots,
            slot_len: config.slot_len,
            ring_len: config.ring_len,
        };
        Ok(Self {
            umem,
            descs,
            report,
            opened,
        })
    }

    /// What was negotiated with the kernel.
    #[must_use]
    pub fn report(&self) -> &XskReport {
        &self.report
    }

    /// Interface index, queue number and descriptor of each socket, for the map of the XDP program.
    #[must_use]
    pub fn fds(&self) -> Vec<(u8, u32, BorrowedFd<'_>)> {
        let borrowed = |open: &OpenQueue| {
            // SAFETY: the socket is open as long as `open` lives, which `self` keeps, and so does the borrow.
            unsafe { BorrowedFd::borrow_raw(open.rx.fd().as_raw_fd()) }
        };
        self.opened
            .iter()
            .map(|open| (open.interface, open.queue, borrowed(open)))
            .collect()
    }

    pub(super) fn into_parts(self) -> (Umem, Vec<FrameDesc>, XskReport, Vec<OpenQueue>) {
        (self.umem, self.descs, self.report, self.opened)
    }
}

fn umem_config(config: &XskConfig) -> Result<UmemConfig, XskError> {
    let ring = QueueSize::new(config.ring_len).map_err(|error| XskError::with("ring length", error))?;
    let slot = FrameSize::new(config.slot_len).map_err(|error| XskError::with("slot length", error))?;
    let mut builder = UmemConfigBuilder::new();
    builder
        .frame_size(slot)
        .fill_queue_size(ring)
        .comp_queue_size(ring);
    builder
        .build()
        .map_err(|error| XskError::with("slot length", error))
}

fn socket_config(config: &XskConfig, copy: BindFlags) -> Result<SocketConfig, XskError> {
    let ring = QueueSize::new(config.ring_len).map_err(|error| XskError::with("ring length", error))?;
    let mut builder = SocketConfigBuilder::new();
    builder
        .rx_queue_size(ring)
        .tx_queue_size(ring)
        .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
        .bind_flags(copy | BindFlags::XDP_USE_NEED_WAKEUP);
    Ok(builder.build())
}

fn open_queue(queue: &XskQueue, config: SocketConfig, umem: &Umem) -> Result<OpenQueue, XskError> {
    let what = || format!("AF_XDP socket on {} queue {}", queue.name, queue.queue);
    let interface: Interface = queue
        .name
        .parse()
        .map_err(|error| XskError::with(what(), error))?;
    // SAFETY: the flag that keeps libxdp from loading a program of its own is set in `config`, which is all that
    // sharing a UMEM asks for.
    let sockets = unsafe { Socket::new(config, umem, &interface, queue.queue) };
    let (tx, rx, rings) = sockets.map_err(|error| XskError::with(what(), error))?;
    let (fill, completion) = rings.ok_or_else(|| XskError::new(format!("{} is listed twice", what())))?;
    Ok(OpenQueue {
        interface: queue.interface,
        queue: queue.queue,
        rx,
        tx,
        fill,
        completion,
    })
}

fn is_zero_copy(fd: RawFd) -> bool {
    let mut options = libc::xdp_options { flags: 0 };
    let mut len = size_of::<libc::xdp_options>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, the size of `options`, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_XDP,
            libc::XDP_OPTIONS,
            (&raw mut options).cast(),
            &raw mut len,
        )
    };
    result == 0 && options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0
}

/// Raises the limit on locked memory if this process may; if it may not, opening says what is wrong.
fn raise_locked_memory() {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: reads one `rlimit` that outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}

/// Slots beyond what the rings hold, so that the worker can always take some to write into.
const SLOTS_SPARE: u32 = 512;
