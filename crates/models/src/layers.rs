//! The parts that architectures are made of.

mod attention_pool;
mod encoder;
mod gated_layer;
mod linear;
mod patches;
mod position_grid;
mod rows;
mod turns;
mod vision_tower;
mod visual_tokens;

pub(crate) use attention_pool::AttentionPool;
pub(crate) use encoder::{Encoder, EncoderShape, LayerNames};
pub(crate) use gated_layer::{GatedLayer, GatedShape};
pub(crate) use linear::{Linear, Packing, layer_norm};
pub(crate) use patches::{PatchEmbedding, PatchOrder};
pub(crate) use position_grid::PositionGrid;
pub(crate) use rows::{by_rows, gather_rows, last_places};
pub(crate) use turns::{Frequencies, Turns};
pub(crate) use vision_tower::VisionTower;
pub(crate) use visual_tokens::VisualTokens;
