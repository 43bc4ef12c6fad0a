//! Flags over environment over file over defaults, and what each of them cannot say.

use std::fs;
use std::net::TcpListener;

use crate::support::faults::Faults;
use crate::support::program::{Finished, argument, finish, onespace, run};
use crate::support::server::Server;

/// Variables of the environment and their values.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// Runs with a settings file.
fn with_file(settings: &str, arguments: &[&str], variables: Variables<'_>) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("settings.toml");
    fs::write(&path, settings).expect("written");
    let mut command = onespace(arguments);
    command.env("ONESPACE_CONFIG", &path).env("ONESPACE_DATA_DIR", folder.path().join("data"));
    command.envs(variables.iter().copied());
    finish(command, b"")
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    // No filter at all, so that the program ends at once and names the one that it took.
    let file = "[serve]\nlog = \"file=[\"\n";
    let variable = [("ONESPACE_LOG", "variable=[")];
    let flag = ["serve", "--log", "flag=["];
    let rows: [(&str, &[&str], Variables<'_>, &str); 6] = [
        (file, &["serve"], &[], "file"),
        (file, &["serve"], &variable, "variable"),
        (file, &flag, &[], "flag"),
        (file, &flag, &variable, "flag"),
        ("", &["serve"], &variable, "variable"),
        ("", &flag, &variable, "flag"),
    ];
    let mut faults = Faults::default();
    for (settings, arguments, variables, winner) in rows {
        let ended = with_file(settings, arguments, variables);
        let is_it = ended.code == Some(1) && ended.stderr.contains(&format!("--log {winner}=["));
        faults.check(is_it, || format!("{settings} {arguments:?} {variables:?}: {ended:?}"));
    }
    let help = |settings| with_file(settings, &["serve", "--help"], &[]).stdout;
    faults.check(help("").contains("[default: 127.0.0.1:8080]"), || "the default".to_owned());
    let shown = help("[serve]\nlisten = \"127.0.0.1:4321\"\n");
    let is_shown =
        shown.contains("[default: 127.0.0.1:4321]") && !shown.contains("127.0.0.1:8080]");
    faults.check(is_shown, || "the file's value".to_owned());
    faults.report();
}

#[test]
fn the_file_reaches_the_actions_of_a_command_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("elsewhere");
    let settings = format!("[keys]\ndata-dir = {:?}\nexpires = \"never\"\n", argument(&data));
    let path = folder.path().join("settings.toml");
    fs::write(&path, settings).expect("written");
    let made = run(&["keys", "create", "laptop", "--json", "--config", argument(&path)]).json();
    assert!(made["expires_at"].is_null(), "{made}");
    let listed = run(&["keys", "list", "--data-dir", argument(&data)]);
    assert!(listed.stdout.contains("laptop"), "{listed:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let rows: [(&str, &[&str], Variables<'_>, i32, &str); 11] = [
        ("[serve]\nlissten = \"x\"\n", &["serve"], &[], 1, "`serve` has no setting `lissten`"),
        ("[server]\nlisten = \"x\"\n", &["serve"], &[], 1, "`server` is not a table"),
        ("[keys]\nlisten = \"x\"\n", &["keys", "list"], &[], 1, "`keys` has no setting `listen`"),
        ("[serve]\nlisten = 1.5\n", &["serve"], &[], 1, "`serve.listen` must be"),
        ("[serve\n", &["serve"], &[], 1, "settings.toml is not TOML"),
        ("[serve]\nlisten = \"here\"\n", &["serve"], &[], 2, "--listen"),
        ("", &["serve", "--listen", "here"], &[], 2, "--listen"),
        ("", &["serve"], &[("ONESPACE_LISTEN", "here")], 2, "--listen"),
        ("", &["serve", "--image-bytes-max=-1"], &[], 2, "--image-bytes-max"),
        ("", &["serve", "--public-url", "http://h/v1.3"], &[], 2, "without /v1.3"),
        ("", &["serve", "--metrics-listen", "on"], &[], 2, "or off"),
    ];
    let mut faults = Faults::default();
    for (settings, arguments, variables, code, named) in rows {
        let ended = with_file(settings, arguments, variables);
        let is_told = ended.stderr.starts_with("error: ") && ended.stderr.contains(named);
        let is_right = ended.code == Some(code) && is_told;
        faults.check(is_right, || format!("{settings} {arguments:?} {variables:?}: {ended:?}"));
    }
    let missing = run(&["serve", "--config", "/nowhere/settings.toml"]);
    let is_told = missing.stderr.contains("/nowhere/settings.toml cannot be read");
    faults.check(missing.code == Some(1) && is_told, || format!("{missing:?}"));
    faults.report();
}

/// The flags of a help text, each with what is said about it.
fn flags(help: &str) -> Vec<(String, String)> {
    let mut flags: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let words = line.trim_start();
        match words.split([' ', ',']).find(|word| word.starts_with("--")) {
            Some(flag) if words.starts_with('-') && !words.starts_with("- ") => {
                flags.push((flag.to_owned(), String::new()));
            }
            _ => {
                if let Some((_, text)) = flags.last_mut() {
                    text.push_str(words);
                    text.push(' ');
                }
            }
        }
    }
    flags
}

#[test]
fn help_says_what_happens_without_each_flag() {
    let help = run(&["serve", "--help"]);
    assert_eq!(help.code, Some(0));
    let flags = flags(&help.stdout);
    assert!(flags.len() > 20, "{flags:?}");
    let mut faults = Faults::default();
    for (flag, text) in flags.iter().filter(|(flag, _)| flag != "--help") {
        let says = text.contains("[default: ") || text.contains("Without it");
        faults.check(says, || format!("{flag}: no default: {text}"));
        let variable = flag[2..].replace('-', "_").to_uppercase();
        faults.check(text.contains(&format!("[env: ONESPACE_{variable}=")), || {
            format!("{flag}: no variable: {text}")
        });
    }
    faults.report();
}

#[test]
fn a_port_in_use_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for flag in ["--listen", "--metrics-listen"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut arguments = vec!["serve", "--data-dir", argument(folder.path()), flag, &address];
        if flag == "--metrics-listen" {
            arguments.extend(["--listen", "127.0.0.1:0"]);
        }
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(1), "{flag}");
        let sentence =
            format!("error: {address} cannot be listened on; choose another with {flag}.");
        assert!(ended.stderr.contains(&sentence), "{flag}: {}", ended.stderr);
        assert!(!ended.stdout.contains("osk_"), "{flag}: a key was announced that is lost");
        // That start has taken nothing away: the next one is still the first.
        assert!(Server::start_on(folder.path(), &[]).announces_a_key(), "{flag}");
    }
}

#[test]
fn a_second_server_on_the_same_data_refuses() {
    let first = Server::start(&[]);
    let data_dir = argument(first.data_dir());
    let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "off"];
    let arguments: Vec<_> = ["serve", "--data-dir", data_dir].into_iter().chain(listen).collect();
    let second = run(&arguments);
    assert_eq!(second.code, Some(1));
    let sentence = format!("Another onespace server is using the data directory {data_dir}.");
    assert!(second.stderr.contains(&sentence), "{}", second.stderr);
    assert_eq!(first.get("/readyz", "").status, 200, "the first one goes on");
}
