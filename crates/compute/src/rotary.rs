//! Rotary positions in the rotate-half form: from the place in a sequence, or from given tables
//! where a position is more than one number.

use crate::simd::{Kernel, Simd};
use crate::{Cpu, PackedSequences};

/// Cosines and sines of every position and frequency.
pub struct Rotary {
    cosines: Vec<f32>,
    sines: Vec<f32>,
    /// Frequencies: half of the head dimension.
    half: usize,
}

impl Rotary {
    /// Tables for positions `0..positions` and heads of `head` numbers: frequency `i` turns by
    /// `position / base^(2 i / head)`.
    ///
    /// # Panics
    /// If `head` is odd or zero.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "angles are made in f64 and only their cosine and sine are rounded"
    )]
    pub fn new(head: usize, base: f64, positions: usize) -> Self {
        assert!(head > 0 && head.is_multiple_of(2), "rotary needs an even head dimension");
        let half = head / 2;
        let angle = |index: usize| {
            let power = (2 * (index % half)) as f64 / head as f64;
            (index / half) as f64 / base.powf(power)
        };
        let table = |function: fn(f64) -> f64| {
            (0..positions * half).map(|index| function(angle(index)) as f32).collect()
        };
        Self { cosines: table(f64::cos), sines: table(f64::sin), half }
    }

    /// Positions in the tables.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.cosines.len() / self.half
    }

    /// Turns the queries and keys of each token by its place in its sequence.
    ///
    /// # Panics
    /// If a sequence is longer than the tables or the head dimension differs.
    pub fn apply(&self, cpu: Cpu, tokens: &mut PackedSequences<'_>) {
        let layout = tokens.layout;
        assert_eq!(layout.head, 2 * self.half, "rotary tables of another head dimension");
        for sequence in tokens.offsets.windows(2) {
            let length = sequence[1] - sequence[0];
            assert!(length <= self.positions(), "{length} positions, {} known", self.positions());
            let stride = layout.stride();
            let values = &mut tokens.values[sequence[0] * stride..sequence[1] * stride];
            let turned = 2 * layout.heads * layout.head;
            let (tables, half) = ((&self.cosines[..], &self.sines[..]), self.half);
            cpu.isa().run(Turn { tables, half, values, stride, turned });
        }
    }
}

/// Turns heads by given angles: multimodal rotary positions, whose frequencies are shared out
/// among time, height and width (in sections or interleaved), are a matter of these tables alone.
///
/// `values` is `[tokens, stride]`; the first `heads` heads of `2 * half` numbers in each token
/// are turned, those of frequency `i` by the angle of `cosines[token, i]` and
/// `sines[token, i]`, both `[tokens, half]`.
///
/// # Panics
/// If the tables differ in length, are not whole tokens, or the heads exceed the stride.
pub fn rotate_heads(
    cpu: Cpu,
    values: &mut [f32],
    (stride, heads, half): (usize, usize, usize),
    (cosines, sines): (&[f32], &[f32]),
) {
    assert!(half > 0 && stride > 0, "rotary needs frequencies and tokens of some numbers");
    assert_eq!(cosines.len(), sines.len(), "cosines and sines differ in length");
    assert!(2 * half * heads <= stride, "{heads} heads exceed tokens of {stride} numbers");
    let tokens = values.len() / stride;
    assert_eq!(values.len(), tokens * stride, "values are not whole tokens of {stride}");
    assert_eq!(cosines.len(), tokens * half, "tables do not fit {tokens} tokens");
    let turned = 2 * half * heads;
    cpu.isa().run(Turn { tables: (cosines, sines), half, values, stride, turned });
}

struct Turn<'a> {
    /// Cosines and sines, `half` of each for one token after the other.
    tables: (&'a [f32], &'a [f32]),
    half: usize,
    values: &'a mut [f32],
    stride: usize,
    turned: usize,
}

impl Kernel for Turn<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let half = self.half;
        for (position, token) in self.values.chunks_exact_mut(self.stride).enumerate() {
            let frequencies = position * half..(position + 1) * half;
            let cosines = &self.tables.0[frequencies.clone()];
            let sines = &self.tables.1[frequencies];
            for head in token[..self.turned].chunks_exact_mut(2 * half) {
                turn_head(simd, head.split_at_mut(half), cosines, sines);
            }
        }
    }
}

/// `(a, b)` becomes `(a cos - b sin, b cos + a sin)`.
#[inline(always)]
fn turn_head<S: Simd>(
    simd: S,
    (first, second): (&mut [f32], &mut [f32]),
    cosines: &[f32],
    sines: &[f32],
) {
    let whole = first.len() - first.len() % S::LANES;
    for at in (0..whole).step_by(S::LANES) {
        let (a, b) = (simd.load(&first[at..]), simd.load(&second[at..]));
        let (cosine, sine) = (simd.load(&cosines[at..]), simd.load(&sines[at..]));
        simd.store(simd.sub(simd.mul(a, cosine), simd.mul(b, sine)), &mut first[at..]);
        simd.store(simd.add(simd.mul(b, cosine), simd.mul(a, sine)), &mut second[at..]);
    }
    for at in whole..first.len() {
        let (a, b) = (first[at], second[at]);
        first[at] = a * cosines[at] - b * sines[at];
        second[at] = b * cosines[at] + a * sines[at];
    }
}
