import { describe, expect, it } from '@jest/globals';
import { KeptPieces } from '../../../lib/body/kept-pieces.js';

const numbered = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => i));

describe('KeptPieces', () => {
  it.each([
    ['nothing', []],
    ['empty pieces', [0, 0]],
    ['one byte', [1]],
    ['a full block', [4_096]],
    ['a block and a byte', [4_096, 1]],
    ['a byte and a block', [1, 4_096]],
    ['small ones across the end of a block', [4_000, 50, 50, 50]],
    ['a small and a large one', [10, 100_000]],
    ['large and small ones by turns', [5_000, 1, 5_000, 1, 5_000, 1]],
    ['an empty one between small ones', [1, 0, 1]],
  ])('gives back %s as it came', (_, sizes) => {
    const pieces = sizes.map(size => numbered(size));
    const kept = new KeptPieces();
    for (const piece of pieces) kept.append(piece);

    const expected = Buffer.concat(pieces);
    expect(kept.size).toBe(expected.byteLength);
    expect(Buffer.concat(kept.blocks).equals(expected)).toBe(true);
  });

  it('needs few blocks for a body that comes byte by byte', () => {
    const kept = new KeptPieces();
    for (const byte of numbered(100_000)) kept.append(Buffer.of(byte));

    expect(Buffer.concat(kept.blocks).equals(numbered(100_000))).toBe(true);
    expect(kept.blocks).toHaveLength(25);
  });

  it('keeps copies', () => {
    const piece = Buffer.from('before');
    const kept = new KeptPieces();
    kept.append(piece);
    piece.fill('x');
    expect(String(Buffer.concat(kept.blocks))).toBe('before');
  });
});
