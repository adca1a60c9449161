import type { WxCloudClaimedFile } from '../pending/pending-file-store.js';
import { numberOf, textOf } from './redis-client.js';

// KEYS of the scripts for files: the pending files, a sorted set of `<reason> <fileId>` by due time
// or end of lease; the claims, a hash from file ID to owner. A claim lasts until the time that the
// set has for its file: the claims of a killed process end by themselves.
//
// Hosted proxies want literal commands and keys that are written `KEYS[n]`, as in token-scripts.ts.
// A script begins with a read of each key, so that a value of another type fails before any write.

/** Most files in a run of a script, which blocks Redis for a few milliseconds then. */
export const MAX_BATCH = 500;

const REASONS = ['upload', 'form', 'orphan'] as const;

/** Reads Redis's own clock in milliseconds: those of the processes do not matter. */
const NOW_MS = `
redis.call('ZCARD', KEYS[1])
redis.call('HLEN', KEYS[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Defines `is_claimed(id)`. */
const IS_CLAIMED = `
local function is_claimed(id)
  if not redis.call('HGET', KEYS[2], id) then return false end
  local ends = redis.call('ZSCORE', KEYS[1], 'upload ' .. id)
    or redis.call('ZSCORE', KEYS[1], 'form ' .. id)
    or redis.call('ZSCORE', KEYS[1], 'orphan ' .. id)
  return ends and tonumber(ends) > now
end`;

/**
 * ARGV: reason, file ID and milliseconds until due, for each file. Returns the IDs of those that
 * are claimed at present, which stay as they are.
 */
export const ADD_FILES = `${NOW_MS}${IS_CLAIMED}
local claimed = {}
for index = 1, #ARGV, 3 do
  local id = ARGV[index + 1]
  if is_claimed(id) then
    claimed[#claimed + 1] = id
  else
    local due = string.format('%.0f', now + tonumber(ARGV[index + 2]))
    redis.call('ZADD', KEYS[1], due, ARGV[index] .. ' ' .. id)
    if ARGV[index] ~= 'upload' then redis.call('ZREM', KEYS[1], 'upload ' .. id) end
    if ARGV[index] ~= 'form' then redis.call('ZREM', KEYS[1], 'form ' .. id) end
    if ARGV[index] ~= 'orphan' then redis.call('ZREM', KEYS[1], 'orphan ' .. id) end
    redis.call('HDEL', KEYS[2], id)
  end
end
return claimed`;

/** ARGV: file IDs. Returns the IDs of those that are claimed at present, and removes the others. */
export const SETTLE_FILES = `${NOW_MS}${IS_CLAIMED}
local claimed = {}
for index = 1, #ARGV do
  local id = ARGV[index]
  if is_claimed(id) then
    claimed[#claimed + 1] = id
  else
    redis.call('ZREM', KEYS[1], 'upload ' .. id, 'form ' .. id, 'orphan ' .. id)
    redis.call('HDEL', KEYS[2], id)
  end
end
return claimed`;

/**
 * ARGV: owner, most files, milliseconds of the lease, milliseconds overdue. Claims due files, the
 * earliest first, and returns their members. A member that this store did not write is put off by
 * the lease too, so that it stands in no file's way, and stays in the set.
 */
export const CLAIM_FILES = `${NOW_MS}
local latest = string.format('%.0f', now - tonumber(ARGV[4]))
local ends = string.format('%.0f', now + tonumber(ARGV[3]))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'LIMIT', 0, tonumber(ARGV[2]))
for _, member in ipairs(due) do
  local reason, id = string.match(member, '^(%a+) (.+)$')
  if reason == 'upload' or reason == 'form' or reason == 'orphan' then
    redis.call('HSET', KEYS[2], id, ARGV[1])
  end
  redis.call('ZADD', KEYS[1], ends, member)
end
return due`;

/** ARGV: owner, then file IDs. Removes those that the owner still holds. */
export const REMOVE_FILES = `${NOW_MS}${IS_CLAIMED}
local removed = 0
for index = 2, #ARGV do
  local id = ARGV[index]
  if redis.call('HGET', KEYS[2], id) == ARGV[1] and is_claimed(id) then
    redis.call('ZREM', KEYS[1], 'upload ' .. id, 'form ' .. id, 'orphan ' .. id)
    redis.call('HDEL', KEYS[2], id)
    removed = removed + 1
  end
end
return removed`;

/**
 * KEYS: the names of environments, a set. ARGV: an environment. The files of each are in a slot of
 * their own, so this cannot be a part of `ADD_FILES`.
 */
export const REGISTER_ENV = `return redis.call('SADD', KEYS[1], ARGV[1])`;

/** KEYS: the names of environments. Returns them. */
export const READ_ENVS = `return redis.call('SMEMBERS', KEYS[1])`;

/**
 * Reads a reply that is a list of texts; undefined for any other reply, such as `QUEUED` of a
 * transaction, which is no proof that the script has run.
 */
export function decodeTexts(reply: unknown): readonly string[] | undefined {
  if (!Array.isArray(reply)) return undefined;
  const texts = reply.map(textOf).filter(text => text !== undefined);
  return texts.length === reply.length ? texts : undefined;
}

/** Reads a reply that is a number; NaN for any other reply. */
export function decodeCount(reply: unknown): number {
  return reply === null ? Number.NaN : numberOf(reply);
}

/** Reads a member of the set; undefined for one that this store did not write. */
export function decodeMember(member: string): WxCloudClaimedFile | undefined {
  const space = member.indexOf(' ');
  const reason = REASONS.find(name => name === member.slice(0, space));
  return reason === undefined ? undefined : { reason, fileId: member.slice(space + 1) };
}
