//! The protocol over in-memory streams.

use std::io::{self, Cursor, Read};

use super::*;
use crate::{
    DecodeLimits, Fit, ImageFormat, MediaError, PreprocessSpec, Resample, UnsupportedFeature,
};

fn spec() -> PreprocessSpec {
    let (mean, std) = ([0.1, 0.5, 0.906_25], [0.25, 0.225, 1.0 / 3.0]);
    PreprocessSpec {
        fit: Fit::Squash { width: 3, height: 2 },
        resample: Resample::Bicubic,
        mean,
        std,
    }
}

/// A 4 x 2 picture.
fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..24).map(|value| value * 10).collect();
    let mut encoder = ::png::Encoder::new(&mut bytes, 4, 2);
    encoder.set_color(::png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

fn request(image: &[u8], task: Task) -> Request<'_> {
    Request { limits: DecodeLimits::default(), task, image }
}

/// A stream that gives one byte per read.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

fn replies(mut output: &[u8], bytes_max: u64) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some(payload) = read_frame(&mut output, bytes_max).unwrap() {
        replies.push(Reply::decode(&payload).unwrap());
    }
    replies
}

#[test]
fn serves_pictures_and_refusals_one_after_the_other() {
    let image = png();
    let tasks = [
        request(&image, Task::Prepare(spec())),
        request(b"<svg/>", Task::Check),
        request(&image[..40], Task::Prepare(spec())),
        request(&image, Task::Check),
    ];
    let input: Vec<u8> = tasks.iter().flat_map(Request::encode).collect();
    let mut output = Vec::new();
    serve(Trickle(Cursor::new(input)), &mut output).unwrap();
    let limits = DecodeLimits::default();
    let facts = crate::inspect(&image, &limits).unwrap();
    let expected = [
        Reply::Prepared {
            facts: facts.clone(),
            image: crate::prepare(&image, &limits, &spec()).unwrap(),
        },
        Reply::Refused(MediaError::UnsupportedType),
        Reply::Refused(MediaError::Truncated { format: ImageFormat::Png }),
        Reply::Checked { facts },
    ];
    assert_eq!(replies(&output, tasks[0].reply_bytes_max()), expected);
}

#[test]
fn a_request_travels_unchanged_whole_or_in_two_parts() {
    let image = png();
    let request = request(&image, Task::Prepare(spec()));
    let frame = request.encode();
    assert_eq!([request.encode_head(), image.clone()].concat(), frame);
    assert_eq!(Request::decode(&frame[FRAME_PREFIX_BYTES..]).unwrap(), request);
}

#[test]
fn every_kind_of_error_travels_unchanged() {
    let format = ImageFormat::Jpeg;
    let (width, height) = (60_000, 2);
    let errors = [
        MediaError::UnsupportedType,
        MediaError::UnsupportedVariant { format, feature: UnsupportedFeature::SampleDepth },
        MediaError::TooManyBytes { bytes: 1 << 40, bytes_max: 3 },
        MediaError::TooManyPixels { width, height, pixels_max: 9 },
        MediaError::SideTooLong { width, height, side_px_max: 16_384 },
        MediaError::SideTooShort { width, height, side_px_min: 3 },
        MediaError::TooManyScans { scans_max: 64 },
        MediaError::TooMuchMemory { format, width, height, bytes: 5, bytes_max: 4 },
        MediaError::Truncated { format },
        MediaError::broken(format, "a \"quoted\" cause"),
        MediaError::Broken { format, cause: None },
        MediaError::InvalidSpec { width: 0, height: 1 },
    ];
    for error in errors {
        let frame = Reply::Refused(error.clone()).encode();
        let Reply::Refused(arrived) = Reply::decode(&frame[FRAME_PREFIX_BYTES..]).unwrap() else {
            panic!("not a refusal");
        };
        assert_eq!(arrived, error);
        assert_eq!(arrived.to_string(), error.to_string());
        assert!(!error.to_string().contains("quoted"), "library text reached the user");
    }
}

#[test]
fn a_lying_prefix_is_refused_before_anything_is_read() {
    let announced = 100_u64.to_le_bytes();
    assert!(matches!(
        payload_length(announced, 99),
        Err(ProtocolError::TooLong { bytes: 100, bytes_max: 99 })
    ));
    assert_eq!(payload_length(announced, 100).unwrap(), 100);
    let endless = u64::MAX.to_le_bytes();
    let result = serve(endless.as_slice(), io::sink());
    assert!(matches!(result, Err(ProtocolError::TooLong { .. })));
}

#[test]
fn frames_that_break_the_protocol_end_the_service() {
    let whole = request(&png(), Task::Check).encode();
    for length in 1..whole.len() {
        let result = serve(&whole[..length], io::sink());
        assert!(matches!(result, Err(ProtocolError::Io(_))), "{length} bytes");
    }
    let broken: [&[u8]; 4] = [b"", b"\x01\0\0", b"\xff\xff\xff\xff{}", b"\x02\0\0\0{}"];
    for payload in broken {
        let frame = [(payload.len() as u64).to_le_bytes().as_slice(), payload].concat();
        assert!(serve(frame.as_slice(), io::sink()).is_err(), "{payload:?}");
    }
}

#[test]
fn a_reply_with_too_few_or_too_many_pixels_is_refused() {
    let image = png();
    let frame = answer(&request(&image, Task::Prepare(spec()))).encode();
    let payload = &frame[FRAME_PREFIX_BYTES..];
    assert!(Reply::decode(payload).is_ok());
    let short = &payload[..payload.len() - 1];
    assert!(matches!(Reply::decode(short), Err(ProtocolError::Parts)));
    let long = [payload, &[0]].concat();
    assert!(matches!(Reply::decode(&long), Err(ProtocolError::Parts)));
}
