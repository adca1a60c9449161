import { describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { inspect } from 'node:util';
import { createClient } from 'redis';
import { ADD_FILES, REGISTER_ENV } from '../../../lib/redis/pending-scripts.js';
import { redisPendingFileStore, type NodeRedisClient } from '../../../lib/redis/index.js';

const INVALID = 'WX_CLOUD_OPTIONS_INVALID';
const FILE_ID = 'cloud://env-a.bucket/a.png';
const CLAIM = { env: 'env-a', owner: 'one', limit: 10, leaseMs: 1_000 };

/** A client with the same reply for every script, except for the one that registers. */
function clientThatGives(reply: unknown) {
  const run = jest.fn<NodeRedisClient['eval']>(async script =>
    script === REGISTER_ENV ? 1 : reply,
  );
  return { isOpen: true, eval: run };
}

const toUpload = (fileId: string, dueInMs = 0) => ({ fileId, reason: 'upload' as const, dueInMs });

/** Calls without the compiler's help. */
const callWith = (client: unknown, options?: unknown): unknown =>
  Reflect.apply(redisPendingFileStore, undefined, [client, options]);

describe('redisPendingFileStore', () => {
  it.each([
    ['nothing', undefined],
    ['a URL', 'redis://127.0.0.1:6379'],
    ['a class', Redis],
    ['a pipeline of ioredis', new Redis({ lazyConnect: true }).pipeline()],
    ['a transaction of node-redis', createClient().multi()],
    ['a client with callbacks', createClient().legacy()],
  ])('rejects %s as a client', (_what, client) => {
    expect(() => callWith(client)).toThrow(
      expect.objectContaining({ code: INVALID, option: 'redisPendingFileStore.client' }),
    );
  });

  it.each([
    ['misspelt', { misspelt: 1 }],
    ['encryptionKey', { encryptionKey: 'encryption-key-of-redis' }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'a b' }],
    ['prefix', { prefix: '{a}:' }],
    ['prefix', { prefix: null }],
  ])('rejects invalid %s: %j', (name, options) => {
    expect(() => callWith(createClient(), options)).toThrow(
      expect.objectContaining({ code: INVALID, option: `redisPendingFileStore.${name}` }),
    );
  });

  it('connects no client', () => {
    const ioRedis = new Redis({ lazyConnect: true });
    const nodeRedis = createClient();
    [ioRedis, nodeRedis].map(client => redisPendingFileStore(client));
    expect([ioRedis.status, nodeRedis.isOpen]).toEqual(['wait', false]);
  });

  it('shows nothing of the client', () => {
    const store = redisPendingFileStore(createClient({ password: 'pass-word-of-redis' }));
    expect(inspect(store, { depth: Infinity, showHidden: true })).toBe('RedisPendingFileStore {}');
    expect(JSON.stringify(store)).toBe('{}');
  });

  it('sends files in steps of 500, each with the keys of one environment', async () => {
    const client = clientThatGives([]);
    const ids = Array.from({ length: 501 }, (_, index) => `cloud://env-a.bucket/${index}`);
    const store = redisPendingFileStore(client, { prefix: 'app:' });
    await store.settle([...ids, 'cloud://env-b.bucket/a']);
    expect(client.eval.mock.calls.map(([, options]) => options?.arguments?.length)).toEqual([
      500, 1, 1,
    ]);
    expect(client.eval.mock.calls.map(([, options]) => options?.keys)).toEqual([
      ['app:{env-a}:pending', 'app:{env-a}:pending-claims'],
      ['app:{env-a}:pending', 'app:{env-a}:pending-claims'],
      ['app:{env-b}:pending', 'app:{env-b}:pending-claims'],
    ]);
  });

  it('sends nothing for empty lists', async () => {
    const client = clientThatGives([]);
    const store = redisPendingFileStore(client);
    await store.add([]);
    await store.settle([]);
    await store.done([], 'one');
    expect(client.eval).not.toHaveBeenCalled();
  });

  it.each(['a.png', 'cloud://a.png', 'cloud://{a}.bucket/b', 'cloud://.bucket/b', ''])(
    'refuses to add %j, and sends nothing',
    async fileId => {
      const client = clientThatGives([]);
      const adding = redisPendingFileStore(client).add([toUpload(FILE_ID), toUpload(fileId)]);
      await expect(adding).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_ID_INVALID' });
      expect(client.eval).not.toHaveBeenCalled();
    },
  );

  it('ignores a file ID that cannot have been added', async () => {
    const client = clientThatGives([]);
    await expect(redisPendingFileStore(client).settle(['a.png'])).resolves.toEqual([]);
    expect(client.eval).not.toHaveBeenCalled();
  });

  it.each([Number.NaN, Infinity])('refuses %d as a time, and sends nothing', async ms => {
    const client = clientThatGives([]);
    const store = redisPendingFileStore(client);
    await expect(store.add([toUpload(FILE_ID, ms)])).rejects.toThrow('dueInMs');
    await expect(store.claim({ ...CLAIM, leaseMs: ms })).rejects.toThrow('leaseMs');
    await expect(store.claim({ ...CLAIM, limit: ms })).rejects.toThrow('limit');
    await expect(store.claim({ ...CLAIM, overdueMs: ms })).rejects.toThrow('overdueMs');
    expect(client.eval).not.toHaveBeenCalled();
  });

  it('sends whole milliseconds, none of them before the arrival', async () => {
    const client = clientThatGives([]);
    const store = redisPendingFileStore(client);
    await store.add([toUpload(FILE_ID, 0.2), toUpload(FILE_ID, -5)]);
    const added = client.eval.mock.calls.filter(([script]) => script === ADD_FILES);
    expect(added.map(([, options]) => options?.arguments)).toEqual([
      ['upload', FILE_ID, '1', 'upload', FILE_ID, '0'],
    ]);
  });

  it.each([
    ['QUEUED, as in a transaction', 'QUEUED'],
    ['nil', null],
    ['nothing', undefined],
  ])('rejects when the client gives %s', async (_what, reply) => {
    const store = redisPendingFileStore(clientThatGives(reply));
    await expect(store.add([toUpload(FILE_ID)])).rejects.toThrow('no reply of the script');
    await expect(store.settle([FILE_ID])).rejects.toThrow('no reply of the script');
    await expect(store.claim(CLAIM)).rejects.toThrow('no reply of the script');
    await expect(store.done([FILE_ID], 'one')).rejects.toThrow('no reply of the script');
  });

  it.each([1, '1', 1n, Buffer.from('1')])(
    'accepts the count of removed files as %p',
    async count => {
      const store = redisPendingFileStore(clientThatGives(count));
      await expect(store.done([FILE_ID], 'one')).resolves.toBeUndefined();
    },
  );

  it('registers an environment at once, then at most once a second', async () => {
    const client = clientThatGives([]);
    const store = redisPendingFileStore(client);
    await store.add([toUpload(FILE_ID)]);
    await Promise.all([store.add([toUpload(FILE_ID)]), store.add([toUpload(FILE_ID)])]);
    const registered = client.eval.mock.calls.filter(([script]) => script === REGISTER_ENV);
    expect(registered.map(([, options]) => options)).toEqual([
      { keys: ['wx-cloud-storage:pending-environments'], arguments: ['env-a'] },
    ]);
  });

  it('adds files while an environment cannot be registered, and tries that again', async () => {
    const nowMs = jest.spyOn(performance, 'now').mockReturnValue(10_000);
    const client = clientThatGives([FILE_ID]);
    client.eval.mockImplementationOnce(async () => Promise.reject(new Error('READONLY')));
    const store = redisPendingFileStore(client);
    await expect(store.add([toUpload(FILE_ID)])).resolves.toEqual([FILE_ID]);
    nowMs.mockReturnValue(11_000);
    client.eval.mockImplementationOnce(() => new Promise(() => {}));
    await expect(store.add([toUpload(FILE_ID)])).resolves.toEqual([FILE_ID]);
    const registered = client.eval.mock.calls.filter(([script]) => script === REGISTER_ENV);
    expect(registered).toHaveLength(2);
    nowMs.mockRestore();
  });

  it('reads claimed files given as buffers', async () => {
    const client = clientThatGives([Buffer.from(`form ${FILE_ID}`)]);
    const claimed = redisPendingFileStore(client).claim(CLAIM);
    await expect(claimed).resolves.toEqual([{ fileId: FILE_ID, reason: 'form' }]);
  });

  it('passes on an error that a client throws synchronously', async () => {
    const run = (): never => {
      throw new Error('closed');
    };
    const store = redisPendingFileStore({ isOpen: true, eval: run });
    await expect(store.settle([FILE_ID])).rejects.toThrow('closed');
  });
});
