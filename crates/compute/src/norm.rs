//! Layer normalisation, and normalisation by the root mean square.

use crate::Cpu;
use crate::simd::{Kernel, Simd};

/// The learned part of a layer norm: scale and shift per column, and the epsilon.
pub struct LayerNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// Takes scale and shift of one length, the width of the rows.
    ///
    /// # Panics
    /// If the lengths differ.
    #[must_use]
    pub fn new(scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Self {
        assert_eq!(scale.len(), shift.len(), "layer norm scale and shift differ in length");
        Self { scale, shift, epsilon }
    }

    /// Columns per row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.scale.len()
    }
}

/// Writes `(x - mean) / sqrt(variance + epsilon) * scale + shift` for each row of `input`.
///
/// `input` and `out` are `[rows, width]`.
///
/// # Panics
/// If the two differ in length or are not whole rows.
pub fn layer_norm(cpu: Cpu, input: &[f32], norm: &LayerNorm, out: &mut [f32]) {
    assert_eq!(input.len(), out.len(), "layer norm input and output differ in length");
    assert!(input.len().is_multiple_of(norm.width()), "layer norm needs whole rows");
    cpu.isa().run(Normalise { input, norm, out });
}

struct Normalise<'a> {
    input: &'a [f32],
    norm: &'a LayerNorm,
    out: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.width();
        for (row, out) in self.input.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let (mean, variance) = moments(simd, row);
            let inverse = 1.0 / (variance + self.norm.epsilon).sqrt();
            write_row(simd, row, (mean, inverse), self.norm, out);
        }
    }
}

/// Mean and (biased) variance, in two passes for accuracy.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
fn moments<S: Simd>(simd: S, row: &[f32]) -> (f32, f32) {
    let chunks = row.chunks_exact(S::LANES);
    let rest = chunks.remainder();
    let mut sum = simd.load_partial(rest, 0.0);
    for chunk in chunks.clone() {
        sum = simd.add(sum, simd.load(chunk));
    }
    let mean = simd.sum(sum) / row.len() as f32;
    let means = simd.splat(mean);
    let difference = simd.sub(simd.load_partial(rest, mean), means);
    let mut squares = simd.mul(difference, difference);
    for chunk in chunks {
        let difference = simd.sub(simd.load(chunk), means);
        squares = simd.mul_add(difference, difference, squares);
    }
    (mean, simd.sum(squares) / row.len() as f32)
}

#[inline(always)]
fn write_row<S: Simd>(
    simd: S,
    row: &[f32],
    (mean, inverse): (f32, f32),
    norm: &LayerNorm,
    out: &mut [f32],
) {
    let (means, inverses) = (simd.splat(mean), simd.splat(inverse));
    let whole = row.len() - row.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        let unit = simd.mul(simd.sub(simd.load(&row[at..]), means), inverses);
        let (scale, shift) = (simd.load(&norm.scale[at..]), simd.load(&norm.shift[at..]));
        simd.store(simd.mul_add(unit, scale, shift), &mut out[at..]);
    }
    for at in whole..row.len() {
        out[at] = (row[at] - mean) * inverse * norm.scale[at] + norm.shift[at];
    }
}

/// The learned part of an RMS norm (Zhang and Sennrich, 2019): a scale per column, and the
/// epsilon.
pub struct RmsNorm {
    scale: Vec<f32>,
    epsilon: f32,
}

impl RmsNorm {
    /// Takes the scale, as long as the rows are wide.
    #[must_use]
    pub fn new(scale: Vec<f32>, epsilon: f32) -> Self {
        Self { scale, epsilon }
    }

    /// Columns per row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.scale.len()
    }
}

/// Replaces each row by `x / sqrt(mean of x^2 + epsilon) * scale`.
///
/// `values` is `[rows, width]`; for a norm of each head, rows are heads.
///
/// # Panics
/// If `values` is not a whole number of rows.
pub fn rms_norm(cpu: Cpu, norm: &RmsNorm, values: &mut [f32]) {
    assert!(values.len().is_multiple_of(norm.width().max(1)), "RMS norm needs whole rows");
    cpu.isa().run(RootMeanSquare { norm, values });
}

struct RootMeanSquare<'a> {
    norm: &'a RmsNorm,
    values: &'a mut [f32],
}

impl Kernel for RootMeanSquare<'_> {
    type Output = ();
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.width();
        for row in self.values.chunks_exact_mut(width.max(1)) {
            let square = squares(simd, row) / width as f32;
            let inverse = 1.0 / (square + self.norm.epsilon).sqrt();
            let inverses = simd.splat(inverse);
            let whole = width - width % S::LANES;
            for at in (0..whole).step_by(S::LANES) {
                let unit = simd.mul(simd.load(&row[at..]), inverses);
                simd.store(simd.mul(unit, simd.load(&self.norm.scale[at..])), &mut row[at..]);
            }
            for (x, scale) in row[whole..].iter_mut().zip(&self.norm.scale[whole..]) {
                *x *= inverse * scale;
            }
        }
    }
}

/// The sum of the squares.
#[inline(always)]
fn squares<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let chunks = row.chunks_exact(S::LANES);
    let rest = simd.load_partial(chunks.remainder(), 0.0);
    let mut sum = simd.mul(rest, rest);
    for chunk in chunks {
        let x = simd.load(chunk);
        sum = simd.mul_add(x, x, sum);
    }
    simd.sum(sum)
}
