//! Weights by name: linear layers and layer norms.

use onespace_compute::{Cpu, Finish, Isa, LayerNorm, PackedMatrix, Precision, matmul};

use crate::LoadError;
use crate::weights::Weights;

/// How a model's matrices are packed.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    /// For which instruction set.
    pub(crate) isa: Isa,
    /// With which numbers.
    pub(crate) precision: Precision,
}

impl Packing {
    /// Packs row-major weights `[outputs, inputs]`.
    pub(crate) fn pack(self, weights: &[f32], inputs: usize) -> PackedMatrix {
        PackedMatrix::pack(self.isa, self.precision, weights, inputs)
    }
}

/// A matrix and, mostly, a bias.
pub(crate) struct Linear {
    weights: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// From row-major weights `[outputs, inputs]` and a bias `[outputs]`.
    pub(crate) fn new(
        packing: Packing,
        weights: &[f32],
        inputs: usize,
        bias: Option<Vec<f32>>,
    ) -> Self {
        Self { weights: packing.pack(weights, inputs), bias }
    }

    /// Takes `{name}.weight`, `[outputs, inputs]`, and `{name}.bias`.
    pub(crate) fn load(
        weights: &mut Weights,
        packing: Packing,
        name: &str,
        sizes: (usize, usize),
    ) -> Result<Self, LoadError> {
        Self::load_joined(weights, packing, &[name.to_owned()], sizes)
    }

    /// Takes `{name}.weight` of a layer without bias.
    pub(crate) fn load_without_bias(
        weights: &mut Weights,
        packing: Packing,
        name: &str,
        (inputs, outputs): (usize, usize),
    ) -> Result<Self, LoadError> {
        Self::load_joined_without_bias(weights, packing, &[(name.to_owned(), outputs)], inputs)
    }

    /// Takes several layers without bias, with their numbers of outputs, and puts their outputs one
    /// after the other.
    pub(crate) fn load_joined_without_bias(
        weights: &mut Weights,
        packing: Packing,
        parts: &[(String, usize)],
        inputs: usize,
    ) -> Result<Self, LoadError> {
        let tensor = |(name, outputs): &(String, usize)| (format!("{name}.weight"), *outputs);
        let parts: Vec<_> = parts.iter().map(tensor).collect();
        weights.look_at_joined(&parts, inputs, |joined| Self::new(packing, joined, inputs, None))
    }

    /// Takes several layers of the same sizes and puts their outputs one after the other.
    pub(crate) fn load_joined(
        weights: &mut Weights,
        packing: Packing,
        names: &[String],
        (inputs, outputs): (usize, usize),
    ) -> Result<Self, LoadError> {
        let parts: Vec<_> = names.iter().map(|name| (name.clone(), outputs)).collect();
        let joined = Self::load_joined_without_bias(weights, packing, &parts, inputs)?;
        let mut bias = Vec::new();
        for name in names {
            bias.extend(weights.take(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Self { bias: Some(bias), ..joined })
    }

    /// `finish(input · weightsᵀ + bias)`, with this layer's bias.
    pub(crate) fn apply(&self, cpu: Cpu, input: &[f32], finish: Finish<'_>, out: &mut [f32]) {
        let finish = Finish { bias: self.bias.as_deref(), ..finish };
        matmul(cpu, input, &self.weights, finish, out);
    }

    /// Multiply-adds per input row.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.weights.inputs() as u64 * self.weights.outputs() as u64
    }

    /// Numbers per input row.
    pub(crate) fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    /// Numbers per output row.
    pub(crate) fn outputs(&self) -> usize {
        self.weights.outputs()
    }
}

/// Takes `{name}.weight` and `{name}.bias` of a layer norm.
pub(crate) fn layer_norm(
    weights: &mut Weights,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<LayerNorm, LoadError> {
    let scale = weights.take(&format!("{name}.weight"), &[width])?;
    let shift = weights.take(&format!("{name}.bias"), &[width])?;
    Ok(LayerNorm::new(scale, shift, epsilon))
}
