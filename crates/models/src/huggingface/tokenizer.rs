//! `tokenizer.json` with the special tokens that a text tower expects around a text.
//!
//! Text is encoded without special tokens, and nothing in it is taken for one: the reference would
//! read a literal `<|endoftext|>` in a user's text as the end of the text. Prefix and suffix are
//! what the file's own post-processor adds; `tokenizer_config.json` may switch them on or off.

use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::{PaddingDirection, Tokenizer};

use super::{DualConfig, Family, tokenizer_file};
use crate::model_files::TOKENIZER_FILE;
use crate::{LoadError, LoadErrorKind, ModelError};

/// What stands beside `tokenizer.json`.
pub(crate) const TOKENIZER_SETTINGS_FILE: &str = "tokenizer_config.json";

/// Where padding goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// What happens to a text before the tokenizer's own normaliser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Canonical {
    Verbatim,
    /// `SigLIP 2`.
    Lowercase,
    /// The first `SigLIP`: lower case, no punctuation, single spaces.
    Bare,
}

/// A tokenizer, and what goes around its ids.
pub(crate) struct FramedTokenizer {
    tokenizer: Tokenizer,
    canonical: Canonical,
    /// Ids before a text.
    pub(crate) prefix: Vec<u32>,
    /// Ids behind a text.
    pub(crate) suffix: Vec<u32>,
    pub(crate) pad_id: u32,
    pub(crate) pad_side: Side,
}

/// What is read of `tokenizer_config.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
    padding_side: Option<String>,
    /// A string, or an object with `content`.
    pad_token: Value,
    eos_token: Value,
}

impl FramedTokenizer {
    /// Reads the files and checks them against the text tower.
    pub(crate) fn load(
        json: &[u8],
        settings: Option<&[u8]>,
        config: &DualConfig,
    ) -> Result<Self, LoadError> {
        let mut tokenizer = tokenizer_file::read(json)?;
        let settings: Settings = match settings {
            None => Settings::default(),
            Some(json) => serde_json::from_slice(json).map_err(|error| {
                refuse("comes with a tokenizer_config.json that cannot be read; copy it again")
                    .caused_by(error)
            })?,
        };
        check(&tokenizer, config)?;
        let padding = tokenizer.get_padding();
        let padding_id = padding.map(|padding| padding.pad_id);
        let pad_side = settings.pad_side(padding.map(|padding| padding.direction), config.family);
        tokenizer.with_padding(None).with_truncation(None).map_err(|error| {
            refuse("cannot be used without truncation; copy it again").caused_by(error)
        })?;
        tokenizer.set_encode_special_tokens(true);
        let (prefix, suffix) = frame(&tokenizer, &settings, config)?;
        let named = content(&settings.pad_token).and_then(|token| tokenizer.token_to_id(token));
        let pad_id = named.or(padding_id).unwrap_or(config.text.pad_id);
        let specials = [prefix.as_slice(), &suffix, &[pad_id]].concat();
        if specials.iter().any(|&id| id as usize >= config.text.vocabulary) {
            return Err(refuse("has special tokens beyond the vocabulary of config.json"));
        }
        let canonical = settings.canonical(config.family);
        Ok(Self { tokenizer, canonical, prefix, suffix, pad_id, pad_side })
    }

    /// The ids of a text, without any around it.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let text = match self.canonical {
            Canonical::Verbatim => text.to_owned(),
            Canonical::Lowercase => text.chars().flat_map(char::to_lowercase).collect(),
            Canonical::Bare => bare(text),
        };
        let encoded = self.tokenizer.encode_fast(text, false);
        let encoding = encoded.map_err(|error| ModelError::Tokenizer { source: error })?;
        Ok(encoding.get_ids().to_vec())
    }
}

impl Settings {
    /// The class without the word that only says how it is written.
    fn class(&self, family: Family) -> &str {
        match self.tokenizer_class.as_deref() {
            Some(class) => class.strip_suffix("Fast").unwrap_or(class),
            // What the reference takes where no file names one.
            None if family == Family::Siglip2 => "Siglip2Tokenizer",
            None => "",
        }
    }

