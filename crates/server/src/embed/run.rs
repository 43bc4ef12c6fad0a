//! The model's turn: the sequence in, one unit vector of the asked dimension out.

use onespace_media::PreparedImage;
use onespace_models::{Part, Sequence, shorten};

use super::plan::{EmbedPlan, PlannedPart};
use crate::error::ApiResult;

/// Embeds the plan's parts with `pictures` in the order of its sources.
///
/// # Errors
///
/// 429 when the queue is full, 503 when the server stops, 500 when the model fails.
pub(crate) async fn run(plan: &EmbedPlan, pictures: &[PreparedImage]) -> ApiResult<Vec<f32>> {
    let parts = plan.parts.iter().map(|part| match part {
        PlannedPart::Text(tokens) => Part::Text(tokens.clone()),
        PlannedPart::Picture(index) => Part::Image(pictures[*index].clone()),
    });
    let vector = plan.model.engine.embed(Sequence { parts: parts.collect() }).await?;
    if plan.dimension == vector.len() {
        return Ok(vector);
    }
    Ok(shorten(&vector, plan.dimension))
}
