//! The text stack: an encoder whose layers see a window or all, and are gated with per-layer
//! embeddings.
//!
//! The per-layer signal is a projection of what the sequence began as. It is made layer by layer when
//! it is needed, instead of for all layers at once: at 8192 places that would be 400 MB.

use onespace_compute::{Activation, Finish, RmsNorm, Workspace, mean_of_rows, rms_norm};

use crate::huggingface::GemmaText;
use crate::layers::{Frequencies, GatedLayer, Linear, Packing, Turns, by_rows};
use crate::trace::Trace;
use crate::weights::{TokenTable, Weights};
use crate::{LoadError, ModelError, Part, Sequence};

/// What the first layers are called in traces.
const LAYER_NAMES: [&str; 3] = ["layer 0", "layer 1", "layer 2"];

/// The stack.
pub(super) struct TextStack {
    tokens: TokenTable,
    layers: Vec<Layer>,
    signal_norm: RmsNorm,
    final_norm: RmsNorm,
    projection: Linear,
    /// Of layers that see a window, and of those that see all.
    frequencies: [Frequencies; 2],
    width: usize,
}

/// One layer.
struct Layer {
    halves: GatedLayer,
    sees_all: bool,
    /// From what the sequence began as to this layer's signal.
    signal: Linear,
    gate: Linear,
    project: Linear,
    norm: RmsNorm,
    scale: f32,
}

impl TextStack {
    /// Takes `{prefix}language_model.*`.
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        prefix: &str,
        config: &GemmaText,
    ) -> Result<Self, LoadError> {
        let name = |part: &str| format!("{prefix}language_model.{part}");
        let (width, per_layer, epsilon) = (config.width, config.per_layer, config.epsilon);
        let count = config.layers.len();
        let signals = weights
            .take(&name("ple.per_layer_model_projection.weight"), &[count * per_layer, width])?;
        let mut layers = Vec::with_capacity(count);
        for (index, signal) in signals.chunks_exact(per_layer * width).enumerate() {
            let signal = Linear::new(packing, signal, width, None);
            let name = name(&format!("layers.{index}"));
            layers.push(Layer::load(weights, packing, (&name, index, signal), config)?);
        }
        let head = |sees_all: bool| {
            let layer = config.layers.iter().find(|(_, full)| *full == sees_all);
            layer.map_or(2, |(shape, _)| shape.head)
        };
        let [window, full] = config.rope_bases;
        let norm = |weights: &mut Weights, part: &str, width: usize| {
            Ok::<_, LoadError>(RmsNorm::new(weights.take(&name(part), &[width])?, epsilon))
        };
        let projection = name("embedding_projection");
        let sizes = (width, config.dimension);
        Ok(Self {
            tokens: weights.take_table(&name("embed_tokens.weight"), config.vocabulary, width)?,
            layers,
            signal_norm: norm(weights, "ple.per_layer_projection_norm.weight", per_layer)?,
            final_norm: norm(weights, "norm.weight", width)?,
            projection: Linear::load_without_bias(weights, packing, &projection, sizes)?,
            frequencies: [
                Frequencies::new(head(false), window),
                Frequencies::new(head(true), full),
            ],
            width,
        })
    }

    /// Ids in the vocabulary.
    pub(super) fn vocabulary(&self) -> usize {
        self.tokens.rows()
    }

    /// Multiply-adds for a sequence of `length` places.
    pub(super) fn multiply_adds(&self, length: usize) -> u64 {
        let layer = |layer: &Layer| {
            let parts = [&layer.signal, &layer.gate, &layer.project];
            let per_place: u64 = parts.iter().map(|part| part.multiply_adds()).sum();
            layer.halves.multiply_adds(length) + length as u64 * per_place
        };
        self.layers.iter().map(layer).sum::<u64>() + self.projection.multiply_adds()
    }

    /// The projected mean of each sequence's places, not normalised. Pictures must be encoded.
    ///
    /// # Errors
    /// When the file of the token table can no longer be read.
    pub(super) fn means(
        &self,
        batch: &[Sequence],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let (width, mut offsets) = (self.width, vec![0]);
        for sequence in batch {
            offsets.push(offsets[offsets.len() - 1] + self.places(sequence));
        }
        let mut hidden = workspace.scratch.take(offsets[batch.len()] * width);
        self.fill(batch, &mut hidden)?;
        trace.record("text embeddings", &hidden);
        let mut beginning = workspace.scratch.take(hidden.len());
        beginning.copy_from_slice(&hidden);
        let turns = self.frequencies.each_ref().map(|frequencies| turns(frequencies, &offsets));
        for (index, layer) in self.layers.iter().enumerate() {
            let turns = &turns[usize::from(layer.sees_all)];
            layer.halves.forward((&mut hidden, &offsets), turns, workspace);
            layer.add_signal((&beginning, &self.signal_norm), &mut hidden, workspace);
            if let Some(name) = LAYER_NAMES.get(index) {
                trace.record(name, &hidden);
            }
        }
        trace.record("last layer", &hidden);
        let cpu = workspace.cpu;
        rms_norm(cpu, &self.final_norm, &mut hidden);
        let mut means = vec![0.0; batch.len() * width];
        for (range, mean) in offsets.windows(2).zip(means.chunks_exact_mut(width)) {
            mean_of_rows(cpu, &hidden[range[0] * width..range[1] * width], mean);
        }
        let dimension = self.projection.outputs();
        let mut out = vec![0.0; batch.len() * dimension];
        self.projection.apply(cpu, &means, Finish::default(), &mut out);
        [hidden, beginning].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
        Ok(out.chunks_exact(dimension).map(<[f32]>::to_vec).collect())
    }

    fn places(&self, sequence: &Sequence) -> usize {
        super::super::interleaved::places(sequence, |_, _| 0)
            + sequence.parts.iter().map(|part| self.rows(part)).sum::<usize>()
    }

    /// Places of an encoded picture.
    fn rows(&self, part: &Part) -> usize {
        if let Part::Encoded(image) = part { image.rows(self.width) } else { 0 }
    }

    /// Lays out token vectors, scaled, and pictures, as they are.
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    fn fill(&self, batch: &[Sequence], hidden: &mut [f32]) -> Result<(), ModelError> {
        let (scale, mut rest) = ((self.width as f32).sqrt(), hidden);
        for part in batch.iter().flat_map(|sequence| &sequence.parts) {
            let places = match part {
                Part::Text(ids) | Part::Frame(ids) => ids.len(),
                Part::Image(_) | Part::Encoded(_) => self.rows(part),
            };
            let (here, behind) = rest.split_at_mut(places * self.width);
            rest = behind;
            match part {
                Part::Text(ids) | Part::Frame(ids) => {
                    let gathered = self.tokens.gather(ids, here);
                    gathered.map_err(|source| ModelError::WeightsUnreadable { source })?;
                    here.iter_mut().for_each(|x| *x *= scale);
                }
                Part::Encoded(image) => here.copy_from_slice(&image.values),
                Part::Image(_) => {}
            }
        }
        Ok(())
    }
}

