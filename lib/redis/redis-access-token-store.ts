import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { isUint8Array } from 'node:util/types';
import { Logger } from '@nestjs/common';
import { OptionsInvalidError } from '../errors/errors.js';
import type {
  WxAccessTokenLock,
  AccessTokenStore,
  WxStoredAccessToken,
} from '../options/options.js';
import { readGroup } from '../options/validation.js';
import { readPrefix, type RedisClient, type RunScript, scriptRunner } from './redis-client.js';
import {
  decodeReadValue,
  decodeTakenLock,
  decodeWritten,
  READ_TOKEN,
  RELEASE_LOCK,
  TAKE_LOCK,
  type TakenLock,
  WRITE_TOKEN,
} from './token-scripts.js';
import { encryptedTokens, plainTokens, type TokenCipher } from './token-cipher.js';

/** Options of a Redis store. */
export interface RedisAccessTokenStoreOptions {
  /**
   * Prefix of the names of all keys: a non-empty string without white space and braces.
   * @defaultValue `wx-cloud-storage:`
   */
  readonly prefix?: string | undefined;
  /**
   * Key for the encryption of tokens (AES-256-GCM) before they leave the process; at least 16
   * bytes, the same in all processes that share the tokens, and kept outside of Redis. A token
   * written with another key or without one is ignored. The key is derived once, in some 50
   * milliseconds; the buffer may be wiped afterwards.
   * @defaultValue none: tokens are readable in the Redis database
   */
  readonly encryptionKey?: string | Uint8Array | undefined;
}

const NAME = 'redisAccessTokenStore';
/** The context of all log lines of this package. */
const LOG_CONTEXT = 'WxCloudStorageModule';
const SHORTEST_ENCRYPTION_KEY = 16;
/**
 * Fences are kept for 30 days after their locks: longer than any token lives, so that no late
 * writer succeeds.
 */
const FENCE_MEMORY_MS = 2_592_000_000;

function readEncryptionKey(value: unknown): string | Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' || isUint8Array(value)) {
    if (Buffer.byteLength(value) >= SHORTEST_ENCRYPTION_KEY) return value;
  }
  throw new OptionsInvalidError({
    option: `${NAME}.encryptionKey`,
    expected: `a string or a Buffer of at least ${SHORTEST_ENCRYPTION_KEY} bytes`,
    remedy: 'Create one with: openssl rand -base64 32',
  });
}

/**
 * Creates a store in which processes share access tokens through the application's own Redis
 * client: `redis` (node-redis 5 or 6; client, pool, cluster or sentinel) or `ioredis` (5 or 6;
 * `Redis` or `Cluster`). The client stays the application's: the store neither connects nor closes
 * it, sets no timer and adds no listener. Needs Redis 6 or newer, and the right to run `EVAL` with
 * `GET`, `SET`, `DEL`, `PTTL` and `TIME`. Three keys belong to a token, `<prefix>{<key>}:token`,
 * `:lock` and `:fence`, all with an expiry.
 *
 * Calls fail or wait as the client does; errors show no token. A command that the client held back
 * while Redis was unreachable does not prolong a token's lifetime. A token that cannot be decrypted
 * is ignored and replaced; the first one is logged as a warning.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` at once, when the client or an
 * option is wrong
 * @example
 * ```ts
 * import { Module } from '@nestjs/common';
 * import { Redis } from 'ioredis';
 * import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
 * import { redisAccessTokenStore } from 'nestjs-wx-cloud-storage/redis';
 *
 * @Module({
 *   imports: [
 *     WxCloudStorageModule.forRootAsync({
 *       useFactory: () => ({
 *         env: 'prod-8gtest',
 *         auth: {
 *           type: 'access-token',
 *           appid: process.env['WX_APPID'] ?? '',
 *           secret: process.env['WX_SECRET'] ?? '',
 *           store: redisAccessTokenStore(new Redis('redis://redis:6379'), {
 *             encryptionKey: process.env['TOKEN_STORE_KEY'],
 *           }),
 *         },
 *       }),
 *     }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
export function redisAccessTokenStore(
  client: RedisClient,
  options?: RedisAccessTokenStoreOptions,
): AccessTokenStore {
  const run = scriptRunner(`${NAME}.client`, client);
  const given = readGroup(NAME, options, ['prefix', 'encryptionKey']);
  const prefix = readPrefix(`${NAME}.prefix`, given['prefix']);
  const encryptionKey = readEncryptionKey(given['encryptionKey']);
  const cipher = encryptionKey === undefined ? plainTokens : encryptedTokens(encryptionKey);
  return new RedisAccessTokenStore(run, prefix, cipher);
}

/** The store. Private fields keep everything out of inspection and serialisation. */
class RedisAccessTokenStore implements AccessTokenStore {
  readonly #run: RunScript;
  readonly #prefix: string;
  readonly #cipher: TokenCipher;
  /** Times at which locks were issued, on Redis's clock and on this process's. */
  readonly #grants = new WeakMap<
    WxAccessTokenLock,
    { readonly redisTimeUs: number; readonly atMs: number }
  >();
  readonly #logger = new Logger(LOG_CONTEXT);
  #hasWarned = false;

