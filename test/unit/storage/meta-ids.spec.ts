import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { linkMetaIds, SidecarMetaIds } from '../../../lib/storage/meta-ids.js';
import { BUCKET } from '../../support/fake-bucket.js';

const NEVER = new AbortController().signal;
const ENDED = new WxCloudStorageError({ code: 'WX_CLOUD_REQUEST_ABORTED', message: 'ended.' });

interface Call {
  readonly endpoint: string;
  readonly body: { readonly openid: string; readonly bucket: string; readonly paths: string[] };
  readonly signal: AbortSignal;
}
type Respond = (call: Call) => Promise<unknown>;

const reply = (values: readonly unknown[]) => ({
  errcode: 0,
  errmsg: 'ok',
  respdata: { x_cos_meta_field_strs: values },
});
const sign: Respond = async ({ body }) =>
  reply(body.paths.map(path => encodeURI(`signed:${body.openid}:${path}`)));

function apiError(retryable: boolean): WxCloudStorageError {
  return new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'no.', retryable });
}

/** A signer whose sidecar a test plays. */
function setUp(respond: Respond = sign) {
  const call = jest.fn(respond);
  const signer = new SidecarMetaIds({ call } as never, BUCKET);
  const encode = (path: string, openid = '', signal = NEVER): Promise<string> =>
    signer.encode(path, openid, signal);
  const askedPaths = () => call.mock.calls.map(([{ body }]) => body.paths);
  return { call, signer, encode, askedPaths };
}

/** A sidecar that fails every call with one path. */
const failingFor =
  (bad: string, error: unknown): Respond =>
  call =>
    call.body.paths.includes(bad) ? Promise.reject(error) : sign(call);

