import { describe, expect, it } from '@jest/globals';
import { encryptedTokens, plainTokens } from '../../../lib/redis/token-cipher.js';

const SECRET = 'sixteen bytes or more';
const TOKEN = '81_abc-üé';
const NAME = 'prefix:{a}:token';
const MARK = 'aes-256-gcm:';

const cipher = encryptedTokens(SECRET);

/** A sealed token, one byte of which is changed. */
function damagedAt(index: number): string {
  const bytes = Buffer.from(cipher.seal(TOKEN, NAME).slice(MARK.length), 'base64url');
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  return MARK + bytes.toString('base64url');
}

describe('encryptedTokens', () => {
  it('opens what another cipher of the same secret sealed, as text or bytes', () => {
    const sealed = cipher.seal(TOKEN, NAME);
    expect(encryptedTokens(Buffer.from(SECRET)).open(sealed, NAME)).toBe(TOKEN);
    expect(encryptedTokens(new Uint8Array(Buffer.from(SECRET))).open(sealed, NAME)).toBe(TOKEN);
  });

  it('does not depend on the buffer of the secret once it is created', () => {
    const secret = Buffer.from(SECRET);
    const made = encryptedTokens(secret);
    secret.fill(0);
    expect(made.open(cipher.seal(TOKEN, NAME), NAME)).toBe(TOKEN);
  });

  it('seals the same token differently each time', () => {
    const sealed = Array.from({ length: 100 }, () => cipher.seal(TOKEN, NAME));
    expect(new Set(sealed.map(value => value.slice(0, MARK.length + 16))).size).toBe(100);
  });

  it.each([
    ['sealed with another secret', encryptedTokens(`${SECRET}.`).seal(TOKEN, NAME)],
    ['sealed for another name', cipher.seal(TOKEN, `${NAME}2`)],
    ['a plain token', plainTokens.seal(TOKEN, NAME)],
    ['a changed nonce', damagedAt(0)],
    ['a changed tag', damagedAt(12)],
    ['a changed body', damagedAt(28)],
    ['a cut body', cipher.seal(TOKEN, NAME).slice(0, -4)],
    ['nonce and tag alone', cipher.seal(TOKEN, NAME).slice(0, MARK.length + 37)],
    ['the mark alone', MARK],
    ['no base64', `${MARK}????`],
    ['nothing', ''],
  ])('reads no token from %s', (_what, value) => {
    expect(cipher.open(value, NAME)).toBeUndefined();
  });
});

describe('plainTokens', () => {
  it('opens what it sealed', () => {
    expect(plainTokens.open(plainTokens.seal(TOKEN, NAME), NAME)).toBe(TOKEN);
  });

  it.each(['', 'plain:', TOKEN, cipher.seal(TOKEN, NAME)])('reads no token from %s', value => {
    expect(plainTokens.open(value, NAME)).toBeUndefined();
  });
});
