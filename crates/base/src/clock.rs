//! Time as a port, so that nothing but the binary reads the wall clock.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::BoxFuture;

/// A moment in UTC.
pub type Timestamp = DateTime<Utc>;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Waits. A clock that does not go on does not wait either.
    fn pause(&self, _span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A clock that stands still, for tests and for reports that must come out the same twice.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}
