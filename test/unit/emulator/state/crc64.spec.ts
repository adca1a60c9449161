import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { combineCrc64, Crc64 } from '../../../../lib/emulator/state/crc64.js';

const crcOf = (...chunks: readonly (Buffer | string)[]): bigint => {
  const crc64 = new Crc64();
  for (const chunk of chunks) crc64.update(Buffer.from(chunk as string));
  return crc64.digest();
};

describe('Crc64', () => {
  it.each([
    ['', 0n],
    ['123456789', 0x995d_c9bb_df19_39fan],
    ['The quick brown fox jumps over the lazy dog', 0x5b5e_b8c2_e54a_a1c4n],
  ])('of %j is %i', (text, expected) => {
    expect(crcOf(text)).toBe(expected);
  });

  it('does not depend on the sizes of the chunks', () => {
    const content = randomBytes(1_000);
    const chunks = [1, 7, 8, 9, 15, 960].reduce<Buffer[]>(
      (all, size) => [...all, content.subarray(Buffer.concat(all).byteLength).subarray(0, size)],
      [],
    );
    expect(crcOf(...chunks)).toBe(crcOf(content));
  });
});

describe('combineCrc64', () => {
  it.each([
    [0, 0],
    [5, 0],
    [0, 5],
    [1, 1],
    [1_000, 12_345],
    [1_048_576, 7],
  ])('of %i and %i bytes is the checksum of all', (first, second) => {
    const [one, other] = [randomBytes(first), randomBytes(second)];
    expect(combineCrc64(crcOf(one), crcOf(other), second)).toBe(crcOf(one, other));
  });
});
