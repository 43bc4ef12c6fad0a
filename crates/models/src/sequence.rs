//! What a model reads: parts of text and images in order, before and after tokenising.

use onespace_media::PreparedImage;

/// One part of what a user wants embedded, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputPart<'a> {
    /// Text as the user wrote it. Nothing in it is a command.
    Text(&'a str),
    /// The picture with this index, in the order of the request.
    Image(usize),
}

/// A tokenised input whose pictures are still to come: what is known before any is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizedInput {
    /// The parts in the order in which the model reads them.
    pub parts: Vec<TokenizedPart>,
}

/// One piece of a [`TokenizedInput`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizedPart {
    /// Token ids of the user's text.
    Text(Vec<u32>),
    /// The picture with this index.
    Image(usize),
}

impl TokenizedInput {
    /// Token ids of text in all parts together.
    #[must_use]
    pub fn text_tokens(&self) -> usize {
        let tokens = |part: &TokenizedPart| match part {
            TokenizedPart::Text(ids) => ids.len(),
            TokenizedPart::Image(_) => 0,
        };
        self.parts.iter().map(tokens).sum()
    }

    /// Places of pictures; one that is placed twice counts twice.
    #[must_use]
    pub fn images(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, TokenizedPart::Image(_))).count()
    }

    /// Keeps the first `text_tokens_max` token ids of text. Pictures keep their places.
    pub fn truncate_text(&mut self, text_tokens_max: usize) {
        let mut room = text_tokens_max;
        self.parts.retain_mut(|part| match part {
            TokenizedPart::Image(_) => true,
            TokenizedPart::Text(ids) => {
                ids.truncate(room);
                room -= ids.len();
                !ids.is_empty()
            }
        });
    }

    /// The sequence, with the pictures in the order of the request.
    ///
    /// # Panics
    /// If a picture that has a place is not among `pictures`.
    #[must_use]
    pub fn with_pictures(&self, pictures: &[PreparedImage]) -> Sequence {
        let part = |part: &TokenizedPart| match part {
            TokenizedPart::Text(ids) => Part::Text(ids.clone()),
            TokenizedPart::Image(index) => Part::Image(pictures[*index].clone()),
        };
        Sequence { parts: self.parts.iter().map(part).collect() }
    }
}

/// Text and images in the order in which the model reads them.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// At least one part.
    pub parts: Vec<Part>,
}

/// One piece of a sequence.
#[derive(Clone, Debug)]
pub enum Part {
    /// Token ids from [`crate::EmbeddingModel::tokenize`].
    Text(Vec<u32>),
    /// A picture prepared by the spec from [`crate::EmbeddingModel::preprocess`].
    Image(PreparedImage),
}

impl Sequence {
    /// Token ids in all text parts together.
    #[must_use]
    pub fn text_tokens(&self) -> usize {
        self.parts.iter().map(|part| if let Part::Text(ids) = part { ids.len() } else { 0 }).sum()
    }

    /// The pictures, in order.
    pub(crate) fn images(&self) -> impl Iterator<Item = &PreparedImage> {
        self.parts.iter().filter_map(|part| match part {
            Part::Image(image) => Some(image),
            Part::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenizedInput, TokenizedPart};

    #[test]
    fn cutting_keeps_the_front_and_every_picture() {
        use TokenizedPart::{Image, Text};
        let parts = vec![Text(vec![1, 2, 3]), Image(0), Text(vec![4, 5]), Image(1)];
        let mut input = TokenizedInput { parts };
        input.truncate_text(2);
        assert_eq!(input.parts, [Text(vec![1, 2]), Image(0), Image(1)]);
        assert_eq!((input.text_tokens(), input.images()), (2, 2));
    }
}
