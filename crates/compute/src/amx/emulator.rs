//! A tile unit in plain Rust, for tests: each method does what Intel's manual (volume 2) says
//! of the instruction, faults included, which are panics here.

use super::unit::{Line, SIDE, TILES, Tile, TileConfig, TileUnit};
use crate::Isa;
use crate::simd::Kernel;

/// The registers of one emulated thread.
#[derive(Clone)]
pub(super) struct Emulator {
    tiles: [Register; TILES],
}

#[derive(Clone, Copy)]
struct Register {
    rows: usize,
    row_bytes: usize,
    data: Tile,
}

impl Register {
    const ABSENT: Self = Self { rows: 0, row_bytes: 0, data: Tile::ZERO };

    fn words(&self) -> usize {
        self.row_bytes / 4
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self { tiles: [Register::ABSENT; TILES] }
    }
}

impl Emulator {
    fn register(&mut self, tile: u8) -> &mut Register {
        let register = &mut self.tiles[usize::from(tile)];
        assert!(register.rows > 0, "#UD: register {tile} is not configured");
        assert!(register.row_bytes.is_multiple_of(4), "#UD: register {tile} has split words");
        register
    }

    /// The operands of a product, checked as the manual says.
    fn operands(&mut self, sum: u8, a: u8, b: u8) -> [Register; 3] {
        assert!(sum != a && sum != b && a != b, "#UD: a register is used twice");
        let [sum, a, b] = [sum, a, b].map(|tile| *self.register(tile));
        assert_eq!(sum.row_bytes, b.row_bytes, "#UD: columns of the sum and of b");
        assert_eq!(sum.rows, a.rows, "#UD: rows of the sum and of a");
        assert_eq!(a.words(), b.rows, "#UD: columns of a and rows of b");
        [sum, a, b]
    }
}

impl TileUnit for Emulator {
    fn run<K: Kernel>(&self, isa: Isa, kernel: K) -> K::Output {
        isa.run(kernel)
    }

    fn configure(&mut self, config: &TileConfig) {
        let bytes = &config.0;
        assert_eq!(bytes[0], 1, "#GP: only palette 1 has tiles");
        assert_eq!(bytes[1], 0, "no tile instruction was interrupted");
        let reserved = bytes[2..16].iter().chain(&bytes[32..48]).chain(&bytes[56..]);
        assert!(reserved.copied().all(|byte| byte == 0), "#GP: a reserved byte is set");
        for (tile, register) in self.tiles.iter_mut().enumerate() {
            let at = 16 + 2 * tile;
            let row_bytes = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
            let rows = usize::from(bytes[48 + tile]);
            assert!(rows <= SIDE && row_bytes <= 64, "#GP: register {tile} is too large");
            assert_eq!(rows == 0, row_bytes == 0, "#GP: register {tile} has one extent only");
            *register = Register { rows, row_bytes, data: Tile::ZERO };
        }
    }

    fn release(&mut self) {
        self.tiles = [Register::ABSENT; TILES];
    }

    unsafe fn zero<const TILE: u8>(&mut self) {
        self.register(TILE).data = Tile::ZERO;
    }

    unsafe fn load<const TILE: u8>(&mut self, from: *const Tile) {
        let register = self.register(TILE);
        register.data = Tile::ZERO;
        for row in 0..register.rows {
            // SAFETY: the caller promises that the register's rows are readable; no reference
            // is made to the other rows.
            let line: Line = unsafe { from.cast::<Line>().add(row).read() };
            let words = register.words();
            register.data.0[row][..words].copy_from_slice(&line[..words]);
        }
    }

    unsafe fn store<const TILE: u8>(&mut self, to: *mut Tile) {
        let register = self.register(TILE);
        for row in 0..register.rows {
            for word in 0..register.words() {
                // SAFETY: the caller promises that the register's rows are writable.
                unsafe {
                    to.cast::<u32>().add(row * SIDE + word).write(register.data.0[row][word]);
                }
            }
        }
    }

