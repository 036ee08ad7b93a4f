//! Credentials that somebody lends for one table and a while, renewed in time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assets::Relation;
use async_trait::async_trait;
use object_store::aws::AwsCredential;
use object_store::azure::{AzureCredential, split_sas};
use object_store::gcp::GcpCredential;
use object_store::{CredentialProvider, Error, Result};
use tokio::sync::Mutex;

use crate::delta_log::{Heard, hear};
use crate::secret::Secret;

/// The longest time before their end at which credentials are renewed.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);

/// Lends credentials for reading a table.
#[async_trait]
pub trait Lender: fmt::Debug + Send + Sync {
    /// Lends credentials for a table that the catalog knows by this name.
    async fn lend(&self, relation: &Relation) -> std::result::Result<Lent, LendingError>;
}

/// What was lent.
#[derive(Debug, Clone)]
pub struct Lent {
    /// The credentials.
    pub key: LentKey,
    /// How long they are good for, from now on.
    pub lifetime: Duration,
}

/// Credentials by the kind of store that takes them.
#[derive(Debug, Clone)]
pub enum LentKey {
    /// Of S3.
    Aws {
        /// The id of the key.
        id: String,
        /// The key.
        secret: Secret,
        /// What proves that it is a temporary one.
        session: Secret,
    },
    /// The query of a shared access signature of Azure.
    AzureSignature(Secret),
    /// A bearer token of Azure.
    AzureToken(Secret),
    /// A bearer token of Google.
    Google(Secret),
}

/// Why nothing was lent; the words hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LendingError {
    /// Why.
    pub reason: String,
    /// Whether it was refused, rather than not answered.
    pub is_refusal: bool,
}

/// Credentials of one kind.
pub(super) trait OfKey: Sized + Send + Sync {
    /// The store's kind, for messages.
    const STORE: &'static str;
    /// Takes a lent key, if it is of this kind.
    fn of_key(key: &LentKey) -> Option<Self>;
}

impl OfKey for AwsCredential {
    const STORE: &'static str = "S3";

    fn of_key(key: &LentKey) -> Option<Self> {
        match key {
            LentKey::Aws {
                id,
                secret,
                session,
            } => Some(Self {
                key_id: id.clone(),
                secret_key: secret.reveal().to_owned(),
                token: Some(session.reveal().to_owned()),
            }),
            LentKey::AzureSignature(_) | LentKey::AzureToken(_) | LentKey::Google(_) => None,
        }
    }
}

impl OfKey for AzureCredential {
    const STORE: &'static str = "Azure";

    fn of_key(key: &LentKey) -> Option<Self> {
        match key {
            LentKey::AzureSignature(query) => split_sas(query.reveal()).ok().map(Self::SASToken),
            LentKey::AzureToken(token) => Some(Self::BearerToken(token.reveal().to_owned())),
            LentKey::Aws { .. } | LentKey::Google(_) => None,
        }
    }
}

impl OfKey for GcpCredential {
    const STORE: &'static str = "Google Cloud Storage";

    fn of_key(key: &LentKey) -> Option<Self> {
        match key {
            LentKey::Google(token) => Some(Self {
                bearer: token.reveal().to_owned(),
            }),
            LentKey::Aws { .. } | LentKey::AzureSignature(_) | LentKey::AzureToken(_) => None,
        }
    }
}

/// The borrowed credentials of one table.
pub(super) struct Borrowed<C> {
    lender: Arc<dyn Lender>,
    relation: Relation,
    kept: Mutex<Option<Kept<C>>>,
}

struct Kept<C> {
    credential: Arc<C>,
    renew_at: Instant,
    ends_at: Instant,
}

impl<C> Borrowed<C> {
    pub(super) fn new(lender: &Arc<dyn Lender>, relation: &Relation) -> Self {
        Self {
            lender: Arc::clone(lender),
            relation: relation.clone(),
            kept: Mutex::new(None),
        }
    }
}

