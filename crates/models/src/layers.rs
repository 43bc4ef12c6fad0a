//! The parts that architectures are made of.

mod linear;
mod transformer;
mod vision_tower;
mod visual_tokens;

pub(crate) use linear::{Linear, layer_norm};
pub(crate) use transformer::Transformer;
pub(crate) use vision_tower::VisionTower;
pub(crate) use visual_tokens::VisualTokens;
