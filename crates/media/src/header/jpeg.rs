//! JPEG: markers, frame header, scan count.

use super::{Header, exif, pixels};
use crate::{ColorSpace, DecodeLimits, ImageFacts, ImageFormat, MediaError, UnsupportedFeature};

const FORMAT: ImageFormat = ImageFormat::Jpeg;
const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;
/// Row buffers of the decoder per pixel of width, in bytes: four components, 32 rows of 16-bit
/// samples each, before and after upsampling.
const ROW_BUFFER_BYTES: u64 = 512;

/// One marker segment: its code and where its payload lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) marker: u8,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Walks the segments of a JPEG, skipping the entropy-coded data after each scan header. Yields
/// `EOI` last; a file that ends before it yields `None` after its last whole segment.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// The next marker code at or after `at`, past fill bytes, stuffed zeros and restart markers.
    fn next_marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|&byte| byte == 0xff)?;
            while *self.bytes.get(self.at)? == 0xff {
                self.at += 1;
            }
            let code = *self.bytes.get(self.at)?;
            self.at += 1;
            if !matches!(code, 0x00 | 0x01 | 0xd0..=0xd8) {
                return Some(code);
            }
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let marker = self.next_marker()?;
        let start = self.at;
        if marker == EOI {
            return Some(Segment { marker, start, end: start });
        }
        let length = self.bytes.get(start..start + 2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let end = start + length.max(2);
        self.bytes.get(start..end)?;
        self.at = end;
        Some(Segment { marker, start: start + 2, end })
    }
}

/// What the frame header (`SOF`) says.
struct Frame {
    width: u32,
    height: u32,
    progressive: bool,
    /// Id, horizontal and vertical sampling factor of each component.
    components: Vec<(u8, u64, u64)>,
}

/// Colour and orientation hints of the application segments.
#[derive(Default)]
struct Hints {
    jfif: bool,
    adobe_transform: Option<u8>,
    orientation: Option<u8>,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, MediaError> {
    let mut frame: Option<Frame> = None;
    let mut hints = Hints::default();
    let mut scans = 0;
    for segment in Segments::new(bytes) {
        let payload = &bytes[segment.start..segment.end];
        match segment.marker {
            EOI => {
                let frame = frame
                    .filter(|_| scans > 0)
                    .ok_or(MediaError::Broken { format: FORMAT, cause: None })?;
                return Ok(header(&frame, &hints, scans, segment.end));
            }
            SOS if frame.is_none() => {
                return Err(MediaError::broken(FORMAT, "scan before frame header"));
            }
            SOS => {
                scans += 1;
                if scans > limits.jpeg_scans_max {
                    return Err(MediaError::TooManyScans { scans_max: limits.jpeg_scans_max });
                }
            }
            0xc0..=0xc3 | 0xc5..=0xcf if segment.marker != 0xc8 => {
                if frame.is_some() {
                    return Err(MediaError::broken(FORMAT, "two frame headers"));
                }
                frame = Some(read_frame(segment.marker, payload, limits)?);
            }
            _ => read_hint(&mut hints, segment.marker, payload),
        }
    }
    Err(MediaError::Truncated { format: FORMAT })
}

fn read_hint(hints: &mut Hints, marker: u8, payload: &[u8]) {
    match marker {
        APP0 if payload.starts_with(b"JFIF\0") => hints.jfif = true,
        APP1 if payload.starts_with(b"Exif\0\0") && hints.orientation.is_none() => {
            hints.orientation = exif::orientation(payload);
        }
        APP14 if payload.starts_with(b"Adobe") => {
            hints.adobe_transform = payload.get(11).copied();
        }
        _ => {}
    }
}

fn read_frame(marker: u8, payload: &[u8], limits: &DecodeLimits) -> Result<Frame, MediaError> {
    let unsupported = |feature| MediaError::UnsupportedVariant { format: FORMAT, feature };
    match marker {
        0xc0..=0xc2 => {}
        0xc9..=0xcf => return Err(unsupported(UnsupportedFeature::ArithmeticCoding)),
        _ => return Err(unsupported(UnsupportedFeature::LosslessOrHierarchical)),
    }
    let [depth, h0, h1, w0, w1, count, rest @ ..] = payload else {
        return Err(MediaError::broken(FORMAT, "short frame header"));
    };
    let height = u32::from(u16::from_be_bytes([*h0, *h1]));
    let width = u32::from(u16::from_be_bytes([*w0, *w1]));
    if *depth != 8 {
        return Err(unsupported(UnsupportedFeature::SampleDepth));
    }
    limits.check_size(width, height)?;
    if !matches!(count, 1 | 3 | 4) {
        return Err(unsupported(UnsupportedFeature::ComponentCount));
    }
    let components: Vec<_> = rest
        .as_chunks::<3>()
        .0
        .iter()
        .take(usize::from(*count))
        .map(|&[id, sampling, _]| (id, u64::from(sampling >> 4), u64::from(sampling & 15)))
        .collect();
    let valid = components.iter().all(|(_, h, v)| (1..=4).contains(h) && (1..=4).contains(v));
    if components.len() != usize::from(*count) || !valid {
        return Err(MediaError::broken(FORMAT, "bad components in frame header"));
    }
    Ok(Frame { width, height, progressive: marker == 0xc2, components })
}

fn header(frame: &Frame, hints: &Hints, scans: u32, end: usize) -> Header {
    let mut decode_bytes = pixels(frame.width, frame.height) * 3;
    decode_bytes += u64::from(frame.width + 64) * ROW_BUFFER_BYTES;
    // One scan of a sequential picture streams row by row; all else keeps every coefficient.
    if frame.progressive || scans > 1 {
        decode_bytes += coefficient_bytes(frame);
    }
    let facts = ImageFacts {
        format: FORMAT,
        width: frame.width,
        height: frame.height,
        orientation: hints.orientation.unwrap_or(1),
        color_space: color_space(frame, hints),
        bit_depth: 8,
        has_alpha: false,
        is_animated: false,
    };
    Header { facts, decode_bytes, end }
}

/// Memory for all 16-bit coefficients, in bytes.
fn coefficient_bytes(frame: &Frame) -> u64 {
    let h_max = frame.components.iter().map(|(_, h, _)| *h).max().unwrap_or(1);
    let v_max = frame.components.iter().map(|(_, _, v)| *v).max().unwrap_or(1);
    let units_x = u64::from(frame.width).div_ceil(8 * h_max);
    let units_y = u64::from(frame.height).div_ceil(8 * v_max);
    frame.components.iter().map(|(_, h, v)| units_x * h * units_y * v * 64 * 2).sum()
}

fn color_space(frame: &Frame, hints: &Hints) -> ColorSpace {
    let ids: Vec<u8> = frame.components.iter().map(|(id, ..)| *id).collect();
    match (ids.as_slice(), hints.adobe_transform) {
        ([_], _) => ColorSpace::Grayscale,
        ([_, _, _, _], Some(2)) => ColorSpace::Ycck,
        ([_, _, _, _], _) => ColorSpace::Cmyk,
        (b"RGB", _) => ColorSpace::Rgb,
        (_, Some(0)) if !hints.jfif => ColorSpace::Rgb,
        _ => ColorSpace::YCbCr,
    }
}
