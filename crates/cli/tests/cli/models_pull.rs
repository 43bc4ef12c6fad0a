//! `onespace models pull`: from a hub on loopback, with real processes that are killed, stopped and
//! run beside each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::json;
use tempfile::TempDir;

use crate::fake_hub::{FakeFile, FakeHub, Fault, large, small};
use crate::support::program::{Finished, argument, exit_status, finish, onespace, run};
use crate::support::server::Server;
use crate::support::waiting::until;
use crate::support::{pictures, processes, requests};

const MODEL: &str = "maker/mini";
/// Bytes after which the hub holds its breath.
const HELD_AT: usize = 200_000;

/// The embedded model's files, as its makers could publish them.
fn model_files() -> Vec<FakeFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/embedded");
    let bytes = |name| fs::read(folder.join(name)).expect("a file of the embedded model");
    vec![
        small("README.md", "---\nlicense: apache-2.0\n---\n"),
        small("config.json", bytes("config.json")),
        small("tokenizer.json", bytes("tokenizer.json")),
        large("model.safetensors", bytes("model.safetensors")),
        large("pytorch_model.bin", "never"),
    ]
}

/// A hub and a folder for models.
struct Bench {
    hub: FakeHub,
    folder: TempDir,
    data: TempDir,
}

impl Bench {
    fn new() -> Self {
        let hub = FakeHub::start();
        hub.publish(MODEL, "main", &model_files());
        let folder = || tempfile::tempdir().expect("a folder");
        Self { hub, folder: folder(), data: folder() }
    }

    fn models_dir(&self) -> &str {
        argument(self.folder.path())
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join(MODEL)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = onespace(arguments);
        command.env("HF_ENDPOINT", self.hub.endpoint());
        command.env("ONESPACE_MODELS_DIR", self.models_dir());
        command.env("ONESPACE_DATA_DIR", self.data.path());
        command
    }

    fn pull(&self) -> Finished {
        finish(self.command(&["models", "pull", MODEL]), b"")
    }

    fn models(&self, arguments: &[&str]) -> Finished {
        let arguments: Vec<_> = ["models"].iter().chain(arguments).copied().collect();
        finish(self.command(&arguments), b"")
    }

    /// Starts a pull, and waits until the hub holds it in the middle of the weights.
    fn held_pull(&self) -> Child {
        self.hub.fail(&[Fault::HoldAfter(HELD_AT)]);
        let mut command = self.command(&["models", "pull", MODEL, "--stall-ms-max", "3600000"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        until("the hub holds the pull", || {
            (self.part_bytes() == Some(HELD_AT as u64)).then_some(())
        });
        child
    }

    /// Bytes of the weights that have arrived.
    fn part_bytes(&self) -> Option<u64> {
        let entries = fs::read_dir(self.folder.path().join(".incoming/maker--mini")).ok()?;
        let parts = entries.filter_map(Result::ok).filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("model.safetensors.")
        });
        parts.filter_map(|part| part.metadata().ok()).map(|metadata| metadata.len()).max()
    }

    /// What `models list` says about the model.
    fn state(&self) -> String {
        let lines = self.models(&["list", "--json"]).json_lines();
        let found = lines.iter().find(|line| line["name"] == MODEL).expect("listed");
        found["state"].as_str().expect("a state").to_owned()
    }
}

fn ended(mut child: Child) -> (Option<i32>, String) {
    let status = exit_status(&mut child);
    let mut stderr = String::new();
    let mut stream = child.stderr.take().expect("stderr is piped");
    std::io::Read::read_to_string(&mut stream, &mut stderr).expect("UTF-8");
    (status.code(), stderr)
}

