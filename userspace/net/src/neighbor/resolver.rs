//! The thread that follows the kernel's routes and neighbours.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc as sync_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::stream::{Stream, StreamExt};
use futures_util::{FutureExt, TryStreamExt};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{Handle, IpVersion, MulticastGroup, RouteMessageBuilder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::follow::Tables;
use super::provoke::provoke;
use super::snapshot::Snapshot;
use super::{NextHops, Request, Shared};
use crate::caps;

/// Keeps the snapshots of a [`NextHops`] fresh until it is dropped.
#[derive(Debug)]
pub struct Resolver {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Starts following, for the interfaces with these names; their order gives their indexes. Returns once the first
    /// snapshot is there.
    ///
    /// The thread works in the network namespace of its caller. It keeps `CAP_NET_ADMIN`, if the caller has it, to
    /// make the kernel resolve addresses; without it a datagram to the discard port does that.
    ///
    /// # Errors
    /// An interface that does not exist, or what the kernel says.
    pub fn start(interfaces: &[String]) -> io::Result<(NextHops, Self)> {
        for name in interfaces {
            let blame = |error| io::Error::new(io::Error::kind(&error), format!("interface {name}: {error}"));
            crate::nic::index(name).map_err(blame)?;
        }
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            epoch: AtomicU64::new(0),
            requests,
            requests_refused: AtomicU64::new(0),
        });
        let next_hops = NextHops::followed(&shared);
        let (stop, stopped) = oneshot::channel();
        let (started, first) = sync_mpsc::channel();
        let tables = Tables::new(interfaces);
        let thread = std::thread::Builder::new()
            .name("next-hops".to_owned())
            .spawn(move || {
                // What is kept beyond need is a risk, not a fault.
                let _ = caps::drop_all_but(caps::Keep::NetAdmin);
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(started.send(Err(error))),
                };
                runtime.block_on(follow(tables, &shared, queue, stopped, &started));
            })?;
        let resolver = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        first
            .recv()
            .map_err(|_| io::Error::other("the thread that follows routes ended"))??;
        Ok((next_hops, resolver))
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

type Event = (NetlinkMessage<RouteNetlinkMessage>, rtnetlink::sys::SocketAddr);

/// Runs until the resolver is dropped, and begins anew if a netlink socket fails.
async fn follow(
    mut tables: Tables,
    shared: &Shared,
    mut requests: mpsc::Receiver<Request>,
    mut stopped: oneshot::Receiver<()>,
    started: &sync_mpsc::Sender<io::Result<()>>,
) {
    loop {
        let result = async {
            // Two sockets: an overrun of the one that brings news must not disturb answers on the other.
            let (news, _, events) = rtnetlink::new_multicast_connection(&GROUPS)?;
            let (connection, handle, _) = rtnetlink::new_connection()?;
            tokio::spawn(news);
            tokio::spawn(connection);
            let asked = HashMap::new();
            let mut follower = Follower {
                tables: &mut tables,
                shared,
                handle,
                asked,
                resync_at: Instant::now(),
            };
            follower.resync().await?;
            // Only the first answer is waited for.
            let _ = started.send(Ok(()));
            io::Result::Ok(follower.run(events, &mut requests, &mut stopped).await)
        }
        .await;
        match result {
            Ok(Ended::Stopped) => return,
            Ok(Ended::Broken) => {}
            Err(error) => drop(started.send(Err(error))),
        }
        tokio::select! {
            _ = &mut stopped => return,
            () = tokio::time::sleep(RESTART_AFTER) => {}
        }
    }
}

/// Why following ended.
enum Ended {
    /// The resolver was dropped.
    Stopped,
    /// Netlink failed.
    Broken,
}

struct Follower<'a> {
    tables: &'a mut Tables,
    shared: &'a Shared,
    handle: Handle,
    /// When each neighbour was last asked for.
    asked: HashMap<(u32, IpAddr), Instant>,
    resync_at: Instant,
}

