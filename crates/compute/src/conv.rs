//! 3x3 convolution over maps in `[images, height, width, channels]` order.
//!
//! A block of output positions at a time is unfolded into rows of 9 x channels numbers, in
//! buffers that stay in cache, and multiplied by the packed weights.

use crate::gemm::{Finish, PackedMatrix, matmul};
use crate::{Isa, Precision, Workspace};

/// Positions on each side of a 3x3 window.
const KERNEL: usize = 3;

/// Unfolded rows are held for about this many bytes at a time...
const UNFOLDED_BYTES: usize = 256 << 10;
/// ...but for no fewer positions than this, so that the weights are not read too often. A
/// multiple of every tile height.
const UNFOLDED_POSITIONS_MIN: usize = 96;

/// The shape of a batch of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapShape {
    /// Maps in the batch.
    pub images: usize,
    /// Positions from top to bottom.
    pub height: usize,
    /// Positions from left to right.
    pub width: usize,
    /// Numbers per position.
    pub channels: usize,
}

impl MapShape {
    /// Numbers in the batch.
    #[must_use]
    pub fn length(self) -> usize {
        self.positions() * self.channels
    }

    /// Positions in the batch.
    #[must_use]
    pub fn positions(self) -> usize {
        self.images * self.height * self.width
    }
}

/// A batch of maps.
#[derive(Clone, Copy)]
pub struct Maps<'a> {
    /// Their shape.
    pub shape: MapShape,
    /// `[images, height, width, channels]`
    pub values: &'a [f32],
}

/// A 3x3 convolution with padding 1 and a bias, in `f32`.
pub struct Conv3x3 {
    weights: PackedMatrix,
    bias: Vec<f32>,
    channels: usize,
    stride: usize,
}

impl Conv3x3 {
    /// Packs `weights`, `[outputs, 3, 3, channels]`; `bias` has one number per output.
    ///
    /// # Panics
    /// If the weights do not fit the bias, or the stride is neither 1 nor 2.
    #[must_use]
    pub fn new(isa: Isa, weights: &[f32], bias: Vec<f32>, stride: usize) -> Self {
        assert!(stride == 1 || stride == 2, "stride {stride} is neither 1 nor 2");
        let window = bias.len() * KERNEL * KERNEL;
        assert!(window > 0 && weights.len().is_multiple_of(window), "weights do not fit the bias");
        let channels = weights.len() / window;
        let weights = PackedMatrix::pack(isa, Precision::F32, weights, KERNEL * KERNEL * channels);
        Self { weights, bias, channels, stride }
    }

    /// The shape of the output for an input of that shape.
    #[must_use]
    pub fn output_shape(&self, input: MapShape) -> MapShape {
        MapShape {
            images: input.images,
            height: input.height.div_ceil(self.stride),
            width: input.width.div_ceil(self.stride),
            channels: self.bias.len(),
        }
    }

    /// Multiply-adds for an input of that shape.
    #[must_use]
    pub fn multiply_adds(&self, input: MapShape) -> u64 {
        let per_position = self.weights.inputs() as u64 * self.weights.outputs() as u64;
        self.output_shape(input).positions() as u64 * per_position
    }

    /// Writes `activation(convolution + bias [+ out])`; the bias is the convolution's own, and
    /// any in `finish` is ignored.
    ///
    /// `out` has the length of [`Conv3x3::output_shape`].
    ///
    /// # Panics
    /// If a length or the number of channels does not fit.
    pub fn apply(
        &self,
        input: Maps<'_>,
        finish: Finish<'_>,
        out: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let shape = self.output_shape(input.shape);
        assert_eq!(input.shape.channels, self.channels, "convolution over other channels");
        assert_eq!(input.values.len(), input.shape.length(), "maps do not fit their shape");
        assert_eq!(out.len(), shape.length(), "output does not fit its shape");
        let row = KERNEL * KERNEL * self.channels;
        let block = positions_per_block(row).min(shape.positions());
        let mut unfolded = workspace.scratch.take(block * row);
        let finish = Finish { bias: Some(&self.bias), ..finish };
        for (index, out) in out.chunks_mut(block * shape.channels).enumerate() {
            let positions = out.len() / shape.channels;
            let rows = &mut unfolded[..positions * row];
            for (offset, row) in rows.chunks_exact_mut(row).enumerate() {
                let position = index * block + offset;
                let (image, y, x) = place(position, shape);
                unfold(input, image, (y * self.stride, x * self.stride), row);
            }
            matmul(workspace.cpu, rows, &self.weights, finish, out);
        }
        workspace.scratch.put(unfolded);
    }
}

fn positions_per_block(row: usize) -> usize {
    let positions = UNFOLDED_BYTES / (row * size_of::<f32>());
    positions.next_multiple_of(UNFOLDED_POSITIONS_MIN)
}

fn place(position: usize, shape: MapShape) -> (usize, usize, usize) {
    let (rest, x) = (position / shape.width, position % shape.width);
    (rest / shape.height, rest % shape.height, x)
}

/// Copies the window around the input position `(y, x)`, with zeros outside of the map.
fn unfold(input: Maps<'_>, image: usize, (y, x): (usize, usize), row: &mut [f32]) {
    let MapShape { height, width, channels, .. } = input.shape;
    let line = KERNEL * channels;
    // Columns x - 1 ..= x + 1, of which those inside the map are copied.
    let (left, right) = (x.saturating_sub(1), (x + 2).min(width));
    let skipped = (left + 1 - x) * channels;
    let copied = (right - left) * channels;
    for (index, target) in row.chunks_exact_mut(line).enumerate() {
        let source_y = (y + index).checked_sub(1).filter(|&source_y| source_y < height);
        let Some(source_y) = source_y else {
            target.fill(0.0);
            continue;
        };
        let start = ((image * height + source_y) * width + left) * channels;
        target[..skipped].fill(0.0);
        target[skipped..skipped + copied].copy_from_slice(&input.values[start..start + copied]);
        target[skipped + copied..].fill(0.0);
    }
}
