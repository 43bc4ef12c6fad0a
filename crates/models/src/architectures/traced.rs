//! From a batch to vectors that may leave, for models whose states on the way can be recorded.

use crate::checks;
use crate::trace::{Stage, Trace};
use crate::{EmbeddingModel, ModelError, Sequence};

/// What differs between such models.
pub(super) trait TracedModel: EmbeddingModel {
    /// Refuses a batch that the model cannot read.
    fn check(&self, batch: &[Sequence]) -> Result<(), ModelError>;

    /// Vectors of checked sequences; `trace` records what they are made of.
    fn embed_checked(
        &self,
        batch: &[Sequence],
        trace: &mut Trace,
    ) -> Result<Vec<Vec<f32>>, ModelError>;
}

/// [`EmbeddingModel::embed`] of a traced model.
pub(super) fn embed(
    model: &impl TracedModel,
    batch: &[Sequence],
) -> Result<Vec<Vec<f32>>, ModelError> {
    model.check(batch)?;
    let vectors = model.embed_checked(batch, &mut Trace::default())?;
    checks::check_vectors(model.description().dimension, &vectors)?;
    Ok(vectors)
}

/// [`EmbeddingModel::stages`] of a traced model.
pub(super) fn stages(
    model: &impl TracedModel,
    sequence: &Sequence,
) -> Result<Vec<Stage>, ModelError> {
    let batch = std::slice::from_ref(sequence);
    model.check(batch)?;
    let mut trace = Trace::on();
    let vectors = model.embed_checked(batch, &mut trace)?;
    trace.record("pooled", &vectors.concat());
    Ok(trace.stages())
}
