//! `models verify`: what a model does on this machine, checked, with figures.

mod checks;
mod files;
mod inputs;
mod memory;

use onespace_models::Precision;
use serde::Serialize;

use crate::arguments::VerifyArguments;
use crate::failure::Failure;
use crate::loaded_models::{self, LoadedModel, Place};
use crate::output::{say, say_json, table};

/// What one check found.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    passed: bool,
    /// What was measured.
    figure: String,
    /// What to do, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

impl Check {
    fn passed(check: &'static str, figure: impl Into<String>) -> Self {
        Self { check, passed: true, figure: figure.into(), advice: None }
    }

    /// Passed if `holds`; else `advice` says what to do.
    fn of(holds: bool, check: &'static str, figure: String, advice: &'static str) -> Self {
        Self { check, passed: holds, figure, advice: (!holds).then_some(advice) }
    }
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    let asked = arguments.model.as_deref();
    let place =
        asked.map_or(Ok(Place::Embedded), |asked| loaded_models::find(asked, &arguments.dir))?;
    let mut checks = match &place {
        Place::Embedded => Vec::new(),
        Place::Folder(folder) => files::check(folder),
    };
    checks.extend(loaded_checks(arguments));
    print(&checks, arguments.json)?;
    let failed = checks.iter().filter(|check| !check.passed).count();
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} checks failed.", checks.len()))),
    }
}

/// Loads the model and runs it; a model that cannot be loaded is a failed check.
fn loaded_checks(arguments: &VerifyArguments) -> Vec<Check> {
    let before_bytes = memory::resident_bytes();
    let load = |precision| {
        loaded_models::load_named(arguments.model.as_deref(), &arguments.dir, precision)
    };
    let loaded = match load(arguments.precision.0) {
        Ok(loaded) => loaded,
        Err(failure) => return vec![unloadable(&failure)],
    };
    let mut checks = vec![load_check(&loaded, before_bytes)];
    let exact = match loaded.model.description().precision {
        Precision::F32 => None,
        _ => match load(Some(Precision::F32)) {
            Ok(exact) => Some(exact.model),
            Err(failure) => {
                checks.push(unloadable(&failure));
                return checks;
            }
        },
    };
    match checks::run(&loaded, exact.as_deref()) {
        Ok(run) => checks.extend(run),
        Err(failure) => checks.push(Check::of(
            false,
            "run",
            failure.lines().join(": "),
            "the model does not run what its description promises; report it with this line",
        )),
    }
    checks
}

fn unloadable(failure: &Failure) -> Check {
    let advice = "mend or replace the file that is named; a pulled model: remove its folder and \
                  pull it again";
    Check::of(false, "load", failure.lines().join(": "), advice)
}

fn load_check(loaded: &LoadedModel, before_bytes: Option<u64>) -> Check {
    let description = loaded.model.description();
    let after_bytes = memory::resident_bytes();
    let memory = match (before_bytes, after_bytes) {
        (Some(before), Some(after)) => {
            format!(", {} of memory", indicatif::DecimalBytes(after.saturating_sub(before)))
        }
        _ => String::new(),
    };
    let figure = format!(
        "{} at {} in {:.2} s{memory}; shapes fit, every weight is finite",
        description.name,
        description.precision.name(),
        loaded.load_s
    );
    Check::passed("load", figure)
}

fn print(checks: &[Check], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return checks.iter().try_for_each(say_json);
    }
    let rows: Vec<_> = checks
        .iter()
        .map(|check| {
            let state = if check.passed { "ok" } else { "FAILED" };
            vec![check.check.to_owned(), state.to_owned(), check.figure.clone()]
        })
        .collect();
    table(&["CHECK", "STATE", "FIGURE"], &rows).iter().for_each(|line| say(line));
    for check in checks {
        if let Some(advice) = check.advice {
            say(&format!("\n{}: {advice}.", check.check));
        }
    }
    Ok(())
}
