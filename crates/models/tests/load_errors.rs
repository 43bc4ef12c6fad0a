//! Models from folders: what loads, and what is refused with which words.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{EmbeddingModel, InputPart, LoadError, LoadErrorKind, TokenizedPart};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

const VOCABULARY: usize = 27;

/// A tiny model of the architecture with made-up weights, to damage.
struct Model {
    config: Value,
    tokenizer: Value,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn made_up(seed: usize, shape: &[usize]) -> Self {
        let count = shape.iter().product::<usize>();
        let number = |at: usize| f16::from_f32(((at * 37 + seed * 11) % 41) as f32 / 100.0 - 0.2);
        let bytes = (0..count).flat_map(|at| number(at).to_le_bytes()).collect();
        Self { dtype: Dtype::F16, shape: shape.to_vec(), bytes }
    }
}

/// Names and shapes of a model of width 8 with one stage of one block, one layer of two heads.
fn shapes() -> Vec<(&'static str, Vec<usize>)> {
    vec![
        ("vision.stem.weight", vec![3, 3, 3, 3]),
        ("vision.stem.bias", vec![3]),
        ("vision.stages.0.down.weight", vec![4, 3, 3, 3]),
        ("vision.stages.0.down.bias", vec![4]),
        ("vision.stages.0.blocks.0.conv1.weight", vec![4, 3, 3, 4]),
        ("vision.stages.0.blocks.0.conv1.bias", vec![4]),
        ("vision.stages.0.blocks.0.conv2.weight", vec![4, 3, 3, 4]),
        ("vision.stages.0.blocks.0.conv2.bias", vec![4]),
        ("visual.proj.weight", vec![8, 4]),
        ("visual.proj.bias", vec![8]),
        ("visual.norm.weight", vec![8]),
        ("visual.norm.bias", vec![8]),
        ("visual.position", vec![5, 8]),
        ("text.embedding", vec![VOCABULARY, 8]),
        ("cls", vec![8]),
        ("layers.0.norm1.weight", vec![8]),
        ("layers.0.norm1.bias", vec![8]),
        ("layers.0.qkv.weight", vec![24, 8]),
        ("layers.0.qkv.bias", vec![24]),
        ("layers.0.out.weight", vec![8, 8]),
        ("layers.0.out.bias", vec![8]),
        ("layers.0.norm2.weight", vec![8]),
        ("layers.0.norm2.bias", vec![8]),
        ("layers.0.up.weight", vec![12, 8]),
        ("layers.0.up.bias", vec![12]),
        ("layers.0.down.weight", vec![8, 12]),
        ("layers.0.down.bias", vec![8]),
        ("final_norm.weight", vec![8]),
        ("final_norm.bias", vec![8]),
        ("head.weight", vec![6, 16]),
    ]
}

fn tiny() -> Model {
    let config = json!({
        "architecture": "onespace_fusion", "name": "tiny", "revision": "1",
        "image_side_px": 16, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "vision_stem": 3, "vision_stages": [[4, 1]], "visual_tokens": 5,
        "width": 8, "layers": 1, "heads": 2, "mlp": 12, "rope_base": 10000.0, "norm_eps": 1e-5,
        "vocabulary": VOCABULARY, "dimension": 6, "dimensions": [2, 6],
        "text_tokens_max": 50, "images_max": 2,
    });
    let mut vocabulary: BTreeMap<String, usize> =
        ('a'..='z').enumerate().map(|(id, letter)| (letter.to_string(), id)).collect();
    vocabulary.insert("Ġ".to_owned(), VOCABULARY - 1);
    let byte_level = json!(
        {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
    );
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": byte_level,
        "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "vocab": vocabulary,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "merges": []},
    });
    let tensors = (shapes().into_iter().enumerate())
        .map(|(seed, (name, shape))| (name.to_owned(), Tensor::made_up(seed, &shape)))
        .collect();
    Model { config, tokenizer, tensors }
}

