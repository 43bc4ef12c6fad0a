//! CPU kernels for inference, behind one dispatch; the only home of `unsafe` code.
//!
//! The rest of the workspace sees plain slices of `f32`, row-major, and these types:
//!
//! - [`Cpu`] says which instruction set to use and how many threads one call may take. Its
//!   [`Isa`] is decided once per process and can only hold what this processor supports, so a
//!   kernel never has to ask again.
//! - [`PackedMatrix`] holds weights in the order in which the matrix multiply reads them.
//!   They are packed once, at load.
//! - [`RowTaps`] and [`resample_rows`] are the one kernel of pictures: 8-bit RGB, resampled.
//! - [`Workspace`] carries a [`Cpu`] and a [`Scratch`] of reusable buffers through a forward
//!   pass, so that no layer allocates after the first call.
//!
//! # One source, several instruction sets
//! A kernel is written once against the crate-private trait `simd::Simd` and compiled for each
//! instruction set by `Isa::run`. The trap of this style: everything between `run` and an
//! intrinsic must be `#[inline(always)]`, because a function that is not inlined loses the
//! instruction set of its caller, and each vector operation in it becomes a call. Closures are
//! avoided in kernels for the same reason. A new instruction set is a new file in `simd/` and
//! an arm in `Isa`; one with a tile unit (AMX, in `amx.rs`) also brings its own packing and its
//! own tile loop in place of `gemm/tile.rs`.
//!
//! # Precisions
//! A [`PackedMatrix`] holds its weights in the form that a [`Precision`] has on its instruction
//! set; `gemm/form.rs` is the one place that chooses. [`matmul`] takes and gives `f32` at all of
//! them.
//!
//! | | portable, neon, avx2, avx512 | amx |
//! | --- | --- | --- |
//! | `f32` | panels of `f32` | the same, on AVX-512 |
//! | `bf16` | half the memory, widened while it is read; sums in `f32` | tile unit |
//! | `int16` | 16-bit products with exact sums (`gemm/integer.rs`) | the same, on AVX-512 |
//! | `int8` | a quarter of the memory, otherwise as `int16` | tile unit |
//!
//! [`Precision::fastest_within_tolerance`] is the default of each instruction set. On Zen 3
//! (AVX2) the multiply-add of 16-bit pairs reaches 1.6 times the products of the `f32` one in
//! registers ([`peak`]), not the 2 times of its width: its addition is an instruction of its own
//! and they compete for ports.
//!
//! # Batch invariance
//! Each output element is one chain of additions in the order of the input features, whatever
//! the number of rows, of threads, or the height of the tile that it is computed in. A row
//! therefore gets the same bits alone and in a batch. Keep it so: vectors that are compared
//! with stored ones may not depend on what else was being computed at the time.
//!
//! # Panics
//! Shapes are the caller's duty: every kernel checks them and panics with the two numbers that
//! do not fit. Values that come from outside are checked before they get here.

mod activation;
mod amx;
mod attention;
mod buffer;
mod conv;
mod cpu;
mod gate;
mod gemm;
mod math;
mod norm;
pub mod peak;
mod pool;
mod precision;
pub mod reference;
mod rgb_rows;
mod rotary;
mod simd;
mod softmax;
mod vector;

pub use activation::activate;
pub use attention::{
    AttentionInput, HeadLayout, Heads, Mask, PackedSequences, attention, attention_over,
};
pub use buffer::{Buffer, Scratch, Workspace};
pub use conv::{Conv3x3, MapShape, Maps};
pub use cpu::Cpu;
pub use gate::{Gate, gated};
pub use gemm::{Activation, Finish, PackedMatrix, matmul};
pub use math::EXP_RELATIVE_ERROR;
pub use norm::{LayerNorm, RmsNorm, layer_norm, rms_norm};
pub use pool::{average_pool_2x2, max_of_rows, mean_of_rows};
pub use precision::{COSINE_MIN, Precision, PrecisionError};
pub use rgb_rows::{RowTaps, Window, resample_rows, rounded_byte};
pub use rotary::{Rotary, rotate_heads};
pub use simd::{ISA_VARIABLE, Isa, IsaError};
pub use softmax::softmax;
pub use vector::{dot, l2_normalize};
