//! Pre-normalised transformer layers with full attention and rotary positions.

use onespace_compute::{
    Activation, Finish, HeadLayout, Isa, LayerNorm, Mask, PackedSequences, Rotary, Workspace,
    attention, layer_norm,
};

use super::{Linear, layer_norm as load_norm};
use crate::LoadError;
use crate::config::Config;
use crate::weights::Weights;

/// Rows whose inner activations are held at a time.
const MLP_ROWS: usize = 192;

/// A stack of layers and the norm after them.
pub(crate) struct Transformer {
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    rotary: Rotary,
    layout: HeadLayout,
}

struct Layer {
    attention_norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
}

impl Layer {
    fn load(
        weights: &mut Weights<'_>,
        isa: Isa,
        name: &str,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let (width, mlp) = (config.width, config.mlp);
        let part = |which: &str| format!("{name}.{which}");
        Ok(Self {
            attention_norm: load_norm(weights, &part("norm1"), width, config.norm_eps)?,
            qkv: Linear::load(weights, isa, &part("qkv"), (width, 3 * width))?,
            out: Linear::load(weights, isa, &part("out"), (width, width))?,
            mlp_norm: load_norm(weights, &part("norm2"), width, config.norm_eps)?,
            up: Linear::load(weights, isa, &part("up"), (width, mlp))?,
            down: Linear::load(weights, isa, &part("down"), (mlp, width))?,
        })
    }

    /// x += down(gelu(up(norm(x)))), a block of rows at a time.
    fn add_mlp(&self, hidden: &mut [f32], workspace: &mut Workspace) {
        let (cpu, width) = (workspace.cpu, self.mlp_norm.width());
        let rows = MLP_ROWS.min(hidden.len() / width);
        let mut normed = workspace.scratch.take(rows * width);
        let mut inner = workspace.scratch.take(rows * self.up.outputs());
        for hidden in hidden.chunks_mut(MLP_ROWS * width) {
            let normed = &mut normed[..hidden.len()];
            let inner = &mut inner[..hidden.len() / width * self.up.outputs()];
            layer_norm(cpu, hidden, &self.mlp_norm, normed);
            let gelu = Finish::default().activation(Activation::GeluTanh);
            self.up.apply(cpu, normed, gelu, inner);
            self.down.apply(cpu, inner, Finish::default().accumulate(), hidden);
        }
        workspace.scratch.put(normed);
        workspace.scratch.put(inner);
    }
}

impl Transformer {
    /// Takes `layers.*` and `final_norm.*`.
    pub(crate) fn load(
        weights: &mut Weights<'_>,
        isa: Isa,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let layers = (0..config.layers)
            .map(|index| Layer::load(weights, isa, &format!("layers.{index}"), config))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            layers,
            final_norm: load_norm(weights, "final_norm", config.width, config.norm_eps)?,
            rotary: Rotary::new(config.head(), config.rope_base, config.positions_max()),
            layout: HeadLayout { heads: config.heads, head: config.head() },
        })
    }

    /// Multiply-adds for a sequence of `length` places.
    pub(crate) fn multiply_adds(&self, length: usize) -> u64 {
        let length = length as u64;
        let per_layer = |layer: &Layer| {
            let linear = [&layer.qkv, &layer.out, &layer.up, &layer.down];
            let per_place: u64 = linear.iter().map(|part| part.multiply_adds()).sum();
            length * per_place + 2 * length * length * self.layout.width() as u64
        };
        self.layers.iter().map(per_layer).sum()
    }

    /// Runs all layers in place on `[places, width]`; `offsets` say where each sequence starts,
    /// and last where all end.
    pub(crate) fn forward(&self, hidden: &mut [f32], offsets: &[usize], workspace: &mut Workspace) {
        let mut normed = workspace.scratch.take(hidden.len());
        let mut qkv = workspace.scratch.take(3 * hidden.len());
        for layer in &self.layers {
            let cpu = workspace.cpu;
            layer_norm(cpu, hidden, &layer.attention_norm, &mut normed);
            layer.qkv.apply(cpu, &normed, Finish::default(), &mut qkv);
            let mut tokens = PackedSequences { values: &mut qkv, offsets, layout: self.layout };
            self.rotary.apply(cpu, &mut tokens);
            attention(&tokens, Mask::Full, &mut normed, workspace);
            layer.out.apply(cpu, &normed, Finish::default().accumulate(), hidden);
            layer.add_mlp(hidden, workspace);
        }
        layer_norm(workspace.cpu, hidden, &self.final_norm, &mut normed);
        hidden.copy_from_slice(&normed);
        workspace.scratch.put(normed);
        workspace.scratch.put(qkv);
    }
}
