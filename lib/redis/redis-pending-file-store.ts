import { WxCloudStorageError } from '../errors/errors.js';
import { readGroup } from '../options/validation.js';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from '../pending/pending-file-store.js';
import {
  ADD_FILES,
  CLAIM_FILES,
  decodeCount,
  decodeMember,
  decodeTexts,
  MAX_BATCH,
  READ_ENVS,
  REGISTER_ENV,
  REMOVE_FILES,
  SETTLE_FILES,
} from './pending-scripts.js';
import { readPrefix, type RedisClient, type RunScript, scriptRunner } from './redis-client.js';

/** Options of a Redis store of pending files. */
export interface RedisPendingFileStoreOptions {
  /**
   * Prefix of the names of all keys: a non-empty string without white space and braces.
   * @defaultValue `wx-cloud-storage:`
   */
  readonly prefix?: string | undefined;
}

const NAME = 'redisPendingFileStore';
const REGISTRATION_INTERVAL_MS = 1_000;
/** Finds the environment of a file ID. Braces would change the slot of the keys in a cluster. */
const ENV = /^cloud:\/\/([^./{}\s]+)\.[^./\s]+\/./;

/**
 * Creates a store of pending files in the application's own Redis client: `redis` (node-redis 5 or
 * 6; client, pool, cluster or sentinel) or `ioredis` (5 or 6; `Redis` or `Cluster`). The client
 * stays the application's: the store neither connects nor closes it, sets no timer and adds no
 * listener. Needs Redis 6 or newer, and the right to run `EVAL` with `TIME`, `ZADD`, `ZCARD`,
 * `ZRANGEBYSCORE`, `ZREM`, `ZSCORE`, `HDEL`, `HGET`, `HLEN`, `HSET`, `SADD` and `SMEMBERS`.
 *
 * Two keys belong to an environment: `<prefix>{<env>}:pending`, a sorted set whose members are
 * `<reason> <fileId>`, by due time or end of lease in epoch milliseconds of Redis's clock; and
 * `<prefix>{<env>}:pending-claims`, a hash with the owners of claimed files. The names of all
 * environments are in the set `<prefix>pending-environments`. The keys have no expiry; set
 * `maxmemory-policy` to `noeviction` or one of `volatile-…`, so that Redis does not evict them.
 *
 * Calls fail or wait as the client does. More than 500 files are sent in several steps; when one
 * fails, those before it stay done.
 * @throws `OptionsInvalidError` (`WX_CLOUD_OPTIONS_INVALID`) at once, when the client or an
 * option is wrong
 * @example
 * ```ts
 * import { redisPendingFileStore } from 'nestjs-wx-cloud-storage/redis';
 * import { createClient } from 'redis';
 *
 * const client = await createClient({ url: 'redis://redis:6379' }).connect();
 * export const pending = redisPendingFileStore(client);
 * ```
 */
export function redisPendingFileStore(
  client: RedisClient,
  options?: RedisPendingFileStoreOptions,
): PendingFileStore {
  const run = scriptRunner(`${NAME}.client`, client);
  const given = readGroup(NAME, options, ['prefix']);
  return new RedisPendingFileStore(run, readPrefix(`${NAME}.prefix`, given['prefix']));
}

/** The store. Private fields keep everything out of inspection and serialisation. */
class RedisPendingFileStore implements PendingFileStore {
  readonly #run: RunScript;
  readonly #prefix: string;
  /** When environments were registered last, on this process's monotonic clock. */
  readonly #registeredAtMs = new Map<string, number>();

  constructor(run: RunScript, prefix: string) {
    this.#run = run;
    this.#prefix = prefix;
  }

