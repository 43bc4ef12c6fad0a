//! Weights, tokenizers and forward passes: a sequence of text and images in, one vector out.
