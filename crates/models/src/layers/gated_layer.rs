//! One layer with RMS norms, grouped-query attention and a gated MLP: the text stacks of Qwen3 and
//! Gemma, and the vision tower of Gemma 4.
//!
//! Heads of queries and keys are normalised before they are turned; with sandwich norms, what a
//! half adds is normalised too, and so are the values (without a learned scale).

use onespace_compute::{
    AttentionInput, Buffer, Finish, Gate, Heads, Mask, RmsNorm, Workspace, attention_over, gated,
    rms_norm,
};

use super::turns::Turns;
use super::{Linear, Packing, by_rows, gather_rows, last_places};
use crate::LoadError;
use crate::weights::Weights;

/// Rows whose inner activations are held at a time.
const MLP_ROWS: usize = 192;

/// Sizes and kinds of a layer.
#[derive(Clone, Debug)]
pub(crate) struct GatedShape {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Heads of keys and of values.
    pub(crate) key_heads: usize,
    /// Numbers per head.
    pub(crate) head: usize,
    pub(crate) mlp: usize,
    pub(crate) epsilon: f32,
    pub(crate) gate: Gate,
    pub(crate) mask: Mask,
    /// Whether norms stand behind the halves too, values are normalised, and scores are not scaled.
    pub(crate) sandwich: bool,
    /// What the names of the matrices end with, before `.weight`.
    pub(crate) matrix_suffix: &'static str,
}

impl GatedShape {
    /// Heads of queries, keys and values.
    fn all_heads(&self) -> usize {
        self.heads + 2 * self.key_heads
    }
}

/// One layer.
pub(crate) struct GatedLayer {
    shape: GatedShape,
    attention_norm: RmsNorm,
    qkv: Linear,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    value_norm: Option<RmsNorm>,
    out: Linear,
    out_norm: Option<RmsNorm>,
    mlp_norm: RmsNorm,
    gate_up: Linear,
    down: Linear,
    down_norm: Option<RmsNorm>,
}

/// How the numbers of a head are reordered at load; see [`GatedLayer::load_reordered`].
pub(crate) type HeadOrder<'a> = &'a [usize];

impl GatedLayer {
    /// Takes `{name}.*`.
    pub(crate) fn load(
        weights: &mut Weights,
        packing: Packing,
        name: &str,
        shape: &GatedShape,
    ) -> Result<Self, LoadError> {
        let order: Vec<usize> = (0..shape.head).collect();
        Self::load_reordered(weights, packing, (name, &order), shape)
    }

