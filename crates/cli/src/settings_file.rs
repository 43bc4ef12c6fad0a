//! The settings file: its values become the defaults of the flags, so that flags and environment
//! win over it, and `--help` shows what is in force.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Cli;
use crate::failure::Failure;

/// Parses `arguments` over the settings file that they, or the environment, name.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Cli, Failure> {
    let mut command = Cli::command();
    if let Some(path) = named_file(&arguments) {
        command = with_defaults(command, &path)?;
    }
    let matches = command.get_matches_from(arguments);
    Cli::from_arg_matches(&matches).map_err(|error| error.exit())
}

/// The file named by `--config FILE`, `--config=FILE` or `ONESPACE_CONFIG`.
fn named_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("ONESPACE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn with_defaults(command: clap::Command, path: &Path) -> Result<clap::Command, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::because(format!("The settings file {} cannot be read.", path.display()), error)
    })?;
    let settings: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::because(format!("The settings file {} is not TOML.", path.display()), error)
    })?;
    settings.into_iter().try_fold(command, |command, (section, values)| {
        let toml::Value::Table(values) = values else {
            return Err(misplaced(path, &section));
        };
        if command.find_subcommand(&section).is_none() {
            return Err(misplaced(path, &section));
        }
        values.into_iter().try_fold(command, |command, (key, value)| {
            set_default(command, path, &section, (&key, &value))
        })
    })
}

fn misplaced(path: &Path, section: &str) -> Failure {
    Failure::new(format!(
        "{}: `{section}` is not a table of a command. Write for example\n\n  [serve]\n  listen = \
         \"127.0.0.1:8080\"\n",
        path.display()
    ))
}

fn set_default(
    command: clap::Command,
    path: &Path,
    section: &str,
    (key, value): (&str, &toml::Value),
) -> Result<clap::Command, Failure> {
    let values = texts(value).ok_or_else(|| {
        let place = path.display();
        Failure::new(format!("{place}: `{section}.{key}` must be a value or a list of values."))
    })?;
    let mut found = false;
    let command =
        command.mut_subcommand(section, |section| with_default(section, key, &values, &mut found));
    found.then_some(command).ok_or_else(|| {
        Failure::new(format!("{}: `{section}` has no setting `{key}`.", path.display()))
    })
}

/// Sets the default of the flag `key`, also where the actions of a command (`keys list`) have it.
fn with_default(
    command: clap::Command,
    key: &str,
    values: &[String],
    found: &mut bool,
) -> clap::Command {
    let flag = command.get_arguments().find(|flag| flag.get_long() == Some(key));
    let command = match flag.map(|flag| flag.get_id().clone()) {
        Some(id) => {
            *found = true;
            command.mut_arg(id, |flag| flag.default_values(values.to_vec()))
        }
        None => command,
    };
    command.mut_subcommands(|action| with_default(action, key, values, found))
}

/// A TOML value as it would stand on the command line.
fn texts(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text.clone()]),
        toml::Value::Integer(number) => Some(vec![number.to_string()]),
        toml::Value::Boolean(flag) => Some(vec![flag.to_string()]),
        toml::Value::Array(values) => {
            let values: Option<Vec<_>> = values.iter().map(texts).collect();
            values.map(|values| values.into_iter().flatten().collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(settings: &str, arguments: &[&str]) -> Result<String, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, settings).expect("written");
        let command = with_defaults(Cli::command(), &path).map_err(|failure| failure.lines())?;
        let matches = command.try_get_matches_from(arguments).expect("arguments parse");
        let cli = Cli::from_arg_matches(&matches).expect("a command");
        let crate::arguments::Command::Serve(serve) = cli.command else { panic!("serve") };
        Ok(format!("{} {}", serve.listen, serve.disable_fetch))
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = "[serve]\nlisten = \"127.0.0.1:1\"\ndisable-fetch = true\n";
        let cases: [(&str, &[&str], &str); 3] = [
            ("", &["onespace", "serve"], "127.0.0.1:8080 false"),
            (file, &["onespace", "serve"], "127.0.0.1:1 true"),
            (file, &["onespace", "serve", "--listen", "127.0.0.1:2"], "127.0.0.1:2 true"),
        ];
        for (settings, arguments, expected) in cases {
            assert_eq!(listen(settings, arguments).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_the_file_cannot_mean_is_refused_by_name() {
        for (settings, named) in [
            ("listen = 1", "listen"),
            ("[server]\nlisten = 1", "server"),
            ("[serve]\nlissten = 1", "lissten"),
            ("[serve]\nlisten = 1.5", "serve.listen"),
            ("not toml", "not TOML"),
        ] {
            let lines = listen(settings, &["onespace", "serve"]).expect_err(settings);
            assert!(lines[0].contains(named), "{settings}: {lines:?}");
        }
    }
}
