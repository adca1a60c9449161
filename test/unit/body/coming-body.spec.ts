import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ChunkQueue } from '../../../lib/body/chunk-queue.js';
import { ComingBody } from '../../../lib/body/coming-body.js';
import { MemoryBudget, startMemoryUse } from '../../../lib/body/memory-budget.js';
import { openSource } from '../../../lib/body/open-source.js';
import { afterThisTest } from '../../support/after-test.js';
import { optionsWith, readAll, setUpBody } from '../support/bodies.js';

const SIZE = 10_000;
const content = Buffer.from(Array.from({ length: SIZE + 10 }, (_, index) => index % 251));

const IN_MEMORY = {
  options: { ...optionsWith(100_000), timeouts: { idleMs: 60_000 } },
  budget: new MemoryBudget(1_000_000, startMemoryUse()),
};

/** A body of `SIZE` predicted bytes, of which the first 5,000 have arrived. */
async function startComing(
  confirm = jest.fn(async (_size: number) => true),
  given: Parameters<typeof setUpBody>[0] = IN_MEMORY,
) {
  const { context } = setUpBody(given);
  const queue = new ChunkQueue({ pause: () => {}, resume: () => {} }, 1e6, context.budget, 'a');
  const caller = new AbortController();
  const send = (start: number, end: number): void => queue.add(content.subarray(start, end));
  send(0, 5_000);
  const input = { queue, size: undefined, mostBytes: undefined };
  const source = await openSource(input, context, caller.signal);
  afterThisTest(() => source.dispose());
  const onOver = jest.fn();
  const coming = source.coming;
  if (coming === undefined) throw new Error('nothing is to come');
  coming.keepOn();
  const body = new ComingBody({
    content: coming,
    predictedBytes: SIZE,
    confirm,
    onOver,
    signal: caller.signal,
  });
  afterThisTest(() => body.close());
  return { body, queue, send, source, caller, onOver, confirm };
}

type Reader = ReturnType<ComingBody['open']>;

