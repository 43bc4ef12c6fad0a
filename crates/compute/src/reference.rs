//! Slow and obvious versions of the kernels, in `f64`: the oracles of the tests.
//!
//! Shapes are those of the fast versions. Nothing here is meant for a forward pass.

use crate::{Activation, Gate, MapShape};

/// Numbers in -1..1 that look random and are always the same for a seed: Marsaglia's xorshift
/// ("Xorshift RNGs", 2003), its 24 highest bits.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
pub fn values(seed: usize, length: usize) -> Vec<f32> {
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// `x` after the activation.
#[must_use]
pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => 0.5 * x * erf_complement(-x / std::f64::consts::SQRT_2),
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        }
    }
}

/// 1 - erf(x): near zero by the Maclaurin series of erf, elsewhere by the continued fraction of
/// its complement (both in Abramowitz and Stegun, 7.1.6 and 7.1.14). Correct to about 1e-14.
#[must_use]
pub fn erf_complement(x: f64) -> f64 {
    const SERIES_MAX: f64 = 2.5;
    const TERMS: u32 = 200;
    if x < -SERIES_MAX {
        return 2.0 - erf_complement(-x);
    }
    let factor = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x <= SERIES_MAX {
        let (mut term, mut sum) = (2.0 * x, 0.0);
        for n in 0..TERMS {
            sum += term;
            term *= 2.0 * x * x / f64::from(2 * n + 3);
        }
        return 1.0 - factor * sum;
    }
    let tail = (1..=TERMS).rev().fold(x, |tail, n| x + f64::from(n) / 2.0 / tail);
    factor / tail
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

/// RMS norm of one row.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^53")]
pub fn rms_norm(row: &[f32], scale: &[f32], epsilon: f32) -> Vec<f64> {
    let root = (dot(row, row) / row.len() as f64 + f64::from(epsilon)).sqrt();
    row.iter().zip(scale).map(|(&x, &scale)| f64::from(x) / root * f64::from(scale)).collect()
}

/// One row of a gated MLP: the gates, then the values.
#[must_use]
pub fn gated(gate: Gate, row: &[f32]) -> Vec<f64> {
    let function = |x: f64| match gate {
        Gate::Silu => x / (1.0 + (-x).exp()),
        Gate::GeluTanh => activate(Activation::GeluTanh, x),
    };
    let (gates, values) = row.split_at(row.len() / 2);
    let pairs = gates.iter().zip(values);
    pairs.map(|(&gate, &value)| function(f64::from(gate)) * f64::from(value)).collect()
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

/// Attention of one sequence, `softmax(queries · keysᵀ / sqrt(head)) · values` for each head of
/// `head` numbers: queries `[queries, heads * head]`, keys and values
/// `[positions, key_heads * head]`, each key head serving as many query heads in a row. With
/// `causal` the last query stands at the last position, and none looks ahead.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "head dimensions are far below 2^53")]
pub fn attention(
    (queries, keys, values): (&[f32], &[f32], &[f32]),
    head: usize,
    (heads, key_heads): (usize, usize),
    causal: bool,
) -> Vec<f64> {
    let positions = keys.len() / (key_heads * head);
    let count = queries.len() / (heads * head);
    let part = |from: &[f32], row: usize, index: usize, width: usize| {
        from[row * width * head + index * head..][..head].to_vec()
    };
    let mut out = vec![0.0; queries.len()];
    for query in 0..count {
        let visible = if causal { positions + query + 1 - count } else { positions };
        for index in 0..heads {
            let key_head = index * key_heads / heads;
            let q = part(queries, query, index, heads);
            let scores: Vec<f64> =
                (0..visible).map(|at| dot(&q, &part(keys, at, key_head, key_heads))).collect();
            let target = &mut out[(query * heads + index) * head..][..head];
            for (at, weight) in softmax(&scores, 1.0 / (head as f64).sqrt()).iter().enumerate() {
                for (sum, value) in target.iter_mut().zip(part(values, at, key_head, key_heads)) {
                    *sum += weight * f64::from(value);
                }
            }
        }
    }
    out
}
