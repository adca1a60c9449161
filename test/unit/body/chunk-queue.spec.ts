import { describe, expect, it, jest } from '@jest/globals';
import { ChunkQueue } from '../../../lib/body/chunk-queue.js';
import { MemoryBudget, startMemoryUse } from '../../../lib/body/memory-budget.js';

const A = Buffer.from('a');
const LARGE = Buffer.alloc(65_537);
const NO_MORE = { done: true, value: undefined };

function makeQueue({ limitBytes = 1_000_000, budgetBytes = 1_000_000 } = {}) {
  const source = { pause: jest.fn(), resume: jest.fn() };
  const use = startMemoryUse();
  const budget = new MemoryBudget(budgetBytes, use);
  const queue = new ChunkQueue(source, limitBytes, budget, 'photo');
  return { source, use, budget, queue };
}

/** Returns whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('ChunkQueue', () => {
  it('returns chunks in order, whether the reader or the source is first', async () => {
    const { queue } = makeQueue();
    const early = queue.next();
    queue.add(A);
    queue.add(LARGE);
    queue.end();
    await expect(early).resolves.toEqual({ done: false, value: A });
    await expect(queue.next()).resolves.toEqual({ done: false, value: LARGE });
    await expect(queue.next()).resolves.toEqual(NO_MORE);
    await expect(queue.next()).resolves.toEqual(NO_MORE);
  });

  it('ends a waiting reader', async () => {
    const { queue } = makeQueue();
    const waiting = queue.next();
    queue.end();
    await expect(waiting).resolves.toEqual(NO_MORE);
  });

  it('counts what its source has given, whatever was read, once it has ended', async () => {
    const { queue } = makeQueue();
    queue.add(A);
    queue.add(LARGE);
    await queue.next();
    expect(queue.countedBytes).toBeUndefined();
    queue.end();
    expect(queue.countedBytes).toBe(65_538);
  });

  it('pauses its source above 64 KiB of waiting chunks and resumes it below', async () => {
    const { queue, source } = makeQueue();
    queue.add(LARGE);
    expect(source.pause).toHaveBeenCalledTimes(1);
    expect(source.resume).not.toHaveBeenCalled();
    await queue.next();
    expect(source.resume).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['ends', (queue: ChunkQueue) => queue.end()],
    ['fails', (queue: ChunkQueue) => queue.fail(new Error('broken'))],
    ['is given up', (queue: ChunkQueue) => queue.return()],
  ])('resumes its source when it %s', (_, finish) => {
    const { queue, source } = makeQueue();
    queue.add(LARGE);
    finish(queue);
    expect(source.resume).toHaveBeenCalledTimes(1);
    queue.add(LARGE);
    expect(source.pause).toHaveBeenCalledTimes(1);
  });

  it('does not pause its source while a reader waits', async () => {
    const { queue, source } = makeQueue();
    const waiting = queue.next();
    queue.add(LARGE);
    await waiting;
    expect(source.pause).not.toHaveBeenCalled();
  });

  it('may reach its limit and fails beyond it', async () => {
    const { queue } = makeQueue({ limitBytes: 2 });
    queue.add(A);
    queue.add(A);
    expect(() => queue.assertMayHave(2)).not.toThrow();
    expect(() => queue.assertMayHave(3)).toThrow(expect.objectContaining({ limitBytes: 2 }));
    queue.add(A);
    await expect(queue.next()).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      limitBytes: 2,
    });
  });

  it('keeps its first failure and reports it to every later reader', async () => {
    const { queue } = makeQueue();
    const first = new Error('first');
    queue.fail(first);
    queue.fail(new Error('second'));
    await expect(queue.next()).rejects.toBe(first);
    await expect(queue.next()).rejects.toBe(first);
  });

  it.each([
    ['it has ended', (queue: ChunkQueue) => queue.end()],
    ['it has failed', (queue: ChunkQueue) => queue.fail(new Error('broken'))],
    ['much of it is waiting', (queue: ChunkQueue) => queue.add(LARGE)],
  ])('becomes ready when %s, and not before', async (_, finish) => {
    const { queue } = makeQueue();
    queue.add(A);
    expect(await isSettled(queue.ready)).toBe(false);
    finish(queue);
    expect(await isSettled(queue.ready)).toBe(true);
  });

  it('can be taken as a whole once it has ended unread', () => {
    const { queue } = makeQueue();
    queue.add(A);
    expect(queue.takeWhole()).toBeUndefined();
    queue.add(LARGE);
    queue.end();
    expect(queue.takeWhole()?.blocks).toEqual([A, LARGE]);
  });

  it('cannot be taken as a whole after a read or a failure', async () => {
    const read = makeQueue().queue;
    read.add(A);
    await read.next();
    read.end();
    expect(read.takeWhole()).toBeUndefined();
    const failed = makeQueue().queue;
    failed.fail(new Error('broken'));
    expect(failed.takeWhole()).toBeUndefined();
  });
});

describe('ChunkQueue: readyAt', () => {
  it('makes the queue ready with fewer bytes, and does not pause its source for it', async () => {
    const { queue, source } = makeQueue();
    queue.readyAt(2);
    queue.add(A);
    expect(await isSettled(queue.ready)).toBe(false);
    queue.add(A);
    expect(await isSettled(queue.ready)).toBe(true);
    expect(source.pause).not.toHaveBeenCalled();
  });
});

describe('ChunkQueue with a memory budget', () => {
  it.each<[string, (queue: ChunkQueue) => unknown]>([
    ['it is read', queue => Promise.all([queue.next(), queue.next()])],
    ['it fails', queue => queue.fail(new Error('broken'))],
    ['its reader leaves', queue => queue.return()],
    ['it is taken as a whole and released', queue => (queue.end(), queue.takeWhole()?.release())],
  ])('holds its share until %s', async (_, finish) => {
    const { queue, use } = makeQueue();
    queue.add(A);
    queue.add(LARGE);
    expect(use.usedBytes).toBe(65_538);
    await finish(queue);
    expect(use.usedBytes).toBe(0);
    queue.end();
    expect([use.movable.size, use.moving.size]).toEqual([0, 0]);
  });

  it('does not count a chunk that a reader waits for', async () => {
    const { queue, use } = makeQueue();
    const waiting = queue.next();
    queue.add(LARGE);
    expect(use.usedBytes).toBe(0);
    await waiting;
  });

  it('cannot be taken as a whole when the budget has no room for it', async () => {
    const { queue, use } = makeQueue({ budgetBytes: 0 });
    queue.add(A);
    queue.end();
    expect(queue.takeWhole()).toBeUndefined();
    expect([use.usedBytes, use.moving.has(queue)]).toEqual([1, true]);
    await expect(queue.next()).resolves.toEqual({ done: false, value: A });
    expect([use.usedBytes, use.moving.size]).toEqual([0, 0]);
  });

  it('takes one chunk at a time and is ready at once when the budget is used up', async () => {
    const { queue, source } = makeQueue({ budgetBytes: 0 });
    queue.add(A);
    expect([source.pause.mock.calls.length, queue.isMoveRequested]).toEqual([1, true]);
    expect(await isSettled(queue.ready)).toBe(true);
    expect(source.resume).not.toHaveBeenCalled();
    await queue.next();
    expect(source.resume).toHaveBeenCalledTimes(1);
    queue.add(A);
    expect(source.pause).toHaveBeenCalledTimes(2);
  });

  it('becomes ready when its memory is wanted, and counts until it has been read', async () => {
    const { queue, source, use, budget } = makeQueue({ budgetBytes: 1_000 });
    queue.add(A);
    expect(budget.reserve(1_000)).toBe(false);
    await queue.ready;
    expect([source.pause.mock.calls.length, queue.isMoveRequested, use.usedBytes]).toEqual([
      1,
      true,
      1,
    ]);
    await queue.next();
    expect([source.resume.mock.calls.length, use.usedBytes]).toEqual([1, 0]);
  });

  it('gathers small chunks without holding large buffers for them', async () => {
    const { queue } = makeQueue();
    const large = Buffer.alloc(60_000);
    for (let index = 0; index < 1_000; index += 1) queue.add(large.subarray(0, 1));
    queue.end();
    const blocks = queue.takeWhole()?.blocks;
    expect(blocks?.length).toBeLessThan(10);
    expect(blocks?.filter(({ buffer }) => buffer === large.buffer)).toEqual([]);
  });
});
