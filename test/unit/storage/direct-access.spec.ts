import { describe, expect, it, jest } from '@jest/globals';
import { callBucket, tryBucket } from '../../../lib/storage/direct-access.js';
import { contextWith, refusal } from '../../support/fake-bucket.js';

const { signal } = new AbortController();
const denial = refusal(403, 'AccessDenied');
const deny = () => jest.fn(async () => Promise.reject(denial));

describe('callBucket', () => {
  it('repeats what fails for now', async () => {
    const send = jest.fn(async () => 1);
    send.mockRejectedValueOnce(refusal(503, 'SlowDown'));
    const call = { needed: 'list', right: 'list', send, signal } as const;
    expect(await callBucket(contextWith({}), call)).toBe(1);
  });

  it('names the missing right, with the refusal of COS as the cause of the first error', async () => {
    const context = contextWith({});
    const call = { needed: 'list', right: 'list', send: deny(), signal } as const;
    await expect(callBucket(context, call)).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      retryable: false,
      message: expect.stringContaining('COS refused name/cos:GetBucket'),
      cause: denial,
    });
    await expect(callBucket(context, call)).rejects.not.toHaveProperty('cause');
    expect(call.send).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['of something in between', refusal(403)],
    ['of another kind', refusal(403, 'InvalidAccessKeyId')],
    ['of an expired signature', refusal(400, 'ExpiredToken')],
  ])('takes no refusal for a missing right: %s', async (_, error) => {
    const context = contextWith({});
    Object.defineProperty(error, 'requestId', { value: undefined });
    const send = async (): Promise<never> => Promise.reject(error);
    const call = { needed: 'list', right: 'list', send, signal } as const;
    await expect(callBucket(context, call)).rejects.toBe(error);
    expect(context.cos.rights.isDenied('list')).toBe(false);
  });
});

describe('tryBucket', () => {
  it('resolves with undefined without the option cos', async () => {
    const send = jest.fn(async () => 1);
    const call = { right: 'get', send, signal } as const;
    expect(await tryBucket(contextWith(undefined), call)).toBeUndefined();
    expect(send).not.toHaveBeenCalled();
  });

  it('resolves with undefined for a missing right, and does not ask for it again', async () => {
    const context = contextWith({});
    const call = { right: 'get', send: deny(), signal } as const;
    expect(await tryBucket(context, call)).toBeUndefined();
    expect(await tryBucket(context, call)).toBeUndefined();
    expect(call.send).toHaveBeenCalledTimes(1);
    const other = { right: 'head', send: async () => 1, signal } as const;
    expect(await tryBucket(context, other)).toEqual({ result: 1 });
  });

  it('rejects for any other error', async () => {
    const error = refusal(404);
    const call = { right: 'get', send: async () => Promise.reject(error), signal } as const;
    await expect(tryBucket(contextWith({}), call)).rejects.toBe(error);
  });
});