async function read(reader: Reader, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let size = 0; size < bytes;) {
    const { done, value } = await reader.next();
    if (done === true) break;
    size += value.byteLength;
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

describe('ComingBody', () => {
  it('reads what is kept, then what comes, and the end once it is confirmed', async () => {
    let confirm: (isConfirmed: boolean) => void = () => {};
    const { body, queue, send } = await startComing(
      jest.fn(() => new Promise<boolean>(resolve => (confirm = resolve))),
    );
    const reader = body.open();
    expect((await read(reader, 5_000)).equals(content.subarray(0, 5_000))).toBe(true);
    send(5_000, SIZE);
    expect((await read(reader, SIZE - 5_064)).equals(content.subarray(5_000, SIZE - 64))).toBe(
      true,
    );
    const rest = read(reader, 64);
    queue.end();
    const settled = jest.fn();
    void rest.then(settled);
    await new Promise(setImmediate);
    expect(settled).not.toHaveBeenCalled();
    confirm(true);

    expect((await rest).equals(content.subarray(SIZE - 64, SIZE))).toBe(true);
    expect((await reader.next()).done).toBe(true);
    expect(body.extraBytes).toBe(0);
  });

  it.each([
    [0, 'in memory', IN_MEMORY],
    [2, 'in memory', IN_MEMORY],
    [0, 'on disk', {}],
    [2, 'on disk', {}],
  ])('has %d bytes more than predicted, kept %s', async (extraBytes, _, given) => {
    const confirming = jest.fn(async (_size: number) => true);
    const { body, queue, send, confirm, source } = await startComing(confirming, given);
    send(5_000, SIZE + extraBytes);
    queue.end();
    const all = await read(body.open(), Infinity);

    expect(all.equals(content.subarray(0, SIZE + extraBytes))).toBe(true);
    expect(body.extraBytes).toBe(extraBytes);
    expect(confirm.mock.calls).toEqual([[SIZE + extraBytes]]);
    expect((await readAll(await source.complete())).equals(all)).toBe(true);
  });

  it.each([
    ['in memory', IN_MEMORY],
    ['on disk', {}],
  ])('reads small chunks as they come, kept %s', async (_, given) => {
    const { body, queue, send } = await startComing(undefined, given);
    const reader = body.open();
    const all = read(reader, Infinity);
    for (let start = 5_000; start < SIZE; start += 7) {
      send(start, Math.min(start + 7, SIZE));
      await new Promise(setImmediate);
    }
    queue.end();

    expect((await all).equals(content.subarray(0, SIZE))).toBe(true);
  });

  it.each([-5_000, -65, -1, 1, 3, 10])(
    'is abandoned with %d bytes more than predicted',
    async extraBytes => {
      const { body, queue, send, source, onOver, confirm } = await startComing();
      const reader = body.open();
      send(5_000, SIZE + extraBytes);
      queue.end();

      await expect(read(reader, Infinity)).rejects.toMatchObject({
        code: 'WX_CLOUD_REQUEST_ABORTED',
      });
      expect([body.isAbandoned, body.signal.aborted]).toEqual([true, true]);
      expect([confirm.mock.calls.length, onOver.mock.calls.length]).toEqual([0, 1]);
      expect(await source.complete()).toMatchObject({ size: SIZE + extraBytes });
    },
  );

  it('is abandoned when its end is not confirmed', async () => {
    const { body, queue, send } = await startComing(jest.fn(async () => false));
    send(5_000, SIZE);
    queue.end();

    await expect(read(body.open(), Infinity)).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    expect(body.isAbandoned).toBe(true);
  });

  it('ends with the reason of the upload, and a pending chunk with it', async () => {
    const { body, caller, onOver } = await startComing();
    const reader = body.open();
    await read(reader, 5_000);
    const pending = reader.next();
    caller.abort(new Error('the upload has ended'));

    await expect(pending).rejects.toBe(caller.signal.reason);
    expect(body.signal.reason).toBe(caller.signal.reason);
    expect([body.isAbandoned, onOver.mock.calls.length]).toEqual([false, 1]);
  });

  it('ends a pending chunk when it is returned, and keeps what comes', async () => {
    const { body, queue, send, source } = await startComing();
    const reader = body.open();
    await read(reader, 5_000);
    const pending = reader.next();
    await reader.return();
    expect((await pending).done).toBe(true);
    expect((await reader.next()).done).toBe(true);

    send(5_000, 7_000);
    queue.end();
    expect(await source.complete()).toMatchObject({ size: 7_000, isReplayable: true });
  });

  it('fails with the error of the content', async () => {
    const { body, queue } = await startComing();
    const reader = body.open();
    await read(reader, 5_000);
    const pending = reader.next();
    const failure = new Error('the form is broken');
    queue.fail(failure);

    await expect(pending).rejects.toMatchObject({ cause: failure });
  });

  it('cannot be opened when nothing more is to come', async () => {
    const { body, queue } = await startComing();
    expect(body.canOpen).toBe(true);
    queue.end();
    await new Promise(setImmediate);
    expect(body.canOpen).toBe(false);
  });
});

describe('ComingBody: slow clients', () => {
  let nowMs = 0;
  beforeEach(() => {
    nowMs = 0;
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    jest.advanceTimersByTime(1_000);
  };

  it('is abandoned when it waits for its client for 5 seconds', async () => {
    const { body, source, queue, onOver } = await startComing();
    const reader = body.open();
    await read(reader, 5_000);
    const pending = reader.next();
    pass(4_900);
    expect(body.isAbandoned).toBe(false);
    pass(200);

    await expect(pending).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    expect([body.isAbandoned, onOver.mock.calls.length]).toEqual([true, 1]);
    queue.end();
    expect(await source.complete()).toMatchObject({ size: 5_000 });
  });

  it('does not count the time in which the storage is waited for', async () => {
    const { body } = await startComing();
    await read(body.open(), 5_000);
    pass(60_000);
    expect(body.isAbandoned).toBe(false);
  });
});
