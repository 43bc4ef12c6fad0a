//! onespace_fusion: a convolutional vision tower feeds a few visual tokens per image into one
//! bidirectional transformer, at the image's place between the text tokens.
//!
//! A sequence starts with a learned class vector. The result is made of its last state and of
//! the mean of all others.

mod checks;
mod passes;

use std::sync::{Mutex, PoisonError};

use onespace_compute::{
    Buffer, Cpu, Finish, Isa, PackedMatrix, Workspace, l2_normalize, matmul, mean_of_rows,
};
use onespace_media::PreparedImage;

use crate::config::{Config, VISUAL_TOKENS};
use crate::layers::{Transformer, VisionTower, VisualTokens};
use crate::model_files::WEIGHTS_FILE;
use crate::tokenizer::TextTokenizer;
use crate::weights::{TokenTable, Weights};
use crate::{
    EmbeddingModel, Fusion, LoadError, LoadErrorKind, ModelDescription, ModelError, Part,
    Precision, Sequence,
};

/// Images that go through the vision tower together: enough to use the weights well while the
/// widest maps stay in cache.
const IMAGES_PER_PASS: usize = 8;

/// Workspaces kept between calls; more exist only while more calls run at once.
const WORKSPACES_KEPT_MAX: usize = 8;

/// The model.
pub(crate) struct OnespaceFusion {
    description: ModelDescription,
    isa: Isa,
    tokenizer: TextTokenizer,
    vision: VisionTower,
    visual: VisualTokens,
    tokens: TokenTable,
    /// `[width]`
    class: Vec<f32>,
    transformer: Transformer,
    head: PackedMatrix,
    workspaces: Mutex<Vec<Workspace>>,
}

impl OnespaceFusion {
    /// Builds the model, taking every tensor.
    pub(crate) fn load(
        config: Config,
        tokenizer: TextTokenizer,
        mut weights: Weights<'_>,
    ) -> Result<Self, LoadError> {
        let isa = Isa::current().map_err(|error| {
            LoadError::new(LoadErrorKind::Processor, WEIGHTS_FILE, error.to_string())
                .caused_by(error)
        })?;
        let (width, dimension) = (config.width, config.dimension);
        let head = weights.take("head.weight", &[dimension, 2 * width])?;
        let model = Self {
            isa,
            tokenizer,
            vision: VisionTower::load(&mut weights, isa, &config)?,
            visual: VisualTokens::load(&mut weights, isa, &config)?,
            tokens: weights.take_table("text.embedding", config.vocabulary, width)?,
            class: weights.take("cls", &[width])?,
            transformer: Transformer::load(&mut weights, isa, &config)?,
            head: PackedMatrix::pack(isa, onespace_compute::Precision::F32, &head, 2 * width),
            workspaces: Mutex::default(),
            description: describe(config, weights.sha256()),
        };
        weights.finish()?;
        Ok(model)
    }

    fn width(&self) -> usize {
        self.class.len()
    }

    /// Places that a sequence takes, the class vector's included.
    fn places(sequence: &Sequence) -> usize {
        1 + sequence.text_tokens() + VISUAL_TOKENS * sequence.images().count()
    }

    /// Embeds checked sequences with one workspace.
    fn embed_pass(&self, batch: &[Sequence], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let width = self.width();
        let mut offsets = vec![0];
        for sequence in batch {
            offsets.push(offsets[offsets.len() - 1] + Self::places(sequence));
        }
        let mut hidden = workspace.scratch.take(offsets[batch.len()] * width);
        let visual = self.visual_tokens(batch, workspace);
        self.fill(batch, &visual, &mut hidden);
        workspace.scratch.put(visual);
        self.transformer.forward(&mut hidden, &offsets, workspace);
        let vectors = self.pool(&hidden, &offsets, workspace);
        workspace.scratch.put(hidden);
        vectors
    }

    /// The visual tokens of all images of the batch in order: `[images, VISUAL_TOKENS, width]`.
    fn visual_tokens(&self, batch: &[Sequence], workspace: &mut Workspace) -> Buffer {
        let images: Vec<&PreparedImage> = batch.iter().flat_map(Sequence::images).collect();
        let image = VISUAL_TOKENS * self.width();
        let mut visual = workspace.scratch.take(images.len() * image);
        let outs = visual.chunks_mut(IMAGES_PER_PASS * image);
        for (images, out) in images.chunks(IMAGES_PER_PASS).zip(outs) {
            let (map, shape) = self.vision.forward(images, workspace);
            self.visual.forward((&map, shape), out, workspace);
            workspace.scratch.put(map);
        }
        visual
    }

