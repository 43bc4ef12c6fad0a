//! What a model takes and gives, and the name of its vector space.

use onespace_compute::Precision;
use onespace_media::PreprocessSpec;
use sha2::{Digest, Sha256};

/// Hexadecimal digits of a fingerprint: 64 bits.
const FINGERPRINT_DIGITS: usize = 16;

/// Where text and images meet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fusion {
    /// In one sequence, read by one transformer: their order and neighbours matter.
    Early,
    /// In their vectors: text and images are embedded apart, each to unit length. The images'
    /// vectors are averaged and normalised, then weighed against the text's.
    Late {
        /// Weight of the text; that of the images together is the rest to 1.
        text_weight: f32,
    },
    /// In their vectors as the towers give them, which were trained for it: the mean of the
    /// images' plus that of the text.
    LateSum,
}

impl Fusion {
    /// The name used in descriptions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Late { .. } | Self::LateSum => "late",
        }
    }

    /// What it adds to a fingerprint; nothing for early fusion, which is part of the weights.
    fn space_part(self) -> Option<String> {
        match self {
            Self::Early => None,
            Self::Late { text_weight } => Some(format!("late {text_weight}")),
            Self::LateSum => Some("late sum".to_owned()),
        }
    }
}

/// What a model takes and gives.
#[derive(Clone, Debug)]
pub struct ModelDescription {
    /// The model's own name.
    pub name: String,
    /// Which training of it.
    pub revision: String,
    /// Length of the vectors that [`crate::EmbeddingModel::embed`] returns.
    pub dimension: usize,
    /// Lengths that they may be cut to with [`crate::shorten()`], ascending; the last is
    /// `dimension`.
    pub dimensions: Vec<usize>,
    /// Most text tokens in a sequence, all its text parts together.
    pub text_tokens_max: usize,
    /// Most images in a sequence.
    pub images_max: usize,
    /// Most places that an image takes; [`crate::EmbeddingModel::image_tokens`] says how many.
    pub image_tokens_max: usize,
    /// Text tokens that the model reads at a time, where longer text is embedded in chunks whose
    /// unit vectors are averaged; `None` where all text is read in one sequence.
    pub text_chunk_tokens: Option<usize>,
    /// What the model wants a picture turned into.
    pub preprocess: PreprocessSpec,
    /// The numbers that it computes with.
    pub precision: Precision,
    /// Where text and images meet.
    pub fusion: Fusion,
    /// SHA-256 of `model.safetensors`, in lower-case hexadecimal; of several files, of their
    /// hashes.
    pub weights_sha256: String,
}

impl ModelDescription {
    /// In how many chunks so many text tokens are embedded; 1 where they are read at once.
    #[must_use]
    pub fn text_chunks(&self, text_tokens: usize) -> usize {
        self.text_chunk_tokens.map_or(1, |chunk| text_tokens.div_ceil(chunk)).max(1)
    }

    /// A short name of the vector space: equal exactly where model, revision, weights,
    /// preprocessing and precision are. Vectors with different fingerprints cannot be compared.
    #[must_use]
    pub fn space_fingerprint(&self) -> String {
        let spec = &self.preprocess;
        let parts = [
            self.name.clone(),
            self.revision.clone(),
            self.weights_sha256.clone(),
            spec.geometry_name(),
            format!("{:?} {:?}", spec.mean, spec.std),
            self.precision.name().to_owned(),
        ];
        let mut hash = Sha256::new();
        for part in parts.into_iter().chain(self.fusion.space_part()) {
            // The length in front keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(&part);
        }
        let mut fingerprint = hex::encode(hash.finalize());
        fingerprint.truncate(FINGERPRINT_DIGITS);
        fingerprint
    }
}

#[cfg(test)]
mod tests {
    use onespace_media::{Fit, PreprocessSpec, Resample};

    use super::{FINGERPRINT_DIGITS, Fusion, ModelDescription, Precision};

    fn description() -> ModelDescription {
        ModelDescription {
            name: "name".into(),
            revision: "1".into(),
            dimension: 512,
            dimensions: vec![128, 512],
            text_tokens_max: 10,
            images_max: 2,
            image_tokens_max: 5,
            text_chunk_tokens: None,
            preprocess: PreprocessSpec {
                fit: Fit::Squash { width: 64, height: 64 },
                resample: Resample::Bicubic,
                mean: [0.5; 3],
                std: [0.5; 3],
            },
            precision: Precision::F32,
            fusion: Fusion::Early,
            weights_sha256: "00".into(),
        }
    }

    #[test]
    fn fingerprint_changes_with_the_space_only() {
        let base = description();
        let fingerprint = base.space_fingerprint();
        assert_eq!(fingerprint.len(), FINGERPRINT_DIGITS);
        assert!(fingerprint.chars().all(|c| c.is_ascii_hexdigit()));
        type Change = fn(&mut ModelDescription);
        let changes: [(&str, Change, bool); 10] = [
            ("nothing", |_| {}, false),
            ("limits", |d| d.images_max = 9, false),
            ("name", |d| d.name = "other".into(), true),
            ("revision", |d| d.revision = "2".into(), true),
            ("weights", |d| d.weights_sha256 = "01".into(), true),
            ("size", |d| d.preprocess.fit = Fit::Squash { width: 32, height: 64 }, true),
            ("fusion", |d| d.fusion = Fusion::LateSum, true),
            ("weight", |d| d.fusion = Fusion::Late { text_weight: 0.25 }, true),
            ("mean", |d| d.preprocess.mean[1] = 0.4, true),
            ("border", |d| (d.name, d.revision) = ("name1".into(), String::new()), true),
        ];
        let wrong: Vec<&str> = changes
            .into_iter()
            .filter_map(|(name, change, expected)| {
                let mut changed = description();
                change(&mut changed);
                ((changed.space_fingerprint() != fingerprint) != expected).then_some(name)
            })
            .collect();
        assert!(wrong.is_empty(), "wrong after a change of: {wrong:?}");
    }
}
