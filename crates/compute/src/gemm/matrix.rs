//! Views of row-major matrices whose rows may lie apart.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix to read: `rows` rows of `columns` numbers, `stride` numbers from row to row.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    stride: usize,
    rows: usize,
    columns: usize,
}

impl<'a> Matrix<'a> {
    /// A view of the shape `(rows, columns)` at the start of `values`.
    pub(crate) fn new(values: &'a [f32], stride: usize, (rows, columns): (usize, usize)) -> Self {
        assert_extent(values.len(), stride, (rows, columns));
        Self { values, stride, rows, columns }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &self.values[row * self.stride..row * self.stride + self.columns]
    }

    /// The view of some of the rows.
    pub(crate) fn rows_in(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows out of range");
        let start = (rows.start * self.stride).min(self.values.len());
        Self { values: &self.values[start..], rows: rows.len(), ..self }
    }

    /// The numbers from the first row on, as far as the last row at least.
    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }
}

/// A matrix to write. Unlike a slice it can be split by columns too.
pub(crate) struct MatrixMut<'a> {
    start: *mut f32,
    stride: usize,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: the elements of one view belong to it alone (see `split_rows` and `split_columns`),
// as those of a `&mut [f32]` would, which is `Send`.
unsafe impl Send for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// A view of the shape `(rows, columns)` at the start of `values`.
    pub(crate) fn new(
        values: &'a mut [f32],
        stride: usize,
        (rows, columns): (usize, usize),
    ) -> Self {
        assert_extent(values.len(), stride, (rows, columns));
        let start = values.as_mut_ptr();
        Self { start, stride, rows, columns, borrowed: PhantomData }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The first `rows` rows, and the others.
    pub(crate) fn split_rows(self, rows: usize) -> (Self, Self) {
        assert!(rows <= self.rows, "split beyond the last row");
        // `wrapping_add`: with no row left the address may lie past the end; it is not used.
        let below = self.start.wrapping_add(rows * self.stride);
        let rest = self.rows - rows;
        (Self { rows, ..self }, Self { start: below, rows: rest, ..self })
    }

    /// The first `columns` columns, and the others.
    pub(crate) fn split_columns(self, columns: usize) -> (Self, Self) {
        assert!(columns <= self.columns, "split beyond the last column");
        let right = self.start.wrapping_add(columns);
        let rest = self.columns - columns;
        (Self { columns, ..self }, Self { start: right, columns: rest, ..self })
    }

    /// Part of one row.
    pub(crate) fn row_part(&mut self, row: usize, columns: Range<usize>) -> &mut [f32] {
        assert!(row < self.rows && columns.start <= columns.end && columns.end <= self.columns);
        // SAFETY: the element range lies inside the view (checked above), whose elements are
        // within the borrowed slice (checked in `new`) and belong to this view alone.
        unsafe {
            let first = self.start.add(row * self.stride + columns.start);
            std::slice::from_raw_parts_mut(first, columns.len())
        }
    }
}

fn assert_extent(length: usize, stride: usize, (rows, columns): (usize, usize)) {
    assert!(columns <= stride || rows <= 1, "rows of {columns} overlap at a stride of {stride}");
    let needed = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
    assert!(needed <= length, "a {rows} x {columns} view needs {needed} numbers, not {length}");
}

#[cfg(test)]
mod tests {
    use super::{Matrix, MatrixMut};

    #[test]
    fn splits_share_no_element() {
        let mut values = vec![0.0; 12];
        let (left, right) = MatrixMut::new(&mut values, 4, (3, 4)).split_columns(1);
        let (mut top, mut bottom) = right.split_rows(1);
        let mut left = left;
        for row in 0..3 {
            left.row_part(row, 0..1).fill(1.0);
        }
        top.row_part(0, 0..3).fill(2.0);
        bottom.row_part(1, 1..3).fill(3.0);
        assert_eq!(values, [1., 2., 2., 2., 1., 0., 0., 0., 1., 0., 3., 3.]);
    }

    #[test]
    fn rows_are_found_by_stride() {
        let values: Vec<f32> = (0..11_u8).map(f32::from).collect();
        let matrix = Matrix::new(&values, 4, (3, 3)).rows_in(1..3);
        assert_eq!((matrix.row(0), matrix.row(1)), (&values[4..7], &values[8..11]));
    }

    #[test]
    #[should_panic(expected = "needs 12 numbers, not 11")]
    fn a_view_cannot_reach_past_its_slice() {
        let values = [0.0; 11];
        let _ = Matrix::new(&values, 4, (3, 4));
    }
}
