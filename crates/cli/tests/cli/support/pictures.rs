//! The pictures of the examples.

use std::fs;
use std::path::PathBuf;

/// One picture of each served format.
pub(crate) const ONE_OF_EACH_FORMAT: [&str; 4] = ["cat.png", "house.jpg", "tree.webp", "boat.gif"];

/// Where the picture is.
pub(crate) fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/pictures");
    folder.canonicalize().expect("the examples have pictures").join(name)
}

/// The same, as text.
pub(crate) fn file(name: &str) -> String {
    path(name).to_str().expect("a path in UTF-8").to_owned()
}

/// The bytes of the picture.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
