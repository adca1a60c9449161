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
const PIECES = [Buffer.from('ab'), Buffer.from('cde')];

const openQueue = (queue: QueuedSource, context: OpeningContext): Promise<OpenedBody> =>
  openInput({ queue, size: context.size, mostBytes: undefined }, context);

/** A queue of these pieces, whole or still coming. */
function queueOf(
  pieces: readonly Buffer[],
  budget: MemoryBudget,
  { isWhole = true, isAsked = false } = {},
): QueuedSource {
  const kept = new ChunkBuffer(budget, true);
  for (const piece of isWhole ? pieces : []) if (!kept.tryAppend(piece)) kept.append(piece);
  return {
    isAsked,
    takeWhole: () => (isWhole ? kept : undefined),
    async *[Symbol.asyncIterator]() {
      yield* pieces;
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
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('a queue that is there as a whole', () => {
  it('is a body that can be read again, and counts towards the budget until it is disposed of', async () => {
    const { context, use } = makeContext();
    const body = await openQueue(queueOf(PIECES, context.budget), context);
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

  it('may be empty', async () => {
    const { context } = makeContext();
    const body = await openQueue(queueOf([], context.budget), context);
    expect(body.size).toBe(0);
  });

  it('gives its memory back when it is refused', async () => {
    const refusal = new Error('refused');
    const { context, use } = makeContext({ inspectHead: () => Promise.reject(refusal) });
    await expect(openQueue(queueOf(PIECES, context.budget), context)).rejects.toBe(refusal);
    expect(use.usedBytes).toBe(0);
  });

  it('is refused when another size was declared', async () => {
    const { context, use } = makeContext({ size: 4 });
    await expect(openQueue(queueOf(PIECES, context.budget), context)).rejects.toMatchObject({
      code: 'WX_CLOUD_SIZE_MISMATCHED',
    });
    expect(use.usedBytes).toBe(0);
    expect(context.inspectHead).not.toHaveBeenCalled();
  });

  it('does not hold a large buffer for a few bytes of it', async () => {
    const { context } = makeContext();
    const large = Buffer.alloc(65_536);
    const body = await openQueue(queueOf([large.subarray(0, 10)], context.budget), context);
    const [piece] = body.open(SIGNAL) as readonly Uint8Array[];
    expect(piece?.buffer).not.toBe(large.buffer);
  });

  it('goes to a temporary file when it is larger than may stay in memory', async () => {
    const { context, use } = makeContext();
    const limited = { ...context, options: optionsWith(4) };
    await expect(openQueue(queueOf(PIECES, context.budget), limited)).rejects.toMatchObject({
      code: 'WX_CLOUD_SPOOL_FAILED',
    });
    expect(use.usedBytes).toBe(0);
  });
});

describe('a queue that is still coming', () => {
  it('is read piece by piece', async () => {
    const { context, use } = makeContext();
    const body = await openQueue(queueOf(PIECES, context.budget, { isWhole: false }), context);
    expect(await readAll(body.open(SIGNAL) as Iterable<Uint8Array>)).toBe('abcde');
    await body.dispose();
    expect(use.usedBytes).toBe(0);
  });

  it.each([
    ['goes to disk when its memory is wanted', true, 1_000, 3],
    ['goes straight through when its memory is not wanted', false, 1_000, 0],
    ['goes straight through when the disk has no room for it', true, 2, 0],
  ])('and whose size is known %s', async (_, isAsked, diskBytes, onDisk) => {
    const { context, folder, free, onDisk: takenBytes } = setUpBody({ size: 3 }, { diskBytes });
    const queue = queueOf([Buffer.from('abc')], context.budget, { isWhole: false, isAsked });
    const body = await openQueue(queue, { ...context, options: optionsWith(0) });
    expect([takenBytes(), body.isReplayable]).toEqual([onDisk, onDisk > 0]);
    expect(await readAll(body.open(SIGNAL) as AsyncIterable<Uint8Array>)).toBe('abc');
    await body.dispose();
    expect([leftIn(folder), free(), takenBytes()]).toEqual([[], 250, 0]);
  });
});
