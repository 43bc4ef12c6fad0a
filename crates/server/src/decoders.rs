//! Pictures are decoded in child processes: a crash, a runaway loop or a memory bomb costs one
//! request, never the server.
//!
//! The children run this same program with its hidden `decode-worker` command and speak the frames
//! of [`onespace_media::worker`]. They are kept for reuse; one that dies, answers nonsense or
//! overruns its time is stopped, and the next picture gets a fresh one.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use onespace_media::worker::{
    FRAME_PREFIX_BYTES, ProtocolError, Reply, Request, Task, payload_length,
};
use onespace_media::{DecodeLimits, ImageFacts, MediaError, PreparedImage, PreprocessSpec};
use onespace_wire::error_code::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::error::ApiError;

/// How the decoders are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderSettings {
    /// The program and its arguments.
    pub command: Vec<PathBuf>,
    /// Processes at once.
    pub processes_max: usize,
    /// Longest time for one picture, in milliseconds.
    pub decode_ms_max: u64,
    /// Longest wait for a process, in milliseconds.
    pub wait_ms_max: u64,
}

/// The pool of decoder processes.
pub struct Decoders {
    settings: DecoderSettings,
    idle: Mutex<Vec<Decoder>>,
    running: Semaphore,
}

struct Decoder {
    /// Killed when dropped.
    process: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// Why a picture was not decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// The picture is at fault; the text is for the user.
    #[error("the picture was refused")]
    Refused(#[source] MediaError),
    /// The decoder died or overran on this picture.
    #[error("the decoder died or took too long")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No decoder process could be started.
    #[error("no decoder process could be started")]
    Start(#[source] std::io::Error),
    /// All decoders were busy for too long.
    #[error("all decoders are busy")]
    Busy,
}

impl DecodeError {
    /// The answer for the picture that `field` names.
    pub(crate) fn into_api_error(self, field: &str, app: &App) -> ApiError {
        match self {
            Self::Refused(error) => ApiError::media(field, error),
            Self::Lost(_) => {
                app.metrics.decoder_deaths.inc();
                let message = format!(
                    "`{field}`: the picture could not be decoded within the limits on time and \
                     memory. Save it again with an image editor, smaller or as a plain JPEG."
                );
                ApiError::new(ErrorCode::ParameterInvalid, message).caused_by(self)
            }
            Self::Start(_) => ApiError::internal(self),
            Self::Busy => ApiError::busy(5),
        }
    }
}

impl Decoders {
    /// An empty pool; processes start when they are first needed, or with [`Decoders::warm_up`].
    #[must_use]
    pub fn new(settings: DecoderSettings) -> Self {
        Self { idle: Mutex::default(), running: Semaphore::new(settings.processes_max), settings }
    }

    /// Starts one process ahead of the first picture; a failure shows at that picture.
    pub fn warm_up(&self) {
        if let Ok(decoder) = self.start() {
            self.put_back(decoder);
        }
    }

    /// Decodes a picture and brings it to a model's size.
    pub(crate) async fn prepare(
        &self,
        image: Vec<u8>,
        limits: &DecodeLimits,
        spec: &PreprocessSpec,
    ) -> Result<PreparedImage, DecodeError> {
        match self.ask(&image, limits, Task::Prepare(spec.clone())).await? {
            Reply::Prepared { image, .. } => Ok(image),
            Reply::Refused(error) => Err(DecodeError::Refused(error)),
            Reply::Checked { .. } => Err(DecodeError::Lost("an answer of the wrong kind".into())),
        }
    }

    /// Decodes a picture to its end, and tells what its header says.
    pub(crate) async fn examine(
        &self,
        image: Vec<u8>,
        limits: &DecodeLimits,
    ) -> Result<ImageFacts, DecodeError> {
        match self.ask(&image, limits, Task::Check).await? {
            Reply::Checked { facts } => Ok(facts),
            Reply::Refused(error) => Err(DecodeError::Refused(error)),
            Reply::Prepared { .. } => Err(DecodeError::Lost("an answer of the wrong kind".into())),
        }
    }

    async fn ask(
        &self,
        image: &[u8],
        limits: &DecodeLimits,
        task: Task,
    ) -> Result<Reply, DecodeError> {
        let request = Request { limits: limits.clone(), task, image };
        let wait = Duration::from_millis(self.settings.wait_ms_max);
        let _running = tokio::time::timeout(wait, self.running.acquire())
            .await
            .map_err(|_| DecodeError::Busy)?;
        if let Some(decoder) = self.idle_decoder()
            && let Some(answer) = self.answer(decoder, &request).await
        {
            return answer;
        }
        // A decoder from the pool may have been ended by something else than this picture: only a
        // fresh one can blame it.
        let answer = self.answer(self.start()?, &request).await;
        answer.unwrap_or_else(|| Err(DecodeError::Lost("it died on this picture".into())))
    }

    /// One picture to one decoder; `None` when the decoder was lost other than by overrunning.
    async fn answer(
        &self,
        mut decoder: Decoder,
        request: &Request<'_>,
    ) -> Option<Result<Reply, DecodeError>> {
        let time = Duration::from_millis(self.settings.decode_ms_max);
        // Dropping a decoder kills its process.
        match tokio::time::timeout(time, decoder.exchange(request)).await {
            Ok(Ok(reply)) => {
                self.put_back(decoder);
                Some(Ok(reply))
            }
            Ok(Err(error)) => {
                tracing::debug!(cause = %error, "a decoder was lost");
                None
            }
            Err(elapsed) => Some(Err(DecodeError::Lost(elapsed.into()))),
        }
    }

    /// A decoder that waits for work; those that have ended meanwhile are forgotten.
    fn idle_decoder(&self) -> Option<Decoder> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut decoder) = idle.pop() {
            if matches!(decoder.process.try_wait(), Ok(None)) {
                return Some(decoder);
            }
        }
        None
    }

