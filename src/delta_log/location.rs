//! Where a table lies: a folder of this machine, or a place in an object store.
//!
//! Stores that are not read are recognised by name, so that nobody looks for a local folder `hdfs:`.
//! The keys of a bucket are taken as they stand, as Spark does: `%20` is three characters there.

use std::fmt;
use std::path::{Path, PathBuf};

use assets::delta::Unreadable;

/// Schemes that are written without two slashes, too.
const SINGLE_SLASH: [&str; 2] = ["dbfs", "file"];

/// The clouds of Azure, by the end of their hosts. Credentials go to no other host.
const AZURE_CLOUDS: [&str; 3] = [
    "core.windows.net",
    "core.usgovcloudapi.net",
    "core.chinacloudapi.cn",
];

/// Where a table lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder that this machine sees.
    Local(PathBuf),
    /// A place in an object store.
    Bucket(BucketLocation),
}

/// A place in an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLocation {
    /// Whose store, and which bucket of it.
    pub bucket: Bucket,
    /// The table's folder in it, without slashes at its ends; empty for the bucket itself.
    pub prefix: String,
}

/// A bucket or container. It is shown as the URL of its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Amazon S3, or a store that speaks its protocol.
    S3(String),
    /// Azure Data Lake Storage or Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// The cloud, such as `core.windows.net`.
        cloud: String,
    },
    /// Google Cloud Storage.
    Google(String),
}

impl Location {
    /// Reads a location: an absolute path, one relative to `base`, a `file:` URL, or the URL of a
    /// place in a bucket.
    ///
    /// # Errors
    ///
    /// Names the kind of store when it is not read, or says what is wrong with the location. No
    /// secret that somebody wrote into a URL is repeated.
    pub fn parse(location: &str, base: &Path) -> Result<Self, Unreadable> {
        let bad = |detail: &str| bad(location, detail);
        if location.trim().is_empty() {
            return Err(bad("it is empty"));
        }
        if location.contains('\0') {
            return Err(bad("it holds a zero byte"));
        }
        let Some((scheme, rest)) = scheme(location) else {
            return Ok(Self::Local(base.join(location)));
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "file" => local(rest).map(Self::Local).map_err(bad),
            "s3" | "s3a" | "s3n" => plain(rest, Bucket::S3).map(Self::Bucket).map_err(bad),
            "gs" => plain(rest, Bucket::Google).map(Self::Bucket).map_err(bad),
            "abfss" | "abfs" => azure(rest, "dfs").map(Self::Bucket).map_err(bad),
            "wasbs" | "wasb" => azure(rest, "blob").map(Self::Bucket).map_err(bad),
            _ => Err(Unreadable::NotLocal {
                location: shown(location),
                scheme,
            }),
        }
    }

    /// Returns the folder, where it is one of this machine.
    pub fn local(self) -> Option<PathBuf> {
        match self {
            Self::Local(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }
}

impl BucketLocation {
    /// Returns the folder of the log below the root of the bucket.
    pub fn log(&self) -> String {
        if self.prefix.is_empty() {
            "_delta_log".to_owned()
        } else {
            format!("{}/_delta_log", self.prefix)
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => write!(f, "s3://{bucket}"),
            Self::Azure {
                account,
                container,
                cloud,
            } => write!(f, "abfss://{container}@{account}.dfs.{cloud}"),
            Self::Google(bucket) => write!(f, "gs://{bucket}"),
        }
    }
}

/// Splits `scheme:rest`; a colon alone makes no scheme, for file names may hold one.
fn scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_name = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_url = rest.starts_with("//")
        || (rest.starts_with('/') && SINGLE_SLASH.contains(&&*scheme.to_ascii_lowercase()));
    (is_name && is_url).then_some((scheme, rest))
}

fn local(rest: &str) -> Result<PathBuf, &'static str> {
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if !path.starts_with('/') {
        return Err("a `file:` URL holds an absolute path: `file:///data/orders`");
    }
    let path = percent_decoded(path).ok_or("a `%` escape is broken")?;
    Ok(PathBuf::from(path))
}

