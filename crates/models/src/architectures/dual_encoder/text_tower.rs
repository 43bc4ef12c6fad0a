//! Token ids to one vector.

use onespace_compute::{Finish, LayerNorm, Workspace, layer_norm};

use crate::huggingface::{DualConfig, Family, FramedTokenizer, Side};
use crate::layers::{Encoder, LayerNames, Linear, Packing, layer_norm as load_norm};
use crate::trace::Trace;
use crate::weights::{TokenTable, Weights};
use crate::{LoadError, ModelError};

/// The text tower.
pub(super) struct TextTower {
    tokens: TokenTable,
    /// `[positions, width]`
    positions: Vec<f32>,
    encoder: Encoder,
    final_norm: LayerNorm,
    projection: Linear,
    /// Places for a text, those of special tokens included.
    places_max: usize,
    /// Places of special tokens.
    specials: usize,
    pooling: Pooling,
}

/// Which state stands for the text.
#[derive(Clone, Copy, Debug)]
enum Pooling {
    /// That of the first place with the highest id. Nothing behind it has a part in it.
    HighestId,
    /// That of the first place with this id. Nothing behind it has a part in it.
    First(u32),
    /// That of the last place, after padding to all places.
    LastOfAll,
}

impl TextTower {
    /// Takes `text_model.*` and `text_projection`.
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        config: &DualConfig,
        tokenizer: &FramedTokenizer,
    ) -> Result<Self, LoadError> {
        let (text, width) = (&config.text, config.text.shape.width);
        let table = |part: &str| format!("text_model.embeddings.{part}.weight");
        let layers = ("text_model.encoder.layers", LayerNames::Split);
        let (norm, sizes) = ("text_model.final_layer_norm", (width, config.dimension));
        let clip = config.family == Family::Clip;
        Ok(Self {
            tokens: weights.take_table(&table("token_embedding"), text.vocabulary, width)?,
            positions: weights.take(&table("position_embedding"), &[text.positions, width])?,
            encoder: Encoder::load(weights, packing, layers, &text.shape)?,
            final_norm: load_norm(weights, norm, width, text.shape.epsilon)?,
            projection: if clip {
                Linear::load_without_bias(weights, packing, "text_projection", sizes)?
            } else {
                Linear::load(weights, packing, "text_model.head", sizes)?
            },
            places_max: text.positions,
            specials: tokenizer.prefix.len() + tokenizer.suffix.len(),
            pooling: match config.family {
                Family::Clip if text.pools_highest_id() => Pooling::HighestId,
                Family::Clip => Pooling::First(text.eos_id),
                Family::Siglip | Family::Siglip2 => Pooling::LastOfAll,
            },
        })
    }

    /// Ids in the vocabulary.
    pub(super) fn vocabulary(&self) -> usize {
        self.tokens.rows()
    }

    /// Text tokens that are read at a time.
    pub(super) fn chunk_tokens(&self) -> usize {
        self.places_max - self.specials
    }

    /// The text in as few pieces as it takes, of about equal length; none of an empty text.
    pub(super) fn chunks<'a>(&self, ids: &'a [u32]) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        let count = ids.len().div_ceil(self.chunk_tokens()).max(1);
        ids.chunks(ids.len().div_ceil(count).max(1))
    }

    /// Places that so many ids take in the tower.
    pub(super) fn places(&self, ids: usize) -> usize {
        match self.pooling {
            Pooling::LastOfAll => self.places_max,
            Pooling::HighestId | Pooling::First(_) => ids + self.specials,
        }
    }

    /// Multiply-adds of a text of that many places.
    pub(super) fn multiply_adds(&self, places: usize) -> u64 {
        self.encoder.multiply_adds(places) + self.projection.multiply_adds()
    }

    /// The ids of a chunk with all that goes around them, up to the place that is pooled.
    fn framed(&self, tokenizer: &FramedTokenizer, chunk: &[u32]) -> Vec<u32> {
        let mut ids = [&tokenizer.prefix, chunk, &tokenizer.suffix].concat();
        let last = match self.pooling {
            Pooling::LastOfAll => {
                let padding = vec![tokenizer.pad_id; self.places_max - ids.len()];
                let at = if tokenizer.pad_side == Side::Left { 0 } else { ids.len() };
                ids.splice(at..at, padding);
                None
            }
            Pooling::HighestId => {
                let highest = ids.iter().max().copied();
                ids.iter().position(|&id| Some(id) == highest)
            }
            Pooling::First(eos) => ids.iter().position(|&id| id == eos),
        };
        if let Some(last) = last {
            ids.truncate(last + 1);
        }
        ids
    }

    /// One vector per chunk: `[chunks, dimension]`, not normalised.
    ///
    /// # Errors
    /// When the file of the token table can no longer be read.
    pub(super) fn forward(
        &self,
        tokenizer: &FramedTokenizer,
        chunks: &[&[u32]],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Result<Vec<f32>, ModelError> {
        let width = self.final_norm.width();
        let texts: Vec<Vec<u32>> =
            chunks.iter().map(|chunk| self.framed(tokenizer, chunk)).collect();
        let mut offsets = vec![0];
        for ids in &texts {
            offsets.push(offsets[offsets.len() - 1] + ids.len());
        }
        let mut hidden = workspace.scratch.take(offsets[texts.len()] * width);
        for (ids, range) in texts.iter().zip(offsets.windows(2)) {
            let states = &mut hidden[range[0] * width..range[1] * width];
            let gathered = self.tokens.gather(ids, states);
            gathered.map_err(|source| ModelError::WeightsUnreadable { source })?;
            states.iter_mut().zip(&self.positions).for_each(|(x, position)| *x += position);
        }
        trace.record("embeddings", &hidden);
        let last: Vec<usize> = texts.iter().map(|ids| ids.len() - 1).collect();
        let mut pooled = workspace.scratch.take(texts.len() * width);
        let states = (&mut hidden[..], &offsets[..]);
        self.encoder.forward_to_rows(states, &last, &mut pooled, (&mut *workspace, trace));
        let mut normed = workspace.scratch.take(pooled.len());
        layer_norm(workspace.cpu, &pooled, &self.final_norm, &mut normed);
        let mut out = vec![0.0; texts.len() * self.projection.outputs()];
        self.projection.apply(workspace.cpu, &normed, Finish::default(), &mut out);
        [hidden, pooled, normed].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
        Ok(out)
    }
}
