//! Rotary positions of more than one number: cosines and sines per place, in `f32`.
//!
//! The angles are products in `f32`, as in the reference: at place 8000 a product in `f64` would be
//! another angle in the fourth digit.

use onespace_compute::{Cpu, rotate_heads};

/// Frequencies `base^(-2 i / dimension)` for `i` below half of `dimension`, in `f32` arithmetic.
pub(crate) struct Frequencies(Vec<f32>);

impl Frequencies {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "each step is rounded to f32, as the reference rounds it"
    )]
    pub(crate) fn new(dimension: usize, base: f64) -> Self {
        let one = |index: usize| {
            let exponent = (2 * index) as f32 / dimension as f32;
            1.0 / base.powf(f64::from(exponent)) as f32
        };
        Self((0..dimension / 2).map(one).collect())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The angle of frequency `index` at a position.
    #[expect(clippy::cast_precision_loss, reason = "positions are a few thousand")]
    pub(crate) fn angle(&self, index: usize, position: u32) -> f32 {
        position as f32 * self.0[index]
    }

    /// The frequencies themselves.
    #[cfg(test)]
    pub(crate) fn values(&self) -> &[f32] {
        &self.0
    }
}

/// Cosines and sines by which queries and keys of each place are turned: `[places, half]`, where
/// `half` is half a head.
#[derive(Default)]
pub(crate) struct Turns {
    pub(crate) cosines: Vec<f32>,
    pub(crate) sines: Vec<f32>,
}

impl Turns {
    /// Adds one angle: those of a place one after the other, place after place.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    pub(crate) fn push(&mut self, angle: f32) {
        let (sine, cosine) = f64::from(angle).sin_cos();
        self.cosines.push(cosine as f32);
        self.sines.push(sine as f32);
    }

    /// Turns the first `heads` heads of `2 * half` numbers of `places`, which begin at the place
    /// `first` and are `stride` numbers each.
    pub(crate) fn apply(
        &self,
        cpu: Cpu,
        (places, first): (&mut [f32], usize),
        (stride, heads, half): (usize, usize, usize),
    ) {
        let range = first * half..(first + places.len() / stride) * half;
        let tables = (&self.cosines[range.clone()], &self.sines[range]);
        rotate_heads(cpu, places, (stride, heads, half), tables);
    }
}

#[cfg(test)]
mod tests {
    use super::Frequencies;

    #[test]
    fn frequencies_are_those_of_the_reference() {
        let frequencies = Frequencies::new(128, 5e6);
        assert_eq!(frequencies.len(), 64);
        for (index, bits) in [(0, 0x3f80_0000), (1, 0x3f49_2c28), (63, 0x3488_a34f_u32)] {
            let found = frequencies.values()[index].to_bits();
            // Powers of f32 differ in the last bit among libraries.
            assert!(found.abs_diff(bits) <= 1, "frequency {index}: {found:x}");
        }
        let one = frequencies.values()[1];
        assert_eq!(frequencies.angle(1, 8000).to_bits(), (8000.0 * one).to_bits());
    }
}
