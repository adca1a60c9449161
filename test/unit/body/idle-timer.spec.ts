import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { IdleTimer } from '../../../lib/body/idle-timer.js';

let nowMs: number;
let onIdle: jest.Mock<() => void>;
let timer: IdleTimer;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] });
  nowMs = 1_000;
  jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  onIdle = jest.fn();
  timer = new IdleTimer(1_000, onIdle);
  timer.start();
});
afterEach(() => {
  timer.stop();
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** Lets time pass while the process runs. */
const pass = async (ms: number): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 1) {
    nowMs += 1;
    jest.advanceTimersByTime(1);
    await nextTurn();
  }
};
/** Lets time pass during a suspension, after which all due timers fire at once. */
const freeze = (ms: number): void => {
  nowMs += ms;
};

describe('IdleTimer', () => {
  it('reports a time without a touch, once', async () => {
    await pass(999);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
    await pass(10_000);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('restarts with every touch', async () => {
    await pass(900);
    timer.touch();
    await pass(900);
    timer.touch();
    await pass(999);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('checks for pending input before it reports', async () => {
    await pass(999);
    nowMs += 1;
    jest.advanceTimersByTime(1);
    timer.touch();
    await nextTurn();
    expect(onIdle).not.toHaveBeenCalled();
    await pass(999);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it.each([0, 50, 500, 850, 999])(
    'counts half a step for an hour of suspension that begins at %d ms',
    async startMs => {
      await pass(startMs);
      freeze(3_600_000);
      await pass(100 - (startMs % 100));
      const countedMs = startMs - (startMs % 100) + 50;
      // Then a whole step passes, in which pending input is read.
      await pass(Math.max(100, 1_000 - countedMs) - 1);
      expect(onIdle).not.toHaveBeenCalled();
      await pass(1);
      expect(onIdle).toHaveBeenCalledTimes(1);
    },
  );

  it('does not report a form that goes on, however often the process is suspended', async () => {
    for (let round = 0; round < 40; round += 1) {
      await pass(730);
      freeze(2_500);
      await pass(100);
      timer.touch();
    }
    expect(onIdle).not.toHaveBeenCalled();
  });

  it('reports in the end when every step is delayed', async () => {
    for (let step = 0; step < 39; step += 1) {
      freeze(150);
      await pass(100);
    }
    expect(onIdle).not.toHaveBeenCalled();
    await pass(100);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('reports nothing once it is stopped, even during a check', async () => {
    await pass(999);
    nowMs += 1;
    jest.advanceTimersByTime(1);
    timer.stop();
    await nextTurn();
    expect(onIdle).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('can be restarted with another time', async () => {
    await pass(500);
    timer.start(200);
    await pass(199);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });
});
