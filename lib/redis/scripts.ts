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
 * KEYS: token. Gives the value and its remaining milliseconds, or nil. What is no text is no token, so that the next one
 * may take its place; any other error, as of a missing permission, is told.
 */
export const READ_TOKEN = `
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' and not string.find(value.err, 'WRONGTYPE') then return value end
if type(value) ~= 'string' then return false end
return { value, redis.call('PTTL', KEYS[1]) }`;

/**
 * KEYS: token, fence. ARGV: value, fence of the writer, milliseconds to live, Redis's time in microseconds when it was
 * sent (0: unknown). Gives 0 when a newer fence was given out, else 1. A client may have held the command back until Redis
 * was there again, so that time is taken off.
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
