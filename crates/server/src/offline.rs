//! Embedding without HTTP, for the command line: the same plan, the same model, files by path.

use std::path::PathBuf;

use onespace_engine::Tenant;
use onespace_media::{DecodeLimits, PreparedImage};
use onespace_wire::embed_v2::{EmbedRequest, MultiInput, MultiInputMediaSource};
use onespace_wire::error_code::ErrorCode;

use tokio::sync::Semaphore;

use crate::catalog::ModelCatalog;
use crate::embed::plan::{self, EmbedPlan, Origin, Source};
use crate::embed::run;
use crate::error::{ApiError, ApiResult, blocking};
use crate::settings::RequestLimits;

/// There is one user of a command line.
const LOCAL_TENANT: &str = "local";

/// A text, pictures, or both; `<@name>` in the text stands for the picture of that name.
#[derive(Clone, Debug, Default)]
pub struct OfflineInput {
    /// The text.
    pub text: Option<String>,
    /// The pictures in order.
    pub images: Vec<OfflineImage>,
}

/// A picture in a file.
#[derive(Clone, Debug)]
pub struct OfflineImage {
    /// What the text may call it.
    pub name: Option<String>,
    /// Where it is.
    pub path: PathBuf,
}

/// Embeds without a server.
pub struct OfflineEmbedder {
    models: ModelCatalog,
    limits: RequestLimits,
    instruction: Option<String>,
    decode: DecodeLimits,
    /// Pictures decoded at once: one for each core, so that memory stays bounded.
    decoding: Semaphore,
}

/// Why an input was not embedded, in words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct OfflineError {
    message: String,
}

/// What the API's messages speak of, and what there is here.
const WORDS: [(&str, &str); 3] = [
    ("`multi_input.input_text`", "The text"),
    (", or set `auto_truncate`", ""),
    (
        "`multi_input` has nothing to embed: give `input_text`, `media_sources`",
        "There is nothing to embed: give text, pictures",
    ),
];

impl From<ApiError> for OfflineError {
    fn from(error: ApiError) -> Self {
        if let (ErrorCode::Internal, Some(cause)) = (error.code, &error.cause) {
            return Self { message: format!("The model failed on this input: {cause}.") };
        }
        let message =
            WORDS.iter().fold(error.message, |text, (said, here)| text.replace(said, here));
        Self { message }
    }
}

/// What an input becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct OfflineVector {
    /// A unit vector.
    pub values: Vec<f32>,
    /// In how many chunks the text was embedded, whose vectors were averaged; 1 where it was read at
    /// once.
    pub text_chunks: usize,
}

impl OfflineEmbedder {
    /// Embeds with the first model of `models`, under its own name.
    #[must_use]
    pub fn new(models: ModelCatalog) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            models,
            limits: RequestLimits::default(),
            instruction: None,
            decode: DecodeLimits::default(),
            decoding: Semaphore::new(cores),
        }
    }

    /// The same, with an instruction for every input.
    #[must_use]
    pub fn with_instruction(self, instruction: Option<String>) -> Self {
        Self { instruction, ..self }
    }

    /// A unit vector of `dimension` values, or of the model's default length.
    ///
    /// # Errors
    ///
    /// [`OfflineError`] for what the API would refuse, and for files that cannot be read.
    pub async fn embed(
        &self,
        input: OfflineInput,
        dimension: Option<usize>,
    ) -> Result<OfflineVector, OfflineError> {
        let plan = self.plan(input, dimension)?;
        let mut pictures = Vec::with_capacity(plan.sources.len());
        for source in &plan.sources {
            pictures.push(self.prepare(&plan, source).await?);
        }
        let values = run::run(&Tenant::new(LOCAL_TENANT), &plan, &pictures).await?;
        Ok(OfflineVector { values, text_chunks: plan.text_chunks() })
    }

    fn plan(&self, input: OfflineInput, dimension: Option<usize>) -> ApiResult<EmbedPlan> {
        if input.images.iter().any(|image| image.path.as_os_str().is_empty()) {
            return Err(ApiError::missing("path"));
        }
        let source = |image: OfflineImage| MultiInputMediaSource {
            name: image.name,
            media_type: Some("image".to_owned()),
            // The plan does not look at it; `prepare` opens it as a file.
            url: Some(image.path.to_string_lossy().into_owned()),
            base64_string: None,
            asset_id: None,
            unknown: Default::default(),
        };
        let request = EmbedRequest {
            input_type: Some("multi_input".to_owned()),
            model_name: self.models.first_name().map(str::to_owned),
            multi_input: Some(MultiInput {
                input_text: input.text,
                media_sources: Some(input.images.into_iter().map(source).collect()),
                unknown: Default::default(),
            }),
            instruction: self.instruction.clone(),
            embedding_dimension: dimension.and_then(|dimension| i64::try_from(dimension).ok()),
            ..EmbedRequest::default()
        };
        plan::plan(&self.models, &self.limits, request)
    }

    async fn prepare(&self, plan: &EmbedPlan, source: &Source) -> ApiResult<PreparedImage> {
        let Origin::Url(path) = &source.origin else {
            return Err(ApiError::internal("an offline picture that is no file"));
        };
        // The semaphore is never closed.
        let _decoding = self.decoding.acquire().await;
        let (path, decode) = (path.clone(), self.decode.clone());
        let spec = plan.preprocess();
        blocking(move || {
            let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            onespace_media::prepare(&bytes, &decode, &spec)
                .map_err(|error| ApiError::media(&path, error))
        })
        .await
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> ApiError {
    ApiError::invalid(path, format_args!("cannot be read: {error}."))
}
