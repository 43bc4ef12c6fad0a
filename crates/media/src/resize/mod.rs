//! Resampling a picture, antialiased: bit for bit as Pillow 11, or as torchvision's tensor backend.
//!
//! Both round weights to fixed point and sums to 8 bits after each pass. Pillow's weights have 22
//! fractional bits; such a weight is kept as two 16-bit halves, because processors multiply 16-bit
//! numbers in bulk. Torchvision's (in fact ATen's `_upsample_bicubic2d_aa` and
//! `_upsample_bilinear2d_aa` on 8-bit tensors) are 16-bit numbers with as many fractional bits as
//! the largest weight of the axis leaves room for.
//!
//! Pillow up to 11 always goes along the rows first, and so does torchvision; Pillow 12 and 13 go
//! along the columns first for some shapes whose height shrinks much more than the width. The order
//! shows where overshoot is clipped between the passes. Rows first is what ten years of models were
//! trained with, so it is kept for all shapes.
//!
//! Only what is kept of the resized picture is computed: a cut from the middle of a picture of any
//! shape needs no more memory than the cut.

mod passes;
mod taps;

use crate::Resample;
use crate::spec::{Axis, Size};
use passes::{horizontal, vertical};
use taps::AxisTaps;

/// Which axis is resampled first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FirstAxis {
    /// Along the rows.
    Horizontal,
    /// Along the columns: along the rows of a picture that is turned sideways afterwards.
    Vertical,
}

/// What becomes of a stored picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) from: Size,
    pub(crate) across: Axis,
    pub(crate) down: Axis,
    pub(crate) first: FirstAxis,
}

impl Plan {
    /// Size between the two passes.
    pub(crate) fn halfway(self) -> Size {
        match self.first {
            FirstAxis::Horizontal => Size { width: self.across.kept, height: self.from.height },
            FirstAxis::Vertical => Size { width: self.from.width, height: self.down.kept },
        }
    }

    /// Size of the result: what is kept, without black around it.
    pub(crate) fn kept(self) -> Size {
        Size { width: self.across.kept, height: self.down.kept }
    }
}

/// Resamples a row-major RGB picture of `plan.from`. `None` where memory is short.
pub(crate) fn resize(rgb: Vec<u8>, plan: Plan, resample: Resample) -> Option<Vec<u8>> {
    let (from, halfway, kept) = (plan.from, plan.halfway(), plan.kept());
    let along = |rgb: Vec<u8>, from: Size, to: Size| {
        if plan.across == Axis::whole(from.width) {
            return Some(rgb);
        }
        horizontal(&rgb, from, to, &AxisTaps::new(from.width, plan.across, resample))
    };
    let down = |rgb: Vec<u8>, from: Size, to: Size| {
        if plan.down == Axis::whole(from.height) {
            return Some(rgb);
        }
        vertical(&rgb, from, to, &AxisTaps::new(from.height, plan.down, resample))
    };
    match plan.first {
        FirstAxis::Horizontal => down(along(rgb, from, halfway)?, halfway, kept),
        FirstAxis::Vertical => along(down(rgb, from, halfway)?, halfway, kept),
    }
}
