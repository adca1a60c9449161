import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { WxCloudStorageService, type WxCloudUploadProgressEvent } from '../../lib/index.js';
import { encodeForm, openRequest, type RawRequest } from '../e2e/http/support/raw-request.js';
import { afterThisTest } from '../support/after-test.js';
import { describeWithRedis as describe } from '../support/describe-with.js';
import { pngOfSize } from '../support/forms.js';
import { promote, type RedisServer, startRedisServer } from '../support/redis-server.js';
import { startStorage } from '../support/storage.js';
import { startSwitchedProxy } from '../support/switched-proxy.js';
import { until } from '../support/until.js';

const BYTES = 400_000;
const MIDDLE = 250_000;
const FORM = encodeForm([{ field: 'video', content: pngOfSize(BYTES), fileName: 'a.png' }]);

let redis: RedisServer;
let emulator: WxCloudEmulator;
let children: ChildProcess[];
let first: string;
let second: string;

async function startReplica(redisUrl = redis.url): Promise<string> {
  const parts = JSON.stringify({ options: emulator.options, redisUrl });
  const child = fork('test/support/programs/replica-process.mjs', [parts], { execArgv: [] });
  children.push(child);
  const [message] = (await once(child, 'message')) as [{ url: string }];
  return message.url;
}

beforeEach(async () => {
  children = [];
  [redis, emulator] = await Promise.all([startRedisServer(), startWxCloudEmulator()]);
  [first, second] = await Promise.all([startReplica(), startReplica()]);
});
afterEach(async () => {
  await Promise.all(
    children.map(async child => {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    }),
  );
  await emulator.close();
  await redis.close();
});

/** Kills the first replica, as a failing machine does. */
async function killFirst(): Promise<void> {
  const [child] = children.splice(0, 1) as [ChildProcess];
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Sends the first half of a form, to the first replica unless told otherwise. */
function begin(id: string, url = first): RawRequest {
  const head = { path: '/videos', length: FORM.byteLength, headers: { 'x-upload-id': id } };
  const request = openRequest(url, head);
  request.send(FORM.subarray(0, MIDDLE));
  return request;
}

async function finish(request: RawRequest): Promise<string> {
  request.send(FORM.subarray(MIDDLE));
  return (await request.response).slice(9, 12);
}

/** Watches an ID on the second replica. */
async function watch(id: string): Promise<{ readonly events: WxCloudUploadProgressEvent[] }> {
  const controller = new AbortController();
  afterThisTest(() => controller.abort());
  const response = await fetch(`${second}/progress/${id}`, { signal: controller.signal });
  const events: WxCloudUploadProgressEvent[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of response.body ?? []) {
      const messages = (text + Buffer.from(chunk).toString()).split('\n\n');
      text = messages.pop() ?? '';
      for (const message of messages) events.push(...toEvents(message));
    }
  };
  void read().catch(() => {});
  return { events };
}

function toEvents(message: string): readonly WxCloudUploadProgressEvent[] {
  const [, data] = /^data: (.*)$/m.exec(message) ?? [];
  return data === undefined ? [] : [JSON.parse(data) as WxCloudUploadProgressEvent];
}

const hasEnded = ({
  events,
}: {
  readonly events: readonly WxCloudUploadProgressEvent[];
}): boolean => events.at(-1)?.type === 'end';
const ask = async (url: string): Promise<unknown> => Object(await (await fetch(url)).json()).code;

/** Stores a file by an instance that is connected with no replica. */
async function storeFile() {
  const { storage } = await startStorage(emulator.options);
  expect(storage).toBeInstanceOf(WxCloudStorageService);
  const { fileId } = await storage.upload('a.txt', 'text');
  return { storage, fileId, query: `fileId=${encodeURIComponent(fileId)}` };
}

