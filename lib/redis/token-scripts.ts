import { listOf, numberOf, textOf } from './redis-client.js';

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