impl Model {
    fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.get_mut(name).expect("a tensor of the tiny model")
    }

    fn write(&self) -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let views = self.tensors.iter().map(|(name, tensor)| {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes);
            (name, view.expect("bytes fit the shape"))
        });
        let weights = safetensors::serialize(views, None).expect("tensors can be written");
        let write = |file: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(file), bytes).expect("the folder can be written");
        };
        write("config.json", self.config.to_string().as_bytes());
        write("tokenizer.json", self.tokenizer.to_string().as_bytes());
        write("model.safetensors", &weights);
        dir
    }

    fn load(&self) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
        folder::load(self.write().path(), &LoadOptions::default())
    }
}

/// The refusal, which must be one.
fn refusal(loaded: Result<Arc<dyn EmbeddingModel>, LoadError>) -> LoadError {
    loaded.err().expect("the model should be refused")
}

#[test]
fn a_tiny_model_loads_and_embeds() {
    let model = tiny().load().unwrap();
    let description = model.description();
    assert_eq!((description.name.as_str(), description.dimension), ("tiny", 6));
    assert_eq!(description.weights_sha256.len(), 64);
    let input = model.tokenize(&[InputPart::Text("Abc")]).unwrap();
    assert_eq!(input.parts, [TokenizedPart::Text(vec![26, 0, 1, 2])]);
    let vectors = model.embed(&[input.with_pictures(&[])]).unwrap();
    assert_eq!(vectors[0].len(), 6);
}

#[test]
fn other_weights_are_another_space() {
    let mut other = tiny();
    other.tensor("cls").bytes[0] ^= 1;
    let fingerprint = |model: &Model| model.load().unwrap().description().space_fingerprint();
    assert_eq!(fingerprint(&tiny()), fingerprint(&tiny()));
    assert_ne!(fingerprint(&tiny()), fingerprint(&other));
}

