import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';

/** Converts tokens to the stored form and back. */
export interface TokenCipher {
  /** Returns the stored form of a token under a name. */
  seal(token: string, name: string): string;
  /** Returns the token of a value stored under a name; undefined for a value of another cipher. */
  open(value: string, name: string): string | undefined;
}

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Fixed, as all processes have to derive the same key. */
const SALT = 'nestjs-wx-cloud-storage access token store, 1';

const PLAIN_MARK = 'plain:';
const SEALED_MARK = `${ALGORITHM}:`;

/** Keeps tokens as plain text behind a mark that distinguishes them from other values. */
export const plainTokens: TokenCipher = Object.freeze({
  seal: (token: string) => `${PLAIN_MARK}${token}`,
  open: (value: string) => textAfter(PLAIN_MARK, value),
});

/**
 * Encrypts with a random nonce for each token. The name is authenticated too, so that a value
 * copied to another name is not a token there. Only this closure holds the key.
 */
export function encryptedTokens(secret: string | Uint8Array): TokenCipher {
  const key = scryptSync(secret, SALT, KEY_BYTES);
  return Object.freeze({
    seal: (token: string, name: string) => `${SEALED_MARK}${encrypt(key, token, name)}`,
    open: (value: string, name: string) => {
      const sealed = textAfter(SEALED_MARK, value);
      return sealed === undefined ? undefined : decrypt(key, sealed, name);
    },
  });
}

function textAfter(mark: string, value: string): string | undefined {
  return value.startsWith(mark) && value.length > mark.length
    ? value.slice(mark.length)
    : undefined;
}

function encrypt(key: Buffer, token: string, name: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(token, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

function decrypt(key: Buffer, sealed: string, name: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  const bodyStart = NONCE_BYTES + TAG_BYTES;
  if (bytes.length <= bodyStart) return undefined;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, bodyStart));
  try {
    return decipher.update(bytes.subarray(bodyStart), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    // Written with another key, for another name, or damaged: this process treats it as absent.
    return undefined;
  }
}
