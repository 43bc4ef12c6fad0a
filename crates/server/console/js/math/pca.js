// Principal components, for a map of vectors.
//
// With n vectors of d values and n far below d, the n by n Gram matrix of the centred vectors has
// the same leading eigenvectors, scaled: its power iteration gives the coordinates directly.

import { dot, norm } from "./similarity.js";

const STEPS = 300;
const SETTLED = 1e-9;

/** Two coordinates for each vector, and the share of the variance that they show. */
export function project(vectors) {
  const count = vectors.length;
  const centre = vectors[0].map((_, at) => vectors.reduce((sum, vector) => sum + vector[at], 0) / count);
  const centred = vectors.map((vector) => vector.map((value, at) => value - centre[at]));
  const gram = centred.map((a) => centred.map((b) => dot(a, b)));
  const total = gram.reduce((sum, row, at) => sum + row[at], 0);
  const first = leading(gram, 0);
  const second = leading(deflated(gram, first), 1);
  const along = ({ value, vector }) => vector.map((part) => part * Math.sqrt(Math.max(0, value)));
  const [x, y] = [along(first), along(second)];
  const shown = total > 0 ? (first.value + second.value) / total : 1;
  return { points: x.map((value, at) => [value, y[at]]), shown };
}

/** The largest eigenvalue of a symmetric matrix with its eigenvector. */
function leading(matrix, seed) {
  // No fixed direction is perpendicular to everything; these two are not to each other's answers.
  let vector = matrix.map((_, at) => Math.sin(1 + seed + at * 1.7));
  let value = 0;
  for (let step = 0; step < STEPS; step += 1) {
    const next = matrix.map((row) => dot(row, vector));
    const length = norm(next);
    if (length < 1e-12) return { value: 0, vector: vector.map(() => 0) };
    const before = value;
    value = length;
    vector = next.map((part) => part / length);
    if (Math.abs(value - before) < SETTLED * value) break;
  }
  // One sign, so that the map does not flip between runs.
  const largest = vector.reduce((best, part) => (Math.abs(part) > Math.abs(best) ? part : best), 0);
  return { value, vector: largest < 0 ? vector.map((part) => -part) : vector };
}

function deflated(matrix, { value, vector }) {
  return matrix.map((row, i) => row.map((entry, j) => entry - value * vector[i] * vector[j]));
}
