//! Pictures to one vector per square patch: a convolution whose stride is its size.

use onespace_compute::{Finish, Workspace};
use onespace_media::PreparedImage;

use super::{Linear, Packing};

const RGB: usize = 3;
/// What is subtracted from a byte, so that the multiply sees small whole numbers, which every
/// precision holds exactly.
const MIDDLE: f32 = 128.0;

/// The patch embedding, with the normalisation of the pixels folded into its weights.
pub(crate) struct PatchEmbedding {
    projection: Linear,
    bias: Vec<f32>,
    patch_px: usize,
}

/// In which order a patch's numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchOrder {
    /// Channel, row, column: a convolution's.
    ChannelFirst,
    /// Row, column, channel.
    ChannelLast,
}

impl PatchEmbedding {
    /// From weights `[outputs, 3 * patch_px * patch_px]` in the given order and a bias
    /// `[outputs]`, which expect `(byte / 255 - mean) / std`.
    pub(crate) fn new(
        packing: Packing,
        (weights, order): (&[f32], PatchOrder),
        mut bias: Vec<f32>,
        patch_px: usize,
        (mean, std): ([f32; RGB], [f32; RGB]),
    ) -> Self {
        let area = patch_px * patch_px;
        let inputs = RGB * area;
        let mut folded = vec![0.0; weights.len()];
        let rows = weights.chunks_exact(inputs).zip(folded.chunks_exact_mut(inputs));
        for ((row, folded), bias) in rows.zip(&mut bias) {
            let mut shift = f64::from(*bias);
            for (at, folded) in folded.iter_mut().enumerate() {
                let (pixel, channel) = (at / RGB, at % RGB);
                let weight = f64::from(match order {
                    PatchOrder::ChannelFirst => row[channel * area + pixel],
                    PatchOrder::ChannelLast => row[at],
                });
                let (mean, std) = (f64::from(mean[channel]), f64::from(std[channel]));
                shift += weight * (f64::from(MIDDLE) / 255.0 - mean) / std;
                *folded = rounded(weight / (255.0 * std));
            }
            *bias = rounded(shift);
        }
        let projection = Linear::new(packing, &folded, inputs, Some(bias.clone()));
        Self { projection, bias, patch_px }
    }

    /// What is added to every place, those of other things than patches included.
    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// Patches of a picture, down and across; a rest that fills no patch is left out.
    pub(crate) fn grid(&self, width: u32, height: u32) -> (usize, usize) {
        (height as usize / self.patch_px, width as usize / self.patch_px)
    }

    /// Multiply-adds per patch.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.projection.multiply_adds()
    }

    /// Adds the patches' vectors, and the bias, to `hidden`, `[places, width]`. Each image has
    /// `before` other places in front of its patches.
    pub(crate) fn add(
        &self,
        images: &[&PreparedImage],
        before: usize,
        hidden: &mut [f32],
        workspace: &mut Workspace,
    ) {
        let inputs = self.projection.inputs();
        let places = hidden.len() / self.projection.outputs();
        let mut rows = workspace.scratch.take(places * inputs);
        let mut rest = &mut rows[..];
        for image in images {
            let (down, across) = self.grid(image.width, image.height);
            let (other, behind) = rest.split_at_mut(before * inputs);
            other.fill(0.0);
            let (patches, behind) = behind.split_at_mut(down * across * inputs);
            self.gather(image, patches);
            rest = behind;
        }
        let finish = Finish::default().accumulate();
        self.projection.apply(workspace.cpu, &rows, finish, hidden);
        workspace.scratch.put(rows);
    }

    /// Writes the bytes of each patch, row by row, as numbers around 0.
    fn gather(&self, image: &PreparedImage, patches: &mut [f32]) {
        let (_, across) = self.grid(image.width, image.height);
        let (line, row_bytes) = (RGB * self.patch_px, RGB * image.width as usize);
        for (index, patch) in patches.chunks_exact_mut(line * self.patch_px).enumerate() {
            let (top, left) = (index / across * self.patch_px, index % across * line);
            for (y, out) in patch.chunks_exact_mut(line).enumerate() {
                let bytes = &image.rgb[(top + y) * row_bytes + left..][..line];
                for (out, &byte) in out.iter_mut().zip(bytes) {
                    *out = f32::from(byte) - MIDDLE;
                }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn rounded(value: f64) -> f32 {
    value as f32
}