    fn put_back(&self, decoder: Decoder) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
    }

    fn start(&self) -> Result<Decoder, DecodeError> {
        let (program, arguments) = self
            .settings
            .command
            .split_first()
            .ok_or_else(|| DecodeError::Start(std::io::ErrorKind::NotFound.into()))?;
        let mut process = Command::new(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for the server, which lets its decoders finish.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(DecodeError::Start)?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (input, output) =
            pipes.ok_or_else(|| DecodeError::Start(std::io::ErrorKind::BrokenPipe.into()))?;
        Ok(Decoder { process, input, output })
    }
}

impl Decoder {
    /// Sends one request and reads its reply.
    async fn exchange(&mut self, request: &Request<'_>) -> Result<Reply, ProtocolError> {
        self.input.write_all(&request.encode_head()).await?;
        self.input.write_all(request.image).await?;
        self.input.flush().await?;
        let mut prefix = [0; FRAME_PREFIX_BYTES];
        self.output.read_exact(&mut prefix).await?;
        let mut payload = vec![0; payload_length(prefix, request.reply_bytes_max())?];
        self.output.read_exact(&mut payload).await?;
        Reply::decode(&payload)
    }
}

#[cfg(test)]
mod tests {
    use onespace_media::{Fit, Resample};

    use super::*;

    fn decoders(command: &[&str], decode_ms_max: u64) -> Decoders {
        Decoders::new(DecoderSettings {
            command: command.iter().map(PathBuf::from).collect(),
            processes_max: 2,
            decode_ms_max,
            wait_ms_max: 20_000,
        })
    }

    async fn prepare(decoders: &Decoders) -> Result<PreparedImage, DecodeError> {
        let spec = PreprocessSpec {
            fit: Fit::Squash { width: 2, height: 2 },
            resample: Resample::Bicubic,
            mean: [0.5; 3],
            std: [0.5; 3],
        };
        decoders.prepare(vec![0; 100_000], &DecodeLimits::default(), &spec).await
    }

    #[tokio::test]
    async fn a_decoder_that_dies_loses_one_picture() {
        let decoders = decoders(&["/bin/sh", "-c", "head -c 1000 >/dev/null"], 20_000);
        for _ in 0..3 {
            assert!(matches!(prepare(&decoders).await, Err(DecodeError::Lost(_))));
        }
    }

    #[tokio::test]
    async fn a_decoder_that_overruns_is_stopped() {
        let decoders = decoders(&["/bin/sh", "-c", "exec sleep 600"], 50);
        assert!(matches!(prepare(&decoders).await, Err(DecodeError::Lost(_))));
        assert!(decoders.idle.lock().unwrap().is_empty(), "it is not used again");
    }

    #[tokio::test]
    async fn a_decoder_that_answers_nonsense_is_not_believed() {
        let decoders =
            decoders(&["/bin/sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"], 20_000);
        assert!(matches!(prepare(&decoders).await, Err(DecodeError::Lost(_))));
    }

    #[tokio::test]
    async fn a_missing_program_is_the_servers_fault() {
        let decoders = decoders(&["/nonexistent/program"], 1_000);
        assert!(matches!(prepare(&decoders).await, Err(DecodeError::Start(_))));
    }
}
