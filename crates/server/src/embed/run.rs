//! The model's turn: the sequence in, one unit vector of the asked dimension out.

use onespace_media::PreparedImage;
use onespace_models::shorten;

use super::plan::EmbedPlan;
use crate::error::ApiResult;

/// Embeds the plan's parts with `pictures` in the order of its sources.
///
/// # Errors
///
/// 429 when the queue is full, 503 when the server stops, 500 when the model fails.
pub(crate) async fn run(plan: &EmbedPlan, pictures: &[PreparedImage]) -> ApiResult<Vec<f32>> {
    let vector = plan.model.engine.embed(plan.input.with_pictures(pictures)).await?;
    if plan.dimension == vector.len() {
        return Ok(vector);
    }
    Ok(shorten(&vector, plan.dimension))
}
