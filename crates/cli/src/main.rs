//! The onespace program.

fn main() {}