describe('replicas in two processes, connected through Redis', () => {
  it('share the progress of an upload, although Redis is restarted meanwhile', async () => {
    const id = randomUUID();
    const watched = await watch(id);
    const request = begin(id);
    await until(() => watched.events.length > 0, 'progress');
    await redis.restart();
    expect(await finish(request)).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.slice(-2)).toEqual([
      expect.objectContaining({ transferredBytes: BYTES, totalBytes: BYTES }),
      { type: 'end', outcome: 'stored' },
    ]);
  });

  it('finish an upload while Redis is down, and tell its end afterwards', async () => {
    const id = randomUUID();
    const watched = await watch(id);
    const request = begin(id);
    await until(() => watched.events.length > 0, 'progress');
    await redis.stop();
    expect(await finish(request)).toBe('201');
    await redis.start();
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
  });

  it('end a watch as unknown a minute after the replica of the upload was killed', async () => {
    const id = randomUUID();
    const watched = await watch(id);
    begin(id);
    await until(() => watched.events.length > 0, 'progress');
    await killFirst();
    const late = await watch(id);
    await until(() => [watched, late].every(hasEnded), 'both ends', 150);
    expect(watched.events.slice(-2)).toEqual([
      expect.objectContaining({ type: 'progress', totalBytes: BYTES }),
      { type: 'end', outcome: 'unknown' },
    ]);
    expect(late.events.at(-1)).toEqual({ type: 'end', outcome: 'unknown' });
  });

  it('go on with a watch when the client of a killed replica sends its file again', async () => {
    const id = randomUUID();
    const watched = await watch(id);
    begin(id);
    await until(() => watched.events.length > 0, 'progress');
    await killFirst();
    expect(await finish(begin(id, await startReplica()))).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.slice(-2)).toEqual([
      expect.objectContaining({ transferredBytes: BYTES, totalBytes: BYTES }),
      { type: 'end', outcome: 'stored' },
    ]);
  });

  it('drop the links of a file that one of them deletes', async () => {
    const { query } = await storeFile();
    expect(await ask(`${second}/link?${query}`)).toBe('ok');
    expect(await ask(`${first}/remove?${query}`)).toBe('ok');
    await until(
      async () => (await ask(`${second}/link?${query}`)) === 'WX_CLOUD_FILE_NOT_FOUND',
      'an error instead of the link',
    );
  });

  it('exchange a bounded number of messages for 200 uploads at once', async () => {
    const listener = new Redis(redis.url);
    afterThisTest(() => listener.disconnect());
    const topics: string[] = [];
    listener.on('pmessage', (_pattern, topic: string) => topics.push(topic));
    await listener.psubscribe('wx-cloud-storage:*');
    const ids = Array.from({ length: 200 }, () => randomUUID());
    const watched = await Promise.all(ids.map(watch));
    const startedAtMs = performance.now();
    const statuses = await Promise.all(ids.map(id => finish(begin(id))));
    const seconds = (performance.now() - startedAtMs) / 1_000;
    await until(() => watched.every(hasEnded), 'all ends');
    expect(new Set(statuses)).toEqual(new Set(['201']));
    expect(watched.map(({ events }) => events.at(-1))).toEqual(
      ids.map(() => ({ type: 'end', outcome: 'stored' })),
    );
    const countOf = (text: string): number => topics.filter(each => each.endsWith(text)).length;
    const counts = ids.map(id => countOf(`:progress:${id}`));
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(Math.max(...counts)).toBeLessThanOrEqual(5 * (seconds + 1));
    expect(countOf(':news')).toBeLessThanOrEqual(ids.length);
  });
});

describe('replicas whose Redis fails over to another server', () => {
  it('are connected again, and drop all links', async () => {
    const other = await startRedisServer(['--replicaof', `127.0.0.1 ${redis.port}`]);
    afterThisTest(() => other.close());
    const proxy = await startSwitchedProxy(redis.port);
    afterThisTest(() => proxy.close());
    const redisUrl = `redis://127.0.0.1:${proxy.port}`;
    [first, second] = await Promise.all([startReplica(redisUrl), startReplica(redisUrl)]);
    const { storage, fileId, query } = await storeFile();
    const ask2 = async (): Promise<unknown> => ask(`${second}/link?${query}`);
    const id = randomUUID();
    const watched = await watch(id);
    const request = begin(id);
    await until(() => watched.events.length > 0, 'progress');
    expect(await ask2()).toBe('ok');
    await storage.delete(fileId);
    // No replica was told of that.
    expect(await ask2()).toBe('ok');

    await redis.crash();
    await promote(other);
    proxy.switchTo(other.port);

    await until(async () => (await ask2()) === 'WX_CLOUD_FILE_NOT_FOUND', 'an error for the link');
    expect(await finish(request)).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
  });
});
