//! Pictures on the network: through the one fetcher, and one sentence for all its failures.

use onespace_wire::error_code::ErrorCode;

use crate::app::App;
use crate::error::{ApiError, ApiResult};
use crate::fetch::{FetchError, Fetched};

/// The file behind `url`, which stood in `field`.
///
/// # Errors
///
/// `parameter_invalid` with one sentence for all failures; 413 when the file is too large.
pub(crate) async fn fetch(app: &App, field: &str, url: &str) -> ApiResult<Fetched> {
    let bytes_max = app.settings.decode.image_bytes_max;
    app.fetcher.fetch(url, bytes_max).await.map_err(|error| refusal(field, &error))
}

/// Refuses a URL that no fetch would be tried for; nothing is looked up.
///
/// # Errors
///
/// The same as [`fetch`], so that the two cannot be told apart.
pub(crate) fn check_url(app: &App, field: &str, url: &str) -> ApiResult<()> {
    app.fetcher.check_syntax(url).map_err(|error| refusal(field, &error))
}

fn refusal(field: &str, error: &FetchError) -> ApiError {
    let code =
        if error.is_too_large() { ErrorCode::ContentTooLarge } else { ErrorCode::ParameterInvalid };
    ApiError::new(code, format!("`{field}`: {error}."))
}
