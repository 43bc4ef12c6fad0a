//! `embedding_dimension`, `auto_truncate`, `embedding_uncertainty` and `instruction`.

use onespace_wire::embed_v2::EmbedRequest;

use crate::catalog::ServedModel;
use crate::error::{ApiError, ApiResult};
use crate::settings::RequestLimits;

/// What the client chose besides the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How many values the answer has.
    pub(crate) dimension: usize,
    /// Whether text above the limit is cut rather than refused.
    pub(crate) auto_truncate: bool,
    /// What the vector is for; `None`: the model's neutral instruction.
    pub(crate) instruction: Option<String>,
}

impl Options {
    /// The options of a request to `model`.
    pub(crate) fn of(
        model: &ServedModel,
        limits: &RequestLimits,
        request: &EmbedRequest,
    ) -> ApiResult<Self> {
        if !model.dialect.is_matryoshka() {
            let given = [
                ("embedding_dimension", request.embedding_dimension.is_some()),
                ("embedding_uncertainty", request.embedding_uncertainty.is_some()),
                ("auto_truncate", request.auto_truncate.is_some()),
            ];
            if let Some((field, _)) = given.into_iter().find(|(_, given)| *given) {
                let what = format!("does not go with `{}`: use `marengo3.5`.", model.name);
                return Err(ApiError::invalid(field, what));
            }
        }
        if request.embedding_uncertainty == Some(true) {
            let what = "is not supported by onespace. Leave it out.";
            return Err(ApiError::invalid("embedding_uncertainty", what));
        }
        Ok(Self {
            dimension: dimension(model, request.embedding_dimension)?,
            auto_truncate: request.auto_truncate.unwrap_or(false),
            instruction: instruction(model, limits, request.instruction.as_deref())?,
        })
    }
}

/// An instruction that says something, for a model that reads one.
fn instruction(
    model: &ServedModel,
    limits: &RequestLimits,
    asked: Option<&str>,
) -> ApiResult<Option<String>> {
    let Some(asked) = asked.map(str::trim).filter(|asked| !asked.is_empty()) else {
        return Ok(None);
    };
    if model.description().instruction.is_none() {
        let what = format!("does not go with `{}`, which takes none. Leave it out.", model.name);
        return Err(ApiError::invalid("instruction", what));
    }
    if asked.len() > limits.instruction_bytes_max {
        let what = format!("is longer than {} bytes.", limits.instruction_bytes_max);
        return Err(ApiError::invalid("instruction", what));
    }
    Ok(Some(asked.to_owned()))
}

/// The dimension asked for, if the model was trained to be cut there.
fn dimension(model: &ServedModel, asked: Option<i64>) -> ApiResult<usize> {
    let description = model.description();
    let Some(asked) = asked else { return Ok(description.dimension_default) };
    let found =
        description.dimensions.iter().copied().find(|&size| i64::try_from(size) == Ok(asked));
    found.ok_or_else(|| {
        let sizes: Vec<_> = description.dimensions.iter().map(usize::to_string).collect();
        ApiError::invalid(
            "embedding_dimension",
            format_args!("must be one of {} with this model.", sizes.join(", ")),
        )
    })
}
