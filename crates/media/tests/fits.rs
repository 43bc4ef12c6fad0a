//! Every way to bring a picture to a model's size: turned pictures give what upright ones give,
//! and pictures of any shape stay within their limits.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

use std::fs;
use std::path::Path;

use onespace_media::{
    DecodeLimits, Fit, PreprocessSpec, Resample, RgbImage, decode, inspect, prepare,
};

const RESAMPLES: [Resample; 3] =
    [Resample::Bicubic, Resample::TorchBicubic, Resample::TorchBilinear];
const FITS: [Fit; 5] = [
    Fit::Squash { width: 17, height: 11 },
    Fit::CentreCrop { shortest_edge_px: 13, width: 13, height: 12 },
    // Larger than the resized picture across, smaller down, or the other way about.
    Fit::CentreCrop { shortest_edge_px: 9, width: 14, height: 7 },
    Fit::CentreCrop { shortest_edge_px: 9, width: 8, height: 15 },
    Fit::PatchBudget { patch_px: 4, patches_max: 21 },
];

fn spec(fit: Fit, resample: Resample) -> PreprocessSpec {
    PreprocessSpec { fit, resample, mean: [0.5; 3], std: [0.5; 3] }
}

/// The pixels as a file without orientation.
fn png_of(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width, image.height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&image.rgb).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn turned_pictures_give_what_upright_ones_give() {
    let limits = DecodeLimits::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pictures");
    let (mut turned, mut wrong) = (Vec::new(), Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let Ok(facts) = inspect(&bytes, &limits) else { continue };
        if facts.orientation == 1 {
            continue;
        }
        turned.push(facts.orientation);
        let upright = png_of(&decode(&bytes, &limits).unwrap());
        for fit in FITS {
            for resample in RESAMPLES {
                let spec = spec(fit, resample);
                let ours = prepare(&bytes, &limits, &spec).unwrap();
                if ours != prepare(&upright, &limits, &spec).unwrap() {
                    wrong.push(format!("{}, {fit:?}, {resample:?}", path.display()));
                }
            }
        }
    }
    turned.sort_unstable();
    turned.dedup();
    assert_eq!(turned, [2, 3, 4, 5, 6, 7, 8], "every orientation is among the pictures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn long_pictures_need_no_more_memory_than_what_is_kept_of_them() {
    let line = RgbImage { width: 16_000, height: 1, rgb: vec![99; 48_000] };
    let file = png_of(&line);
    // Resized as a whole to 224 pixels it would be 3.6 million pixels long: 2.4 GB.
    let limits = DecodeLimits { decode_bytes_max: 16 << 20, ..DecodeLimits::default() };
    let crop = Fit::CentreCrop { shortest_edge_px: 224, width: 224, height: 224 };
    let image = prepare(&file, &limits, &spec(crop, Resample::TorchBicubic)).unwrap();
    assert_eq!((image.width, image.height), (224, 224));
    assert!(image.rgb.iter().all(|&byte| byte == 99), "a plain picture stays plain");
    let small = DecodeLimits { decode_bytes_max: 1 << 16, ..DecodeLimits::default() };
    assert!(prepare(&file, &small, &spec(crop, Resample::TorchBicubic)).is_err());
}