impl<C> fmt::Debug for Borrowed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Borrowed for {}", self.relation)
    }
}

#[async_trait]
impl<C: OfKey> CredentialProvider for Borrowed<C> {
    type Credential = C;

    async fn get_credential(&self) -> Result<Arc<C>> {
        self.credential(Instant::now()).await
    }
}

impl<C: OfKey> Borrowed<C> {
    async fn credential(&self, now: Instant) -> Result<Arc<C>> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.renew_at) {
            return Ok(Arc::clone(&kept.credential));
        }
        let borrowed = match self.lender.lend(&self.relation).await {
            Ok(lent) => C::of_key(&lent.key)
                .map(|credential| (credential, lent.lifetime))
                .ok_or_else(|| LendingError {
                    reason: format!("the catalog lends credentials, but none of {}", C::STORE),
                    is_refusal: true,
                }),
            Err(error) => Err(error),
        };
        match (borrowed, kept.as_ref()) {
            (Ok((credential, lifetime)), _) => {
                let credential = Arc::new(credential);
                let early = RENEWED_BEFORE.min(lifetime / 4);
                *kept = Some(Kept {
                    credential: Arc::clone(&credential),
                    renew_at: now + lifetime.saturating_sub(early),
                    ends_at: now + lifetime,
                });
                Ok(credential)
            }
            // Good to the last minute, should the lender be away.
            (Err(_), Some(old)) if now < old.ends_at => Ok(Arc::clone(&old.credential)),
            (Err(error), _) => Err(not_lent(error)),
        }
    }
}

fn not_lent(error: LendingError) -> Error {
    hear(Heard {
        status: error.is_refusal.then_some(403),
        word: None,
        failure: Some(error.reason.clone()),
    });
    Error::Generic {
        store: "catalog",
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Lends keys that count up, each for an hour; refuses from the third on.
    #[derive(Debug, Default)]
    struct Counting(AtomicU32);

    #[async_trait]
    impl Lender for Counting {
        async fn lend(&self, _: &Relation) -> std::result::Result<Lent, LendingError> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            if number >= 2 {
                return Err(LendingError {
                    reason: "no more".into(),
                    is_refusal: true,
                });
            }
            Ok(Lent {
                key: LentKey::Aws {
                    id: format!("key{number}"),
                    secret: Secret::new("canary"),
                    session: Secret::new("canary"),
                },
                lifetime: Duration::from_hours(1),
            })
        }
    }

    fn borrowed<C>() -> Borrowed<C> {
        let lender: Arc<dyn Lender> = Arc::new(Counting::default());
        Borrowed::new(&lender, &Relation::parse("main.s.t").unwrap())
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_their_end_and_kept_to_it() {
        let borrowed = borrowed::<AwsCredential>();
        let began = Instant::now();
        let after = async |minutes: u64| {
            let credential = borrowed
                .credential(began + Duration::from_mins(minutes))
                .await;
            credential.map(|key| key.key_id.clone())
        };
        assert_eq!(after(0).await.unwrap(), "key0");
        assert_eq!(after(54).await.unwrap(), "key0");
        assert_eq!(after(56).await.unwrap(), "key1");
        // Refused from now on, but the last ones are still good.
        assert_eq!(after(114).await.unwrap(), "key1");
        assert!(
            after(117)
                .await
                .unwrap_err()
                .to_string()
                .contains("no more")
        );
    }

    #[tokio::test]
    async fn a_key_of_another_store_is_of_no_use() {
        let error = borrowed::<GcpCredential>().get_credential().await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("none of Google Cloud Storage"), "{error}");
    }

    #[test]
    fn no_secret_is_shown() {
        let lent = Lent {
            key: LentKey::AzureSignature(Secret::new("sig=canary")),
            lifetime: Duration::ZERO,
        };
        assert!(!format!("{lent:?} {:?}", borrowed::<AwsCredential>()).contains("canary"));
    }
}