    /// What the settings say, or else the tokenizer's own file, or else the class.
    fn pad_side(&self, in_file: Option<PaddingDirection>, family: Family) -> Side {
        match (self.padding_side.as_deref(), in_file) {
            (Some("left"), _) | (None, Some(PaddingDirection::Left)) => Side::Left,
            (Some(_), _) | (None, Some(PaddingDirection::Right)) => Side::Right,
            (None, None) => match self.class(family) {
                "GemmaTokenizer" | "Siglip2Tokenizer" => Side::Left,
                _ => Side::Right,
            },
        }
    }

    fn canonical(&self, family: Family) -> Canonical {
        match (family, self.class(family)) {
            (Family::Clip, _) => Canonical::Verbatim,
            (_, "SiglipTokenizer") => Canonical::Bare,
            (_, "Siglip2Tokenizer") => Canonical::Lowercase,
            _ if self.do_lower_case == Some(true) => Canonical::Lowercase,
            _ => Canonical::Verbatim,
        }
    }
}

/// As the first `SigLIP` was trained: lower case, ASCII punctuation away, spaces single.
fn bare(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept: String =
        lower.chars().filter(|character| !character.is_ascii_punctuation()).collect();
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    kept.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Refuses what would make ids random, or ids that the model does not have.
fn check(tokenizer: &Tokenizer, config: &DualConfig) -> Result<(), LoadError> {
    if let ModelWrapper::BPE(bpe) = tokenizer.get_model()
        && bpe.dropout.is_some_and(|probability| probability > 0.0)
    {
        return Err(refuse("has dropout, which makes ids random; export it without"));
    }
    let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
    let vocabulary = config.text.vocabulary;
    if largest as usize >= vocabulary {
        let message = format!(
            "has ids up to {largest}, config.json knows {vocabulary}; copy both files together"
        );
        return Err(refuse(message));
    }
    Ok(())
}

/// What goes before and behind a text.
fn frame(
    tokenizer: &Tokenizer,
    settings: &Settings,
    config: &DualConfig,
) -> Result<(Vec<u32>, Vec<u32>), LoadError> {
    let (mut prefix, mut suffix) = post_processed(tokenizer)?;
    let token = |name: &str| tokenizer.token_to_id(name);
    match config.family {
        Family::Clip => {
            if prefix.is_empty() && suffix.is_empty() {
                prefix.extend(token("<|startoftext|>"));
                suffix.extend(token("<|endoftext|>"));
            }
        }
        Family::Siglip | Family::Siglip2 => {
            if settings.add_bos_token == Some(false) {
                prefix.clear();
            }
            if suffix.is_empty() && settings.add_eos_token != Some(false) {
                let named = content(&settings.eos_token).and_then(token);
                suffix.extend(named.or_else(|| token("<eos>")).or_else(|| token("</s>")));
            }
        }
    }
    if suffix.is_empty() || (config.family == Family::Clip && prefix.is_empty()) {
        return Err(refuse("adds no end of text, nor names one; copy the model's own files"));
    }
    let is_ended = config.text.pools_highest_id() || suffix.contains(&config.text.eos_id);
    if config.family == Family::Clip && !is_ended {
        let message = format!(
            "ends texts with the ids {suffix:?}, config.json names {} as the end \
             (text_config.eos_token_id); copy both files together",
            config.text.eos_id
        );
        return Err(refuse(message));
    }
    if prefix.len() + suffix.len() >= config.text.positions {
        return Err(refuse("adds more special tokens than the text tower has places"));
    }
    Ok((prefix, suffix))
}

/// What the tokenizer's own post-processor puts before and behind a text.
pub(super) fn post_processed(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), LoadError> {
    let encoded = |special: bool| {
        let encoding = tokenizer.encode_fast("a", special);
        let failed = |error| refuse("cannot encode the letter a").caused_by(error);
        encoding.map(|encoding| encoding.get_ids().to_vec()).map_err(failed)
    };
    let (bare, framed) = (encoded(false)?, encoded(true)?);
    let at = (0..=framed.len().saturating_sub(bare.len()))
        .find(|&at| framed[at..].starts_with(&bare))
        .ok_or_else(|| refuse("has a post-processor that changes the text; it is not supported"))?;
    Ok((framed[..at].to_vec(), framed[at + bare.len()..].to_vec()))
}

/// A token given as a string, or as an object with `content`.
fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content").and_then(Value::as_str))
}

pub(super) fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Tokenizer, TOKENIZER_FILE, message)
}
