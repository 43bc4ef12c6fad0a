//! `models pull`: download a model, and say what came and how to serve it.

use std::error::Error;

use onespace_hub::licence::Licence;
use onespace_hub::{
    HubClient, HubError, HubSettings, ModelReference, ModelsDir, PullOutcome, Pulled, known,
};

use super::progress::PullProgress;
use crate::arguments::{PullArguments, default_models_dir};
use crate::failure::Failure;
use crate::output::{note, say};

/// Where a token for gated models is looked for. No flag: others could read it.
const TOKEN_VARIABLE: &str = "HF_TOKEN";

pub(crate) fn run(arguments: &PullArguments) -> Result<(), Failure> {
    let known = known::by_repository(&arguments.model.repository.to_string());
    if known.is_some_and(|known| known.support == known::Support::NotYet) {
        note(&format!(
            "note: this version cannot load {} yet; it is downloaded all the same.",
            arguments.model.repository
        ));
    }
    let settings = HubSettings {
        endpoint: arguments.endpoint.clone(),
        token: std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
        stall_ms_max: arguments.stall_ms_max,
        ..HubSettings::default()
    };
    let client = HubClient::new(settings).map_err(failure)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("The program cannot start its threads.", error))?;
    let pulled = runtime.block_on(pull(&client, arguments))?;
    report(&pulled, arguments, known.map(|known| known.licence_expected));
    Ok(())
}

/// Pulls until it is done, or until Ctrl-C.
async fn pull(client: &HubClient, arguments: &PullArguments) -> Result<Pulled, Failure> {
    let models = ModelsDir::new(arguments.dir.models_dir.clone());
    let mut progress = PullProgress::new(&arguments.model);
    let mut on_event = |event: onespace_hub::PullEvent<'_>| progress.show(event);
    let pulling = client.pull(&models, &arguments.model, arguments.bytes_max, &mut on_event);
    let ended = tokio::select! {
        ended = pulling => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    progress.end();
    match ended {
        Some(ended) => ended.map_err(failure),
        None => Err(Failure::new(format!(
            "Stopped. What arrived is kept; `onespace models pull {}` goes on from there.",
            arguments.model
        ))),
    }
}

/// The error's own words, and below them those of what lies behind it.
fn failure(error: HubError) -> Failure {
    let message = sentence(&error.to_string());
    let mut behind = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        behind.push(error.to_string());
        source = error.source();
    }
    match behind.is_empty() {
        true => Failure::new(message),
        false => Failure::because(message, behind.join(": ")),
    }
}

/// With a capital letter at its beginning, unless that is a name, and a full stop at its end.
fn sentence(text: &str) -> String {
    match text.split_once(' ') {
        Some((first, _)) if first.chars().all(|c| c.is_ascii_lowercase()) => {
            format!("{}{}.", first[..1].to_ascii_uppercase(), &text[1..])
        }
        _ => format!("{text}."),
    }
}

fn report(pulled: &Pulled, arguments: &PullArguments, expected: Option<&str>) {
    let record = &pulled.record;
    let what = match pulled.outcome {
        PullOutcome::AlreadyThere => "is here already",
        PullOutcome::New => "is here",
        PullOutcome::Replaced => "is here, in place of another revision",
    };
    say(&format!("{} {what}, every file checked", record.repository));
    say("");
    say(&format!("  folder     {}", pulled.folder.display()));
    say(&format!("  revision   {} ({})", record.commit, record.revision));
    let size = indicatif::DecimalBytes(record.bytes());
    say(&format!("  files      {}, {size}", record.files.len()));
    say(&format!("  licence    {}", Licence::find(&pulled.folder).line()));
    if let Some(expected) = expected {
        say(&format!("             when this program was made: {expected}"));
    }
    say(&format!("  serve it   {}", serve_command(&arguments.model, arguments)));
}

/// The command that serves the model.
fn serve_command(model: &ModelReference, arguments: &PullArguments) -> String {
    let name = model.repository.to_string();
    let name = known::by_repository(&name).map_or(name.as_str(), |known| known.alias);
    let models_dir = &arguments.dir.models_dir;
    if *models_dir == default_models_dir() {
        return format!("onespace serve --model {name}");
    }
    format!("onespace serve --model {name} --models-dir {}", models_dir.display())
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn sentences_begin_with_a_capital_but_names_stay() {
        assert_eq!(sentence("the disk is full"), "The disk is full.");
        assert_eq!(sentence("a/b was not found"), "a/b was not found.");
        assert_eq!(sentence("model.safetensors stopped"), "model.safetensors stopped.");
    }
}