impl Layer {
    fn load(
        weights: &mut Weights,
        packing: Packing,
        (name, index, signal): (&str, usize, Linear),
        config: &GemmaText,
    ) -> Result<Self, LoadError> {
        let (shape, sees_all) = &config.layers[index];
        let (width, inner) = (config.width, config.per_layer);
        let part = |which: &str| format!("{name}.ple_block.{which}");
        let gate = part("per_layer_input_gate");
        let project = part("per_layer_projection");
        let norm = part("post_per_layer_input_norm.weight");
        Ok(Self {
            halves: GatedLayer::load(weights, packing, name, shape)?,
            sees_all: *sees_all,
            signal,
            gate: Linear::load_without_bias(weights, packing, &gate, (width, inner))?,
            project: Linear::load_without_bias(weights, packing, &project, (inner, width))?,
            norm: RmsNorm::new(weights.take(&norm, &[width])?, config.epsilon),
            scale: weights.take(&format!("{name}.layer_scalar"), &[1])?[0],
        })
    }

    /// `hidden = scale * (hidden + norm(project(gelu(gate(hidden)) * norm(signal(beginning)))))`
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    fn add_signal(
        &self,
        (beginning, signal_norm): (&[f32], &RmsNorm),
        hidden: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let (cpu, width, inner) = (workspace.cpu, self.norm.width(), self.gate.outputs());
        let numbers = hidden.len() / width * inner;
        let mut signal = workspace.scratch.take(numbers);
        self.signal.apply(cpu, beginning, Finish::default(), &mut signal);
        let shrink = 1.0 / (width as f32).sqrt();
        by_rows(cpu, (&mut signal, inner), |cpu, _, rows| {
            rows.iter_mut().for_each(|x| *x *= shrink);
            rms_norm(cpu, signal_norm, rows);
        });
        let mut gated = workspace.scratch.take(numbers);
        let gelu = Finish::default().activation(Activation::GeluTanh);
        self.gate.apply(cpu, hidden, gelu, &mut gated);
        gated.iter_mut().zip(&*signal).for_each(|(x, signal)| *x *= signal);
        let mut added = workspace.scratch.take(hidden.len());
        self.project.apply(cpu, &gated, Finish::default(), &mut added);
        rms_norm(cpu, &self.norm, &mut added);
        let pairs = hidden.iter_mut().zip(&*added);
        pairs.for_each(|(x, added)| *x = (*x + added) * self.scale);
        [signal, gated, added].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
    }
}

/// Turns by the place in each sequence.
fn turns(frequencies: &Frequencies, offsets: &[usize]) -> Turns {
    let mut turns = Turns::default();
    for range in offsets.windows(2) {
        for place in 0..range[1] - range[0] {
            let position = u32::try_from(place).unwrap_or(u32::MAX);
            for index in 0..frequencies.len() {
                turns.push(frequencies.angle(index, position));
            }
        }
    }
    turns
}
