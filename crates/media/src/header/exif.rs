//! The one EXIF field that changes pixels: the orientation.

const TAG_ORIENTATION: u16 = 0x0112;
const TYPE_BYTE: u16 = 1;
const TYPE_SHORT: u16 = 3;
const TYPE_LONG: u16 = 4;
/// Entries of the first directory looked at; real ones have a few dozen.
const ENTRIES_MAX: u16 = 1024;
const ENTRY_BYTES: usize = 12;

/// The orientation (1 to 8) in the first directory of an EXIF block, with or without its `Exif`
/// prefix. `None` where there is none or it is invalid: a broken EXIF block breaks no picture.
pub(super) fn orientation(exif: &[u8]) -> Option<u8> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let big_endian = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let pair: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let four: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let entries = u16_at(directory)?.min(ENTRIES_MAX);
    for index in 0..usize::from(entries) {
        let entry = directory.checked_add(2 + index * ENTRY_BYTES)?;
        if u16_at(entry)? != TAG_ORIENTATION {
            continue;
        }
        let value = match u16_at(entry + 2)? {
            TYPE_BYTE => u32::from(*tiff.get(entry + 8)?),
            TYPE_SHORT => u32::from(u16_at(entry + 8)?),
            TYPE_LONG => u32_at(entry + 8)?,
            _ => return None,
        };
        return u8::try_from(value).ok().filter(|value| (1..=8).contains(value));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::orientation;

    fn block(value: u16, big_endian: bool) -> Vec<u8> {
        let two = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let four = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(four(8));
        bytes.extend(two(2));
        for (tag, value) in [(0x010f, 0), (0x0112, value)] {
            bytes.extend(two(tag));
            bytes.extend(two(3));
            bytes.extend(four(1));
            bytes.extend(two(value));
            bytes.extend(two(0));
        }
        bytes
    }

    #[test]
    fn reads_both_byte_orders_and_refuses_invalid_values() {
        for big_endian in [false, true] {
            for value in 1..=8 {
                let expected = u8::try_from(value).ok();
                assert_eq!(orientation(&block(value, big_endian)), expected);
                let prefixed = [b"Exif\0\0".as_slice(), &block(value, big_endian)].concat();
                assert_eq!(orientation(&prefixed), expected);
            }
            for value in [0, 9, 255, 256, 65_535] {
                assert_eq!(orientation(&block(value, big_endian)), None);
            }
        }
    }

    #[test]
    fn a_block_that_ends_early_or_points_outside_has_none() {
        let whole = block(6, false);
        // The last four bytes are the value's two and two of padding.
        for length in 0..whole.len() - 2 {
            assert_eq!(orientation(&whole[..length]), None, "{length}");
        }
        let mut outside = whole;
        outside[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(orientation(&outside), None);
    }
}
