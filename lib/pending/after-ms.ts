/**
 * Calls back after `limitMs` milliseconds, and once what has arrived by then was read: after the
 * event loop was blocked, timers run before answers that came in meanwhile. Returns a function that
 * cancels.
 */
export function afterMs(limitMs: number, callback: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => (immediate = setImmediate(callback)), limitMs);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
