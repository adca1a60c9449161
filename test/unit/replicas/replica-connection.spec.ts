import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ReplicaChannel } from '../../../lib/options/replica-channel.js';
import { ReplicaConnection } from '../../../lib/replicas/replica-connection.js';
import { MemoryChannel } from '../../support/memory-channel.js';

let warnings: string[];
let channel: MemoryChannel;
const logger = { warn: (text: string) => void warnings.push(text) };
const connect = (given: object = channel, onReset = (): void => {}): ReplicaConnection =>
  new ReplicaConnection(given as ReplicaChannel, logger, onReset);
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const ignore = (): void => {};

beforeEach(() => {
  jest.useFakeTimers();
  warnings = [];
  channel = new MemoryChannel();
});
afterEach(() => void jest.useRealTimers());

describe('ReplicaConnection.publish', () => {
  it('sends a message', async () => {
    await expect(connect().publish('topic', 'text')).resolves.toBe(true);
    expect(channel.sent).toEqual([{ topic: 'topic', message: 'text' }]);
  });

  it.each<[string, () => unknown]>([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['throws', () => ({}) as never],
  ])('resolves with false, and warns once a minute, when the channel %s', async (_, publish) => {
    const failing = jest.fn(publish);
    failing.mockImplementationOnce(() => {
      throw new Error('down');
    });
    const connection = connect({ publish: () => failing(), subscribe: ignore });
    await expect(connection.publish('topic', 'text')).resolves.toBe(false);
    await connection.publish('topic', 'text');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/does not take messages: down\. .*option replicas/);
  });

  it('warns again after a minute, and shows no secret', async () => {
    channel.failure = new Error('refused: token=hiddenValue');
    const connection = connect();
    await connection.publish('topic', 'text');
    await pass(59_000);
    await connection.publish('topic', 'text');
    expect(warnings).toHaveLength(1);
    await pass(1_000);
    await connection.publish('topic', 'text');
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).not.toContain('hiddenValue');
  });

  it('warns once for all instances that have the channel', async () => {
    channel.failure = new Error('down');
    for (let count = 0; count < 20; count += 1) await connect().publish('topic', 'text');
    expect(warnings).toHaveLength(1);
  });

  it('drops messages while too many wait, for as long as they may', async () => {
    const publish = jest.fn(() => new Promise<void>(ignore));
    const connection = connect({ publish, subscribe: ignore });
    for (let count = 0; count < 1_500; count += 1) void connection.publish('topic', 'text');
    expect(publish).toHaveBeenCalledTimes(1_000);
    await expect(connection.publish('topic', 'text')).resolves.toBe(false);
    expect(warnings).toHaveLength(1);
    await pass(30_000);
    void connection.publish('topic', 'text');
    expect(publish).toHaveBeenCalledTimes(1_001);
  });
});

describe('ReplicaConnection.subscribe', () => {
  it('passes messages until it is ended, and tells when it is in effect', async () => {
    const [hear, onReady] = [jest.fn(), jest.fn()];
    const end = connect().subscribe('topic', hear, onReady);
    await pass(0);
    expect(onReady).toHaveBeenCalledTimes(1);
    channel.deliver('topic', 'text');
    await end();
    expect(hear.mock.calls).toEqual([['text']]);
    expect(channel.topics).toEqual([]);
  });

  it('repeats a failed subscription at growing intervals', async () => {
    channel.failure = new Error('down');
    const onReady = jest.fn();
    const subscribe = jest.spyOn(channel, 'subscribe');
    connect().subscribe('topic', ignore, onReady);
    for (const ms of [0, 1_000, 2_000, 4_000]) await pass(ms);
    expect(subscribe).toHaveBeenCalledTimes(4);
    channel.failure = undefined;
    await pass(8_000);
    expect(onReady).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
    expect(warnings).toHaveLength(1);
  });

  it('ends a subscription that was pending', async () => {
    let resolve: (end: () => Promise<void>) => void = ignore;
    const pending = new Promise<() => Promise<void>>(done => (resolve = done));
    const [onReady, end] = [jest.fn(), jest.fn(async () => {})];
    const stop = connect({ publish: ignore, subscribe: () => pending }).subscribe(
      'topic',
      ignore,
      onReady,
    );
    await stop();
    resolve(end);
    await pass(0);
    expect(end).toHaveBeenCalledTimes(1);
    expect(onReady).not.toHaveBeenCalled();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 5],
    [
      'a function that fails',
      () => {
        throw new Error('closed');
      },
    ],
    ['a function that rejects', () => Promise.reject(new Error('closed'))],
  ])('tolerates a channel that returns %s', async (_, result) => {
    const end = connect({ publish: ignore, subscribe: async () => result }).subscribe(
      'topic',
      ignore,
      ignore,
    );
    await pass(0);
    await expect(end()).resolves.toBeUndefined();
  });
});

describe('ReplicaConnection.close', () => {
  it('ends subscriptions, retries and resets, and sends nothing any more', async () => {
    const onReset = jest.fn();
    const connection = connect(channel, onReset);
    connection.subscribe('topic', ignore, ignore);
    await pass(0);
    channel.reset();
    await connection.close();
    expect(channel.topics).toEqual([]);
    expect(channel.resetListeners).toBe(0);
    expect(onReset).toHaveBeenCalledTimes(1);
    await expect(connection.publish('topic', 'text')).resolves.toBe(false);
    expect(channel.sent).toEqual([]);
  });

  it('stops the repetition of a failed subscription', async () => {
    channel.failure = new Error('down');
    const connection = connect();
    connection.subscribe('topic', ignore, ignore);
    await pass(0);
    await connection.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});
