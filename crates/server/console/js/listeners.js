// Whoever wants to hear of something, until they leave.

/** A list of listeners: `add(listener, signal)`, which lasts until `signal`, and `tell(...news)`. */
export function listeners() {
  const all = new Set();
  const add = (listener, signal) => {
    all.add(listener);
    signal?.addEventListener("abort", () => all.delete(listener));
  };
  const tell = (...news) => [...all].forEach((listener) => listener(...news));
  return { add, tell };
}
