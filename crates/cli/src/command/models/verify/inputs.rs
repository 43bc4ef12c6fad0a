//! What models are checked with: texts of several lengths and scripts, and drawn pictures.

use onespace_media::{DecodeLimits, PreparedImage};
use onespace_models::{EmbeddingModel, InputPart, Sequence};

use crate::failure::Failure;

/// Short texts, English: every tokenizer reads them and gives them back.
pub(super) const PLAIN_TEXTS: [&str; 5] = [
    "a cat",
    "a red square to the left of a blue circle",
    "two dogs running over wet sand in the evening",
    "blueprint of a small wooden house with three windows",
    "seven",
];

/// Texts that are harder to read.
const HARD_TEXTS: [&str; 7] = [
    "Ein Boot unter einer Brücke, 1987.",
    "红色的正方形",
    "القط على الطاولة",
    "🐈 on a 🛹",
    "<|endoftext|> [CLS] <s> <@nobody> are ordinary words here",
    "x",
    LONG_TEXT,
];

/// Longer than the window of a CLIP.
const LONG_TEXT: &str = "The harbour at low tide: nets hang over the railing, gulls walk between \
     the puddles, and two children count the boats that lie on their sides in the mud. A woman in \
     a yellow coat paints numbers on a hull, first a four, then something that may become a nine. \
     Behind her the warehouse doors stand open and one can see crates of apples stacked to the \
     roof beams, a bicycle without wheels, and a clock that shows half past three although it is \
     morning. Nobody hurries. The ferry is late again, and the man who sells tickets has put his \
     feet on the counter and reads yesterday's paper from the last page to the first.";

/// Width and height in pixels, and what is drawn.
const PICTURES: [(u32, u32, Drawing); 6] = [
    (320, 240, Drawing::Gradient),
    (240, 320, Drawing::Squares),
    (97, 61, Drawing::Disc),
    (512, 512, Drawing::Noise),
    (400, 100, Drawing::Stripes),
    (64, 64, Drawing::Flat),
];

#[derive(Clone, Copy)]
enum Drawing {
    Gradient,
    Squares,
    Disc,
    Noise,
    Stripes,
    Flat,
}

/// What a model is checked with, ready for it.
pub(super) struct Inputs {
    /// All of them: texts, pictures, and both together.
    pub(super) all: Vec<Sequence>,
    /// How many of them, from the first on, are texts.
    pub(super) texts: usize,
    /// How many behind those are pictures.
    pub(super) pictures: usize,
}

impl Inputs {
    /// Prepares everything for `model`; no pictures for one that takes none.
    pub(super) fn of(model: &dyn EmbeddingModel) -> Result<Self, Failure> {
        let texts = PLAIN_TEXTS.iter().chain(&HARD_TEXTS);
        let mut all = texts
            .map(|text| sequence(model, &[InputPart::Text(text)], &[]))
            .collect::<Result<Vec<_>, Failure>>()?;
        let texts = all.len();
        if model.description().images_max == 0 {
            return Ok(Self { all, texts, pictures: 0 });
        }
        let files = PICTURES
            .iter()
            .map(|&(w, h, drawing)| png(w, h, drawing))
            .collect::<Result<Vec<_>, _>>()?;
        for file in &files {
            all.push(sequence(model, &[InputPart::Image(0)], &[file])?);
        }
        let (before, behind) = (InputPart::Text("left of "), InputPart::Text(" and above it"));
        all.push(sequence(model, &[InputPart::Image(0), before], &[&files[0]])?);
        all.push(sequence(model, &[before, InputPart::Image(0), behind], &[&files[1]])?);
        if model.description().images_max > 1 {
            let parts = [InputPart::Image(0), before, InputPart::Image(1)];
            all.push(sequence(model, &parts, &[&files[2], &files[3]])?);
        }
        Ok(Self { all, texts, pictures: files.len() })
    }
}

/// Tokenised, cut to the model's limit, its pictures prepared as the model wants them.
fn sequence(
    model: &dyn EmbeddingModel,
    parts: &[InputPart<'_>],
    files: &[&Vec<u8>],
) -> Result<Sequence, Failure> {
    let mut input = model
        .tokenize(parts)
        .map_err(|error| Failure::because("A text cannot be tokenised.", error))?;
    input.truncate_text(model.description().text_tokens_max);
    let spec = model.preprocess(&input);
    let pictures = files
        .iter()
        .map(|file| onespace_media::prepare(file, &DecodeLimits::default(), &spec))
        .collect::<Result<Vec<PreparedImage>, _>>()
        .map_err(|error| Failure::because("A drawn picture cannot be prepared.", error))?;
    Ok(input.with_pictures(&pictures))
}

/// A drawing as the file that a client would send.
fn png(width: u32, height: u32, drawing: Drawing) -> Result<Vec<u8>, Failure> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend(pixel(drawing, (x, y), (width, height), &mut state));
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&rgb));
    written.map_err(|error| Failure::because("A picture cannot be drawn.", error))?;
    Ok(file)
}

fn pixel(drawing: Drawing, (x, y): (u32, u32), size: (u32, u32), noise: &mut u64) -> [u8; 3] {
    let (width, height) = size;
    match drawing {
        Drawing::Gradient => [(x * 255 / width) as u8, (y * 255 / height) as u8, 90],
        Drawing::Squares if (x / 40 + y / 40).is_multiple_of(2) => [220, 30, 30],
        Drawing::Squares => [250, 250, 240],
        Drawing::Disc => {
            let (dx, dy) = (x.abs_diff(width / 2), y.abs_diff(height / 2));
            if dx * dx + dy * dy < 400 { [20, 40, 200] } else { [240, 240, 30] }
        }
        Drawing::Noise => {
            // Marsaglia's xorshift, "Xorshift RNGs", 2003.
            *noise ^= *noise << 13;
            *noise ^= *noise >> 7;
            *noise ^= *noise << 17;
            let [r, g, b, ..] = noise.to_le_bytes();
            [r, g, b]
        }
        Drawing::Stripes if (x / 8).is_multiple_of(2) => [0, 0, 0],
        Drawing::Stripes => [60, 180, 75],
        Drawing::Flat => [128, 0, 128],
    }
}
