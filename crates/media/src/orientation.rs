//! Turning a stored picture upright.

use crate::codec::allocate;

/// Whether an EXIF orientation swaps width and height.
pub(crate) fn swaps_sides(orientation: u8) -> bool {
    orientation >= 5
}

/// Whether the columns, and the rows, of the stored picture run against those of the upright one
/// that they become, by EXIF orientation.
pub(crate) fn mirrors(orientation: u8) -> (bool, bool) {
    (matches!(orientation, 2 | 3 | 7 | 8), matches!(orientation, 3 | 4 | 6 | 7))
}

/// Turns a row-major `width x height` RGB picture, stored with an EXIF `orientation`, upright.
///
/// The result has its sides swapped for orientations 5 to 8. `None` where memory is short.
pub(crate) fn upright(rgb: Vec<u8>, width: u32, height: u32, orientation: u8) -> Option<Vec<u8>> {
    if !(2..=8).contains(&orientation) {
        return Some(rgb);
    }
    let (w, h) = (width as usize, height as usize);
    let (out_width, out_height) = if swaps_sides(orientation) { (h, w) } else { (w, h) };
    let mut out = allocate(out_width * out_height * 3)?;
    for (y, row) in out.chunks_exact_mut(out_width * 3).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (from_x, from_y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let from = (from_y * w + from_x) * 3;
            pixel.copy_from_slice(&rgb[from..from + 3]);
        }
    }
    Some(out)
}
