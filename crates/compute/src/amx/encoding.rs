//! The bytes of the instruction texts, against the encodings in Intel's manual (volume 2,
//! "TDPBF16PS", "TDPBSSD", "TILELOADD", ...). Nothing is executed: a jump leads around each
//! instruction, so this runs on every processor.

use std::arch::asm;

use super::hardware::instruction;

/// The bytes of one instruction, which are assembled here but jumped over.
macro_rules! bytes_of {
    ($name:ident $(, $($operands:tt)+)?) => {{
        let (start, end): (*const u8, *const u8);
        // SAFETY: loads two addresses of this very code; what lies between is jumped over.
        unsafe {
            asm!(
                "lea {start}, [rip + 2f]", "lea {end}, [rip + 3f]", "jmp 3f",
                "2:", instruction!($name), "3:",
                start = out(reg) start, end = out(reg) end,
                $($($operands)+,)?
                options(nostack)
            );
        }
        let length = end.addr() - start.addr();
        // SAFETY: both addresses are in this function's code, which is readable.
        unsafe { std::slice::from_raw_parts(start, length) }.to_vec()
    }};
}

/// The same with each number of a tile register.
macro_rules! for_each_tile {
    ($name:ident $(, $($operands:tt)+)?) => {
        [
            bytes_of!($name, tile = const 0 $(, $($operands)+)?),
            bytes_of!($name, tile = const 1 $(, $($operands)+)?),
            bytes_of!($name, tile = const 2 $(, $($operands)+)?),
            bytes_of!($name, tile = const 3 $(, $($operands)+)?),
            bytes_of!($name, tile = const 4 $(, $($operands)+)?),
            bytes_of!($name, tile = const 5 $(, $($operands)+)?),
            bytes_of!($name, tile = const 6 $(, $($operands)+)?),
            bytes_of!($name, tile = const 7 $(, $($operands)+)?),
        ]
    };
}

/// The last byte of the prefix: no second source, then which of 66, F3 and F2 it stands for.
const NO_PREFIX: u8 = 0x78;
const PREFIX_F3: u8 = 0x7A;
const PREFIX_F2: u8 = 0x7B;

/// `VEX.128.prefix.0F38.W0 opcode` with registers only.
fn of_registers(prefix: u8, opcode: u8, registers: u8) -> Vec<u8> {
    vec![0xC4, 0xE2, prefix, opcode, 0b1100_0000 | registers]
}

/// `VEX.128.prefix.0F38.W0 5C or 5E 11:sum:a` with `b` inverted in the prefix.
fn of_product(prefix: u8, opcode: u8, (sum, a, b): (u8, u8, u8)) -> Vec<u8> {
    of_registers(prefix & 0b1000_0111 | (!b & 15) << 3, opcode, sum << 3 | a)
}

/// Whether this is `VEX.128.prefix.0F38.W0 opcode` with the register number and a memory
/// operand, with index (`100` in the low bits) or without, whatever the address registers.
fn of_memory(bytes: &[u8], (prefix, opcode): (u8, u8), register: u8, index: bool) -> bool {
    let [0xC4, map, second, third, operand, ..] = *bytes else { return false };
    // The three inverted extension bits are: of the tile (none), of the index and of the base.
    map & 0b1001_1111 == 0b1000_0010
        && (second, third) == (prefix, opcode)
        && operand >> 6 != 0b11
        && operand >> 3 & 7 == register
        && (!index || operand & 7 == 0b100)
}

#[test]
fn instructions_of_registers() {
    assert_eq!(bytes_of!(release), of_registers(NO_PREFIX, 0x49, 0));
    for (tile, bytes) in for_each_tile!(zero).into_iter().enumerate() {
        assert_eq!(bytes, of_registers(PREFIX_F2, 0x49, (tile as u8) << 3));
    }
}

#[test]
fn products() {
    /// Both products with these registers.
    macro_rules! products {
        ($($sum:literal $a:literal $b:literal),+) => {[$((
            ($sum, $a, $b),
            bytes_of!(dot_bf16, sum = const $sum, a = const $a, b = const $b),
            bytes_of!(dot_i8, sum = const $sum, a = const $a, b = const $b),
        )),+]};
    }
    for (registers, bf16, i8) in products!(0 4 6, 1 4 7, 2 5 6, 3 5 7, 7 0 1, 5 6 2) {
        assert_eq!(bf16, of_product(PREFIX_F3, 0x5C, registers));
        assert_eq!(i8, of_product(PREFIX_F2, 0x5E, registers));
    }
}

/// The expectation itself, against bytes that GNU `as` gave for
/// `tdpbf16ps tmm0, tmm1, tmm2`.
#[test]
fn another_assembler_agrees() {
    assert_eq!(of_product(PREFIX_F3, 0x5C, (0, 1, 2)), [0xC4, 0xE2, 0x6A, 0x5C, 0xC1]);
}

#[test]
fn loads_and_stores() {
    let at = std::ptr::null::<u8>();
    let loads = for_each_tile!(load, address = in(reg) at, stride = in(reg) 64_usize);
    let stores = for_each_tile!(store, address = in(reg) at, stride = in(reg) 64_usize);
    for (tile, (load, store)) in loads.iter().zip(&stores).enumerate() {
        assert!(of_memory(load, (PREFIX_F2, 0x4B), tile as u8, true), "{load:02X?}");
        assert!(of_memory(store, (PREFIX_F3, 0x4B), tile as u8, true), "{store:02X?}");
    }
    let configure = bytes_of!(configure, config = in(reg) at);
    assert!(of_memory(&configure, (NO_PREFIX, 0x49), 0, false), "{configure:02X?}");
}
