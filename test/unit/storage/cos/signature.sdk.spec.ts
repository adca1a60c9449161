import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '../../../../lib/options/resolved-options.js';
import { signRequest } from '../../../../lib/storage/cos/signature.js';

const HOST = 'bucket-1250000000.cos.ap-shanghai.myqcloud.com';
const KEY_TIME = '1800000000;1800000900';
const SECRET_ID = 'AKIDexample';
const SECRET_KEY = 'example-of-a-secret-key';

/** The part of Tencent's SDK that signs. */
interface Sdk {
  getAuthorization(request: object): string;
}

const sdk = createRequire(import.meta.url)('cos-nodejs-sdk-v5') as Sdk;

const KEYS = ['a.txt', 'photos/2026/猫.png', "a b!*'()~+&=?#%.bin", 'a/b/c/', '_-.~'];

const REQUESTS: readonly (readonly [
  name: string,
  method: string,
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
])[] = [
  [
    'upload',
    'PUT',
    {},
    {
      'content-length': '5',
      'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==',
      'content-type': 'text/plain; charset=utf-8',
      'x-cos-meta-fileid': 'YWJj+/=',
    },
  ],
  [
    'upload with properties',
    'PUT',
    {},
    {
      'cache-control': 'max-age=60',
      'content-disposition': 'attachment; filename="a b.txt"',
      'x-cos-forbid-overwrite': 'true',
      'x-cos-meta-a': '%E7%8C%AB',
    },
  ],
  ['start of parts', 'POST', { uploads: '' }, { 'content-type': 'image/png' }],
  [
    'part',
    'PUT',
    { partNumber: '7', uploadId: '1585130821cbb7df1d11846c073ad6' },
    { 'content-length': '1048576' },
  ],
  ['completion', 'POST', { uploadId: 'a/+=' }, { 'content-type': 'application/xml' }],
  ['abort', 'DELETE', { uploadId: '1' }, {}],
  [
    'copy',
    'PUT',
    {},
    { 'x-cos-copy-source': `${HOST}/%E7%8C%AB`, 'x-cos-metadata-directive': 'Replaced' },
  ],
  [
    'list',
    'GET',
    { prefix: '照片/ ', delimiter: '/', 'max-keys': '1000', 'encoding-type': 'url' },
    {},
  ],
  ['read of a range', 'GET', { 'response-content-type': 'a/b' }, { range: 'bytes=0-1' }],
  ['head', 'HEAD', {}, {}],
];

describe('signRequest', () => {
  it.each(REQUESTS.flatMap(request => KEYS.map(key => [request[0], key, request] as const)))(
    'signs the %s of %s as cos-nodejs-sdk-v5 does',
    (_, key, [, method, query, given]) => {
      const headers = { ...given, host: HOST };
      const path = `/${key}`;
      const keys = { secretId: SECRET_ID, secretKey: new Secret(SECRET_KEY), token: undefined };
      const own = signRequest({ method, path, query, headers }, keys, {
        start: 1_800_000_000,
        end: 1_800_000_900,
      });
      const theirs = sdk.getAuthorization({
        SecretId: SECRET_ID,
        SecretKey: SECRET_KEY,
        KeyTime: KEY_TIME,
        Method: method,
        Pathname: path,
        Query: query,
        Headers: headers,
      });
      expect(own).toBe(theirs);
    },
  );
});
