//! Intermediate results, for comparison with a reference implementation.

/// An intermediate result of a forward pass.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What it is: `embeddings`, `block 0`, `last block`, `pooled`.
    pub name: &'static str,
    /// The numbers, `[places, width]`, of all texts or all pictures of the sequence.
    pub values: Vec<f32>,
}

/// Collects intermediate results, or, in ordinary use, does not.
#[derive(Default)]
pub(crate) struct Trace(Option<Vec<Stage>>);

impl Trace {
    /// One that collects.
    pub(crate) fn on() -> Self {
        Self(Some(Vec::new()))
    }

    /// Whether it collects.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a copy of `values` under a name.
    pub(crate) fn record(&mut self, name: &'static str, values: &[f32]) {
        if let Some(stages) = &mut self.0 {
            stages.push(Stage { name, values: values.to_vec() });
        }
    }

    /// What was collected, in order.
    pub(crate) fn stages(self) -> Vec<Stage> {
        self.0.unwrap_or_default()
    }
}
