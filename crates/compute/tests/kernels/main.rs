//! Every kernel against its slow version in `reference`, on each instruction set of this machine.

mod attention;
mod conv;
mod elementwise;
mod gemm;
mod isa;
mod rgb_rows;
mod table;
