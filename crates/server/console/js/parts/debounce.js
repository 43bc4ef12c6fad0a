// Work that follows writing: done once, when it has paused.

/** Calls `work` once the last call is `pauseMs` (or as many as `pauseMs()` says) ago. */
export function debounced(work, pauseMs) {
  let pause;
  return () => {
    clearTimeout(pause);
    pause = setTimeout(work, typeof pauseMs === "function" ? pauseMs() : pauseMs);
  };
}
