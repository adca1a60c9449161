import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';
import { failureOf } from '../support/failures.js';

afterEach(() => {
  jest.useRealTimers();
});

const CLOSED = { code: 'WX_CLOUD_STORAGE_CLOSED' };

/** Work that ends only with its signal, after a clean-up. */
function untilEnded(cleanUp: () => Promise<void> = () => Promise.resolve()) {
  return (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        void cleanUp().then(() => reject(signal.reason as Error));
      });
    });
}

/** Lets everything that waits for no timer happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

function fakeTimers(): void {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
}

describe('OperationRegistry.run', () => {
  it('passes on the result and leaves no timer or listener', async () => {
    fakeTimers();
    const { signal } = new AbortController();
    const work = jest.fn(() => Promise.resolve('done'));
    await expect(new OperationRegistry(1_000).run('x', { signal }, work)).resolves.toBe('done');
    expect(work).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('passes on a failure and leaves no timer or listener', async () => {
    fakeTimers();
    const { signal } = new AbortController();
    const fault = new Error('x');
    const work = (): Promise<never> => Promise.reject(fault);
    await expect(new OperationRegistry(1_000).run('x', { signal }, work)).rejects.toBe(fault);
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it.each([
    ['its own limit', { timeoutMs: 50 }, 50],
    ['the general limit', {}, 1_000],
    ['the general limit when its own is undefined', { timeoutMs: undefined }, 1_000],
  ])('ends at %s', async (_, options, limit) => {
    fakeTimers();
    const failure = failureOf(new OperationRegistry(1_000).run('upload', options, untilEnded()));
    await settle();
    const ended = jest.fn();
    void failure.then(ended);
    jest.advanceTimersByTime(limit - 1);
    await settle();
    expect(ended).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(await failure).toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'total',
      endpoint: 'upload',
    });
  });

  it('aborts when its caller aborts', async () => {
    const caller = new AbortController();
    const failure = failureOf(new OperationRegistry(1_000).run('x', caller, untilEnded()));
    await settle();
    caller.abort();
    expect(await failure).toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
  });

  it('starts no work for a caller that has already aborted', async () => {
    const work = jest.fn(() => Promise.resolve());
    const running = new OperationRegistry(1_000).run('x', { signal: AbortSignal.abort() }, work);
    await expect(running).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    expect(work).not.toHaveBeenCalled();
  });

  it.each([0, -1, 0.5, NaN, Infinity, 2_147_483_648, '5', null])(
    'rejects the time limit %p and starts no work',
    async timeoutMs => {
      const work = jest.fn(() => Promise.resolve());
      const options = { timeoutMs: timeoutMs as number };
      await expect(new OperationRegistry(1_000).run('x', options, work)).rejects.toMatchObject({
        code: 'WX_CLOUD_ARGUMENT_INVALID',
      });
      expect(work).not.toHaveBeenCalled();
    },
  );

  it('rejects when the work throws synchronously', async () => {
    const work = (): Promise<never> => {
      throw new Error('thrown');
    };
    await expect(new OperationRegistry(1_000).run('x', {}, work)).rejects.toThrow('thrown');
  });

  it('causes no leak warning with many concurrent operations', async () => {
    const onWarning = jest.fn();
    process.on('warning', onWarning);
    const operations = new OperationRegistry(1_000);
    const caller = new AbortController();
    const running = Array.from({ length: 100 }, () => operations.run('x', caller, untilEnded()));
    caller.abort();
    await Promise.allSettled(running);
    await settle();
    process.off('warning', onWarning);
    expect(onWarning).not.toHaveBeenCalled();
  });
});

describe('OperationRegistry.start', () => {
  it('returns a deadline that the shutdown aborts', () => {
    const operations = new OperationRegistry(1_000);
    const deadline = operations.start('download', {});
    operations.close();
    deadline.dispose();
    expect(deadline.signal.reason).toMatchObject(CLOSED);
  });

  it('rejects an invalid time limit', () => {
    expect(() => new OperationRegistry(1_000).start('x', { timeoutMs: 0 })).toThrow(
      WxCloudStorageError,
    );
  });
});

describe('OperationRegistry.close', () => {
  it('rejects every further operation and aborts the running ones', async () => {
    const operations = new OperationRegistry(1_000);
    const failure = failureOf(operations.run('x', {}, untilEnded()));
    await settle();
    operations.close();
    expect(await failure).toMatchObject(CLOSED);
    const work = jest.fn(() => Promise.resolve());
    await expect(operations.run('x', {}, work)).rejects.toMatchObject(CLOSED);
    expect(work).not.toHaveBeenCalled();
  });

  it('lets clean-ups run', async () => {
    const operations = new OperationRegistry(1_000);
    operations.close();
    const work = (signal: AbortSignal): Promise<boolean> => Promise.resolve(signal.aborted);
    await expect(operations.runCleanup('x', 100, work)).resolves.toBe(false);
  });
});

/** As an application does that gives operations so much time to end. */
async function drainWithin(operations: OperationRegistry, graceMs: number): Promise<void> {
  operations.startClosing(graceMs);
  await operations.drain();
}

