//! A square table of positions, brought to the shape of a picture's patches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Shapes that are kept; the shapes of real pictures are few.
const SHAPES_KEPT_MAX: usize = 64;

/// Positions by the rows and columns that they were resized to.
type Resized = BTreeMap<(usize, usize), Arc<[f32]>>;

/// Positions `[side, side, width]`, and what they were resized to of late.
pub(crate) struct PositionGrid {
    table: Vec<f32>,
    side: usize,
    width: usize,
    resized: Mutex<Resized>,
}

impl PositionGrid {
    pub(crate) fn new(table: Vec<f32>, side: usize, width: usize) -> Self {
        Self { table, side, width, resized: Mutex::default() }
    }

    /// The positions of `down x across` patches: `[down, across, width]`, bilinear with
    /// antialiasing and without aligned corners, as `torch`'s `interpolate` does it.
    pub(crate) fn shaped(&self, (down, across): (usize, usize)) -> Arc<[f32]> {
        let mut kept = self.resized.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(positions) = kept.get(&(down, across)) {
            return Arc::clone(positions);
        }
        let positions: Arc<[f32]> = self.resize(down, across).into();
        if kept.len() >= SHAPES_KEPT_MAX {
            kept.clear();
        }
        kept.insert((down, across), Arc::clone(&positions));
        positions
    }

    fn resize(&self, down: usize, across: usize) -> Vec<f32> {
        let (side, width) = (self.side, self.width);
        let columns = taps(side, across);
        let mut halfway = vec![0.0; side * across * width];
        for (row, out) in
            self.table.chunks_exact(side * width).zip(halfway.chunks_exact_mut(across * width))
        {
            for (taps, out) in columns.iter().zip(out.chunks_exact_mut(width)) {
                add_weighted(row, taps, out);
            }
        }
        let mut out = vec![0.0; down * across * width];
        for (taps, out) in taps(side, down).iter().zip(out.chunks_exact_mut(across * width)) {
            add_weighted(&halfway, taps, out);
        }
        out
    }
}

/// The first place that another is made of, and the weights of that one and the following.
type Taps = (usize, Vec<f32>);

/// Adds rows as long as `out`, each times its weight.
fn add_weighted(rows: &[f32], (start, weights): &Taps, out: &mut [f32]) {
    let rows = rows[start * out.len()..].chunks_exact(out.len());
    for (row, &weight) in rows.zip(weights) {
        out.iter_mut().zip(row).for_each(|(out, x)| *out += weight * x);
    }
}

/// What each of `to` places is made of, out of `from`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "places are a few dozen"
)]
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let one = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let start = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(from);
        let weight = |at: usize| (1.0 - ((at as f64 - center + 0.5) / reach).abs()).max(0.0);
        let total: f64 = (start..end).map(weight).sum();
        (start, (start..end).map(|at| (weight(at) / total) as f32).collect())
    };
    (0..to).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::PositionGrid;

    #[test]
    fn the_own_shape_is_the_table_and_halving_averages() {
        let table: Vec<f32> = (0..32_u8).map(f32::from).collect();
        let grid = PositionGrid::new(table.clone(), 4, 2);
        assert_eq!(&*grid.shaped((4, 4)), table.as_slice());
        let halved = grid.shaped((2, 2));
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        assert!((mean(&halved) - mean(&table)).abs() < 1e-4, "{halved:?}");
        // Weights 3/7, 3/7, 1/7 of rows 8 apart, mirrored below: 8 * (2 + 2/7 - 5/7).
        let apart = halved[4] - halved[0];
        assert!((apart - 8.0 * 11.0 / 7.0).abs() < 1e-4, "{apart}");
        assert_eq!(grid.shaped((1, 7)).len(), 14);
    }
}
