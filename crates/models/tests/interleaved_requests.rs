//! What interleaved models do with requests: places, budgets, limits, refusals.

#![expect(clippy::unwrap_used, reason = "what is missing here fails the test")]

mod changed_folder;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use changed_folder::{Copy, Refusal, assert_refused};
use onespace_media::{Fit, PreparedImage};
use onespace_models::InputPart::{Image, Text};
use onespace_models::folder::{self, LoadOptions};
use onespace_models::{
    EmbeddingModel, InputPart, LoadError, LoadErrorKind, ModelError, Part, Precision, Sequence,
    TokenizedPart,
};
use serde_json::{Value, json};

/// Places of a sequence.
const PLACES_MAX: usize = 8192;
/// Side of a picture's place in the small model, in pixels.
const PLACE_PX: u32 = 8;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-interleaved").join(name)
}

fn load(dir: &Path) -> Result<Arc<dyn EmbeddingModel>, LoadError> {
    let options = LoadOptions { precision: Some(Precision::F32), ..LoadOptions::default() };
    folder::load(dir, &options)
}

fn qwen() -> Arc<dyn EmbeddingModel> {
    load(&golden("qwen3-vl-small")).unwrap()
}

fn picture(width: u32, height: u32, seed: u8) -> PreparedImage {
    let bytes = (0..width * height * 3).map(|at| (at % 251) as u8 ^ seed);
    PreparedImage { width, height, rgb: bytes.collect() }
}

