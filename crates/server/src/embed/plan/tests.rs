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

#[test]
fn refusals_name_the_field_and_come_in_the_documented_order() {
    let text = json!({"input_type": "text", "text": {"input_text": "x"}});
    let source = |changes: Value| multi("", vec![with(asset("a"), &changes)]);
    let null = Value::Null;
    // Each request has the named fault, and often later ones that must not be reported.
    let cases: Vec<(Value, &str, &str)> = vec![
        (json!({"colour": 1}), "parameter_unknown", "`colour`"),
        (json!({}), "parameter_not_provided", "`input_type`"),
        (json!({"input_type": "smell", "model_name": "x"}), "parameter_invalid", "`input_type`"),
        (json!({"input_type": "video", "video": {}}), "parameter_invalid", "not served"),
        (json!({"input_type": "text", "model_name": "x"}), "parameter_invalid", "`model_name`"),
        (
            with(text.clone(), &json!({"model_name": "marengo3.5"})),
            "parameter_invalid",
            "marengo3.5",
        ),
        (
            with(text.clone(), &json!({"embedding_dimension": 128})),
            "parameter_invalid",
            "`embedding_dimension`",
        ),
        (
            with(text.clone(), &json!({"auto_truncate": true})),
            "parameter_invalid",
            "`auto_truncate`",
        ),
        (
            with(text.clone(), &json!({"model_name": "onespace-mini", "embedding_dimension": 7})),
            "parameter_invalid",
            "128, 256, 512",
        ),
        (
            with(
                text.clone(),
                &json!({"model_name": "onespace-mini", "embedding_uncertainty": true}),
            ),
            "parameter_invalid",
            "`embedding_uncertainty`",
        ),
        (json!({"input_type": "text"}), "parameter_not_provided", "`text`"),
        (json!({"input_type": "text", "text": {}}), "parameter_not_provided", "`text.input_text`"),
        (
            json!({"input_type": "text", "text": {"input_text": ""}}),
            "parameter_not_provided",
            "`text.input_text`",
        ),
        (json!({"input_type": "text", "text": {"x": 1}}), "parameter_unknown", "`text.x`"),
        (
            json!({"input_type": "image", "image": {}}),
            "parameter_not_provided",
            "`image.media_source`",
        ),
        (
            json!({"input_type": "text_image", "text_image": {"input_text": "x"}}),
            "parameter_not_provided",
            "`text_image.media_source`",
        ),
        (
            json!({"input_type": "multi_input", "multi_input": {}}),
            "parameter_not_provided",
            "nothing to embed",
        ),
        (multi("", vec![]), "parameter_not_provided", "nothing to embed"),
        (multi(&"word ".repeat(600), vec![asset("a"); 11]), "parameter_invalid", "tokens"),
        (multi("<@zz>", vec![asset("a"); 11]), "parameter_invalid", "11 entries"),
        (source(json!({"x": 1, "asset_id": null})), "parameter_unknown", "media_sources[0].x"),
        (
            source(json!({"asset_id": null, "media_type": "smell"})),
            "parameter_not_provided",
            "one of `url`",
        ),
        (
            source(json!({"url": "http://a", "media_type": "smell"})),
            "parameter_invalid",
            "exactly one",
        ),
        (source(json!({"asset_id": "short"})), "parameter_invalid", "asset_id"),
        (
            source(json!({"media_type": null})),
            "parameter_not_provided",
            "media_sources[0].media_type",
        ),
        (source(json!({"media_type": "video"})), "parameter_invalid", "text and images"),
        (source(json!({"name": "a b"})), "parameter_invalid", "media_sources[0].name"),
        (
            multi("<@zz>", vec![asset("a"), asset("a")]),
            "parameter_invalid",
            "media_sources[1].name",
        ),
        (multi("<@zz>", vec![asset("a")]), "parameter_invalid", "<@zz>"),
        (
            multi("<@a>", vec![with(asset("a"), &json!({"name": null}))]),
            "parameter_invalid",
            "<@a>",
        ),
        (multi(&"<@a>".repeat(11), vec![asset("a")]), "parameter_invalid", "11 times"),
        (
            with(text, &json!({"model_name": "onespace-mini", "text": null})),
            "parameter_not_provided",
            "`text`",
        ),
        (json!({"input_type": null, "model_name": null}), "parameter_not_provided", "`input_type`"),
    ];
    assert!(null.is_null());
    let mut wrong = Vec::new();
    for (request, code, words) in cases {
        match planned(request.clone()) {
            Ok(_) => wrong.push(format!("{request}: accepted")),
            Err(error) if error.code.code() == code && error.message.contains(words) => {}
            Err(error) => {
                wrong.push(format!("{request}: {} {}", error.code.code(), error.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Parts as letters: `t` for text, digits for pictures.
fn shape(plan: &EmbedPlan) -> String {
    let letter = |part: &PlannedPart| match part {
        PlannedPart::Text(_) => "t".to_owned(),
        PlannedPart::Picture(index) => index.to_string(),
    };
    plan.parts.iter().map(letter).collect()
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