    /// Lays out class vector, text tokens and visual tokens, sequence after sequence.
    fn fill(&self, batch: &[Sequence], visual: &[f32], hidden: &mut [f32]) {
        let width = self.width();
        let (mut visual, mut rest) = (visual, hidden);
        for sequence in batch {
            let (class, behind) = rest.split_at_mut(width);
            class.copy_from_slice(&self.class);
            rest = behind;
            for part in &sequence.parts {
                let places = match part {
                    Part::Text(ids) => ids.len(),
                    Part::Image(_) => VISUAL_TOKENS,
                };
                let (here, behind) = rest.split_at_mut(places * width);
                rest = behind;
                match part {
                    Part::Text(ids) => self.tokens.gather(ids, here),
                    Part::Image(_) => {
                        let (own, others) = visual.split_at(here.len());
                        here.copy_from_slice(own);
                        visual = others;
                    }
                }
            }
        }
    }

    /// Class state and mean of the others, through the head, to unit length.
    fn pool(&self, hidden: &[f32], offsets: &[usize], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let (cpu, width) = (workspace.cpu, self.width());
        let dimension = self.head.outputs();
        let count = offsets.len() - 1;
        let mut pooled = workspace.scratch.take(count * 2 * width);
        for (range, pooled) in offsets.windows(2).zip(pooled.chunks_exact_mut(2 * width)) {
            let (class, others) = hidden[range[0] * width..range[1] * width].split_at(width);
            let (first, second) = pooled.split_at_mut(width);
            first.copy_from_slice(class);
            mean_of_rows(cpu, others, second);
        }
        let mut out = workspace.scratch.take(count * dimension);
        matmul(cpu, &pooled, &self.head, Finish::default(), &mut out);
        let vectors = out.chunks_exact_mut(dimension).map(|vector| {
            l2_normalize(cpu, vector);
            vector.to_vec()
        });
        let vectors = vectors.collect();
        workspace.scratch.put(pooled);
        workspace.scratch.put(out);
        vectors
    }

    /// Runs `work` with a workspace of that budget, reusing one where there is one.
    fn with_workspace<T>(&self, cpu: Cpu, work: impl FnOnce(&mut Workspace) -> T) -> T {
        let kept = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = kept.unwrap_or_else(|| Workspace::new(cpu));
        workspace.cpu = cpu;
        let result = work(&mut workspace);
        let mut kept = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < WORKSPACES_KEPT_MAX {
            kept.push(workspace);
        }
        result
    }
}

impl EmbeddingModel for OnespaceFusion {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn tokenize(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.ids(text)
    }

    fn cost(&self, sequence: &Sequence) -> u64 {
        let images = sequence.images().count() as u64;
        let per_image = self.vision.multiply_adds() + self.visual.multiply_adds();
        let head = self.head.inputs() as u64 * self.head.outputs() as u64;
        let total =
            images * per_image + self.transformer.multiply_adds(Self::places(sequence)) + head;
        total.div_ceil(1000)
    }

    fn embed(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError> {
        for (index, sequence) in batch.iter().enumerate() {
            checks::check_sequence(&self.description, self.tokens.rows(), (index, sequence))?;
        }
        let vectors = self.embed_checked(batch);
        for (index, vector) in vectors.iter().enumerate() {
            checks::check_vector(self.description.dimension, (index, vector))?;
        }
        Ok(vectors)
    }
}

fn describe(config: Config, weights_sha256: String) -> ModelDescription {
    ModelDescription {
        preprocess: config.preprocess(),
        name: config.name,
        revision: config.revision,
        dimension: config.dimension,
        dimensions: config.dimensions,
        text_tokens_max: config.text_tokens_max,
        images_max: config.images_max,
        visual_tokens_per_image: config.visual_tokens,
        precision: Precision::F32,
        fusion: Fusion::Early,
        weights_sha256,
    }
}
