//! Weights, tokenizers and forward passes: a sequence of text and images in, one vector out.
//!
//! A model is a folder of files. The one in [`embedded`] is part of the program; [`folder`] reads
//! others, ordinary Hugging Face ones included. Both give an
//! [`EmbeddingModel`], whose [`EmbeddingModel::embed`] turns each [`Sequence`] of a batch into
//! a vector of unit length. [`ModelDescription`] says what the model takes and gives, and
//! [`ModelDescription::space_fingerprint`] names the space that its vectors live in.
//!
//! Every model takes sequences, interleaved or not, so that nothing above this crate changes
//! when one joins. An architecture is one file in `architectures/`, made of the parts in
//! `layers/`; `weights.rs` is the only place that reads tensors.
//!
//! Vectors do not depend on what else is in a batch, nor on the number of threads: see the
//! documentation of `onespace_compute`.

mod architectures;
mod checks;
mod config;
mod description;
pub mod embedded;
mod encoded_image;
mod error;
pub mod folder;
mod huggingface;
mod layers;
mod model_files;
mod passes;
mod sequence;
mod shorten;
mod tokenizer;
mod trace;
mod weights;

pub use description::{Fusion, ModelDescription};
pub use encoded_image::EncodedImage;
pub use error::{LoadError, LoadErrorKind, ModelError};
pub use folder::ARCHITECTURES;
pub use onespace_compute::Precision;
pub use sequence::{InputPart, Part, Sequence, TokenizedInput, TokenizedPart};
pub use shorten::shorten;
pub use trace::Stage;

use onespace_media::{PreparedImage, PreprocessSpec};

/// A model that turns sequences into vectors.
///
/// [`EmbeddingModel::embed`] works on the rayon pool that it is called from (the global one
/// if none), with as many threads as that has: run it inside a pool of your own to bound it.
pub trait EmbeddingModel: Send + Sync {
    /// What the model takes and gives.
    fn description(&self) -> &ModelDescription;

    /// What the model will read of the parts: token ids, with the pictures at their places. Any
    /// text is ordinary text: nothing in it is a command. Parts of text without a token vanish.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when the tokenizer fails.
    fn tokenize(&self, input: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError>;

    /// The same with an instruction, which says what the vector is for; it takes the place of the
    /// description's.
    ///
    /// # Errors
    /// [`ModelError::NoInstruction`] from models whose description has none.
    fn tokenize_instructed(
        &self,
        _input: &[InputPart<'_>],
        _instruction: &str,
    ) -> Result<TokenizedInput, ModelError> {
        Err(ModelError::NoInstruction)
    }

    /// What the pictures of this input are to be turned into. The description's, unless it
    /// depends on how much else there is to read.
    fn preprocess(&self, _input: &TokenizedInput) -> PreprocessSpec {
        self.description().preprocess.clone()
    }

    /// Places that a prepared picture of that width and height, in pixels, takes in the sequence,
    /// or in the vision tower of a model without a common one.
    fn image_tokens(&self, width: u32, height: u32) -> usize;

    /// Estimated multiply-adds of embedding the sequence, in thousands.
    fn cost(&self, sequence: &Sequence) -> u64;

    /// Whether [`EmbeddingModel::encode_images`] gives something.
    fn encodes_images(&self) -> bool {
        false
    }

    /// What the model makes of pictures by themselves, in order, for [`Part::Encoded`]; `None` from
    /// models that have nothing to keep of a picture. Vectors are the same with either part.
    ///
    /// # Errors
    /// [`ModelError::ImageSize`] for pictures that were not prepared for this model; `index` is
    /// then the picture's.
    fn encode_images(
        &self,
        _images: &[&PreparedImage],
    ) -> Result<Option<Vec<EncodedImage>>, ModelError> {
        Ok(None)
    }

    /// One vector per sequence, in order: full dimension, unit length, each the same as if its
    /// sequence had come alone.
    ///
    /// # Errors
    /// When a sequence is empty, too long, or does not fit the model, before anything is
    /// computed; or [`ModelError::InvalidOutput`] when a vector comes out broken.
    fn embed(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Intermediate results of embedding one sequence, for comparison with a reference
    /// implementation; none from models that have no reference outside of this project.
    ///
    /// # Errors
    /// As [`EmbeddingModel::embed`].
    fn stages(&self, _sequence: &Sequence) -> Result<Vec<Stage>, ModelError> {
        Ok(Vec::new())
    }
}
