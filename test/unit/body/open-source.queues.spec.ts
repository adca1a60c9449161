import { describe, expect, it, jest } from '@jest/globals';
import { ChunkBuffer } from '../../../lib/body/chunk-buffer.js';
import { MemoryBudget, type MemoryUse, startMemoryUse } from '../../../lib/body/memory-budget.js';
import type { QueuedSource } from '../../../lib/body/open-source.js';
import { DiskBudget } from '../../../lib/body/temporary-file.js';
import {
  leftIn,
  type OpenedBody,
  type OpeningContext,
  openInput,
  optionsWith,
  setUpBody,
} from '../support/bodies.js';

const SIGNAL = new AbortController().signal;
const CHUNKS = [Buffer.from('ab'), Buffer.from('cde')];

const openQueue = (queue: QueuedSource, context: OpeningContext): Promise<OpenedBody> =>
  openInput({ queue, size: context.size, mostBytes: undefined }, context);

/** A queue of these chunks, complete or still open. */
function queueOf(
  chunks: readonly Buffer[],
  budget: MemoryBudget,
  { isWhole = true, isMoveRequested = false } = {},
): QueuedSource {
  const kept = new ChunkBuffer(budget, true);
  for (const chunk of isWhole ? chunks : []) if (!kept.tryAppend(chunk)) kept.append(chunk);
  return {
    isMoveRequested,
    countedBytes: isWhole ? kept.size : undefined,
    takeWhole: () => (isWhole ? kept : undefined),
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
  };
}

function makeContext(
  parts: Partial<OpeningContext> = {},
  budgetBytes = 1_000,
): { context: OpeningContext; use: MemoryUse } {
  const use = startMemoryUse();
  const context: OpeningContext = {
    options: optionsWith(100),
    budget: new MemoryBudget(budgetBytes, use),
    diskBudget: new DiskBudget('/dev/null/there-is-none', 1_000, { usedBytes: 0 }),
    signal: SIGNAL,
    inspectHead: jest.fn(() => Promise.resolve()),
    ...parts,
  };
  return { context, use };
}

async function readAll(bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('openSource of a complete queue', () => {
  it('returns a replayable body that counts towards the budget until it is disposed', async () => {
    const { context, use } = makeContext();
    const body = await openQueue(queueOf(CHUNKS, context.budget), context);
    expect({ size: body.size, isReplayable: body.isReplayable }).toEqual({
      size: 5,
      isReplayable: true,
    });
    expect(jest.mocked(context.inspectHead).mock.calls.map(([head]) => String(head))).toEqual([
      'abcde',
    ]);
    for (const _ of [1, 2]) {
      expect(await readAll(body.open(SIGNAL) as Iterable<Uint8Array>)).toBe('abcde');
    }
    expect(use.usedBytes).toBe(5);
    await body.dispose();
    await body.dispose();
    expect(use.usedBytes).toBe(0);
  });

  it('accepts an empty queue', async () => {
    const { context } = makeContext();
    const body = await openQueue(queueOf([], context.budget), context);
    expect(body.size).toBe(0);
  });

  it('releases its memory when the head is refused', async () => {
    const refusal = new Error('refused');
    const { context, use } = makeContext({ inspectHead: () => Promise.reject(refusal) });
    await expect(openQueue(queueOf(CHUNKS, context.budget), context)).rejects.toBe(refusal);
    expect(use.usedBytes).toBe(0);
  });

  it('rejects a declared size that differs', async () => {
    const { context, use } = makeContext({ size: 4 });
    await expect(openQueue(queueOf(CHUNKS, context.budget), context)).rejects.toMatchObject({
      code: 'WX_CLOUD_SIZE_MISMATCHED',
    });
    expect(use.usedBytes).toBe(0);
    expect(context.inspectHead).not.toHaveBeenCalled();
  });

  it('does not hold a large buffer for a few bytes of it', async () => {
    const { context } = makeContext();
    const large = Buffer.alloc(65_536);
    const body = await openQueue(queueOf([large.subarray(0, 10)], context.budget), context);
    const [chunk] = body.open(SIGNAL) as readonly Uint8Array[];
    expect(chunk?.buffer).not.toBe(large.buffer);
  });

  it('spools to a temporary file above the memory limit', async () => {
    const { context, use } = makeContext();
    const limited = { ...context, options: optionsWith(4) };
    await expect(openQueue(queueOf(CHUNKS, context.budget), limited)).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
    });
    expect(use.usedBytes).toBe(0);
  });
});

describe('openSource of a queue that has not ended', () => {
  it('reads it chunk by chunk', async () => {
    const { context, use } = makeContext();
    const body = await openQueue(queueOf(CHUNKS, context.budget, { isWhole: false }), context);
    expect(await readAll(body.open(SIGNAL) as Iterable<Uint8Array>)).toBe('abcde');
    await body.dispose();
    expect(use.usedBytes).toBe(0);
  });

  it.each([
    ['goes to disk when its memory is wanted', true, 1_000, 3],
    ['goes straight through when its memory is not wanted', false, 1_000, 0],
    ['goes straight through when the disk has no room for it', true, 2, 0],
  ])('%s when the size is known', async (_, isMoveRequested, diskBytes, onDisk) => {
    const { context, folder, free, onDisk: takenBytes } = setUpBody({ size: 3 }, { diskBytes });
    const queue = queueOf([Buffer.from('abc')], context.budget, {
      isWhole: false,
      isMoveRequested,
    });
    const body = await openQueue(queue, { ...context, options: optionsWith(0) });
    expect([takenBytes(), body.isReplayable]).toEqual([onDisk, onDisk > 0]);
    expect(await readAll(body.open(SIGNAL) as AsyncIterable<Uint8Array>)).toBe('abc');
    await body.dispose();
    expect([leftIn(folder), free(), takenBytes()]).toEqual([[], 250, 0]);
  });
});
