//! What parent and decoder process say to each other.

use serde::{Deserialize, Serialize};

use super::frame::{ProtocolError, head, parts};
use super::shared;
use crate::{DecodeLimits, ImageFacts, MediaError, PreparedImage, PreprocessSpec};

/// Room for a reply's header besides its pixels, in bytes.
const REPLY_HEADER_BYTES: u64 = 8 << 10;

/// What to do with a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Decode it and bring it to the size a model wants.
    Prepare(PreprocessSpec),
    /// Decode it whole and throw the pixels away: does this file hold a picture?
    Check,
}

/// One picture for the decoder process.
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    /// Limits to decode under.
    pub limits: DecodeLimits,
    /// What to do.
    pub task: Task,
    /// The picture file.
    pub image: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct RequestHeader {
    limits: DecodeLimits,
    task: Task,
}

impl<'a> Request<'a> {
    /// The whole frame: prefix, header, picture file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = self.encode_head();
        frame.extend_from_slice(self.image);
        frame
    }

    /// The frame up to the picture file, for a parent that writes `image` itself, uncopied.
    #[must_use]
    pub fn encode_head(&self) -> Vec<u8> {
        let header = RequestHeader { limits: self.limits.clone(), task: self.task.clone() };
        head(&header, self.image.len())
    }

    /// Reads a frame's payload; the picture file is borrowed from it.
    ///
    /// # Errors
    /// [`ProtocolError`] where the payload is not a request.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ProtocolError> {
        let (RequestHeader { limits, task }, image) = parts(payload)?;
        Ok(Self { limits, task, image })
    }

    /// Longest payload in bytes of a reply to this request: the cap to give to
    /// [`payload_length`](super::payload_length) or [`read_frame`](super::read_frame).
    #[must_use]
    pub fn reply_bytes_max(&self) -> u64 {
        let pixels = match &self.task {
            Task::Prepare(spec) => spec.prepared_pixels_max().saturating_mul(3),
            Task::Check => 0,
        };
        REPLY_HEADER_BYTES + pixels
    }
}

/// What became of a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Answer to [`Task::Prepare`].
    Prepared {
        /// What the header says.
        facts: ImageFacts,
        /// The model-ready pixels.
        image: PreparedImage,
    },
    /// Answer to [`Task::Check`]: the whole picture decodes.
    Checked {
        /// What the header says.
        facts: ImageFacts,
    },
    /// The picture was refused.
    Refused(MediaError),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReplyHeader {
    Prepared { facts: ImageFacts, width: u32, height: u32 },
    Checked { facts: ImageFacts },
    Refused(MediaError),
}

impl Reply {
    /// The whole frame: prefix, header, pixels where there are any.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Prepared { facts, image } => {
                let facts = facts.clone();
                let (width, height) = (image.width, image.height);
                let header = ReplyHeader::Prepared { facts, width, height };
                let mut frame = head(&header, image.rgb.len());
                frame.extend_from_slice(&image.rgb);
                frame
            }
            Self::Checked { facts } => head(&ReplyHeader::Checked { facts: facts.clone() }, 0),
            Self::Refused(error) => head(&ReplyHeader::Refused(error.clone()), 0),
        }
    }

    /// Reads a frame's payload.
    ///
    /// # Errors
    /// [`ProtocolError`] where the payload is not a reply, or its pixels are not as many as its
    /// header says.
    pub fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let (header, rgb) = parts(payload)?;
        match header {
            ReplyHeader::Prepared { facts, width, height } => {
                if u64::from(width) * u64::from(height) * 3 != rgb.len() as u64 {
                    return Err(ProtocolError::Parts);
                }
                let image = PreparedImage { width, height, rgb: shared(rgb) };
                Ok(Self::Prepared { facts, image })
            }
            _ if !rgb.is_empty() => Err(ProtocolError::Parts),
            ReplyHeader::Checked { facts } => Ok(Self::Checked { facts }),
            ReplyHeader::Refused(error) => Ok(Self::Refused(error)),
        }
    }
}
