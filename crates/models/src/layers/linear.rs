//! Weights by name: linear layers and layer norms.

use onespace_compute::{Cpu, Finish, Isa, LayerNorm, PackedMatrix, Precision, matmul};

use crate::LoadError;
use crate::weights::Weights;

/// A matrix and a bias.
pub(crate) struct Linear {
    weights: PackedMatrix,
    bias: Vec<f32>,
}

impl Linear {
    /// Takes `{name}.weight`, `[outputs, inputs]`, and `{name}.bias`.
    pub(crate) fn load(
        weights: &mut Weights<'_>,
        isa: Isa,
        name: &str,
        (inputs, outputs): (usize, usize),
    ) -> Result<Self, LoadError> {
        let matrix = weights.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = weights.take(&format!("{name}.bias"), &[outputs])?;
        Ok(Self { weights: PackedMatrix::pack(isa, Precision::F32, &matrix, inputs), bias })
    }

    /// `finish(input · weightsᵀ + bias)`, with this layer's bias.
    pub(crate) fn apply(&self, cpu: Cpu, input: &[f32], finish: Finish<'_>, out: &mut [f32]) {
        let finish = Finish { bias: Some(&self.bias), ..finish };
        matmul(cpu, input, &self.weights, finish, out);
    }

    /// Multiply-adds per input row.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.weights.inputs() as u64 * self.weights.outputs() as u64
    }

    /// Numbers per output row.
    pub(crate) fn outputs(&self) -> usize {
        self.weights.outputs()
    }
}

/// Takes `{name}.weight` and `{name}.bias` of a layer norm.
pub(crate) fn layer_norm(
    weights: &mut Weights<'_>,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<LayerNorm, LoadError> {
    let scale = weights.take(&format!("{name}.weight"), &[width])?;
    let shift = weights.take(&format!("{name}.bias"), &[width])?;
    Ok(LayerNorm::new(scale, shift, epsilon))
}
