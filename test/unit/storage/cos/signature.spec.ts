import { describe, expect, it } from '@jest/globals';
import { Secret } from '../../../../lib/options/resolved-options.js';
import { encodeKey, presignRequest, signRequest } from '../../../../lib/storage/cos/signature.js';

/** The keys of Tencent's documentation; split, so that no scanner takes them for real ones. */
const KEYS = {
  secretId: `AKID${'Qjz3ltompVjBni5LitkWHFlFpwkn9U5q'}`,
  secretKey: new Secret(`BQYIM75p8x0i${'WVFSIgqEKwFprpRSVHlz'}`),
  token: undefined,
};
const HOST = 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com';

// Examples of https://cloud.tencent.com/document/api/436/7778, with the keys of older copies.
describe('signRequest', () => {
  it('signs the published upload', () => {
    const request = {
      method: 'PUT',
      path: '/exampleobject(腾讯云)',
      query: {},
      headers: {
        date: 'Thu, 16 May 2019 06:45:51 GMT',
        host: HOST,
        'content-type': 'text/plain',
        'content-length': '13',
        'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
        'x-cos-acl': 'private',
        'x-cos-grant-read': 'uin="100000000011"',
        // These two are not signed.
        'x-cos-security-token': 'token',
        'accept-encoding': 'identity',
      },
    };
    expect(signRequest(request, KEYS, { start: 1_557_989_151, end: 1_557_996_351 })).toBe(
      `q-sign-algorithm=sha1&q-ak=${KEYS.secretId}&q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read&q-url-param-list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172`,
    );
  });

  it('signs the published download', () => {
    const request = {
      method: 'GET',
      path: '/exampleobject(腾讯云)',
      query: {
        'response-content-type': 'application/octet-stream',
        'response-cache-control': 'max-age=600',
      },
      headers: { date: 'Thu, 16 May 2019 06:55:53 GMT', host: HOST },
    };
    expect(signRequest(request, KEYS, { start: 1_557_989_753, end: 1_557_996_953 })).toMatch(
      /&q-header-list=date;host&q-url-param-list=response-cache-control;response-content-type&q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012$/,
    );
  });

  it('leaves out headers whose bytes depend on the encoding', () => {
    const rawName = Buffer.from('猫').toString('latin1');
    const sign = (headers: Readonly<Record<string, string>>): string => {
      const request = { method: 'PUT', path: '/a', query: {}, headers: { host: HOST, ...headers } };
      return signRequest(request, KEYS, { start: 1, end: 2 });
    };
    const kept = { 'x-cos-meta-plain': 'cat' };
    expect(sign({ 'x-cos-meta-name': rawName, ...kept })).toBe(sign(kept));
    expect(sign(kept)).toContain('q-header-list=host;x-cos-meta-plain&');
  });

  it('lists names in lower case and sorted, also of parameters without a value', () => {
    const authorization = signRequest(
      {
        method: 'PUT',
        path: '/a',
        query: { uploadId: '1', partNumber: '2', uploads: '' },
        headers: { host: HOST },
      },
      KEYS,
      { start: 1, end: 2 },
    );
    expect(authorization).toContain(
      'q-header-list=host&q-url-param-list=partnumber;uploadid;uploads',
    );
  });
});

describe('presignRequest', () => {
  it('adds the session token, which is not signed', () => {
    const toSign = { method: 'GET', path: '/a', query: {}, headers: { host: HOST } };
    const time = { start: 1, end: 2 };
    const withToken = { ...KEYS, token: new Secret('session') };
    const { 'x-cos-security-token': token, ...signature } = presignRequest(toSign, withToken, time);
    expect(token).toBe('session');
    expect(signature).toEqual(presignRequest(toSign, KEYS, time));
  });
});

describe('encodeKey', () => {
  it.each([
    ['照片/a b+c.png', '%E7%85%A7%E7%89%87/a%20b%2Bc.png'],
    ["!'()*~", '%21%27%28%29%2A~'],
  ])('encodes %s', (key, encoded) => {
    expect(encodeKey(key)).toBe(encoded);
  });
});
