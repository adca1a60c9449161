import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Logger } from '@nestjs/common';
import type {
  AccessTokenLock,
  AccessTokenStore,
  StoredAccessToken,
} from '../options/access-token-store.js';
import { type RedisClient, type RunScript, scriptRunner } from './redis-client.js';
import { decodeReadValue, decodeTakenLock, decodeWritten, type TakenLock } from './replies.js';
import { READ_TOKEN, RELEASE_LOCK, TAKE_LOCK, WRITE_TOKEN } from './scripts.js';
import { type RedisAccessTokenStoreOptions, resolveStoreOptions } from './store-options.js';
import { encryptedTokens, plainTokens, type TokenCipher } from './token-cipher.js';

/** A fence is remembered for 30 days after its lock: longer than any token lives, so no late writer slips in. */
const FENCE_MEMORY_MS = 2_592_000_000;

/**
 * A store in which processes share access tokens through the application's own Redis client:
 * `redis` (node-redis 5 or 6; client, pool, cluster or sentinel) or `ioredis` (5 or 6; `Redis` or
 * `Cluster`). The client stays the application's: the store neither connects nor closes it, sets no
 * timer and listens to nothing. Needs Redis 6 or newer, and the right to run `EVAL` with `GET`,
 * `SET`, `DEL`, `PTTL` and `TIME`. Three keys belong to a token, `<prefix>{<key>}:token`, `:lock`
 * and `:fence`, all with an expiry.
 *
 * Calls fail or wait as the client does; what fails shows no token. A command that the client held
 * back while Redis was gone does not prolong a token's life. A token that cannot be decrypted
 * counts as none, and is replaced; the first one is logged as a warning.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` at once, when the client or an
 * option is wrong
 */
export function redisAccessTokenStore(
  client: RedisClient,
  options?: RedisAccessTokenStoreOptions,
): AccessTokenStore {
  const run = scriptRunner(client);
  const { prefix, encryptionKey } = resolveStoreOptions(options);
  const cipher = encryptionKey === undefined ? plainTokens : encryptedTokens(encryptionKey);
  return new RedisAccessTokenStore({ run, prefix, cipher });
}

interface StoreParts {
  readonly run: RunScript;
  readonly prefix: string;
  readonly cipher: TokenCipher;
}

/** When a lock was given out, on Redis's clock and on this process's. */
interface Grant {
  readonly redisTimeUs: number;
  readonly atMs: number;
}

/** Holds everything in private fields, so that no inspection or serialisation shows it. */
class RedisAccessTokenStore implements AccessTokenStore {
  readonly #run: RunScript;
  readonly #prefix: string;
  readonly #cipher: TokenCipher;
  readonly #grants = new WeakMap<AccessTokenLock, Grant>();
  readonly #logger = new Logger(redisAccessTokenStore.name);
  #hasWarned = false;

  constructor({ run, prefix, cipher }: StoreParts) {
    this.#run = run;
    this.#prefix = prefix;
    this.#cipher = cipher;
  }

  async get(key: string): Promise<StoredAccessToken | undefined> {
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
      'An access token in Redis cannot be read with the encryptionKey of this process, so it is replaced. See that all processes that share a token have the same encryptionKey, or another prefix.',
    );
  }

  async set(key: string, token: StoredAccessToken, lock: AccessTokenLock): Promise<boolean> {
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

  async lock(key: string, ttlMs: number): Promise<AccessTokenLock | undefined> {
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

  #lockOf({ fence, redisTimeUs }: TakenLock, name: string, owner: string): AccessTokenLock {
    const release = async (): Promise<void> => {
      await this.#run({ script: RELEASE_LOCK, keys: [name], values: [owner] });
    };
    const lock = Object.freeze({ fence, release });
    this.#grants.set(lock, { redisTimeUs, atMs: performance.now() });
    return lock;
  }

  /** What Redis's clock shows now, in microseconds, reckoned from when it gave the lock; 0 for a lock that is not of this store. */
  #redisTimeUs(lock: AccessTokenLock): number {
    const grant = this.#grants.get(lock);
    if (grant === undefined) return 0;
    return Math.floor(grant.redisTimeUs + (performance.now() - grant.atMs) * 1000);
  }

  /** The braces make Redis Cluster keep all keys of a token in one slot, so that a script may use them together. */
  #name(key: string, part: 'fence' | 'lock' | 'token'): string {
    return `${this.#prefix}{${key}}:${part}`;
  }
}
