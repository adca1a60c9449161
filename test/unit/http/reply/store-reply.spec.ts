import { describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget, startMemoryUse } from '../../../../lib/body/memory-budget.js';
import { RequestMemory } from '../../../../lib/http/refused-request.js';
import { type Taken, takeSmall } from '../../../../lib/http/reply/store-reply.js';
import { joinChunks } from '../../support/bodies.js';
import { NEVER } from '../../support/server.js';

/** Reuses one buffer for five chunks of three bytes. */
async function* reusing(): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(3);
  for (const fill of ['a', 'b', 'c', 'd', 'e']) yield buffer.fill(fill);
}

const REST = {
  size: undefined,
  contentType: undefined,
  fileName: undefined,
  disposition: undefined,
};

const CONTEXT = { idleMs: 5_000, signal: NEVER };

const allOf = async (taken: Taken): Promise<string> =>
  'whole' in taken
    ? taken.whole.toString()
    : (await joinChunks(taken.source as AsyncIterable<Uint8Array>)).toString();

describe('takeSmall', () => {
  it.each([
    ['few', 15, 15, 15],
    ['more', 10, 12, 0],
  ])('copies %s bytes of a source that reuses its buffer', async (_, maxBytes, held, kept) => {
    const use = startMemoryUse();
    const memory = new RequestMemory(new MemoryBudget(15, use));
    const taken = await takeSmall({ source: reusing(), ...REST }, maxBytes, memory, CONTEXT);
    expect('whole' in taken).toBe(maxBytes === 15);
    expect(use.usedBytes).toBe(held);
    await expect(allOf(taken)).resolves.toBe('aaabbbcccdddeee');
    expect(use.usedBytes).toBe(kept);
  });

  it('returns available bytes without a copy', async () => {
    const memory = new RequestMemory(new MemoryBudget(0, startMemoryUse()));
    const source = Buffer.from('whole');
    const taken = await takeSmall({ source, ...REST }, 5, memory, CONTEXT);
    expect(taken).toEqual({ whole: source });
  });

  it('fails when there is no memory for a few bytes, and holds none', async () => {
    const use = startMemoryUse();
    const memory = new RequestMemory(new MemoryBudget(14, use));
    const returned = jest.fn();
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield* reusing();
      } finally {
        returned();
      }
    }
    await expect(
      takeSmall({ source: source(), ...REST }, 15, memory, CONTEXT),
    ).rejects.toMatchObject({ code: 'WX_CLOUD_CAPACITY_EXCEEDED', retryable: true });
    expect([use.usedBytes, returned.mock.calls.length]).toEqual([0, 1]);
  });
});
