//! A user's parts, inside of a model's own prompt, as token ids.
//!
//! The prompt is cut at the special tokens that it has itself, and nowhere else: what lies between
//! two of them (the end of the prompt's words, and the user's) is encoded as one string with the
//! matching of special tokens off, so that `<|im_end|>` in a user's text is ordinary text, and a line
//! end of the prompt joins with those of the text as the tokenizer was trained to join them. What the
//! tokenizer's own post-processor puts around a sequence is put around the whole.

use std::ops::Range;

use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

use super::ChatTemplate;
use super::tokenizer::post_processed;
use super::tokenizer_file;
use crate::model_files::TOKENIZER_FILE;
use crate::{InputPart, LoadError, LoadErrorKind, ModelError, TokenizedInput, TokenizedPart};

/// A stretch of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Special(u32),
}

/// Pieces of a prompt, and the tokenizer for what stands between them.
pub(crate) struct Prompt {
    tokenizer: Tokenizer,
    /// Ids before and behind everything, from the post-processor.
    frame: Frame,
    /// Before the instruction, between it and the parts, and behind the parts.
    around: [Vec<Piece>; 3],
    /// Around a picture.
    around_image: [Vec<Piece>; 2],
    /// Between pictures that come without text.
    between_images: &'static str,
}

/// Ids that a post-processor puts before and behind everything.
type Frame = (Vec<u32>, Vec<u32>);

/// A tokenizer with the matching of special tokens off, and what it puts around a sequence.
fn open(json: &[u8], vocabulary: usize) -> Result<(Tokenizer, Frame), LoadError> {
    let mut tokenizer = tokenizer_file::read(json)?;
    check(&tokenizer, vocabulary)?;
    tokenizer.with_padding(None).with_truncation(None).map_err(|error| {
        refuse("cannot be used without truncation; copy it again").caused_by(error)
    })?;
    tokenizer.set_encode_special_tokens(true);
    let frame = post_processed(&tokenizer)?;
    Ok((tokenizer, frame))
}

/// How the prompt of a model is put together.
pub(crate) struct PromptShape<'a> {
    pub(crate) template: &'a ChatTemplate,
    /// The id whose places a picture takes; the template has it once for each picture.
    pub(crate) image_id: u32,
    /// Ids in the model's vocabulary.
    pub(crate) vocabulary: usize,
}

impl Prompt {
    /// Reads `tokenizer.json` and cuts the template.
    pub(crate) fn load(json: &[u8], shape: &PromptShape<'_>) -> Result<Self, LoadError> {
        let (tokenizer, frame) = open(json, shape.vocabulary)?;
        let specials = specials(&tokenizer);
        let ChatTemplate { before_instruction, before_parts, image, behind_parts } = shape.template;
        let cut = |text: &String| pieces(text, &specials);
        let image = cut(image);
        let place = Piece::Special(shape.image_id);
        let [front, back] = image.split(|piece| *piece == place).collect::<Vec<_>>()[..] else {
            let id = shape.image_id;
            return Err(refuse(format!(
                "and the chat template do not go together: a picture must be one token {id}"
            )));
        };
        Ok(Self {
            frame,
            around: [before_instruction, before_parts, behind_parts].map(cut),
            around_image: [front.to_vec(), back.to_vec()],
            between_images: "",
            tokenizer,
        })
    }

