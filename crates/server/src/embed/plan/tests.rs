//! The order and the words of refusals, and what accepted requests become.

use std::sync::OnceLock;

use onespace_engine::{Engine, EngineSettings};
use serde_json::{Value, json};

use super::*;
use crate::catalog::ModelCatalog;

fn catalog() -> &'static ModelCatalog {
    static CATALOG: OnceLock<ModelCatalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let model = onespace_models::embedded::load().expect("the embedded model loads");
        let engine = Engine::start(model, EngineSettings::default()).expect("a worker starts");
        ModelCatalog::new(vec![engine], &[]).expect("names are free")
    })
}

fn planned(request: Value) -> ApiResult<EmbedPlan> {
    let request = serde_json::from_value(request).expect("the request has the right types");
    plan(catalog(), &RequestLimits::default(), request)
}

fn asset(name: &str) -> Value {
    json!({"name": name, "media_type": "image", "asset_id": "65f0c0ffee0123456789abcd"})
}

fn multi(text: &str, sources: Vec<Value>) -> Value {
    json!({
        "input_type": "multi_input", "model_name": "marengo3.0",
        "multi_input": {"input_text": text, "media_sources": sources}
    })
}

/// `request` with `changes` over its top level.
fn with(mut request: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        request[key] = value.clone();
    }
    request
}

type Case = (Value, &'static str, &'static str);