    unsafe fn dot_bf16<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        let [mut sum, a, b] = self.operands(SUM, A, B);
        for row in 0..sum.rows {
            let mut line = [0; SIDE];
            for (column, total) in line.iter_mut().enumerate().take(sum.words()) {
                let (mut even, mut odd) = (0.0, 0.0);
                for k in 0..a.words() {
                    let (a, b) = (a.data.0[row][k], b.data.0[k][column]);
                    even = multiply_add(low(a), low(b), even);
                    odd = multiply_add(high(a), high(b), odd);
                }
                let pairs = multiply_add(even, 1.0, odd);
                let before = f32::from_bits(sum.data.0[row][column]);
                *total = multiply_add(pairs, 1.0, before).to_bits();
            }
            sum.data.0[row] = line;
        }
        self.tiles[usize::from(SUM)].data = sum.data;
    }

    unsafe fn dot_i8<const SUM: u8, const A: u8, const B: u8>(&mut self) {
        let [mut sum, a, b] = self.operands(SUM, A, B);
        for row in 0..sum.rows {
            let mut line = [0; SIDE];
            for (column, word) in line.iter_mut().enumerate().take(sum.words()) {
                let mut total = sum.data.0[row][column].cast_signed();
                for k in 0..a.words() {
                    let a = a.data.0[row][k].to_le_bytes().map(u8::cast_signed);
                    let b = b.data.0[k][column].to_le_bytes().map(u8::cast_signed);
                    for (a, b) in a.into_iter().zip(b) {
                        total = total.wrapping_add(i32::from(a) * i32::from(b));
                    }
                }
                *word = total.cast_unsigned();
            }
            sum.data.0[row] = line;
        }
        self.tiles[usize::from(SUM)].data = sum.data;
    }

    fn prefetch(&mut self, _: &Line) {}
}

/// The first bf16 of a word.
fn low(word: u32) -> f32 {
    f32::from_bits(word << 16)
}

/// The second bf16 of a word.
fn high(word: u32) -> f32 {
    f32::from_bits(word & 0xFFFF_0000)
}

/// `a * b + c`, rounded once to the nearest even; inputs and results that are too small for a
/// normal number are zero.
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    let [a, b, c] = [a, b, c].map(flush);
    let result = a.mul_add(b, c);
    if result == 0.0 || result.abs() > f32::MIN_POSITIVE || result.is_nan() {
        return result;
    }
    // The processor judges smallness after rounding as if exponents had no end, which is how
    // the same sum rounds when it is larger by 2^64. All three are small enough for that.
    let (step, above) = (2.0_f32.powi(32), 2.0_f32.powi(64));
    let rounded = (a * step).mul_add(b * step, c * above);
    if rounded.abs() < f32::MIN_POSITIVE * above { 0.0_f32.copysign(result) } else { result }
}

fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0.0_f32.copysign(x) } else { x }
}

#[cfg(test)]
mod tests {
    use super::{Emulator, multiply_add};
    use crate::amx::unit::{Tile, TileConfig, TileUnit};

    #[test]
    fn small_numbers_are_zero() {
        let smallest = f32::MIN_POSITIVE;
        assert_eq!(multiply_add(smallest, 0.5, 0.0).to_bits(), 0);
        assert_eq!(multiply_add(-smallest, 0.5, 0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(multiply_add(smallest / 2.0, 2.0, 1.0), 1.0);
        assert_eq!(multiply_add(smallest, 1.0, 0.0), smallest);
        // 2^-126 (1 - 2^-24) needs no rounding but for its smallness, 2^-126 (1 - 2^-46) rounds
        // to a normal number; both would round there if small numbers were kept.
        let unit = f32::EPSILON;
        assert_eq!(multiply_add(smallest, 1.0 - unit / 2.0, 0.0), 0.0);
        assert_eq!(multiply_add(smallest * (1.0 + unit), 1.0 - unit, 0.0), smallest);
        assert!(multiply_add(f32::INFINITY, 0.0, 0.0).is_nan());
    }

    #[test]
    fn shapes_that_do_not_fit_fault() {
        let multiply = |rows: [u8; 8]| {
            std::panic::catch_unwind(|| {
                let mut unit = Emulator::default();
                unit.configure(&TileConfig::new(rows));
                // SAFETY: the emulator checks what it is asked for.
                unsafe { unit.dot_i8::<0, 1, 2>() };
            })
        };
        assert!(multiply([3, 3, 16, 0, 0, 0, 0, 0]).is_ok());
        for rows in [[3, 2, 16, 0, 0, 0, 0, 0], [3, 3, 15, 0, 0, 0, 0, 0], [3, 3, 0, 0, 0, 0, 0, 0]]
        {
            assert!(multiply(rows).is_err(), "{rows:?}");
        }
        assert!(multiply([17, 17, 16, 0, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_register_reads_and_writes_its_own_rows_only() {
        let mut unit = Emulator::default();
        unit.configure(&TileConfig::new([2; 8]));
        let (from, mut to) = (Tile([[7; 16]; 16]), Tile::ZERO);
        // SAFETY: both tiles are whole, and all registers are configured.
        unsafe {
            unit.load::<3>(&raw const from);
            unit.store::<3>(&raw mut to);
        }
        assert_eq!(to.0[..2], [[7; 16]; 2]);
        assert_eq!(to.0[2..], [[0; 16]; 14]);
    }
}
