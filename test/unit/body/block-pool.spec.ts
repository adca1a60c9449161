import { describe, expect, it } from '@jest/globals';
import { BlockPool } from '../../../lib/body/block-pool.js';

describe('BlockPool', () => {
  it('lends a block again that was given back, or a view of it', () => {
    const pool = new BlockPool();
    const block = pool.take();
    pool.give([block.subarray(0, 10)]);
    expect(pool.take().buffer).toBe(block.buffer);
    expect(pool.take().buffer).not.toBe(block.buffer);
  });

  it('lends a block to one at a time, however often it was given back', () => {
    const pool = new BlockPool();
    const block = pool.take();
    pool.give([block, block.subarray(1)]);
    pool.give([block]);
    expect(pool.take().buffer).not.toBe(pool.take().buffer);
  });

  it('never takes memory of others, whatever its size', () => {
    const pool = new BlockPool();
    const foreign = Buffer.alloc(pool.blockBytes);
    pool.give([foreign]);
    expect(pool.take().buffer).not.toBe(foreign.buffer);
  });

  it('lends blocks after a rest', () => {
    const pool = new BlockPool();
    pool.give([pool.take()]);
    pool.rest();
    expect(pool.take().byteLength).toBe(pool.blockBytes);
  });
});