/// Requests, the code that each is refused with, and words of the message.
fn check_refusals(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (request, code, words) in cases {
        match planned(request.clone()) {
            Ok(_) => wrong.push(format!("{request}: accepted")),
            Err(error) if error.code.code() == code && error.message.contains(words) => {}
            Err(error) => wrong.push(format!("{request}: {} {}", error.code.code(), error.message)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const INVALID: &str = "parameter_invalid";
const MISSING: &str = "parameter_not_provided";
const UNKNOWN: &str = "parameter_unknown";

// Each request has the named fault, and often later ones that must not be reported.

#[test]
fn faults_of_type_model_and_options_are_named_in_order() {
    let text =
        |changes: Value| with(json!({"input_type": "text", "text": {"input_text": "x"}}), &changes);
    let own = |changes: Value| with(text(json!({"model_name": "onespace-mini"})), &changes);
    check_refusals(vec![
        (json!({"colour": 1}), UNKNOWN, "`colour`"),
        (json!({}), MISSING, "`input_type`"),
        (json!({"input_type": null, "model_name": null}), MISSING, "`input_type`"),
        (json!({"input_type": "smell", "model_name": "x"}), INVALID, "`input_type`"),
        (json!({"input_type": "video", "video": {}}), INVALID, "not served"),
        (json!({"input_type": "text", "model_name": "x"}), INVALID, "`model_name`"),
        (text(json!({"model_name": "marengo3.5"})), INVALID, "marengo3.5"),
        (text(json!({"embedding_dimension": 128})), INVALID, "`embedding_dimension`"),
        (text(json!({"auto_truncate": true})), INVALID, "`auto_truncate`"),
        (own(json!({"embedding_dimension": 7})), INVALID, "128, 256, 512"),
        (own(json!({"embedding_uncertainty": true})), INVALID, "`embedding_uncertainty`"),
        (own(json!({"text": null})), MISSING, "`text`"),
    ]);
}

#[test]
fn faults_of_the_payload_are_named_in_order() {
    let image = json!({"input_type": "image", "image": {}});
    let text_image = json!({"input_type": "text_image", "text_image": {"input_text": "x"}});
    let empty = json!({"input_type": "multi_input", "multi_input": {}});
    check_refusals(vec![
        (json!({"input_type": "text"}), MISSING, "`text`"),
        (json!({"input_type": "text", "text": {}}), MISSING, "`text.input_text`"),
        (json!({"input_type": "text", "text": {"input_text": ""}}), MISSING, "`text.input_text`"),
        (json!({"input_type": "text", "text": {"x": 1}}), UNKNOWN, "`text.x`"),
        (image, MISSING, "`image.media_source`"),
        (text_image, MISSING, "`text_image.media_source`"),
        (empty, MISSING, "nothing to embed"),
        (multi("", vec![]), MISSING, "nothing to embed"),
        (multi(&"word ".repeat(600), vec![asset("a"); 11]), INVALID, "tokens"),
        (multi("<@zz>", vec![asset("a"); 11]), INVALID, "11 entries"),
    ]);
}

#[test]
fn faults_of_sources_and_names_are_named_in_order() {
    let source = |changes: Value| multi("", vec![with(asset("a"), &changes)]);
    let nameless = with(asset("a"), &json!({"name": null}));
    check_refusals(vec![
        (source(json!({"x": 1, "asset_id": null})), UNKNOWN, "media_sources[0].x"),
        (source(json!({"asset_id": null, "media_type": "smell"})), MISSING, "one of `url`"),
        (source(json!({"url": "http://a", "media_type": "smell"})), INVALID, "exactly one"),
        (source(json!({"asset_id": "short"})), INVALID, "asset_id"),
        (source(json!({"media_type": null})), MISSING, "media_sources[0].media_type"),
        (source(json!({"media_type": "video"})), INVALID, "text and images"),
        (source(json!({"name": "a b"})), INVALID, "media_sources[0].name"),
        (multi("<@zz>", vec![asset("a"), asset("a")]), INVALID, "media_sources[1].name"),
        (multi("<@zz>", vec![asset("a")]), INVALID, "<@zz>"),
        (multi("<@a>", vec![nameless]), INVALID, "<@a>"),
        (multi(&"<@a>".repeat(11), vec![asset("a")]), INVALID, "11 times"),
    ]);
}

/// Parts as letters: `t` for text, digits for pictures.
fn shape(plan: &EmbedPlan) -> String {
    let letter = |part: &TokenizedPart| match part {
        TokenizedPart::Text(_) => "t".to_owned(),
        TokenizedPart::Image(index) => index.to_string(),
    };
    plan.input.parts.iter().map(letter).collect()
}

#[test]
fn accepted_requests_become_sequences() {
    let cases = [
        (multi("hello", vec![]), "t"),
        (multi("", vec![asset("a"), asset("b")]), "01"),
        (multi("hello", vec![asset("a")]), "0t"),
        (multi("<@b> left of <@a>", vec![asset("a"), asset("b")]), "1t0"),
        (multi("x <@b>", vec![asset("a"), asset("b"), asset("c")]), "02t1"),
        (multi("<@a><@a>", vec![asset("a")]), "00"),
        (multi("<@a b> <@", vec![asset("a")]), "0t"),
        (
            json!({"input_type": "text", "text": {"input_text": "<@a>"}, "image": {"ignored": 1}}),
            "t",
        ),
    ];
    for (request, expected) in cases {
        let plan = planned(request.clone()).unwrap_or_else(|error| panic!("{request}: {error:?}"));
        assert_eq!(shape(&plan), expected, "{request}");
        assert_eq!(plan.dimension, 512);
    }
}

#[test]
fn truncation_is_asked_for_and_reported() {
    let request = |truncate: bool| {
        json!({
            "input_type": "multi_input", "model_name": "marengo3.5", "auto_truncate": truncate,
            "multi_input": {
                "input_text": format!("{} <@a>", "word ".repeat(3_000)),
                "media_sources": [asset("a")]
            }
        })
    };
    assert!(planned(request(false)).is_err());
    let plan = planned(request(true)).expect("it is cut");
    assert!(plan.truncated);
    assert_eq!(plan.text_tokens, 2_000);
    assert_eq!(shape(&plan), "t0", "the picture keeps its place");
}

#[test]
fn an_alias_has_the_limits_of_its_name() {
    let request = |model: &str, words: usize| {
        json!({
            "input_type": "multi_input", "model_name": model,
            "multi_input": {"input_text": "word ".repeat(words)}
        })
    };
    let too_long = planned(request("marengo3.0", 700));
    let message = too_long.err().expect("above 500 tokens").message;
    assert!(message.contains("at most 500"), "{message}");
    assert!(planned(request("marengo3.5", 700)).is_ok());
    assert!(planned(request("onespace-mini", 700)).is_ok());
}
