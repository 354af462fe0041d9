//! The places of connections: one for each, and one for each further request that a connection of HTTP/2 has open.
//!
//! An open request takes as much memory as a connection of HTTP/1.1, which has one at a time.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::address_limit::{AddressLimit, Place};
use super::open_connections::{OpenConnection, OpenConnections};
use crate::config::ServerSettings;

/// How often idle connections are looked for while all places are taken.
const FULL_INTERVAL: Duration = Duration::from_millis(100);

/// The places of all connections, and those of an address.
#[derive(Clone)]
pub(super) struct Places {
    maximum: usize,
    permits: Arc<Semaphore>,
    open: OpenConnections,
    addresses: AddressLimit,
}

/// The place of a connection until it is dropped.
pub(super) struct Taken {
    connection: OpenConnection,
    _place: RequestPlace,
}

/// The place of a request until it is dropped.
pub(super) struct RequestPlace {
    _permit: OwnedSemaphorePermit,
    /// `None` for the first request of a connection, which has a place itself.
    _place: Option<Place>,
}

/// The places of the requests that one connection has open.
pub(super) struct RequestPlaces {
    first: Arc<Semaphore>,
    more: Places,
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        let maximum = settings.max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            maximum,
            permits: Arc::new(Semaphore::new(maximum)),
            open: OpenConnections::new(maximum),
            addresses: AddressLimit::new(settings),
        }
    }

    /// Waits until there is a place for one more connection.
    pub(super) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let taken = self.maximum - self.permits.available_permits();
            self.open.make_room(taken, Instant::now());
            let permit = Arc::clone(&self.permits).acquire_owned();
            if let Ok(permit) = timeout(FULL_INTERVAL, permit).await {
                return permit.ok();
            }
        }
    }

    /// The place of a connection from this address; `None` if the address has as many as it may have.
    pub(super) fn take(
        &self,
        permit: OwnedSemaphorePermit,
        address: Option<IpAddr>,
    ) -> Option<Taken> {
        let place = self.request_place(permit, address)?;
        Some(Taken {
            connection: self.open.add(),
            _place: place,
        })
    }

    /// The places of a connection's requests.
    pub(super) fn of_connection(self, address: Option<IpAddr>) -> RequestPlaces {
        RequestPlaces {
            first: Arc::new(Semaphore::new(1)),
            more: self,
            address,
        }
    }

    fn request_place(
        &self,
        permit: OwnedSemaphorePermit,
        address: Option<IpAddr>,
    ) -> Option<RequestPlace> {
        Some(RequestPlace {
            _permit: permit,
            _place: Some(self.addresses.take(address)?),
        })
    }
}

impl Taken {
    pub(super) const fn connection(&self) -> &OpenConnection {
        &self.connection
    }
}

impl RequestPlaces {
    /// The place of a request; `None` if there is none.
    pub(super) fn take(&self) -> Option<RequestPlace> {
        if let Ok(permit) = Arc::clone(&self.first).try_acquire_owned() {
            return Some(RequestPlace {
                _permit: permit,
                _place: None,
            });
        }
        let permit = Arc::clone(&self.more.permits).try_acquire_owned().ok()?;
        self.more.request_place(permit, self.address)
    }
}

/// A response's body that keeps a place until it is sent.
pub(super) struct Placed<B> {
    pub body: B,
    pub _taken: Option<RequestPlace>,
}

impl<B: Body + Unpin> Body for Placed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
