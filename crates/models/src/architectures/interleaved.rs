//! What models of one sequence have in common: pictures are read first, each once, and sequences go
//! through the text stack several at a time.

use std::sync::Arc;

use onespace_media::PreparedImage;

use crate::weights::Weights;
use crate::{EncodedImage, ModelError, Part, Sequence};

/// Refuses what a model of one sequence cannot read: see the three parts. `places` are those of the
/// sequence and the most that it may have.
pub(crate) fn check_interleaved(
    (index, sequence): (usize, &Sequence),
    has_made: impl Fn(&EncodedImage) -> bool,
    (places, places_max): (usize, usize),
) -> Result<(), ModelError> {
    check_frame((index, sequence))?;
    check_encoded((index, sequence), has_made)?;
    if places > places_max {
        return Err(ModelError::SequenceTooLong { index, places, places_max });
    }
    Ok(())
}

/// Refuses a sequence without the model's own prompt around it.
fn check_frame((index, sequence): (usize, &Sequence)) -> Result<(), ModelError> {
    let is_frame = |part: Option<&Part>| matches!(part, Some(Part::Frame(_)));
    if is_frame(sequence.parts.first()) && is_frame(sequence.parts.last()) {
        Ok(())
    } else {
        Err(ModelError::Unframed { index })
    }
}

/// Refuses pictures that were read by a model that `has_made` does not know them of.
fn check_encoded(
    (index, sequence): (usize, &Sequence),
    has_made: impl Fn(&EncodedImage) -> bool,
) -> Result<(), ModelError> {
    let foreign = |part: &Part| matches!(part, Part::Encoded(image) if !has_made(image));
    if sequence.parts.iter().any(foreign) {
        return Err(ModelError::EncodedElsewhere { index });
    }
    Ok(())
}

/// What the names of tensors begin with: nothing in files of the bare model.
pub(crate) fn tensor_prefix(weights: &Weights) -> &'static str {
    if weights.contains("language_model.norm.weight") { "" } else { "model." }
}

/// Places of a sequence, given those of a picture by its width and height in pixels.
pub(crate) fn places(sequence: &Sequence, of_image: impl Fn(u32, u32) -> usize) -> usize {
    let places = |part: &Part| match part {
        Part::Text(ids) | Part::Frame(ids) => ids.len(),
        Part::Image(image) => of_image(image.width, image.height),
        Part::Encoded(image) => of_image(image.width, image.height),
    };
    sequence.parts.iter().map(places).sum()
}

/// The sequences with every picture encoded; one that stands in several places, in the same memory,
/// is given to `encode` once.
pub(crate) fn with_encoded(
    batch: &[Sequence],
    encode: impl FnOnce(&[&PreparedImage]) -> Vec<EncodedImage>,
) -> Vec<Sequence> {
    let mut different: Vec<&PreparedImage> = Vec::new();
    let mut order = Vec::new();
    for image in batch.iter().flat_map(Sequence::images) {
        let same = |other: &&PreparedImage| {
            Arc::ptr_eq(&other.rgb, &image.rgb) && other.width == image.width
        };
        order.push(different.iter().position(same).unwrap_or(different.len()));
        if order.last() == Some(&different.len()) {
            different.push(image);
        }
    }
    let encoded = encode(&different);
    let mut order = order.into_iter();
    let mut part = |part: &Part| match part {
        Part::Image(_) => {
            let index = order.next().expect("every picture was counted");
            Part::Encoded(encoded[index].clone())
        }
        other => other.clone(),
    };
    let sequence = |one: &Sequence| Sequence { parts: one.parts.iter().map(&mut part).collect() };
    batch.iter().map(sequence).collect()
}
