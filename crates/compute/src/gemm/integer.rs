//! Integer products for processors without a tile unit.
//!
//! # The scheme
//! Each output column's weights and each input row have one scale (symmetric, without a zero
//! point); the weights' are fixed at load, a row's is found when it is multiplied and depends
//! on nothing but that row. Products are of 16-bit integers with exact sums in 32 bits, by the
//! multiply-add of pairs that AVX2 (`vpmaddwd`), AVX-512 and its VNNI extension (`vpdpwssd`)
//! have: twice the products per instruction of an `f32` multiply-add. Unlike the instructions
//! for bytes they never saturate.
//!
//! Lanes are 16 bits wide whatever is stored in them, so the question is not how few bits
//! suffice but how many the 32-bit sum has room for. By the Cauchy-Schwarz inequality the sum
//! of products is at most the product of the two vectors' Euclidean lengths. So weights and
//! rows are scaled not to a largest value but to a length of about sqrt(2^31): the sum then
//! cannot leave 32 bits, at any number of features, and partial sums that wrap come back. The
//! step of a vector of K features is K^0.5 / 2^15.5 of its root mean square: the error is even
//! over its features and does not grow with outliers, and is about 1.7e-4 of the root mean
//! square at K = 768, where bfloat16 rounds by 8e-4 of each number.
//!
//! With 8-bit weights the columns are scaled to 127 at the largest; rows then have room for up
//! to the full 16 bits.
//!
//! The idea of one scale per column and per row is that of dynamic quantisation in the common
//! runtimes (for instance ONNX Runtime's `MatMulInteger` from `DynamicQuantizeLinear`); scaling
//! by length is our own.

mod block;
mod pack;
mod quantize;

pub(crate) use block::multiply;
pub(crate) use pack::{IntegerMatrix, IntegerPanels};

#[cfg(test)]
mod tests;