    /// The same with the numbers of every head of queries and keys in another order, which changes
    /// no score: number `i` is the stored number `order[i]`.
    pub(crate) fn load_reordered(
        weights: &mut Weights,
        packing: Packing,
        (name, order): (&str, HeadOrder<'_>),
        shape: &GatedShape,
    ) -> Result<Self, LoadError> {
        let (width, inner, sandwich) = (shape.width, shape.mlp, shape.sandwich);
        let source = &mut Source { weights, packing, name, shape };
        let (mlp_norm, out_norm) = if sandwich {
            ("pre_feedforward_layernorm", Some("post_attention_layernorm"))
        } else {
            ("post_attention_layernorm", None)
        };
        let down_norm = sandwich.then_some("post_feedforward_layernorm");
        // The kernel divides scores by the root of the head; where the model does not, the queries
        // are that much longer.
        #[expect(clippy::cast_precision_loss, reason = "heads have a few hundred numbers")]
        let query_scale = if sandwich { (shape.head as f32).sqrt() } else { 1.0 };
        let attended = shape.heads * shape.head;
        Ok(Self {
            attention_norm: source.norm("input_layernorm")?,
            qkv: source.heads(order)?,
            query_norm: source.head_norm("q_norm", order, query_scale)?,
            key_norm: source.head_norm("k_norm", order, 1.0)?,
            value_norm: sandwich.then(|| RmsNorm::new(vec![1.0; shape.head], shape.epsilon)),
            out: source.linear("self_attn.o_proj", (attended, width))?,
            out_norm: out_norm.map(|which| source.norm(which)).transpose()?,
            mlp_norm: source.norm(mlp_norm)?,
            gate_up: source.pair(["mlp.gate_proj", "mlp.up_proj"], (width, inner))?,
            down: source.linear("mlp.down_proj", (inner, width))?,
            down_norm: down_norm.map(|which| source.norm(which)).transpose()?,
            shape: shape.clone(),
        })
    }

    /// Multiply-adds for a sequence of `length` places.
    pub(crate) fn multiply_adds(&self, length: usize) -> u64 {
        let parts = [&self.qkv, &self.out, &self.gate_up, &self.down];
        let per_place: u64 = parts.iter().map(|part| part.multiply_adds()).sum();
        let length = length as u64;
        let attention = 2 * length * length * (self.shape.heads * self.shape.head) as u64;
        length * per_place + attention
    }

    /// Runs the layer in place on `[places, width]`; `offsets` say where each sequence starts, and
    /// last where all end.
    pub(crate) fn forward(
        &self,
        (hidden, offsets): (&mut [f32], &[usize]),
        turns: &Turns,
        workspace: &mut Workspace,
    ) {
        let width = self.shape.width;
        let heads = self.normed_heads(hidden, turns, workspace);
        let places = hidden.len() / width;
        let attended_width = self.shape.heads * self.shape.head;
        let mut attended = workspace.scratch.take(places * attended_width);
        let input = self.attention_input((&heads, self.heads_width()), &heads, (offsets, offsets));
        attention_over(&input, &mut attended, workspace);
        workspace.scratch.put(heads);
        self.add(&self.out, self.out_norm.as_ref(), (&attended, &mut *hidden), workspace);
        workspace.scratch.put(attended);
        self.add_mlp(hidden, workspace);
    }

    /// Runs the layer, but gives only one state of each sequence, that of its last place: `out` is
    /// `[sequences, width]`. The other places are keys and values only.
    pub(crate) fn forward_to_last(
        &self,
        (hidden, offsets): (&[f32], &[usize]),
        (turns, out): (&Turns, &mut [f32]),
        workspace: &mut Workspace,
    ) {
        let (width, attended_width) = (self.shape.width, self.shape.heads * self.shape.head);
        let last = last_places(offsets);
        gather_rows(hidden, (width, width), (offsets, &last), out);
        let heads = self.normed_heads(hidden, turns, workspace);
        let mut queries = workspace.scratch.take(last.len() * attended_width);
        let each = (self.heads_width(), attended_width);
        gather_rows(&heads, each, (offsets, &last), &mut queries);
        let query_offsets: Vec<usize> = (0..=last.len()).collect();
        let mut attended = workspace.scratch.take(queries.len());
        let asked = (&*queries, attended_width);
        let input = self.attention_input(asked, &heads, (&query_offsets, offsets));
        attention_over(&input, &mut attended, workspace);
        [heads, queries].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
        self.add(&self.out, self.out_norm.as_ref(), (&attended, &mut *out), workspace);
        workspace.scratch.put(attended);
        self.add_mlp(out, workspace);
    }

    /// Numbers of all heads of a place.
    fn heads_width(&self) -> usize {
        self.shape.all_heads() * self.shape.head
    }

    /// Queries, keys and values, normalised and turned: `[places, all heads * head]`.
    fn normed_heads(&self, hidden: &[f32], turns: &Turns, workspace: &mut Workspace) -> Buffer {
        let (cpu, shape) = (workspace.cpu, &self.shape);
        let mut normed = workspace.scratch.take(hidden.len());
        normed.copy_from_slice(hidden);
        by_rows(cpu, (&mut normed, shape.width), |cpu, _, rows| {
            rms_norm(cpu, &self.attention_norm, rows);
        });
        let stride = self.heads_width();
        let mut heads = workspace.scratch.take(hidden.len() / shape.width * stride);
        self.qkv.apply(cpu, &normed, Finish::default(), &mut heads);
        workspace.scratch.put(normed);
        let (queries, keys) = (shape.heads * shape.head, shape.key_heads * shape.head);
        by_rows(cpu, (&mut heads, stride), |cpu, first, rows| {
            for row in rows.chunks_exact_mut(stride) {
                let (query, others) = row.split_at_mut(queries);
                let (key, value) = others.split_at_mut(keys);
                rms_norm(cpu, &self.query_norm, query);
                rms_norm(cpu, &self.key_norm, key);
                if let Some(norm) = &self.value_norm {
                    rms_norm(cpu, norm, value);
                }
            }
            let turned = shape.heads + shape.key_heads;
            turns.apply(cpu, (rows, first), (stride, turned, shape.head / 2));
        });
        heads
    }

    /// Attention of `queries`, whose places are `query_stride` numbers apart, to the keys and values
    /// among `heads`.
    fn attention_input<'a>(
        &self,
        (queries, query_stride): (&'a [f32], usize),
        heads: &'a [f32],
        (query_offsets, key_offsets): (&'a [usize], &'a [usize]),
    ) -> AttentionInput<'a> {
        let shape = &self.shape;
        let from = |first: usize| Heads {
            values: &heads[(first * shape.head).min(heads.len())..],
            stride: self.heads_width(),
            heads: shape.key_heads,
        };
        AttentionInput {
            queries: Heads { values: queries, stride: query_stride, heads: shape.heads },
            keys: from(shape.heads),
            values: from(shape.heads + shape.key_heads),
            head: shape.head,
            query_offsets,
            key_offsets,
            mask: shape.mask,
        }
    }