impl Follower<'_> {
    /// Follows until the resolver is dropped or netlink fails.
    async fn run(
        &mut self,
        mut events: impl Stream<Item = Event> + Unpin,
        requests: &mut mpsc::Receiver<Request>,
        stopped: &mut oneshot::Receiver<()>,
    ) -> Ended {
        let mut refresh = tokio::time::interval(REFRESH_EVERY);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut *stopped => return Ended::Stopped,
                event = events.next() => {
                    let Some(event) = event else { return Ended::Broken };
                    let mut changed = self.on_event(&event.0);
                    while let Some(Some(event)) = events.next().now_or_never() {
                        changed |= self.on_event(&event.0);
                    }
                    if changed {
                        self.shared.publish(self.tables.snapshot());
                    }
                }
                Some(request) = requests.recv() => self.on_request(request).await,
                () = tokio::time::sleep_until(self.resync_at) => {
                    if self.resync().await.is_err() {
                        return Ended::Broken;
                    }
                }
                _ = refresh.tick() => self.refresh().await,
            }
        }
    }

    /// Takes one piece of news; true if a neighbour changed.
    fn on_event(&mut self, event: &NetlinkMessage<RouteNetlinkMessage>) -> bool {
        match &event.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewNeighbour(message)) => {
                self.tables.on_neighbor(message)
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelNeighbour(message)) => {
                self.tables.on_neighbor_gone(message)
            }
            // The kernel does not tell of every route it drops with a link or replaces, so routes are read anew; so is
            // everything after an overrun.
            NetlinkPayload::InnerMessage(_) | NetlinkPayload::Overrun(_) => {
                self.resync_at = self.resync_at.min(Instant::now() + RESYNC_AFTER);
                false
            }
            _ => false,
        }
    }

    /// Reads everything anew.
    async fn resync(&mut self) -> io::Result<()> {
        let links: Vec<_> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(io::Error::other)?;
        self.tables.set_links(&links);
        let v4 = RouteMessageBuilder::<std::net::Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<std::net::Ipv6Addr>::new().build();
        let mut routes = Vec::new();
        for family in [v4, v6] {
            let found = self.handle.route().get(family).execute();
            routes.extend(found.try_collect::<Vec<_>>().await.map_err(io::Error::other)?);
        }
        self.tables.set_routes(&routes);
        let mut neighbors = Vec::new();
        for family in [IpVersion::V4, IpVersion::V6] {
            let found = self.handle.neighbours().get().set_family(family).execute();
            neighbors.extend(found.try_collect::<Vec<_>>().await.map_err(io::Error::other)?);
        }
        self.tables.set_neighbors(&neighbors);
        self.shared.publish(self.tables.snapshot());
        self.resync_at = Instant::now() + RESYNC_EVERY;
        Ok(())
    }

    async fn on_request(&mut self, request: Request) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(address) = snapshot.neighbor_towards(request.interface, request.destination) else {
            return;
        };
        let Some(index) = self.tables.link_index(request.interface) else {
            return;
        };
        let now = Instant::now();
        if self
            .asked
            .get(&(index, address))
            .is_some_and(|last| now - *last < ASK_EVERY)
        {
            return;
        }
        if self.asked.len() >= ASKED_MAX {
            self.asked.retain(|_, last| now - *last < ASK_EVERY);
        }
        self.asked.insert((index, address), now);
        provoke(&self.handle, index, address).await;
    }

    async fn refresh(&self) {
        for (index, address) in self.tables.stale_in_use() {
            provoke(&self.handle, index, address).await;
        }
    }
}

/// News that is listened to.
const GROUPS: [MulticastGroup; 4] = [
    MulticastGroup::Link,
    MulticastGroup::Neigh,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];

/// Requests that may wait for the thread.
const REQUESTS_MAX: usize = 1024;

/// How long news of routes gather before all are read anew.
const RESYNC_AFTER: Duration = Duration::from_millis(20);

/// How often everything is read anew without news, in case some were lost.
const RESYNC_EVERY: Duration = Duration::from_secs(30);

/// How often stale neighbours in use are asked about.
const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// How soon the same neighbour is asked for again. The kernel itself asks three times, a second apart.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Neighbours remembered as asked for before old ones are forgotten.
const ASKED_MAX: usize = 4096;

/// How long after a failure of netlink everything begins anew.
const RESTART_AFTER: Duration = Duration::from_secs(1);
