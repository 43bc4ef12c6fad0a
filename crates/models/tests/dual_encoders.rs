//! Dual encoders from ordinary folders: what batches, shards, older files and overrides do, and
//! what is refused with which words.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod changed_folder;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use changed_folder::{Copy, assert_refused};
use onespace_media::PreparedImage;
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{
    EmbeddingModel, InputPart, LoadError, LoadErrorKind, Part, Sequence, TokenizedPart,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-dual").join(name)
}

fn load(dir: &Path) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    folder::load(dir, &LoadOptions::default())
}

fn copy_of(name: &str) -> Copy {
    Copy::of(&golden(name), load)
}

impl Copy {
    /// Writes the tensors that `keep` allows to a file, after `change`.
    fn weights(
        &self,
        file: &str,
        keep: impl Fn(&str) -> bool,
        change: impl Fn(&str, &mut Vec<u8>),
    ) {
        let bytes = fs::read(self.path("model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut kept: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, tensor) in tensors.tensors() {
            if keep(&name) {
                let mut data = tensor.data().to_vec();
                change(&name, &mut data);
                kept.push((name, tensor.dtype(), tensor.shape().to_vec(), data));
            }
        }
        let views = kept.iter().map(|(name, dtype, shape, data)| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        fs::write(self.path(file), safetensors::serialize(views, None).unwrap()).unwrap();
    }
}

fn image(width: u32, height: u32, seed: u32) -> Part {
    let bytes = (0..width * height * 3).map(|at| {
        let mixed = (at / 3 / 2 + seed).wrapping_mul(2_654_435_761) >> 13;
        u8::try_from(mixed % 256).expect("below 256")
    });
    Part::Image(PreparedImage { width, height, rgb: bytes.collect() })
}

fn text(model: &dyn EmbeddingModel, words: &str) -> Part {
    match model.tokenize(&[InputPart::Text(words)]).unwrap().parts.swap_remove(0) {
        TokenizedPart::Text(ids) => Part::Text(ids),
        TokenizedPart::Frame(_) | TokenizedPart::Image(_) => unreachable!("no image was given"),
    }
}

fn vector(model: &dyn EmbeddingModel, parts: &[Part]) -> Vec<f32> {
    model.embed(&[Sequence { parts: parts.to_vec() }]).unwrap().remove(0)
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|x| x.to_bits()).collect()
}

/// Sizes of pictures that a model takes.
fn sizes(name: &str) -> &'static [(u32, u32)] {
    match name {
        "siglip2-small" => &[(20, 20), (4, 96), (40, 8), (28, 12)],
        "siglip-small" => &[(20, 20)],
        _ => &[(21, 21)],
    }
}

#[test]
fn alone_or_in_a_batch_on_any_threads_the_bits_are_the_same() {
    for name in ["clip-small", "siglip-small", "siglip2-small"] {
        let model = load(&golden(name)).unwrap();
        let mut batch = Vec::new();
        for index in 0..7_u32 {
            let (width, height) = sizes(name)[index as usize % sizes(name).len()];
            let words = "the red cat by the sea ".repeat(1 + 3 * index as usize);
            batch.push(vec![text(&*model, &words)]);
            batch.push(vec![image(width, height, index)]);
            batch.push(vec![text(&*model, "a dog"), image(width, height, index)]);
            batch.push((0..=index % 4).map(|more| image(width, height, more)).collect());
        }
        let batch: Vec<Sequence> = batch.into_iter().map(|parts| Sequence { parts }).collect();
        let alone: Vec<_> =
            batch.iter().map(|sequence| bits(&vector(&*model, &sequence.parts))).collect();
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let vectors = pool.install(|| model.embed(&batch)).unwrap();
            let differing: Vec<usize> =
                (0..batch.len()).filter(|&at| bits(&vectors[at]) != alone[at]).collect();
            assert!(differing.is_empty(), "{name}, {threads} threads: {differing:?} differ");
        }
    }
}

