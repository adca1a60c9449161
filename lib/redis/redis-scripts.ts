import { isUint8Array } from 'node:util/types';
import { OptionsInvalidError } from '../errors/errors.js';
import { toSafeCause } from '../errors/redaction.js';

/** What is used of a client of `ioredis` (5 or 6): a `Redis` or a `Cluster`. */
export interface IoRedisClient {
  /** The state of the connection; only its presence is looked at. */
  readonly status: string;
  /** Sends any command; only its presence is looked at. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Runs a script. */
  eval(script: string, keyCount: number, ...keysAndValues: string[]): Promise<unknown>;
}

/**
 * What is used of a client of `redis` (node-redis 5 or 6): of a client, a pool, a cluster or a
 * sentinel.
 */
export interface NodeRedisClient {
  /** True when the client was told to connect; only its presence is looked at. */
  readonly isOpen: boolean;
  /** Runs a script. */
  eval(script: string, options?: { keys?: string[]; arguments?: string[] }): Promise<unknown>;
}

/** A client that the application made, connects and closes. */
export type RedisClient = IoRedisClient | NodeRedisClient;

/** A script with what it works on. */
interface ScriptCall {
  /** The Lua source. */
  readonly script: string;
  /** `KEYS`; all in one slot of a cluster. */
  readonly keys: readonly string[];
  /** `ARGV`. */
  readonly values: readonly string[];
  /** What a failure must not show. */
  readonly secrets?: readonly string[];
}

/** Runs a script in Redis, on whatever client there is. */
export type RunScript = (call: ScriptCall) => Promise<unknown>;

/**
 * Tells the two clients apart by their shape.
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
    expected: 'a client of ioredis or of redis (node-redis from 5 on)',
    remedy:
      'Pass what new Redis() or createClient() returned: no options, no legacy(), no multi().',
  });
}

/** The errors of ioredis carry the whole command, and a command carries the token. */
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

/** Also leaves out the client of node-redis 3 and `legacy()`, whose `eval` takes a callback. */
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

// Proxies of hosted services (Aliyun, Tencent Cloud) check scripts before they run them: in every
// call the command is a literal and its key is written `KEYS[n]`, never a variable. Scripts do not
// roll back, so what may fail comes before the first write.

/** Redis's own clock in microseconds: the clocks of the machines that share a token may differ. */
const NOW_US = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`;

/**
 * The newest fence that was given out, which no text and no number beyond the whole ones is.
 * Another kind of value in its place is an error, before anything is written.
 */
const NEWEST_FENCE = `
local newest = tonumber(redis.call('GET', KEYS[2]) or 0) or 0
if not (newest > 0 and newest < ${Number.MAX_SAFE_INTEGER - 1}) then newest = 0 end`;

/**
 * KEYS: token. Gives the value and its remaining milliseconds, or nil. What is no text is no token,
 * so that the next one may take its place; any other error, as of a missing permission, is told.
 */
export const READ_TOKEN = `
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE') then return value end
if type(value) ~= 'string' then return false end
return { value, redis.call('PTTL', KEYS[1]) }`;

/**
 * KEYS: token, fence. ARGV: value, fence of the writer, milliseconds to live, Redis's time in
 * microseconds when it was sent (0: unknown). Gives 0 when a newer fence was given out, else 1. A
 * client may have held the command back until Redis was there again, so that time is taken off.
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
 * KEYS: lock, fence. ARGV: owner, milliseconds the lock lives, milliseconds the fence is
 * remembered. Gives the fence and Redis's time in microseconds, or nil while the lock is held. A
 * fence is never below that time, so that it goes on rising when Redis forgot the last one (a
 * restart without persistence, an eviction). The lock is taken last, as one that was taken by a
 * script that fails keeps everybody waiting. A lock without an end is none of this store's, and is
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

/** KEYS: lock. ARGV: owner. Removes the lock if it is still the owner's. */
export const RELEASE_LOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** A token's value as Redis gave it. */
interface ReadValue {
  /** What was kept. */
  readonly value: string;
  /** How long it still lives, in milliseconds; more than 0. */
  readonly expiresInMs: number;
}

/** A lock as Redis gave it. */
export interface TakenLock {
  /** Its fence. */
  readonly fence: number;
  /** Redis's time at that moment, in microseconds. */
  readonly redisTimeUs: number;
}

/** Reads the reply of `READ_TOKEN`; what never expires was not written by this store. */
export function decodeReadValue(reply: unknown): ReadValue | undefined {
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

/** Clients can be set up to give buffers for texts. */
function textOf(value: unknown): string | undefined {
  if (isUint8Array(value)) return Buffer.from(value).toString('utf8');
  return typeof value === 'string' ? value : undefined;
}

/** Clients can be set up to give texts or big integers for numbers. */
function numberOf(value: unknown): number {
  return Number(textOf(value) ?? value);
}
