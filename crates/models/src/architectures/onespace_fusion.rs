//! onespace_fusion: a convolutional vision tower feeds a few visual tokens per image into one
//! bidirectional transformer, at the image's place between the text tokens.
//!
//! A sequence starts with a learned class vector. The result is made of its last state and of
//! the mean of all others.

use std::io;

use onespace_compute::{
    Buffer, Cpu, Finish, Isa, LayerNorm, PackedMatrix, Precision, Rotary, Workspace, l2_normalize,
    layer_norm, matmul, mean_of_rows,
};
use onespace_media::PreparedImage;

use crate::checks;
use crate::config::{Config, VISUAL_TOKENS};
use crate::layers::{
    Encoder, LayerNames, Packing, VisionTower, VisualTokens, layer_norm as load_norm,
};
use crate::passes::{Plan, Workspaces};
use crate::tokenizer::TextTokenizer;
use crate::trace::Trace;
use crate::weights::{TokenTable, Weights};
use crate::{
    EmbeddingModel, Fusion, InputPart, LoadError, ModelDescription, ModelError, Part, Sequence,
    TokenizedInput, TokenizedPart,
};

/// Images that go through the vision tower together: enough to use the weights well while the
/// widest maps stay in cache.
const IMAGES_PER_PASS: usize = 8;

/// Places in one pass through the transformer, unless one sequence alone has more. Bounds the
/// memory of a pass; larger ones are no faster.
const PLACES_PER_PASS: usize = 1024;

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
    transformer: Encoder,
    final_norm: LayerNorm,
    head: PackedMatrix,
    workspaces: Workspaces,
}

impl OnespaceFusion {
    /// Builds the model, taking every tensor.
    pub(crate) fn load(
        config: Config,
        tokenizer: TextTokenizer,
        mut weights: Weights,
        packing: Packing,
    ) -> Result<Self, LoadError> {
        let isa = packing.isa;
        let (width, dimension) = (config.width, config.dimension);
        let head = weights.take("head.weight", &[dimension, 2 * width])?;
        let model = Self {
            isa,
            tokenizer,
            vision: VisionTower::load(&mut weights, isa, &config)?,
            visual: VisualTokens::load(&mut weights, packing, &config)?,
            tokens: weights.take_table("text.embedding", config.vocabulary, width)?,
            class: weights.take("cls", &[width])?,
            transformer: transformer(&mut weights, packing, &config)?,
            final_norm: load_norm(&mut weights, "final_norm", width, config.norm_eps)?,
            head: PackedMatrix::pack(isa, onespace_compute::Precision::F32, &head, 2 * width),
            workspaces: Workspaces::default(),
            description: describe(config, packing.precision, weights.sha256()?),
        };
        weights.finish(|_| false)?;
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
    fn embed_pass(
        &self,
        batch: &[Sequence],
        workspace: &mut Workspace,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.width();
        let mut offsets = vec![0];
        for sequence in batch {
            offsets.push(offsets[offsets.len() - 1] + Self::places(sequence));
        }
        let mut hidden = workspace.scratch.take(offsets[batch.len()] * width);
        let visual = self.visual_tokens(batch, workspace);
        let filled = self.fill(batch, &visual, &mut hidden);
        filled.map_err(|source| ModelError::WeightsUnreadable { source })?;
        workspace.scratch.put(visual);
        let states = (&mut hidden[..], &offsets[..]);
        self.transformer.forward(states, workspace, &mut Trace::default());
        let mut normed = workspace.scratch.take(hidden.len());
        layer_norm(workspace.cpu, &hidden, &self.final_norm, &mut normed);
        workspace.scratch.put(std::mem::replace(&mut hidden, normed));
        let vectors = self.pool(&hidden, &offsets, workspace);
        workspace.scratch.put(hidden);
        Ok(vectors)
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
    fn fill(&self, batch: &[Sequence], visual: &[f32], hidden: &mut [f32]) -> io::Result<()> {
        let width = self.width();
        let (mut visual, mut rest) = (visual, hidden);
        for sequence in batch {
            let (class, behind) = rest.split_at_mut(width);
            class.copy_from_slice(&self.class);
            rest = behind;
            for part in &sequence.parts {
                let places = match part {
                    Part::Text(ids) | Part::Frame(ids) => ids.len(),
                    Part::Image(_) | Part::Encoded(_) => VISUAL_TOKENS,
                };
                let (here, behind) = rest.split_at_mut(places * width);
                rest = behind;
                match part {
                    Part::Text(ids) | Part::Frame(ids) => self.tokens.gather(ids, here)?,
                    Part::Image(_) | Part::Encoded(_) => {
                        let (own, others) = visual.split_at(here.len());
                        here.copy_from_slice(own);
                        visual = others;
                    }
                }
            }
        }
        Ok(())
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

    /// Embeds checked sequences on the current rayon pool.
    fn embed_checked(&self, batch: &[Sequence]) -> Result<Vec<Vec<f32>>, ModelError> {
        let cpu = Cpu::on_current_pool(self.isa);
        let items: Vec<(u64, usize)> =
            batch.iter().map(|sequence| (self.cost(sequence), Self::places(sequence))).collect();
        let plan = Plan::new(&items, items.len(), cpu.threads(), PLACES_PER_PASS);
        let vectors = plan.run(cpu, |range, cpu| {
            let pass = |workspace: &mut Workspace| self.embed_pass(&batch[range], workspace);
            self.workspaces.with(cpu, pass)
        });
        Ok(vectors.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl EmbeddingModel for OnespaceFusion {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn tokenize(&self, input: &[InputPart<'_>]) -> Result<TokenizedInput, ModelError> {
        let mut parts = Vec::with_capacity(input.len());
        for part in input {
            match part {
                InputPart::Image(index) => parts.push(TokenizedPart::Image(*index)),
                InputPart::Text(text) => {
                    let ids = self.tokenizer.ids(text)?;
                    if !ids.is_empty() {
                        parts.push(TokenizedPart::Text(ids));
                    }
                }
            }
        }
        Ok(TokenizedInput { parts })
    }

    fn image_tokens(&self, _width: u32, _height: u32) -> usize {
        VISUAL_TOKENS
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
            checks::check_plain(index, sequence)?;
            checks::check_sequence(&self.description, self.tokens.rows(), (index, sequence))?;
        }
        let vectors = self.embed_checked(batch)?;
        checks::check_vectors(self.description.dimension, &vectors)?;
        Ok(vectors)
    }
}

fn describe(config: Config, precision: Precision, weights_sha256: String) -> ModelDescription {
    ModelDescription {
        preprocess: config.preprocess(),
        name: config.name,
        revision: config.revision,
        dimension: config.dimension,
        dimension_default: config.dimension,
        dimensions: config.dimensions,
        text_tokens_max: config.text_tokens_max,
        images_max: config.images_max,
        image_tokens_max: config.visual_tokens,
        text_chunk_tokens: None,
        instruction: None,
        precision,
        fusion: Fusion::Early,
        weights_sha256,
    }
}

/// The layers, with rotary positions.
fn transformer(
    weights: &mut Weights,
    packing: Packing,
    config: &Config,
) -> Result<Encoder, LoadError> {
    let encoder =
        Encoder::load(weights, packing, ("layers", LayerNames::Fused), &config.encoder())?;
    let rotary = Rotary::new(config.head(), config.rope_base, config.positions_max());
    Ok(encoder.with_rotary(rotary))
}
