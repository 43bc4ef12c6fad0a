//! The text stack: Qwen3 with pictures at their places.

use onespace_compute::{RmsNorm, Workspace, rms_norm};

use super::positions::turns;
use super::sequence::{Layout, Run};
use crate::huggingface::QwenText;
use crate::layers::{Frequencies, GatedLayer, Packing, Turns, gather_rows, last_places};
use crate::trace::Trace;
use crate::weights::{TokenTable, Weights};
use crate::{EncodedImage, LoadError, ModelError};

/// What the first layers are called in traces.
const LAYER_NAMES: [&str; 3] = ["layer 0", "layer 1", "layer 2"];

/// The stack.
pub(super) struct TextStack {
    tokens: TokenTable,
    layers: Vec<GatedLayer>,
    final_norm: RmsNorm,
    frequencies: Frequencies,
    sections: [usize; 3],
    width: usize,
}

impl TextStack {
    /// Takes `{prefix}language_model.*`.
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        prefix: &str,
        config: &QwenText,
    ) -> Result<Self, LoadError> {
        let name = |part: &str| format!("{prefix}language_model.{part}");
        let (width, shape) = (config.layer.width, &config.layer);
        let table = name("embed_tokens.weight");
        let layer = |index: usize, weights: &mut Weights| {
            GatedLayer::load(weights, packing, &name(&format!("layers.{index}")), shape)
        };
        Ok(Self {
            tokens: weights.take_table(&table, config.vocabulary, width)?,
            layers: (0..config.layers)
                .map(|index| layer(index, weights))
                .collect::<Result<_, _>>()?,
            final_norm: {
                let scale = weights.take(&name("norm.weight"), &[width])?;
                RmsNorm::new(scale, shape.epsilon)
            },
            frequencies: Frequencies::new(shape.head, config.rope_base),
            sections: config.sections,
            width,
        })
    }

    /// Ids in the vocabulary.
    pub(super) fn vocabulary(&self) -> usize {
        self.tokens.rows()
    }

    /// Multiply-adds for a sequence of `length` places.
    pub(super) fn multiply_adds(&self, length: usize) -> u64 {
        self.layers.iter().map(|layer| layer.multiply_adds(length)).sum()
    }

    /// The state of the last place of each sequence, `[width]`, not normalised.
    ///
    /// # Errors
    /// When the file of the token table can no longer be read.
    pub(super) fn last_states(
        &self,
        layout: &Layout<'_>,
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let width = self.width;
        let turns = turns(&self.frequencies, self.sections, layout.positions.iter().copied());
        let mut hidden = workspace.scratch.take(layout.positions.len() * width);
        let images = self.fill(layout, &mut hidden)?;
        trace.record("text embeddings", &hidden);
        if trace.is_on() {
            trace.record(
                "positions",
                &layout.positions.as_flattened().iter().map(|&at| at as f32).collect::<Vec<_>>(),
            );
        }
        trace.record("cosines", &turns.cosines);
        trace.record("sines", &turns.sines);
        let mut states = self.through_layers(
            (&mut hidden, &layout.offsets),
            (&turns, &images),
            (&mut *workspace, trace),
        );
        workspace.scratch.put(hidden);
        rms_norm(workspace.cpu, &self.final_norm, &mut states);
        Ok(states.chunks_exact(width).map(<[f32]>::to_vec).collect())
    }

    /// Runs all layers on `[places, width]` and gives the state of the last place of each sequence:
    /// `[sequences, width]`. The last layer runs for these places only, unless someone looks at
    /// the others.
    fn through_layers(
        &self,
        (hidden, offsets): (&mut [f32], &[usize]),
        (turns, images): (&Turns, &[(usize, &EncodedImage)]),
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Vec<f32> {
        let width = self.width;
        let mut states = vec![0.0; (offsets.len() - 1) * width];
        for (index, layer) in self.layers.iter().enumerate() {
            if index + 1 == self.layers.len() && !trace.is_on() {
                layer.forward_to_last((hidden, offsets), (turns, &mut states), workspace);
                return states;
            }
            layer.forward((&mut *hidden, offsets), turns, workspace);
            if let Some(name) = LAYER_NAMES.get(index) {
                trace.record(name, hidden);
            }
            for (first, image) in images {
                add_deepstack(image, index, &mut hidden[first * width..]);
            }
        }
        trace.record("last layer", hidden);
        gather_rows(hidden, (width, width), (offsets, &last_places(offsets)), &mut states);
        states
    }

    /// Lays out tokens and pictures; returns the first place of each picture.
    fn fill<'a>(
        &self,
        layout: &Layout<'a>,
        hidden: &mut [f32],
    ) -> Result<Vec<(usize, &'a EncodedImage)>, ModelError> {
        let (mut images, mut place, mut rest) = (Vec::new(), 0, hidden);
        for run in &layout.runs {
            let places = match run {
                Run::Tokens(ids) => ids.len(),
                Run::Image(image) => {
                    images.push((place, *image));
                    image.rows(self.width)
                }
            };
            let (here, behind) = rest.split_at_mut(places * self.width);
            match run {
                Run::Tokens(ids) => {
                    let gathered = self.tokens.gather(ids, here);
                    gathered.map_err(|source| ModelError::WeightsUnreadable { source })?;
                }
                Run::Image(image) => here.copy_from_slice(&image.values[..here.len()]),
            }
            (place, rest) = (place + places, behind);
        }
        Ok(images)
    }
}

/// Adds what the vision tower gave for behind the layer `index`, if anything, to the picture's
/// places, which `hidden` begins with.
fn add_deepstack(image: &EncodedImage, index: usize, hidden: &mut [f32]) {
    if let Some(added) = image.layer(index + 1) {
        hidden.iter_mut().zip(added).for_each(|(x, added)| *x += added);
    }
}
