//! The choice of instruction set.

use std::process::Command;

use onespace_compute::{ISA_VARIABLE, Isa};

use crate::table::check_rows;

#[test]
fn names_and_order() {
    let available = Isa::available();
    assert_eq!(available[0].name(), "portable");
    assert!(available.iter().all(|isa| Isa::NAMES.contains(&isa.name())));
    assert!(Isa::named("mmx").is_none());
}

/// Not a test of its own: run in child processes by the one below.
#[test]
#[ignore = "prints the instruction set of its process for another test"]
fn print_current() {
    match Isa::current() {
        Ok(isa) => println!("current is {}", isa.name()),
        Err(error) => println!("error is {error}"),
    }
}

#[test]
fn the_variable_forces_an_instruction_set() {
    let best = Isa::available().last().map(|isa| isa.name()).unwrap();
    let unknown = format!("error is {ISA_VARIABLE}=mmx is not available on this processor; unset");
    let mut rows = vec![
        ("", format!("current is {best}")),
        ("portable", "current is portable".to_owned()),
        ("mmx", unknown),
    ];
    rows.push((best, format!("current is {best}")));
    check_rows(rows, |(value, expected)| {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "isa::print_current", "--ignored", "--nocapture"])
            .env(ISA_VARIABLE, value)
            .output()
            .unwrap();
        let printed = String::from_utf8(child.stdout).unwrap();
        if printed.contains(expected) { Ok(()) } else { Err(format!("printed {printed}")) }
    });
}
