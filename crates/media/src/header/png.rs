//! PNG: chunks, up to and including `IEND`.

use super::reader::Reader;
use super::{Header, exif, pixels};
use crate::{ColorSpace, DecodeLimits, ImageFacts, ImageFormat, MediaError};

/// Type and data of a chunk.
type Chunk<'a> = ([u8; 4], &'a [u8]);

const FORMAT: ImageFormat = ImageFormat::Png;
const SIGNATURE_BYTES: usize = 8;
/// Longest chunk the format allows.
const CHUNK_BYTES_MAX: u32 = 0x7fff_ffff;
/// Deflate cannot expand by more than 1,032 to 1; rounded up.
const INFLATE_RATIO_MAX: u64 = 1_040;
/// Decoder state in bytes: inflate window, row buffers' fixed part, palette.
const DECODER_BYTES: u64 = 1 << 20;

/// `IHDR`.
#[derive(Clone, Copy)]
struct ImageHeader {
    width: u32,
    height: u32,
    bit_depth: u8,
    color_type: u8,
}

impl ImageHeader {
    fn channels(self) -> u64 {
        match self.color_type {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        }
    }

    /// Bytes of one row of the whole picture, without its filter byte.
    fn row_bytes(self) -> u64 {
        (u64::from(self.width) * self.channels() * u64::from(self.bit_depth)).div_ceil(8)
    }
}

/// What the chunks after `IHDR` say.
#[derive(Default)]
struct Seen {
    palette: bool,
    transparency: bool,
    animation: bool,
    orientation: Option<u8>,
    data_bytes: u64,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, MediaError> {
    let truncated = MediaError::Truncated { format: FORMAT };
    let mut reader = Reader::new(bytes);
    reader.take(SIGNATURE_BYTES).ok_or(truncated.clone())?;
    let (kind, data) = chunk(&mut reader)?.ok_or(truncated.clone())?;
    if &kind != b"IHDR" {
        return Err(MediaError::broken(FORMAT, "first chunk is not IHDR"));
    }
    let image = image_header(data, limits)?;
    let mut seen = Seen::default();
    while let Some((kind, data)) = chunk(&mut reader)? {
        if &kind == b"IEND" {
            return finish(image, &seen, reader.position());
        }
        see(&mut seen, image, kind, data)?;
    }
    Err(truncated)
}

/// The next chunk's type and data, its checksum skipped; `None` at the end of the file.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<Option<Chunk<'a>>, MediaError> {
    let Some(length) = reader.u32_be() else { return Ok(None) };
    if length > CHUNK_BYTES_MAX {
        return Err(MediaError::broken(FORMAT, "chunk longer than the format allows"));
    }
    let read = |reader: &mut Reader<'a>| {
        let kind = reader.array::<4>()?;
        let data = reader.take(usize::try_from(length).ok()?)?;
        reader.take(4)?;
        Some((kind, data))
    };
    Ok(read(reader))
}

fn image_header(data: &[u8], limits: &DecodeLimits) -> Result<ImageHeader, MediaError> {
    let data: &[u8; 13] =
        data.try_into().map_err(|_| MediaError::broken(FORMAT, "IHDR of a wrong length"))?;
    let [w0, w1, w2, w3, h0, h1, h2, h3, bit_depth, color_type, method, filter, interlace] = *data;
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    limits.check_size(width, height)?;
    let depth_fits = match color_type {
        0 => matches!(bit_depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(bit_depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(bit_depth, 8 | 16),
        _ => false,
    };
    if !depth_fits || method != 0 || filter != 0 || interlace > 1 {
        return Err(MediaError::broken(FORMAT, "IHDR with impossible values"));
    }
    Ok(ImageHeader { width, height, bit_depth, color_type })
}

fn see(seen: &mut Seen, image: ImageHeader, kind: [u8; 4], data: &[u8]) -> Result<(), MediaError> {
    match &kind {
        b"IHDR" => return Err(MediaError::broken(FORMAT, "two IHDR chunks")),
        b"PLTE" => seen.palette = true,
        b"tRNS" => seen.transparency = true,
        b"acTL" => seen.animation = true,
        b"eXIf" if seen.orientation.is_none() => seen.orientation = exif::orientation(data),
        b"IDAT" => {
            if image.color_type == 3 && !seen.palette {
                return Err(MediaError::broken(FORMAT, "palette picture without a palette"));
            }
            seen.data_bytes += data.len() as u64;
        }
        // The control chunk of a first frame that is the default picture must span the canvas;
        // the decoder would otherwise read fewer pixels than the header says.
        b"fcTL" if seen.data_bytes == 0 => {
            let mut expected = [0; 16];
            expected[..4].copy_from_slice(&image.width.to_be_bytes());
            expected[4..8].copy_from_slice(&image.height.to_be_bytes());
            if data.get(4..20) != Some(&expected) {
                return Err(MediaError::broken(FORMAT, "first frame does not span the canvas"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn finish(image: ImageHeader, seen: &Seen, end: usize) -> Result<Header, MediaError> {
    if seen.data_bytes == 0 {
        return Err(MediaError::broken(FORMAT, "no image data"));
    }
    let raw_bytes = image.row_bytes() * u64::from(image.height);
    if raw_bytes / INFLATE_RATIO_MAX > seen.data_bytes {
        // However it is compressed, this little data cannot hold that many pixels.
        return Err(MediaError::Truncated { format: FORMAT });
    }
    let facts = ImageFacts {
        format: FORMAT,
        width: image.width,
        height: image.height,
        orientation: seen.orientation.unwrap_or(1),
        color_space: match image.color_type {
            0 | 4 => ColorSpace::Grayscale,
            3 => ColorSpace::Indexed,
            _ => ColorSpace::Rgb,
        },
        bit_depth: image.bit_depth,
        has_alpha: matches!(image.color_type, 4 | 6) || seen.transparency,
        is_animated: seen.animation,
    };
    // Rows are converted one by one: the RGB picture, a few rows and the inflate state.
    let rows = u64::from(image.width) * 8 * 8;
    let decode_bytes = pixels(image.width, image.height) * 3 + rows + DECODER_BYTES;
    Ok(Header { facts, decode_bytes, end })
}
