//! What a task is: its checks at creation, and what it remembers in its row.

use onespace_wire::embed_v2::{EmbedRequest, ImageInput};
use onespace_wire::embedding::{EmbeddingItem, Usage};
use onespace_wire::error_code::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::catalog::{Dialect, ServedModel};
use crate::embed::plan::{self, Options, Source, SourceField, one_origin, refuse_unknown};
use crate::error::{ApiError, ApiResult};

/// A request for a task that can be tried.
pub(crate) struct PlannedTask {
    pub(crate) model: ServedModel,
    pub(crate) dimension: usize,
    pub(crate) source: Source,
}

/// What a task remembers of its request.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRequest {
    pub(crate) dimension: usize,
    pub(crate) source: StoredSource,
}

/// Where a task's picture is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredSource {
    /// An asset of the account.
    Asset { id: String, filename: String },
    /// On the network.
    Url { url: String },
    /// In the store, beside the task.
    Inline,
}

/// What a task leaves in its row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskResult {
    pub(crate) data: Vec<EmbeddingItem>,
    pub(crate) usage: Usage,
    /// The fingerprint of the vector space.
    pub(crate) space: String,
}

impl PlannedTask {
    /// Checks a request for a task, in the order of the synchronous route.
    ///
    /// # Errors
    ///
    /// The first fault, with its field.
    pub(crate) fn of(app: &App, request: EmbedRequest) -> ApiResult<Self> {
        refuse_unknown("", &request.unknown)?;
        check_input_type(request.input_type.as_deref())?;
        let model = plan::model(&app.models, request.model_name.as_deref())?;
        if model.dialect == Dialect::Marengo30 {
            let what = format!("`{}` has no image tasks: use `marengo3.5`.", model.name);
            return Err(ApiError::invalid("model_name", what));
        }
        let options = Options::of(&model, &app.settings.limits, &request)?;
        if options.instruction.is_some() {
            let what = "is not a parameter of tasks: send the picture to `/embed-v2`.";
            return Err(ApiError::invalid("instruction", what));
        }
        let image = request.image.ok_or_else(|| ApiError::missing("image"))?;
        refuse_unknown("image", &image.unknown)?;
        check_fixed_options(&image)?;
        let media = image.media_source.ok_or_else(|| ApiError::missing("image.media_source"))?;
        let field = "image.media_source";
        refuse_unknown(field, &media.unknown)?;
        let origin = one_origin(field, media.url, media.base64_string, media.asset_id)?;
        let source = Source { field: SourceField::Object(field.to_owned()), origin };
        Ok(Self { model, dimension: options.dimension, source })
    }
}

fn check_input_type(name: Option<&str>) -> ApiResult<()> {
    match name {
        Some("image") => Ok(()),
        None | Some("") => Err(ApiError::missing("input_type")),
        Some("audio" | "video" | "document") => Err(ApiError::invalid(
            "input_type",
            "must be `image`: onespace embeds text and images, and text needs no task.",
        )),
        Some(_) => Err(ApiError::invalid("input_type", "must be `image` for a task.")),
    }
}

/// Lists that have one possible value each.
fn check_fixed_options(image: &ImageInput) -> ApiResult<()> {
    let options = [
        ("image.embedding_option", &image.embedding_option, "visual"),
        ("image.embedding_scope", &image.embedding_scope, "asset"),
        ("image.embedding_type", &image.embedding_type, "separate_embedding"),
    ];
    for (field, given, only) in options {
        if given.as_ref().is_some_and(|given| *given != [only]) {
            let message = format!("`{field}` must be `[\"{only}\"]` for an image.");
            return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
        }
    }
    Ok(())
}
