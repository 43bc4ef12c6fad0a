//! Folders of dual encoders as they are found: what files leave out, what stands beside them, what
//! happens to them later, and what is no file at all.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod changed_folder;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use changed_folder::{Copy, assert_refused};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{
    EmbeddingModel, InputPart, LoadError, LoadErrorKind, ModelError, Part, Sequence, TokenizedPart,
};
use serde_json::{Map, Value, json};

const WEIGHTS: &str = "model.safetensors";

fn load(dir: &Path) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    folder::load(dir, &LoadOptions::default())
}

fn copy_of(name: &str) -> Copy {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-dual").join(name);
    Copy::of(&golden, load)
}

fn text_vector(model: &dyn EmbeddingModel, words: &str) -> Result<Vec<f32>, ModelError> {
    match model.tokenize(&[InputPart::Text(words)])?.parts.swap_remove(0) {
        TokenizedPart::Text(ids) => {
            Ok(model.embed(&[Sequence { parts: vec![Part::Text(ids)] }])?.remove(0))
        }
        TokenizedPart::Frame(_) | TokenizedPart::Image(_) => unreachable!("no image was given"),
    }
}

impl Copy {
    fn text_vector(&self) -> Vec<f32> {
        text_vector(&*self.load().unwrap(), "a Red cat").unwrap()
    }

    /// Replaces the header of the weights; the numbers stay.
    fn change_header(&self, change: impl FnOnce(Map<String, Value>) -> String) {
        let bytes = fs::read(self.path(WEIGHTS)).unwrap();
        let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let header = change(serde_json::from_slice(&bytes[8..8 + length]).unwrap());
        let prefix = (header.len() as u64).to_le_bytes();
        let changed = [&prefix, header.as_bytes(), &bytes[8 + length..]].concat();
        fs::write(self.path(WEIGHTS), changed).unwrap();
    }
}

fn pad(copy: &Copy, side: Option<&str>) {
    copy.change("tokenizer_config.json", |json| match side {
        Some(side) => json["padding_side"] = json!(side),
        None => drop(json.as_object_mut().unwrap().remove("padding_side")),
    });
}

#[test]
fn where_no_file_says_on_which_side_padding_is_the_class_does() {
    let copy = copy_of("siglip2-small");
    let vectors = [Some("left"), Some("right"), None].map(|side| {
        pad(&copy, side);
        copy.text_vector()
    });
    assert_ne!(vectors[0], vectors[1], "the side matters");
    assert_eq!(vectors[2], vectors[0], "that of Siglip2Tokenizer is the left one");
    let padding = |direction: &str| {
        copy.change("tokenizer.json", |json| {
            json["padding"] = json!({"strategy": {"Fixed": 64}, "direction": direction,
                "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"});
        });
    };
    padding("Right");
    assert_eq!(copy.text_vector(), vectors[1], "the tokenizer's own file comes before its class");
    fs::remove_file(copy.path("tokenizer_config.json")).unwrap();
    copy.change("tokenizer.json", |json| json["padding"] = Value::Null);
    assert_eq!(copy.text_vector(), vectors[0], "the class of the reference for such models");
}

#[test]
fn the_newer_file_about_pictures_counts() {
    let copy = copy_of("clip-small");
    let older: Value =
        serde_json::from_slice(&fs::read(copy.path("preprocessor_config.json")).unwrap()).unwrap();
    let mean = || copy.load().unwrap().description().preprocess.mean;
    let before = mean();
    let write = |json: Value| fs::write(copy.path("processor_config.json"), json.to_string());
    write(json!({"processor_class": "CLIPProcessor"})).unwrap();
    assert_eq!(mean(), before, "a file that does not speak of pictures");
    let mut newer = older;
    newer["image_mean"] = json!(0.25);
    write(json!({"image_processor": newer})).unwrap();
    assert_eq!(mean(), [0.25; 3]);
}

fn eos(copy: &Copy, id: Value) {
    copy.change("config.json", |json| json["text_config"]["eos_token_id"] = id);
}

fn set_epsilon(copy: &Copy) {
    copy.change("config.json", |json| json["text_config"]["layer_norm_eps"] = json!(1e30));
}

