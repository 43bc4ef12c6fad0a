//! Files made to hurt, and files that only look odd: each has its expected outcome.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod build;

use build::{SCAN, black_png, gif, gif_frame, golden, ihdr, png, sof, vp8x, webp, webp_chunk};
use onespace_media::{
    ColorSpace, DecodeLimits, ImageFormat, MediaError, RgbImage, decode, inspect,
};

const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

fn decoded(bytes: &[u8]) -> Result<RgbImage, MediaError> {
    decode(bytes, &DecodeLimits::default())
}

fn refused(bytes: &[u8]) -> MediaError {
    decoded(bytes).expect_err("decodes")
}

fn pixel(image: &RgbImage, x: usize, y: usize) -> [u8; 3] {
    let at = (y * image.width as usize + x) * 3;
    image.rgb[at..at + 3].try_into().unwrap()
}

fn with_app(jpeg: &[u8], marker: u8, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    for payload in payloads {
        bytes.extend([0xff, marker]);
        bytes.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
        bytes.extend(payload);
    }
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn other_files_are_named_as_such_whatever_they_are_called() {
    let others: [&[u8]; 12] = [
        b"",
        b"\0",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        b"<!doctype html><title>404</title>",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypmp42",
        b"\0\0\0\x18ftypheic",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"#?RADIANCE\n",
        b"BM\x36\0\0\0",
    ];
    for bytes in others {
        assert_eq!(refused(bytes), MediaError::UnsupportedType);
    }
    assert!(refused(b"").to_string().contains("JPEG, PNG, WebP or GIF"));
}

#[test]
fn limits_are_checked_before_pixels() {
    let limits = DecodeLimits::default();
    let long = vec![0; 32 * 1024 * 1024 + 1];
    let too_long = MediaError::TooManyBytes { bytes: long.len() as u64, bytes_max: 32 << 20 };
    assert_eq!(inspect(&long, &limits), Err(too_long));
    for (width, height) in [(16_385, 1), (1, 16_385), (0x7fff_ffff, 0x7fff_ffff), (u32::MAX, 2)] {
        let head = png(&[(b"IHDR", &ihdr(width, height, 6))]);
        let side_px_max = 16_384;
        assert_eq!(refused(&head), MediaError::SideTooLong { width, height, side_px_max });
    }
    for (width, height) in [(0, 0), (0, 5), (5, 0)] {
        let head = png(&[(b"IHDR", &ihdr(width, height, 2))]);
        assert_eq!(refused(&head), MediaError::SideTooShort { width, height, side_px_min: 1 });
    }
    let square = png(&[(b"IHDR", &ihdr(7072, 7072, 0))]);
    let (width, height) = (7072, 7072);
    let expected = MediaError::TooManyPixels { width, height, pixels_max: 50_000_000 };
    assert_eq!(refused(&square), expected);
    assert!(expected.to_string().contains("50013184"), "{expected}");
    let jpeg = [&[0xff, 0xd8][..], &sof(0xc0, 65_535, 65_535)].concat();
    assert!(matches!(refused(&jpeg), MediaError::SideTooLong { .. }));
    assert!(matches!(refused(&gif(65_535, 65_535, &[])), MediaError::SideTooLong { .. }));
    let extended = webp(&[(b"VP8X", &vp8x(0, 1 << 24, 1 << 24))]);
    assert!(matches!(refused(&extended), MediaError::SideTooLong { .. }));
    let small = DecodeLimits { image_side_px_min: 38, ..limits };
    assert!(matches!(inspect(&golden("rgb.png"), &small), Err(MediaError::SideTooShort { .. })));
}

#[test]
fn memory_is_part_of_the_limits() {
    let limits = DecodeLimits { decode_bytes_max: 1 << 20, ..DecodeLimits::default() };
    for name in ["progressive.jpg", "rgb.png", "still.gif", "lossy.webp"] {
        // A small progressive picture fits into a mebibyte; the decoders with fixed state do not.
        let fits = name == "progressive.jpg";
        assert_eq!(decode(&golden(name), &limits).is_ok(), fits, "{name}");
    }
    let jpeg = [&[0xff, 0xd8][..], &sof(0xc2, 7000, 7000), &SCAN, &[0xff, 0xd9]].concat();
    let error = refused(&jpeg);
    assert!(matches!(error, MediaError::TooMuchMemory { .. }), "{error}");
}

#[test]
fn png_structure_is_checked() {
    let header = ihdr(4000, 4000, 2);
    let little_data = png(&[(b"IHDR", &header), (b"IDAT", &[0; 64]), (b"IEND", b"")]);
    assert_eq!(refused(&little_data), MediaError::Truncated { format: ImageFormat::Png });
    let header = ihdr(2, 2, 2);
    let broken: [Vec<u8>; 6] = [
        png(&[(b"IDAT", b"x"), (b"IEND", b"")]),
        png(&[(b"IHDR", &header[..12]), (b"IEND", b"")]),
        png(&[(b"IHDR", &header), (b"IEND", b"")]),
        png(&[(b"IHDR", &header), (b"IHDR", &header), (b"IEND", b"")]),
        png(&[(b"IHDR", &ihdr(2, 2, 3)), (b"IDAT", b"x"), (b"IEND", b"")]),
        png(&[(b"IHDR", &header), (b"fcTL", &[0; 26]), (b"IDAT", b"x"), (b"IEND", b"")]),
    ];
    for (index, bytes) in broken.iter().enumerate() {
        assert!(matches!(refused(bytes), MediaError::Broken { .. }), "case {index}");
    }
    let mut bad_sum = golden("rgb.png");
    let at = bad_sum.windows(4).position(|window| window == b"IDAT").unwrap();
    bad_sum[at + 20] ^= 1;
    assert!(matches!(refused(&bad_sum), MediaError::Broken { .. }));
}

#[test]
fn bombs_and_oversized_metadata_do_no_harm() {
    let black = black_png(7000, 7000);
    assert!(black.len() < 100_000, "{} bytes", black.len());
    assert_eq!(decoded(&black).unwrap().rgb.len(), 7000 * 7000 * 3);
    // A hundred thousand tiny chunks in front of the data.
    let small = black_png(3, 3);
    let tiny = &png(&[(b"teXt", b"")])[8..];
    let many = [&small[..33], &tiny.repeat(100_000), &small[33..]].concat();
    assert_eq!(decoded(&many).unwrap().rgb, [0; 27]);
    let jpeg = golden("444.jpg");
    let profile = vec![[b"ICC_PROFILE\0".as_slice(), &[7; 65_000]].concat(); 16];
    assert_eq!(decoded(&with_app(&jpeg, 0xe2, &profile)), decoded(&jpeg));
    let exif = vec![[b"Exif\0\0MM\0*".as_slice(), &[0xff; 65_000]].concat(); 16];
    assert_eq!(decoded(&with_app(&jpeg, 0xe1, &exif)), decoded(&jpeg));
}

#[test]
fn jpeg_variants_are_told_apart() {
    let file = |marker| [&[0xff, 0xd8][..], &sof(marker, 8, 8), &SCAN, &[0xff, 0xd9]].concat();
    for marker in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let error = refused(&file(marker));
        assert!(matches!(error, MediaError::UnsupportedVariant { .. }), "{marker:x}: {error}");
    }
    let mut twelve_bit = file(0xc1);
    twelve_bit[6] = 12;
    assert!(refused(&twelve_bit).to_string().contains("8 bits per channel"));
    // No tables at all.
    assert!(matches!(refused(&file(0xc0)), MediaError::Broken { .. }));
    let scans = [&[0xff, 0xd8][..], &sof(0xc2, 8, 8), &SCAN.repeat(1000), &[0xff, 0xd9]].concat();
    assert_eq!(refused(&scans), MediaError::TooManyScans { scans_max: 64 });
}

