import { describe, expect, it } from '@jest/globals';
import { BlockPool } from '../../../lib/body/block-pool.js';
import { ChunkBuffer } from '../../../lib/body/chunk-buffer.js';
import { MemoryBudget, startMemoryUse } from '../../../lib/body/memory-budget.js';

const BUDGET_BYTES = 1_048_576;
const makeBudget = (): MemoryBudget => new MemoryBudget(BUDGET_BYTES, startMemoryUse());
const numbered = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => i));

describe('ChunkBuffer', () => {
  it.each([
    ['nothing', []],
    ['empty chunks', [0, 0]],
    ['one byte', [1]],
    ['a full block', [4_096]],
    ['a block and a byte', [4_096, 1]],
    ['a byte and a block', [1, 4_096]],
    ['small ones across the end of a block', [4_000, 50, 50, 50]],
    ['a small and a large one', [10, 100_000]],
    ['large and small ones by turns', [5_000, 1, 5_000, 1, 5_000, 1]],
    ['an empty one between small ones', [1, 0, 1]],
  ])('returns %s unchanged', (_, sizes) => {
    const chunks = sizes.map(size => numbered(size));
    const kept = new ChunkBuffer(makeBudget());
    for (const chunk of chunks) kept.append(chunk);

    const expected = Buffer.concat(chunks);
    expect(kept.size).toBe(expected.byteLength);
    expect(Buffer.concat(kept.blocks).equals(expected)).toBe(true);
  });

  it('needs few blocks for a body that arrives byte by byte', () => {
    const kept = new ChunkBuffer(makeBudget());
    for (const byte of numbered(100_000)) kept.append(Buffer.of(byte));

    expect(Buffer.concat(kept.blocks).equals(numbered(100_000))).toBe(true);
    expect(kept.blocks.length).toBeLessThan(35);
  });

  it('copies what it is given', () => {
    const chunk = Buffer.from('before');
    const kept = new ChunkBuffer(makeBudget());
    kept.append(chunk);
    chunk.fill('x');
    expect(String(Buffer.concat(kept.blocks))).toBe('before');
  });

  it.each([
    ['copied', 40_000],
    ['kept as it is', 50_000],
  ])('keeps a part of an owned buffer %s, depending on its share of the buffer', (what, size) => {
    const buffer = Buffer.alloc(65_536);
    const kept = new ChunkBuffer(makeBudget(), true);
    kept.append(buffer.subarray(0, size));
    expect(kept.blocks[0]?.buffer === buffer.buffer).toBe(what === 'kept as it is');
  });

  it('counts towards the budget until its blocks are taken or released', () => {
    const use = startMemoryUse();
    const kept = new ChunkBuffer(new MemoryBudget(BUDGET_BYTES, use), true);
    for (const size of [5_000, 10, 6_000]) expect(kept.tryAppend(Buffer.alloc(size))).toBe(true);
    expect([kept.size, use.usedBytes]).toEqual([11_010, 11_010]);
    expect(kept.shift()?.byteLength).toBe(5_000);
    expect(use.usedBytes).toBe(6_010);
    kept.release();
    kept.release();
    expect([kept.size, use.usedBytes, kept.shift()]).toEqual([0, 0, undefined]);
  });

  it('takes nothing beyond the budget except what is on its way to disk', () => {
    const use = startMemoryUse();
    const kept = new ChunkBuffer(new MemoryBudget(8_000, use));
    expect([kept.tryAppend(numbered(7_000)), kept.tryAppend(numbered(1))]).toEqual([true, false]);
    expect([kept.size, kept.isOverdrawn]).toEqual([7_000, false]);
    kept.append(numbered(500));
    expect([kept.size, kept.isOverdrawn, use.usedBytes]).toEqual([7_500, true, 7_500]);
  });

  it.each([1, 10, 4_100, 10_000])('shows its first %d bytes', bytes => {
    const kept = new ChunkBuffer(makeBudget());
    for (const byte of numbered(5_000)) kept.append(Buffer.of(byte));
    expect(Buffer.from(kept.head(bytes)).equals(numbered(5_000).subarray(0, bytes))).toBe(true);
  });
});

describe('ChunkBuffer with a pool', () => {
  const chunks = Array.from({ length: 9 }, (_, index) => numbered(50_000 + index));

  it('returns the chunks unchanged, most of them in its blocks', () => {
    const pool = new BlockPool();
    const kept = new ChunkBuffer(makeBudget(), true, pool);
    for (const chunk of chunks) kept.tryAppend(chunk);

    expect(Buffer.concat(kept.blocks).equals(Buffer.concat(chunks))).toBe(true);
    const inBlocks = kept.blocks.filter(({ buffer }) => buffer.byteLength === pool.blockBytes);
    expect(inBlocks).toHaveLength(3);
  });

  it('takes no block for content that may be smaller than one', () => {
    const pool = new BlockPool();
    const kept = new ChunkBuffer(makeBudget(), true, pool);
    for (const chunk of chunks.slice(0, 2)) kept.tryAppend(chunk);
    expect(kept.blocks.map(({ byteLength }) => byteLength)).toEqual([50_000, 50_001]);
  });
});
