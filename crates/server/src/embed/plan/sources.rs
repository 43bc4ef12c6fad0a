//! The pictures of a request, one by one: exactly one origin, a served type, a name of its own.

use onespace_store::AssetId;
use onespace_wire::error_code::ErrorCode;

use super::payload::GivenSource;
use super::{placeholders, refuse_unknown};
use crate::catalog::ServedModel;
use crate::error::{ApiError, ApiResult};

/// A picture that can be looked for.
#[derive(Debug)]
pub(crate) struct Source {
    /// The object that it stood in, or the form field that it is, for messages.
    pub(crate) field: SourceField,
    /// Where it is.
    pub(crate) origin: Origin,
}

/// What messages call a source.
#[derive(Clone, Debug)]
pub(crate) enum SourceField {
    /// An object with the members `url`, `base64_string` and `asset_id`.
    Object(String),
    /// A field of a form, which is the URL or the file itself.
    Form(&'static str),
}

impl SourceField {
    /// The source as a whole.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(name) => name,
            Self::Form(name) => name,
        }
    }

    /// The member that holds the origin.
    pub(crate) fn member(&self, member: &str) -> String {
        match self {
            Self::Object(name) => format!("{name}.{member}"),
            Self::Form(name) => (*name).to_owned(),
        }
    }
}

/// Where a picture is.
pub(crate) enum Origin {
    /// An asset of the account.
    Asset(AssetId),
    /// In the request, in base64.
    Base64(String),
    /// In the request, as bytes.
    Bytes(Vec<u8>),
    /// On the network.
    Url(String),
}

impl std::fmt::Debug for Origin {
    /// Content and URLs stay out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Asset(_) => "asset",
            Self::Base64(_) | Self::Bytes(_) => "inline",
            Self::Url(_) => "url",
        })
    }
}

/// Refuses pictures, in `field`, for a model that reads text only.
pub(super) fn check_reads_pictures(model: &ServedModel, field: &str) -> ApiResult<()> {
    if model.description().images_max > 0 {
        return Ok(());
    }
    let what = format!(
        "is a picture, and `{}` reads text only: its folder has no vision tower.",
        model.name
    );
    Err(ApiError::invalid(field, what))
}

/// At most as many sources as the model takes pictures.
pub(super) fn check_count(sources: usize, images_max: usize) -> ApiResult<()> {
    if sources <= images_max {
        return Ok(());
    }
    let what = format!("has {sources} entries; at most {images_max} are allowed.");
    Err(ApiError::invalid("multi_input.media_sources", what))
}

/// A picture that the text names several times is read each time.
pub(super) fn check_placements(placed: usize, images_max: usize) -> ApiResult<()> {
    if placed <= images_max {
        return Ok(());
    }
    let what = format!(
        "and `media_sources` place pictures {placed} times in all; at most {images_max} are allowed."
    );
    Err(ApiError::invalid("multi_input.input_text", what))
}

/// Checks each source.
pub(super) fn check_each(given: Vec<GivenSource>) -> ApiResult<Vec<Source>> {
    let mut names: Vec<Option<String>> = Vec::with_capacity(given.len());
    let mut sources = Vec::with_capacity(given.len());
    for source in given {
        refuse_unknown(&source.field, &source.unknown)?;
        let origin = one_origin(&source.field, source.url, source.base64_string, source.asset_id)?;
        check_media_type(&source.field, source.media_type)?;
        check_name(&source.field, source.name.as_deref(), &names)?;
        names.push(source.name);
        sources.push(Source { field: SourceField::Object(source.field), origin });
    }
    Ok(sources)
}

/// Exactly one of the three members; empty ones count as absent.
pub(crate) fn one_origin(
    field: &str,
    url: Option<String>,
    base64_string: Option<String>,
    asset_id: Option<String>,
) -> ApiResult<Origin> {
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    match (present(url), present(base64_string), present(asset_id)) {
        (Some(url), None, None) => Ok(Origin::Url(url)),
        (None, Some(text), None) => Ok(Origin::Base64(text)),
        (None, None, Some(id)) => asset_origin(field, &id),
        (None, None, None) => {
            let message = format!("`{field}` needs one of `url`, `base64_string` and `asset_id`.");
            Err(ApiError::new(ErrorCode::ParameterNotProvided, message))
        }
        _ => Err(ApiError::invalid(
            field,
            "has several of `url`, `base64_string` and `asset_id`; give exactly one.",
        )),
    }
}

fn asset_origin(field: &str, id: &str) -> ApiResult<Origin> {
    let id = AssetId::parse(id).ok_or_else(|| {
        let field = format!("{field}.asset_id");
        ApiError::invalid(&field, "must be an asset's id: 24 hexadecimal digits in lower case.")
    })?;
    Ok(Origin::Asset(id))
}

fn check_media_type(field: &str, media_type: Option<Option<String>>) -> ApiResult<()> {
    let Some(media_type) = media_type else { return Ok(()) };
    let field = format!("{field}.media_type");
    match media_type.as_deref() {
        Some("image") => Ok(()),
        None | Some("") => Err(ApiError::missing(&field)),
        Some("video" | "audio" | "document") => {
            Err(ApiError::invalid(&field, "must be `image`: onespace embeds text and images."))
        }
        Some(_) => Err(ApiError::invalid(&field, "must be `image`.")),
    }
}

fn check_name(field: &str, name: Option<&str>, earlier: &[Option<String>]) -> ApiResult<()> {
    let Some(name) = name else { return Ok(()) };
    let field = format!("{field}.name");
    if !placeholders::is_name(name) {
        let what = format!(
            "must be 1 to {} of A-Z, a-z, 0-9, `_`, `.` and `-`.",
            placeholders::NAME_CHARS_MAX
        );
        return Err(ApiError::invalid(&field, what));
    }
    if earlier.iter().flatten().any(|taken| taken == name) {
        let what = format!("`{name}` is taken by an earlier source. Names must differ.");
        return Err(ApiError::invalid(&field, what));
    }
    Ok(())
}
