import { describe, expect, it } from '@jest/globals';
import { decodeLatin1Name } from '../../../../lib/http/upload/multer-engine.js';

const asLatin1 = (name: string): string => Buffer.from(name).toString('latin1');

describe('decodeLatin1Name', () => {
  it.each(['猫的照片.png', '😀𠮷.png', 'صورة.png', 'é.png', 'plain.png', ''])(
    'restores %j from what a parser made of it',
    name => {
      expect(decodeLatin1Name(asLatin1(name))).toBe(name);
    },
  );

  it.each(['猫.png', 'é.png', 'ÿ', 'naïve café.txt', '\u0100'])('leaves %j as it is', name => {
    expect(decodeLatin1Name(name)).toBe(name);
  });
});