  constructor(run: RunScript, prefix: string, cipher: TokenCipher) {
    this.#run = run;
    this.#prefix = prefix;
    this.#cipher = cipher;
  }

  async get(key: string): Promise<WxStoredAccessToken | undefined> {
    const name = this.#name(key, 'token');
    const read = decodeReadValue(await this.#run({ script: READ_TOKEN, keys: [name], values: [] }));
    if (read === undefined) return undefined;
    const accessToken = this.#cipher.open(read.value, name);
    if (accessToken !== undefined) return { accessToken, expiresInMs: read.expiresInMs };
    this.#warnOnce();
    return undefined;
  }

  #warnOnce(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#logger.warn(
      'An access token in Redis cannot be decrypted with the encryptionKey of this process, so it is replaced. Make sure that all processes that share a token have the same encryptionKey; otherwise use another prefix.',
    );
  }

  async set(key: string, token: WxStoredAccessToken, lock: WxAccessTokenLock): Promise<boolean> {
    const name = this.#name(key, 'token');
    const value = this.#cipher.seal(token.accessToken, name);
    const lifeMs = Math.floor(token.expiresInMs);
    const reply = await this.#run({
      script: WRITE_TOKEN,
      keys: [name, this.#name(key, 'fence')],
      values: [value, lock.fence, lifeMs, this.#redisTimeUs(lock)].map(String),
      secrets: [token.accessToken, value],
    });
    return decodeWritten(reply);
  }

  async lock(key: string, ttlMs: number): Promise<WxAccessTokenLock | undefined> {
    const name = this.#name(key, 'lock');
    const owner = randomUUID();
    const wholeTtlMs = Math.ceil(ttlMs);
    const reply = await this.#run({
      script: TAKE_LOCK,
      keys: [name, this.#name(key, 'fence')],
      values: [owner, wholeTtlMs, wholeTtlMs + FENCE_MEMORY_MS].map(String),
    });
    const taken = decodeTakenLock(reply);
    return taken === undefined ? undefined : this.#lockOf(taken, name, owner);
  }

  #lockOf({ fence, redisTimeUs }: TakenLock, name: string, owner: string): WxAccessTokenLock {
    const release = async (): Promise<void> => {
      await this.#run({ script: RELEASE_LOCK, keys: [name], values: [owner] });
    };
    const lock = Object.freeze({ fence, release });
    this.#grants.set(lock, { redisTimeUs, atMs: performance.now() });
    return lock;
  }

  /**
   * Returns the present time of Redis's clock in microseconds, calculated from the time of the
   * lock; 0 for a lock of another store.
   */
  #redisTimeUs(lock: WxAccessTokenLock): number {
    const grant = this.#grants.get(lock);
    if (grant === undefined) return 0;
    return Math.floor(grant.redisTimeUs + (performance.now() - grant.atMs) * 1000);
  }

  /**
   * Returns the name of a key. The braces make Redis Cluster keep all keys of a token in one slot,
   * so that a script may use them together.
   */
  #name(key: string, part: 'fence' | 'lock' | 'token'): string {
    return `${this.#prefix}{${key}}:${part}`;
  }
}
