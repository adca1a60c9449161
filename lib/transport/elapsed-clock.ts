import { performance } from 'node:perf_hooks';

/** A difference between two clocks that adjustments of the wall clock explain. */
const TOLERANCE_MS = 1_000;

/**
 * Makes a clock that is never set back, and that goes on while the machine or the container is
 * suspended: on many platforms the monotonic clock stands still then. How far the wall clock has
 * run ahead of it is added. A wall clock that is set forward makes what is kept look older once,
 * which costs a fetch; one that is set back changes nothing.
 */
export function createElapsedClock(
  monotonicMs = (): number => performance.now(),
  wallMs = (): number => Date.now(),
): () => number {
  let skippedMs = 0;
  let aheadMs = wallMs() - monotonicMs();
  return () => {
    const nowMs = monotonicMs();
    const nowAheadMs = wallMs() - nowMs;
    if (nowAheadMs > aheadMs + TOLERANCE_MS) {
      skippedMs += nowAheadMs - aheadMs;
      aheadMs = nowAheadMs;
    } else if (nowAheadMs < aheadMs) aheadMs = nowAheadMs;
    return nowMs + skippedMs;
  };
}

/**
 * Milliseconds on the clock of this process by which tokens and links age; see
 * {@link createElapsedClock}.
 */
export const elapsedMs = createElapsedClock();
