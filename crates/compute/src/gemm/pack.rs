//! The packed form of the right-hand matrix.
//!
//! A panel holds `width` output columns: for each input feature in turn, that feature's weight
//! for each of the columns. The last panel is filled up with zeros.

use std::ops::Range;

use super::Matrix;

/// Packed weights on cache-line borders.
pub(crate) type PackedData = crate::Buffer;

/// Numbers in the packed form of `columns` columns of `features` features.
pub(crate) fn packed_length(columns: usize, features: usize, width: usize) -> usize {
    columns.div_ceil(width) * width * features
}

/// A packed matrix to multiply by.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    data: &'a [f32],
    columns: usize,
    features: usize,
    width: usize,
}

impl<'a> Panels<'a> {
    pub(crate) fn new(data: &'a [f32], columns: usize, features: usize, width: usize) -> Self {
        let needed = packed_length(columns, features, width);
        assert!(data.len() >= needed, "{columns} packed columns need {needed} numbers");
        Self { data: &data[..needed], columns, features, width }
    }

    /// Output columns, the filled-up ones not counted.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Input features.
    pub(crate) fn features(&self) -> usize {
        self.features
    }

    /// Columns per panel.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Panels.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(self.width)
    }

    /// The numbers of `count` panels from `first` on.
    pub(crate) fn data(&self, first: usize, count: usize) -> &'a [f32] {
        let panel = self.width * self.features;
        &self.data[first * panel..(first + count) * panel]
    }

    /// The panels of some of the columns; the range starts on a panel border.
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        assert!(columns.start.is_multiple_of(self.width) && columns.end <= self.columns);
        let start = columns.start * self.features;
        Self::new(&self.data[start..], columns.len(), self.features, self.width)
    }
}

/// Packs `source`, whose rows become the columns of the panels: weights `[outputs, inputs]`,
/// or the keys of an attention head `[positions, head]`.
pub(crate) fn pack_rows(source: Matrix<'_>, width: usize, packed: &mut [f32]) {
    let features = source.columns();
    for (index, panel) in packed.chunks_exact_mut(width * features).enumerate() {
        let first = index * width;
        for column in 0..width {
            let at = first + column;
            if at < source.rows() {
                for (slot, &value) in panel[column..].iter_mut().step_by(width).zip(source.row(at))
                {
                    *slot = value;
                }
            } else {
                panel[column..].iter_mut().step_by(width).for_each(|slot| *slot = 0.0);
            }
        }
    }
}

/// Packs `source`, whose columns stay columns: the values of an attention head
/// `[positions, head]`, where the positions are what is summed over.
pub(crate) fn pack_columns(source: Matrix<'_>, width: usize, packed: &mut [f32]) {
    let features = source.rows();
    for (index, panel) in packed.chunks_exact_mut(width * features).enumerate() {
        let first = index * width;
        let last = (first + width).min(source.columns());
        for (feature, line) in panel.chunks_exact_mut(width).enumerate() {
            line[..last - first].copy_from_slice(&source.row(feature)[first..last]);
            line[last - first..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Matrix, pack_columns, pack_rows, packed_length};

    #[test]
    fn panels_hold_one_feature_after_the_other() {
        // Three outputs of two inputs, in panels of two columns.
        let weights = [1., 2., 3., 4., 5., 6.];
        let mut packed = vec![9.0; packed_length(3, 2, 2)];
        pack_rows(Matrix::new(&weights, 2, (3, 2)), 2, &mut packed);
        assert_eq!(packed, [1., 3., 2., 4., 5., 0., 6., 0.]);
    }

    #[test]
    fn packing_columns_is_packing_the_transpose() {
        let values = [1., 3., 5., 2., 4., 6.];
        let mut packed = vec![9.0; packed_length(3, 2, 2)];
        pack_columns(Matrix::new(&values, 3, (2, 3)), 2, &mut packed);
        assert_eq!(packed, [1., 3., 2., 4., 5., 0., 6., 0.]);
    }
}
