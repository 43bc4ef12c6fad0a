//! What a model's vision tower makes of a picture, whatever stands around it in a sequence.

use std::mem::size_of_val;
use std::sync::Arc;

/// A picture as a model has read it: to be put into sequences instead of its pixels, by the same
/// model only. Clones share the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedImage {
    /// Width of the prepared picture in pixels.
    pub(crate) width: u32,
    /// Height of the prepared picture in pixels.
    pub(crate) height: u32,
    /// How many layers of numbers there are, at least 1.
    pub(crate) layers: usize,
    /// `[layers, places, width]`: what stands at the picture's places, and, for some models, what
    /// is added there behind further layers.
    pub(crate) values: Arc<[f32]>,
}

impl EncodedImage {
    /// Bytes of memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }

    /// Places that the picture takes in a sequence of rows of `width` numbers.
    pub(crate) fn rows(&self, width: usize) -> usize {
        self.values.len() / width / self.layers
    }

    /// The numbers of one layer: `[places, width]`.
    pub(crate) fn layer(&self, index: usize) -> Option<&[f32]> {
        let length = self.values.len() / self.layers;
        self.values.get(index * length..(index + 1) * length)
    }
}
