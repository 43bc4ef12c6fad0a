//! What may go in, and what may come out.

use onespace_media::PreparedImage;

use crate::{ModelDescription, ModelError, Part, Sequence};

/// How far from 1 the length of a vector may be.
const NORM_TOLERANCE: f32 = 1e-3;

/// Refuses sequences that the model cannot read.
pub(crate) fn check_sequence(
    description: &ModelDescription,
    vocabulary: usize,
    (index, sequence): (usize, &Sequence),
) -> Result<(), ModelError> {
    let (tokens, images) = (sequence.text_tokens(), sequence.image_count());
    if tokens == 0 && images == 0 {
        return Err(ModelError::EmptySequence { index });
    }
    let tokens_max = description.text_tokens_max;
    if tokens > tokens_max {
        return Err(ModelError::TextTooLong { index, tokens, tokens_max });
    }
    let images_max = description.images_max;
    if images > images_max {
        return Err(ModelError::TooManyImages { index, images, images_max });
    }
    for part in &sequence.parts {
        if let Part::Text(ids) | Part::Frame(ids) = part
            && let Some(&id) = ids.iter().find(|&&id| id as usize >= vocabulary)
        {
            return Err(ModelError::UnknownToken { index, id, vocabulary });
        }
    }
    sequence.images().try_for_each(|image| check_image(description, (index, image)))
}

/// Refuses pictures that were not prepared for the model.
pub(crate) fn check_image(
    description: &ModelDescription,
    (index, image): (usize, &PreparedImage),
) -> Result<(), ModelError> {
    let (width, height, bytes) = (image.width, image.height, image.rgb.len());
    let length = width as usize * height as usize * 3;
    if description.preprocess.is_prepared_size(width, height) && bytes == length {
        return Ok(());
    }
    let expected = description.preprocess.geometry_name();
    Err(ModelError::ImageSize { index, width, height, bytes, expected })
}

/// Refuses pictures that some model has read, for models that keep nothing of pictures, and frames.
pub(crate) fn check_plain(index: usize, sequence: &Sequence) -> Result<(), ModelError> {
    let encoded = |part: &Part| matches!(part, Part::Encoded(_) | Part::Frame(_));
    if sequence.parts.iter().any(encoded) {
        return Err(ModelError::EncodedElsewhere { index });
    }
    Ok(())
}

/// Refuses vectors that are not finite, of the right length, and of unit norm.
pub(crate) fn check_vectors(dimension: usize, vectors: &[Vec<f32>]) -> Result<(), ModelError> {
    vectors
        .iter()
        .enumerate()
        .try_for_each(|(index, vector)| check_vector(dimension, (index, vector)))
}

fn check_vector(dimension: usize, (index, vector): (usize, &[f32])) -> Result<(), ModelError> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    // A number that is not finite makes the norm so, and then the comparison fails.
    let unit = (norm - 1.0).abs() <= NORM_TOLERANCE;
    if unit && vector.len() == dimension {
        Ok(())
    } else {
        Err(ModelError::InvalidOutput { index, norm })
    }
}

#[cfg(test)]
mod tests {
    use super::check_vector;

    #[test]
    fn broken_vectors_do_not_leave() {
        let rows: [(&str, &[f32], bool); 6] = [
            ("unit", &[0.6, 0.8], true),
            ("nearly unit", &[0.6003, 0.8003], true),
            ("too long a norm", &[0.61, 0.81], false),
            ("not a number", &[f32::NAN, 1.0], false),
            ("infinite", &[f32::INFINITY, 0.0], false),
            ("too few numbers", &[1.0], false),
        ];
        let wrong: Vec<&str> = rows
            .iter()
            .filter(|(_, vector, good)| check_vector(2, (0, vector)).is_ok() != *good)
            .map(|(name, ..)| *name)
            .collect();
        assert!(wrong.is_empty(), "wrongly judged: {wrong:?}");
    }
}