    /// A prompt of nothing but the parts, with these ids around each picture and, where there is no
    /// text, this between two.
    pub(crate) fn bare(
        json: &[u8],
        (around_image, between_images): ([u32; 2], &'static str),
        vocabulary: usize,
    ) -> Result<Self, LoadError> {
        let (tokenizer, frame) = open(json, vocabulary)?;
        if frame.0.is_empty() || frame.1.is_empty() {
            return Err(refuse("puts nothing around a text; copy the model's own file"));
        }
        let around_image = around_image.map(|id| vec![Piece::Special(id)]);
        Ok(Self { tokenizer, frame, around: Default::default(), around_image, between_images })
    }

    /// Ids of the parts inside of the prompt; nothing of parts without text and pictures.
    pub(crate) fn tokenize(
        &self,
        instruction: &str,
        input: &[InputPart<'_>],
    ) -> Result<TokenizedInput, ModelError> {
        let mut writer =
            Writer { tokenizer: &self.tokenizer, span: Span::default(), parts: vec![] };
        let [before_instruction, before_parts, behind_parts] = &self.around;
        writer.push_frame(&self.frame.0);
        writer.push_pieces(before_instruction)?;
        writer.span.text.push_str(instruction);
        writer.push_pieces(before_parts)?;
        let is_text =
            |part: &InputPart<'_>| matches!(part, InputPart::Text(text) if !text.is_empty());
        let between_images = if input.iter().any(is_text) { "" } else { self.between_images };
        for (at, part) in input.iter().enumerate() {
            match part {
                InputPart::Text(text) => writer.span.push_text(text),
                InputPart::Image(index) => {
                    writer.span.text.push_str(if at > 0 { between_images } else { "" });
                    writer.push_pieces(&self.around_image[0])?;
                    writer.end_span()?;
                    writer.parts.push(TokenizedPart::Image(*index));
                    writer.push_pieces(&self.around_image[1])?;
                }
            }
        }
        writer.push_pieces(behind_parts)?;
        writer.end_span()?;
        writer.push_frame(&self.frame.1);
        let input = TokenizedInput { parts: writer.parts };
        let empty = input.text_tokens() == 0 && input.images() == 0;
        Ok(if empty { TokenizedInput::default() } else { input })
    }
}

/// Text between two special tokens, and which of its bytes are the user's.
#[derive(Default)]
struct Span {
    text: String,
    users: Vec<Range<usize>>,
}

impl Span {
    fn push_text(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.users.push(start..self.text.len());
    }

    /// Whether a token of these bytes has a part in the user's text.
    fn is_users(&self, (start, end): (usize, usize)) -> bool {
        let touches = |users: &Range<usize>| {
            let inside = start >= users.start && end <= users.end;
            !users.is_empty() && (inside || (start < users.end && end > users.start))
        };
        self.users.iter().any(touches)
    }
}

/// Collects parts.
struct Writer<'a> {
    tokenizer: &'a Tokenizer,
    span: Span,
    parts: Vec<TokenizedPart>,
}

impl Writer<'_> {
    fn push_pieces(&mut self, pieces: &[Piece]) -> Result<(), ModelError> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.span.text.push_str(text),
                Piece::Special(id) => {
                    self.end_span()?;
                    self.push_frame(&[*id]);
                }
            }
        }
        Ok(())
    }

    fn push_frame(&mut self, ids: &[u32]) {
        match self.parts.last_mut() {
            Some(TokenizedPart::Frame(last)) => last.extend_from_slice(ids),
            _ if ids.is_empty() => {}
            _ => self.parts.push(TokenizedPart::Frame(ids.to_vec())),
        }
    }

    fn push_text(&mut self, id: u32) {
        match self.parts.last_mut() {
            Some(TokenizedPart::Text(last)) => last.push(id),
            _ => self.parts.push(TokenizedPart::Text(vec![id])),
        }
    }

    /// Encodes the span as one string.
    fn end_span(&mut self) -> Result<(), ModelError> {
        let span = std::mem::take(&mut self.span);
        if span.text.is_empty() {
            return Ok(());
        }
        let encoded = self.tokenizer.encode(span.text.as_str(), false);
        let encoding = encoded.map_err(|error| ModelError::Tokenizer { source: error })?;
        for (&id, &bytes) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
            if span.is_users(bytes) {
                self.push_text(id);
            } else {
                self.push_frame(&[id]);
            }
        }
        Ok(())
    }
}

/// Special tokens and their ids, the longest first, so that none hides a longer one.
fn specials(tokenizer: &Tokenizer) -> Vec<(String, u32)> {
    let added = tokenizer.get_added_tokens_decoder();
    let special = added.iter().filter(|(_, token)| token.special && !token.content.is_empty());
    let mut specials: Vec<_> = special.map(|(&id, token)| (token.content.clone(), id)).collect();
    specials.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
    specials
}

/// Cuts a text at special tokens.
fn pieces(text: &str, specials: &[(String, u32)]) -> Vec<Piece> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(next) = rest.chars().next() {
        if let Some((content, id)) = specials.iter().find(|(content, _)| rest.starts_with(content))
        {
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Special(*id));
            rest = &rest[content.len()..];
        } else {
            plain.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// Refuses what would make ids random, or ids that the model does not have.
fn check(tokenizer: &Tokenizer, vocabulary: usize) -> Result<(), LoadError> {
    if let ModelWrapper::BPE(bpe) = tokenizer.get_model()
        && bpe.dropout.is_some_and(|probability| probability > 0.0)
    {
        return Err(refuse("has dropout, which makes ids random; export it without"));
    }
    let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
    if largest as usize >= vocabulary {
        let message = format!(
            "has ids up to {largest}, config.json knows {vocabulary}; copy both files together"
        );
        return Err(refuse(message));
    }
    Ok(())
}

/// An instruction as the models' prompts have it: without white space around, and ended.
pub(crate) fn ended(instruction: &str) -> String {
    let trimmed = instruction.trim();
    if trimmed.chars().next_back().is_some_and(is_punctuation) {
        trimmed.to_owned()
    } else {
        format!("{trimmed}.")
    }
}

/// Whether Unicode puts a character among the punctuation (general category P).
fn is_punctuation(character: char) -> bool {
    use std::sync::LazyLock;
    static PUNCTUATION: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"\A\p{P}\z").ok());
    let mut buffer = [0; 4];
    let text = &*character.encode_utf8(&mut buffer);
    PUNCTUATION.as_ref().is_some_and(|punctuation| punctuation.is_match(text))
}

fn refuse(message: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Tokenizer, TOKENIZER_FILE, message)
}

#[cfg(test)]
mod tests {
    use super::{Piece, ended, pieces};

    #[test]
    fn instructions_end_with_punctuation() {
        let rows = [
            ("Find it", "Find it."),
            (" Find it. ", "Find it."),
            ("Which?", "Which?"),
            ("找。", "找。"),
            ("(so)", "(so)"),
            // A symbol is no punctuation.
            ("5 €", "5 €."),
        ];
        for (given, expected) in rows {
            assert_eq!(ended(given), expected);
        }
    }

    #[test]
    fn prompts_are_cut_at_the_longest_special_tokens() {
        let specials = [("<a><b>".to_owned(), 3), ("<a>".to_owned(), 1)];
        let found = pieces("é<a>x<a><b><c>", &specials);
        let text = |text: &str| Piece::Text(text.to_owned());
        let expected = [text("é"), Piece::Special(1), text("x"), Piece::Special(3), text("<c>")];
        assert_eq!(found, expected);
    }
}
