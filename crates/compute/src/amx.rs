//! Matrix multiply and attention on the tile unit of Intel's server processors since Sapphire
//! Rapids (AMX), in bf16 or 8-bit integers.
//!
//! # Layout of the code
//! [`unit::TileUnit`] is what the unit does; `hardware.rs` does it by inline assembly, because
//! the intrinsics are not stable in Rust, and `emulator.rs` in plain Rust for the tests. On top
//! of it `quad.rs` uses all eight registers, `block.rs` runs a product through them,
//! `convert.rs` and `pack.rs` bring both sides into tile order, `store.rs` takes the sums to the
//! output, and `attention.rs` is the other user of the registers. `format.rs` holds what differs
//! between bf16 and 8-bit integers.
//!
//! # The estimate behind the design
//! A tile product of 16 x 16 sums over 32 bf16 (or 64 integers) takes 16 cycles: 1024 operations
//! a cycle in bf16, 2048 in integers. Two by two tiles of sums read four tiles, 4 KiB, for four
//! products, 64 cycles: 64 bytes a cycle. The first cache level gives twice that; the second was
//! measured to feed such a loop at 72 % of the peak (2.48 of 3.46 TFLOP/s per core, i.e. 46
//! bytes a cycle). Hence:
//!
//! - A *pass* covers so few features (320 bf16, 20 KiB) that its part of a panel and one pair of
//!   row tiles stay in the first level (48 KiB). The panel's part is then read from there for
//!   all rows; from the second level come the rows, 32 bytes a cycle, and the sums between
//!   passes, 4 KiB in and out per 640 cycles, 13 bytes a cycle: 45 together, what it gives.
//! - Rows are converted in blocks of 1 MiB, half of the second level. Weights come from memory
//!   once per block: with `r` rows that is `1024 / r` bytes a cycle, 2 at 512 rows (K = 768).
//!   Each step of the loop asks for its share of the next panel ahead of time.
//! - Converting is 2 loads, 1 instruction and 1 store per 32 numbers, about 3 cycles; products
//!   with 768 outputs take 48: 6 %, less with more outputs.
//! - The store of 32 x 32 sums is 64 vectors: 130 cycles with a bias alone, about 1000 with GELU,
//!   against 1536 for the products at K = 768. It is spread over the products of the next panel
//!   (see `store.rs`), in which the vector unit would otherwise idle.
//!
//! # Batch invariance
//! A sum is one chain of tile products in the order of the features. Within a tile product the
//! order is the processor's, the same for every row. Partial sums between passes are kept in
//! full, so neither the cut of the rows nor that of the features nor the number of threads
//! changes a bit.
//!
//! # What is not tested without such a processor
//! On other processors the tests run everything but `hardware.rs` on the emulated unit, and
//! compare the bytes of its instructions with the manual (`encoding.rs`). There, the
//! instructions are not executed, and the speeds above are estimates. On a processor with the
//! unit, `on_processor.rs` compares it with the emulated one bit by bit, and
//! `cargo test --release -p onespace-compute --lib -- --ignored --nocapture speed_by_blocking`
//! prints how fast which cut is, beside the most that the unit gives.

mod attention;
mod block;
mod convert;
mod format;
#[cfg_attr(not(all(target_arch = "x86_64", target_os = "linux")), path = "amx/absent.rs")]
mod hardware;
mod pack;
mod quad;
mod store;
mod unit;

#[cfg(test)]
mod emulator;
#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod encoding;
#[cfg(test)]
mod on_processor;
#[cfg(test)]
mod tests;

pub(crate) use attention::{Head, attend};
pub(crate) use block::{Product, multiply};
pub(crate) use format::{Bf16, Int8};
pub(crate) use hardware::Amx;
pub(crate) use pack::{PAIR as COLUMN_STEP, PackedTiles, TilePanels};
pub(crate) use unit::SIDE as ROW_STEP;

/// Below this many rows per thread, columns are cut instead: with fewer, reading the weights
/// from memory (3.7 bytes a cycle per core where it was measured) takes longer than multiplying
/// with them, and each thread then reads its share only.
pub(crate) const ROWS_PER_PART_MIN: usize = 256;
