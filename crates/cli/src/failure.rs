//! Why the program ends without success: a sentence, and what to do.

use std::error::Error;

/// A failure with a sentence for the user and, where there is one, its cause.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    exit_code: u8,
}

impl Failure {
    /// A failure without a deeper cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, exit_code: 1 }
    }

    /// A failure because of `cause`.
    pub(crate) fn because(
        message: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { message: message.into(), cause: Some(cause.into()), exit_code: 1 }
    }

    /// A failure of some inputs of many.
    pub(crate) fn partial(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, exit_code: 3 }
    }

    /// The exit code: 1, or 3 when part of the work was done.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The sentence and its causes, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.message.clone()];
        let mut cause = self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(error) = cause {
            lines.push(error.to_string());
            cause = error.source();
        }
        lines
    }
}