#[test]
fn what_follows_the_picture_is_ignored() {
    for name in
        ["420.jpg", "progressive.jpg", "rgb.png", "animated.gif", "lossy.webp", "animated.webp"]
    {
        let whole = golden(name);
        for tail in [b"\0".as_slice(), b"PK\x03\x04 archive", &[0xff; 999], &whole] {
            assert_eq!(decoded(&[&whole, tail].concat()), decoded(&whole), "{name}");
        }
    }
}

#[test]
fn gif_frames_lie_on_a_white_canvas_and_are_cut_at_its_edge() {
    let image = decoded(&gif(4, 3, &[gif_frame([2, 1, 1, 1], 0)])).unwrap();
    assert_eq!((image.width, image.height), (4, 3));
    for (x, y) in (0..4).flat_map(|x| (0..3).map(move |y| (x, y))) {
        let expected = if (x, y) == (2, 1) { RED } else { WHITE };
        assert_eq!(pixel(&image, x, y), expected, "{x} {y}");
    }
    let image = decoded(&gif(4, 3, &[gif_frame([3, 2, 5, 9], 1)])).unwrap();
    assert_eq!((pixel(&image, 3, 2), pixel(&image, 2, 2)), (BLUE, WHITE));
    let image = decoded(&gif(4, 3, &[gif_frame([100, 100, 2, 2], 1)])).unwrap();
    assert!(image.rgb.iter().all(|&value| value == 255));
    // Index 1 made transparent by a graphic control block.
    let control = vec![0x21, 0xf9, 4, 1, 0, 0, 1, 0];
    let file = gif(2, 2, &[control, gif_frame([0, 0, 2, 2], 1)]);
    assert!(inspect(&file, &DecodeLimits::default()).unwrap().has_alpha);
    assert!(decoded(&file).unwrap().rgb.iter().all(|&value| value == 255));
    // Index 3 is outside the palette of two colours.
    assert_eq!(decoded(&gif(1, 1, &[gif_frame([0, 0, 1, 1], 3)])).unwrap().rgb, [0; 3]);
    let huge = gif(2, 2, &[gif_frame([0, 0, 0, 0], 0)]);
    assert!(matches!(refused(&huge), MediaError::SideTooShort { .. }));
}

