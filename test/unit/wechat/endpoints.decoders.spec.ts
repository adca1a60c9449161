import { describe, expect, it } from '@jest/globals';
import type { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { decodeCosError } from '../../../lib/storage/cos/cos-error.js';
import {
  decodeAccessToken,
  decodeBatchItem,
  decodeDeleteFiles,
  decodeDownloadLinks,
  decodeUploadLink,
  DELETE_FILES_ENDPOINT,
  DOWNLOAD_LINKS_ENDPOINT,
  saysFileIsMissing,
  STABLE_TOKEN_ENDPOINT,
  UPLOAD_LINK_ENDPOINT,
} from '../../../lib/wechat/endpoints.js';
import { everythingShownBy, thrownBy } from '../support/failures.js';

const SECRET = 'W1re-Secret-Va1ue';

/** Values that no decoder accepts as an object. */
const NO_OBJECTS: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a text', SECRET],
  ['a number', 0],
  ['a list', [SECRET]],
  ['true', true],
];

/** Values that no decoder accepts as a text that is not empty. */
const NO_TEXTS: readonly unknown[] = [undefined, null, '', 0, 7, true, {}, [SECRET]];

/** The properties of a rejection, and whether it shows a secret. */
function refusalOf(act: () => unknown): object {
  const error = thrownBy(act) as WxCloudStorageError;
  const { code, retryable, endpoint, message } = error;
  const shows = { endpoint: message.includes(`${endpoint}: `), secret: hasSecret(error) };
  return { code, retryable, endpoint, shows };
}

function hasSecret(error: unknown): boolean {
  return everythingShownBy(error).includes(SECRET);
}

function malformedAt(endpoint: string): object {
  const shows = { endpoint: true, secret: false };
  return { code: 'WX_CLOUD_RESPONSE_MALFORMED', retryable: true, endpoint, shows };
}

describe('decodeAccessToken', () => {
  const decode = (value: unknown): unknown => decodeAccessToken(value, STABLE_TOKEN_ENDPOINT);

  it.each([
    ['a number of seconds', 7200, 7200],
    ['the least', 1, 1],
    ['seconds as a text', '300', 300],
  ])('reads %s', (_, expires_in, expiresInSeconds) => {
    expect(decode({ access_token: 'token', expires_in, more: 'ignored' })).toEqual({
      accessToken: 'token',
      expiresInSeconds,
    });
  });

  it('reads a token of 512 characters', () => {
    const access_token = 'x'.repeat(512);
    expect(decode({ access_token, expires_in: 7200 })).toMatchObject({ accessToken: access_token });
  });

  it.each(NO_OBJECTS)('rejects %s', (_, value) => {
    expect(refusalOf(() => decode(value))).toEqual(malformedAt(STABLE_TOKEN_ENDPOINT));
  });

  it.each(NO_TEXTS.map(value => [value]))('rejects %p as a token', access_token => {
    expect(refusalOf(() => decode({ access_token, expires_in: 7200 }))).toEqual(
      malformedAt(STABLE_TOKEN_ENDPOINT),
    );
  });

  it.each(
    [undefined, null, 0, -1, NaN, 'soon', '', {}, 'NaN', Infinity, true, [7200]].map(v => [v]),
  )('rejects %p as the life of a token', expires_in => {
    expect(refusalOf(() => decode({ access_token: SECRET, expires_in }))).toEqual(
      malformedAt(STABLE_TOKEN_ENDPOINT),
    );
  });
});

describe('decodeUploadLink', () => {
  const reply = {
    errcode: 0,
    errmsg: 'ok',
    url: 'https://cos.ap-shanghai.myqcloud.com/8888-werun-id-1300000000/web/test.zip',
    token: `token ${SECRET}`,
    authorization: `q-sign-algorithm=sha1&q-ak=${SECRET}`,
    file_id: 'cloud://werun-id.8888-werun-id-1300000000/web/test.zip',
    cos_file_id: `meta ${SECRET}`,
  };

  it('reads every field of the documented sample', () => {
    expect(decodeUploadLink(reply)).toEqual({
      url: reply.url,
      address: new URL(reply.url),
      signature: reply.authorization,
      securityToken: reply.token,
      metaFileId: reply.cos_file_id,
      fileId: reply.file_id,
    });
  });

  it.each(NO_OBJECTS)('rejects %s', (_, value) => {
    expect(refusalOf(() => decodeUploadLink(value))).toEqual(malformedAt(UPLOAD_LINK_ENDPOINT));
  });

  it.each(
    ['url', 'token', 'authorization', 'file_id', 'cos_file_id'].flatMap(name =>
      NO_TEXTS.map((value): [string, unknown] => [name, value]),
    ),
  )('rejects %s when it is %p', (name, value) => {
    expect(refusalOf(() => decodeUploadLink({ ...reply, [name]: value }))).toEqual(
      malformedAt(UPLOAD_LINK_ENDPOINT),
    );
  });

  it.each([
    'ftp://a/b',
    'file:///etc/passwd',
    '//a/b',
    'a',
    'https://',
    'http://[bad',
    'https:host/a',
    ' https://host/a',
    'javascript:1',
  ])('rejects %p as the address', url => {
    expect(refusalOf(() => decodeUploadLink({ ...reply, url }))).toEqual(
      malformedAt(UPLOAD_LINK_ENDPOINT),
    );
  });
});