describe('OperationRegistry.shutDown', () => {
  it('returns at once when nothing runs, and leaves no timer', async () => {
    fakeTimers();
    const operations = new OperationRegistry(1_000);
    await drainWithin(operations, 500);
    await operations.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for running operations without aborting them', async () => {
    fakeTimers();
    const operations = new OperationRegistry(1_000);
    let finish: (value: string) => void = () => {};
    const running = operations.run('x', {}, () => new Promise<string>(done => (finish = done)));
    await settle();
    const stopped = drainWithin(operations, 500);
    await settle();
    jest.advanceTimersByTime(499);
    finish('done');
    await expect(running).resolves.toBe('done');
    await stopped;
    await operations.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('aborts an operation that started during the wait', async () => {
    fakeTimers();
    const operations = new OperationRegistry(10_000);
    await drainWithin(operations, 500);
    const failure = failureOf(operations.run('x', {}, untilEnded()));
    await settle();
    jest.advanceTimersByTime(500);
    expect(await failure).toMatchObject(CLOSED);
    await operations.close();
  });

  it('aborts operations after the grace period and waits for their clean-up', async () => {
    fakeTimers();
    const operations = new OperationRegistry(10_000);
    const events: string[] = [];
    const cleanUp = (): Promise<void> =>
      operations.runCleanup('delete', 1_000, async () => {
        await settle();
        events.push('cleaned');
      });
    const failure = failureOf(operations.run('x', {}, untilEnded(cleanUp)));
    await settle();
    const stopped = drainWithin(operations, 500).then(() => events.push('stopped'));
    jest.advanceTimersByTime(500);
    expect(await failure).toMatchObject(CLOSED);
    await stopped;
    expect(events).toEqual(['cleaned', 'stopped']);
  });

  it('waits for a clean-up without an operation', async () => {
    const operations = new OperationRegistry(1_000);
    const events: string[] = [];
    const cleanUp = operations.runCleanup('delete', 1_000, async () => {
      await settle();
      events.push('cleaned');
    });
    await drainWithin(operations, 500);
    events.push('stopped');
    await cleanUp;
    expect(events).toEqual(['cleaned', 'stopped']);
  });

  it('waits for held files if it is told to, and accepts calls meanwhile', async () => {
    fakeTimers();
    const operations = new OperationRegistry(1_000);
    const release = operations.hold();
    operations.startClosing(500);
    await operations.drain();
    const onDrained = jest.fn();
    const drained = operations.drain({ waitsForHeld: true }).then(onDrained);
    jest.advanceTimersByTime(499);
    await expect(operations.run('x', {}, async () => 'done')).resolves.toBe('done');
    await settle();
    expect(onDrained).not.toHaveBeenCalled();
    release();
    await drained;
    await operations.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('waits for held files no longer than the grace period', async () => {
    fakeTimers();
    const operations = new OperationRegistry(1_000);
    operations.hold();
    operations.startClosing(500);
    const drained = operations.drain({ waitsForHeld: true });
    jest.advanceTimersByTime(500);
    await expect(drained).resolves.toBeUndefined();
  });

  it('ignores failing work', async () => {
    const operations = new OperationRegistry(1_000);
    const failure = failureOf(operations.run('x', {}, () => Promise.reject(new Error('x'))));
    await expect(drainWithin(operations, 500)).resolves.toBeUndefined();
    await failure;
  });
});

describe('OperationRegistry.runCleanup', () => {
  it('has a time limit of its own', async () => {
    fakeTimers();
    const failure = failureOf(new OperationRegistry(1).runCleanup('delete', 50, untilEnded()));
    jest.advanceTimersByTime(50);
    expect(await failure).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT' });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves no timer when its work throws synchronously', async () => {
    fakeTimers();
    const work = (): Promise<never> => {
      throw new Error('thrown');
    };
    await expect(new OperationRegistry(1).runCleanup('delete', 50, work)).rejects.toThrow('thrown');
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('OperationRegistry.idleMs', () => {
  let nowMs = 0;
  const create = (): OperationRegistry => {
    nowMs = 1_000;
    return new OperationRegistry(60_000, () => nowMs);
  };
  const idleAfter = (operations: OperationRegistry, ms: number): number => {
    nowMs += ms;
    return operations.idleMs;
  };

  it('counts from the creation and from each touch', () => {
    const operations = create();
    expect(idleAfter(operations, 500)).toBe(500);
    operations.touch();
    expect(idleAfter(operations, 200)).toBe(200);
  });

  it.each<[string, (operations: OperationRegistry) => () => void]>([
    ['an operation', operations => operations.start('x', {}).dispose],
    ['a held file', operations => operations.hold()],
  ])('is 0 during %s, and counts from its end', (_, begin) => {
    const operations = create();
    const end = begin(operations);
    expect(idleAfter(operations, 5_000)).toBe(0);
    end();
    expect(idleAfter(operations, 300)).toBe(300);
  });

  it.each<[string, (operations: OperationRegistry, work: () => Promise<void>) => Promise<void>]>([
    ['a call', (operations, work) => operations.run('x', {}, work)],
    ['a clean-up', (operations, work) => operations.runCleanup('x', 60_000, work)],
  ])('is 0 during %s, and counts from its end', async (_, begin) => {
    const operations = create();
    let end = (): void => {};
    const running = begin(operations, () => new Promise(resolve => (end = resolve)));
    expect(idleAfter(operations, 5_000)).toBe(0);
    end();
    await running;
    expect(idleAfter(operations, 300)).toBe(300);
  });
});

describe('OperationRegistry.startClosing', () => {
  it('gives running and later operations the error of its caller', async () => {
    const operations = new OperationRegistry(60_000);
    const reason = new WxCloudStorageError({ code: 'WX_CLOUD_STORAGE_CLOSED', message: 'idle' });
    const running = failureOf(operations.run('x', {}, untilEnded()));
    operations.startClosing(0, () => reason);
    operations.startClosing();
    await operations.close();
    expect(await running).toBe(reason);
    expect(await failureOf(operations.run('x', {}, async () => {}))).toBe(reason);
  });
});
