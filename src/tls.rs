//! The cryptography of TLS, for whoever speaks HTTPS.

use std::sync::Once;

/// Installs the cryptography that TLS uses, once per process.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the process has one already, which is as good.
        if rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("another cryptography provider is installed already");
        }
    });
}
