//! Requests to the hub, and what its answers mean.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode};
use url::{Host, Url};

use crate::error::HubError;
use crate::listing::Listing;
use crate::name::{ModelReference, RepositoryName};
use crate::tls;

const USER_AGENT: &str = concat!("onespace/", env!("CARGO_PKG_VERSION"));
/// The branch of a model without a revision.
pub(crate) const DEFAULT_REVISION: &str = "main";
const REDIRECTS_MAX: usize = 5;
/// Bytes of the description of a model.
const LISTING_BYTES_MAX: usize = 16 << 20;
/// Longest pause that the hub may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Where the hub is, and how patient to be with it.
#[derive(Clone)]
pub struct HubSettings {
    /// Its URL, such as `https://huggingface.co`.
    pub endpoint: String,
    /// A token for gated and private models. Sent to the endpoint only, never along a redirect to
    /// another host.
    pub token: Option<String>,
    /// Longest time to connect, in milliseconds.
    pub connect_ms_max: u64,
    /// Longest silence in an answer, in milliseconds.
    pub stall_ms_max: u64,
    /// Attempts without a byte of progress before giving up.
    pub attempts_max: u32,
    /// Pause after the first failed attempt, in milliseconds; it doubles with each further one.
    pub retry_pause_ms: u64,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            token: None,
            connect_ms_max: 10_000,
            stall_ms_max: 30_000,
            attempts_max: 5,
            retry_pause_ms: 1_000,
        }
    }
}

/// A client of one hub.
pub struct HubClient {
    http: Client,
    endpoint: Url,
    pub(crate) settings: HubSettings,
}

/// Why one request failed.
pub(crate) enum Fault {
    /// Asking again will not help.
    Final(HubError),
    /// It may pass.
    Passing(Passing),
}

/// A fault that may pass.
pub(crate) struct Passing {
    /// The status, if there was an answer.
    pub(crate) status: Option<StatusCode>,
    /// The pause that the hub asks for.
    pub(crate) retry_after: Option<Duration>,
    /// What the network said.
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

impl Passing {
    pub(crate) fn of(error: reqwest::Error) -> Self {
        // The URL may hold a signature; it is no news either.
        let source = Some(Box::new(error.without_url()) as Box<dyn Error + Send + Sync>);
        Self { status: None, retry_after: None, source }
    }