    /// `hidden += norm(linear(input))`
    fn add(
        &self,
        linear: &Linear,
        norm: Option<&RmsNorm>,
        (input, hidden): (&[f32], &mut [f32]),
        workspace: &mut Workspace,
    ) {
        let cpu = workspace.cpu;
        let Some(norm) = norm else {
            linear.apply(cpu, input, Finish::default().accumulate(), hidden);
            return;
        };
        let mut added = workspace.scratch.take(hidden.len());
        linear.apply(cpu, input, Finish::default(), &mut added);
        rms_norm(cpu, norm, &mut added);
        hidden.iter_mut().zip(&*added).for_each(|(x, added)| *x += added);
        workspace.scratch.put(added);
    }

    /// `hidden += down(gate(norm(hidden)) * up(norm(hidden)))`, a block of rows at a time.
    fn add_mlp(&self, hidden: &mut [f32], workspace: &mut Workspace) {
        let (width, inner) = (self.shape.width, self.shape.mlp);
        let rows = MLP_ROWS.min(hidden.len() / width);
        let mut normed = workspace.scratch.take(rows * width);
        let mut both = workspace.scratch.take(rows * 2 * inner);
        let mut passed = workspace.scratch.take(rows * inner);
        for hidden in hidden.chunks_mut(MLP_ROWS * width) {
            let (cpu, rows) = (workspace.cpu, hidden.len() / width);
            let (normed, both) = (&mut normed[..hidden.len()], &mut both[..rows * 2 * inner]);
            normed.copy_from_slice(hidden);
            rms_norm(cpu, &self.mlp_norm, normed);
            self.gate_up.apply(cpu, normed, Finish::default(), both);
            let passed = &mut passed[..rows * inner];
            by_rows(cpu, (&mut *passed, inner), |cpu, first, out| {
                let rows = &both[2 * first * inner..][..2 * out.len()];
                gated(cpu, self.shape.gate, rows, inner, out);
            });
            self.add(&self.down, self.down_norm.as_ref(), (passed, hidden), workspace);
        }
        [normed, both, passed].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
    }
}

/// Where a layer's tensors are taken from.
struct Source<'a> {
    weights: &'a mut Weights,
    packing: Packing,
    name: &'a str,
    shape: &'a GatedShape,
}

impl Source<'_> {
    fn take(&mut self, part: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        self.weights.take(&format!("{}.{part}.weight", self.name), shape)
    }

    /// The name of a matrix, without `.weight`.
    fn matrix(&self, part: &str) -> String {
        format!("{}.{part}{}", self.name, self.shape.matrix_suffix)
    }

    fn norm(&mut self, part: &str) -> Result<RmsNorm, LoadError> {
        let scale = self.take(part, &[self.shape.width])?;
        Ok(RmsNorm::new(scale, self.shape.epsilon))
    }

    fn head_norm(
        &mut self,
        part: &str,
        order: HeadOrder<'_>,
        scale: f32,
    ) -> Result<RmsNorm, LoadError> {
        let stored = self.take(&format!("self_attn.{part}"), &[self.shape.head])?;
        let ordered = order.iter().map(|&at| stored[at] * scale).collect();
        Ok(RmsNorm::new(ordered, self.shape.epsilon))
    }

    fn linear(&mut self, part: &str, sizes: (usize, usize)) -> Result<Linear, LoadError> {
        let name = self.matrix(part);
        Linear::load_without_bias(self.weights, self.packing, &name, sizes)
    }

    fn pair(&mut self, parts: [&str; 2], sizes: (usize, usize)) -> Result<Linear, LoadError> {
        let (inputs, outputs) = sizes;
        let parts = parts.map(|part| (self.matrix(part), outputs));
        Linear::load_joined_without_bias(self.weights, self.packing, &parts, inputs)
    }

    /// The matrices of queries, keys and values as one, the heads of the first two reordered.
    fn heads(&mut self, order: HeadOrder<'_>) -> Result<Linear, LoadError> {
        let (packing, shape) = (self.packing, self.shape);
        let (width, reordered) = (shape.width, shape.heads + shape.key_heads);
        let part = |which: &str, heads: usize| {
            (self.matrix(&format!("self_attn.{which}_proj")) + ".weight", heads * shape.head)
        };
        let parts =
            [part("q", shape.heads), part("k", shape.key_heads), part("v", shape.key_heads)];
        self.weights.look_at_joined(&parts, width, |joined| {
            if order.is_sorted() {
                return Linear::new(packing, joined, width, None);
            }
            let (turned, others) = joined.split_at(reordered * shape.head * width);
            let rows = turned
                .chunks_exact(shape.head * width)
                .flat_map(|head| order.iter().map(|&at| &head[at * width..][..width]));
            let joined: Vec<f32> = rows.chain([others]).flatten().copied().collect();
            Linear::new(packing, &joined, width, None)
        })
    }
}
