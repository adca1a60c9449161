import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { inspect } from 'node:util';
import { redisAccessTokenStore, type RedisClient } from '../../../lib/redis/index.js';

const KEY = 'wx1234567890abcdef:access-token:mark';
const INVALID = 'WX_CLOUD_OPTIONS_INVALID';

/** A client with the same result for every script. */
function clientThatGives(reply: unknown): RedisClient {
  return { isOpen: true, eval: async () => reply };
}

/** Hides a wrong type from the compiler, as JavaScript does. */
function untyped(value: unknown): RedisClient {
  return Object(value);
}

/** Calls without the compiler's help. */
const callWith = (client: unknown, options?: unknown): unknown =>
  Reflect.apply(redisAccessTokenStore, undefined, [client, options]);

describe('redisAccessTokenStore', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a URL', 'redis://127.0.0.1:6379'],
    ['options of a client', { host: '127.0.0.1', port: 6379 }],
    ['a class', Redis],
    ['a pipeline of ioredis', new Redis({ lazyConnect: true }).pipeline()],
    ['a transaction of node-redis', createClient().multi()],
    ['a client with callbacks', createClient().legacy()],
    ['a client that cannot run scripts', { isOpen: true, sendCommand: () => undefined }],
  ])('rejects %s as a client', (_what, client) => {
    expect(() => callWith(client)).toThrow(
      expect.objectContaining({ code: INVALID, option: 'redisAccessTokenStore.client' }),
    );
  });

  it.each([
    ['options', 'text'],
    ['options', null],
    ['options', []],
    ['misspelt', { misspelt: 1 }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'a b' }],
    ['prefix', { prefix: 'a\n' }],
    ['prefix', { prefix: '{a}:' }],
    ['prefix', { prefix: 'a}' }],
    ['prefix', { prefix: null }],
    ['prefix', { prefix: 1 }],
    ['encryptionKey', { encryptionKey: '' }],
    ['encryptionKey', { encryptionKey: 'fifteen bytes..' }],
    ['encryptionKey', { encryptionKey: Buffer.alloc(15) }],
    ['encryptionKey', { encryptionKey: null }],
    ['encryptionKey', { encryptionKey: 1_234_567_890_123_456 }],
  ])('rejects invalid %s: %j', (name, options) => {
    const option = `redisAccessTokenStore.${name}`.replace(/\.options$/, '');
    expect(() => callWith(createClient(), options)).toThrow(
      expect.objectContaining({ code: INVALID, option }),
    );
  });

  it('does not show a key that is too short', () => {
    expect(() => redisAccessTokenStore(createClient(), { encryptionKey: 'short-key' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('short-key') }),
    );
  });

  it('uses the defaults for missing and undefined options', () => {
    const options = { prefix: undefined, encryptionKey: undefined };
    expect(redisAccessTokenStore(createClient(), options)).toBeDefined();
    expect(redisAccessTokenStore(createClient(), {})).toBeDefined();
  });

  it('accepts a key of sixteen UTF-8 bytes', () => {
    const options = { encryptionKey: '密密密密密x' };
    expect(redisAccessTokenStore(createClient(), options)).toBeDefined();
  });

  it('connects no client', () => {
    const ioRedis = new Redis({ lazyConnect: true });
    const nodeRedis = createClient();
    const cluster = createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] });
    [ioRedis, nodeRedis, cluster].map(client => redisAccessTokenStore(client));
    expect([ioRedis.status, nodeRedis.isOpen, cluster.isOpen]).toEqual(['wait', false, false]);
  });

  it.each([
    ['nil', null],
    ['nothing', undefined],
    ['an empty list', []],
    ['a text', 'plain:a'],
    ['a value without a life', ['plain:a']],
    ['a value without an end', ['plain:a', -1]],
    ['a value that ends now', ['plain:a', 0]],
    ['a life that is no number', ['plain:a', 'soon']],
    ['a number for a value', [1, 1_000]],
  ])('reads %s as no token', async (_what, reply) => {
    await expect(redisAccessTokenStore(clientThatGives(reply)).get(KEY)).resolves.toBeUndefined();
  });

  it.each([
    ['texts and numbers', ['plain:a', 1_000]],
    ['buffers', [Buffer.from('plain:a'), Buffer.from('1000')]],
    ['big integers', ['plain:a', 1_000n]],
  ])('reads a token given as %s', async (_what, reply) => {
    const held = await redisAccessTokenStore(clientThatGives(reply)).get(KEY);
    expect(held).toEqual({ accessToken: 'a', expiresInMs: 1_000 });
  });

  it("passes on a failure without the client's extra properties", async () => {
    const failure = Object.assign(new Error('READONLY for 81_token'), {
      code: 'ECONNRESET',
      command: { name: 'eval', args: ['81_token'] },
    });
    const client = untyped({ isOpen: true, eval: () => Promise.reject(failure) });
    const store = redisAccessTokenStore(client);
    const token = { accessToken: '81_token', expiresInMs: 1_000 };
    const lock = { fence: 1, release: async () => undefined };
    const passed = await store.set(KEY, token, lock).catch((error: unknown) => error);
    expect(passed).toMatchObject({ message: 'READONLY for [redacted]', code: 'ECONNRESET' });
    expect(inspect(passed, { depth: Infinity, showHidden: true })).not.toContain('81_token');
  });

  it('passes on an error that a client throws synchronously', async () => {
    const client = untyped({
      isOpen: true,
      eval: () => {
        throw new Error('closed');
      },
    });
    await expect(redisAccessTokenStore(client).get(KEY)).rejects.toThrow('closed');
  });
});
