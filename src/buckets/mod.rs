//! Clients of object stores: one for each bucket and credential, for the life of the process.
//!
//! - [`Settings`]: what the variables of the process say
//! - [`Buckets`]: the clients; all share one budget of requests and one pool of connections
//! - [`Lender`]: who lends credentials for a table where the variables have none
//!
//! What is read from a bucket, and what its answers mean, is `delta_log`'s.

mod budget;
mod clients;
mod lent;
mod settings;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use assets::Relation;
use assets::delta::Unreadable;
use object_store::ObjectStore;

use crate::delta_log::{Bucket, BucketLocation};
use budget::Budget;
pub use budget::Rate;
pub use lent::{Lender, LendingError, Lent, LentKey};
pub use settings::{CredentialSource, OwnVariables, Settings, SettingsError};
use wire::Wire;

/// The clients of all buckets.
#[derive(Debug, Default)]
pub struct Buckets {
    settings: Settings,
    lender: Option<Arc<dyn Lender>>,
    wire: OnceLock<Result<Wire, String>>,
    clients: Mutex<BTreeMap<Client, Arc<dyn ObjectStore>>>,
}

/// What a client is kept for: a bucket, or one table of it with credentials of its own.
type Client = (Bucket, Option<Relation>);

impl Buckets {
    /// Keeps clients by these settings; `lender` is asked where they hold no credentials. Nothing is
    /// set up before it is needed.
    pub fn new(settings: Settings, lender: Option<Arc<dyn Lender>>) -> Self {
        Self {
            settings,
            lender,
            wire: OnceLock::new(),
            clients: Mutex::default(),
        }
    }

    /// Returns the client for a place in a bucket. `relation` is the catalog's name of the table,
    /// where the catalog said that it lies there.
    ///
    /// # Errors
    ///
    /// [`Unreadable::Unreachable`] where the variables make no client. No secret of them is repeated.
    pub fn client(
        &self,
        location: &BucketLocation,
        relation: Option<&Relation>,
    ) -> Result<Arc<dyn ObjectStore>, Unreadable> {
        let bucket = &location.bucket;
        let failed = |detail: String| Unreadable::Unreachable {
            path: bucket.to_string(),
            detail,
        };
        let borrowed = self.lender.as_ref().zip(relation);
        let borrowed = borrowed.filter(|_| self.settings.borrows_for(bucket));
        let key = (
            bucket.clone(),
            borrowed.map(|(_, relation)| relation.clone()),
        );
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(Arc::clone(client));
        }
        let start =
            || Wire::new(Budget::new(self.settings.rate)).map_err(|error| error.to_string());
        let wire = self.wire.get_or_init(start).as_ref();
        let wire =
            wire.map_err(|error| failed(format!("the HTTPS client cannot be set up: {error}")))?;
        let client = clients::build(&self.settings, bucket, wire, borrowed).map_err(failed)?;
        clients.insert(key, Arc::clone(&client));
        Ok(client)
    }

    /// Returns how many requests have been sent to buckets, those for credentials included.
    pub fn requests(&self) -> u64 {
        let wire = self.wire.get().and_then(|wire| wire.as_ref().ok());
        wire.map_or(0, Wire::requests)
    }
}