describe('SidecarMetaIds.encode', () => {
  it('signs concurrent paths in one call, with a slash, for the bucket', async () => {
    const { encode, call } = setUp();
    await expect(Promise.all([encode('a'), encode('照片/b c')])).resolves.toEqual([
      'signed::/a',
      encodeURI('signed::/照片/b c'),
    ]);
    expect(call.mock.calls.map(([{ endpoint, body }]) => [endpoint, body])).toEqual([
      ['/_/cos/metaid/encode', { openid: '', bucket: BUCKET, paths: ['/a', '/照片/b c'] }],
    ]);
  });

  it('signs 50 paths in a call at most', async () => {
    const { encode, askedPaths } = setUp();
    const paths = Array.from({ length: 120 }, (_, index) => String(index));
    await expect(Promise.all(paths.map(path => encode(path)))).resolves.toEqual(
      paths.map(path => `signed::/${path}`),
    );
    expect(askedPaths().map(({ length }) => length)).toEqual([50, 50, 20]);
  });

  it('asks once for a path that several callers upload to', async () => {
    const { encode, askedPaths } = setUp();
    await Promise.all([encode('a'), encode('a'), encode('a')]);
    expect(askedPaths()).toEqual([['/a']]);
  });

  it('makes a call for each owner', async () => {
    const { encode, call } = setUp();
    await expect(
      Promise.all([encode('a', 'one'), encode('b', 'two'), encode('a', 'two'), encode('c', 'one')]),
    ).resolves.toEqual(['signed:one:/a', 'signed:two:/b', 'signed:two:/a', 'signed:one:/c']);
    expect(new Set(call.mock.calls.map(([{ body }]) => body.openid))).toEqual(
      new Set(['one', 'two']),
    );
  });

  it('fails the path that the sidecar refuses, and no other', async () => {
    const error = apiError(false);
    const { encode, askedPaths } = setUp(failingFor('/bad', error));
    const results = await Promise.allSettled([encode('a'), encode('bad'), encode('b')]);
    expect(results).toEqual([
      { status: 'fulfilled', value: 'signed::/a' },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: 'signed::/b' },
    ]);
    expect(askedPaths()).toEqual([['/a', '/bad', '/b'], ['/a'], ['/bad'], ['/b']]);
  });

  it.each([
    ['is transient', apiError(true)],
    [
      'is about the connection',
      new WxCloudStorageError({ code: 'WX_CLOUD_CONNECTION_FAILED', message: 'no.' }),
    ],
  ])('fails all paths of a call whose failure %s', async (_, error) => {
    const { encode, call } = setUp(() => Promise.reject(error));
    const results = await Promise.allSettled([encode('a'), encode('b')]);
    expect(results).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(call).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['too short', ({ body }: Call) => body.paths.slice(1)],
    ['too long', ({ body }: Call) => [...body.paths, 'more']],
    ['empty', () => []],
  ])('asks for each path alone when a list of several is %s', async (_, toValues) => {
    const { encode, askedPaths, call } = setUp();
    call.mockImplementationOnce(async request => reply(toValues(request)));
    await expect(Promise.all([encode('a'), encode('b')])).resolves.toEqual([
      'signed::/a',
      'signed::/b',
    ]);
    expect(askedPaths()).toEqual([['/a', '/b'], ['/a'], ['/b']]);
  });

  it.each([
    ['an empty list', []],
    ['a list of two', ['x', 'y']],
    ['an empty value', ['']],
    ['a number', [7]],
    ['null', [null]],
  ])('fails a path for which it gets %s', async (_, values) => {
    const { encode } = setUp(async () => reply(values));
    await expect(encode('a')).rejects.toMatchObject({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
      endpoint: '/_/cos/metaid/encode',
    });
  });

  it('fails only the path whose value is missing in a list of the right length', async () => {
    const { encode } = setUp(async ({ body }) =>
      reply(body.paths.map(path => path.replace('/b', ''))),
    );
    const results = await Promise.allSettled([encode('a'), encode('b'), encode('c')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('goes on for the others when one caller aborts, and ends when all did', async () => {
    let finish: (value: unknown) => void = () => {};
    const { encode, call } = setUp(() => new Promise(resolve => (finish = resolve)));
    const [first, second] = [new AbortController(), new AbortController()];
    const leaving = encode('a', '', first.signal);
    const staying = encode('b', '', second.signal);
    const settled = Promise.allSettled([leaving, staying]);
    await nextTurn();
    first.abort(ENDED);
    await expect(leaving).rejects.toBe(ENDED);
    const signal = call.mock.calls[0]?.[0].signal;
    expect(signal?.aborted).toBe(false);
    finish(reply(['for-a', 'for-b']));
    await expect(staying).resolves.toBe('for-b');
    await settled;

    const [last] = await Promise.allSettled([
      encode('c', '', second.signal),
      nextTurn().then(() => second.abort(ENDED)),
    ]);
    expect(last).toMatchObject({ reason: ENDED });
    expect(call.mock.calls[1]?.[0].signal.aborted).toBe(true);
  });

  it('asks for nothing when all callers abort before the call', async () => {
    const controller = new AbortController();
    const { encode, call } = setUp();
    const [result] = await Promise.allSettled([
      encode('a', '', controller.signal),
      Promise.resolve().then(() => controller.abort(ENDED)),
    ]);
    expect(result).toMatchObject({ reason: ENDED });
    await nextTurn();
    expect(call).not.toHaveBeenCalled();
  });
});

describe('SidecarMetaIds.decode', () => {
  it('returns what is signed, and names the value as a secret of the call', async () => {
    const { signer, call } = setUp(async () => ({
      errcode: 0,
      respdata: { raw_data: { openid: 'o', bucket: BUCKET, appid: 'x', path: '/a' } },
    }));
    await expect(signer.decode('signed', NEVER)).resolves.toMatchObject({
      openid: 'o',
      bucket: BUCKET,
    });
    expect(call.mock.calls[0]?.[0]).toMatchObject({
      endpoint: '/_/cos/metaid/decode',
      body: { metaid: 'signed' },
      secrets: ['signed'],
    });
  });
});

describe('linkMetaIds', () => {
  it('takes the signed file ID of an upload link, and learns the bucket', async () => {
    const post = jest.fn(async (..._given: readonly unknown[]) => ({
      errcode: 0,
      url: 'https://cos.ap-shanghai.myqcloud.com/7072-prod-1300000000/a',
      token: 't',
      authorization: 's',
      file_id: `cloud://prod-8gtest.${BUCKET}/a`,
      cos_file_id: 'signed',
    }));
    const learnBucket = jest.fn();
    const signer = linkMetaIds({
      api: { post },
      options: { env: 'prod-8gtest' },
      fileIdScope: { learnBucket },
    } as never);
    await expect(signer.encode('a', '', NEVER)).resolves.toBe('signed');
    expect(post).toHaveBeenCalledWith('/tcb/uploadfile', { env: 'prod-8gtest', path: 'a' }, NEVER);
    expect(learnBucket).toHaveBeenCalledTimes(1);
    expect(signer.decode).toBeUndefined();
  });
});
