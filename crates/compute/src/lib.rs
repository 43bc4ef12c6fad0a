//! Tensors and CPU kernels behind one dispatch; the only home of unsafe code.
