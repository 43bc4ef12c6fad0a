//! The text of a request: its size, its tokens, and cutting where that was asked for.

use onespace_models::TokenizedInput;

use super::payload::InputText;
use super::placeholders::{self, Arrangement, Stretch};
use crate::catalog::ServedModel;
use crate::error::{ApiError, ApiResult};
use crate::settings::RequestLimits;

/// The parts of a request as the model will read them.
#[derive(Debug)]
pub(super) struct PlannedText {
    pub(super) input: TokenizedInput,
    /// Tokens after cutting; a placeholder counts as one.
    pub(super) tokens: usize,
    /// Whether tokens were cut.
    pub(super) truncated: bool,
}

/// The text cut at its placeholders.
///
/// # Errors
///
/// `parameter_invalid` when it has too many bytes to be looked at.
pub(super) fn stretches<'a>(
    limits: &RequestLimits,
    text: Option<&'a InputText>,
) -> ApiResult<Vec<Stretch<'a>>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.value.len() > limits.text_bytes_max {
        let what = format!("is longer than {} KiB.", limits.text_bytes_max >> 10);
        return Err(ApiError::invalid(text.field, what));
    }
    if text.has_placeholders {
        Ok(placeholders::split(&text.value))
    } else {
        Ok(vec![Stretch::Text(&text.value)])
    }
}

impl PlannedText {
    /// Tokenises the parts and holds their text, which came in `field`, against the limits of
    /// `model`. Where it is cut, pictures keep their places and their token each; only words are
    /// cut, as many as the pictures leave no room for.
    ///
    /// # Errors
    ///
    /// `parameter_invalid` when the text is too long and not to be cut.
    pub(super) fn of(
        model: &ServedModel,
        field: Option<&str>,
        arrangement: &Arrangement<'_>,
        auto_truncate: bool,
    ) -> ApiResult<Self> {
        let tokenized = model.engine.model().tokenize(&arrangement.parts);
        let mut input = tokenized.map_err(ApiError::internal)?;
        let placeholders = arrangement.placeholders;
        let tokens = input.text_tokens() + placeholders;
        let tokens_max = model.text_tokens_max();
        let Some(field) = field.filter(|_| tokens > tokens_max) else {
            return Ok(Self { input, tokens, truncated: false });
        };
        if !auto_truncate {
            return Err(too_long(model, field, tokens));
        }
        input.truncate_text(tokens_max.saturating_sub(placeholders));
        let tokens = input.text_tokens() + placeholders;
        Ok(Self { input, tokens, truncated: true })
    }
}

fn too_long(model: &ServedModel, field: &str, tokens: usize) -> ApiError {
    let hint = if model.dialect.is_matryoshka() {
        "Shorten it, or set `auto_truncate`."
    } else {
        "Shorten it, or send it as `multi_input` to `marengo3.5` (2,000 tokens)."
    };
    let tokens_max = model.text_tokens_max();
    ApiError::invalid(
        field,
        format_args!("has {tokens} tokens; `{}` reads at most {tokens_max}. {hint}", model.name),
    )
}
