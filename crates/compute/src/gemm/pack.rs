//! The packed form of the right-hand matrix.
//!
//! A panel holds `width` output columns: for each input feature in turn, one line with that
//! feature's weight for each of the columns. The last panel is filled up with zeros.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator as _, ParallelIterator as _};

use super::Matrix;

/// Panels that a thread packs at least: fewer are not worth waking one.
const PANELS_PER_PART_MIN: usize = 8;

/// Numbers in the packed form of `columns` columns of `features` features.
pub(crate) fn packed_length(columns: usize, features: usize, width: usize) -> usize {
    columns.div_ceil(width) * width * features
}

/// A packed matrix to multiply by, whose lines are made of `T`.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, T = f32> {
    data: &'a [T],
    columns: usize,
    features: usize,
    width: usize,
    /// Elements of `T` per line.
    line: usize,
    /// Lines from one panel to the next.
    lines: usize,
}

impl<'a> Panels<'a, f32> {
    /// Panels of plain numbers: a line is as long as the panel is wide.
    pub(crate) fn new(data: &'a [f32], columns: usize, features: usize, width: usize) -> Self {
        Self::with_line(data, (columns, features), width, width)
    }
}

impl<'a, T> Panels<'a, T> {
    /// Panels of `width` columns in lines of `line` elements.
    pub(crate) fn with_line(
        data: &'a [T],
        (columns, features): (usize, usize),
        width: usize,
        line: usize,
    ) -> Self {
        let needed = columns.div_ceil(width) * line * features;
        assert!(data.len() >= needed, "{columns} packed columns need {needed} numbers");
        Self { data: &data[..needed], columns, features, width, line, lines: features }
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

    /// Elements per line.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Panels.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(self.width)
    }

    /// Elements from one panel to the next.
    pub(crate) fn stride(&self) -> usize {
        self.line * self.lines
    }

    /// Where the first panel starts.
    pub(crate) fn first(&self) -> *const T {
        self.data.as_ptr()
    }

    /// The elements of `count` panels from `first` on, as far as their last line.
    pub(crate) fn data(&self, first: usize, count: usize) -> &'a [T] {
        assert!(count > 0 && first + count <= self.count(), "panels out of range");
        let end = (first + count - 1) * self.stride() + self.line * self.features;
        &self.data[first * self.stride()..end]
    }

    /// The panels of some of the columns; the range starts on a panel border.
    pub(crate) fn columns_in(self, columns: Range<usize>) -> Self {
        assert!(columns.start.is_multiple_of(self.width) && columns.end <= self.columns);
        let start = (columns.start / self.width * self.stride()).min(self.data.len());
        Self { data: &self.data[start..], columns: columns.len(), ..self }
    }

    /// The same panels over their first `features` features only.
    pub(crate) fn first_features(self, features: usize) -> Self {
        assert!(features <= self.features, "{features} features of {}", self.features);
        Self { features, ..self }
    }
}

/// The rows of `source` that become the columns of one panel each, side by side on all threads of
/// the current pool.
pub(crate) fn rows_by_panel(
    source: Matrix<'_>,
    width: usize,
) -> impl IndexedParallelIterator<Item = Matrix<'_>> {
    let rows_of =
        move |panel: usize| source.rows_in(panel * width..((panel + 1) * width).min(source.rows()));
    let panels = 0..source.rows().div_ceil(width);
    panels.into_par_iter().with_min_len(PANELS_PER_PART_MIN).map(rows_of)
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
    use super::{Matrix, Panels, pack_columns, pack_rows, packed_length};

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

    #[test]
    fn fewer_features_keep_the_panels_where_they_are() {
        let packed = [1., 3., 2., 4., 5., 0., 6., 0.];
        let panels = Panels::new(&packed, 3, 2, 2).first_features(1);
        assert_eq!(panels.data(0, 2), [1., 3., 2., 4., 5., 0.]);
        assert_eq!(panels.columns_in(2..3).data(0, 1), [5., 0.]);
    }
}
