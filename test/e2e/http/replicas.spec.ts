import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Adapter, EXPRESS, FASTIFY } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import { pngOfSize } from '../../support/forms.js';
import { MemoryChannel } from '../../support/memory-channel.js';
import {
  hasEnded,
  makeId,
  startTwoReplicas,
  type TwoReplicas,
  watchIn,
} from '../../support/replicas.js';
import { until } from '../../support/until.js';
import { encodeForm, openRequest, type RawRequest } from './support/raw-request.js';

const BYTES = 400_000;
const MIDDLE = 250_000;
const FORM = encodeForm([{ field: 'video', content: pngOfSize(BYTES), fileName: 'a.png' }]);
const AVATAR = encodeForm([{ field: 'avatar', content: pngOfSize(5_000), fileName: 'a.png' }]);
const PATH = 'avatars/one.png';

let channel: MemoryChannel;
let replicas: TwoReplicas;

const start = async (adapter: Adapter, other: Adapter): Promise<void> => {
  channel = new MemoryChannel();
  replicas = await startTwoReplicas([adapter, other], () => channel);
};
const forget = (): void => {
  replicas.first.emulator.reset();
  channel.forget();
};
const close = (): Promise<void> => replicas.close();

/** Sends the first half of a form to the first replica. */
const begin = (id: string, path = '/videos'): RawRequest => {
  const head = { path, length: FORM.byteLength, headers: { 'x-upload-id': id } };
  const request = openRequest(replicas.first.url, head);
  request.send(FORM.subarray(0, MIDDLE));
  return request;
};
const finish = async (request: RawRequest): Promise<string> => {
  request.send(FORM.subarray(MIDDLE));
  return (await request.response).slice(9, 12);
};
const sendAvatar = async (): Promise<void> => {
  const request = openRequest(replicas.first.url, { path: '/avatar', length: AVATAR.byteLength });
  request.send(AVATAR);
  expect(await request.response).toMatch(/^HTTP\/1\.1 201 /);
};
const progressOf = (transferredBytes: unknown) => ({
  type: 'progress',
  index: 0,
  fieldname: 'video',
  transferredBytes,
  totalBytes: BYTES,
});
const newsOf = (member: string): readonly string[] =>
  channel.sent.map(({ message }) => message).filter(message => message.includes(`"${member}":`));

describe.each([
  { adapter: EXPRESS, other: FASTIFY },
  { adapter: FASTIFY, other: EXPRESS },
])('the progress of an upload to a replica on $adapter.name', ({ adapter, other }) => {
  beforeAll(() => start(adapter, other));
  afterEach(forget);
  afterAll(close);

  it('reaches a watcher on another replica, up to the end', async () => {
    const id = makeId();
    const watched = watchIn(replicas.second, id);
    expect(await finish(begin(id))).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events[0]).toEqual(progressOf(expect.any(Number)));
    expect(watched.events.slice(-2)).toEqual([
      progressOf(BYTES),
      { type: 'end', outcome: 'stored' },
    ]);
  });

  it('begins with the present progress for a watcher that comes late, on any replica', async () => {
    const id = makeId();
    const early = watchIn(replicas.second, id);
    const request = begin(id);
    await until(() => early.events.length > 0, 'progress');
    early.stop();
    const late = [watchIn(replicas.first, id), watchIn(replicas.second, id)];
    await until(() => late.every(({ events }) => events.length > 0), 'the present progress');
    expect(late.map(({ events }) => events[0])).toEqual([
      progressOf(expect.any(Number)),
      progressOf(expect.any(Number)),
    ]);
    expect(await finish(request)).toBe('201');
    await until(() => late.every(hasEnded), 'the end');
  });

  it('ends as failed on another replica when the request fails', async () => {
    const id = makeId();
    const watched = watchIn(replicas.second, id);
    expect(await finish(begin(id, '/fails'))).toBe('500');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'failed' });
  });
});

