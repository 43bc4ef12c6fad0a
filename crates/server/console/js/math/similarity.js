// Sums over vectors.

export const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);

export const norm = (a) => Math.sqrt(dot(a, a));

/** Cosine similarity of every pair; all vectors have the same length. */
export function similarities(vectors) {
  const norms = vectors.map(norm);
  return vectors.map((a, row) => vectors.map((b, column) => dot(a, b) / (norms[row] * norms[column])));
}