describe('decodeDownloadLinks', () => {
  const ids = ['cloud://e.b/a.png', 'cloud://e.b/missing.png'];
  const url = 'https://7072-e-1.tcb.qcloud.la/a.png?sign=0123&t=1700000000';
  const found = { fileid: ids[0], download_url: url, status: 0, errmsg: 'ok' };
  const missing = { fileid: ids[1], download_url: '', status: 1, errmsg: 'STORAGE_FILE_NONEXIST' };
  const decode = (...file_list: unknown[]): unknown => decodeDownloadLinks({ file_list }, ids);

  it('reads one item a file, in order', () => {
    expect(decode(found, missing)).toEqual([
      { status: 0, errmsg: 'ok', url },
      { status: 1, errmsg: 'STORAGE_FILE_NONEXIST', url: '' },
    ]);
  });

  it('reads the spelling file_id as well, and items without an ID', () => {
    const { fileid, ...rest } = found;
    expect(decode({ ...rest, file_id: fileid }, { ...missing, fileid: '' })).toHaveLength(2);
    expect(decode(rest, missing)).toHaveLength(2);
  });

  it.each([
    ['0', 0],
    ['1', 1],
    [undefined, 0],
    ['broken', NaN],
  ])('reads the status %p as %d', (status, expected) => {
    expect(decode({ ...found, status }, missing)).toMatchObject([{ status: expected }, {}]);
  });

  it.each(
    [undefined, null, '', 7, 'ftp://a/b', 'a.png', 'https://', 'javascript:alert(1)'].map(v => [v]),
  )('reads no link from %p', download_url => {
    expect(decode({ ...found, download_url }, missing)).toMatchObject([{ url: '' }, {}]);
  });

  it('ignores an errmsg that is not a text', () => {
    expect(decode({ ...found, errmsg: { a: 1 } }, missing)).toMatchObject([{ errmsg: '' }, {}]);
  });

  it.each<[string, unknown]>([
    ...NO_OBJECTS,
    ['an object without the list', {}],
    ['a list that is an object', { file_list: {} }],
    ['a list that is null', { file_list: null }],
  ])('rejects %s', (_, value) => {
    expect(refusalOf(() => decodeDownloadLinks(value, ids))).toEqual(
      malformedAt(DOWNLOAD_LINKS_ENDPOINT),
    );
  });
});

describe('decodeDeleteFiles', () => {
  const ids = ['cloud://e.b/a', 'cloud://e.b/b'];

  it('reads one item a file, in order', () => {
    const delete_list = [
      { fileid: ids[0], status: 0, errmsg: 'ok' },
      { fileid: ids[1], status: -503003, errmsg: 'file not exist' },
    ];
    expect(decodeDeleteFiles({ errcode: 0, delete_list }, ids)).toEqual([
      { status: 0, errmsg: 'ok' },
      { status: -503003, errmsg: 'file not exist' },
    ]);
  });

  it('reads a list of plain IDs as deleted files', () => {
    expect(decodeDeleteFiles({ delete_list: ids }, ids)).toEqual([
      { status: 0, errmsg: '' },
      { status: 0, errmsg: '' },
    ]);
  });

  it('reads an empty list for no files', () => {
    expect(decodeDeleteFiles({ delete_list: [] }, [])).toEqual([]);
  });

  it.each<[string, unknown]>([
    ...NO_OBJECTS,
    ['no list', {}],
    ['a list under another name', { file_list: ids }],
  ])('rejects %s', (_, value) => {
    expect(refusalOf(() => decodeDeleteFiles(value, ids))).toEqual(
      malformedAt(DELETE_FILES_ENDPOINT),
    );
  });
});

describe('decodeBatchItem', () => {
  it.each([[null], [''], [[]], [{}], [true], [false]])(
    'does not take the status %p for success',
    status => {
      const item = decodeBatchItem({ fileid: 'a', status });
      expect(item?.status).toBeNaN();
    },
  );
});

describe('saysFileIsMissing', () => {
  it.each([
    [-503003, 'whatever', true],
    [1, 'STORAGE_FILE_NONEXIST', true],
    [1, 'error: STORAGE_FILE_NONEXIST rid: 1', true],
    [1, 'storage busy', false],
    [0, 'ok', false],
    [-1, '', false],
  ])('returns for the status %d with %p: %p', (status, errmsg, expected) => {
    expect(saysFileIsMissing({ status, errmsg })).toBe(expected);
  });
});

describe('decodeCosError', () => {
  it('reads code, message and request ID of the documented form', () => {
    const xml =
      "<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>AccessDenied</Code>\n" +
      '\t<Message>Request has expired</Message>\n\t<Resource>b/a.png</Resource>\n' +
      '\t<RequestId>NjQxZTQ=</RequestId>\n\t<TraceId>OGVm</TraceId>\n</Error>';
    expect(decodeCosError(xml)).toEqual({
      code: 'AccessDenied',
      message: 'Request has expired',
      requestId: 'NjQxZTQ=',
    });
  });

  it.each([
    ['an empty element', '<Error></Error>'],
    ['an element with an attribute', '<Error xmlns="x"><Other/></Error>'],
    ['a document that is cut off', '<Error><Code>Slow'],
  ])('reads %s as an error of no known code', (_, xml) => {
    expect(decodeCosError(xml)).toEqual({ code: 'Unknown', message: '', requestId: undefined });
  });

  it.each([
    ['an empty body', ''],
    ['success', '<PostResponse><ETag>"x"</ETag></PostResponse>'],
    ['a name that only begins alike', '<ErrorCount>0</ErrorCount>'],
    ['HTML', '<html><body>Error</body></html>'],
    ['JSON', '{"Error":"<"}'],
  ])('finds no error in %s', (_, body) => {
    expect(decodeCosError(body)).toBeUndefined();
  });
});
