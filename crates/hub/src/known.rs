//! Short names of models that are worth knowing, with what is expected of them.
//!
//! Figures are those of the papers, model cards and configurations; the licence is what the card
//! stated. What counts is what stands in the folder: it is read and printed after each pull. No
//! revision is pinned here: pin one with `NAME@REVISION`.

/// Whether this program can load a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Its architecture is built in.
    Loadable,
    /// Its architecture is planned.
    NotYet,
}

/// A model by a short name.
#[derive(Clone, Copy, Debug)]
pub struct KnownModel {
    /// The short name.
    pub alias: &'static str,
    /// `OWNER/NAME` on the hub.
    pub repository: &'static str,
    /// The licence that its card stated, to be checked against the folder.
    pub licence_expected: &'static str,
    /// What it embeds.
    pub modalities: &'static str,
    /// How text and pictures meet: in one sequence, or as two vectors.
    pub fusion: &'static str,
    /// The length of its vectors, and those that they may be cut to.
    pub dimensions: &'static str,
    /// Its parameters.
    pub parameters: &'static str,
    /// About what a pull downloads, in megabytes, where the published format is known.
    pub download_mb: Option<u32>,
    /// Why one would want it.
    pub note: &'static str,
    /// Whether this program can load it.
    pub support: Support,
}

const TEXT_IMAGE: &str = "text, image";

/// The models with short names, the smallest first.
pub const MODELS: [KnownModel; 9] = [
    KnownModel {
        alias: "tinyclip",
        repository: "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
        licence_expected: "mit",
        modalities: TEXT_IMAGE,
        fusion: "late",
        dimensions: "512",
        parameters: "8 M in the picture tower",
        download_mb: None,
        note: "the smallest CLIP; English, 77 tokens; for trying things out",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "bge-vl-base",
        repository: "BAAI/BGE-VL-base",
        licence_expected: "mit",
        modalities: TEXT_IMAGE,
        fusion: "late (trained for the sum)",
        dimensions: "512",
        parameters: "150 M",
        download_mb: Some(299),
        note: "CLIP B/16 trained so that picture plus text is a query; English, 77 tokens",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "clip-b32",
        repository: "openai/clip-vit-base-patch32",
        licence_expected: "mit (its code's; the card names none)",
        modalities: TEXT_IMAGE,
        fusion: "late",
        dimensions: "512",
        parameters: "151 M",
        download_mb: Some(605),
        note: "the first CLIP; 8.8 GFLOP a picture; English, 77 tokens; ImageNet 63.3 %",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "clip-datacomp-b32",
        repository: "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        licence_expected: "mit",
        modalities: TEXT_IMAGE,
        fusion: "late",
        dimensions: "512",
        parameters: "151 M",
        download_mb: Some(605),
        note: "11.5 GFLOP a picture; English, 77 tokens; ImageNet 72.8 %",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "clip-datacomp-b16",
        repository: "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        licence_expected: "mit",
        modalities: TEXT_IMAGE,
        fusion: "late",
        dimensions: "512",
        parameters: "150 M",
        download_mb: Some(599),
        note: "35 GFLOP a picture; English, 77 tokens; ImageNet 73.5 %",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "siglip2-base",
        repository: "google/siglip2-base-patch16-224",
        licence_expected: "apache-2.0",
        modalities: TEXT_IMAGE,
        fusion: "late",
        dimensions: "768 (not to be cut)",
        parameters: "375 M",
        download_mb: Some(1_501),
        note: "109 languages, 64 tokens; 35 GFLOP a picture; ImageNet 78.2 %",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "embeddinggemma2",
        repository: "google/embeddinggemma-2",
        licence_expected: "apache-2.0 (read LICENSE: sources differ)",
        modalities: "text, image (its audio and video are not served)",
        fusion: "early",
        dimensions: "128, 256, 512, 768",
        parameters: "744 M",
        download_mb: None,
        note: "words and pictures in one sequence; 100+ languages; about 2,300 patches a picture; MMEB-V2 59.0",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "qwen3-vl-2b",
        repository: "Qwen/Qwen3-VL-Embedding-2B",
        licence_expected: "apache-2.0",
        modalities: "text, image (its video is not served)",
        fusion: "early",
        dimensions: "64 to 2048",
        parameters: "2.1 G",
        download_mb: Some(4_255),
        note: "words and pictures in one sequence; 30+ languages; MMEB-V2 73.2",
        support: Support::Loadable,
    },
    KnownModel {
        alias: "qwen3-vl-8b",
        repository: "Qwen/Qwen3-VL-Embedding-8B",
        licence_expected: "apache-2.0",
        modalities: "text, image (its video is not served)",
        fusion: "early",
        dimensions: "64 to 4096",
        parameters: "8.1 G",
        download_mb: Some(16_290),
        note: "as qwen3-vl-2b, larger; MMEB-V2 77.8",
        support: Support::Loadable,
    },
];

/// The model with that short name.
#[must_use]
pub fn by_alias(alias: &str) -> Option<&'static KnownModel> {
    MODELS.iter().find(|model| model.alias == alias)
}

/// The model in that repository.
#[must_use]
pub fn by_repository(repository: &str) -> Option<&'static KnownModel> {
    MODELS.iter().find(|model| model.repository == repository)
}

/// All short names, with commas.
pub(crate) fn aliases() -> String {
    MODELS.map(|model| model.alias).join(", ")
}

#[cfg(test)]
mod tests {
    use super::MODELS;
    use crate::RepositoryName;

    #[test]
    fn every_short_name_is_one_and_names_one_repository() {
        for (index, model) in MODELS.iter().enumerate() {
            assert!(model.repository.parse::<RepositoryName>().is_ok(), "{}", model.repository);
            assert!(!model.alias.contains(['/', '@', '=', ',']), "{}", model.alias);
            for other in &MODELS[..index] {
                assert_ne!(other.alias, model.alias);
                assert_ne!(other.repository, model.repository);
            }
        }
    }
}