#[test]
fn a_kind_that_is_no_text_and_an_epsilon_that_swallows_everything_are_refused() {
    use LoadErrorKind::Config;
    let kind = "config.json: must be an object whose model_type (or architecture) is a string";
    let epsilon = "text_config.layer_norm_eps is 1e30; it must be above 0 and at most 0.1";
    assert_refused(
        || copy_of("clip-small"),
        &[
            (|copy| copy.change("config.json", |json| json["model_type"] = json!(5)), Config, kind),
            (|copy| copy.change("config.json", |json| *json = json!([])), Config, kind),
            (set_epsilon, Config, epsilon),
        ],
    );
}

#[test]
fn an_end_of_text_that_the_tokenizer_never_writes_is_refused() {
    use LoadErrorKind::Tokenizer;
    let words = "config.json names";
    assert_refused(
        || copy_of("clip-small"),
        &[
            (|copy| eos(copy, json!(5)), Tokenizer, words),
            (|copy| eos(copy, json!(-1)), Tokenizer, words),
            (|copy| eos(copy, json!("x")), Tokenizer, words),
        ],
    );
}

#[test]
fn tensors_that_share_bytes_or_a_name_or_leave_a_gap_are_refused() {
    let offsets = |from: u64, to: u64| json!([from, to]);
    let (one, other) = ("layers.0.layer_norm1.weight", "layers.0.layer_norm2.weight");
    let full = |header: &Map<String, Value>, end: &str| {
        header.keys().find(|name| name.starts_with("text_model") && name.ends_with(end)).cloned()
    };
    let shared = copy_of("clip-small");
    shared.change_header(|mut header| {
        let (one, other) = (full(&header, one).unwrap(), full(&header, other).unwrap());
        header[&one]["data_offsets"] = header[&other]["data_offsets"].clone();
        Value::Object(header).to_string()
    });
    let twice = copy_of("clip-small");
    twice.change_header(|header| {
        let name = full(&header, one).unwrap();
        let again = format!("{{{}:{},", json!(name), header[&name]);
        Value::Object(header).to_string().replacen('{', &again, 1)
    });
    let gap = copy_of("clip-small");
    gap.change_header(|mut header| {
        let last = |tensor: &Value| tensor["data_offsets"][1].as_u64();
        let end = header.values().filter_map(last).max().unwrap();
        header.insert(
            "more".into(),
            json!({"dtype": "U8", "shape": [0], "data_offsets": offsets(end + 1, end + 1)}),
        );
        Value::Object(header).to_string()
    });
    for (what, copy) in [("shared", shared), ("twice", twice), ("gap", gap)] {
        let error = copy.load().err().unwrap_or_else(|| panic!("{what}: was taken"));
        assert_eq!((error.kind(), error.file()), (LoadErrorKind::Weights, WEIGHTS), "{what}");
        assert!(error.to_string().contains("is damaged"), "{what}: {error}");
    }
}

#[test]
fn one_prefix_before_all_names_is_no_part_of_them() {
    let copy = copy_of("clip-small");
    let expected = copy.text_vector();
    copy.change_header(|header| {
        let named = header.into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor));
        Value::Object(named.filter(|(name, _)| !name.contains("__metadata__")).collect())
            .to_string()
    });
    assert_eq!(copy.text_vector(), expected);
}

#[test]
fn weights_that_were_replaced_in_place_give_no_vectors() {
    let copy = copy_of("clip-small");
    let model = copy.load().unwrap();
    assert!(text_vector(&*model, "a red cat").is_ok());
    let file = fs::OpenOptions::new().write(true).open(copy.path(WEIGHTS)).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(1)).unwrap();
    let error = text_vector(&*model, "a red cat").expect_err("it may be another model's");
    assert!(error.to_string().contains("load the model again"), "{error}");
    let renamed = copy_of("clip-small");
    let model = renamed.load().unwrap();
    fs::rename(renamed.path(WEIGHTS), renamed.path("old")).unwrap();
    fs::copy(copy.path(WEIGHTS), renamed.path(WEIGHTS)).unwrap();
    assert!(text_vector(&*model, "a red cat").is_ok(), "the file that was opened is still there");
}

#[cfg(unix)]
#[test]
fn what_is_no_ordinary_file_is_refused_at_once() {
    for file in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "onespace.json",
        WEIGHTS,
    ] {
        let copy = copy_of("clip-small");
        let path = copy.path(file);
        drop(fs::remove_file(&path));
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success(), "{file}");
        let error = copy.load().err().unwrap_or_else(|| panic!("{file} was taken"));
        assert_eq!(error.kind(), LoadErrorKind::File, "{error}");
        assert!(error.to_string().contains(file), "{error}");
    }
}
