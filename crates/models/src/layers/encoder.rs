//! Pre-normalised transformer layers: `x += attend(norm(x))`, `x += mlp(norm(x))`.
//!
//! One stack serves the embedded model (rotary positions) and both towers of dual encoders
//! (positions added before). Attention is over packed sequences, full or causal.

mod layer;

use onespace_compute::{
    Activation, AttentionInput, Cpu, Finish, HeadLayout, Heads, Mask, PackedSequences, Rotary,
    Workspace, attention, attention_over, layer_norm,
};

use super::{Packing, Turns, by_rows, gather_rows};
use crate::LoadError;
use crate::trace::Trace;
use crate::weights::Weights;
use layer::Layer;
pub(crate) use layer::LayerNames;

/// Sizes and kinds of a stack of layers.
#[derive(Clone, Debug)]
pub(crate) struct EncoderShape {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) mlp: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
    pub(crate) mask: Mask,
}

/// A stack of layers.
pub(crate) struct Encoder {
    layers: Vec<Layer>,
    layout: HeadLayout,
    mask: Mask,
    rotary: Option<Rotary>,
}

impl Encoder {
    /// Takes `{name}.0.*` and so on.
    pub(crate) fn load(
        weights: &mut Weights,
        packing: Packing,
        (name, names): (&str, LayerNames),
        shape: &EncoderShape,
    ) -> Result<Self, LoadError> {
        let layers = (0..shape.layers)
            .map(|index| Layer::load(weights, packing, (&format!("{name}.{index}"), names), shape))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            layers,
            layout: HeadLayout { heads: shape.heads, head: shape.width / shape.heads },
            mask: shape.mask,
            rotary: None,
        })
    }

    /// The same with rotary positions.
    pub(crate) fn with_rotary(self, rotary: Rotary) -> Self {
        Self { rotary: Some(rotary), ..self }
    }

    /// Multiply-adds for a sequence of `length` places, all of whose states are asked for.
    pub(crate) fn multiply_adds(&self, length: usize) -> u64 {
        let length = length as u64;
        let attention = 2 * length * length * self.layout.width() as u64;
        self.layers.iter().map(|layer| length * layer.multiply_adds() + attention).sum()
    }

    /// Runs all layers in place on `[places, width]`; `offsets` say where each sequence starts,
    /// and last where all end.
    pub(crate) fn forward(
        &self,
        (hidden, offsets): (&mut [f32], &[usize]),
        workspace: &mut Workspace,
        trace: &mut Trace,
    ) {
        let turn = self.turn();
        self.run(
            &self.layers,
            (&mut *hidden, offsets),
            (turn, &mut |_, _, _| {}),
            (workspace, trace),
        );
        trace.record("last block", hidden);
    }

    /// The same with given turns of each place, calling `behind` after each layer with its index
    /// and what it gave.
    pub(crate) fn forward_turned(
        &self,
        (hidden, offsets): (&mut [f32], &[usize]),
        (turns, behind): (&Turns, Behind<'_>),
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) {
        let states = (&mut *hidden, offsets);
        self.run(&self.layers, states, (Turn::By(turns), behind), (workspace, &mut *trace));
        trace.record("last block", hidden);
    }

    fn turn(&self) -> Turn<'_> {
        self.rotary.as_ref().map_or(Turn::Not, Turn::ByPlace)
    }

    /// Runs all layers, but gives only one state of each sequence: that of the place `row` in it.
    /// `out` is `[sequences, width]`; `hidden` is used up. In the last layer the other places are
    /// keys and values only.
    ///
    /// With a causal mask each `row` must be the last of its sequence.
    pub(crate) fn forward_to_rows(
        &self,
        (hidden, offsets): (&mut [f32], &[usize]),
        rows: &[usize],
        out: &mut [f32],
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) {
        let width = self.layout.width();
        let last = self.layers.split_last().filter(|_| !trace.is_on() && self.rotary.is_none());
        let Some((last, before)) = last else {
            self.forward((&mut *hidden, offsets), workspace, trace);
            gather_rows(hidden, (width, width), (offsets, rows), out);
            return;
        };
        let states = (&mut *hidden, offsets);
        self.run(before, states, (Turn::Not, &mut |_, _, _| {}), (workspace, trace));
        gather_rows(hidden, (width, width), (offsets, rows), out);
        self.attend_from_rows(last, (hidden, offsets), (rows, &mut *out), workspace);
        last.add_mlp(out, workspace);
    }

    /// `out += attend(norm(hidden))`, where only the places `rows` ask.
    fn attend_from_rows(
        &self,
        layer: &Layer,
        (hidden, offsets): (&[f32], &[usize]),
        (rows, out): (&[usize], &mut [f32]),
        workspace: &mut Workspace,
    ) {
        let HeadLayout { heads, head } = self.layout;
        let (cpu, width, stride) = (workspace.cpu, self.layout.width(), self.layout.stride());
        let mut normed = workspace.scratch.take(hidden.len());
        let mut qkv = workspace.scratch.take(3 * hidden.len());
        layer_norm(cpu, hidden, &layer.attention_norm, &mut normed);
        layer.qkv.apply(cpu, &normed, Finish::default(), &mut qkv);
        let mut queries = workspace.scratch.take(out.len());
        gather_rows(&qkv, (stride, width), (offsets, rows), &mut queries);
        let query_offsets: Vec<usize> = (0..=rows.len()).collect();
        let part = |which: usize| Heads { values: &qkv[which * width..], stride, heads };
        let input = AttentionInput {
            queries: Heads { values: &queries, stride: width, heads },
            keys: part(1),
            values: part(2),
            head,
            query_offsets: &query_offsets,
            key_offsets: offsets,
            mask: self.mask,
        };
        let attended = &mut normed[..out.len()];
        attention_over(&input, attended, workspace);
        layer.out.apply(cpu, attended, Finish::default().accumulate(), out);
        [queries, normed, qkv].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
    }

    fn run(
        &self,
        layers: &[Layer],
        (hidden, offsets): (&mut [f32], &[usize]),
        (turn, behind): (Turn<'_>, Behind<'_>),
        (workspace, trace): (&mut Workspace, &mut Trace),
    ) {
        let mut normed = workspace.scratch.take(hidden.len());
        let mut qkv = workspace.scratch.take(3 * hidden.len());
        for (index, layer) in layers.iter().enumerate() {
            let cpu = workspace.cpu;
            layer_norm(cpu, hidden, &layer.attention_norm, &mut normed);
            layer.qkv.apply(cpu, &normed, Finish::default(), &mut qkv);
            turn.apply(cpu, &mut qkv, (offsets, self.layout));
            let tokens = PackedSequences { values: &mut qkv, offsets, layout: self.layout };
            attention(&tokens, self.mask, &mut normed, workspace);
            layer.out.apply(cpu, &normed, Finish::default().accumulate(), hidden);
            layer.add_mlp(hidden, workspace);
            if index == 0 {
                trace.record("block 0", hidden);
            }
            behind(index, hidden, workspace);
        }
        workspace.scratch.put(normed);
        workspace.scratch.put(qkv);
    }
}

/// What is called behind each layer, with its index and what it gave.
pub(crate) type Behind<'a> = &'a mut dyn FnMut(usize, &[f32], &mut Workspace);

/// How queries and keys are turned.
#[derive(Clone, Copy)]
enum Turn<'a> {
    Not,
    /// By their place in the sequence.
    ByPlace(&'a Rotary),
    By(&'a Turns),
}

impl Turn<'_> {
    fn apply(self, cpu: Cpu, qkv: &mut [f32], (offsets, layout): (&[usize], HeadLayout)) {
        match self {
            Self::Not => {}
            Self::ByPlace(rotary) => {
                rotary.apply(cpu, &mut PackedSequences { values: qkv, offsets, layout });
            }
            Self::By(turns) => {
                let (stride, turned) = (layout.stride(), 2 * layout.heads);
                by_rows(cpu, (qkv, stride), |cpu, first, rows| {
                    turns.apply(cpu, (rows, first), (stride, turned, layout.head / 2));
                });
            }
        }
    }
}
