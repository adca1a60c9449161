import { describe, expect, it } from '@jest/globals';
import { takeSmall, type Taken } from '../../../lib/http/reply/take-small.js';
import { joinPieces } from '../support/bodies.js';
import { NEVER } from '../support/server.js';

/** Fills one buffer again for each of five pieces of three bytes. */
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

const allOf = async (taken: Taken): Promise<string> =>
  'whole' in taken
    ? taken.whole.toString()
    : (await joinPieces(taken.source as AsyncIterable<Uint8Array>)).toString();

describe('takeSmall', () => {
  it.each([
    ['few', 15],
    ['more', 10],
  ])('takes %s bytes of a source that fills its buffer again', async (_, maxBytes) => {
    const context = { maxBytes, idleMs: 5_000, signal: NEVER };
    const taken = await takeSmall({ source: reusing(), ...REST }, context);
    expect('whole' in taken).toBe(maxBytes === 15);
    await expect(allOf(taken)).resolves.toBe('aaabbbcccdddeee');
  });
});
