//! Pooling by attention: one learned query looks at all places (the MAP head of `SigLIP`).

use onespace_compute::{
    Activation, AttentionInput, Finish, Heads, LayerNorm, Mask, Workspace, attention_over,
    layer_norm,
};

use super::{EncoderShape, Linear, Packing, layer_norm as load_norm};
use crate::LoadError;
use crate::weights::Weights;

/// The head. Its query does not depend on the input, so it is projected once, at load.
pub(crate) struct AttentionPool {
    /// `[width]`
    query: Vec<f32>,
    keys_values: Linear,
    out: Linear,
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    heads: usize,
    activation: Activation,
}

impl AttentionPool {
    /// Takes `{name}.*`.
    pub(crate) fn load(
        weights: &mut Weights,
        packing: Packing,
        name: &str,
        shape: &EncoderShape,
    ) -> Result<Self, LoadError> {
        let width = shape.width;
        let part = |which: &str| format!("{name}.{which}");
        let probe = weights.take(&part("probe"), &[1, 1, width])?;
        let joined = weights.take(&part("attention.in_proj_weight"), &[3 * width, width])?;
        let mut query_bias = weights.take(&part("attention.in_proj_bias"), &[3 * width])?;
        let bias = query_bias.split_off(width);
        let (query_weights, others) = joined.split_at(width * width);
        Ok(Self {
            query: project(&probe, query_weights, &query_bias),
            keys_values: Linear::new(packing, others, width, Some(bias)),
            out: Linear::load(weights, packing, &part("attention.out_proj"), (width, width))?,
            norm: load_norm(weights, &part("layernorm"), width, shape.epsilon)?,
            up: Linear::load(weights, packing, &part("mlp.fc1"), (width, shape.mlp))?,
            down: Linear::load(weights, packing, &part("mlp.fc2"), (shape.mlp, width))?,
            heads: shape.heads,
            activation: shape.activation,
        })
    }

    /// Multiply-adds for a picture of that many places.
    pub(crate) fn multiply_adds(&self, places: usize) -> u64 {
        let once = [&self.out, &self.up, &self.down].into_iter().map(|part| part.multiply_adds());
        places as u64 * self.keys_values.multiply_adds() + once.sum::<u64>()
    }

    /// One vector per sequence: `out` is `[sequences, width]`.
    pub(crate) fn forward(
        &self,
        (hidden, offsets): (&[f32], &[usize]),
        out: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let (cpu, width, heads) = (workspace.cpu, self.query.len(), self.heads);
        let mut keys_values = workspace.scratch.take(2 * hidden.len());
        self.keys_values.apply(cpu, hidden, Finish::default(), &mut keys_values);
        let mut attended = workspace.scratch.take(out.len());
        let query_offsets: Vec<usize> = (0..offsets.len()).collect();
        let input = AttentionInput {
            // One query per sequence, the same for all.
            queries: Heads { values: &self.query, stride: 0, heads },
            keys: Heads { values: &keys_values, stride: 2 * width, heads },
            values: Heads { values: &keys_values[width..], stride: 2 * width, heads },
            head: width / heads,
            query_offsets: &query_offsets,
            key_offsets: offsets,
            mask: Mask::Full,
        };
        attention_over(&input, &mut attended, workspace);
        self.out.apply(cpu, &attended, Finish::default(), out);
        layer_norm(cpu, out, &self.norm, &mut attended);
        let mut inner = workspace.scratch.take(out.len() / width * self.up.outputs());
        let activate = Finish::default().activation(self.activation);
        self.up.apply(cpu, &attended, activate, &mut inner);
        self.down.apply(cpu, &inner, Finish::default().accumulate(), out);
        [keys_values, attended, inner].into_iter().for_each(|buffer| workspace.scratch.put(buffer));
    }
}

/// `weights · x + bias`
fn project(x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let rows = weights.chunks_exact(x.len()).zip(bias);
    let sums = rows.map(|(row, &bias)| {
        let products = row.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x));
        products.sum::<f64>() + f64::from(bias)
    });
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    sums.map(|sum| sum as f32).collect()
}
