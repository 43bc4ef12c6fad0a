//! Pixels to feature maps: a stem and stages of residual 3x3 convolutions, each halving the side.

use onespace_compute::{Activation, Buffer, Conv3x3, Finish, Isa, MapShape, Maps, Workspace};
use onespace_media::PreparedImage;

use crate::LoadError;
use crate::config::Config;
use crate::weights::Weights;

const RGB: usize = 3;
const HALVING: usize = 2;
const KEEPING: usize = 1;

/// The convolutional part of a model.
pub(crate) struct VisionTower {
    /// What each byte of each channel becomes: `(byte / 255 - mean) / std`.
    levels: [[f32; 256]; RGB],
    side: usize,
    stem: Conv3x3,
    stages: Vec<Stage>,
}

struct Stage {
    down: Conv3x3,
    blocks: Vec<(Conv3x3, Conv3x3)>,
}

impl VisionTower {
    /// Takes `vision.*`.
    pub(crate) fn load(
        weights: &mut Weights,
        isa: Isa,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let mut load = |name: &str, channels: (usize, usize), stride: usize| {
            let (inputs, outputs) = channels;
            let kernel = weights.take(&format!("{name}.weight"), &[outputs, 3, 3, inputs])?;
            let bias = weights.take(&format!("{name}.bias"), &[outputs])?;
            Ok(Conv3x3::new(isa, &kernel, bias, stride))
        };
        let stem = load("vision.stem", (RGB, config.vision_stem), HALVING)?;
        let mut stages = Vec::new();
        let mut inputs = config.vision_stem;
        for (index, &(channels, count)) in config.vision_stages.iter().enumerate() {
            let stage = format!("vision.stages.{index}");
            let down = load(&format!("{stage}.down"), (inputs, channels), HALVING)?;
            let mut blocks = Vec::new();
            for block in 0..count {
                let mut conv = |which| {
                    load(&format!("{stage}.blocks.{block}.{which}"), (channels, channels), KEEPING)
                };
                blocks.push((conv("conv1")?, conv("conv2")?));
            }
            stages.push(Stage { down, blocks });
            inputs = channels;
        }
        let levels = levels(config.image_mean, config.image_std);
        Ok(Self { levels, side: config.image_side_px, stem, stages })
    }

    /// The shape of the pixels of some images.
    fn input_shape(&self, images: usize) -> MapShape {
        MapShape { images, height: self.side, width: self.side, channels: RGB }
    }

    /// Multiply-adds per image.
    pub(crate) fn multiply_adds(&self) -> u64 {
        let mut shape = self.input_shape(1);
        let mut total = 0;
        self.each_conv(|conv| {
            total += conv.multiply_adds(shape);
            shape = conv.output_shape(shape);
        });
        total
    }

    fn each_conv(&self, mut visit: impl FnMut(&Conv3x3)) {
        visit(&self.stem);
        for stage in &self.stages {
            visit(&stage.down);
            for (first, second) in &stage.blocks {
                visit(first);
                visit(second);
            }
        }
    }

    /// The last feature maps `[images, side, side, channels]` and their shape. The buffer comes
    /// from the workspace and should go back there. The images have this tower's size.
    pub(crate) fn forward(
        &self,
        images: &[&PreparedImage],
        workspace: &mut Workspace,
    ) -> (Buffer, MapShape) {
        let shape = self.input_shape(images.len());
        let mut pixels = workspace.scratch.take(shape.length());
        for (image, out) in
            images.iter().zip(pixels.chunks_exact_mut(shape.length() / shape.images))
        {
            self.normalise(image, out);
        }
        let (mut map, mut shape) = convolve(&self.stem, (pixels, shape), workspace);
        for stage in &self.stages {
            (map, shape) = convolve(&stage.down, (map, shape), workspace);
            for block in &stage.blocks {
                add_block(block, (&mut map, shape), workspace);
            }
        }
        (map, shape)
    }

    fn normalise(&self, image: &PreparedImage, out: &mut [f32]) {
        for (pixel, out) in image.rgb.chunks_exact(RGB).zip(out.chunks_exact_mut(RGB)) {
            for channel in 0..RGB {
                out[channel] = self.levels[channel][usize::from(pixel[channel])];
            }
        }
    }
}

fn levels(mean: [f32; RGB], std: [f32; RGB]) -> [[f32; 256]; RGB] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|byte| {
            let byte = u8::try_from(byte).expect("there are 256 bytes");
            (f32::from(byte) / 255.0 - mean[channel]) / std[channel]
        })
    })
}

/// relu(convolution), giving the input's buffer back.
fn convolve(
    conv: &Conv3x3,
    (input, shape): (Buffer, MapShape),
    workspace: &mut Workspace,
) -> (Buffer, MapShape) {
    let out_shape = conv.output_shape(shape);
    let mut out = workspace.scratch.take(out_shape.length());
    let relu = Finish::default().activation(Activation::Relu);
    conv.apply(Maps { shape, values: &input }, relu, &mut out, workspace);
    workspace.scratch.put(input);
    (out, out_shape)
}

/// x = relu(x + conv2(relu(conv1(x)))).
fn add_block(
    (first, second): &(Conv3x3, Conv3x3),
    (map, shape): (&mut Buffer, MapShape),
    workspace: &mut Workspace,
) {
    let mut inner = workspace.scratch.take(shape.length());
    let relu = Finish::default().activation(Activation::Relu);
    first.apply(Maps { shape, values: map }, relu, &mut inner, workspace);
    second.apply(Maps { shape, values: &inner }, relu.accumulate(), map, workspace);
    workspace.scratch.put(inner);
}
