//! TLS to an origin: the system's trust roots, the name of the URL, nothing switched off.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::FetchError;
use super::url_rules::TargetHost;

/// Opens TLS sessions. The trust roots are read once, at the first `https` URL (`SSL_CERT_FILE`
/// and `SSL_CERT_DIR` are honoured).
#[derive(Default)]
pub(super) struct TlsClient {
    config: OnceCell<Arc<ClientConfig>>,
}

impl TlsClient {
    /// Speaks TLS over `stream`; the certificate must be valid for `host`.
    ///
    /// # Errors
    /// No trust roots, or the handshake failed.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        host: &TargetHost,
    ) -> Result<TlsStream<TcpStream>, FetchError> {
        let config = self.config.get_or_try_init(load_config).await?;
        let name = match host {
            TargetHost::Literal(address) => ServerName::IpAddress((*address).into()),
            TargetHost::Name(name) => ServerName::try_from(name.clone())
                .map_err(|source| FetchError::caused("TLS name", source))?,
        };
        TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
            .map_err(|source| FetchError::caused("TLS", source))
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("roots_loaded", &self.config.initialized()).finish()
    }
}

async fn load_config() -> Result<Arc<ClientConfig>, FetchError> {
    let loaded = spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|source| FetchError::caused("trust roots", source))?;
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
    tracing::debug!(added, ignored, errors = loaded.errors.len(), "trust roots loaded");
    if added == 0 {
        return Err(FetchError::failed("this host has no trust roots, https can't be checked"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| FetchError::caused("TLS versions", source))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