/// What is done to the tiny model, and how its refusal then reads.
type Row = (fn(&mut Model), LoadErrorKind, &'static str);

fn assert_refusals(file: &str, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (damage, kind, message) in rows {
        let mut model = tiny();
        damage(&mut model);
        match model.load() {
            Err(error)
                if error.kind() == *kind && error.to_string() == format!("{file}: {message}") => {}
            other => wrong.push(format!("{message}: got {:?}", other.err().map(|e| e.to_string()))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn impossible_configurations_are_refused() {
    use LoadErrorKind::{Config, Unsupported};
    let rows: [Row; 10] = [
        (
            |m| m.config["architecture"] = json!("clip"),
            Unsupported,
            "architecture \"clip\" is unknown; this program runs \"onespace_fusion\"",
        ),
        (
            |m| m.config["image_side_px"] = json!(32),
            Unsupported,
            "image_side_px 32 is not supported: 1 vision_stages need 16",
        ),
        (
            |m| m.config["width"] = json!(1_u64 << 40),
            Config,
            "width is 1099511627776; it must be 1 to 4096",
        ),
        (|m| m.config["heads"] = json!(0), Config, "heads is 0; it must be 1 to 8"),
        (|m| m.config["heads"] = json!(8), Config, "width must be heads times an even number"),
        (
            |m| m.config["image_std"] = json!([0.5, 0.0, 0.5]),
            Config,
            "image_mean and image_std must be finite, and image_std positive",
        ),
        (
            |m| m.config["dimensions"] = json!([6, 2]),
            Config,
            "dimensions must rise and end with dimension",
        ),
        (|m| m.config["rope_base"] = json!(1.0), Config, "rope_base must be above 1"),
        (
            |m| m.config["norm_eps"] = json!(0),
            Config,
            "norm_eps is 0e0; it must be above 0 and at most 0.1",
        ),
        (
            |m| m.config["mixture"] = json!(2),
            Config,
            "is not the configuration of a model; export the model again",
        ),
    ];
    assert_refusals("config.json", &rows);
}

#[test]
fn tokenizers_that_do_more_than_plain_text_are_refused() {
    use LoadErrorKind::Tokenizer;
    let special = |m: &mut Model| {
        m.tokenizer["added_tokens"] = json!([{"id": 27, "content": "<s>", "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true}]);
    };
    let rows: [Row; 5] = [
        (
            |m| m.config["vocabulary"] = json!(99),
            Tokenizer,
            "has 27 tokens, config.json says 99; export again",
        ),
        (special, Tokenizer, "has added tokens, which user text could spell; export it without"),
        (
            |m| m.tokenizer["model"]["dropout"] = json!(0.1),
            Tokenizer,
            "has dropout, which makes ids random; export it without",
        ),
        (
            |m| {
                m.tokenizer["truncation"] = json!({"direction": "Right", "max_length": 5,
                    "strategy": "LongestFirst", "stride": 0});
            },
            Tokenizer,
            "truncates or pads; export it without",
        ),
        (
            |m| m.tokenizer = json!({}),
            Tokenizer,
            "is not a tokenizer that can be read; export the model again",
        ),
    ];
    assert_refusals("tokenizer.json", &rows);
}

#[test]
fn damaged_tensors_are_refused_by_name() {
    use LoadErrorKind::Weights;
    let infinite = |m: &mut Model| {
        let bytes = &mut m.tensor("vision.stem.weight").bytes;
        bytes[8..10].copy_from_slice(&f16::INFINITY.to_le_bytes());
    };
    let not_a_number = |m: &mut Model| {
        m.tensor("text.embedding").bytes[..2].copy_from_slice(&f16::NAN.to_le_bytes());
    };
    let rows: [Row; 6] = [
        (
            |m| drop(m.tensors.remove("layers.0.qkv.bias")),
            Weights,
            "tensor layers.0.qkv.bias: is missing; export configuration and weights together",
        ),
        (
            |m| drop(m.tensors.insert("late.head".into(), Tensor::made_up(1, &[2]))),
            Weights,
            "tensor late.head: is not part of this model; export configuration and weights \
             together",
        ),
        (
            |m| *m.tensor("head.weight") = Tensor::made_up(1, &[16, 6]),
            Weights,
            "tensor head.weight: has shape [16, 6], config.json asks for [6, 16]; export \
             configuration and weights together",
        ),
        (
            |m| m.tensor("cls").dtype = Dtype::I16,
            Weights,
            "tensor cls: is stored as I16; export it as F32, F16 or BF16",
        ),
        (
            infinite,
            Weights,
            "tensor vision.stem.weight: number 4 is not finite; train or export it again",
        ),
        (
            not_a_number,
            Weights,
            "tensor text.embedding: number 0 is not finite; train or export it again",
        ),
    ];
    assert_refusals("model.safetensors", &rows);
}

fn truncate(path: &Path, length: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("the file exists");
    file.set_len(length).expect("the file can be cut");
}

#[test]
fn truncated_weights_are_refused_at_any_length() {
    let dir = tiny().write();
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::metadata(&path).unwrap().len();
    for length in [whole - 1, whole / 2, 100, 8, 7, 0] {
        truncate(&path, length);
        let error = refusal(folder::load(dir.path(), &LoadOptions::default()));
        assert_eq!(error.kind(), LoadErrorKind::Weights, "{length} bytes: {error}");
        assert_eq!(
            error.to_string(),
            "model.safetensors: is damaged or cut short; copy or export it again"
        );
    }
}

#[test]
fn missing_and_oversized_files_are_refused_by_path() {
    let dir = tiny().write();
    let config = dir.path().join("config.json");
    truncate(&config, (1 << 20) + 1);
    let error = refusal(folder::load(dir.path(), &LoadOptions::default()));
    assert_eq!(error.kind(), LoadErrorKind::File);
    assert!(
        error
            .to_string()
            .ends_with("config.json: is larger than 1048576 bytes; it is no file of a model")
    );
    std::fs::remove_file(&config).unwrap();
    let error = refusal(folder::load(dir.path(), &LoadOptions::default()));
    assert_eq!(error.file(), config.display().to_string());
    assert!(error.to_string().ends_with("cannot be read; check that it exists and may be read"));
}
