//! Admission, batching and model workers: sequences in, unit vectors out.
