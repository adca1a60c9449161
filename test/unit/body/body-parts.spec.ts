import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { BlockPool } from '../../../lib/body/block-pool.js';
import { BodyParts } from '../../../lib/body/body-parts.js';
import { readChunks } from '../../../lib/body/chunks.js';
import { MemoryBudget } from '../../../lib/body/memory-budget.js';
import { DiskBudget } from '../../../lib/body/temporary-file.js';
import type { BodyBytes } from '../../../lib/body/upload-body.js';

const CONTENT = randomBytes(10_000);

async function* inChunks(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CONTENT.byteLength; at += 700) yield CONTENT.subarray(at, at + 700);
}

/** Cuts the content into parts, whose sizes `sizeOf` tells at each question, and joins them. */
async function cutAndJoin(sizeOf: (question: number) => number): Promise<Buffer[]> {
  const parts = new BodyParts(readChunks(inChunks(), 1_000, new AbortController().signal), {
    budget: new MemoryBudget(1_000_000),
    diskBudget: new DiskBudget(tmpdir(), 1_000_000),
  });
  let questions = 0;
  const found: Buffer[] = [];
  for (let isLast = false; !isLast;) {
    const part = await parts.next(() => sizeOf((questions += 1)));
    const bytes = await join(part.open());
    expect(part.size).toBe(bytes.byteLength);
    expect(part.md5).toBe(createHash('md5').update(bytes).digest('hex'));
    found.push(bytes);
    isLast = part.isLast;
    await part.dispose();
  }
  await parts.return();
  return found;
}

async function join(chunks: BodyBytes): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) found.push(chunk);
  return Buffer.concat(found);
}

describe('BodyParts', () => {
  it('cuts a body into parts of the size asked for, and a rest', async () => {
    const parts = await cutAndJoin(() => 3_000);
    expect(parts.map(({ byteLength }) => byteLength)).toEqual([3_000, 3_000, 3_000, 1_000]);
    expect(Buffer.concat(parts)).toEqual(CONTENT);
  });

  it.each([
    ['grows', (question: number) => 1_000 + 100 * question],
    ['shrinks', (question: number) => Math.max(500, 4_000 - 300 * question)],
    ['changes at each question', (question: number) => 900 + 1_600 * (question % 2)],
  ])('keeps every byte in order while the size %s', async (_, sizeOf) => {
    expect(Buffer.concat(await cutAndJoin(sizeOf))).toEqual(CONTENT);
  });
});

it('BodyParts makes no part of empty chunks at the end', async () => {
  async function* withEmptyChunks(): AsyncGenerator<Uint8Array> {
    yield* [CONTENT, Buffer.alloc(0), Buffer.alloc(0)];
  }
  const chunks = readChunks(withEmptyChunks(), 1_000, new AbortController().signal);
  const budget = new MemoryBudget(1_000_000);
  const parts = new BodyParts(chunks, { budget, diskBudget: new DiskBudget(tmpdir(), 1_000_000) });
  const part = await parts.next(() => CONTENT.byteLength);
  expect(part).toMatchObject({ size: CONTENT.byteLength, isLast: true });
  await part.dispose();
  await parts.return();
});

it('BodyParts uses the memory of a recycled part for the next ones, and for no other', async () => {
  const pool = new BlockPool();
  const content = randomBytes(3_000_000);
  const chunks = Array.from({ length: 60 }, (_, at) =>
    content.subarray(at * 50_000, (at + 1) * 50_000),
  );
  const parts = new BodyParts(readChunks(toAsync(chunks), 1_000, new AbortController().signal), {
    budget: new MemoryBudget(10_000_000),
    diskBudget: new DiskBudget(tmpdir(), 1_000_000),
    pool,
  });
  const first = await parts.next(() => 1_000_000);
  const firstBytes = await join(first.open());
  const second = await parts.next(() => 1_000_000);
  const memory = buffersOf(first.open());
  await first.recycle();
  const third = await parts.next(() => 1_000_000);

  const joined = [firstBytes, await join(second.open()), await join(third.open())];
  // Jest compares megabytes byte by byte, for half a minute.
  expect(Buffer.concat(joined).equals(content)).toBe(true);
  const reused = [...buffersOf(third.open())].filter(buffer => memory.has(buffer));
  expect(reused.length).toBeGreaterThan(5);
  await Promise.all([second.recycle(), third.recycle(), parts.return()]);
});

async function* toAsync(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function buffersOf(bytes: BodyBytes): ReadonlySet<ArrayBufferLike> {
  return new Set((bytes as readonly Uint8Array[]).map(({ buffer }) => buffer));
}
