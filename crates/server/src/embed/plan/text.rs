//! The text of a request: its size, its tokens, and cutting where that was asked for.

use super::payload::InputText;
use super::placeholders::{self, Stretch};
use crate::catalog::ServedModel;
use crate::error::{ApiError, ApiResult};
use crate::settings::RequestLimits;

/// A stretch of text after tokenising.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Token ids.
    Tokens(Vec<u32>),
    /// A picture's name.
    Name(String),
}

/// The text of a request, ready to be placed.
#[derive(Debug, Default)]
pub(super) struct PlannedText {
    pub(super) pieces: Vec<Piece>,
    /// Tokens after cutting; a placeholder counts as one.
    pub(super) tokens: usize,
    /// Whether tokens were cut.
    pub(super) truncated: bool,
}

impl PlannedText {
    /// Tokenises `text` and holds it against the limits of `model`.
    ///
    /// # Errors
    ///
    /// `parameter_invalid` when the text is too long and not to be cut.
    pub(super) fn of(
        model: &ServedModel,
        limits: &RequestLimits,
        text: Option<InputText>,
        auto_truncate: bool,
    ) -> ApiResult<Self> {
        let Some(text) = text else { return Ok(Self::default()) };
        if text.value.len() > limits.text_bytes_max {
            let what = format!("is longer than {} KiB.", limits.text_bytes_max >> 10);
            return Err(ApiError::invalid(text.field, what));
        }
        let pieces = tokenize(model, &text)?;
        let tokens = pieces.iter().map(Piece::tokens).sum();
        let tokens_max = model.text_tokens_max();
        if tokens <= tokens_max {
            return Ok(Self { pieces, tokens, truncated: false });
        }
        if !auto_truncate {
            return Err(too_long(model, text.field, tokens));
        }
        let pieces = cut(pieces, tokens_max);
        let tokens = pieces.iter().map(Piece::tokens).sum();
        Ok(Self { pieces, tokens, truncated: true })
    }
}

impl Piece {
    fn tokens(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Name(_) => 1,
        }
    }
}

fn tokenize(model: &ServedModel, text: &InputText) -> ApiResult<Vec<Piece>> {
    let stretches = if text.has_placeholders {
        placeholders::split(&text.value)
    } else {
        vec![Stretch::Text(&text.value)]
    };
    let mut pieces = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        match stretch {
            Stretch::Name(name) => pieces.push(Piece::Name(name.to_owned())),
            Stretch::Text(stretch) => {
                let tokens = model.engine.model().tokenize(stretch).map_err(ApiError::internal)?;
                if !tokens.is_empty() {
                    pieces.push(Piece::Tokens(tokens));
                }
            }
        }
    }
    Ok(pieces)
}

/// Keeps `tokens_max` tokens from the front. Pictures keep their places and their token each; only
/// words are cut, as many as the pictures leave no room for.
fn cut(pieces: Vec<Piece>, tokens_max: usize) -> Vec<Piece> {
    let names = pieces.iter().filter(|piece| matches!(piece, Piece::Name(_))).count();
    let mut room = tokens_max.saturating_sub(names);
    let mut kept = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Name(_) => kept.push(piece),
            Piece::Tokens(mut tokens) => {
                tokens.truncate(room);
                room -= tokens.len();
                if !tokens.is_empty() {
                    kept.push(Piece::Tokens(tokens));
                }
            }
        }
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_keeps_the_front_and_every_picture() {
        let pieces = vec![
            Piece::Tokens(vec![1, 2, 3]),
            Piece::Name("a".into()),
            Piece::Tokens(vec![4, 5]),
            Piece::Name("b".into()),
        ];
        let expected =
            vec![Piece::Tokens(vec![1, 2]), Piece::Name("a".into()), Piece::Name("b".into())];
        assert_eq!(cut(pieces, 4), expected);
    }
}
