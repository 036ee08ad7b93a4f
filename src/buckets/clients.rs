//! One client of one bucket, made of variables and, where they are borrowed, of credentials that
//! somebody lends.

use std::sync::Arc;
use std::time::Duration;

use assets::Relation;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ObjectStore, Result, RetryConfig};

use super::Settings;
use super::lent::{Borrowed, Lender};
use super::settings::{is_azure_credential, is_google_credential, is_s3_credential};
use super::wire::Wire;
use crate::delta_log::Bucket;

/// Who lends credentials, and for which table.
type Loan<'a> = Option<(&'a Arc<dyn Lender>, &'a Relation)>;

/// Makes a client; says why not, in words without secrets.
pub(super) fn build(
    settings: &Settings,
    bucket: &Bucket,
    wire: &Wire,
    loan: Loan<'_>,
) -> std::result::Result<Arc<dyn ObjectStore>, String> {
    let built = match bucket {
        Bucket::S3(name) => s3(settings, name, wire, loan),
        Bucket::Azure {
            account,
            container,
            cloud,
        } => azure(settings, (account, container, cloud), wire, loan),
        Bucket::Google(name) => google(settings, name, wire, loan),
    };
    built.map_err(|error| {
        let told = settings.mask(&error.to_string());
        format!("the variables make no client of it: {told}")
    })
}

/// A request is tried again twice, within 3 s: with the last one's silence it stays below the time
/// that a table has.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(3),
    }
}

fn s3(
    settings: &Settings,
    name: &str,
    wire: &Wire,
    loan: Loan<'_>,
) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(wire.clone())
        .with_retry(retry());
    for (key, value) in settings.s3() {
        if loan.is_none() || !is_s3_credential(key) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some((lender, relation)) = loan {
        builder = builder.with_credentials(Arc::new(Borrowed::new(lender, relation)));
    }
    Ok(Arc::new(builder.with_bucket_name(name).build()?))
}

fn azure(
    settings: &Settings,
    (account, container, cloud): (&str, &str, &str),
    wire: &Wire,
    loan: Loan<'_>,
) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_http_connector(wire.clone())
        .with_retry(retry());
    if cloud != "core.windows.net" {
        builder = builder.with_endpoint(format!("https://{account}.blob.{cloud}"));
    }
    for (key, value) in settings.azure(account) {
        if loan.is_none() || !is_azure_credential(key) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some((lender, relation)) = loan {
        builder = builder.with_credentials(Arc::new(Borrowed::new(lender, relation)));
    }
    let builder = builder.with_account(account).with_container_name(container);
    Ok(Arc::new(builder.build()?))
}

fn google(
    settings: &Settings,
    name: &str,
    wire: &Wire,
    loan: Loan<'_>,
) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_http_connector(wire.clone())
        .with_retry(retry());
    for (key, value) in settings.google() {
        if loan.is_none() || !is_google_credential(key) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some((lender, relation)) = loan {
        builder = builder.with_credentials(Arc::new(Borrowed::new(lender, relation)));
    }
    Ok(Arc::new(builder.with_bucket_name(name).build()?))
}
