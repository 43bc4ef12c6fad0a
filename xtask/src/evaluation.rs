//! The figures of the embedded model's card, asked of the program that users run.

use std::process::Command;

use crate::environment;
use crate::steps::Steps;

/// Names another Python than the one that is set up: `--python PATH`.
const PYTHON: &str = "--python";

/// Measures the embedded model on the training pack in the folder `data`; `arguments` go on to
/// `training.evaluate`, but for `--python PATH`.
pub(crate) fn run(steps: &mut Steps, data: &str, arguments: &[&str]) {
    let (python, arguments) = match arguments {
        [PYTHON, python, rest @ ..] => (python.into(), rest),
        _ => {
            environment::set_up_training(steps);
            (environment::training_python(steps.root()), arguments)
        }
    };
    let mut build = Command::new(env!("CARGO"));
    steps.command("release build", build.args(["build", "--release", "--quiet"]));
    // An older program would be measured under the new weights' name.
    if steps.all_passed() {
        let mut evaluate = Command::new(python);
        evaluate.args(["-m", "training.evaluate", "--program", "target/release/onespace"]);
        steps.command("evaluation", evaluate.args(["--data", data]).args(arguments));
    }
}
