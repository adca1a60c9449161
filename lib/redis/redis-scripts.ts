import { isUint8Array } from 'node:util/types';
import { OptionsInvalidError } from '../errors/errors.js';
import { toSafeCause } from '../errors/redaction.js';

/** The required part of a client of `ioredis` (5 or 6): a `Redis` or a `Cluster`. */
export interface IoRedisClient {
  /** The state of the connection; only its presence is checked. */
  readonly status: string;
  /** Sends any command; only its presence is checked. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Runs a script. */
  eval(script: string, keyCount: number, ...keysAndValues: string[]): Promise<unknown>;
}

/**
 * The required part of a client of `redis` (node-redis 5 or 6): a client, a pool, a cluster or a
 * sentinel.
 */
export interface NodeRedisClient {
  /** True when the client was told to connect; only its presence is checked. */
  readonly isOpen: boolean;
  /** Runs a script. */
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
}

/** A client that the application creates, connects and closes. */
export type RedisClient = IoRedisClient | NodeRedisClient;

/** A script with its keys and values. */
interface ScriptCall {
  /** The Lua source. */
  readonly script: string;
  /** `KEYS`; all in one slot of a cluster. */
  readonly keys: readonly string[];
  /** `ARGV`. */
  readonly values: readonly string[];
  /** Literals to mask in errors. */
  readonly secrets?: readonly string[];
}

/** Runs a script in Redis with either client. */
export type RunScript = (call: ScriptCall) => Promise<unknown>;

/** A lock that Redis has issued. */
export interface TakenLock {
  /** Its fence. */
  readonly fence: number;
  /** Redis's time of the lock, in microseconds. */
  readonly redisTimeUs: number;
}

// Proxies of hosted services (Aliyun, Tencent Cloud) check scripts before they run them: in every
// call the command is a literal and its key is written `KEYS[n]`, never a variable. Scripts do not
// roll back, so commands that may fail come before the first write.

/**
 * Reads Redis's own clock in microseconds: the clocks of the machines that share a token may
 * differ.
 */
const NOW_US = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`;

/**
 * Reads the newest issued fence; a string, or a number that is not a safe integer, counts as 0. A
 * value of another type is an error, before anything is written.
 */
const NEWEST_FENCE = `
local newest = tonumber(redis.call('GET', KEYS[2]) or 0) or 0
if not (newest > 0 and newest < ${Number.MAX_SAFE_INTEGER - 1}) then newest = 0 end`;

/**
 * KEYS: token. Returns the value and its remaining milliseconds, or nil. A value that is not a
 * string counts as no token, so that the next token may replace it; any other error, such as a
 * missing permission, is returned.
 */
export const READ_TOKEN = `
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE') then return value end
if type(value) ~= 'string' then return false end
return { value, redis.call('PTTL', KEYS[1]) }`;

/**
 * KEYS: token, fence. ARGV: value, fence of the writer, milliseconds to live, Redis's time in
 * microseconds at sending (0: unknown). Returns 0 when a newer fence was issued, else 1. A client
 * may have held the command back until Redis was reachable, so that time is subtracted.
 */
export const WRITE_TOKEN = `${NEWEST_FENCE}
if newest > tonumber(ARGV[2]) then return 0 end
${NOW_US}
local left = tonumber(ARGV[3])
local sent = tonumber(ARGV[4])
if sent > 0 and now > sent then left = left - math.ceil((now - sent) / 1000) end
if left < 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', string.format('%.0f', left))
end
return 1`;

/**
 * KEYS: lock, fence. ARGV: owner, lifetime of the lock in milliseconds, lifetime of the fence in
 * milliseconds. Returns the fence and Redis's time in microseconds, or nil while the lock is held.
 * A fence is never below that time, so that it keeps rising after Redis has lost the last one (a
 * restart without persistence, an eviction). The lock is taken last, as the lock of a failing
 * script would block every process. A lock without expiry was not taken by this store, and is
 * replaced.
 */
export const TAKE_LOCK = `
if redis.call('PTTL', KEYS[1]) >= 0 then return false end
${NEWEST_FENCE}
${NOW_US}
local fence = math.max(newest, now) + 1
redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { fence, now }`;

/** KEYS: lock. ARGV: owner. Deletes the lock if the owner still holds it. */
export const RELEASE_LOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * Creates the function that runs scripts; tells the two clients apart by their shape.
 * @throws {@link OptionsInvalidError} `WX_CLOUD_OPTIONS_INVALID` when it is neither
 */
export function scriptRunner(client: unknown): RunScript {
  if (isIoRedis(client)) {
    return runSafely(({ script, keys, values }) =>
      client.eval(script, keys.length, ...keys, ...values),
    );
  }
  if (isNodeRedis(client)) {
    return runSafely(({ script, keys, values }) =>
      client.eval(script, { keys: [...keys], arguments: [...values] }),
    );
  }
  throw new OptionsInvalidError({
    option: 'redisAccessTokenStore.client',
    expected: 'a client of ioredis or of redis (node-redis 5 or later)',
    remedy:
      'Pass what new Redis() or createClient() returned: no options, no legacy(), no multi().',
  });
}

/** Masks errors. Those of ioredis carry the whole command, which contains the token. */
function runSafely(run: RunScript): RunScript {
  return async call => {
    try {
      return await run(call);
    } catch (error) {
      throw toSafeCause(error, call.secrets);
    }
  };
}

function isIoRedis(client: unknown): client is IoRedisClient {
  return (
    hasMember(client, 'eval', 'function') &&
    hasMember(client, 'call', 'function') &&
    hasMember(client, 'status', 'string')
  );
}

/**
 * True for node-redis 5 or 6. The client of node-redis 3 and `legacy()`, whose `eval` takes a
 * callback, have no `isOpen`.
 */
function isNodeRedis(client: unknown): client is NodeRedisClient {
  return hasMember(client, 'eval', 'function') && hasMember(client, 'isOpen', 'boolean');
}

function hasMember(value: unknown, name: string, type: 'boolean' | 'function' | 'string'): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Readonly<Record<string, unknown>>)[name] === type
  );
}

/**
 * Reads the reply of `READ_TOKEN`, with the remaining lifetime in milliseconds. A value without
 * expiry was not written by this store.
 */
export function decodeReadValue(
  reply: unknown,
): { readonly value: string; readonly expiresInMs: number } | undefined {
  const [value, life] = listOf(reply);
  const text = textOf(value);
  const expiresInMs = numberOf(life);
  return text !== undefined && expiresInMs > 0 ? { value: text, expiresInMs } : undefined;
}

/** Reads the reply of `TAKE_LOCK`. */
export function decodeTakenLock(reply: unknown): TakenLock | undefined {
  const [fence, redisTimeUs] = listOf(reply);
  return fence === undefined
    ? undefined
    : { fence: numberOf(fence), redisTimeUs: numberOf(redisTimeUs) };
}

/** Reads the reply of `WRITE_TOKEN`. */
export function decodeWritten(reply: unknown): boolean {
  return numberOf(reply) === 1;
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Returns the text of a reply; clients may be configured to return buffers. */
function textOf(value: unknown): string | undefined {
  if (isUint8Array(value)) return Buffer.from(value).toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

/** Returns the number of a reply; clients may be configured to return strings or big integers. */
function numberOf(value: unknown): number {
  return Number(textOf(value) ?? value);
}
