//! The embed pipeline. The modules are its stages, in this order:
//!
//! | stage | takes | gives | refuses with |
//! | --- | --- | --- | --- |
//! | [`plan`] | the request as JSON said it | a checked plan: model, dimension, parts, sources | 400 naming the field |
//! | [`resolve`] | sources | asset rows found, base64 decoded | 400 unknown asset, bad base64; 413 |
//! | [`fetch`] | URL sources | their bytes | 400, one sentence for all failures |
//! | [`prepare`] | bytes | pictures at the model's size, decoded in a process of their own | 400, 413 |
//! | [`run`] | the sequence of parts | one unit vector of the asked dimension | 429, 503, 500 |
//! | [`render`] | the vector | the answer in the wire's shape | never |
//!
//! Checks that cost nothing come first, so that a bad request never causes a fetch.

pub(crate) mod fetch;
pub(crate) mod plan;
pub(crate) mod prepare;
pub(crate) mod render;
pub(crate) mod resolve;
pub(crate) mod run;

use std::time::Instant;

use onespace_engine::Tenant;
use onespace_store::OwnerScope;

use crate::app::App;
use crate::error::ApiResult;
use crate::usage::ModelUse;
use plan::EmbedPlan;

/// One vector and what went into it.
pub(crate) struct Outcome {
    /// The unit vector, at the dimension of the plan.
    pub(crate) vector: Vec<f32>,
    /// How many tokens of pictures the model read.
    pub(crate) image_tokens: usize,
    /// What is counted of it.
    pub(crate) used: ModelUse,
    /// Where the picture came from, when there was exactly one.
    pub(crate) provenance: resolve::Provenance,
    /// How long each stage took.
    pub(crate) timing: StageTimes,
}

/// Milliseconds by stage, for the `server-timing` header.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StageTimes {
    pub(crate) resolve_ms: f64,
    pub(crate) prepare_ms: f64,
    pub(crate) run_ms: f64,
}

/// Runs the stages after planning.
///
/// # Errors
///
/// Those of the stages.
pub(crate) async fn execute(
    app: &App,
    scope: &OwnerScope,
    plan: &mut EmbedPlan,
) -> ApiResult<Outcome> {
    let mut clock = Instant::now();
    let located = resolve::resolve(app, scope, std::mem::take(&mut plan.sources)).await?;
    let provenance = resolve::Provenance::of(&located);
    let resolve_ms = lap(&mut clock);
    let spec = plan.preprocess();
    let pictures = prepare::prepare(app, scope, located, &spec).await?;
    let prepare_ms = lap(&mut clock);
    let tenant = Tenant::new(scope.account().as_str());
    let vector = run::run(&tenant, plan, &pictures).await?;
    let run_ms = lap(&mut clock);
    let image_tokens = plan.image_tokens(&pictures);
    let tokens = (plan.text_tokens + image_tokens) as u64;
    let used = ModelUse { images: pictures.len() as u64, tokens };
    let timing = StageTimes { resolve_ms, prepare_ms, run_ms };
    Ok(Outcome { vector, image_tokens, used, provenance, timing })
}

fn lap(clock: &mut Instant) -> f64 {
    let now = Instant::now();
    let ms = now.duration_since(*clock).as_secs_f64() * 1e3;
    *clock = now;
    ms
}
