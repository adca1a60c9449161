import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { EarlyLink } from '../../../lib/storage/upload-link.js';
import type { UploadLink } from '../../../lib/wechat/endpoints.js';

const LINK = { fileId: 'cloud://a/b' } as UploadLink;
const AGE_MS = 600_000;

type Ask = ConstructorParameters<typeof EarlyLink>[1];

const failWith = (retryable: boolean): WxCloudStorageError =>
  new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'refused', retryable });

function start(ask: Ask = async () => LINK) {
  const caller = new AbortController();
  let nowMs = 5;
  const asking = jest.fn(ask);
  const early = new EarlyLink('a/b', asking, caller.signal, () => nowMs);
  return { early, caller, asking, pass: (ms: number) => (nowMs += ms) };
}

describe('EarlyLink', () => {
  it('asks at once and only once', async () => {
    const { early, asking } = start();
    expect(asking.mock.calls).toEqual([['a/b', expect.any(AbortSignal)]]);
    expect([await early.linkFor('a/b'), await early.linkFor('a/b')]).toEqual([LINK, LINK]);
    expect(asking).toHaveBeenCalledTimes(1);
  });

  it('has no link for another path', () => {
    expect(start().early.linkFor('a/c')).toBeUndefined();
  });

  it('has no link any more after 10 minutes', async () => {
    const { early, pass } = start();
    pass(AGE_MS - 1);
    expect(await early.linkFor('a/b')).toBe(LINK);
    pass(1);
    expect(early.linkFor('a/b')).toBeUndefined();
  });

  it('ends other work when it is refused for good', async () => {
    const failure = failWith(false);
    const { early } = start(() => Promise.reject(failure));
    await expect(early.whileNotRefused(new Promise(() => {}))).rejects.toBe(failure);
  });

  it('lets other work go on when it failed for the moment', async () => {
    const failure = failWith(true);
    const { early } = start(() => Promise.reject(failure));
    expect(await early.whileNotRefused(Promise.resolve('done'))).toBe('done');
    await expect(early.linkFor('a/b')).rejects.toBe(failure);
  });

  it.each([
    ['is disposed of', ({ early }: ReturnType<typeof start>) => early.dispose()],
    ['ends', ({ caller }: ReturnType<typeof start>) => caller.abort(new Error('over'))],
  ])('ends the request when the upload %s', (_, end) => {
    const started = start(() => new Promise(() => {}));
    end(started);
    expect(started.asking.mock.calls[0]?.[1].aborted).toBe(true);
  });
});
