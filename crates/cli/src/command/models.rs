//! `models`: get them, list them, look at them, check them.

mod list;
mod outline;
mod progress;
mod pull;
mod show;
mod verify;

use crate::arguments::{ModelsAction, ModelsArguments};
use crate::failure::Failure;

pub(crate) fn run(arguments: ModelsArguments) -> Result<(), Failure> {
    match arguments.action {
        ModelsAction::Pull(arguments) => pull::run(&arguments),
        ModelsAction::List { known: true, json, .. } => list::known(json),
        ModelsAction::List { known: false, json, dir } => list::local(&dir, json),
        ModelsAction::Show { model, precision, json, dir } => {
            show::run(model.as_deref(), &dir, precision.0, json)
        }
        ModelsAction::Verify(arguments) => verify::run(&arguments),
    }
}
