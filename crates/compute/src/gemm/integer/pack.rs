//! Weights as integers, in panels of feature pairs.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;

use super::super::line::PanelElement;
use super::super::{Matrix, Panels, rows_by_panel};
use super::quantize::{FEATURES_MAX, Room, quantize};
use crate::Isa;
use crate::buffer::Lines;
use crate::simd::{Kernel, LANES_MAX, Simd};

/// What integer weights are stored in.
pub(crate) trait WeightInteger: PanelElement<Input = i16> + Send {
    /// How large the weights may get.
    fn room(features: usize) -> Room;
    /// The weight, which fits because of the room.
    fn narrow(integer: i16) -> Self;
}

impl WeightInteger for i16 {
    fn room(features: usize) -> Room {
        Room::balanced(features)
    }

    fn narrow(integer: i16) -> Self {
        integer
    }
}

impl WeightInteger for i8 {
    fn room(_: usize) -> Room {
        Room::bytes()
    }

    fn narrow(integer: i16) -> Self {
        integer.try_into().expect("the room of 8-bit weights is that of 8 bits")
    }
}

/// Packed integer weights that own their memory.
pub(crate) struct IntegerMatrix<T> {
    /// Panels whose lines hold a pair of features for each column.
    data: Lines<T>,
    /// What one unit of each column is worth; zero for the filled-up ones.
    scales: Lines<f32>,
    /// How large the integers of a row may get.
    row_room: Room,
}

impl<T: WeightInteger> IntegerMatrix<T> {
    /// Packs `weights`, `[outputs, inputs]`.
    ///
    /// # Panics
    /// If there are more than [`FEATURES_MAX`] inputs.
    pub(crate) fn pack(isa: Isa, weights: Matrix<'_>) -> Self {
        let inputs = weights.columns();
        assert!(inputs <= FEATURES_MAX, "{inputs} inputs are more than {FEATURES_MAX}");
        let width = isa.panel_columns();
        let columns = weights.rows().next_multiple_of(width);
        let mut data = Lines::zeroed(columns * inputs.next_multiple_of(2));
        let mut scales = Lines::zeroed(columns);
        let panels = data.par_chunks_mut(width * inputs.next_multiple_of(2));
        let packed = rows_by_panel(weights, width).zip(panels).zip(scales.par_chunks_mut(width));
        let lengths = packed
            .map(|((weights, panel), scales)| isa.run(Pack { weights, width, panel, scales }));
        let length = lengths.reduce(|| 0.0, f32::max);
        Self { data, scales, row_room: Room::beside(length, inputs) }
    }

    /// The weights of the shape `(outputs, inputs)` to multiply by.
    pub(crate) fn panels(&self, shape: (usize, usize), width: usize) -> IntegerPanels<'_, T> {
        let (columns, inputs) = shape;
        IntegerPanels {
            panels: Panels::with_line(&self.data, (columns, inputs.div_ceil(2)), width, 2 * width),
            scales: &self.scales,
            row_room: self.row_room,
            inputs,
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.data[..]) + size_of_val(&self.scales[..])
    }
}

/// One panel.
struct Pack<'a, T> {
    weights: Matrix<'a>,
    width: usize,
    panel: &'a mut [T],
    scales: &'a mut [f32],
}

impl<T: WeightInteger> Kernel for Pack<'_, T> {
    /// The Euclidean length of the longest column, in units.
    type Output = f32;
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the length is used with a margin for its rounding"
    )]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let inputs = self.weights.columns();
        let mut integers = vec![0_i16; inputs.next_multiple_of(LANES_MAX)];
        let mut longest = 0;
        for column in 0..self.weights.rows() {
            let room = T::room(inputs);
            self.scales[column] = quantize(simd, self.weights.row(column), room, &mut integers);
            let squares = integers.iter().map(|&integer| i64::from(integer).pow(2)).sum::<i64>();
            longest = longest.max(squares);
            let lines = self.panel.chunks_exact_mut(2 * self.width);
            for (line, pair) in lines.zip(integers.chunks_exact(2)) {
                let place = &mut line[2 * column..][..2];
                place[0] = T::narrow(pair[0]);
                place[1] = T::narrow(pair[1]);
            }
        }
        (longest as f64).sqrt() as f32
    }
}

/// Integer weights, or some of their columns, to multiply by.
#[derive(Clone, Copy)]
pub(crate) struct IntegerPanels<'a, T> {
    /// With pairs of features for features.
    pub(crate) panels: Panels<'a, T>,
    pub(super) scales: &'a [f32],
    pub(super) row_room: Room,
    pub(super) inputs: usize,
}

impl<T> IntegerPanels<'_, T> {
    /// The weights of some of the columns; the range starts on a panel border.
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        let scales = &self.scales[columns.start..];
        Self { panels: self.panels.columns_in(columns), scales, ..self }
    }
}
