//! JPEG decoders side by side, each followed by the same resize.

use std::time::Instant;

use anyhow::{Context as _, Result};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde_json::json;
use turbojpeg::ScalingFactor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// RGB pixels with width and height.
type Picture = (Vec<u8>, usize, usize);
type Decode = Box<dyn Fn(&[u8]) -> Result<Picture>>;

/// Rounds in which all decoders take a turn.
const ROUNDS: usize = 5;

/// Prints pictures a second (the median of the rounds) and the distance of the pixels.
pub(crate) fn compare(seconds: f64, side: u32, bytes: &[u8]) -> Result<()> {
    let decoders: [(&str, Decode); 6] = [
        ("zune-jpeg", Box::new(zune)),
        ("jpeg-decoder", Box::new(jpeg_decoder)),
        ("turbojpeg", turbo(ScalingFactor::ONE)),
        ("turbojpeg 1/2", turbo(ScalingFactor::ONE_HALF)),
        ("turbojpeg 1/4", turbo(ScalingFactor::ONE_QUARTER)),
        ("turbojpeg 1/8", turbo(ScalingFactor::ONE_EIGHTH)),
    ];
    let squash = crate::spec("squash-torch", side)?;
    let product = crate::prepared(bytes, &squash)?;
    let mut rates = vec![Vec::new(); decoders.len() + 1];
    for _ in 0..ROUNDS {
        rates[0].push(rate(seconds, || crate::prepared(bytes, &squash))?);
        for ((_, decode), rates) in decoders.iter().zip(&mut rates[1..]) {
            rates.push(rate(seconds, || resized(&decode(bytes)?, side))?);
        }
    }
    print("onespace-media", &mut rates[0], &product, &product, 0.0);
    for ((name, decode), rates) in decoders.iter().zip(&mut rates[1..]) {
        let decode_only = rate(seconds, || Ok(decode(bytes)?.0))?;
        print(name, rates, &resized(&decode(bytes)?, side)?, &product, decode_only);
    }
    Ok(())
}

fn print(name: &str, rates: &mut [f64], pixels: &[u8], expected: &[u8], decode_only: f64) {
    rates.sort_by(f64::total_cmp);
    let differences = pixels.iter().zip(expected).map(|(a, b)| f64::from(a.abs_diff(*b)));
    let (mut square, mut largest) = (0.0, 0.0_f64);
    for difference in differences {
        square += difference * difference;
        largest = largest.max(difference);
    }
    let psnr = 10.0 * (255.0 * 255.0 * pixels.len() as f64 / square).log10();
    let line = json!({
        "decoder": name,
        "pictures_per_s": rates[rates.len() / 2],
        "min": rates[0],
        "max": rates[rates.len() - 1],
        "decode_only_per_s": decode_only,
        "psnr_db": if psnr.is_finite() { Some(psnr) } else { None },
        "largest_difference": largest,
    });
    println!("{line}");
}

fn rate(seconds: f64, work: impl Fn() -> Result<Vec<u8>>) -> Result<f64> {
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed().as_secs_f64() < seconds {
        std::hint::black_box(work()?);
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

fn resized((rgb, width, height): &Picture, side: u32) -> Result<Vec<u8>> {
    let from = ImageRef::new(*width as u32, *height as u32, rgb, PixelType::U8x3)?;
    let mut to = Image::new(side, side, PixelType::U8x3);
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    Resizer::new().resize(&from, &mut to, &ResizeOptions::new().resize_alg(filter))?;
    Ok(to.into_vec())
}

fn zune(bytes: &[u8]) -> Result<Picture> {
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    let rgb = decoder.decode().map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let (width, height) = decoder.dimensions().context("no size")?;
    Ok((rgb, width, height))
}

fn jpeg_decoder(bytes: &[u8]) -> Result<Picture> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let rgb = decoder.decode()?;
    let info = decoder.info().context("no size")?;
    Ok((rgb, usize::from(info.width), usize::from(info.height)))
}

fn turbo(scale: ScalingFactor) -> Decode {
    Box::new(move |bytes| {
        let mut decoder = turbojpeg::Decompressor::new()?;
        let header = decoder.read_header(bytes)?;
        decoder.set_scaling_factor(scale)?;
        let (width, height) = (scale.scale(header.width), scale.scale(header.height));
        let mut image = turbojpeg::Image {
            pixels: vec![0; width * height * 3],
            width,
            pitch: width * 3,
            height,
            format: turbojpeg::PixelFormat::RGB,
        };
        decoder.decompress(bytes, image.as_deref_mut())?;
        Ok((image.pixels, width, height))
    })
}
