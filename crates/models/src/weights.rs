//! `model.safetensors`: 16-bit tensors by name, each checked and taken exactly once.

use std::collections::BTreeSet;

use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::model_files::{FileBytes, WEIGHTS_FILE};
use crate::{LoadError, LoadErrorKind};

/// Numbers widened at a time.
const WIDEN_AT_ONCE: usize = 256;
/// Bytes per stored number.
const F16_BYTES: usize = 2;
/// All ones in the exponent of an `f16`: infinity or not a number.
const F16_EXPONENT: u16 = 0x7c00;

/// The tensors of a file.
pub(crate) struct Weights<'a> {
    bytes: &'a FileBytes,
    tensors: SafeTensors<'a>,
    taken: BTreeSet<String>,
}

impl<'a> Weights<'a> {
    /// Reads the header.
    pub(crate) fn open(bytes: &'a FileBytes) -> Result<Self, LoadError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
            let message = "is damaged or cut short; copy or export it again";
            LoadError::new(LoadErrorKind::Weights, WEIGHTS_FILE, message).caused_by(error)
        })?;
        Ok(Self { bytes, tensors, taken: BTreeSet::new() })
    }

    /// SHA-256 of the file, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&**self.bytes))
    }

    /// A tensor of that shape, widened.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let bytes = self.checked(name, shape)?;
        let mut values = vec![0.0; bytes.len() / F16_BYTES];
        widen(bytes, &mut values);
        Ok(values)
    }

    /// A table `[rows, width]` that stays as it is stored.
    pub(crate) fn take_table(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
    ) -> Result<TokenTable, LoadError> {
        let table = self.checked(name, &[rows, width])?;
        let start = table.as_ptr().addr() - self.bytes.as_ptr().addr();
        let bytes = self.bytes.part(start..start + table.len());
        Ok(TokenTable { bytes, rows, width })
    }

    /// The stored numbers of a tensor, after checking type, shape and finiteness.
    fn checked(&mut self, name: &str, shape: &[usize]) -> Result<&'a [u8], LoadError> {
        let again = "export configuration and weights together";
        let refuse = |message: String| LoadError::of_tensor(WEIGHTS_FILE, name, message);
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|error| refuse(format!("is missing; {again}")).caused_by(error))?;
        if tensor.dtype() != Dtype::F16 {
            return Err(refuse(format!("is stored as {:?}; export it as F16", tensor.dtype())));
        }
        if tensor.shape() != shape {
            let found = tensor.shape();
            let message = format!("has shape {found:?}, config.json asks for {shape:?}; {again}");
            return Err(refuse(message));
        }
        let bytes = tensor.data();
        let broken =
            |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]) & F16_EXPONENT == F16_EXPONENT;
        if let Some(at) = bytes.chunks_exact(F16_BYTES).position(broken) {
            return Err(refuse(format!("number {at} is not finite; train or export it again")));
        }
        self.taken.insert(name.to_owned());
        Ok(bytes)
    }

    /// Refuses tensors that nothing took: the file is another model's.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        let extra = self.tensors.names().into_iter().find(|name| !self.taken.contains(*name));
        extra.map_or(Ok(()), |name| {
            let message = "is not part of this model; export configuration and weights together";
            Err(LoadError::of_tensor(WEIGHTS_FILE, name, message))
        })
    }
}

/// The vectors of a vocabulary, 16 bits a number, widened row by row as they are used.
pub(crate) struct TokenTable {
    bytes: FileBytes,
    rows: usize,
    width: usize,
}

impl TokenTable {
    /// Ids in the table.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Writes the rows of `ids` one after the other; `out` is `[ids, width]`.
    pub(crate) fn gather(&self, ids: &[u32], out: &mut [f32]) {
        let row_bytes = self.width * F16_BYTES;
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(self.width)) {
            let start = id as usize * row_bytes;
            widen(&self.bytes[start..start + row_bytes], out);
        }
    }
}

/// Little-endian `f16` to `f32`.
fn widen(bytes: &[u8], out: &mut [f32]) {
    let mut halves = [f16::ZERO; WIDEN_AT_ONCE];
    let chunks = bytes.chunks(WIDEN_AT_ONCE * F16_BYTES);
    for (bytes, out) in chunks.zip(out.chunks_mut(WIDEN_AT_ONCE)) {
        let halves = &mut halves[..out.len()];
        for (half, pair) in halves.iter_mut().zip(bytes.chunks_exact(F16_BYTES)) {
            *half = f16::from_le_bytes([pair[0], pair[1]]);
        }
        halves.convert_to_f32_slice(out);
    }
}
