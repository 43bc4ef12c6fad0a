//! Where the pictures are: assets are looked up, base64 is decoded; URLs wait for [`super::fetch`].

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use onespace_store::{AssetId, OwnerScope};
use onespace_wire::error_code::ErrorCode;

use super::fetch::check_url;
use super::plan::{Origin, Source, SourceField};
use crate::app::App;
use crate::error::{ApiError, ApiResult, blocking};

/// The standard alphabet; padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Longer base64 texts are decoded off the async threads, in bytes.
const DECODED_AT_ONCE_BYTES_MAX: usize = 256 << 10;

/// A picture whose bytes are at hand or known to be reachable.
pub(crate) struct Located {
    /// What the request calls it, for messages.
    pub(crate) field: SourceField,
    /// Its bytes, or how to get them.
    pub(crate) place: Place,
}

/// Where the bytes of a picture are now.
pub(crate) enum Place {
    /// In memory.
    Memory(Vec<u8>),
    /// In the store; the row exists.
    Stored { id: AssetId, filename: String },
    /// On the network.
    Remote(String),
}

/// Where the one picture of a request came from, for the answer's `metadata`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provenance {
    /// The link.
    pub(crate) url: Option<String>,
    /// The name of the file.
    pub(crate) filename: Option<String>,
}

impl Provenance {
    /// The provenance of a single picture; of several there is none.
    pub(crate) fn of(located: &[Located]) -> Self {
        match located {
            [Located { place: Place::Stored { filename, .. }, .. }] => {
                Self { filename: Some(filename.clone()), url: None }
            }
            [Located { place: Place::Remote(url), .. }] => {
                Self { url: Some(url.clone()), filename: None }
            }
            _ => Self::default(),
        }
    }
}

/// Looks up every asset, then decodes every base64 text; nothing is fetched here.
///
/// # Errors
///
/// `resource_not_exist` for an asset that this account does not have, `parameter_invalid` for bad
/// base64 or a URL that no fetch would be tried for, 413 for a picture above the limit.
pub(crate) async fn resolve(
    app: &App,
    scope: &OwnerScope,
    sources: Vec<Source>,
) -> ApiResult<Vec<Located>> {
    let mut filenames = Vec::with_capacity(sources.len());
    for source in &sources {
        filenames.push(match &source.origin {
            Origin::Asset(id) => asset_filename(app, scope, &source.field, id).await?,
            Origin::Url(url) => {
                check_url(app, &source.field.member("url"), url)?;
                String::new()
            }
            Origin::Base64(_) | Origin::Bytes(_) => String::new(),
        });
    }
    let mut located = Vec::with_capacity(sources.len());
    for (source, filename) in sources.into_iter().zip(filenames) {
        let place = match source.origin {
            Origin::Asset(id) => Place::Stored { id, filename },
            Origin::Base64(text) => Place::Memory(base64_bytes(app, &source.field, text).await?),
            Origin::Bytes(bytes) => Place::Memory(bytes),
            Origin::Url(url) => Place::Remote(url),
        };
        located.push(Located { field: source.field, place });
    }
    Ok(located)
}

async fn asset_filename(
    app: &App,
    scope: &OwnerScope,
    field: &SourceField,
    id: &AssetId,
) -> ApiResult<String> {
    let (store, owner, wanted) = (app.store.clone(), scope.clone(), id.clone());
    let asset = blocking(move || store.asset(&owner, &wanted)).await?;
    asset.map(|asset| asset.filename).ok_or_else(|| no_such_asset(field, id))
}

/// The asset does not exist, was deleted, or belongs to someone else: all the same.
pub(crate) fn no_such_asset(field: &SourceField, id: &AssetId) -> ApiError {
    let message = format!("`{}`: there is no asset `{id}`.", field.member("asset_id"));
    ApiError::new(ErrorCode::ReferenceNotExist, message)
}

/// Decodes base64; large texts off the async threads.
async fn base64_bytes(app: &App, field: &SourceField, text: String) -> ApiResult<Vec<u8>> {
    let bytes_max = app.settings.decode.image_bytes_max;
    let field = field.member("base64_string");
    if text.len() <= DECODED_AT_ONCE_BYTES_MAX {
        return decode_base64(&field, &text, bytes_max);
    }
    blocking(move || decode_base64(&field, &text, bytes_max)).await
}

/// Decodes base64: the standard alphabet, padding optional, white space ignored, one leading
/// `data:…;base64,` tolerated. The size is checked before anything is allocated.
fn decode_base64(field: &str, text: &str, bytes_max: u64) -> ApiResult<Vec<u8>> {
    let text = without_data_prefix(text);
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    let spaces = text.bytes().filter(|&byte| is_space(byte)).count();
    let decoded_bytes_min = ((text.len() - spaces) as u64 / 4 * 3).saturating_sub(2);
    if decoded_bytes_min > bytes_max {
        let message = format!("`{field}` is a file of more than {} MiB.", bytes_max >> 20);
        return Err(ApiError::new(ErrorCode::ContentTooLarge, message));
    }
    let decoded = if spaces == 0 {
        BASE64.decode(text)
    } else {
        BASE64.decode(text.bytes().filter(|&byte| !is_space(byte)).collect::<Vec<_>>())
    };
    decoded.map_err(|error| {
        ApiError::invalid(field, "is not valid base64 (standard alphabet).").caused_by(error)
    })
}

/// `text` without a leading `data:<type>;base64,`; the type is not trusted.
fn without_data_prefix(text: &str) -> &str {
    let text = text.trim_start();
    let Some(rest) = text.strip_prefix("data:") else { return text };
    match rest.get(..rest.len().min(256)).unwrap_or(rest).find(";base64,") {
        Some(at) => &rest[at + ";base64,".len()..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_prefix_is_taken_off_once() {
        let cases = [
            ("AAAA", "AAAA"),
            ("data:image/png;base64,AAAA", "AAAA"),
            (" data:;base64,AAAA", "AAAA"),
            ("data:image/png,AAAA", "data:image/png,AAAA"),
            ("data:a;base64,data:b;base64,AAAA", "data:b;base64,AAAA"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_data_prefix(text), expected, "{text}");
        }
    }
}