/// Reads `//bucket/prefix`.
fn plain(rest: &str, bucket: fn(String) -> Bucket) -> Result<BucketLocation, &'static str> {
    let (authority, prefix) = authority(rest)?;
    if authority.contains(['@', ':']) {
        return Err("credentials and ports have no place in it: set them by variables");
    }
    // What may stand in a host name, so that none of it can lead to another host.
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !(3..=222).contains(&authority.len()) || !authority.chars().all(is_name) {
        return Err("a bucket's name has 3 to 222 letters, digits, `-`, `_` and `.`");
    }
    if authority.starts_with('.') || authority.contains("..") {
        return Err("a bucket's name has no empty part between dots");
    }
    Ok(BucketLocation {
        bucket: bucket(authority.to_owned()),
        prefix: key(prefix)?,
    })
}

/// Reads `//container@account.service.cloud/prefix`.
fn azure(rest: &str, service: &str) -> Result<BucketLocation, &'static str> {
    const SHAPE: &str = "it is written `abfss://container@account.dfs.core.windows.net/folder`, or with `wasbs` and `blob`";
    let (authority, prefix) = authority(rest)?;
    let (container, host) = authority.split_once('@').ok_or(SHAPE)?;
    let host = host.to_ascii_lowercase();
    let (account, rest) = host.split_once('.').ok_or(SHAPE)?;
    let cloud = rest
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or(SHAPE)?;
    if !AZURE_CLOUDS.contains(&cloud) {
        return Err("its host is none of Azure's storage; OneLake is not read");
    }
    let is_account = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=24).contains(&account.len()) || !account.chars().all(is_account) {
        return Err("a storage account's name has 3 to 24 lower-case letters and digits");
    }
    let is_container = |c: char| is_account(c) || matches!(c, '-' | '$');
    if !(1..=63).contains(&container.len()) || !container.chars().all(is_container) {
        return Err("a container's name has up to 63 lower-case letters, digits and `-`");
    }
    Ok(BucketLocation {
        bucket: Bucket::Azure {
            account: account.to_owned(),
            container: container.to_owned(),
            cloud: cloud.to_owned(),
        },
        prefix: key(prefix)?,
    })
}

/// Splits `//authority/path`.
fn authority(rest: &str) -> Result<(&str, &str), &'static str> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    if rest.contains(['?', '#']) {
        return Err("it holds a `?` or `#`: tokens have no place in it, set them by variables");
    }
    Ok(rest.split_once('/').unwrap_or((rest, "")))
}

/// Returns the folder that a path names in a bucket.
fn key(path: &str) -> Result<String, &'static str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_bad = |part: &str| matches!(part, "" | "." | "..");
    if !path.is_empty() && path.split('/').any(is_bad) {
        return Err("an empty part, `.` or `..` between its slashes leads nowhere in a bucket");
    }
    if path.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    Ok(path.to_owned())
}

fn bad(location: &str, detail: &str) -> Unreadable {
    Unreadable::BadLocation {
        location: shown(location),
        detail: detail.to_owned(),
    }
}

/// Returns a location without what may be a secret: a query, a fragment, or a password.
fn shown(location: &str) -> String {
    let Some((scheme, rest)) = scheme(location) else {
        return location.to_owned();
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (kept, cut) = rest.split_at(end);
    let (authority, path) = match kept.strip_prefix("//") {
        Some(inner) => inner.split_at(inner.find('/').unwrap_or(inner.len())),
        None => ("", kept),
    };
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("***@{host}"),
        Some(_) | None => authority.to_owned(),
    };
    let slashes = if kept.starts_with("//") { "//" } else { "" };
    let cut = if cut.is_empty() { "" } else { "?***" };
    format!("{scheme}:{slashes}{authority}{path}{cut}")
}

fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut pieces = path.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let code = piece
            .get(..2)
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.contains('\0')).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(location: &str) -> Result<Location, Unreadable> {
        Location::parse(location, Path::new("/project"))
    }

    #[test]
    fn local_spellings_lead_to_the_same_path() {
        let check = |location: &str, expected: &str| {
            let expected = Location::Local(expected.into());
            assert_eq!(parse(location), Ok(expected), "{location}");
        };
        check("/data/orders", "/data/orders");
        check("lake/orders", "/project/lake/orders");
        check("file:///data/my%20orders", "/data/my orders");
        check("file:/data/orders", "/data/orders");
        check("file://localhost/data/orders", "/data/orders");
        check("odd:name/orders", "/project/odd:name/orders");
        check("100%/orders", "/project/100%/orders");
        // Where they are mounted, these are folders like any other.
        check("/dbfs/mnt/orders", "/dbfs/mnt/orders");
        check(
            "/Volumes/main/raw/files/orders",
            "/Volumes/main/raw/files/orders",
        );
    }

    #[test]
    fn buckets_are_told_by_their_scheme() {
        for (location, root, prefix) in [
            ("s3://lake/orders", "s3://lake", "orders"),
            ("s3a://lake/a/b/", "s3://lake", "a/b"),
            ("S3N://my.lake_1", "s3://my.lake_1", ""),
            (
                "s3://lake/my%20table/größe",
                "s3://lake",
                "my%20table/größe",
            ),
            ("gs://lake/", "gs://lake", ""),
            (
                "abfss://raw@acct1.dfs.core.windows.net/orders",
                "abfss://raw@acct1.dfs.core.windows.net",
                "orders",
            ),
            (
                "abfs://raw@Acct1.dfs.core.chinacloudapi.cn/",
                "abfss://raw@acct1.dfs.core.chinacloudapi.cn",
                "",
            ),
            (
                "wasbs://$root@acct1.blob.core.windows.net/orders",
                "abfss://$root@acct1.dfs.core.windows.net",
                "orders",
            ),
        ] {
            let Ok(Location::Bucket(found)) = parse(location) else {
                panic!("{location}: {:?}", parse(location));
            };
            assert_eq!(
                (found.bucket.to_string().as_str(), found.prefix.as_str()),
                (root, prefix)
            );
        }
    }

    #[test]
    fn the_log_lies_below_the_table() {
        let log = |location: &str| match parse(location) {
            Ok(Location::Bucket(location)) => location.log(),
            other => panic!("{other:?}"),
        };
        assert_eq!(log("s3://lake/orders/"), "orders/_delta_log");
        assert_eq!(log("s3://lake"), "_delta_log");
    }

    #[test]
    fn other_stores_are_refused_by_name() {
        for scheme in ["dbfs", "https", "http", "r2", "hdfs", "adl", "oss"] {
            let location = format!("{scheme}://bucket/orders");
            let refused = Unreadable::NotLocal {
                location: location.clone(),
                scheme: scheme.into(),
            };
            assert_eq!(parse(&location), Err(refused));
        }
        for location in ["dbfs:/orders", "DBFS:/orders"] {
            assert_eq!(parse(location).unwrap_err().code(), "not_local");
        }
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for location in [
            "",
            "  ",
            "a\0b",
            "file://host/x%zz",
            "file:///a%0",
            "file:///a%00",
            "file://x",
            "s3://",
            "s3:///orders",
            "s3://ab/orders",
            "s3://lake//orders",
            "s3://lake/../orders",
            "s3://lake/orders//",
            "s3://la ke/orders",
            "s3://lake:9000/orders",
            "s3://.lake/orders",
            "s3://lake/or\nders",
            "gs://lake/orders?x=1",
            "abfss://raw/orders",
            "abfss://raw@acct1/orders",
            "abfss://raw@acct1.dfs.evil.example/orders",
            "abfss://raw@acct1.dfs.core.windows.net.evil.example/orders",
            "abfss://raw@acct1.dfs.core.windows.net:81/orders",
            "abfss://raw@acct1.blob.core.windows.net/orders",
            "abfss://raw@onelake.dfs.fabric.microsoft.com/orders",
            "abfss://RAW@acct1.dfs.core.windows.net/orders",
            "wasbs://raw@a_b.blob.core.windows.net/orders",
        ] {
            let error = parse(location).unwrap_err();
            assert_eq!(error.code(), "bad_location", "{location:?}");
        }
    }

    #[test]
    fn no_secret_of_a_url_is_repeated() {
        for location in [
            "s3://AKIA:canary@lake/orders",
            "abfss://raw@acct1.dfs.core.windows.net/orders?sig=canary",
            "https://u:canary@example.com/x?token=canary#canary",
            "gs://lake/x#canary",
        ] {
            let error = parse(location).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_reads_back(text in "(s3|gs|abfss|wasb)://[a-z0-9.@/$:_-]{1,40}") {
            if let Ok(Location::Bucket(location)) = parse(&text) {
                let again = parse(&format!("{}/{}", location.bucket, location.prefix));
                proptest::prop_assert_eq!(again, Ok(Location::Bucket(location)));
            }
        }
    }
}