fn sequence(model: &dyn EmbeddingModel, parts: &[InputPart<'_>]) -> Sequence {
    let pictures = [picture(16, 16, 0), picture(24, 16, 77), picture(16, 16, 200)];
    model.tokenize(parts).unwrap().with_pictures(&pictures)
}

fn vector(model: &dyn EmbeddingModel, parts: &[InputPart<'_>]) -> Vec<f32> {
    model.embed(&[sequence(model, parts)]).unwrap().remove(0)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn places_of_pictures_matter() {
    let model = qwen();
    let rows: [(&str, &[InputPart<'_>], &[InputPart<'_>]); 4] = [
        (
            "swapped",
            &[Image(0), Text(" left of "), Image(2)],
            &[Image(2), Text(" left of "), Image(0)],
        ),
        ("in the text or before it", &[Text("the "), Image(0)], &[Image(0), Text("the ")]),
        ("twice or once", &[Image(0), Image(0)], &[Image(0)]),
        ("another instruction", &[Text("a")], &[Text("a")]),
    ];
    for (name, one, other) in rows {
        let other = if name == "another instruction" {
            let input = model.tokenize_instructed(other, "Find the picture").unwrap();
            model.embed(&[input.with_pictures(&[])]).unwrap().remove(0)
        } else {
            vector(&*model, other)
        };
        let near = cosine(&vector(&*model, one), &other);
        assert!(near < 0.999, "{name}: {near}");
    }
}

#[test]
fn the_neutral_instruction_is_that_of_the_description() {
    let model = qwen();
    let neutral = model.description().instruction.clone().unwrap();
    let parts = [Text("a red cat"), Image(0)];
    let given = model.tokenize_instructed(&parts, &neutral).unwrap();
    assert_eq!(given, model.tokenize(&parts).unwrap());
}

#[test]
fn nothing_to_read_is_refused() {
    let model = qwen();
    for parts in [&[][..], &[Text("")], &[Text(""), Text("")]] {
        assert!(model.tokenize(parts).unwrap().parts.is_empty(), "{parts:?}");
    }
    let error = model.embed(&[Sequence { parts: Vec::new() }]).unwrap_err();
    assert!(matches!(error, ModelError::EmptySequence { index: 0 }), "{error}");
}

#[test]
fn cutting_text_keeps_the_prompt_and_the_pictures() {
    let model = qwen();
    let mut input = model.tokenize(&[Text("one two three four"), Image(0), Text("five")]).unwrap();
    let frame = input.frame_tokens();
    assert!(input.text_tokens() > 6, "{input:?}");
    input.truncate_text(3);
    assert_eq!((input.text_tokens(), input.frame_tokens(), input.images()), (3, frame, 1));
    let is_frame = |part: Option<&TokenizedPart>| matches!(part, Some(TokenizedPart::Frame(_)));
    assert!(is_frame(input.parts.first()) && is_frame(input.parts.last()));
    assert!(model.embed(&[input.with_pictures(&[picture(16, 16, 0)])]).is_ok());
}

#[test]
fn ten_pictures_and_the_longest_text_fit() {
    let folder = copy_of("qwen3-vl-small");
    // Pictures of up to 8192 places, so that only the budget keeps them small.
    let sizes = json!({"image_pixels_max": 8192 * PLACE_PX.pow(2), "image_pixels_min": 64 * 64});
    fs::write(folder.path("onespace.json"), sizes.to_string()).unwrap();
    let model = folder.load().unwrap();
    let text = "word ".repeat(6000);
    for images in [1, 2, 10] {
        let mut parts = vec![Text(&text)];
        parts.extend((0..images).map(Image));
        let mut input = model.tokenize(&parts).unwrap();
        let alone = model.preprocess(&input);
        input.truncate_text(model.description().text_tokens_max);
        let spec = model.preprocess(&input);
        assert_ne!(alone, spec, "the text decides");
        let other = input.text_tokens() + input.frame_tokens();
        let shapes =
            [(3000, 2000), (1, 1), (16_000, 80), (80, 16_000), (200, 1), (57, 57), (1000, 999)];
        for (width, height) in shapes {
            let (w, h) = spec.prepared_size(width, height).unwrap();
            assert!(model.description().preprocess.is_prepared_size(w, h), "{w}x{h}");
            let places = other + images * model.image_tokens(w, h);
            assert!(places <= PLACES_MAX, "{images} pictures of {width}x{height}: {places} places");
        }
        let Fit::PixelBudget { pixels_max, .. } = spec.fit else { panic!("{spec:?}") };
        let places = pixels_max as usize / PLACE_PX.pow(2) as usize;
        assert_eq!(places, (PLACES_MAX - other) / images, "the room is used");
    }
}

#[test]
fn sequences_that_do_not_fit_are_refused_in_words() {
    let model = qwen();
    let whole = sequence(&*model, &[Text("a"), Image(0)]);
    let cut = |from: usize, to: usize| {
        let parts = &whole.parts[from..whole.parts.len() - to];
        Sequence { parts: parts.to_vec() }
    };
    let replaced = |image: Part| {
        let part =
            |part: &Part| if matches!(part, Part::Image(_)) { image.clone() } else { part.clone() };
        Sequence { parts: whole.parts.iter().map(part).collect() }
    };
    let mut long = whole.clone();
    long.parts.insert(1, Part::Frame(vec![5; PLACES_MAX]));
    let mut many = whole.clone();
    many.parts.splice(1..1, std::iter::repeat_n(Part::Image(picture(16, 16, 0)), 10));
    let other = load(&golden("qwen3-vl-small-open")).unwrap();
    let encoded = other.encode_images(&[&picture(16, 16, 0)]).unwrap().unwrap().remove(0);
    let mut unknown = whole.clone();
    unknown.parts.insert(1, Part::Frame(vec![700]));
    let rows = [
        ("no prompt before", cut(1, 0), "no prompt around it"),
        ("no prompt behind", cut(0, 1), "no prompt around it"),
        ("odd size", replaced(Part::Image(picture(12, 16, 0))), "12x16"),
        ("too large", replaced(Part::Image(picture(800, 800, 0))), "800x800"),
        ("too long", long, "the model reads 8192"),
        ("too many", many, "has 11 images"),
        ("unknown token", unknown, "token id 700"),
    ];
    let mut wrong = Vec::new();
    for (name, sequence, words) in rows {
        match model.embed(&[sequence]) {
            Ok(_) => wrong.push(format!("{name}: taken")),
            Err(error) if error.to_string().contains(words) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Models of one shape cannot tell each other's pictures apart; others can.
    assert!(model.embed(&[replaced(Part::Encoded(encoded.clone()))]).is_ok());
    let embedded = onespace_models::embedded::load().unwrap();
    let parts = vec![Part::Text(vec![5]), Part::Encoded(encoded)];
    assert!(embedded.embed(&[Sequence { parts }]).is_err(), "it keeps nothing of pictures");
}

#[test]
fn vectors_may_be_cut_and_say_where() {
    let description = qwen().description().clone();
    assert_eq!((description.dimension, description.dimension_default), (40, 40));
    assert_eq!(description.precision, Precision::F32);
    let default = folder::load(&golden("qwen3-vl-small"), &LoadOptions::default()).unwrap();
    assert_eq!(default.description().precision, Precision::Bf16, "as the weights are stored");
}

#[test]
fn pictures_without_words_are_joined_and_prompts_are_beginnings() {
    let model = load(&golden("embeddinggemma2-small")).unwrap();
    let ids = |parts: &[InputPart<'_>]| -> Vec<u32> {
        let ids = |part| match part {
            TokenizedPart::Text(ids) | TokenizedPart::Frame(ids) => ids,
            TokenizedPart::Image(index) => vec![1000 + u32::try_from(index).unwrap()],
        };
        model.tokenize(parts).unwrap().parts.into_iter().flat_map(ids).collect()
    };
    let space = ids(&[Text(" ")])[1];
    // <bos>, then <|image>, the picture, <image|>, a space between two, and <eos>.
    assert_eq!(ids(&[Image(0), Image(1)]), [2, 893, 1000, 897, space, 893, 1001, 897, 1]);
    assert_eq!(ids(&[Image(0), Text(""), Image(1)]).len(), 9, "no words, still");
    assert_eq!(ids(&[Image(0), Image(1), Text("a")])[3..6], [897, 893, 1001], "side by side");
    let begun = model.tokenize_instructed(&[Text("a red cat")], " task: x | query: ").unwrap();
    let whole = model.tokenize(&[Text("task: x | query: a red cat")]).unwrap();
    assert!(begun.text_tokens() < whole.text_tokens(), "the beginning is no user text");
    assert_eq!(
        begun.text_tokens() + begun.frame_tokens(),
        whole.text_tokens() + whole.frame_tokens()
    );
}

#[test]
fn without_a_vision_tower_text_is_served_and_pictures_are_refused() {
    let whole = load(&golden("embeddinggemma2-small")).unwrap();
    let expected = vector(&*whole, &[Text("a red cat")]);
    type Change = fn(&Copy);
    let rows: [(&str, Change); 2] = [
        ("nulled in the configuration", |copy| {
            copy.change("config.json", |json| json["vision_config"] = json!(null));
            without_tower(copy);
        }),
        ("left out of the weights", without_tower),
    ];
    for (name, change) in rows {
        let copy = copy_of("embeddinggemma2-small");
        change(&copy);
        fs::remove_file(copy.path("processor_config.json")).unwrap();
        let model = copy.load().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.description().images_max, 0, "{name}");
        assert_eq!(vector(&*model, &[Text("a red cat")]), expected, "{name}");
        let pictured = model.tokenize(&[Image(0)]).unwrap().with_pictures(&[picture(12, 6, 0)]);
        let error = model.embed(&[pictured]).unwrap_err();
        assert!(
            matches!(error, ModelError::TooManyImages { images_max: 0, .. }),
            "{name}: {error}"
        );
        assert!(!model.encodes_images());
    }
}

/// Writes the weights again without the vision tower, with something of an audio tower instead.
fn without_tower(copy: &Copy) {
    let file = fs::read(copy.path("model.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let kept = tensors.tensors().into_iter().map(|(name, tensor)| {
        let name = name.replace("vision_tower.patch_embedder", "audio_tower.anything");
        (name, tensor)
    });
    let kept = kept.filter(|(name, _)| !name.contains("vision"));
    let written = safetensors::serialize(kept.collect::<Vec<_>>(), None).unwrap();
    fs::write(copy.path("model.safetensors"), written).unwrap();
}

fn copy_of(name: &str) -> Copy {
    Copy::of(&golden(name), load)
}

fn text_config(copy: &Copy, key: &str, value: Value) {
    copy.change("config.json", |json| json["text_config"][key] = value);
}

fn vision_config(copy: &Copy, key: &str, value: Value) {
    copy.change("config.json", |json| json["vision_config"][key] = value);
}

#[test]
fn folders_that_do_not_fit_are_refused_in_words() {
    use LoadErrorKind::{Config, Tokenizer, Unsupported, Weights};
    let rows: [Refusal; 14] = [
        (|copy| text_config(copy, "hidden_size", json!(1 << 20)), Config, "it must be 1 to 8192"),
        (|copy| text_config(copy, "num_key_value_heads", json!(3)), Config, "multiple of num_key"),
        (|copy| text_config(copy, "hidden_act", json!("gelu")), Unsupported, "must be silu"),
        (|copy| text_config(copy, "rope_theta", json!(null)), Config, "rope_theta must be given"),
        (
            |copy| text_config(copy, "rope_scaling", json!({"mrope_section": [4, 2, 1]})),
            Config,
            "sum to half",
        ),
        (
            |copy| {
                text_config(
                    copy,
                    "rope_scaling",
                    json!({"type": "yarn", "mrope_section": [4, 2, 2]}),
                )
            },
            Unsupported,
            "must be `default`",
        ),
        (
            |copy| vision_config(copy, "deepstack_visual_indexes", json!([0, 4])),
            Config,
            "ascending",
        ),
        (|copy| vision_config(copy, "out_hidden_size", json!(41)), Config, "it must be 40 to 40"),
        (
            |copy| vision_config(copy, "depth", json!(5)),
            Weights,
            "blocks.4.attn.qkv.weight: is missing",
        ),
        (
            |copy| copy.change("config.json", |c| c["vision_config"] = json!(null)),
            Config,
            "vision_config is missing",
        ),
        (
            |copy| copy.change("preprocessor_config.json", |c| c["patch_size"] = json!(14)),
            Config,
            "patch_size differs",
        ),
        (
            |copy| fs::write(copy.path("onespace.json"), r#"{"fusion": {"rule": "sum"}}"#).unwrap(),
            Config,
            "`fusion` has no meaning",
        ),
        (
            |copy| fs::write(copy.path("chat_template.jinja"), "{% for %}").unwrap(),
            Config,
            "chat_template.jinja: cannot be rendered",
        ),
        (
            |copy| copy.change("config.json", |c| c["image_token_id"] = json!(699)),
            Tokenizer,
            "a picture must be one token 699",
        ),
    ];
    assert_refused(|| copy_of("qwen3-vl-small"), &rows);
}

#[test]
fn folders_of_the_other_model_that_do_not_fit_are_refused_in_words() {
    use LoadErrorKind::{Config, Tokenizer, Unsupported, Weights};
    let rows: [Refusal; 8] = [
        (
            |copy| text_config(copy, "layer_types", json!(["full_attention"])),
            Config,
            "name every layer",
        ),
        (
            |copy| text_config(copy, "per_layer_config", json!({"02": {"head_dim": 16}, "5": {}})),
            Weights,
            "layers.2.self_attn.k_proj.weight: has shape",
        ),
        (
            |copy| text_config(copy, "hidden_activation", json!("silu")),
            Unsupported,
            "gelu_pytorch_tanh",
        ),
        (
            |copy| vision_config(copy, "standardize", json!(true)),
            Unsupported,
            "standardize must be false",
        ),
        (
            |copy| vision_config(copy, "position_embedding_size", json!(100)),
            Config,
            "max_soft_tokens is 70",
        ),
        (
            |copy| copy.change("config.json", |c| c["boi_token_id"] = json!(900)),
            Config,
            "boi_token_id",
        ),
        (
            |copy| {
                copy.change("processor_config.json", |c| {
                    c["image_processor"]["patch_size"] = json!(3)
                })
            },
            Config,
            "patch_size differs",
        ),
        (
            |copy| copy.change("tokenizer.json", |t| t["post_processor"] = json!(null)),
            Tokenizer,
            "puts nothing around a text",
        ),
    ];
    assert_refused(|| copy_of("embeddinggemma2-small"), &rows);
}

#[test]
fn without_a_chat_template_the_published_prompt_is_used() {
    let copy = copy_of("qwen3-vl-small");
    let own = qwen();
    fs::remove_file(copy.path("chat_template.jinja")).unwrap();
    let published = copy.load().unwrap();
    let parts = [Text("\nx "), Image(0)];
    assert_eq!(published.tokenize(&parts).unwrap(), own.tokenize(&parts).unwrap());
    let template =
        fs::read_to_string(golden("qwen3-vl-small").join("chat_template.jinja")).unwrap();
    let odd = template.replace("assistant", "critic");
    fs::write(copy.path("chat_template.json"), json!({"chat_template": odd}).to_string()).unwrap();
    let other = copy.load().unwrap();
    assert_ne!(other.tokenize(&parts).unwrap(), own.tokenize(&parts).unwrap(), "the folder's own");
}
