import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Replicas } from '../../../lib/replicas/replicas.js';
import { MemoryChannel } from '../../support/memory-channel.js';

const ENV = 'prod-8gtest1';
const ID = 'upload-1';

let channel: MemoryChannel;
let first: Replicas;
let second: Replicas;
let end: jest.Mock<(outcome: string) => void>;

beforeEach(() => {
  jest.useFakeTimers();
  channel = new MemoryChannel();
  const cache = { forget: () => {}, clear: () => {} };
  const connect = (): Replicas => new Replicas(channel, ENV, cache, { warn: () => {} });
  [first, second] = [connect(), connect()];
  end = jest.fn();
});
afterEach(async () => {
  const closing = Promise.all([first.close(), second.close()]);
  await jest.runAllTimersAsync();
  await closing;
  jest.useRealTimers();
});

describe('Replicas.watchUploads', () => {
  it('asks again for an upload of which all was lost, and the first question too', async () => {
    second.watchUploads(ID, { progress: () => {}, end });
    await jest.advanceTimersByTimeAsync(100);
    channel.isLossy = true;
    first.shareUpload(ID).end('stored');
    // As when the replica of the watcher is connected before that of the upload.
    channel.reset();
    await jest.advanceTimersByTimeAsync(100);
    channel.isLossy = false;
    await jest.advanceTimersByTimeAsync(9_000);
    expect(end).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(end.mock.calls).toEqual([['stored']]);
  });
});
