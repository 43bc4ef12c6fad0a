//! The tile unit where there cannot be one: other processors and operating systems.

use super::unit::{Line, Tile, TileConfig, TileUnit};
use crate::Isa;
use crate::simd::Kernel;

/// Proof of a tile unit, of which there is none.
#[derive(Clone, Copy)]
pub(crate) enum Amx {}

impl Amx {
    /// None.
    pub(crate) fn detect() -> Option<Self> {
        None
    }
}

impl TileUnit for Amx {
    fn run<K: Kernel>(&self, _: Isa, _: K) -> K::Output {
        match *self {}
    }

    fn configure(&mut self, _: &TileConfig) {
        match *self {}
    }

    fn release(&mut self) {
        match *self {}
    }

    unsafe fn zero<const TILE: u8>(&mut self) {
        match *self {}
    }

    unsafe fn load<const TILE: u8>(&mut self, _: *const Tile) {
        match *self {}
    }

    unsafe fn store<const TILE: u8>(&mut self, _: *mut Tile) {
        match *self {}
    }

    unsafe fn dot_bf16<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        match *self {}
    }

    unsafe fn dot_i8<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        match *self {}
    }

    fn prefetch(&mut self, _: &Line) {
        match *self {}
    }
}
