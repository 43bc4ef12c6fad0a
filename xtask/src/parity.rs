//! Our vectors against those of `transformers`, at real size.

use std::process::Command;

use crate::environment::{self, parity_python};
use crate::steps::Steps;

/// What is compared where nothing else is asked for; `parity/models.py` and
/// `parity/interleaved_models.py` know more.
const ARCHITECTURES: [&str; 9] = [
    "clip-b32",
    "clip-b16-laion",
    "tinyclip-8m-16",
    "bge-vl-base",
    "siglip2-b16-224",
    "siglip2-b16-naflex",
    "embeddinggemma2",
    "qwen3-vl-2b",
    // As wide as the real one, with fewer layers, so that the reference fits into 24 GB.
    "qwen3-vl-8b-4-layers",
];
/// What the names of interleaved models begin with.
const INTERLEAVED: [&str; 2] = ["qwen3-vl", "embeddinggemma2"];

/// Builds each architecture with random weights, one after the other (a folder has up to 5 GB),
/// and prints how far ours and the reference are apart, stage by stage.
pub(crate) fn run(steps: &mut Steps, chosen: &[&str]) {
    environment::set_up_parity(steps);
    for example in ["parity", "parity_interleaved"] {
        let program =
            ["build", "--release", "--quiet", "-p", "onespace-models", "--example", example];
        steps.command("release build", Command::new(env!("CARGO")).args(program));
    }
    let (root, all) = (steps.root().to_owned(), ARCHITECTURES);
    for architecture in if chosen.is_empty() { &all[..] } else { chosen } {
        let folder = root.join("target/parity");
        let mut python = Command::new(parity_python(&root));
        python.arg(root.join("parity/write.py")).arg(&folder).arg(architecture);
        steps.command(&format!("{architecture} in transformers"), &mut python);
        let interleaved = INTERLEAVED.iter().any(|name| architecture.starts_with(name));
        let program = if interleaved { "parity_interleaved" } else { "parity" };
        let mut ours = Command::new(root.join("target/release/examples").join(program));
        steps.command(architecture, ours.arg(folder.join(architecture)));
    }
}
