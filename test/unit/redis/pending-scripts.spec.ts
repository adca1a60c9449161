import { describe, expect, it } from '@jest/globals';
import {
  ADD_FILES,
  CLAIM_FILES,
  decodeMember,
  decodeTexts,
  READ_ENVS,
  REGISTER_ENV,
  REMOVE_FILES,
  SETTLE_FILES,
} from '../../../lib/redis/pending-scripts.js';

const FILE_SCRIPTS = { ADD_FILES, SETTLE_FILES, CLAIM_FILES, REMOVE_FILES };
const SCRIPTS = { ...FILE_SCRIPTS, REGISTER_ENV, READ_ENVS };
const COMMANDS = 'ZADD|ZCARD|ZRANGEBYSCORE|ZREM|ZSCORE|HDEL|HGET|HLEN|HSET|SADD|SMEMBERS';

describe.each(Object.entries(SCRIPTS))('the script %s', (_, script) => {
  const calls = [...script.matchAll(/redis\.p?call\(([^)]*)/g)].map(([, words = '']) => words);

  it('calls Redis as hosted proxies require: literal commands, keys written KEYS[n]', () => {
    const plain = new RegExp(`^'TIME'$|^'(?:${COMMANDS})', KEYS\\[[12]\\](?:,|$)`);
    expect(calls.filter(words => !plain.test(words))).toEqual([]);
    expect(calls.length).toBeGreaterThan(0);
  });

  it('keeps neither keys nor Redis itself in variables', () => {
    expect(script).not.toMatch(/=\s*(?:KEYS|redis)\b(?!\.p?call\()/);
    expect(script).not.toMatch(/KEYS(?!\[[12]\])/);
  });
});

describe.each(Object.entries(FILE_SCRIPTS))('the script %s', (_, script) => {
  it('reads both keys before the first write, so that a wrong type changes nothing', () => {
    const [beforeWrite = ''] = script.split(/redis\.call\('(?:ZADD|ZREM|HSET|HDEL)'/);
    expect(beforeWrite).toMatch(/'ZCARD', KEYS\[1\]/);
    expect(beforeWrite).toMatch(/'HLEN', KEYS\[2\]/);
  });
});

describe('decodeTexts', () => {
  it.each([
    ['texts', ['a', 'b']],
    ['buffers', [Buffer.from('a'), Buffer.from('b')]],
  ])('reads a list of %s', (_what, reply) => {
    expect(decodeTexts(reply)).toEqual(['a', 'b']);
  });

  it.each([
    ['nothing', undefined],
    ['nil', null],
    ['QUEUED', 'QUEUED'],
    ['a number', 1],
    ['a list with a number', ['a', 1]],
    ['an error in a list', [new Error('a')]],
  ])('reads no list in %s', (_what, reply) => {
    expect(decodeTexts(reply)).toBeUndefined();
  });
});

describe('decodeMember', () => {
  it.each([
    ['upload cloud://env.bucket/a b', { reason: 'upload', fileId: 'cloud://env.bucket/a b' }],
    ['form cloud://env.bucket/a', { reason: 'form', fileId: 'cloud://env.bucket/a' }],
    ['orphan cloud://env.bucket/a', { reason: 'orphan', fileId: 'cloud://env.bucket/a' }],
    ['other cloud://env.bucket/a', undefined],
    ['cloud://env.bucket/a', undefined],
    ['upload', undefined],
    ['', undefined],
  ])('reads %j', (member, file) => {
    expect(decodeMember(member)).toEqual(file);
  });
});
