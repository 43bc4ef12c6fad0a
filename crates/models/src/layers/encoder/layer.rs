//! One layer: its weights and its inner half.

use onespace_compute::{Activation, Finish, LayerNorm, Workspace, layer_norm};

use super::super::{Linear, Packing, layer_norm as load_norm};
use super::EncoderShape;
use crate::LoadError;
use crate::weights::Weights;

/// Rows whose inner activations are held at a time.
const MLP_ROWS: usize = 192;

/// What the tensors of a layer are called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerNames {
    /// `norm1`, `qkv`, `out`, `norm2`, `up`, `down`.
    Fused,
    /// `layer_norm1`, `self_attn.{q,k,v,out}_proj`, `layer_norm2`, `mlp.{fc1,fc2}`: those of the
    /// towers in `transformers`.
    Split,
}

/// One layer.
pub(super) struct Layer {
    pub(super) attention_norm: LayerNorm,
    pub(super) qkv: Linear,
    pub(super) out: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
    activation: Activation,
}

impl Layer {
    pub(super) fn load(
        weights: &mut Weights,
        packing: Packing,
        (name, names): (&str, LayerNames),
        shape: &EncoderShape,
    ) -> Result<Self, LoadError> {
        let (width, mlp, epsilon) = (shape.width, shape.mlp, shape.epsilon);
        let part = |which: &str| format!("{name}.{which}");
        let [norm1, out, norm2, up, down] = match names {
            LayerNames::Fused => ["norm1", "out", "norm2", "up", "down"],
            LayerNames::Split => {
                ["layer_norm1", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2"]
            }
        };
        let qkv = match names {
            LayerNames::Fused => Linear::load(weights, packing, &part("qkv"), (width, 3 * width))?,
            LayerNames::Split => {
                let parts = ["q", "k", "v"].map(|which| part(&format!("self_attn.{which}_proj")));
                Linear::load_joined(weights, packing, &parts, (width, width))?
            }
        };
        Ok(Self {
            attention_norm: load_norm(weights, &part(norm1), width, epsilon)?,
            qkv,
            out: Linear::load(weights, packing, &part(out), (width, width))?,
            mlp_norm: load_norm(weights, &part(norm2), width, epsilon)?,
            up: Linear::load(weights, packing, &part(up), (width, mlp))?,
            down: Linear::load(weights, packing, &part(down), (mlp, width))?,
            activation: shape.activation,
        })
    }

    /// x += down(activation(up(norm(x)))), a block of rows at a time.
    pub(super) fn add_mlp(&self, hidden: &mut [f32], workspace: &mut Workspace) {
        let (cpu, width) = (workspace.cpu, self.mlp_norm.width());
        let rows = MLP_ROWS.min(hidden.len() / width);
        let mut normed = workspace.scratch.take(rows * width);
        let mut inner = workspace.scratch.take(rows * self.up.outputs());
        for hidden in hidden.chunks_mut(MLP_ROWS * width) {
            let normed = &mut normed[..hidden.len()];
            let inner = &mut inner[..hidden.len() / width * self.up.outputs()];
            layer_norm(cpu, hidden, &self.mlp_norm, normed);
            self.up.apply(cpu, normed, Finish::default().activation(self.activation), inner);
            self.down.apply(cpu, inner, Finish::default().accumulate(), hidden);
        }
        workspace.scratch.put(normed);
        workspace.scratch.put(inner);
    }

    /// Multiply-adds per place, attention itself not counted.
    pub(super) fn multiply_adds(&self) -> u64 {
        [&self.qkv, &self.out, &self.up, &self.down].iter().map(|part| part.multiply_adds()).sum()
    }
}
