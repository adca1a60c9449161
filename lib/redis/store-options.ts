import { isUint8Array } from 'node:util/types';
import { OptionsInvalidError } from '../errors/index.js';
import { orDefault, readGroup, readName } from '../options/validation.js';

/** How a Redis store keeps tokens. */
export interface RedisAccessTokenStoreOptions {
  /**
   * What the names of all keys begin with: a text that is not empty, without white space and braces.
   * @defaultValue `wx-cloud-storage:`
   */
  readonly prefix?: string | undefined;
  /**
   * Encrypts tokens (AES-256-GCM) before they leave the process; at least 16 bytes, the same in all processes that share
   * the tokens, from a place other than Redis. A token written with another key, or with none, counts as none. Turned
   * into a key once, in some 50 milliseconds; the buffer may be wiped afterwards.
   * @defaultValue none: who can read the Redis database can read the tokens
   */
  readonly encryptionKey?: string | Uint8Array | undefined;
}

/** Checked and complete. */
export interface ResolvedStoreOptions {
  /** What the names of all keys begin with. */
  readonly prefix: string;
  /** What the key is derived from; undefined keeps tokens plain. */
  readonly encryptionKey: string | Uint8Array | undefined;
}

const NAME = 'redisAccessTokenStore';
const DEFAULT_PREFIX = 'wx-cloud-storage:';
const SHORTEST_ENCRYPTION_KEY = 16;

/**
 * Checks what the application gave and fills in the defaults.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID`
 */
export function resolveStoreOptions(options: unknown): ResolvedStoreOptions {
  const given = readGroup(NAME, options, ['prefix', 'encryptionKey']);
  return Object.freeze({
    prefix: readPrefix(orDefault(given.prefix, DEFAULT_PREFIX)),
    encryptionKey: readEncryptionKey(given.encryptionKey),
  });
}

function readPrefix(value: unknown): string {
  const prefix = readName(`${NAME}.prefix`, value, 'Leave it out for the default.');
  if (!/[{}]/.test(prefix)) return prefix;
  throw new OptionsInvalidError({
    option: `${NAME}.prefix`,
    expected: 'a text without { and }',
    remedy: 'The store sets its own, so that all keys of a token are in one slot of a cluster.',
  });
}

function readEncryptionKey(value: unknown): string | Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' || isUint8Array(value)) {
    if (Buffer.byteLength(value) >= SHORTEST_ENCRYPTION_KEY) return value;
  }
  throw new OptionsInvalidError({
    option: `${NAME}.encryptionKey`,
    expected: `a text or a Buffer of at least ${SHORTEST_ENCRYPTION_KEY} bytes`,
    remedy: 'Make one with: openssl rand -base64 32',
  });
}
