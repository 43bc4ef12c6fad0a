//! Sequences laid out place by place.

use super::positions::{Counter, Position};
use super::vision::VisionTower;
use crate::{EncodedImage, Part, Sequence};

/// What stands at a run of places.
pub(super) enum Run<'a> {
    Tokens(&'a [u32]),
    Image(&'a EncodedImage),
}

/// Sequences end to end.
pub(super) struct Layout<'a> {
    pub(super) runs: Vec<Run<'a>>,
    pub(super) positions: Vec<Position>,
    /// Where each sequence starts, and last where all end.
    pub(super) offsets: Vec<usize>,
}

impl<'a> Layout<'a> {
    /// Lays out sequences whose pictures are encoded.
    pub(super) fn of(batch: &'a [Sequence], vision: &VisionTower) -> Self {
        let mut layout = Self { runs: Vec::new(), positions: Vec::new(), offsets: vec![0] };
        for sequence in batch {
            let mut counter = Counter::default();
            for part in &sequence.parts {
                match part {
                    Part::Text(ids) | Part::Frame(ids) => {
                        layout.positions.extend(counter.text(ids.len()));
                        layout.runs.push(Run::Tokens(ids));
                    }
                    Part::Encoded(image) => {
                        let grid = vision.places(image.width, image.height);
                        layout.positions.extend(counter.image(grid));
                        layout.runs.push(Run::Image(image));
                    }
                    Part::Image(_) => unreachable!("pictures are encoded before"),
                }
            }
            layout.offsets.push(layout.positions.len());
        }
        layout
    }
}
