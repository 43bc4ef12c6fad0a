//! What an operator can set, each with its default.

use std::net::SocketAddr;

use onespace_engine::EngineSettings;
use onespace_media::DecodeLimits;

use crate::decoders::DecoderSettings;
use crate::fetch::FetchSettings;
use crate::public_url::PublicUrl;

/// Everything that `serve` needs to know besides the store and the models.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// Where `/metrics` is served; `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The URL of the server as clients see it; upload part URLs are built from it. `None`: `http://` and the listen address.
    pub public_url: Option<PublicUrl>,
    /// Whether anybody may make an account in the console, once there is a first one.
    pub open_sign_up: bool,
    /// Bodies, forms, texts and uploads.
    pub limits: RequestLimits,
    /// Connections and their pace.
    pub connections: ConnectionLimits,
    /// Pictures: bytes, sides, pixels.
    pub decode: DecodeLimits,
    /// The processes that decode pictures.
    pub decoders: DecoderSettings,
    /// The fetcher of client-supplied URLs.
    pub fetch: FetchSettings,
    /// The queue of each model.
    pub engine: EngineSettings,
}

/// Limits of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// A JSON body, in bytes: several pictures in base64 fit.
    pub json_body_bytes_max: usize,
    /// All JSON bodies in memory at once, in bytes; above it 429.
    pub json_bodies_bytes_max: usize,
    /// A multipart form without its file, in bytes.
    pub form_field_bytes_max: usize,
    /// Parts of one multipart form.
    pub form_parts_max: usize,
    /// A text before tokenising, in bytes.
    pub text_bytes_max: usize,
    /// An instruction before tokenising, in bytes.
    pub instruction_bytes_max: usize,
    /// A body must bring `body_window_bytes_min`, or end, in each period of this many milliseconds.
    pub body_window_ms: u64,
    /// What a body must bring in each `body_window_ms`, in bytes.
    pub body_window_bytes_min: usize,
    /// Encoded pictures in memory at once; as many again from the network.
    pub media_files_max: usize,
    /// Longest wait for a place in memory, in milliseconds.
    pub media_wait_ms_max: u64,
    /// One chunk of a multipart upload, in bytes.
    pub upload_chunk_bytes: u64,
    /// Life of a multipart upload, in hours.
    pub upload_hours: i64,
    /// Life of one upload part URL, in minutes.
    pub upload_url_minutes: i64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            json_body_bytes_max: 128 << 20,
            json_bodies_bytes_max: 512 << 20,
            form_field_bytes_max: 1 << 20,
            form_parts_max: 32,
            text_bytes_max: 256 << 10,
            instruction_bytes_max: 2 << 10,
            body_window_ms: 30_000,
            body_window_bytes_min: 64 << 10,
            media_files_max: 16,
            media_wait_ms_max: 30_000,
            upload_chunk_bytes: 5 << 20,
            upload_hours: 24,
            upload_url_minutes: 60,
        }
    }
}

/// Limits of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; further ones wait in the backlog.
    pub connections_max: usize,
    /// Longest time for the head of a request, the silence before it included, in milliseconds.
    pub header_ms_max: u64,
    /// The head of a request, in bytes.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Longest time for requests to finish after SIGTERM, in milliseconds.
    pub drain_ms_max: u64,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            header_ms_max: 10_000,
            header_bytes_max: 64 << 10,
            headers_max: 100,
            drain_ms_max: 10_000,
        }
    }
}
