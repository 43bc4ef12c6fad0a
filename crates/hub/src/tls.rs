//! TLS with the trust roots of this host, as the fetcher of the server does it.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// A client configuration; with no roots at all, `https` fails when it is used.
pub(crate) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
