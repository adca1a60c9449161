import { describe, expect, it, jest } from '@jest/globals';
import { StoredFiles } from '../../../lib/http/stored-files.js';

describe('whoever waits for the end of a request', () => {
  it.each([true, false])('is told when it comes: %s', async isSuccess => {
    const files = new StoredFiles();
    const listener = jest.fn();
    files.onEnd(listener);
    expect(listener).not.toHaveBeenCalled();
    await files.settle(isSuccess);
    await files.settle(!isSuccess);
    expect(listener.mock.calls).toEqual([[isSuccess]]);
  });

  it('is told at once when it has come before, as for a file behind an early answer', async () => {
    const files = new StoredFiles();
    await files.settle(true);
    const listener = jest.fn();
    files.onEnd(listener);
    expect(listener.mock.calls).toEqual([[false]]);
  });
});

it('an upload that begins behind the answer is ended', async () => {
  const files = new StoredFiles();
  await files.settle(true);
  const upload = files.run(async () => files.signal.throwIfAborted());
  await expect(upload).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
});