#[test]
fn descriptions_say_what_the_files_say() {
    let clip = load(&golden("clip-small")).unwrap();
    let description = clip.description();
    assert_eq!((description.name.as_str(), description.fusion.name()), ("clip-small", "late"));
    assert_eq!((description.dimension, description.dimensions.as_slice()), (20, &[20][..]));
    assert_eq!((description.text_chunk_tokens, description.image_tokens_max), (Some(17), 10));
    assert_eq!(description.preprocess.geometry_name(), "21x21 of 21 TorchBicubic");
    let naflex = load(&golden("siglip2-small")).unwrap();
    assert_eq!(naflex.description().text_chunk_tokens, Some(12));
    assert_eq!((naflex.image_tokens(20, 20), naflex.image_tokens(4, 96)), (25, 24));
    let names = ["clip-small", "clip-small-gelu", "siglip-small", "siglip2-small"];
    let mut spaces: Vec<_> =
        names.map(|name| load(&golden(name)).unwrap().description().space_fingerprint()).to_vec();
    spaces.sort();
    spaces.dedup();
    assert_eq!(spaces.len(), names.len(), "spaces have names of their own");
}

#[test]
fn special_tokens_in_a_text_are_ordinary_text() {
    for (name, special, id) in [("clip-small", "<|endoftext|>", 899), ("siglip-small", "<eos>", 1)]
    {
        let model = load(&golden(name)).unwrap();
        let words = format!("a {special} cat");
        let Part::Text(ids) = text(&*model, &words) else { panic!("text gives text") };
        assert!(!ids.contains(&id), "{name}: {ids:?}");
        let (with, without) = (text(&*model, &words), text(&*model, "a"));
        assert_ne!(vector(&*model, &[with]), vector(&*model, &[without]), "{name}");
    }
}