#[test]
fn a_gif_of_a_hundred_thousand_frames_is_its_first() {
    let mut frames = vec![gif_frame([0, 0, 1, 1], 0)];
    frames.extend(std::iter::repeat_n(gif_frame([0, 0, 1, 1], 1), 100_000));
    let file = gif(1, 1, &frames);
    assert!(inspect(&file, &DecodeLimits::default()).unwrap().is_animated);
    assert_eq!(decoded(&file).unwrap().rgb, RED);
}

#[test]
fn webp_frames_must_be_as_large_as_their_container_says() {
    let lossy = webp_chunk(&golden("lossy.webp"), b"VP8 ");
    let same = webp(&[(b"VP8X", &vp8x(0, 53, 37)), (b"VP8 ", &lossy)]);
    assert_eq!(decoded(&same), decoded(&golden("lossy.webp")));
    let other = webp(&[(b"VP8X", &vp8x(0, 53, 38)), (b"VP8 ", &lossy)]);
    assert!(matches!(refused(&other), MediaError::Broken { .. }));
    let mut grown = lossy.clone();
    grown[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let grown = webp(&[(b"VP8X", &vp8x(0, 53, 37)), (b"VP8 ", &grown)]);
    assert!(matches!(refused(&grown), MediaError::TooManyPixels { .. }));
}

#[test]
fn an_opaque_webp_animation_has_a_white_canvas() {
    let lossless = webp_chunk(&golden("lossless.webp"), b"VP8L");
    let mut frame = Vec::new();
    for value in [4_u32, 3, 52, 36, 40] {
        frame.extend(&value.to_le_bytes()[..3]);
    }
    frame.push(0);
    frame.extend(b"VP8L");
    frame.extend(u32::try_from(lossless.len()).unwrap().to_le_bytes());
    frame.extend(&lossless);
    frame.extend(std::iter::repeat_n(0, lossless.len() % 2));
    let file = webp(&[(b"VP8X", &vp8x(2, 70, 50)), (b"ANIM", &[0; 6]), (b"ANMF", &frame)]);
    let image = decoded(&file).unwrap();
    let alone = decoded(&golden("lossless.webp")).unwrap();
    assert_eq!((image.width, image.height), (70, 50));
    assert_eq!((pixel(&image, 0, 0), pixel(&image, 69, 49)), (WHITE, WHITE));
    for (x, y) in [(0, 0), (52, 0), (0, 36), (52, 36), (20, 11)] {
        assert_eq!(pixel(&image, x + 8, y + 6), pixel(&alone, x, y));
    }
    let facts = inspect(&file, &DecodeLimits::default()).unwrap();
    assert!(facts.is_animated && facts.has_alpha);
}

#[test]
fn facts_say_what_the_file_stores() {
    use ColorSpace::{Cmyk, Grayscale, Indexed, Rgb, YCbCr, Ycck};
    let cases = [
        ("420.jpg", YCbCr, 8, false, false),
        ("rgb.jpg", Rgb, 8, false, false),
        ("rgb_by_adobe_only.jpg", Rgb, 8, false, false),
        ("ycbcr_despite_adobe.jpg", YCbCr, 8, false, false),
        ("cmyk.jpg", Cmyk, 8, false, false),
        ("ycck.jpg", Ycck, 8, false, false),
        ("grey.jpg", Grayscale, 8, false, false),
        ("bit.png", Grayscale, 1, false, false),
        ("rgba16.png", Rgb, 16, true, false),
        ("grey_alpha.png", Grayscale, 8, true, false),
        ("palette_4bit.png", Indexed, 4, false, false),
        ("palette_trns.png", Indexed, 8, true, false),
        ("animated.png", Rgb, 8, false, true),
        ("still.gif", Indexed, 6, false, false),
        ("transparent.gif", Indexed, 6, true, false),
        ("animated.gif", Indexed, 6, false, true),
        ("lossy.webp", YCbCr, 8, false, false),
        ("rgba_lossless.webp", Rgb, 8, true, false),
        ("rgba_lossy.webp", YCbCr, 8, true, false),
        ("animated_rgba.webp", YCbCr, 8, true, true),
    ];
    for (name, color_space, bit_depth, has_alpha, is_animated) in cases {
        let facts = inspect(&golden(name), &DecodeLimits::default()).unwrap();
        assert_eq!((facts.width, facts.height), (53, 37), "{name}");
        let seen = (facts.color_space, facts.bit_depth, facts.has_alpha, facts.is_animated);
        assert_eq!(seen, (color_space, bit_depth, has_alpha, is_animated), "{name}");
    }
    for (name, orientation) in
        [("orientation_5.jpg", 5), ("orientation_9.jpg", 1), ("orientation_6.png", 6)]
    {
        let facts = inspect(&golden(name), &DecodeLimits::default()).unwrap();
        assert_eq!(facts.orientation, orientation, "{name}");
    }
}
