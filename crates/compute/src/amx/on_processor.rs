//! The processor's tile unit against the emulated one, bit by bit, where there is one. The
//! emulator is what every other test runs on, so this is what carries them over.

use std::io::Write;

use super::attention::{Head, attend};
use super::block::Blocking;
use super::convert::Activations;
use super::emulator::Emulator;
use super::format::{Bf16, Int8};
use super::hardware::Amx;
use super::pack::PackedTiles;
use super::tests::{assert_same_bits, product, values};
use super::unit::{Configured, SIDE, Tile, TileConfig, TileUnit};
use crate::Isa;
use crate::gemm::{Activation, Finish, Matrix, MatrixMut};

/// The tile unit of this processor. Says on the real standard error, which the test harness
/// does not swallow, when there is none.
fn amx() -> Option<Amx> {
    let found = Amx::detect();
    if found.is_none() {
        let line = b"skipped here: tile instructions, this processor has none\n";
        std::io::stderr().write_all(line).expect("standard error can be written");
    }
    found
}

/// A tile of words that look random: every kind of number, those that are not among them.
fn wild(seed: u32) -> Tile {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut tile = Tile::ZERO;
    for word in tile.0.iter_mut().flatten() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *word = state;
    }
    tile
}

/// A tile of words whose bf16 have exponents around the smallest of normal numbers' products.
fn small(seed: u32) -> Tile {
    let mut tile = wild(seed);
    for word in tile.0.iter_mut().flatten() {
        *word = *word & 0x87FF_87FF | 0x2000_2000;
    }
    tile
}

/// The sums of one product of each kind.
fn dots<U: TileUnit>(unit: U, rows: u8, [sum, a, b]: &[Tile; 3]) -> [Tile; 2] {
    let mut found = [Tile::ZERO; 2];
    let mut unit = Configured::new(unit, &TileConfig::new([rows, rows, 16, 0, 0, 0, 0, 0]));
    // SAFETY: the three registers are configured, the first two with as many rows, and all
    // tiles are whole.
    unsafe {
        unit.load::<1>(a);
        unit.load::<2>(b);
        unit.load::<0>(sum);
        unit.dot_bf16::<0, 1, 2>();
        unit.store::<0>(&raw mut found[0]);
        unit.load::<0>(sum);
        unit.dot_i8::<0, 1, 2>();
        unit.store::<0>(&raw mut found[1]);
    }
    found
}

/// Whether two sums are the same number, or none of them is one.
fn same_number(a: u32, b: u32) -> bool {
    a == b || f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan()
}

#[test]
fn products_of_wild_tiles_agree() {
    let Some(unit) = amx() else { return };
    for seed in 1..60 {
        let kind = if seed % 2 == 0 { wild } else { small };
        let tiles = [kind(3 * seed), kind(3 * seed + 1), kind(3 * seed + 2)];
        let rows = [1, 7, 16][seed as usize % 3];
        let found = dots(unit, rows, &tiles);
        let expected = dots(Emulator::default(), rows, &tiles);
        for (row, (found, expected)) in found[0].0.iter().zip(&expected[0].0).enumerate() {
            let same = found.iter().zip(expected).all(|(&a, &b)| same_number(a, b));
            assert!(same, "bf16, seed {seed}, row {row}: {found:08X?}, expected {expected:08X?}");
        }
        assert_eq!(found[1].0, expected[1].0, "int8, seed {seed}");
    }
}

fn assert_products<F: Activations>(unit: Amx) {
    let shapes = [(1, 33, 17), (16, 64, 32), (31, 100, 70), (70, 300, 65)];
    for (m, k, n) in shapes {
        let packed = PackedTiles::<F>::pack(Matrix::new(&values(1, n * k), k, (n, k)));
        let (input, bias) = (values(2, m * k), values(3, n));
        let finish = Finish::bias(&bias).accumulate().activation(Activation::GeluTanh);
        let blocking = Some(Blocking { rows: 32, steps: 3 });
        let operands = (&input[..], &packed);
        let found = product(unit, operands, finish, blocking);
        let expected = product(Emulator::default(), operands, finish, blocking);
        assert_same_bits(&found, &expected, &format!("{m} x {k} x {n}"));
    }
}

#[test]
fn bf16_products_agree() {
    let Some(unit) = amx() else { return };
    assert_products::<Bf16>(unit);
}

#[test]
fn int8_products_agree() {
    let Some(unit) = amx() else { return };
    assert_products::<Int8>(unit);
}

#[test]
fn attention_agrees() {
    fn attended<U: TileUnit>(unit: U, (length, width): (usize, usize)) -> Vec<f32> {
        let numbers = [1, 2, 3].map(|seed| values(seed, length * width));
        let [queries, keys, by_values] =
            [0, 1, 2].map(|part: usize| Matrix::new(&numbers[part], width, (length, width)));
        let head = Head { queries, keys, values: by_values, first_visible: 1 };
        let mut out = vec![0.0; length * width];
        let into = MatrixMut::new(&mut out, width, (length, width));
        attend(*Isa::available().last().unwrap(), unit, head, into);
        out
    }
    let Some(unit) = amx() else { return };
    for shape in [(1, 20), (SIDE, 64), (45, 72)] {
        let expected = attended(Emulator::default(), shape);
        assert_same_bits(&attended(unit, shape), &expected, &format!("{shape:?}"));
    }
}

/// What follows a product finds the registers given back: configured anew they are empty.
#[test]
fn registers_are_given_back_and_taken_again() {
    let Some(unit) = amx() else { return };
    let tiles = [wild(1), wild(2), wild(3)];
    let first = dots(unit, 16, &tiles);
    let second = std::thread::scope(|scope| scope.spawn(|| dots(unit, 16, &tiles)).join().unwrap());
    assert_eq!(first[1].0, second[1].0);
}
