import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { IdleTimer } from '../../../lib/body/index.js';

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
  nowMs += ms;
  jest.advanceTimersByTime(ms);
  await nextTurn();
};
/** Lets time pass while it stands still: its timers then fire all at once. */
const freeze = (ms: number): void => {
  nowMs += ms;
};

describe('IdleTimer', () => {
  it('tells of a time without a touch, once', async () => {
    await pass(999);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
    await pass(10_000);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('counts anew from every touch', async () => {
    await pass(900);
    timer.touch();
    await pass(900);
    timer.touch();
    await pass(999);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('looks at what has come meanwhile before it tells', async () => {
    nowMs += 1_000;
    jest.advanceTimersByTime(1_000);
    timer.touch();
    await nextTurn();
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1_000);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('gives the time once more by which it was late, for what takes several turns to come', async () => {
    freeze(600);
    await pass(1_000);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(599);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('gives no more than its limit, and only once', async () => {
    freeze(3_600_000);
    await pass(1_000);
    freeze(3_600_000);
    await pass(1_000);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('is quiet when it is stopped, also while it looks', async () => {
    nowMs += 1_000;
    jest.advanceTimersByTime(1_000);
    timer.stop();
    await nextTurn();
    expect(onIdle).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('can be started again, for another time', async () => {
    await pass(500);
    timer.start(200);
    await pass(199);
    expect(onIdle).not.toHaveBeenCalled();
    await pass(1);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });
});