describe('the option replicas', () => {
  beforeAll(() => start(EXPRESS, FASTIFY));
  afterEach(forget);
  afterAll(close);

  it('gives the watcher beside the upload each event once', async () => {
    const id = makeId();
    const watched = watchIn(replicas.first, id);
    expect(await finish(begin(id))).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    const texts = watched.events.map(event => JSON.stringify(event));
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('gives a watcher the end that was lost, once the channel works again', async () => {
    const id = makeId();
    const watched = watchIn(replicas.second, id);
    const request = begin(id);
    await until(() => watched.events.length > 0, 'progress');
    channel.isLossy = true;
    expect(await finish(request)).toBe('201');
    channel.isLossy = false;
    channel.reset();
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.slice(-2)).toEqual([
      progressOf(BYTES),
      { type: 'end', outcome: 'stored' },
    ]);
  });

  it('gives no end to who begins to watch after it', async () => {
    const id = makeId();
    expect(await finish(begin(id))).toBe('201');
    const [before, watched] = [newsOf('questions').length, watchIn(replicas.second, id)];
    await until(() => newsOf('questions').length > before, 'the question');
    expect(watched.events).toEqual([]);
    watched.stop();
  });

  it('subscribes to an ID only while it is watched', async () => {
    const id = makeId();
    const before = channel.topics;
    const watched = [watchIn(replicas.second, id), watchIn(replicas.second, id)];
    await until(() => channel.topics.length === before.length + 1, 'the subscription');
    watched[0]?.stop();
    expect(channel.topics.at(-1)).toContain(id);
    watched[1]?.stop();
    await until(() => channel.topics.length === before.length, 'no subscription');
    expect(channel.topics).toEqual(before);
  });

  it('ignores messages of another environment, version or form', async () => {
    const id = makeId();
    const watched = watchIn(replicas.second, id);
    const request = begin(id);
    await until(() => watched.events.length > 0, 'progress');
    const { topic, message } = Object(
      channel.sent.find(sent => sent.topic.includes(id)),
    ) as MemoryChannel['sent'][number];
    const given = { ...(JSON.parse(message) as object), outcome: 'failed', turn: 1_000_000 };
    const odd = [{ env: 'other' }, { v: 2 }, { id: makeId() }, { files: 'none' }, { from: 1 }];
    for (const members of odd) channel.deliver(topic, JSON.stringify({ ...given, ...members }));
    for (const text of ['', '{', 'null', '[]', '"text"', undefined, 1, Buffer.from(message)])
      channel.deliver(topic, text);
    channel.deliver(topic, JSON.stringify({ ...given, padding: 'x'.repeat(1_000_000) }));
    expect(hasEnded(watched)).toBe(false);
    expect(await finish(request)).toBe('201');
    await until(() => hasEnded(watched), 'the end');
    expect(watched.events.at(-1)).toEqual({ type: 'end', outcome: 'stored' });
  });

  it('drops the link of a deleted file from every replica', async () => {
    const { first, second } = replicas;
    const { fileId } = await first.storage.upload(makeId(), 'text');
    await second.storage.getDownloadUrl(fileId);
    await first.storage.delete(fileId);
    await expect(second.storage.getDownloadUrl(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });

  it('drops the link of a replaced file from every replica', async () => {
    const { second } = replicas;
    await sendAvatar();
    const { emulator } = replicas.first;
    const fileId = `cloud://${emulator.env}.${emulator.bucket}/${PATH}`;
    const countLinks = (): number =>
      emulator.journal.filter(({ operation }) => operation === 'download-links').length;
    await second.storage.getDownloadUrl(fileId);
    const before = countLinks();
    await second.storage.getDownloadUrl(fileId);
    expect(countLinks()).toBe(before);
    await sendAvatar();
    await second.storage.getDownloadUrl(fileId);
    expect(countLinks()).toBe(before + 1);
  });

  it('drops all links when messages may have been lost', async () => {
    const { first, second } = replicas;
    const { fileId } = await first.storage.upload(makeId(), 'text');
    await second.storage.getDownloadUrl(fileId);
    channel.isLossy = true;
    await first.storage.delete(fileId);
    await expect(second.storage.getDownloadUrl(fileId)).resolves.toMatch(/^http/);
    channel.reset();
    await expect(second.storage.getDownloadUrl(fileId)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });

  it('says nothing of files at unique paths, which no replica can have a link of', async () => {
    expect(await finish(begin(makeId()))).toBe('201');
    expect(newsOf('changed')).toEqual([]);
  });

  it('sends no link and no secret', async () => {
    const { first } = replicas;
    expect(await finish(begin(makeId()))).toBe('201');
    const { fileId } = await first.storage.upload(makeId(), 'text');
    await first.storage.getDownloadUrl(fileId);
    await first.storage.delete(fileId);
    const texts = channel.sent.map(({ message }) => message).join('\n');
    expect(texts).toContain(fileId);
    expect(texts).not.toMatch(/https?:|token|sign|secret/i);
  });

  it('does not fail uploads or deletions when the channel fails, and warns once', async () => {
    const warnings: string[] = [];
    Logger.overrideLogger({
      log: () => {},
      error: () => {},
      warn: (text: string) => warnings.push(text),
    });
    channel.failure = new Error('down: token=secretOfTheChannel');
    const { storage } = replicas.first;
    expect(await finish(begin(makeId()))).toBe('201');
    const { fileId } = await storage.upload(makeId(), 'text');
    await expect(storage.delete(fileId)).resolves.toBeUndefined();
    Logger.overrideLogger(false);
    expect(warnings).toEqual([expect.stringMatching(/^The channel between replicas .* replicas /)]);
    expect(warnings[0]).not.toContain('secretOfTheChannel');
    channel.failure = undefined;
  });
});

it('a replica subscribes as soon as the channel works, and leaves nothing behind', async () => {
  const failing = new MemoryChannel();
  failing.failure = new Error('down');
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
  afterThisTest(() => jest.useRealTimers());
  const pair = await startTwoReplicas([EXPRESS, FASTIFY], () => failing);
  await jest.advanceTimersByTimeAsync(1_000);
  failing.failure = undefined;
  expect(failing.topics).toEqual([]);
  await jest.advanceTimersByTimeAsync(2_000);
  jest.useRealTimers();
  watchIn(pair.second, makeId());
  await until(() => failing.topics.length === 2, 'both subscriptions');
  await pair.close();
  expect(failing.topics).toEqual([]);
  expect(failing.resetListeners).toBe(0);
});
