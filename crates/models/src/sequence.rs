//! What a model reads: parts of text and images in order.

use onespace_media::PreparedImage;

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
    /// A picture of the size that the model's [`onespace_media::PreprocessSpec`] asks for.
    Image(PreparedImage),
}

impl Sequence {
    /// Token ids in all text parts together.
    pub(crate) fn text_tokens(&self) -> usize {
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
