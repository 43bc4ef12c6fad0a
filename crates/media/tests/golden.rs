//! Pixels compared with Pillow's, stored by `golden/make.py`.

#![expect(clippy::print_stdout, reason = "the differences are worth reading")]
#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use onespace_media::{DecodeLimits, Fit, PreprocessSpec, Resample, decode, inspect, prepare};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    decode: Vec<PictureCase>,
    prepare: Vec<PictureCase>,
    resize: Vec<ResizeCase>,
}

#[derive(Deserialize)]
struct PictureCase {
    picture: String,
    expected: String,
    /// Largest difference allowed, in grey levels per channel.
    tolerance: u8,
}

#[derive(Deserialize)]
struct ResizeCase {
    pattern: String,
    width: u32,
    height: u32,
    expected: String,
}

/// Width, height, row-major RGB.
type Pixels = (u32, u32, Vec<u8>);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn cases() -> Cases {
    serde_json::from_slice(&fs::read(folder().join("cases.json")).unwrap()).unwrap()
}

fn picture(name: &str) -> Vec<u8> {
    fs::read(folder().join("pictures").join(name)).unwrap()
}

fn expected(name: &str) -> Pixels {
    let file = fs::File::open(folder().join("expected").join(name)).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgb).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    (info.width, info.height, rgb)
}

/// A PNG of a pattern that `make.py` makes by the same formula.
fn patterned(case: &ResizeCase) -> Vec<u8> {
    let (width, height) = (case.width, case.height);
    let mut rgb = Vec::new();
    for y in 0..u64::from(height) {
        for x in 0..u64::from(width) {
            let block = if (x / 5 + y / 3) & 1 == 1 { 255 } else { 0 };
            rgb.extend(match case.pattern.as_str() {
                "noise" => [0, 85, 170]
                    .map(|shift| ((x * x * 3 + y * y * 5 + x * y * 7 + shift) >> 3 & 255) as u8),
                _ => [block, 255 - block, block],
            });
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&rgb).unwrap();
    writer.finish().unwrap();
    bytes
}

fn spec(width: u32, height: u32) -> PreprocessSpec {
    let (mean, std) = ([0.5; 3], [0.5; 3]);
    PreprocessSpec { fit: Fit::Squash { width, height }, resample: Resample::Bicubic, mean, std }
}

/// Reports the largest and the mean difference, and whether it is within the tolerance.
fn compare(name: &str, ours: &Pixels, theirs: &Pixels, tolerance: u8) -> bool {
    assert_eq!((ours.0, ours.1), (theirs.0, theirs.1), "{name}: size");
    assert_eq!(ours.2.len(), theirs.2.len(), "{name}: length");
    let differences = || ours.2.iter().zip(&theirs.2).map(|(a, b)| a.abs_diff(*b));
    let largest = differences().max().unwrap();
    let mean = differences().map(f64::from).sum::<f64>() / ours.2.len() as f64;
    println!("{name:44} largest {largest:3} (allowed {tolerance}), mean {mean:.3}");
    largest <= tolerance
}

#[test]
fn decodes_as_pillow_does() {
    let limits = DecodeLimits::default();
    let mut failed = Vec::new();
    for case in cases().decode {
        let bytes = picture(&case.picture);
        let image = decode(&bytes, &limits).unwrap_or_else(|e| panic!("{}: {e:?}", case.picture));
        let facts = inspect(&bytes, &limits).unwrap();
        assert_eq!(facts.oriented_size(), (image.width, image.height), "{}", case.picture);
        let ours = (image.width, image.height, image.rgb);
        if !compare(&case.picture, &ours, &expected(&case.expected), case.tolerance) {
            failed.push(case.picture);
        }
    }
    assert!(failed.is_empty(), "too far from Pillow: {failed:?}");
}

#[test]
fn prepares_as_pillow_does() {
    let limits = DecodeLimits::default();
    let mut failed = Vec::new();
    for case in cases().prepare {
        let theirs = expected(&case.expected);
        let spec = spec(theirs.0, theirs.1);
        let image = prepare(&picture(&case.picture), &limits, &spec).unwrap();
        let ours = (image.width, image.height, image.rgb.to_vec());
        if !compare(&case.expected, &ours, &theirs, case.tolerance) {
            failed.push(case.expected);
        }
    }
    assert!(failed.is_empty(), "too far from Pillow: {failed:?}");
}

#[test]
fn resizes_bit_for_bit_as_pillow_does() {
    let limits = DecodeLimits::default();
    let mut failed = Vec::new();
    for case in cases().resize {
        let theirs = expected(&case.expected);
        let image = prepare(&patterned(&case), &limits, &spec(theirs.0, theirs.1)).unwrap();
        let ours = (image.width, image.height, image.rgb.to_vec());
        if !compare(&case.expected, &ours, &theirs, 0) {
            failed.push(case.expected);
        }
    }
    assert!(failed.is_empty(), "too far from Pillow: {failed:?}");
}
