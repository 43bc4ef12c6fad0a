//! Positions of three numbers, and of a picture's patches.
//!
//! Text counts on in all three numbers; a picture stands still in time and counts rows and columns
//! from where it begins, and what follows goes on behind the larger of both. Which of the three
//! turns which frequency is interleaved: time, height, width, time and so on, as long as the
//! sections of height and width last.

use crate::layers::{Frequencies, Turns};

/// Time, height, width.
pub(super) type Position = [u32; 3];

/// Counts positions along a sequence.
#[derive(Default)]
pub(super) struct Counter {
    next: u32,
}

impl Counter {
    /// Positions of so many places of text.
    pub(super) fn text(&mut self, places: usize) -> impl Iterator<Item = Position> + use<> {
        let first = self.next;
        self.next += wide(places);
        (first..self.next).map(|at| [at; 3])
    }

    /// Positions of a picture's places, row by row.
    pub(super) fn image(
        &mut self,
        (down, across): (usize, usize),
    ) -> impl Iterator<Item = Position> + use<> {
        let (first, across) = (self.next, wide(across));
        self.next += wide(down).max(across);
        (0..wide(down)).flat_map(move |row| {
            (0..across).map(move |column| [first, first + row, first + column])
        })
    }
}

/// Places are far fewer than 2^32.
fn wide(places: usize) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX)
}

/// The turns of places at `positions`.
pub(super) fn turns(
    frequencies: &Frequencies,
    sections: [usize; 3],
    positions: impl Iterator<Item = Position>,
) -> Turns {
    let [_, height, width] = sections;
    let axis = |index: usize| match index % 3 {
        1 if index < 3 * height => 1,
        2 if index < 3 * width => 2,
        _ => 0,
    };
    let axes: Vec<usize> = (0..frequencies.len()).map(axis).collect();
    let mut turns = Turns::default();
    for position in positions {
        for (index, &axis) in axes.iter().enumerate() {
            turns.push(frequencies.angle(index, position[axis]));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn text_counts_on_and_pictures_count_rows_and_columns() {
        let mut counter = Counter::default();
        let mut positions: Vec<_> = counter.text(4).collect();
        positions.extend(counter.image((2, 3)));
        positions.extend(counter.text(3));
        let expected = [
            [0, 0, 0],
            [1, 1, 1],
            [2, 2, 2],
            [3, 3, 3],
            [4, 4, 4],
            [4, 4, 5],
            [4, 4, 6],
            [4, 5, 4],
            [4, 5, 5],
            [4, 5, 6],
            [7, 7, 7],
            [8, 8, 8],
            [9, 9, 9],
        ];
        assert_eq!(positions, expected);
    }
}
