import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { abortedError, startDeadline, untilAborted } from '../../../lib/operations/deadline.js';

afterEach(() => {
  jest.useRealTimers();
});

const operation = 'upload';

describe('startDeadline', () => {
  it('aborts with a total timeout when its time is up', () => {
    jest.useFakeTimers();
    const deadline = startDeadline(operation, 100);
    jest.advanceTimersByTime(99);
    expect(deadline.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(deadline.signal.reason).toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'total',
      retryable: false,
      endpoint: operation,
    });
  });

  it('aborts with its caller and keeps the reason as the cause', () => {
    const caller = new AbortController();
    const deadline = startDeadline(operation, 100, caller.signal);
    const reason = new Error('closed the page');
    caller.abort(reason);
    deadline.dispose();
    expect(deadline.signal.reason).toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
      cause: reason,
    });
  });

  it('is aborted from the start with an aborted signal', () => {
    const deadline = startDeadline(operation, 100, AbortSignal.abort());
    deadline.dispose();
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.signal.reason).toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
  });

  it('keeps a reason that is an error of this package', () => {
    const reason = new WxCloudStorageError({ code: 'WX_CLOUD_STORAGE_CLOSED', message: 'closed' });
    const signal = AbortSignal.abort(reason);
    const deadline = startDeadline(operation, 100, signal);
    deadline.dispose();
    expect(deadline.signal.reason).toBe(reason);
  });

  it('keeps its first reason', () => {
    jest.useFakeTimers();
    const caller = new AbortController();
    const deadline = startDeadline(operation, 100, caller.signal);
    caller.abort();
    jest.advanceTimersByTime(1_000);
    expect(deadline.signal.reason).toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
  });

  it('can be ended, with a reason', () => {
    const reason = new WxCloudStorageError({ code: 'WX_CLOUD_STORAGE_CLOSED', message: 'closed' });
    const deadline = startDeadline(operation, 100);
    deadline.end(reason);
    deadline.dispose();
    expect(deadline.signal.reason).toBe(reason);
  });

  it.each([
    ['live', new AbortController().signal],
    ['aborted', AbortSignal.abort()],
  ])('releases the timer and a signal that is %s when it is disposed', (_, signal) => {
    jest.useFakeTimers();
    const deadline = startDeadline(operation, 100, signal);
    expect(jest.getTimerCount()).toBe(1);
    deadline.dispose();
    deadline.dispose();
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ignores its callers once it is disposed', () => {
    const caller = new AbortController();
    const deadline = startDeadline(operation, 100, caller.signal);
    deadline.dispose();
    caller.abort();
    expect(deadline.signal.aborted).toBe(false);
  });
});

describe('abortedError', () => {
  it.each([[undefined], [new Error('x')], ['a text'], [null]])(
    'names the operation for %p',
    reason => {
      const error = abortedError(operation, reason);
      expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED', endpoint: operation });
      expect(error.message).toContain(operation);
    },
  );
});

describe('untilAborted', () => {
  it('passes on a result, with and without a signal', async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(Promise.resolve(1), undefined)).resolves.toBe(1);
    await expect(untilAborted(Promise.resolve(2), signal)).resolves.toBe(2);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('passes on a failure and releases the signal', async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(Promise.reject(new Error('x')), signal)).rejects.toThrow('x');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('stops waiting without ending the promise', async () => {
    const controller = new AbortController();
    let finish: (value: string) => void = () => {};
    const shared = new Promise<string>(resolve => (finish = resolve));
    const waiting = untilAborted(shared, controller.signal);
    controller.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
    finish('later');
    await expect(shared).resolves.toBe('later');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('rejects at once when the signal is aborted already', async () => {
    const signal = AbortSignal.abort(new Error('before'));
    await expect(untilAborted(new Promise(() => {}), signal)).rejects.toThrow('before');
  });

  it.each([
    ['before it waits', (controller: AbortController) => controller.abort(new Error('gave up'))],
    [
      'while it waits',
      (controller: AbortController) => queueMicrotask(() => controller.abort(new Error('gave up'))),
    ],
  ])(
    'leaves no unhandled rejection of a promise that fails after an abort %s',
    async (_, abort) => {
      const unhandled: unknown[] = [];
      const onUnhandled = (reason: unknown): number => unhandled.push(reason);
      process.on('unhandledRejection', onUnhandled);
      const controller = new AbortController();
      const shared = new Promise((__, reject) => {
        setImmediate(() => reject(new Error('failed later')));
      });
      abort(controller);
      await expect(untilAborted(shared, controller.signal)).rejects.toThrow('gave up');
      await new Promise(resolve => setImmediate(() => setImmediate(() => setImmediate(resolve))));
      process.off('unhandledRejection', onUnhandled);
      expect(unhandled).toEqual([]);
    },
  );
});