  async add(files: readonly WxCloudPendingFile[]): Promise<readonly string[]> {
    for (const { fileId, dueInMs } of files) {
      if (envOf(fileId) === undefined) throw invalidFileId();
      assertNumber('dueInMs', dueInMs);
    }
    const claimed = await this.#inBatches(files, async (env, batch) => {
      // Only the first add waits for it: its key may be in a slot of a cluster that is down.
      const isFirst = !this.#registeredAtMs.has(env);
      const registering = this.#register(env);
      const values = batch.flatMap(({ reason, fileId, dueInMs }) => [
        reason,
        fileId,
        String(Math.max(0, Math.ceil(dueInMs))),
      ]);
      const adding = this.#texts(env, ADD_FILES, values);
      const [texts] = await Promise.all([adding, isFirst ? registering : undefined]);
      return texts;
    });
    return claimed.flat();
  }

  /**
   * Makes an environment known to claims that name none, of any process. Repeated, as it may have
   * failed, or Redis may have lost it. Never rejects.
   */
  async #register(env: string): Promise<void> {
    const nowMs = performance.now();
    const lastMs = this.#registeredAtMs.get(env) ?? -Infinity;
    if (nowMs - lastMs < REGISTRATION_INTERVAL_MS) return;
    this.#registeredAtMs.set(env, nowMs);
    try {
      await this.#reply([this.#envsKey], REGISTER_ENV, [env]);
    } catch {
      // The files are found by their environment all the same; an add one second later tries again.
    }
  }

  get #envsKey(): string {
    return `${this.#prefix}pending-environments`;
  }

  async settle(fileIds: readonly string[]): Promise<readonly string[]> {
    const files = fileIds.map(fileId => ({ fileId }));
    const claimed = await this.#inBatches(files, async (env, batch) =>
      this.#texts(env, SETTLE_FILES, idsOf(batch)),
    );
    return claimed.flat();
  }

  async claim({
    env,
    owner,
    limit,
    leaseMs,
    overdueMs = 0,
  }: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    for (const [name, value] of Object.entries({ limit, leaseMs, overdueMs })) {
      assertNumber(name, value);
    }
    const envs = env === undefined ? await this.#readEnvs() : [env];
    const times = [leaseMs, overdueMs].map(ms => String(Math.ceil(ms)));
    const claimed: WxCloudClaimedFile[] = [];
    for (const from of envs) {
      let isExhausted = false;
      while (!isExhausted && claimed.length < limit) {
        const most = Math.min(limit - claimed.length, MAX_BATCH);
        const members = await this.#texts(from, CLAIM_FILES, [owner, String(most), ...times]);
        claimed.push(...members.map(decodeMember).filter(file => file !== undefined));
        isExhausted = members.length < most;
      }
    }
    return claimed;
  }

  async #readEnvs(): Promise<readonly string[]> {
    const envs = decodeTexts(await this.#reply([this.#envsKey], READ_ENVS, []));
    if (envs === undefined) throw noReply();
    return envs;
  }

  async done(fileIds: readonly string[], owner: string): Promise<void> {
    const files = fileIds.map(fileId => ({ fileId }));
    await this.#inBatches(files, async (env, batch) => {
      const values = [owner, ...idsOf(batch)];
      const reply = await this.#reply(this.#keysOf(env), REMOVE_FILES, values);
      if (!Number.isInteger(decodeCount(reply))) throw noReply();
    });
  }

  /** Runs work for the files of each environment, in batches that do not block Redis for long. */
  async #inBatches<F extends { readonly fileId: string }, R>(
    files: readonly F[],
    work: (env: string, batch: readonly F[]) => Promise<R>,
  ): Promise<R[]> {
    const byEnv = new Map<string, F[]>();
    for (const file of files) {
      const env = envOf(file.fileId);
      // A file that is not of an environment cannot have been added.
      if (env === undefined) continue;
      const own = byEnv.get(env);
      if (own === undefined) byEnv.set(env, [file]);
      else own.push(file);
    }
    const results: R[] = [];
    for (const [env, own] of byEnv) {
      for (let start = 0; start < own.length; start += MAX_BATCH) {
        results.push(await work(env, own.slice(start, start + MAX_BATCH)));
      }
    }
    return results;
  }

  async #texts(env: string, script: string, values: readonly string[]): Promise<readonly string[]> {
    const texts = decodeTexts(await this.#reply(this.#keysOf(env), script, values));
    if (texts === undefined) throw noReply();
    return texts;
  }

  /** The braces make Redis Cluster keep both keys in one slot, so that a script may use them. */
  #keysOf(env: string): readonly string[] {
    const key = `${this.#prefix}{${env}}:pending`;
    return [key, `${key}-claims`];
  }

  async #reply(
    keys: readonly string[],
    script: string,
    values: readonly string[],
  ): Promise<unknown> {
    try {
      return await this.#run({ script, keys, values });
    } catch (error) {
      throw isWrongType(error) ? otherType(keys, error) : error;
    }
  }
}

function envOf(fileId: string): string | undefined {
  return ENV.exec(fileId)?.[1];
}

function assertNumber(name: string, value: number): void {
  if (!Number.isFinite(value)) throw new TypeError(`${name} is ${value}. Give a finite number.`);
}

function invalidFileId(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_ID_INVALID',
    message:
      'The store refuses a file ID that is not of the form cloud://env.bucket/path. Pass it on exactly as the upload returned it.',
  });
}

function idsOf(files: readonly { readonly fileId: string }[]): readonly string[] {
  return files.map(({ fileId }) => fileId);
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE');
}

function otherType(keys: readonly string[], cause: unknown): Error {
  return new Error(
    `Redis holds a value of another type under the key ${keys.join(' or ')}. Delete it, or set another prefix in ${NAME}.`,
    { cause },
  );
}

function noReply(): Error {
  return new Error(
    `The Redis client gave no reply of the script. Pass ${NAME} a client that is not in a transaction.`,
  );
}
