//! Slow and obvious versions of the kernels, in `f64`: the oracles of the tests.
//!
//! Shapes are those of the fast versions. Nothing here is meant for a forward pass.

use crate::{Activation, HeadLayout, MapShape};

/// `x` after the activation.
#[must_use]
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        }
    }
}

/// `input · weightsᵀ`, with input `[rows, inputs]` and weights `[outputs, inputs]`.
#[must_use]
pub fn matmul(input: &[f32], weights: &[f32], inputs: usize) -> Vec<f64> {
    input
        .chunks_exact(inputs)
        .flat_map(|row| weights.chunks_exact(inputs).map(|column| dot(row, column)))
        .collect()
}

/// The sum of the products.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

/// 3x3 convolution with padding 1: maps of `shape`, weights `[outputs, 3, 3, channels]`, and
/// one bias per output.
#[must_use]
pub fn conv3x3(
    shape: MapShape,
    values: &[f32],
    weights: &[f32],
    bias: &[f32],
    stride: usize,
) -> Vec<f64> {
    let MapShape { images, height, width, channels } = shape;
    let at = |image: usize, y: usize, x: usize| {
        // `y` and `x` count from the padding, which is one position before the map.
        let inside = (1..=height).contains(&y) && (1..=width).contains(&x);
        let start = ((image * height + y.max(1) - 1) * width + x.max(1) - 1) * channels;
        inside.then(|| &values[start..start + channels])
    };
    let mut out = Vec::new();
    for image in 0..images {
        for y in (0..height).step_by(stride) {
            for x in (0..width).step_by(stride) {
                for (kernel, &bias) in weights.chunks_exact(9 * channels).zip(bias) {
                    let window = kernel.chunks_exact(channels).enumerate();
                    let sum: f64 = window
                        .filter_map(|(tap, w)| Some(dot(at(image, y + tap / 3, x + tap % 3)?, w)))
                        .sum();
                    out.push(sum + f64::from(bias));
                }
            }
        }
    }
    out
}

/// `softmax(scale * row)`.
#[must_use]
pub fn softmax(row: &[f64], scale: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|x| ((x - largest) * scale).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Layer norm of one row.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^53")]
pub fn layer_norm(row: &[f32], scale: &[f32], shift: &[f32], epsilon: f32) -> Vec<f64> {
    let count = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let unit = |x: f32| (f64::from(x) - mean) / (variance + f64::from(epsilon)).sqrt();
    (row.iter().zip(scale).zip(shift))
        .map(|((&x, &scale), &shift)| unit(x) * f64::from(scale) + f64::from(shift))
        .collect()
}

/// Rotate-half rotary embedding of one head at one position.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "heads are far smaller than 2^53")]
pub fn rotary(head: &[f32], position: usize, base: f64) -> Vec<f64> {
    let half = head.len() / 2;
    (0..head.len())
        .map(|index| {
            let power = (2 * (index % half)) as f64 / head.len() as f64;
            let angle = position as f64 / base.powf(power);
            let (x, other) = (f64::from(head[index]), f64::from(head[(index + half) % (2 * half)]));
            let sign = if index < half { -1.0 } else { 1.0 };
            x * angle.cos() + sign * other * angle.sin()
        })
        .collect()
}

/// Attention of one sequence: `tokens` is `[length, layout.stride()]`, the result
/// `[length, layout.width()]`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "heads are far smaller than 2^53")]
pub fn attention(tokens: &[f32], layout: HeadLayout) -> Vec<f64> {
    let rows: Vec<&[f32]> = tokens.chunks_exact(layout.stride()).collect();
    let part = |row: &'_ [f32], which: usize, head: usize| -> Vec<f32> {
        let start = which * layout.width() + head * layout.head;
        row[start..start + layout.head].to_vec()
    };
    let scale = 1.0 / (layout.head as f64).sqrt();
    let mut out = vec![0.0; rows.len() * layout.width()];
    for (index, row) in rows.iter().enumerate() {
        for head in 0..layout.heads {
            let query = part(row, 0, head);
            let scores: Vec<f64> =
                rows.iter().map(|other| dot(&query, &part(other, 1, head))).collect();
            for (weight, other) in softmax(&scores, scale).iter().zip(&rows) {
                for (column, value) in part(other, 2, head).iter().enumerate() {
                    out[index * layout.width() + head * layout.head + column] +=
                        weight * f64::from(*value);
                }
            }
        }
    }
    out
}
