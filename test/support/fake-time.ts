import { jest } from '@jest/globals';

/** Everything but `setTimeout`: sockets and streams go on as usual. */
const REAL = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
] as const;

/**
 * Starts something whose timers only the test lets pass: no time limit comes too early on a busy
 * machine, and none is waited for. `pass` lets time go by, in milliseconds.
 */
export async function withFakeTimeouts<T>(
  work: (pass: (ms: number) => void) => Promise<T>,
): Promise<T> {
  jest.useFakeTimers({ doNotFake: [...REAL] });
  try {
    return await work(ms => void jest.advanceTimersByTime(ms));
  } finally {
    jest.useRealTimers();
  }
}