    /// A few words for a progress line.
    pub(crate) fn reason(&self) -> String {
        match self.status {
            Some(status) => format!("the hub answered {}", status.as_u16()),
            None => "the connection broke".to_owned(),
        }
    }
}

impl From<HubError> for Fault {
    fn from(error: HubError) -> Self {
        Self::Final(error)
    }
}

/// A file that the hub is sending.
pub(crate) struct Opened {
    /// The byte at which it begins: the one asked for, or the first.
    pub(crate) from: u64,
    pub(crate) response: Response,
}

impl HubClient {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// When the endpoint is no `http` or `https` URL, or a token would travel in clear.
    pub fn new(settings: HubSettings) -> Result<Self, HubError> {
        let refused = |reason| HubError::Endpoint { endpoint: settings.endpoint.clone(), reason };
        let endpoint = Url::parse(&settings.endpoint)
            .ok()
            .filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                refused("expected a URL such as https://huggingface.co in HF_ENDPOINT")
            })?;
        if settings.token.is_some() && endpoint.scheme() == "http" && !is_loopback(&endpoint) {
            return Err(refused("a token is not sent over http; use https, or unset HF_TOKEN"));
        }
        let tls = tls::client_config().map_err(|_| refused("TLS cannot be set up on this host"))?;
        let http = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::custom(follow))
            .connect_timeout(Duration::from_millis(settings.connect_ms_max))
            .read_timeout(Duration::from_millis(settings.stall_ms_max))
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|_| refused("no HTTP client can be made for it; check HTTPS_PROXY"))?;
        Ok(Self { http, endpoint, settings })
    }

    /// The host of the hub, for messages.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        self.endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The commit that `reference` stands for, and its files.
    ///
    /// # Errors
    /// [`HubError`] when it is not there, not for everyone, or the hub cannot be asked.
    pub async fn listing(&self, reference: &ModelReference) -> Result<Listing, HubError> {
        let repository = &reference.repository;
        let revision = reference.revision.as_deref().unwrap_or(DEFAULT_REVISION);
        let segments =
            ["api", "models", repository.owner(), repository.name(), "revision", revision];
        let mut url = self.url(&segments);
        url.set_query(Some("blobs=true"));
        let mut failures = 0;
        loop {
            let passing = match self.read_listing(url.clone(), repository, revision).await {
                Ok(listing) => return Ok(listing),
                Err(Fault::Final(error)) => return Err(error),
                Err(Fault::Passing(passing)) => passing,
            };
            failures += 1;
            if failures >= self.settings.attempts_max || passing.status.is_none() {
                return Err(self.gave_up(passing));
            }
            tokio::time::sleep(self.pause(failures, &passing)).await;
        }
    }

    async fn read_listing(
        &self,
        url: Url,
        repository: &RepositoryName,
        revision: &str,
    ) -> Result<Listing, Fault> {
        let mut response = self.send(url, None, repository, revision).await?;
        let mut json = Vec::new();
        while let Some(piece) =
            response.chunk().await.map_err(|e| Fault::Passing(Passing::of(e)))?
        {
            if json.len() + piece.len() > LISTING_BYTES_MAX {
                return Err(self.not_a_hub("its description of the model is too long").into());
            }
            json.extend_from_slice(&piece);
        }
        Listing::parse(&json).map_err(|what| self.not_a_hub(what).into())
    }

    /// Opens `path` of a commit from the byte `from` on, or from the first if the hub prefers.
    pub(crate) async fn open(
        &self,
        repository: &RepositoryName,
        commit: &str,
        path: &str,
        from: u64,
    ) -> Result<Opened, Fault> {
        let mut segments = vec![repository.owner(), repository.name(), "resolve", commit];
        segments.extend(path.split('/'));
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let response = self.send(self.url(&segments), range, repository, commit).await?;
        let from = match response.status() {
            StatusCode::PARTIAL_CONTENT => range_start(&response)
                .filter(|start| *start == from)
                .ok_or_else(|| self.not_a_hub("it sends other bytes than those asked for"))?,
            _ => 0,
        };
        Ok(Opened { from, response })
    }

    async fn send(
        &self,
        url: Url,
        range: Option<String>,
        repository: &RepositoryName,
        revision: &str,
    ) -> Result<Response, Fault> {
        let mut request = self.http.get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| match error.is_redirect() {
            true => self.not_a_hub("it redirects in circles, or from https to http").into(),
            false => Fault::Passing(Passing::of(error)),
        })?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            _ => Err(self.refusal(&response, repository, revision)),
        }
    }

    /// What an answer other than the wanted one means.
    fn refusal(&self, response: &Response, repository: &RepositoryName, revision: &str) -> Fault {
        let status = response.status();
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let (repository, host) = (repository.clone(), self.host());
        let is_elsewhere = response.url().host_str() != self.endpoint.host_str()
            || response.url().port() != self.endpoint.port();
        match (status.as_u16(), header("x-error-code")) {
            (_, Some("GatedRepo")) => {
                let segments = [repository.owner(), repository.name()];
                let page = self.url(&segments).to_string();
                HubError::Gated { repository, page }.into()
            }
            (404, Some("RevisionNotFound")) => {
                HubError::NoSuchRevision { repository, revision: revision.to_owned() }.into()
            }
            // The token came along, and the hub did not say that the repository is absent.
            (401, None) if self.settings.token.is_some() && !is_elsewhere => {
                HubError::TokenRefused { host }.into()
            }
            // Signed addresses of files expire: the next request gets a fresh one.
            (401 | 403, _) if is_elsewhere => Fault::Passing(passing(response)),
            // The hub does not tell whether a private repository exists.
            (401 | 403 | 404, _) if !is_elsewhere => {
                HubError::NoSuchModel { repository, host }.into()
            }
            (408 | 416 | 429 | 500.., _) => Fault::Passing(passing(response)),
            (status, _) => self.not_a_hub(format!("it answered {status}")).into(),
        }
    }

    /// What to say after the last attempt.
    fn gave_up(&self, passing: Passing) -> HubError {
        let host = self.host();
        match (passing.status, passing.source) {
            (Some(status), _) => HubError::Busy { host, status: status.as_u16() },
            (None, source) => HubError::Unreachable {
                host,
                source: source.unwrap_or_else(|| "no connection".into()),
            },
        }
    }

    /// How long to wait after so many failures in a row.
    pub(crate) fn pause(&self, failures: u32, passing: &Passing) -> Duration {
        let doubled = self.settings.retry_pause_ms << (failures - 1).min(6);
        Duration::from_millis(doubled).max(passing.retry_after.unwrap_or_default())
    }

    fn not_a_hub(&self, what: impl Into<String>) -> HubError {
        HubError::NotAHub { host: self.host(), what: what.into() }
    }

    /// The endpoint with `segments` behind it, each encoded.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(segments);
        url
    }
}

fn passing(response: &Response) -> Passing {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = seconds
        .and_then(|seconds| seconds.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    Passing { status: Some(response.status()), retry_after, source: None }
}

/// The `N` of `content-range: bytes N-M/T`.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// Files of the hub lie on other hosts. Never from `https` to `http`.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_safe = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > REDIRECTS_MAX || was_safe && attempt.url().scheme() != "https" {
        return attempt.error("refused");
    }
    attempt.follow()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(endpoint: &str, token: Option<&str>) -> Result<HubClient, HubError> {
        let token = token.map(str::to_owned);
        HubClient::new(HubSettings { endpoint: endpoint.into(), token, ..HubSettings::default() })
    }

    #[test]
    fn a_token_never_travels_in_clear() {
        let rows = [
            ("https://huggingface.co", Some("t"), true),
            ("http://mirror.example", None, true),
            ("http://mirror.example", Some("t"), false),
            ("http://127.0.0.1:1", Some("t"), true),
            ("http://[::1]:1", Some("t"), true),
            ("ftp://mirror.example", None, false),
            ("huggingface.co", None, false),
            ("", None, false),
        ];
        for (url, token, is_good) in rows {
            assert_eq!(endpoint(url, token).is_ok(), is_good, "{url} {token:?}");
        }
    }

    #[test]
    fn addresses_keep_the_prefix_of_a_mirror_and_encode_revisions() {
        for (prefix, expected) in [
            ("https://h/hf/", "https://h/hf/a/b/resolve/refs%2Fpr%2F1"),
            ("https://h", "https://h/a/b/resolve/refs%2Fpr%2F1"),
        ] {
            let client = endpoint(prefix, None).expect("a client");
            assert_eq!(client.url(&["a", "b", "resolve", "refs/pr/1"]).as_str(), expected);
        }
    }
}
