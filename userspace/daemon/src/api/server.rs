//! Connections of the admin interface, each bounded in number and time.

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};
use tracing::debug;

/// Connections at once. One more closes the oldest that has asked nothing yet, or waits if all have.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to send the head of a request, also of the next one on the same connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection may last. Programs that keep theirs open just connect again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a request's head and of what is buffered of its body.
const BUFFER_MAX: usize = 16 * 1024;

/// A connection as the one who accepts them remembers it.
struct Open {
    /// Whether a whole head of a request has come.
    has_asked: Arc<AtomicBool>,
    connection: AbortHandle,
}

/// Serves `router` on `listener` for ever.
///
/// # Errors
/// The listener cannot be used at all.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The oldest first.
    let mut open: VecDeque<Open> = VecDeque::with_capacity(CONNECTIONS_MAX + 1);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptor is free, or the client is gone already; both pass.
                debug!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        open.retain(|other| !other.connection.is_finished());
        if places.available_permits() == 0 {
            close_oldest_silent(&mut open);
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        let has_asked = Arc::new(AtomicBool::new(false));
        let connection = converse(stream, router.clone(), Arc::clone(&has_asked), place);
        open.push_back(Open {
            has_asked,
            connection: tokio::spawn(connection).abort_handle(),
        });
    }
}

/// Connections that send nothing must not keep out one that asks.
fn close_oldest_silent(open: &mut VecDeque<Open>) {
    let is_silent = |other: &Open| !other.has_asked.load(Ordering::Relaxed);
    if let Some(place) = open.iter().position(is_silent)
        && let Some(oldest) = open.remove(place)
    {
        oldest.connection.abort();
        debug!("a connection that asked nothing made room for another");
    }
}

/// Serves one connection to its end and gives its place back.
async fn converse(
    stream: TcpStream,
    router: Router,
    has_asked: Arc<AtomicBool>,
    _place: OwnedSemaphorePermit,
) {
    let answers = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |request| {
        has_asked.store(true, Ordering::Relaxed);
        answers.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection of the admin interface ended badly"),
        Err(_) => debug!("a connection of the admin interface was open for too long"),
    }
}