#[test]
fn shards_are_one_model() {
    let copy = copy_of("clip-small");
    let whole = copy.load().unwrap();
    let in_first = |name: &str| name.starts_with("text_");
    copy.weights("a.safetensors", in_first, |_, _| {});
    copy.weights("b.safetensors", |name| !in_first(name), |_, _| {});
    let bytes = fs::read(copy.path("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let file = |name: &str| if in_first(name) { "a.safetensors" } else { "b.safetensors" };
    let map: serde_json::Map<String, Value> =
        tensors.names().into_iter().map(|name| (name.to_owned(), json!(file(name)))).collect();
    let index = |map: &serde_json::Map<String, Value>| {
        fs::write(
            copy.path("model.safetensors.index.json"),
            json!({"weight_map": map}).to_string(),
        )
        .unwrap();
    };
    index(&map);
    fs::remove_file(copy.path("model.safetensors")).unwrap();
    let sharded = copy.load().unwrap();
    let parts = [text(&*whole, "a red cat"), image(21, 21, 1)];
    assert_eq!(vector(&*whole, &parts), vector(&*sharded, &parts));
    let mut outside = map.clone();
    outside.insert("logit_scale".to_owned(), json!("../a.safetensors"));
    index(&outside);
    let refused = copy.load().err().expect("a path is no name").to_string();
    assert!(refused.contains("no plain name"), "{refused}");
    let mut more = map;
    more.insert("text_model.more".to_owned(), json!("a.safetensors"));
    index(&more);
    let refused = copy.load().err().expect("a tensor is missing").to_string();
    assert!(refused.contains("text_model.more, which is in no file"), "{refused}");
}

#[test]
fn older_forms_of_the_files_mean_the_same() {
    let copy = copy_of("clip-small");
    let parts = |model: &dyn EmbeddingModel| [text(model, "a red cat"), image(21, 21, 1)];
    let newer = copy.load().unwrap();
    let expected = vector(&*newer, &parts(&*newer));
    copy.change("preprocessor_config.json", |json| {
        let keys = json.as_object_mut().unwrap();
        keys.remove("image_processor_type");
        keys.insert("feature_extractor_type".to_owned(), json!("CLIPFeatureExtractor"));
        keys.insert("size".to_owned(), json!(21));
        keys.insert("crop_size".to_owned(), json!(21));
    });
    copy.change("config.json", |json| {
        let text = json.as_object_mut().unwrap().remove("text_config").unwrap();
        json["text_config_dict"] = text;
        json["text_config"] = json!({"hidden_size": 7, "hidden_act": "gelu"});
        json["text_config_dict"].as_object_mut().unwrap().remove("hidden_act");
    });
    copy.change("tokenizer.json", |json| {
        json["truncation"] = json!({"max_length": 3, "strategy": "LongestFirst", "stride": 0,
            "direction": "Right"});
        json["post_processor"] = Value::Null;
    });
    let older = copy.load().unwrap();
    assert_eq!(older.description().preprocess, newer.description().preprocess);
    assert_eq!(vector(&*older, &parts(&*older)), expected);
    let nested: Value =
        serde_json::from_slice(&fs::read(copy.path("preprocessor_config.json")).unwrap()).unwrap();
    fs::remove_file(copy.path("preprocessor_config.json")).unwrap();
    let nested = json!({"image_processor": nested}).to_string();
    fs::write(copy.path("processor_config.json"), nested).unwrap();
    assert_eq!(copy.load().unwrap().description().preprocess, newer.description().preprocess);
}

#[test]
fn overrides_change_the_rule_and_the_space() {
    let copy = copy_of("clip-small");
    let plain = copy.load().unwrap();
    let parts = [text(&*plain, "a red cat"), image(21, 21, 1)];
    let write = |json: Value| fs::write(copy.path("onespace.json"), json.to_string()).unwrap();
    write(json!({"name": "mine", "fusion": {"rule": "weighted", "text_weight": 0.999}}));
    let heavy = copy.load().unwrap();
    assert_eq!(heavy.description().name, "mine");
    assert_ne!(
        heavy.description().space_fingerprint(),
        plain.description().space_fingerprint(),
        "another rule is another space"
    );
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (fused, alone) = (vector(&*heavy, &parts), vector(&*heavy, &parts[..1]));
    assert!(near(&fused, &alone) > 0.9999, "the text weighs nearly all");
    assert!(near(&vector(&*plain, &parts), &alone) < 0.99, "the text weighs half");
    let options = LoadOptions { name: Some("asked".into()), ..LoadOptions::default() };
    let named = folder::load(&copy.path("."), &options).unwrap();
    assert_eq!(named.description().name, "asked");
    let refused = [
        json!({"fusion": {"rule": "weighted", "text_weight": 1.5}}),
        json!({"fusion": {"rule": "sum", "text_weight": 0.5}}),
        json!({"fusion": {"rule": "product"}}),
        json!({"colour": "red"}),
        json!({"name": ""}),
        json!({"name": "a\nb"}),
    ];
    for json in refused {
        write(json.clone());
        let error = copy.load().err().unwrap_or_else(|| panic!("{json} was taken"));
        assert_eq!(
            (error.kind(), error.file()),
            (LoadErrorKind::Config, "onespace.json"),
            "{json}"
        );
    }
}

fn config(copy: &Copy, key: &str, value: Value) {
    copy.change("config.json", |json| *json.pointer_mut(key).unwrap() = value);
}

#[test]
fn configurations_that_do_not_fit_are_refused_in_words() {
    use LoadErrorKind::{Config, Tokenizer, Unsupported, Weights};
    assert_refused(
        || copy_of("clip-small"),
        &[
            (
                |copy| config(copy, "/model_type", json!("bert")),
                Unsupported,
                "\"bert\" is not supported; this program runs clip, siglip, siglip2",
            ),
            (
                |copy| config(copy, "/text_config/hidden_act", json!("relu")),
                Unsupported,
                "hidden_act \"relu\"",
            ),
            (
                |copy| config(copy, "/vision_config/hidden_size", json!(1_000_000)),
                Config,
                "hidden_size is 1000000; it must be 1 to 4096",
            ),
            (
                |copy| config(copy, "/vision_config/image_size", json!(28)),
                Config,
                "prepares 21x21 pixels, config.json asks for 28x28",
            ),
            (
                |copy| config(copy, "/text_config/num_hidden_layers", json!(1)),
                Weights,
                "text_model.encoder.layers.1.layer_norm1.bias: is not part",
            ),
            (
                |copy| config(copy, "/text_config/num_hidden_layers", json!(3)),
                Weights,
                "text_model.encoder.layers.2.self_attn.q_proj.weight: is missing",
            ),
            (
                |copy| config(copy, "/projection_dim", json!(19)),
                Weights,
                "has shape [20, 24], config.json asks for [19, 24]",
            ),
            (
                |copy| config(copy, "/text_config/vocab_size", json!(800)),
                Tokenizer,
                "has ids up to 899, config.json knows 800",
            ),
        ],
    );
}

fn preprocessor(copy: &Copy, key: &str, value: Value) {
    copy.change("preprocessor_config.json", |json| json[key] = value);
}

#[test]
fn other_preparations_and_missing_files_are_refused_in_words() {
    use LoadErrorKind::{File, Unsupported};
    assert_refused(
        || copy_of("clip-small"),
        &[
            (
                |copy| preprocessor(copy, "resample", json!(1)),
                Unsupported,
                "resample 1 is not supported",
            ),
            (
                |copy| preprocessor(copy, "do_center_crop", json!(false)),
                Unsupported,
                "shortest_edge with do_center_crop",
            ),
            (
                |copy| preprocessor(copy, "rescale_factor", json!(1.0)),
                Unsupported,
                "rescale_factor must be 1/255",
            ),
            (
                |copy| fs::remove_file(copy.path("preprocessor_config.json")).unwrap(),
                File,
                "preprocessor_config.json: cannot be read",
            ),
            (
                |copy| fs::remove_file(copy.path("model.safetensors")).unwrap(),
                File,
                "model.safetensors: cannot be read",
            ),
        ],
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused_by_tensor() {
    let (norm, table) =
        ("text_model.final_layer_norm.weight", "text_model.embeddings.token_embedding.weight");
    for (tensor, bytes) in [(norm, [0xff, 0x7e]), (norm, [0x00, 0xfc]), (table, [0x00, 0x7c])] {
        let copy = copy_of("clip-small");
        copy.weights(
            "model.safetensors",
            |_| true,
            |name, data| {
                if name == tensor {
                    data[6..8].copy_from_slice(&bytes);
                }
            },
        );
        let error = copy.load().err().expect("a broken number is refused");
        assert_eq!((error.file(), error.tensor()), ("model.safetensors", Some(tensor)));
        assert!(error.to_string().contains("number 3 is not finite"), "{error}");
    }
}

#[test]
fn cut_and_lengthened_files_are_refused() {
    let copy = copy_of("siglip-small");
    let path = copy.path("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = copy.load().err().unwrap_or_else(|| panic!("{length} bytes were taken"));
        assert_eq!(error.kind(), LoadErrorKind::Weights, "{length} bytes: {error}");
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(copy.load().is_err(), "a byte too many was taken");
    let mut huge_header = whole.clone();
    huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&path, huge_header).unwrap();
    assert!(copy.load().is_err(), "a header beyond the file was taken");
}

#[test]
fn a_table_that_can_no_longer_be_read_is_an_error_not_a_crash() {
    let copy = copy_of("clip-small");
    let model = copy.load().unwrap();
    let parts = vec![text(&*model, "a red cat")];
    let file = fs::OpenOptions::new().write(true).open(copy.path("model.safetensors")).unwrap();
    file.set_len(100).unwrap();
    let error = model.embed(&[Sequence { parts }]).expect_err("the table is gone");
    assert!(error.to_string().contains("can no longer be read"), "{error}");
    let parts = vec![image(21, 21, 1)];
    assert!(model.embed(&[Sequence { parts }]).is_ok(), "pictures need no table");
}