#[test]
fn a_pulled_model_is_listed_shown_verified_and_served() {
    let bench = Bench::new();
    let pulled = bench.pull();
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    for part in
        ["maker/mini is here", "apache-2.0 (README.md)", "onespace serve --model maker/mini"]
    {
        assert!(pulled.stdout.contains(part), "{part}: {}", pulled.stdout);
    }
    assert!(pulled.stderr.contains("is commit "), "{}", pulled.stderr);
    assert!(!bench.target().join("pytorch_model.bin").exists());
    assert_eq!(bench.state(), "ok");
    let again = bench.pull();
    assert!(again.stdout.contains("is here already"), "{again:?}");

    let shown = bench.models(&["show", MODEL, "--json"]).json();
    assert_eq!(shown["source"]["repository"], MODEL);
    assert_eq!(shown["licence"], "apache-2.0 (README.md)");
    assert_eq!(shown["dimensions"], json!([128, 256, 512]));
    let verified = bench.models(&["verify", MODEL]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("as pulled"), "{}", verified.stdout);

    let server = Server::start(&["--model", MODEL, "--models-dir", bench.models_dir()]);
    let output = server.output();
    assert!(output.contains("licence apache-2.0 (README.md)"), "{output}");
    let mut body = requests::text("a cat");
    let by_api_name = server.embed(&body);
    assert_eq!(by_api_name.header("x-onespace-space"), shown["space"].as_str());
    for name in [MODEL, "onespace-mini"] {
        body["model_name"] = json!(name);
        let answer = server.embed(&body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}

#[test]
fn a_killed_pull_leaves_nothing_half_and_the_next_goes_on() {
    let bench = Bench::new();
    let child = bench.held_pull();
    processes::send(Pid::from_child(&child), Signal::KILL);
    assert_eq!(ended(child).0, None);
    assert!(!bench.target().exists());
    assert_eq!(bench.state(), "incomplete: pull it again");
    let serve = bench.command(&["serve", "--model", MODEL]);
    let refused = finish(serve, b"");
    assert!(refused.stderr.contains("onespace models pull maker/mini"), "{}", refused.stderr);
    let pulled = bench.pull();
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert_eq!(bench.hub.ranges(), [None, Some(HELD_AT)]);
    assert_eq!(bench.state(), "ok");
}

#[test]
fn ctrl_c_says_how_to_go_on() {
    let bench = Bench::new();
    let child = bench.held_pull();
    processes::send(Pid::from_child(&child), Signal::INT);
    let (code, stderr) = ended(child);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("`onespace models pull maker/mini` goes on from there"), "{stderr}");
    assert_eq!(bench.pull().code, Some(0));
    assert_eq!(bench.hub.ranges(), [None, Some(HELD_AT)]);
}

#[test]
fn a_second_pull_of_the_same_model_waits_its_turn() {
    let bench = Bench::new();
    let child = bench.held_pull();
    let second = bench.pull();
    assert_eq!(second.code, Some(1));
    let sentence =
        "error: Another process is pulling maker/mini: let it finish, then run this again.";
    assert!(second.stderr.contains(sentence), "{}", second.stderr);
    bench.hub.release();
    let (code, stderr) = ended(child);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(bench.state(), "ok");
}

#[test]
fn what_is_not_here_is_named_with_its_command() {
    let bench = Bench::new();
    let place = bench.models_dir();
    let rows: [(&[&str], i32, &str); 8] = [
        (&["models", "pull", "maker/none"], 1, "maker/none was not found on 127.0.0.1"),
        (&["models", "pull", "maker/mini@v9"], 1, "maker/mini has no revision v9"),
        (&["models", "pull", "no-such-name"], 2, "no short name of a model; those are: tinyclip"),
        (&["models", "pull", MODEL, "--bytes-max", "1000"], 1, "raise --bytes-max"),
        (&["models", "pull", MODEL, "--endpoint", "mirror"], 1, "HF_ENDPOINT"),
        (&["serve", "--model", "clip-b32"], 1, "onespace models pull clip-b32 --models-dir"),
        (&["embed", "--text", "x", "--model", "nothing"], 1, "There is no folder nothing"),
        (&["models", "verify", "a/b"], 1, "Nothing is downloaded unasked"),
    ];
    for (arguments, code, named) in rows {
        let ended = finish(bench.command(arguments), b"");
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{arguments:?}: {}", ended.stderr);
    }
    let left: Vec<_> = fs::read_dir(place).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_token_is_taken_from_the_environment_and_never_shown() {
    let bench = Bench::new();
    let mut command = bench.command(&["models", "pull", MODEL]);
    command.env("HF_TOKEN", "hf_unmistakable");
    let pulled = finish(command, b"");
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert!(
        bench.hub.asked().iter().any(|asked| asked.token.as_deref() == Some("hf_unmistakable"))
    );
    assert!(!pulled.stdout.contains("unmistakable") && !pulled.stderr.contains("unmistakable"));
    let help = run(&["models", "pull", "--help"]);
    assert!(!help.stdout.contains("unmistakable"));
}

#[test]
fn a_changed_or_broken_file_fails_the_verification_by_name() {
    let bench = Bench::new();
    assert_eq!(bench.pull().code, Some(0));
    let readme = bench.target().join("README.md");
    let text = fs::read(&readme).expect("read");
    fs::write(&readme, b"---\nlicense: mit-license\n---\n").expect("written");
    let changed = bench.models(&["verify", MODEL]);
    assert_eq!(changed.code, Some(1));
    assert!(changed.stdout.contains("changed since the pull: README.md"), "{}", changed.stdout);
    assert_eq!(bench.state(), "README.md was changed");
    fs::write(&readme, text).expect("written");

    let weights = bench.target().join("model.safetensors");
    let mut bytes = fs::read(&weights).expect("read");
    let end = bytes.len();
    // Not a number, in 16 bits as in 32.
    bytes[end - 4..].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
    fs::write(&weights, &bytes).expect("written");
    let broken = bench.models(&["verify", MODEL, "--json"]);
    assert_eq!(broken.code, Some(1));
    let lines = broken.json_lines();
    let load = lines.iter().find(|line| line["check"] == "load").expect("a line");
    assert_eq!(load["passed"], false);
    let figure = load["figure"].as_str().expect("a figure");
    assert!(figure.contains("model.safetensors"), "{figure}");
    let start = finish(bench.command(&["serve", "--model", MODEL]), b"");
    assert!(start.stderr.contains("model.safetensors"), "{}", start.stderr);
    fs::write(&weights, &bytes[..end / 2]).expect("written");
    let cut = finish(bench.command(&["serve", "--model", MODEL]), b"");
    assert_eq!(cut.code, Some(1));
    assert!(cut.stderr.contains("model.safetensors"), "{}", cut.stderr);
}

#[test]
#[ignore = "needs user namespaces"]
fn a_full_disk_keeps_what_arrived() {
    let bench = Bench::new();
    bench.hub.fail(&[Fault::HoldAfter(HELD_AT)]);
    // Both pulls see a small disk of their own; between them its room is made again.
    let script = "mount -t tmpfs -o size=96m none \"$2\" || exit 9
        \"$1\" models pull maker/mini --stall-ms-max 3600000; first=$?
        rm \"$2/filler\" || exit 8
        \"$1\" models pull maker/mini || exit 7
        exit $((first + 10))";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.args([env!("CARGO_BIN_EXE_onespace"), bench.models_dir()]);
    command.env("HF_ENDPOINT", bench.hub.endpoint());
    command.env("ONESPACE_MODELS_DIR", bench.models_dir());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("unshare");
    let disk = PathBuf::from(format!("/proc/{}/root{}", child.id(), bench.models_dir()));
    until("the hub holds the pull", || {
        let asked = bench.hub.ranges().len() == 1;
        (asked && disk.join(".incoming").exists()).then_some(())
    });
    let mut filler = fs::File::create(disk.join("filler")).expect("a file on the small disk");
    while std::io::Write::write_all(&mut filler, &[7; 1 << 16]).is_ok() {}
    bench.hub.release();
    let (code, stderr) = ended(child);
    assert_eq!(code, Some(11), "{stderr}");
    assert!(stderr.contains("is full: make room and run the same command again"), "{stderr}");
    let ranges = bench.hub.ranges();
    assert!(ranges.len() == 2 && ranges[1] >= Some(1), "{ranges:?}");
}

#[test]
fn known_names_are_listed_with_what_is_known() {
    let listed = run(&["models", "list", "--known"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    for part in ["clip-b32", "openai/clip-vit-base-patch32", "siglip2-base", "BAAI/BGE-VL-base"] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    let json = run(&["models", "list", "--known", "--json"]).json_lines();
    assert!(json.iter().all(|model| model["licence_expected"].is_string()), "{json:?}");
}

#[test]
fn precisions_that_cannot_be_meant_are_refused() {
    let rows: [(&[&str], i32, &str); 3] = [
        (&["embed", "--text", "x", "--precision", "fp64"], 2, "expected f32"),
        (&["embed", "--text", "x", "--precision", "other=f32"], 1, "names the model other"),
        (&["serve", "--precision", "clip-b32=auto"], 1, "names the model clip-b32"),
    ];
    for (arguments, code, named) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = onespace(arguments);
        command.env("ONESPACE_DATA_DIR", folder.path());
        let ended = finish(command, b"");
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{arguments:?}: {}", ended.stderr);
    }
    let vector = |more: &[&str]| {
        let arguments: Vec<_> = ["embed", "--text", "x"].iter().chain(more).copied().collect();
        run(&arguments).json()["embedding"].clone()
    };
    assert_eq!(vector(&["--precision", "f32"]), vector(&["--precision", "onespace-mini=f32"]));
}

#[test]
fn a_picture_embeds_alike_by_folder_and_by_name() {
    let bench = Bench::new();
    assert_eq!(bench.pull().code, Some(0));
    let picture = pictures::path("cat.png");
    let folder = bench.target();
    let by = |model: &str| {
        let image = argument(&picture);
        finish(bench.command(&["embed", "--image", image, "--model", model]), b"").json()
    };
    assert_eq!(by(MODEL), by(argument(&folder)));
    assert_eq!(by(MODEL), by("onespace-mini"));
}
